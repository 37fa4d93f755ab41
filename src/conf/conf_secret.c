/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_secret.h"

#include "conf/conf_read.h"

/* One of the entry's own takes the place of another entry's. */
static void
drop_others(const struct conf_entry *e, const struct conf_secret *s)
{
	bool any = false;

	for (size_t i = 0; i < s->nkeys; i++)
		any |= conf_read_is_set(e, s->keys[i].path);
	for (size_t i = 0; any && i < s->nkeys; i++) {
		if (!conf_read_is_set(e, s->keys[i].path))
			*s->keys[i].at = NULL;
	}
}

void
conf_secret_read(struct conf_read *r, const struct conf_entry *e,
    const struct conf_secret *s, struct secret **out,
    struct secret_source *source)
{
	const struct conf_secret_key *found = NULL;
	struct err err = { 0 };

	drop_others(e, s);
	for (size_t i = 0; i < s->nkeys; i++) {
		const struct conf_secret_key *k = &s->keys[i];

		if (*k->at == NULL)
			continue;
		if (found != NULL) {
			conf_note_mistake(&r->notes,
			    conf_read_place(e, k->path), k->path,
			    "stands beside %s; keep one of them", found->path);
			return;
		}
		found = k;
		*source = (struct secret_source){ k->kind, *k->at };
	}
	if (found != NULL && secret_source_read(out, source, &err) != 0)
		conf_note_mistake(&r->notes, conf_read_place(e, found->path),
		    found->path, "%s", err.text);
}
