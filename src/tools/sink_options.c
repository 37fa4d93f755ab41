/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define SIZE_MAX_DEFAULT (64 * 1024 * 1024)
#define RECIPIENTS_MAX 10000

enum option_id {
	OPT_LISTEN = 'l',
	OPT_VERSION = 'V',
	OPT_HELP = 'h',
	OPT_HOSTNAME = 256,
	OPT_TLS,
	OPT_CERTIFICATE,
	OPT_KEY,
	OPT_AUTH,
	OPT_MAILDIR,
	OPT_LOG,
	OPT_REPLY,
	OPT_DELAY,
	OPT_DISABLE,
	OPT_OFFER,
	OPT_LIMITS,
	OPT_MAX_SIZE,
	OPT_MAX_RECIPIENTS,
	OPT_MAX_CONNECTIONS,
	OPT_MAX_MESSAGES,
	OPT_DELAYED_ACK,
	OPT_COUNT,
	OPT_ONCE,
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "hostname", required_argument, NULL, OPT_HOSTNAME },
	{ "tls", required_argument, NULL, OPT_TLS },
	{ "certificate", required_argument, NULL, OPT_CERTIFICATE },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "auth", required_argument, NULL, OPT_AUTH },
	{ "maildir", required_argument, NULL, OPT_MAILDIR },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "reply", required_argument, NULL, OPT_REPLY },
	{ "delay", required_argument, NULL, OPT_DELAY },
	{ "disable", required_argument, NULL, OPT_DISABLE },
	{ "offer", required_argument, NULL, OPT_OFFER },
	{ "limits", required_argument, NULL, OPT_LIMITS },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "max-recipients", required_argument, NULL, OPT_MAX_RECIPIENTS },
	{ "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
	{ "max-messages", required_argument, NULL, OPT_MAX_MESSAGES },
	{ "delayed-ack", no_argument, NULL, OPT_DELAYED_ACK },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "once", required_argument, NULL, OPT_ONCE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char *const tls_names[] = { "off", "starttls", "required",
	"implicit" };

struct extension {
	const char *name;
	uint32_t bit;
};
static const struct extension extensions[] = {
	{ "PIPELINING", SINK_NO_PIPELINING },
	{ "SIZE", SINK_NO_SIZE },
	{ "8BITMIME", SINK_NO_8BITMIME },
	{ "SMTPUTF8", SINK_NO_SMTPUTF8 },
	{ "CHUNKING", SINK_NO_CHUNKING },
	{ "DSN", SINK_NO_DSN },
	{ "ENHANCEDSTATUSCODES", SINK_NO_ENHANCED },
	{ NULL, 0 },
};
static const struct extension offers[] = {
	{ "MT-PRIORITY", SINK_MT_PRIORITY },
	{ "REQUIRETLS", SINK_REQUIRETLS },
	{ "BINARYMIME", SINK_BINARYMIME },
	{ "DELIVERBY", SINK_DELIVERBY },
	{ NULL, 0 },
};

static void
help(void)
{
	fputs("usage: postern-sink [-l ADDRESS:PORT] [--tls off|starttls|"
	      "required|implicit]\n"
	      "    [--certificate FILE --key FILE] [--auth USER:PASSWORD]\n"
	      "    [--maildir DIRECTORY] [--log FILE] [--reply STAGE=ACTION] "
	      "[--delay [STAGE=]MS]\n"
	      "    [--disable NAME[,NAME]] [--offer NAME[,NAME]] "
	      "[--limits \"NAME=N ...\"]\n"
	      "    [--max-size N] [--max-recipients N] [--max-connections N]\n"
	      "    [--max-messages N] [--delayed-ack]\n"
	      "    [--hostname NAME] [--count N | --once N]\n"
	      "See postern-sink(1).\n",
	    stdout);
}

static int
number(const char *text, uint64_t max, uint64_t *out, struct err *err)
{
	uint64_t v = 0;

	if (!str_u64(str_of(text), &v) || v > max)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no number from 0 to %llu", text,
		    (unsigned long long)max);
	*out = v;
	return 0;
}

static int
number32(const char *text, uint32_t max, uint32_t *out, struct err *err)
{
	uint64_t v = 0;

	if (number(text, max, &v, err) == -1)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static int
add_listen(struct sink_options *o, const char *text, struct err *err)
{
	if (o->nlisten == SINK_LISTEN_MAX)
		return err_set(
		    err, ERR_CONFIG, "more than %d addresses", SINK_LISTEN_MAX);
	if (addr_parse(&o->listen[o->nlisten], text, err) == -1)
		return -1;
	if (!addr_is_loopback(&o->listen[o->nlisten]))
		return err_set(err, ERR_CONFIG,
		    "%s is not a loopback address; a sink believes everybody",
		    text);
	o->nlisten++;
	return 0;
}

static int
set_tls(struct sink_options *o, const char *text, struct err *err)
{
	for (int i = 0; i <= SINK_TLS_IMPLICIT; i++) {
		if (strcmp(text, tls_names[i]) == 0) {
			o->tls = (enum sink_tls)i;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no kind of TLS; write off, starttls, required or "
	    "implicit",
	    text);
}

static int
set_auth(struct sink_options *o, char *text, struct err *err)
{
	char *colon = strchr(text, ':');

	if (colon == NULL || colon == text)
		return err_set(err, ERR_CONFIG, "write USER:PASSWORD");
	*colon = '\0';
	o->user = text;
	o->password = colon + 1;
	return 0;
}

/* "NAME,NAME" of a table. */
static int
add_names(uint32_t *bits, const struct extension *table, const char *text,
    struct err *err)
{
	struct str rest = str_of(text);

	while (rest.len > 0) {
		struct str name = str_trim(str_cut(&rest, ','));
		size_t i = 0;

		while (table[i].name != NULL && !str_is(name, table[i].name))
			i++;
		if (table[i].name == NULL)
			return err_set(err, ERR_CONFIG,
			    "\"%.*s\" is no extension of the sink that can be "
			    "chosen here",
			    (int)name.len, name.p);
		*bits |= table[i].bit;
	}
	return 0;
}

static int
set_limit(struct sink_options *o, int opt, const char *arg, struct err *err)
{
	switch (opt) {
	case OPT_MAX_SIZE:
		return number(arg, (uint64_t)1 << 40, &o->size_max, err);
	case OPT_MAX_RECIPIENTS:
		return number32(arg, RECIPIENTS_MAX, &o->recipients_max, err);
	case OPT_MAX_CONNECTIONS:
		return number32(arg, UINT32_MAX, &o->connections_max, err);
	case OPT_MAX_MESSAGES:
		return number32(arg, UINT32_MAX, &o->messages_max, err);
	default:
		o->once = opt == OPT_ONCE;
		return number(arg, UINT64_MAX, &o->count, err);
	}
}

static int
set_option(struct sink_options *o, int opt, char *arg, struct err *err)
{
	switch (opt) {
	case OPT_LISTEN:
		return add_listen(o, arg, err);
	case OPT_HOSTNAME:
		o->hostname = arg;
		return 0;
	case OPT_TLS:
		return set_tls(o, arg, err);
	case OPT_CERTIFICATE:
		o->certificate = arg;
		return 0;
	case OPT_KEY:
		o->key = arg;
		return 0;
	case OPT_AUTH:
		return set_auth(o, arg, err);
	case OPT_MAILDIR:
		o->maildir = arg;
		return 0;
	case OPT_LOG:
		o->log = arg;
		return 0;
	case OPT_REPLY:
		return sink_rules_add(&o->rules, arg, err);
	case OPT_DELAY:
		return sink_rules_delay(&o->rules, arg, err);
	case OPT_DISABLE:
		return add_names(&o->disable, extensions, arg, err);
	case OPT_OFFER:
		return add_names(&o->offer, offers, arg, err);
	case OPT_LIMITS:
		o->limits = arg;
		return 0;
	case OPT_DELAYED_ACK:
		o->delayed_ack = true;
		return 0;
	default:
		return set_limit(o, opt, arg, err);
	}
}

static const char *
option_name(int opt)
{
	for (size_t i = 0; options[i].name != NULL; i++) {
		if (options[i].val == opt)
			return options[i].name;
	}
	return "?";
}

/* What must fit together, and the defaults that depend on each other. */
static int
finish(struct sink_options *o, bool tls_said, struct err *err)
{
	if (o->nlisten == 0 && add_listen(o, "127.0.0.1:2525", err) == -1)
		return -1;
	if ((o->certificate == NULL) != (o->key == NULL))
		return err_set(
		    err, ERR_CONFIG, "--certificate and --key belong together");
	if (!tls_said && o->certificate != NULL)
		o->tls = SINK_TLS_STARTTLS;
	if (o->tls != SINK_TLS_OFF && o->certificate == NULL)
		return err_set(err, ERR_CONFIG,
		    "--tls %s needs --certificate and --key",
		    tls_names[o->tls]);
	return 0;
}

int
sink_options_parse(
    struct sink_options *o, int argc, char **argv, struct err *err)
{
	bool tls_said = false;
	int opt;

	*o = (struct sink_options){ .hostname = "sink.example",
		.size_max = SIZE_MAX_DEFAULT,
		.recipients_max = RECIPIENTS_MAX };
	while ((opt = getopt_long(argc, argv, "l:hV", options, NULL)) != -1) {
		if (opt == '?')
			return err_set(err, ERR_CONFIG, "see --help");
		if (opt == OPT_HELP || opt == OPT_VERSION) {
			if (opt == OPT_HELP)
				help();
			else
				puts("postern-sink " PACKAGE_VERSION);
			return 1;
		}
		tls_said |= opt == OPT_TLS;
		if (set_option(o, opt, optarg, err) == -1)
			return err_wrap(err, "--%s", option_name(opt));
	}
	if (optind < argc)
		return err_set(
		    err, ERR_CONFIG, "\"%s\" is no option", argv[optind]);
	return finish(o, tls_said, err);
}

void
sink_options_done(struct sink_options *o)
{
	sink_rules_done(&o->rules);
}
