/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/proxy - the header by which a load balancer tells whose connection it
 * hands on: the PROXY protocol, versions 1 (a line) and 2 (binary), as HAProxy
 * specifies it.  Pure; the caller shows all bytes so far, and knows that the
 * peer may send a header at all (section 5: never guess).
 */
#ifndef INLET_PROXY_H
#define INLET_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/str.h"
#include "postern/io/addr.h"

#define PROXY_LINE_MAX 107 /* octets of a version 1 header, CRLF included */
#define PROXY_MAX 4096     /* of a version 2 header: addresses and TLVs */

enum proxy_status {
	PROXY_MORE, /* at least header.need bytes are missing */
	PROXY_DONE,
	PROXY_BAD, /* header.fault says why; the connection is to be cut */
};

struct proxy_header {
	size_t len; /* octets of the header; what follows is the client's */
	size_t need;
	const char *fault;
	/* false: no client's address came (LOCAL, UNKNOWN, UNSPEC, datagrams):
	 * the connection is the balancer's own, a check. */
	bool has_client;
	struct addr client; /* a unix socket's is without a path */
};

enum proxy_status proxy_parse(struct str in, struct proxy_header *h);

#endif
