/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_server_content - DATA and BDAT (RFC 5321 4.1.1.4, RFC 3030).
 *
 * Content that is refused is read to its real end all the same, so that no
 * byte of it is ever taken for a command; the reply follows then.
 */
#include "smtp/smtp_server_state.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"

/* bare_lf: the client's own lines end so, and so may its content. */
static void
start_content(struct smtp_server *s, bool bare_lf)
{
	message_unstuff_init(&s->unstuff, bare_lf);
	message_newline_init(&s->newline);
	message_scan_init(&s->scan);
	s->bare_content = false;
}

/* The content will get this; the transaction is over. */
static void
refuse(struct smtp_server *s, const struct smtp_reply *r)
{
	assert(s->refusal == NULL);
	s->refusal = mem_dup(r, sizeof *r);
	smtp_server_drop(s);
}

static void
refuse_with(struct smtp_server *s, uint16_t code, const char *enhanced,
    const char *text)
{
	struct smtp_reply r;

	smtp_reply_set(&r, code, enhanced, "%s", text);
	refuse(s, &r);
}

static void
check_fault(struct smtp_server *s)
{
	static const char *const texts[] = {
		[MESSAGE_BARE_CR] = "Bare CR in the content",
		[MESSAGE_BARE_LF] = "Bare LF in the content",
		[MESSAGE_NUL] = "NUL in the content",
	};

	if (s->binary && !s->scan.in_header)
		return;
	if (s->scan.fault != MESSAGE_OK && s->refusal == NULL)
		refuse_with(s, 550, "5.5.2", texts[s->scan.fault]);
}

/* How many of n bytes of content are within the limit? */
static size_t
allowed(const struct smtp_server *s, size_t n)
{
	uint64_t max = s->settings.size_max;
	uint64_t room = max - s->scan.size; /* size never passes max */

	return max == 0 || n <= room ? n : (size_t)room;
}

static void
pass_on(struct smtp_server *s, const char *p, size_t n)
{
	size_t fits;

	fits = allowed(s, n);
	message_scan(&s->scan, p, fits);
	check_fault(s);
	if (s->refusal == NULL && fits < n)
		refuse_with(s, 552, "5.3.4", "Message size exceeds the limit");
	if (s->refusal == NULL)
		s->paused = s->hooks->body(s->arg, p, n);
}

/* Bytes of content, dots removed.  What is wrong first is what is told. */
static void
pass(struct smtp_server *s, const char *p, size_t n)
{
	uint64_t nbare = 0;
	char *lines;

	if (n == 0 || s->refusal != NULL)
		return;
	if (s->binary || !(s->settings.lenient & SMTP_BARE_NEWLINE)) {
		pass_on(s, p, n);
		return;
	}
	lines = mem_array(n, 2);
	n = message_newline(&s->newline, p, n, lines, &nbare);
	if (nbare > 0 && !s->bare_content)
		s->bare_content = smtp_server_lets(s, SMTP_BARE_NEWLINE);
	pass_on(s, lines, n);
	free(lines);
}

/* The reply that refused content was to get. */
static void
say_refusal(struct smtp_server *s, enum smtp_server_phase back)
{
	struct smtp_reply r = *s->refusal;

	free(s->refusal);
	s->refusal = NULL;
	smtp_server_set_phase(s, back);
	smtp_server_reply(s, &r);
}

/* All content is here. */
static void
end_content(struct smtp_server *s)
{
	struct smtp_reply r = { .code = 0 };

	message_scan_end(&s->scan);
	check_fault(s);
	if (s->refusal != NULL) {
		say_refusal(s, PHASE_READY);
		return;
	}
	s->open = false;
	s->pending = PENDING_END;
	if (s->hooks->end(s->arg, &r) == SMTP_NOW)
		smtp_server_answer(s, &r);
}

static void
answered_end(struct smtp_server *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 2) {
		s->messages++;
		s->idle_commands = 0;
	}
	s->rcpts = s->rcpts_refused = 0;
	smtp_server_set_phase(s, PHASE_READY);
	smtp_server_reply(s, r);
	s->smtputf8 = false;
}

void
smtp_server_content_data(struct smtp_server *s, struct str argument)
{
	struct smtp_reply r = { .code = 0 };

	(void)argument;
	if (s->rcpts == 0 && s->rcpts_refused > 0) {
		if (!smtp_server_is_idling(s))
			smtp_server_say(s, 554, "5.5.1", "No valid recipients");
		return;
	}
	if (s->rcpts == 0) {
		smtp_server_bad(s, 503, "5.5.1", "Need RCPT before DATA");
		return;
	}
	if (s->binary) {
		smtp_server_bad(
		    s, 503, "5.5.1", "Binary content needs BDAT (RFC 3030)");
		return;
	}
	s->pending = PENDING_DATA;
	if (s->hooks->data(s->arg, &r) == SMTP_NOW)
		smtp_server_answer(s, &r);
}

static void
answered_data(struct smtp_server *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 3) {
		start_content(s, s->lines.had_bare);
		smtp_server_set_phase(s, PHASE_DATA);
		smtp_server_reply(s, r);
		s->verb = "."; /* what the next reply answers */
		return;
	}
	smtp_server_drop(s);
	smtp_server_set_phase(s, PHASE_READY);
	smtp_server_reply(s, r);
}

static size_t
take_data(struct smtp_server *s, const char *p, size_t n)
{
	struct str content;
	bool end;
	size_t took = message_unstuff_next(&s->unstuff, p, n, &content, &end);

	pass(s, content.p, content.len);
	if (end)
		end_content(s);
	return took;
}

static void
end_chunk(struct smtp_server *s)
{
	struct smtp_reply r;

	if (s->refusal != NULL) {
		say_refusal(s, s->chunk_back);
		return;
	}
	if (s->chunk_last) {
		end_content(s);
		return;
	}
	smtp_server_set_phase(s, PHASE_CHUNKS);
	smtp_reply_set(&r, 250, "2.0.0", "%llu octets so far",
	    (unsigned long long)s->scan.size);
	smtp_server_reply(s, &r);
}

static size_t
take_chunk(struct smtp_server *s, const char *p, size_t n)
{
	size_t took = n < s->chunk_left ? n : (size_t)s->chunk_left;

	s->chunk_left -= took;
	pass(s, p, took);
	if (s->chunk_left == 0 && !s->paused)
		end_chunk(s);
	return took;
}

size_t
smtp_server_content_take(struct smtp_server *s, const char *p, size_t n)
{
	return s->phase == PHASE_DATA ? take_data(s, p, n)
	                              : take_chunk(s, p, n);
}

void
smtp_server_content_resume(struct smtp_server *s)
{
	if (s->phase == PHASE_CHUNK && s->pending == PENDING_NONE &&
	    s->chunk_left == 0)
		end_chunk(s);
}

/* "size [LAST]" */
static bool
parse_bdat(struct str argument, uint64_t *size, bool *last)
{
	struct str rest = argument;
	struct str digits = str_cut(&rest, ' ');

	rest = str_trim(rest);
	*last = str_is(rest, "LAST");
	return command_size(digits, size) && (*last || rest.len == 0);
}

/* Why may no chunk come now?  NULL: it may. */
static const char *
chunk_trouble(const struct smtp_server *s)
{
	if (s->phase == PHASE_CHUNKS || s->phase == PHASE_RCPT)
		return NULL;
	return s->phase == PHASE_MAIL ? "Need RCPT before BDAT"
	                              : "Bad sequence of commands";
}

/* A chunk that is not welcome: its octets go, then 502 or 503 comes. */
static void
refuse_chunk(struct smtp_server *s, const char *text)
{
	struct smtp_reply r;

	if (s->errors >= s->settings.errors_max) {
		smtp_server_bad(s, 421, "4.7.0", "");
		return;
	}
	s->errors++;
	if (!s->settings.chunking)
		smtp_reply_set(&r, 502, "5.5.1", "Command not implemented");
	else
		smtp_reply_set(&r, 503, "5.5.1", "%s", text);
	s->chunk_back = s->phase;
	s->refusal = mem_dup(&r, sizeof r);
	smtp_server_set_phase(s, PHASE_CHUNK);
	if (s->chunk_left == 0)
		end_chunk(s);
}

/* The first chunk of a message. */
static void
first_chunk(struct smtp_server *s)
{
	struct smtp_reply r = { .code = 0 };

	start_content(s, false);
	smtp_server_set_phase(s, PHASE_CHUNK);
	s->pending = PENDING_BDAT;
	if (s->hooks->data(s->arg, &r) == SMTP_NOW)
		smtp_server_answer(s, &r);
}

static void
answered_bdat(struct smtp_server *s, const struct smtp_reply *r)
{
	if (r->code == 421 || r->close) {
		smtp_server_reply(s, r);
		return;
	}
	if (r->code / 100 != 3)
		refuse(s, r);
	if (s->chunk_left == 0)
		end_chunk(s);
}

void
smtp_server_content_bdat(struct smtp_server *s, struct str argument)
{
	const char *trouble = chunk_trouble(s);
	struct smtp_reply r;

	if (!parse_bdat(argument, &s->chunk_left, &s->chunk_last)) {
		/* How much of what follows is content?  Nobody knows. */
		smtp_reply_set(
		    &r, 501, "5.5.4", "Syntax: BDAT size [LAST]; closing");
		r.close = true;
		smtp_server_reply(s, &r);
		return;
	}
	if (trouble != NULL || !s->settings.chunking) {
		refuse_chunk(s, trouble != NULL ? trouble : "");
		return;
	}
	s->chunk_back = PHASE_READY;
	if (s->phase == PHASE_RCPT) {
		first_chunk(s);
		return;
	}
	smtp_server_set_phase(s, PHASE_CHUNK);
	if (s->chunk_left == 0)
		end_chunk(s);
}

void
smtp_server_content_answer(struct smtp_server *s,
    enum smtp_server_pending pending, const struct smtp_reply *r)
{
	if (pending == PENDING_DATA)
		answered_data(s, r);
	else if (pending == PENDING_BDAT)
		answered_bdat(s, r);
	else
		answered_end(s, r);
}
