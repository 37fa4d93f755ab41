/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/control_ask - asks the running daemon by its control socket; how, is in
 * admin/control.h.
 */
#ifndef TOOLS_CONTROL_ASK_H
#define TOOLS_CONTROL_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct control_ask {
	const char *file;   /* configuration that names the socket */
	const char *socket; /* NULL: that of file */
	bool is_json;       /* rows are to be printed as they come */
	unsigned wait_s;    /* most of its silence; 0: CONTROL_ASK_S */
	char *told;  /* CONTROL_ASK_TOLD bytes for what went wrong; NULL: to
	                stderr with it */
	bool has_fd; /* fd goes along with the request; borrowed */
	int fd;
};

#define CONTROL_ASK_TOLD 512
#define CONTROL_ASK_S 60 /* a reload reads files and asks for names */

/* Takes -c, -s and, where there is such, --json; the words are behind optind.
 * false: another one is among them, which was told. */
bool control_ask_options(
    struct control_ask *a, bool has_json, int argc, char **argv);

/* An option's number, 1 to max; false: it is none, which was told. */
bool control_ask_number(const char *text, uint64_t max, uint64_t *n);

/* The socket that is asked, the usual one where the file does not tell; the
 * caller frees it. */
char *control_ask_socket(const struct control_ask *a);

/* row is borrowed. */
typedef void control_ask_fn(void *arg, const json_t *row);

/* Takes request, {"request":...}; NULL: a word of it was no UTF-8.  An exit
 * code of sysexits.h; what went wrong was told. */
int control_ask_run(const struct control_ask *a, json_t *request,
    control_ask_fn *on_row, void *arg);

#endif
