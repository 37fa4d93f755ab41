/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_writer - the logger thread: takes what is in the rings, orders it by
 * time, writes it.  Its target may be stuck for ever; then the rings fill and
 * drop, and only this thread waits.
 */
#ifndef BASE_LOG_WRITER_H
#define BASE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct log_ring;
struct log_target;

/* Takes over the target, as the next one does; on -1 it is still the caller's.
 * tag: of the form postfix; copied. */
MUST_CHECK int log_writer_start(
    const struct log_target *t, const char *tag, struct err *err);
/* From the next write on, lines go there. */
void log_writer_retarget(const struct log_target *t, const char *tag);
void log_writer_add(struct log_ring *r); /* owned from here on */
void log_writer_poke(void);              /* a line is in a ring */
void log_writer_hurry(void);             /* a ring fills up */
/* The thread has written everything and is joined; false: it hangs. */
bool log_writer_finish(void);
void log_writer_stop(void);
void log_writer_lost(uint64_t lines); /* counts them */
uint64_t log_writer_lost_total(void);

#endif
