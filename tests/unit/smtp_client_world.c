/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp_client_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/rand.h"
#include "postern/smtp/smtp_server.h"

#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
#define NONE                                                                   \
	{                                                                      \
		NULL, 0                                                        \
	}

static const struct smtp_txn_rcpt two[] = {
	{ TEXT("b@y"), 0, NONE },
	{ TEXT("c@y"), 0, NONE },
};
static const struct smtp_txn_rcpt asked[] = {
	{ TEXT("b@y"), SMTP_SUCCESS | SMTP_DELAY, TEXT("rfc822;B+2B@y") },
	{ TEXT("c@y"), SMTP_NEVER, NONE },
};
static const struct smtp_txn_rcpt forged[] = {
	{ TEXT("b@y> NOTIFY=NEVER"), 0, NONE },
};
static const struct smtp_txn_rcpt forged_line[] = {
	{ TEXT("b@y\r\nDATA"), 0, NONE },
};
static const struct smtp_txn_rcpt forged_quote[] = {
	{ TEXT("\"b\\"), 0, NONE },
};
static const struct smtp_txn_rcpt forged_orcpt[] = {
	{ TEXT("b@y"), 0, TEXT("rfc822;a b") },
};
static const struct smtp_txn_rcpt quoted[] = {
	{ TEXT("\"b> \\\"b\"@y"), 0, NONE },
};
static const struct smtp_txn_rcpt umlaut[] = {
	{ TEXT("b\xc3\xbc@y"), 0, NONE },
};

static struct smtp_txn txns[] = {
	{ .arg = "one",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .size = 8,
	    .content = TEXT("hello\r\n") },
	{ .arg = "two",
	    .sender = TEXT("a@x"),
	    .nrcpts = 2,
	    .rcpts = two,
	    .content = TEXT(".dot\r\nend") },
	{ .arg = "null", .nrcpts = 1, .rcpts = two, .content = TEXT("") },
	{ .arg = "stream", .sender = TEXT("s@x"), .nrcpts = 1, .rcpts = two },
	{ .arg = "bare",
	    .sender = TEXT("a@x"),
	    .nrcpts = 2,
	    .rcpts = two,
	    .no_content = true },
	{ .arg = "held",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .content = TEXT("hello\r\n"),
	    .hold_end = true },
	{ .arg = "heldstream",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .hold_end = true },
	{ .arg = "eight",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .eight_bit = true,
	    .content = TEXT("\xc3\xbc\r\n") },
	{ .arg = "binary",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .eight_bit = true,
	    .binary = true,
	    .content = TEXT("\r\nx\ry") },
	{ .arg = "badbinary",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .binary = true,
	    .content = TEXT("x\ny\r\n\r\n") },
	{ .arg = "utf8",
	    .sender = TEXT("a\xc3\xbc@x"),
	    .nrcpts = 1,
	    .rcpts = umlaut,
	    .smtputf8 = true,
	    .eight_bit = true,
	    .content = TEXT("\xc3\xbc\r\n") },
	{ .arg = "bareutf8",
	    .sender = TEXT("a\xc3\xbc@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .content = TEXT("x\r\n") },
	{ .arg = "dsn",
	    .sender = TEXT("a@x"),
	    .nrcpts = 2,
	    .rcpts = asked,
	    .ret_full = true,
	    .envid = TEXT("id+2B1"),
	    .content = TEXT("x\r\n") },
	{ .arg = "urgent",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .mt_priority = -3,
	    .auth_unknown = true,
	    .content = TEXT("x\r\n") },
	{ .arg = "safe",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .require_tls = true,
	    .content = TEXT("x\r\n") },
	{ .arg = "soon",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .by_mode = 'R',
	    .by_trace = true,
	    .by_s = 60,
	    .content = TEXT("x\r\n") },
	{ .arg = "late",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .by_mode = 'N',
	    .by_s = -5,
	    .content = TEXT("x\r\n") },
	{ .arg = "hdrs",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .ret_hdrs = true,
	    .content = TEXT("x\r\n") },
	{ .arg = "barelf",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .content = TEXT("x\n.\nMAIL FROM:<evil@x>\n") },
	{ .arg = "barecr",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .content = TEXT("x\r") },
	{ .arg = "forged",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = forged,
	    .content = TEXT("x\r\n") },
	{ .arg = "forgedline",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = forged_line,
	    .content = TEXT("x\r\n") },
	{ .arg = "forgedquote",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = forged_quote,
	    .content = TEXT("x\r\n") },
	{ .arg = "forgedorcpt",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = forged_orcpt,
	    .content = TEXT("x\r\n") },
	{ .arg = "forgedsender",
	    .sender = TEXT("a@x>\r\nQUIT"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .content = TEXT("x\r\n") },
	{ .arg = "forgedenvid",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = two,
	    .envid = TEXT("a b"),
	    .content = TEXT("x\r\n") },
	{ .arg = "quoted",
	    .sender = TEXT("a@x"),
	    .nrcpts = 1,
	    .rcpts = quoted,
	    .content = TEXT("x\r\n") },
};

struct world {
	const struct world_scene *scene;
	enum world_cut cut;
	struct smtp_client *client;
	struct buf wrote, told, server; /* server: said, not yet fed */
	struct smtp_txn *next;
	bool freed;
};

struct smtp_txn *
world_txn(const char *name)
{
	for (size_t i = 0; i < sizeof txns / sizeof txns[0]; i++) {
		if (strcmp(txns[i].arg, name) == 0)
			return &txns[i];
	}
	fail_msg("no transaction %s", name);
	return NULL;
}

static void
add(struct buf *b, const char *p, size_t n)
{
	assert_int_equal(buf_add(b, p, n), 0);
}

static void told(struct world *w, const char *hook, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
told(struct world *w, const char *hook, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	assert_false(w->freed); /* no hook after it */
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	assert_int_equal(buf_addf(&w->told, "%s%s\n", hook, line), 0);
	if (w->scene->free != NULL && strcmp(w->scene->free, hook) == 0) {
		smtp_client_free(&w->client);
		w->freed = true;
	}
}

/* "dot 250 2.0.0 ok", "mail lost why", with (idle) and (sent) where set. */
static const char *
outcome_text(const struct outcome *o, char out[800])
{
	static const char *const io[] = { "", "lost ", "late ", "nonsense ",
		"local " };
	char code[32] = "";

	if (o->code != 0)
		snprintf(code, sizeof code, "%u %s%s", o->code, o->enhanced,
		    o->enhanced[0] != '\0' ? " " : "");
	snprintf(out, 800, "%s %s%s%s%s%s", outcome_stage_word(o->stage),
	    io[o->io], code, o->text, o->first_since_idle ? " (idle)" : "",
	    o->dot_sent ? " (sent)" : "");
	return out;
}

static void
on_write(void *arg, const char *p, size_t n)
{
	struct world *w = arg;

	assert_false(w->freed);
	assert_true(n > 0);
	add(&w->wrote, p, n);
}

static void
on_secure(void *arg)
{
	told(arg, "secure", "%s", "");
}

static void
on_ready(void *arg)
{
	told(arg, "ready", "%s", "");
}

static void
on_rcpt(void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *o)
{
	char text[800];

	told(arg, "rcpt", " %s %u %s", (char *)t->arg, index,
	    outcome_text(o, text));
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *o)
{
	char text[800];

	told(arg, "done", " %s %s", (char *)t->arg, outcome_text(o, text));
}

static struct smtp_txn *
on_next(void *arg)
{
	struct world *w = arg;
	struct smtp_txn *t = w->next;

	assert_false(w->freed);
	w->next = NULL;
	if (t != NULL)
		told(w, "next", " %s", (char *)t->arg);
	return t;
}

static void
on_content(void *arg, struct smtp_txn *t, uint64_t offset)
{
	told(arg, "content", " %s %u", (char *)t->arg, (unsigned)offset);
}

static void
on_lost(void *arg, const struct outcome *o)
{
	char text[800];

	told(arg, "lost", " %s", outcome_text(o, text));
}

static void
on_hold(void *arg, struct smtp_txn *t)
{
	told(arg, "hold", " %s", (char *)t->arg);
}

static const struct smtp_client_hooks hooks = { on_write, on_secure, on_ready,
	on_rcpt, on_done, on_next, on_content, on_lost, on_hold };

static void
feed(struct world *w)
{
	while (w->server.len > 0 && !w->freed) {
		size_t n = w->server.len;

		if (w->cut == WORLD_BYTES)
			n = 1;
		else if (w->cut == WORLD_RANDOM)
			n = (size_t)rand_below(n) + 1;
		smtp_client_feed(w->client, buf_at(&w->server), n);
		buf_drop(&w->server, n);
	}
	buf_clear(&w->server);
}

static void
expect(struct world *w, struct buf *b, const char *want, size_t n, int line)
{
	size_t have = b->len < n ? b->len : n;

	if (b->len >= n && memcmp(buf_at(b), want, n) == 0) {
		buf_drop(b, n);
		return;
	}
	fail_msg("%s: line %d: wanted '%.*s', there is '%.*s'", w->scene->why,
	    line, (int)n, want, (int)have + 40, b->len > 0 ? buf_at(b) : "");
}

/* Nothing may be left that the script did not name. */
static void
settled(struct world *w, int line)
{
	feed(w);
	if (w->wrote.len > 0 || w->told.len > 0)
		fail_msg("%s: before line %d: not expected: '%.*s' '%.*s'",
		    w->scene->why, line, (int)w->wrote.len,
		    w->wrote.len > 0 ? buf_at(&w->wrote) : "", (int)w->told.len,
		    w->told.len > 0 ? buf_at(&w->told) : "");
}

/* '~' stands for CRLF. */
static void
content(struct world *w, const char *text, bool last)
{
	char out[1024];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '~')
			out[n++] = '\r';
		out[n++] = *text;
		if (*text == '~')
			out[n - 1] = '\n';
	}
	smtp_client_content(w->client, out, n, last);
}

static void
act(struct world *w, const char *verb, const char *rest, int line)
{
	struct smtp_client *c = w->client;

	if (strcmp(verb, "send") == 0)
		smtp_client_send(c, world_txn(rest));
	else if (strcmp(verb, "next") == 0)
		w->next = world_txn(rest);
	else if (strcmp(verb, "content") == 0 || strcmp(verb, "last") == 0)
		content(w, rest, verb[0] == 'l');
	else if (strcmp(verb, "unread") == 0)
		smtp_client_content_failed(c, rest);
	else if (strcmp(verb, "secured") == 0)
		smtp_client_secured(c);
	else if (strcmp(verb, "quit") == 0)
		smtp_client_quit(c);
	else if (strcmp(verb, "release") == 0)
		smtp_client_release(c);
	else if (strcmp(verb, "noop") == 0)
		smtp_client_noop(c);
	else if (strcmp(verb, "rset") == 0)
		smtp_client_rset(c);
	else if (strcmp(verb, "rested") == 0)
		smtp_client_rested(c);
	else if (strcmp(verb, "unchain") == 0)
		smtp_client_take_back(c);
	else if (strcmp(verb, "lost") == 0)
		smtp_client_fail(c, OUTCOME_LOST, rest);
	else if (strcmp(verb, "late") == 0)
		smtp_client_fail(c, OUTCOME_TIMED_OUT, rest);
	else if (strcmp(verb, "awaits") == 0)
		assert_string_equal(
		    outcome_stage_word(smtp_client_awaits(c, NULL)), rest);
	else if (strcmp(verb, "dot") == 0)
		assert_int_equal(
		    smtp_client_after_dot(c), strcmp(rest, "yes") == 0);
	else
		fail_msg("%s: line %d: what is %s?", w->scene->why, line, verb);
}

static void
play_line(struct world *w, const char *p, int line)
{
	char verb[16], text[2048];
	size_t n;

	n = strcspn(p, " ");
	snprintf(verb, sizeof verb, "%.*s", (int)n, p);
	snprintf(text, sizeof text, "%s", p[n] == ' ' ? p + n + 1 : "");
	if (strcmp(verb, "E") == 0)
		snprintf(text, sizeof text, "%s\n", p + 2);
	else if (strcmp(verb, "C") == 0 || strcmp(verb, "S") == 0)
		snprintf(text, sizeof text, "%s\r\n", p + 2);
	if (verb[1] != '\0') {
		feed(w);
		if (strcmp(verb, "next") != 0 && strcmp(verb, "dot") != 0 &&
		    strcmp(verb, "awaits") != 0)
			settled(w, line);
		act(w, verb, text, line);
	} else if (verb[0] == 'S' || verb[0] == 's') {
		if (w->server.len == 0)
			settled(w, line);
		add(&w->server, text, strlen(text));
	} else {
		feed(w);
		expect(w, verb[0] == 'E' ? &w->told : &w->wrote, text,
		    strlen(text), line);
	}
}

static void
play(const struct world_scene *s, enum world_cut cut)
{
	struct world w = { .scene = s, .cut = cut };
	const char *p = s->script;
	char line[2000];
	int at = 0;

	buf_init(&w.wrote, 1 << 20);
	buf_init(&w.told, 1 << 20);
	buf_init(&w.server, 1 << 20);
	w.client = smtp_client_new(&s->settings, &hooks, &w);
	while (*p != '\0') {
		size_t n = strcspn(p, "\n");

		snprintf(line, sizeof line, "%.*s", (int)n, p);
		play_line(&w, line, ++at);
		p += n + (p[n] == '\n');
	}
	settled(&w, at + 1);
	smtp_client_free(&w.client);
	smtp_client_free(&w.client);
	buf_done(&w.wrote);
	buf_done(&w.told);
	buf_done(&w.server);
}

void
world_play(const struct world_scene *s)
{
	struct world_scene filled = *s;

	if (filled.settings.helo == NULL)
		filled.settings.helo = "me";
	play(&filled, WORLD_WHOLE);
	if (s->whole_only)
		return;
	play(&filled, WORLD_BYTES);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		rand_seed(seed);
		play(&filled, WORLD_RANDOM);
	}
}
