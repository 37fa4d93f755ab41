/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/dns - c-ares under our loop: its sockets are watches, its time-outs one
 * timer.  A look-up is an object in `asked` until its answer was handed out;
 * answers go out from loop_later(), never from inside c-ares, so a hook may
 * cancel, ask again or free the whole thing.
 * c-ares reads resolv.conf when a channel is made.  A daemon lives longer than
 * that file (it may start before the network is there), so when the file has
 * changed a new channel is made, and what was asked is asked there again.
 */
#include "postern/io/dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"

#include "io/dns_priv.h"

#define CACHE_MAX 256
#define TTL_MAX 300 /* s */
#define TTL_FAILED 5
#define TIMEOUT_MS 2000 /* of the first try; c-ares doubles it */
#define TRIES 3
#define LOOK_MS 5000 /* so often at most resolv.conf is looked at */

struct lookup {
	struct list node; /* in asked or ready */
	struct dns *dns;
	dns_fn *fn; /* NULL: cancelled */
	void *arg;
	char *host;
	enum dns_prefer prefer;
	uint16_t port;
	struct dns_answer answer;
};

struct cached {
	struct list node;
	char *host;
	uint64_t until_ms;
	struct dns_answer answer; /* port and order as the first one asked */
};

struct socket_watch {
	struct list node;
	struct dns *dns;
	ares_socket_t fd;
	struct watch *watch;
};

struct dns {
	struct loop *loop;
	struct dns_source source;
	struct stat seen;      /* of resolv.conf when the channel was made */
	uint64_t next_look_ms; /* at the file */
	bool moving;           /* to another channel */
	ares_channel channel;
	struct timer *timer;
	struct list asked, ready, cache, sockets;
	size_t ncached;
	uint64_t last_id;
	struct dns_count counted;
};

static void hand_out(void *arg);
static void arm(struct dns *d);

/* --- c-ares and the loop ---------------------------------------------------
 */

static void
on_socket(void *arg, bool readable, bool writable)
{
	struct socket_watch *w = arg;
	struct dns *d = w->dns;
	ares_socket_t fd = w->fd;

	ares_process_fd(d->channel, readable ? fd : ARES_SOCKET_BAD,
	    writable ? fd : ARES_SOCKET_BAD);
	arm(d);
}

static struct socket_watch *
find_socket(struct dns *d, ares_socket_t fd)
{
	for (struct list *n = d->sockets.next; n != &d->sockets; n = n->next) {
		struct socket_watch *w = LIST_OF(n, struct socket_watch, node);

		if (w->fd == fd)
			return w;
	}
	return NULL;
}

/* c-ares says what it wants to hear of a socket; nothing: it closes it. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	struct socket_watch *w = find_socket(d, fd);

	if (!readable && !writable) {
		if (w != NULL) {
			watch_free(&w->watch);
			list_remove(&w->node);
			free(w);
		}
		return;
	}
	if (w == NULL) {
		w = mem_new(sizeof *w);
		w->dns = d;
		w->fd = fd;
		w->watch = watch_new(d->loop, fd, on_socket, w);
		list_push(&d->sockets, &w->node);
	}
	watch_set(w->watch, readable != 0, writable != 0);
}

static void
on_timer(void *arg)
{
	struct dns *d = arg;

	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(d);
}

/* The timer follows c-ares' own next time-out. */
static void
arm(struct dns *d)
{
	struct timeval tv, *t = ares_timeout(d->channel, NULL, &tv);

	if (t == NULL)
		timer_stop(d->timer);
	else
		timer_set(d->timer, (uint64_t)t->tv_sec * 1000 +
		                        (uint64_t)t->tv_usec / 1000 + 1);
}

/* --- answers ----------------------------------------------------------------
 */

static bool
preferred(const struct addr *a, enum dns_prefer prefer)
{
	return (prefer == DNS_PREFER_IPV4 && a->ss.ss_family == AF_INET) ||
	       (prefer == DNS_PREFER_IPV6 && a->ss.ss_family == AF_INET6);
}

/* Preferred family first, else as they came; sets the port. */
static void
order(struct dns_answer *a, enum dns_prefer prefer, uint16_t port)
{
	struct addr sorted[DNS_ADDRS_MAX];
	size_t n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < a->n; i++)
			if (preferred(&a->addr[i], prefer) == (pass == 0))
				sorted[n++] = a->addr[i];
	for (size_t i = 0; i < n; i++) {
		struct sockaddr_storage *ss = &sorted[i].ss;

		if (ss->ss_family == AF_INET)
			((struct sockaddr_in *)ss)->sin_port = htons(port);
		else
			((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	}
	memcpy(a->addr, sorted, n * sizeof sorted[0]);
}

static void
add_addr(struct dns_answer *a, const struct sockaddr *sa, socklen_t len)
{
	if (a->n == DNS_ADDRS_MAX || len > sizeof a->addr[0].ss)
		return;
	memset(&a->addr[a->n], 0, sizeof a->addr[0]);
	memcpy(&a->addr[a->n].ss, sa, len);
	a->addr[a->n++].len = len;
}

static struct cached *
cached_find(struct dns *d, const char *host)
{
	for (struct list *n = d->cache.next; n != &d->cache; n = n->next) {
		struct cached *c = LIST_OF(n, struct cached, node);

		if (strcasecmp(c->host, host) == 0)
			return c;
	}
	return NULL;
}

static void
cached_drop(struct dns *d, struct cached *c)
{
	list_remove(&c->node);
	free(c->host);
	free(c);
	d->ncached--;
}

static void
remember(struct dns *d, const struct lookup *l)
{
	struct cached *c = cached_find(d, l->host);

	if (c != NULL)
		cached_drop(d, c);
	if (d->ncached >= CACHE_MAX) /* the oldest goes */
		cached_drop(d, LIST_OF(d->cache.next, struct cached, node));
	c = mem_new(sizeof *c);
	c->host = mem_str(l->host);
	c->answer = l->answer;
	c->until_ms = clock_mono_ms() + (uint64_t)l->answer.ttl * 1000;
	list_push(&d->cache, &c->node);
	d->ncached++;
}

static void
lookup_free(struct lookup *l)
{
	list_remove(&l->node);
	free(l->host);
	free(l);
}

static void
make_ready(struct dns *d, struct lookup *l)
{
	order(&l->answer, l->prefer, l->port);
	list_remove(&l->node);
	if (list_empty(&d->ready))
		loop_later(d->loop, hand_out, d);
	list_push(&d->ready, &l->node);
}

static void
collect(struct dns_answer *a, const struct ares_addrinfo *res)
{
	uint32_t ttl = TTL_MAX;

	for (struct ares_addrinfo_node *n = res->nodes; n; n = n->ai_next) {
		add_addr(a, n->ai_addr, n->ai_addrlen);
		if (n->ai_ttl >= 0 && (uint32_t)n->ai_ttl < ttl)
			ttl = (uint32_t)n->ai_ttl;
	}
	a->ttl = ttl;
}

static enum dns_result
result_of(int status, size_t n)
{
	switch (status) {
	case ARES_SUCCESS:
		return n > 0 ? DNS_FOUND : DNS_NONE;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return DNS_NONE;
	case ARES_ETIMEOUT:
		return DNS_TIMEOUT;
	default:
		return DNS_FAILED;
	}
}

static void
count(struct dns *d, enum dns_result r)
{
	stat_add(&d->counted.of[r], 1);
}

const struct dns_count *
dns_counted(const struct dns *d)
{
	return &d->counted;
}

const char *
dns_result_word(enum dns_result r)
{
	static const char *const words[DNS_RESULTS] = { "found", "none",
		"timeout", "failed", "cached" };

	return words[r];
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
	struct lookup *l = arg;
	struct dns *d = l->dns;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION && d->moving)
		return; /* asked again by move() */
	if (status == ARES_EDESTRUCTION) {
		if (res != NULL)
			ares_freeaddrinfo(res);
		lookup_free(l);
		return;
	}
	if (status == ARES_SUCCESS)
		collect(&l->answer, res);
	if (res != NULL)
		ares_freeaddrinfo(res);
	count(d, result_of(status, l->answer.n));
	if (l->answer.n == 0) {
		l->answer.ttl = TTL_FAILED;
		err_set(&l->answer.err, ERR_NETWORK, "%s: %s", l->host,
		    status == ARES_SUCCESS ? "no address"
		                           : ares_strerror(status));
	}
	remember(d, l);
	make_ready(d, l);
}

/* One answer a call, taken out of the list before its hook runs: the hook may
 * ask, cancel or (through dns_free) end everything. */
static void
hand_out(void *arg)
{
	struct dns *d = arg;
	struct list *n = list_pop(&d->ready);
	struct lookup *l;

	if (n == NULL)
		return;
	if (!list_empty(&d->ready))
		loop_later(d->loop, hand_out, d);
	l = LIST_OF(n, struct lookup, node);
	if (l->fn != NULL)
		l->fn(l->arg, &l->answer);
	lookup_free(l);
}

/* --- asking ------------------------------------------------------------------
 */

static bool
numeric(struct lookup *l)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, l->host, &in.sin_addr) == 1)
		add_addr(&l->answer, (struct sockaddr *)&in, sizeof in);
	else if (inet_pton(AF_INET6, l->host, &in6.sin6_addr) == 1)
		add_addr(&l->answer, (struct sockaddr *)&in6, sizeof in6);
	l->answer.ttl = TTL_MAX;
	return l->answer.n > 0;
}

/* RFC 6761 6.3: needs no server, and no /etc/hosts. */
static bool
is_localhost(const char *host)
{
	static const char tail[] = ".localhost";
	size_t n = strlen(host);

	if (n && host[n - 1] == '.')
		n--;
	return (n == sizeof tail - 2 && !strncasecmp(host, tail + 1, n)) ||
	       (n >= sizeof tail && !strncasecmp(host + n - (sizeof tail - 1),
	                                tail, sizeof tail - 1));
}

static bool
localhost(struct lookup *l)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (!is_localhost(l->host))
		return false;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	add_addr(&l->answer, (struct sockaddr *)&in, sizeof in);
	add_addr(&l->answer, (struct sockaddr *)&in6, sizeof in6);
	l->answer.ttl = TTL_MAX;
	return true;
}

static bool
from_cache(struct dns *d, struct lookup *l)
{
	struct cached *c = cached_find(d, l->host);
	uint64_t id = l->answer.id;

	if (c == NULL)
		return false;
	if (clock_mono_ms() >= c->until_ms) {
		cached_drop(d, c);
		return false;
	}
	l->answer = c->answer;
	l->answer.id = id;
	count(d, DNS_CACHED);
	return true;
}

static void
ask(struct dns *d, struct lookup *l)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT };

	ares_getaddrinfo(d->channel, l->host, NULL, &hints, on_answer, l);
}

static int
new_channel(struct dns *d, ares_channel *channel)
{
	struct ares_options o = { .sock_state_cb = on_state,
		.sock_state_cb_data = d,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.udp_port = d->source.port,
		.tcp_port = d->source.port };
	int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS |
	           ARES_OPT_TRIES | ARES_OPT_RESOLVCONF;

	if (d->source.port)
		mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
	o.resolvconf_path = (char *)(uintptr_t)d->source.resolv_conf;
	if (stat(d->source.resolv_conf, &d->seen) < 0)
		d->seen = (struct stat){ 0 };
	return ares_init_options(channel, &o, mask);
}

/* To a new channel, with everything that is asked. */
static void
move(struct dns *d)
{
	ares_channel old = d->channel, channel;
	struct list again = { 0 }, *n;

	if (new_channel(d, &channel) != ARES_SUCCESS) {
		d->seen = (struct stat){ 0 }; /* try again next time */
		return;
	}
	d->channel = channel;
	d->moving = true;
	ares_destroy(old);
	d->moving = false;
	while (!list_empty(&d->cache)) /* of another network, perhaps */
		cached_drop(d, LIST_OF(d->cache.next, struct cached, node));
	list_init(&again);
	while ((n = list_pop(&d->asked)))
		list_push(&again, n);
	while ((n = list_pop(&again))) {
		list_push(&d->asked, n);
		ask(d, LIST_OF(n, struct lookup, node));
	}
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Never called from inside c-ares. */
static void
look_at_file(struct dns *d)
{
	uint64_t now_ms = clock_mono_ms();
	struct stat st;

	if (now_ms < d->next_look_ms)
		return;
	d->next_look_ms = now_ms + d->source.look_ms;
	if (stat(d->source.resolv_conf, &st) == 0 &&
	    !is_same_file(&st, &d->seen))
		move(d);
}

uint64_t
dns_lookup(struct dns *d, const char *host, uint16_t port,
    enum dns_prefer prefer, dns_fn *fn, void *arg)
{
	struct lookup *l = mem_new(sizeof *l);
	uint64_t id = l->answer.id = ++d->last_id;

	look_at_file(d);
	l->dns = d;
	l->fn = fn;
	l->arg = arg;
	l->host = mem_str(host);
	l->port = port;
	l->prefer = prefer;
	list_push(&d->asked, &l->node);
	if (numeric(l) || localhost(l) || from_cache(d, l)) {
		make_ready(d, l);
		return id;
	}
	ask(d, l);
	arm(d);
	return id;
}

static void
cancel_in(struct list *head, uint64_t id)
{
	for (struct list *n = head->next; n != head; n = n->next) {
		struct lookup *l = LIST_OF(n, struct lookup, node);

		if (l->answer.id == id)
			l->fn = NULL; /* the answer still fills the cache */
	}
}

void
dns_cancel(struct dns *d, uint64_t id)
{
	cancel_in(&d->asked, id);
	cancel_in(&d->ready, id);
}

int
dns_open(struct dns **dp, struct loop *l, const struct dns_source *source,
    struct err *err)
{
	struct dns *d = mem_new(sizeof *d);
	int rc = ares_library_init(ARES_LIB_INIT_ALL);

	d->loop = l;
	d->source = *source;
	d->next_look_ms = clock_mono_ms() + source->look_ms;
	list_init(&d->asked);
	list_init(&d->ready);
	list_init(&d->cache);
	list_init(&d->sockets);
	if (rc == ARES_SUCCESS)
		rc = new_channel(d, &d->channel);
	if (rc != ARES_SUCCESS) {
		free(d);
		return err_set(
		    err, ERR_SYSTEM, "resolver: %s", ares_strerror(rc));
	}
	d->timer = timer_new(l, on_timer, d);
	*dp = d;
	return 0;
}

int
dns_new(struct dns **d, struct loop *l, struct err *err)
{
	static const struct dns_source source = { "/etc/resolv.conf", 0,
		LOOK_MS };

	return dns_open(d, l, &source, err);
}

void
dns_free(struct dns **dp)
{
	struct dns *d = *dp;
	struct list *n;

	if (d == NULL)
		return;
	*dp = NULL;
	loop_cancel_later(d->loop, hand_out, d);
	ares_destroy(d->channel); /* ends what is asked: on_answer frees it */
	assert(list_empty(&d->asked));
	while ((n = list_pop(&d->ready)) != NULL)
		lookup_free(LIST_OF(n, struct lookup, node));
	while (!list_empty(&d->cache))
		cached_drop(d, LIST_OF(d->cache.next, struct cached, node));
	timer_free(&d->timer);
	ares_library_cleanup();
	free(d);
}
