/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl's multi interface: its sockets are watches, its time-outs one timer.
 * Names are resolved by curl's own threads (Debian's build).  curl's clock is
 * real even where ours runs faster, so what it is told is in real ms.
 */
#include "config.h"
#include "postern/io/http_client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

bool
http_client_is_there(void)
{
#if HAVE_CURL
	return true;
#else
	return false;
#endif
}

/* --- addresses --------------------------------------------------------------
 */

/* 127.0.0.0/8 and ::1 by number, and localhost (RFC 6761 6.3). */
static bool
is_loopback(struct str host)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in_addr in;

	if (str_is(host, "localhost") || str_is(host, "[::1]"))
		return true;
	if (host.len >= sizeof text)
		return false;
	memcpy(text, host.p, host.len);
	return inet_pton(AF_INET, text, &in) == 1 &&
	       ntohl(in.s_addr) >> 24 == 127;
}

static struct str
host_of(struct str rest)
{
	size_t n = 0;
	bool inside = false;

	while (n < rest.len && rest.p[n] != '/' && rest.p[n] != '?' &&
	       rest.p[n] != '#' && (inside || rest.p[n] != ':')) {
		inside = (inside || rest.p[n] == '[') && rest.p[n] != ']';
		n++;
	}
	return (struct str){ rest.p, n };
}

int
http_client_check_url(const char *url, struct err *err)
{
	struct str s = str_of(url), https = STR("https://");
	struct str http = STR("http://"), host;
	bool clear = str_starts_case(s, http);
	size_t skip = clear ? http.len : https.len;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '@')
			return err_set(err, ERR_CONFIG,
			    "\"%.100s\" has a character that no URL has here; "
			    "write https://HOST/PATH",
			    url);
	}
	if (!clear && !str_starts_case(s, https))
		return err_set(err, ERR_CONFIG,
		    "\"%.100s\" is no https URL; write https://HOST/PATH", url);
	host = host_of((struct str){ s.p + skip, s.len - skip });
	if (host.len == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%.100s\" has no host; write https://HOST/PATH", url);
	if (clear && !is_loopback(host))
		return err_set(err, ERR_CONFIG,
		    "\"%.100s\" would show the secret to everybody on the "
		    "way; write https://",
		    url);
	return 0;
}

#if HAVE_CURL

#include <curl/curl.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/io/loop.h"

struct transfer {
	struct list node;
	CURL *curl;
	http_client_fn *fn; /* NULL: nobody waits any more */
	void *arg;
	char *form; /* owned, wiped */
	struct buf body;
	char error[CURL_ERROR_SIZE];
};

struct socket_watch {
	struct list node;
	struct http_client *client;
	curl_socket_t fd;
	struct watch *watch;
};

struct http_client {
	struct loop *loop;
	CURLM *multi;
	struct timer *timer;
	struct list transfers, sockets;
};

/* --- curl and the loop ------------------------------------------------------
 */

static void finish_all(void *arg);

static void
act(struct http_client *h, curl_socket_t fd, int what)
{
	int running;

	(void)curl_multi_socket_action(h->multi, fd, what, &running);
	loop_later(h->loop, finish_all, h);
}

static void
on_socket(void *arg, bool readable, bool writable)
{
	struct socket_watch *w = arg;

	act(w->client, w->fd,
	    (readable ? CURL_CSELECT_IN : 0) |
	        (writable ? CURL_CSELECT_OUT : 0));
}

static void
drop_socket(struct socket_watch *w)
{
	watch_free(&w->watch);
	list_remove(&w->node);
	free(w);
}

static int
on_interest(CURL *curl, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct http_client *h = arg;
	struct socket_watch *w = of_socket;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (w)
			drop_socket(w);
		return 0;
	}
	if (!w) {
		w = mem_new(sizeof *w);
		w->client = h;
		w->fd = fd;
		w->watch = watch_new(h->loop, fd, on_socket, w);
		list_push(&h->sockets, &w->node);
		(void)curl_multi_assign(h->multi, fd, w);
	}
	watch_set(w->watch, what != CURL_POLL_OUT, what != CURL_POLL_IN);
	return 0;
}

static void
on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

#define SCALE 1000000u /* clock_real_ms() the other way round */

static int
on_wait(CURLM *multi, long ms, void *arg)
{
	struct http_client *h = arg;

	(void)multi;
	if (ms < 0)
		timer_stop(h->timer);
	else
		timer_set(h->timer,
		    ((uint64_t)ms + 1) * SCALE / clock_real_ms(SCALE));
	return 0;
}

/* --- one request ------------------------------------------------------------
 */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	return buf_add(&t->body, p, size * n) == 0 ? size * n : 0;
}

static void
transfer_free(struct http_client *h, struct transfer *t)
{
	(void)curl_multi_remove_handle(h->multi, t->curl);
	curl_easy_cleanup(t->curl);
	list_remove(&t->node);
	mem_wipe(t->form, strlen(t->form));
	free(t->form);
	buf_wipe(&t->body);
	free(t);
}

static void
finish(struct http_client *h, struct transfer *t, CURLcode rc)
{
	struct http_client_reply r = { .body = buf_str(&t->body) };
	curl_off_t after = 0;
	http_client_fn *fn = t->fn;

	list_remove(&t->node); /* no hook finds it again */
	if (rc == CURLE_OK) {
		(void)curl_easy_getinfo(
		    t->curl, CURLINFO_RESPONSE_CODE, &r.status);
		(void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
		r.retry_after_s = after > 0 ? (uint64_t)after : 0;
	} else if (rc == CURLE_WRITE_ERROR) {
		r.error = "the reply is larger than 64 KiB";
	} else {
		r.error = t->error[0] ? t->error : curl_easy_strerror(rc);
	}
	if (fn)
		fn(t->arg, &r);
	transfer_free(h, t);
}

/* After curl has returned; one an invocation, the hook may end everything. */
static void
finish_all(void *arg)
{
	struct http_client *h = arg;
	struct transfer *t = NULL;
	CURLMsg *m;
	int left;

	do {
		m = curl_multi_info_read(h->multi, &left);
	} while (m && m->msg != CURLMSG_DONE);
	if (!m)
		return;
	loop_later(h->loop, finish_all, h);
	(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
	finish(h, t, m->data.result);
}

static void
set_options(struct transfer *t, const struct http_client_request *q)
{
	CURL *c = t->curl;

	(void)curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(c, CURLOPT_URL, q->url);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, q->proxy ? q->proxy : "");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	if (q->ca_file)
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, q->ca_file);
	(void)curl_easy_setopt(
	    c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "postern");
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->form);
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(t->form));
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)clock_real_ms(HTTP_CLIENT_CONNECT_MS));
	(void)curl_easy_setopt(
	    c, CURLOPT_TIMEOUT_MS, (long)clock_real_ms(HTTP_CLIENT_TOTAL_MS));
}

void
http_client_post(struct http_client *h, const struct http_client_request *q,
    http_client_fn *fn, void *arg)
{
	struct transfer *t = mem_new(sizeof *t);

	t->curl = curl_easy_init();
	if (!t->curl)
		abort(); /* as out of memory */
	t->fn = fn;
	t->arg = arg;
	t->form = mem_strn(q->form.p, q->form.len);
	buf_init(&t->body, HTTP_CLIENT_REPLY_MAX);
	list_push(&h->transfers, &t->node);
	set_options(t, q);
	(void)curl_multi_add_handle(h->multi, t->curl);
}

void
http_client_forget(struct http_client *h, const void *arg)
{
	for (struct list *n = h->transfers.next; n != &h->transfers;
	     n = n->next) {
		struct transfer *t = LIST_OF(n, struct transfer, node);

		if (t->arg == arg)
			t->fn = NULL;
	}
}

/* --- life -------------------------------------------------------------------
 */

int
http_client_new(struct http_client **hp, struct loop *l, struct err *err)
{
	struct http_client *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_SYSTEM, "libcurl cannot be used");
	h = mem_new(sizeof *h);
	h->loop = l;
	list_init(&h->transfers);
	list_init(&h->sockets);
	h->timer = timer_new(l, on_timer, h);
	h->multi = curl_multi_init();
	if (!h->multi)
		abort(); /* as out of memory */
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_wait);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*hp = h;
	return 0;
}

void
http_client_free(struct http_client **hp)
{
	struct http_client *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	while (!list_empty(&h->transfers))
		transfer_free(
		    h, LIST_OF(h->transfers.next, struct transfer, node));
	(void)curl_multi_cleanup(h->multi);
	while (!list_empty(&h->sockets))
		drop_socket(
		    LIST_OF(h->sockets.next, struct socket_watch, node));
	loop_cancel_later(h->loop, finish_all, h);
	timer_free(&h->timer);
	free(h);
	curl_global_cleanup();
}

#else /* without libcurl: conf lets no oauth in */

int
http_client_new(struct http_client **h, struct loop *l, struct err *err)
{
	(void)l;
	(void)err;
	*h = NULL;
	return 0;
}

void
http_client_free(struct http_client **h)
{
	*h = NULL;
}

void
http_client_post(struct http_client *h, const struct http_client_request *q,
    http_client_fn *fn, void *arg)
{
	static const struct http_client_reply none = {
		.error = "this Postern was built without libcurl"
	};

	(void)h;
	(void)q;
	fn(arg, &none);
}

void
http_client_forget(struct http_client *h, const void *arg)
{
	(void)h;
	(void)arg;
}

#endif
