/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/dns - names to addresses through c-ares, A and AAAA, with their TTL, kept
 * in a small cache (at most 5 minutes, failures 5 s).  The loop never blocks.
 * A numeric host needs no query.  One struct dns a loop.
 */
#ifndef IO_DNS_H
#define IO_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/stat.h"
#include "postern/io/addr.h"

struct dns;
struct loop;

enum dns_prefer { DNS_PREFER_ANY, DNS_PREFER_IPV4, DNS_PREFER_IPV6 };

#define DNS_ADDRS_MAX 16
struct dns_answer {
	uint64_t id;
	struct err err; /* kind ERR_NONE when there are addresses */
	size_t n;
	struct addr addr[DNS_ADDRS_MAX]; /* port set; preferred family first */
	uint32_t ttl;                    /* seconds */
};

enum dns_result {
	DNS_FOUND,
	DNS_NONE,    /* there is no such name, or it has no address */
	DNS_TIMEOUT, /* no server has answered */
	DNS_FAILED,  /* or what came was of no use */
	DNS_CACHED,  /* nobody was asked: any of these, a moment ago */
	DNS_RESULTS
};
/* Look-ups of names since the start; any thread. */
struct dns_count {
	struct stat_counter of[DNS_RESULTS];
};

typedef void dns_fn(void *arg, const struct dns_answer *a);

MUST_CHECK int dns_new(struct dns **d, struct loop *l, struct err *err);
void dns_free(struct dns **d); /* no callback comes any more */
/* The answer always comes later, in a turn of the loop.  Returns its id. */
uint64_t dns_lookup(struct dns *d, const char *host, uint16_t port,
    enum dns_prefer prefer, dns_fn *fn, void *arg);
const struct dns_count *dns_counted(const struct dns *d);
const char *dns_result_word(enum dns_result r); /* "found", ... */
void dns_cancel(struct dns *d, uint64_t id);    /* harmless when answered */

#endif
