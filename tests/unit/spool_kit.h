/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the spool's tests share: a spool in a directory of its own, a loop and
 * a mailbox in the test's thread, operations that are waited for.
 */
#ifndef SPOOL_KIT_H
#define SPOOL_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/spool/body.h"
#include "postern/spool/spool.h"

#define KIT_READY 4096

struct kit {
	char *dir;
	struct spool *sp;
	struct spool_settings settings;
	struct loop *loop;
	struct mailbox *mb;
	struct spool_reader *r;
	size_t waiting;
	size_t nready; /* keys told, content dropped but for keep_env */
	struct spool_ready ready[KIT_READY];
	bool keep_env;
	enum spool_result last;
	struct err err; /* of the last answer */
};

/* For cmocka: *state is a kit, open or not. */
int kit_setup(void **state);
int kit_setup_closed(void **state);
int kit_teardown(void **state);
void kit_init(struct kit *k);  /* a directory, default settings */
void kit_done(struct kit *k);  /* removes it */
void kit_open(struct kit *k);  /* opens, starts */
void kit_close(struct kit *k); /* stops, closes */
void kit_reopen(struct kit *k);
/* Of a closed one: a whole life, in a process that is killed at its end; ... */
void kit_live_and_die(
    struct kit *k, void (*live)(struct kit *k, uint64_t arg), uint64_t arg);
/* ... and one that ends without a stop while these are in flight. */
void kit_crash_with(struct kit *k, const uint64_t *mids, size_t n);
void kit_wait(struct kit *k);  /* for all answers */
void kit_audit(struct kit *k); /* fails the test with what is wrong */

/* A message of n bytes of content to nrcpts recipients. */
struct kit_message {
	uint64_t mid; /* 0: a new one */
	size_t bytes;
	uint32_t nrcpts;
	bool staged;          /* its content was staged before */
	uint16_t ndeliveries; /* recipients are dealt out in turn; 0: 1 */
	int64_t due_ms;
	int64_t release_ms;
	int64_t by_ms;
	uint32_t flags; /* enum envelope_flag */
	uint32_t route;
	enum spool_hold hold;
	bool low;         /* its priority; else normal */
	const char *drop; /* the drop file it is from; or NULL */
};
struct envelope *kit_envelope(struct kit *k, const struct kit_message *m);
/* Not waited for; returns the id. */
uint64_t kit_send(struct kit *k, const struct kit_message *m);
enum spool_result kit_accept(
    struct kit *k, const struct kit_message *m, uint64_t *mid);
void kit_content(uint64_t mid, uint64_t offset, char *p, size_t n);
/* Slices of all the content; not waited for. */
void kit_stage(struct kit *k, uint64_t mid, size_t bytes, size_t slice);

struct spool_settle *kit_settle_new(
    struct kit *k, const struct spool_key *key, uint32_t nresults);
enum spool_result kit_settle(struct kit *k, struct spool_settle *s);
/* All recipients of delivery n of a message are delivered. */
enum spool_result kit_deliver(struct kit *k, uint64_t mid, uint16_t n);
/* The only delivery's key as it is now; fails where it is gone. */
struct spool_key kit_key(struct kit *k, uint64_t mid, uint16_t n);
struct spool_op *kit_op(struct kit *k, struct spool_op *op); /* wired */

#endif
