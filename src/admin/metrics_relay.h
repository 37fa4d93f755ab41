/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/metrics_relay - the metrics of the way out: providers, their counters,
 * windows of rates.
 */
#ifndef ADMIN_METRICS_RELAY_H
#define ADMIN_METRICS_RELAY_H

struct metrics_out;

void metrics_relay_put(struct metrics_out *o);

#endif
