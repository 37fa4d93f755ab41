/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/pulse - does Postern live, and does it take mail?  Any thread; nobody
 * is asked and nobody waits.
 */
#ifndef ADMIN_PULSE_H
#define ADMIN_PULSE_H

#include <stdint.h>

#include "postern/base/err.h"

struct stats_source;

#define PULSE_SILENT_MS 30000 /* a thread that says nothing for so long */

/* fn for each thread: how long it has given no sign of life. */
typedef void pulse_fn(void *arg, const char *thread, uint64_t silent_ms);
void pulse_each(const struct stats_source *s, pulse_fn *fn, void *arg);
/* Does each thread still turn?  -1: err says which does not. */
MUST_CHECK int pulse_alive(const struct stats_source *s, struct err *err);
/* Is new mail taken?  -1: err says why it is not. */
MUST_CHECK int pulse_ready(const struct stats_source *s, struct err *err);

#endif
