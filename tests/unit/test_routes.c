/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/intake/policy.h"
#include "postern/intake/routes.h"
#include "postern/io/addr.h"
#include "postern/spool/spool.h"

#define LIST(...) ((const char *[]){ __VA_ARGS__ })
#define NEWS                                                                   \
	{                                                                      \
		.senders = LIST("*@news.example.com"), .nsenders = 1           \
	}

/* The rules of all rows, in this order. */
static const struct {
	const char *name;
	struct routes_match match;
} rules[] = {
	{ "exact",
	    { .recipients = LIST("ann@example.org"), .nrecipients = 1 } },
	{ "domain", { .recipients = LIST("*@example.org"), .nrecipients = 1 } },
	{ "below",
	    { .recipients = LIST("*@*.example.net"), .nrecipients = 1 } },
	{ "news", NEWS },
	{ "null", { .senders = LIST("<>"), .nsenders = 1 } },
	{ "shop", { .users = LIST("shop", "till"), .nusers = 2 } },
	{ "anyone", { .users = LIST("*"),
	                .nusers = 1,
	                .listeners = LIST("submit"),
	                .nlisteners = 1 } },
	{ "lan",
	    { .clients = LIST("10.0.0.0/8", "2001:db8::/32"), .nclients = 2 } },
	{ "campaign", { .headers = LIST("X-Campaign: *"), .nheaders = 1 } },
	{ "spring", { .headers = LIST("X-Kind: spring*sale", "X-Kind: *2027*"),
	                .nheaders = 2 } },
	{ "both", { .headers = LIST("X-Both: a"),
	              .nheaders = 1,
	              .size = { ROUTES_BELOW, 100 } } },
	{ "big", { .size = { ROUTES_ABOVE, 10 << 20 } } },
	{ "small", { .size = { ROUTES_BELOW, 10 } } },
	{ "named", { .nsenders = 0 } },
	{ "late", NEWS },
};

static struct routes *
make(void)
{
	struct routes *r = routes_new();
	struct err err;

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		struct routes_route route = { .name = rules[i].name,
			.priority = POLICY_NO_PRIORITY };

		if (routes_add(r, &route, &rules[i].match, &err) != 0)
			fail_msg("%s", err.text);
	}
	return r;
}

struct row {
	const char *why, *want;
	/* What is not given is such that no rule fits. */
	const char *sender, *recipient, *user, *listener, *client;
	const char *header, *value; /* of one field */
	uint64_t size;
};

static const struct row rows[] = {
	{ "what fits nothing takes the default one", "default" },
	{ "one address", "exact", .recipient = "ann@example.org" },
	{ "the case of a domain does not count", "exact",
	    .recipient = "ann@EXAMPLE.org" },
	{ "that of the local part does", "domain",
	    .recipient = "Ann@example.org" },
	{ "others of the domain", "domain", .recipient = "bob@example.org" },
	{ "a domain below another", "below", .recipient = "a@b.c.example.net" },
	{ "not the domain itself", "default", .recipient = "a@example.net" },
	{ "by the sender, whoever it is for", "news",
	    .sender = "a@news.example.com", .recipient = "x@example.com" },
	{ "the first one that fits wins", "domain",
	    .sender = "a@news.example.com", .recipient = "x@example.org" },
	{ "the null sender", "null", .sender = "" },
	{ "one user", "shop", .user = "shop" },
	{ "or another", "shop", .user = "till" },
	{ "the case of a user counts", "default", .user = "Shop" },
	{ "whoever has logged in at that listener", "anyone", .user = "x",
	    .listener = "submit" },
	{ "all that is asked has to hold: nobody has", "default",
	    .listener = "submit" },
	{ "and at this listener only", "default", .user = "x" },
	{ "a network of clients", "lan", .client = "10.1.2.3:25" },
	{ "or the other one", "lan", .client = "[2001:db8::7]:25" },
	{ "a client that is in none", "default", .client = "192.0.2.1:25" },
	{ "a unix socket is in no network", "default",
	    .client = "unix:/run/x" },
	{ "a field that is there", "campaign", .header = "X-Campaign",
	    .value = "anything" },
	{ "even if it is empty", "campaign", .header = "x-campaign",
	    .value = "" },
	{ "another field", "default", .header = "X-Campaigns", .value = "a" },
	{ "a value's beginning and end", "spring", .header = "X-Kind",
	    .value = "spring 2026 sale" },
	{ "a star may be nothing", "spring", .header = "X-Kind",
	    .value = "springsale" },
	{ "a beginning alone is not enough", "default", .header = "X-Kind",
	    .value = "spring sales" },
	{ "an end alone neither", "default", .header = "X-Kind",
	    .value = "a spring sale" },
	{ "text in the middle", "spring", .header = "X-Kind",
	    .value = "winter 2027" },
	{ "what looks like it first and is it later", "spring",
	    .header = "X-Kind", .value = "20202027" },
	{ "the case of a value counts", "default", .header = "X-Kind",
	    .value = "Spring sale" },
	{ "a header's field and a size", "both", .header = "X-Both",
	    .value = "a", .size = 99 },
	{ "the size does not fit", "default", .header = "X-Both", .value = "a",
	    .size = 100 },
	{ "larger than the bound", "big", .size = (10 << 20) + 1 },
	{ "as large as it", "default", .size = 10 << 20 },
	{ "smaller than the bound", "small", .size = 9 },
	{ "as small as it", "default", .size = 10 },
};

static size_t
pick(const struct routes *r, const struct row *w)
{
	size_t count = routes_count(r), at[32], n;
	bool held[32] = { false };
	struct addr client;
	struct err err;
	struct routes_mail m = {
		.sender = w->sender != NULL ? w->sender : "a@example.com",
		.listener = w->listener != NULL ? w->listener : "local",
		.user = w->user,
		.size = w->size > 0 ? w->size : 1000,
		.held = held,
	};

	assert_true(count <= 32);
	if (w->client != NULL) {
		assert_int_equal(addr_parse(&client, w->client, &err), 0);
		m.client = &client;
	}
	if (w->header != NULL)
		routes_see(r, held, str_of(w->header), str_of(w->value));
	n = routes_open(r, &m, at);
	return routes_pick(r, at, n,
	    str_of(w->recipient != NULL ? w->recipient : "b@example.com"));
}

static void
the_first_route_that_fits_is_taken(void **state)
{
	struct routes *r = make();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = routes_at(r, pick(r, &rows[i]))->name;

		if (strcmp(got, rows[i].want) != 0)
			fail_msg(
			    "%s: %s, not %s", rows[i].why, got, rows[i].want);
	}
	routes_free(&r);
}

static void
a_route_without_a_match_is_taken_by_its_name_only(void **state)
{
	struct routes *r = make();

	(void)state;
	assert_int_not_equal(routes_find(r, "named"), ROUTES_NONE);
	assert_int_not_equal(routes_find(r, "default"), ROUTES_NONE);
	assert_int_equal(routes_find(r, "nobody"), ROUTES_NONE);
	routes_free(&r);
}

static void
the_default_one_has_what_is_added_for_it(void **state)
{
	struct routes_route route = {
		.name = "default", .priority = SPOOL_LOW, .lane = "sender"
	};
	struct routes_match any = { .nsenders = 0 };
	struct routes *r = make(), *other;
	size_t i = routes_find(r, "default"), n = routes_count(r);
	struct err err;

	(void)state;
	assert_int_equal(routes_at(r, i)->priority, POLICY_NO_PRIORITY);
	assert_int_equal(routes_add(r, &route, &any, &err), 0);
	assert_int_equal(routes_count(r), n);
	routes_set_id(r, i, 9);
	other = routes_ref(r);
	routes_free(&r);
	assert_int_equal(routes_at(other, i)->priority, SPOOL_LOW);
	assert_string_equal(routes_at(other, i)->lane, "sender");
	assert_int_equal(routes_at(other, i)->id, 9);
	routes_free(&other);
}

static void
only_fields_that_somebody_asks_for_are_wanted(void **state)
{
	struct routes_route route = { .name = "lane",
		.lane = "header:X-Tenant" };
	struct routes_match any = { .nsenders = 0 };
	struct routes *r = make();
	struct err err;

	(void)state;
	assert_true(routes_look(r));
	assert_true(routes_wants(r, STR("x-campaign")));
	assert_true(routes_wants(r, STR("X-Kind")));
	assert_false(routes_wants(r, STR("Subject")));
	assert_false(routes_wants(r, STR("X-Tenant")));
	assert_int_equal(routes_add(r, &route, &any, &err), 0);
	assert_true(routes_wants(r, STR("X-TENANT")));
	routes_free(&r);
}

static const struct {
	const char *text, *says;
} headers[] = {
	{ "X-Campaign", "\"X-Campaign\" is no header field; write "
	                "\"X-Campaign: *\", the field's name and what it "
	                "holds, * being any text" },
	{ "", "\"\" is no header field; write \"X-Campaign: *\", the field's "
	      "name and what it holds, * being any text" },
	{ "X Y: a", "\"X Y: a\" is no header field; write \"X-Campaign: *\", "
	            "the field's name and what it holds, * being any text" },
	{ "X-Y: ", "\"X-Y: \" says nothing of the value; write \"X-Y: *\" for "
	           "any" },
	{ "X-Y:", "\"X-Y:\" says nothing of the value; write \"X-Y: *\" for "
	          "any" },
	{ "X-Y:a b: *", NULL },
};

static void
a_header_pattern_that_cannot_be_read_is_refused(void **state)
{
	char *text = mem_new(ROUTES_PATTERN_MAX + 8);
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		int rc = routes_check_header(str_of(headers[i].text), &err);

		assert_int_equal(rc == 0, headers[i].says == NULL);
		if (rc != 0)
			assert_string_equal(err.text, headers[i].says);
	}
	strcpy(text, "X: ");
	memset(text + 3, '*', ROUTES_PATTERN_MAX);
	assert_int_equal(routes_check_header(str_of(text), &err), 0);
	text[3 + ROUTES_PATTERN_MAX] = 'a';
	assert_int_equal(routes_check_header(str_of(text), &err), -1);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_route_that_fits_is_taken),
		cmocka_unit_test(
		    a_route_without_a_match_is_taken_by_its_name_only),
		cmocka_unit_test(the_default_one_has_what_is_added_for_it),
		cmocka_unit_test(only_fields_that_somebody_asks_for_are_wanted),
		cmocka_unit_test(
		    a_header_pattern_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
