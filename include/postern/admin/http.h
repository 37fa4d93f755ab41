/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/http - /metrics, /healthz, /readyz and /v1/stats by HTTP
 * (libmicrohttpd).  A thread with a loop of its own answers: neither a slow
 * client nor a long page delays main, and one that asks hears when main itself
 * has stopped.
 */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"

struct http;
struct stats_source;

struct http_settings {
	struct addr address;  /* len 0: off */
	bool allow_remote;    /* the address may be another than loopback */
	uint32_t socket_mode; /* of a unix socket's path */
	uint32_t connections_max;
	uint64_t timeout_ms; /* of a connection that is idle; whole seconds */
};

/* Is it built in? */
bool http_is_there(void);
/* Binds.  -1: *err; *h untouched. */
MUST_CHECK int http_open(
    struct http **h, const struct http_settings *s, struct err *err);
/* source is borrowed until http_free(). */
MUST_CHECK int http_start(
    struct http *h, struct stats_source *source, struct err *err);
/* The thread is joined; what is under way is cut.  NULL is fine. */
void http_stop(struct http *h);
/* After the relay was freed: nothing is on its way from it.  NULL is fine. */
void http_free(struct http **h);
const struct addr *http_addr(const struct http *h); /* port 0 resolved */

#endif
