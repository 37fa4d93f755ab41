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

#include "postern/base/err.h"
#include "postern/base/str.h"

struct backup;
struct buf;
struct control_call;
struct control_hooks;
struct walker;

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
/* Is it true by the request? */
bool control_call_is(const struct control_call *call, const char *name);
/* false: it has no number by that name, or one below 0. */
bool control_call_number(
    const struct control_call *call, const char *name, uint64_t *n);
uint32_t control_call_uid(const struct control_call *call); /* who asks */
enum control_role control_call_role(const struct control_call *call);
/* As which client of the spool's rows the caller hands mail in, "uid=33", where
 * that is all that it may see; else "". */
#define CONTROL_CALL_OWN 32
void control_call_own(
    const struct control_call *call, char own[CONTROL_CALL_OWN]);
/* The daemon ends, and this is one of the last answers: there is no relay to
 * ask another question. */
bool control_call_is_over(const struct control_call *call);
/* NULL: the daemon ends. */
struct walker *control_call_walker(const struct control_call *call);
struct backup *control_call_backup(const struct control_call *call);
/* A descriptor that came with the request, the caller's from here on; -1: none
 * did. */
int control_call_fd(struct control_call *call);
void control_call_row(struct control_call *call, json_t *row); /* takes row */
/* The same in two steps, the first of which any thread may do. */
MUST_CHECK int control_call_line(struct buf *b, json_t *row); /* takes row */
void control_call_lines(struct control_call *call, struct str lines);
/* For an answer without end: fn(arg) as soon as the caller has read enough of
 * it, or at once where that is now.  Do not go on where it is gone. */
typedef void control_call_fn(void *arg);
void control_call_wait(
    struct control_call *call, control_call_fn *fn, void *arg);
bool control_call_is_gone(const struct control_call *call);
void control_call_done(struct control_call *call);
/* code: of sysexits.h, with which the tool ends. */
void control_call_fail(struct control_call *call, int code, const char *text);
/* Text of any origin; what is no UTF-8 is shown as "?". */
json_t *control_call_text(const char *text);
json_t *control_call_str(struct str text);

#endif
