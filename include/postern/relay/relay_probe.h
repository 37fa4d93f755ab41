/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_probe - a session to a provider that an operator asks for: up to
 * a recipient, without a message.  It stands beside the provider's other
 * sessions, and says nothing about its health but for a refused login, which
 * the provider counts.  For other threads, as relay_view.h is.
 */
#ifndef RELAY_RELAY_PROBE_H
#define RELAY_RELAY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;
struct relay;

#define RELAY_PROBE_STAGES 32
#define RELAY_PROBE_MS 45000 /* all of it; whoever asks waits a minute */

struct relay_probe_ask { /* copied */
	const char *provider;
	const char *from, *to; /* NULL: one of ours */
};

struct relay_probe_stage {
	const char *word; /* "dns", "token", "mail" */
	uint64_t us;      /* how long it took */
	bool is_good;
	uint16_t code; /* of a reply; 0: there was none */
	char enhanced[12];
	char text[512]; /* what was said, or found; or "" */
};

struct relay_probe {
	bool is_known;       /* there is such a provider */
	const char *not_now; /* why it was not, or not to the end; or NULL */
	bool is_good;
	const char *class; /* of what went wrong; NULL: nothing did */
	char mend[256];    /* what to do about that, or "" */
	size_t nstages;
	struct relay_probe_stage stage[RELAY_PROBE_STAGES];
	/* Of TLS; "" without. */
	char tls[64], names[160], issuer[40], until[40], left[40], pin[48];
};

typedef void relay_probe_fn(void *arg, const struct relay_probe *p);

/* fn(arg, probe) in the thread of back; the probe ends with the call. */
void relay_probe_ask(struct relay *r, struct mailbox *back,
    const struct relay_probe_ask *ask, relay_probe_fn *fn, void *arg);

#endif
