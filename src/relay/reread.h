/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/reread - a password that was refused is read anew, once at the refusal
 * and then now and then while the provider is left for it: who mends the file
 * need not reload.
 */
#ifndef RELAY_REREAD_H
#define RELAY_REREAD_H

#include <stdbool.h>
#include <stdint.h>

struct provider;
struct secret;

/* A login with that one was refused.  true: there is another one by now. */
bool reread_refused(struct provider *p, const struct secret *refused);
/* Has it been changed?  Then the provider is asked at once. */
void reread_look(struct provider *p, uint64_t now_ms);
/* When to look next; 0: there is nothing to look for. */
uint64_t reread_wake_ms(const struct provider *p, uint64_t now_ms);

#endif
