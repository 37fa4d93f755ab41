/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/control_ask.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/admin/control.h"
#include "postern/base/mem.h"
#include "postern/base/standard.h"
#include "postern/base/str.h"
#include "postern/conf/conf.h"

static void
tell(const struct control_ask *a, const char *text)
{
	if (a->told == NULL)
		(void)fprintf(stderr, "postern: %s\n", text);
	else
		(void)snprintf(a->told, CONTROL_ASK_TOLD, "%s", text);
}

static int
complain(
    const struct control_ask *a, int code, const char *what, const char *why)
{
	char *text = mem_printf("%s: %s", what, why);

	tell(a, text);
	free(text);
	return code;
}

char *
control_ask_socket(const struct control_ask *a)
{
	struct conf_report r;
	char *path;

	if (a->socket != NULL)
		return mem_str(a->socket);
	path = conf_control_socket(a->file, &r);
	conf_report_done(&r);
	return path;
}

/* Perhaps it is elsewhere, and the file cannot tell where.  An exit code. */
static int
unreachable(const struct control_ask *a, const char *path)
{
	struct conf_report r = { 0 };
	int code = complain(a, EX_UNAVAILABLE, path, strerror(errno));

	if (a->socket == NULL && a->told == NULL)
		free(conf_control_socket(a->file, &r));
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	if (r.nmistakes > 0)
		code = complain(a, EX_CONFIG, "the configuration",
		    "may not tell where the daemon is; write -s socket");
	conf_report_done(&r);
	return code;
}

static unsigned
wait_s(const struct control_ask *a)
{
	return a->wait_s > 0 ? a->wait_s : CONTROL_ASK_S;
}

/* A daemon that does not answer is told of. */
static int
reach(const struct control_ask *a, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval most = { .tv_sec = wait_s(a) };
	int fd;

	if (strlen(path) >= sizeof to.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Of an answer. */
struct reading {
	const struct control_ask *ask;
	control_ask_fn *on_row;
	void *arg;
	int code; /* -1: there was no last line yet */
};

/* false: that was the last line. */
static bool
take_line(struct reading *r, const json_t *line)
{
	const json_t *row = json_object_get(line, "row");
	const char *error = json_string_value(json_object_get(line, "error"));

	if (row != NULL) {
		r->on_row(r->arg, row);
		return true;
	}
	if (error != NULL) {
		r->code =
		    (int)json_integer_value(json_object_get(line, "exit"));
		if (r->code <= 0 || r->code > UINT8_MAX)
			r->code = EX_PROTOCOL;
		tell(r->ask, error);
	} else if (json_is_true(json_object_get(line, "done"))) {
		r->code = 0;
	}
	return false;
}

static int
read_answer(struct reading *r, FILE *f)
{
	char *text = NULL, silence[64];
	size_t cap = 0;
	bool more = true, silent;

	while (more && getline(&text, &cap, f) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		more = take_line(r, line);
		json_decref(line);
	}
	silent = ferror(f) && (errno == EAGAIN || errno == EWOULDBLOCK);
	free(text);
	if (r->code >= 0)
		return r->code;
	(void)snprintf(silence, sizeof silence,
	    "has said nothing for %u seconds", wait_s(r->ask));
	return silent ? complain(r->ask, EX_TEMPFAIL, "the daemon", silence)
	              : complain(r->ask, EX_PROTOCOL, "the daemon",
	                    "has ended before its answer was whole");
}

/* A daemon that refuses has said why, and may have closed. */
static void
say(const struct control_ask *a, int fd, const char *line)
{
	union { /* aligned */
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} u = { .room = { 0 } };
	struct iovec data = { (void *)(uintptr_t)line, strlen(line) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	if (a->has_fd) {
		u.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof a->fd) };
		memcpy(CMSG_DATA(&u.head), &a->fd, sizeof a->fd);
		m.msg_control = u.room;
		m.msg_controllen = sizeof u.room;
	}
	(void)sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* Takes fd. */
static int
talk(struct reading *r, int fd, const char *line)
{
	FILE *f = fdopen(fd, "r");
	int code = EX_OSERR;

	say(r->ask, fd, line);
	if (f != NULL) {
		code = read_answer(r, f);
		(void)fclose(f);
	} else {
		(void)close(fd);
	}
	return code;
}

static char *
line_of(const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	char *line = mem_printf("%s\n", text);

	free(text);
	return line;
}

int
control_ask_run(const struct control_ask *a, json_t *request,
    control_ask_fn *on_row, void *arg)
{
	struct reading r = {
		.ask = a, .on_row = on_row, .arg = arg, .code = -1
	};
	char *path, *line;
	int fd, code;

	if (request == NULL)
		return complain(a, EX_DATAERR, "the name", "is no UTF-8");
	path = control_ask_socket(a);
	json_object_set_new(request, "v", json_integer(CONTROL_VERSION));
	line = line_of(request);
	fd = reach(a, path);
	code = fd < 0 ? unreachable(a, path) : talk(&r, fd, line);
	free(line);
	json_decref(request);
	free(path);
	return standard_written() ? code : EX_IOERR;
}

bool
control_ask_options(struct control_ask *a, bool has_json, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct control_ask){ .file = SYSCONFDIR "/postern/postern.conf" };
	while ((c = getopt_long(argc, argv,
	            "c:s:", has_json ? options : &options[1], NULL)) != -1) {
		if (c == 'c')
			a->file = optarg;
		else if (c == 's')
			a->socket = optarg;
		else if (c == 'j')
			a->is_json = true;
		else
			return false;
	}
	return true;
}

bool
control_ask_number(const char *text, uint64_t max, uint64_t *n)
{
	if (str_u64(str_of(text), n) && *n >= 1 && *n <= max)
		return true;
	(void)fprintf(stderr,
	    "postern: \"%s\" is no number; write one of 1 to %" PRIu64 "\n",
	    text, max);
	return false;
}
