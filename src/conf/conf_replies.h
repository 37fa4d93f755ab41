/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_replies - providers.replies: the operator's patterns of replies.
 */
#ifndef CONF_CONF_REPLIES_H
#define CONF_CONF_REPLIES_H

struct conf_origins;
struct conf_provider;
struct conf_read;
struct conf_stack;

/* Those of the provider's own entry, which was read; where it has none, those
 * of the nearest entry that it is like; behind them the profile's. */
void conf_replies_read(struct conf_read *r, const struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o);

#endif
