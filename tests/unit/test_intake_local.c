/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for this host at the door: who reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/local.h"

#include "fake_spool.h"

static const char *domains[] = { "web1", "localhost" };

static void
no_mistake(void *arg, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("line %u: %s", line, text);
}

/* Settings with aliases, which are the caller's to free. */
static struct aliases *
set_aliases(struct intake_settings *s, const char *root, const char *text)
{
	struct aliases *a = NULL;

	*s = fake_rules;
	s->local =
	    (struct local){ .root = root, .domains = domains, .ndomains = 2 };
	assert_int_equal(
	    aliases_parse(&a, str_of(text), &s->local, no_mistake, NULL), 0);
	s->local.aliases = a;
	return a;
}

/* "address:notify:orcpt " of each recipient of the first message. */
static void
expect(const char *all)
{
	const struct envelope *e = fake.accepted[0].env;
	struct buf b;

	buf_init(&b, 4096);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		assert_int_equal(
		    buf_addf(&b, "%s:%d:%s ", e->rcpts[i].address,
		        e->rcpts[i].notify,
		        e->rcpts[i].orcpt != NULL ? e->rcpts[i].orcpt : ""),
		    0);
	if (!str_eq(buf_str(&b), str_of(all)))
		fail_msg("%.*s", (int)b.len, buf_str(&b).p);
	buf_done(&b);
}

static void
finish(struct intake **i, struct fake_client *c)
{
	assert_int_equal(fake_data(c), 354);
	assert_int_equal(fake_end(c), 0);
	fake_answer_all(SPOOL_DONE);
	intake_free(i);
}

static const struct {
	const char *why;
	const char *root;
	struct smtp_rcpt rcpts[3];
	const char *becomes;
} rows[] = {
	{ "an alias", NULL, { { .address = { "ops@web1", 8 } } },
	    "a@b.c:0: d@e.f:0: g@h.i:0: " },
	{ "whatever the case", NULL, { { .address = { "OPS@LocalHost", 13 } } },
	    "a@b.c:0: d@e.f:0: g@h.i:0: " },
	{ "one that came without a domain", NULL,
	    { { .address = { "one@example.com", 15 }, .is_bare = true } },
	    "a@b.c:0: " },
	{ "but that domain is not this host's", NULL,
	    { { .address = { "one@example.com", 15 } } },
	    "one@example.com:0: " },
	{ "Postmaster", NULL, { { .address = { "Postmaster", 10 } } },
	    "a@b.c:0: " },
	{ "nobody's, for root", "r@r.r", { { .address = { "x@web1", 6 } } },
	    "r@r.r:0: " },
	{ "nobody's, and no root", NULL, { { .address = { "x@web1", 6 } } },
	    "x@web1:0: " },
	{ "nobody is told twice", NULL,
	    { { .address = { "d@e.f", 5 } }, { .address = { "ops@web1", 8 } },
	        { .address = { "ops@web1", 8 } } },
	    "d@e.f:0: a@b.c:0: g@h.i:0: " },
	{ "one reader gets all that was asked for", NULL,
	    { { .address = { "one@web1", 8 },
	        .notify = SMTP_SUCCESS | SMTP_DELAY,
	        .orcpt = { "rfc822;o@o.o", 12 } } },
	    "a@b.c:10:rfc822;o@o.o " },
	{ "of several one tells of success, all of failure", NULL,
	    { { .address = { "ops@web1", 8 },
	        .notify = SMTP_SUCCESS | SMTP_FAILURE,
	        .orcpt = { "rfc822;o@o.o", 12 } } },
	    "a@b.c:6:rfc822;o@o.o d@e.f:4:rfc822;o@o.o g@h.i:4:rfc822;o@o.o " },
	{ "where nothing but success was wanted", NULL,
	    { { .address = { "ops@web1", 8 }, .notify = SMTP_SUCCESS } },
	    "a@b.c:2: d@e.f:1: g@h.i:1: " },
	{ "or nothing", NULL,
	    { { .address = { "ops@web1", 8 }, .notify = SMTP_NEVER } },
	    "a@b.c:1: d@e.f:1: g@h.i:1: " },
};

static void
who_reads_it_gets_it(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
		struct intake_settings rules;
		struct aliases *a = set_aliases(&rules, rows[k].root,
		    "ops: a@b.c, d@e.f, g@h.i, a@b.c\npostmaster: one\n"
		    "one: a@b.c\n");
		struct intake *i = fake_intake(&rules);
		struct fake_client c;

		print_message("%s\n", rows[k].why);
		assert_int_equal(fake_mail(i, &c, "", 0), 250);
		for (size_t n = 0; n < 3; n++) {
			if (rows[k].rcpts[n].address.len == 0)
				continue;
			intake_rcpt(c.m, &rows[k].rcpts[n], &c.reply);
			assert_int_equal(c.reply.code, 250);
		}
		finish(&i, &c);
		expect(rows[k].becomes);
		fake_reset();
		aliases_free(&a);
	}
}

static void
a_list_is_taken_whole_or_not(void **state)
{
	struct intake_settings rules;
	struct aliases *a = set_aliases(
	    &rules, NULL, "ops: a@b.c, d@e.f, g@h.i\nmore: m@n.o\n");
	struct fake_client c;
	struct intake *i;

	(void)state;
	rules.recipients_max = 2;
	i = fake_intake(&rules);
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_rcpt(&c, "x@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "ops@web1"), 250);
	assert_int_equal(fake_rcpt(&c, "more@web1"), 452);
	assert_string_equal(c.reply.enhanced, "4.5.3");
	assert_int_equal(fake_rcpt(&c, "ops@web1"), 250);
	finish(&i, &c);
	expect("x@example.org:0: a@b.c:0: d@e.f:0: g@h.i:0: ");
	fake_reset();
	aliases_free(&a);
}

static void
a_list_takes_of_the_budget(void **state)
{
	struct intake_settings rules;
	struct aliases *a;
	struct fake_client c;
	struct intake *i;
	struct buf text;

	(void)state;
	buf_init(&text, 1u << 20);
	assert_int_equal(buf_adds(&text, "ops:"), 0);
	for (int n = 0; n < 100; n++)
		assert_int_equal(buf_addf(&text, " u%d@b.c,\n", n), 0);
	assert_int_equal(buf_add(&text, "", 1), 0);
	a = set_aliases(&rules, NULL, buf_str(&text).p);
	i = fake_intake(&rules);
	fake.memory_max = 80 << 10; /* a hundred may take 106 KiB */
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_rcpt(&c, "ops@web1"), 452);
	assert_string_equal(c.reply.enhanced, "4.3.1");
	assert_int_equal(fake_rcpt(&c, "x@example.org"), 250);
	fake.memory_max = 96 << 10;
	assert_int_equal(fake_rcpt(&c, "ops@web1"), 250);
	finish(&i, &c);
	assert_int_equal(fake.accepted[0].env->nrcpts, 101);
	assert_int_equal(fake.memory, 0);
	fake_reset();
	aliases_free(&a);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_reads_it_gets_it),
		cmocka_unit_test(a_list_is_taken_whole_or_not),
		cmocka_unit_test(a_list_takes_of_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
