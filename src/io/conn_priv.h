/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/conn_priv - the inside of a connection.
 * conn.c: life and what the owner calls; conn_io.c: events, reading, sending;
 * conn_tls.c: what differs with TLS; conn_fd.c: descriptors that come along.
 * Callbacks are made from three places only, so never inside a call of the
 * owner's: an event of the descriptor or the timer, and the two tasks.
 */
#ifndef IO_CONN_PRIV_H
#define IO_CONN_PRIV_H

#include <stdint.h>
#include <sys/types.h>

#include "postern/base/buf.h"
#include "postern/io/conn.h"

#include "io/loop_priv.h"

#define CONN_MAGIC 0x636f6e6eu

enum conn_phase {
	CONN_PHASE_CONNECTING,
	CONN_PHASE_CLEAR,
	CONN_PHASE_HANDSHAKE, /* what was written before goes first, in clear */
	CONN_PHASE_SECURE,
	CONN_PHASE_LINGER, /* nobody's; what is unsent goes out, then the end */
	CONN_PHASE_DEAD    /* waits for the turn's end to be freed */
};

/* What a read or a write came to. */
enum conn_io { CONN_IO_DONE, CONN_IO_WAIT, CONN_IO_EOF, CONN_IO_ERROR };

struct conn {
	uint32_t magic;
	enum conn_phase phase;
	struct loop *loop;
	int fd, events; /* events: what the watcher waits for */
	int passed_fd;  /* by the peer, not yet taken; -1: none */
	struct conn_settings s;
	ev_io io;
	struct timer timer;
	struct loop_task task;   /* at this turn's end: send, show */
	struct loop_task again;  /* in the next turn: read on, connected */
	struct loop_task at_end; /* in the loop's list while lingering */

	bool paused;
	bool read_off; /* EV_READ is off: paused, full or ended */
	bool show;     /* CONN_DATA is due for what is held */
	bool ended;    /* the last event has been given */
	bool blocked;  /* output waits for EV_WRITE */
	bool was_full; /* CONN_DRAINED is due one day */
	bool broken;   /* sending failed; *err says why */
	bool cut;      /* what should have been sent is missing */
	bool shut;     /* lingering: our end is closed */
	bool secured;  /* the handshake is done */
	bool tls_dead; /* SSL_ERROR_SSL or _SYSCALL: no more calls */
	bool tls_more; /* there may be input inside the TLS object */
	bool read_wants_write, write_wants_read; /* TLS */
	enum conn_io late; /* EOF or ERROR to come after what is held */

	struct str view; /* input in the loop's scratch, inside CONN_DATA */
	struct buf in, out;
	size_t read_max;   /* bytes a read; 0: any */
	size_t clear_left; /* HANDSHAKE: so many bytes of out go in clear */

	struct tls_context *tls; /* a reference, NULL in clear */
	struct ssl_st *ssl;      /* owned */
	struct tls_peer *peer;   /* owned: the server; NULL: we are it */

	void (*gone)(void *arg); /* lingering: who wants to know its end */
	void *gone_arg;

	struct err *err; /* owned, NULL: none */
	int sys_errno;
};

/* conn.c */
void conn_fail(struct conn *c, const char *what, int e); /* keeps the first */
void conn_fail_tls(struct conn *c, const char *sentence);
void conn_end(struct conn *c, enum conn_event ev); /* the last event */
void conn_destroy(struct conn *c);

/* conn_fd.c */
ssize_t conn_fd_receive(struct conn *c, char *to, size_t max); /* as recv() */

/* conn_io.c */
void conn_io_start(struct conn *c);
void conn_io_wants(struct conn *c);   /* tells libev what we wait for */
void conn_io_flush(struct conn *c);   /* sends; no callback */
void conn_io_read_on(struct conn *c); /* after pause or full */
void conn_io_on_task(void *arg);
void conn_io_on_again(void *arg);
void conn_io_linger(struct conn *c);

/* conn_tls.c; without TLS not called */
void conn_tls_handshake(struct conn *c);
enum conn_io conn_tls_read(struct conn *c, char *to, size_t max, size_t *n);
enum conn_io conn_tls_write(
    struct conn *c, const char *p, size_t max, size_t *n);
void conn_tls_drop_pending(struct conn *c);
bool conn_tls_shutdown(struct conn *c); /* true: said, or no use */
void conn_tls_free(struct conn *c);

#endif
