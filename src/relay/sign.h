/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/sign - a message's signatures for one provider (DKIM, RFC 6376), made
 * when all else about its header is done.  A thread of its own reads the body
 * and signs, so that the relay's goes on.
 */
#ifndef RELAY_SIGN_H
#define RELAY_SIGN_H

#include <stdbool.h>

struct delivery;
struct provider;
struct signer;

void sign_stop(struct signer *s); /* what is under way ends; or NULL */
void sign_free(struct signer **s);
/* false: as it is dressed for p it needs none.  Else d is LOADING until
 * dispatch_signed(). */
bool sign_start(struct delivery *d, const struct provider *p);

#endif
