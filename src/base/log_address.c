/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_address.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/siphash.h"

#define HASHED_MAX 512 /* bytes of an address, 320 by RFC 5321 */

static atomic_int mode_now = LOG_ADDRESSES_FULL;
static unsigned char secret[SIPHASH_KEY]; /* written before has_secret */
static atomic_bool has_secret;

struct sink {
	char *out;
	size_t len, max;
};

void
log_address_mode(enum log_addresses mode)
{
	atomic_store(&mode_now, (int)mode);
}

void
log_address_key(const unsigned char key[LOG_KEY])
{
	if (atomic_load(&has_secret))
		return; /* others may read it */
	memcpy(secret, key, sizeof secret);
	atomic_store(&has_secret, true);
}

/* What tells a message, not a person, stays as it is: it is searched for. */
bool
log_address_is_in(const char *key, struct str value)
{
	if (atomic_load_explicit(&mode_now, memory_order_relaxed) ==
	        LOG_ADDRESSES_FULL ||
	    value.len == 0 || memchr(value.p, '@', value.len) == NULL)
		return false;
	return strcmp(key, "message_id") != 0 &&
	       strcmp(key, "provider_id") != 0;
}

static void
put(struct sink *k, const char *p, size_t n)
{
	if (n > k->max - k->len)
		n = k->max - k->len;
	memcpy(k->out + k->len, p, n);
	k->len += n;
}

static bool
is_separator(char c)
{
	return (unsigned char)c <= ' ' || strchr("<>()[],;:\"@\x7f", c) != NULL;
}

/* The end of what is one word there, a quoted string or an atom. */
static size_t
word_end(struct str s, size_t at)
{
	size_t i = at;

	if (s.p[at] != '"') {
		while (i < s.len && !is_separator(s.p[i]))
			i++;
		return i;
	}
	for (i++; i < s.len && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\')
			i++;
	}
	return i < s.len ? i + 1 : at; /* no end: a lone quote */
}

static size_t
domain_end(struct str s, size_t at)
{
	size_t i = at;

	if (i < s.len && s.p[i] == '[') {
		while (i < s.len && s.p[i] != ']')
			i++;
		return i < s.len ? i + 1 : i;
	}
	while (i < s.len && !is_separator(s.p[i]) && s.p[i] != '=')
		i++;
	while (i > at && (s.p[i - 1] == '.' || s.p[i - 1] == '-'))
		i--; /* the sentence's */
	return i;
}

static void
put_masked(struct sink *k, struct str local)
{
	size_t n;

	if (local.p[0] == '"') {
		local.p++;
		local.len--;
	}
	n = str_utf8_char(local);
	put(k, local.p, n > 0 ? n : 1);
	put(k, "***", 3);
}

static void
put_hashed(struct sink *k, struct str address)
{
	char lower[HASHED_MAX], text[17];
	size_t n = address.len < sizeof lower ? address.len : sizeof lower;

	for (size_t i = 0; i < n; i++)
		lower[i] = address.p[i] >= 'A' && address.p[i] <= 'Z'
		               ? (char)(address.p[i] + 'a' - 'A')
		               : address.p[i];
	snprintf(text, sizeof text, "%016llx",
	    (unsigned long long)siphash_of(secret, lower, n));
	put(k, text, 16);
}

/* The local part of s, of so many bytes, at its end an '@' and a domain. */
static void
put_address(struct sink *k, struct str s, size_t local)
{
	if (atomic_load(&mode_now) == LOG_ADDRESSES_HASHED &&
	    atomic_load(&has_secret))
		put_hashed(k, s);
	else
		put_masked(k, (struct str){ s.p, local });
	put(k, s.p + local, s.len - local);
}

size_t
log_address_hide(char *out, size_t max, struct str s)
{
	struct sink k = { out, 0, max };
	size_t at = 0;

	while (at < s.len) {
		size_t local = word_end(s, at), end = local;

		if (local > at && local < s.len && s.p[local] == '@')
			end = domain_end(s, local + 1);
		if (end > local + 1) {
			put_address(
			    &k, (struct str){ s.p + at, end - at }, local - at);
		} else { /* a word like others, or what is none */
			end = local > at ? local : at + 1;
			put(&k, s.p + at, end - at);
		}
		at = end;
	}
	return k.len;
}

size_t
log_address(char *out, size_t max, struct str s)
{
	bool hide = log_address_is_in("address", s);
	size_t n = hide ? log_address_hide(out, max - 1, s) : s.len;

	if (!hide) {
		n = n < max ? n : max - 1;
		memcpy(out, s.p, n);
	}
	out[n] = '\0';
	return n;
}
