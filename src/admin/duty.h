/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/duty - how long who looks at the spool rests between two looks, so that
 * mail does not wait for a processor: while mail moves as long as the last look
 * took, or longer, else not at all.  Where groups of processes share the
 * processors, as under systemd, what a thread takes counts against all of its
 * group, whatever nice(2) says; and who merely is nice runs on for some ms when
 * another is woken on its processor.
 * An idle thread in the sense of sched(7) is off at once, but where others keep
 * all processors busy it hardly gets one: then it is merely nice for a while.
 * Pure: the caller hands the time in.
 */
#ifndef ADMIN_DUTY_H
#define ADMIN_DUTY_H

#include <stdbool.h>
#include <stdint.h>

/* So many times as long.  What is told row by row needs more: whoever reads it
 * works on a row twice as long as we do. */
#define DUTY_RESTS 1
#define DUTY_RESTS_TOLD 5
#define DUTY_REST_MAX_US 20000
/* Without a commit for so long no mail moves. */
#define DUTY_QUIET_US 500000
/* A look has waited so long for a processor, or for a disk. */
#define DUTY_STARVED_US 20000
#define DUTY_FED_US 5000000

struct duty {                /* begin with all zero */
	uint64_t commits;    /* at the last look */
	uint64_t seen_us;    /* its end; 0: there was none */
	uint64_t moved_us;   /* mail did, when that was last seen; 0: never */
	uint64_t rest_us;    /* for the last look, while mail moves */
	uint64_t starved_us; /* the end of a look that was; 0: never */
};

struct duty_look {
	uint64_t begin_us, end_us; /* of being idle for it, too */
	uint64_t worked_us;        /* of that time, on a processor */
	uint64_t commits;          /* how many the spool has seen by its end */
	unsigned rests;            /* DUTY_RESTS or DUTY_RESTS_TOLD */
};
/* A look is over. */
void duty_took(struct duty *d, const struct duty_look *l);
/* The next look is not before then. */
uint64_t duty_next_us(const struct duty *d);
/* Who does it may be idle, in the sense of sched(7).  Not at the first look,
 * which takes a lock of the store's. */
bool duty_may_idle(const struct duty *d, uint64_t now_us);

#endif
