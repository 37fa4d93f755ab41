/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control - the operator's socket: a caller connects, writes one line of
 * JSON, {"v":1,"request":"provider.list",...}, and reads lines until the daemon
 * closes: {"v":1,"row":{...}} any number of times, then {"v":1,"done":true} or
 * {"v":1,"error":"text","exit":69}.  Who may ask is decided by the kernel's
 * word about the caller (SO_PEERCRED, SO_PEERGROUPS).  Main thread.
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct control;
struct explain_by;
struct loop;
struct mailbox;
struct relay;
struct spool;

#define CONTROL_VERSION 1
#define CONTROL_REQUEST_MAX 65536 /* bytes; conn reads no more at a time */

struct control_settings {
	const char *socket;
	bool has_group, has_admin_group;
	uint32_t group;       /* gid; its members may look ... */
	uint32_t admin_group; /* ... and these change things, too */
};

typedef void control_tell_fn(void *arg, const char *text);

/* What is there to be asked; what it points to outlives the control. */
struct control_hooks {
	void *arg;
	struct mailbox *mailbox; /* of the main thread */
	struct relay *relay;
	struct spool *spool;
	const struct stats_source *figures;
	/* Reads the configuration again; -1: it stays as it was, and each
	 * mistake was told. */
	int (*reload)(void *arg, control_tell_fn *tell, void *tell_arg);
	/* Would it take it up?  Tells of each mistake, -1; or of what is worth
	 * knowing.  Nothing is changed. */
	int (*check)(void *arg, control_tell_fn *tell, void *tell_arg);
	/* The settings in force; borrowed until the main thread's loop turns
	 * again. */
	void (*settings)(void *arg, struct explain_by *by);
};

/* Listens; a socket that nobody listens on is replaced. */
MUST_CHECK int control_new(struct control **c, struct loop *loop,
    const struct control_settings *s, const struct control_hooks *hooks,
    struct err *err);
void control_start(struct control *c); /* NULL is fine, and for the others */
/* Before the spool is closed: it is read no more. */
void control_stop(struct control *c);
/* After the mailbox: no answer is under way any more. */
void control_free(struct control **c);

#endif
