/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_submission - the door of postern-sendmail: a listener that is
 * always there, behind those that are written.
 */
#ifndef CONF_CONF_SUBMISSION_H
#define CONF_CONF_SUBMISSION_H

#include "conf/conf_read.h"

struct conf_listener;

#define CONF_SUBMISSION_NAME "sendmail"

/* Fills what is more than a listener's defaults from the keys of submission. */
void conf_submission_read(struct conf_read *r, struct conf_listener *c);
/* names: of the listeners that are written; none may have its own. */
void conf_submission_check(struct conf_read *r, const char *const *names);

#endif
