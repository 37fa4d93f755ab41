/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/trace_find - which messages a trace is about, and which events are
 * told: the journal's events go by twice, once to find and once to be told.
 * Who may see the own mail alone finds nothing else, so that the mail of
 * others takes no room from it.  Who handed a message in is known from the
 * event that it came with, the first of it.  One thread at a time.
 */
#ifndef ADMIN_TRACE_FIND_H
#define ADMIN_TRACE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

struct spool_event;
struct trace_find;

#define TRACE_FIND_MAX 1000 /* messages; the newest */
/* Of own messages so many, the newest, are known by other names than those that
 * they came with: by what a provider called them. */
#define TRACE_FIND_OWN 16384

/* own: the client of the spool's rows whose mail alone is meant, borrowed; "":
 * all. */
struct trace_find *trace_find_new(const char *own);
void trace_find_free(struct trace_find **f);
/* What is looked for: a name, as it is and in <>; or a message. */
void trace_find_name(struct trace_find *f, struct str name);
void trace_find_id(struct trace_find *f, uint64_t mid);
void trace_find_event(struct trace_find *f, const struct spool_event *e);
/* Is the event of one that was found? */
bool trace_find_is_shown(struct trace_find *f, const struct spool_event *e);
size_t trace_find_count(const struct trace_find *f);
uint64_t trace_find_mid(const struct trace_find *f, size_t i);

#endif
