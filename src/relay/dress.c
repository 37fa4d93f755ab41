/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/dress.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/mail/address_pattern.h"
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

/* What the settings can add is small beside it; more is refused. */
#define HEAD_MAX (4 * REWRITE_HEADER_MAX)
#define END_MAX 2         /* an empty line behind it */
#define ORIGINAL_MAX 2048 /* its field */
#define MASKED_MAX 1024   /* octets of an address, whose host only goes */

struct dress {
	uint64_t provider; /* id */
	struct buf head;
	struct buf
	    addressed; /* the same with X-Original-To, if that is there */
	size_t took;   /* octets of the content that it stands for */
	uint32_t crc;  /* of those */
	size_t body;   /* where that begins in the content */
	char *author;  /* of the head; owned; NULL: unclear, or signed */
	char *sender;  /* of the envelope, masqueraded; owned; NULL: it stays */
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
	free(w->author);
	free(w->sender);
	free(w);
}

/* --- identities ------------------------------------------------------------
 */

static bool
is_identity(const struct provider *p, const char *address)
{
	return address_pattern_any(
	    p->set->identities, p->set->nidentities, str_of(address));
}

static const char *
sender_by_route(const struct delivery *d)
{
	const char *other = delivery_route(d)->rewrite.sender;

	return other && d->env->sender[0] != '\0' ? other : d->env->sender;
}

/* What a sender's address becomes by masquerade or from; in text, or another
 * one. */
static const char *
masked(const struct delivery *d, const struct provider *p, const char *address,
    char text[MASKED_MAX])
{
	const struct rewrite host = { .host = &d->relay->set->local };
	const struct rewrite *const w[] = { &delivery_route(d)->rewrite.header,
		&p->set->rewrite.header, &host };
	const char *at = address ? strrchr(address, '@') : NULL;
	struct rewrite_sender becomes;

	if (!at)
		return address;
	becomes = rewrite_sender(w, 3, str_of(at + 1));
	if (becomes.instead)
		return becomes.instead;
	if (becomes.domain.p == at + 1)
		return address;
	snprintf(text, MASKED_MAX, "%.*s@%.*s", (int)(at - address), address,
	    (int)becomes.domain.len, becomes.domain.p);
	return text;
}

/* Is it of a sender that p may not send as? */
static bool
is_foreign(const struct delivery *d, const struct provider *p)
{
	char sender_text[MASKED_MAX], from_text[MASKED_MAX];
	const char *sender = masked(d, p, sender_by_route(d), sender_text);
	const char *from = delivery_route(d)->rewrite.header.from;

	if (!from)
		from = masked(d, p, d->from, from_text);
	if (p->set->nidentities == 0)
		return false;
	return (sender[0] != '\0' && !is_identity(p, sender)) ||
	       (from && !is_identity(p, from));
}

/* What p asks for besides: where it has identities, of others only. */
static bool
is_rewritten(const struct delivery *d, const struct provider *p)
{
	return p->set->nidentities == 0 ||
	       (p->set->identity_policy == RELAY_IDENTITY_REWRITE &&
	           is_foreign(d, p));
}

bool
dress_may(const struct delivery *d, const struct provider *p)
{
	return p->set->identity_policy == RELAY_IDENTITY_REWRITE ||
	       d->env->sender[0] == '\0' || !is_foreign(d, p);
}

/* --- the header ------------------------------------------------------------
 */

static bool
signs(const struct delivery *d, const struct provider *p)
{
	return p->set->ndkim > 0 || delivery_route(d)->ndkim > 0;
}

static bool
is_wanted(const struct delivery *d, const struct provider *p)
{
	return staging_redirects(d) || signs(d, p) ||
	       d->relay->set->local.from ||
	       rewrite_is_any(&p->set->rewrite.header) ||
	       rewrite_is_any(&delivery_route(d)->rewrite.header);
}

static bool
cannot(struct delivery *d, const char *why)
{
	delivery_reply_set(&d->reply, 554, "5.6.0", why);
	return false;
}

static bool
begins_empty(struct str s)
{
	return s.len >= 2 && s.p[0] == '\r' && s.p[1] == '\n';
}

static bool
ends_empty(struct str s)
{
	return s.len >= 4 && memcmp(s.p + s.len - 4, "\r\n\r\n", 4) == 0;
}

/* Whose it is, and where its body begins: a text behind no header gets an empty
 * line in front, as there will be one. */
static void
look_at_end(struct dress *w, struct str content)
{
	struct str rest = { content.p + w->took, content.len - w->took };
	struct str author;
	int rc = 0;

	w->head.max += END_MAX;
	if (rewrite_author(buf_str(&w->head), &author) && author.len > 0)
		w->author = mem_strn(author.p, author.len);
	w->body = w->took + (begins_empty(rest) ? 2 : 0);
	if (w->author && rest.len > 0 && !begins_empty(rest) &&
	    !ends_empty(buf_str(&w->head)))
		rc = buf_adds(&w->head, "\r\n");
	assert(rc == 0); /* there is room for it */
}

static void
mask_sender(struct dress *w, const struct delivery *d, const struct provider *p)
{
	char text[MASKED_MAX];
	const char *sender = sender_by_route(d);
	const char *becomes = masked(d, p, sender, text);

	if (becomes != sender)
		w->sender = mem_str(becomes);
}

/* The route's first, then the provider's. */
static bool
make(struct delivery *d, const struct provider *p, struct str content)
{
	struct rewrite own = p->set->rewrite.header;
	const struct rewrite host = { .host = &d->relay->set->local };
	const struct rewrite *const asked[] = {
		&delivery_route(d)->rewrite.header, &own, &host
	};
	struct dress *w = mem_new(sizeof *w);
	bool is_whole = d->env->size <= REWRITE_HEADER_MAX;

	if (content.len > REWRITE_HEADER_MAX)
		content.len = REWRITE_HEADER_MAX;
	if (!is_rewritten(d, p))
		own.from = NULL;
	w->provider = p->id;
	buf_init(&w->head, HEAD_MAX);
	buf_init(&w->addressed,
	    HEAD_MAX + END_MAX + DRESS_SIGNATURES_MAX + ORIGINAL_MAX);
	if (rewrite_header(content, is_whole, asked, 3, &w->head, &w->took) ==
	    0) {
		w->crc = crc32c(0, content.p, w->took);
		if (signs(d, p))
			look_at_end(w, content);
		mask_sender(w, d, p);
		d->dress = w;
		return true;
	}
	dress_free(&w);
	return cannot(d,
	    "its header section is larger than what can be rewritten or signed "
	    "for the provider (64 KiB)");
}

/* The content's begin: in memory, or read into *mem (the caller's to free);
 * false: it cannot be read. */
static bool
read_begin(struct delivery *d, char **mem, struct str *content)
{
	struct err err = { 0 };
	int64_t n;

	if (delivery_is_in_memory(d)) {
		*content = body_str(d->env->body);
		return true;
	}
	*mem = mem_new(REWRITE_HEADER_MAX);
	n = spool_content(
	    d->relay->reader, d->key.mid, 0, *mem, REWRITE_HEADER_MAX, &err);
	*content = (struct str){ *mem, n > 0 ? (size_t)n : 0 };
	if (n < 0)
		relay_log_unreadable(d, err.text);
	return n >= 0;
}

bool
dress_learn(struct delivery *d, const struct provider *p)
{
	char *mem = NULL;
	struct str content, from;

	if (d->from_known || p->set->nidentities == 0)
		return false;
	d->from_known = true;
	if (!read_begin(d, &mem, &content))
		d->from = mem_str(""); /* it goes nowhere unchecked */
	else if (rewrite_author(content, &from))
		d->from = mem_strn(from.p, from.len);
	free(mem);
	return true;
}

bool
dress_make(struct delivery *d, const struct provider *p)
{
	char *mem = NULL;
	struct str content;
	bool done;

	if (d->dress && d->dress->provider == p->id)
		return true;
	dress_free(&d->dress);
	if (!is_wanted(d, p))
		return true;
	done = read_begin(d, &mem, &content)
	           ? make(d, p, content)
	           : cannot(d, "its header cannot be read from the spool");
	free(mem);
	return done;
}

/* --- signatures ------------------------------------------------------------
 */

size_t
dress_keys(const struct delivery *d, const struct provider *p,
    const struct dkim_rule **keys)
{
	const struct relay_route *route = delivery_route(d);
	const struct dress *w = d->dress;
	size_t n = 0;

	if (!w || !w->author)
		return 0;
	for (size_t i = 0; i < route->ndkim; i++) {
		if (address_pattern_any(route->dkim[i].from,
		        route->dkim[i].nfrom, str_of(w->author)))
			keys[n++] = &route->dkim[i];
	}
	for (size_t i = 0; i < p->set->ndkim; i++) {
		if (address_pattern_any(p->set->dkim[i].from,
		        p->set->dkim[i].nfrom, str_of(w->author)))
			keys[n++] = &p->set->dkim[i];
	}
	return n;
}

struct str
dress_unsigned(const struct delivery *d, uint64_t *body)
{
	*body = d->dress->body;
	return buf_str(&d->dress->head);
}

void
dress_sign(struct delivery *d, struct str fields)
{
	struct dress *w = d->dress;
	struct buf head;
	int rc;

	buf_init(&head, HEAD_MAX + END_MAX + DRESS_SIGNATURES_MAX);
	rc = buf_add(&head, fields.p, fields.len);
	if (rc == 0)
		rc = buf_add(&head, buf_at(&w->head), w->head.len);
	assert(rc == 0); /* there is room for both */
	buf_done(&w->head);
	w->head = head;
	free(w->author);
	w->author = NULL;
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
	if (d->env->sender[0] == '\0' && p->set->null_sender_refused)
		return str_of(p->gen->bounce_from);
	if (d->env->sender[0] == '\0')
		return str_of("");
	if (p->set->rewrite.sender && is_rewritten(d, p))
		return str_of(p->set->rewrite.sender);
	if (d->dress && d->dress->sender)
		return str_of(d->dress->sender);
	return str_of(sender_by_route(d));
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
