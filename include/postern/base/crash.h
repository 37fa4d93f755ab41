/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/crash - SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT (so assert too):
 * writes the signal, the build id and a backtrace (addresses and symbols
 * only: no message text, no secret) to stderr and the descriptor given, then
 * ends with the same signal.  Main thread, at start.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

void crash_install(int extra_fd); /* -1: stderr only */
const char *crash_build_id(void); /* hex of the GNU build id, "" if none */

#endif
