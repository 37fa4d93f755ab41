/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/ask - a password from the terminal, without echo and twice, or a line
 * of standard input.
 */
#ifndef TOOLS_ASK_H
#define TOOLS_ASK_H

#include "postern/base/err.h"
#include "postern/base/secret.h"

MUST_CHECK int ask_password(
    struct secret **s, const char *name, struct err *err);

#endif
