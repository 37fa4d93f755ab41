/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/doors.h"

#include <stdio.h>
#include <string.h>

const char *
doors_tls_word(enum doors_tls tls)
{
	static const char *const words[DOORS_TLSES] = { "none", "starttls",
		"implicit" };

	return words[tls];
}

size_t
doors_count(const struct doors *d)
{
	/* Behind it stand the names, which were written before it was. */
	return atomic_load_explicit(
	    &((struct doors *)(uintptr_t)d)->n, memory_order_acquire);
}

static struct door *
add(struct doors *d, size_t n, const char *name)
{
	(void)snprintf(d->of[n].name, sizeof d->of[n].name, "%s", name);
	atomic_store_explicit(&d->n, n + 1, memory_order_release);
	return &d->of[n];
}

struct door *
doors_find(struct doors *d, const char *name)
{
	size_t n = doors_count(d);

	for (size_t i = 0; i < n && i < DOORS_MAX; i++) {
		if (strcmp(d->of[i].name, name) == 0)
			return &d->of[i];
	}
	if (n < DOORS_MAX)
		return add(d, n, name);
	return n > DOORS_MAX ? &d->of[DOORS_MAX] : add(d, n, "other");
}

static void
merge(struct stat_counter *to, const struct stat_counter *from)
{
	stat_add(to, stat_get(from));
}

static void
merge_door(struct door *t, const struct door *f)
{
	merge(&t->sessions, &f->sessions);
	for (size_t k = 0; k < DOORS_TLSES; k++) {
		merge(&t->open[k], &f->open[k]);
		merge(&t->ended[k], &f->ended[k]);
	}
	merge(&t->turned_away, &f->turned_away);
	merge(&t->messages, &f->messages);
	merge(&t->temporary, &f->temporary);
	merge(&t->permanent, &f->permanent);
}

void
doors_merge(struct doors *to, const struct doors *from)
{
	size_t n = doors_count(from);

	for (size_t i = 0; i < n; i++) {
		const struct door *f = &from->of[i];

		merge_door(doors_find(to, f->name), f);
	}
}

void
doors_cut(struct doors *d, size_t max)
{
	size_t n = doors_count(d);

	if (n <= max)
		return;
	for (size_t i = max + 1; i < n; i++)
		merge_door(&d->of[max], &d->of[i]);
	(void)snprintf(d->of[max].name, sizeof d->of[max].name, "%s", "other");
	atomic_store_explicit(&d->n, max + 1, memory_order_relaxed);
}
