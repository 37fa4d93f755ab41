/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_value - texts to values, one parser each.  On -1 err->text
 * reads "what is wrong; what to write".
 */
#ifndef CONF_CONF_VALUE_H
#define CONF_CONF_VALUE_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct conf_arena;

/* "300ms", "30s", "5m", "4h", "5d": at most 3650 days. */
MUST_CHECK int conf_value_duration(struct str s, uint64_t *ms, struct err *err);
/* "4096", "64K", "25M", "2G", "1T", also "25MiB"; powers of 1024. */
MUST_CHECK int conf_value_size(struct str s, uint64_t *bytes, struct err *err);
/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"; no bits below the mask. */
MUST_CHECK int conf_value_network(struct str s, struct err *err);
/* A numeric address without a port. */
MUST_CHECK int conf_value_ip(struct str s, struct err *err);
/* A host name or a numeric address. */
MUST_CHECK int conf_value_host(struct str s, struct err *err);
/* This host's, or "localhost". */
const char *conf_value_own_host(struct conf_arena *a);
/* What names a provider, a listener: letters, digits, '-', '_', '.'; at most
 * 63. */
MUST_CHECK int conf_value_name(struct str s, struct err *err);
/* local@domain, ASCII, without blanks and quotes. */
MUST_CHECK int conf_value_mail(struct str s, struct err *err);
/* "2026-12-01": the begin of that day, UTC. */
MUST_CHECK int conf_value_date(struct str s, int64_t *wall_ms, struct err *err);

#define CONF_VALUE_SHOWN 32
/* The shortest exact text: "90s", "2h"; "64K". */
void conf_value_show_duration(uint64_t ms, char out[CONF_VALUE_SHOWN]);
void conf_value_show_size(uint64_t bytes, char out[CONF_VALUE_SHOWN]);

#endif
