/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem - memory.  Out of memory ends the process: the spool makes that
 * safe (STYLE section 6.2).  What is returned is freed with free(3).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t size);              /* zeroed; size 0 gives 1 */
void *mem_array(size_t n, size_t size);  /* zeroed; checks n * size */
void *mem_resize(void *p, size_t size);  /* new bytes undefined */
void *mem_dup(const void *p, size_t n);  /* copy, n may be 0 */
char *mem_str(const char *s);            /* copy of a C string */
char *mem_strn(const char *p, size_t n); /* copy with a NUL added */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_wipe(void *p, size_t n); /* not optimised away */

#endif
