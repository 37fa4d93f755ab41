/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/submit - postern-submit: what postern-sendmail becomes where a relay
 * file stands in the daemon's place.  postern-submit FILE, then the words that
 * sendmail was called with.  It keeps nothing: a message that the relay does
 * not take now is the caller's again.
 */
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "postern/conf/conf.h"
#include "postern/conf/conf_relay_file.h"

#include "tools/sendmail_call.h"
#include "tools/sendmail_options.h"
#include "tools/submit_letter.h"
#include "tools/submit_session.h"

static int
take(void *arg, struct sendmail_mail *m)
{
	const struct conf_relay_file *f = arg;
	struct submit_letter l;
	int code;

	submit_letter_make(&l, f, m);
	code = submit_session_run(f, &l);
	submit_letter_done(&l);
	return code;
}

static int
run(const char *file, const struct sendmail_options *o)
{
	struct conf_relay_file *f = NULL;
	struct conf_report report = { 0 };
	int code = EX_CONFIG;

	/* A mistake is told before anything is read. */
	if (conf_relay_file_read(&f, file, &report) == 0)
		code = sendmail_call_run(o, take, f);
	for (size_t i = 0; i < report.nmistakes; i++)
		(void)fprintf(stderr, "sendmail: %s\n", report.mistakes[i]);
	conf_report_done(&report);
	conf_relay_file_free(&f);
	return code;
}

int
main(int argc, char **argv)
{
	struct sendmail_options o;
	int rc;

	if (argc < 2) {
		(void)fputs("usage: postern-submit FILE [ARGUMENT ...]; "
		            "sendmail runs it\n",
		    stderr);
		return EX_USAGE;
	}
	rc = sendmail_options_parse(&o, argc - 1, argv + 1);
	return rc != 0 ? rc : run(argv[1], &o);
}
