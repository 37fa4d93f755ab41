/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	char text[sizeof err->text]; /* an argument may be err->text itself */
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	memcpy(err->text, text, sizeof text);
	err->kind = kind;
	return -1;
}

int
err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char what[sizeof err->text], why[128];
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	err->kind = ERR_SYSTEM;
	snprintf(err->text, sizeof err->text, "%.180s: %s", what,
	    strerror_r(saved, why, sizeof why));
	errno = saved;
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char before[sizeof err->text], after[sizeof err->text];
	size_t n, room;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(before, sizeof before, fmt, ap);
	va_end(ap);
	memcpy(after, err->text, sizeof after);
	n = (size_t)snprintf(err->text, sizeof err->text, "%.120s: ", before);
	room = sizeof err->text - n - 1;
	memcpy(err->text + n, after, room);
	err->text[n + room] = '\0';
	return -1;
}
