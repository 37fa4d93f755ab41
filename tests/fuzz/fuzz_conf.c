/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf - any bytes as a configuration file: the scan, what libconfig makes
 * of its copy, and the walk along the table; then the whole of it: listeners,
 * providers, limits, groups and routes, and what each says of the others.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libconfig.h>

#include "postern/base/buf.h"
#include "postern/conf/conf.h"

#include "conf/conf_arena.h"
#include "conf/conf_field.h"
#include "conf/conf_note.h"
#include "conf/conf_scan.h"
#include "conf/conf_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each key of the root is set from whatever stands in the tree. */
static void
set_everything(config_t *c)
{
	config_setting_t *root = config_root_setting(c);
	struct conf_arena arena = { 0 };
	struct conf_root fields = { 0 };
	struct err err;

	for (int i = 0; i < config_setting_length(root); i++) {
		config_setting_t *v =
		    config_setting_get_elem(root, (unsigned)i);

		for (size_t k = 0; k < conf_table_n; k++) {
			const struct conf_key *key = &conf_table[k];
			int rc = -1;

			if (key->base == CONF_BASE_ROOT &&
			    key->type < CONF_GROUP)
				rc = conf_field_set(
				    key, &fields, v, &arena, &err);
			if (rc == 0 && !conf_field_equal(key, &fields, &fields))
				abort();
		}
	}
	conf_arena_done(&arena);
}

static void
parse_values(struct str s)
{
	char out[CONF_VALUE_SHOWN];
	struct err err;
	uint64_t v, again;

	if (conf_value_duration(s, &v, &err) == 0) {
		conf_value_show_duration(v, out);
		if (conf_value_duration(str_of(out), &again, &err) != 0 ||
		    again != v)
			abort();
	}
	if (conf_value_size(s, &v, &err) == 0) {
		conf_value_show_size(v, out);
		if (conf_value_size(str_of(out), &again, &err) != 0 ||
		    again != v)
			abort();
	}
	if (conf_value_network(s, &err) != 0 && err.text[0] == '\0')
		abort();
	if (conf_value_mail(s, &err) != 0 && err.text[0] == '\0')
		abort();
}

/* A file without a name that holds the text. */
static void
write_file(struct str text, char path[64])
{
	static FILE *f;

	if (f == NULL)
		f = tmpfile();
	if (f == NULL || ftruncate(fileno(f), 0) != 0)
		abort();
	rewind(f);
	if (fwrite(text.p, 1, text.len, f) != text.len || fflush(f) != 0)
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fileno(f));
}

static void
on_value(void *arg, const struct conf_value *v)
{
	size_t *seen = arg;

	*seen += strlen(v->key) + strlen(v->value) + strlen(v->origin);
}

static void
load(struct str text)
{
	struct settings *s = NULL;
	struct conf_report report;
	size_t seen = 0;
	char path[64];

	write_file(text, path);
	if (conf_load(&s, path, false, &report) != 0) {
		if (report.nmistakes == 0)
			abort(); /* refused without a word */
	} else {
		for (size_t i = 0; i < s->relay.nproviders; i++)
			conf_provider_values(s, i, on_value, &seen);
		conf_free(&s);
	}
	conf_report_done(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_place at = { .file = "fuzz" };
	struct str text = { (const char *)data, size };
	struct conf_notes notes = { 0 };
	struct conf_report report;
	struct buf out;
	config_t c;

	if (size > CONF_SCAN_FILE_MAX)
		return 0;
	parse_values(text);
	buf_init(&out, CONF_SCAN_OUT_MAX);
	config_init(&c);
	if (conf_scan(text, at, &notes, &out) != 0) {
		if (notes.mistakes == 0)
			abort(); /* refused without a word */
	} else if (config_read_string(&c, buf_at(&out)) == CONFIG_TRUE) {
		set_everything(&c);
	}
	config_destroy(&c);
	buf_done(&out);
	conf_note_report(&notes, &report);
	conf_report_done(&report);
	load(text);
	return 0;
}
