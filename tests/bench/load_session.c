/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/base/mem.h"

#define PAUSE_US 20000 /* after a failure, or a "not now" */
#define COMMAND_MAX 512

enum step {
	STEP_CLOSED,
	STEP_CONNECT,
	STEP_BANNER,
	STEP_EHLO,
	STEP_AUTH,
	STEP_READY,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_DOT,
	STEP_RSET,
	STEP_QUIT,
};

struct load_session {
	struct load_run *run;
	int fd;
	enum step step;
	bool want_out;
	uint64_t not_before_us;
	char in[4096];
	size_t in_len;
	uint16_t multi; /* code of a reply of several lines so far */
	char *out;
	size_t out_len, out_at;
	/* the message in hand */
	bool has_message;
	uint32_t number, rcpt, rcpts_ok, sent;
	uint64_t due_us, dot_us;
	uint16_t worst; /* the refusal that counts for it, 0 none */
};

static size_t
out_size(const struct load_run *r)
{
	return load_mail_wire_size(r->mail) +
	       (size_t)(r->set->recipients + 3) * COMMAND_MAX;
}

struct load_session *
load_session_new(struct load_run *r)
{
	struct load_session *s = mem_new(sizeof *s);

	s->run = r;
	s->fd = -1;
	s->out = mem_new(out_size(r));
	return s;
}

void
load_session_free(struct load_session **s)
{
	if (*s == NULL)
		return;
	if ((*s)->fd != -1)
		close((*s)->fd);
	free((*s)->out);
	free(*s);
	*s = NULL;
}

bool
load_session_is_closed(const struct load_session *s)
{
	return s->step == STEP_CLOSED;
}

/* The session is over; what was in hand is tried again, unless its content
 * had left: then nobody knows, and a second try would be our duplicate. */
static void
hang_up(struct load_session *s)
{
	if (s->has_message && s->step == STEP_DOT)
		load_settle(s->run, s->number, LOAD_UNKNOWN);
	else if (s->has_message)
		load_again(s->run, s->number);
	s->has_message = false;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->step = STEP_CLOSED;
	s->in_len = s->out_len = s->out_at = 0;
	s->want_out = false;
	s->multi = 0;
	s->sent = 0;
	s->not_before_us = load_now_us() + PAUSE_US;
}

static void
lost(struct load_session *s)
{
	s->run->lost++;
	hang_up(s);
}

static void
arm(struct load_session *s, bool out, int op)
{
	struct epoll_event ev = { .events = EPOLLIN | (out ? EPOLLOUT : 0u),
		.data.ptr = s };

	if (op == EPOLL_CTL_MOD && s->want_out == out)
		return;
	s->want_out = out;
	if (epoll_ctl(s->run->epoll, op, s->fd, &ev) == -1)
		abort();
}

static void
push(struct load_session *s)
{
	while (s->out_at < s->out_len) {
		ssize_t n = send(s->fd, s->out + s->out_at,
		    s->out_len - s->out_at, MSG_NOSIGNAL);

		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			arm(s, true, EPOLL_CTL_MOD);
			return;
		}
		if (n == -1) {
			lost(s);
			return;
		}
		s->out_at += (size_t)n;
	}
	if (s->step == STEP_DOT && s->dot_us == 0)
		s->dot_us = load_now_us();
	s->out_at = s->out_len = 0;
	arm(s, false, EPOLL_CTL_MOD);
}

static void __attribute__((format(printf, 2, 3)))
put(struct load_session *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->out + s->out_len, COMMAND_MAX, fmt, ap);
	va_end(ap);
	assert(n > 0 && n < COMMAND_MAX);
	s->out_len += (size_t)n;
}

static void
say(struct load_session *s, enum step step, const char *command)
{
	s->step = step;
	put(s, "%s\r\n", command);
	push(s);
}

static void
put_rcpt(struct load_session *s, uint32_t i)
{
	put(s, "RCPT TO:<r%u@%s>\r\n", i, s->run->set->domain);
}

static void
send_envelope(struct load_session *s)
{
	const struct load_settings *set = s->run->set;

	s->step = STEP_MAIL;
	s->rcpt = s->rcpts_ok = 0;
	s->worst = 0;
	s->dot_us = 0;
	put(s, "MAIL FROM:<%s>\r\n", set->sender);
	for (uint32_t i = 0; set->pipelining && i < set->recipients; i++)
		put_rcpt(s, i);
	if (set->pipelining)
		put(s, "DATA\r\n");
	push(s);
}

/* The session may take its next message, if one is due; or it is over. */
static void
next_message(struct load_session *s)
{
	const struct load_settings *set = s->run->set;

	s->step = STEP_READY;
	if (s->not_before_us != 0 && load_now_us() < s->not_before_us)
		return; /* load_session_kick() comes back */
	s->not_before_us = 0;
	if (set->per_connection != 0 && s->sent >= set->per_connection) {
		say(s, STEP_QUIT, "QUIT");
	} else if (load_take(s->run, &s->number, &s->due_us)) {
		s->has_message = true;
		s->sent++;
		send_envelope(s);
	} else if (load_is_over(s->run)) {
		say(s, STEP_QUIT, "QUIT");
	}
}

static void
open_session(struct load_session *s)
{
	const struct addr *to = &s->run->set->target;
	int one = 1;

	s->fd = socket(
	    to->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		abort();
	if (!addr_is_unix(to))
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	s->run->connects++;
	if (connect(s->fd, (const struct sockaddr *)&to->ss, to->len) == -1 &&
	    errno != EINPROGRESS) {
		s->run->connect_failed++;
		hang_up(s);
		return;
	}
	s->step = STEP_CONNECT;
	arm(s, true, EPOLL_CTL_ADD);
}

void
load_session_kick(struct load_session *s, uint64_t now_us)
{
	if (s->step == STEP_READY)
		next_message(s);
	else if (s->step == STEP_CLOSED && now_us >= s->not_before_us &&
	         !load_is_over(s->run))
		open_session(s);
}

/* The message in hand was refused; the session goes on. */
static void
refused(struct load_session *s)
{
	if (s->worst >= 500) {
		load_settle(s->run, s->number, LOAD_REFUSED);
	} else {
		load_again(s->run, s->number);
		s->not_before_us = load_now_us() + PAUSE_US;
	}
	s->has_message = false;
	s->sent--;
	say(s, STEP_RSET, "RSET");
}

static void
send_content(struct load_session *s)
{
	s->step = STEP_DOT;
	if (s->rcpts_ok == 0) { /* a pipelined DATA for nobody */
		put(s, ".\r\n");
	} else {
		load_mail_write(s->run->mail, s->number, s->out + s->out_len);
		s->out_len += load_mail_wire_size(s->run->mail);
	}
	push(s);
}

static void
on_mail(struct load_session *s, uint16_t code)
{
	if (code != 250)
		s->worst = code;
	if (code != 250 && !s->run->set->pipelining) {
		refused(s);
		return;
	}
	s->step = STEP_RCPT;
	if (!s->run->set->pipelining) {
		put_rcpt(s, 0);
		push(s);
	}
}

static void
on_rcpt(struct load_session *s, uint16_t code)
{
	if (code == 250)
		s->rcpts_ok++;
	else if (s->worst == 0)
		s->worst = code;
	if (++s->rcpt < s->run->set->recipients) {
		if (!s->run->set->pipelining) {
			put_rcpt(s, s->rcpt);
			push(s);
		}
	} else if (s->run->set->pipelining) {
		s->step = STEP_DATA;
	} else if (s->rcpts_ok == 0) {
		refused(s);
	} else {
		say(s, STEP_DATA, "DATA");
	}
}

static void
on_data(struct load_session *s, uint16_t code)
{
	if (code == 354) {
		send_content(s);
		return;
	}
	if (s->worst == 0)
		s->worst = code;
	refused(s);
}

static void
on_dot(struct load_session *s, uint16_t code)
{
	uint64_t now = load_now_us();

	if (code != 250 || s->rcpts_ok == 0) {
		if (s->worst == 0)
			s->worst = code;
		refused(s);
		return;
	}
	s->has_message = false;
	load_ack(s->run, s->number, now - s->dot_us, now - s->due_us);
	next_message(s);
}

static bool
is_expected(enum step step, uint16_t code)
{
	switch (step) {
	case STEP_BANNER:
		return code == 220;
	case STEP_AUTH:
		return code == 235;
	case STEP_DATA:
		return code == 354;
	case STEP_QUIT:
		return code == 221;
	default:
		return code == 250;
	}
}

/* One whole reply. */
static void
on_reply(struct load_session *s, uint16_t code)
{
	if (!is_expected(s->step, code))
		s->run->replies[code]++;
	if (code == 421) {
		if (s->step == STEP_DOT) /* refused in so many words */
			s->step = STEP_DATA;
		lost(s);
		return;
	}
	if (s->step < STEP_READY && !is_expected(s->step, code)) {
		lost(s);
		return;
	}
	if (code != 250 && s->step == STEP_RSET) {
		lost(s);
		return;
	}
	switch (s->step) {
	case STEP_BANNER:
		s->step = STEP_EHLO;
		put(s, "EHLO %s\r\n", s->run->set->helo);
		push(s);
		break;
	case STEP_EHLO:
		if (s->run->set->login == NULL) {
			next_message(s);
			break;
		}
		s->step = STEP_AUTH;
		put(s, "AUTH PLAIN %s\r\n", s->run->set->login);
		push(s);
		break;
	case STEP_AUTH:
	case STEP_RSET:
		next_message(s);
		break;
	case STEP_MAIL:
		on_mail(s, code);
		break;
	case STEP_RCPT:
		on_rcpt(s, code);
		break;
	case STEP_DATA:
		on_data(s, code);
		break;
	case STEP_DOT:
		on_dot(s, code);
		break;
	default:
		hang_up(s);
		s->not_before_us = 0;
	}
}

/* One line of a reply, without CRLF: false if it is none. */
static bool
on_line(struct load_session *s, const char *p, size_t n)
{
	unsigned code = 0;

	if (n < 3 || (n > 3 && p[3] != ' ' && p[3] != '-'))
		return false;
	for (int i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		code = code * 10 + (unsigned)(p[i] - '0');
	}
	if (code < 200 || code > 599 || (s->multi != 0 && s->multi != code))
		return false;
	s->multi = n > 3 && p[3] == '-' ? (uint16_t)code : 0;
	if (s->multi == 0)
		on_reply(s, (uint16_t)code);
	return true;
}

static void
take_lines(struct load_session *s)
{
	char *p = s->in, *end = s->in + s->in_len, *nl;

	while (
	    s->fd != -1 && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		size_t n = (size_t)(nl - p);

		if (n == 0 || p[n - 1] != '\r' || !on_line(s, p, n - 1)) {
			s->run->nonsense++;
			lost(s);
			return;
		}
		p = nl + 1;
	}
	if (s->fd == -1)
		return;
	s->in_len = (size_t)(end - p);
	memmove(s->in, p, s->in_len);
}

static void
pull(struct load_session *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_len, sizeof s->in - s->in_len, 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lost(s);
		return;
	}
	s->in_len += (size_t)n;
	take_lines(s);
	if (s->in_len == sizeof s->in) {
		s->run->nonsense++;
		lost(s);
	}
}

static void
on_connect(struct load_session *s)
{
	int e = 0;
	socklen_t len = sizeof e;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1 || e != 0) {
		s->run->connect_failed++;
		hang_up(s);
		return;
	}
	s->step = STEP_BANNER;
	arm(s, false, EPOLL_CTL_MOD);
}

void
load_session_event(struct load_session *s, uint32_t events)
{
	if (s->step == STEP_CONNECT) {
		on_connect(s);
		return;
	}
	if (s->fd != -1 && events & EPOLLOUT)
		push(s);
	if (s->fd != -1 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		pull(s);
}
