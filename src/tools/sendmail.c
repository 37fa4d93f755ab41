/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail - postern-sendmail: sendmail, mailq and newaliases, by the
 * name it is called.  No set-id bit: the daemon knows the caller from the
 * kernel. Links nothing but libc, since it is started for every mail.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/mail/drop.h"

#include "tools/sendmail_drop.h"
#include "tools/sendmail_letter.h"
#include "tools/sendmail_options.h"
#include "tools/sendmail_pipe.h"
#include "tools/sendmail_queue.h"
#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_sender.h"
#include "tools/sendmail_submit.h"

#define SOCKET "/run/postern/submission.sock"

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

/* What this opens must never become standard output or error. */
static void
fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDWR) !=
		    fd)
			_exit(EX_OSERR);
	}
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
	return worst != 0 ? worst : m->rcpts->nbad > 0 ? EX_DATAERR : 0;
}

static int
verify(const struct sendmail_mail *m)
{
	struct err err;
	int code = 0;

	if (sendmail_submit_verify(m, &code, &err) != 0)
		return not_now(&err);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return code != 0 || m->rcpts->nbad == 0 ? code : EX_DATAERR;
}

static int
send_letter(struct sendmail_mail *m)
{
	char *sender = sendmail_sender_address(m->o), *from;
	int code;

	if (sender == NULL)
		return EX_DATAERR;
	from = sendmail_sender_from(m->o, sender);
	m->sender = sender;
	m->first = m->letter->has_from ? "" : from;
	code = m->o->mode == SENDMAIL_VERIFY ? verify(m) : hand_over(m);
	free(sender);
	free(from);
	return code;
}

/* All that the command line names. */
static int
take_recipients(const struct sendmail_options *o, struct sendmail_rcpts *r)
{
	for (int i = 0; i < o->nrecipients; i++) {
		struct str s = { o->recipients[i], strlen(o->recipients[i]) };

		if (!sendmail_rcpts_add(r, s))
			return complain(EX_DATAERR, "more than 50000 "
			                            "recipients");
	}
	return 0;
}

static int
check_recipients(const struct sendmail_rcpts *r)
{
	if (r->n > 0)
		return 0;
	if (r->nbad > 0)
		return EX_DATAERR; /* told */
	return complain(EX_USAGE, "no recipient; name one, or say -t");
}

static int
read_and_send(const struct sendmail_options *o, struct sendmail_letter *l,
    struct sendmail_rcpts *r)
{
	struct sendmail_mail m = {
		.o = o, .letter = l, .rcpts = r, .socket = socket_path()
	};
	struct err err;
	int code = take_recipients(o, r);

	/* A mistake is told before anybody types a message. */
	if (code == 0 && !o->reads_recipients)
		code = check_recipients(r);
	if (code != 0)
		return code;
	if (o->mode != SENDMAIL_VERIFY &&
	    sendmail_letter_read(l, STDIN_FILENO, o->ignores_dots, &err) != 0)
		return complain(
		    err.kind == ERR_LIMIT ? EX_DATAERR : EX_IOERR, err.text);
	if (o->reads_recipients && !sendmail_letter_rcpts(l, r))
		return complain(EX_DATAERR, "more than 50000 recipients");
	code = check_recipients(r);
	return code != 0 ? code : send_letter(&m);
}

static int
deliver(const struct sendmail_options *o)
{
	struct sendmail_letter l = { 0 };
	struct sendmail_rcpts r = { .told = stderr };
	int code = read_and_send(o, &l, &r);

	sendmail_letter_done(&l);
	sendmail_rcpts_done(&r);
	return code;
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

	return become(SBINDIR "/posternd", argv);
}

int
main(int argc, char **argv)
{
	struct sendmail_options o;
	int rc;

	fill_standard();
	rc = sendmail_options_parse(&o, argc, argv);
	if (rc != 0)
		return rc;
	switch (o.mode) {
	case SENDMAIL_SMTP:
		return sendmail_pipe_run(socket_path());
	case SENDMAIL_DAEMON:
		return become_daemon(o.foreground);
	case SENDMAIL_ALIASES: /* the daemon has no table to be made */
		return 0;
	case SENDMAIL_LIST:
		return sendmail_queue_list();
	case SENDMAIL_RETRY:
		return sendmail_queue_retry(o.retry);
	case SENDMAIL_DELIVER:
	case SENDMAIL_VERIFY:
		break;
	}
	return deliver(&o);
}
