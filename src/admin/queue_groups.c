/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups stand in an object of jansson, whose hash has a seed of its own:
 * senders choose what is counted here.
 */
#include "admin/queue_groups.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "admin/control_call.h"
#include "admin/filter.h"

#define KEY_MAX (QUEUE_GROUPS_FIELDS * (FILTER_SHOWN + 1) + 1)

struct queue_groups {
	const struct filter_field *field[QUEUE_GROUPS_FIELDS];
	size_t nfields;
	json_t *by_key; /* the rows */
	json_t *others; /* NULL: there are none */
};

/* --- fields ------------------------------------------------------------------
 */

static int
add_field(struct queue_groups *g, struct str name, struct err *err)
{
	const struct filter_field *f = filter_field(name);

	if (f == NULL)
		return err_set(err, ERR_FORMAT,
		    "there is no field \"%.*s\"; write one of %s",
		    (int)(name.len < 64 ? name.len : 64), name.p,
		    filter_field_names());
	if (g->nfields == QUEUE_GROUPS_FIELDS)
		return err_set(err, ERR_LIMIT,
		    "there are more than %d fields to group by",
		    QUEUE_GROUPS_FIELDS);
	for (size_t i = 0; i < g->nfields; i++) {
		if (g->field[i] == f)
			return err_set(err, ERR_FORMAT,
			    "\"%s\" stands there twice; write it once",
			    filter_field_name(f));
	}
	g->field[g->nfields++] = f;
	return 0;
}

static json_t *
new_row(void)
{
	return json_pack("{si si}", "count", 0, "bytes", 0);
}

int
queue_groups_new(struct queue_groups **gp, struct str fields, struct err *err)
{
	struct queue_groups *g = mem_new(sizeof *g);
	int rc = 0;

	while (rc == 0 && fields.len > 0)
		rc = add_field(g, str_trim(str_cut(&fields, ',')), err);
	if (rc != 0) {
		queue_groups_free(&g);
		return -1;
	}
	g->by_key = json_object();
	if (g->nfields == 0) /* then there is one, of none perhaps */
		json_object_set_new(g->by_key, "", new_row());
	*gp = g;
	return 0;
}

void
queue_groups_free(struct queue_groups **g)
{
	if (*g == NULL)
		return;
	json_decref((*g)->by_key);
	json_decref((*g)->others);
	free(*g);
	*g = NULL;
}

/* --- counting ----------------------------------------------------------------
 */

/* All values of a delivery, fit for a key of jansson. */
static void
make_key(const struct queue_groups *g, const struct filter_subject *s,
    struct str v[QUEUE_GROUPS_FIELDS], char key[KEY_MAX])
{
	char *p = key;

	for (size_t i = 0; i < g->nfields; i++) {
		char text[FILTER_SHOWN];
		struct str is = filter_show(g->field[i], s, text);
		bool is_plain = str_utf8_valid(is);

		v[i] = (struct str){ p, is.len };
		for (size_t k = 0; k < is.len; k++) {
			bool is_high = (unsigned char)is.p[k] >= 0x80;

			*p++ = is.p[k] == 0 || (is_high && !is_plain) ? '?'
			                                              : is.p[k];
		}
		*p++ = '\x1f';
	}
	*p = 0;
}

static json_t *
group_of(struct queue_groups *g, const struct filter_subject *s)
{
	struct str v[QUEUE_GROUPS_FIELDS];
	char key[KEY_MAX];
	json_t *row;

	make_key(g, s, v, key);
	row = json_object_get(g->by_key, key);
	if (row != NULL)
		return row;
	if (json_object_size(g->by_key) == QUEUE_GROUPS_MAX) {
		if (g->others == NULL)
			g->others = new_row();
		return g->others;
	}
	row = json_object();
	for (size_t i = 0; i < g->nfields; i++)
		json_object_set_new(row, filter_field_name(g->field[i]),
		    control_call_str(v[i]));
	json_object_set_new(row, "count", json_integer(0));
	json_object_set_new(row, "bytes", json_integer(0));
	json_object_set_new(g->by_key, key, row);
	return row;
}

static void
add(json_t *row, const char *key, uint64_t n)
{
	json_t *value = json_object_get(row, key);

	json_integer_set(value, json_integer_value(value) + (json_int_t)n);
}

void
queue_groups_add(struct queue_groups *g, const struct filter_subject *s)
{
	json_t *row = group_of(g, s);

	add(row, "count", 1);
	add(row, "bytes", s->row->size);
}

/* --- telling -----------------------------------------------------------------
 */

static json_int_t
count_of(const void *row)
{
	return json_integer_value(
	    json_object_get(*(json_t *const *)row, "count"));
}

static int
compare(const void *a, const void *b)
{
	return (count_of(a) < count_of(b)) - (count_of(a) > count_of(b));
}

void
queue_groups_each(
    struct queue_groups *g, void (*fn)(void *arg, json_t *row), void *arg)
{
	json_t **all = mem_array(QUEUE_GROUPS_MAX, sizeof *all), *row;
	const char *key;
	size_t n = 0;

	json_object_foreach(g->by_key, key, row) all[n++] = row;
	qsort(all, n, sizeof *all, compare);
	for (size_t i = 0; i < n; i++)
		fn(arg, json_incref(all[i]));
	if (g->others != NULL) {
		json_object_set_new(g->others, "others", json_true());
		fn(arg, json_incref(g->others));
	}
	free(all);
}
