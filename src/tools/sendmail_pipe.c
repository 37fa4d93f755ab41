/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/clock.h"

#include "tools/sendmail_talk.h"
#include "tools/sendmail_turn.h"

#define PIECE_MAX (16u << 10)

/* Standard output may be a descriptor that others have made non-blocking. */
static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t took = write(fd, p, n);

		if (took < 0 && errno == EAGAIN)
			(void)poll(
			    &(struct pollfd){ .fd = fd, .events = POLLOUT }, 1,
			    SENDMAIL_TALK_REPLY_MS);
		else if (took < 0 && errno != EINTR)
			return -1;
		if (took < 0)
			continue;
		p += took;
		n -= (size_t)took;
	}
	return 0;
}

struct pipe {
	struct sendmail_talk talk;
	struct sendmail_turn turn;
	char held[PIECE_MAX]; /* what the daemon has not taken yet */
	size_t from, to;
	bool is_greeted;
	bool has_ended; /* the caller */
	bool is_unheard;
};

static void
from_caller(struct pipe *p)
{
	ssize_t n = read(STDIN_FILENO, p->held, sizeof p->held);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	p->from = 0;
	p->to = n > 0 ? (size_t)n : 0;
	sendmail_turn_said(&p->turn, p->held, p->to);
	if (n > 0)
		return;
	p->has_ended = true; /* what was said still counts */
	(void)shutdown(p->talk.fd, SHUT_WR);
}

/* false: the daemon is gone. */
static bool
to_daemon(struct pipe *p)
{
	ssize_t n;

	if (p->from == p->to)
		return true;
	n = send(p->talk.fd, p->held + p->from, p->to - p->from, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	p->from += (size_t)n;
	return true;
}

/* false: it has said all, or nobody listens. */
static bool
from_daemon(struct pipe *p)
{
	char bytes[PIECE_MAX];
	ssize_t n = recv(p->talk.fd, bytes, sizeof bytes, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	p->is_greeted = true;
	sendmail_turn_heard(&p->turn, bytes, (size_t)n);
	p->is_unheard = write_all(STDOUT_FILENO, bytes, (size_t)n) != 0;
	return !p->is_unheard;
}

/* How long nothing may come of either side.  Whoever calls may be slow, and the
 * daemon ends sessions in which nothing comes; but a daemon that has an answer
 * to give, or something to take, is not waited for without end. */
static int
patience_ms(const struct pipe *p)
{
	if (!p->is_greeted || p->from < p->to)
		return (int)clock_real_ms(SENDMAIL_TALK_REPLY_MS);
	return p->turn.owed > 0 || p->has_ended
	           ? (int)clock_real_ms(SENDMAIL_TALK_DOT_MS)
	           : -1;
}

static int
give_up(const char *why)
{
	static const char text[] =
	    "421 4.4.2 The mail system does not answer, try again later\r\n";

	(void)fprintf(stderr, "sendmail: the daemon %s\n", why);
	(void)write_all(STDOUT_FILENO, text, sizeof text - 1);
	return EX_TEMPFAIL;
}

/* The connection is closed.  Whoever ends amid a message gets no answer. */
static int
ended(const struct pipe *p)
{
	bool is_asked = !p->has_ended || p->turn.owed > 0;

	return !is_asked || p->is_unheard || p->turn.is_unsure ||
	               sendmail_turn_is_over(&p->turn)
	           ? 0
	           : give_up("has closed the connection");
}

static int
converse(struct pipe *p)
{
	bool goes_on = true;

	while (goes_on) {
		bool holds = p->from < p->to;
		struct pollfd at[2] = {
			{ .fd = holds || p->has_ended ? -1 : STDIN_FILENO,
			    .events = POLLIN },
			{ .fd = p->talk.fd,
			    .events = holds ? POLLIN | POLLOUT : POLLIN }
		};
		int rc = poll(at, 2, patience_ms(p));

		if (rc == 0 || (rc < 0 && errno != EINTR))
			return give_up("does not answer");
		if (rc < 0)
			continue;
		if (at[1].revents & ~POLLOUT)
			goes_on = from_daemon(p);
		if (goes_on && at[0].revents != 0)
			from_caller(p);
		if (goes_on && !to_daemon(p))
			p->from = p->to; /* it may have said why */
	}
	return ended(p);
}

int
sendmail_pipe_run(const char *path)
{
	struct pipe p = { 0 };
	struct err err;
	int code;

	if (sendmail_talk_open(&p.talk, path, &err) != 0) {
		static const char text[] =
		    "421 4.3.2 The mail system is down, try again later\r\n";

		(void)fprintf(stderr, "sendmail: %s\n", err.text);
		(void)write_all(STDOUT_FILENO, text, sizeof text - 1);
		return EX_TEMPFAIL;
	}
	sendmail_turn_init(&p.turn);
	code = converse(&p);
	sendmail_talk_close(&p.talk);
	return code;
}
