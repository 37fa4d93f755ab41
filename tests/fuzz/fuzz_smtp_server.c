/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how the rest is cut and what is let pass against the
 * rules, the second what is offered and
 * which hooks answer late or refuse.  Cuts change neither replies nor
 * messages; each reply is one whole line; what is accepted is clean.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/mail/message.h"
#include "postern/smtp/smtp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
	unsigned choice, lenient, calls;
	bool open, binary;
	struct smtp_reply late; /* the answer of a hook that said later */
	struct buf content, seen;
};

static void
note(struct owner *o, const char *what, const void *p, size_t n)
{
	assert(buf_adds(&o->seen, what) == 0);
	assert(buf_add(&o->seen, p, n) == 0);
}

static void
on_write(void *arg, const char *p, size_t n)
{
	assert(n >= 6 && memcmp(p + n - 2, "\r\n", 2) == 0);
	for (size_t at = 0; at < n;) {
		const char *end = memchr(p + at, '\n', n - at);
		size_t len = (size_t)(end - (p + at)) + 1;

		assert(len >= 6 && len <= 512 && end[-1] == '\r');
		assert(memchr(p + at, '\r', len) == end - 1);
		assert(p[at] >= '2' && p[at] <= '5');
		at += len;
	}
	note(arg, "< ", p, n);
}

static void
on_helo(void *arg, struct str name, bool esmtp)
{
	note(arg, esmtp ? "ehlo " : "helo ", name.p, name.len);
}

static int
answer(struct owner *o, uint16_t good, struct smtp_reply *reply)
{
	bool refuse = o->choice & 16 && o->calls % 3 == 2;
	struct smtp_reply r;

	o->calls++;
	smtp_reply_set(&r, refuse ? 451 : good, "", "as \x7f you\r\n like");
	if (o->choice & 32 && o->calls % 2 == 0) {
		o->late = r;
		return SMTP_LATER;
	}
	*reply = r;
	return SMTP_NOW;
}

static int64_t
now_ms(void *arg)
{
	(void)arg;
	return INT64_C(1795478400000); /* 2026-11-24 */
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *reply)
{
	struct owner *o = arg;
	int r = answer(o, 250, reply);

	assert(!o->open);
	assert(m->priority >= -9 && m->priority <= 9);
	assert(m->release_ms <= now_ms(o) + 1000 * 1000);
	assert(m->by_mode != 'R' || m->by_s > 0);
	assert(m->by_s >= -999999999 && m->by_s <= 999999999);
	o->binary = m->binary;
	note(o, "mail ", m->sender.p, m->sender.len);
	o->open = (r == SMTP_NOW ? reply : &o->late)->code == 250;
	return r;
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *t, struct smtp_reply *reply)
{
	struct owner *o = arg;

	assert(o->open && t->address.len > 0);
	note(o, "rcpt ", t->address.p, t->address.len);
	return answer(o, 250, reply);
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	struct owner *o = arg;

	assert(o->open);
	return answer(o, 354, reply);
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct owner *o = arg;

	assert(o->open && n > 0);
	assert(buf_add(&o->content, p, n) == 0);
	return o->choice & 64 && o->content.len % 2 == 0;
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	struct owner *o = arg;
	struct message_scan s;

	assert(o->open);
	o->open = false;
	message_scan_init(&s);
	message_scan(&s, buf_at(&o->content), o->content.len);
	message_scan_end(&s);
	assert(o->binary ? !s.in_header : s.fault == MESSAGE_OK);
	assert(s.size <= 256);
	note(o, "message ", buf_at(&o->content), o->content.len);
	buf_clear(&o->content);
	return answer(o, 250, reply);
}

static void
on_reset(void *arg)
{
	struct owner *o = arg;

	assert(o->open);
	o->open = false;
	buf_clear(&o->content);
	note(o, "reset ", "", 0);
}

/* Nothing is told that is not let. */
static void
on_lenient(void *arg, enum smtp_lenient what)
{
	struct owner *o = arg;

	assert(o->lenient & what);
}

static const struct smtp_server_hooks hooks = {
	.write = on_write,
	.helo = on_helo,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.now_ms = now_ms,
	.lenient = on_lenient,
};

static void
play(struct owner *o, const char *p, size_t n, size_t step)
{
	struct smtp_server_settings settings = {
		.hostname = "fuzz.example",
		.size_max = 256,
		.recipients_max = 3,
		.errors_max = 20,
		.idle_commands_max = 20,
		.messages_max = 4,
		.smtputf8 = o->choice & 1,
		.chunking = !(o->choice & 2),
		.dsn = o->choice & 4,
		.eight_bit = o->choice & 8,
		.binary = o->choice & 128,
		.mt_priority = o->choice & 128,
		.deliver_by = o->choice & 128,
		.limits = o->choice & 128,
		.require_tls = o->choice & 128,
		.auth = o->choice & 128,
		.hold_max_s = o->choice & 128 ? 1000 : 0,
		.lenient = o->lenient,
	};
	struct smtp_server *s = smtp_server_new(&settings, &hooks, o);
	size_t at = 0;

	buf_init(&o->content, SIZE_MAX / 2);
	buf_init(&o->seen, SIZE_MAX / 2);
	smtp_server_greet(s);
	while (at < n && !smtp_server_is_done(s)) {
		size_t part = n - at < step ? n - at : step;

		at += smtp_server_feed(s, p + at, part);
		if (smtp_server_is_waiting(s))
			smtp_server_answer(s, &o->late);
		smtp_server_resume(s);
	}
	while (smtp_server_is_waiting(s))
		smtp_server_answer(s, &o->late);
	smtp_server_end(s, "4.3.2", "the end");
	assert(smtp_server_is_done(s) && !o->open);
	smtp_server_free(&s);
	buf_done(&o->content);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 2;
	struct owner a = { .calls = 0 }, b = { .calls = 0 };

	if (size < 2)
		return 0;
	a.choice = b.choice = data[1];
	a.lenient = b.lenient = data[0] / 16;
	play(&a, p, size - 2, 1 + data[0] % 16);
	play(&b, p, size - 2, size);
	assert(str_eq(buf_str(&a.seen), buf_str(&b.seen)));
	buf_done(&a.seen);
	buf_done(&b.seen);
	return 0;
}
