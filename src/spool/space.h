/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/space - is there room?  Looks once a second at the disk, the map and
 * what the operator allows; keeps the ballast, which is given up when the disk
 * is found full, so that deliveries can still be written down.
 * The writer's; the atomics may be read by any thread.
 */
#ifndef SPOOL_SPACE_H
#define SPOOL_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spool;

#define SPACE_NO_BALLAST UINT64_MAX

struct space {
	_Atomic uint64_t usable; /* bytes that may still come in */
	_Atomic uint64_t disk_free;
	_Atomic uint64_t map_used;
	_Atomic bool full; /* nothing is accepted */
	bool ballast;      /* it lies in the directory */
	bool hit;          /* full was found by a failing write */
	uint64_t free_pages, seen_commits;
};

struct space_marks { /* what the settings come to on this disk */
	uint64_t min_free, ballast;
};
struct space_disk {
	uint64_t total, free; /* bytes; free for us, not for root */
};
/* Pure. */
struct space_marks space_marks(
    uint64_t disk_total, uint64_t min_free, uint64_t ballast);

void space_find(struct spool *sp); /* is there a ballast from before? */
void space_tick(struct spool *sp);
/* A write failed: is the disk full?  Then the ballast goes, and nothing is
 * accepted until there is room again. */
bool space_is_full(struct spool *sp, bool certain);
void space_map_full(struct spool *sp); /* nothing more until the next look */

#endif
