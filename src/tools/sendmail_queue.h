/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_queue - what sendmail and mailq do with the queue: postern(8)
 * does it.
 */
#ifndef TOOLS_SENDMAIL_QUEUE_H
#define TOOLS_SENDMAIL_QUEUE_H

/* Both become that program; an exit code where they cannot. */
int sendmail_queue_list(void);
/* what: behind -q: "Iid", "Rpart", "Spart"; all that wait otherwise. */
int sendmail_queue_retry(const char *what);

#endif
