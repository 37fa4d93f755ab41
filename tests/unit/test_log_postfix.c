/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/log.h"

static const struct log_event sent = { "sent", LOG_LEVEL_DEBUG,
	"smtp: %{msg}: to=<%{rcpt}>, delay=%{ms/s}, dsn=%{dsn|2.0.0} "
	"(%{?code}%{code} %{/}%{text})" };
static const struct log_event came = { "came", LOG_LEVEL_INFO,
	"smtpd: %{msg|NOQUEUE}: %{?user}by %{user}%{/}%{!user}by nobody%{/}\n"
	"qmgr: %{msg|NOQUEUE}: done" };
static const struct log_event other = { "other", LOG_LEVEL_WARN, NULL };
static const struct log_event phase = { "phase", LOG_LEVEL_DEBUG, NULL };

static char path[] = "/tmp/postern-log.XXXXXX";
static char text[16384];

static void
start(enum log_format format)
{
	struct log_settings s = { .to = path,
		.format = format,
		.level = LOG_LEVEL_INFO,
		.postfix_tag = "relay" };
	struct err err;

	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(log_start(&s, &err), 0);
}

/* What is behind the host's name in each line, without the pid. */
static const char *
stop(void)
{
	static char got[sizeof text];
	FILE *f = fopen(path, "r");
	char line[4096];

	log_stop();
	assert_non_null(f);
	got[0] = '\0';
	while (fgets(line, sizeof line, f)) {
		char *tag = strstr(line, " relay/"), *pid, *end;

		assert_non_null(tag);
		pid = strchr(tag, '[');
		end = strchr(tag, ']');
		assert_true(pid && end && atoi(pid + 1) == (int)getpid());
		*pid = '\0';
		strcat(strcat(got, tag + 1), end + 1);
	}
	fclose(f);
	return got;
}

static void
say(const char *rcpt, const char *ms, const char *words, int code)
{
	struct log_line l;

	log_begin(&l, &sent, 1, 0);
	log_cstr(&l, "rcpt", rcpt);
	log_cstr(&l, "ms", ms);
	if (code)
		log_num(&l, "code", code);
	log_cstr(&l, "text", words);
	log_cstr(&l, "unused", "x");
	log_end(&l);
}

static void
a_row_makes_its_lines(void **state)
{
	struct log_line l;

	(void)state;
	start(LOG_FORMAT_POSTFIX);
	say("ann@example.net", "5", "Ok \"1\"", 250);
	log_begin(&l, &came, 0, 7);
	log_end(&l);
	log_begin(&l, &came, 1, 0);
	log_cstr(&l, "user", "ann");
	log_end(&l);
	assert_string_equal(stop(),
	    "relay/smtp: 0000000000001: to=<ann@example.net>, delay=0.01, "
	    "dsn=2.0.0 (250 Ok \"1\")\n"
	    "relay/smtpd: NOQUEUE: by nobody\n"
	    "relay/qmgr: NOQUEUE: done\n"
	    "relay/smtpd: 0000000000001: by ann\n"
	    "relay/qmgr: 0000000000001: done\n");
}

static void
nobody_forges_a_line(void **state)
{
	struct log_line l;

	(void)state;
	start(LOG_FORMAT_POSTFIX);
	say("a>, status=sent <b\n@x\xe9", "0", "a <b> \x01\xc2\x85 \xc3\xa9",
	    0);
	log_begin(&l, &other, 0, 0);
	log_cstr(&l, "user", "to=<ann>, status=sent");
	log_end(&l);
	assert_string_equal(stop(),
	    "relay/smtp: 0000000000001: to=<a?, status=sent ?b?@x?>, delay=0, "
	    "dsn=2.0.0 (a <b> ?? \xc3\xa9)\n"
	    "relay/posternd: warning: event=other "
	    "user=\"to=[ann], status=sent\"\n");
}

static const struct {
	const char *ms, *s;
} times[] = { { "0", "0" }, { "4", "0" }, { "5", "0.01" }, { "19", "0.02" },
	{ "100", "0.1" }, { "994", "0.99" }, { "996", "1" }, { "1234", "1.2" },
	{ "9949", "9.9" }, { "9950", "10" }, { "345678", "346" },
	{ "12/0/1500/39", "0.01/0/1.5/0.04" } };

static void
times_are_as_postfix_has_them(void **state)
{
	char want[64];

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		start(LOG_FORMAT_POSTFIX);
		say("a", times[i].ms, "", 0);
		snprintf(want, sizeof want, "delay=%s, dsn", times[i].s);
		if (!strstr(stop(), want))
			fail_msg("not %s", want);
	}
}

static void
what_is_too_long_ends(void **state)
{
	struct log_line l;
	char lots[300];

	(void)state;
	memset(lots, 'x', sizeof lots - 1);
	lots[sizeof lots - 1] = '\0';
	start(LOG_FORMAT_POSTFIX);
	log_begin(&l, &sent, 1, 0);
	for (int i = 0; i < 20; i++)
		log_cstr(&l, "more", lots);
	log_cstr(&l, "rcpt", lots); /* no room: as if it were not there */
	log_end(&l);
	assert_non_null(strstr(stop(), "to=<>, delay="));
}

static void
its_level_is_of_that_form_only(void **state)
{
	(void)state;
	start(LOG_FORMAT_TEXT);
	assert_false(log_wants_event(&sent));
	log_stop();
	start(LOG_FORMAT_POSTFIX);
	assert_true(log_wants_event(&sent));
	assert_false(log_wants_event(&phase));
	log_level_set(LOG_LEVEL_WARN);
	assert_false(log_wants_event(&sent));
	assert_true(log_wants_event(&other));
	log_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_makes_its_lines),
		cmocka_unit_test(nobody_forges_a_line),
		cmocka_unit_test(times_are_as_postfix_has_them),
		cmocka_unit_test(what_is_too_long_ends),
		cmocka_unit_test(its_level_is_of_that_form_only),
	};
	int fd = mkstemp(path), rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
