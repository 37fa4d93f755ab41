/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

/* Behind the letters that follow: taken and without effect.  An option that
 * comes behind the first recipient is a recipient. */
#define OPTIONS                                                                \
	"+:"                                                                   \
	"b:B:f:F:iIN:o:q::r:R:tV:"                                             \
	"A:C:d::e:Gh:JL:mnO:p:sUvX:"

static int
complain(const char *option, const char *text, const char *wants)
{
	(void)fprintf(stderr, "sendmail: %s %s: %s\n", option, text, wants);
	return EX_USAGE;
}

static int
take_mode(struct sendmail_options *o, const char *text)
{
	static const struct {
		char letter;
		enum sendmail_mode mode;
	} modes[] = { { 'm', SENDMAIL_DELIVER }, { 's', SENDMAIL_SMTP },
		{ 'v', SENDMAIL_VERIFY }, { 'p', SENDMAIL_LIST },
		{ 'i', SENDMAIL_ALIASES }, { 'd', SENDMAIL_DAEMON },
		{ 'D', SENDMAIL_DAEMON } };

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (text[0] == modes[i].letter && text[1] == '\0') {
			o->mode = modes[i].mode;
			o->foreground = text[0] == 'D';
			return 0;
		}
	}
	return complain(
	    "-b", text, "write m, s, v, p, i, d or D (postern-sendmail(8))");
}

static int
take_body(struct sendmail_options *o, const char *text)
{
	o->eight_bit = strcasecmp(text, "8BITMIME") == 0;
	if (o->eight_bit || strcasecmp(text, "7BIT") == 0)
		return 0;
	return complain("-B", text, "write 7BIT or 8BITMIME");
}

static int
take_return(struct sendmail_options *o, const char *text)
{
	o->ret = strcasecmp(text, "full") == 0   ? "FULL"
	         : strcasecmp(text, "hdrs") == 0 ? "HDRS"
	                                         : NULL;
	return o->ret != NULL ? 0 : complain("-R", text, "write full or hdrs");
}

/* The daemon reads the words again, and refuses one that stands twice. */
static int
take_notify(struct sendmail_options *o, const char *text)
{
	static const char *const words[] = { "success", "failure", "delay" };
	size_t n = sizeof words / sizeof words[0];
	const char *p = text;

	o->notify = text;
	if (strcasecmp(text, "never") == 0)
		return 0;
	for (bool more = true; more;) {
		size_t len = strcspn(p, ","), i = 0;

		while (i < n && (strlen(words[i]) != len ||
		                    strncasecmp(p, words[i], len) != 0))
			i++;
		if (i == n)
			return complain("-N", text,
			    "write never, or success, failure and delay with "
			    "commas between");
		more = p[len] == ',';
		p += len + 1;
	}
	return 0;
}

static int
take_envid(struct sendmail_options *o, const char *text)
{
	o->envid = text;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			return complain("-V", "", "an id is printable ASCII");
	}
	return text[0] != '\0' ? 0 : complain("-V", "", "an id is not empty");
}

/* Which messages; how often, and in which way, other systems are told by digits
 * and small letters. */
static int
take_retry(struct sendmail_options *o, const char *text)
{
	if (o->mode == SENDMAIL_DELIVER)
		o->mode = SENDMAIL_RETRY;
	o->retry = text;
	if (text[0] == '\0' || isdigit((unsigned char)text[0]) ||
	    islower((unsigned char)text[0]) || strchr("IRS", text[0]) != NULL)
		return 0;
	return complain("-q", text,
	    "write -q for all, or -qI, -qR or -qS with a part of an id, a "
	    "recipient or the sender");
}

/* 0, or an exit code.  Letters without a case mean nothing here. */
static int
take(struct sendmail_options *o, int letter, const char *text)
{
	switch (letter) {
	case 'b':
		return take_mode(o, text);
	case 'B':
		return take_body(o, text);
	case 'f':
	case 'r':
		o->sender = text;
		return 0;
	case 'F':
		o->name = text;
		return 0;
	case 'i':
		o->ignores_dots = true;
		return 0;
	case 'I':
		o->mode = SENDMAIL_ALIASES;
		return 0;
	case 'N':
		return take_notify(o, text);
	case 'o':
		if (strcmp(text, "i") == 0)
			o->ignores_dots = true;
		return 0;
	case 'q':
		return take_retry(o, text != NULL ? text : "");
	case 'R':
		return take_return(o, text);
	case 't':
		o->reads_recipients = true;
		return 0;
	case 'V':
		return take_envid(o, text);
	default:
		return 0;
	}
}

/* Of --word only the second hyphen was looked at. */
static int
complain_of(int what, char **argv)
{
	char option[] = { '-', (char)optopt, '\0' };

	if (what == ':')
		(void)fprintf(stderr,
		    "sendmail: %s lacks its argument; see "
		    "postern-sendmail(8)\n",
		    option);
	else
		(void)fprintf(stderr,
		    "sendmail: %s is no option; see postern-sendmail(8)\n",
		    optopt == '-' ? argv[optind] : option);
	return EX_USAGE;
}

static enum sendmail_mode
mode_by_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash != NULL ? slash + 1 : argv0;

	if (strcmp(name, "mailq") == 0)
		return SENDMAIL_LIST;
	return strcmp(name, "newaliases") == 0 ? SENDMAIL_ALIASES
	                                       : SENDMAIL_DELIVER;
}

int
sendmail_options_parse(struct sendmail_options *o, int argc, char **argv)
{
	int letter, rc;

	*o = (struct sendmail_options){ .mode = mode_by_name(argv[0]),
		.name = getenv("NAME"),
		.retry = "" };
	opterr = 0;
	while ((letter = getopt(argc, argv, OPTIONS)) != -1) {
		if (letter == '?' || letter == ':')
			return complain_of(letter, argv);
		rc = take(o, letter, optarg);
		if (rc != 0)
			return rc;
	}
	o->recipients = argv + optind;
	o->nrecipients = argc - optind;
	return 0;
}
