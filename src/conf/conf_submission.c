/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_submission.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "conf/conf_arena.h"
#include "conf/conf_note.h"
#include "conf/conf_table.h"

static void
read_socket(struct conf_read *r, struct inlet_listener *l)
{
	struct addr *a = conf_arena_new(r->arena, 1, sizeof *a);
	char *text = mem_printf("unix:%s", r->root->submission_socket);
	struct err err;

	if (addr_parse(a, text, &err) == 0)
		l->naddresses = 1;
	else
		conf_note_mistake(&r->notes,
		    conf_read_place(r->root_entry, "submission.socket"),
		    "submission.socket",
		    "is too long; write a path of at most "
		    "107 bytes");
	l->addresses = a;
	free(text);
}

void
conf_submission_read(struct conf_read *r, struct conf_listener *c)
{
	const struct settings *s = &r->root->s;
	const struct inlet_listener *from = &r->root->submission;

	c->l.name = CONF_SUBMISSION_NAME;
	c->l.is_sendmail = true;
	read_socket(r, &c->l);
	c->l.users = from->users;
	c->l.nusers = from->nusers;
	c->l.groups = from->groups;
	c->l.ngroups = from->ngroups;
	c->l.senders = from->senders;
	c->l.nsenders = from->nsenders;
	c->l.size_max = from->size_max;
	c->l.repair_headers = c->l.remove_bcc = true;
	c->l.domain = s->inlet.intake.domain != NULL ? s->inlet.intake.domain
	                                             : s->hostname;
	r->root->s.submission_by_default =
	    !conf_read_is_set(r->root_entry, "submission.socket");
}

void
conf_submission_check(struct conf_read *r, const char *const *names)
{
	const struct conf_entries *list = &r->list[CONF_BASE_LISTENER];

	for (size_t i = 0; i < list->n; i++) {
		if (names[i] != NULL &&
		    strcmp(names[i], CONF_SUBMISSION_NAME) == 0)
			conf_note_mistake(&r->notes,
			    conf_read_place(list->entry[i], "listeners.name"),
			    "listeners.name",
			    "\"" CONF_SUBMISSION_NAME
			    "\" is the name of the door of postern-sendmail; "
			    "write another");
	}
}
