/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/sendmail_turn.h"

/* What is said and heard in turn, and what is owed behind the last of it. */
static const struct {
	const char *why, *said[4], *heard[4];
	uint64_t owed;
	bool is_over;
} rows[] = {
	{ "a greeting", { "" }, { "" }, 1, false },
	{ "greeted", { "" }, { "220 x\r\n" }, 0, false },
	{ "a part of a greeting", { "" }, { "220-x\r\n220 y" }, 1, false },
	{ "lines of a reply", { "", "EHLO x\r\n" },
	    { "220 x\r\n", "250-x\r\n250-y\r\n" }, 1, false },
	{ "a code alone", { "", "EHLO x\r\n" },
	    { "220 x\r\n", "250-x\r\n250\r\n" }, 0, false },
	{ "a command without its end", { "EHLO x" }, { "220 x\r\n" }, 0,
	    false },
	{ "a group, answered in part",
	    { "", "MAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\n" },
	    { "220 x\r\n", "250 Ok\r\n250 Ok\r\n" }, 1, false },
	{ "a message", { "DATA\r\n", "a\r\n..\r\n.x\r\n" },
	    { "220 x\r\n354 Go\r\n", "" }, 0, false },
	{ "its dot", { "DATA\r\n", "a\r\n.\r\n" },
	    { "220 x\r\n354 Go\r\n", "" }, 1, false },
	{ "its dot in pieces", { "DATA\n", ".", "\n" },
	    { "220 x\r\n354 Go\r\n", "", "" }, 1, false },
	{ "its answer", { "DATA\r\n", "a\r\n.\r\n", "NOOP\r\n" },
	    { "220 x\r\n354 Go\r\n", "250 Ok\r\n", "" }, 1, false },
	{ "a chunk", { "bdat 6 LAST\r\na\r\nb\r\n" }, { "220 x\r\n" }, 1,
	    false },
	{ "a command behind a chunk", { "BDAT 3\r\na\r", "\nRSET\r\n" },
	    { "220 x\r\n", "" }, 2, false },
	{ "no size of a chunk", { "BDAT 99999999999999999999\r\nRSET\r\n" },
	    { "220 x\r\n" }, 2, false },
	{ "answers of a login", { "AUTH LOGIN\r\n", "YQ==\r\n" },
	    { "220 x\r\n334 \r\n", "334 \r\n" }, 0, false },
	{ "content behind a DATA", { "DATA\r\na\r\nBDAT 9\r\n.\r\n" },
	    { "220 x\r\n354 Go\r\n" }, 1, false },
	{ "its answer", { "DATA\r\na\r\n.\r\n" },
	    { "220 x\r\n354 Go\r\n250 Ok\r\n" }, 0, false },
	{ "some of it behind a DATA", { "DATA\r\na\r\n", "b\r\n.\r\n" },
	    { "220 x\r\n354 Go\r\n", "" }, 1, false },
	{ "commands behind its dot", { "DATA\r\n.\r\nRSET\r\nRSET\r\n" },
	    { "220 x\r\n354 Go\r\n250 Ok\r\n" }, 2, false },
	{ "commands behind a DATA that is refused", { "DATA\r\nRSET\r\n" },
	    { "220 x\r\n503 No\r\n" }, 1, false },
	{ "what nobody asked for", { "" }, { "220 x\r\n250 x\r\n" }, 0, false },
	{ "a farewell", { "QUIT\r\n" }, { "220 x\r\n221 Bye\r\n" }, 0, true },
	{ "an end amid a group", { "RSET\r\nRSET\r\n" },
	    { "220 x\r\n421 Too many\r\n" }, 1, true },
};

static void
it_is_known_who_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sendmail_turn t;

		sendmail_turn_init(&t);
		for (size_t k = 0; k < 4 && rows[i].said[k] != NULL; k++) {
			const char *said = rows[i].said[k];
			const char *heard = rows[i].heard[k];

			sendmail_turn_said(&t, said, strlen(said));
			sendmail_turn_heard(&t, heard, strlen(heard));
		}
		if (t.owed != rows[i].owed ||
		    sendmail_turn_is_over(&t) != rows[i].is_over)
			fail_msg("%s: %u owed", rows[i].why, (unsigned)t.owed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_known_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
