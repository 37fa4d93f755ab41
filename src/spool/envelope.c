/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/spool/envelope.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/body.h"

/* One block: this, the recipients, then all strings. */
struct envelope_box {
	_Atomic uint32_t refs;
	size_t bytes;
	struct envelope env;
};

static struct envelope_box *
box_of(const struct envelope *e)
{
	return (
	    struct envelope_box *)(void *)((char *)(uintptr_t)e -
	                                   offsetof(struct envelope_box, env));
}

static size_t
room(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static size_t
strings_room(const struct envelope *e)
{
	size_t n = room(e->sender) + room(e->envid) + room(e->client) +
	           room(e->helo) + room(e->listener) + room(e->user) +
	           room(e->message_id);

	for (uint32_t i = 0; i < e->nrcpts; i++)
		n += room(e->rcpts[i].address) + room(e->rcpts[i].orcpt) +
		     room(e->rcpts[i].enhanced) + room(e->rcpts[i].text);
	return n;
}

static void
put(const char **s, char **at)
{
	size_t n = room(*s);

	if (!n)
		return;
	memcpy(*at, *s, n);
	*s = *at;
	*at += n;
}

static void
put_rcpts(struct envelope *e, struct envelope_rcpt *to, char **at)
{
	if (e->nrcpts)
		memcpy(to, e->rcpts, e->nrcpts * sizeof *to);
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		put(&to[i].address, at);
		put(&to[i].orcpt, at);
		put(&to[i].enhanced, at);
		put(&to[i].text, at);
	}
	e->rcpts = to;
}

uint8_t
envelope_notify_others(uint8_t notify)
{
	if ((notify & ENVELOPE_NOTIFY_SUCCESS) == 0)
		return notify;
	notify = (uint8_t)(notify & ~(unsigned)ENVELOPE_NOTIFY_SUCCESS);
	return notify ? notify : (uint8_t)ENVELOPE_NOTIFY_NEVER;
}

struct envelope *
envelope_new(const struct envelope *from)
{
	size_t rcpts = from->nrcpts * sizeof(struct envelope_rcpt);
	size_t bytes = sizeof(struct envelope_box) + rcpts + strings_room(from);
	struct envelope_box *box = mem_new(bytes);
	struct envelope *e = &box->env;
	struct envelope_rcpt *to = (struct envelope_rcpt *)(void *)(box + 1);
	char *at = (char *)to + rcpts;

	atomic_init(&box->refs, 1);
	box->bytes = bytes;
	*e = *from;
	put(&e->sender, &at);
	put(&e->envid, &at);
	put(&e->client, &at);
	put(&e->helo, &at);
	put(&e->listener, &at);
	put(&e->user, &at);
	put(&e->message_id, &at);
	put_rcpts(e, to, &at);
	if (e->body)
		body_ref(e->body);
	return e;
}

struct envelope *
envelope_ref(struct envelope *e)
{
	atomic_fetch_add_explicit(&box_of(e)->refs, 1, memory_order_relaxed);
	return e;
}

void
envelope_free(struct envelope **e)
{
	struct envelope_box *box;

	if (!*e)
		return;
	box = box_of(*e);
	*e = NULL;
	if (atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) > 1)
		return;
	body_free(&box->env.body);
	free(box);
}

size_t
envelope_memory(const struct envelope *e)
{
	return box_of(e)->bytes + (e->body ? body_str(e->body).len : 0);
}
