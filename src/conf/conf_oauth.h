/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_oauth - a provider's oauth: its secrets, its key file, and what
 * follows from the keys that are there.
 */
#ifndef CONF_CONF_OAUTH_H
#define CONF_CONF_OAUTH_H

#include "conf/conf_read.h"

/* c is filled.  Where neither client_id nor key_file is written there is no
 * OAuth2: a profile's endpoints alone ask for none. */
void conf_oauth_read(
    struct conf_read *r, struct conf_entry *e, struct conf_provider *c);
void conf_oauth_done(struct oauth_settings *s); /* its secrets */

#endif
