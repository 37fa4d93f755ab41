/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/xclient.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "postern/mail/xtext.h"

/* A port may come before its address. */
struct parse {
	struct xclient *x;
	unsigned seen; /* attributes, by their row */
	enum xclient_given has_port;
	uint16_t port;
};

static bool
is_unknown(struct str value)
{
	return str_is(value, "[UNAVAILABLE]") || str_is(value, "[TEMPUNAVAIL]");
}

/* Decoded, and nothing that could break a line of the log or a header. */
static bool
take_text(struct xclient_text *to, struct str value)
{
	struct buf b;
	bool good;

	if (is_unknown(value)) {
		to->given = XCLIENT_UNKNOWN;
		return true;
	}
	buf_init(&b, XCLIENT_VALUE_MAX);
	good = value.len > 0 && xtext_is_printable(value) &&
	       xtext_decode(&b, value) == 0;
	if (good) {
		to->given = XCLIENT_KNOWN;
		memcpy(to->text, buf_at(&b), b.len);
		to->text[b.len] = '\0';
	}
	buf_done(&b);
	return good;
}

static bool
take_name(struct parse *p, struct str value)
{
	return take_text(&p->x->name, value);
}

static bool
take_helo(struct parse *p, struct str value)
{
	return take_text(&p->x->helo, value);
}

static bool
take_login(struct parse *p, struct str value)
{
	return take_text(&p->x->login, value);
}

static bool
take_proto(struct parse *p, struct str value)
{
	return (is_unknown(value) || str_is(value, "SMTP") ||
	           str_is(value, "ESMTP")) &&
	       take_text(&p->x->proto, value);
}

static bool
set_v4(struct addr *a, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &in.sin_addr) != 1)
		return false;
	*a = (struct addr){ .len = sizeof in };
	memcpy(&a->ss, &in, sizeof in);
	return true;
}

static bool
set_v6(struct addr *a, const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return false;
	*a = (struct addr){ .len = sizeof in6 };
	memcpy(&a->ss, &in6, sizeof in6);
	addr_unmap(a);
	return true;
}

/* "192.0.2.1", "IPV6:2001:db8::1" */
static bool
take_addr(struct parse *p, struct str value)
{
	static const struct str prefix = { "IPV6:", 5 };
	struct xclient_text t = { .given = XCLIENT_NOT };

	if (!take_text(&t, value))
		return false;
	p->x->has_addr = t.given;
	if (t.given == XCLIENT_UNKNOWN)
		return true;
	if (str_starts_case(str_of(t.text), prefix))
		return set_v6(&p->x->addr, t.text + prefix.len);
	return set_v4(&p->x->addr, t.text);
}

static bool
take_port(struct parse *p, struct str value)
{
	uint64_t n = 0;

	p->has_port = is_unknown(value) ? XCLIENT_UNKNOWN : XCLIENT_KNOWN;
	if (p->has_port == XCLIENT_KNOWN &&
	    (!str_u64(value, &n) || n > UINT16_MAX))
		return false;
	p->port = htons((uint16_t)n);
	return true;
}

static const struct attribute {
	const char *name;
	bool (*take)(struct parse *p, struct str value);
} attributes[] = {
	{ "NAME", take_name },
	{ "ADDR", take_addr },
	{ "PORT", take_port },
	{ "PROTO", take_proto },
	{ "HELO", take_helo },
	{ "LOGIN", take_login },
};

static const char *
take(struct parse *p, struct str word)
{
	struct str value = word, name = str_cut(&value, '=');

	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		if (!str_is(name, attributes[i].name))
			continue;
		if (p->seen & 1u << i)
			return "The same attribute is given twice";
		p->seen |= 1u << i;
		return attributes[i].take(p, value) ? NULL
		                                    : "Bad value of an "
		                                      "attribute";
	}
	return "Attribute not recognized";
}

static void
set_port(struct addr *a, uint16_t port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (a->ss.ss_family == AF_INET) {
		memcpy(&in, &a->ss, sizeof in);
		in.sin_port = port;
		memcpy(&a->ss, &in, sizeof in);
	} else {
		memcpy(&in6, &a->ss, sizeof in6);
		in6.sin6_port = port;
		memcpy(&a->ss, &in6, sizeof in6);
	}
}

int
xclient_parse(struct xclient *x, struct str argument, const char **fault)
{
	struct parse p = { .x = x };

	*x = (struct xclient){ .has_addr = XCLIENT_NOT };
	argument = str_trim(argument);
	*fault =
	    argument.len == 0 ? "Syntax: XCLIENT attribute=value ..." : NULL;
	while (*fault == NULL && argument.len > 0) {
		*fault = take(&p, str_cut(&argument, ' '));
		argument = str_trim(argument);
	}
	if (*fault != NULL)
		return -1;
	if (p.has_port == XCLIENT_KNOWN && x->has_addr == XCLIENT_KNOWN)
		set_port(&x->addr, p.port);
	return 0;
}
