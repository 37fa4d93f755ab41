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

#include "tools/sendmail_talk.h"

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

/* false: the daemon is gone. */
static bool
to_daemon(struct sendmail_talk *t, struct pollfd *in)
{
	char bytes[PIECE_MAX];
	struct err err;
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n > 0)
		return sendmail_talk_send(t, bytes, (size_t)n, &err) == 0;
	in->fd = -1; /* what was said still counts */
	(void)shutdown(t->fd, SHUT_WR);
	return true;
}

/* false: it has said all. */
static bool
from_daemon(struct sendmail_talk *t)
{
	char bytes[PIECE_MAX];
	ssize_t n = recv(t->fd, bytes, sizeof bytes, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return n > 0 && write_all(STDOUT_FILENO, bytes, (size_t)n) == 0;
}

/* How long nothing may come of either side.  Whoever calls may be slow, and the
 * daemon ends sessions in which nothing comes; but a daemon that has an answer
 * to give is not waited for without end. */
static int
patience_ms(bool is_greeted, bool is_its_turn)
{
	if (!is_greeted)
		return SENDMAIL_TALK_REPLY_MS;
	return is_its_turn ? SENDMAIL_TALK_DOT_MS : -1;
}

static int
give_up(void)
{
	static const char text[] =
	    "421 4.4.2 The mail system does not answer, try again later\r\n";

	(void)fputs("sendmail: the daemon does not answer\n", stderr);
	(void)write_all(STDOUT_FILENO, text, sizeof text - 1);
	return EX_TEMPFAIL;
}

int
sendmail_pipe_run(const char *path)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .events = POLLIN } };
	struct sendmail_talk t;
	struct err err;
	bool goes_on = true, is_greeted = false, is_its_turn = true;
	int rc = 1;

	if (sendmail_talk_open(&t, path, &err) != 0) {
		static const char text[] =
		    "421 4.3.2 The mail system is down, try again later\r\n";

		(void)fprintf(stderr, "sendmail: %s\n", err.text);
		(void)write_all(STDOUT_FILENO, text, sizeof text - 1);
		return EX_TEMPFAIL;
	}
	p[1].fd = t.fd;
	while (goes_on) {
		rc = poll(p, 2, patience_ms(is_greeted, is_its_turn));
		if (rc == 0 || (rc < 0 && errno != EINTR))
			break;
		if (rc < 0)
			continue;
		if (p[1].revents != 0) {
			goes_on = from_daemon(&t);
			is_greeted = true;
			is_its_turn = p[0].fd < 0;
		}
		if (goes_on && p[0].revents != 0) {
			goes_on = to_daemon(&t, &p[0]);
			is_its_turn = true;
		}
	}
	sendmail_talk_close(&t);
	return rc == 0 ? give_up() : 0;
}
