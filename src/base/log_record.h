/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_record - a line on its way: what the threads put into their rings is
 * a head of fixed length (when, in what form, how grave), the line's body and
 * '\n'.  The logger makes of it what stands in the file or goes to syslog:
 *
 *	text     2026-11-24T09:31:12.123456Z BODY
 *	json     {"ts":"2026-11-24T09:31:12.123456Z",BODY
 *	postfix  Nov 24 09:31:12 host tagBODY
 *	syslog   <22>Nov 24 09:31:12 posternd[77]: and one of the first two,
 *	         or <22>Nov 24 09:31:12 tagBODY   (RFC 3164, facility mail)
 *	journal  <6> and one of the first three, text without its time
 *
 * so that no other thread formats a time.
 */
#ifndef BASE_LOG_RECORD_H
#define BASE_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/log.h"

#define LOG_RECORD_HEAD 18    /* 16 digits of us, the form, the level */
#define LOG_RECORD_PREFIX 200 /* what the logger puts before a body at most */

enum log_head { LOG_HEAD_PLAIN, LOG_HEAD_SYSLOG, LOG_HEAD_JOURNAL };

struct log_dress { /* of the target; one thread's */
	enum log_head head;
	char tag[LOG_TAG_MAX + 1]; /* of the form postfix */
	char host[65];
	int pid;
};

/* This host's name, this process. */
void log_record_dress(struct log_dress *d, enum log_head head, const char *tag);
void log_record_begin(
    char *head, uint64_t wall_us, enum log_format format, enum log_level level);
static inline enum log_format
log_record_format(const char *head)
{
	return (enum log_format)(head[16] - '0');
}
/* By time, as memcmp(3). */
int log_record_compare(const char *a, const char *b);
/* One record of n bytes, with its '\n'; out has room for them and
 * LOG_RECORD_PREFIX more.  How many bytes. */
size_t log_record_write(
    char *out, const char *record, size_t n, const struct log_dress *d);

#endif
