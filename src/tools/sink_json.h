/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_json - one line of JSON, key by key.  Bytes that are no UTF-8
 * are written as the code points of the same number, so nothing is lost.
 */
#ifndef TOOLS_SINK_JSON_H
#define TOOLS_SINK_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "postern/base/buf.h"

struct sink_json {
	struct buf text;
};

#define SINK_JSON_MAX ((size_t)16 * 1024 * 1024)

void sink_json_init(struct sink_json *j);
void sink_json_done(struct sink_json *j);
/* "event" opens the object; the others add to it. */
void sink_json_open(struct sink_json *j, const char *event);
void sink_json_str(struct sink_json *j, const char *key, struct str value);
void sink_json_num(struct sink_json *j, const char *key, uint64_t value);
void sink_json_bool(struct sink_json *j, const char *key, int value);
/* An array of strings: key, then the values, then the end. */
void sink_json_array(struct sink_json *j, const char *key);
void sink_json_item(struct sink_json *j, struct str value);
void sink_json_array_end(struct sink_json *j);
/* Closes the object and writes the line, flushed. */
void sink_json_write(struct sink_json *j, FILE *f);

#endif
