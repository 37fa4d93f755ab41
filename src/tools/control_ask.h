/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/control_ask - asks the running daemon by its control socket; how, is in
 * admin/control.h.
 */
#ifndef TOOLS_CONTROL_ASK_H
#define TOOLS_CONTROL_ASK_H

#include <stdbool.h>

#include <jansson.h>

struct control_ask {
	const char *file;   /* configuration that names the socket */
	const char *socket; /* NULL: that of file */
	bool is_json;       /* rows are to be printed as they come */
};

/* Takes -c, -s and, where there is such, --json; the words are behind optind.
 * false: another one is among them, which was told. */
bool control_ask_options(
    struct control_ask *a, bool has_json, int argc, char **argv);

/* row is borrowed. */
typedef void control_ask_fn(void *arg, const json_t *row);

/* Takes request, {"request":...}; NULL: a word of it was no UTF-8.  An exit
 * code of sysexits.h; what went wrong was told on stderr. */
int control_ask_run(const struct control_ask *a, json_t *request,
    control_ask_fn *on_row, void *arg);

#endif
