/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_script.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"

#define RATES_MAX 8
#define DURATION_MAX_US (UINT64_C(30) * 86400 * 1000000)
#define DIGITS_MAX 9 /* of a number: more would wrap in libconfig 1.5 */

typedef int set_fn(void *field, const config_setting_t *v, struct err *err);

/* A key of a group: where it goes, and how it is read. */
struct key {
	const char *name;
	set_fn *set;
	size_t offset;
};

/* --- values ------------------------------------------------------------------
 */

static int
get_text(const config_setting_t *v, struct str *out, struct err *err)
{
	const char *s = config_setting_get_string(v);

	if (s == NULL)
		return err_set(err, ERR_CONFIG, "write a text in quotes");
	*out = str_of(s);
	return 0;
}

static int
set_text(void *field, const config_setting_t *v, struct err *err)
{
	char **text = field;
	struct str s;

	if (get_text(v, &s, err) == -1)
		return -1;
	free(*text);
	*text = mem_strn(s.p, s.len);
	return 0;
}

/* "a@example.com", "*@example.com"; "<>" is the null sender. */
static int
set_pattern(void *field, const config_setting_t *v, struct err *err)
{
	char **text = field;

	if (set_text(field, v, err) == -1)
		return -1;
	if (strcmp(*text, "<>") == 0)
		(*text)[0] = '\0';
	return 0;
}

static int
set_number(void *field, const config_setting_t *v, struct err *err)
{
	uint32_t *n = field;
	int i = config_setting_get_int(v);

	if (config_setting_type(v) != CONFIG_TYPE_INT || i < 1)
		return err_set(err, ERR_CONFIG, "write a number above 0");
	*n = (uint32_t)i;
	return 0;
}

static int
set_seed(void *field, const config_setting_t *v, struct err *err)
{
	uint32_t n = 0;

	if (set_number(&n, v, err) == -1)
		return -1;
	*(uint64_t *)field = n;
	return 0;
}

static int
set_chance(void *field, const config_setting_t *v, struct err *err)
{
	double p = config_setting_get_float(v);

	if (config_setting_type(v) != CONFIG_TYPE_FLOAT || !(p > 0 && p <= 1))
		return err_set(err, ERR_CONFIG,
		    "write a probability above 0.0, at most 1.0");
	*(double *)field = p;
	return 0;
}

static const struct {
	const char *name;
	uint64_t us;
} units[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
	{ "m", UINT64_C(60) * 1000000 },
	{ "h", UINT64_C(3600) * 1000000 },
	{ "d", UINT64_C(86400) * 1000000 },
};

static int
parse_duration(struct str s, uint64_t *us, struct err *err)
{
	struct str digits = { s.p, 0 }, unit;
	uint64_t v = 0;

	while (digits.len < s.len && digits.len < DIGITS_MAX &&
	       s.p[digits.len] >= '0' && s.p[digits.len] <= '9')
		digits.len++;
	unit = (struct str){ s.p + digits.len, s.len - digits.len };
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!str_is(unit, units[i].name) || !str_u64(digits, &v) ||
		    v > DURATION_MAX_US / units[i].us)
			continue;
		*us = v * units[i].us;
		return 0;
	}
	return err_set(err, ERR_CONFIG,
	    "\"%.*s\" is no time; write one such as \"30s\" (us, ms, s, m, h, "
	    "d), at most \"30d\"",
	    (int)s.len, s.p);
}

static int
set_time(void *field, const config_setting_t *v, struct err *err)
{
	struct str s;

	if (get_text(v, &s, err) == -1)
		return -1;
	return parse_duration(s, field, err);
}

static int
set_until(void *field, const config_setting_t *v, struct err *err)
{
	if (set_time(field, v, err) == -1)
		return -1;
	return *(uint64_t *)field > 0
	           ? 0
	           : err_set(err, ERR_CONFIG, "write a time above 0s");
}

static int
set_idle(void *field, const config_setting_t *v, struct err *err)
{
	uint64_t us;

	if (set_until(&us, v, err) == -1)
		return -1;
	*(uint64_t *)field = (us + 999) / 1000;
	return 0;
}

/* min_us and max_us of a struct sink_delay: "20ms" or "15ms-25ms". */
static int
set_delay(void *field, const config_setting_t *v, struct err *err)
{
	struct sink_delay *d = field;
	struct str rest, low;

	if (get_text(v, &rest, err) == -1)
		return -1;
	low = str_cut(&rest, '-');
	if (parse_duration(low, &d->min_us, err) == -1)
		return -1;
	d->max_us = d->min_us;
	d->is_set = true;
	if (rest.len > 0 && parse_duration(rest, &d->max_us, err) == -1)
		return -1;
	if (d->max_us < d->min_us)
		return err_set(err, ERR_CONFIG,
		    "the second time is shorter than the first");
	if (d->max_us > SINK_DELAY_MAX_US)
		return err_set(err, ERR_CONFIG, "write at most \"1h\"");
	return 0;
}

/* 3, "3", "3-5", "10-" */
static int
set_range(void *field, const config_setting_t *v, struct err *err)
{
	struct sink_range *r = field;
	struct str rest, first;
	uint32_t n = 0;

	if (config_setting_type(v) == CONFIG_TYPE_INT) {
		if (set_number(&n, v, err) == -1)
			return -1;
		r->first = r->last = n;
		return 0;
	}
	if (get_text(v, &rest, err) == -1)
		return -1;
	if (memchr(rest.p, '-', rest.len) == NULL) {
		first = rest;
	} else {
		first = str_cut(&rest, '-');
		if (rest.len == 0)
			rest = STR("18446744073709551615");
	}
	if (str_u64(first, &r->first) && str_u64(rest, &r->last) &&
	    r->first > 0 && r->last >= r->first)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "write a number or a range from 1 on, such as \"3\", \"3-5\" or "
	    "\"10-\"");
}

static int
set_deed(void *field, const config_setting_t *v, struct err *err)
{
	struct str s;

	return get_text(v, &s, err) == -1 ? -1 : sink_rules_deed(field, s, err);
}

/* A text or an array of texts, each handed to one(). */
static int
each_text(const config_setting_t *v,
    int (*one)(void *arg, struct str text, struct err *err), void *arg,
    struct err *err)
{
	struct str s;

	if (config_setting_is_array(v) == CONFIG_FALSE)
		return get_text(v, &s, err) == -1 ? -1 : one(arg, s, err);
	for (int i = 0; i < config_setting_length(v); i++) {
		if (get_text(config_setting_get_elem(v, (unsigned)i), &s,
		        err) == -1 ||
		    one(arg, s, err) == -1)
			return -1;
	}
	return 0;
}

static int
add_stage(void *arg, struct str word, struct err *err)
{
	uint32_t *stages = arg;
	enum sink_stage stage;

	if (str_is(word, "*")) {
		*stages = (1u << SINK_STAGES) - 1;
		return 0;
	}
	if (sink_rules_find_stage(word, &stage, err) == -1)
		return -1;
	*stages |= 1u << stage;
	return 0;
}

static int
set_stages(void *field, const config_setting_t *v, struct err *err)
{
	return each_text(v, add_stage, field, err);
}

static int
set_stage(void *field, const config_setting_t *v, struct err *err)
{
	struct str s;

	if (get_text(v, &s, err) == -1)
		return -1;
	return sink_rules_find_stage(s, field, err);
}

static int
add_disable(void *arg, struct str name, struct err *err)
{
	return sink_plan_disable(arg, name, err);
}

static int
set_disable(void *field, const config_setting_t *v, struct err *err)
{
	return each_text(v, add_disable, field, err);
}

static int
add_offer(void *arg, struct str name, struct err *err)
{
	return sink_plan_offer(arg, name, err);
}

static int
set_offer(void *field, const config_setting_t *v, struct err *err)
{
	return each_text(v, add_offer, field, err);
}

static int
set_window(void *field, const config_setting_t *v, struct err *err)
{
	struct str s;

	if (get_text(v, &s, err) == -1)
		return -1;
	*(bool *)field = str_is(s, "fixed");
	return *(bool *)field || str_is(s, "sliding")
	           ? 0
	           : err_set(err, ERR_CONFIG, "write \"sliding\" or \"fixed\"");
}

/* --- groups ------------------------------------------------------------------
 */

static int
read_key(const struct key *keys, void *base, const config_setting_t *v,
    struct err *err)
{
	char all[200] = "";
	size_t n = 0;

	for (size_t i = 0; keys[i].name != NULL; i++) {
		if (strcmp(config_setting_name(v), keys[i].name) == 0)
			return keys[i].set(
			    (char *)base + keys[i].offset, v, err);
		n += (size_t)snprintf(all + n, sizeof all - n, "%s%s",
		    n > 0 ? ", " : "", keys[i].name);
	}
	return err_set(err, ERR_CONFIG, "is no key here; write one of %s", all);
}

/* -1: *err begins with the line. */
static int
read_group(const struct key *keys, void *base, const config_setting_t *g,
    struct err *err)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *v =
		    config_setting_get_elem(g, (unsigned)i);

		if (read_key(keys, base, v, err) == -1)
			return err_wrap(err, "%d: %s",
			    (int)config_setting_source_line(v),
			    config_setting_name(v));
	}
	return 0;
}

#define FROM(type) offsetof(type, span.from_us)
#define UNTIL(type) offsetof(type, span.until_us)

/* A mistake of an entry as a whole: its line, and the list's name. */
static int
entry_is(int rc, const config_setting_t *g, struct err *err)
{
	if (rc == 0)
		return 0;
	return err_wrap(err, "%d: %s", (int)config_setting_source_line(g),
	    config_setting_name(config_setting_parent(g)));
}

static bool
is_said(const struct sink_deed *d)
{
	return d->action != SINK_REPLY || d->reply.code != 0;
}

static int
add_rule(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "stage", set_stages, offsetof(struct sink_rule, stages) },
		{ "action", set_deed, offsetof(struct sink_rule, deed) },
		{ "sender", set_pattern, offsetof(struct sink_rule, sender) },
		{ "recipient", set_pattern,
		    offsetof(struct sink_rule, recipient) },
		{ "connection", set_range,
		    offsetof(struct sink_rule, connection) },
		{ "nth", set_range, offsetof(struct sink_rule, nth) },
		{ "message", set_range, offsetof(struct sink_rule, message) },
		{ "times", set_number, offsetof(struct sink_rule, times) },
		{ "every", set_number, offsetof(struct sink_rule, every) },
		{ "probability", set_chance,
		    offsetof(struct sink_rule, chance) },
		{ "from", set_time, FROM(struct sink_rule) },
		{ "until", set_until, UNTIL(struct sink_rule) },
		{ NULL, NULL, 0 },
	};
	struct sink_rule rule = { 0 };
	int rc = read_group(keys, &rule, g, err);

	if (rc == 0 && rule.stages != 0 && is_said(&rule.deed))
		return entry_is(sink_rules_put(&p->rules, &rule, err), g, err);
	free(rule.sender);
	free(rule.recipient);
	if (rc == -1)
		return -1;
	err_set(err, ERR_CONFIG, "an entry needs stage and action");
	return entry_is(-1, g, err);
}

struct delay_entry {
	uint32_t stages;
	struct sink_span span;
	struct sink_delay delay, work;
};

static int
add_delay(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "stage", set_stages, offsetof(struct delay_entry, stages) },
		{ "delay", set_delay, offsetof(struct delay_entry, delay) },
		{ "work", set_delay, offsetof(struct delay_entry, work) },
		{ "from", set_time, FROM(struct delay_entry) },
		{ "until", set_until, UNTIL(struct delay_entry) },
		{ NULL, NULL, 0 },
	};
	struct delay_entry e = { .stages = 0 };
	struct sink_delay *both[] = { &e.delay, &e.work };

	if (read_group(keys, &e, g, err) == -1)
		return -1;
	e.work.is_work = true;
	for (size_t i = 0; i < 2; i++) {
		both[i]->stages =
		    e.stages != 0 ? e.stages : (1u << SINK_STAGES) - 1;
		both[i]->span = e.span;
		if (both[i]->is_set &&
		    sink_delays_put(&p->delays, both[i], err) == -1)
			return entry_is(-1, g, err);
	}
	return 0;
}

struct limit_entry {
	struct rate rate[RATES_MAX];
	char *text[RATES_MAX]; /* owned */
	size_t nrates;
	uint32_t connections, messages;
	struct sink_limit limit; /* at, deed, span, is_fixed */
};

static int
add_rate(void *arg, struct str text, struct err *err)
{
	struct limit_entry *e = arg;

	if (e->nrates == RATES_MAX)
		return err_set(
		    err, ERR_CONFIG, "more than %d rates", RATES_MAX);
	if (rate_parse_quota(&e->rate[e->nrates], text, err) == -1)
		return -1;
	e->text[e->nrates++] = mem_strn(text.p, text.len);
	return 0;
}

static int
set_rates(void *field, const config_setting_t *v, struct err *err)
{
	return each_text(v, add_rate, field, err);
}

static int
put_limits(struct sink_plan *p, struct limit_entry *e, struct err *err)
{
	struct sink_limit x = e->limit;

	for (size_t i = 0; i < e->nrates; i++) {
		x.of = SINK_LIMIT_RATE;
		x.rate = e->rate[i];
		x.text = e->text[i];
		e->text[i] = NULL;
		if (sink_limits_put(&p->limits, &x, err) == -1)
			return -1;
		x = e->limit;
	}
	if (e->nrates > 0)
		return 0;
	x.of = e->connections > 0 ? SINK_LIMIT_SESSIONS : SINK_LIMIT_MAILS;
	x.most = e->connections > 0 ? e->connections : e->messages;
	x.text = mem_printf(
	    "%u %s", x.most, e->connections > 0 ? "connections" : "messages");
	return sink_limits_put(&p->limits, &x, err);
}

/* What is wrong with the entry as a whole; its stage, where none is said. */
static int
check_limit(struct limit_entry *e, struct err *err)
{
	if ((e->nrates > 0) + (e->connections > 0) + (e->messages > 0) != 1)
		return err_set(err, ERR_CONFIG,
		    "an entry needs one of rate, connections, messages");
	if (!is_said(&e->limit.deed))
		return err_set(err, ERR_CONFIG, "an entry needs action");
	if (e->limit.at == SINK_STAGES)
		e->limit.at = e->nrates > 0        ? SINK_DOT
		              : e->connections > 0 ? SINK_BANNER
		                                   : SINK_MAIL;
	return 0;
}

static int
add_limit(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "rate", set_rates, 0 },
		{ "connections", set_number,
		    offsetof(struct limit_entry, connections) },
		{ "messages", set_number,
		    offsetof(struct limit_entry, messages) },
		{ "window", set_window,
		    offsetof(struct limit_entry, limit.is_fixed) },
		{ "at", set_stage, offsetof(struct limit_entry, limit.at) },
		{ "action", set_deed,
		    offsetof(struct limit_entry, limit.deed) },
		{ "from", set_time,
		    offsetof(struct limit_entry, limit.span.from_us) },
		{ "until", set_until,
		    offsetof(struct limit_entry, limit.span.until_us) },
		{ NULL, NULL, 0 },
	};
	struct limit_entry e = { .limit = { .at = SINK_STAGES } };
	int rc = read_group(keys, &e, g, err);

	if (rc == 0 &&
	    (check_limit(&e, err) == -1 || put_limits(p, &e, err) == -1))
		rc = entry_is(-1, g, err);
	for (size_t i = 0; i < e.nrates; i++)
		free(e.text[i]);
	return rc;
}

static int
add_capability(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "disable", set_disable,
		    offsetof(struct sink_capability, disable) },
		{ "offer", set_offer, offsetof(struct sink_capability, offer) },
		{ "from", set_time, FROM(struct sink_capability) },
		{ "until", set_until, UNTIL(struct sink_capability) },
		{ NULL, NULL, 0 },
	};
	struct sink_capability c = { .disable = 0 };

	if (read_group(keys, &c, g, err) == -1)
		return -1;
	return entry_is(sink_plan_capability(p, &c, err), g, err);
}

static int
add_certificate(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "certificate", set_text,
		    offsetof(struct sink_certificate, certificate) },
		{ "key", set_text, offsetof(struct sink_certificate, key) },
		{ "from", set_time, FROM(struct sink_certificate) },
		{ "until", set_until, UNTIL(struct sink_certificate) },
		{ NULL, NULL, 0 },
	};
	struct sink_certificate c = { .key = NULL };

	if (read_group(keys, &c, g, err) == -1) {
		free(c.certificate);
		free(c.key);
		return -1;
	}
	return entry_is(sink_plan_certificate(p, &c, err), g, err);
}

static int
add_closed(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	struct closed {
		struct sink_span span;
	} c = { { 0, 0 } };
	static const struct key keys[] = {
		{ "from", set_time, FROM(struct closed) },
		{ "until", set_until, UNTIL(struct closed) },
		{ NULL, NULL, 0 },
	};

	if (read_group(keys, &c, g, err) == -1)
		return -1;
	return entry_is(sink_plan_closed(p, &c.span, err), g, err);
}

static int
read_idle(struct sink_plan *p, const config_setting_t *g, struct err *err)
{
	static const struct key keys[] = {
		{ "after", set_idle, offsetof(struct sink_plan, idle_ms) },
		{ "action", set_deed, offsetof(struct sink_plan, idle) },
		{ NULL, NULL, 0 },
	};

	if (config_setting_is_group(g) == CONFIG_FALSE)
		return err_set(err, ERR_CONFIG,
		    "%d: idle: write idle = { after = \"10s\"; action = "
		    "\"...\"; };",
		    (int)config_setting_source_line(g));
	if (read_group(keys, p, g, err) == -1)
		return -1;
	if (p->idle_ms > 0 && is_said(&p->idle))
		return 0;
	return err_set(err, ERR_CONFIG, "%d: idle: it needs after and action",
	    (int)config_setting_source_line(g));
}

/* --- the file ----------------------------------------------------------------
 */

static const struct {
	const char *name;
	int (*add)(
	    struct sink_plan *p, const config_setting_t *g, struct err *err);
} lists[] = {
	{ "limits", add_limit },
	{ "rules", add_rule },
	{ "delays", add_delay },
	{ "ehlo", add_capability },
	{ "certificates", add_certificate },
	{ "closed", add_closed },
};

static int
read_list(struct sink_plan *p, size_t which, const config_setting_t *v,
    struct err *err)
{
	int line = (int)config_setting_source_line(v);

	if (config_setting_is_list(v) == CONFIG_FALSE)
		return err_set(err, ERR_CONFIG,
		    "%d: %s: write a list of groups, ( { ... } )", line,
		    lists[which].name);
	for (int i = 0; i < config_setting_length(v); i++) {
		const config_setting_t *g =
		    config_setting_get_elem(v, (unsigned)i);

		line = (int)config_setting_source_line(g);
		if (config_setting_is_group(g) == CONFIG_FALSE)
			return err_set(err, ERR_CONFIG,
			    "%d: %s: write groups, { key = value; }", line,
			    lists[which].name);
		if (lists[which].add(p, g, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_top(struct sink_plan *p, const config_setting_t *v, struct err *err)
{
	const char *name = config_setting_name(v);

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		if (strcmp(name, lists[i].name) == 0)
			return read_list(p, i, v, err);
	}
	if (strcmp(name, "idle") == 0)
		return read_idle(p, v, err);
	if (strcmp(name, "seed") == 0 && set_seed(&p->seed, v, err) == 0)
		return 0;
	if (strcmp(name, "seed") != 0)
		err_set(err, ERR_CONFIG,
		    "is no key here; write one of limits, rules, delays, ehlo, "
		    "certificates, closed, idle, seed");
	return err_wrap(
	    err, "%d: %s", (int)config_setting_source_line(v), name);
}

static int
read_text(const char *path, struct buf *b, struct err *err)
{
	FILE *f = fopen(path, "r");
	char *room;
	size_t n = 0;

	if (f == NULL)
		return err_sys(err, "%s", path);
	while ((room = buf_room(b, 4096)) != NULL) {
		n = fread(room, 1, 4096, f);
		if (n == 0)
			break;
		buf_wrote(b, n);
	}
	n = (size_t)ferror(f);
	fclose(f);
	if (n != 0 || room == NULL || buf_add(b, "", 1) == -1)
		return err_set(err, ERR_CONFIG,
		    "%s: cannot be read, or is larger than 1 MiB", path);
	return 0;
}

/* Past the text in quotes or the comment that begins at p; p: none does. */
static const char *
skip_quoted(const char *p)
{
	const char *end = NULL;

	if (*p == '"') {
		for (p++; *p != '\0' && *p != '"'; p++)
			p += *p == '\\' && p[1] != '\0';
		return *p == '\0' ? p : p + 1;
	}
	if (*p == '#' || (p[0] == '/' && p[1] == '/'))
		end = strchr(p, '\n');
	else if (p[0] == '/' && p[1] == '*')
		end = strstr(p + 2, "*/");
	else
		return p;
	return end != NULL ? end + 1 : p + strlen(p);
}

static int
line_of(const char *text, const char *p)
{
	int line = 1;

	while ((text = memchr(text, '\n', (size_t)(p - text))) != NULL) {
		line++;
		text++;
	}
	return line;
}

/* libconfig 1.5 reads a number that is too large as another one. */
static int
check_numbers(const char *text, struct err *err)
{
	size_t digits = 0;

	for (const char *p = text; *p != '\0';) {
		const char *next = skip_quoted(p);

		digits = next == p && *p >= '0' && *p <= '9' ? digits + 1 : 0;
		if (digits > DIGITS_MAX)
			return err_set(err, ERR_CONFIG,
			    "%d: a number has more than %d digits",
			    line_of(text, p), DIGITS_MAX);
		p = next == p ? p + 1 : next;
	}
	return 0;
}

static int
read_tree(
    struct sink_plan *p, config_t *tree, const char *text, struct err *err)
{
	const config_setting_t *root;

	if (check_numbers(text, err) == -1)
		return -1;
	if (config_read_string(tree, text) == CONFIG_FALSE)
		return err_set(err, ERR_CONFIG,
		    "%d: %s here or on the line above", config_error_line(tree),
		    config_error_text(tree));
	root = config_root_setting(tree);
	for (int i = 0; i < config_setting_length(root); i++) {
		if (read_top(p, config_setting_get_elem(root, (unsigned)i),
		        err) == -1)
			return -1;
	}
	return 0;
}

int
sink_script_read(struct sink_plan *p, const char *path, struct err *err)
{
	struct buf text;
	config_t tree;
	int rc;

	buf_init(&text, SINK_SCRIPT_MAX + 4096);
	rc = read_text(path, &text, err);
	if (rc == 0) {
		config_init(&tree);
		rc = read_tree(p, &tree, buf_at(&text), err);
		if (rc == -1) {
			const struct err at = *err;

			(void)err_set(
			    err, ERR_CONFIG, "%.100s:%s", path, at.text);
		}
		config_destroy(&tree);
	}
	buf_done(&text);
	return rc;
}
