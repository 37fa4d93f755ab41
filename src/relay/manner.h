/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/manner - how a provider is spoken to: what is said of us, how we log in
 * and from where.
 */
#ifndef RELAY_MANNER_H
#define RELAY_MANNER_H

#include <stdbool.h>

struct addr;
struct conn;
struct credential;
struct provider;
struct relay_provider;
struct smtp_client_settings;

#define MANNER_NONCE 33 /* bytes with the NUL */

/* Borrowed from p, c and nonce, which is filled: never the same twice, and
 * nobody knows it before. */
void manner_client(struct smtp_client_settings *s, const struct provider *p,
    const struct credential *c, char nonce[MANNER_NONCE]);
/* Why no password may be sent; NULL: it may. */
const char *manner_no_login(const struct relay_provider *set);
/* From here on TLS, on a connection to p. */
void manner_secure(struct conn *c, const struct provider *p);
/* A source address goes with destinations of its family only; false: any. */
bool manner_source(
    const struct relay_provider *set, const struct addr *to, struct addr *from);

#endif
