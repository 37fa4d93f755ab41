/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/http_client - forms sent by POST over HTTPS from a loop's thread, by
 * libcurl.  Certificates are verified; http goes to loopback only; nothing is
 * redirected, no proxy of the environment is used; the reply is bounded in
 * bytes and time.
 */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct http_client;
struct loop;

#define HTTP_CLIENT_REPLY_MAX ((size_t)64 * 1024)
#define HTTP_CLIENT_CONNECT_MS 5000
#define HTTP_CLIENT_TOTAL_MS 10000

struct http_client_reply {
	long status; /* 0: none came, and error says why */
	const char *error;
	struct str body; /* borrowed until the hook returns; wiped then */
	uint64_t retry_after_s;
};
typedef void http_client_fn(void *arg, const struct http_client_reply *r);

/* Is libcurl built in? */
bool http_client_is_there(void);
/* https, or http to loopback by number or as localhost?  -1: "what is wrong;
 * what to write". */
MUST_CHECK int http_client_check_url(const char *url, struct err *err);
/* Before other threads are made. */
MUST_CHECK int http_client_new(
    struct http_client **h, struct loop *l, struct err *err);
void http_client_free(struct http_client **h); /* no hook is called */
struct http_client_request {
	const char *url;
	struct str form;
	const char *proxy;   /* NULL: none */
	const char *ca_file; /* NULL: the system's certificates */
};
/* fn(arg) once, later, never from here; it must not free h.  Everything is
 * copied. */
void http_client_post(struct http_client *h,
    const struct http_client_request *q, http_client_fn *fn, void *arg);
/* No hook for that arg any more. */
void http_client_forget(struct http_client *h, const void *arg);

#endif
