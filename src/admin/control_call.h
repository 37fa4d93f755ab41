/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_call - one request and its answer, which may come later: row by
 * row, then done or fail, once, after which the call is no more.  A caller that
 * went away meanwhile is no concern of the handler.  Main thread.
 */
#ifndef ADMIN_CONTROL_CALL_H
#define ADMIN_CONTROL_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct control_call;
struct control_hooks;

enum control_role { CONTROL_ROLE_NONE, CONTROL_ROLE_READ, CONTROL_ROLE_WRITE };

struct control_request {
	const char *name;
	enum control_role least;
	void (*run)(struct control_call *call);
};

const struct control_hooks *control_call_hooks(const struct control_call *call);
/* A string of the request, borrowed; NULL: it has none by that name. */
const char *control_call_word(
    const struct control_call *call, const char *name);
/* An array of strings, at most max of them into to, borrowed; how many.  None
 * by that name: 0.  -1: something else, or too many. */
int control_call_words(const struct control_call *call, const char *name,
    const char **to, size_t max);
/* false: it has no number by that name, or one below 0. */
bool control_call_number(
    const struct control_call *call, const char *name, uint64_t *n);
uint32_t control_call_uid(const struct control_call *call);    /* who asks */
void control_call_row(struct control_call *call, json_t *row); /* takes row */
void control_call_done(struct control_call *call);
/* code: of sysexits.h, with which the tool ends. */
void control_call_fail(struct control_call *call, int code, const char *text);
/* Text of any origin; what is no UTF-8 is shown as "?". */
json_t *control_call_text(const char *text);

#endif
