/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log - events to lines.  Each thread has a ring; the logger thread takes
 * what is in them and writes it in one write a batch.  A full ring drops the
 * line and counts it; the count is logged when there is room again.  Nothing
 * here ever waits for the disk or a pipe.
 *
 * An event is a row of LAYER/events.h:  { "delivered", LOG_INFO_LEVEL, ... }.
 * A line:  ts level event=delivered msg=ID sess=ID key=value ...
 * Values from a peer are escaped and cut at 200 bytes.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_POSTFIX };
#define LOG_TAG_MAX 63
enum log_addresses {
	LOG_ADDRESSES_FULL,
	LOG_ADDRESSES_MASKED,
	LOG_ADDRESSES_HASHED
};

struct log_settings {
	const char *to; /* "stderr", "syslog" or a path; copied, as all here */
	const char *syslog_socket;
	const char *postfix_tag;
	uint32_t repeats; /* 0: no bound */
	enum log_format format;
	enum log_level level;
	enum log_addresses addresses;
};

/* A row of an event table; what it means is in postern-log(7). */
struct log_event {
	const char *name;
	enum log_level level;
	/* Its lines in Postfix's manner (base/log_postfix.h); in that form it
	 * is written from the level info on.  NULL: it has none. */
	const char *postfix;
	/* A field: repeats of one value are written log.repeats times a minute,
	 * then counted.  NULL: each is written. */
	const char *by;
};

#define LOG_LINE_MAX 2048
struct log_line {
	const struct log_event *ev; /* NULL: below the level, fields are free */
	size_t len;
	bool is_kept; /* as fields, for the lines of ev->postfix */
	char by[64];  /* the value of ev->by, cut */
	char text[LOG_LINE_MAX];
};

/* Starts the logger thread.  Before it, lines go to stderr at once. */
MUST_CHECK int log_start(const struct log_settings *s, struct err *err);
/* New settings (reload) and a reopened file (log rotation).  Main thread. */
MUST_CHECK int log_change(const struct log_settings *s, struct err *err);
void log_stop(void); /* everything is written, the thread joined */
/* The same where the process ends with other threads running: what they use
 * stays. */
void log_abandon(void);
/* Each thread that logs calls it once at its start; name: "main", "relay".
 * The ring is freed by log_stop(). */
void log_thread(const char *name);
bool log_wants(enum log_level level);
bool log_wants_event(const struct log_event *ev);
/* Until log_change(); any thread. */
void log_level_set(enum log_level level);
enum log_level log_level_now(void);
uint64_t log_dropped(void);
/* What stands before a line that goes to stderr without being an event: a level
 * where that is the journal's, else nothing. */
const char *log_stderr_lead(enum log_level level);

/* What addresses are hashed with, once; before it they are masked instead. */
#define LOG_KEY 16
void log_address_key(const unsigned char key[LOG_KEY]);
/* An address as the log has it, with NUL, in max bytes; its length. */
size_t log_address(char *out, size_t max, struct str address);

/* One line: begin, fields, end.  msg or sess 0: left out. */
void log_begin(struct log_line *l, const struct log_event *ev, uint64_t msg,
    uint64_t sess);
void log_str(struct log_line *l, const char *key, struct str value);
void log_cstr(struct log_line *l, const char *key, const char *value);
void log_num(struct log_line *l, const char *key, int64_t value);
void log_end(struct log_line *l);
/* An event with a sentence only. */
void log_text(const struct log_event *ev, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

#endif
