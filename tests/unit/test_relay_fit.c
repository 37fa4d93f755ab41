/* SPDX-License-Identifier: Apache-2.0 */
/* What a message needs and a provider lacks: another one, parked, bounced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay_world.h"

static const char *const plain[] = { "PIPELINING", "SIZE 10000", NULL };
static const char *const able[] = { "PIPELINING", "SIZE 1000000", "8BITMIME",
	"SMTPUTF8", NULL };

static const struct {
	const char *why;
	struct world_mail mail;
	const char *status;
} misfits[] = {
	{ "address",
	    { .rcpts = "j\xc3\xb6rg@example.net", .flags = ENVELOPE_SMTPUTF8 },
	    "5.6.7" },
	{ "header",
	    { .content = "Subject: \xc3\xb6\r\n\r\nx\r\n",
	        .flags = ENVELOPE_SMTPUTF8 | ENVELOPE_HEADER_8BIT },
	    "5.6.7" },
	{ "body",
	    { .content = "Subject: x\r\n\r\n\xc3\xb6\r\n",
	        .flags = ENVELOPE_8BITMIME | ENVELOPE_BODY_8BIT },
	    "5.6.3" },
	{ "size", { .bytes = 20000 }, "5.3.4" },
};

static void
what_nobody_can_carry_is_bounced(void **state)
{
	struct fake_settings s = { .ehlo = plain };

	(void)state;
	for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
		struct world w;

		world_init(&w);
		world_provider_with(&w, &s);
		world_start(&w);
		world_send(&w, &misfits[i].mail);
		world_wait(&w, 0, 0, 1); /* the bounce can be carried */
		if (world_count_log(&w, "bounced", misfits[i].status) != 1)
			fail_msg("%s", misfits[i].why);
		world_done(&w);
	}
}

static void
it_goes_to_the_one_that_can(void **state)
{
	struct fake_settings poor = { .ehlo = plain };
	struct fake_settings rich = { .ehlo = able };

	(void)state;
	for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
		struct world w;

		world_init(&w);
		world_provider_with(&w, &poor);
		world_provider_with(&w, &rich);
		world_start(&w);
		world_send(&w, &misfits[i].mail);
		fake_wait_mails(w.fake[1], 1);
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], 1);
		world_wait(&w, 0, 0, 0);
		world_done(&w);
	}
}

static void
it_is_parked_while_the_one_that_might_is_away(void **state)
{
	struct fake_settings poor = { .ehlo = plain };
	struct fake_settings rich = { .ehlo = able };

	(void)state;
	for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
		struct world w;

		world_init(&w);
		world_provider_with(&w, &poor);
		world_provider_with(&w, &rich);
		fake_refuse(w.fake[1], true);
		world_start(&w);
		world_send(&w, &misfits[i].mail);
		world_wait_log(&w, "parked", "reason=");
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], 1); /* others go on */
		fake_refuse(w.fake[1], false);
		fake_wait_mails(w.fake[1], 1);
		world_wait(&w, 0, 0, 0);
		world_done(&w);
	}
}

static void
eight_bit_may_be_passed(void **state)
{
	struct fake_settings poor = { .ehlo = plain };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &poor)->eight_bit_pass = true;
	world_start(&w);
	world_send(&w, &misfits[2].mail);
	fake_wait_mails(w.fake[0], 1);
	assert_null(strstr(fake_mail(w.fake[0], 0)->sender, "8BITMIME"));
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* The flag alone is no reason: everything in it is ASCII. */
static void
ascii_needs_no_smtputf8(void **state)
{
	struct fake_settings poor = { .ehlo = plain };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &poor);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = ENVELOPE_SMTPUTF8 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* Mail that waits for a provider that hangs stops nobody else's. */
static void
waiting_for_one_stops_not_the_other(void **state)
{
	static const struct fake_rule hang[] = {
		{ .stage = "BANNER", .reply = "hang" }, { NULL }
	};
	struct fake_settings poor = { .ehlo = plain };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &poor);
	world_provider(&w, hang);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* it is known what it takes */
	world_send_many(&w, 50, &misfits[3].mail);
	fake_wait_conns(w.fake[1], 1);
	world_send_many(&w, 50, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 51);
	assert_int_equal(world_count_log(&w, "provider.trouble", "two"), 0);
	world_done(&w);
}

/* Its report has the header only: the content can go back no better. */
static void
binary_content_is_not_converted(void **state)
{
	static const char *const says[] = { "PIPELINING", "8BITMIME",
		"BINARYMIME", NULL };
	struct fake_settings s = { .ehlo = says };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s); /* no CHUNKING */
	world_start(&w);
	world_send(&w,
	    &(struct world_mail){ .content = "Subject: x\r\n\r\nbody\nx",
	        .flags =
	            ENVELOPE_8BITMIME | ENVELOPE_BINARY | ENVELOPE_RET_FULL });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 1);
	assert_int_equal(world_count_log(&w, "bounced", "5.6.3"), 1);
	assert_null(strstr(fake_mail(w.fake[0], 0)->content, "body"));
	world_done(&w);
}

/* --- REQUIRETLS (RFC 8689) ------------------------------------------------
 */

static void
without_verified_tls_requiretls_is_bounced(void **state)
{
	static const char *const says[] = { "PIPELINING", "REQUIRETLS", NULL };
	struct fake_settings s = { .ehlo = says };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s);
	world_start(&w);
	world_send(&w, &(struct world_mail){
	                   .flags = ENVELOPE_REQUIRETLS | ENVELOPE_RET_FULL });
	fake_wait_mails(w.fake[0], 1); /* the bounce: rather so than lost */
	world_wait(&w, 0, 0, 1);
	assert_int_equal(world_count_log(&w, "bounced", "5.7.30"), 1);
	assert_int_equal(world_dead(&w).code, 550);
	assert_null(strstr(fake_mail(w.fake[0], 0)->sender, "REQUIRETLS"));
	assert_non_null(
	    strstr(fake_mail(w.fake[0], 0)->content, "text/rfc822-headers"));
	world_done(&w);
}

static void
requiretls_waits_for_one_that_may_offer_it(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL)->tls = RELAY_TLS_VERIFY;
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = ENVELOPE_REQUIRETLS });
	world_wait_log(&w, "parked", "reason=requiretls");
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* others go on */
	assert_int_equal(fake_mails(w.fake[0]), 1);
	world_done(&w);
}

/* Its words are not those of a login that is refused. */
static void
a_provider_may_say_that_it_lacks_it_itself(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .has = "sender@",
		    .reply = "550 5.7.30 REQUIRETLS "
		             "support required" },
		{ NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 1);
	assert_int_equal(world_count_log(&w, "bounced", "5.7.30"), 1);
	world_done(&w);
}

/* --- LIMITS (RFC 9422) ------------------------------------------------------
 */

static void
recipients_go_in_transactions_as_large_as_is_said(void **state)
{
	static const char *const says[] = { "PIPELINING", "LIMITS RCPTMAX=2",
		NULL };
	struct fake_settings s = { .ehlo = says };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s)->max_connections = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* it is known what it says */
	world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x c@x d@x e@x" });
	fake_wait_mails(w.fake[0], 4);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[0], 1)->rcpts, "<a@x> <b@x>");
	assert_string_equal(fake_mail(w.fake[0], 2)->rcpts, "<c@x> <d@x>");
	assert_string_equal(fake_mail(w.fake[0], 3)->rcpts, "<e@x>");
	world_done(&w);
}

static void
a_session_carries_as_much_as_is_said(void **state)
{
	static const char *const says[] = { "PIPELINING", "LIMITS MAILMAX=3",
		NULL };
	struct fake_settings s = { .ehlo = says };
	struct world w;
	size_t on[4] = { 0 };

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s)->max_connections = 1;
	world_start(&w);
	world_send_many(&w, 7, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 7);
	world_wait(&w, 0, 0, 0);
	for (size_t i = 0; i < 7; i++) {
		assert_in_range(fake_mail(w.fake[0], i)->conn, 1, 3);
		on[fake_mail(w.fake[0], i)->conn]++;
	}
	assert_int_equal(on[1], 3);
	assert_int_equal(on[2], 3);
	assert_int_equal(on[3], 1);
	world_done(&w);
}

static bool
has_domain(const struct fake_mail *m, const char *domain)
{
	return strstr(m->rcpts, domain) != NULL;
}

static void
a_session_has_as_many_domains_as_is_said(void **state)
{
	static const char *const says[] = { "PIPELINING",
		"LIMITS RCPTDOMAINMAX=1", NULL };
	struct fake_settings s = { .ehlo = says };
	bool seen[8][2] = { { false } };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s)->max_connections = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@one b@two c@one" });
	world_send(&w, &(struct world_mail){ .rcpts = "d@two" });
	world_send(&w, &(struct world_mail){ .rcpts = "e@one" });
	fake_wait_mails(w.fake[0], 4);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]), 4);
	for (size_t i = 0; i < fake_mails(w.fake[0]); i++) {
		const struct fake_mail *m = fake_mail(w.fake[0], i);

		assert_in_range(m->conn, 1, 7);
		seen[m->conn][0] |= has_domain(m, "@one");
		seen[m->conn][1] |= has_domain(m, "@two");
	}
	for (size_t i = 1; i < 8; i++)
		assert_false(seen[i][0] && seen[i][1]);
	world_done(&w);
}

static void
limits_that_are_disabled_bind_nobody(void **state)
{
	static const char *const says[] = { "PIPELINING", "LIMITS RCPTMAX=1",
		NULL };
	struct fake_settings s = { .ehlo = says };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s)->disable = SMTP_CAP_LIMITS;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x" });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<a@x> <b@x>");
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_can_carry_is_bounced),
		cmocka_unit_test(it_goes_to_the_one_that_can),
		cmocka_unit_test(it_is_parked_while_the_one_that_might_is_away),
		cmocka_unit_test(eight_bit_may_be_passed),
		cmocka_unit_test(ascii_needs_no_smtputf8),
		cmocka_unit_test(waiting_for_one_stops_not_the_other),
		cmocka_unit_test(binary_content_is_not_converted),
		cmocka_unit_test(without_verified_tls_requiretls_is_bounced),
		cmocka_unit_test(requiretls_waits_for_one_that_may_offer_it),
		cmocka_unit_test(a_provider_may_say_that_it_lacks_it_itself),
		cmocka_unit_test(
		    recipients_go_in_transactions_as_large_as_is_said),
		cmocka_unit_test(a_session_carries_as_much_as_is_said),
		cmocka_unit_test(a_session_has_as_many_domains_as_is_said),
		cmocka_unit_test(limits_that_are_disabled_bind_nobody),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
