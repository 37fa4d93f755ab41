/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/overload - is there more to do than can be done?  Then new messages
 * are asked to come later (451 4.3.2), and it passes by itself.  One answer for
 * all threads; the spool is looked at ten times a second at most.
 */
#ifndef INTAKE_OVERLOAD_H
#define INTAKE_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct spool;

struct overload_limits { /* 0: none */
	uint64_t commit_ms;
	uint64_t queued;
};

struct overload_figures {
	uint64_t commit_us;    /* of the last seconds: the slowest of 100 */
	uint64_t under_way_us; /* the commit that is not done yet */
	uint64_t queued;
};

/* Any thread. */
bool overload_is_on(struct spool *sp, const struct overload_limits *limits);
/* It begins above a limit (for a commit under way: above twice of it), and it
 * is over at three quarters.  Pure. */
bool overload_judge(bool is_on, const struct overload_limits *limits,
    const struct overload_figures *now);

#endif
