/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/fetch - reads envelopes and content from the store: fresh ones at
 * once (short reads from memory), old ones by a helper thread, since the disk
 * may have to be waited for.
 */
#ifndef RELAY_FETCH_H
#define RELAY_FETCH_H

#include <stdint.h>

struct delivery;
struct fetch;
struct fetch_job;
struct relay;
struct relay_session;

struct fetch *fetch_new(struct relay *r);
/* Waits for what the helper does; its answers are still in the mailbox. */
void fetch_stop(struct fetch *f);
void fetch_free(struct fetch **f);
/* Ends in dispatch_loaded(), maybe at once. */
void fetch_load(struct delivery *d);
/* Up to 64 KiB from offset, to relay_session_content(), maybe at once. */
void fetch_content(
    struct relay_session *s, struct delivery *d, uint64_t offset);
/* The session does not want it any more. */
void fetch_forget(struct fetch_job **job);

#endif
