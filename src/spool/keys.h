/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/keys - the keys of the tables: big-endian numbers in a row, so that
 * byte order is the order of time and id.  Pure.  store.c has the layout.
 */
#ifndef SPOOL_KEYS_H
#define SPOOL_KEYS_H

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/spool/spool.h"

#define KEYS_MAX 96

/* A key under construction; keys_str() borrows from it. */
struct keys {
	size_t n;
	unsigned char b[KEYS_MAX];
};

struct str keys_str(const struct keys *k);
void keys_mid(struct keys *k, uint64_t mid); /* msg stage gc */
void keys_u32(struct keys *k, uint32_t v);   /* route */
void keys_body(struct keys *k, uint64_t mid, uint32_t chunk);
void keys_dlv(struct keys *k, uint64_t mid, uint16_t n);
void keys_rcpt(struct keys *k, uint64_t mid, uint16_t n, uint32_t chunk);
void keys_sched(struct keys *k, const struct spool_key *key);
void keys_park(struct keys *k, uint8_t hold, const struct spool_key *key);
void keys_dead(struct keys *k, int64_t at_ms, uint64_t mid, uint16_t n);
void keys_timer(struct keys *k, int64_t at_ms, uint64_t mid, uint16_t n);
void keys_stat(struct keys *k, uint32_t route, uint8_t priority, uint8_t class);
/* owner: shorter than SPOOL_OWNER_MAX */
void keys_quota(
    struct keys *k, struct str owner, uint32_t window_s, int64_t start_ms);

/* Reading them: 0, or -1 for a key of another length. */
MUST_CHECK int keys_read_mid(struct str k, uint64_t *mid);
MUST_CHECK int keys_read_u32(struct str k, uint32_t *v);
MUST_CHECK int keys_read_sched(struct str k, struct spool_key *key);
MUST_CHECK int keys_read_park(
    struct str k, uint8_t *hold, struct spool_key *key);
MUST_CHECK int keys_read_dead(
    struct str k, int64_t *at_ms, uint64_t *mid, uint16_t *n);
MUST_CHECK int keys_read_timer(
    struct str k, int64_t *at_ms, uint64_t *mid, uint16_t *n);
MUST_CHECK int keys_read_dlv(struct str k, uint64_t *mid, uint16_t *n);
MUST_CHECK int keys_read_rcpt(
    struct str k, uint64_t *mid, uint16_t *n, uint32_t *chunk);
MUST_CHECK int keys_read_body(struct str k, uint64_t *mid, uint32_t *chunk);
/* Behind the owner, which has so many bytes. */
MUST_CHECK int keys_read_quota(
    struct str k, size_t owner, uint32_t *window_s, int64_t *start_ms);
MUST_CHECK int keys_read_stat(
    struct str k, uint32_t *route, uint8_t *priority, uint8_t *class);

#endif
