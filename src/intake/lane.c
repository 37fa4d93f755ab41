/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/lane.h"

#include <string.h>

#include "postern/base/crc32c.h"
#include "postern/mail/header.h"

#define HEADER "header:"

static struct str
domain_of(struct str address)
{
	for (size_t i = address.len; i > 0; i--) {
		if (address.p[i - 1] == '@')
			return (struct str){ address.p + i, address.len - i };
	}
	return address;
}

/* Letters of either case are one: a sender has one lane. */
static uint8_t
hash_of(struct str key)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < key.len; i++) {
		char c = key.p[i];

		c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		hash = crc32c(hash, &c, 1);
	}
	return (uint8_t)(1 + hash % 255);
}

bool
lane_header(const char *lane, struct str *name)
{
	size_t n = strlen(HEADER);

	if (lane == NULL || strncmp(lane, HEADER, n) != 0)
		return false;
	*name = str_of(lane + n);
	return true;
}

uint8_t
lane_of(const char *lane, const struct lane_who *who)
{
	struct str name;

	if (lane == NULL)
		return 0;
	if (lane_header(lane, &name))
		return who->value.len == 0 ? 0 : hash_of(who->value);
	if (strcmp(lane, "sender") == 0)
		return hash_of(str_of(who->sender));
	if (strcmp(lane, "sender-domain") == 0)
		return hash_of(domain_of(str_of(who->sender)));
	if (strcmp(lane, "client") == 0)
		return hash_of(str_of(who->client));
	if (strcmp(lane, "user") == 0)
		return who->user == NULL ? 0 : hash_of(str_of(who->user));
	return hash_of(str_of(lane));
}

static bool
is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return s.len > 0 && s.len <= LANE_NAME_MAX;
}

int
lane_check(struct str text, struct err *err)
{
	struct str rest = text;

	if (is_name(text))
		return 0;
	if (!str_eq(str_cut(&rest, ':'), STR("header")))
		return err_set(err, ERR_CONFIG,
		    "is no lane; write 1 to %d letters, digits, '-', '_', "
		    "'.', or header:X-Tenant",
		    LANE_NAME_MAX);
	if (header_is_name(rest))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "names no field of a header; write header:X-Tenant");
}
