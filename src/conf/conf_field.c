/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_field.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postern/base/mem.h"
#include "postern/mail/address_pattern.h"
#include "postern/intake/lane.h"
#include "postern/intake/policy.h"
#include "postern/io/addr.h"
#include "postern/mail/header.h"
#include "postern/mail/rate.h"
#include "postern/mail/rewrite.h"

#include "conf/conf_owner.h"
#include "conf/conf_range.h"
#include "conf/conf_scan.h"
#include "conf/conf_value.h"

#define ARRAY_MAX 1024 /* values in an array */
_Static_assert(CONF_RATES_MAX == POLICY_RATES, "more than a policy can have");

static void *
field(const struct conf_key *k, void *base)
{
	return (char *)base + k->at;
}

static size_t *
count_field(const struct conf_key *k, void *base)
{
	return (size_t *)(void *)((char *)base + k->count_at);
}

/* --- what libconfig has -----------------------------------------------------
 */

static const char *
text_of(const config_setting_t *v)
{
	return config_setting_type(v) == CONFIG_TYPE_STRING
	           ? config_setting_get_string(v)
	           : NULL;
}

static bool
is_told(const config_setting_t *v)
{
	return config_setting_type(v) == CONFIG_TYPE_INT64 &&
	       config_setting_get_int64(v) == CONF_SCAN_TOLD;
}

static bool
is_integer(const config_setting_t *v)
{
	int type = config_setting_type(v);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static int64_t
integer_of(const config_setting_t *v)
{
	return config_setting_type(v) == CONFIG_TYPE_INT
	           ? config_setting_get_int(v)
	           : config_setting_get_int64(v);
}

/* --- the type is another one ------------------------------------------------
 */

static int
want_text(const struct conf_key *k, const config_setting_t *v, struct err *err)
{
	const char *leaf = conf_table_leaf(k);

	if (config_setting_is_scalar(v) == CONFIG_FALSE)
		return err_set(err, ERR_CONFIG,
		    "has to be one %s; write %s = \"...\";", conf_table_type(k),
		    leaf);
	if (is_integer(v) && k->type == CONF_DURATION)
		return err_set(err, ERR_CONFIG,
		    "a duration has a unit; write %s = \"%llds\"; (ms, s, m, "
		    "h, "
		    "d)",
		    leaf, (long long)integer_of(v));
	if (is_integer(v))
		return err_set(err, ERR_CONFIG,
		    "has to be text; write it in quotes, %s = \"%lld\";", leaf,
		    (long long)integer_of(v));
	return err_set(err, ERR_CONFIG,
	    "has to be text; write it in quotes, %s = \"...\";", leaf);
}

static int
want_number(
    const struct conf_key *k, const config_setting_t *v, struct err *err)
{
	const char *text = text_of(v), *leaf = conf_table_leaf(k);
	uint64_t n;

	if (text != NULL && str_u64(str_of(text), &n))
		return err_set(err, ERR_CONFIG,
		    "has to be a number; write it without quotes, %s = %s;",
		    leaf, text);
	return err_set(err, ERR_CONFIG, "has to be a number; write %s = %s;",
	    leaf, k->def != NULL ? k->def : "NUMBER");
}

static int
want_array(const struct conf_key *k, const config_setting_t *v, struct err *err)
{
	const char *text = text_of(v), *leaf = conf_table_leaf(k);
	char shown[64];

	(void)str_escape(shown, sizeof shown, str_of(text));
	return err_set(err, ERR_CONFIG,
	    "has to be an array of texts; write %s = [ \"%s\" ];", leaf,
	    text != NULL ? shown : "...");
}

/* --- one text ---------------------------------------------------------------
 */

static int
check_path(struct str s, struct err *err)
{
	char shown[64];

	if (s.len > 0 && s.p[0] == '/')
		return 0;
	(void)str_escape(shown, sizeof shown, s);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no absolute path; write one that begins with /", shown);
}

static int
check_choice(const struct conf_key *k, struct str s, struct err *err)
{
	if (conf_range_word(k, s) >= 0)
		return 0;
	return conf_range_bad_word(k, s, err);
}

static int
check_destination(const struct conf_key *k, struct str s, struct err *err)
{
	char shown[64];

	if (conf_range_word(k, s) >= 0 || conf_value_mail(s, err) == 0)
		return 0;
	if (memchr(s.p, '@', s.len) != NULL)
		return -1;
	(void)str_escape(shown, sizeof shown, s);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is not possible; write \"sender\", \"none\" or a mail "
	    "address",
	    shown);
}

static int
check_group(struct str s, struct err *err)
{
	uint32_t gid;

	return conf_owner_group(s.p, &gid, err);
}

static int
check_log_to(struct str s, struct err *err)
{
	char shown[64];

	if (str_is(s, "stderr") || str_is(s, "syslog") ||
	    (s.len > 0 && s.p[0] == '/'))
		return 0;
	(void)str_escape(shown, sizeof shown, s);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is not possible; write \"stderr\", "
	    "\"syslog\" or an "
	    "absolute path",
	    shown);
}

static int
check_plain(struct str s, struct err *err)
{
	if (s.len == 0)
		return err_set(err, ERR_CONFIG,
		    "is empty; write a text, or take the key away");
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return err_set(err, ERR_CONFIG,
			    "has a control character; write the text without "
			    "it");
	}
	return 0;
}

static int
check_text(const struct conf_key *k, struct str s, struct err *err)
{
	if (check_plain(s, err) != 0)
		return -1;
	switch (k->type) {
	case CONF_NAME:
		return conf_value_name(s, err);
	case CONF_HOST:
		return conf_value_host(s, err);
	case CONF_IP:
		return conf_value_ip(s, err);
	case CONF_MAIL:
		return conf_value_mail(s, err);
	case CONF_LANE:
		return lane_check(s, err);
	case CONF_PATH:
	case CONF_FILE:
		return check_path(s, err);
	case CONF_CHOICE:
		return check_choice(k, s, err);
	case CONF_DESTINATION:
		return check_destination(k, s, err);
	case CONF_PLACE_TO_LOG:
		return check_log_to(s, err);
	case CONF_UNIX_GROUP:
		return check_group(s, err);
	default:
		return 0;
	}
}

static int
set_text(const struct conf_key *k, void *to, const char *text,
    struct conf_arena *a, struct err *err)
{
	const char *copy;

	if (check_text(k, str_of(text), err) != 0)
		return -1;
	copy = conf_arena_str(a, text);
	memcpy(to, &copy, sizeof copy);
	return 0;
}

static int
set_word(const struct conf_key *k, void *to, const char *text, struct err *err)
{
	int i = conf_range_word(k, str_of(text));
	bool on = i > 0;

	if (i < 0)
		return conf_range_bad_word(k, str_of(text), err);
	if (k->type == CONF_SWITCH)
		memcpy(to, &on, sizeof on);
	else
		memcpy(to, &i, sizeof i);
	return 0;
}

/* A duration or a size, within its range; or one of its words. */
static int
parse_quantity(
    const struct conf_key *k, const char *text, uint64_t *v, struct err *err)
{
	struct str s = str_of(text);
	bool size = k->type == CONF_SIZE;

	if (conf_range_word(k, s) >= 0) {
		*v = str_is(s, "off") ? k->off : 0;
		return 0;
	}
	if ((size ? conf_value_size(s, v, err)
	          : conf_value_duration(s, v, err)) != 0)
		return -1;
	return conf_range_check(k, *v, err);
}

static int
set_quantity(
    const struct conf_key *k, void *to, const char *text, struct err *err)
{
	uint64_t v;

	if (parse_quantity(k, text, &v, err) != 0)
		return -1;
	memcpy(to, &v, sizeof v);
	return 0;
}

/* ">10M", "<1M" */
static int
set_bound(void *to, const char *text, struct err *err)
{
	struct routes_bound b = { .is = ROUTES_ABOVE };
	struct str s = str_of(text);
	char shown[64];

	if (s.len > 0 && s.p[0] == '<')
		b.is = ROUTES_BELOW;
	(void)str_escape(shown, sizeof shown, s);
	if (s.len < 2 || (s.p[0] != '<' && s.p[0] != '>'))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no bound; write \">10M\" for what is larger, "
		    "or \"<1M\" for what is smaller",
		    shown);
	s = str_trim((struct str){ s.p + 1, s.len - 1 });
	if (conf_value_size(s, &b.bytes, err) != 0)
		return -1;
	memcpy(to, &b, sizeof b);
	return 0;
}

/* --- one number -------------------------------------------------------------
 */

static int
set_number(const struct conf_key *k, void *to, const config_setting_t *v,
    struct err *err)
{
	int64_t n;

	if (!is_integer(v))
		return want_number(k, v, err);
	n = integer_of(v);
	if (n < 0)
		return err_set(err, ERR_CONFIG,
		    "%lld is below zero; write a number above", (long long)n);
	if (conf_range_check(k, (uint64_t)n, err) != 0)
		return -1;
	if (k->type == CONF_PORT)
		*(uint16_t *)to = (uint16_t)n;
	else
		*(uint32_t *)to = (uint32_t)n;
	return 0;
}

static int
set_factor(const struct conf_key *k, void *to, const config_setting_t *v,
    struct err *err)
{
	double d;

	if (is_integer(v))
		d = (double)integer_of(v);
	else if (config_setting_type(v) == CONFIG_TYPE_FLOAT)
		d = config_setting_get_float(v);
	else
		return want_number(k, v, err);
	if (conf_range_check_factor(k, d, err) != 0)
		return -1;
	memcpy(to, &d, sizeof d);
	return 0;
}

/* As others say it; else the default. */
static const char *
flag_meant(const struct conf_key *k, const config_setting_t *v)
{
	static const struct {
		const char *word, *means;
	} words[] = { { "yes", "true" }, { "on", "true" }, { "true", "true" },
		{ "1", "true" }, { "no", "false" }, { "off", "false" },
		{ "false", "false" }, { "0", "false" } };
	char text[24] = "";

	if (is_integer(v))
		(void)snprintf(
		    text, sizeof text, "%lld", (long long)integer_of(v));
	else if (config_setting_type(v) == CONFIG_TYPE_STRING)
		(void)snprintf(
		    text, sizeof text, "%s", config_setting_get_string(v));
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(words[i].word, text) == 0)
			return words[i].means;
	}
	return k->def;
}

static int
set_flag(const struct conf_key *k, void *to, const config_setting_t *v,
    struct err *err)
{
	bool on;

	if (config_setting_type(v) != CONFIG_TYPE_BOOL)
		return err_set(err, ERR_CONFIG,
		    "has to be true or false; write %s = %s; without quotes",
		    conf_table_leaf(k), flag_meant(k, v));
	on = config_setting_get_bool(v) != 0;
	memcpy(to, &on, sizeof on);
	return 0;
}

/* --- arrays of texts --------------------------------------------------------
 */

static size_t
element_size(const struct conf_key *k)
{
	if (k->type == CONF_ADDRESSES)
		return sizeof(struct addr);
	if (k->type == CONF_RATES || k->type == CONF_QUOTAS)
		return sizeof(struct rate);
	if (k->type == CONF_USERS || k->type == CONF_GROUPS)
		return sizeof(uint32_t);
	return k->type == CONF_DURATIONS ? sizeof(uint64_t)
	                                 : sizeof(const char *);
}

static int
set_bit(const struct conf_key *k, uint32_t *bits, struct str s, struct err *err)
{
	int i = conf_range_word(k, s);

	if (i < 0)
		return conf_range_bad_word(k, s, err);
	*bits |= 1u << i;
	return 0;
}

static int
set_address(struct addr *to, const char *text, struct err *err)
{
	struct err why;
	char shown[64];

	if (addr_parse(to, text, &why) == 0)
		return 0;
	(void)str_escape(shown, sizeof shown, str_of(text));
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no address to listen on; write one such as "
	    "\"127.0.0.1:25\", \"[::1]:25\" or \"unix:/run/postern/smtp.sock\"",
	    shown);
}

static int
check_field_name(struct str s, struct err *err)
{
	char shown[64];

	if (header_is_name(s))
		return 0;
	(void)str_escape(shown, sizeof shown, s);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no name of a field; write one such as \"X-Mailer\"",
	    shown);
}

/* One value of the array into to. */
static int
set_element(const struct conf_key *k, void *to, const char *text,
    struct conf_arena *a, struct err *err)
{
	struct address_pattern pattern;
	const char *copy;

	switch (k->type) {
	case CONF_WORDS:
		return set_bit(k, to, str_of(text), err);
	case CONF_DURATIONS:
		return set_quantity(k, to, text, err);
	case CONF_ADDRESSES:
		return set_address(to, text, err);
	case CONF_RATES:
		return rate_parse(to, str_of(text), err);
	case CONF_QUOTAS:
		return rate_parse_quota(to, str_of(text), err);
	case CONF_USERS:
		return conf_owner_user(text, to, err);
	case CONF_GROUPS:
		return conf_owner_group(text, to, err);
	case CONF_NAMES:
		if (conf_value_name(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_DOMAINS:
		if (conf_value_host(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_HEADERS:
		if (check_plain(str_of(text), err) != 0 ||
		    routes_check_header(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_FIELDS:
		if (check_plain(str_of(text), err) != 0 ||
		    rewrite_check_field(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_FIELD_NAMES:
		if (check_field_name(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_NETWORKS:
		if (conf_value_network(str_of(text), err) != 0)
			return -1;
		break;
	case CONF_PATTERNS:
		if (address_pattern_parse(&pattern, str_of(text), err) != 0)
			return -1;
		break;
	default:
		if (check_plain(str_of(text), err) != 0)
			return -1;
		break;
	}
	copy = conf_arena_str(a, text);
	memcpy(to, &copy, sizeof copy);
	return 0;
}

static int
fill_array(const struct conf_key *k, char *to, const config_setting_t *v,
    struct conf_arena *a, struct err *err)
{
	int n = config_setting_length(v);
	size_t step = k->type == CONF_WORDS ? 0 : element_size(k);

	for (int i = 0; i < n; i++) {
		const config_setting_t *e =
		    config_setting_get_elem(v, (unsigned)i);
		const char *text = text_of(e);

		if (text == NULL)
			return want_array(k, e, err);
		if (set_element(k, to + (size_t)i * step, text, a, err) != 0)
			return -1;
	}
	return 0;
}

static int
set_words(const struct conf_key *k, void *base, const config_setting_t *v,
    struct conf_arena *a, struct err *err)
{
	uint32_t bits = 0;

	if (fill_array(k, (char *)&bits, v, a, err) != 0)
		return -1;
	memcpy(field(k, base), &bits, sizeof bits);
	return 0;
}

static size_t
max_of(const struct conf_key *k)
{
	if (k->type == CONF_DURATIONS)
		return CONF_DURATIONS_MAX;
	if (k->type == CONF_RATES || k->type == CONF_QUOTAS)
		return CONF_RATES_MAX;
	return ARRAY_MAX;
}

static bool
is_about_who(const struct conf_key *k)
{
	return k->type == CONF_NETWORKS || k->type == CONF_USERS ||
	       k->type == CONF_GROUPS;
}

static int
set_array(const struct conf_key *k, void *base, const config_setting_t *v,
    struct conf_arena *a, struct err *err)
{
	size_t n = (size_t)config_setting_length(v);
	size_t max = max_of(k);
	void *values;

	if (n > max)
		return err_set(err, ERR_CONFIG,
		    "has %zu values; write at most %zu", n, max);
	if (n == 0 && is_about_who(k))
		return err_set(err, ERR_CONFIG,
		    "is empty; write who may come, or take the key away");
	if (n == 0 && (k->type == CONF_NAMES || k->type == CONF_TEXTS ||
	                  k->type == CONF_HEADERS))
		return err_set(err, ERR_CONFIG,
		    "is empty; write %s = [ \"NAME\" ]; or take the key away",
		    conf_table_leaf(k));
	if (n == 0 && k->type == CONF_PATTERNS)
		return err_set(err, ERR_CONFIG,
		    "is empty; write those that are allowed, or take the key "
		    "away");
	values = conf_arena_new(a, n, element_size(k));
	if (fill_array(k, values, v, a, err) != 0)
		return -1;
	if (k->type == CONF_DURATIONS)
		memcpy(field(k, base), values, n * sizeof(uint64_t));
	else
		memcpy(field(k, base), &values, sizeof values);
	*count_field(k, base) = n;
	return 0;
}

/* A number for each priority, all of them. */
static int
set_shares(const struct conf_key *k, void *to, const config_setting_t *v,
    struct err *err)
{
	uint32_t share[SPOOL_PRIORITIES];

	if (config_setting_is_array(v) == CONFIG_FALSE ||
	    config_setting_length(v) != SPOOL_PRIORITIES)
		return err_set(err, ERR_CONFIG,
		    "has to be an array of three numbers, for high, normal and "
		    "low; write %s = %s;",
		    conf_table_leaf(k), k->def);
	for (unsigned i = 0; i < SPOOL_PRIORITIES; i++) {
		if (set_number(
		        k, &share[i], config_setting_get_elem(v, i), err) != 0)
			return -1;
	}
	memcpy(to, share, sizeof share);
	return 0;
}

/* --- the door ---------------------------------------------------------------
 */

static int
set_rate(void *to, const char *text, struct conf_arena *a, struct err *err)
{
	struct rate *rate = conf_arena_new(a, 1, sizeof *rate);

	if (rate_parse(rate, str_of(text), err) != 0)
		return -1;
	memcpy(to, &rate, sizeof rate);
	return 0;
}

static int
set_scalar_text(const struct conf_key *k, void *to, const config_setting_t *v,
    struct conf_arena *a, struct err *err)
{
	const char *text = text_of(v);

	if (text == NULL)
		return want_text(k, v, err);
	if (k->type == CONF_DURATION || k->type == CONF_SIZE)
		return set_quantity(k, to, text, err);
	if (k->type == CONF_WORD || k->type == CONF_SWITCH)
		return set_word(k, to, text, err);
	if (k->type == CONF_DATE)
		return conf_value_date(str_of(text), to, err);
	if (k->type == CONF_RATE)
		return set_rate(to, text, a, err);
	if (k->type == CONF_MODE)
		return conf_owner_mode(str_of(text), to, err);
	if (k->type == CONF_ADDRESS)
		return set_address(to, text, err);
	if (k->type == CONF_LOGINS)
		return rate_parse_logins(to, str_of(text), err);
	if (k->type == CONF_BOUND)
		return set_bound(to, text, err);
	return set_text(k, to, text, a, err);
}

int
conf_field_set(const struct conf_key *k, void *base, const config_setting_t *v,
    struct conf_arena *a, struct err *err)
{
	*err = (struct err){ 0 };
	if (is_told(v))
		return -1;
	if (k->count_at > 0 || k->type == CONF_WORDS) {
		if (config_setting_is_array(v) == CONFIG_FALSE)
			return want_array(k, v, err);
		return k->type == CONF_WORDS ? set_words(k, base, v, a, err)
		                             : set_array(k, base, v, a, err);
	}
	switch (k->type) {
	case CONF_COUNT:
	case CONF_PORT:
		return set_number(k, field(k, base), v, err);
	case CONF_FACTOR:
		return set_factor(k, field(k, base), v, err);
	case CONF_FLAG:
		return set_flag(k, field(k, base), v, err);
	case CONF_SHARES:
		return set_shares(k, field(k, base), v, err);
	default:
		return set_scalar_text(k, field(k, base), v, a, err);
	}
}

int
conf_field_set_text(const struct conf_key *k, void *base, const char *text,
    struct conf_arena *a, struct err *err)
{
	config_setting_t *v;
	config_t c;
	int rc;

	config_init(&c);
	v = config_setting_add(
	    config_root_setting(&c), "v", CONFIG_TYPE_STRING);
	if (v != NULL && config_setting_set_string(v, text) == CONFIG_TRUE)
		rc = conf_field_set(k, base, v, a, err);
	else
		rc = err_set(err, ERR_CONFIG, "is no text; write another");
	config_destroy(&c);
	return rc;
}

void
conf_field_default(const struct conf_key *k, void *base, struct conf_arena *a)
{
	config_t c;
	char text[512];
	struct err err;
	int rc;

	if (k->def == NULL)
		return;
	/* The row is ours: a default that cannot be read is a bug. */
	(void)snprintf(text, sizeof text, "v = %s;", k->def);
	config_init(&c);
	rc = config_read_string(&c, text);
	assert(rc == CONFIG_TRUE);
	rc = conf_field_set(k, base, config_lookup(&c, "v"), a, &err);
	assert(rc == 0);
	config_destroy(&c);
}

static bool
equal_text(const void *a, const void *b)
{
	const char *x, *y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return str_eq(str_of(x), str_of(y)) && (x == NULL) == (y == NULL);
}

size_t
conf_field_width(const struct conf_key *k)
{
	switch (k->type) {
	case CONF_WORD:
		return sizeof(int);
	case CONF_SWITCH:
	case CONF_FLAG:
		return sizeof(bool);
	case CONF_COUNT:
	case CONF_WORDS:
	case CONF_MODE:
		return sizeof(uint32_t);
	case CONF_PORT:
		return sizeof(uint16_t);
	case CONF_FACTOR:
		return sizeof(double);
	case CONF_DURATION:
	case CONF_DATE:
	case CONF_SIZE:
		return sizeof(uint64_t);
	case CONF_DURATIONS:
		return CONF_DURATIONS_MAX * sizeof(uint64_t);
	case CONF_SHARES:
		return SPOOL_PRIORITIES * sizeof(uint32_t);
	case CONF_LOGINS:
		return sizeof(struct rate);
	case CONF_ADDRESS:
		return sizeof(struct addr);
	default:
		return 0;
	}
}

bool
conf_field_equal(const struct conf_key *k, const void *a, const void *b)
{
	const char *x = (const char *)a + k->at, *y = (const char *)b + k->at;
	size_t n = conf_field_width(k);

	if (k->type == CONF_GROUP || k->type == CONF_LIST)
		return true;
	if (k->count_at > 0 &&
	    memcmp((const char *)a + k->count_at, (const char *)b + k->count_at,
	        sizeof(size_t)) != 0)
		return false;
	if (n > 0)
		return memcmp(x, y, n) == 0;
	if (k->count_at > 0)
		return true; /* of arrays of texts only the number counts here
		              */
	return equal_text(x, y);
}
