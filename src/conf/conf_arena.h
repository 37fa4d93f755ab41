/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_arena - memory that lives as long as a generation of settings.
 */
#ifndef CONF_CONF_ARENA_H
#define CONF_CONF_ARENA_H

#include <stddef.h>

struct conf_arena {
	void **block; /* owned */
	size_t n, cap;
};

void *conf_arena_new(struct conf_arena *a, size_t n, size_t size); /* zeroed */
const char *conf_arena_str(struct conf_arena *a, const char *s);
void conf_arena_done(struct conf_arena *a);

#endif
