/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "postern/base/crc32c.h"

#define LINE_LEAST 15 /* "PROXY UNKNOWN" CRLF */

/* Version 2: signature, version and command, family and protocol, length. */
#define HEAD 16
#define AT_COMMAND 12
#define AT_FAMILY 13
#define AT_LENGTH 14
#define TLV_HEAD 3
#define TLV_CRC32C 0x03

static const char line_begin[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const char signature[] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q',
	'U', 'I', 'T', '\n' };

/* Do the bytes so far begin like that? */
static bool
begins(struct str in, const char *with, size_t n)
{
	return memcmp(in.p, with, in.len < n ? in.len : n) == 0;
}

static enum proxy_status
bad(struct proxy_header *h, const char *why)
{
	h->fault = why;
	return PROXY_BAD;
}

static enum proxy_status
more(struct proxy_header *h, size_t need)
{
	h->need = need;
	return PROXY_MORE;
}

static void
set_client(struct proxy_header *h, int family, const void *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = port };

	h->has_client = true;
	h->client = (struct addr){ 0 };
	if (family == AF_INET) {
		memcpy(&in.sin_addr, host, sizeof in.sin_addr);
		memcpy(&h->client.ss, &in, sizeof in);
		h->client.len = sizeof in;
	} else {
		memcpy(&in6.sin6_addr, host, sizeof in6.sin6_addr);
		memcpy(&h->client.ss, &in6, sizeof in6);
		h->client.len = sizeof in6;
		addr_unmap(&h->client);
	}
}

/* --- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 25" CRLF --------------
 */

static bool
take_host(struct str *rest, int family, void *host)
{
	struct str word = str_cut(rest, ' ');
	char text[INET6_ADDRSTRLEN];

	if (word.len == 0 || word.len >= sizeof text ||
	    memchr(word.p, '\0', word.len) != NULL)
		return false;
	memcpy(text, word.p, word.len);
	text[word.len] = '\0';
	return inet_pton(family, text, host) == 1;
}

static bool
take_port(struct str *rest, uint16_t *port)
{
	struct str word = str_cut(rest, ' ');
	uint64_t n;

	if (!str_u64(word, &n) || n > UINT16_MAX ||
	    (word.len > 1 && word.p[0] == '0'))
		return false;
	*port = htons((uint16_t)n);
	return true;
}

/* The line without "PROXY " and CRLF. */
static enum proxy_status
parse_line(struct str line, struct proxy_header *h)
{
	unsigned char from[16], to[16];
	struct str rest = line, kind = str_cut(&rest, ' ');
	uint16_t from_port, to_port;
	int family = AF_INET6;

	if (str_eq(kind, STR("UNKNOWN")))
		return PROXY_DONE; /* what follows is to be ignored */
	if (str_eq(kind, STR("TCP4")))
		family = AF_INET;
	else if (!str_eq(kind, STR("TCP6")))
		return bad(h, "neither TCP4 nor TCP6 nor UNKNOWN");
	if (!take_host(&rest, family, from) || !take_host(&rest, family, to))
		return bad(h, "not an address of that family");
	/* A cut takes its separator, so a space at the end would be lost. */
	if (rest.len == 0 || rest.p[rest.len - 1] == ' ' ||
	    !take_port(&rest, &from_port) || !take_port(&rest, &to_port) ||
	    rest.len > 0)
		return bad(h, "not two ports");
	set_client(h, family, from, from_port);
	return PROXY_DONE;
}

static enum proxy_status
parse_v1(struct str in, struct proxy_header *h)
{
	size_t n = in.len < PROXY_LINE_MAX ? in.len : PROXY_LINE_MAX;
	const char *lf = memchr(in.p, '\n', n);
	struct str line;

	if (lf == NULL && n == PROXY_LINE_MAX)
		return bad(h, "no CRLF in the first 107 octets");
	if (lf == NULL)
		return more(h, n < LINE_LEAST ? LINE_LEAST - n : 1);
	if (lf[-1] != '\r') /* something is before it: "PROXY " */
		return bad(h, "the line ends with LF alone");
	h->len = (size_t)(lf - in.p) + 1;
	if (h->len < sizeof line_begin + 2)
		return bad(h, "the line is too short");
	line = (struct str){ in.p + sizeof line_begin,
		h->len - sizeof line_begin - 2 };
	return parse_line(line, h);
}

/* --- version 2 ------------------------------------------------------------ */

static uint16_t
number16(const char *p)
{
	return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

static uint32_t
number32(const char *p)
{
	return (uint32_t)number16(p) << 16 | number16(p + 2);
}

/* The checksum of the whole header, its own four octets counted as zero. */
static bool
is_whole(struct str header, size_t at)
{
	static const char zero[4] = { 0 };
	uint32_t crc = crc32c(0, header.p, at);

	crc = crc32c(crc, zero, sizeof zero);
	crc = crc32c(crc, header.p + at + 4, header.len - at - 4);
	return crc == number32(header.p + at);
}

static const char cut_off[] = "a TLV is cut off";

/* What is wrong with the TLVs from at on; NULL: nothing. */
static const char *
tlv_fault(struct str header, size_t at)
{
	while (at < header.len) {
		size_t left = header.len - at, n;

		if (left < TLV_HEAD)
			return cut_off;
		n = number16(header.p + at + 1);
		if (n > left - TLV_HEAD)
			return cut_off;
		if (header.p[at] == TLV_CRC32C &&
		    (n != 4 || !is_whole(header, at + TLV_HEAD)))
			return "its checksum is wrong";
		at += TLV_HEAD + n;
	}
	return NULL;
}

/* Octets of both addresses, by the family's number. */
static size_t
addresses_len(unsigned family)
{
	static const size_t len[] = { 0, 2 * 4 + 2 * 2, 2 * 16 + 2 * 2,
		2 * 108 };

	return len[family];
}

static void
take_client(struct str header, unsigned family, struct proxy_header *h)
{
	size_t host = family == 1 ? 4 : 16;
	const char *from = header.p + HEAD;
	uint16_t port;

	if (family == 3) {
		h->has_client = true;
		h->client = (struct addr){ .len = sizeof(sa_family_t) };
		h->client.ss.ss_family = AF_UNIX;
		return;
	}
	memcpy(&port, from + 2 * host, sizeof port);
	set_client(h, family == 1 ? AF_INET : AF_INET6, from, port);
}

/* LOCAL, or no family: what the rest is is not told, but a checksum that can be
 * found has to be right. */
static enum proxy_status
parse_nobody(struct str header, struct proxy_header *h)
{
	const char *fault = NULL;

	if ((unsigned char)header.p[AT_FAMILY] >> 4 == 0)
		fault = tlv_fault(header, HEAD);
	return fault == NULL || fault == cut_off ? PROXY_DONE : bad(h, fault);
}

static enum proxy_status
parse_proxied(struct str header, struct proxy_header *h)
{
	unsigned family = (unsigned char)header.p[AT_FAMILY] >> 4;
	unsigned transport = (unsigned char)header.p[AT_FAMILY] & 0xf;

	if (family > 3 || transport > 2)
		return bad(h, "an address family or protocol that is none");
	if (header.len - HEAD < addresses_len(family))
		return bad(h, "its addresses are cut off");
	if (family == 0)
		return parse_nobody(header, h);
	h->fault = tlv_fault(header, HEAD + addresses_len(family));
	if (h->fault != NULL)
		return PROXY_BAD;
	if (transport == 1)
		take_client(header, family, h);
	return PROXY_DONE;
}

static enum proxy_status
parse_v2(struct str in, struct proxy_header *h)
{
	unsigned command;

	if (in.len < HEAD)
		return more(h,
		    in.len < LINE_LEAST ? LINE_LEAST - in.len : HEAD - in.len);
	command = (unsigned char)in.p[AT_COMMAND];
	if (command >> 4 != 2 || (command & 0xf) > 1)
		return bad(h, "a version or command that is none");
	h->len = HEAD + (size_t)number16(in.p + AT_LENGTH);
	if (h->len > PROXY_MAX)
		return bad(h, "it is longer than 4096 octets");
	if (in.len < h->len)
		return more(h, h->len - in.len);
	in.len = h->len;
	return (command & 0xf) == 0 ? parse_nobody(in, h)
	                            : parse_proxied(in, h);
}

enum proxy_status
proxy_parse(struct str in, struct proxy_header *h)
{
	*h = (struct proxy_header){ 0 };
	if (in.len == 0)
		return more(h, LINE_LEAST);
	if (begins(in, line_begin, sizeof line_begin))
		return parse_v1(in, h);
	if (begins(in, signature, sizeof signature))
		return parse_v2(in, h);
	return bad(h, "there is none");
}
