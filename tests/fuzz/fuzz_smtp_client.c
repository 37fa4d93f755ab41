/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that says whatever it likes.  The first byte says how that is cut,
 * the second what the owner wants and how it answers.  Every transaction that
 * was given gets exactly one done(), its recipients' replies before that and in
 * order; nothing comes after lost(); what is written are lines.  Where nothing
 * depends on time (TLS, late content, a reply that comes before what it answers
 * and is seen in the same read only), cuts change nothing.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/smtp/smtp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum choice {
	WANTS_TLS = 1,
	WANTS_AUTH = 2,
	STREAMS = 4, /* content by hook */
	LATE = 8,    /* after the bytes at hand are fed */
	CHAINS = 16, /* next() gives */
	NO_CHUNKS = 32,
	QUITS = 64,  /* after each done() with nothing in hand */
	FREES = 128, /* in the third done() */
};

enum { TXNS = 3 };

static const struct smtp_txn_rcpt rcpts[] = {
	{ .address = { "b@y", 3 } },
	{ .address = { "c@y", 3 } },
};
static const char content[] = "A: b\r\n\r\n.dot\r\nend\r\n";

struct given {
	struct smtp_txn txn;
	bool open, released;
	uint32_t rcpts;
};

struct owner {
	struct smtp_client *client;
	unsigned choice, turn, dones;
	struct given given[TXNS];
	struct buf wrote, seen;
	bool asked, lost, over; /* over: lost or freed */
	uint64_t offset;
};

static struct smtp_txn *
give(struct owner *o)
{
	struct given *g = &o->given[o->turn++ % TXNS];

	assert(!g->open);
	*g = (struct given){ .open = true };
	g->txn = (struct smtp_txn){ .arg = g,
		.sender = { "a@x", 3 },
		.nrcpts = 1 + o->turn % 2,
		.rcpts = rcpts,
		.mt_priority = (int8_t)(o->turn % TXNS) - 1,
		.auth_unknown = o->turn % 2,
		.by_mode = "\0NR"[o->turn % 3],
		.by_s = 60,
		.binary = o->choice & QUITS && o->turn % 2,
		.require_tls = o->choice & WANTS_TLS && o->turn % 2,
		.hold_end = o->turn % 4 == 3,
		.content = { content, sizeof content - 1 } };
	if (o->choice & STREAMS)
		g->txn.content = (struct str){ NULL, 0 };
	return &g->txn;
}

static void
on_write(void *arg, const char *p, size_t n)
{
	struct owner *o = arg;

	assert(!o->over && n > 0);
	assert(buf_add(&o->wrote, p, n) == 0);
}

static void
on_secure(void *arg)
{
	struct owner *o = arg;

	assert(!o->over && o->choice & WANTS_TLS);
	smtp_client_secured(o->client);
}

static void
on_ready(void *arg)
{
	struct owner *o = arg;

	assert(!o->over && smtp_client_is_ready(o->client));
	smtp_client_send(o->client, give(o));
}

static void
note(struct owner *o, const char *what, const struct outcome *out)
{
	assert(buf_addf(&o->seen, "%s %d %d %u %s %s %d\n", what, out->stage,
	           out->io, out->code, out->enhanced, out->text,
	           out->dot_sent) == 0);
}

static void
on_rcpt(
    void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *out)
{
	struct owner *o = arg;
	struct given *g = t->arg;

	assert(!o->over && g->open && index == g->rcpts);
	assert(index < t->nrcpts && out->io == OUTCOME_REPLY);
	g->rcpts++;
	note(o, "rcpt", out);
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *out)
{
	struct owner *o = arg;
	struct given *g = t->arg;

	assert(!o->over && g->open);
	g->open = false;
	note(o, "done", out);
	assert(!t->hold_end || g->released || !out->dot_sent);
	if (out->io == OUTCOME_REPLY && out->code < 300)
		assert(out->dot_sent && out->stage == OUTCOME_DOT);
	if (++o->dones == 3 && o->choice & FREES) {
		smtp_client_free(&o->client);
		o->over = true;
	} else if (o->choice & QUITS && smtp_client_is_ready(o->client)) {
		smtp_client_quit(o->client);
	}
}

static struct smtp_txn *
on_next(void *arg)
{
	struct owner *o = arg;

	assert(!o->over);
	return o->choice & CHAINS && o->turn % 5 != 4 ? give(o) : NULL;
}

static void
answer(struct owner *o)
{
	size_t left = sizeof content - 1 - (size_t)o->offset;
	size_t n = left < 7 ? left : 7;

	o->asked = false;
	smtp_client_content(o->client, content + o->offset, n, n == left);
}

static void
on_content(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct owner *o = arg;

	assert(!o->over && !o->asked && ((struct given *)t->arg)->open);
	o->asked = true;
	o->offset = offset;
	if (!(o->choice & LATE))
		answer(o);
}

static void
on_hold(void *arg, struct smtp_txn *t)
{
	struct owner *o = arg;
	struct given *g = t->arg;

	assert(!o->over && g->open && t->hold_end && !g->released);
	g->released = true;
	smtp_client_release(o->client);
}

static void
on_lost(void *arg, const struct outcome *out)
{
	struct owner *o = arg;

	assert(!o->over);
	o->over = o->lost = true;
	note(o, "lost", out);
}

static const struct smtp_client_hooks hooks = { on_write, on_secure, on_ready,
	on_rcpt, on_done, on_next, on_content, on_lost, on_hold };

/* Lines only, whatever the server did: no bare CR or LF, no NUL. */
static void
check_wrote(struct str s)
{
	assert(memchr(s.p, '\0', s.len) == NULL);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\n')
			assert(i > 0 && s.p[i - 1] == '\r');
		if (s.p[i] == '\r')
			assert(i + 1 < s.len && s.p[i + 1] == '\n');
	}
}

static void
play(struct owner *o, const char *p, size_t n, size_t step)
{
	struct smtp_client_settings s = { .helo = "me", .auth_clear = true };

	if (o->choice & WANTS_TLS)
		s.tls = SMTP_TLS_STARTTLS;
	if (o->choice & WANTS_AUTH) {
		s.user = "joe";
		s.password = STR("secret");
		s.nonce = "nonce";
	}
	if (o->choice & NO_CHUNKS)
		s.disable = SMTP_CAP_CHUNKING;
	buf_init(&o->wrote, SIZE_MAX / 2);
	buf_init(&o->seen, SIZE_MAX / 2);
	o->client = smtp_client_new(&s, &hooks, o);
	while (n > 0 && !o->over) {
		size_t part = n < step ? n : step;

		smtp_client_feed(o->client, p, part);
		while (!o->over && o->asked)
			answer(o);
		p += part;
		n -= part;
	}
	if (!o->over)
		smtp_client_fail(o->client, OUTCOME_LOST, "closed");
	for (size_t i = 0; i < TXNS; i++)
		assert(!o->lost || !o->given[i].open);
	smtp_client_free(&o->client);
	/* A chunk may end inside a CRLF. */
	if (o->wrote.len > 0 &&
	    (o->choice & NO_CHUNKS || !(o->choice & STREAMS)))
		check_wrote(buf_str(&o->wrote));
}

static bool
was_early(const struct owner *o)
{
	static const char words[] = "content that was not yet sent";
	struct str seen = buf_str(&o->seen);

	return seen.len > 0 &&
	       memmem(seen.p, seen.len, words, sizeof words - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 2;
	struct owner a = { .turn = 0 }, b = { .turn = 0 };

	if (size < 2)
		return 0;
	a.choice = b.choice = data[1];
	play(&a, p, size - 2, 1 + data[0] % 16);
	play(&b, p, size - 2, size);
	if (!(data[1] & (WANTS_TLS | LATE)) && !was_early(&a) &&
	    !was_early(&b)) {
		assert(str_eq(buf_str(&a.seen), buf_str(&b.seen)));
		assert(str_eq(buf_str(&a.wrote), buf_str(&b.wrote)));
	}
	buf_done(&a.seen);
	buf_done(&b.seen);
	buf_done(&a.wrote);
	buf_done(&b.wrote);
	return 0;
}
