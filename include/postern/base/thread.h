/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/thread - starts a thread of ours.  Signals that come from outside are
 * the main thread's; those of a crash stay the thread's own, which has a stack
 * of its own for them (base/crash).
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "postern/base/err.h"

/* 0, or the number of the error.  name: at most 15 bytes are shown. */
MUST_CHECK int thread_start(
    pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

#endif
