/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/intake/lane.h"
#include "postern/intake/policy.h"
#include "postern/intake/reroute.h"
#include "postern/intake/routes.h"
#include "postern/io/addr.h"

#include "fake_spool.h"

#define LIST(...) ((const char *[]){ __VA_ARGS__ })

enum { DEFAULT, NET, NEWS, TENANT, CODES, LAN }; /* ids */

static void
add(struct routes *r, const struct routes_route *route,
    const struct routes_match *match)
{
	struct err err;

	if (routes_add(r, route, match, &err) != 0)
		fail_msg("%s", err.text);
}

static struct routes *
make_routes(void)
{
	struct routes *r = routes_new();

	add(r,
	    &(struct routes_route){
	        .name = "net", .id = NET, .priority = SPOOL_LOW },
	    &(struct routes_match){
	        .recipients = LIST("*@example.net"), .nrecipients = 1 });
	add(r,
	    &(struct routes_route){ .name = "news",
	        .id = NEWS,
	        .priority = SPOOL_LOW,
	        .lane = "sender-domain" },
	    &(struct routes_match){
	        .headers = LIST("X-Campaign: *"), .nheaders = 1 });
	add(r,
	    &(struct routes_route){ .name = "tenant",
	        .id = TENANT,
	        .priority = POLICY_NO_PRIORITY,
	        .lane = "header:X-Tenant" },
	    &(struct routes_match){
	        .senders = LIST("*@tenants.example.com"), .nsenders = 1 });
	add(r,
	    &(struct routes_route){
	        .name = "codes", .id = CODES, .priority = SPOOL_HIGH },
	    &(struct routes_match){ .nsenders = 0 });
	add(r,
	    &(struct routes_route){
	        .name = "lan", .id = LAN, .priority = POLICY_NO_PRIORITY },
	    &(struct routes_match){
	        .clients = LIST("10.0.0.0/8"), .nclients = 1 });
	return r;
}

static struct intake *
open_intake(void)
{
	struct intake_settings s = fake_rules;
	struct intake *i;

	s.routes = make_routes();
	i = fake_intake(&s);
	routes_free(&s.routes);
	return i;
}

/* One message to some recipients, accepted. */
static struct fake_accepted *
send_to(struct intake *i, const char *sender, const char *const *rcpts,
    const char *content)
{
	struct fake_client c;

	assert_int_equal(fake_mail(i, &c, sender, 0), 250);
	for (; *rcpts != NULL; rcpts++)
		assert_int_equal(fake_rcpt(&c, *rcpts), 250);
	assert_int_equal(fake_data(&c), 354);
	fake_body(&c, content, strlen(content));
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(c.reply.code, 250);
	return &fake.accepted[fake.naccepted - 1];
}

static struct fake_accepted *
send_one(struct intake *i, const char *sender, const char *content)
{
	return send_to(i, sender, LIST("a@example.org", NULL), content);
}

static void
recipients_of_one_message_take_different_routes(void **state)
{
	struct intake *i = open_intake();
	struct fake_accepted *a = send_to(i, "s@example.com",
	    LIST("a@example.org", "b@example.net", "c@example.org",
	        "d@EXAMPLE.NET", NULL),
	    "Subject: x\r\n\r\nbody\r\n");

	(void)state;
	assert_int_equal(a->ndeliveries, 2);
	assert_int_equal(a->delivery.route, DEFAULT);
	assert_int_equal(a->delivery.priority, SPOOL_NORMAL);
	assert_int_equal(a->more[0].route, NET);
	assert_int_equal(a->more[0].priority, SPOOL_LOW);
	assert_int_equal(a->more[0].due_ms, a->delivery.due_ms);
	assert_int_equal(a->env->rcpts[0].delivery, 0);
	assert_int_equal(a->env->rcpts[1].delivery, 1);
	assert_int_equal(a->env->rcpts[2].delivery, 0);
	assert_int_equal(a->env->rcpts[3].delivery, 1);
	a = send_to(i, "s@example.com", LIST("b@example.net", NULL), "x\r\n");
	assert_int_equal(a->ndeliveries, 1);
	assert_int_equal(a->delivery.route, NET);
	intake_free(&i);
	fake_reset();
}

static void
a_field_of_the_header_decides_wherever_it_stands(void **state)
{
	struct intake *i = open_intake();
	size_t n = 600 << 10;
	char *long_header = mem_new(n);
	struct fake_accepted *a;
	struct fake_client c;

	(void)state;
	a = send_one(i, "s@example.com", "X-Campaign: a\r\n\r\nbody\r\n");
	assert_int_equal(a->delivery.route, NEWS);
	assert_int_equal(a->delivery.priority, SPOOL_LOW);
	assert_int_not_equal(a->delivery.lane, 0);
	a = send_one(i, "s@example.com", "\r\nX-Campaign: a\r\n");
	assert_int_equal(a->delivery.route, DEFAULT);
	/* Behind so much that it is staged by then. */
	memset(long_header, 'a', n);
	for (size_t at = 0; at < n; at += 64) {
		memcpy(long_header + at, "X-Filler: ", 10);
		memcpy(long_header + at + 62, "\r\n", 2);
	}
	fake_begin(i, &c);
	for (size_t at = 0, part; at < n; at += part) {
		part = n - at < 65536 ? n - at : 65536;
		fake_body(&c, long_header + at, part);
		fake_answer_all(SPOOL_DONE);
		c.is_paused = false;
	}
	fake_body(&c, "X-Campaign: a\r\n\r\n", 17);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	a = &fake.accepted[fake.naccepted - 1];
	assert_int_equal(a->delivery.route, NEWS);
	free(long_header);
	intake_free(&i);
	fake_reset();
}

static void
the_users_route_goes_before_the_listeners_and_that_before_the_rules(
    void **state)
{
	struct policy listener = POLICY_OPEN, user = POLICY_USER;
	struct intake *i = open_intake();
	const char *text = "X-Campaign: a\r\n\r\n";

	(void)state;
	listener.route = "codes";
	fake_from.policy = &listener;
	assert_int_equal(
	    send_one(i, "s@example.com", text)->delivery.route, CODES);
	fake_from.user = "ann";
	fake_from.user_policy = &user;
	assert_int_equal(
	    send_one(i, "s@example.com", text)->delivery.route, CODES);
	user.route = "tenant";
	assert_int_equal(
	    send_one(i, "s@example.com", text)->delivery.route, TENANT);
	user.route = "default";
	assert_int_equal(
	    send_one(i, "s@example.com", text)->delivery.route, DEFAULT);
	/* One that a reload took away: the rules again. */
	user.route = "gone";
	assert_int_equal(
	    send_one(i, "s@example.com", text)->delivery.route, NEWS);
	intake_free(&i);
	fake_reset();
}

static void
priority_and_lane_are_the_users_then_the_routes_then_the_listeners(void **state)
{
	struct policy listener = POLICY_OPEN, user = POLICY_USER;
	struct lane_who who = { .sender = "s@example.com" };
	struct intake *i = open_intake();
	const char *text = "X-Campaign: a\r\n\r\n";
	struct fake_accepted *a;

	(void)state;
	listener.priority = SPOOL_HIGH;
	listener.lane = "devices";
	fake_from.policy = &listener;
	a = send_one(i, "s@example.com", "\r\n");
	assert_int_equal(a->delivery.priority, SPOOL_HIGH);
	assert_int_equal(a->delivery.lane, lane_of("devices", &who));
	a = send_one(i, "s@example.com", text);
	assert_int_equal(a->delivery.priority, SPOOL_LOW);
	assert_int_equal(a->delivery.lane, lane_of("sender-domain", &who));
	user.priority = SPOOL_NORMAL;
	user.lane = "mine";
	fake_from.user = "ann";
	fake_from.user_policy = &user;
	a = send_one(i, "s@example.com", text);
	assert_int_equal(a->delivery.route, NEWS);
	assert_int_equal(a->delivery.priority, SPOOL_NORMAL);
	assert_int_equal(a->delivery.lane, lane_of("mine", &who));
	intake_free(&i);
	fake_reset();
}

static void
a_lane_comes_from_the_header(void **state)
{
	struct lane_who who = { .value = STR("acme") };
	struct policy listener = POLICY_OPEN;
	struct intake *i = open_intake();
	uint8_t acme = lane_of("header:X-Tenant", &who);

	(void)state;
	assert_int_equal(send_one(i, "s@tenants.example.com",
	                     "X-Tenant: acme\r\nX-Tenant: other\r\n\r\n")
	                     ->delivery.lane,
	    acme);
	assert_int_equal(
	    send_one(i, "s@tenants.example.com", "\r\n")->delivery.lane, 0);
	assert_int_equal(send_one(i, "s@example.com", "X-Tenant: acme\r\n\r\n")
	                     ->delivery.lane,
	    0);
	listener.lane = "header:X-Owner";
	fake_from.policy = &listener;
	assert_int_equal(send_one(i, "s@example.com", "X-Owner: acme\r\n\r\n")
	                     ->delivery.lane,
	    acme);
	intake_free(&i);
	fake_reset();
}

static void
a_clients_network_decides(void **state)
{
	struct intake *i = open_intake();
	struct addr client;
	struct err err;

	(void)state;
	assert_int_equal(addr_parse(&client, "10.1.2.3:25", &err), 0);
	fake_from.address = &client;
	assert_int_equal(
	    send_one(i, "s@example.com", "\r\n")->delivery.route, LAN);
	assert_int_equal(addr_parse(&client, "192.0.2.1:25", &err), 0);
	assert_int_equal(
	    send_one(i, "s@example.com", "\r\n")->delivery.route, DEFAULT);
	intake_free(&i);
	fake_reset();
}

static const struct {
	const char *why, *sender, *client, *to, *content, *named;
	uint32_t route;
} kept[] = {
	{ "a field of the header", "s@example.com", "192.0.2.1",
	    "a@example.org", "X-Campaign: a\r\n\r\n", NULL, NEWS },
	{ "which is cut off there", "s@example.com", "192.0.2.1",
	    "a@example.org", "X-Campaign: a\r\n", NULL, NEWS },
	{ "none: it is in the body", "s@example.com", "192.0.2.1",
	    "a@example.org", "\r\nX-Campaign: a\r\n", NULL, DEFAULT },
	{ "a recipient", "s@example.com", "192.0.2.1", "a@example.net", "",
	    NULL, NET },
	{ "a client", "s@example.com", "10.1.2.3", "a@example.org", "", NULL,
	    LAN },
	{ "no address", "s@example.com", "uid=33", "a@example.org", "", NULL,
	    DEFAULT },
	{ "a sender", "s@tenants.example.com", "2001:db8::1", "a@example.org",
	    "", NULL, TENANT },
	{ "the user's", "s@example.com", "10.1.2.3", "a@example.org", "",
	    "codes", CODES },
};

/* The other recipient goes by default where the first one's decides. */
static void
check_kept(const struct routes *r, size_t i)
{
	struct envelope_rcpt to[] = { { .address = "x@example.org" },
		{ .address = kept[i].to } };
	struct envelope e = { .sender = kept[i].sender,
		.client = kept[i].client,
		.listener = "x",
		.mt_priority = 3,
		.nrcpts = 2,
		.rcpts = to };
	struct policy user = POLICY_USER;
	bool splits = kept[i].route == NET;
	struct reroute g;

	user.route = kept[i].named;
	reroute_decide(&g, &(struct reroute_by){ .routes = r, .user = &user },
	    &e, str_of(kept[i].content));
	if (g.ways[g.way_of[1]].route != kept[i].route)
		fail_msg("%s", kept[i].why);
	assert_int_equal(g.nways, splits ? 2 : 1);
	assert_int_equal(g.ways[g.way_of[0]].route,
	    splits ? (uint32_t)DEFAULT : kept[i].route);
	assert_int_equal(g.ways[g.way_of[1]].priority, SPOOL_HIGH);
	reroute_done(&g);
}

static void
what_is_in_the_spool_is_decided_alike(void **state)
{
	struct routes *r = make_routes();

	(void)state;
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		check_kept(r, i);
	routes_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    recipients_of_one_message_take_different_routes),
		cmocka_unit_test(
		    a_field_of_the_header_decides_wherever_it_stands),
		cmocka_unit_test(
		    the_users_route_goes_before_the_listeners_and_that_before_the_rules),
		cmocka_unit_test(
		    priority_and_lane_are_the_users_then_the_routes_then_the_listeners),
		cmocka_unit_test(a_lane_comes_from_the_header),
		cmocka_unit_test(a_clients_network_decides),
		cmocka_unit_test(what_is_in_the_spool_is_decided_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
