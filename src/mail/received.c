/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/received.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "postern/mail/address.h"

#define COLUMNS 78      /* RFC 5322 2.1.1 */
#define NAME_OCTETS 255 /* the most of a name that is told */

/* The field under way. */
struct field {
	char text[RECEIVED_MAX];
	size_t len, column;
};

/* A word, after a space or on a line of its own. */
static void
put_word(struct field *f, const char *word)
{
	size_t n = strlen(word);
	bool fold = f->column + 1 + n + 1 > COLUMNS; /* a ";" may follow */
	const char *sep = fold ? "\r\n\t" : " ";
	size_t need = strlen(sep) + n;

	if (need > sizeof f->text - f->len)
		return; /* cannot be: each part is bounded */
	memcpy(f->text + f->len, sep, strlen(sep));
	memcpy(f->text + f->len + strlen(sep), word, n);
	f->len += need;
	f->column = fold ? 8 + n : f->column + 1 + n;
}

/* A name from outside: what is neither domain nor address literal loses every
 * byte that could mean something in a header. */
static void
copy_name(char out[NAME_OCTETS + 1], const char *name)
{
	struct str s = str_of(name);

	if (s.len > NAME_OCTETS)
		s.len = NAME_OCTETS;
	if (s.len == 0)
		s = STR("unknown");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	if (address_is_domain(s, 0))
		return;
	for (size_t i = 0; i < s.len; i++) {
		char c = out[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		        (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
		        c == '_' || c == '='))
			out[i] = '?';
	}
}

/* "([192.0.2.1])", "([IPv6:2001:db8::1])", "(local)" */
static void
put_client(struct field *f, const char *client)
{
	char name[NAME_OCTETS + 1], word[NAME_OCTETS + 16];
	unsigned char addr[16];

	if (inet_pton(AF_INET, client, addr) == 1) {
		snprintf(word, sizeof word, "([%s])", client);
	} else if (inet_pton(AF_INET6, client, addr) == 1) {
		snprintf(word, sizeof word, "([IPv6:%s])", client);
	} else {
		copy_name(name, client);
		snprintf(word, sizeof word, "(%s)", name);
	}
	put_word(f, word);
}

static void
put_pair(struct field *f, const char *key, const char *value)
{
	char name[NAME_OCTETS + 1], word[NAME_OCTETS + 16];

	copy_name(name, value);
	snprintf(word, sizeof word, "%s %s", key, name);
	put_word(f, word);
}

/* Words of ours with spaces between: "(TLSv1.3 TLS_AES_256_GCM_SHA384)". */
static void
put_comment(struct field *f, const char *text)
{
	char word[NAME_OCTETS];

	snprintf(word, sizeof word, "(%.*s)", NAME_OCTETS - 3, text);
	put_word(f, word);
}

/* An address is clean as it is (mail/address); others are not told. */
static void
put_recipient(struct field *f, const char *recipient)
{
	char word[ADDRESS_MAX + 16];
	struct address a;

	if (address_mailbox(&a, str_of(recipient),
	        ADDRESS_UTF8 | ADDRESS_POSTMASTER) != ADDRESS_OK)
		return;
	snprintf(word, sizeof word, "for <%.*s>", (int)a.len, a.text);
	put_word(f, word);
}

static void
put_priority(struct field *f, int priority)
{
	char word[32];

	snprintf(word, sizeof word, "PRIORITY %d", priority);
	put_word(f, word);
}

int
received_build(struct buf *out, const struct received *r)
{
	static const char start[] = "Received:";
	struct field f = { .len = sizeof start - 1,
		.column = sizeof start - 1 };

	memcpy(f.text, start, f.len);
	put_pair(&f, "from", r->helo);
	put_client(&f, r->client);
	put_pair(&f, "by", r->hostname);
	put_pair(&f, "with", r->protocol);
	if (r->tls != NULL)
		put_comment(&f, r->tls);
	put_pair(&f, "id", r->id);
	if (r->recipient != NULL)
		put_recipient(&f, r->recipient);
	if (r->priority != 0)
		put_priority(&f, r->priority);
	f.text[f.len++] = ';';
	f.column++;
	put_word(&f, r->date);
	if (buf_room(out, f.len + 2) == NULL)
		return -1;
	return buf_add(out, f.text, f.len) != 0 ? -1 : buf_add(out, "\r\n", 2);
}
