/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/str.h"
#include "postern/io/addr.h"

/* The bits of a byte that a prefix covers, bits of it left from here on. */
static uint8_t
mask_of(unsigned bits)
{
	if (bits >= 8)
		return 0xff;
	return (uint8_t)(0xff00u >> bits);
}

static bool
is_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (size_t i = 0; i * 8 < bits; i++) {
		uint8_t mask = mask_of(bits - (unsigned)i * 8);

		if (((a[i] ^ b[i]) & mask) != 0)
			return false;
	}
	return true;
}

/* Clears what is behind the prefix; true: there was something. */
static bool
cut_host_bits(struct network *n)
{
	unsigned all = n->v4 ? 32 : 128;
	bool had = false;

	for (size_t i = 0; i * 8 < all; i++) {
		unsigned left = n->bits > i * 8 ? n->bits - (unsigned)i * 8 : 0;
		uint8_t kept = (uint8_t)(n->bytes[i] & mask_of(left));

		had = had || kept != n->bytes[i];
		n->bytes[i] = kept;
	}
	return had;
}

static int
parse_address(struct network *n, struct str text)
{
	char word[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof word)
		return -1;
	memcpy(word, text.p, text.len);
	word[text.len] = '\0';
	memset(n, 0, sizeof *n);
	n->v4 = memchr(word, ':', text.len) == NULL;
	if (inet_pton(n->v4 ? AF_INET : AF_INET6, word, n->bytes) != 1)
		return -1;
	n->bits = n->v4 ? 32 : 128;
	return 0;
}

int
network_parse(struct network *n, const char *text, struct err *err)
{
	struct str rest = str_of(text);
	bool has_bits = memchr(rest.p, '/', rest.len) != NULL;
	struct str address = str_cut(&rest, '/');
	struct network got;
	char word[INET6_ADDRSTRLEN];
	uint64_t bits;

	if (parse_address(&got, address) == -1)
		return err_set(err, ERR_CONFIG,
		    "%s: not a network; write it like 10.0.0.0/8", text);
	if (has_bits && (!str_u64(rest, &bits) || bits > got.bits))
		return err_set(err, ERR_CONFIG,
		    "%s: the prefix is a number up to %u", text, got.bits);
	if (has_bits)
		got.bits = (uint8_t)bits;
	if (cut_host_bits(&got)) {
		inet_ntop(
		    got.v4 ? AF_INET : AF_INET6, got.bytes, word, sizeof word);
		return err_set(err, ERR_CONFIG,
		    "%s: bits are set behind the prefix; write %s/%u", text,
		    word, got.bits);
	}
	*n = got;
	return 0;
}

bool
network_has(const struct network *n, const struct addr *a)
{
	const struct sockaddr_in *in4 = (const void *)&a->ss;
	const struct sockaddr_in6 *in6 = (const void *)&a->ss;
	const uint8_t *bytes;
	bool v4;

	if (a->ss.ss_family == AF_INET) {
		bytes = (const void *)&in4->sin_addr;
		v4 = true;
	} else if (a->ss.ss_family == AF_INET6) {
		bytes = in6->sin6_addr.s6_addr;
		v4 = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
		bytes += v4 ? 12 : 0;
	} else {
		return false;
	}
	return v4 == n->v4 && is_same(bytes, n->bytes, n->bits);
}
