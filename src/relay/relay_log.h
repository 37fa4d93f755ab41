/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_log - the relay's lines in the log, each event's fields in one
 * place.
 */
#ifndef RELAY_RELAY_LOG_H
#define RELAY_RELAY_LOG_H

#include <stdint.h>

#include "postern/spool/spool.h"

#include "relay/level.h"
#include "relay/verdict.h"

struct delivery;
struct envelope;
struct outcome;
struct provider;
struct relay_act;
struct relay_acted;
struct relay_session;

/* One line for each recipient that this attempt decided. */
void relay_log_results(const struct delivery *d, int64_t due_ms);
void relay_log_delivered_so_far(const struct delivery *d);
void relay_log_parked(const struct delivery *d, enum spool_hold why);
/* Its recipients that another route takes over. */
void relay_log_handed(const struct delivery *d, const char *route);
void relay_log_unsure(const struct delivery *d, const struct outcome *o);
void relay_log_notice_capped(const struct delivery *d);
/* Nothing of it is queued any more. */
void relay_log_finished(uint64_t mid);
void relay_log_notice(const struct delivery *d, const struct envelope *notice);
void relay_log_corrupt(const struct delivery *d, const char *why);
void relay_log_unreadable(const struct delivery *d, const char *why);
void relay_log_act(const struct relay_acted *acted, const struct relay_act *by);
void relay_log_unsigned(const struct delivery *d, const char *why);
/* So many were due in a time that the clock was set back from. */
void relay_log_setback(uint64_t deliveries);
void relay_log_settle_failed(const struct delivery *d, const char *why);
void relay_log_connected(const struct relay_session *s);
/* why: one word; text: the provider's, or "". */
void relay_log_session_end(
    const struct relay_session *s, const char *why, const char *text);
/* The one that was refused has been changed. */
void relay_log_password(const struct provider *p);
/* TLS was a wish, and failed so. */
void relay_log_clear(const struct relay_session *s, const struct outcome *o);
void relay_log_stalled(const struct provider *p);
/* d: the delivery that met it, or NULL. */
void relay_log_trouble(const struct relay_session *s, const struct delivery *d,
    const struct verdict *v, const struct outcome *o);
/* Of a class that is an alert: what the person who reads it can do. */
const char *relay_log_advice(enum verdict_class class);
/* It cannot be used any more, or again. */
void relay_log_provider_state(const struct provider *p);
/* An operator has paused it; resumed it, who. */
void relay_log_provider_paused(const struct provider *p);
void relay_log_provider_resumed(const struct provider *p, uint32_t uid);
/* Its level is another one than it was. */
void relay_log_provider_level(const struct provider *p, enum level_state was);
/* How many it takes in what time was found out. */
void relay_log_provider_window(const struct provider *p);

#endif
