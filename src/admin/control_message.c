/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/buf.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

#include "admin/control_call.h"
#include "admin/control_walk.h"
#include "admin/filter.h"
#include "admin/queue_row.h"

#define RCPTS_MAX 1000
#define PAGE_HIGH (256u << 10)             /* bytes; such a page is full */
#define PAGE_MAX (PAGE_HIGH + (64u << 20)) /* with the row that made it so */

bool
control_message_id(struct control_call *call, uint64_t *mid)
{
	const char *id = control_call_word(call, "id");

	if (id != NULL && id_parse(str_of(id), mid) == 0)
		return true;
	control_call_fail(call, EX_USAGE,
	    "that is no message's id; one is 13 digits and small letters, such "
	    "as 1m8k9e0bj0000");
	return false;
}

/* --- message.show ------------------------------------------------------------
 */

struct showing {
	struct control_walk w; /* lies first */
	struct buf page;
	bool is_there;
};

static bool
take_row(struct walk *walk, const struct filter_subject *s)
{
	struct showing *h = (struct showing *)walk;
	int rc = control_call_line(&h->page, queue_row_json(s, RCPTS_MAX));

	assert(rc == 0); /* each of a row's texts has stood within a page */
	h->is_there = true;
	return h->page.len < PAGE_HIGH;
}

static void
tell_rows(struct control_walk *w)
{
	struct showing *h = (struct showing *)w;

	control_call_lines(w->call, buf_str(&h->page));
	buf_clear(&h->page);
	if (w->walk.mark.over && !h->is_there)
		control_walk_fail(w, EX_DATAERR, CONTROL_MESSAGE_GONE);
	else
		control_walk_go_on(w);
}

static void
free_showing(struct control_walk *w)
{
	buf_done(&((struct showing *)w)->page);
	free(w);
}

void
control_message_show(struct control_call *call)
{
	struct showing *h;
	uint64_t mid;

	if (!control_message_id(call, &mid))
		return;
	h = mem_new(sizeof *h);
	h->w = (struct control_walk){ .page = tell_rows, .free = free_showing };
	h->w.walk.take = take_row;
	h->w.walk.mid = mid;
	buf_init(&h->page, PAGE_MAX);
	control_walk_start(&h->w, call);
}

/* --- content -----------------------------------------------------------------
 */

#define SLICE (32u << 10)

enum part { PART_HEADER, PART_BODY };

/* The empty line that ends the header belongs to neither part. */
struct content {
	struct reading reading; /* lies first */
	struct control_call *call;
	enum part part;
	uint64_t mid, offset;
	size_t at;       /* of an empty line's octets, so many were seen */
	bool is_in_body; /* from offset on */
	bool is_gone, over;
	int64_t n; /* octets in slice; -1: err */
	struct err err;
	char slice[SLICE];
};

/* Reads on behind the header: how many octets of p are of it. */
static size_t
pass_header(struct content *c, const char *p, size_t n)
{
	static const char empty[] = "\r\n\r\n";
	size_t i;

	for (i = 0; i < n && c->at < 4; i++) {
		if (p[i] != empty[c->at])
			c->at = 0;
		if (p[i] == empty[c->at])
			c->at++;
	}
	c->is_in_body = c->at == 4;
	return i;
}

static void
look_content(struct reading *g, struct spool_reader *r)
{
	struct content *c = (struct content *)g;
	struct spool_loaded l = { .env = NULL };
	struct err why;

	c->n = spool_content(
	    r, c->mid, c->offset, c->slice, sizeof c->slice, &c->err);
	if (c->n < 0)
		c->is_gone = spool_load(r, c->mid, 0, &l, &why) > 0;
	envelope_free(&l.env);
}

void
control_message_octets(struct control_call *call, struct str s)
{
	struct buf b;
	int rc;

	if (s.len == 0)
		return;
	buf_init(&b, base64_len(s.len));
	rc = base64_add(&b, s);
	assert(rc == 0);
	control_call_row(
	    call, json_pack("{so}", "base64", control_call_str(buf_str(&b))));
	buf_done(&b);
}

static void
end(struct content *c, int code, const char *text)
{
	if (text == NULL)
		control_call_done(c->call);
	else
		control_call_fail(c->call, code, text);
	free(c);
}

static void
next(void *arg)
{
	struct content *c = arg;

	if (c->over || control_call_is_gone(c->call))
		end(c, 0, NULL);
	else if (walker_read(control_call_walker(c->call), &c->reading) != 0)
		end(c, EX_TEMPFAIL, "the daemon is being stopped");
}

static void
on_content(struct reading *g)
{
	struct content *c = (struct content *)g;
	struct str all = { c->slice, 0 };
	size_t n = 0;

	if (c->n < 0) {
		end(c, c->is_gone ? EX_DATAERR : EX_IOERR,
		    c->is_gone ? CONTROL_MESSAGE_GONE : c->err.text);
		return;
	}
	all.len = (size_t)c->n;
	if (!c->is_in_body)
		n = pass_header(c, all.p, all.len);
	c->offset += all.len;
	c->over = all.len == 0;
	if (c->part == PART_HEADER) {
		c->over |= c->is_in_body;
		all.len = n;
	} else {
		all.p += n;
		all.len -= n;
	}
	control_message_octets(c->call, all);
	control_call_wait(c->call, next, c);
}

static void
start(struct control_call *call, enum part part)
{
	struct content *c;
	uint64_t mid;

	if (!control_message_id(call, &mid))
		return;
	c = mem_new(sizeof *c);
	c->reading.look = look_content;
	c->reading.back = on_content;
	c->call = call;
	c->part = part;
	c->mid = mid;
	next(c);
}

void
control_message_headers(struct control_call *call)
{
	start(call, PART_HEADER);
}

void
control_message_body(struct control_call *call)
{
	start(call, PART_BODY);
}
