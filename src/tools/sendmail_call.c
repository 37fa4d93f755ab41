/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/sendmail_letter.h"
#include "tools/sendmail_options.h"
#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_sender.h"
#include "tools/sendmail_submit.h"

static int
complain(int code, const char *text)
{
	(void)fprintf(stderr, "sendmail: %s\n", text);
	return code;
}

static int
send_letter(struct sendmail_mail *m, sendmail_call_fn *take, void *arg)
{
	char *sender = sendmail_sender_address(m->o), *from;
	int code;

	if (sender == NULL)
		return EX_DATAERR;
	from = sendmail_sender_from(m->o, sender);
	m->sender = sender;
	m->first = m->letter->has_from ? "" : from;
	code = take(arg, m);
	free(sender);
	free(from);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return code != 0 || m->rcpts->nbad == 0 ? code : EX_DATAERR;
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
check_recipients(
    const struct sendmail_options *o, const struct sendmail_rcpts *r)
{
	if (r->n > 0)
		return 0;
	if (r->nbad > 0)
		return EX_DATAERR; /* told */
	return complain(EX_USAGE,
	    o->reads_recipients
	        ? "no recipient; the header names none in To, Cc or Bcc"
	        : "no recipient; name one, or say -t");
}

static int
read_letter(const struct sendmail_options *o, struct sendmail_letter *l,
    struct sendmail_rcpts *r)
{
	struct err err;
	int code = take_recipients(o, r);

	/* A mistake is told before anybody types a message. */
	if (code == 0 && !o->reads_recipients)
		code = check_recipients(o, r);
	if (code != 0)
		return code;
	if (o->mode != SENDMAIL_VERIFY &&
	    sendmail_letter_read(l, STDIN_FILENO, o->ignores_dots, &err) != 0)
		return complain(
		    err.kind == ERR_LIMIT ? EX_DATAERR : EX_IOERR, err.text);
	if (o->reads_recipients && !sendmail_letter_rcpts(l, r))
		return complain(EX_DATAERR, "more than 50000 recipients");
	return check_recipients(o, r);
}

int
sendmail_call_run(
    const struct sendmail_options *o, sendmail_call_fn *take, void *arg)
{
	struct sendmail_letter l = { 0 };
	struct sendmail_rcpts r = { .told = stderr };
	struct sendmail_mail m = { .o = o, .letter = &l, .rcpts = &r };
	int code = read_letter(o, &l, &r);

	if (code == 0)
		code = send_letter(&m, take, arg);
	sendmail_letter_done(&l);
	sendmail_rcpts_done(&r);
	return code;
}
