/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/candidates - the providers that a message could take, for people.
 */
#ifndef TOOLS_CANDIDATES_H
#define TOOLS_CANDIDATES_H

#include <jansson.h>
#include <stdbool.h>

/* A line each of row's "candidates", an arrow before the pick.  true: there is
 * one. */
bool candidates_print(const json_t *row);

#endif
