/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "postern/admin/http.h"

#include <stddef.h>

#if HAVE_MICROHTTPD

#include <assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/admin/stats.h"
#include "postern/base/buf.h"
#include "postern/base/list.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/thread.h"
#include "postern/io/listen.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay_view.h"

#include "postern/admin/pulse.h"
#include "admin/metrics.h"

/* A request's line and header fields; beyond it is answered with 431. */
#define REQUEST_MAX (16 * 1024)
#define ANSWER_MAX (4u << 20) /* far more than 64 providers need */
#define PATIENCE_MS 5000      /* with the relay's thread */

struct http {
	struct listen *listen;
	struct http_settings set;
	struct loop *loop;
	struct mailbox *mailbox; /* of the loop */
	pthread_t thread;
	bool is_started;
	struct stats_source *source;
	/* The thread's. */
	struct MHD_Daemon *daemon;
	struct watch *watch; /* of its epoll */
	struct timer *due;   /* it wants to be run */
	struct list waiting; /* requests, suspended until the relay answers */
	bool is_asked;       /* the relay; one answer serves all */
	struct timer *impatient;
};

struct page;

struct request {
	struct list node; /* of waiting */
	const struct page *page;
	struct MHD_Connection *conn;
	unsigned status; /* 0: not answered yet */
	const char *type;
	struct buf body;
};

bool
http_is_there(void)
{
	return true;
}

/* --- pages -----------------------------------------------------------------
 */

#define TEXT "text/plain; charset=utf-8"

static void
say(struct request *q, unsigned status, const char *text)
{
	q->status = status;
	q->type = TEXT;
	buf_clear(&q->body);
	if (buf_addf(&q->body, "%s\n", text) != 0)
		q->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static void
make_metrics(
    const struct http *h, const struct relay_view *view, struct request *q)
{
	struct err err;

	q->type = "text/plain; version=0.0.4; charset=utf-8";
	q->status = MHD_HTTP_OK;
	if (metrics_text(h->source, view, &q->body, &err) != 0)
		say(q, MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
}

static void
make_health(
    const struct http *h, const struct relay_view *view, struct request *q)
{
	struct err err;

	(void)view;
	if (pulse_alive(h->source, &err) == 0)
		say(q, MHD_HTTP_OK, "alive");
	else
		say(q, MHD_HTTP_SERVICE_UNAVAILABLE, err.text);
}

static void
make_ready(
    const struct http *h, const struct relay_view *view, struct request *q)
{
	struct err err;

	(void)view;
	if (pulse_ready(h->source, &err) == 0)
		say(q, MHD_HTTP_OK, "ready");
	else
		say(q, MHD_HTTP_SERVICE_UNAVAILABLE, err.text);
}

static void
make_stats(
    const struct http *h, const struct relay_view *view, struct request *q)
{
	json_t *j = stats_document(h->source, view);
	char *text = json_dumps(j, JSON_COMPACT);

	assert(text != NULL);
	say(q, MHD_HTTP_OK, text);
	q->type = "application/json";
	free(text);
	json_decref(j);
}

static const struct page {
	const char *path;
	bool needs_view; /* else it is made with NULL */
	void (*make)(const struct http *h, const struct relay_view *view,
	    struct request *q);
} pages[] = {
	{ "/metrics", true, make_metrics },
	{ "/healthz", false, make_health },
	{ "/readyz", false, make_ready },
	{ "/v1/stats", true, make_stats },
};

static const struct page *
page_of(const char *path)
{
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		if (strcmp(path, pages[i].path) == 0)
			return &pages[i];
	}
	return NULL;
}

static enum MHD_Result
send_answer(const struct request *q)
{
	struct str body = buf_str(&q->body);
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    body.len, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc = MHD_NO;

	if (r == NULL)
		return MHD_NO;
	if (MHD_add_response_header(r, "Content-Type", q->type) == MHD_YES &&
	    MHD_add_response_header(r, "Cache-Control", "no-store") ==
	        MHD_YES &&
	    (q->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	        MHD_add_response_header(r, "Allow", "GET, HEAD") == MHD_YES))
		rc = MHD_queue_response(q->conn, q->status, r);
	MHD_destroy_response(r);
	return rc;
}

/* --- the relay's part --------------------------------------------------------
 */

static unsigned
connections(const struct http *h)
{
	return MHD_get_daemon_info(
	    h->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
	    ->num_connections;
}

/* Lets libmicrohttpd do what there is to do.  It ends a connection in one run,
 * forgets it in the next, and sees only when it begins another one that there
 * is room again. */
static void
drive(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned before;

	do {
		before = connections(h);
		(void)MHD_run(h->daemon);
		(void)MHD_run(h->daemon);
	} while (connections(h) < before);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		timer_set(h->due, ms);
	else
		timer_stop(h->due);
}

/* view NULL: it has not come. */
static void
answer_waiting(struct http *h, const struct relay_view *view)
{
	struct list *n;

	timer_stop(h->impatient);
	while ((n = list_pop(&h->waiting)) != NULL) {
		struct request *q = LIST_OF(n, struct request, node);

		if (view != NULL)
			q->page->make(h, view, q);
		else
			say(q, MHD_HTTP_SERVICE_UNAVAILABLE,
			    "the relay's thread does not answer");
		MHD_resume_connection(q->conn);
	}
}

static void
on_view(void *arg, const struct relay_view *view)
{
	struct http *h = arg;

	h->is_asked = false;
	if (h->daemon == NULL)
		return;
	answer_waiting(h, view);
	drive(h);
}

static void
on_impatient(void *arg)
{
	answer_waiting(arg, NULL);
	drive(arg);
}

static void
await_view(struct http *h, struct request *q)
{
	MHD_suspend_connection(q->conn);
	if (list_empty(&h->waiting))
		timer_set(h->impatient, PATIENCE_MS);
	list_push(&h->waiting, &q->node);
	if (h->is_asked)
		return;
	h->is_asked = true;
	relay_view_ask(h->source->relay, h->mailbox, on_view, h);
}

/* --- a request ---------------------------------------------------------------
 */

static struct request *
request_new(struct MHD_Connection *c, const struct page *page)
{
	struct request *q = mem_new(sizeof *q);

	list_init(&q->node);
	q->conn = c;
	q->page = page;
	buf_init(&q->body, ANSWER_MAX);
	return q;
}

/* libmicrohttpd's: called for the header fields first, with *state NULL; what
 * is answered then closes the way of a body that nobody wants.  A request that
 * waited comes again with its state.  lint: eight parameters, as it has them.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **state)
{
	struct http *h = arg;
	struct request *q = *state;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (q == NULL) {
		*state = q = request_new(c, page_of(url));
		if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
			say(q, MHD_HTTP_METHOD_NOT_ALLOWED,
			    "only GET and HEAD are known");
		else if (q->page == NULL)
			say(q, MHD_HTTP_NOT_FOUND,
			    "there are /metrics, /healthz, /readyz and "
			    "/v1/stats here");
		else if (q->page->needs_view)
			await_view(h, q);
		else
			q->page->make(h, NULL, q);
	}
	return q->status == 0 ? MHD_YES : send_answer(q);
}

static void
on_end(void *arg, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct request *q = *state;

	(void)arg;
	(void)c;
	(void)code;
	*state = NULL;
	if (q == NULL)
		return;
	list_remove(&q->node);
	buf_done(&q->body);
	free(q);
}

/* --- the thread --------------------------------------------------------------
 */

static void
on_turn(void *arg, bool readable, bool writable)
{
	(void)readable;
	(void)writable;
	drive(arg);
}

static void
on_due(void *arg)
{
	drive(arg);
}

static void
stop(void *arg)
{
	struct http *h = arg;

	loop_stop(h->loop);
}

static void
end(struct http *h)
{
	answer_waiting(h, NULL);
	watch_free(&h->watch);
	MHD_stop_daemon(h->daemon);
	h->daemon = NULL;
}

static void *
run(void *arg)
{
	struct http *h = arg;

	log_thread("http");
	drive(h);
	loop_run(h->loop);
	end(h);
	return NULL;
}

/* --- life ------------------------------------------------------------------
 */

int
http_open(struct http **hp, const struct http_settings *s, struct err *err)
{
	struct http *h = mem_new(sizeof *h);

	list_init(&h->waiting);
	h->set = *s;
	if (listen_open(&h->listen, &s->address, err) != 0 ||
	    (addr_is_unix(&s->address) &&
	        listen_mode(h->listen, s->socket_mode, err) != 0) ||
	    loop_new(&h->loop, err) != 0) {
		http_free(&h);
		return err_wrap(err, "http.address");
	}
	h->mailbox = mailbox_new(h->loop, h);
	h->due = timer_new(h->loop, on_due, h);
	h->impatient = timer_new(h->loop, on_impatient, h);
	*hp = h;
	return 0;
}

static int
start_daemon(struct http *h, struct err *err)
{
	/* libmicrohttpd closes the one that it is given. */
	int fd = fcntl(listen_fd(h->listen), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "http");
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_end, h, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)h->set.connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)(h->set.timeout_ms / 1000),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MAX,
	    MHD_OPTION_END);
	if (h->daemon != NULL)
		return 0;
	(void)close(fd);
	return err_set(err, ERR_SYSTEM, "libmicrohttpd does not start");
}

int
http_start(struct http *h, struct stats_source *source, struct err *err)
{
	int rc;

	h->source = source;
	if (start_daemon(h, err) != 0)
		return -1;
	h->watch = watch_new(h->loop,
	    MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
	    on_turn, h);
	watch_set(h->watch, true, false);
	rc = thread_start(&h->thread, "http", run, h);
	assert(rc == 0); /* as out of memory */
	h->is_started = true;
	return 0;
}

void
http_stop(struct http *h)
{
	if (h == NULL || !h->is_started)
		return;
	mailbox_call(h->mailbox, stop, h, 0);
	(void)pthread_join(h->thread, NULL);
	h->is_started = false;
}

void
http_free(struct http **hp)
{
	struct http *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	assert(!h->is_started);
	if (h->mailbox != NULL)
		mailbox_free(&h->mailbox);
	if (h->due != NULL)
		timer_free(&h->due);
	if (h->impatient != NULL)
		timer_free(&h->impatient);
	if (h->loop != NULL)
		loop_free(&h->loop);
	if (h->listen != NULL)
		listen_close(&h->listen);
	free(h);
}

const struct addr *
http_addr(const struct http *h)
{
	return listen_addr(h->listen);
}

#else

bool
http_is_there(void)
{
	return false;
}

int
http_open(struct http **hp, const struct http_settings *s, struct err *err)
{
	(void)hp;
	(void)s;
	return err_set(err, ERR_CONFIG, "built without libmicrohttpd");
}

int
http_start(struct http *h, struct stats_source *source, struct err *err)
{
	(void)h;
	(void)source;
	return err_set(err, ERR_CONFIG, "built without libmicrohttpd");
}

void
http_stop(struct http *h)
{
	(void)h;
}

void
http_free(struct http **hp)
{
	*hp = NULL;
}

const struct addr *
http_addr(const struct http *h)
{
	(void)h;
	return NULL;
}

#endif
