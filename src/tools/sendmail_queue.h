/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_queue - what sendmail and mailq do with the queue, or tell of
 * where mail goes, and newaliases: postern(8) does it.
 */
#ifndef TOOLS_SENDMAIL_QUEUE_H
#define TOOLS_SENDMAIL_QUEUE_H

#include <stdbool.h>

struct sendmail_mail;

/* These become that program; an exit code where they cannot. */
int sendmail_queue_aliases(void);
int sendmail_queue_list(void);
/* what: behind -q: "Iid", "Rpart", "Spart"; all that wait otherwise. */
int sendmail_queue_retry(const char *what);
/* Prints where mail for the recipients that were taken would go.  false: it
 * would go nowhere for a user of this host, for whom nobody reads. */
bool sendmail_queue_route(const struct sendmail_mail *m, const bool *taken);

#endif
