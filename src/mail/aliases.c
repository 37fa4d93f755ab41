/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/aliases.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/mail/address.h"
#include "postern/mail/local.h"

#define NO_ONE SIZE_MAX
#define SHOWN_MAX 80 /* of what is wrong */

enum entry_state { ENTRY_NEW, ENTRY_UNDER_WAY, ENTRY_GOOD, ENTRY_BAD };

struct member {
	char *text;     /* owned: as it stands there */
	size_t alias;   /* in entry; or NO_ONE: */
	const char *to; /* an address: text, or the root's */
	unsigned line;
};

struct entry {
	char *name;      /* owned */
	size_t first, n; /* in member */
	size_t next;     /* of those whose names share a key; or NO_ONE */
	unsigned line;
	/* What it becomes, once that is known. */
	enum entry_state state;
	size_t depth, addresses;
};

struct aliases {
	struct entry *entry;
	struct member *member;
	size_t nentries, entries_room, nmembers, members_room;
	char *root;        /* owned; or NULL */
	struct map *names; /* key of the name -> 1 + place in entry */
};

struct reader {
	struct aliases *a;
	const struct local *host;
	aliases_mistake_fn *tell;
	void *arg;
	unsigned line;
	bool is_wrong;
	bool in_entry;  /* continuation lines belong to the last one */
	bool is_open;   /* an address stands, and no comma behind it */
	bool was_wrong; /* the entry has a mistake of its own */
};

/* --- mistakes ---------------------------------------------------------------
 */

static void
tell(struct reader *r, unsigned line, const char *text)
{
	r->is_wrong = true;
	r->tell(r->arg, line, text);
}

/* Of the entry under way: "WHAT" and the text. */
static void
tell_of(struct reader *r, struct str what, const char *text)
{
	char shown[SHOWN_MAX], line[SHOWN_MAX + 200];

	(void)str_escape(shown, sizeof shown, what);
	(void)snprintf(line, sizeof line, "\"%s\" %s", shown, text);
	r->was_wrong = true;
	tell(r, r->line, line);
}

/* --- names ------------------------------------------------------------------
 */

/* FNV-1a of it in lower case: the operator chooses the names. */
static uint64_t
key_of(struct str name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + ('a' - 'A'));
		h = (h ^ c) * UINT64_C(0x100000001b3);
	}
	return h;
}

static size_t
first_of(const struct aliases *a, uint64_t key)
{
	uintptr_t at = (uintptr_t)map_get(a->names, key);

	return at == 0 ? NO_ONE : (size_t)at - 1;
}

static size_t
find(const struct aliases *a, struct str name)
{
	size_t i = first_of(a, key_of(name));

	while (i != NO_ONE && !str_is(name, a->entry[i].name))
		i = a->entry[i].next;
	return i;
}

/* --- members ----------------------------------------------------------------
 */

static void
keep_member(struct reader *r, const struct address *address)
{
	struct aliases *a = r->a;

	if (a->nmembers == a->members_room) {
		a->members_room =
		    a->members_room == 0 ? 16 : a->members_room * 2;
		a->member =
		    mem_resize(a->member, a->members_room * sizeof *a->member);
	}
	a->member[a->nmembers++] = (struct member){
		.text = mem_strn(address->text, address->len),
		.alias = NO_ONE,
		.line = r->line,
	};
	a->entry[a->nentries - 1].n++;
}

/* What other mail systems do with such a member; NULL: it may be an address. */
static const char *
forbidden(struct str word)
{
	if (word.len == 0)
		return NULL;
	switch (word.p[0]) {
	case '|':
		return "is a command, which is not run; write an address";
	case '/':
		return "is a file, which is not written to; write an address";
	case ':':
		return "is a list in another file, which is not read; write "
		       "its addresses here";
	case '\\':
		return "would stay on this host, which keeps no mail; write "
		       "an address";
	case '#':
		return "is no address; write a comment on a line of its own";
	case '<':
	case '(':
		return "is no address; write that alone, without a name, <> "
		       "or a comment";
	default:
		return NULL;
	}
}

/* "text" as a whole: the text; else the word as it is. */
static struct str
without_quotes(struct str word)
{
	if (word.len >= 2 && word.p[0] == '"' && word.p[word.len - 1] == '"')
		return (struct str){ word.p + 1, word.len - 2 };
	return word;
}

/* Quotes may be those of a local part, "a b". */
static enum address_fault
read_address(struct address *a, struct str word, struct str plain)
{
	enum address_fault fault = address_mailbox(a, plain, ADDRESS_LOCAL);

	if (fault == ADDRESS_SYNTAX && plain.p != word.p)
		fault = address_mailbox(a, word, ADDRESS_LOCAL);
	return fault;
}

static void
take_member(struct reader *r, struct str word)
{
	struct str plain = without_quotes(word);
	const char *why = forbidden(plain);
	struct address address;

	if (why != NULL) {
		tell_of(r, plain, why);
		return;
	}
	if (r->a->entry[r->a->nentries - 1].n == ALIASES_MEMBERS_MAX) {
		if (!r->was_wrong)
			tell_of(r, str_of(r->a->entry[r->a->nentries - 1].name),
			    "has more than 1000 addresses; write fewer");
		return;
	}
	switch (read_address(&address, word, plain)) {
	case ADDRESS_OK:
		keep_member(r, &address);
		return;
	case ADDRESS_TOO_LONG:
		tell_of(r, plain,
		    "is longer than an address may be; write a "
		    "shorter one");
		return;
	case ADDRESS_NEEDS_UTF8:
		tell_of(r, plain, "is not ASCII; write an address that is");
		return;
	case ADDRESS_SYNTAX:
		tell_of(r, plain,
		    "is no address; write ann@example.com or a "
		    "name, with commas between several");
		return;
	}
}

/* How long the word is that s begins with: up to a blank or comma. */
static size_t
word_len(struct str s)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		else if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && strchr(", \t", s.p[i]) != NULL)
			break;
	}
	return i;
}

static void
read_members(struct reader *r, struct str rest)
{
	for (rest = str_trim(rest); rest.len > 0; rest = str_trim(rest)) {
		size_t n = word_len(rest);

		if (n == 0) {
			r->is_open = false;
			n = 1; /* the comma */
		} else if (rest.p[0] == '|' || rest.p[0] == '#') {
			n = rest.len; /* it may have blanks and commas */
			take_member(r, rest);
		} else if (r->is_open && strchr("<(", rest.p[0]) == NULL) {
			tell_of(r, (struct str){ rest.p, n },
			    "stands behind an address without a comma; write "
			    "one between them");
		} else {
			r->is_open = true;
			take_member(r, (struct str){ rest.p, n });
		}
		rest.p += n;
		rest.len -= n;
	}
}

/* --- entries ----------------------------------------------------------------
 */

static void
end_entry(struct reader *r)
{
	struct entry *e;

	if (!r->in_entry)
		return;
	e = &r->a->entry[r->a->nentries - 1];
	r->in_entry = false;
	if (r->was_wrong) {
		e->state = ENTRY_BAD;
	} else if (e->n == 0) {
		char shown[SHOWN_MAX], text[SHOWN_MAX + 64];

		(void)str_escape(shown, sizeof shown, str_of(e->name));
		(void)snprintf(text, sizeof text,
		    "\"%s\" has no address; write one, or take it away", shown);
		e->state = ENTRY_BAD;
		tell(r, e->line, text);
	}
}

static void
keep_entry(struct reader *r, const struct address *name)
{
	struct aliases *a = r->a;
	uint64_t key = key_of(address_str(name));

	if (a->nentries == a->entries_room) {
		a->entries_room =
		    a->entries_room == 0 ? 16 : a->entries_room * 2;
		a->entry =
		    mem_resize(a->entry, a->entries_room * sizeof *a->entry);
	}
	a->entry[a->nentries] = (struct entry){
		.name = mem_strn(name->text, name->len),
		.first = a->nmembers,
		.next = first_of(a, key),
		.line = r->line,
	};
	(void)map_put(a->names, key, (void *)(uintptr_t)++a->nentries);
}

/* The name that a line begins with, up to its colon; *rest: behind that.
 * false: there is no colon. */
static bool
cut_name(struct str line, struct str *name, struct str *rest)
{
	bool is_quoted = false;

	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '\\' && i + 1 < line.len)
			i++;
		else if (line.p[i] == '"')
			is_quoted = !is_quoted;
		else if (line.p[i] == ':' && !is_quoted) {
			*name = str_trim((struct str){ line.p, i });
			*rest =
			    (struct str){ line.p + i + 1, line.len - i - 1 };
			return true;
		}
	}
	return false;
}

/* Why it cannot be a name here; NULL: it can, and is in *address. */
static const char *
judge_name(const struct reader *r, struct str name, struct address *address)
{
	if (address_mailbox(address, name, ADDRESS_LOCAL | ADDRESS_UTF8) !=
	    ADDRESS_OK)
		return "is no name; write a user's, or one in quotes";
	if (address->len != address->local_len)
		return "has a domain; write the name alone, which is that of "
		       "a user of this host";
	if (r->a->nentries == ALIASES_NAMES_MAX)
		return "is beyond the 10000 names that are taken; write fewer";
	return NULL;
}

static void
begin_entry(struct reader *r, struct str line)
{
	struct str name, rest;
	struct address address;
	const char *why;
	char text[80];
	size_t had;

	r->was_wrong = r->is_open = false;
	if (!cut_name(line, &name, &rest)) {
		tell_of(r, line, "has no \":\"; write NAME: ADDRESS");
		return;
	}
	why = judge_name(r, name, &address);
	if (why != NULL) {
		tell_of(r, name, why);
		return;
	}
	had = find(r->a, address_str(&address));
	if (had != NO_ONE) {
		(void)snprintf(text, sizeof text,
		    "stands in line %u already; write it once",
		    r->a->entry[had].line);
		tell_of(r, name, text);
		return;
	}
	keep_entry(r, &address);
	r->in_entry = true;
	read_members(r, rest);
}

/* --- lines ------------------------------------------------------------------
 */

static const char *
judge_bytes(struct str line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c == '\r' && i + 1 == line.len)
			return "the line ends in CR LF; write the file with "
			       "plain line ends";
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return "has a control character; write the line "
			       "without it";
	}
	return str_utf8_valid(line) ? NULL
	                            : "is not UTF-8; write the file in UTF-8";
}

static void
read_line(struct reader *r, struct str line)
{
	bool goes_on = line.len > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
	struct str text = str_trim(line);
	const char *why;

	if (text.len == 0 || text.p[0] == '#')
		return;
	if (!goes_on)
		end_entry(r);
	why = judge_bytes(line);
	if (why != NULL) {
		r->was_wrong = true;
		tell(r, r->line, why);
	} else if (!goes_on) {
		begin_entry(r, text);
	} else if (r->in_entry) {
		read_members(r, text);
	} else if (!r->was_wrong) {
		tell_of(r, text, "goes on from no name; write NAME: ADDRESS");
	}
}

/* --- what names become ------------------------------------------------------
 */

/* A name again, of the same host? */
static void
link_member(struct reader *r, struct member *m)
{
	struct str text = str_of(m->text);

	m->to = m->text;
	if (!local_has(r->host, text))
		return;
	m->alias = find(r->a, local_name(text));
	if (m->alias != NO_ONE)
		return;
	m->to = r->a->root;
	if (m->to != NULL)
		return;
	r->line = m->line;
	tell_of(r, text,
	    "is of this host and no alias itself; write an address, or set "
	    "root to who reads such mail");
}

static void
tell_entry(struct reader *r, struct entry *e, const char *text)
{
	r->line = e->line;
	tell_of(r, str_of(e->name), text);
	e->state = ENTRY_BAD;
}

static void measure(struct reader *r, struct entry *e, size_t level);

/* One member more; level is bounded by measure(). */
static void
count_member(
    struct reader *r, struct entry *e, const struct member *m, size_t level)
{
	struct entry *to;

	if (m->alias == NO_ONE) {
		e->addresses++;
		return;
	}
	to = &r->a->entry[m->alias];
	if (to->state == ENTRY_NEW)
		measure(r, to, level + 1);
	if (to->state == ENTRY_UNDER_WAY)
		tell_entry(r, e,
		    "comes back to itself by way of what it "
		    "names; write an address in its place");
	else if (to->state == ENTRY_BAD)
		e->state = ENTRY_BAD; /* told */
	e->addresses += to->addresses;
	if (e->depth < to->depth + 1)
		e->depth = to->depth + 1;
}

/* How deep and wide it goes; told once for those that lead to a mistake. */
static void
measure(struct reader *r, struct entry *e, size_t level)
{
	e->state = ENTRY_UNDER_WAY;
	if (level > ALIASES_DEPTH_MAX) {
		tell_entry(r, e,
		    "is at the end of more than 10 names, each in "
		    "the list of the one before; write fewer");
		return;
	}
	for (size_t i = 0; i < e->n && e->state == ENTRY_UNDER_WAY; i++)
		count_member(r, e, &r->a->member[e->first + i], level);
	if (e->state != ENTRY_UNDER_WAY)
		return;
	if (e->depth > ALIASES_DEPTH_MAX)
		tell_entry(r, e,
		    "leads by more than 10 names to an address; "
		    "write fewer");
	else if (e->addresses > ALIASES_MEMBERS_MAX)
		tell_entry(r, e,
		    "becomes more than 1000 addresses; write "
		    "fewer");
	else
		e->state = ENTRY_GOOD;
}

static void
resolve(struct reader *r)
{
	struct aliases *a = r->a;

	for (size_t i = 0; i < a->nentries; i++) {
		struct entry *e = &a->entry[i];

		for (size_t k = 0; k < e->n && e->state == ENTRY_NEW; k++)
			link_member(r, &a->member[e->first + k]);
	}
	for (size_t i = 0; i < a->nentries; i++) {
		if (a->entry[i].state == ENTRY_NEW)
			measure(r, &a->entry[i], 0);
	}
}

/* --- the whole --------------------------------------------------------------
 */

int
aliases_parse(struct aliases **ap, struct str text, const struct local *host,
    aliases_mistake_fn *fn, void *arg)
{
	struct aliases *a = mem_new(sizeof *a);
	struct reader r = { .a = a, .host = host, .tell = fn, .arg = arg };

	a->names = map_new();
	if (host->root != NULL)
		a->root = mem_str(host->root);
	while (text.len > 0) {
		r.line++;
		read_line(&r, str_cut(&text, '\n'));
	}
	end_entry(&r);
	resolve(&r);
	if (r.is_wrong) {
		aliases_free(&a);
		return -1;
	}
	*ap = a;
	return 0;
}

void
aliases_free(struct aliases **ap)
{
	struct aliases *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->nentries; i++)
		free(a->entry[i].name);
	for (size_t i = 0; i < a->nmembers; i++)
		free(a->member[i].text);
	free(a->entry);
	free(a->member);
	free(a->root);
	map_free(&a->names);
	free(a);
}

struct readers {
	const char **v;
	size_t n;
};

static void
add_reader(struct readers *r, const char *address)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->v[i], address) == 0)
			return;
	}
	r->v[r->n++] = address;
}

/* At most ALIASES_DEPTH_MAX deep, as measure() has seen to. */
static void
expand(const struct aliases *a, size_t at, struct readers *r)
{
	const struct entry *e = &a->entry[at];

	assert(e->state == ENTRY_GOOD);
	for (size_t i = 0; i < e->n; i++) {
		const struct member *m = &a->member[e->first + i];

		if (m->alias != NO_ONE)
			expand(a, m->alias, r);
		else
			add_reader(r, m->to);
	}
}

bool
aliases_expand(
    const struct aliases *a, struct str name, aliases_to_fn *fn, void *arg)
{
	size_t at = find(a, name);
	struct readers r = { 0 };

	if (at == NO_ONE)
		return false;
	r.v = mem_array(a->entry[at].addresses, sizeof *r.v);
	expand(a, at, &r);
	for (size_t i = 0; i < r.n; i++)
		fn(arg, r.v[i]);
	free(r.v);
	return true;
}

size_t
aliases_count(const struct aliases *a)
{
	return a->nentries;
}
