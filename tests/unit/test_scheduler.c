/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler over a real spool; and the keys in hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/spool/envelope.h"

#include "relay/keyset.h"
#include "relay/scheduler.h"

#include "spool_kit.h"

#define ROUTE 1
#define NOW 1000000

struct bench {
	struct kit k;
	struct keyset *inhand;
	struct scheduler *s;
	struct keyset_node *node[8192];
	size_t nnodes;
};

static int
setup(void **state)
{
	struct bench *b = mem_new(sizeof *b);

	kit_init(&b->k);
	kit_open(&b->k);
	b->inhand = keyset_new();
	b->s = scheduler_new(ROUTE, b->k.r, b->inhand);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	while (b->nnodes > 0)
		free(b->node[--b->nnodes]);
	scheduler_free(&b->s);
	keyset_free(&b->inhand);
	kit_done(&b->k);
	free(b);
	return 0;
}

/* A message with one delivery; its key. */
static struct spool_key
add(struct bench *b, int priority, int lane, int64_t due_ms)
{
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	struct spool_accept *a = mem_new(sizeof *a);
	struct spool_key key = { .route = ROUTE,
		.priority = (uint8_t)priority,
		.lane = (uint8_t)lane,
		.due_ms = due_ms };

	a->env = kit_envelope(&b->k, &m);
	key.mid = a->env->mid;
	a->ndeliveries = 1;
	a->first = (struct spool_delivery){ .route = ROUTE,
		.priority = key.priority,
		.lane = key.lane,
		.due_ms = due_ms };
	kit_op(&b->k, &a->op);
	spool_accept(b->k.sp, a);
	return key;
}

static void
committed(struct bench *b)
{
	kit_wait(&b->k);
}

static bool
take_of(struct bench *b, enum spool_priority priority, struct spool_key *key)
{
	struct keyset_node *node;

	if (!scheduler_take(b->s, priority, NOW, key))
		return false;
	node = mem_new(sizeof *node);
	node->mid = key->mid;
	node->n = key->n;
	assert_false(keyset_has(b->inhand, key->mid, key->n));
	keyset_add(b->inhand, node);
	b->node[b->nnodes++] = node;
	return true;
}

static bool
take(struct bench *b, struct spool_key *key)
{
	return take_of(b, SPOOL_NORMAL, key);
}

static void
give(struct bench *b, size_t i, const struct spool_key *key)
{
	keyset_del(b->inhand, b->node[i]);
	scheduler_put(b->s, key);
}

static void
expect(struct bench *b, const struct spool_key *want, const char *why)
{
	struct spool_key key;

	if (!take(b, &key))
		fail_msg("%s: nothing", why);
	if (key.mid != want->mid)
		fail_msg("%s: another", why);
}

static void
nothing(struct bench *b, const char *why)
{
	struct spool_key key;

	if (take(b, &key))
		fail_msg("%s", why);
}

static void
keys_come_in_the_order_of_their_due_times(void **state)
{
	struct bench *b = *state;
	struct spool_key late = add(b, SPOOL_NORMAL, 0, NOW - 10);
	struct spool_key early = add(b, SPOOL_NORMAL, 0, NOW - 20);
	struct spool_key future = add(b, SPOOL_NORMAL, 0, NOW + 5);

	committed(b);
	expect(b, &early, "the earlier one");
	expect(b, &late, "the later one");
	nothing(b, "not before it is due");
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), NOW + 5);
	assert_true(scheduler_take(b->s, SPOOL_NORMAL, NOW + 5, &late));
	assert_int_equal(late.mid, future.mid);
}

static void
an_empty_spool_is_not_asked_again(void **state)
{
	struct bench *b = *state;

	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), 0);
	nothing(b, "it is empty");
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), INT64_MAX);
}

static void
a_key_before_the_cursor_is_found(void **state)
{
	struct bench *b = *state;
	struct spool_key first = add(b, SPOOL_NORMAL, 0, NOW - 10);
	struct spool_key older;

	committed(b);
	expect(b, &first, "the first");
	older = add(b, SPOOL_NORMAL, 0, NOW - 500);
	committed(b);
	nothing(b, "nobody has told yet");
	scheduler_put(b->s, &older);
	expect(b, &older, "told");
	nothing(b, "the first is in hand");
	give(b, 0, &first);
	expect(b, &first, "it came back");
}

static void
a_key_within_the_page_at_hand_keeps_its_turn(void **state)
{
	struct bench *b = *state;
	struct spool_key one = add(b, SPOOL_NORMAL, 0, NOW - 30);
	struct spool_key three = add(b, SPOOL_NORMAL, 0, NOW - 10);
	struct spool_key two;

	committed(b);
	expect(b, &one, "one");
	two = add(b, SPOOL_NORMAL, 0, NOW - 20);
	committed(b);
	scheduler_put(b->s, &two);
	expect(b, &two, "two");
	expect(b, &three, "three");
}

static void
pages_follow_each_other(void **state)
{
	struct bench *b = *state;
	struct spool_key key;
	uint64_t last = 0;

	for (int i = 0; i < 500; i++)
		add(b, SPOOL_NORMAL, 0, NOW - 1);
	committed(b);
	for (int i = 0; i < 500; i++) {
		assert_true(take(b, &key));
		assert_true(key.mid > last);
		last = key.mid;
	}
	nothing(b, "all are in hand");
	/* From the start again: all in hand are passed over. */
	key.mid = 1;
	scheduler_put(b->s, &key);
	nothing(b, "still in hand");
}

static void
each_priority_has_its_own_order(void **state)
{
	struct bench *b = *state;
	struct spool_key low = add(b, SPOOL_LOW, 0, NOW - 9);
	struct spool_key high;
	struct spool_key key;

	committed(b);
	nothing(b, "no normal one");
	assert_false(take_of(b, SPOOL_HIGH, &key));
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_HIGH), INT64_MAX);
	high = add(b, SPOOL_HIGH, 0, NOW - 1);
	committed(b);
	scheduler_put(b->s, &high);
	assert_true(take_of(b, SPOOL_HIGH, &key));
	assert_int_equal(key.mid, high.mid);
	assert_true(take_of(b, SPOOL_LOW, &key));
	assert_int_equal(key.mid, low.mid);
}

static void
lanes_take_turns(void **state)
{
	struct bench *b = *state;
	unsigned n[256] = { 0 };
	struct spool_key key;

	for (int i = 0; i < 200; i++)
		add(b, SPOOL_NORMAL, 7, NOW - 100);
	for (int i = 0; i < 40; i++)
		add(b, SPOOL_NORMAL, 255, NOW - 1);
	for (int i = 0; i < 40; i++)
		add(b, SPOOL_NORMAL, 0, NOW - 1);
	committed(b);
	for (int i = 0; i < 96; i++) {
		assert_true(take(b, &key));
		n[key.lane]++;
	}
	assert_int_equal(n[0], 32);
	assert_int_equal(n[7], 32);
	assert_int_equal(n[255], 32);
	for (int i = 0; i < 184; i++)
		assert_true(take(b, &key));
	nothing(b, "all lanes are empty");
}

/* Someone who sends a lot has filled the page that is at hand. */
static void
a_new_lane_does_not_wait_for_the_page_at_hand(void **state)
{
	struct bench *b = *state;
	struct spool_key key;
	struct spool_key other;

	for (int i = 0; i < 200; i++)
		add(b, SPOOL_NORMAL, 7, NOW - 100);
	committed(b);
	assert_true(take(b, &key));
	other = add(b, SPOOL_NORMAL, 9, NOW - 1);
	committed(b);
	scheduler_put(b->s, &other);
	expect(b, &other, "its turn");
	assert_true(take(b, &key));
	assert_int_equal(key.lane, 7);
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), INT64_MIN);
}

/* What is due later in many lanes is not looked at for each key of another. */
static void
lanes_that_wait_cost_nothing_and_wake_in_time(void **state)
{
	struct bench *b = *state;
	struct spool_key key;
	struct spool_key sooner;

	for (int lane = 1; lane < 200; lane++)
		add(b, SPOOL_NORMAL, lane, NOW + 1000 + lane);
	add(b, SPOOL_NORMAL, 0, NOW);
	committed(b);
	assert_true(take(b, &key));
	assert_int_equal(key.lane, 0);
	nothing(b, "the others are not due");
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), NOW + 1001);
	sooner = add(b, SPOOL_NORMAL, 50, NOW + 500);
	committed(b);
	scheduler_put(b->s, &sooner);
	assert_int_equal(scheduler_next_ms(b->s, SPOOL_NORMAL), NOW + 500);
	assert_true(scheduler_take(b->s, SPOOL_NORMAL, NOW + 500, &key));
	assert_int_equal(key.mid, sooner.mid);
}

static void
keys_of_one_message_are_told_apart(void **state)
{
	struct keyset *set = keyset_new();
	struct keyset_node a = { .mid = 5, .n = 0 }, b = { .mid = 5, .n = 1 },
	                   c = { .mid = 6, .n = 0 };

	(void)state;
	keyset_add(set, &a);
	keyset_add(set, &b);
	keyset_add(set, &c);
	assert_int_equal(keyset_count(set), 3);
	assert_true(keyset_has(set, 5, 0));
	assert_true(keyset_has(set, 5, 1));
	assert_false(keyset_has(set, 5, 2));
	keyset_del(set, &a);
	assert_false(keyset_has(set, 5, 0));
	assert_true(keyset_has(set, 5, 1));
	keyset_del(set, &b);
	assert_false(keyset_has(set, 5, 1));
	assert_ptr_equal(keyset_any(set), &c);
	keyset_del(set, &c);
	assert_null(keyset_any(set));
	keyset_free(&set);
	keyset_free(&set);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(keys_come_in_the_order_of_their_due_times),
		WITH(an_empty_spool_is_not_asked_again),
		WITH(a_key_before_the_cursor_is_found),
		WITH(a_key_within_the_page_at_hand_keeps_its_turn),
		WITH(pages_follow_each_other),
		WITH(each_priority_has_its_own_order),
		WITH(lanes_take_turns),
		WITH(a_new_lane_does_not_wait_for_the_page_at_hand),
		WITH(lanes_that_wait_cost_nothing_and_wake_in_time),
		cmocka_unit_test(keys_of_one_message_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
