/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/provider_settings - what a provider's entry comes to in a file, and
 * where each value is from: the entry itself, one that it is like, its profile,
 * or the default.
 */
#ifndef TOOLS_PROVIDER_SETTINGS_H
#define TOOLS_PROVIDER_SETTINGS_H

#include <stdbool.h>

/* An exit code of sysexits.h; what went wrong was told on stderr. */
int provider_settings_print(const char *file, const char *name, bool is_json);

#endif
