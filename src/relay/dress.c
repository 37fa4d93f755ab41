/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/dress.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/buf.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/mail/rewrite.h"
#include "postern/relay/relay.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool_read.h"

#include "relay/delivery.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/staging.h"

/* What the settings can add is small beside it. */
#define HEAD_MAX (4 * REWRITE_HEADER_MAX)
#define ORIGINAL_MAX 2048 /* its field */

struct dress {
	uint64_t provider; /* id */
	struct buf head;
	struct buf
	    addressed; /* the same with X-Original-To, if that is there */
	size_t took;   /* octets of the content that it stands for */
	uint32_t crc;  /* of those */
};

void
dress_free(struct dress **wp)
{
	struct dress *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	buf_done(&w->head);
	buf_done(&w->addressed);
	free(w);
}

static bool
is_wanted(const struct delivery *d, const struct provider *p)
{
	return staging_redirects(d) ||
	       rewrite_is_any(&p->set->rewrite.header) ||
	       rewrite_is_any(&delivery_route(d)->rewrite.header);
}

static bool
cannot(struct delivery *d, const char *why)
{
	delivery_reply_set(&d->reply, 554, "5.6.0", why);
	return false;
}

/* The route's first, then the provider's. */
static bool
make(struct delivery *d, const struct provider *p, struct str content)
{
	const struct rewrite *const asked[] = {
		&delivery_route(d)->rewrite.header, &p->set->rewrite.header
	};
	struct dress *w = mem_new(sizeof *w);
	bool is_whole = d->env->size <= REWRITE_HEADER_MAX;

	if (content.len > REWRITE_HEADER_MAX)
		content.len = REWRITE_HEADER_MAX;
	w->provider = p->id;
	buf_init(&w->head, HEAD_MAX);
	buf_init(&w->addressed, HEAD_MAX + ORIGINAL_MAX);
	if (rewrite_header(content, is_whole, asked, 2, &w->head, &w->took) ==
	    0) {
		w->crc = crc32c(0, content.p, w->took);
		d->dress = w;
		return true;
	}
	dress_free(&w);
	return cannot(d,
	    "its header section is larger than what can be rewritten for the "
	    "provider (64 KiB)");
}

static bool
make_of_stored(struct delivery *d, const struct provider *p)
{
	char *content = mem_new(REWRITE_HEADER_MAX);
	struct err err = { 0 };
	int64_t n = spool_content(
	    d->relay->reader, d->key.mid, 0, content, REWRITE_HEADER_MAX, &err);
	bool done;

	if (n < 0) {
		relay_log_unreadable(d, err.text);
		done = cannot(d, "its header cannot be read from the spool");
	} else {
		done = make(d, p, (struct str){ content, (size_t)n });
	}
	free(content);
	return done;
}

bool
dress_make(struct delivery *d, const struct provider *p)
{
	if (d->dress && d->dress->provider == p->id)
		return true;
	dress_free(&d->dress);
	if (!is_wanted(d, p))
		return true;
	return delivery_is_in_memory(d) ? make(d, p, body_str(d->env->body))
	                                : make_of_stored(d, p);
}

void
dress_address(struct delivery *d, const char *original)
{
	struct dress *w = d->dress;
	struct str head;
	int rc;

	if (!w)
		return;
	buf_clear(&w->addressed);
	if (!original)
		return;
	head = buf_str(&w->head);
	rc = buf_addf(&w->addressed, "X-Original-To: %.1000s\r\n", original);
	if (rc == 0 && head.len > 0)
		rc = buf_add(&w->addressed, head.p, head.len);
	assert(rc == 0); /* there is room for both */
}

static struct str
head_of(const struct dress *w)
{
	return buf_str(w->addressed.len > 0 ? &w->addressed : &w->head);
}

uint64_t
dress_size(const struct delivery *d)
{
	const struct dress *w = d->dress;

	return w ? d->env->size - w->took + head_of(w).len : d->env->size;
}

uint32_t
dress_crc(const struct delivery *d)
{
	return d->dress ? d->dress->crc : 0;
}

struct str
dress_sender(const struct delivery *d, const struct provider *p)
{
	const struct relay_route *route = delivery_route(d);

	if (d->env->sender[0] == '\0' && p->set->null_sender_refused)
		return str_of(p->gen->bounce_from);
	if (d->env->sender[0] == '\0')
		return str_of("");
	if (p->set->rewrite.sender)
		return str_of(p->set->rewrite.sender);
	return str_of(
	    route->rewrite.sender ? route->rewrite.sender : d->env->sender);
}

struct str
dress_head(const struct delivery *d, uint64_t *offset)
{
	const struct dress *w = d->dress;
	struct str head = { 0 };

	if (!w)
		return head;
	head = head_of(w);
	if (*offset < head.len) {
		head.p += *offset;
		head.len -= (size_t)*offset;
		return head;
	}
	*offset = *offset - head.len + w->took;
	return (struct str){ 0 };
}

bool
dress_is_all(const struct delivery *d)
{
	return d->dress && d->dress->took == d->env->size;
}
