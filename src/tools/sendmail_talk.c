/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_talk.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/str.h"

#define REPLY_MAX (64u << 10) /* bytes of a reply, all lines */
#define AGAIN_MS 50           /* between attempts at a full queue */

/* --- the connection
 * --------------------------------------------------------- */

static int
try_connect(int fd, const struct sockaddr_un *to)
{
	uint64_t end = clock_mono_ms() + SENDMAIL_TALK_CONNECT_MS;

	/* A unix socket connects at once, or its queue is full. */
	while (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (clock_mono_ms() >= end)
			return -1;
		(void)poll(NULL, 0, AGAIN_MS);
	}
	return 0;
}

int
sendmail_talk_open(struct sendmail_talk *t, const char *path, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof to.sun_path)
		return err_set(err, ERR_CONFIG, "%s: too long a path", path);
	memcpy(to.sun_path, path, n + 1);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return err_sys(err, "%s", path);
	if (try_connect(t->fd, &to) != 0) {
		(void)err_sys(err, "%s", path);
		(void)close(t->fd);
		return -1;
	}
	buf_init(&t->in, REPLY_MAX);
	return 0;
}

void
sendmail_talk_close(struct sendmail_talk *t)
{
	(void)close(t->fd);
	buf_done(&t->in);
}

/* 0 it is ready; -1 it was not by then. */
static int
wait_for(int fd, short what, uint64_t end)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		uint64_t now = clock_mono_ms();
		int rc;

		if (now >= end)
			return -1;
		rc = poll(&p, 1, (int)clock_real_ms(end - now));
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -1;
	}
}

static int
lost(struct err *err, const char *how)
{
	return err_set(err, ERR_NETWORK, "the daemon %s", how);
}

int
sendmail_talk_send(
    struct sendmail_talk *t, const char *p, size_t n, struct err *err)
{
	while (n > 0) {
		uint64_t end = clock_mono_ms() + SENDMAIL_TALK_REPLY_MS;
		ssize_t took = send(t->fd, p, n, MSG_NOSIGNAL);

		if (took >= 0) {
			p += took;
			n -= (size_t)took;
		} else if (errno != EAGAIN && errno != EINTR) {
			return lost(err, "has closed the connection");
		} else if (wait_for(t->fd, POLLOUT, end) != 0) {
			return lost(err, "takes nothing");
		}
	}
	return 0;
}

/* --- replies
 * ---------------------------------------------------------------- */

static int
read_more(struct sendmail_talk *t, uint64_t end, struct err *err)
{
	char *room = buf_room(&t->in, 4096);
	ssize_t n;

	if (room == NULL)
		return lost(err, "says too much");
	for (;;) {
		n = recv(t->fd, room, 4096, 0);
		if (n > 0) {
			buf_wrote(&t->in, (size_t)n);
			return 0;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return lost(err, "has closed the connection");
		if (wait_for(t->fd, POLLIN, end) != 0)
			return lost(err, "does not answer");
	}
}

/* "250 2.1.0 Ok": false, it is no reply. */
static bool
take_line(struct str line, struct sendmail_reply *r)
{
	struct str rest;
	size_t n;

	if (line.len < 4 || !isdigit((unsigned char)line.p[0]) ||
	    !isdigit((unsigned char)line.p[1]) ||
	    !isdigit((unsigned char)line.p[2]))
		return false;
	r->code = (unsigned)(line.p[0] - '0') * 100 +
	          (unsigned)(line.p[1] - '0') * 10 +
	          (unsigned)(line.p[2] - '0');
	str_escape(r->text, sizeof r->text, line);
	rest = (struct str){ line.p + 4, line.len - 4 };
	n = str_cut(&rest, ' ').len;
	r->enhanced[0] = '\0';
	if (n < sizeof r->enhanced && n >= 5 && line.p[5] == '.')
		(void)snprintf(r->enhanced, sizeof r->enhanced, "%.*s", (int)n,
		    line.p + 4);
	return true;
}

/* 1 a reply, 0 it goes on, -1 nonsense. */
static int
take_reply(struct sendmail_talk *t, struct sendmail_reply *r)
{
	struct str in = buf_str(&t->in);
	const char *lf;

	while (in.len > 0 && (lf = memchr(in.p, '\n', in.len)) != NULL) {
		struct str line = { in.p, (size_t)(lf - in.p) };
		size_t n = line.len + 1;

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (!take_line(line, r))
			return -1;
		if (line.p[3] != '-') {
			buf_drop(&t->in, n);
			return 1;
		}
		buf_drop(&t->in, n);
		in = buf_str(&t->in);
	}
	return 0;
}

int
sendmail_talk_reply(struct sendmail_talk *t, uint64_t wait_ms,
    struct sendmail_reply *r, struct err *err)
{
	uint64_t end = clock_mono_ms() + wait_ms;

	for (;;) {
		int rc = take_reply(t, r);

		if (rc > 0)
			return 0;
		if (rc < 0)
			return lost(err, "speaks no SMTP");
		if (read_more(t, end, err) != 0)
			return -1;
	}
}
