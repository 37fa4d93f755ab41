/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_submit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/str.h"
#include "postern/mail/message.h"
#include "postern/mail/xtext.h"

#include "tools/sendmail_exit.h"
#include "tools/sendmail_letter.h"
#include "tools/sendmail_options.h"
#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_talk.h"

#define ENVELOPE_MAX (1u << 20) /* SENDMAIL_SUBMIT_RCPTS and their words */
#define PIECE_MAX (32u << 10)   /* content that is stuffed at a time */

/* --- what is said
 * ----------------------------------------------------------- */

static void
add(struct buf *out, const char *text)
{
	int rc = buf_adds(out, text);

	assert(rc == 0); /* each part is bounded */
}

static uint64_t
size_of(const struct sendmail_mail *m)
{
	return strlen(m->first) + m->letter->text.len +
	       (m->letter->lacks_line ? 2 : 0);
}

static void
add_mail(const struct sendmail_mail *m, struct buf *out)
{
	const struct sendmail_options *o = m->o;
	char size[32];

	add(out, "MAIL FROM:<");
	add(out, m->sender);
	(void)snprintf(
	    size, sizeof size, "> SIZE=%llu", (unsigned long long)size_of(m));
	add(out, size);
	if (o->eight_bit || m->letter->has_8bit)
		add(out, " BODY=8BITMIME");
	if (m->rcpts->has_utf8 || !str_is_ascii(str_of(m->sender)))
		add(out, " SMTPUTF8");
	if (o->ret != NULL) {
		add(out, " RET=");
		add(out, o->ret);
	}
	if (o->envid != NULL) {
		int rc;

		add(out, " ENVID=");
		rc = xtext_encode(out, str_of(o->envid));
		assert(rc == 0);
	}
	add(out, "\r\n");
}

static void
add_rcpt(const struct sendmail_mail *m, const char *rcpt, struct buf *out)
{
	add(out, "RCPT TO:<");
	add(out, rcpt);
	add(out, ">");
	if (m->o->notify != NULL) {
		add(out, " NOTIFY=");
		add(out, m->o->notify);
	}
	add(out, "\r\n");
}

static void
add_envelope(
    const struct sendmail_mail *m, size_t first, size_t n, struct buf *out)
{
	add_mail(m, out);
	for (size_t i = first; i < first + n; i++)
		add_rcpt(m, m->rcpts->v[i], out);
}

void
sendmail_submit_envelope(
    const struct sendmail_mail *m, size_t first, size_t n, struct buf *out)
{
	add_envelope(m, first, n, out);
	add(out, "DATA\r\n");
}

/* --- content
 * ---------------------------------------------------------------- */

struct content {
	struct message_stuff stuff;
	struct buf out;
	sendmail_put_fn *put;
	void *arg;
};

static int
flush(struct content *c, struct err *err)
{
	struct str s = buf_str(&c->out);
	int rc = c->put(c->arg, s.p, s.len, err);

	buf_clear(&c->out);
	return rc;
}

static int
put_part(struct content *c, struct str s, struct err *err)
{
	while (s.len > 0) {
		size_t n = s.len < PIECE_MAX ? s.len : PIECE_MAX;
		int rc = message_stuff(&c->stuff, &c->out, s.p, n);

		assert(rc == 0); /* the letter holds clean lines */
		if (flush(c, err) != 0)
			return -1;
		s.p += n;
		s.len -= n;
	}
	return 0;
}

int
sendmail_submit_content(const struct sendmail_mail *m, sendmail_put_fn *put,
    void *arg, struct err *err)
{
	const struct sendmail_letter *l = m->letter;
	struct str text = buf_str(&l->text);
	struct str parts[] = { str_of(m->first), { text.p, l->header },
		l->lacks_line ? STR("\r\n") : STR(""),
		{ text.p + l->header, text.len - l->header } };
	struct content c = { .put = put, .arg = arg };
	int rc = 0;

	message_stuff_init(&c.stuff);
	buf_init(&c.out, 4 * PIECE_MAX);
	for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++)
		rc = put_part(&c, parts[i], err);
	if (rc == 0) {
		rc = message_stuff_end(&c.stuff, &c.out);
		assert(rc == 0);
		rc = flush(&c, err);
	}
	buf_done(&c.out);
	return rc;
}

/* --- what is answered
 * ------------------------------------------------------- */

static void
tell(const char *who, const struct sendmail_reply *r)
{
	(void)fprintf(stderr, "sendmail: %s%s%s\n", who,
	    who[0] != '\0' ? ": " : "", r->text);
}

struct dialogue {
	struct sendmail_talk t;
	const struct sendmail_mail *m;
	size_t first, n;
	int code;
	bool is_refused; /* all of it: the code tells */
	bool *taken;     /* what is asked alone: of each recipient */
};

/* A reply; 421: the daemon goes away. */
static int
hear(struct dialogue *d, uint64_t wait_ms, struct sendmail_reply *r,
    struct err *err)
{
	if (sendmail_talk_reply(&d->t, wait_ms, r, err) != 0)
		return -1;
	if (r->code == 421)
		return err_set(err, ERR_NETWORK, "%.200s", r->text);
	return 0;
}

static int
hear_all_or_none(
    struct dialogue *d, unsigned want, uint64_t wait_ms, struct err *err)
{
	struct sendmail_reply r;

	if (hear(d, wait_ms, &r, err) != 0)
		return -1;
	if (r.code == want || d->is_refused)
		return 0;
	tell("", &r);
	d->is_refused = true;
	d->code = sendmail_exit_code(r.code, r.enhanced);
	return 0;
}

static int
say(struct dialogue *d, const char *text, struct err *err)
{
	return sendmail_talk_send(&d->t, text, strlen(text), err);
}

static int
greet(struct dialogue *d, struct err *err)
{
	char host[256] = "", line[300];

	if (hear_all_or_none(d, 220, SENDMAIL_TALK_REPLY_MS, err) != 0 ||
	    d->is_refused)
		return d->is_refused ? 0 : -1;
	if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
		(void)snprintf(host, sizeof host, "localhost");
	(void)snprintf(line, sizeof line, "EHLO %s\r\n", host);
	return say(d, line, err) != 0
	           ? -1
	           : hear_all_or_none(d, 250, SENDMAIL_TALK_REPLY_MS, err);
}

static int
hear_rcpt(struct dialogue *d, size_t i, struct err *err)
{
	const char *rcpt = d->m->rcpts->v[i];
	struct sendmail_reply r;

	if (hear(d, SENDMAIL_TALK_REPLY_MS, &r, err) != 0)
		return -1;
	if (d->is_refused)
		return 0; /* with the sender */
	if (r.code / 100 != 2)
		d->code = sendmail_exit_code(r.code, r.enhanced);
	if (d->taken != NULL) {
		d->taken[i] = r.code / 100 == 2;
		(void)printf("%s: %s\n", rcpt, r.text);
	} else if (r.code / 100 != 2)
		tell(rcpt, &r);
	return 0;
}

static int
hear_envelope(struct dialogue *d, struct err *err)
{
	if (hear_all_or_none(d, 250, SENDMAIL_TALK_REPLY_MS, err) != 0)
		return -1;
	for (size_t i = d->first; i < d->first + d->n; i++) {
		if (hear_rcpt(d, i, err) != 0)
			return -1;
	}
	return 0;
}

static int
say_envelope(struct dialogue *d, struct err *err)
{
	struct buf lines;
	struct str s;
	int rc;

	buf_init(&lines, ENVELOPE_MAX);
	sendmail_submit_envelope(d->m, d->first, d->n, &lines);
	s = buf_str(&lines);
	rc = sendmail_talk_send(&d->t, s.p, s.len, err);
	buf_done(&lines);
	return rc;
}

static int
put_to_talk(void *arg, const char *p, size_t n, struct err *err)
{
	return sendmail_talk_send(arg, p, n, err);
}

static int
send_content(struct dialogue *d, struct err *err)
{
	struct sendmail_reply r;

	if (hear(d, SENDMAIL_TALK_REPLY_MS, &r, err) != 0)
		return -1;
	if (r.code !=
	    354) { /* of nobody left, if not for a reason of its own */
		if (d->code == 0) {
			tell("", &r);
			d->code = sendmail_exit_code(r.code, r.enhanced);
		}
		return 0;
	}
	if (sendmail_submit_content(d->m, put_to_talk, &d->t, err) != 0)
		return -1;
	return hear_all_or_none(d, 250, SENDMAIL_TALK_DOT_MS, err);
}

static int
transact(struct dialogue *d, struct err *err)
{
	if (greet(d, err) != 0)
		return -1;
	if (d->is_refused)
		return 0;
	if (say_envelope(d, err) != 0 || hear_envelope(d, err) != 0)
		return -1;
	return send_content(d, err);
}

int
sendmail_submit(const struct sendmail_mail *m, size_t first, size_t n,
    int *code, struct err *err)
{
	struct dialogue d = { .m = m, .first = first, .n = n };
	int rc;

	if (sendmail_talk_open(&d.t, m->socket, err) != 0)
		return -1;
	rc = transact(&d, err);
	if (rc == 0)
		(void)say(&d, "QUIT\r\n", err);
	sendmail_talk_close(&d.t);
	*code = d.code;
	return rc;
}

/* DATA is never said. */
static int
ask(struct dialogue *d, struct err *err)
{
	struct buf lines;
	struct str s;
	int rc = greet(d, err);

	if (rc != 0 || d->is_refused)
		return rc;
	buf_init(&lines, ENVELOPE_MAX);
	add_envelope(d->m, d->first, d->n, &lines);
	s = buf_str(&lines);
	rc = sendmail_talk_send(&d->t, s.p, s.len, err);
	buf_done(&lines);
	return rc != 0 ? -1 : hear_envelope(d, err);
}

int
sendmail_submit_verify(const struct sendmail_mail *m,
    bool taken[SENDMAIL_SUBMIT_RCPTS], int *code, struct err *err)
{
	struct dialogue d = { .m = m, .n = m->rcpts->n, .taken = taken };
	int rc;

	if (d.n > SENDMAIL_SUBMIT_RCPTS)
		d.n = SENDMAIL_SUBMIT_RCPTS;
	if (sendmail_talk_open(&d.t, m->socket, err) != 0)
		return -1;
	rc = ask(&d, err);
	sendmail_talk_close(&d.t);
	*code = d.code;
	return rc;
}
