/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_options - the command line that programs have given sendmail
 * for decades.  What only another mail system could use is taken and left out.
 */
#ifndef TOOLS_SENDMAIL_OPTIONS_H
#define TOOLS_SENDMAIL_OPTIONS_H

#include <stdbool.h>

enum sendmail_mode {
	SENDMAIL_DELIVER, /* -bm */
	SENDMAIL_SMTP,    /* -bs */
	SENDMAIL_VERIFY,  /* -bv */
	SENDMAIL_LIST,    /* -bp, mailq */
	SENDMAIL_RETRY,   /* -q */
	SENDMAIL_ALIASES, /* -bi, -I, newaliases */
	SENDMAIL_DAEMON,  /* -bd, -bD */
};

struct sendmail_options { /* strings are the command line's */
	enum sendmail_mode mode;
	bool foreground;       /* -bD */
	bool reads_recipients; /* -t */
	bool ignores_dots;     /* -i, -oi */
	bool eight_bit;        /* -B8BITMIME */
	const char *sender;    /* -f, -r; NULL: who calls */
	const char *name;      /* -F, else the environment's; or NULL */
	const char *envid;     /* -V; or NULL */
	const char *ret;       /* "FULL", "HDRS"; or NULL */
	const char *notify;    /* "SUCCESS,FAILURE"; NULL: not said */
	const char *retry;     /* what stands behind -q; "" all */
	char **recipients;     /* the rest */
	int nrecipients;
};

/* 0, or an exit code: what is wrong was told. */
int sendmail_options_parse(struct sendmail_options *o, int argc, char **argv);

#endif
