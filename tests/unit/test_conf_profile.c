/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles of providers: how one is read, and each that comes with Postern with
 * the replies that its provider is known to give.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/io/http_client.h"
#include "postern/relay/classify.h"
#include "postern/relay/relay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/test_conf_profile.XXXXXX";

static void
put_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
remove_file(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	(void)unlink(path);
}

/* Providers, below the directories of profiles: "a" and "b" of the test's, then
 * those that ship. */
static int
load(struct settings **s, struct conf_report *r, const char *providers)
{
	char *text =
	    mem_printf("user = \"root\"; hostname = \"relay.example.com\";\n"
	               "profile_directories = [ \"a\", \"%s/b\", \"%s\" ];\n"
	               "bounce = { from = \"b@example.com\"; };\n"
	               "token_directory = \"%s\"; root = \"o@example.com\";\n"
	               "providers = ( %s );\n",
	        dir, SHIPPED, dir, providers);
	char path[128];

	put_file("main.conf", text);
	free(text);
	(void)snprintf(path, sizeof path, "%s/main.conf", dir);
	return conf_load(s, path, true, r);
}

static struct settings *
load_good(const char *providers)
{
	struct settings *s = NULL;
	struct conf_report r;

	if (load(&s, &r, providers) != 0)
		fail_msg("%s: %s", providers, r.mistakes[0]);
	if (r.nwarnings > 0)
		fail_msg("%s: %s", providers, r.warnings[0]);
	conf_report_done(&r);
	return s;
}

/* The mistakes are these, a line each, without the directory. */
static void
assert_mistakes(const char *providers, size_t n, const char *const *want)
{
	struct settings *s = NULL;
	struct conf_report r;

	assert_int_equal(load(&s, &r, providers), -1);
	for (size_t i = 0; i < r.nmistakes && i < n; i++) {
		if (strstr(r.mistakes[i], want[i]) == NULL)
			fail_msg(
			    "\"%s\" has no \"%s\"", r.mistakes[i], want[i]);
	}
	assert_int_equal(r.nmistakes, n);
	conf_report_done(&r);
}

static void
assert_mistake(const char *providers, const char *want)
{
	assert_mistakes(providers, 1, &want);
}

struct wanted {
	const char *key, *value, *origin;
	bool seen;
};

static void
look(void *arg, const struct conf_value *v)
{
	struct wanted *w = arg;

	if (strcmp(v->key, w->key) != 0)
		return;
	assert_string_equal(v->value, w->value);
	if (strstr(v->origin, w->origin) == NULL)
		fail_msg("%s is from \"%s\"", v->key, v->origin);
	w->seen = true;
}

static void
assert_value(const struct settings *s, size_t i, const char *key,
    const char *value, const char *origin)
{
	struct wanted w = { .key = key, .value = value, .origin = origin };

	conf_provider_values(s, i, look, &w);
	assert_true(w.seen);
}

/* --- how one is read --------------------------------------------------------
 */

static const char cheap[] =
    "host = \"smtp.%{region}.example.com\"; port = 2525;\n"
    "max_recipients = 7; rate = [ \"5 msg/s\" ];\n"
    "replies = ( { text = \"tired\"; class = \"rate\"; } );\n";

static void
a_profile_stands_below_the_entry(void **state)
{
	struct settings *s;

	(void)state;
	put_file("a/cheap.conf", cheap);
	s = load_good("{ name = \"x\"; profile = \"cheap\"; region = \"eu\";"
	              " max_recipients = 3; replies = ("
	              " { text = \"busy\"; class = \"conns\"; } ); },"
	              "{ name = \"y\"; like = \"x\"; region = \"us\"; }");
	assert_string_equal(s->relay.providers[0].host, "smtp.eu.example.com");
	assert_int_equal(s->relay.providers[0].port, 2525);
	assert_int_equal(s->relay.providers[0].nreplies, 2);
	assert_string_equal(s->relay.providers[0].replies[0].text, "busy");
	assert_string_equal(s->relay.providers[0].replies[1].text, "tired");
	assert_string_equal(s->relay.providers[1].host, "smtp.us.example.com");
	assert_int_equal(s->relay.providers[1].nreplies, 2);
	assert_value(
	    s, 0, "host", "\"smtp.eu.example.com\"", "profile cheap, ");
	assert_value(s, 0, "port", "2525", "a/cheap.conf:1");
	assert_value(s, 0, "max_recipients", "3", "main.conf:5");
	assert_value(s, 0, "weight", "1", "default");
	assert_value(s, 1, "max_recipients", "3", "like x, ");
	conf_free(&s);
}

static void
the_first_directory_that_has_it_counts(void **state)
{
	struct settings *s;

	(void)state;
	put_file("b/cheap.conf", "host = \"b.example.com\";");
	put_file("a/cheap.conf", "host = \"a.example.com\";");
	s = load_good("{ name = \"x\"; profile = \"cheap\"; }");
	assert_string_equal(s->relay.providers[0].host, "a.example.com");
	conf_free(&s);
	put_file("a/ses.conf", "host = \"own.example.com\";");
	s = load_good("{ name = \"x\"; profile = \"ses\"; }");
	assert_string_equal(s->relay.providers[0].host, "own.example.com");
	conf_free(&s);
	remove_file("a/ses.conf");
}

static void
what_is_missing_or_unknown_is_told(void **state)
{
	(void)state;
	put_file("a/cheap.conf", cheap);
	assert_mistake("{ name = \"x\"; profile = \"cheap\"; }",
	    "providers.region: is missing: profile cheap has host = "
	    "\"smtp.%{region}.example.com\"; write region = \"...\";");
	assert_mistake("{ name = \"x\"; profile = \"sendgrit\"; }",
	    "there is no profile \"sendgrit\"; did you mean \"sendgrid\"? "
	    "Else write one of: ");
	assert_mistake("{ name = \"x\"; profile = \"../cheap\"; }",
	    "providers.profile: \"../cheap\" is no name");
}

static void
a_profile_has_no_secrets_nor_unknown_keys(void **state)
{
	(void)state;
	put_file("a/leaky.conf",
	    "host = \"a.example.com\";\npassword_env = \"HOME\";");
	assert_mistake("{ name = \"x\"; profile = \"leaky\"; },"
	               "{ name = \"y\"; profile = \"leaky\"; }",
	    "a/leaky.conf:2: providers.password_env: is not for profiles");
	put_file("a/leaky.conf", "host = \"%{planet}.example.com\";");
	assert_mistake("{ name = \"x\"; profile = \"leaky\"; }",
	    "has no key of a provider in it; write one such as %{region}");
	put_file("a/leaky.conf", "host = \"a.example.com\"; prot = 25;");
	assert_mistake("{ name = \"x\"; profile = \"leaky\"; }",
	    "providers.prot: is no key; did you mean \"port\"?");
}

static void
a_broken_profile_is_told_for_each_that_names_it(void **state)
{
	static const char *const want[] = {
		"main.conf:5: providers.profile: ",
		"main.conf:6: providers.profile: ",
		"a/broken.conf:1: host: an = with no key",
	};

	(void)state;
	put_file("a/broken.conf", "host = = \"a.example.com\";\n");
	assert_mistakes("{ name = \"x\"; profile = \"broken\"; },\n"
	                "{ name = \"y\"; profile = \"broken\"; }",
	    COUNT(want), want);
}

static void
the_tenant_is_put_into_the_addresses_of_tokens(void **state)
{
	struct settings *s;

	(void)state;
	if (!http_client_is_there())
		skip();
	s = load_good("{ name = \"x\"; profile = \"office365\"; user = "
	              "\"a@example.com\"; oauth = { tenant = \"example.com\"; "
	              "client_id = \"1\"; }; }");
	assert_string_equal(s->relay.providers[0].oauth.token_url,
	    "https://login.microsoftonline.com/example.com/oauth2/v2.0/token");
	conf_free(&s);
	assert_mistakes("{ name = \"x\"; profile = \"office365\"; user = "
	                "\"a@example.com\"; oauth = { client_id = \"1\"; }; }",
	    2,
	    (const char *const[]){ "providers.oauth.tenant: is missing",
	        "providers.oauth.tenant: is missing" });
}

static void
without_a_rate_the_page_is_named_that_has_it(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;

	(void)state;
	assert_int_equal(load(&s, &r,
	                     "{ name = \"x\"; profile = \"ses\"; region = "
	                     "\"eu-west-1\"; }"),
	    0);
	assert_int_equal(r.nhints, 1);
	assert_non_null(strstr(r.hints[0], "ses/latest/dg/quotas.html"));
	conf_report_done(&r);
	conf_free(&s);
	assert_int_equal(load(&s, &r,
	                     "{ name = \"x\"; profile = \"ses\"; region = "
	                     "\"eu-west-1\"; rate = [ \"14 rcpt/s\" ]; }"),
	    0);
	assert_int_equal(r.nhints, 0);
	conf_report_done(&r);
	conf_free(&s);
}

/* --- those that ship --------------------------------------------------------
 */

#define LOGIN "user = \"u\"; password_env = \"HOME\";"

static const struct {
	const char *name, *keys;
} account[] = {
	{ "163", LOGIN },
	{ "aliyun-dm", LOGIN },
	{ "brevo", LOGIN },
	{ "fastmail", LOGIN },
	{ "generic", "host = \"smtp.example.com\";" LOGIN },
	{ "gmail", LOGIN },
	{ "gmail-relay", "" },
	{ "mailgun", LOGIN },
	{ "mailjet", LOGIN },
	{ "mandrill", LOGIN },
	{ "office365", LOGIN },
	{ "office365-connector", "host = \"mx.example.com\";" },
	{ "postmark", LOGIN },
	{ "qq", LOGIN },
	{ "sendgrid", "password_env = \"HOME\";" },
	{ "ses", "region = \"eu-west-1\";" LOGIN },
	{ "sparkpost", "password_env = \"HOME\";" },
	{ "tencent-exmail", LOGIN },
	{ "tencent-ses", "host = \"smtp.example.com\";" LOGIN },
	{ "yahoo", LOGIN },
	{ "zoho", LOGIN },
};

static struct settings *
load_account(const char *name)
{
	size_t i = 0;
	struct settings *s;
	char *text;

	while (i < COUNT(account) && strcmp(account[i].name, name) != 0)
		i++;
	if (i == COUNT(account))
		fail_msg("the test has no account for %s", name);
	text = mem_printf(
	    "{ name = \"x\"; profile = \"%s\"; %s }", name, account[i].keys);
	s = load_good(text);
	free(text);
	return s;
}

static void
each_that_ships_is_clean_with_a_small_account(void **state)
{
	DIR *d = opendir(SHIPPED);
	const struct dirent *e;
	size_t n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char name[64];
		struct settings *s;

		if (strstr(e->d_name, ".conf") == NULL)
			continue;
		(void)snprintf(name, sizeof name, "%.*s",
		    (int)strcspn(e->d_name, "."), e->d_name);
		s = load_account(name);
		assert_int_equal(s->relay.providers[0].tls, RELAY_TLS_VERIFY);
		conf_free(&s);
		n++;
	}
	(void)closedir(d);
	assert_int_equal(n, COUNT(account));
}

/* What the providers are known to say: each on a session that has carried
 * messages. */
/* clang-format off */
static const struct {
	const char *profile;
	enum outcome_stage stage;
	const char *reply, *class;
} said[] = {
{ "ses", OUTCOME_DOT, "454 Throttling failure: Maximum sending rate exceeded", "rate" },
{ "ses", OUTCOME_DOT, "454 Throttling failure: Daily message quota exceeded", "quota" },
{ "ses", OUTCOME_DOT, "554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1", "identity" },
{ "ses", OUTCOME_MAIL, "451 4.4.2 Timeout waiting for data from client.", "stale" },
{ "ses", OUTCOME_MAIL, "421 Timeout waiting for data from client.", "stale" },
{ "ses", OUTCOME_MAIL, "421 4.7.0 too many messages in one session", "recycle" },
{ "ses", OUTCOME_DOT, "421 too many messages in one session", "recycle" },
{ "ses", OUTCOME_AUTH, "535 Authentication Credentials Invalid", "auth" },
{ "sendgrid", OUTCOME_AUTH, "451 Authentication failed: Maximum credits exceeded", "quota" },
{ "sendgrid", OUTCOME_DOT, "451 You've exceeded your messaging limits", "quota" },
{ "sendgrid", OUTCOME_DOT, "550 The from address does not match a verified Sender Identity. Mail cannot be sent", "identity" },
{ "mailgun", OUTCOME_DATA, "421 Domain example.com is not allowed to send: recipient limit exceeded, try again after Sun, 29 Nov 2026 07:00:00 GMT", "quota" },
{ "mailgun", OUTCOME_DOT, "554 Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 2081 seconds", "quota" },
{ "mailgun", OUTCOME_AUTH, "535 5.7.0 Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 2081 seconds", "quota" },
{ "mailgun", OUTCOME_MAIL, "421 Domain example.com is not allowed to send: Please activate your Mailgun account", "suspended" },
{ "gmail", OUTCOME_MAIL, "421 4.7.0 Try again later, closing connection", "backoff" },
{ "gmail", OUTCOME_RCPT, "421 4.4.5 Server busy", "backoff" },
{ "gmail", OUTCOME_DOT, "421 4.3.0 Temporary System Problem", "backoff" },
{ "gmail-relay", OUTCOME_RCPT, "450 4.2.1 Peak SMTP relay limit exceeded for customer", "rate" },
{ "gmail-relay", OUTCOME_DOT, "450 4.2.1 Peak SMTP relay limit exceeded for customer", "rate" },
{ "gmail", OUTCOME_DOT, "550 5.4.5 Daily user sending limit exceeded", "quota" },
{ "gmail-relay", OUTCOME_DOT, "550 5.7.1 Daily SMTP relay limit exceeded for customer", "quota" },
{ "gmail", OUTCOME_RCPT, "452 4.5.3 Your message has too many recipients", "split" },
{ "gmail", OUTCOME_RCPT, "452 4.5.3 Domain policy: try this recipient in a separate transaction", "split" },
{ "gmail", OUTCOME_STARTTLS, "454 4.5.0 no commands allowed to pipeline after STARTTLS", "tls" },
{ "gmail", OUTCOME_AUTH, "454 4.7.0 Cannot authenticate due to temporary system problem", "auth-temp" },
{ "gmail", OUTCOME_AUTH, "454 4.7.0 Too many login attempts, please try again later", "auth-temp" },
{ "gmail", OUTCOME_AUTH, "535 5.7.8 Username and Password not accepted", "auth" },
{ "gmail", OUTCOME_AUTH, "534 5.7.9 Application-specific password required", "auth" },
{ "office365", OUTCOME_MAIL, "432 4.3.2 Concurrent connections limit exceeded", "conns" },
{ "office365", OUTCOME_DOT, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "conns" },
{ "office365", OUTCOME_DOT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "quota" },
{ "office365", OUTCOME_DOT, "550 5.7.233 tenant external recipient rate limit", "quota" },
{ "office365", OUTCOME_DOT, "550 5.1.8 Access denied, bad outbound sender", "suspended" },
{ "office365", OUTCOME_DOT, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", "suspended" },
{ "office365", OUTCOME_MAIL, "451 4.7.500 Server busy. Please try again later", "backoff" },
{ "office365", OUTCOME_AUTH, "535 5.7.3 Authentication unsuccessful", "auth" },
{ "office365", OUTCOME_AUTH, "550 5.7.30 Basic authentication is not supported for Client Submission", "auth" },
{ "office365", OUTCOME_AUTH, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", "auth" },
{ "office365", OUTCOME_DOT, "554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com", "identity" },
{ "office365-connector", OUTCOME_RCPT, "451 4.7.500 Server busy", "backoff" },
{ "sparkpost", OUTCOME_AUTH, "535 5.7.8 Sorry. *** No authentication type succeeded", "auth" },
{ "sparkpost", OUTCOME_DOT, "550 5.7.1 Unconfigured Sending Domain <example.com>", "identity" },
{ "zoho", OUTCOME_AUTH, "535 Authentication Failed", "auth" },
{ "zoho", OUTCOME_MAIL, "553 Relaying disallowed as <a@example.com>", "identity" },
{ "zoho", OUTCOME_DOT, "554 5.1.8 Sender Address Blocked", "suspended" },
{ "aliyun-dm", OUTCOME_DOT, "552 Daily sending quota exceeded", "quota" },
{ "aliyun-dm", OUTCOME_DOT, "552 Monthly sending quota exceeded", "quota" },
{ "aliyun-dm", OUTCOME_DOT, "552 Not enough sending quota", "quota" },
{ "aliyun-dm", OUTCOME_RCPT, "454 Transient reject by behaviour spam at RCPT: too frequently sending", "rate" },
{ "aliyun-dm", OUTCOME_DOT, "554 Reject by behaviour spam at DATA: too frequently sending", "rate" },
{ "aliyun-dm", OUTCOME_MAIL, "436 \"MAIL FROM\" doesn't conform with authentication", "identity" },
{ "aliyun-dm", OUTCOME_RCPT, "559 Invalid rcptto", "rcpt" },
{ "aliyun-dm", OUTCOME_RCPT, "556 The number of RCPTs is over size", "split" },
{ "aliyun-dm", OUTCOME_DOT, "557 The length of DATA is over size", "message" },
{ "aliyun-dm", OUTCOME_MAIL, "551 Main account unavailable", "suspended" },
{ "aliyun-dm", OUTCOME_AUTH, "535 Authentication failure.", "auth" },
{ "qq", OUTCOME_MAIL, "550 Domain frequency limited", "rate" },
{ "qq", OUTCOME_DOT, "550 Sender frequency limited", "rate" },
{ "tencent-exmail", OUTCOME_MAIL, "550 Connection frequency limited", "rate" },
{ "tencent-exmail", OUTCOME_RCPT, "550 Mailbox frequency limited", "rate" },
{ "163", OUTCOME_BANNER, "421 HL:ICC", "conns" },
{ "163", OUTCOME_BANNER, "421 HL:IFC", "rate" },
{ "163", OUTCOME_BANNER, "421 HL:REP", "backoff" },
{ "163", OUTCOME_BANNER, "421 HL:MEP", "backoff" },
{ "163", OUTCOME_MAIL, "450 MI:DMC", "recycle" },
{ "163", OUTCOME_MAIL, "451 MI:DMC", "recycle" },
{ "163", OUTCOME_RCPT, "450 RP:DRC", "recycle" },
{ "163", OUTCOME_MAIL, "451 MI:SFQ", "rate" },
{ "163", OUTCOME_DOT, "451 DT:SPM, please try again", "backoff" },
{ "163", OUTCOME_DOT, "554 DT:SPM", "message" },
{ "yahoo", OUTCOME_MAIL, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", "backoff" },
{ "yahoo", OUTCOME_MAIL, "421 4.7.0 [TS02] Messages temporarily deferred", "backoff" },
{ "generic", OUTCOME_AUTH, "550 Too many messages. Try again in 92 seconds.", "rate" },
{ "generic", OUTCOME_MAIL, "452 4.4.5 Messages per second limit exceeded", "rate" },
{ "generic", OUTCOME_MAIL, "452 4.5.3 Daily message limit exceeded", "rate" },
};
/* clang-format on */

static void
assert_class(const struct relay_provider *p, size_t i)
{
	struct classify_question q = { .provider = p,
		.stage = said[i].stage,
		.reply = str_of(said[i].reply),
		.used = true,
		.now_ms = INT64_C(1795932000000) };
	struct classify c;
	struct err err;

	if (classify_reply(&c, &q, &err) != 0)
		fail_msg("%s: %s", said[i].reply, err.text);
	if (strcmp(c.class, said[i].class) != 0)
		fail_msg("%s: \"%s\" is %s and not %s", said[i].profile,
		    said[i].reply, c.class, said[i].class);
	classify_done(&c);
}

static void
each_reply_that_is_known_has_its_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		struct settings *s = load_account(said[i].profile);

		assert_class(&s->relay.providers[0], i);
		conf_free(&s);
	}
}

/* The profile's pattern decides, with its own wait. */
static void
a_pause_that_a_provider_is_known_to_want_is_in_its_profile(void **state)
{
	struct settings *s = load_account("yahoo");
	struct classify_question q = { .provider = &s->relay.providers[0],
		.stage = OUTCOME_MAIL,
		.reply = str_of("421 4.7.0 [TSS04] temporarily deferred"),
		.now_ms = INT64_C(1795932000000) };
	struct classify c;
	struct err err;

	(void)state;
	assert_int_equal(classify_reply(&c, &q, &err), 0);
	assert_non_null(c.pattern);
	assert_non_null(strstr(c.pattern->file, "yahoo.conf"));
	assert_int_equal(c.wait_ms, 2 * 3600000);
	classify_done(&c);
	conf_free(&s);
}

/* --- the directory ----------------------------------------------------------
 */

static int
set_up(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (const char *name = "ab"; *name != '\0'; name++) {
		(void)snprintf(path, sizeof path, "%s/%c", dir, *name);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const made[] = { "a/cheap.conf", "b/cheap.conf",
		"a/leaky.conf", "a/broken.conf", "main.conf" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT(made); i++)
		remove_file(made[i]);
	(void)snprintf(path, sizeof path, "%s/a", dir);
	(void)rmdir(path);
	(void)snprintf(path, sizeof path, "%s/b", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_stands_below_the_entry),
		cmocka_unit_test(the_first_directory_that_has_it_counts),
		cmocka_unit_test(what_is_missing_or_unknown_is_told),
		cmocka_unit_test(a_profile_has_no_secrets_nor_unknown_keys),
		cmocka_unit_test(
		    a_broken_profile_is_told_for_each_that_names_it),
		cmocka_unit_test(
		    the_tenant_is_put_into_the_addresses_of_tokens),
		cmocka_unit_test(without_a_rate_the_page_is_named_that_has_it),
		cmocka_unit_test(each_that_ships_is_clean_with_a_small_account),
		cmocka_unit_test(each_reply_that_is_known_has_its_class),
		cmocka_unit_test(
		    a_pause_that_a_provider_is_known_to_want_is_in_its_profile),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
