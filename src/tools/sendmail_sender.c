/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_sender.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/base/str.h"
#include "postern/mail/address.h"

#include "tools/sendmail_options.h"
#include "tools/sendmail_rcpts.h"

#define NAME_OCTETS 200 /* of a name: what is behind them is cut */
#define WORD_OCTETS 42  /* of an encoded word (RFC 2047 2), before base64 */
#define FIELD_MAX 4096

/* --- the address
 * ------------------------------------------------------------ */

/* What has no name has a number: a unit with DynamicUser, a container. */
static char *
caller(void)
{
	const struct passwd *pw = getpwuid(getuid());
	struct address a;
	char *text, *quoted;
	struct buf b;

	if (pw == NULL || pw->pw_name[0] == '\0')
		return mem_printf("uid-%lu", (unsigned long)getuid());
	if (address_mailbox(&a, str_of(pw->pw_name),
	        ADDRESS_UTF8 | ADDRESS_LOCAL) == ADDRESS_OK)
		return mem_strn(a.text, a.len);
	buf_init(&b, FIELD_MAX); /* DOMAIN\ann */
	for (const char *p = pw->pw_name; *p != '\0'; p++) {
		if ((*p == '"' || *p == '\\') && buf_add(&b, "\\", 1) != 0)
			break;
		if (buf_add(&b, p, 1) != 0)
			break;
	}
	text = mem_strn(buf_str(&b).p, buf_str(&b).len);
	buf_done(&b);
	quoted = mem_printf("\"%s\"", text);
	free(text);
	if (address_mailbox(&a, str_of(quoted), ADDRESS_UTF8 | ADDRESS_LOCAL) ==
	    ADDRESS_OK)
		return quoted;
	free(quoted);
	return mem_printf("uid-%lu", (unsigned long)getuid());
}

char *
sendmail_sender_address(const struct sendmail_options *o)
{
	struct sendmail_rcpts r = { .told = stderr };
	struct str text;
	char *found = NULL;

	if (o->sender == NULL)
		return caller();
	text = str_trim(str_of(o->sender));
	if (text.len == 0 || str_is(text, "<>"))
		return mem_str("");
	if (sendmail_rcpts_add(&r, text) && r.n == 1 && r.nbad == 0)
		found = mem_str(r.v[0]);
	else if (r.nbad == 0)
		(void)fprintf(stderr,
		    "sendmail: -f: a message has one sender; write one "
		    "address, or <> for none\n");
	sendmail_rcpts_done(&r);
	return found;
}

/* --- the name ----------------------------------------------------------------
 */

/* gecos up to the comma, & the login's name (finger(1)). */
static char *
name_of_caller(void)
{
	const struct passwd *pw = getpwuid(getuid());
	struct buf b;
	char *name;

	if (pw == NULL)
		return mem_str("");
	buf_init(&b, FIELD_MAX);
	for (const char *p = pw->pw_gecos; *p != '\0' && *p != ','; p++) {
		size_t at = b.len;

		if (buf_add(&b, *p == '&' ? pw->pw_name : p,
		        *p == '&' ? strlen(pw->pw_name) : 1) != 0)
			break;
		if (*p == '&' && b.len > at)
			buf_at(&b)[at] =
			    (char)toupper((unsigned char)buf_at(&b)[at]);
	}
	name = mem_strn(buf_str(&b).p, buf_str(&b).len);
	buf_done(&b);
	return name;
}

/* Without control characters, whatever the caller wrote: no line of its own,
 * and nothing but UTF-8. */
static void
clean(char *name)
{
	char *to = name;
	struct str s;

	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p >= ' ' && *p != 0x7f)
			*to++ = *p;
	}
	*to = '\0';
	s = str_of(name);
	while (s.len > NAME_OCTETS ||
	       (s.len > NAME_OCTETS - 4 && !str_utf8_valid(s)))
		name[--s.len] = '\0';
	for (char *p = name; !str_utf8_valid(str_of(name)) && *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
}

static void
put(struct buf *b, const char *p, size_t n)
{
	if (buf_add(b, p, n) != 0)
		abort(); /* it is bounded by NAME_OCTETS */
}

static void
put_base64(struct buf *b, const char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
	                             "pqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)p[i] << 16;
		char out[4];

		v |= i + 1 < n ? (unsigned)(unsigned char)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned char)p[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			out[k] =
			    i + k > n ? '=' : digits[v >> (18 - 6 * k) & 63];
		put(b, out, 4);
	}
}

/* RFC 2047: words of whole characters, one a line. */
static void
put_encoded(struct buf *b, struct str s)
{
	while (s.len > 0) {
		size_t n = 0;

		while (n < s.len) {
			size_t c =
			    str_utf8_char((struct str){ s.p + n, s.len - n });

			if (n + c > WORD_OCTETS)
				break;
			n += c;
		}
		put(b, "=?UTF-8?B?", 10);
		put_base64(b, s.p, n);
		put(b, "?=", 2);
		s.p += n;
		s.len -= n;
		if (s.len > 0)
			put(b, "\r\n ", 3);
	}
}

static void
put_quoted(struct buf *b, struct str s)
{
	put(b, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			put(b, "\\", 1);
		put(b, s.p + i, 1);
	}
	put(b, "\"", 1);
}

char *
sendmail_sender_from(const struct sendmail_options *o, const char *address)
{
	char *name, *field;
	struct buf b;
	struct str s;

	if (o->name != NULL)
		name = mem_str(o->name);
	else
		name = o->sender == NULL ? name_of_caller() : mem_str("");
	clean(name);
	s = str_trim(str_of(name));
	buf_init(&b, FIELD_MAX);
	if (s.len > 0 && address[0] != '\0') {
		put(&b, "From: ", 6);
		if (str_is_ascii(s))
			put_quoted(&b, s);
		else
			put_encoded(&b, s);
		put(&b, " <", 2);
		put(&b, address, strlen(address));
		put(&b, ">\r\n", 3);
	}
	field = mem_strn(buf_str(&b).p, buf_str(&b).len);
	free(name);
	buf_done(&b);
	return field;
}
