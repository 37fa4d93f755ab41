/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool that answers when it is told to, and clients that hand messages to
 * intake: for the tests of intake.
 */
#ifndef TESTS_FAKE_SPOOL_H
#define TESTS_FAKE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/intake/intake.h"
#include "postern/spool/spool.h"

#define FAKE_MORE_MAX 4
struct fake_accepted {
	struct envelope *env; /* without its content */
	struct buf content;
	uint16_t ndeliveries;
	struct spool_delivery delivery, more[FAKE_MORE_MAX];
};

#define FAKE_ACCEPTED_MAX 256
struct fake_spool {
	/* what it is to do */
	size_t memory_max;
	bool is_busy;
	enum spool_result room;
	struct spool_stats stats;
	/* what it did */
	size_t memory, memory_peak;
	size_t queued, stages_queued_peak; /* of one message at once */
	size_t naborted;
	struct fake_accepted accepted[FAKE_ACCEPTED_MAX];
	size_t naccepted;
};
extern struct fake_spool fake;

void fake_reset(void); /* asserts that nothing is left */
/* Answers the oldest operation; false: there is none. */
bool fake_answer(enum spool_result result);
void fake_answer_all(enum spool_result result);
size_t fake_slices_queued(uint64_t mid);

struct fake_client {
	struct intake_message *m;
	struct smtp_reply reply;
	bool is_paused, is_answered, is_ended;
	unsigned resumed;
};

extern const struct intake_settings fake_rules;
/* What fake_mail() hands over with the next messages; fake_reset() forgets. */
extern struct fake_from {
	const struct policy *policy, *user_policy;
	const char *user, *rate_client;
	const struct addr *address;
} fake_from;

struct intake *fake_intake(const struct intake_settings *s);
/* Each returns the reply's code. */
unsigned fake_mail(
    struct intake *i, struct fake_client *c, const char *sender, uint64_t size);
unsigned fake_rcpt(struct fake_client *c, const char *address);
unsigned fake_data(struct fake_client *c);
void fake_body(struct fake_client *c, const char *p, size_t n);
/* 0: the answer comes later. */
unsigned fake_end(struct fake_client *c);
/* All but the end of one to rcpt@example.org. */
void fake_begin(struct intake *i, struct fake_client *c);

#endif
