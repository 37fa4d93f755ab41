/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/outflow - a message's content on its way from the spool into a session:
 * no faster than the provider takes it, and checked before its end leaves.
 */
#ifndef RELAY_OUTFLOW_H
#define RELAY_OUTFLOW_H

#include <stdint.h>

struct relay_session;
struct smtp_txn;

/* The client wants content from there on (smtp_client's hook). */
void outflow_want(void *session, struct smtp_txn *t, uint64_t offset);
void outflow_pull(struct relay_session *s); /* the connection has room */
/* A helper has read the content asked for; n < 0: it cannot be read. */
void outflow_take(struct relay_session *s, const char *p, int64_t n);

#endif
