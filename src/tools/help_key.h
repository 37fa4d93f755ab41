/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/help_key - postern help KEY: what a key of the configuration takes.
 */
#ifndef TOOLS_HELP_KEY_H
#define TOOLS_HELP_KEY_H

/* key: its path, such as "providers.rate", or a part of it. */
int help_key_run(const char *key);

#endif
