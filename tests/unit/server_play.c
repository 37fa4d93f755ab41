/* SPDX-License-Identifier: Apache-2.0 */
#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"

const struct smtp_server_settings play_settings = {
	.hostname = "mx.test",
	.size_max = 1000,
	.recipients_max = 3,
	.errors_max = 5,
	.idle_commands_max = 10,
	.line_max = 4096,
	.smtputf8 = true,
	.chunking = true,
	.dsn = true,
	.eight_bit = true,
};

const struct smtp_server_settings play_extended = {
	.hostname = "mx.test",
	.size_max = 1000,
	.recipients_max = 3,
	.errors_max = 10,
	.idle_commands_max = 10,
	.messages_max = 4,
	.line_max = 4096,
	.smtputf8 = true,
	.chunking = true,
	.dsn = true,
	.eight_bit = true,
	.binary = true,
	.mt_priority = true,
	.deliver_by = true,
	.limits = true,
	.require_tls = true,
	.auth = true,
	.hold_max_s = 1000,
};
#define PLAY_DAY_MS (1795478400 * (int64_t)1000)

enum how { HOW_LATER = 1, HOW_PAUSE = 2, HOW_RAW = 4 };

struct player {
	enum how how;
	struct buf seen, content;
	char sender[256];
	struct smtp_reply late;
	unsigned bodies;
};

static void
see(struct player *y, const char *what, struct str value, const char *close)
{
	if (y->how & HOW_RAW)
		return;
	assert_int_equal(buf_adds(&y->seen, what), 0);
	assert_int_equal(buf_add(&y->seen, value.p, value.len), 0);
	assert_int_equal(buf_adds(&y->seen, close), 0);
}

/* "250 2.1.0 text" becomes "250:2.1.0 "; "250-..." is passed over. */
static void
see_reply(struct player *y, struct str line)
{
	struct str code = { line.p, 3 }, rest = { line.p + 4, line.len - 4 };
	struct str word = str_cut(&rest, ' ');

	assert_true(line.len >= 4 && line.len + 2 <= 512);
	if (line.p[3] == '-')
		return;
	assert_int_equal(line.p[3], ' ');
	if (word.len < 5 || word.p[1] != '.' || word.p[0] != code.p[0] ||
	    word.p[0] == '3') {
		see(y, "", code, " ");
		return;
	}
	see(y, "", code, ":");
	see(y, "", word, " ");
}

static void
on_write(void *arg, const char *p, size_t n)
{
	struct player *y = arg;
	const char *end;

	if (y->how & HOW_RAW)
		assert_int_equal(buf_add(&y->seen, p, n), 0);
	while (n > 0) {
		end = memchr(p, '\n', n);
		assert_non_null(end);
		assert_ptr_equal(memchr(p, '\r', n), end - 1);
		see_reply(y, (struct str){ p, (size_t)(end - p) - 1 });
		n -= (size_t)(end - p) + 1;
		p = end + 1;
	}
}

static void
on_helo(void *arg, struct str name, bool esmtp)
{
	see(arg, esmtp ? "ehlo[" : "helo[", name, "] ");
}

static int
answer(struct player *y, const struct smtp_reply *r, struct smtp_reply *reply)
{
	if (y->how & HOW_LATER) {
		y->late = *r;
		return SMTP_LATER;
	}
	*reply = *r;
	return SMTP_NOW;
}

static void
judge(struct smtp_reply *r, struct str address, const char *good)
{
	smtp_reply_set(r, 250, good, "%s", "Ok");
	if (str_starts_case(address, STR("no")))
		smtp_reply_set(
		    r, 550, "5.7.1", "no <%.*s>", (int)address.len, address.p);
	if (str_starts_case(address, STR("later")))
		smtp_reply_set(r, 451, "4.3.0", "later");
	if (str_starts_case(address, STR("close")))
		smtp_reply_set(r, 421, "4.3.2", "close");
}

/* What not every session offers. */
static void
see_extended(struct player *y, const struct smtp_mail *m)
{
	char text[64];

	if (m->priority != 0) {
		snprintf(text, sizeof text, ",priority%d", m->priority);
		see(y, text, str_of(NULL), "");
	}
	if (m->release_ms != 0) {
		snprintf(text, sizeof text, ",release%lld",
		    (long long)(m->release_ms - PLAY_DAY_MS) / 1000);
		see(y, text, str_of(NULL), "");
	}
	if (m->by_mode != 0) {
		snprintf(text, sizeof text, ",by%d%c%s", (int)m->by_s,
		    m->by_mode, m->by_trace ? "T" : "");
		see(y, text, str_of(NULL), "");
	}
	if (m->require_tls)
		see(y, ",tls", str_of(NULL), "");
	if (m->auth.len > 0)
		see(y, ",auth=", m->auth, "");
}

static int64_t
now_ms(void *arg)
{
	(void)arg;
	return PLAY_DAY_MS;
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *reply)
{
	struct player *y = arg;
	struct smtp_reply r;

	memcpy(y->sender, m->sender.p, m->sender.len);
	y->sender[m->sender.len] = '\0';
	see(y, "mail[", m->sender, "");
	see(y, "", str_of(m->eight_bit ? ",8bit" : ""), "");
	see(y, "", str_of(m->binary ? ",binary" : ""), "");
	see(y, "", str_of(m->smtputf8 ? ",utf8" : ""), "");
	see(y, "", str_of(m->ret_full ? ",full" : ""), "");
	see(y, "", str_of(m->ret_hdrs ? ",hdrs" : ""), "");
	if (m->envid.len > 0)
		see(y, ",", m->envid, "");
	see_extended(y, m);
	see(y, m->size > 0 ? ",size" : "", str_of(NULL), "] ");
	judge(&r, m->sender, "2.1.0");
	return answer(y, &r, reply);
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *t, struct smtp_reply *reply)
{
	char bits[3] = { ',', (char)('a' + t->notify), '\0' };
	struct player *y = arg;
	struct smtp_reply r;

	see(y, "rcpt[", t->address, t->notify ? bits : "");
	if (t->orcpt.len > 0)
		see(y, ",", t->orcpt, "");
	see(y, "", str_of(NULL), "] ");
	judge(&r, t->address, "2.1.5");
	return answer(y, &r, reply);
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	struct player *y = arg;
	struct smtp_reply r;

	see(y, "data ", str_of(NULL), "");
	smtp_reply_set(&r, 354, "", "go");
	if (strncmp(y->sender, "full", 4) == 0)
		smtp_reply_set(&r, 452, "4.3.1", "full");
	if (strncmp(y->sender, "busy", 4) == 0)
		smtp_reply_set(&r, 421, "4.3.2", "busy");
	return answer(y, &r, reply);
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct player *y = arg;

	assert_int_not_equal(n, 0);
	assert_int_equal(buf_add(&y->content, p, n), 0);
	return y->how & HOW_PAUSE && y->bodies++ % 2 == 0;
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	struct player *y = arg;
	struct smtp_reply r;

	see(y, "msg[", buf_str(&y->content), "] ");
	buf_clear(&y->content);
	smtp_reply_set(&r, 250, "2.0.0", "queued");
	if (strncmp(y->sender, "bad", 3) == 0)
		smtp_reply_set(&r, 554, "5.6.0", "bad");
	return answer(y, &r, reply);
}

static void
on_reset(void *arg)
{
	struct player *y = arg;

	buf_clear(&y->content);
	see(y, "reset ", str_of(NULL), "");
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
};

/* Feeds the bytes; step 0: cut at random. */
static void
feed(struct smtp_server *s, struct player *y, const char *in, size_t n,
    size_t step)
{
	size_t at = 0;

	while (at < n && !smtp_server_is_done(s)) {
		size_t part = step > 0 ? step : 1 + rand_below(9);
		/* On the heap, so that ASan sees a read beyond it. */
		char *bytes;

		if (part > n - at)
			part = n - at;
		bytes = mem_dup(in + at, part);
		at += smtp_server_feed(s, bytes, part);
		free(bytes);
		if (smtp_server_is_waiting(s)) {
			assert_int_equal(smtp_server_feed(s, "NOOP\r\n", 6), 0);
			smtp_server_answer(s, &y->late);
		}
		smtp_server_resume(s);
	}
	while (smtp_server_is_waiting(s))
		smtp_server_answer(s, &y->late);
}

static char *
play_how(const char *in, size_t n, const struct smtp_server_settings *settings,
    size_t step, enum how how)
{
	struct player y = { .how = how };
	struct smtp_server *s = smtp_server_new(settings, &hooks, &y);
	char *seen;

	buf_init(&y.seen, SIZE_MAX / 2);
	buf_init(&y.content, SIZE_MAX / 2);
	smtp_server_greet(s);
	feed(s, &y, in, n, step);
	if (smtp_server_is_done(s)) {
		assert_int_equal(smtp_server_feed(s, "NOOP\r\n", 6), 0);
		see(&y, "bye ", str_of(NULL), "");
	}
	smtp_server_free(&s);
	smtp_server_free(&s);
	seen = mem_strn(buf_at(&y.seen), y.seen.len);
	buf_done(&y.seen);
	buf_done(&y.content);
	return seen;
}

char *
play_once(const char *in, size_t n, size_t step)
{
	return play_how(in, n, &play_settings, step, 0);
}

char *
play_raw(const char *in, size_t n, const struct smtp_server_settings *s)
{
	return play_how(in, n, s, n + 1, HOW_RAW);
}

static void
play_check(const struct play *t, size_t n, const struct smtp_server_settings *s,
    size_t step, enum how how)
{
	char *seen = play_how(t->in, n, s, step, how);
	size_t len = strlen(seen), want = strlen(t->out);

	while (len > 0 && seen[len - 1] == ' ')
		seen[--len] = '\0';
	while (want > 0 && t->out[want - 1] == ' ')
		want--;
	if (len != want || memcmp(seen, t->out, len) != 0)
		fail_msg("%s (step %zu, how %d)\nwanted: %s\n   got: %s",
		    t->why, step, (int)how, t->out, seen);
	free(seen);
}

static void
play_ways(const struct play *t, size_t n, const struct smtp_server_settings *s)
{
	for (int how = 0; how < 4; how++) {
		play_check(t, n, s, SIZE_MAX / 2, (enum how)how);
		play_check(t, n, s, 1, (enum how)how);
		rand_seed(n);
		for (int round = 0; round < 8; round++)
			play_check(t, n, s, 0, (enum how)how);
	}
}

void
play_with(const struct play *t, size_t n, const struct smtp_server_settings *s)
{
	for (size_t i = 0; i < n; i++)
		play_ways(&t[i], strlen(t[i].in), s);
}

void
play_bytes(const char *why, const char *in, size_t n, const char *out)
{
	struct play t = { why, in, out };

	play_ways(&t, n, &play_settings);
}

void
play_all(const struct play *t, size_t n)
{
	play_with(t, n, &play_settings);
}
