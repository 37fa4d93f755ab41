/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/provider_row - a provider as it is now, as every answer shows it.
 */
#ifndef ADMIN_PROVIDER_ROW_H
#define ADMIN_PROVIDER_ROW_H

#include <jansson.h>

struct relay_view_provider;
struct relay_view_window;
struct stat_histogram;

json_t *provider_row(const struct relay_view_provider *p);
/* How full one is. */
json_t *provider_row_window(const struct relay_view_window *w);
/* Percentiles in ms.  NULL: nothing was delivered yet. */
json_t *provider_row_latency(const struct stat_histogram *ms);

#endif
