/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of Postfix with long queue ids: a message begins with its id ("!"
 * behind it: held), size, time and sender; before the first recipient with
 * another reason than the one before, that reason; messages are divided by
 * empty lines.  The summary counts messages.
 */
#include "admin/control_mailq.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/base/buf.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "admin/control_call.h"
#include "admin/control_walk.h"
#include "admin/filter.h"
#include "admin/holdup.h"

#define HEADINGS                                                               \
	"----Queue ID----- --Size-- ---Arrival Time---- "                      \
	"--Sender/Recipient------\n"
#define REASON_COLUMNS 76
#define REASON_MAX 600
#define WAITS_MS 1000        /* due for longer: it waits its turn */
#define RCPTS_MAX 1000       /* of a delivery; the others are counted */
#define PAGE_HIGH (4u << 10) /* bytes, some 15 rows; such a page is full */
#define TEXT_MAX (8u << 20)  /* bytes of a delivery's text */
#define PAGE_MAX (PAGE_HIGH + 2 * TEXT_MAX) /* a row escapes some of it */

struct mailq {
	struct control_walk w; /* lies first */
	struct buf page, text; /* rows; those of a delivery */
	uint64_t last;         /* the message before */
	uint64_t messages, bytes;
	char reason[REASON_MAX]; /* the last one shown of this message */
};

/* --- the text of a delivery --------------------------------------------------
 */

static void
put(struct mailq *q, const char *text)
{
	int rc = buf_adds(&q->text, text);

	assert(
	    rc == 0); /* RCPTS_MAX times what stands in a page of the store */
}

/* What others wrote, without what only terminals understand. */
static void
put_foreign(struct mailq *q, struct str s)
{
	char *text = mem_strn(s.len > 0 ? s.p : "", s.len);

	for (char *p = text; p < text + s.len; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	put(q, text);
	free(text);
}

static void
put_sender(struct mailq *q, const struct spool_row *row)
{
	time_t at = (time_t)(row->arrival_ms / 1000);
	char id[ID_TEXT + 1], time[32] = "", line[80];
	struct tm tm;

	id_text(row->key.mid, id);
	if (row->state != SPOOL_ROW_QUEUED)
		strcat(id, "!");
	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(time, sizeof time, "%a %b %e %H:%M:%S", &tm);
	(void)snprintf(line, sizeof line, "%-17s %8" PRIu64 " %19.19s ", id,
	    row->size, time);
	put(q, q->messages == 0 ? HEADINGS : "\n");
	put(q, line);
	put_foreign(q, row->sender.len > 0 ? row->sender : STR("<>"));
	put(q, "\n");
}

static bool
is_overdue(const struct filter_subject *s)
{
	return s->row->state == SPOOL_ROW_QUEUED &&
	       s->row->key.due_ms < s->now_ms - WAITS_MS;
}

static void
reason_of(const struct filter_subject *s, const struct spool_row_rcpt *r,
    char out[REASON_MAX])
{
	const char *cause = filter_cause(s->row);

	out[0] = '\0';
	if (*cause != '\0')
		(void)snprintf(out, REASON_MAX, "held: %s", cause);
	else if (r->code > 0)
		(void)snprintf(out, REASON_MAX, "%u%s%.*s%s%.*s", r->code,
		    r->enhanced.len > 0 ? " " : "", (int)r->enhanced.len,
		    r->enhanced.p, r->text.len > 0 ? " " : "", (int)r->text.len,
		    r->text.p);
	else if (s->holdup != NULL)
		(void)snprintf(out, REASON_MAX, "%s", s->holdup->text);
	else if (is_overdue(s))
		(void)snprintf(out, REASON_MAX, "waits for a provider");
}

static void
put_reason(struct mailq *q, const char *reason)
{
	const char *shown = *reason != '\0' ? reason : "reason unavailable";
	char blanks[REASON_COLUMNS + 1];
	int columns = REASON_COLUMNS - (int)strlen(shown);

	if (strcmp(reason, q->reason) == 0)
		return;
	(void)snprintf(q->reason, sizeof q->reason, "%s", reason);
	(void)snprintf(
	    blanks, sizeof blanks, "%*s", columns > 0 ? columns : 0, "");
	put(q, blanks);
	put(q, "(");
	put_foreign(q, str_of(shown));
	put(q, ")\n");
}

static void
put_rcpt(struct mailq *q, struct str address)
{
	char blanks[48];

	(void)snprintf(blanks, sizeof blanks, "%47s", "");
	put(q, blanks);
	put_foreign(q, address);
	put(q, "\n");
}

static void
put_rcpts(struct mailq *q, const struct filter_subject *s)
{
	static const struct spool_row_rcpt none;
	const struct spool_row *row = s->row;
	char reason[REASON_MAX], others[48];

	for (size_t i = 0; i < row->nrcpts && i < RCPTS_MAX; i++) {
		reason_of(s, &row->rcpts[i], reason);
		put_reason(q, reason);
		put_rcpt(q, row->rcpts[i].address);
	}
	if (row->nrcpts > RCPTS_MAX) {
		(void)snprintf(others, sizeof others, "and %zu others",
		    row->nrcpts - RCPTS_MAX);
		put_rcpt(q, str_of(others));
	} else if (row->nrcpts == 0) { /* its record cannot be read */
		reason_of(s, &none, reason);
		put_reason(q, reason);
	}
}

/* --- the walk ----------------------------------------------------------------
 */

/* is_part: the last one, and others' mail was left out. */
static void
put_row(struct mailq *q, bool is_part)
{
	int rc = control_call_line(&q->page,
	    json_pack("{so so*}", "text", control_call_str(buf_str(&q->text)),
	        "is_part", is_part ? json_true() : NULL));

	assert(rc == 0);
	buf_clear(&q->text);
}

static bool
take_delivery(struct walk *walk, const struct filter_subject *s)
{
	struct mailq *q = (struct mailq *)walk;
	const struct spool_row *row = s->row;

	if (q->messages == 0 || row->key.mid != q->last) {
		put_sender(q, row);
		q->last = row->key.mid;
		q->messages++;
		q->bytes += row->size;
		q->reason[0] = '\0';
	}
	put_rcpts(q, s);
	put_row(q, false);
	return q->page.len < PAGE_HIGH;
}

static void
put_summary(struct mailq *q)
{
	char line[80];

	(void)snprintf(line, sizeof line,
	    "\n-- %" PRIu64 " Kbytes in %" PRIu64 " Request%s.\n",
	    q->bytes / 1024, q->messages, q->messages == 1 ? "" : "s");
	put(q, q->messages == 0 ? "Mail queue is empty\n" : line);
	put_row(q, q->w.walk.own[0] != '\0');
}

static void
tell_page(struct control_walk *w)
{
	struct mailq *q = (struct mailq *)w;

	if (w->walk.mark.over)
		put_summary(q);
	control_call_lines(w->call, buf_str(&q->page));
	buf_clear(&q->page);
	control_walk_go_on(w);
}

static void
free_mailq(struct control_walk *w)
{
	struct mailq *q = (struct mailq *)w;

	buf_done(&q->page);
	buf_done(&q->text);
	free(q);
}

void
control_mailq_run(struct control_call *call)
{
	struct mailq *q = mem_new(sizeof *q);

	q->w = (struct control_walk){ .page = tell_page, .free = free_mailq };
	q->w.tells_holdup = true;
	q->w.walk.take = take_delivery;
	q->w.walk.is_told = true;
	q->w.walk.without_dead = true;
	buf_init(&q->page, PAGE_MAX);
	buf_init(&q->text, TEXT_MAX);
	control_walk_start(&q->w, call);
}
