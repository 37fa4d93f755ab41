/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_address - addresses in what is logged, as log.addresses wants them.
 * Whatever field an address stands in, a reply that repeats it included, is
 * looked at: local part, '@', domain.  The domain stays; the local part goes:
 *
 *	masked   a***@example.com
 *	hashed   64 bits of a keyed hash of the whole address, in lower case, so
 *	         that equal ones are found again
 *
 * The key is the spool's own; before it is there, hashed means masked.
 */
#ifndef BASE_LOG_ADDRESS_H
#define BASE_LOG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/log.h"

void log_address_mode(enum log_addresses mode);
/* Is there something to hide in the value of this field? */
bool log_address_is_in(const char *key, struct str value);
/* Without NUL; at most max bytes; how many. */
size_t log_address_hide(char *out, size_t max, struct str s);

#endif
