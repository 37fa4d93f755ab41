/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_replies - providers.replies: the operator's patterns of replies.
 */
#ifndef CONF_CONF_REPLIES_H
#define CONF_CONF_REPLIES_H

#include <stddef.h>

struct conf_entry;
struct conf_provider;
struct conf_read;

/* Those of the provider's entry e, which was read; where it has none, those of
 * the nearest entry that it is like (chain, n of them). */
void conf_replies_read(struct conf_read *r, struct conf_entry *e,
    struct conf_entry *const *chain, size_t n, struct conf_provider *c);

#endif
