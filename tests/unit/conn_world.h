/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop with connections whose events are noted, for the tests of io/conn.
 */
#ifndef CONN_WORLD_H
#define CONN_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/io/conn.h"
#include "postern/io/loop.h"

struct side {
	struct conn *c;  /* NULL after close */
	char events[64]; /* a letter each: N S D R T C F */
	size_t n;
	struct buf got;   /* what was taken */
	size_t most_held; /* the longest input seen */
	size_t take;      /* at most so much at a time; 0: all */
	bool leave;       /* takes nothing */
	bool keep;        /* does not close at the end */
	char error[256];  /* at CONN_FAILED */
	int sys_errno;
	void *arg;                                      /* for on() */
	void (*on)(struct side *s, enum conn_event ev); /* or NULL; runs last */
};

extern struct loop *world;

int world_setup(void **state);
int world_teardown(void **state);
void world_side(struct side *s, struct conn_settings *settings);
void world_adopt(struct side *s, int fd);
void world_adopt_with(struct side *s, int fd, size_t input_max, size_t high);
/* Two ends; the second is non-blocking as well. */
void world_pair(int fd[2], int type);
void world_tcp_pair(int fd[2]);
/* Runs turns until cond() holds; fails the test after 10 s. */
void world_until(bool (*cond)(void *arg), void *arg, const char *what);
void world_until_event(struct side *s, char letter);
void world_turns(int n);
bool world_has(const struct side *s, char letter);
void world_done(struct side *s);
size_t world_drain(int fd, char *to, size_t max); /* all that is there */

#endif
