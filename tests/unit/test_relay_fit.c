/* SPDX-License-Identifier: Apache-2.0 */
/* What a message needs and a provider lacks: another one, parked, bounced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
	for (int i = 0; i < 50; i++)
		world_send(&w, &misfits[3].mail);
	fake_wait_conns(w.fake[1], 1);
	for (int i = 0; i < 50; i++)
		world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 51);
	assert_int_equal(world_count_log(&w, "provider.trouble", "two"), 0);
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
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
