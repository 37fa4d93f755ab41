/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_secret - a password from a file that others cannot read, or from
 * the environment.
 */
#ifndef CONF_CONF_SECRET_H
#define CONF_CONF_SECRET_H

#include "postern/base/err.h"
#include "postern/base/secret.h"

#define CONF_SECRET_MAX 4096 /* bytes */

/* Opens a regular file that others cannot read.  The descriptor, or -1: "what
 * is wrong; what to write or run". */
MUST_CHECK int conf_secret_open(const char *path, struct err *err);

/* One line end at its end is not part of it.  -1: "what is wrong; what to
 * write or run". */
MUST_CHECK int conf_secret_file(
    struct secret **s, const char *path, struct err *err);
/* Can it be read, and by nobody else?  -1 like above. */
MUST_CHECK int conf_secret_look(const char *path, struct err *err);
MUST_CHECK int conf_secret_env(
    struct secret **s, const char *name, struct err *err);

#endif
