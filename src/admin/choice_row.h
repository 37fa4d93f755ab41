/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/choice_row - the providers that a delivery could take, and which it
 * would, as JSON.
 */
#ifndef ADMIN_CHOICE_ROW_H
#define ADMIN_CHOICE_ROW_H

#include <jansson.h>

struct relay_choice;

/* Adds "candidates" and, where there is one, "balance". */
void choice_row_add(json_t *row, const struct relay_choice *c);
/* Adds "provider", the one that it would take now, where there is one. */
void choice_row_add_pick(json_t *row, const struct relay_choice *c);

#endif
