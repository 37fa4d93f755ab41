/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_session - one connection to the sink.  Frees itself when it is
 * over.
 */
#ifndef TOOLS_SINK_SESSION_H
#define TOOLS_SINK_SESSION_H

struct sink;

void sink_session_open(struct sink *s, int fd);
void sink_session_close_all(struct sink *s);

#endif
