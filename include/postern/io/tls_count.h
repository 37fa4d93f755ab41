/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls_count - TLS handshakes that came to their end, by version and whether
 * an earlier session was resumed.  One thread counts, any thread reads.
 */
#ifndef IO_TLS_COUNT_H
#define IO_TLS_COUNT_H

#include "postern/base/stat.h"

struct conn;

#define TLS_COUNT_VERSIONS 3

struct tls_count {
	struct stat_counter whole[TLS_COUNT_VERSIONS];
	struct stat_counter resumed[TLS_COUNT_VERSIONS];
};

/* Of a connection that is secure. */
void tls_count_add(struct tls_count *n, const struct conn *c);
/* "1.3", "1.2", "old" */
const char *tls_count_word(size_t version);

#endif
