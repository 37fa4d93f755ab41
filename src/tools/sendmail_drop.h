/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_drop - a letter left in the drop directory while the daemon is
 * away: the lines that it would have been told (mail/drop), in a file that is
 * on the disk when this returns.
 */
#ifndef TOOLS_SENDMAIL_DROP_H
#define TOOLS_SENDMAIL_DROP_H

#include <stddef.h>

#include "postern/base/err.h"

struct sendmail_mail;

/* For n recipients from the first on.  -1: nothing is left behind. */
MUST_CHECK int sendmail_drop_write(const struct sendmail_mail *m,
    const char *directory, size_t first, size_t n, struct err *err);

#endif
