/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_id - ids of sessions for the log: as those of messages (ms and
 * a counter), unique to the process.
 */
#ifndef INLET_SESSION_ID_H
#define INLET_SESSION_ID_H

#include <stdint.h>

uint64_t session_id_next(int64_t wall_ms); /* any thread */

#endif
