/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/dns_priv - where the name servers are, for the tests.
 */
#ifndef IO_DNS_PRIV_H
#define IO_DNS_PRIV_H

#include <stdint.h>

#include "postern/io/dns.h"

struct dns_source {
	const char *resolv_conf; /* borrowed as long as the dns lives */
	uint16_t port;           /* of the servers; 0: 53 */
	uint64_t look_ms;        /* so often at most the file is looked at */
};

MUST_CHECK int dns_open(struct dns **d, struct loop *l,
    const struct dns_source *source, struct err *err);

#endif
