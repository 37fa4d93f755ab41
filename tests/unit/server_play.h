/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a client's bytes to an smtp_server and compares what came of it: whole,
 * byte by byte and cut at random, with hooks that answer at once and later,
 * with bodies that pause.
 *
 * What came of it, in order, separated by spaces: replies as "250" or
 * "250:2.1.0"; what the hooks were told as "ehlo[name] helo[name] mail[...]
 * rcpt[...] data msg[content] reset"; "bye" when the session is done.  A
 * release is told in seconds from that day's beginning.
 *
 * The hooks refuse (550) senders and recipients that begin with "no", put them
 * off (451) with "later", close (421) with "close"; DATA is refused (452) after
 * a sender that begins with "full", and the message (554) after "bad".
 */
#ifndef SERVER_PLAY_H
#define SERVER_PLAY_H

#include <stddef.h>

#include "postern/smtp/smtp_server.h"

struct play {
	const char *why, *in, *out;
};

/* size 1000, 3 recipients, 5 errors, 10 idle commands, the extensions that any
 * session has. */
extern const struct smtp_server_settings play_settings;
/* And those that not every session has, on 2026-11-24: 10 errors, 4 messages,
 * held for at most 1,000 s. */
extern const struct smtp_server_settings play_extended;

void play_with(
    const struct play *t, size_t n, const struct smtp_server_settings *s);
void play_all(const struct play *t, size_t n);
/* Bytes with NUL among them. */
void play_bytes(const char *why, const char *in, size_t n, const char *out);
#define PLAY(table) play_all((table), sizeof(table) / sizeof(table)[0])

/* What came of it, step bytes at a time; the caller frees. */
char *play_once(const char *in, size_t n, size_t step);
/* The server's bytes only, as they are. */
char *play_raw(const char *in, size_t n, const struct smtp_server_settings *s);

#endif
