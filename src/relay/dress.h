/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/dress - a message as it leaves through one provider: the header that
 * route and provider ask for in the place of the one that came, the body as it
 * is.  Where neither asks for anything nothing is read and nothing kept.
 */
#ifndef RELAY_DRESS_H
#define RELAY_DRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

struct delivery;
struct dress;
struct provider;
struct dkim_rule;

/* May p send it as it is, or may it be rewritten so that it may?  Its From
 * counts once it is known. */
bool dress_may(const struct delivery *d, const struct provider *p);
/* Reads From, where p asks and it is not known yet; true: it is news. */
bool dress_learn(struct delivery *d, const struct provider *p);
/* For p, unless it is made for it already; false: it cannot be, and d->reply
 * says why. */
bool dress_make(struct delivery *d, const struct provider *p);
void dress_free(struct dress **w);
/* The keys of DKIM that it is to be signed with for p and is not yet: fills at
 * most DRESS_KEYS_MAX, returns how many. */
#define DRESS_KEYS_MAX 8
size_t dress_keys(const struct delivery *d, const struct provider *p,
    const struct dkim_rule **keys);
/* Its header, and where in the content as it is stored its body begins. */
struct str dress_unsigned(const struct delivery *d, uint64_t *body);
/* Its signatures, whole fields: they stand in front of its header. */
void dress_sign(struct delivery *d, struct str fields);
#define DRESS_SIGNATURES_MAX (128u << 10) /* octets of all */
/* The transaction at hand is for another one than this recipient, which the
 * content names in front of all (X-Original-To); NULL: it is not. */
void dress_address(struct delivery *d, const char *original);
/* Octets of the whole content, as it leaves. */
uint64_t dress_size(const struct delivery *d);
/* The CRC-32C of what the header takes the place of. */
uint32_t dress_crc(const struct delivery *d);
/* The sender of its envelope at p. */
struct str dress_sender(const struct delivery *d, const struct provider *p);
/* What leaves from offset on, when that is still the header: then it has some
 * octets.  Else *offset becomes that of the content as it is stored. */
struct str dress_head(const struct delivery *d, uint64_t *offset);
/* Is nothing behind the header? */
bool dress_is_all(const struct delivery *d);

#endif
