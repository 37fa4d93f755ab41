/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/secret_source - where a password stands: a file that others cannot
 * read, the environment, a credential of the service manager.  Read with the
 * rights of the process, at the start as later.  Any thread.
 */
#ifndef BASE_SECRET_SOURCE_H
#define BASE_SECRET_SOURCE_H

#include "postern/base/err.h"
#include "postern/base/secret.h"

#define SECRET_SOURCE_MAX 4096 /* bytes of a password */

enum secret_source_kind {
	SECRET_SOURCE_NONE,
	SECRET_SOURCE_FILE,
	SECRET_SOURCE_ENV,
	SECRET_SOURCE_CREDENTIAL, /* a file of $CREDENTIALS_DIRECTORY */
};

struct secret_source {
	enum secret_source_kind kind;
	const char *at; /* path, variable, name; borrowed */
};
#define SECRET_SOURCE(what, text)                                              \
	((struct secret_source){ SECRET_SOURCE_##what, (text) })

/* One line end at its end is not part of it.  -1: "what is wrong; what to
 * write or run", nothing of the secret in it; *s untouched. */
MUST_CHECK int secret_source_read(
    struct secret **s, const struct secret_source *source, struct err *err);
/* Opens a regular file that others cannot read.  The descriptor, or -1 like
 * above. */
MUST_CHECK int secret_source_open(const char *path, struct err *err);
/* All of such a file, a key perhaps, into p, which is to be wiped; how many
 * bytes, or -1 like above.  More than max: "is larger ...; write the name of"
 * what. */
MUST_CHECK int secret_source_bytes(
    const char *path, char *p, size_t max, const char *what, struct err *err);
/* Can it be read, and by nobody else?  -1 like above. */
MUST_CHECK int secret_source_look(const char *path, struct err *err);

#endif
