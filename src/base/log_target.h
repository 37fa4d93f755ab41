/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_target - where lines go: standard error, a file (or FIFO), the
 * socket of syslog.  The logger's own; only it ever waits for one.
 *
 * A file is looked for once a second: where another one has its name, or none
 * has for two looks (who rotates makes the new one in between), it is opened
 * again.  A syslog that is gone is waited for like one that is stuck, and asked
 * again each quarter of a second.
 */
#ifndef BASE_LOG_TARGET_H
#define BASE_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "postern/base/err.h"

struct log_settings;

enum log_target_kind {
	LOG_TARGET_FILE,
	LOG_TARGET_SOCKET, /* standard error */
	LOG_TARGET_PIPE,
	LOG_TARGET_SYSLOG
};

struct log_target {
	enum log_target_kind kind;
	int fd; /* -1: syslog is not there */
	bool is_journal;
	char *path; /* owned; NULL: standard error */
	uint64_t looked_ms;
	bool is_missing; /* at the last look */
};

MUST_CHECK int log_target_open(
    struct log_target *t, const struct log_settings *s, struct err *err);
/* It is the journal's, which takes a level before each line (sd-daemon(3)). */
bool log_target_is_journal(int fd);
void log_target_close(struct log_target *t);
/* Its file was moved away: the new one is open. */
bool log_target_look(struct log_target *t, uint64_t now_ms);
/* As much as goes without waiting, to syslog a line: > 0 taken, -1 and errno;
 * EAGAIN: wait, until fd can be written to or for log_target_wait_ms(). */
ssize_t log_target_write(struct log_target *t, const char *p, size_t n);
int log_target_wait_ms(const struct log_target *t); /* -1: for ever */

#endif
