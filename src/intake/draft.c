/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"

#define RCPTS_FIRST 2
#define RCPTS_ON_STACK 4

void
draft_init(struct draft *d, size_t text_max)
{
	memset(d, 0, sizeof *d);
	buf_init(&d->text, text_max);
}

void
draft_done(struct draft *d)
{
	buf_done(&d->text);
	free(d->rcpts);
	d->rcpts = NULL;
	d->nrcpts = d->rcpts_room = 0;
}

static const char *
text_at(const struct draft *d, uint32_t at)
{
	return at == 0 ? NULL : buf_str(&d->text).p + at;
}

/* Place 0 means none, so the first byte is used for nothing. */
static int
add_text(struct draft *d, struct str s, uint32_t *at)
{
	size_t had = d->text.len;
	size_t pad = had == 0;
	char *p;

	if (s.len > UINT32_MAX / 2 || had > UINT32_MAX / 2)
		return -1;
	p = buf_room(&d->text, pad + s.len + 1);
	if (p == NULL)
		return -1;
	p[0] = '\0';
	if (s.len > 0)
		memcpy(p + pad, s.p, s.len);
	p[pad + s.len] = '\0';
	buf_wrote(&d->text, pad + s.len + 1);
	*at = (uint32_t)(had + pad);
	return 0;
}

int
draft_put(struct draft *d, enum draft_word w, struct str s)
{
	return add_text(d, s, &d->word[w]);
}

const char *
draft_word(const struct draft *d, enum draft_word w)
{
	return text_at(d, d->word[w]);
}

static size_t
local_len(struct str address)
{
	for (size_t i = address.len; i > 0; i--) {
		if (address.p[i - 1] == '@')
			return i - 1;
	}
	return address.len;
}

static bool
is_postmaster(struct str address)
{
	return str_is(
	    (struct str){ address.p, local_len(address) }, "postmaster");
}

static bool
is_same(struct str a, struct str b)
{
	size_t local = local_len(a);

	if (a.len != b.len || local != local_len(b))
		return false;
	if (memcmp(a.p, b.p, local) != 0 && !is_postmaster(a))
		return false;
	return str_eq_case(a, b);
}

/* All in lower case: addresses that differ by case share a hash, is_same()
 * tells them apart. */
static uint32_t
hash_of(struct str address)
{
	char lower[512];
	size_t n = address.len < sizeof lower ? address.len : sizeof lower;

	for (size_t i = 0; i < n; i++) {
		char c = address.p[i];

		lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return crc32c(0, lower, n);
}

bool
draft_has(const struct draft *d, struct str address)
{
	uint32_t hash = hash_of(address);

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		if (d->rcpts[i].hash == hash &&
		    is_same(str_of(draft_rcpt_at(d, i)), address))
			return true;
	}
	return false;
}

static struct draft_rcpt *
next_rcpt(struct draft *d)
{
	if (d->nrcpts == d->rcpts_room) {
		d->rcpts_room =
		    d->rcpts_room == 0 ? RCPTS_FIRST : d->rcpts_room * 2;
		d->rcpts =
		    mem_resize(d->rcpts, d->rcpts_room * sizeof *d->rcpts);
	}
	return &d->rcpts[d->nrcpts];
}

int
draft_rcpt(
    struct draft *d, struct str address, struct str orcpt, uint8_t notify)
{
	struct draft_rcpt *r = next_rcpt(d);

	*r = (struct draft_rcpt){ .hash = hash_of(address), .notify = notify };
	if (add_text(d, address, &r->address) == -1)
		return -1;
	if (orcpt.len > 0 && add_text(d, orcpt, &r->orcpt) == -1)
		return -1;
	d->nrcpts++;
	return 0;
}

const char *
draft_rcpt_at(const struct draft *d, uint32_t i)
{
	assert(i < d->nrcpts);
	return text_at(d, d->rcpts[i].address);
}

void
draft_rcpt_deliver(struct draft *d, uint32_t i, uint16_t delivery)
{
	assert(i < d->nrcpts);
	d->rcpts[i].delivery = delivery;
}

static void
fill_rcpts(const struct draft *d, struct envelope_rcpt *to)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		to[i] = (struct envelope_rcpt){
			.address = draft_rcpt_at(d, i),
			.orcpt = text_at(d, d->rcpts[i].orcpt),
			.notify = d->rcpts[i].notify,
			.delivery = d->rcpts[i].delivery,
		};
	}
}

struct envelope *
draft_envelope(const struct draft *d, const struct envelope *base)
{
	struct envelope_rcpt few[RCPTS_ON_STACK], *many = NULL;
	struct envelope e = *base, *made;

	if (d->nrcpts > RCPTS_ON_STACK)
		many = mem_array(d->nrcpts, sizeof *many);
	fill_rcpts(d, many == NULL ? few : many);
	e.sender = draft_word(d, DRAFT_SENDER);
	e.envid = draft_word(d, DRAFT_ENVID);
	e.client = draft_word(d, DRAFT_CLIENT);
	e.helo = draft_word(d, DRAFT_HELO);
	e.listener = draft_word(d, DRAFT_LISTENER);
	e.user = draft_word(d, DRAFT_USER);
	e.message_id = draft_word(d, DRAFT_MESSAGE_ID);
	e.nrcpts = d->nrcpts;
	e.rcpts = many == NULL ? few : many;
	made = envelope_new(&e);
	free(many);
	return made;
}
