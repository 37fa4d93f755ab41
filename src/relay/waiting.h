/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/waiting - deliveries that wait for a session of a provider: a list for
 * each priority, served by the shares of their routes.
 */
#ifndef RELAY_WAITING_H
#define RELAY_WAITING_H

#include <stdbool.h>
#include <stddef.h>

struct delivery;
struct list;
struct provider;

void waiting_init(struct provider *p);  /* by its settings */
void waiting_renew(struct provider *p); /* by other ones */
/* Does any delivery take room there that is elsewhere? */
bool waiting_is_expected(const struct provider *p);
void waiting_push(struct provider *p, struct delivery *d); /* as the last */
/* Before the others of its priority: its turn has come already. */
void waiting_insert(struct provider *p, struct delivery *d);
/* Whose turn it is; NULL: nobody waits. */
struct delivery *waiting_first(struct provider *p);
/* As that, and takes it out: it has had its turn. */
struct delivery *waiting_pop(struct provider *p);
/* It could not use the turn. */
void waiting_put_back(struct provider *p, struct delivery *d);
void waiting_take(struct provider *p, struct delivery *d); /* out of turn */
void waiting_take_all(struct provider *p, struct list *all);
/* So many of a priority are enough to keep its sessions busy: no more are taken
 * from the schedule, so that memory does not depend on the queue. */
size_t waiting_room(const struct provider *p);

#endif
