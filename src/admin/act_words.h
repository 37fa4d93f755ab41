/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/act_words - what became of an operator's act, in words.
 */
#ifndef ADMIN_ACT_WORDS_H
#define ADMIN_ACT_WORDS_H

#include <stdbool.h>

#include "postern/relay/relay_act.h"

const char *act_words_result(enum relay_act_result result); /* "done" */
/* NULL: there is nothing to say. */
const char *act_words_text(
    enum relay_act_verb verb, const struct relay_acted *a);
const char *act_words_past(enum relay_act_verb verb); /* "held" */
/* It was released, and may arrive twice. */
bool act_words_is_doubtful(
    enum relay_act_verb verb, const struct relay_acted *a);

#endif
