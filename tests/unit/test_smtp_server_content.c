/* SPDX-License-Identifier: Apache-2.0 */
/* DATA, BDAT, and what tries to be smuggled in with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"

#include "server_play.h"

#define HI "EHLO c\r\n"
#define HI_OUT "220 ehlo[c] 250 "
#define TO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
#define TO_OUT "mail[a@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 "
#define X10 "xxxxxxxx\r\n"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static void
P1_only_crlf_ends_content(void **state)
{
	static const struct play t[] = {
		{ "bare LF around the dot: 550, and what follows is content",
		    HI TO "DATA\r\na\n.\nMAIL FROM:<evil@x>\r\n.\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0" },
		{ "bare CR", HI TO "DATA\r\na\r.\rb\r\n.\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0" },
		{ "CRLF.CRCRLF is no end",
		    HI TO "DATA\r\na\r\n.\r\r\nQUIT\r\n.\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0" },
		{ "the next message is taken",
		    HI TO "DATA\r\na\nb\r\n.\r\n" TO "DATA\r\nx\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 " TO_OUT
		                  "data 354 msg[x\r\n] 250:2.0.0" },
	};
	static const char nul[] = HI TO "DATA\r\na\0b\r\n.\r\nNOOP\r\n";

	(void)state;
	PLAY(t);
	play_bytes("NUL is refused, too", nul, sizeof nul - 1,
	    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0");
}

static void
P10_content_is_what_was_sent(void **state)
{
	static const struct play t[] = {
		{ "empty", HI TO "DATA\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 msg[] 250:2.0.0" },
		{ "stuffed dots are removed, others stay",
		    HI TO "DATA\r\n..\r\n..a\r\n.b\r\nc.\r\n.\r\n",
		    HI_OUT TO_OUT
		    "data 354 msg[.\r\n.a\r\nb\r\nc.\r\n] 250:2.0.0" },
		{ "8-bit and control bytes pass",
		    HI TO "DATA\r\n\xff\x01\x1a\x7f\r\n.\r\n",
		    HI_OUT TO_OUT
		    "data 354 msg[\xff\x01\x1a\x7f\r\n] 250:2.0.0" },
		{ "BDAT takes dots as they are",
		    HI TO "BDAT 8 LAST\r\n..a\r\n.\r\n",
		    HI_OUT TO_OUT "data msg[..a\r\n.\r\n] 250:2.0.0" },
		{ "and content without a line end", HI TO "BDAT 3 LAST\r\nabc",
		    HI_OUT TO_OUT "data msg[abc] 250:2.0.0" },
		{ "a line end may be cut by chunks",
		    HI TO "BDAT 2\r\na\rBDAT 2 LAST\r\n\nb",
		    HI_OUT TO_OUT "data 250:2.0.0 msg[a\r\nb] 250:2.0.0" },
	};

	(void)state;
	PLAY(t);
}

static void
P13_a_real_overrun_is_read_and_refused(void **state)
{
	static const struct play t[] = {
		{ "1000 octets are allowed", HI TO "DATA\r\n" X1000 ".\r\n",
		    HI_OUT TO_OUT "data 354 msg[" X1000 "] 250:2.0.0" },
		{ "1001 are not; nothing of them is a command",
		    HI TO "DATA\r\n" X1000 "a\r\nQUIT\r\n.\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 reset 552:5.3.4 250:2.0.0" },
		{ "the stuffed dots do not count",
		    HI TO "DATA\r\n" X100 X100 X100 X100 X100 X100 X100 X100
		        X100 X10 X10 X10 X10 X10 X10 X10 X10 X10
		          "..xxxxxxx\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 msg[" X100 X100 X100 X100 X100 X100
		        X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10
		                  ".xxxxxxx\r\n] 250:2.0.0" },
		{ "chunks are added up",
		    HI TO "BDAT 1000\r\n" X1000 "BDAT 1 LAST\r\nxNOOP\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 reset 552:5.3.4 250:2.0.0" },
		{ "a bare LF beyond the limit is not what is told",
		    HI TO "DATA\r\n" X1000 "x\n\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 reset 552:5.3.4" },
		{ "a bare LF first: that is",
		    HI TO "DATA\r\n\n" X1000 "\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2" },
	};

	(void)state;
	PLAY(t);
}

static void
P14_pipelining_keeps_the_order(void **state)
{
	static const struct play t[] = {
		{ "two messages in one write",
		    HI TO "DATA\r\na\r\n.\r\n" TO "DATA\r\nb\r\n.\r\nQUIT\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n] 250:2.0.0 " TO_OUT
		                  "data 354 msg[b\r\n] 250:2.0.0 221:2.0.0 "
		                  "bye" },
		{ "a refused sender in the middle: each command its reply",
		    HI "MAIL FROM:<no@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nRSET\r\n"
		       "MAIL FROM:<a@b>\r\nRCPT TO:<later@d>\r\n"
		       "RCPT TO:<c@d>\r\nDATA\r\n.\r\nNOOP\r\n",
		    HI_OUT "mail[no@b] 550:5.7.1 503:5.5.1 503:5.5.1 250:2.0.0 "
		           "mail[a@b] 250:2.1.0 rcpt[later@d] 451:4.3.0 "
		           "rcpt[c@d] 250:2.1.5 data 354 msg[] 250:2.0.0 "
		           "250:2.0.0" },
		{ "DATA that is refused takes no content",
		    HI "MAIL FROM:<full@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" TO,
		    HI_OUT "mail[full@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data "
		           "reset 452:4.3.1 mail[a@b] 250:2.1.0 rcpt[c@d] "
		           "250:2.1.5" },
		{ "or ends the session",
		    HI "MAIL FROM:<busy@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" TO,
		    HI_OUT "mail[busy@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data "
		           "reset 421:4.3.2 bye" },
		{ "a refused message is over",
		    HI "MAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"
		       "DATA\r\n" TO,
		    HI_OUT "mail[bad@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data 354 "
		           "msg[] 554:5.6.0 503:5.5.1 mail[a@b] 250:2.1.0 "
		           "rcpt[c@d] 250:2.1.5" },
	};

	(void)state;
	PLAY(t);
}

static void
P18_chunks(void **state)
{
	static const struct play t[] = {
		{ "three chunks, one message",
		    HI TO "BDAT 3\r\na\r\nBDAT 0\r\nBDAT 3 LAST\r\nb\r\n"
		          "NOOP\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 250:2.0.0 "
		                  "msg[a\r\nb\r\n] 250:2.0.0 250:2.0.0" },
		{ "an empty LAST", HI TO "BDAT 3\r\na\r\nBDAT 0 LAST\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 msg[a\r\n] 250:2.0.0" },
		{ "a message of nothing", HI TO "bdat 0 last\r\n",
		    HI_OUT TO_OUT "data msg[] 250:2.0.0" },
		{ "no DATA after BDAT",
		    HI TO "BDAT 3\r\na\r\nDATA\r\nBDAT 0 LAST\r\n",
		    HI_OUT TO_OUT
		    "data 250:2.0.0 503:5.5.1 msg[a\r\n] 250:2.0.0" },
		{ "no RCPT, no MAIL after BDAT",
		    HI TO "BDAT 3\r\na\r\nRCPT TO:<e@f>\r\nMAIL FROM:<>\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 503:5.5.1 503:5.5.1" },
		{ "RSET, EHLO and QUIT between chunks",
		    HI TO "BDAT 3\r\na\r\nRSET\r\n" TO "BDAT 3\r\na\r\n" HI TO
		          "BDAT 3\r\na\r\nQUIT\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 reset 250:2.0.0 " TO_OUT
		                  "data 250:2.0.0 reset ehlo[c] 250 " TO_OUT
		                  "data 250:2.0.0 221:2.0.0 reset bye" },
		{ "a chunk before EHLO is eaten", "BDAT 6\r\nNOOP\r\nNOOP\r\n",
		    "220 503:5.5.1 250:2.0.0" },
		{ "before MAIL", HI "BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n",
		    HI_OUT "503:5.5.1 250:2.0.0" },
		{ "before RCPT; the sender stays",
		    HI "MAIL FROM:<a@b>\r\nBDAT 6 LAST\r\nNOOP\r\n"
		       "RCPT TO:<c@d>\r\nBDAT 0\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 503:5.5.1 rcpt[c@d] 250:2.1.5 "
		           "data 250:2.0.0" },
		{ "an empty one out of order", HI "BDAT 0\r\nBDAT 0 LAST\r\n",
		    HI_OUT "503:5.5.1 503:5.5.1" },
		{ "content with a fault: the chunk fails, the next ones too",
		    HI TO "BDAT 6\r\na\nQUITBDAT 6\r\nQUIT\r\n"
		          "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data reset 550:5.5.2 503:5.5.1 503:5.5.1 "
		                  "250:2.0.0" },
		{ "a CR at the very end is bare",
		    HI TO "BDAT 2 LAST\r\na\rNOOP\r\n",
		    HI_OUT TO_OUT "data reset 550:5.5.2 250:2.0.0" },
		{ "a CR at a chunk's end is not yet",
		    HI TO "BDAT 2\r\na\rBDAT 1\r\nbNOOP\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 reset 550:5.5.2 250:2.0.0" },
		{ "the owner has no room: eaten, then told",
		    HI "MAIL FROM:<full@b>\r\nRCPT TO:<c@d>\r\n"
		       "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
		    HI_OUT "mail[full@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data "
		           "reset 452:4.3.1 250:2.0.0" },
		{ "the owner ends the session: at once",
		    HI "MAIL FROM:<busy@b>\r\nRCPT TO:<c@d>\r\n"
		       "BDAT 6 LAST\r\n",
		    HI_OUT "mail[busy@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data "
		           "421:4.3.2 reset bye" },
		{ "no size is known: the session ends",
		    HI TO "BDAT\r\nNOOP\r\n",
		    HI_OUT TO_OUT "501:5.5.4 reset bye" },
		{ "nor from this", HI TO "BDAT 5 FIRST\r\nNOOP\r\n",
		    HI_OUT TO_OUT "501:5.5.4 reset bye" },
		{ "nor from this", HI TO "BDAT -1 LAST\r\nNOOP\r\n",
		    HI_OUT TO_OUT "501:5.5.4 reset bye" },
		{ "a size beyond 64 bits does not wrap",
		    HI TO "BDAT 18446744073709551617\r\nxNOOP\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data" },
		{ "nor do sums of sizes",
		    HI TO "BDAT 2\r\nxxBDAT 18446744073709551615 LAST\r\n" X1000
		          "NOOP\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 reset" },
	};
	static const struct play off[] = {
		{ "not offered: 502, and its octets are eaten",
		    HI TO "BDAT 6 LAST\r\nQUIT\r\nDATA\r\n.\r\n",
		    HI_OUT TO_OUT "502:5.5.1 data 354 msg[] 250:2.0.0" },
	};
	struct smtp_server_settings s = play_settings;

	(void)state;
	PLAY(t);
	s.chunking = false;
	play_with(off, 1, &s);
}

/* Where does content end?  The slow and plain way: behind CRLF.CRLF, the
 * first line's start included.  n: nowhere. */
static size_t
plain_end(const char *p, size_t n)
{
	if (n >= 3 && memcmp(p, ".\r\n", 3) == 0)
		return 3;
	for (size_t i = 5; i <= n; i++) {
		if (memcmp(p + i - 5, "\r\n.\r\n", 5) == 0)
			return i;
	}
	return n;
}

static int
is_plain_clean(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\0' ||
		    (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n')) ||
		    (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')))
			return 0;
	}
	return 1;
}

#define EVIL "MAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\nevil\r\n.\r\n"

static const struct {
	const char *p;
	size_t n;
} ends[] = { { "", 0 }, { "\r", 1 }, { "\n", 1 }, { "\r\n", 2 }, { "\0", 1 } };
#define ENDS (sizeof ends / sizeof ends[0])

/* Of four line ends: two before the dot, two behind it. */
static void
add_smuggler(struct buf *b, size_t which, const char *dot)
{
	size_t at[4];

	for (int i = 0; i < 4; i++, which /= ENDS)
		at[i] = which % ENDS;
	assert_int_equal(buf_add(b, "a", 1), 0);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			assert_int_equal(buf_adds(b, dot), 0);
		assert_int_equal(buf_add(b, ends[at[i]].p, ends[at[i]].n), 0);
	}
	assert_int_equal(buf_adds(b, EVIL), 0);
}

/* Behind the real end of content: is EVIL a command of its own there? */
static bool
is_honest(const char *p, size_t n)
{
	while (n >= 2 && memcmp(p, "\r\n", 2) == 0) {
		p += 2;
		n -= 2;
	}
	return n > 0 && *p == 'M';
}

static void
check_smuggled(const struct buf *stream, size_t which, const char *want,
    bool evil_may_come)
{
	for (size_t step = 1; step < stream->len * 2; step += 7) {
		char *seen =
		    play_once(stream->mem + stream->start, stream->len, step);

		if (strstr(seen, want) == NULL)
			fail_msg("%zu, step %zu: wanted %s\n%s", which, step,
			    want, seen);
		if ((strstr(seen, "mail[evil") != NULL) != evil_may_come)
			fail_msg("%zu, step %zu: %s", which, step, seen);
		free(seen);
	}
}

/* CVE-2023-51764, -51765, -51766 and all their relatives. */
static void
nothing_is_smuggled_in_by_data(void **state)
{
	static const char head[] = HI TO "DATA\r\n";
	static const char *const dots[] = { ".", "..", "" };
	size_t n = ENDS * ENDS * ENDS * ENDS;

	(void)state;
	for (size_t i = 0; i < n * 3; i++) {
		const char *want = "354 msg[";
		struct buf b;
		const char *content;
		size_t len, end;

		buf_init(&b, 1000);
		assert_int_equal(buf_adds(&b, head), 0);
		add_smuggler(&b, i % n, dots[i / n]);
		content = buf_at(&b) + sizeof head - 1;
		len = b.len - (sizeof head - 1);
		end = plain_end(content, len);
		if (!is_plain_clean(content, end))
			want = "354 reset 550:5.5.2";
		check_smuggled(
		    &b, i, want, is_honest(content + end, len - end));
		buf_done(&b);
	}
}

static void
nothing_is_smuggled_in_by_bdat(void **state)
{
	size_t n = ENDS * ENDS * ENDS * ENDS;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf b, stream;

		buf_init(&b, 1000);
		buf_init(&stream, 1000);
		add_smuggler(&b, i, ".");
		assert_int_equal(
		    buf_addf(&stream, HI TO "BDAT %zu LAST\r\n", b.len), 0);
		assert_int_equal(buf_add(&stream, buf_at(&b), b.len), 0);
		check_smuggled(&stream, i,
		    is_plain_clean(buf_at(&b), b.len) ? "data msg[a"
		                                      : "data reset 550:5.5.2",
		    false);
		buf_done(&b);
		buf_done(&stream);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P1_only_crlf_ends_content),
		cmocka_unit_test(P10_content_is_what_was_sent),
		cmocka_unit_test(P13_a_real_overrun_is_read_and_refused),
		cmocka_unit_test(P14_pipelining_keeps_the_order),
		cmocka_unit_test(P18_chunks),
		cmocka_unit_test(nothing_is_smuggled_in_by_data),
		cmocka_unit_test(nothing_is_smuggled_in_by_bdat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
