/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_field - one key's value: from libconfig's tree into the field that
 * the table names.
 */
#ifndef CONF_CONF_FIELD_H
#define CONF_CONF_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include <libconfig.h>

#include "postern/base/err.h"

#include "conf/conf_arena.h"
#include "conf/conf_table.h"

/* -1: err->text is "what is wrong; what to write"; an empty text means it was
 * told already.  Strings are copied into a. */
MUST_CHECK int conf_field_set(const struct conf_key *k, void *base,
    const config_setting_t *v, struct conf_arena *a, struct err *err);
/* The same for a text that stands in no file as it is. */
MUST_CHECK int conf_field_set_text(const struct conf_key *k, void *base,
    const char *text, struct conf_arena *a, struct err *err);
/* The default, if the key has one. */
void conf_field_default(
    const struct conf_key *k, void *base, struct conf_arena *a);
/* How wide a field that holds no pointer is; 0: it holds one. */
size_t conf_field_width(const struct conf_key *k);
bool conf_field_equal(const struct conf_key *k, const void *a, const void *b);

#endif
