/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what: bounces, delay, relayed; and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/spool/envelope.h"

#include "postern/mail/local.h"

#include "relay_world.h"

static const struct fake_rule refusing[] = {
	{ .stage = "RCPT", .has = "<no", .reply = "550 5.1.1 no such user" },
	{ .stage = "RCPT",
	    .has = "<later",
	    .reply = "450 4.2.0 <later> not now" },
	{ .stage = NULL }
};

static void
begin(struct world *w, const struct fake_rule *rules)
{
	world_init(w);
	world_provider(w, rules);
	w->settings.retry.min_ms = w->settings.retry.max_ms = 60000;
}

static void
has(const struct fake_mail *m, const char *words)
{
	if (!strstr(m->content, words))
		fail_msg("no %s in:\n%s", words, m->content);
}

static void
has_not(const struct fake_mail *m, const char *words)
{
	if (strstr(m->content, words))
		fail_msg("%s in:\n%s", words, m->content);
}

static void
failures_of_one_attempt_are_one_bounce(void **state)
{
	const struct fake_mail *m;
	struct world w;

	(void)state;
	begin(&w, refusing);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "yes@x no1@x no2@x",
	                   .content = "Subject: hi\r\n\r\nthe text\r\n" });
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 1);
	m = fake_mail(w.fake[0], 1);
	assert_string_equal(m->sender, "<>");
	assert_string_equal(m->rcpts, "<sender@example.com>");
	has(m, "From: ");
	has(m, "Auto-Submitted: auto-replied");
	has(m, "Final-Recipient: rfc822; no1@x");
	has(m, "Final-Recipient: rfc822; no2@x");
	has(m, "Action: failed");
	has(m, "Status: 5.1.1");
	has(m, "no such user");
	has(m, "Subject: hi");
	has_not(m, "the text"); /* its header only */
	has_not(m, "yes@x");
	assert_int_equal(world_count_log(&w, "notice", ""), 1);
	world_done(&w);
}

static void
ret_full_returns_all(void **state)
{
	struct world w;

	(void)state;
	begin(&w, refusing);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "no@x",
	                   .flags = ENVELOPE_RET_FULL,
	                   .content = "Subject: hi\r\n\r\nthe text\r\n" });
	fake_wait_mails(w.fake[0], 1);
	has(fake_mail(w.fake[0], 0), "the text");
	world_send(&w, &(struct world_mail){ .rcpts = "no@x",
	                   .flags = ENVELOPE_RET_FULL,
	                   .bytes = 200000,
	                   .on_disk = true });
	fake_wait_mails(w.fake[0], 2);
	assert_in_range(fake_mail(w.fake[0], 1)->size, 500, 8000);
	has(fake_mail(w.fake[0], 1), "Subject: test");
	world_wait(&w, 0, 0, 2);
	world_done(&w);
}

static const struct {
	const char *why;
	struct world_mail mail;
	enum relay_bounce_to to;
	const char *rcpt; /* of the bounce; NULL: none */
} rows[] = {
	{ "usually the sender", { .rcpts = "no@x" }, RELAY_BOUNCE_SENDER,
	    "<sender@example.com>" },
	{ "asked for", { .rcpts = "no@x", .notify = ENVELOPE_NOTIFY_FAILURE },
	    RELAY_BOUNCE_SENDER, "<sender@example.com>" },
	{ "never", { .rcpts = "no@x", .notify = ENVELOPE_NOTIFY_NEVER },
	    RELAY_BOUNCE_SENDER, NULL },
	{ "only success",
	    { .rcpts = "no@x", .notify = ENVELOPE_NOTIFY_SUCCESS },
	    RELAY_BOUNCE_SENDER, NULL },
	{ "the null sender", { .rcpts = "no@x", .sender = "" },
	    RELAY_BOUNCE_SENDER, NULL },
	{ "a notice", { .rcpts = "no@x", .flags = ENVELOPE_NOTICE },
	    RELAY_BOUNCE_SENDER, NULL },
	{ "an address", { .rcpts = "no@x" }, RELAY_BOUNCE_ADDRESS,
	    "<ops@example.com>" },
	{ "no null sender's to the address either",
	    { .rcpts = "no@x", .sender = "" }, RELAY_BOUNCE_ADDRESS, NULL },
	{ "nobody", { .rcpts = "no@x" }, RELAY_BOUNCE_NONE, NULL },
	{ "of a user of this host those who read its mail",
	    { .rcpts = "no@x", .sender = "www-data@web1" }, RELAY_BOUNCE_SENDER,
	    "<ann@example.com> <bob@example.com>" },
	{ "or root", { .rcpts = "no@x", .sender = "x@web1" },
	    RELAY_BOUNCE_SENDER, "<root@example.com>" },
};

static void
no_mistake(void *arg, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("line %u: %s", line, text);
}

static const char *domains[] = { "web1" };

static struct aliases *
set_aliases(struct local *l)
{
	struct aliases *a = NULL;

	*l = (struct local){
		.root = "root@example.com", .domains = domains, .ndomains = 1
	};
	assert_int_equal(aliases_parse(&a,
	                     STR("www-data: ann@example.com, bob@example.com, "
	                         "ann@example.com\n"),
	                     l, no_mistake, NULL),
	    0);
	l->aliases = a;
	return a;
}

static void
bounces_go_where_they_may(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct aliases *aliases;
		struct world w;

		begin(&w, refusing);
		aliases = set_aliases(&w.settings.local);
		w.settings.bounce_to = rows[i].to;
		w.settings.bounce_address = "ops@example.com";
		world_start(&w);
		world_send(&w, &rows[i].mail);
		world_wait(&w, 0, 0, 1);
		world_stop(&w);
		if (fake_mails(w.fake[0]) != (rows[i].rcpt != NULL))
			fail_msg("%s", rows[i].why);
		if (rows[i].rcpt &&
		    strcmp(fake_mail(w.fake[0], 0)->rcpts, rows[i].rcpt) != 0)
			fail_msg("%s: %s", rows[i].why,
			    fake_mail(w.fake[0], 0)->rcpts);
		world_done(&w);
		aliases_free(&aliases);
	}
}

static void
a_bounce_that_bounces_is_a_dead_letter_only(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT", .reply = "550 5.1.1 no" }, { .stage = NULL }
	};
	struct world w;

	(void)state;
	begin(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 0, 0, 2);
	assert_int_equal(world_count_log(&w, "notice", ""), 1);
	assert_int_equal(fake_mails(w.fake[0]), 0);
	world_done(&w);
}

static void
where_the_null_sender_is_refused_bounces_have_another(void **state)
{
	struct world w;

	(void)state;
	begin(&w, refusing);
	w.provider[0].null_sender_refused = true;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "no@x" });
	fake_wait_mails(w.fake[0], 1);
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->sender, "<postmaster@relay.example.com>");
	world_done(&w);
	begin(&w, refusing);
	w.provider[0].null_sender_refused = true;
	w.settings.bounce_from = "bounces@example.com";
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "no@x" });
	fake_wait_mails(w.fake[0], 1);
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->sender, "<bounces@example.com>");
	world_done(&w);
}

static void
delay_is_told_once(void **state)
{
	struct world w;

	(void)state;
	begin(&w, refusing);
	w.settings.retry.warn_after_ms = 1000;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "later@x",
	                   .flags = ENVELOPE_RET_FULL,
	                   .content = "Subject: hi\r\n\r\nthe text\r\n" });
	world_send(&w, &(struct world_mail){ .rcpts = "later2@x",
	                   .notify = ENVELOPE_NOTIFY_FAILURE });
	fake_wait_mails(w.fake[0], 1);
	has(fake_mail(w.fake[0], 0), "Action: delayed");
	has(fake_mail(w.fake[0], 0), "Status: 4.2.0");
	has(fake_mail(w.fake[0], 0), "later@x");
	has(fake_mail(w.fake[0], 0), "Subject: hi");
	has_not(fake_mail(w.fake[0], 0), "the text"); /* not lost yet */
	world_wait(&w, 2, 0, 0);
	world_stop(&w);
	world_start(&w); /* not even after a restart */
	world_send(&w, &(struct world_mail){ .rcpts = "later3@x" });
	fake_wait_mails(w.fake[0], 2);
	has(fake_mail(w.fake[0], 1), "later3@x");
	world_wait(&w, 3, 0, 0);
	world_done(&w);
}

static void
success_is_told_where_nobody_else_can(void **state)
{
	static const char *const dsn[] = { "PIPELINING", "DSN", NULL };
	struct fake_settings s = { .ehlo = dsn };
	struct world_mail mail = { .rcpts = "a@x b@x",
		.notify = ENVELOPE_NOTIFY_SUCCESS };
	struct world w;

	(void)state;
	begin(&w, NULL);
	w.provider[0].max_recipients = 1; /* told once, for both */
	world_start(&w);
	world_send(&w, &mail);
	fake_wait_mails(w.fake[0], 3);
	world_wait(&w, 0, 0, 0);
	has(fake_mail(w.fake[0], 2), "Action: relayed");
	has(fake_mail(w.fake[0], 2), "Final-Recipient: rfc822; a@x");
	has(fake_mail(w.fake[0], 2), "Final-Recipient: rfc822; b@x");
	world_done(&w);
	world_init(&w);
	world_provider_with(&w, &s);
	world_start(&w);
	world_send(&w, &mail);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	assert_int_equal(fake_mails(w.fake[0]), 1);
	world_done(&w);
}

static void
expiry_tells_the_last_reply(void **state)
{
	struct world w;

	(void)state;
	begin(&w, refusing);
	w.settings.retry.give_up_ms = 1200;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "yes@x later@x" });
	fake_wait_mails(w.fake[0], 2);
	has(fake_mail(w.fake[0], 1), "Action: failed");
	has(fake_mail(w.fake[0], 1), "Status: 4.4.7");
	has(fake_mail(w.fake[0], 1), "not now");
	has_not(fake_mail(w.fake[0], 1), "yes@x");
	world_wait(&w, 0, 0, 1);
	world_done(&w);
}

/* Parked or with no provider at all: age counts for them too. */
static void
what_nobody_is_asked_about_expires_too(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.retry.give_up_ms = 1200;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 1, 0, 1); /* the bounce waits, too */
	world_wait(&w, 0, 0, 2);
	world_done(&w);
}

/* The daemon was away until it was too old: first it gets its turn.  What has
 * had it, and waits, is given up. */
static void
what_could_not_be_tried_in_time_is_tried_first(void **state)
{
	static const struct fake_rule busy[] = {
		{ .stage = "RCPT", .reply = "450 4.2.0 no" }, { NULL }
	};
	static const char *other[] = { "two" };
	struct world_mail old = { .age_ms = 2 * 3600 * 1000 };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, busy);
	world_route(&w, "busy", 1, other);
	w.route[0].nuse = 1; /* the first alone */
	fake_refuse(w.fake[0], true);
	world_start(&w);
	for (int i = 0; i < 3; i++, old.age_ms += 1000)
		world_send(&w, &old);
	old.route = &w.route[1];
	world_send(&w, &old);
	world_wait_log(&w, "bounced", "given up"); /* that one */
	world_wait_log(&w, "provider.down", "one");
	assert_int_equal(world_count_log(&w, "bounced", "given up"), 1);
	fake_refuse(w.fake[0], false);
	fake_wait_mails(w.fake[0], 3);
	world_done(&w);
}

/* RFC 4865: it was held for a minute; the time to give up began after that. */
static void
one_that_was_held_is_given_up_after_its_release(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT", .has = "later@", .reply = "450 4.2.0 no" },
		{ NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.settings.retry.give_up_ms = 2500;
	w.settings.retry.warn_after_ms = 1000;
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){
	            .rcpts = "later@x", .age_ms = 60000, .held_ms = 59800 });
	world_wait_log(&w, "deferred", "4.2.0"); /* it was tried, not expired */
	fake_wait_mails(w.fake[0], 1);
	has(fake_mail(w.fake[0], 0), "Status: 4.4.7");
	has(fake_mail(w.fake[0], 0), "Future-Release-Request: until;");
	has_not(fake_mail(w.fake[0], 0), "given up after 6");
	world_wait(&w, 0, 0, 1);
	assert_int_equal(fake_mails(w.fake[0]), 1); /* nobody was warned */
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_could_not_be_tried_in_time_is_tried_first),
		cmocka_unit_test(
		    one_that_was_held_is_given_up_after_its_release),
		cmocka_unit_test(failures_of_one_attempt_are_one_bounce),
		cmocka_unit_test(ret_full_returns_all),
		cmocka_unit_test(bounces_go_where_they_may),
		cmocka_unit_test(a_bounce_that_bounces_is_a_dead_letter_only),
		cmocka_unit_test(
		    where_the_null_sender_is_refused_bounces_have_another),
		cmocka_unit_test(delay_is_told_once),
		cmocka_unit_test(success_is_told_where_nobody_else_can),
		cmocka_unit_test(expiry_tells_the_last_reply),
		cmocka_unit_test(what_nobody_is_asked_about_expires_too),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
