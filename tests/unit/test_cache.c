/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay remembers: envelopes at hand, refused senders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "postern/spool/body.h"
#include "postern/spool/envelope.h"

#include "relay/cache.h"
#include "relay/identity.h"

static struct envelope *
make(uint64_t mid, size_t bytes)
{
	static char content[4096];
	struct envelope_rcpt rcpt = { .address = "a@b" };
	struct envelope e = { .mid = mid,
		.size = bytes,
		.sender = "s@t",
		.client = "local",
		.listener = "test",
		.nrcpts = 1,
		.rcpts = &rcpt,
		.body = body_new(bytes) };
	struct envelope *made;

	assert_int_equal(body_add(e.body, content, bytes), 0);
	made = envelope_new(&e);
	body_free(&e.body);
	return made;
}

static void
drop(struct envelope *e)
{
	assert_non_null(e);
	envelope_free(&e);
}

static void
each_put_is_taken_once(void **state)
{
	struct cache *c = cache_new(1 << 20);
	struct envelope *e = make(7, 100);

	(void)state;
	cache_put(c, envelope_ref(e), 0);
	cache_put(c, e, 0); /* the message's other delivery */
	drop(cache_take(c, 7));
	drop(cache_take(c, 7));
	assert_null(cache_take(c, 7));
	assert_null(cache_take(c, 8));
	assert_int_equal(cache_bytes(c), 0);
	cache_put(c, make(7, 100), 0);
	drop(cache_take(c, 7));
	cache_free(&c);
	cache_free(&c);
}

static void
it_holds_no_more_than_its_bytes(void **state)
{
	struct cache *c = cache_new(10000);

	(void)state;
	for (uint64_t mid = 1; mid <= 10; mid++)
		cache_put(c, make(mid, 4000), mid);
	assert_true(cache_bytes(c) <= 10000);
	drop(cache_take(c, 1)); /* the oldest stay: they are due first */
	assert_null(cache_take(c, 10));
	cache_put(c, make(11, 4000), 11);
	drop(cache_take(c, 11));
	cache_free(&c);
}

static void
what_nobody_takes_goes_by_age(void **state)
{
	struct cache *c = cache_new(1 << 20);

	(void)state;
	for (uint64_t mid = 1; mid <= 5; mid++)
		cache_put(c, make(mid, 100), mid * 100);
	cache_expire(c, 300);
	assert_null(cache_take(c, 2));
	drop(cache_take(c, 3));
	cache_expire(c, UINT64_MAX);
	assert_int_equal(cache_bytes(c), 0);
	cache_put(c, make(9, 100), 1);
	cache_free(&c); /* with something in it */
}

static void
a_refusal_is_remembered_for_an_hour(void **state)
{
	struct identity *i = identity_new();
	char sender[400];

	(void)state;
	assert_false(identity_is_refused(i, 1, "a@b", 0));
	identity_refused(i, 1, "a@b", 10);
	assert_true(identity_is_refused(i, 1, "A@B", 11));
	assert_false(identity_is_refused(i, 2, "a@b", 11));
	assert_false(identity_is_refused(i, 1, "c@b", 11));
	assert_false(identity_is_refused(i, 1, "a@b", 3600010));
	for (int k = 0; k < 200; k++) { /* the oldest is forgotten */
		snprintf(sender, sizeof sender, "%d@example.com", k);
		identity_refused(i, 3, sender, 20);
	}
	assert_false(identity_is_refused(i, 1, "a@b", 21));
	assert_true(identity_is_refused(i, 3, "199@example.com", 21));
	snprintf(sender, sizeof sender, "%0300d@example.com", 0);
	identity_refused(i, 3, sender, 20); /* too long to be remembered */
	assert_false(identity_is_refused(i, 3, sender, 21));
	identity_free(&i);
	identity_free(&i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_put_is_taken_once),
		cmocka_unit_test(it_holds_no_more_than_its_bytes),
		cmocka_unit_test(what_nobody_takes_goes_by_age),
		cmocka_unit_test(a_refusal_is_remembered_for_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
