/* SPDX-License-Identifier: Apache-2.0 */
/* Signing on the way to a provider: what leaves, and what cannot be signed.
 * That others verify it is tests/system/test_signing.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/relay/dkim_key.h"
#include "postern/relay/outfit.h"

#include "relay_world.h"

static const char *all[] = { "*@example.com" };
static const char *sign[] = { "Subject", "To" };
static struct dkim_rule rule = { .domain = "example.com",
	.selector = "s",
	.from = all,
	.nfrom = 1,
	.fields = { .sign = sign, .nsign = 2 } };

static int
make_key(void **state)
{
	struct buf pem;
	struct err err;

	(void)state;
	buf_init(&pem, DKIM_KEY_FILE_MAX);
	if (dkim_key_make(&pem, 0, &err) != 0 ||
	    dkim_key_read(&rule.key, buf_str(&pem), &err) != 0)
		return -1;
	buf_wipe(&pem);
	return 0;
}

static int
free_key(void **state)
{
	(void)state;
	dkim_key_free(&rule.key);
	return 0;
}

static void
begin(struct world *w, const struct fake_rule *rules)
{
	struct relay_provider *p;

	world_init(w);
	p = world_provider(w, rules);
	p->dkim = &rule;
	p->ndkim = 1;
}

static bool
is_signed(struct world *w, size_t i)
{
	const char *content = fake_mail(w->fake[0], i)->content;

	return strncmp(content, "DKIM-Signature: v=1; a=ed25519-sha256;", 38) ==
	       0;
}

/* From memory, and read from the store by the one who signs. */
static void
small_and_large_ones_are_signed(void **state)
{
	struct world w;

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_send(&w, &(struct world_mail){ .bytes = 300000 });
	world_send(&w, &(struct world_mail){ .on_disk = true });
	fake_wait_mails(w.fake[0], 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(is_signed(&w, i));
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

static void
others_leave_as_they_are(void **state)
{
	struct world w;
	const char *content = "From: a@example.org\r\n\r\nx\r\n";

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .content = content });
	fake_wait_mails(w.fake[0], 1);
	assert_string_equal(fake_mail(w.fake[0], 0)->content, content);
	world_done(&w);
}

/* A text behind no header stays the body, behind the line that says so. */
static void
a_text_without_an_empty_line_is_the_body(void **state)
{
	struct world w;
	const char *content = "From: a@example.com\r\nHello.\r\n";

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .content = content });
	fake_wait_mails(w.fake[0], 1);
	assert_true(is_signed(&w, 0));
	assert_non_null(strstr(fake_mail(w.fake[0], 0)->content,
	    "\r\nFrom: a@example.com\r\n\r\nHello.\r\n"));
	world_done(&w);
}

/* n fields that are to be signed. */
static char *
with_fields(size_t n)
{
	static const char field[] = "Subject: a\r\n";
	size_t len = strlen(field);
	char *content = mem_new(n * len + 100), *p = content;

	p = stpcpy(p, "From: a@example.com\r\n");
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, field);
	(void)stpcpy(p, "\r\nx\r\n");
	return content;
}

static void
more_fields_than_a_signature_covers_go_back(void **state)
{
	char *most = with_fields(DKIM_FIELDS_MAX - 1);
	char *over = with_fields(DKIM_FIELDS_MAX);
	struct world w;

	(void)state;
	begin(&w, NULL);
	w.settings.bounce_to = RELAY_BOUNCE_NONE;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .content = most });
	fake_wait_mails(w.fake[0], 1);
	assert_true(is_signed(&w, 0));
	world_send(&w, &(struct world_mail){ .content = over });
	world_wait(&w, 0, 0, 1);
	assert_string_equal(world_dead(&w).enhanced, "5.6.0");
	assert_non_null(strstr(world_dead(&w).text, "cannot be signed"));
	assert_int_equal(world_count_log(&w, "sign.failed", "fields"), 1);
	assert_int_equal(fake_mails(w.fake[0]), 1);
	world_done(&w);
	free(most);
	free(over);
}

/* What the settings add leaves no room for a signature. */
static void
a_header_without_end_goes_back(void **state)
{
	static const char *add[393];
	char *field = mem_printf("X: %0*d", 995, 0);
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof add / sizeof add[0]; i++)
		add[i] = field;
	begin(&w, NULL);
	w.settings.bounce_to = RELAY_BOUNCE_NONE;
	w.provider[0].rewrite.header.add = add;
	w.provider[0].rewrite.header.nadd = sizeof add / sizeof add[0];
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 0, 0, 1);
	assert_string_equal(world_dead(&w).enhanced, "5.6.0");
	world_done(&w);
	free(field);
}

/* Refused there, it is signed once and tried again as it is. */
static void
a_second_try_has_the_signature(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "DOT", .reply = "421 4.3.2 closing", .times = 1 },
		{ 0 }
	};
	struct world w;

	(void)state;
	begin(&w, rules);
	w.settings.retry.quick_ms[0] = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	assert_true(is_signed(&w, 0));
	assert_null(
	    strstr(fake_mail(w.fake[0], 0)->content + 1, "DKIM-Signature"));
	world_done(&w);
}

static void
an_end_in_the_middle_leaves_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ .bytes = 300000 });
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_and_large_ones_are_signed),
		cmocka_unit_test(others_leave_as_they_are),
		cmocka_unit_test(a_text_without_an_empty_line_is_the_body),
		cmocka_unit_test(more_fields_than_a_signature_covers_go_back),
		cmocka_unit_test(a_header_without_end_goes_back),
		cmocka_unit_test(a_second_try_has_the_signature),
		cmocka_unit_test(an_end_in_the_middle_leaves_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, make_key, free_key);
}
