/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/logins - may a login be tried, and has it proven right lately?  One
 * table with one mutex for all inlets, so that a limit holds for the process.
 * Any thread; the caller hands the time in.
 *
 * Failures are counted for a client with a user's name, and for a client with
 * all names, before anything is hashed: whoever guesses at one name is stopped
 * early, an application with an old password stops its own name only, and
 * whoever goes through many names stops his address.  The listener has the
 * limits: as many failures as its rates count may come at once, and over their
 * time as many are forgotten, one by one.
 *
 * Whose login was right lately is known for a while: such a client need not
 * wait behind those who guess.
 *
 * A login that was right is remembered by an HMAC under a key of this process,
 * so that a busy client pays the hash once.  Such a login is taken from a
 * client that is stopped for its other names: somebody else may share its
 * address.  A wrong one counts there, too, so nothing can be guessed that way.
 */
#ifndef INLET_LOGINS_H
#define INLET_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/mail/rate.h"

enum {
	/* Clients and names that are remembered, 64 bytes each; beyond, the
	 * one that failed the longest ago is forgotten. */
	LOGINS_FAILURES_MAX = 65536,
	LOGINS_PROOFS_MAX = 16384, /* the same of logins that were right */
	LOGINS_PROOF_MS = 600000,  /* then the hash is due again */
	LOGINS_KNOWN_MAX = 16384,  /* the same of clients */
	LOGINS_KNOWN_MS = 86400000,
};

struct logins_limits {
	struct rate name;   /* failures of a client with one name */
	struct rate client; /* with all of its names */
};

struct login {
	uint64_t client; /* clients_key() */
	uint64_t serial; /* users_serial(): another file, another proof */
	struct str user;
	struct str password; /* empty: SCRAM, which has no use for proofs */
	struct logins_limits limits;
};

enum logins_answer { LOGINS_PROVEN, LOGINS_TRY, LOGINS_LIMITED };

MUST_CHECK enum logins_answer logins_ask(
    const struct login *l, uint64_t now_ms);
/* Had this client a login that was right, whoever's? */
bool logins_is_known(uint64_t client, uint64_t now_ms);
void logins_right(const struct login *l, uint64_t now_ms);
/* true: with this one a limit is reached. */
bool logins_wrong(const struct login *l, uint64_t now_ms);
void logins_forget(void); /* everything, the key too */

#endif
