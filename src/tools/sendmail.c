/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail - postern-sendmail: sendmail, mailq and newaliases, by the
 * name it is called.  No set-id bit: the daemon knows the caller from the
 * kernel. Links nothing but libc, since it is started for every mail; where
 * there is a relay file in the daemon's place it becomes postern-submit.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/standard.h"
#include "postern/mail/drop.h"

#include "tools/sendmail_call.h"
#include "tools/sendmail_drop.h"
#include "tools/sendmail_options.h"
#include "tools/sendmail_pipe.h"
#include "tools/sendmail_queue.h"
#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_submit.h"

#define SOCKET "/run/postern/submission.sock"
#define RELAY_FILE SYSCONFDIR "/postern/relay.conf"
#define DAEMON SBINDIR "/posternd"

static int
complain(int code, const char *text)
{
	(void)fprintf(stderr, "sendmail: %s\n", text);
	return code;
}

static const char *
place(const char *variable, const char *otherwise)
{
	const char *text = getenv(variable);

	return text != NULL && text[0] != '\0' ? text : otherwise;
}

static const char *
socket_path(void)
{
	return place("POSTERN_SUBMISSION", SOCKET);
}

/* --- a message
 * -------------------------------------------------------------- */

static int
not_now(const struct err *err)
{
	(void)fprintf(
	    stderr, "sendmail: not sent, try again later: %s\n", err->text);
	return EX_TEMPFAIL;
}

static int
leave(const struct sendmail_mail *m, size_t first, size_t n,
    const struct err *down)
{
	struct err err;

	if (sendmail_drop_write(
	        m, place("POSTERN_DROP", DROP_DIRECTORY), first, n, &err) == 0)
		return 0;
	(void)fprintf(stderr,
	    "sendmail: not sent, try again later: %s; and it cannot be kept: "
	    "%s\n",
	    down->text, err.text);
	return EX_TEMPFAIL;
}

static int
hand_over(const struct sendmail_mail *m)
{
	int worst = 0;

	for (size_t i = 0; i < m->rcpts->n; i += SENDMAIL_SUBMIT_RCPTS) {
		size_t n = m->rcpts->n - i;
		struct err err;
		int code = 0;

		if (n > SENDMAIL_SUBMIT_RCPTS)
			n = SENDMAIL_SUBMIT_RCPTS;
		if (sendmail_submit(m, i, n, &code, &err) != 0)
			code = leave(m, i, n, &err);
		if (code != 0)
			worst = code;
	}
	return worst;
}

/* Would they be taken, and where would they go? */
static int
verify(const struct sendmail_mail *m)
{
	bool taken[SENDMAIL_SUBMIT_RCPTS] = { false };
	struct err err;
	int code = 0;

	if (sendmail_submit_verify(m, taken, &code, &err) != 0)
		return not_now(&err);
	if (!sendmail_queue_route(m, taken))
		code = EX_NOUSER;
	return code;
}

/* arg: the daemon's socket. */
static int
take(void *arg, struct sendmail_mail *m)
{
	m->socket = arg;
	return m->o->mode == SENDMAIL_VERIFY ? verify(m) : hand_over(m);
}

/* --- what others do
 * --------------------------------------------------------- */

static int
become(const char *program, const char *const *argv)
{
	(void)execv(program, (char *const *)(const void *)argv);
	perror(program);
	return EX_UNAVAILABLE;
}

static int
become_daemon(bool foreground)
{
	const char *const argv[] = { "posternd", foreground ? "-f" : NULL,
		NULL };

	return become(DAEMON, argv);
}

/* --- without a daemon
 * -------------------------------------------------------- */

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Mail can be handed to one, or left for one that is to be started: a drop
 * directory alone may be what a removed one has left behind. */
static bool
has_daemon(void)
{
	return is_there(socket_path()) ||
	       (is_there(DAEMON) &&
	           is_there(place("POSTERN_DROP", DROP_DIRECTORY)));
}

/* The file that names the relay to be used in the daemon's place, or NULL.  One
 * that is there, but not for the caller, is none to be passed over; where its
 * directory is closed to him, as an administrator may like it, it is taken for
 * one that a host with a daemon does not have. */
static const char *
relay_file(void)
{
	const char *path = place("POSTERN_RELAY", NULL);

	if (path != NULL || place("POSTERN_SUBMISSION", NULL) != NULL)
		return path;
	if (access(RELAY_FILE, F_OK) != 0 &&
	    (errno == ENOENT || errno == ENOTDIR ||
	        (errno == EACCES && has_daemon())))
		return NULL;
	return RELAY_FILE;
}

/* The program that knows TCP and TLS: it gets the whole call. */
static int
become_submit(const char *file, int argc, char **argv)
{
	const char **words = mem_array((size_t)argc + 2, sizeof *words);
	const char *program =
	    place("POSTERN_SUBMIT", PKGLIBEXECDIR "/postern-submit");
	int code;

	words[0] = "postern-submit";
	words[1] = file;
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	code = become(program, words);
	free(words);
	return code;
}

static int
refuse_smtp(void)
{
	(void)puts("554 5.3.3 No SMTP here without a daemon\r");
	return complain(EX_UNAVAILABLE,
	    "-bs: needs the daemon, and this host hands mail to a relay");
}

static int
run_by_relay(const char *file, enum sendmail_mode mode, int argc, char **argv)
{
	switch (mode) {
	case SENDMAIL_SMTP:
		return refuse_smtp();
	case SENDMAIL_LIST: /* nothing is kept here */
		return puts("Mail queue is empty") < 0 ? EX_IOERR : 0;
	case SENDMAIL_RETRY:
		return 0;
	default:
		return become_submit(file, argc, argv);
	}
}

static int
run_by_daemon(const struct sendmail_options *o)
{
	switch (o->mode) {
	case SENDMAIL_SMTP:
		return sendmail_pipe_run(socket_path());
	case SENDMAIL_LIST:
		return sendmail_queue_list();
	case SENDMAIL_RETRY:
		return sendmail_queue_retry(o->retry);
	default:
		return sendmail_call_run(
		    o, take, (void *)(uintptr_t)socket_path());
	}
}

int
main(int argc, char **argv)
{
	struct sendmail_options o;
	const char *file;
	int rc;

	standard_fill();
	rc = sendmail_options_parse(&o, argc, argv);
	if (rc != 0)
		return rc;
	if (o.mode == SENDMAIL_DAEMON)
		return become_daemon(o.foreground);
	file = relay_file();
	if (o.mode == SENDMAIL_ALIASES) /* a relay has none */
		return file != NULL ? 0 : sendmail_queue_aliases();
	return file != NULL ? run_by_relay(file, o.mode, argc, argv)
	                    : run_by_daemon(&o);
}
