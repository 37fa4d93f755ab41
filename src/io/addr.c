/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "postern/base/str.h"

#define UNIX_PREFIX "unix:"
#define UID_PREFIX "uid=" /* no path of a listener: those begin with / */

static int
parse_unix(struct addr *a, const char *path, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (path[0] != '/')
		return err_set(err, ERR_CONFIG,
		    "%s: the path of a unix socket starts with /", path);
	if (n >= sizeof un.sun_path)
		return err_set(err, ERR_CONFIG,
		    "%s: the path of a unix socket has at most %zu bytes", path,
		    sizeof un.sun_path - 1);
	memcpy(un.sun_path, path, n + 1);
	*a = (struct addr){ 0 };
	memcpy(&a->ss, &un, sizeof un);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

static bool
set_ipv4(struct addr *a, const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		return false;
	*a = (struct addr){ .len = sizeof in };
	memcpy(&a->ss, &in, sizeof in);
	return true;
}

static bool
set_ipv6(struct addr *a, char *host, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	char *zone = strchr(host, '%');

	if (zone) {
		*zone++ = '\0';
		in6.sin6_scope_id = if_nametoindex(zone);
		if (in6.sin6_scope_id == 0)
			return false;
	}
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
		return false;
	*a = (struct addr){ .len = sizeof in6 };
	memcpy(&a->ss, &in6, sizeof in6);
	return true;
}

int
addr_parse(struct addr *a, const char *text, struct err *err)
{
	char host[ADDR_TEXT];
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint64_t port;
	bool v6;

	if (!strncmp(text, UNIX_PREFIX, sizeof UNIX_PREFIX - 1))
		return parse_unix(a, text + sizeof UNIX_PREFIX - 1, err);
	if (!colon || !str_u64(str_of(colon + 1), &port) || port > 65535)
		return err_set(err, ERR_CONFIG,
		    "%s: write ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH",
		    text);
	v6 = n > 2 && text[0] == '[' && text[n - 1] == ']';
	if (v6) {
		text++;
		n -= 2;
	}
	snprintf(host, sizeof host, "%.*s", (int)n, text);
	if (n < sizeof host && (v6 ? set_ipv6(a, host, (uint16_t)port)
	                           : set_ipv4(a, host, (uint16_t)port)))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "%s: not a numeric IPv4 address or IPv6 address in []", host);
}

static void
ip_text(const struct addr *a, char out[ADDR_TEXT], uint16_t *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (a->ss.ss_family == AF_INET) {
		memcpy(&in, &a->ss, sizeof in);
		inet_ntop(AF_INET, &in.sin_addr, out, ADDR_TEXT);
		*port = ntohs(in.sin_port);
	} else {
		memcpy(&in6, &a->ss, sizeof in6);
		inet_ntop(AF_INET6, &in6.sin6_addr, out, ADDR_TEXT);
		*port = ntohs(in6.sin6_port);
	}
}

static void
unix_text(const struct addr *a, char out[ADDR_TEXT])
{
	const char *path = ((const struct sockaddr_un *)&a->ss)->sun_path;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = a->len > head ? a->len - head : 0;

	snprintf(out, ADDR_TEXT, UNIX_PREFIX "%.*s", (int)n, path);
}

void
addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	char host[ADDR_TEXT];
	uint16_t port;

	if (addr_is_unix(a)) {
		unix_text(a, out);
		return;
	}
	ip_text(a, host, &port);
	snprintf(out, ADDR_TEXT,
	    a->ss.ss_family == AF_INET6 ? "[%.64s]:%u" : "%.64s:%u", host,
	    port);
}

void
addr_host_text(const struct addr *a, char out[ADDR_TEXT])
{
	uint16_t port;
	uid_t uid;

	if (addr_uid(a, &uid))
		snprintf(out, ADDR_TEXT, UID_PREFIX "%lu", (unsigned long)uid);
	else if (addr_is_unix(a))
		snprintf(out, ADDR_TEXT, "local");
	else
		ip_text(a, out, &port);
}

bool
addr_is_loopback(const struct addr *a)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	const unsigned char *b = in6.sin6_addr.s6_addr;

	if (addr_is_unix(a))
		return true;
	if (a->ss.ss_family == AF_INET) {
		memcpy(&in, &a->ss, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	memcpy(&in6, &a->ss, sizeof in6);
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && b[12] == 127);
}

bool
addr_is_unix(const struct addr *a)
{
	return a->ss.ss_family == AF_UNIX;
}

void
addr_of_uid(struct addr *a, uid_t uid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int n = snprintf(un.sun_path, sizeof un.sun_path, UID_PREFIX "%lu",
	    (unsigned long)uid);

	*a = (struct addr){ 0 };
	memcpy(&a->ss, &un, sizeof un);
	a->len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
}

bool
addr_uid(const struct addr *a, uid_t *uid)
{
	struct sockaddr_un un;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	struct str path;
	uint64_t n;

	if (!addr_is_unix(a) || a->len <= head)
		return false;
	memcpy(&un, &a->ss, sizeof un);
	path = (struct str){ un.sun_path, a->len - head };
	if (!str_starts_case(path, STR(UID_PREFIX)))
		return false;
	path.p += sizeof UID_PREFIX - 1;
	path.len -= sizeof UID_PREFIX - 1;
	if (!str_u64(path, &n) || n > UINT32_MAX)
		return false;
	*uid = (uid_t)n;
	return true;
}

void
addr_unmap(struct addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6;

	if (a->ss.ss_family != AF_INET6)
		return;
	memcpy(&in6, &a->ss, sizeof in6);
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	in.sin_port = in6.sin6_port;
	memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + 12, sizeof in.sin_addr);
	*a = (struct addr){ .len = sizeof in };
	memcpy(&a->ss, &in, sizeof in);
}
