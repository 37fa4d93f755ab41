/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/mail/header.h"

static const struct {
	const char *why, *in;
	unsigned received;
	const char *fields; /* d f m o: Date, From, Message-ID, over */
	const char *id;
} rows[] = {
	{ "a usual header",
	    "Received: from a\r\n\tby b\r\nReceived: c\r\nFrom: x\r\n"
	    "Date: y\r\nMessage-ID: <a@b>\r\n\r\nReceived: body\r\n",
	    2, "dfmo", "<a@b>" },
	{ "case and white space before the colon do not matter",
	    "RECEIVED : x\r\nmessage-id\t: <a>\r\n", 1, "m", "<a>" },
	{ "a folded line is not a field",
	    "Subject: x\r\n Received: y\r\n\tFrom: z\r\n\r\n", 0, "o", "" },
	{ "a folded Message-ID is one line again",
	    "Message-ID:\r\n <a\r\n\t @b> \r\nDate: x\r\n", 0, "dm", "<a @b>" },
	{ "the first Message-ID counts",
	    "Message-ID: <a>\r\nMessage-ID: <b>\r\n c\r\n", 0, "m", "<a>" },
	{ "also when it is empty", "Message-ID: \r\nMessage-ID: <b>\r\n", 0,
	    "m", "" },
	{ "its control bytes are left out", "Message-ID: <a\x01\x7f>\r\n", 0,
	    "m", "<a>" },
	{ "names that only begin alike",
	    "Received-SPF: x\r\nFro: x\r\nDates: x\r\nX-From: x\r\n", 0, "",
	    "" },
	{ "a line without a colon is none", "Received\r\nFrom\r\nDate : x\r\n",
	    0, "d", "" },
	{ "nor is one with two words before it", "From x: y\r\n", 0, "", "" },
	{ "no header at all", "\r\nFrom: x\r\n", 0, "o", "" },
	{ "nothing at all", "", 0, "", "" },
	{ "a bare CR is no empty line", "\rDate: x\r\nFrom: y\r\n", 0, "f",
	    "" },
	{ "a colon first", ": x\r\nFrom: y\r\n", 0, "f", "" },
	{ "a name too long to matter",
	    "Received-Received-Received: x\r\nFrom: y\r\n", 0, "f", "" },
	{ "the end is not there yet", "From: x\r\nMessage-ID: <a", 0, "fm",
	    "<a" },
};

static void
check(size_t row, size_t step)
{
	const char *in = rows[row].in, *want = rows[row].fields;
	size_t n = strlen(in);
	struct header_scan h;
	char fields[5] = "";

	header_scan_init(&h);
	for (size_t at = 0; at < n; at += step)
		header_scan(&h, in + at, n - at < step ? n - at : step);
	strcat(fields, h.has_date ? "d" : "");
	strcat(fields, h.has_from ? "f" : "");
	strcat(fields, h.has_message_id ? "m" : "");
	strcat(fields, h.is_over ? "o" : "");
	if (h.received != rows[row].received || strcmp(fields, want) != 0 ||
	    !str_eq(header_scan_id(&h), str_of(rows[row].id)))
		fail_msg("%s (step %zu): %u, %s, '%.*s'", rows[row].why, step,
		    h.received, fields, (int)header_scan_id(&h).len,
		    header_scan_id(&h).p);
}

static void
fields_are_found_however_the_input_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t step = 1; step < 120; step++)
			check(i, step);
	}
}

static void
a_long_message_id_is_cut(void **state)
{
	struct header_scan h;

	(void)state;
	header_scan_init(&h);
	header_scan(&h, "Message-ID: ", 12);
	for (int i = 0; i < 1000; i++)
		header_scan(&h, "x", 1);
	header_scan(&h, "\r\n y\r\n\r\n", 8);
	assert_int_equal(header_scan_id(&h).len, HEADER_ID_MAX);
	assert_true(h.is_over);
}

static void
P12_a_hundred_received_are_counted(void **state)
{
	struct header_scan h;

	(void)state;
	header_scan_init(&h);
	for (int i = 0; i < 101; i++)
		header_scan(&h, "Received: x\r\n", 13);
	assert_int_equal(h.received, 101);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_however_the_input_is_cut),
		cmocka_unit_test(a_long_message_id_is_cut),
		cmocka_unit_test(P12_a_hundred_received_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
