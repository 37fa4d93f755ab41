/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/classify_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/clock.h"
#include "postern/base/standard.h"
#include "postern/base/str.h"
#include "postern/conf/conf.h"
#include "postern/relay/classify.h"
#include "postern/relay/relay.h"

#include "tools/control_row.h"
#include "tools/sink_json.h"

#define CONF_FILE SYSCONFDIR "/postern/postern.conf"

struct options {
	const char *file, *provider, *stage, *reply;
	bool used, json;
};

static int
parse(struct options *o, int argc, char **argv)
{
	static const struct option words[] = {
		{ "used", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", words, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'u':
			o->used = true;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			return -1;
		}
	}
	if (optind + 3 != argc)
		return -1;
	o->provider = argv[optind];
	o->stage = argv[optind + 1];
	o->reply = argv[optind + 2];
	return 0;
}

/* --- the answer ------------------------------------------------------------
 */

static void
print_wait(uint64_t ms)
{
	if (ms % 3600000 == 0)
		(void)printf("wait       %" PRIu64 " h\n", ms / 3600000);
	else if (ms % 60000 == 0)
		(void)printf("wait       %" PRIu64 " min\n", ms / 60000);
	else
		(void)printf("wait       %" PRIu64 " s\n", (ms + 999) / 1000);
}

static void
print_line(const char *label, const char *text)
{
	int column = printf("%-11s", label);

	control_row_paragraph(text, (size_t)column);
}

static void
print_text(const struct classify *c)
{
	(void)printf("class      %s%s\n", c->class,
	    c->is_alert ? " (a person has to look)" : "");
	if (c->pattern)
		(void)printf(
		    "rule       %s:%d\n", c->pattern->file, c->pattern->line);
	else if (c->rule)
		(void)printf("rule       built in: %s\n", c->rule);
	print_line("recipient", c->recipient);
	print_line("message", c->message);
	print_line("session", c->session);
	print_line("provider", c->provider);
	if (c->wait_ms > 0)
		print_wait(c->wait_ms);
}

static void
print_json(const struct classify *c)
{
	struct sink_json j;

	sink_json_init(&j);
	sink_json_open(&j, "classify");
	sink_json_str(&j, "class", str_of(c->class));
	sink_json_bool(&j, "alert", c->is_alert);
	if (c->pattern) {
		sink_json_str(&j, "file", str_of(c->pattern->file));
		sink_json_num(&j, "line", (uint64_t)c->pattern->line);
	} else if (c->rule) {
		sink_json_str(&j, "rule", str_of(c->rule));
	}
	sink_json_str(&j, "recipient", str_of(c->recipient));
	sink_json_str(&j, "message", str_of(c->message));
	sink_json_str(&j, "session", str_of(c->session));
	sink_json_str(&j, "provider", str_of(c->provider));
	sink_json_num(&j, "wait_ms", c->wait_ms);
	sink_json_write(&j, stdout);
	sink_json_done(&j);
}

/* --- the question ----------------------------------------------------------
 */

/* What is wrong with word; behind it what to write. */
static int
complain(const char *what, const char *word, const char *hint)
{
	char shown[128];

	(void)str_escape(shown, sizeof shown, str_of(word));
	(void)fprintf(
	    stderr, "postern classify: %s \"%s\"%s\n", what, shown, hint);
	return EX_DATAERR;
}

static const struct relay_provider *
find_provider(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->relay.nproviders; i++) {
		if (strcmp(s->relay.providers[i].name, name) == 0)
			return &s->relay.providers[i];
	}
	return NULL;
}

static int
answer(const struct options *o, const struct settings *s)
{
	struct classify_question q = { .reply = str_of(o->reply),
		.used = o->used,
		.now_ms = clock_wall_ms(),
		.provider = find_provider(s, o->provider) };
	struct classify c;
	struct err err;

	if (!q.provider)
		return complain("there is no provider", o->provider, "");
	if (!outcome_stage_of(str_of(o->stage), &q.stage) ||
	    q.stage == OUTCOME_DNS || q.stage == OUTCOME_CONNECT ||
	    q.stage == OUTCOME_TLS)
		return complain("there is no reply at stage", o->stage,
		    "; write banner, ehlo, starttls, auth, mail, rcpt, data, "
		    "body, dot, rset, noop, quit or idle");
	if (classify_reply(&c, &q, &err) != 0) {
		(void)complain("that is no reply:", o->reply, "");
		(void)fprintf(stderr, "postern classify: it is %s\n", err.text);
		return EX_DATAERR;
	}
	if (o->json)
		print_json(&c);
	else
		print_text(&c);
	classify_done(&c);
	return standard_written() ? 0 : EX_IOERR;
}

int
classify_tool_run(int argc, char **argv)
{
	struct options o = { .file = CONF_FILE };
	struct settings *s = NULL;
	struct conf_report r;
	int rc = EX_CONFIG;

	if (parse(&o, argc, argv) != 0) {
		(void)fputs("usage: " CLASSIFY_TOOL_USAGE, stderr);
		return EX_USAGE;
	}
	if (conf_load(&s, o.file, false, &r) == 0)
		rc = answer(&o, s);
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	conf_report_done(&r);
	conf_free(&s);
	return rc;
}
