/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/token_login - the device flow (RFC 8628): shows a code and an address,
 * waits until a person has agreed there, and stores what comes of it.
 */
#ifndef TOOLS_TOKEN_LOGIN_H
#define TOOLS_TOKEN_LOGIN_H

struct oauth_settings;

/* An exit code of sysexits.  directory, name: of the store. */
int token_login_run(
    const struct oauth_settings *s, const char *directory, const char *name);

#endif
