/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_origin.h"

#include <stdio.h>
#include <string.h>

#include "postern/base/buf.h"

static struct conf_origin *
find(const struct conf_origins *o, const struct conf_key *k)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->row[i].key == k)
			return &o->row[i];
	}
	return NULL;
}

const struct conf_origin *
conf_origin_find(const struct conf_origins *o, const struct conf_key *k)
{
	return find(o, k);
}

void
conf_origin_put(
    struct conf_origins *o, struct conf_arena *a, const struct conf_origin *row)
{
	struct conf_origin *old = find(o, row->key);

	if (old != NULL) {
		*old = *row;
		return;
	}
	if (o->n == o->cap) {
		struct conf_origin *few = o->row;

		o->cap = o->cap > 0 ? o->cap * 2 : 16;
		o->row = conf_arena_new(a, o->cap, sizeof o->row[0]);
		if (o->n > 0)
			memcpy(o->row, few, o->n * sizeof o->row[0]);
	}
	o->row[o->n++] = *row;
}

/* --- a value ----------------------------------------------------------------
 */

static const char *
escaped(const char *text, char out[CONF_ORIGIN_SHOWN])
{
	(void)str_escape(out, CONF_ORIGIN_SHOWN, str_of(text));
	return out;
}

static int
add_scalar(struct buf *b, const config_setting_t *v)
{
	char shown[CONF_ORIGIN_SHOWN];

	switch (config_setting_type(v)) {
	case CONFIG_TYPE_INT:
		return buf_addf(b, "%d", config_setting_get_int(v));
	case CONFIG_TYPE_INT64:
		return buf_addf(b, "%lld", config_setting_get_int64(v));
	case CONFIG_TYPE_FLOAT:
		return buf_addf(b, "%g", config_setting_get_float(v));
	case CONFIG_TYPE_BOOL:
		return buf_adds(
		    b, config_setting_get_bool(v) != 0 ? "true" : "false");
	case CONFIG_TYPE_STRING:
		return buf_addf(
		    b, "\"%s\"", escaped(config_setting_get_string(v), shown));
	default:
		return buf_adds(b, "...");
	}
}

static int
add_array(struct buf *b, const config_setting_t *v)
{
	int n = config_setting_length(v);

	if (buf_adds(b, "[ ") != 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if ((i > 0 && buf_adds(b, ", ") != 0) ||
		    add_scalar(b, config_setting_get_elem(v, (unsigned)i)) != 0)
			return -1;
	}
	return buf_adds(b, n > 0 ? " ]" : "]");
}

const char *
conf_origin_value(const config_setting_t *v, struct conf_arena *a)
{
	char text[CONF_ORIGIN_SHOWN + sizeof "..."];
	struct buf b;
	int rc;

	buf_init(&b, CONF_ORIGIN_SHOWN);
	rc = config_setting_is_array(v) != CONFIG_FALSE ? add_array(&b, v)
	                                                : add_scalar(&b, v);
	(void)snprintf(text, sizeof text, "%.*s%s", (int)buf_str(&b).len,
	    buf_str(&b).p, rc != 0 ? "..." : "");
	buf_done(&b);
	return conf_arena_str(a, text);
}

const char *
conf_origin_quoted(const char *text, struct conf_arena *a)
{
	char shown[CONF_ORIGIN_SHOWN], quoted[CONF_ORIGIN_SHOWN + 2];

	(void)snprintf(quoted, sizeof quoted, "\"%s\"", escaped(text, shown));
	return conf_arena_str(a, quoted);
}

void
conf_origin_text(const struct conf_origin *o, char *out, size_t max)
{
	(void)snprintf(out, max, "%s%s%s:%d", o->from != NULL ? o->from : "",
	    o->from != NULL ? ", " : "", o->at.file, o->at.line);
}
