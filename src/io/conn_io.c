/* SPDX-License-Identifier: Apache-2.0 */
#include "io/conn_priv.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

static bool
is_dead(const struct conn *c)
{
	return c->phase == CONN_PHASE_DEAD;
}

/* May its owner still be shown input? */
static bool
is_flowing(const struct conn *c)
{
	return !c->ended &&
	       (c->phase == CONN_PHASE_CLEAR || c->phase == CONN_PHASE_SECURE);
}

void
conn_io_wants(struct conn *c)
{
	int events = 0;

	if (c->fd < 0 || is_dead(c))
		return;
	if (c->phase == CONN_PHASE_CONNECTING) {
		events = c->ended ? 0 : EV_WRITE;
	} else {
		events |= c->read_off && !c->write_wants_read ? 0 : EV_READ;
		events |= c->blocked || c->read_wants_write ? EV_WRITE : 0;
	}
	if (events == c->events)
		return;
	c->events = events;
	ev_io_stop(loop_ev(c->loop), &c->io);
	ev_io_set(&c->io, c->fd, events);
	if (events)
		ev_io_start(loop_ev(c->loop), &c->io);
}

static enum conn_io
would_wait_or_error(struct conn *c, const char *what)
{
	if (errno == EAGAIN || errno == EINTR)
		return CONN_IO_WAIT;
	conn_fail(c, what, errno);
	return CONN_IO_ERROR;
}

static enum conn_io
send_some(struct conn *c, const char *p, size_t max, size_t *n)
{
	ssize_t put;

	if (c->ssl && c->clear_left == 0)
		return conn_tls_write(c, p, max, n);
	put = send(c->fd, p, max, MSG_NOSIGNAL);
	if (put < 0)
		return would_wait_or_error(c, "write");
	*n = (size_t)put;
	return CONN_IO_DONE;
}

/* How much of the output may go now. */
static size_t
sendable(const struct conn *c)
{
	switch (c->phase) {
	case CONN_PHASE_CLEAR:
	case CONN_PHASE_SECURE:
	case CONN_PHASE_LINGER:
		return c->out.len;
	case CONN_PHASE_HANDSHAKE:
		return c->clear_left;
	case CONN_PHASE_CONNECTING:
	case CONN_PHASE_DEAD:
		break;
	}
	return 0;
}

static void
sent(struct conn *c, size_t n)
{
	buf_drop(&c->out, n);
	if (c->clear_left)
		c->clear_left -= n;
}

void
conn_io_flush(struct conn *c)
{
	enum conn_io rc = CONN_IO_DONE;
	size_t max, n = 0;

	while (!c->broken && (max = sendable(c)) > 0) {
		rc = send_some(c, buf_at(&c->out), max, &n);
		if (rc != CONN_IO_DONE)
			break;
		sent(c, n);
		if (n < max && !c->ssl) {
			rc = CONN_IO_WAIT; /* the next one would say so */
			break;
		}
	}
	if (rc == CONN_IO_ERROR || rc == CONN_IO_EOF) {
		c->broken = true;
		c->clear_left = 0;
		buf_clear(&c->out);
	}
	if (c->out.len == 0)
		loop_buf_put(c->loop, &c->out);
	c->blocked = rc == CONN_IO_WAIT && !c->write_wants_read;
	conn_io_wants(c);
}

static enum conn_io
receive(struct conn *c, char *to, size_t max, size_t *n)
{
	ssize_t got;

	if (c->phase == CONN_PHASE_SECURE)
		return conn_tls_read(c, to, max, n);
	got = c->s.takes_fd ? conn_fd_receive(c, to, max)
	                    : recv(c->fd, to, max, 0);
	if (got < 0)
		return would_wait_or_error(c, "read");
	*n = (size_t)got;
	return got ? CONN_IO_DONE : CONN_IO_EOF;
}

static void
end_late(struct conn *c)
{
	conn_end(c,
	    c->late == CONN_IO_ERROR || c->broken ? CONN_FAILED : CONN_CLOSED);
}

static void
keep(struct conn *c, const char *p, size_t n)
{
	int rc;

	if (!c->in.mem)
		loop_buf_get(c->loop, &c->in);
	rc = buf_add(&c->in, p, n);
	assert(rc == 0); /* never more is read than there is room */
}

/* Shows n new bytes in the scratch; what is left of them is kept. */
static void
show(struct conn *c, char *p, size_t n)
{
	if (c->in.len)
		keep(c, p, n);
	else
		c->view = (struct str){ p, n };
	c->show = false;
	c->s.fn(c, CONN_DATA, c->s.arg);
	if (is_dead(c) || c->view.len == 0)
		return;
	keep(c, c->view.p, c->view.len);
	c->view = STR("");
}

/* True: nothing is to be read now. */
static bool
must_not_read(struct conn *c)
{
	if (!c->ended && !c->paused && c->in.len < c->s.input_max)
		return false;
	c->read_off = true;
	conn_io_wants(c);
	return true;
}

/* One turn's worth of reading, with its callbacks. */
static void
read_turn(struct conn *c)
{
	size_t room = c->s.input_max - c->in.len, n = 0;
	char *to = loop_scratch(c->loop);
	enum conn_io rc;

	if (must_not_read(c))
		return;
	if (room > LOOP_SCRATCH_BYTES)
		room = LOOP_SCRATCH_BYTES;
	if (c->read_max > 0 && room > c->read_max)
		room = c->read_max;
	rc = c->late ? c->late : receive(c, to, room, &n);
	if (rc == CONN_IO_EOF || rc == CONN_IO_ERROR)
		c->late = rc;
	if (n)
		show(c, to, n);
	if (!is_flowing(c))
		return;
	if (c->late && (n == 0 || !c->paused))
		end_late(c);
	else if (c->tls_more)
		loop_task_next(c->loop, &c->again);
	else
		conn_io_wants(c);
}

void
conn_io_read_on(struct conn *c)
{
	c->read_off = false;
	conn_io_wants(c);
	if (c->late || c->tls_more)
		loop_task_next(c->loop, &c->again);
}

/* Sending failed.  What the peer said before is worth to be seen: a reply
 * often says why. */
static void
on_broken(struct conn *c)
{
	bool flowing = is_flowing(c);

	for (int i = 0; flowing && i < 4 && !c->paused; i++) {
		read_turn(c);
		if (!is_flowing(c))
			return;
	}
	conn_end(c, CONN_FAILED);
}

/* The events that sending left to be given. */
static void
after_flush(struct conn *c)
{
	if (c->ended)
		return;
	if (c->broken) {
		on_broken(c);
	} else if (c->was_full && c->out.len < c->s.output_high / 2) {
		c->was_full = false;
		c->s.fn(c, CONN_DRAINED, c->s.arg);
	}
}

static void
on_connected(struct conn *c)
{
	socklen_t len = sizeof(int);
	int e = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		e = errno;
	if (e) {
		conn_fail(c, "connect", e);
		conn_end(c, CONN_FAILED);
		return;
	}
	c->phase = CONN_PHASE_CLEAR;
	conn_io_wants(c);
	if (c->out.len)
		loop_task_later(c->loop, &c->task);
	c->s.fn(c, CONN_CONNECTED, c->s.arg);
}

/* Throws away what the peer still sends, until it closes too. */
static void
linger_read(struct conn *c)
{
	ssize_t n = recv(c->fd, loop_scratch(c->loop), LOOP_SCRATCH_BYTES, 0);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n < 0 || c->shut) {
		conn_destroy(c);
		return;
	}
	c->late = CONN_IO_EOF; /* it may still read */
	c->read_off = true;
	conn_io_wants(c);
}

void
conn_io_linger(struct conn *c)
{
	conn_io_flush(c);
	if (c->broken) {
		conn_destroy(c);
		return;
	}
	if (c->out.len || c->shut)
		return;
	if (c->ssl && !conn_tls_shutdown(c)) {
		conn_io_wants(c);
		return;
	}
	c->shut = true;
	if (shutdown(c->fd, SHUT_WR) < 0 || c->late == CONN_IO_EOF) {
		conn_destroy(c); /* both ends are closed */
		return;
	}
}

static void
on_linger_event(struct conn *c, int revents)
{
	if (revents & EV_READ)
		linger_read(c);
	if (c->phase == CONN_PHASE_LINGER && !c->shut)
		conn_io_linger(c);
}

static void
on_open_event(struct conn *c, int revents)
{
	if ((revents & EV_WRITE && c->blocked) ||
	    (revents & EV_READ && c->write_wants_read)) {
		conn_io_flush(c);
		after_flush(c);
	}
	if (is_flowing(c) && (revents & EV_READ || c->read_wants_write))
		read_turn(c);
}

static void
on_event(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;

	(void)ev;
	assert(c->magic == CONN_MAGIC);
	switch (c->phase) {
	case CONN_PHASE_CONNECTING:
		on_connected(c);
		break;
	case CONN_PHASE_HANDSHAKE:
		conn_io_on_task(c);
		break;
	case CONN_PHASE_CLEAR:
	case CONN_PHASE_SECURE:
		on_open_event(c, revents);
		break;
	case CONN_PHASE_LINGER:
		on_linger_event(c, revents);
		break;
	case CONN_PHASE_DEAD:
		break;
	}
}

void
conn_io_start(struct conn *c)
{
	ev_io_init(&c->io, on_event, c->fd, 0);
	c->io.data = c;
	conn_io_wants(c);
}

static void
show_held(struct conn *c)
{
	if (!c->show || c->paused || c->ended)
		return;
	c->show = false;
	if (c->in.len)
		c->s.fn(c, CONN_DATA, c->s.arg);
}

void
conn_io_on_task(void *arg)
{
	struct conn *c = arg;

	if (c->phase == CONN_PHASE_LINGER) {
		conn_io_linger(c);
		return;
	}
	if (!c->blocked || c->phase == CONN_PHASE_HANDSHAKE)
		conn_io_flush(c);
	after_flush(c);
	if (is_dead(c) || c->phase == CONN_PHASE_LINGER)
		return;
	if (c->phase == CONN_PHASE_HANDSHAKE && !c->ended && !c->clear_left)
		conn_tls_handshake(c);
	else
		show_held(c);
}

void
conn_io_on_again(void *arg)
{
	struct conn *c = arg;

	if (c->phase == CONN_PHASE_CONNECTING)
		conn_end(c, CONN_FAILED);
	else if (is_flowing(c))
		read_turn(c);
}
