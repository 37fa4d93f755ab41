/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/receipt - the provider's own id of a message, out of the reply that
 * takes it: what its support and its web hooks know the message by.  Pure.
 */
#ifndef RELAY_RECEIPT_H
#define RELAY_RECEIPT_H

#define RECEIPT_MAX 128 /* with its NUL */

/* "" where the reply has none in a known form. */
void receipt_read(char out[RECEIPT_MAX], const char *text);

#endif
