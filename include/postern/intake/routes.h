/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/routes - which way out a message takes: the rules of the configuration
 * in their order, of which the first that fits decides, for each recipient.
 * Made once, then immutable and shared by all threads.
 */
#ifndef INTAKE_ROUTES_H
#define INTAKE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct addr;
struct routes;

#define ROUTES_MAX 1000 /* each of them is a queue of its own */
#define ROUTES_DEFAULT "default"
#define ROUTES_PATTERN_MAX 255 /* octets of a header's pattern */
#define ROUTES_NONE SIZE_MAX

enum routes_bound_is { ROUTES_ANY, ROUTES_ABOVE, ROUTES_BELOW };
struct routes_bound {
	enum routes_bound_is is;
	uint64_t bytes;
};

/* All that is given has to hold, and one of each list: NULL is anything. */
struct routes_match {
	const char **senders, **recipients; /* address patterns */
	const char **users;                 /* "*": whoever has logged in */
	const char **listeners;
	const char **clients; /* networks */
	const char **headers; /* "X-Campaign: *" */
	size_t nsenders, nrecipients, nusers, nlisteners, nclients, nheaders;
	struct routes_bound size;
};

struct routes_route { /* strings are copied */
	const char *name;
	uint32_t id;      /* the spool's */
	int priority;     /* enum spool_priority, or POLICY_NO_PRIORITY */
	const char *lane; /* or NULL */
};

/* The default route alone; it takes what no other one does. */
struct routes *routes_new(void);
/* Behind the others; what "default" has takes the place of what was there.
 * Names are not added twice.  -1: a text cannot be read. */
MUST_CHECK int routes_add(struct routes *r, const struct routes_route *route,
    const struct routes_match *match, struct err *err);
/* Before the routes are shared. */
void routes_set_id(struct routes *r, size_t i, uint32_t id);
struct routes *routes_ref(struct routes *r); /* any thread */
void routes_free(struct routes **r);         /* drops a reference */

size_t routes_count(const struct routes *r);
const struct routes_route *routes_at(const struct routes *r, size_t i);
size_t routes_find(const struct routes *r, const char *name); /* or NONE */

/* --- one message ---------------------------------------------------------- */

/* Does any field of the header matter? */
bool routes_look(const struct routes *r);
/* One of that name? */
bool routes_wants(const struct routes *r, struct str name);
/* A field of the header: sets held[i] for the routes whose header it fits. */
void routes_see(
    const struct routes *r, bool *held, struct str name, struct str value);

struct routes_mail {
	const char *sender, *listener;
	const char *user;          /* or NULL */
	const struct addr *client; /* or NULL */
	uint64_t size;
	const bool *held; /* by routes_see(): routes_count() of them */
	/* The route of user or listener: where it is there, it is the one. */
	const char *named; /* or NULL */
};
/* The routes that its recipients may take, in order, the last one being open to
 * all of them: into at, with room for routes_count(). */
size_t routes_open(
    const struct routes *r, const struct routes_mail *m, size_t *at);
/* Of those, the one for a recipient. */
size_t routes_pick(
    const struct routes *r, const size_t *at, size_t n, struct str recipient);

/* Is text such a pattern as "X-Campaign: *"?  -1: err->text is "what is wrong;
 * what to write". */
MUST_CHECK int routes_check_header(struct str text, struct err *err);

#endif
