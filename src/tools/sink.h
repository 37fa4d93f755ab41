/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink - a provider on loopback: one thread, one loop.  The sink owns
 * its sessions; they count into it and write to its log.
 */
#ifndef TOOLS_SINK_H
#define TOOLS_SINK_H

#include <stdint.h>
#include <stdio.h>

#include "postern/base/list.h"
#include "tools/sink_json.h"
#include "tools/sink_options.h"
#include "tools/sink_verify.h"

struct loop;
struct map;
struct sink_door;
struct sink_store;
struct tls_context;

#define SINK_SIGNALS 3

struct sink_counters {
	uint64_t connections, open, most_open, refused_connections;
	uint64_t messages, recipients, bytes;
	uint64_t whole, damaged, foreign; /* messages by verdict */
	uint64_t different, duplicates;   /* generated ones by number */
	uint64_t replies_4xx, replies_5xx, rules, limits;
	uint64_t first_us, last_us; /* monotonic, of messages */
};

struct sink {
	struct sink_options opt;
	int argc; /* the command line, read again by SIGHUP */
	char **argv;
	uint64_t start_us; /* monotonic: the script's time 0 */
	struct loop *loop;
	struct loop_signal *signal[SINK_SIGNALS];
	struct sink_door *door;
	struct tls_context *tls[SINK_PLAN_MAX]; /* as the plan's certificates */
	size_t ntls;
	struct sink_store *store;
	struct map *seen; /* run << 32 | number of generated mail */
	FILE *log;        /* or NULL */
	struct sink_json json;
	struct list sessions;
	struct sink_counters n;
	uint64_t last_id, last_message;
};

/* Since the start, or since the script was read again. */
uint64_t sink_us(const struct sink *s);
/* A message is whole and kept.  Tells whether it ended the run. */
void sink_count(struct sink *s, const struct sink_verify *v,
    enum sink_verdict verdict, uint32_t recipients);

#endif
