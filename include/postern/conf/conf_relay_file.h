/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_relay_file - relay.conf: where sendmail hands mail to on a host or
 * in a container that has no daemon.  The keys of a provider that make sense
 * there, at the top level, and domain; postern-sendmail(8) has them.
 */
#ifndef CONF_CONF_RELAY_FILE_H
#define CONF_CONF_RELAY_FILE_H

#include "postern/base/err.h"
#include "postern/relay/relay_provider.h"

struct conf_report;

struct conf_relay_file {      /* all of it is owned */
	const char *hostname; /* this host's; also what helo says */
	const char *domain;   /* of addresses without one */
	struct relay_provider relay;
};

/* As conf_load(). */
MUST_CHECK int conf_relay_file_read(
    struct conf_relay_file **f, const char *path, struct conf_report *r);
void conf_relay_file_free(struct conf_relay_file **f);

#endif
