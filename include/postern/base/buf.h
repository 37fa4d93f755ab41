/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/buf - growing bytes with a maximum; bytes leave at the front.
 * Nothing is allocated until the first byte, and nothing is held when empty
 * after buf_release().
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct buf {
	char *mem;              /* owned */
	size_t start, len, cap; /* the bytes are mem + start .. + len */
	size_t max;             /* len never grows beyond */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees; buf_init() state with the same max */
char *buf_at(struct buf *b);  /* first byte; valid until the next change */
struct str buf_str(const struct buf *b);
/* 0 appended; -1 it would pass max: nothing appended. */
MUST_CHECK int buf_add(struct buf *b, const void *p, size_t n);
MUST_CHECK int buf_adds(struct buf *b, const char *s);
MUST_CHECK int buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes to be written at the returned place, NULL beyond max;
 * buf_wrote() says how many were. */
char *buf_room(struct buf *b, size_t n);
void buf_wrote(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n); /* n bytes leave at the front */
void buf_clear(struct buf *b);          /* keeps the memory */
void buf_release(struct buf *b);        /* frees the memory when empty */
void buf_wipe(struct buf *b);           /* clears it with zeros, frees */

#endif
