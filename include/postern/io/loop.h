/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/loop - one event loop a thread, on libev (EVFLAG_NOENV, epoll).  The only
 * call that another thread may make is loop_wake() (and mailbox_put()).
 * Objects that are closed inside a callback are freed after all callbacks of
 * the turn have returned: nothing dies under its caller.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

struct loop;
struct stat_histogram;
struct timer;
struct watch;

typedef void loop_fn(void *arg);
typedef void watch_fn(void *arg, bool readable, bool writable);

MUST_CHECK int loop_new(struct loop **l, struct err *err);
void loop_free(struct loop **l);
void loop_run(struct loop *l);        /* until loop_stop() */
void loop_stop(struct loop *l);       /* from a callback of this loop */
void loop_wake(struct loop *l);       /* any thread: an empty turn */
uint64_t loop_now_ms(struct loop *l); /* monotonic, cached for the turn */
/* How long turns took, in us: so long what came meanwhile had to wait.  Any
 * thread, as long as the loop is. */
const struct stat_histogram *loop_turns_us(const struct loop *l);
/* fn(arg) once, after the callbacks of this turn, before the loop sleeps.  A
 * call made there runs in the same phase. */
void loop_later(struct loop *l, loop_fn *fn, void *arg);
void loop_cancel_later(struct loop *l, loop_fn *fn, void *arg);

/* One-shot timer.  timer_set() again moves it; fired or stopped it stays
 * usable.  Times of the test clock count. */
struct timer *timer_new(struct loop *l, loop_fn *fn, void *arg);
void timer_free(struct timer **t);
void timer_set(struct timer *t, uint64_t in_ms);
void timer_stop(struct timer *t);
bool timer_is_set(const struct timer *t);

/* A descriptor (not owned). */
struct watch *watch_new(struct loop *l, int fd, watch_fn *fn, void *arg);
void watch_free(struct watch **w); /* before the descriptor is closed */
void watch_set(struct watch *w, bool readable, bool writable);

/* A signal, delivered in the loop (main thread's loop only). */
struct loop_signal;
struct loop_signal *loop_signal_new(
    struct loop *l, int signo, loop_fn *fn, void *arg);
void loop_signal_free(struct loop_signal **s);

#endif
