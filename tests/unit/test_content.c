/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"

#include "intake/content.h"

#include "fake_spool.h"

#define K 1024u

static void
fill(char *p, size_t n, size_t from)
{
	static const char text[] =
	    "All work and no play makes a dull boy of him and of her. ";

	for (size_t i = 0; i < n; i++)
		p[i] = text[(from + i) % (sizeof text - 1)];
}

/* Is it Received and then n bytes of fill()? */
static void
check_content(const struct fake_accepted *a, size_t n)
{
	struct str got = buf_str(&a->content);
	char *want = mem_new(n + 1);

	fill(want, n, 0);
	assert_true(got.len > n);
	assert_memory_equal(got.p, "Received:", 9);
	if (memcmp(got.p + got.len - n, want, n) != 0)
		fail_msg("%zu bytes: not the same", n);
	assert_int_equal(a->env->size, got.len);
	assert_int_equal(a->env->crc32c, crc32c(0, got.p, got.len));
	free(want);
}

/* A client that sends n bytes in parts, waiting where it is told to. */
static void
send_all(struct fake_client *c, size_t n, size_t part)
{
	char *p = mem_new(part);

	for (size_t at = 0; at < n; at += part) {
		size_t now = n - at < part ? n - at : part;

		while (c->is_paused)
			assert_true(fake_answer(SPOOL_DONE));
		fill(p, now, at);
		fake_body(c, p, now);
	}
	free(p);
}

static void
any_size_in_any_parts_arrives(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 64 * K - 1, 64 * K,
		255 * K, 256 * K - 1, 256 * K, 256 * K + 1, 384 * K, 1024 * K,
		5000 * K + 7 };
	static const size_t parts[] = { 997, 4096, 64 * K };
	struct intake *i = fake_intake(&fake_rules);
	size_t n = 0;

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
			struct fake_client c;

			fake_begin(i, &c);
			send_all(&c, sizes[s], parts[p]);
			assert_int_equal(fake_end(&c), 0);
			fake_answer_all(SPOOL_DONE);
			assert_int_equal(c.reply.code, 250);
			check_content(&fake.accepted[n++], sizes[s]);
			assert_int_equal(fake.memory, 0);
		}
	}
	assert_int_equal(fake.stages_queued_peak, CONTENT_SLICES);
	assert_int_equal(fake.naborted, 0);
	assert_in_range(fake.memory_peak, 256 * K, 640 * K);
	intake_free(&i);
	fake_reset();
}

static void
what_fits_in_memory_is_not_staged(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	send_all(&c, 255 * K, 64 * K);
	assert_int_equal(fake.queued, 0);
	assert_int_equal(c.resumed, 0);
	assert_int_equal(fake_end(&c), 0);
	assert_int_equal(fake.queued, 1);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(fake.memory, 0);
	intake_free(&i);
	fake_reset();
}

static void
a_small_message_takes_nothing_of_the_budget(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake.memory_max = 0;
	fake_begin(i, &c);
	send_all(&c, 2 * K, 2 * K);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(c.reply.code, 250);
	assert_int_equal(fake.memory_peak, 0);
	intake_free(&i);
	fake_reset();
}

/* --- the budget
 * ---------------------------------------------------------------
 */

#define CLIENTS 40
#define EACH (300 * K)

static bool
push_one(struct fake_client *c, size_t *sent)
{
	char part[8 * K];
	size_t n = EACH - *sent < sizeof part ? EACH - *sent : sizeof part;

	if (c->is_ended || c->is_paused)
		return false;
	if (n == 0) {
		assert_int_equal(fake_end(c), 0);
		return true;
	}
	fill(part, n, *sent);
	fake_body(c, part, n);
	*sent += n;
	return true;
}

/* All clients send at once; the spool answers one operation a round. */
static void
crowd(struct intake *i)
{
	static struct fake_client c[CLIENTS];
	size_t sent[CLIENTS] = { 0 };
	bool moved = true;

	for (size_t n = 0; n < CLIENTS; n++)
		fake_begin(i, &c[n]);
	while (moved) {
		moved = false;
		for (size_t n = 0; n < CLIENTS; n++)
			moved = push_one(&c[n], &sent[n]) || moved;
		moved = fake_answer(SPOOL_DONE) || moved;
	}
	for (size_t n = 0; n < CLIENTS; n++) {
		if (!c[n].is_answered || c[n].reply.code != 250)
			fail_msg("client %zu hangs at %zu", n, sent[n]);
		check_content(&fake.accepted[n], EACH);
	}
	assert_int_equal(fake.memory, 0);
	assert_int_equal(intake_pending(i), 0);
}

static void
with_little_memory_all_come_through(void **state)
{
	static const size_t budgets[] = { 0, 4 * K, 64 * K, 256 * K, 1024 * K,
		8192 * K };

	(void)state;
	for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
		struct intake *i = fake_intake(&fake_rules);

		fake.memory_max = budgets[b];
		crowd(i);
		intake_free(&i);
		fake_reset();
	}
}

static void
without_memory_a_client_waits_for_somebodys_answer(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client small, big;

	(void)state;
	fake.memory_max = 16 * K;
	fake_begin(i, &small);
	send_all(&small, 12 * K, 12 * K);
	assert_int_equal(fake_end(&small), 0);
	fake_begin(i, &big);
	send_all(&big, 12 * K, 12 * K);
	assert_true(big.is_paused); /* so little is not worth a slice */
	assert_int_equal(fake.queued, 1);
	assert_true(fake_answer(SPOOL_DONE));
	assert_true(small.is_answered);
	assert_false(big.is_paused);
	assert_int_equal(big.resumed, 1);
	assert_int_equal(fake_end(&big), 0);
	fake_answer_all(SPOOL_DONE);
	check_content(&fake.accepted[1], 12 * K);
	intake_free(&i);
	fake_reset();
}

/* Each holds a part of a slice, together all the memory there is: they need
 * not wait for each other. */
static void
without_memory_many_stage_at_once(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	static struct fake_client c[10];

	(void)state;
	fake.memory_max = 0;
	for (size_t n = 0; n < 10; n++) {
		fake_begin(i, &c[n]);
		send_all(&c[n], 20 * K, 20 * K);
		assert_true(c[n].is_paused);
		assert_int_equal(fake.queued, n + 1);
	}
	fake_answer_all(SPOOL_DONE);
	for (size_t n = 0; n < 10; n++) {
		assert_int_equal(c[n].resumed, 1);
		assert_int_equal(fake_end(&c[n]), 0);
	}
	fake_answer_all(SPOOL_DONE);
	for (size_t n = 0; n < 10; n++)
		check_content(&fake.accepted[n], 20 * K);
	assert_int_equal(fake.memory, 0);
	intake_free(&i);
	fake_reset();
}

static void
when_nobody_is_to_answer_it_stages_what_it_has(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c, d;

	(void)state;
	fake.memory_max = 0;
	fake_begin(i, &c);
	send_all(&c, 8 * K, 8 * K);
	assert_true(c.is_paused);
	assert_int_equal(fake_slices_queued(0), 0);
	assert_int_equal(fake.queued, 1);
	fake_begin(i, &d);
	send_all(&d, 8 * K, 8 * K);
	assert_true(d.is_paused); /* it waits for c's answer */
	assert_int_equal(fake.queued, 1);
	assert_true(fake_answer(SPOOL_DONE));
	assert_false(c.is_paused);
	assert_true(d.is_paused); /* and then stages on its own */
	assert_int_equal(fake.queued, 1);
	assert_true(fake_answer(SPOOL_DONE));
	assert_false(d.is_paused);
	assert_int_equal(fake_end(&c), 0);
	assert_int_equal(fake_end(&d), 0);
	fake_answer_all(SPOOL_DONE);
	check_content(&fake.accepted[0], 8 * K);
	check_content(&fake.accepted[1], 8 * K);
	intake_free(&i);
	fake_reset();
}

static void
a_busy_spool_makes_clients_wait(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c, d;

	(void)state;
	fake.is_busy = true;
	fake_begin(i, &c);
	send_all(&c, 1 * K, 1 * K);
	assert_false(c.is_paused); /* no answer would come to wake it */
	assert_int_equal(fake_end(&c), 0);
	fake_begin(i, &d);
	send_all(&d, 1 * K, 1 * K);
	assert_true(d.is_paused);
	assert_true(fake_answer(SPOOL_DONE));
	assert_false(d.is_paused);
	assert_int_equal(fake_end(&d), 0);
	fake_answer_all(SPOOL_DONE);
	intake_free(&i);
	fake_reset();
}

static void
the_end_may_come_while_it_is_paused(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c, d;

	(void)state;
	fake.is_busy = true;
	fake_begin(i, &c);
	assert_int_equal(fake_end(&c), 0);
	fake_begin(i, &d);
	send_all(&d, 1 * K, 1 * K);
	assert_true(d.is_paused);
	assert_int_equal(fake_end(&d), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(d.reply.code, 250);
	assert_int_equal(d.resumed, 0);
	check_content(&fake.accepted[1], 1 * K);
	intake_free(&i);
	fake_reset();
}

/* --- what goes wrong ---------------------------------------------------------
 */

static void
a_slice_that_fails_fails_the_message(void **state)
{
	static const struct {
		enum spool_result result;
		unsigned code;
	} rows[] = { { SPOOL_FULL, 452 }, { SPOOL_FAILED, 451 } };

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct intake *i = fake_intake(&fake_rules);
		struct fake_client c;

		fake_begin(i, &c);
		send_all(&c, 512 * K, 64 * K);
		while (!c.is_paused)
			send_all(&c, 64 * K, 64 * K);
		assert_true(fake_answer(rows[n].result));
		assert_false(c.is_paused); /* what comes is let go */
		send_all(&c, 1024 * K, 64 * K);
		fake_answer_all(SPOOL_DONE);
		assert_int_equal(fake.memory, 0);
		assert_int_equal(fake_end(&c), rows[n].code);
		assert_int_equal(fake.naborted, 1);
		assert_int_equal(fake.naccepted, 0);
		intake_free(&i);
		fake_reset();
	}
}

static void
the_last_slice_may_fail_as_well(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	send_all(&c, 300 * K, 64 * K);
	assert_int_equal(fake_end(&c), 0);
	assert_int_equal(fake.queued, 2); /* no accept before they are there */
	assert_true(fake_answer(SPOOL_DONE));
	assert_true(fake_answer(SPOOL_FULL));
	assert_true(c.is_answered);
	assert_int_equal(c.reply.code, 452);
	assert_int_equal(fake.naborted, 1);
	assert_int_equal(intake_pending(i), 0);
	intake_free(&i);
	fake_reset();
}

static void
an_accept_that_fails_lets_the_slices_go(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	send_all(&c, 300 * K, 64 * K);
	assert_int_equal(fake_end(&c), 0);
	assert_true(fake_answer(SPOOL_DONE));
	assert_true(fake_answer(SPOOL_DONE));
	assert_true(fake_answer(SPOOL_FAILED));
	assert_int_equal(c.reply.code, 451);
	assert_int_equal(fake.naborted, 1);
	intake_free(&i);
	fake_reset();
}

static unsigned idles;

static void
on_idle(void *arg)
{
	(void)arg;
	idles++;
}

static void
a_client_may_go_at_any_time(void **state)
{
	static const size_t sizes[] = { 0, 100, 100 * K, 256 * K, 300 * K,
		600 * K };

	(void)state;
	for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
		struct intake *i = fake_intake(&fake_rules);
		struct fake_client c;
		size_t slices;

		idles = 0;
		intake_on_idle(i, on_idle, NULL);
		fake_begin(i, &c);
		send_all(&c, sizes[n], 32 * K);
		slices = fake.queued;
		intake_abort(&c.m);
		assert_int_equal(fake.queued, slices);
		assert_int_equal(intake_pending(i), slices);
		fake_answer_all(SPOOL_DONE);
		assert_int_equal(intake_pending(i), 0);
		assert_int_equal(idles, slices > 0 ? 1 : 0);
		assert_int_equal(fake.memory, 0);
		assert_int_equal(c.is_answered, 0);
		intake_free(&i);
		assert_int_equal(fake.naccepted, 0);
		fake_reset();
	}
}

static void
too_big_is_found_out_while_slices_are_under_way(void **state)
{
	struct intake_settings rules = fake_rules;
	struct intake *i;
	struct fake_client c;

	(void)state;
	rules.size_max = 500 * K;
	i = fake_intake(&rules);
	fake_begin(i, &c);
	send_all(&c, 384 * K, 128 * K);
	while (c.is_paused)
		assert_true(fake_answer(SPOOL_DONE));
	send_all(&c, 128 * K, 128 * K);
	assert_int_equal(fake.naborted, 1);
	send_all(&c, 1024 * K, 128 * K);
	assert_int_equal(fake_end(&c), 552);
	assert_int_equal(fake.naborted, 1);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(fake.memory, 0);
	intake_free(&i);
	fake_reset();
}

static void
a_message_whose_client_is_gone_is_kept(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	send_all(&c, 300 * K, 64 * K);
	assert_int_equal(fake_end(&c), 0);
	intake_forget(c.m);
	fake_answer_all(SPOOL_DONE);
	assert_false(c.is_answered);
	assert_int_equal(fake.naccepted, 1);
	check_content(&fake.accepted[0], 300 * K);
	intake_free(&i);
	fake_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size_in_any_parts_arrives),
		cmocka_unit_test(what_fits_in_memory_is_not_staged),
		cmocka_unit_test(a_small_message_takes_nothing_of_the_budget),
		cmocka_unit_test(with_little_memory_all_come_through),
		cmocka_unit_test(
		    without_memory_a_client_waits_for_somebodys_answer),
		cmocka_unit_test(without_memory_many_stage_at_once),
		cmocka_unit_test(
		    when_nobody_is_to_answer_it_stages_what_it_has),
		cmocka_unit_test(a_busy_spool_makes_clients_wait),
		cmocka_unit_test(the_end_may_come_while_it_is_paused),
		cmocka_unit_test(a_slice_that_fails_fails_the_message),
		cmocka_unit_test(the_last_slice_may_fail_as_well),
		cmocka_unit_test(an_accept_that_fails_lets_the_slices_go),
		cmocka_unit_test(a_client_may_go_at_any_time),
		cmocka_unit_test(
		    too_big_is_found_out_while_slices_are_under_way),
		cmocka_unit_test(a_message_whose_client_is_gone_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
