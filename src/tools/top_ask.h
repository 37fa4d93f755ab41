/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_ask - what "postern top" asks of the daemon: its figures, and what
 * an operator wants of a provider, as "postern provider" and "postern queue"
 * do.
 */
#ifndef TOOLS_TOP_ASK_H
#define TOOLS_TOP_ASK_H

#include <stddef.h>

#include "tools/top_view.h"

struct control_ask;
struct top_model;

#define TOP_ASK_SILENCE_S 5 /* a screen stands still meanwhile */

/* An exit code of sysexits.h; the model knows of it whatever it is. */
int top_ask_look(const struct control_ask *a, struct top_model *m);

/* TOP_PAUSE, TOP_RESUME or TOP_RETRY, with a provider; what came of it goes
 * into v->note. */
void top_ask_act(const struct control_ask *a, struct top_view *v,
    enum top_wish wish, const char *provider);

#endif
