/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_login - what a provider logs in with: the password is read, and the
 * keys have to go together.
 */
#ifndef CONF_CONF_LOGIN_H
#define CONF_CONF_LOGIN_H

struct conf_entry;
struct conf_provider;
struct conf_read;

void conf_login_read(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c);
/* After that, and after oauth was read. */
void conf_login_check(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c);

#endif
