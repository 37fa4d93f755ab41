/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/users.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/inlet/password.h"
#include "postern/mail/address_pattern.h"
#include "postern/intake/lane.h"
#include "postern/smtp/scram.h"
#include "postern/spool/spool.h"

#define NO_ONE SIZE_MAX
#define QUOTA_PERIOD_MIN_MS (UINT64_C(3600) * 1000)

/* A user with what is owned. */
struct entry {
	struct user u;
	struct scram_verifier *scram;
	struct address_patterns *senders;
	struct rate *rates, *quota;
	size_t next; /* of those whose names share a key; or NO_ONE */
	unsigned line;
};

struct users {
	_Atomic unsigned refs;
	uint64_t serial;
	char *text; /* owned: the file, cut into strings */
	size_t text_len;
	struct entry *entry;
	size_t n, cap;
	size_t nscram;
	struct map *names; /* key of the name -> 1 + place in entry */
	/* What the salts of those who are not there are made with: as secret
	 * and as lasting as the file's first verifier. */
	const struct entry *first_scram;
};

static _Atomic uint64_t serials;

/* --- names -------------------------------------------------------------------
 */

/* FNV-1a: the operator chooses the names that are put in. */
static uint64_t
key_of(struct str name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

bool
users_is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c <= ' ' || c == 0x7f || c == ':')
			return false;
	}
	return name.len > 0 && name.len <= USERS_NAME_MAX && name.p[0] != '#' &&
	       str_utf8_valid(name);
}

static size_t
first_of(const struct users *u, uint64_t key)
{
	uintptr_t at = (uintptr_t)map_get(u->names, key);

	return at == 0 ? NO_ONE : (size_t)at - 1;
}

static const struct entry *
find(const struct users *u, struct str name)
{
	for (size_t i = first_of(u, key_of(name)); i != NO_ONE;
	     i = u->entry[i].next) {
		if (str_eq(u->entry[i].u.name, name))
			return &u->entry[i];
	}
	return NULL;
}

/* --- one line ----------------------------------------------------------------
 */

static int
take_senders(struct entry *e, struct str value, struct err *err)
{
	if (value.len == 0 || value.p[value.len - 1] == ',')
		return err_set(err, ERR_CONFIG,
		    "senders is empty or ends in a comma; write "
		    "senders=ann@example.com,*@example.org");
	e->senders = address_pattern_list();
	while (value.len > 0) {
		if (address_pattern_list_add(
		        e->senders, str_trim(str_cut(&value, ',')), err) != 0)
			return err_wrap(err, "senders");
	}
	e->u.policy.senders = e->senders;
	return 0;
}

static int
take_priority(struct entry *e, struct str value, struct err *err)
{
	static const char *const words[] = { [SPOOL_HIGH] = "high",
		[SPOOL_NORMAL] = "normal",
		[SPOOL_LOW] = "low" };

	for (int i = 0; i < SPOOL_PRIORITIES; i++) {
		if (str_eq(value, str_of(words[i])))
			e->u.policy.priority = i;
	}
	if (e->u.policy.priority != POLICY_NO_PRIORITY)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "priority is none; write priority=high, priority=normal or "
	    "priority=low");
}

/* The text is NUL ended: it is cut out of the file's copy. */
static int
take_lane(struct entry *e, struct str value, struct err *err)
{
	if (lane_check(value, err) != 0)
		return err_wrap(err, "lane");
	e->u.policy.lane = value.p;
	return 0;
}

/* Whether there is one of that name, the reader of the whole knows. */
static int
take_route(struct entry *e, struct str value, struct err *err)
{
	if (value.len == 0)
		return err_set(err, ERR_CONFIG,
		    "route is empty; write route=NAME, or take it away");
	e->u.policy.route = value.p;
	return 0;
}

static int
take_rate(struct entry *e, struct str value, struct err *err)
{
	bool open = value.len == 0 || value.p[value.len - 1] == ',';
	size_t *n = &e->u.policy.nuser_rates;

	e->rates = mem_array(POLICY_RATES, sizeof *e->rates);
	while (value.len > 0) {
		if (*n == POLICY_RATES)
			return err_set(err, ERR_CONFIG,
			    "rate has more than %d; write fewer", POLICY_RATES);
		if (rate_parse(&e->rates[*n], str_trim(str_cut(&value, ',')),
		        err) != 0)
			return err_wrap(err, "rate");
		++*n;
	}
	if (open)
		return err_set(err, ERR_CONFIG,
		    "rate is empty or ends in a comma; write "
		    "rate=10 msg/s,500 rcpt/min");
	e->u.policy.user_rates = e->rates;
	return 0;
}

static int
take_quota(struct entry *e, struct str value, struct err *err)
{
	struct rate quota;

	if (rate_parse_quota(&quota, value, err) != 0)
		return err_wrap(err, "quota");
	if (quota.period_ms < QUOTA_PERIOD_MIN_MS)
		return err_set(err, ERR_CONFIG,
		    "quota is for an hour and more; write rate= for less");
	e->quota = mem_dup(&quota, sizeof quota);
	e->u.policy.quota = e->quota;
	return 0;
}

static const struct option {
	const char *key;
	int (*take)(struct entry *e, struct str value, struct err *err);
} options[] = {
	{ "senders", take_senders },
	{ "priority", take_priority },
	{ "lane", take_lane },
	{ "route", take_route },
	{ "rate", take_rate },
	{ "quota", take_quota },
};
#define NOPTIONS (sizeof options / sizeof options[0])

static int
take_option(struct entry *e, struct str word, unsigned *seen, struct err *err)
{
	struct str value = word, key = str_cut(&value, '=');
	char shown[64];

	(void)str_escape(shown, sizeof shown, key);
	for (size_t i = 0; i < NOPTIONS; i++) {
		if (!str_eq(key, str_of(options[i].key)))
			continue;
		if (*seen & 1u << i)
			return err_set(err, ERR_CONFIG,
			    "%s stands twice; write it once", shown);
		*seen |= 1u << i;
		return options[i].take(e, value, err);
	}
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is unknown; write senders=, priority=, lane=, route=, "
	    "rate= or quota=",
	    shown);
}

static int
take_options(struct entry *e, char *text, struct err *err)
{
	unsigned seen = 0;

	for (char *word = text, *end; word != NULL; word = end) {
		end = strchr(word, ';');
		if (end != NULL)
			*end++ = '\0';
		if (*word == '\0' && end == NULL && word != text)
			break; /* one ';' at the end is all right */
		if (take_option(e, str_of(word), &seen, err) != 0)
			return -1;
	}
	return 0;
}

static int
take_secret(struct entry *e, const char *secret, struct err *err)
{
	struct scram_verifier v;

	if (strncmp(secret, SCRAM_PREFIX, strlen(SCRAM_PREFIX)) == 0) {
		if (scram_parse(&v, str_of(secret), err) != 0)
			return -1;
		e->scram = mem_dup(&v, sizeof v);
		e->u.scram = e->scram;
		mem_wipe(&v, sizeof v);
		return 0;
	}
	switch (password_kind(secret)) {
	case PASSWORD_HASH:
		e->u.hash = secret;
		return 0;
	case PASSWORD_OLD:
		return err_set(err, ERR_CONFIG,
		    "the secret is a hash of an old kind (DES, MD5); make a "
		    "new one with postern passwd");
	case PASSWORD_NONE:
		break;
	}
	return err_set(err, ERR_CONFIG,
	    "the secret is neither a hash of crypt(3) nor a SCRAM verifier; "
	    "make one with postern passwd");
}

static int
check_bytes(struct str line, struct err *err)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c == '\r' && i + 1 == line.len)
			return err_set(err, ERR_CONFIG,
			    "the line ends in CR LF; write the file with "
			    "plain line ends");
		if (c < ' ' || c == 0x7f)
			return err_set(err, ERR_CONFIG,
			    "has a control character; write the line without "
			    "it");
	}
	if (!str_utf8_valid(line))
		return err_set(
		    err, ERR_CONFIG, "is not UTF-8; write the file in UTF-8");
	return 0;
}

/* line is NUL ended and ours to cut. */
static int
take_line(struct entry *e, char *line, struct err *err)
{
	char *secret = strchr(line, ':'), *rest;

	e->u.policy = POLICY_USER;
	e->u.name = (struct str){ line,
		secret != NULL ? (size_t)(secret - line) : strlen(line) };
	if (secret == NULL)
		return err_set(err, ERR_CONFIG,
		    "has no \":\"; write NAME:SECRET as postern passwd does");
	if (!users_is_name(e->u.name))
		return err_set(err, ERR_CONFIG,
		    "the name is empty, longer than %d bytes or has a blank; "
		    "write another one",
		    USERS_NAME_MAX);
	*secret++ = '\0';
	rest = strchr(secret, ':');
	if (rest != NULL)
		*rest++ = '\0';
	if (take_secret(e, secret, err) != 0)
		return -1;
	return rest == NULL || *rest == '\0' ? 0 : take_options(e, rest, err);
}

/* --- the file ----------------------------------------------------------------
 */

static void
entry_done(struct entry *e)
{
	if (e->scram != NULL)
		mem_wipe(e->scram, sizeof *e->scram);
	free(e->scram);
	free(e->rates);
	free(e->quota);
	address_pattern_list_free(&e->senders);
}

static void
keep(struct users *u, const struct entry *e)
{
	if (u->n == u->cap) {
		u->cap = u->cap == 0 ? 16 : u->cap * 2;
		u->entry = mem_resize(u->entry, u->cap * sizeof *u->entry);
	}
	u->entry[u->n++] = *e;
}

struct reader {
	struct users *users;
	users_mistake_fn *tell;
	void *arg;
	unsigned line;
	bool is_wrong;
};

static void
tell(struct reader *r, unsigned line, const char *text)
{
	r->is_wrong = true;
	r->tell(r->arg, line, text);
}

static void
read_line(struct reader *r, char *line, size_t len)
{
	struct entry e = { .next = NO_ONE, .line = r->line };
	struct err err = { 0 };

	if (len == 0 || line[0] == '#')
		return;
	if (check_bytes((struct str){ line, len }, &err) == 0 &&
	    take_line(&e, line, &err) == 0) {
		keep(r->users, &e);
		return;
	}
	tell(r, r->line, err.text);
	entry_done(&e);
}

static void
read_lines(struct reader *r)
{
	char *at = r->users->text, *end = at + r->users->text_len;

	while (at < end) {
		char *lf = memchr(at, '\n', (size_t)(end - at));

		r->line++;
		if (lf == NULL)
			lf = end; /* the NUL behind the text */
		*lf = '\0';
		read_line(r, at, (size_t)(lf - at));
		at = lf + 1;
	}
}

/* Once the entries stay where they are. */
static void
index_names(struct reader *r)
{
	struct users *u = r->users;
	char text[128];

	for (size_t i = 0; i < u->n; i++) {
		struct entry *e = &u->entry[i];
		const struct entry *had = find(u, e->u.name);
		uint64_t key = key_of(e->u.name);

		if (had != NULL) {
			(void)snprintf(text, sizeof text,
			    "the name stands in line %u already; write it "
			    "once",
			    had->line);
			tell(r, e->line, text);
			continue;
		}
		e->next = first_of(u, key);
		(void)map_put(u->names, key, (void *)(uintptr_t)(i + 1));
		u->nscram += e->scram != NULL;
		if (e->scram != NULL && u->first_scram == NULL)
			u->first_scram = e;
	}
}

int
users_parse(struct users **up, struct str text, users_mistake_fn *fn, void *arg)
{
	struct users *u = mem_new(sizeof *u);
	struct reader r = { .users = u, .tell = fn, .arg = arg };

	atomic_init(&u->refs, 1);
	u->serial = 1 + atomic_fetch_add(&serials, 1);
	u->names = map_new();
	u->text = mem_strn(text.p, text.len);
	u->text_len = text.len;
	read_lines(&r);
	index_names(&r);
	if (r.is_wrong) {
		users_free(&u);
		return -1;
	}
	*up = u;
	return 0;
}

struct users *
users_ref(struct users *u)
{
	if (u != NULL)
		atomic_fetch_add(&u->refs, 1);
	return u;
}

void
users_free(struct users **up)
{
	struct users *u = *up;

	*up = NULL;
	if (u == NULL || atomic_fetch_sub(&u->refs, 1) != 1)
		return;
	for (size_t i = 0; i < u->n; i++)
		entry_done(&u->entry[i]);
	free(u->entry);
	map_free(&u->names);
	mem_wipe(u->text, u->text_len);
	free(u->text);
	free(u);
}

/* --- questions ---------------------------------------------------------------
 */

size_t
users_count(const struct users *u)
{
	return u->n;
}

uint64_t
users_serial(const struct users *u)
{
	return u->serial;
}

bool
users_all_scram(const struct users *u)
{
	return u->n > 0 && u->nscram == u->n;
}

void
users_each(const struct users *u,
    void (*fn)(void *arg, const struct user *user, unsigned line), void *arg)
{
	for (size_t i = 0; i < u->n; i++)
		fn(arg, &u->entry[i].u, u->entry[i].line);
}

const struct user *
users_find(const struct users *u, struct str name)
{
	const struct entry *e = find(u, name);

	return e != NULL ? &e->u : NULL;
}

bool
users_is_same_secret(const struct user *a, const struct user *b)
{
	if (a->scram != NULL && b->scram != NULL)
		return memcmp(a->scram->stored, b->scram->stored,
		           sizeof a->scram->stored) == 0;
	return a->hash != NULL && b->hash != NULL &&
	       strcmp(a->hash, b->hash) == 0;
}

const struct user *
users_stand_in(const struct users *u, struct str name)
{
	return u->n > 0 ? &u->entry[key_of(name) % u->n].u : NULL;
}

bool
users_verifier(const struct users *u, struct str name, struct scram_verifier *v)
{
	const struct entry *e = find(u, name), *like;
	unsigned char salt[DIGEST_LEN];
	struct str key;

	assert(u->first_scram != NULL);
	like = e != NULL && e->scram != NULL ? e : u->first_scram;
	*v = *like->scram;
	if (like == e)
		return true;
	key = (struct str){ (const char *)v->server, sizeof v->server };
	digest_hmac(salt, key, name);
	for (size_t i = 0; i < v->salt_len; i++)
		v->salt[i] = salt[i % DIGEST_LEN];
	return false;
}
