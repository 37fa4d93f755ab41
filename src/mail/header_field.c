/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/header_field.h"

#include <string.h>

#include "postern/mail/header.h"

size_t
header_field_line(struct str s)
{
	const char *lf = memchr(s.p, '\n', s.len);

	return lf != NULL ? (size_t)(lf - s.p) + 1 : s.len;
}

bool
header_field_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_empty_line(struct str s)
{
	return s.len > 0 && (s.p[0] == '\n' || (s.len > 1 && s.p[0] == '\r' &&
	                                           s.p[1] == '\n'));
}

static void
name_field(struct header_field *f)
{
	const char *colon = memchr(f->whole.p, ':', f->whole.len);
	struct str name;

	f->name = (struct str){ f->whole.p, 0 };
	if (colon == NULL)
		return;
	name =
	    str_trim((struct str){ f->whole.p, (size_t)(colon - f->whole.p) });
	if (!header_is_name(name) || header_field_is_blank(f->whole.p[0]))
		return;
	f->name = name;
	f->value.p = colon + 1;
	f->value.len = (size_t)(f->whole.p + f->whole.len - f->value.p);
}

bool
header_field_next(struct str *rest, struct header_field *f)
{
	size_t n;

	if (rest->len == 0 || is_empty_line(*rest))
		return false;
	n = header_field_line(*rest);
	while (n < rest->len && header_field_is_blank(rest->p[n]))
		n += header_field_line(
		    (struct str){ rest->p + n, rest->len - n });
	f->whole = (struct str){ rest->p, n };
	rest->p += n;
	rest->len -= n;
	name_field(f);
	return true;
}
