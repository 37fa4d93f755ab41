/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/manner - how a provider is spoken to now: what is said of us, and how
 * we log in.
 */
#ifndef RELAY_MANNER_H
#define RELAY_MANNER_H

#include "postern/relay/relay_provider.h"

struct conn;
struct credential;
struct provider;
struct smtp_client_settings;

/* As relay_provider_client(), also borrowed from p and c. */
void manner_client(struct smtp_client_settings *s, const struct provider *p,
    const struct credential *c, char nonce[RELAY_PROVIDER_NONCE]);
/* From here on TLS, on a connection to p. */
void manner_secure(struct conn *c, const struct provider *p);

#endif
