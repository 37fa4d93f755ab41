/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/capability.h"

#include <string.h>

static const struct {
	const char *keyword;
	uint32_t bit;
} words[] = {
	{ "PIPELINING", SMTP_CAP_PIPELINING },
	{ "CHUNKING", SMTP_CAP_CHUNKING },
	{ "SIZE", SMTP_CAP_SIZE },
	{ "8BITMIME", SMTP_CAP_8BITMIME },
	{ "SMTPUTF8", SMTP_CAP_SMTPUTF8 },
	{ "DSN", SMTP_CAP_DSN },
	{ "MT-PRIORITY", SMTP_CAP_MT_PRIORITY },
	{ "REQUIRETLS", SMTP_CAP_REQUIRETLS },
	{ "LIMITS", SMTP_CAP_LIMITS },
	{ "BINARYMIME", SMTP_CAP_BINARYMIME },
	{ "DELIVERBY", SMTP_CAP_DELIVERBY },
	{ "STARTTLS", SMTP_CAP_STARTTLS },
	{ "ENHANCEDSTATUSCODES", SMTP_CAP_ENHANCED },
};

static void
note_mechanisms(struct capability *c, struct str list)
{
	size_t n =
	    list.len < sizeof c->auth - 1 ? list.len : sizeof c->auth - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)list.p[i];

		c->auth[i] = b > ' ' && b < 0x7f ? list.p[i] : ' ';
	}
	c->auth[n] = '\0';
}

/* Seen in the wild: both "AUTH PLAIN LOGIN" and the older "AUTH=PLAIN LOGIN",
 * also one after the other: the mechanisms add up. */
static void
take_auth(struct capability *c, struct str list)
{
	if (c->auth[0] == '\0')
		note_mechanisms(c, str_trim(list));
	while (list.len > 0) {
		struct str word = str_trim(str_cut(&list, ' '));

		if (str_is(word, "PLAIN"))
			c->set |= SMTP_CAP_AUTH_PLAIN;
		else if (str_is(word, "LOGIN"))
			c->set |= SMTP_CAP_AUTH_LOGIN;
		else if (str_is(word, "SCRAM-SHA-256"))
			c->set |= SMTP_CAP_AUTH_SCRAM_SHA_256;
		else if (str_is(word, "SCRAM-SHA-1"))
			c->set |= SMTP_CAP_AUTH_SCRAM_SHA_1;
		else if (str_is(word, "CRAM-MD5"))
			c->set |= SMTP_CAP_AUTH_CRAM_MD5;
		else if (str_is(word, "EXTERNAL"))
			c->set |= SMTP_CAP_AUTH_EXTERNAL;
		else if (str_is(word, "XOAUTH2"))
			c->set |= SMTP_CAP_AUTH_XOAUTH2;
		else if (str_is(word, "OAUTHBEARER"))
			c->set |= SMTP_CAP_AUTH_OAUTHBEARER;
	}
}

/* "NAME=number"; what is no number of at most six digits, not 0 in front, says
 * nothing (RFC 9422 3.1). */
static void
take_limit(struct smtp_limits *l, struct str word)
{
	struct str name = str_cut(&word, '=');
	uint64_t v;

	if (word.len == 0 || word.len > 6 || word.p[0] == '0' ||
	    !str_u64(word, &v))
		return;
	if (str_is(name, "RCPTMAX"))
		l->rcpts = (uint32_t)v;
	else if (str_is(name, "MAILMAX"))
		l->messages = (uint32_t)v;
	else if (str_is(name, "RCPTDOMAINMAX"))
		l->domains = (uint32_t)v;
}

/* Up to nine digits (RFC 2852 2); anything else says nothing. */
static uint32_t
by_limit(struct str rest)
{
	uint64_t v;

	return rest.len <= 9 && str_u64(rest, &v) ? (uint32_t)v : 0;
}

void
capability_line(struct capability *c, unsigned index, struct str text)
{
	struct str rest = str_trim(text), word;

	if (index == 0)
		return;
	if (str_starts_case(rest, STR("AUTH="))) {
		rest.p += 5;
		rest.len -= 5;
		take_auth(c, rest);
		return;
	}
	word = str_cut(&rest, ' ');
	rest = str_trim(rest);
	if (str_is(word, "AUTH")) {
		take_auth(c, rest);
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (str_is(word, words[i].keyword))
			c->set |= words[i].bit;
	}
	while (str_is(word, "LIMITS") && rest.len > 0)
		take_limit(&c->limits, str_cut(&rest, ' '));
	if (str_is(word, "DELIVERBY"))
		c->limits.by_s = by_limit(rest);
	/* A size that is no number says nothing but that SIZE= is taken. */
	if (str_is(word, "SIZE") && !str_u64(rest, &c->size_max))
		c->size_max = 0;
}
