/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/secret - a secret: wiped on free, never printed.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "postern/base/str.h"

struct secret;

struct secret *secret_new(const char *p, size_t n); /* copies; wipe yours */
struct secret *secret_ref(struct secret *s);        /* any thread */
void secret_free(struct secret **s);                /* wipes at the last */
struct str secret_str(const struct secret *s);      /* borrowed */

#endif
