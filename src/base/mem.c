/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No stdio: it may want memory itself. */
static _Noreturn void
out_of_memory(void)
{
	static const char text[] = "postern: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		abort();
	abort();
}

void *
mem_new(size_t size)
{
	return mem_array(1, size);
}

void *
mem_array(size_t n, size_t size)
{
	void *p;

	if (n == 0 || size == 0)
		n = size = 1;
	p = calloc(n, size); /* checks the product */
	if (!p)
		out_of_memory();
	return p;
}

void *
mem_resize(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *
mem_dup(const void *p, size_t n)
{
	void *copy = mem_resize(NULL, n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *
mem_str(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *
mem_strn(const char *p, size_t n)
{
	char *s = mem_resize(NULL, n + 1);

	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

void
mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}
