/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/inlet_core - what an inlet is to its sessions.  All of it belongs to
 * the inlet's thread, but for the counters.
 */
#ifndef INLET_INLET_CORE_H
#define INLET_INLET_CORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "postern/base/list.h"
#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"

struct generation;
struct loop;
struct mailbox;
struct provers;
struct timer;

struct inlet {
	struct loop *loop;
	struct mailbox *mailbox;
	struct intake *intake;
	struct generation *generation; /* the newest */
	struct list sessions;
	struct provers *provers;        /* owned: who hashes passwords */
	struct inlet_counters counters; /* any thread */
	struct doors doors;             /* likewise */
	struct stat_counter coming; /* accepted, not taken from the mailbox */
	pthread_t thread;
	char thread_name[16];
	bool is_started, is_draining;
	struct timer *grace;
	struct timer *beat;         /* a sign of life, once a second */
	void (*drained)(void *arg); /* called once, then NULL */
	void *drained_arg;
};

/* A session has ended, or intake has no more answers to give. */
void inlet_check_drained(struct inlet *in);

#endif
