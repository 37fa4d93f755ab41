/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/alike - after a reload: is it still the account that it was, and may
 * what was opened by the settings of before go on under the new ones?  Pure.
 */
#ifndef RELAY_ALIKE_H
#define RELAY_ALIKE_H

#include <stdbool.h>

struct relay_provider;
struct relay_settings;
struct secret;

bool alike_texts(const char *a, const char *b); /* each may be NULL */
bool alike_secrets(const struct secret *a, const struct secret *b);
/* Do they ask the same machine? */
bool alike_hosts(
    const struct relay_provider *a, const struct relay_provider *b);
/* Where they stand, too: names are looked up there. */
struct alike {
	const struct relay_settings *of;
	const struct relay_provider *set;
};
/* Would sessions be opened, used and ended in the same way?  The password in
 * use and what the files of TLS hold are the caller's to compare.  What choice,
 * rates and verdicts go by is asked anew each time, so that it is no matter. */
bool alike_sessions(const struct alike *a, const struct alike *b);

#endif
