/* SPDX-License-Identifier: Apache-2.0 */
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

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/inlet/users.h"
#include "postern/conf/conf.h"
#include "postern/intake/routes.h"
#include "postern/mail/rate.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/relay/dkim_key.h"

#include "certs.h"
#include "conf/conf_field.h"
#include "conf/conf_table.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/test_conf.XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
put_bytes(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Every configuration of these tests names an existing user. */
#define USER "user = \"root\";"

static void
put_file(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static struct settings *
load_good(const char *text)
{
	struct settings *s = NULL;
	struct conf_report r;

	put_file("main.conf", text);
	if (conf_load(&s, path_of("main.conf"), false, &r) != 0)
		fail_msg("%s", r.mistakes[0]);
	conf_report_done(&r);
	return s;
}

/* The mistakes, a line each, without the directory. */
static char *
mistakes_of(const char *text)
{
	struct settings *s = NULL;
	struct conf_report r;
	char *all = mem_str("");
	size_t cut = strlen(dir) + 1;

	if (text != NULL)
		put_file("main.conf", text);
	if (conf_load(&s, path_of("main.conf"), true, &r) == 0)
		conf_free(&s);
	for (size_t i = 0; i < r.nmistakes; i++) {
		char *more = mem_printf("%s%s\n", all, r.mistakes[i] + cut);

		free(all);
		all = more;
	}
	conf_report_done(&r);
	return all;
}

/* --- what is read -----------------------------------------------------------
 */

/* The hash, the caller's to free. */
static char *
hash_of(const char *text)
{
	struct settings *s = load_good(text);
	char *hash = mem_str(s->hash);

	conf_free(&s);
	return hash;
}

static void
what_says_the_same_has_the_same_hash(void **state)
{
	static const struct {
		const char *why, *text;
		bool is_same;
	} rows[] = {
		{ "the same", USER "hostname = \"a.example\";", true },
		{ "comments and spacing",
		    "# mine\n" USER "\n\n  hostname=\"a.example\" ;", true },
		{ "another value", USER "hostname = \"b.example\";", false },
		{ "one key more",
		    USER "hostname = \"a.example\"; watch = true;", false },
	};
	char *first = hash_of(rows[0].text);

	(void)state;
	assert_int_equal(strlen(first), 16);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *hash = hash_of(rows[i].text);

		if ((strcmp(first, hash) == 0) != rows[i].is_same)
			fail_msg("%s: %s", rows[i].why, hash);
		free(hash);
	}
	free(first);
}

static void
a_file_that_is_included_counts_in_the_hash(void **state)
{
	static const char text[] = USER "include = [ \"more.conf\" ];";
	char *one, *two;

	(void)state;
	put_file("more.conf", "hostname = \"a.example\";");
	one = hash_of(text);
	put_file("more.conf", "hostname = \"b.example\";");
	two = hash_of(text);
	assert_string_not_equal(one, two);
	free(one);
	free(two);
	assert_int_equal(unlink(path_of("more.conf")), 0);
}

static void
nothing_written_gives_the_defaults(void **state)
{
	struct settings *s = load_good(USER);

	(void)state;
	assert_true(s->listeners_by_default);
	assert_int_equal(s->inlet.nlisteners, 2);
	assert_int_equal(s->inlet.listeners[0].naddresses, 2);
	assert_string_equal(s->inlet.listeners[1].name, "sendmail");
	assert_true(s->submission_by_default);
	assert_int_equal(s->inlet.listeners[0].size_max, 25 << 20);
	assert_int_equal(s->inlet.listeners[0].timeouts.command, 300000);
	assert_int_equal(s->inlet.listeners[0].timeouts.session, 0);
	assert_true(s->inlet.listeners[0].chunking);
	assert_int_equal(s->inlet.intake.received_max, 100);
	assert_int_equal(s->inlet.intake.size_max, 25 << 20);
	assert_int_equal(s->relay.nproviders, 0);
	assert_int_equal(s->relay.retry.nquick, 3);
	assert_int_equal(s->relay.retry.quick_ms[2], 4000);
	assert_true(
	    s->relay.retry.factor > 1.99 && s->relay.retry.factor < 2.01);
	assert_int_equal(s->relay.retry.give_up_ms, 4 * 86400000);
	assert_int_equal(s->relay.retry.warn_after_ms, 0);
	assert_int_equal(s->relay.bounce_to, RELAY_BOUNCE_SENDER);
	assert_string_equal(s->spool.directory, "/var/spool/postern");
	assert_int_equal(s->spool.ballast, 0);
	assert_int_equal(s->spool.memory_max, 64 << 20);
	assert_int_equal(s->log.level, LOG_LEVEL_INFO);
	assert_non_null(s->hostname);
	conf_free(&s);
	assert_null(s);
}

static void
the_door_of_sendmail_is_always_there(void **state)
{
	struct settings *s = load_good(
	    USER "domain = \"example.com\"; submission = { socket = \"/x/s\"; "
	         "users = [ \"33\" ]; senders = [ \"*@a.example\" ]; "
	         "max_size = \"1M\"; };\n"
	         "providers = ( { name = \"p\"; host = \"h\"; } );\n"
	         "routes = ( { name = \"r\"; use = [ \"p\" ]; match = { "
	         "listener = [ \"sendmail\" ]; }; } );");
	const struct inlet_listener *l = &s->inlet.listeners[1];
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(s->inlet.nlisteners, 2);
	assert_false(s->submission_by_default);
	assert_int_equal(l->naddresses, 1);
	addr_text(&l->addresses[0], text);
	assert_string_equal(text, "unix:/x/s");
	assert_int_equal(l->socket_mode, 0666);
	assert_int_equal(l->nusers, 1);
	assert_int_equal(l->users[0], 33);
	assert_int_equal(l->nsenders, 1);
	assert_int_equal(l->size_max, 1 << 20);
	assert_string_equal(l->domain, "example.com");
	assert_true(l->repair_headers && l->remove_bcc);
	assert_null(s->relay.local.root);
	assert_int_equal(s->inlet.intake.local.ndomains, 2);
	assert_string_equal(s->inlet.intake.local.domains[1], "localhost");
	assert_null(s->inlet.listeners[0].domain);
	conf_free(&s);
}

#define TEN "aaaaaaaaaa"
#define LONG_PATH TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "aaaaaaa"

static const char provider[] = USER
    "hostname = \"relay.example.com\"; # a comment\n"
    "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:2525\","
    " \"unix:/run/x.sock\" ]; disable = [ \"DSN\", \"8BITMIME\" ];\n"
    "  max_size = \"1G\"; timeouts = { command = \"7s\"; }; },\n"
    "  { name = \"b\"; address = [ \"0.0.0.0:25\" ];\n"
    "    networks = [ \"10.0.0.0/8\", \"192.0.2.1\" ];\n"
    "    senders = [ \"*@example.com\", \"<>\" ]; priority = \"low\";\n"
    "    client_rate = [ \"14 msg/s\", \"500 rcpt/min\" ];\n"
    "    over_rate = \"refuse\";\n"
    "    lane = \"sender\"; hold = true; } ); // another\n"
    "providers = ( { name = \"x\"; host = \"smtp.example.com\";\n"
    "  tls = \"required\"; tls_mode = \"implicit\"; prefer = \"ipv6\";\n"
    "  max_connections = 3; disable = [ \"DSN\", \"PIPELINING\" ];\n"
    "  null_sender = \"refuse\"; eight_bit = \"pass\"; max_size = \"40M\";\n"
    "  timeouts = { dot = \"1m\"; }; breaker = { failures = 9; }; } );\n"
    "retry = { quick = [ ]; factor = 3; }; /* and\n one more */\n"
    "bounce = { to = \"ops@example.com\"; from = \"b@example.com\"; };\n"
    "spool = { ballast = \"off\"; max_size = \"2G\" }\n"
    "log = { level = \"debug\"; format = \"json\"; to = \"/x/y\"; };";

static void
what_is_written_is_read(void **state)
{
	struct settings *s = load_good(provider);
	const struct inlet_listener *l = s->inlet.listeners;
	const struct relay_provider *p = s->relay.providers;

	(void)state;
	assert_string_equal(s->hostname, "relay.example.com");
	assert_int_equal(s->inlet.nlisteners, 3);
	assert_false(s->listeners_by_default);
	assert_int_equal(l[0].naddresses, 2);
	assert_false(l[0].dsn);
	assert_false(l[0].eight_bit);
	assert_true(l[0].smtputf8);
	assert_int_equal(l[0].timeouts.command, 7000);
	assert_int_equal(l[0].timeouts.data, 300000);
	assert_int_equal(l[1].nnetworks, 2);
	assert_string_equal(l[1].networks[1], "192.0.2.1");
	assert_int_equal(l[0].nclient_rates, 0);
	assert_false(l[0].refuse_over);
	assert_int_equal(l[1].nclient_rates, 2);
	assert_int_equal(l[1].client_rates[0].count, 14);
	assert_int_equal(l[1].client_rates[1].of, RATE_RECIPIENTS);
	assert_int_equal(l[1].client_rates[1].period_ms, 60000);
	assert_int_equal(l[1].nuser_rates, 0);
	assert_true(l[1].refuse_over);
	assert_null(l[0].senders);
	assert_int_equal(l[0].priority, SPOOL_NORMAL);
	assert_int_equal(l[1].nsenders, 2);
	assert_string_equal(l[1].senders[1], "<>");
	assert_null(l[1].recipients);
	assert_int_equal(l[1].priority, SPOOL_LOW);
	assert_string_equal(l[1].lane, "sender");
	assert_true(l[1].hold);
	assert_int_equal(s->inlet.intake.size_max, 1 << 30);
	assert_int_equal(p->port, 465);
	assert_int_equal(p->tls, RELAY_TLS_REQUIRED);
	assert_true(p->implicit_tls);
	assert_int_equal(p->prefer, DNS_PREFER_IPV6);
	assert_int_equal(p->disable, SMTP_CAP_DSN | SMTP_CAP_PIPELINING);
	assert_true(p->null_sender_refused);
	assert_true(p->eight_bit_pass);
	assert_int_equal(p->max_size, 40 << 20);
	assert_int_equal(p->timeouts.dot, 60000);
	assert_int_equal(p->timeouts.connect, 10000);
	assert_int_equal(p->breaker_failures, 9);
	assert_int_equal(s->relay.retry.nquick, 0);
	assert_true(s->relay.retry.factor > 2.99);
	assert_int_equal(s->relay.bounce_to, RELAY_BOUNCE_ADDRESS);
	assert_string_equal(s->relay.bounce_address, "ops@example.com");
	assert_true(s->spool.ballast == UINT64_MAX);
	assert_int_equal(s->log.format, LOG_FORMAT_JSON);
	conf_free(&s);
}

static void
like_copies_all_but_the_name(void **state)
{
	struct settings *s;
	const struct relay_provider *p;

	(void)state;
	put_file("pass", "one\n");
	put_file("pass2", "two\r\n");
	assert_int_equal(chmod(path_of("pass"), 0640), 0);
	assert_int_equal(chmod(path_of("pass2"), 0600), 0);
	assert_int_equal(setenv("CONF_TEST_PASS", "three", 1), 0);
	char *text = mem_printf(USER
	    "providers = ("
	    "{ name = \"c\"; like = \"b\"; password_file = \"%s/pass2\"; },\n"
	    "{ name = \"b\"; like = \"a\"; port = 26; breaker = { open = "
	    "\"6s\"; }; },\n"
	    "{ name = \"d\"; like = \"b\"; password_env = \"CONF_TEST_PASS\"; "
	    "},\n"
	    "{ name = \"a\"; host = \"h\"; user = \"u\"; password_file = "
	    "\"%s/pass\"; breaker = { failures = 7; }; } );",
	    dir, dir);
	s = load_good(text);
	free(text);
	p = s->relay.providers;
	assert_string_equal(p[0].name, "c");
	assert_string_equal(p[0].host, "h");
	assert_int_equal(p[0].port, 26);
	assert_int_equal(p[0].breaker_failures, 7);
	assert_int_equal(p[0].breaker_open_ms, 6000);
	assert_true(str_eq(secret_str(p[0].password), STR("two")));
	assert_true(str_eq(secret_str(p[1].password), STR("one")));
	assert_true(str_eq(secret_str(p[2].password), STR("three")));
	assert_int_equal(p[3].port, 587);
	conf_free(&s);
}

static void
include_joins_the_lists_of_several_files(void **state)
{
	struct settings *s;

	(void)state;
	assert_int_equal(mkdir(path_of("conf.d"), 0700), 0);
	put_file("conf.d/10.conf",
	    "providers = ( { name = \"b\"; host = \"b\"; } );\n"
	    "spool = { memory = \"2M\"; };");
	put_file("conf.d/20.conf",
	    "providers = ( { name = \"c\"; host = \"c\"; } );");
	put_file("conf.d/not-this", "rubbish");
	s = load_good(USER "include = [ \"conf.d/*.conf\", \"none-*.conf\" ];\n"
	                   "spool = { directory = \"/x\"; };\n"
	                   "providers = ( { name = \"a\"; host = \"a\"; } );");
	assert_int_equal(s->relay.nproviders, 3);
	assert_string_equal(s->relay.providers[0].name, "a");
	assert_string_equal(s->relay.providers[1].name, "b");
	assert_string_equal(s->relay.providers[2].name, "c");
	assert_int_equal(s->spool.memory_max, 2 << 20);
	assert_string_equal(s->spool.directory, "/x");
	conf_free(&s);
}

static void
a_mark_of_byte_order_and_crlf_are_no_mistake(void **state)
{
	struct settings *s =
	    load_good("\xef\xbb\xbf" USER "\r\nhostname = \"h.example\";\r\n");

	(void)state;
	assert_string_equal(s->hostname, "h.example");
	conf_free(&s);
}

static void
patterns_of_replies_are_read_and_taken_over(void **state)
{
	struct settings *s = load_good(
	    USER "\nproviders = (\n"
	         "{ name = \"b\"; like = \"a\"; },\n"
	         "{ name = \"a\"; host = \"h\"; replies = (\n"
	         " { stage = \"dot\"; code = \"45\"; text = \"slow\"; class = "
	         "\"rate\"; wait = \"10m\"; },\n"
	         " { enhanced = \"5.7\"; class = \"auth-temp\"; } ); },\n"
	         "{ name = \"c\"; like = \"b\"; replies = (\n"
	         " { code = \"5\"; class = \"message\"; } ); },\n"
	         "{ name = \"d\"; like = \"a\"; replies = ( ); } );\n");
	const struct relay_provider *p = s->relay.providers;
	const struct relay_reply *r = p[0].replies;

	(void)state;
	assert_int_equal(p[0].nreplies, 2);
	assert_int_equal(p[1].nreplies, 2);
	assert_int_equal(p[2].nreplies, 1);
	assert_int_equal(p[3].nreplies, 0);
	assert_int_equal(r[0].stages, 1u << OUTCOME_DOT | 1u << OUTCOME_BODY);
	assert_int_equal(r[0].low, 450);
	assert_int_equal(r[0].high, 459);
	assert_string_equal(r[0].text, "slow");
	assert_string_equal(r[0].class, "rate");
	assert_int_equal(r[0].wait_ms, 600000);
	assert_null(r[0].enhanced);
	assert_int_equal(r[0].line, 5);
	assert_int_equal(r[1].stages, ~0u);
	assert_int_equal(r[1].low, 400);
	assert_int_equal(r[1].high, 599);
	assert_string_equal(r[1].enhanced, "5.7");
	assert_int_equal(r[1].line, 6);
	assert_int_equal(p[2].replies[0].low, 500);
	assert_int_equal(p[2].replies[0].high, 599);
	conf_free(&s);
}

/* --- mistakes ----------------------------------------------------------------
 */

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "inlet_thread = 2;",
	    "main.conf:1: inlet_thread: is no key; did you mean "
	    "\"inlet_threads\"?" },
	{ "\nowner = \"ops@example.com\";",
	    "main.conf:2: owner: is no key; take it away (postern.conf(5) has "
	    "them all)" },
	{ "max_age = \"5m\";",
	    "main.conf:1: max_age: is no key here; write it in providers" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ];\n"
	  " helo = \"h\"; } );",
	    "main.conf:2: listeners.helo: is no key here; write it in "
	    "providers" },
	{ "watch = yes;",
	    "main.conf:1: watch: has to be true or false; write watch = true; "
	    "without quotes" },
	{ "watch = \"off\";",
	    "main.conf:1: watch: has to be true or false; write watch = "
	    "false; without quotes" },
	{ "watch = 1;",
	    "main.conf:1: watch: has to be true or false; write watch = true; "
	    "without quotes" },
	{ "watch = perhaps;",
	    "main.conf:1: watch: has to be true or false; write watch = "
	    "false; without quotes" },
	{ "inlet_threads = \"2\";",
	    "main.conf:1: inlet_threads: has to be a number; write it without "
	    "quotes, inlet_threads = 2;" },
	{ "inlet_threads = 0;",
	    "main.conf:1: inlet_threads: 0 is out of range; write 1 to 64" },
	{ "inlet_threads = -1;",
	    "main.conf:1: inlet_threads: -1 is below zero; write a number "
	    "above" },
	{ "inlet_threads = 3000000000;",
	    "main.conf:1: inlet_threads: 3000000000 is too large a number; "
	    "write at most 2147483647" },
	{ "inlet_threads = 99999999999999999999;",
	    "main.conf:1: inlet_threads: 99999999999999999999 is too large a "
	    "number; write at most 2147483647" },
	{ "inlet_threads = 0xFFFFFFFF;",
	    "main.conf:1: inlet_threads: 0xFFFFFFFF is too large a number; "
	    "write at most 2147483647" },
	{ "inlet_threads = 3000000000L;",
	    "main.conf:1: inlet_threads: 3000000000 is out of range; write 1 "
	    "to 64" },
	{ "inlet_threads = 99999999999999999999L;",
	    "main.conf:1: inlet_threads: 99999999999999999999L is too large a "
	    "number; write at most 9223372036854775807L" },
	{ "inlet_threads = 010;",
	    "main.conf:1: inlet_threads: 010 begins with a zero; write it "
	    "without" },
	{ "inlet_threads = 2.5;",
	    "main.conf:1: inlet_threads: has to be a number; write "
	    "inlet_threads = 1;" },
	{ "stop_grace = 30;",
	    "main.conf:1: stop_grace: a duration has a unit; write stop_grace "
	    "= \"30s\"; (ms, s, m, h, d)" },
	{ "stop_grace = \"30\";",
	    "main.conf:1: stop_grace: \"30\" has no unit; write it with one, "
	    "such as \"30s\" (ms, s, m, h, d)" },
	{ "stop_grace = 30s;",
	    "main.conf:1: stop_grace: 30s has no quotes; write \"30s\"" },
	{ "stop_grace = \"2h\";",
	    "main.conf:1: stop_grace: \"2h\" is out of range; write \"0s\" to "
	    "\"1h\"" },
	{ "spool = { memory = \"64 MB\"; };",
	    "main.conf:1: spool.memory: \" MB\" is no unit of size; write K, "
	    "M, G or T (powers of 1024) behind a whole number" },
	{ "spool = { memory = \"1K\"; };",
	    "main.conf:1: spool.memory: \"1K\" is out of range; write \"1M\" "
	    "to \"1T\"" },
	{ "spool = { directory = \"spool\"; };",
	    "main.conf:1: spool.directory: \"spool\" is no absolute path; "
	    "write one that begins with /" },
	{ "spool = \"/var/spool\";",
	    "main.conf:1: spool: has to be a group; write spool = { ... };" },
	{ "log = { level = \"inf\"; };",
	    "main.conf:1: log.level: \"inf\" is not possible; did you mean "
	    "\"info\"?" },
	{ "log = { level = \"loud\"; };",
	    "main.conf:1: log.level: \"loud\" is not possible; write "
	    "\"error\", \"warn\", \"info\" or \"debug\"" },
	{ "log = { to = \"sislog\"; };",
	    "main.conf:1: log.to: \"sislog\" is not possible; write "
	    "\"stderr\", \"syslog\" or an absolute path" },
	{ "retry = { factor = 0.5; };",
	    "main.conf:1: retry.factor: 0.5 is out of range; write 1 to 10" },
	{ "retry = { quick = \"1s\"; };",
	    "main.conf:1: retry.quick: has to be an array of texts; write "
	    "quick = [ \"1s\" ];" },
	{ "retry = { quick = [ \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", "
	  "\"1s\", \"1s\", \"1s\", \"1s\" ]; };",
	    "main.conf:1: retry.quick: has 9 values; write at most 8" },
	{ "retry = { min = \"2h\"; };",
	    "main.conf:1: retry.min: is longer than retry.max; write it "
	    "shorter" },
	{ "retry = { warn_after = \"5d\"; };",
	    "main.conf:1: retry.warn_after: is not before retry.give_up; "
	    "write it shorter" },
	{ "bounce = { to = \"nobody\"; };",
	    "main.conf:1: bounce.to: \"nobody\" is not possible; write "
	    "\"sender\", \"none\" or a mail address" },
	{ "bounce = { to = \"a b@example.com\"; };",
	    "main.conf:1: bounce.to: \"a b@example.com\" is no address; write "
	    "one such as \"ops@example.com\"" },
	{ "hostname = \"a b\";",
	    "main.conf:1: hostname: \"a b\" is no host; write a name such as "
	    "\"smtp.example.com\" or a numeric address, without a port" },
	{ "hostname = \"\";",
	    "main.conf:1: hostname: is empty; write a text, or take the key "
	    "away" },
	{ "hostname = true;",
	    "main.conf:1: hostname: has to be text; write it in quotes, "
	    "hostname = \"...\";" },
	{ "hostname = ;",
	    "main.conf:1: hostname: has no value; write one behind the =" },
	{ "hostname = \"a\";\nhostname = \"b\";",
	    "main.conf:2: hostname: stands here twice; keep one of them" },
	{ "hostname = \"a;\ninlet_threads = 1;",
	    "main.conf:1: hostname: the quote opened here is not closed on "
	    "its line; write \" at the end of the text" },
	{ "hostname \"a\";",
	    "main.conf:1: hostname: a = is missing; write hostname = value;" },
	{ "hostname = \"a\"; \"b\";",
	    "main.conf:1: syntax: a value without a key; write key = value;" },
	{ "= 5;",
	    "main.conf:1: syntax: an = with no key before it; write key = "
	    "value;" },
	{ "/* hostname\n\n",
	    "main.conf:1: syntax: the comment opened here is never closed; "
	    "write */ at its end" },
	{ "log = {\n level = \"info\";\n",
	    "main.conf:1: log: the bracket opened here is never closed; write "
	    "} at its end" },
	{ "listeners = (\n { name = \"x\";\n);",
	    "main.conf:3: listeners: this ) stands where the bracket of line "
	    "2 ends; write } before it" },
	{ "log = { };\n};",
	    "main.conf:2: syntax: this } closes nothing; take it away" },
	{ "@include \"other.conf\"\n",
	    "main.conf:1: include: @include is not used here; write include "
	    "= [ \"FILE\" ]; in the main file" },
	{ "include = [ \"missing.conf\" ];",
	    "main.conf:1: include: @/missing.conf is not there; write the "
	    "name of a file that is" },
	{ "include = [ \"main.conf\" ];",
	    "main.conf:1: include: @/main.conf is read already; name it "
	    "once" },
	{ "listeners = [ \"127.0.0.1:25\" ];",
	    "main.conf:1: listeners: has to be a list of groups; write "
	    "listeners = ( { ... } );" },
	{ "listeners = { name = \"a\"; };",
	    "main.conf:1: listeners: has to be a list of groups; write "
	    "listeners = ( { ... } );" },
	{ "listeners = ( \"a\" );",
	    "main.conf:1: listeners: has something else than groups in it; "
	    "write { key = value; }" },
	{ "listeners = [ { name = \"a\"; address = [ \"127.0.0.1:0\" ]; } ];",
	    "main.conf:1: listeners: groups stand in a list; write ( { ... } "
	    ")" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ]; }, "
	  ");",
	    "main.conf:1: listeners: a comma stands before the closing ); "
	    "take it away" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" "
	  "\"[::1]:0\" ]; } );",
	    "main.conf:1: listeners.address: a comma is missing; write one "
	    "between the values" },
	{ "listeners = ( { name = \"a\"; address = \"127.0.0.1:0\"; } );",
	    "main.conf:1: listeners.address: has to be an array of texts; "
	    "write address = [ \"127.0.0.1:0\" ];" },
	{ "listeners = ( { name = \"a\"; address = [ 127.0.0.1:0 ]; } );",
	    "main.conf:1: listeners.address: 127.0.0.1:0 has no quotes; write "
	    "\"127.0.0.1:0\"" },
	{ "listeners = ( { name = \"a\"; address = [ \"localhost:25\" ]; } );",
	    "main.conf:1: listeners.address: \"localhost:25\" is no address "
	    "to listen on; write one such as \"127.0.0.1:25\", \"[::1]:25\" "
	    "or \"unix:/run/postern/smtp.sock\"" },
	{ "listeners = ( { name = \"a\"; address = [ ]; } );",
	    "main.conf:1: listeners.address: is empty; write [ "
	    "\"127.0.0.1:25\" ]" },
	{ "listeners = ( { name = \"a\"; } );",
	    "main.conf:1: listeners.address: is missing; write address = [ "
	    "\"127.0.0.1:25\" ];" },
	{ "listeners = ( { address = [ \"127.0.0.1:0\" ]; } );",
	    "main.conf:1: listeners.name: is missing; write name = "
	    "\"local\";" },
	{ "listeners = ( { name = \"a\"; address = [ \"0.0.0.0:25\" ]; } );",
	    "main.conf:1: listeners.address: \"0.0.0.0:25\" lets everybody "
	    "in; write networks = [ \"10.0.0.0/8\" ]; with those who may "
	    "come, or auth = \"required\";" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ]; auth "
	  "= \"optional\"; } );",
	    "main.conf:1: listeners.auth: nobody can log in without "
	    "users_file; write users_file = \"/etc/postern/users\"; at the "
	    "top, or auth = \"off\";" },
	{ "listeners = ( { name = \"a\"; address = [ \"0.0.0.0:25\" ]; auth "
	  "= \"required\"; } ); users_file = \"/none\";",
	    "main.conf:1: users_file: /none cannot be read (No such file or "
	    "directory); write the name of a file that only the daemon's "
	    "group can read (chmod 0640)\n"
	    "main.conf:1: listeners.auth: nobody can log in without TLS from "
	    "another host; write tls = \"required\"; or allow_clear_auth = "
	    "true;" },
	{ "listeners = ( { name = \"a\"; address = [ \"0.0.0.0:25\" ]; "
	  "networks = [ ]; } );",
	    "main.conf:1: listeners.networks: is empty; write who may come, "
	    "or take the key away" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "networks = [ \"10.0.0.1/8\" ]; } );",
	    "main.conf:1: listeners.networks: \"10.0.0.1/8\" has bits below "
	    "its mask; write \"10.0.0.0/8\"" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "senders = [ ]; } );",
	    "main.conf:1: listeners.senders: is empty; write those that are "
	    "allowed, or take the key away" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "recipients = [ \"*@example.com\", \"*.example.com\" ]; } );",
	    "main.conf:1: listeners.recipients: \"*.example.com\" has no @; "
	    "write \"*@*.example.com\" for the domains below one" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "client_rate = [ \"9 msg/s\", \"9 rcpt/day@00:00Z\" ]; } );",
	    "main.conf:1: listeners.client_rate: \"9 rcpt/day@00:00Z\" has a "
	    "fixed reset, which is not possible here; write it without what "
	    "follows the @" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "auth_failures_name = \"10 msg/min\"; } );",
	    "main.conf:1: listeners.auth_failures_name: \"10 msg/min\" is no "
	    "rate of logins; write one such as \"10 login/10min\" or "
	    "\"1000 login/hour\" (s, min, hour, day)" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "user_rate = [ \"1 msg/s\", \"1 msg/s\", \"1 msg/s\", "
	  "\"1 msg/s\", \"1 msg/s\", \"1 msg/s\", \"1 msg/s\", "
	  "\"1 msg/s\", \"1 msg/s\" ]; } );",
	    "main.conf:1: listeners.user_rate: has 9 values; write at most 8" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\" ]; "
	  "priority = \"urgent\"; } );",
	    "main.conf:1: listeners.priority: \"urgent\" is not possible; "
	    "write \"high\", \"normal\" or \"low\"" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:25\",\n"
	  "\"127.0.0.1:25\" ]; } );",
	    "main.conf:1: listeners.address: \"127.0.0.1:25\" stands twice; "
	    "write it once" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ]; },\n"
	  "{ name = \"a\"; address = [ \"127.0.0.1:0\" ]; } );",
	    "main.conf:2: listeners.name: \"a\" stands twice; write another "
	    "name" },
	{ "listeners = ( { name = \"sendmail\"; address = [ "
	  "\"127.0.0.1:0\" ]; } );",
	    "main.conf:1: listeners.name: \"sendmail\" is the name of the "
	    "door of postern-sendmail; write another" },
	{ "submission = { socket = \"/" LONG_PATH "\"; };",
	    "main.conf:1: submission.socket: is too long; write a path "
	    "of at most 107 bytes" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ]; "
	  "disable = [ \"SMTPUTF\" ]; } );",
	    "main.conf:1: listeners.disable: \"SMTPUTF\" is not possible; did "
	    "you mean \"SMTPUTF8\"?" },
	{ "providers = ( { name = \"a\"; } );",
	    "main.conf:1: providers.host: is missing; write host = "
	    "\"smtp.example.com\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = required; } );",
	    "main.conf:1: providers.tls: required has no quotes; write "
	    "\"required\"" },
	{ "providers = ( { name = \"a\"; host = \"h\"; port = 70000; } );",
	    "main.conf:1: providers.port: 70000 is out of range; write 1 to "
	    "65535" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n user = \"u\"; } );",
	    "main.conf:2: providers.user: has no password; write "
	    "password_file = \"/etc/postern/FILE\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; password_env = "
	  "\"HOME\"; } );",
	    "main.conf:1: providers.user: is missing, but there is a "
	    "password; write user = \"...\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; user = \"u\"; "
	  "password_env = \"HOME\"; tls = \"off\"; } );",
	    "main.conf:1: providers.tls: the password would leave in clear; "
	    "write tls = \"verify\"; or allow_clear_auth = true;" },
	{ "providers = ( { name = \"a\"; host = \"h\"; user = \"u\"; "
	  "password_env = \"HOME\"; tls = \"required\"; } );",
	    "main.conf:1: providers.tls: the password would go to whoever "
	    "answers; write tls = \"verify\"; or allow_unverified_auth = "
	    "true;" },
	{ "providers = ( { name = \"a\"; host = \"h\"; user = \"u\"; "
	  "password_env = \"CONF_TEST_NONE\"; } );",
	    "main.conf:1: providers.password_env: the environment has no "
	    "CONF_TEST_NONE; set it where posternd is started" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = \"off\"; "
	  "tls_mode = \"implicit\"; } );",
	    "main.conf:1: providers.tls_mode: \"implicit\" needs TLS; write "
	    "tls = \"verify\"; or take tls_mode away" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = \"required\"; "
	  "tls_name = \"x\"; } );",
	    "main.conf:1: providers.tls_name: is nothing without tls = "
	    "\"verify\"; write that, or take tls_name away" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = \"off\"; "
	  "min_version = \"1.3\"; } );",
	    "main.conf:1: providers.min_version: is nothing without tls = "
	    "\"verify\"; write that, or take min_version away" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = "
	  "\"opportunistic\"; tls_mode = \"implicit\"; } );",
	    "main.conf:1: providers.tls_mode: \"implicit\" needs TLS; write "
	    "tls = \"verify\"; or take tls_mode away" },
	{ "providers = ( { name = \"a\"; host = \"h\"; user = \"u\"; "
	  "password_env = \"HOME\"; tls = \"opportunistic\"; "
	  "allow_unverified_auth = true; } );",
	    "main.conf:1: providers.tls: the password may leave in clear; "
	    "write tls = \"verify\"; or allow_clear_auth = true;" },
	{ "providers = ( { name = \"a\"; host = \"h\"; pins = [ "
	  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" ]; } );",
	    "main.conf:1: providers.pins: "
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" is no pin; "
	    "write the SHA-256 of the server's public key in base64, 44 "
	    "characters" },
	{ "providers = ( { name = \"none\"; host = \"h\"; } );",
	    "main.conf:1: providers.name: \"none\" means something else in "
	    "metrics; write another name" },
	{ "listeners = ( { name = \"other\"; address = "
	  "[ \"127.0.0.1:2525\" ]; } );",
	    "main.conf:1: listeners.name: \"other\" means something else in "
	    "metrics; write another name" },
	{ "providers = ( { name = \"a\"; host = \"h\"; ciphers = "
	  "\"ECDHE+AESGCM:NONE-SUCH\"; } );",
	    "main.conf:1: providers.ciphers: OpenSSL has nothing of the name "
	    "\"NONE-SUCH\"; write names of \"openssl ciphers -v\" with "
	    "\":\" between" },
	{ "providers = ( { name = \"a\"; host = \"h\"; ciphersuites = "
	  "\"TLS_X\"; } );",
	    "main.conf:1: providers.ciphersuites: OpenSSL has nothing of the "
	    "name \"TLS_X\"; write names of \"openssl ciphers -v\" with "
	    "\":\" between" },
	{ "providers = ( { name = \"a\"; host = \"h\"; certificate = "
	  "\"/x\"; } );",
	    "main.conf:1: providers.certificate: has no key; write key = "
	    "\"/etc/postern/FILE.key\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; key = \"/x\"; } );",
	    "main.conf:1: providers.key: has no certificate; write "
	    "certificate = \"/etc/postern/FILE.pem\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; tls = \"off\"; "
	  "ca_file = \"/x\"; } );",
	    "main.conf:1: providers.ca_file: is nothing without tls = "
	    "\"verify\"; write that, or take ca_file away" },
	{ "providers = ( { name = \"a\"; host = \"h\"; auth = "
	  "\"external\"; } );",
	    "main.conf:1: providers.auth: \"external\" is proven by a "
	    "certificate; write certificate = \"/etc/postern/FILE.pem\"; and "
	    "key" },
	{ "providers = ( { name = \"a\"; host = \"h\"; allow_clear_auth = "
	  "\"yes\"; } );",
	    "main.conf:1: providers.allow_clear_auth: has to be true or "
	    "false; write allow_clear_auth = true; without quotes" },
	{ "providers = ( { name = \"a\"; host = \"h\"; source_address = "
	  "\"eth0\"; } );",
	    "main.conf:1: providers.source_address: \"eth0\" is no numeric "
	    "address; write one such as \"192.0.2.1\" or \"2001:db8::1\", "
	    "without a port" },
	{ "providers = ( { name = \"a\"; host = \"h\"; breaker = { open = "
	  "\"2m\"; }; } );",
	    "main.conf:1: providers.breaker.open: is longer than "
	    "breaker.open_max; write it shorter" },
	{ "providers = ( { name = \"a\"; host = \"h\"; ramp = { start = "
	  "\"2026-02-30\"; }; } );",
	    "main.conf:1: providers.ramp.start: \"2026-02-30\" is no date; "
	    "write one such as \"2026-12-01\"" },
	{ "providers = ( { name = \"a\"; host = \"h\"; ramp = { start = "
	  "\"2026-12-01\"; }; } );",
	    "main.conf:1: providers.ramp.first: is missing; write first = "
	    "\"200 msg/day\";" },
	{ "providers = ( { name = \"a\"; host = \"h\"; ramp = { first = "
	  "\"200 msg/day\"; }; } );",
	    "main.conf:1: providers.ramp.start: is missing; write start = "
	    "\"2026-12-01\"; with the first day" },
	{ "providers = ( { name = \"a\"; host = \"h\"; limits = [ \"x\" ]; "
	  "} );",
	    "main.conf:1: providers.limits: there is no limit \"x\"; write the "
	    "name of one" },
	{ "providers = ( { name = \"a\"; host = \"h\"; slow_factor = 1.5; } );",
	    "main.conf:1: providers.slow_factor: 1.5 is out of range; write 0 "
	    "to 1" },
	{ "providers = ( { name = \"a\"; host = \"h\"; warm = 11; } );",
	    "main.conf:1: providers.warm: is more than max_connections, which "
	    "is 10; write at most that" },
	{ "providers = \"a\";",
	    "main.conf:1: providers: has to be a list of groups; write "
	    "providers = ( { ... } );" },
	{ "providers = ( { name = \"a\"; like = \"b\"; } );",
	    "main.conf:1: providers.like: there is no provider \"b\"; write "
	    "the name of one" },
	{ "providers = ( { name = \"a\"; host = \"h\"; like = \"a\"; } );",
	    "main.conf:1: providers.like: \"a\" leads back to this provider; "
	    "write the keys themselves" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = \"x\"; } );",
	    "main.conf:2: providers.replies: has to be a list of groups; write "
	    "replies = ( { ... } );" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( 1 ); } );",
	    "main.conf:2: providers.replies: has something else than groups in "
	    "it; write { key = value; }" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { code = "
	  "\"45\"; } ); } );",
	    "main.conf:2: providers.replies.class: is missing; write class = "
	    "\"rate\"; or another" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { class = "
	  "\"rate\"; } ); } );",
	    "main.conf:2: providers.replies: matches every refusal; write "
	    "code, enhanced or text" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { code = "
	  "\"25\";\n class = \"rate\"; } ); } );",
	    "main.conf:2: providers.replies.code: \"25\" is not the beginning "
	    "of a refusal's code; write \"4\", \"45\" or \"454\", or one with "
	    "5" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { code = "
	  "\"4543\"; class = \"rate\"; } ); } );",
	    "main.conf:2: providers.replies.code: \"4543\" is not the "
	    "beginning of a refusal's code; write \"4\", \"45\" or \"454\", or "
	    "one with 5" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { code = "
	  "454; class = \"rate\"; } ); } );",
	    "main.conf:2: providers.replies.code: has to be text; write it in "
	    "quotes, code = \"454\";" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { "
	  "enhanced = \"5.7.\"; class = \"rate\"; } ); } );",
	    "main.conf:2: providers.replies.enhanced: \"5.7.\" is not the "
	    "beginning of a refusal's enhanced code; write one such as \"5.7\" "
	    "or \"4.7.1\"" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { code = "
	  "\"45\"; enhanced = \"5.7\"; class = \"rate\"; } ); } );",
	    "main.conf:2: providers.replies.code: does not begin as the "
	    "enhanced code does, so nothing would match; write the same digit "
	    "in both" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( {\n text "
	  "= \"t\"; class = \"rates\"; } ); } );",
	    "main.conf:3: providers.replies.class: \"rates\" is not possible; "
	    "did you mean \"rate\"?" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { text = "
	  "\"t\"; class = \"rate\"; wait = \"2d\"; } ); } );",
	    "main.conf:2: providers.replies.wait: \"2d\" is out of range; "
	    "write \"1s\" to \"1d\"" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { text = "
	  "\"t\"; class = \"rate\"; stage = \"body\"; } ); } );",
	    "main.conf:2: providers.replies.stage: \"body\" is not possible; "
	    "write \"*\", \"banner\", \"ehlo\", \"starttls\", \"auth\", "
	    "\"mail\", \"rcpt\", \"data\", \"dot\", \"rset\", \"noop\" or "
	    "\"idle\"" },
	{ "providers = ( { name = \"a\"; host = \"h\";\n replies = ( { text = "
	  "\"t\"; class = \"rate\";\n words = \"x\"; } ); } );",
	    "main.conf:3: providers.replies.words: is no key; take it away "
	    "(postern.conf(5) has them all)" },
	{ "log = { a = { b = { c = { d = { e = { f = { g = { h = { i = { j = "
	  "{ k = { l = 1; }; }; }; }; }; }; }; }; }; }; }; };",
	    "main.conf:1: log.a.b.c.d.e.f.g.h.i.j.k: is nested too deep; "
	    "close a bracket" },
};

/* "@" in an expected line stands for the directory. */
static char *
with_dir(const char *says)
{
	const char *at = strstr(says, "@/");

	if (at == NULL)
		return mem_printf("%s\n", says);
	return mem_printf("%.*s%s%s\n", (int)(at - says), says, dir, at + 1);
}

static void
each_mistake_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		char *text = mem_printf(USER "%s", mistakes[i].text);
		char *got = mistakes_of(text);
		char *want = with_dir(mistakes[i].says);

		if (strcmp(got, want) != 0)
			fail_msg("%s\nwanted: %sgot:    %s", mistakes[i].text,
			    want, got);
		free(want);
		free(got);
		free(text);
	}
}

static void
twenty_mistakes_are_told_in_one_run(void **state)
{
	static const char text[] =
	    USER "\n"
	         "hostnam = \"x\";\n"
	         "inlet_threads = 5000000000;\n"
	         "stop_grace = 20;\n"
	         "colour = \"example.com\";\n"
	         "listeners = (\n"
	         "  { name = \"a\"; address = [ \"0.0.0.0:25\" ]; },\n"
	         "  { name = \"a\"; address = [ \"127.0.0.1:26\" ];\n"
	         "    max_size = \"25X\";\n"
	         "    networks = [ \"10.0.0.0/40\" ];\n"
	         "    timeouts = { comand = \"1s\"; };\n"
	         "  }\n"
	         ");\n"
	         "providers = (\n"
	         "  { name = \"p\"; host = smtp.example.com; port = 0; },\n"
	         "  { name = \"q\";\n"
	         "    tls = \"verfy\";\n"
	         "    user = \"u\";\n"
	         "    like = \"nobody\" }\n"
	         ");\n"
	         "retry = { quick = [ \"1s\", \"2x\" ]; factor = \"2\";\n"
	         "  give_up = \"1y\"; };\n"
	         "spool = { directory = \"x\"; ballast = 5; };\n"
	         "log = { level = \"info; };\n"
	         "log = { };\n";
	static const char want[] =
	    "main.conf:2: hostnam: is no key; did you mean \"hostname\"?\n"
	    "main.conf:3: inlet_threads: 5000000000 is too large a number; "
	    "write at most 2147483647\n"
	    "main.conf:4: stop_grace: a duration has a unit; write stop_grace "
	    "= \"20s\"; (ms, s, m, h, d)\n"
	    "main.conf:5: colour: is no key; take it away (postern.conf(5) "
	    "has them all)\n"
	    "main.conf:7: listeners.address: \"0.0.0.0:25\" lets everybody "
	    "in; write networks = [ \"10.0.0.0/8\" ]; with those who may "
	    "come, or auth = \"required\";\n"
	    "main.conf:8: listeners.name: \"a\" stands twice; write another "
	    "name\n"
	    "main.conf:9: listeners.max_size: \"X\" is no unit of size; write "
	    "K, M, G or T (powers of 1024) behind a whole number\n"
	    "main.conf:10: listeners.networks: \"40\" is no length of a "
	    "prefix; write 0 to 32 behind the slash\n"
	    "main.conf:11: listeners.timeouts.comand: is no key; did you mean "
	    "\"command\"?\n"
	    "main.conf:15: providers.host: smtp.example.com has no quotes; "
	    "write \"smtp.example.com\"\n"
	    "main.conf:15: providers.port: 0 is out of range; write 1 to "
	    "65535\n"
	    "main.conf:17: providers.tls: \"verfy\" is not possible; did you "
	    "mean \"verify\"?\n"
	    "main.conf:18: providers.user: has no password; write "
	    "password_file = \"/etc/postern/FILE\";\n"
	    "main.conf:19: providers.like: there is no provider \"nobody\"; "
	    "write the name of one\n"
	    "main.conf:21: retry.quick: \"x\" is no unit of time; write ms, "
	    "s, m, h or d behind a whole number\n"
	    "main.conf:21: retry.factor: has to be a number; write it without "
	    "quotes, factor = 2;\n"
	    "main.conf:22: retry.give_up: \"y\" is no unit of time; write ms, "
	    "s, m, h or d behind a whole number\n"
	    "main.conf:23: spool.directory: \"x\" is no absolute path; write "
	    "one that begins with /\n"
	    "main.conf:23: spool.ballast: has to be text; write it in quotes, "
	    "ballast = \"5\";\n"
	    "main.conf:24: log.level: the quote opened here is not closed on "
	    "its line; write \" at the end of the text\n"
	    "main.conf:25: log: stands here twice; keep one of them\n";
	char *got = mistakes_of(text);

	(void)state;
	if (strcmp(got, want) != 0)
		(void)fputs(got, stderr);
	assert_true(strcmp(got, want) == 0);
	free(got);
}

static void
a_file_that_is_no_text_is_refused(void **state)
{
	char *got, *want;

	(void)state;
	put_bytes("main.conf", "hostname = \"a\";\n\0x", 18);
	got = mistakes_of(NULL);
	assert_string_equal(got,
	    "main.conf:2: syntax: a NUL byte stands here; write the file as "
	    "UTF-8 text\n");
	free(got);
	(void)unlink(path_of("main.conf"));
	got = mistakes_of(NULL);
	want = "main.conf: file: cannot be read: No such file or directory\n";
	assert_string_equal(got, want);
	free(got);
	assert_int_equal(mkdir(path_of("main.conf"), 0700), 0);
	got = mistakes_of(NULL);
	assert_string_equal(got, "main.conf: file: is no regular file\n");
	free(got);
	assert_int_equal(rmdir(path_of("main.conf")), 0);
}

static void
a_file_beyond_a_mebibyte_is_refused(void **state)
{
	size_t n = (1 << 20) + 1 + 4096;
	char *text = mem_new(n + 1), *got;

	(void)state;
	memset(text, ' ', n);
	got = mistakes_of(text);
	assert_string_equal(got,
	    "main.conf: file: is larger than 1 MiB; split it with include\n");
	free(got);
	free(text);
}

static void
a_key_set_in_two_files_is_a_mistake(void **state)
{
	char *got;

	(void)state;
	put_file("one.conf", "\nspool = { memory = \"3M\"; };\n"
	                     "include = [ \"main.conf\" ];");
	got = mistakes_of(USER "include = [ \"one.conf\" ];\n"
	                       "spool = { memory = \"2M\"; };");
	char *want = mem_printf(
	    "one.conf:2: spool.memory: is set in %s/main.conf:2 already; keep "
	    "one of them\n"
	    "one.conf:3: include: is set in %s/main.conf:1 already; keep one "
	    "of them\n",
	    dir, dir);
	assert_string_equal(got, want);
	free(want);
	free(got);
}

static const struct {
	const char *why;
	mode_t mode;
	const char *text, *says;
} secrets[] = {
	{ "others may read it", 0644, "x\n",
	    "others can read or change @/secret; run: chmod o-rwx @/secret" },
	{ "others may write it", 0602, "x\n",
	    "others can read or change @/secret; run: chmod o-rwx @/secret" },
	{ "empty", 0600, "\n", "@/secret: is empty; write the password there" },
	{ "two lines", 0600, "a\nb\n",
	    "@/secret: has more than one line; write the password alone "
	    "there" },
};

static void
a_user_that_does_not_exist_is_a_mistake(void **state)
{
	char *got =
	    mistakes_of("group = \"postern-none\";\nuser = \"postern-none\";");

	(void)state;
	assert_string_equal(got,
	    "main.conf:1: group: there is no group \"postern-none\"; create "
	    "it, or write group = \"...\";\n"
	    "main.conf:2: user: there is no user \"postern-none\"; create it, "
	    "or write user = \"...\";\n");
	free(got);
}

static void
secrets_that_others_can_read_are_refused(void **state)
{
	char *text = mem_printf(USER
	    "providers = ( { name = \"a\"; host = \"h\"; user = \"u\";\n"
	    "password_file = \"%s/secret\"; } );",
	    dir);

	(void)state;
	for (size_t i = 0; i < COUNT(secrets); i++) {
		char *got, want[1024];
		size_t n = (size_t)snprintf(want, sizeof want,
		    "main.conf:2: providers.password_file: ");

		for (const char *p = secrets[i].says; *p != '\0'; p++)
			n += (size_t)snprintf(want + n, sizeof want - n, "%.*s",
			    *p == '@' ? 100 : 1, *p == '@' ? dir : p);
		(void)snprintf(want + n, sizeof want - n, "\n");
		put_file("secret", secrets[i].text);
		assert_int_equal(chmod(path_of("secret"), secrets[i].mode), 0);
		got = mistakes_of(text);
		if (strcmp(got, want) != 0)
			fail_msg("%s: %s", secrets[i].why, got);
		free(got);
	}
	free(text);
}

#define BCRYPT "$2b$04$KBCwKxOzLha2MUDgW0PjXe/hE/UCO9qF89dOydoHjSwxcHev5LRn."
#define WITH_USERS                                                             \
	USER "users_file = \"%s/users\";\n"                                    \
	     "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ];\n"  \
	     "auth = \"required\"; },\n"                                       \
	     "{ name = \"b\"; address = [ \"192.0.2.1:0\" ]; auth = "          \
	     "\"required\"; allow_clear_auth = true; } );\n"

static void
a_users_file_is_read_with_the_rest(void **state)
{
	char *text = mem_printf(WITH_USERS, dir);
	struct settings *s;

	(void)state;
	put_file("users", "ann:" BCRYPT ":priority=low\n");
	assert_int_equal(chmod(path_of("users"), 0640), 0);
	s = load_good(text);
	assert_int_equal(users_count(s->inlet.users), 1);
	assert_non_null(users_find(s->inlet.users, STR("ann")));
	assert_int_equal(s->inlet.listeners[0].auth, INLET_AUTH_REQUIRED);
	assert_false(s->inlet.listeners[0].allow_clear_auth);
	assert_int_equal(s->inlet.listeners[0].auth_failures_max, 5);
	assert_int_equal(s->inlet.listeners[0].auth_failures_name.count, 10);
	assert_int_equal(
	    s->inlet.listeners[0].auth_failures_name.period_ms, 600000);
	assert_int_equal(s->inlet.listeners[0].auth_failures_client.count, 100);
	conf_free(&s);
	free(text);
}

static void
the_users_files_mistakes_have_its_lines(void **state)
{
	char *text = mem_printf(WITH_USERS, dir), *got, *many = mem_str("");

	(void)state;
	put_file("users", "ann:" BCRYPT "\nbob:geheim\n\nann:" BCRYPT "\n");
	got = mistakes_of(text);
	assert_string_equal(got,
	    "users:2: users_file: the secret is neither a hash of crypt(3) "
	    "nor a SCRAM verifier; make one with postern passwd\n"
	    "users:4: users_file: the name stands in line 1 already; write it "
	    "once\n");
	free(got);
	for (int i = 0; i < 25; i++) {
		char *more = mem_printf("%sx\n", many);

		free(many);
		many = more;
	}
	put_file("users", many);
	got = mistakes_of(text);
	assert_non_null(strstr(got, "users:20: users_file: has no \":\""));
	assert_null(strstr(got, "users:21:"));
	assert_non_null(strstr(got,
	    "users_file: has 5 more mistakes; mend the first ones and look "
	    "again\n"));
	free(got);
	put_file("users", "ann:" BCRYPT "\n");
	assert_int_equal(chmod(path_of("users"), 0644), 0);
	got = mistakes_of(text);
	assert_non_null(
	    strstr(got, "main.conf:1: users_file: others can read"));
	free(got);
	free(many);
	free(text);
}

#define WITH_ALIASES                                                           \
	USER "root = \"ops@example.com\"; local_domains = [ \"web1\" ];\n"     \
	     "aliases_file = \"%s/aliases\";\n"

static void
keep(void *arg, const char *address)
{
	const char **last = arg;

	*last = address;
}

static void
an_aliases_file_is_read_with_the_rest(void **state)
{
	char *text = mem_printf(WITH_ALIASES, dir);
	const char *to = NULL;
	const struct local *l;
	struct settings *s;

	(void)state;
	put_file("aliases", "# names\nann: ann@example.com\nbob: x@web1\n");
	s = load_good(text);
	l = &s->inlet.intake.local;
	assert_true(local_readers(l, STR("ANN"), keep, &to));
	assert_string_equal(to, "ann@example.com");
	assert_true(local_readers(l, STR("bob"), keep, &to));
	assert_string_equal(to, "ops@example.com");
	assert_ptr_equal(s->relay.local.aliases, l->aliases);
	conf_free(&s);
	free(text);
}

static void
the_aliases_files_mistakes_have_its_lines(void **state)
{
	char *text = mem_printf(WITH_ALIASES, dir), *got;
	char *large = mem_new(ALIASES_FILE_MAX + 2);
	struct settings *s;

	(void)state;
	put_file("aliases", "ann: |/bin/cat\nbob: ann, c@d.e\n\nbob: x@y.z\n");
	got = mistakes_of(text);
	assert_string_equal(got,
	    "aliases:1: aliases_file: \"|/bin/cat\" is a command, which is "
	    "not run; write an address\n"
	    "aliases:4: aliases_file: \"bob\" stands in line 2 already; write "
	    "it once\n");
	free(got);
	memset(large, '\n', ALIASES_FILE_MAX);
	put_file("aliases", large);
	s = load_good(text);
	conf_free(&s);
	large[ALIASES_FILE_MAX] = '\n';
	put_file("aliases", large);
	got = mistakes_of(text);
	assert_non_null(strstr(got, "is larger than 1048576 bytes"));
	free(got);
	put_file("aliases", "");
	assert_int_equal(chmod(path_of("aliases"), 0666), 0);
	got = mistakes_of(text);
	assert_non_null(
	    strstr(got, "main.conf:2: aliases_file: everybody can write"));
	free(got);
	assert_int_equal(unlink(path_of("aliases")), 0);
	got = mistakes_of(text);
	assert_non_null(strstr(got, "cannot be read (No such file"));
	free(got);
	free(large);
	free(text);
}

static void
no_provider_is_a_warning(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;

	(void)state;
	put_file("main.conf", USER);
	assert_int_equal(conf_load(&s, path_of("main.conf"), false, &r), 0);
	assert_int_equal(r.nwarnings, 1);
	assert_non_null(strstr(r.warnings[0],
	    "providers: no provider configured: mail is accepted and held"));
	conf_report_done(&r);
	conf_free(&s);
}

/* --- the table ---------------------------------------------------------------
 */

static void
note_key(void *arg, const char *key)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 64, "%s ", key);
}

static void
keys_that_need_a_restart_are_named(void **state)
{
	struct settings *a = load_good(USER "spool = { memory = \"2M\"; };");
	struct settings *b = load_good(
	    USER "spool = { directory = \"/y\"; }; inlet_threads = 2; "
	         "group = \"root\"; retry = { quick = [ ]; };");
	char text[256] = "";

	(void)state;
	conf_needs_restart(a, b, note_key, text);
	assert_string_equal(text, "group inlet_threads spool.directory ");
	text[0] = '\0';
	conf_needs_restart(a, a, note_key, text);
	assert_string_equal(text, "");
	/* as long as there was none the old values hold */
	conf_keep_until_restart(a, b, note_key, text);
	assert_string_equal(text, "group inlet_threads spool.directory ");
	assert_int_equal(b->inlet_threads, 1);
	assert_string_equal(b->spool.directory, a->spool.directory);
	text[0] = '\0';
	conf_needs_restart(a, b, note_key, text);
	assert_string_equal(text, "");
	conf_free(&a);
	conf_free(&b);
}

static void
a_generation_lives_until_its_last_reference(void **state)
{
	struct settings *a = load_good(USER), *b = conf_ref(a);

	(void)state;
	conf_set_route(a, 0, 7);
	conf_free(&a);
	assert_int_equal(b->relay.route, 7);
	assert_int_equal(routes_at(b->inlet.intake.routes, 0)->id, 7);
	conf_free(&b);
	conf_free(&b);
}

/* The line "leaf = default;" of etc/postern.conf.full, blanks and a comment
 * behind it aside. */
static int
has_line(const char *text, const struct conf_key *k)
{
	char line[512];

	(void)snprintf(
	    line, sizeof line, "\t%s = %s;", conf_table_leaf(k), k->def);
	if (strchr(k->path, '.') == NULL)
		(void)snprintf(
		    line, sizeof line, "\n%s = %s;", k->path, k->def);
	if (strstr(text, line) != NULL)
		return true;
	/* One that the example cannot have. */
	(void)snprintf(
	    line, sizeof line, "\t#%s = %s;", conf_table_leaf(k), k->def);
	return strstr(text, line) != NULL;
}

static void
the_full_file_says_the_defaults(void **state)
{
	const char *top = getenv("top_srcdir");
	struct settings *s = NULL, *none;
	struct conf_report r;
	static char text[1 << 17];
	char path[512];
	FILE *f;

	(void)state;
	if (top == NULL)
		skip();
	none = load_good("");
	(void)snprintf(path, sizeof path, "%s/etc/postern.conf.full", top);
	f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	(void)fclose(f);
	for (size_t i = 0; i < conf_table_n; i++) {
		if (conf_table[i].def != NULL &&
		    !has_line(text, &conf_table[i]))
			fail_msg("%s = %s; is not in %s", conf_table[i].path,
			    conf_table[i].def, path);
	}
	if (conf_load(&s, path, false, &r) != 0)
		fail_msg("%s", r.mistakes[0]);
	conf_report_done(&r);
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];

		if (k->base == CONF_BASE_ROOT && k->def != NULL &&
		    strcmp(k->path, "bounce.to") != 0 &&
		    !conf_field_equal(k, s, none))
			fail_msg("%s is not its default in %s", k->path, path);
	}
	conf_free(&s);
	conf_free(&none);
}

/* The files of the examples lie in our directory instead. */
static char *
moved(const char *p, size_t n)
{
	static const char etc[] = "/etc/postern/";
	char *text = mem_strn(p, n), *at;

	while ((at = strstr(text, etc)) != NULL) {
		char *more = mem_printf(
		    "%.*s%s/%s", (int)(at - text), text, dir, at + strlen(etc));

		free(text);
		text = more;
	}
	return text;
}

/* What crypt(3) makes with SHA-512 has 86 letters. */
#define HASH                                                                   \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDE"                            \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHI"

static void
the_examples_of_the_man_page_can_be_read(void **state)
{
	struct cert cert;
	struct buf key;
	struct err err;
	static const char begin[] = ".Bd -literal -offset indent\n";
	static char page[1 << 17];
	const char *top = getenv("top_srcdir");
	char path[512];
	unsigned n = 0;
	FILE *f;

	(void)state;
	if (top == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/man/postern.conf.5", top);
	f = fopen(path, "r");
	assert_non_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	(void)fclose(f);
	certs_setup();
	certs_make(&cert, "mail", "DNS:mail.example.com", 10, NULL);
	assert_int_equal(rename(cert.certificate, path_of("mail.pem")), 0);
	assert_int_equal(rename(cert.key, path_of("mail.key")), 0);
	certs_remove();
	assert_int_equal(chmod(path_of("mail.key"), 0640), 0);
	buf_init(&key, DKIM_KEY_FILE_MAX);
	assert_int_equal(dkim_key_make(&key, 2048, &err), 0);
	put_bytes("p2026.pem", buf_at(&key), key.len);
	assert_int_equal(chmod(path_of("p2026.pem"), 0640), 0);
	buf_wipe(&key);
	put_file("users", "app:$6$saltsalt$" HASH "\n");
	assert_int_equal(chmod(path_of("users"), 0640), 0);
	put_file("main.pass", "x");
	put_file("second.pass", "y");
	assert_int_equal(chmod(path_of("main.pass"), 0640), 0);
	assert_int_equal(chmod(path_of("second.pass"), 0640), 0);
	for (char *p = strstr(page, ".Sh EXAMPLES");
	     (p = strstr(p, begin)) != NULL; n++) {
		char *text, *end = strstr(p, ".Ed");
		struct settings *s;

		assert_non_null(end);
		p += strlen(begin);
		text = moved(p, (size_t)(end - p));
		s = load_good(text);
		assert_true(s->relay.nproviders > 0);
		conf_free(&s);
		free(text);
	}
	assert_true(n >= 4);
}

static void
the_short_file_can_be_read(void **state)
{
	const char *top = getenv("top_srcdir");
	struct settings *s = NULL;
	struct conf_report r;
	char path[512];

	(void)state;
	if (top == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/etc/postern.conf", top);
	assert_int_equal(conf_load(&s, path, false, &r), 0);
	assert_true(s->listeners_by_default);
	conf_report_done(&r);
	conf_free(&s);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = { "main.conf", "pass", "pass2",
		"conf.d/10.conf", "conf.d/20.conf", "conf.d/not-this",
		"one.conf", "secret", "users", "main.pass", "second.pass",
		"mail.pem", "mail.key", "p2026.pem" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		(void)unlink(path_of(names[i]));
	(void)rmdir(path_of("conf.d"));
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_says_the_same_has_the_same_hash),
		cmocka_unit_test(a_file_that_is_included_counts_in_the_hash),
		cmocka_unit_test(nothing_written_gives_the_defaults),
		cmocka_unit_test(the_door_of_sendmail_is_always_there),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(like_copies_all_but_the_name),
		cmocka_unit_test(patterns_of_replies_are_read_and_taken_over),
		cmocka_unit_test(include_joins_the_lists_of_several_files),
		cmocka_unit_test(a_mark_of_byte_order_and_crlf_are_no_mistake),
		cmocka_unit_test(each_mistake_has_its_line),
		cmocka_unit_test(twenty_mistakes_are_told_in_one_run),
		cmocka_unit_test(a_file_that_is_no_text_is_refused),
		cmocka_unit_test(a_file_beyond_a_mebibyte_is_refused),
		cmocka_unit_test(a_key_set_in_two_files_is_a_mistake),
		cmocka_unit_test(a_user_that_does_not_exist_is_a_mistake),
		cmocka_unit_test(secrets_that_others_can_read_are_refused),
		cmocka_unit_test(a_users_file_is_read_with_the_rest),
		cmocka_unit_test(the_users_files_mistakes_have_its_lines),
		cmocka_unit_test(an_aliases_file_is_read_with_the_rest),
		cmocka_unit_test(the_aliases_files_mistakes_have_its_lines),
		cmocka_unit_test(no_provider_is_a_warning),
		cmocka_unit_test(keys_that_need_a_restart_are_named),
		cmocka_unit_test(a_generation_lives_until_its_last_reference),
		cmocka_unit_test(the_full_file_says_the_defaults),
		cmocka_unit_test(the_short_file_can_be_read),
		cmocka_unit_test(the_examples_of_the_man_page_can_be_read),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
