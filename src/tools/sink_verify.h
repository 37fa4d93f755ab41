/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_verify - looks at content as it passes: where the trace ends,
 * whether generated mail (tools/benchmail.h) is whole, and the digests.
 */
#ifndef TOOLS_SINK_VERIFY_H
#define TOOLS_SINK_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "tools/benchmail.h"

enum sink_verdict {
	SINK_FOREIGN, /* not generated mail */
	SINK_WHOLE,
	SINK_DAMAGED,
};

/* A longer line of the header ends the trace. */
#define SINK_VERIFY_LINE_MAX (16 * 1024)
#define SINK_VERIFY_HEX 65 /* a SHA-256 in hex, with NUL */

struct sink_sha;

struct sink_verify {
	bool in_rest, in_received;
	struct buf line;      /* the line in hand while the trace lasts */
	uint64_t size;        /* octets in all */
	uint64_t trace_bytes; /* of the leading Received fields */
	bool is_bench;
	struct benchmail said;
	uint64_t behind;               /* octets behind the X-Bench field */
	uint32_t crc;                  /* of them */
	struct sink_sha *whole, *rest; /* owned; NULL: no digests wanted */
};

void sink_verify_init(struct sink_verify *v, bool digests);
void sink_verify_done(struct sink_verify *v);
void sink_verify_feed(struct sink_verify *v, const char *p, size_t n);
/* The end of the content; the numbers above are final.  With digests: of
 * everything, and of what follows the leading Received fields. */
enum sink_verdict sink_verify_end(struct sink_verify *v,
    char whole[SINK_VERIFY_HEX], char rest[SINK_VERIFY_HEX]);

#endif
