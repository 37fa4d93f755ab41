/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/clock - the only place that asks for the time.  With
 * --enable-test-clock the environment variable POSTERN_TEST_CLOCK (a factor,
 * "60" = a minute a second) makes both clocks run faster than the wall.
 * Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* How many real ms a span of our ms takes (for poll and timers); >= 1. */
uint64_t clock_real_ms(uint64_t ms);
/* "Tue, 24 Nov 2026 09:31:12 +0000" (RFC 5322 3.3), local offset; 32 bytes. */
void clock_rfc5322(int64_t wall_ms, char out[40]);
/* "2026-11-24T09:31:12.123456Z" */
void clock_rfc3339(int64_t wall_us, char out[40]);
/* "2026-11-24T09:31:12Z", a fraction of the second too: true and *wall_ms. */
bool clock_parse_rfc3339(struct str text, int64_t *wall_ms);
/* Without the fraction. */
void clock_rfc3339_s(int64_t wall_ms, char out[40]);
int64_t clock_wall_us(void);

#endif
