/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "postern/base/mem.h"
#include "tools/sink_script.h"

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
	OPT_BRIEF,
	OPT_SCRIPT,
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
	{ "brief", no_argument, NULL, OPT_BRIEF },
	{ "script", required_argument, NULL, OPT_SCRIPT },
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

static void
help(void)
{
	fputs(
	    "usage: postern-sink [-l address:port]\n"
	    "           [--tls off | starttls | required | implicit]\n"
	    "           [--certificate file --key file] [--auth "
	    "user:password]\n"
	    "           [--maildir directory] [--log file [--brief]] "
	    "[--script file]\n"
	    "           [--reply stage=action] [--delay [stage=]ms]\n"
	    "           [--disable name[,...]] [--offer name[,...]] "
	    "[--limits text]\n"
	    "           [--max-size octets] [--max-recipients n] "
	    "[--max-connections n]\n"
	    "           [--max-messages n] [--delayed-ack] [--hostname name]\n"
	    "           [--count n | --once n]\n"
	    "       postern-sink -h | -V\n"
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
set_auth(struct sink_options *o, const char *text, struct err *err)
{
	struct str rest = str_of(text);

	o->user = str_cut(&rest, ':');
	o->password = rest;
	return o->user.len > 0 && rest.p > o->user.p + o->user.len
	           ? 0
	           : err_set(err, ERR_CONFIG, "write USER:PASSWORD");
}

/* "NAME,NAME" */
static int
add_names(struct sink_options *o, int opt, const char *text, struct err *err)
{
	struct sink_capability c = { .disable = 0 };
	struct str rest = str_of(text);

	while (rest.len > 0) {
		struct str name = str_trim(str_cut(&rest, ','));

		if (opt == OPT_OFFER
		        ? sink_plan_offer(&c.offer, name, err) == -1
		        : sink_plan_disable(&c.disable, name, err) == -1)
			return -1;
	}
	return sink_plan_capability(&o->plan, &c, err);
}

/* --max-connections and --max-messages: limits as a script has them. */
static int
add_limit(struct sink_options *o, int opt, const char *arg, struct err *err)
{
	bool sessions = opt == OPT_MAX_CONNECTIONS;
	struct sink_limit x = { .of = sessions ? SINK_LIMIT_SESSIONS
		                               : SINK_LIMIT_MAILS,
		.at = sessions ? SINK_BANNER : SINK_MAIL };

	if (number32(arg, UINT32_MAX, &x.most, err) == -1)
		return -1;
	if (x.most == 0)
		return 0;
	smtp_reply_set(&x.deed.reply, 421, sessions ? "" : "4.7.0", "%s",
	    sessions ? "Too many connections"
	             : "Too many messages in this session");
	x.deed.reply.close = true;
	x.text =
	    mem_printf("%u %s", x.most, sessions ? "connections" : "messages");
	return sink_limits_put(&o->plan.limits, &x, err);
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
	case OPT_MAX_MESSAGES:
		return add_limit(o, opt, arg, err);
	default:
		o->once = opt == OPT_ONCE;
		return number(arg, UINT64_MAX, &o->count, err);
	}
}

static int
set_option(struct sink_options *o, int opt, const char *arg, struct err *err)
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
	case OPT_BRIEF:
		o->brief = true;
		return 0;
	case OPT_SCRIPT:
		return sink_script_read(&o->plan, arg, err);
	case OPT_REPLY:
		return sink_rules_add(&o->plan.rules, arg, err);
	case OPT_DELAY:
		return sink_delays_add(&o->plan.delays, arg, err);
	case OPT_DISABLE:
	case OPT_OFFER:
		return add_names(o, opt, arg, err);
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

/* Before those of a script: of these the last that holds is shown. */
static int
add_certificate(struct sink_options *o, struct err *err)
{
	struct sink_certificate c = { .certificate = mem_str(o->certificate),
		.key = mem_str(o->key) };

	if (sink_plan_certificate(&o->plan, &c, err) == -1)
		return -1;
	if (o->plan.ncertificates > 1) {
		c = o->plan.certificate[o->plan.ncertificates - 1];
		memmove(o->plan.certificate + 1, o->plan.certificate,
		    (o->plan.ncertificates - 1) * sizeof c);
		o->plan.certificate[0] = c;
	}
	return 0;
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
	if (o->certificate != NULL && add_certificate(o, err) == -1)
		return -1;
	if (!tls_said && o->plan.ncertificates > 0)
		o->tls = SINK_TLS_STARTTLS;
	if (o->tls != SINK_TLS_OFF && o->plan.ncertificates == 0)
		return err_set(err, ERR_CONFIG,
		    "--tls %s needs --certificate and --key",
		    tls_names[o->tls]);
	sink_plan_seed(&o->plan);
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
	optind = 0; /* it may be read more than once */
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
	sink_plan_done(&o->plan);
}
