/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/io/loop.h"

#include "io/dns_priv.h"

/* --- a name server, in the same loop ---------------------------------------
 */

#define A 1
#define AAAA 28

struct zone {
	const char *name;
	int rcode; /* 3: NXDOMAIN, 2: SERVFAIL, -1: no answer at all */
	uint32_t ttl;
	const char *v4[20], *v6[3];
};

static const struct zone zones[] = {
	{ "both.test", 0, 60, { "192.0.2.1", "192.0.2.2" }, { "2001:db8::1" } },
	{ "four.test", 0, 100000, { "192.0.2.4" }, { NULL } },
	{ "six.test", 0, 0, { NULL }, { "2001:db8::6" } },
	{ "empty.test", 0, 60, { NULL }, { NULL } },
	{ "gone.test", 3, 60, { NULL }, { NULL } },
	{ "broken.test", 2, 60, { NULL }, { NULL } },
	{ "silent.test", -1, 60, { NULL }, { NULL } },
	{ "many.test", 0, 60,
	    { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
	        "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9",
	        "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13",
	        "192.0.2.14", "192.0.2.15", "192.0.2.16", "192.0.2.17" },
	    { NULL } },
};

struct server {
	int fd;
	uint16_t port;
	struct watch *watch;
	int queries;
	bool refuses; /* everything is SERVFAIL */
};

/* The name in the question at p, as text; where the question ends. */
static size_t
read_name(const unsigned char *p, char *name)
{
	size_t at = 0;

	*name = '\0';
	while (p[at]) {
		if (*name)
			strcat(name, ".");
		strncat(name, (const char *)p + at + 1, p[at]);
		at += p[at] + 1u;
	}
	return at + 1;
}

static size_t
add_record(unsigned char *p, int type, uint32_t ttl, const char *addr)
{
	size_t n = type == A ? 4 : 16;
	unsigned char head[12] = { 0xc0, 12, 0, (unsigned char)type, 0, 1,
		(unsigned char)(ttl >> 24), (unsigned char)(ttl >> 16),
		(unsigned char)(ttl >> 8), (unsigned char)ttl, 0,
		(unsigned char)n };

	memcpy(p, head, sizeof head);
	inet_pton(type == A ? AF_INET : AF_INET6, addr, p + sizeof head);
	return sizeof head + n;
}

static size_t
answer(struct server *s, unsigned char *p, const struct zone *z, size_t n,
    int type)
{
	const char *const *addr = type == A ? z->v4 : z->v6;

	p[2] |= 0x80; /* a response */
	p[3] = (unsigned char)(0x80 | (s->refuses ? 2 : z->rcode));
	p[10] = p[11] = 0; /* no additional section */
	for (; *addr && !s->refuses; addr++) {
		n += add_record(p + n, type, z->ttl, *addr);
		p[7]++;
	}
	return n;
}

static void
on_query(void *arg, bool readable, bool writable)
{
	struct server *s = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	unsigned char p[1500];
	char name[256];
	size_t end;

	(void)readable;
	(void)writable;
	if (recvfrom(s->fd, p, 512, 0, (struct sockaddr *)&from, &len) < 12)
		return;
	end = 12 + read_name(p + 12, name) + 4;
	s->queries++;
	for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
		if (strcasecmp(zones[i].name, name) || zones[i].rcode < 0)
			continue;
		end = answer(s, p, &zones[i], end, p[end - 3]);
		sendto(s->fd, p, end, 0, (struct sockaddr *)&from, len);
	}
}

static void
server_start(struct server *s, struct loop *l, uint32_t host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	socklen_t len = sizeof in;

	in.sin_addr.s_addr = htonl(host);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&in, len), 0);
	getsockname(s->fd, (struct sockaddr *)&in, &len);
	s->port = ntohs(in.sin_port);
	s->watch = watch_new(l, s->fd, on_query, s);
	watch_set(s->watch, true, false);
}

static void
server_stop(struct server *s)
{
	watch_free(&s->watch);
	close(s->fd);
}

/* --- the world
 * ----------------------------------------------------------------
 */

static struct loop *loop;
static struct dns *dns;
static struct server server, second;
static char file[] = "/tmp/postern-resolv.XXXXXX";

static void
write_file(const char *servers)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fprintf(f, "%s", servers);
	fclose(f);
}

static int
setup(void **state)
{
	struct dns_source source = { file, 0, 0 };
	struct err err;

	(void)state;
	memset(&server, 0, sizeof server);
	memset(&second, 0, sizeof second);
	if (loop_new(&loop, &err) < 0)
		return -1;
	server_start(&server, loop, 0x7f000001, 0);
	server_start(&second, loop, 0x7f000002, server.port);
	write_file("nameserver 127.0.0.1\n");
	source.port = server.port;
	return dns_open(&dns, loop, &source, &err);
}

static int
teardown(void **state)
{
	(void)state;
	dns_free(&dns);
	dns_free(&dns);
	server_stop(&server);
	server_stop(&second);
	loop_free(&loop);
	unlink(file);
	return 0;
}

struct asker {
	struct dns_answer got;
	int answers;
	void (*then)(struct asker *a);
};

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct asker *k = arg;

	k->got = *a;
	k->answers++;
	if (k->then)
		k->then(k);
	else
		loop_stop(loop);
}

static void
too_long(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
run_for(uint64_t ms)
{
	struct timer *t = timer_new(loop, too_long, NULL);

	timer_set(t, ms);
	loop_run(loop);
	timer_free(&t);
}

static void
ask(struct asker *k, const char *host, enum dns_prefer prefer)
{
	uint64_t id = dns_lookup(dns, host, 25, prefer, on_answer, k);

	assert_int_equal(k->answers, 0); /* never inside the call */
	run_for(10000);
	if (k->answers != 1)
		fail_msg("%s: %d answers", host, k->answers);
	assert_true(k->got.id == id);
}

static const struct {
	const char *why, *host;
	enum dns_prefer prefer;
	const char *addrs; /* in order */
	uint32_t ttl;
	const char *error; /* or NULL */
} rows[] = {
	{ "IPv4 first", "both.test", DNS_PREFER_IPV4,
	    "192.0.2.1:25 192.0.2.2:25 [2001:db8::1]:25", 60, NULL },
	{ "IPv6 first", "both.test", DNS_PREFER_IPV6,
	    "[2001:db8::1]:25 192.0.2.1:25 192.0.2.2:25", 60, NULL },
	{ "case does not count", "BOTH.test", DNS_PREFER_IPV6,
	    "[2001:db8::1]:25 192.0.2.1:25 192.0.2.2:25", 60, NULL },
	{ "IPv4 only; the TTL is cut", "four.test", DNS_PREFER_IPV6,
	    "192.0.2.4:25", 300, NULL },
	{ "IPv6 only, TTL 0", "six.test", DNS_PREFER_ANY, "[2001:db8::6]:25", 0,
	    NULL },
	{ "numeric IPv4", "192.0.2.9", DNS_PREFER_IPV6, "192.0.2.9:25", 300,
	    NULL },
	{ "numeric IPv6", "2001:db8::9", DNS_PREFER_IPV4, "[2001:db8::9]:25",
	    300, NULL },
	{ "localhost", "localhost", DNS_PREFER_ANY, "127.0.0.1:25 [::1]:25",
	    300, NULL },
	{ "localhost, IPv6", "LocalHost.", DNS_PREFER_IPV6,
	    "[::1]:25 127.0.0.1:25", 300, NULL },
	{ "below localhost", "a.localhost", DNS_PREFER_ANY,
	    "127.0.0.1:25 [::1]:25", 300, NULL },
	{ "no such name", "gone.test", DNS_PREFER_ANY, "", 5,
	    "gone.test: Domain name not found" },
	{ "no address", "empty.test", DNS_PREFER_ANY, "", 5,
	    "empty.test: DNS server returned answer with no data" },
	{ "the server fails", "broken.test", DNS_PREFER_ANY, "", 5,
	    "broken.test: " },
	{ "no name can be like that", "a..test", DNS_PREFER_ANY, "", 5,
	    "a..test: Misformatted domain name" },
	{ "16 addresses at most", "many.test", DNS_PREFER_ANY,
	    "192.0.2.1:25 192.0.2.2:25 192.0.2.3:25 192.0.2.4:25 192.0.2.5:25 "
	    "192.0.2.6:25 192.0.2.7:25 192.0.2.8:25 192.0.2.9:25 192.0.2.10:25 "
	    "192.0.2.11:25 192.0.2.12:25 192.0.2.13:25 192.0.2.14:25 "
	    "192.0.2.15:25 192.0.2.16:25",
	    60, NULL },
};

static void
names_are_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct asker k = { 0 };
		char text[1024] = "", one[ADDR_TEXT];
		const char *error = rows[i].error;

		ask(&k, rows[i].host, rows[i].prefer);
		for (size_t a = 0; a < k.got.n; a++) {
			addr_text(&k.got.addr[a], one);
			strcat(text, a ? " " : "");
			strcat(text, one);
		}
		if (strcmp(text, rows[i].addrs) != 0)
			fail_msg("%s: %s", rows[i].why, text);
		assert_int_equal(k.got.ttl, rows[i].ttl);
		assert_int_equal(
		    k.got.err.kind, error ? ERR_NETWORK : ERR_NONE);
		if (error && strncmp(k.got.err.text, error, strlen(error)))
			fail_msg("%s: %s", rows[i].why, k.got.err.text);
	}
}

static uint64_t
counted(enum dns_result r)
{
	return stat_get(&dns_counted(dns)->of[r]);
}

static void
a_look_up_that_fails_is_counted_so(void **state)
{
	struct asker k[4] = { 0 };

	(void)state;
	ask(&k[0], "broken.test", DNS_PREFER_ANY);
	ask(&k[1], "a..test", DNS_PREFER_ANY);
	assert_int_equal(counted(DNS_FAILED), 2);
	ask(&k[2], "empty.test", DNS_PREFER_ANY);
	assert_int_equal(counted(DNS_NONE), 1);
	ask(&k[3], "192.0.2.9", DNS_PREFER_ANY); /* is no look-up */
	assert_int_equal(counted(DNS_FOUND) + counted(DNS_CACHED), 0);
	assert_string_equal(dns_result_word(DNS_FAILED), "failed");
}

static void
answers_are_kept_for_their_time(void **state)
{
	struct asker k[6] = { 0 };

	(void)state;
	ask(&k[0], "both.test", DNS_PREFER_ANY);
	assert_int_equal(server.queries, 2);
	ask(&k[1], "both.test", DNS_PREFER_ANY);
	assert_int_equal(server.queries, 2);
	assert_int_equal(k[1].got.n, 3);
	ask(&k[2], "gone.test", DNS_PREFER_ANY); /* failures too */
	assert_int_equal(server.queries, 4);
	ask(&k[3], "gone.test", DNS_PREFER_ANY);
	assert_int_equal(server.queries, 4);
	assert_int_equal(k[3].got.err.kind, ERR_NETWORK);
	ask(&k[4], "six.test", DNS_PREFER_ANY);
	ask(&k[5], "six.test", DNS_PREFER_ANY); /* TTL 0 */
	assert_int_equal(server.queries, 8);
	assert_int_equal(counted(DNS_FOUND), 3);
	assert_int_equal(counted(DNS_NONE), 1);
	assert_int_equal(counted(DNS_CACHED), 2);
	assert_int_equal(counted(DNS_FAILED) + counted(DNS_TIMEOUT), 0);
}

static void
the_cache_is_bounded(void **state)
{
	struct asker k = { 0 };
	int before;

	(void)state;
	ask(&k, "both.test", DNS_PREFER_ANY);
	for (int i = 0; i < 300; i++) {
		char name[80];

		/* A label over 63: fails in c-ares itself, and is kept. */
		snprintf(name, sizeof name, "%070d.test", i);
		k.answers = 0;
		ask(&k, name, DNS_PREFER_ANY);
	}
	before = server.queries;
	k.answers = 0;
	ask(&k, "both.test", DNS_PREFER_ANY); /* the oldest went */
	assert_int_equal(server.queries, before + 2);
}

static void
cancel_the_other(struct asker *k)
{
	(void)k;
	loop_stop(loop);
}

static void
a_cancelled_look_up_is_not_answered(void **state)
{
	struct asker k[3] = { { .then = cancel_the_other },
		{ .then = cancel_the_other }, { .then = cancel_the_other } };
	uint64_t id[3];

	(void)state;
	id[0] =
	    dns_lookup(dns, "both.test", 25, DNS_PREFER_ANY, on_answer, &k[0]);
	id[1] =
	    dns_lookup(dns, "192.0.2.1", 25, DNS_PREFER_ANY, on_answer, &k[1]);
	id[2] = dns_lookup(
	    dns, "silent.test", 25, DNS_PREFER_ANY, on_answer, &k[2]);
	for (int i = 0; i < 3; i++)
		dns_cancel(dns, id[i]);
	dns_cancel(dns, 12345);
	run_for(50);
	for (int i = 0; i < 3; i++)
		assert_int_equal(k[i].answers, 0);
	dns_cancel(dns, id[0]); /* long answered */
}

static void
free_dns(struct asker *k)
{
	(void)k;
	dns_free(&dns);
	loop_stop(loop);
}

static void
the_hook_may_free_it(void **state)
{
	struct asker k[3] = { { .then = free_dns }, { .then = free_dns },
		{ .then = NULL } };

	(void)state;
	dns_lookup(dns, "192.0.2.1", 25, DNS_PREFER_ANY, on_answer, &k[0]);
	dns_lookup(dns, "192.0.2.2", 25, DNS_PREFER_ANY, on_answer, &k[1]);
	dns_lookup(dns, "silent.test", 25, DNS_PREFER_ANY, on_answer, &k[2]);
	run_for(10000);
	assert_null(dns);
	run_for(20);
	assert_int_equal(k[0].answers, 1);
	assert_int_equal(k[1].answers + k[2].answers, 0);
}

static void
ask_again(struct asker *k)
{
	if (k->answers < 5)
		dns_lookup(dns, "both.test", 25, DNS_PREFER_ANY, on_answer, k);
	else
		loop_stop(loop);
}

static void
the_hook_may_ask_again(void **state)
{
	struct asker k = { .then = ask_again };

	(void)state;
	dns_lookup(dns, "both.test", 25, DNS_PREFER_ANY, on_answer, &k);
	run_for(10000);
	assert_int_equal(k.answers, 5);
	assert_int_equal(server.queries, 2);
}

static void
a_changed_file_is_read_again(void **state)
{
	struct asker waiting = { 0 }, k = { 0 };

	(void)state;
	server.refuses = true;
	dns_lookup(dns, "silent.test", 25, DNS_PREFER_ANY, on_answer, &waiting);
	while (server.queries == 0)
		run_for(5);
	write_file("# moved\nnameserver 127.0.0.2\n");
	ask(&k, "both.test", DNS_PREFER_ANY);
	assert_int_equal(k.got.n, 3);
	while (second.queries < 4) /* the one that waits moved too */
		run_for(5);
	assert_int_equal(waiting.answers, 0);
	k.answers = 0;
	write_file("");
	ask(&k, "192.0.2.1", DNS_PREFER_ANY); /* no server: still numeric */
}

static void
the_systems_own_resolver_opens(void **state)
{
	struct dns *d = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(dns_new(&d, loop, &err), 0);
	dns_free(&d);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_are_answered),
		TEST(a_look_up_that_fails_is_counted_so),
		TEST(answers_are_kept_for_their_time),
		TEST(the_cache_is_bounded),
		TEST(a_cancelled_look_up_is_not_answered),
		TEST(the_hook_may_free_it),
		TEST(the_hook_may_ask_again),
		TEST(a_changed_file_is_read_again),
		TEST(the_systems_own_resolver_opens),
	};
	int fd = mkstemp(file);

	if (fd < 0)
		return 1;
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
