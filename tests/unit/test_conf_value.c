/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_hint.h"
#include "conf/conf_range.h"
#include "conf/conf_value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BAD UINT64_MAX

static const struct {
	const char *text;
	uint64_t ms; /* BAD: refused */
	const char *says;
} durations[] = {
	{ "300ms", 300, NULL },
	{ "30s", 30000, NULL },
	{ "5m", 300000, NULL },
	{ "4h", 14400000, NULL },
	{ "5d", 432000000, NULL },
	{ "0s", 0, NULL },
	{ "10S", 10000, NULL },
	{ "3650d", UINT64_C(315360000000), NULL },
	{ "3651d", BAD, "too long; write at most \"3650d\"" },
	{ "99999999999999999999d", BAD, "too long" },
	{ "30", BAD, "no unit; write it with one, such as \"30s\"" },
	{ "s", BAD, "no duration" },
	{ "", BAD, "no duration" },
	{ "-5s", BAD, "no duration" },
	{ "1.5h", BAD, "\".5h\" is no unit of time" },
	{ "30 s", BAD, "\" s\" is no unit" },
	{ "5w", BAD, "\"w\" is no unit" },
	{ "1h30m", BAD, "\"h30m\" is no unit" },
};

static const struct {
	const char *text;
	uint64_t bytes;
	const char *says;
} sizes[] = {
	{ "0", 0, NULL },
	{ "4096", 4096, NULL },
	{ "64K", 65536, NULL },
	{ "25M", 26214400, NULL },
	{ "25m", 26214400, NULL },
	{ "25MiB", 26214400, NULL },
	{ "2G", UINT64_C(2147483648), NULL },
	{ "8388607T", UINT64_C(8388607) << 40, NULL },
	{ "8388608T", BAD, "too large" },
	{ "99999999999999999999", BAD, "too large" },
	{ "M", BAD, "no size" },
	{ "", BAD, "no size" },
	{ "-1M", BAD, "no size" },
	{ "1.5G", BAD, "\".5G\" is no unit" },
	{ "25MB", BAD, "\"MB\" is no unit" },
	{ "25 M", BAD, "\" M\" is no unit" },
};

typedef int check_fn(struct str s, struct err *err);
static const struct {
	const char *why;
	check_fn *fn;
	const char *text;
	const char *says; /* NULL: good */
} texts[] = {
	{ "a network", conf_value_network, "10.0.0.0/8", NULL },
	{ "one address", conf_value_network, "192.0.2.1", NULL },
	{ "all of IPv4", conf_value_network, "0.0.0.0/0", NULL },
	{ "IPv6", conf_value_network, "2001:db8::/32", NULL },
	{ "bits below the mask", conf_value_network, "10.1.2.3/8",
	    "write \"10.0.0.0/8\"" },
	{ "the same for IPv6", conf_value_network, "2001:db8::1/47",
	    "write \"2001:db8::/47\"" },
	{ "too long a prefix", conf_value_network, "10.0.0.0/33",
	    "0 to 32 behind the slash" },
	{ "no prefix behind the slash", conf_value_network, "10.0.0.0/",
	    "0 to 32 behind the slash" },
	{ "a name", conf_value_network, "localhost", "is no network" },
	{ "nothing", conf_value_network, "", "is no network" },
	{ "an address", conf_value_ip, "192.0.2.1", NULL },
	{ "with a port", conf_value_ip, "192.0.2.1:25", "without a port" },
	{ "too long for an address", conf_value_ip,
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111",
	    "is no numeric address" },
	{ "a host", conf_value_host, "smtp.example.com", NULL },
	{ "a numeric host", conf_value_host, "2001:db8::1", NULL },
	{ "a host with a port", conf_value_host, "smtp.example.com:587",
	    "without a port" },
	{ "an empty label", conf_value_host, "a..b", "is no host" },
	{ "a blank", conf_value_host, "a b", "is no host" },
	{ "a name", conf_value_name, "ses.eu-1_x", NULL },
	{ "a name with a blank", conf_value_name, "my ses", "is no name" },
	{ "an empty name", conf_value_name, "", "is no name" },
	{ "64 bytes of name", conf_value_name,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "is no name" },
	{ "a mail address", conf_value_mail, "ops+x@example.com", NULL },
	{ "no domain", conf_value_mail, "ops", "is no address" },
	{ "no local part", conf_value_mail, "@example.com", "is no address" },
	{ "a line end", conf_value_mail, "o\nps@example.com",
	    "\"o\\x0aps@example.com\" is no address" },
};

static void
durations_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(durations); i++) {
		uint64_t v = 7;
		struct err err = { 0 };
		int rc =
		    conf_value_duration(str_of(durations[i].text), &v, &err);

		if (rc != (durations[i].ms == BAD ? -1 : 0) ||
		    v != (durations[i].ms == BAD ? 7 : durations[i].ms))
			fail_msg("%s: %s", durations[i].text, err.text);
		if (rc != 0 && strstr(err.text, durations[i].says) == NULL)
			fail_msg("%s: %s", durations[i].text, err.text);
	}
}

static void
sizes_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t v = 7;
		struct err err = { 0 };
		int rc = conf_value_size(str_of(sizes[i].text), &v, &err);

		if (rc != (sizes[i].bytes == BAD ? -1 : 0) ||
		    v != (sizes[i].bytes == BAD ? 7 : sizes[i].bytes))
			fail_msg("%s: %s", sizes[i].text, err.text);
		if (rc != 0 && strstr(err.text, sizes[i].says) == NULL)
			fail_msg("%s: %s", sizes[i].text, err.text);
	}
}

static void
texts_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct err err = { 0 };
		int rc = texts[i].fn(str_of(texts[i].text), &err);

		if (rc != (texts[i].says != NULL ? -1 : 0))
			fail_msg("%s (%s): %s", texts[i].why, texts[i].text,
			    err.text);
		if (rc != 0 && strstr(err.text, texts[i].says) == NULL)
			fail_msg("%s: %s", texts[i].why, err.text);
	}
}

static void
quantities_are_shown_as_one_writes_them(void **state)
{
	char out[CONF_VALUE_SHOWN];

	(void)state;
	conf_value_show_duration(90000, out);
	assert_string_equal(out, "90s");
	conf_value_show_duration(7200000, out);
	assert_string_equal(out, "2h");
	conf_value_show_duration(1, out);
	assert_string_equal(out, "1ms");
	conf_value_show_duration(0, out);
	assert_string_equal(out, "0s");
	conf_value_show_size(65536, out);
	assert_string_equal(out, "64K");
	conf_value_show_size(1000, out);
	assert_string_equal(out, "1000");
	conf_value_show_size(0, out);
	assert_string_equal(out, "0");
}

static const struct {
	const char *word, *candidate;
	uint32_t distance;
	int near;
} hints[] = {
	{ "providers", "providers", 0, 1 },
	{ "provider", "providers", 1, 1 },
	{ "hsot", "host", 1, 1 },
	{ "prot", "port", 1, 1 },
	{ "max_recipent", "max_recipients", 2, 1 },
	{ "listen", "listeners", 3, 1 },
	{ "rate", "retry", 3, 0 },
	{ "to", "tls", 2, 0 },
	{ "x", "to", 2, 0 },
	{ "quick", "factor", 6, 0 },
};

static void
near_words_are_offered(void **state)
{
	struct conf_hint h = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(hints); i++) {
		struct conf_hint one = { 0 };

		assert_int_equal(
		    conf_hint_distance(hints[i].word, hints[i].candidate),
		    hints[i].distance);
		conf_hint_offer(&one, hints[i].word, hints[i].candidate);
		if ((one.best != NULL) != hints[i].near)
			fail_msg(
			    "%s for %s", hints[i].candidate, hints[i].word);
	}
	conf_hint_offer(&h, "max_sise", "max_size_of_all");
	conf_hint_offer(&h, "max_sise", "max_size");
	conf_hint_offer(&h, "max_sise", "max_age");
	assert_string_equal(h.best, "max_size");
}

static void
every_range_can_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];
		struct err err;

		if (k->range == NULL || strstr(k->range, "..") == NULL)
			continue;
		if (conf_range_check(k, UINT64_MAX, &err) == 0)
			fail_msg("%s has no upper bound", k->path);
		if (strstr(err.text, " 0 to 0") != NULL)
			fail_msg("%s: %s", k->path, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(texts_are_checked),
		cmocka_unit_test(quantities_are_shown_as_one_writes_them),
		cmocka_unit_test(near_words_are_offered),
		cmocka_unit_test(every_range_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
