/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how the rest is cut.  Cuts change nothing; stuffed and
 * unstuffed again, clean content is what it was; what leaves is clean.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const char *p;
	size_t n, step;
	bool bare_lf; /* for unstuff() */
};

static size_t
piece(const struct input *in, size_t at)
{
	return in->n - at < in->step ? in->n - at : in->step;
}

static struct message_scan
scan(struct input in)
{
	struct message_scan s;

	message_scan_init(&s);
	for (size_t at = 0; at < in.n; at += piece(&in, at))
		message_scan(&s, in.p + at, piece(&in, at));
	message_scan_end(&s);
	return s;
}

static enum message_fault
stuff(struct input in, struct buf *out)
{
	struct message_stuff s;

	message_stuff_init(&s);
	for (size_t at = 0; at < in.n; at += piece(&in, at)) {
		if (message_stuff(&s, out, in.p + at, piece(&in, at)) != 0)
			return s.fault;
	}
	return message_stuff_end(&s, out) == 0 ? MESSAGE_OK : s.fault;
}

/* Content into *out; returns the bytes taken, *end whether it ended. */
static size_t
unstuff(struct input in, struct buf *out, bool *end)
{
	struct message_unstuff u;
	size_t took = 0, n;

	*end = false;
	message_unstuff_init(&u, in.bare_lf);
	while (took < in.n && !*end) {
		char *room = buf_room(out, piece(&in, took) + 4);

		assert(room != NULL);
		took += message_unstuff(
		    &u, in.p + took, piece(&in, took), room, &n, end);
		buf_wrote(out, n);
	}
	return took;
}

static void
check_round(struct input in, const struct buf *stuffed, bool add_crlf)
{
	struct input back = { buf_str(stuffed).p, stuffed->len, in.step,
		false };
	struct buf content;
	bool end;

	buf_init(&content, SIZE_MAX / 2);
	assert(unstuff(back, &content, &end) == back.n && end);
	assert(content.len == in.n + (add_crlf ? 2 : 0));
	assert(in.n == 0 || memcmp(buf_at(&content), in.p, in.n) == 0);
	buf_done(&content);
}

static void
check_stuff(struct input in)
{
	struct input whole = { in.p, in.n, in.n + 1, false };
	bool open = in.n > 0 && in.p[in.n - 1] != '\n';
	struct buf a, b;

	buf_init(&a, SIZE_MAX / 2);
	buf_init(&b, SIZE_MAX / 2);
	assert(stuff(in, &a) == stuff(whole, &b));
	assert(stuff(in, &a) == scan(whole).fault);
	buf_clear(&a);
	if (stuff(in, &a) == MESSAGE_OK)
		check_round(in, &a, open);
	assert(str_eq(buf_str(&a), buf_str(&b)));
	whole = (struct input){ buf_str(&b).p, b.len, b.len + 1, false };
	assert(scan(whole).fault == MESSAGE_OK);
	buf_done(&a);
	buf_done(&b);
}

/* LF alone becomes CRLF; nothing else changes, and a second time nothing. */
static size_t
newline(struct input in, char *out)
{
	struct message_newline l;
	uint64_t nbare = 0;
	size_t n = 0;

	message_newline_init(&l);
	for (size_t at = 0; at < in.n; at += piece(&in, at))
		n += message_newline(
		    &l, in.p + at, piece(&in, at), out + n, &nbare);
	assert(n == in.n + nbare);
	return n;
}

static void
check_newline(struct input in)
{
	struct input whole = { in.p, in.n, in.n + 1, false };
	char *a = mem_array(in.n + 1, 2), *b = mem_array(in.n + 1, 4);
	size_t n = newline(in, a);

	assert(newline(whole, b) == n && memcmp(a, b, n) == 0);
	whole = (struct input){ a, n, in.step, false };
	assert(newline(whole, b) == n && memcmp(a, b, n) == 0);
	whole.step = n + 1;
	assert(scan(whole).fault != MESSAGE_BARE_LF);
	free(a);
	free(b);
}

static void
check_unstuff(struct input in)
{
	struct input whole = { in.p, in.n, in.n + 1, in.bare_lf };
	bool end_a, end_b;
	struct buf a, b;

	buf_init(&a, SIZE_MAX / 2);
	buf_init(&b, SIZE_MAX / 2);
	assert(unstuff(in, &a, &end_a) == unstuff(whole, &b, &end_b));
	assert(end_a == end_b && str_eq(buf_str(&a), buf_str(&b)));
	buf_done(&a);
	buf_done(&b);
}

static void
check_scan(struct input in)
{
	struct message_scan a = scan(in);
	struct message_scan b =
	    scan((struct input){ in.p, in.n, in.n + 1, false });

	assert(a.fault == b.fault && a.size == b.size && a.size == in.n);
	assert(a.longest == b.longest && a.in_body == b.in_body);
	assert(a.body_8bit == b.body_8bit && a.header_8bit == b.header_8bit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { (const char *)data + 1, size - 1, 1, false };

	if (size == 0)
		return 0;
	in.step = 1 + data[0] % 16;
	check_scan(in);
	check_stuff(in);
	check_unstuff(in);
	check_newline(in);
	in.bare_lf = true;
	check_unstuff(in);
	return 0;
}
