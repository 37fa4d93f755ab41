/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/token_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/standard.h"
#include "postern/conf/conf.h"
#include "postern/relay/relay.h"
#include "postern/relay/token_store.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/token_login.h"

#define CONF_FILE SYSCONFDIR "/postern/postern.conf"
#define RELOAD "a running posternd looks at a reload (SIGHUP)"

struct question {
	bool is_json;
	const char *directory;
	char name[TOKEN_STORE_NAME];
	const struct relay_provider *provider;
};

static int
usage(void)
{
	(void)fputs("usage: " TOKEN_TOOL_USAGE, stderr);
	return EX_USAGE;
}

static int
complain(const char *what, const char *why)
{
	(void)fprintf(stderr, "postern token: %s: %s\n", what, why);
	return EX_CONFIG;
}

static int
unfit(const char *name, const char *why)
{
	(void)complain(name, why);
	return EX_DATAERR;
}

/* --- what is stored ----------------------------------------------------------
 */

static void
print_span(const char *label, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s >= 2 * 86400)
		(void)printf("%s %" PRId64 " d\n", label, s / 86400);
	else if (s >= 2 * 3600)
		(void)printf("%s %" PRId64 " h\n", label, s / 3600);
	else if (s >= 120)
		(void)printf("%s %" PRId64 " min\n", label, s / 60);
	else
		(void)printf("%s %" PRId64 " s\n", label, s);
}

static void
print_record(const struct token_record *t)
{
	int64_t now = clock_wall_ms();

	if (t->access == NULL)
		(void)puts("access     none yet");
	else if (t->expires_ms > now)
		print_span("access     good for", t->expires_ms - now);
	else
		(void)puts("access     has ended; the next login gets another");
	(void)printf("refresh    %s\n", t->refresh ? "kept" : "none");
	if (t->got_ms > 0)
		print_span("age       ", now > t->got_ms ? now - t->got_ms : 0);
}

/* Of text that may be of any bytes. */
static void
put(json_t *row, const char *key, const char *text)
{
	json_object_set_new(row, key, json_stringn_nocheck(text, strlen(text)));
}

/* t: NULL: there is none. */
static void
print_json(const struct question *q, const struct token_record *t)
{
	json_t *row = json_object();
	const char *access = "none";

	put(row, "provider", q->provider->name);
	put(row, "user", q->provider->user);
	put(row, "directory", q->directory);
	put(row, "file", q->name);
	if (t != NULL && t->access != NULL)
		access = t->expires_ms > clock_wall_ms() ? "good" : "ended";
	put(row, "access", access);
	if (t != NULL && t->access != NULL)
		json_object_set_new(
		    row, "expires_ms", json_integer(t->expires_ms));
	if (t != NULL && t->got_ms > 0)
		json_object_set_new(row, "got_ms", json_integer(t->got_ms));
	json_object_set_new(
	    row, "refresh", json_boolean(t != NULL && t->refresh != NULL));
	control_row_print(NULL, row);
	json_decref(row);
}

static void
print_text(const struct question *q, const struct token_record *t)
{
	(void)printf("provider   %s\nuser       %s\nfile       %s/%s\n",
	    q->provider->name, q->provider->user, q->directory, q->name);
	if (t == NULL)
		(void)puts("tokens     none");
	else
		print_record(t);
}

static int
status(const struct question *q)
{
	struct token_record t;
	struct err err;
	int rc = token_store_read(&t, q->directory, q->name, &err);

	if (rc < 0)
		return complain(q->provider->name, err.text);
	(q->is_json ? print_json : print_text)(q, rc > 0 ? &t : NULL);
	if (rc == 0)
		return EX_UNAVAILABLE;
	token_store_done(&t);
	return 0;
}

static int
forget(const struct question *q)
{
	struct err err;

	if (token_store_forget(q->directory, q->name, &err) != 0)
		return complain(q->provider->name, err.text);
	(void)printf(
	    "The tokens of %s are removed; " RELOAD ".\n", q->provider->name);
	return 0;
}

static int
login(const struct question *q)
{
	const struct oauth_settings *s = &q->provider->oauth;
	int rc;

	if (s->grant != OAUTH_REFRESH_TOKEN)
		return complain(q->provider->name,
		    "nobody has to log in for this grant; look at its client "
		    "or key");
	if (!s->device_url)
		return complain(q->provider->name,
		    "has no device_url; write a refresh token into "
		    "refresh_token_file");
	rc = token_login_run(s, q->directory, q->name);
	if (rc == 0)
		(void)printf("%s is logged in; postern token refresh %s tells "
		             "a running posternd.\n",
		    q->provider->name, q->provider->name);
	return rc;
}

static const struct {
	const char *name;
	int (*run)(const struct question *q);
} verbs[] = { { "status", status }, { "login", login }, { "forget", forget } };

/* --- the question -----------------------------------------------------------
 */

static int
answer(
    const struct settings *s, bool is_json, const char *verb, const char *name)
{
	struct question q = { .is_json = is_json,
		.directory = s->relay.token_directory };

	for (size_t i = 0; i < s->relay.nproviders; i++) {
		if (strcmp(s->relay.providers[i].name, name) == 0)
			q.provider = &s->relay.providers[i];
	}
	if (!q.provider)
		return unfit(name, "there is no such provider");
	if (!q.provider->oauth.token_url)
		return unfit(name, "does not log in by OAuth2");
	token_store_name(q.name, q.provider->user, &q.provider->oauth);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(verb, verbs[i].name) == 0)
			return verbs[i].run(&q);
	}
	return usage();
}

/* The daemon does it, and its log tells how that went. */
static int
refresh(const char *file, const char *name)
{
	struct control_ask a = { .file = file };
	int rc = control_ask_run(&a,
	    json_pack("{ssss}", "request", "token.refresh", "name", name), NULL,
	    NULL);

	if (rc == 0)
		(void)printf("A token of %s is asked for; postern token status "
		             "%s shows it.\n",
		    name, name);
	return rc;
}

int
token_tool_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *file = CONF_FILE;
	struct settings *s = NULL;
	struct conf_report r;
	bool is_json = false;
	int rc = EX_CONFIG, c;

	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (c == 'c')
			file = optarg;
		else if (c == 'j')
			is_json = true;
		else
			return usage();
	}
	if (optind + 2 != argc ||
	    (is_json && strcmp(argv[optind], "status") != 0))
		return usage();
	if (strcmp(argv[optind], "refresh") == 0)
		return refresh(file, argv[optind + 1]);
	if (conf_load(&s, file, false, &r) == 0)
		rc = answer(s, is_json, argv[optind], argv[optind + 1]);
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	conf_report_done(&r);
	conf_free(&s);
	return standard_written() ? rc : EX_IOERR;
}
