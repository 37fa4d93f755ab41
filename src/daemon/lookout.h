/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/lookout - looks around once a second: logs what an operator has to
 * know of the spool (that it is full, and that it takes mail again), gives
 * memory that a burst has left free back to the system, and tells the service
 * manager that all threads live.  Main thread.
 */
#ifndef DAEMON_LOOKOUT_H
#define DAEMON_LOOKOUT_H

struct lookout;
struct loop;
struct spool;
struct stats_source;

/* figures: stats_tick() is called each time. */
struct lookout *lookout_new(
    struct loop *l, struct spool *sp, struct stats_source *figures);
void lookout_free(struct lookout **o); /* NULL is fine; before the spool */

#endif
