/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/conn - one stream connection (TCP or unix), plain or TLS, with one
 * callback.  Belongs to its loop's thread.
 *
 * Input: CONN_DATA says that conn_input() has grown.  What the callback does
 * not take with conn_take() stays and is shown again with the next bytes (or
 * after conn_resume()).  At most 64 KiB are read in a turn, and never more
 * than input_max are held: a peer that sends more is simply not read.
 * An idle connection holds no buffer.
 * Output: conn_write() appends; everything written in a turn leaves in as few
 * writes as possible at the turn's end (TCP_NODELAY is set, so parts that
 * belong together are written in one turn).  Above output_high held bytes
 * conn_is_full() is true; CONN_DRAINED comes when the peer has taken enough.
 * Ends: exactly one of CONN_CLOSED / CONN_FAILED / CONN_TIMEOUT comes at most
 * once; after it only conn_close() may be called, and where the peer may still
 * read (CONN_TIMEOUT, CONN_CLOSED) conn_write() and conn_close_after(): a last
 * word.  conn_close() may be called
 * at any time, also inside the callback; no callback comes after it.
 */
#ifndef IO_CONN_H
#define IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct conn;
struct loop;
struct tls_context;

enum conn_event {
	CONN_CONNECTED, /* conn_connect() succeeded (TCP level) */
	CONN_SECURED,   /* the TLS handshake succeeded */
	CONN_DATA,      /* more input */
	CONN_DRAINED,   /* output fell below half of output_high */
	CONN_TIMEOUT,   /* the time set by conn_timeout() is over */
	CONN_CLOSED,    /* the peer closed in order; the input left is there */
	CONN_FAILED,    /* conn_error() says why */
};

typedef void conn_fn(struct conn *c, enum conn_event ev, void *arg);

struct conn_settings {
	size_t input_max;   /* at least 4 KiB; 0: 64 KiB */
	size_t output_high; /* 0: 256 KiB */
	bool takes_fd; /* of a unix socket: a descriptor may come with input */
	conn_fn *fn;
	void *arg;
};

/* Takes over an accepted, non-blocking descriptor. */
struct conn *conn_adopt(struct loop *l, int fd, const struct conn_settings *s);
/* Starts connecting; source may be NULL.  A failure at once comes as an event
 * in the next turn as well. */
struct conn *conn_connect(struct loop *l, const struct sockaddr *to,
    socklen_t to_len, const struct sockaddr *source, socklen_t source_len,
    const struct conn_settings *s);
/* Marks it closed: output not yet sent is dropped; freed after the turn. */
void conn_close(struct conn **c);
/* Like conn_close(), but what was written before is sent first, for at most
 * linger_ms; then an orderly TLS and TCP close.  No more callbacks. */
void conn_close_after(struct conn **c, uint64_t linger_ms);
/* The same; true: gone(arg) comes when both ends are closed or the time is
 * over, unless the loop ends before.  false: that is now, nothing comes.  Where
 * nothing can be sent, in the midst of connecting or of a handshake, the peer's
 * end is waited for just so. */
bool conn_close_told(
    struct conn **c, uint64_t linger_ms, void (*gone)(void *arg), void *arg);

struct str conn_input(const struct conn *c); /* until the next conn_ call */
void conn_take(struct conn *c, size_t n);
/* A copy of what is held, at most max bytes, which are taken: for one who may
 * write, or close, while it looks at them. */
size_t conn_read(struct conn *c, char *to, size_t max);
/* The descriptor that came last, the caller's from here on; -1: none did. */
int conn_take_fd(struct conn *c);
/* The same of what holds a secret: it is wiped here. */
void conn_take_secret(struct conn *c, size_t n);
void conn_drop_input(
    struct conn *c); /* all that is held, also inside TLS' layer below */
void conn_pause(struct conn *c); /* no more CONN_DATA, no more reading */
/* At most so many bytes a read, so that what follows them stays unread; 0: as
 * many as there is room for. */
void conn_read_max(struct conn *c, size_t n);
void conn_resume(struct conn *c); /* CONN_DATA in this turn if input is held */
void conn_write(struct conn *c, const void *p, size_t n); /* copies */
/* Nothing will be said now: what was read is acknowledged at once.  A peer that
 * writes in pieces (Nagle's algorithm) waits for that, 40 ms else. */
void conn_ack(struct conn *c);
/* What is unsent never leaves; after it only closing is left to do. */
void conn_drop_output(struct conn *c);
bool conn_is_full(const struct conn *c);
size_t conn_unsent(const struct conn *c);
/* That, and what the kernel holds because the peer has not acknowledged it:
 * while it changes, the peer takes something. */
size_t conn_unacked(const struct conn *c);
/* CONN_TIMEOUT in so many ms unless set again; 0: never.  Cheap: stores. */
void conn_timeout(struct conn *c, uint64_t in_ms);

/* From here on TLS.  name: SNI and the name to verify (client).  Input held in
 * clear is thrown away.  CONN_SECURED or CONN_FAILED follows. */
void conn_secure_server(struct conn *c, struct tls_context *t);
void conn_secure_client(
    struct conn *c, struct tls_context *t, const char *name);
bool conn_is_secure(const struct conn *c);
/* "TLSv1.3" and the cipher's name; "" in clear.  Borrowed. */
const char *conn_tls_version(const struct conn *c);
const char *conn_tls_cipher(const struct conn *c);
/* By what an earlier handshake has left; false in clear. */
bool conn_tls_resumed(const struct conn *c);
/* What the server has shown; false: nothing. */
struct tls_facts;
bool conn_tls_server(const struct conn *c, struct tls_facts *f);
/* The common name in the certificate that a client has shown and that holds,
 * UTF-8 without control characters, NUL ended in out; false: there is none, or
 * not just one, or it is longer. */
bool conn_tls_client(const struct conn *c, char *out, size_t max);

const struct err *conn_error(const struct conn *c);
int conn_errno(const struct conn *c); /* of CONN_FAILED, 0 if none (TLS) */
int conn_fd(const struct conn *c);    /* for getpeername(2) and the like */

#endif
