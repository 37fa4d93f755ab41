/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fake server driven by a script, and an owner that writes down what the
 * client tells it.  A script is lines:
 *
 *   S 250 ok         the server says this line (s: without its CRLF)
 *   C RCPT TO:<b@y>  the client has written this line (c: without its CRLF)
 *   E ready          the owner was told this
 *   send NAME, next NAME, content TEXT, last TEXT, unread, secured, quit,
 *   release, noop, rset, rested, unchain (take_back), lost TEXT, late TEXT,
 *   awaits STAGE, dot yes|no     the owner acts or asks
 *   (in content and last "~" is CRLF)
 *
 * A block of S lines is fed as one piece, byte by byte, or cut at random; then
 * all C and E lines up to the next act must be exactly what happened.
 */
#ifndef SMTP_CLIENT_WORLD_H
#define SMTP_CLIENT_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/smtp/smtp_client.h"

enum world_cut { WORLD_WHOLE, WORLD_BYTES, WORLD_RANDOM };

struct world_scene {
	const char *why;
	const char *script;
	struct smtp_client_settings settings;
	bool whole_only;  /* how it is cut changes what happens */
	const char *free; /* the hook that frees the client, NULL: none */
};

/* Plays the scene, cut in all ways; fails the test with its sentence. */
void world_play(const struct world_scene *s);
struct smtp_txn *world_txn(const char *name);

#endif
