/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/base/mem.h"

#include "io/conn_priv.h"
#include "io/tls_peer.h"

#define INPUT_MAX_DEFAULT ((size_t)64 * 1024)
#define INPUT_MAX_LEAST ((size_t)4 * 1024)
#define OUTPUT_HIGH_DEFAULT ((size_t)256 * 1024)
#define SEND_NOW_BYTES                                                         \
	((size_t)64 * 1024) /* not waiting for the turn's end                  \
	                     */

static bool
is_open(const struct conn *c)
{
	return c->phase < CONN_PHASE_LINGER;
}

void
conn_fail(struct conn *c, const char *what, int e)
{
	if (c->err)
		return;
	c->err = mem_new(sizeof *c->err);
	c->sys_errno = e;
	errno = e;
	err_sys(c->err, "%s", what);
	c->err->kind = ERR_NETWORK;
}

void
conn_fail_tls(struct conn *c, const char *sentence)
{
	if (c->err)
		return;
	c->err = mem_new(sizeof *c->err);
	err_set(c->err, ERR_TLS, "%s", sentence);
}

void
conn_end(struct conn *c, enum conn_event ev)
{
	assert(!c->ended);
	c->ended = true;
	c->show = false;
	timer_stop(&c->timer);
	c->read_off = true;
	conn_io_wants(c);
	c->s.fn(c, ev, c->s.arg);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;

	assert(c->magic == CONN_MAGIC);
	if (c->phase == CONN_PHASE_LINGER)
		conn_destroy(c);
	else if (!c->ended)
		conn_end(c, CONN_TIMEOUT);
}

static void
on_loop_end(void *arg)
{
	struct conn *c = arg;

	c->gone = NULL;
	conn_destroy(c);
}

static struct conn *
new_conn(struct loop *l, int fd, const struct conn_settings *s)
{
	struct conn *c = mem_new(sizeof *c);
	int on = 1;

	c->magic = CONN_MAGIC;
	c->loop = l;
	c->fd = fd;
	c->passed_fd = -1;
	c->s = *s;
	if (c->s.input_max == 0)
		c->s.input_max = INPUT_MAX_DEFAULT;
	if (c->s.input_max < INPUT_MAX_LEAST)
		c->s.input_max = INPUT_MAX_LEAST;
	if (c->s.output_high == 0)
		c->s.output_high = OUTPUT_HIGH_DEFAULT;
	buf_init(&c->in, c->s.input_max);
	buf_init(&c->out, SIZE_MAX);
	timer_init(&c->timer, l, on_timer, c);
	loop_task_init(&c->task, conn_io_on_task, c);
	loop_task_init(&c->again, conn_io_on_again, c);
	loop_task_init(&c->at_end, on_loop_end, c);
	if (fd >= 0) /* harmless where it is no TCP */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return c;
}

struct conn *
conn_adopt(struct loop *l, int fd, const struct conn_settings *s)
{
	struct conn *c = new_conn(l, fd, s);

	c->phase = CONN_PHASE_CLEAR;
	conn_io_start(c);
	return c;
}

/* 0 connected or on the way. */
static int
start_connect(struct conn *c, const struct sockaddr *to, socklen_t to_len,
    const struct sockaddr *source, socklen_t source_len)
{
	if (c->fd < 0) {
		conn_fail(c, "socket", errno);
		return -1;
	}
	if (source && bind(c->fd, source, source_len) < 0) {
		conn_fail(c, "bind to the source address", errno);
		return -1;
	}
	if (connect(c->fd, to, to_len) < 0 && errno != EINPROGRESS &&
	    errno != EINTR) {
		conn_fail(c, "connect", errno);
		return -1;
	}
	return 0;
}

struct conn *
conn_connect(struct loop *l, const struct sockaddr *to, socklen_t to_len,
    const struct sockaddr *source, socklen_t source_len,
    const struct conn_settings *s)
{
	int fd = socket(
	    to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct conn *c = new_conn(l, fd, s);

	c->phase = CONN_PHASE_CONNECTING;
	if (start_connect(c, to, to_len, source, source_len) < 0)
		loop_task_next(l, &c->again); /* CONN_FAILED */
	else
		conn_io_start(c);
	return c;
}

void
conn_destroy(struct conn *c)
{
	void (*gone)(void *arg) = c->gone;

	assert(c->phase != CONN_PHASE_DEAD);
	loop_task_cancel(&c->task);
	loop_task_cancel(&c->again);
	loop_task_cancel(&c->at_end);
	timer_done(&c->timer);
	if (c->tls)
		conn_tls_free(c);
	if (c->fd >= 0) {
		ev_io_stop(loop_ev(c->loop), &c->io);
		close(c->fd);
	}
	c->fd = -1;
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	c->phase = CONN_PHASE_DEAD;
	c->view = STR("");
	buf_clear(&c->in);
	buf_clear(&c->out);
	loop_buf_put(c->loop, &c->in);
	loop_buf_put(c->loop, &c->out);
	tls_peer_free(&c->peer);
	free(c->err);
	c->err = NULL;
	loop_discard(c->loop, c);
	if (gone)
		gone(c->gone_arg); /* c is freed after this turn */
}

void
conn_close(struct conn **c)
{
	if (!*c)
		return;
	assert((*c)->magic == CONN_MAGIC && is_open(*c));
	conn_destroy(*c);
	*c = NULL;
}

/* May the peer have it, also where we have not seen yet that it has? */
static bool
is_established(const struct conn *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	return c->phase != CONN_PHASE_CONNECTING ||
	       getpeername(c->fd, (struct sockaddr *)&ss, &len) == 0;
}

/* Clear text before an unfinished handshake can go. */
static bool
can_say_more(const struct conn *c)
{
	if (c->cut)
		return false;
	return c->phase == CONN_PHASE_CLEAR || c->phase == CONN_PHASE_SECURE ||
	       (c->phase == CONN_PHASE_HANDSHAKE && c->clear_left > 0);
}

/* Our end is closed as it is. */
static void
shut(struct conn *c)
{
	buf_clear(&c->out);
	c->blocked = c->read_wants_write = c->write_wants_read = false;
	c->shut = true;
	(void)shutdown(c->fd, SHUT_WR);
}

/* Until both ends are closed. */
static void
linger(struct conn *c, uint64_t linger_ms)
{
	c->phase = CONN_PHASE_LINGER;
	c->read_off = c->late == CONN_IO_EOF;
	conn_io_wants(c);
	c->view = STR("");
	buf_clear(&c->in);
	loop_buf_put(c->loop, &c->in);
	loop_task_cancel(&c->again);
	loop_task_at_end(c->loop, &c->at_end);
	loop_task_later(c->loop, &c->task);
	timer_set(&c->timer, linger_ms);
}

bool
conn_close_told(
    struct conn **conn, uint64_t linger_ms, void (*gone)(void *arg), void *arg)
{
	struct conn *c = *conn;
	bool more;

	if (!c)
		return false;
	assert(c->magic == CONN_MAGIC && is_open(c));
	*conn = NULL;
	more = can_say_more(c);
	if (c->broken || !is_established(c) ||
	    (!more && (!gone || c->late == CONN_IO_EOF))) {
		conn_destroy(c);
		return false;
	}
	c->gone = gone;
	c->gone_arg = arg;
	if (!more)
		shut(c);
	else if (c->phase == CONN_PHASE_HANDSHAKE)
		c->out.len = c->clear_left;
	linger(c, linger_ms);
	return true;
}

void
conn_close_after(struct conn **conn, uint64_t linger_ms)
{
	(void)conn_close_told(conn, linger_ms, NULL, NULL);
}

struct str
conn_input(const struct conn *c)
{
	return c->view.len ? c->view : buf_str(&c->in);
}

/* What is held has become less: read on where it was too much. */
static void
after_take(struct conn *c)
{
	if (c->in.len == 0)
		loop_buf_put(c->loop, &c->in);
	if ((c->read_off || c->late) && !c->paused && !c->ended &&
	    c->in.len < c->s.input_max)
		conn_io_read_on(c);
}

void
conn_take(struct conn *c, size_t n)
{
	if (c->view.len) {
		assert(n <= c->view.len);
		c->view.p += n;
		c->view.len -= n;
		return;
	}
	buf_drop(&c->in, n);
	after_take(c);
}

size_t
conn_read(struct conn *c, char *to, size_t max)
{
	struct str in = conn_input(c);
	size_t n = in.len < max ? in.len : max;

	if (n == 0)
		return 0;
	memcpy(to, in.p, n);
	conn_take(c, n);
	return n;
}

/* What is shown lies in memory of ours, the loop's or the connection's. */
void
conn_take_secret(struct conn *c, size_t n)
{
	struct str shown = conn_input(c);

	assert(n <= shown.len);
	mem_wipe((char *)(uintptr_t)shown.p, n);
	conn_take(c, n);
}

void
conn_drop_input(struct conn *c)
{
	c->view = STR("");
	buf_clear(&c->in);
	c->show = false;
	if (c->tls_more)
		conn_tls_drop_pending(c);
	after_take(c);
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
}

void
conn_read_max(struct conn *c, size_t n)
{
	c->read_max = n;
}

void
conn_resume(struct conn *c)
{
	if (!c->paused || !is_open(c) || c->ended)
		return;
	c->paused = false;
	c->show = true;
	loop_task_later(c->loop, &c->task);
	if (c->in.len < c->s.input_max)
		conn_io_read_on(c);
}

void
conn_write(struct conn *c, const void *p, size_t n)
{
	assert(c->magic == CONN_MAGIC && is_open(c));
	if (n == 0 || c->broken)
		return;
	if (!c->out.mem)
		loop_buf_get(c->loop, &c->out);
	if (buf_add(&c->out, p, n) < 0)
		abort(); /* beyond the address space */
	if (c->out.len >= SEND_NOW_BYTES && !c->blocked)
		conn_io_flush(c);
	if (c->out.len > c->s.output_high)
		c->was_full = true;
	loop_task_later(c->loop, &c->task);
}

void
conn_ack(struct conn *c)
{
	int on = 1;

	if (c->fd >= 0) /* harmless where it is no TCP */
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void
conn_drop_output(struct conn *c)
{
	c->cut = c->out.len > 0;
	buf_clear(&c->out);
}

bool
conn_is_full(const struct conn *c)
{
	return c->out.len > c->s.output_high;
}

size_t
conn_unsent(const struct conn *c)
{
	return c->out.len;
}

size_t
conn_unacked(const struct conn *c)
{
	int queued = 0;

	if (c->fd < 0 || ioctl(c->fd, TIOCOUTQ, &queued) < 0 || queued < 0)
		queued = 0;
	return c->out.len + (size_t)queued;
}

void
conn_timeout(struct conn *c, uint64_t in_ms)
{
	uint64_t now_ms = loop_now_ms(c->loop);

	if (in_ms == 0 || c->ended)
		timer_stop(&c->timer);
	else
		timer_set_at(&c->timer,
		    in_ms < UINT64_MAX - now_ms ? now_ms + in_ms : UINT64_MAX);
}

bool
conn_is_secure(const struct conn *c)
{
	return c->secured;
}

const struct err *
conn_error(const struct conn *c)
{
	static const struct err none = { 0 };

	return c->err ? c->err : &none;
}

int
conn_errno(const struct conn *c)
{
	return c->sys_errno;
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}
