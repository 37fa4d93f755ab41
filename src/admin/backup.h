/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/backup - a copy of the spool while mail goes on, for an operator: into
 * a file that whoever asks has opened and passes along, so that the daemon
 * needs no right to write there.  A thread of its own reads, in one transaction
 * as long as the copy takes; one copy at a time.  It is given up when who asks
 * has gone, the daemon ends, or the spool's disk gets full.  Main thread.
 */
#ifndef ADMIN_BACKUP_H
#define ADMIN_BACKUP_H

struct backup;
struct control_call;
struct loop;
struct mailbox;
struct spool;

struct backup *backup_new(
    struct spool *sp, struct mailbox *back, struct loop *loop);
/* A copy under way is given up, and waited for; its answer comes by the
 * mailbox, as long as that lives. */
void backup_free(struct backup **b);
/* The request spool.backup: a row a second, {"bytes":so far,"of":about}, and
 * one with "whole" when all of it is on the disk. */
void backup_run(struct control_call *call);

#endif
