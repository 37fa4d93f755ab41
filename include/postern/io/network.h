/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/network - which addresses are meant: "10.0.0.0/8", "2001:db8::/32",
 * or one address.  An IPv4 address that arrives mapped (::ffff:192.0.2.1) is
 * an IPv4 address.
 */
#ifndef IO_NETWORK_H
#define IO_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct addr;

struct network {
	bool v4;
	uint8_t bits;      /* 0..32, 0..128 */
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
};

/* Bits behind the prefix must be zero: -1 and what to write instead. */
MUST_CHECK int network_parse(
    struct network *n, const char *text, struct err *err);
/* A unix socket is in no network. */
bool network_has(const struct network *n, const struct addr *a);

#endif
