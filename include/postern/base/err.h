/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err - what failed here: a kind and a sentence (STYLE section 6).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err_kind {
	ERR_NONE,
	ERR_SYSTEM,  /* a system call */
	ERR_CONFIG,  /* what the operator wrote */
	ERR_FORMAT,  /* bytes that do not follow their grammar */
	ERR_LIMIT,   /* more than is allowed */
	ERR_STORE,   /* the spool's data cannot be used as it is */
	ERR_FULL,    /* no room on the disk or in the map */
	ERR_LOCKED,  /* somebody else holds it */
	ERR_NETWORK, /* the other side cannot be reached */
	ERR_TLS,
};

struct err {
	enum err_kind kind;
	char text[256]; /* one sentence without a full stop, NUL ended */
};

/* Fills *err (may be NULL) and returns -1.  Any thread. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The same with ": " and the text of errno behind; kind ERR_SYSTEM. */
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "fmt: " before the text that is there; returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
