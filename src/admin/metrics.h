/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/metrics - what Postern counts and how it stands, as text for
 * Prometheus.  docs/metrics.md has each name.  Any thread.
 */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "postern/base/err.h"

struct buf;
struct relay_view;
struct stats_source;

/* -1 *err: it does not fit into b. */
MUST_CHECK int metrics_text(struct stats_source *s,
    const struct relay_view *view, struct buf *b, struct err *err);

#endif
