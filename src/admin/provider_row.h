/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/provider_row - a provider as it is now, as every answer shows it.
 */
#ifndef ADMIN_PROVIDER_ROW_H
#define ADMIN_PROVIDER_ROW_H

#include <jansson.h>

struct relay_view_provider;

json_t *provider_row(const struct relay_view_provider *p);

#endif
