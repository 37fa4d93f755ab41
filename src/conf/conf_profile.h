/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_profile - profile = "ses": a file whose top level is a provider's
 * entry, for what is true of every account there.  Its texts may name keys of
 * the provider, as in "smtp.%{region}.example.com".
 */
#ifndef CONF_CONF_PROFILE_H
#define CONF_CONF_PROFILE_H

struct conf_origins;
struct conf_provider;
struct conf_read;
struct conf_stack;

/* Finds s->profile (NULL: none, or it was told why), and its keys into c,
 * below those of the other entries. */
void conf_profile_read(struct conf_read *r, struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o);

#endif
