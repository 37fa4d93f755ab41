/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how the rest is cut, and whether LF alone ends a line:
 * cuts change no line.  Verbs and
 * parameters of each line are taken apart as well.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_OCTETS 64

/* Lines of AUTH may be longer than the others (RFC 4954 section 4). */
static size_t
limit(struct str line)
{
	return str_starts_case(line, STR("AUTH ")) ? COMMAND_AUTH_MAX
	                                           : LINE_MAX_OCTETS;
}

static void
take_apart(struct str line)
{
	struct str verb, argument;
	struct command_param p;
	uint64_t size;

	command_split(line, &verb, &argument);
	assert(verb.len + argument.len <= line.len);
	(void)command_size(argument, &size);
	while (command_param(&argument, line.len & 1, &p) > 0) {
		assert(p.key.len > 0 && (p.has_value || p.value.len == 0));
		(void)command_size(p.value, &size);
	}
}

static void
lines(const char *p, size_t n, size_t step, bool bare_lf, struct buf *out)
{
	struct command_lines l;

	command_lines_init(&l, LINE_MAX_OCTETS);
	l.bare_lf = bare_lf;
	for (size_t at = 0, took; at < n; at += took) {
		size_t part = n - at < step ? n - at : step;
		struct str line = { "", 0 };
		enum command_status r =
		    command_lines_next(&l, p + at, part, &took, &line);

		assert(took > 0 && took <= part);
		assert(l.held.len <= limit(buf_str(&l.held)));
		if (r == COMMAND_MORE) {
			assert(took == part);
			continue;
		}
		assert(line.len + (l.had_bare ? 1 : 2) <= limit(line));
		assert(bare_lf || !l.had_bare);
		assert(buf_addf(out, "%d %d ", (int)r,
		           (int)command_is_dirty(line)) == 0);
		assert(buf_add(out, line.p, line.len) == 0);
		take_apart(line);
	}
	command_lines_done(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct buf a, b;

	if (size == 0)
		return 0;
	buf_init(&a, SIZE_MAX / 2);
	buf_init(&b, SIZE_MAX / 2);
	lines(p, size - 1, 1 + data[0] % 16, data[0] & 16, &a);
	lines(p, size - 1, size, data[0] & 16, &b);
	assert(str_eq(buf_str(&a), buf_str(&b)));
	buf_done(&a);
	buf_done(&b);
	return 0;
}
