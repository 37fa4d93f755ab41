/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_plan.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

struct extension {
	const char *name;
	uint32_t bit;
};

static const struct extension extensions[] = {
	{ "PIPELINING", SINK_NO_PIPELINING },
	{ "SIZE", SINK_NO_SIZE },
	{ "8BITMIME", SINK_NO_8BITMIME },
	{ "SMTPUTF8", SINK_NO_SMTPUTF8 },
	{ "CHUNKING", SINK_NO_CHUNKING },
	{ "DSN", SINK_NO_DSN },
	{ "ENHANCEDSTATUSCODES", SINK_NO_ENHANCED },
	{ "STARTTLS", SINK_NO_STARTTLS },
	{ "AUTH", SINK_NO_AUTH },
	{ NULL, 0 },
};

static const struct extension offers[] = {
	{ "MT-PRIORITY", SINK_MT_PRIORITY },
	{ "REQUIRETLS", SINK_REQUIRETLS },
	{ "BINARYMIME", SINK_BINARYMIME },
	{ "DELIVERBY", SINK_DELIVERBY },
	{ NULL, 0 },
};

void
sink_plan_done(struct sink_plan *p)
{
	sink_rules_done(&p->rules);
	sink_delays_done(&p->delays);
	sink_limits_done(&p->limits);
	for (size_t i = 0; i < p->ncertificates; i++) {
		free(p->certificate[i].certificate);
		free(p->certificate[i].key);
	}
	free(p->certificate);
	free(p->capability);
	free(p->closed);
	memset(p, 0, sizeof *p);
}

void
sink_plan_seed(struct sink_plan *p)
{
	sink_rules_seed(&p->rules, p->seed);
	p->delays.random = p->seed;
}

static int
check_room(size_t n, const char *what, struct err *err)
{
	return n < SINK_PLAN_MAX ? 0
	                         : err_set(err, ERR_CONFIG, "more than %d %s",
	                               SINK_PLAN_MAX, what);
}

int
sink_plan_capability(
    struct sink_plan *p, const struct sink_capability *c, struct err *err)
{
	if (check_room(p->ncapabilities, "entries of ehlo", err) == -1)
		return -1;
	p->capability =
	    mem_resize(p->capability, (p->ncapabilities + 1) * sizeof *c);
	p->capability[p->ncapabilities++] = *c;
	return 0;
}

int
sink_plan_certificate(
    struct sink_plan *p, struct sink_certificate *c, struct err *err)
{
	int rc = check_room(p->ncertificates, "certificates", err);

	if (rc == 0 && (c->certificate == NULL || c->key == NULL))
		rc = err_set(err, ERR_CONFIG,
		    "certificate and key belong together; write both");
	if (rc == -1) {
		free(c->certificate);
		free(c->key);
		return -1;
	}
	p->certificate =
	    mem_resize(p->certificate, (p->ncertificates + 1) * sizeof *c);
	p->certificate[p->ncertificates++] = *c;
	return 0;
}

int
sink_plan_closed(
    struct sink_plan *p, const struct sink_span *s, struct err *err)
{
	if (check_room(p->nclosed, "entries of closed", err) == -1)
		return -1;
	p->closed = mem_resize(p->closed, (p->nclosed + 1) * sizeof *s);
	p->closed[p->nclosed++] = *s;
	return 0;
}

static int
find(uint32_t *bits, const struct extension *table, struct str name,
    struct err *err)
{
	size_t i = 0;

	while (table[i].name != NULL && !str_is(name, table[i].name))
		i++;
	if (table[i].name == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no extension of the sink that can be chosen "
		    "here",
		    (int)name.len, name.p);
	*bits |= table[i].bit;
	return 0;
}

int
sink_plan_disable(uint32_t *disable, struct str name, struct err *err)
{
	return find(disable, extensions, name, err);
}

int
sink_plan_offer(uint32_t *offer, struct str name, struct err *err)
{
	return find(offer, offers, name, err);
}

struct sink_capability
sink_plan_offered(const struct sink_plan *p, uint64_t us)
{
	struct sink_capability all = { .disable = 0 };

	for (size_t i = 0; i < p->ncapabilities; i++) {
		if (!sink_rules_in_span(&p->capability[i].span, us))
			continue;
		all.disable |= p->capability[i].disable;
		all.offer |= p->capability[i].offer;
	}
	return all;
}

size_t
sink_plan_shown(const struct sink_plan *p, uint64_t us)
{
	size_t i = p->ncertificates;

	while (i > 0 && !sink_rules_in_span(&p->certificate[i - 1].span, us))
		i--;
	return i > 0 ? i - 1 : p->ncertificates;
}

bool
sink_plan_is_closed(const struct sink_plan *p, uint64_t us)
{
	for (size_t i = 0; i < p->nclosed; i++) {
		if (sink_rules_in_span(&p->closed[i], us))
			return true;
	}
	return false;
}

uint64_t
sink_plan_next_door(const struct sink_plan *p, uint64_t us)
{
	uint64_t next = 0;

	for (size_t i = 0; i < 2 * p->nclosed; i++) {
		uint64_t edge = i % 2 == 0 ? p->closed[i / 2].from_us
		                           : p->closed[i / 2].until_us;

		if (edge > us && (next == 0 || edge < next))
			next = edge;
	}
	return next;
}
