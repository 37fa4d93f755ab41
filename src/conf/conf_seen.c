/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/conf/conf_seen.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "postern/base/mem.h"

/* FNV-1a: nobody gains by two states that are alike. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

struct seen {
	char *path; /* owned */
	bool is_pattern;
	uint64_t then;
};

struct conf_seen {
	struct seen *all; /* owned */
	size_t n, cap;
};

static uint64_t
add_bytes(uint64_t hash, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ c[i]) * HASH_PRIME;
	return hash;
}

static uint64_t
add_number(uint64_t hash, uint64_t n)
{
	return add_bytes(hash, &n, sizeof n);
}

static uint64_t
add_time(uint64_t hash, const struct timespec *t)
{
	return add_number(
	    add_number(hash, (uint64_t)t->tv_sec), (uint64_t)t->tv_nsec);
}

/* The time of change tells of a new mode or owner, and of a write that set the
 * other time back. */
static uint64_t
state_of_file(const char *path)
{
	struct stat st;
	uint64_t hash = HASH_START;

	if (stat(path, &st) != 0)
		return add_number(hash, (uint64_t)errno);
	hash = add_number(hash, (uint64_t)st.st_dev);
	hash = add_number(hash, (uint64_t)st.st_ino);
	hash = add_number(hash, (uint64_t)st.st_size);
	return add_time(add_time(hash, &st.st_mtim), &st.st_ctim);
}

static uint64_t
state_of_pattern(const char *pattern)
{
	glob_t g = { 0 };
	int rc = glob(pattern, 0, NULL, &g);
	uint64_t hash = add_number(HASH_START, (uint64_t)rc);

	for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++)
		hash =
		    add_bytes(hash, g.gl_pathv[i], strlen(g.gl_pathv[i]) + 1);
	globfree(&g);
	return hash;
}

static uint64_t
state_of(const struct seen *e)
{
	return e->is_pattern ? state_of_pattern(e->path)
	                     : state_of_file(e->path);
}

static void
add(struct conf_seen *s, const char *path, bool is_pattern)
{
	struct seen *e;

	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i].is_pattern == is_pattern &&
		    strcmp(s->all[i].path, path) == 0)
			return;
	}
	if (s->n == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 8;
		s->all = mem_resize(s->all, s->cap * sizeof s->all[0]);
	}
	e = &s->all[s->n++];
	*e = (struct seen){ .path = mem_str(path), .is_pattern = is_pattern };
	e->then = state_of(e);
}

struct conf_seen *
conf_seen_new(void)
{
	return mem_new(sizeof(struct conf_seen));
}

void
conf_seen_free(struct conf_seen **s)
{
	for (size_t i = 0; *s != NULL && i < (*s)->n; i++)
		free((*s)->all[i].path);
	if (*s != NULL)
		free((*s)->all);
	free(*s);
	*s = NULL;
}

void
conf_seen_file(struct conf_seen *s, const char *path)
{
	add(s, path, false);
}

void
conf_seen_pattern(struct conf_seen *s, const char *pattern)
{
	add(s, pattern, true);
}

uint64_t
conf_seen_then(const struct conf_seen *s)
{
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < s->n; i++)
		hash = add_number(hash, s->all[i].then);
	return hash;
}

uint64_t
conf_seen_now(const struct conf_seen *s)
{
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < s->n; i++)
		hash = add_number(hash, state_of(&s->all[i]));
	return hash;
}

const char *
conf_seen_changed(const struct conf_seen *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (state_of(&s->all[i]) != s->all[i].then)
			return s->all[i].path;
	}
	return NULL;
}
