/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool as the layers above see it: what comes in, what goes out, what is
 * there after a stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"

#include "spool_kit.h"

static int
setup(void **state)
{
	struct kit *k = mem_new(sizeof *k);

	kit_init(k);
	kit_open(k);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	kit_done(*state);
	free(*state);
	return 0;
}

/* The whole content through spool_content() is what was sent. */
static void
check_content(struct kit *k, uint64_t mid, size_t bytes)
{
	char *got = mem_new(65536), *want = mem_new(65536);
	struct err err = { 0 };
	uint64_t at = 0;
	int64_t n;

	while ((n = spool_content(k->r, mid, at, got, 65536, &err)) > 0) {
		kit_content(mid, at, want, (size_t)n);
		assert_memory_equal(got, want, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, bytes);
	free(got);
	free(want);
}

static const struct {
	const char *why;
	size_t bytes;
	uint32_t nrcpts;
	uint16_t ndeliveries;
} shapes[] = {
	{ "one byte", 1, 1, 1 },
	{ "content within msg", 1024, 1, 1 },
	{ "content just within msg", 1400, 3, 1 },
	{ "one byte more lies in body", 1401, 1, 1 },
	{ "exactly a chunk", 4080, 1, 1 },
	{ "a chunk and a byte", 4081, 1, 1 },
	{ "the most that is kept in memory", 262144, 1, 1 },
	{ "recipients that do not fit into msg", 1000, 300, 1 },
	{ "a thousand recipients", 5000, 1000, 1 },
	{ "three deliveries", 1000, 7, 3 },
	{ "many deliveries of many", 70000, 500, 20 },
	{ "content deleted by slices", 1 << 20, 1, 1 },
};

static void
a_message_of_each_shape_comes_back_and_goes(void **state)
{
	struct kit *k = *state;
	struct spool_loaded l;
	struct err err = { 0 };
	uint64_t mid;

	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		struct kit_message m = { .bytes = shapes[i].bytes,
			.nrcpts = shapes[i].nrcpts,
			.ndeliveries = shapes[i].ndeliveries };

		print_message("    %s\n", shapes[i].why);
		assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
		kit_reopen(k);
		kit_audit(k);
		for (uint16_t n = 0; n < m.ndeliveries; n++) {
			assert_int_equal(spool_load(k->r, mid, n, &l, &err), 0);
			assert_int_equal(l.env->nrcpts, m.nrcpts);
			assert_string_equal(
			    l.env->sender, "sender@example.com");
			assert_null(l.env->helo);
			assert_string_equal(
			    l.env->rcpts[0].address, "rcpt0@example.net");
			assert_int_equal(l.env->size, m.bytes);
			if (m.bytes <= 65536)
				assert_int_equal(l.env->crc32c,
				    crc32c(0, body_str(l.env->body).p,
				        body_str(l.env->body).len));
			else
				assert_null(l.env->body);
			envelope_free(&l.env);
		}
		check_content(k, mid, m.bytes);
		for (uint16_t n = 0; n < m.ndeliveries; n++) {
			assert_int_equal(kit_deliver(k, mid, n), SPOOL_DONE);
			kit_audit(k);
		}
		assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 1);
	}
	kit_reopen(k);
	kit_audit(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_message_of_each_shape_comes_back_and_goes, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
