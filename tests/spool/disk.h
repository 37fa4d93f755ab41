/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that forgets: stands between LMDB and the kernel (its pwrite, writev,
 * fdatasync are ours), keeps what was flushed apart from what was only written,
 * and can say what would be on the disk if the power went off now: what was
 * flushed, and of the rest any 4 KiB sectors or none.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>

/* Called at every write and flush of the watched file, when the power might
 * go.  In the thread that writes. */
typedef void disk_moment_fn(void *arg);

void disk_watch(disk_moment_fn *fn, void *arg);
/* Writes an image of what may be left to path. */
enum disk_left { DISK_NONE, DISK_ALL, DISK_HALF, DISK_LAST, DISK_LEFTS };
void disk_image(const char *path, enum disk_left left);
void disk_done(void);

#endif
