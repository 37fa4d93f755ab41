/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/generation.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/io/network.h"
#include "postern/mail/address_pattern.h"
#include "postern/intake/policy.h"
#include "postern/smtp/smtp_server.h"

struct networks {
	struct network *network; /* owned; NULL: no list was written */
	size_t n;
};

struct door {
	struct networks list[GENERATION_LISTS];
	bool is_shut; /* its networks or patterns could not be read */
	struct address_patterns *senders, *recipients; /* owned; or NULL */
	struct policy policy;
	struct smtp_server_settings server;
};

struct generation {
	const struct inlet_settings *s; /* borrowed until on_old */
	size_t refs;
	struct door *doors; /* s->nlisteners of them */
	void (*on_old)(void *arg);
	void *arg;
};

/* What is written, of each list. */
static const char **
written(const struct inlet_listener *l, enum generation_list list, size_t *n)
{
	switch (list) {
	case GENERATION_NETWORKS:
		*n = l->nnetworks;
		return l->networks;
	case GENERATION_PROXIES:
		*n = l->nproxy_from;
		return l->proxy_from;
	case GENERATION_XCLIENTS:
		*n = l->nxclient_from;
		return l->xclient_from;
	case GENERATION_LENIENT:
		*n = l->nlenient_networks;
		return l->lenient_networks;
	case GENERATION_LISTS:
		break;
	}
	*n = 0;
	return NULL;
}

static int
open_list(struct networks *to, const char **text, size_t n, struct err *err)
{
	if (text == NULL)
		return 0;
	to->network = mem_array(n, sizeof *to->network);
	for (size_t i = 0; i < n; i++) {
		if (network_parse(&to->network[to->n], text[i], err) == -1)
			return -1;
		to->n++;
	}
	return 0;
}

static int
open_lists(struct door *d, const struct inlet_listener *l, struct err *err)
{
	for (enum generation_list i = 0; i < GENERATION_LISTS; i++) {
		size_t n;
		const char **text = written(l, i, &n);

		if (open_list(&d->list[i], text, n, err) == 0)
			continue;
		d->is_shut = true;
		return err_wrap(err, "listener %s", l->name);
	}
	return 0;
}

static int
open_patterns(struct address_patterns **to, const char *const *texts, size_t n,
    struct err *err)
{
	if (texts == NULL)
		return 0;
	*to = address_pattern_list();
	for (size_t i = 0; i < n; i++) {
		if (address_pattern_list_add(*to, str_of(texts[i]), err) == -1)
			return -1;
	}
	return 0;
}

static int
open_policy(struct door *d, const struct inlet_listener *l, struct err *err)
{
	if (open_patterns(&d->senders, l->senders, l->nsenders, err) == -1 ||
	    open_patterns(&d->recipients, l->recipients, l->nrecipients, err) ==
	        -1) {
		d->is_shut = true;
		return err_wrap(err, "listener %s", l->name);
	}
	d->policy = (struct policy){
		.senders = d->senders,
		.recipients = d->recipients,
		.priority = l->priority,
		.lane = l->lane,
		.route = l->route,
		.hold = l->hold,
		.client_rates = l->client_rates,
		.user_rates = l->user_rates,
		.nclient_rates = l->nclient_rates,
		.nuser_rates = l->nuser_rates,
		.refuse_over = l->refuse_over,
		.repair_headers = l->repair_headers,
		.remove_bcc = l->remove_bcc,
	};
	return 0;
}

static void
free_door(struct door *d)
{
	for (size_t i = 0; i < GENERATION_LISTS; i++)
		free(d->list[i].network);
	address_pattern_list_free(&d->senders);
	address_pattern_list_free(&d->recipients);
}

static void
fill_server(struct smtp_server_settings *to, const char *hostname,
    const struct inlet_listener *l)
{
	*to = (struct smtp_server_settings){
		.hostname = hostname,
		.size_max = l->size_max,
		.recipients_max = l->recipients_max,
		.errors_max = l->errors_max,
		.idle_commands_max = l->idle_commands_max,
		.messages_max = l->messages_max,
		.line_max = l->line_max,
		.smtputf8 = l->smtputf8,
		.chunking = l->chunking,
		.dsn = l->dsn,
		.eight_bit = l->eight_bit,
		.binary = l->binary,
		.mt_priority = l->mt_priority,
		.limits = l->limits,
		.deliver_by = l->deliver_by,
		.hold_max_s = (uint32_t)(l->hold_max_ms / 1000),
		.domain = l->domain,
	};
}

int
generation_new(
    struct generation **g, const struct inlet_settings *s, struct err *err)
{
	struct generation *made = mem_new(sizeof *made);
	int rc = 0;

	made->s = s;
	made->refs = 1;
	made->doors = mem_array(s->nlisteners, sizeof *made->doors);
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct door *d = &made->doors[i];

		fill_server(&d->server, s->hostname, &s->listeners[i]);
		if (open_lists(d, &s->listeners[i], err) == -1 ||
		    open_policy(d, &s->listeners[i], err) == -1)
			rc = -1;
	}
	*g = made;
	return rc;
}

struct generation *
generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

void
generation_drop(struct generation **gp)
{
	struct generation *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	assert(g->refs > 0);
	if (--g->refs > 0)
		return;
	for (size_t i = 0; i < g->s->nlisteners; i++)
		free_door(&g->doors[i]);
	if (g->on_old != NULL)
		g->on_old(g->arg);
	free(g->doors);
	free(g);
}

void
generation_on_old(struct generation *g, void (*on_old)(void *arg), void *arg)
{
	g->on_old = on_old;
	g->arg = arg;
}

const struct inlet_settings *
generation_settings(const struct generation *g)
{
	return g->s;
}

const struct inlet_listener *
generation_listener(const struct generation *g, size_t listener)
{
	return listener < g->s->nlisteners ? &g->s->listeners[listener] : NULL;
}

const struct smtp_server_settings *
generation_server(const struct generation *g, size_t listener)
{
	assert(listener < g->s->nlisteners);
	return &g->doors[listener].server;
}

const struct policy *
generation_policy(const struct generation *g, size_t listener)
{
	assert(listener < g->s->nlisteners);
	return &g->doors[listener].policy;
}

static bool
has(const struct networks *list, const struct addr *a)
{
	for (size_t i = 0; i < list->n; i++) {
		if (network_has(&list->network[i], a))
			return true;
	}
	return false;
}

bool
generation_admits(
    const struct generation *g, size_t listener, const struct addr *peer)
{
	const struct door *d = &g->doors[listener];
	const struct networks *list = &d->list[GENERATION_NETWORKS];

	if (d->is_shut)
		return false;
	return list->network == NULL || addr_is_unix(peer) || has(list, peer);
}

bool
generation_has(const struct generation *g, size_t listener,
    enum generation_list list, const struct addr *peer)
{
	return has(&g->doors[listener].list[list], peer);
}
