/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/conf/explain_options.h"

#include <string.h>

#include "postern/admin/explain.h"
#include "postern/conf/conf.h"

enum {
	OPT_FROM = 256,
	OPT_TO,
	OPT_USER,
	OPT_LISTENER,
	OPT_CLIENT,
	OPT_HEADER,
	OPT_SIZE,
};

static const struct option ours[EXPLAIN_OPTIONS] = {
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "user", required_argument, NULL, OPT_USER },
	{ "listener", required_argument, NULL, OPT_LISTENER },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "size", required_argument, NULL, OPT_SIZE },
};

void
explain_options_with(
    struct option all[EXPLAIN_OPTIONS + 2], const struct option *own)
{
	memcpy(all, ours, sizeof ours);
	all[EXPLAIN_OPTIONS] = *own;
	all[EXPLAIN_OPTIONS + 1] = (struct option){ 0 };
}

static int
take_word(const char **words, size_t *n, const char *text, struct err *err)
{
	if (*n == EXPLAIN_WORDS)
		return err_set(err, ERR_CONFIG,
		    "--to and --header may each stand %d times", EXPLAIN_WORDS);
	words[(*n)++] = text;
	return 0;
}

int
explain_options_take(
    struct explain *e, int option, const char *text, struct err *err)
{
	switch (option) {
	case OPT_FROM:
		e->from = text;
		break;
	case OPT_TO:
		return take_word(e->to, &e->nto, text, err);
	case OPT_USER:
		e->user = text;
		break;
	case OPT_LISTENER:
		e->listener = text;
		break;
	case OPT_CLIENT:
		return explain_client(e, text, err);
	case OPT_HEADER:
		return take_word(e->header, &e->nheaders, text, err);
	case OPT_SIZE:
		if (conf_size(text, &e->size, err) != 0)
			return err_wrap(err, "--size");
		break;
	default:
		return err_set(err, ERR_CONFIG, "there is no such option");
	}
	return 0;
}
