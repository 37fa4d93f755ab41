/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_owner - users and groups of this host, and modes of files.  Asks
 * the host's databases (getpwnam(3)): main thread only.  On -1 err->text reads
 * "what is wrong; what to write".
 */
#ifndef CONF_CONF_OWNER_H
#define CONF_CONF_OWNER_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

/* A name, or a number (which need not be anybody's). */
MUST_CHECK int conf_owner_user(
    const char *text, uint32_t *uid, struct err *err);
MUST_CHECK int conf_owner_group(
    const char *text, uint32_t *gid, struct err *err);
/* "0660": as chmod(1) takes it in octal, without the bits above 0777. */
MUST_CHECK int conf_owner_mode(struct str s, uint32_t *mode, struct err *err);

#endif
