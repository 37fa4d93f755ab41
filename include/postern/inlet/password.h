/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/password - crypt(3): what a users file may hold of a password, and
 * whether a password fits.  Any thread.
 */
#ifndef INLET_PASSWORD_H
#define INLET_PASSWORD_H

#include <stdbool.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

enum { PASSWORD_HASH_MAX = 384 }; /* octets with NUL: CRYPT_OUTPUT_SIZE */

enum password_kind {
	PASSWORD_HASH, /* yescrypt, SHA-512, SHA-256, bcrypt, ... */
	PASSWORD_OLD,  /* DES, MD5: soon guessed */
	PASSWORD_NONE, /* crypt(3) would take it for nothing */
};

/* By its form alone: costs nothing. */
enum password_kind password_kind(const char *hash);
/* Tens of milliseconds, as the hash says.  A password that holds NUL or more
 * than 511 octets fits nothing. */
bool password_fits(const char *hash, struct str password);
/* A new hash of the kind that the system prefers, NUL ended. */
MUST_CHECK int password_hash(
    char out[PASSWORD_HASH_MAX], struct str password, struct err *err);

#endif
