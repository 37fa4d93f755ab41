/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/tls_count.h"

#include <string.h>

#include "postern/io/conn.h"

#define OLD (TLS_COUNT_VERSIONS - 1) /* whatever else there is */

/* As OpenSSL has them, and as they are told. */
static const struct {
	const char *name, *word;
} versions[TLS_COUNT_VERSIONS] = {
	{ "TLSv1.3", "1.3" },
	{ "TLSv1.2", "1.2" },
	{ "", "old" },
};

void
tls_count_add(struct tls_count *n, const struct conn *c)
{
	const char *name = conn_tls_version(c);
	size_t v = 0;

	while (v < OLD && strcmp(versions[v].name, name) != 0)
		v++;
	stat_add(conn_tls_resumed(c) ? &n->resumed[v] : &n->whole[v], 1);
}

const char *
tls_count_word(size_t version)
{
	return versions[version].word;
}
