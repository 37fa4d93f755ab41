/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields are what lies between "|" of the input, used in turn.  Whatever they
 * hold, the report is lines of at most 998 octets with the parts it ought to
 * have, and says rightly whether it has 8 bits.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/dsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RCPTS = 3 };

static void
check_lines(struct str s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.len; i++) {
		assert(s.p[i] != '\0');
		if (s.p[i] == '\n') {
			assert(line > 0 && s.p[i - 1] == '\r' && line <= 999);
			line = 0;
			continue;
		}
		assert(line == 0 || s.p[i - 1] != '\r');
		line++;
	}
	assert(line == 0);
}

static size_t
count(struct str s, const char *needle)
{
	size_t n = 0, len = strlen(needle);

	for (size_t i = 0; i + len <= s.len; i++)
		n += memcmp(s.p + i, needle, len) == 0;
	return n;
}

static void
check_parts(struct str s, const struct dsn_report *r)
{
	char line[100];
	const char *p = s.p;

	while (memcmp(p, "\tboundary=\"", 11) != 0)
		p++;
	p += 11;
	snprintf(line, sizeof line, "\r\n--%.*s", (int)strcspn(p, "\""), p);
	/* The report's own end, and one for each part; somebody's words may
	 * hold the boundary, but not at a line's start. */
	assert(count(s, line) == (r->returned.len > 0 ? 4 : 3));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	unsigned kind = size > 0 ? data[0] : 0;
	struct dsn_rcpt rcpt[RCPTS];
	struct dsn_report r = { .hostname = "relay.example",
		.now_ms = 1700000000123,
		.arrival_ms = 1600000000000,
		.rcpts = rcpt,
		.full = kind & 1,
		.nrcpts = 1 + (kind >> 1) % RCPTS };
	char *status = NULL;
	struct dsn_needs needs;
	struct buf b;

	r.from = str_cut(&in, '|');
	r.to = str_cut(&in, '|');
	r.id = str_cut(&in, '|');
	r.message_id = str_cut(&in, '|');
	r.envid = str_cut(&in, '|');
	r.returned = str_cut(&in, '|');
	for (size_t i = 0; i < RCPTS; i++) {
		struct str word;

		rcpt[i] = (struct dsn_rcpt){
			.action = (enum dsn_action)((kind >> 3) + i) % 4,
			.code = kind & 64 ? 550 : 0
		};
		rcpt[i].address = str_cut(&in, '|');
		rcpt[i].orcpt = str_cut(&in, '|');
		rcpt[i].text = str_cut(&in, '|');
		rcpt[i].remote_mta = str_cut(&in, '|');
		word = str_cut(&in, '|');
		free(status);
		status = mem_strn(word.p, word.len);
		rcpt[i].status = i == 0 ? NULL : status;
	}
	for (size_t i = 1; i < RCPTS; i++)
		rcpt[i].status = status;
	buf_init(&b, SIZE_MAX / 4);
	assert(dsn_build(&b, &r, &needs) == 0);
	check_lines(buf_str(&b));
	check_parts(buf_str(&b), &r);
	assert(needs.eight_bit == !str_is_ascii(buf_str(&b)));
	buf_done(&b);
	free(status);
	return 0;
}
