/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/queue_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/base/buf.h"
#include "postern/smtp/base64.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/letter_counts.h"
#include "tools/letter_file.h"
#include "tools/new_directory.h"

#define OCTETS_MAX 65536 /* of a row */

struct writing {
	int dir;
	json_t *letter; /* the one whose content comes; NULL: it is skipped */
	struct letter_file file;
	struct letter_counts counts;
};

/* The daemon sees that nobody reads on, and what is whole stays. */
static void
give_up(struct writing *w, const struct err *err)
{
	letter_file_drop(&w->file);
	(void)fprintf(stderr, "postern: %s\n", err->text);
	exit(EX_CANTCREAT);
}

static void
drop(struct writing *w)
{
	if (w->letter == NULL)
		return;
	letter_file_drop(&w->file);
	json_decref(w->letter);
	w->letter = NULL;
}

static void
begin(struct writing *w, json_t *letter)
{
	struct err err;
	uint64_t mid;

	drop(w);
	if (id_parse(str_of(control_row_text(letter, "id")), &mid) != 0)
		return;
	if (letter_file_is_there(w->dir, mid)) {
		w->counts.there++;
		return;
	}
	if (letter_file_begin(&w->file, w->dir, mid, &err) != 0)
		give_up(w, &err);
	w->letter = json_incref(letter);
}

static void
add(struct writing *w, const char *base64)
{
	struct err err;
	struct buf b;

	if (w->letter == NULL)
		return;
	buf_init(&b, OCTETS_MAX);
	if (base64_take(&b, str_of(base64)) == 0 &&
	    letter_file_add(&w->file, buf_at(&b), b.len, &err) != 0)
		give_up(w, &err);
	buf_done(&b);
}

static void
end(struct writing *w)
{
	struct err err;

	if (w->letter == NULL)
		return;
	if (letter_file_end(&w->file, w->letter, &err) == 0) {
		w->counts.done++;
		json_decref(w->letter);
		w->letter = NULL;
		return;
	}
	if (err.kind != ERR_STORE)
		give_up(w, &err);
	w->counts.damaged++;
	(void)fprintf(stderr, "postern: %s\n", err.text);
	drop(w);
}

static void
on_row(void *arg, const json_t *row)
{
	struct writing *w = arg;
	json_t *letter = json_object_get(row, "letter");

	if (letter != NULL) {
		begin(w, letter);
	} else if (json_object_get(row, "base64") != NULL) {
		add(w, control_row_text(row, "base64"));
	} else if (json_object_get(row, "damaged") != NULL) {
		w->counts.damaged++;
		(void)fprintf(stderr, "postern: %s: %s\n",
		    control_row_text(row, "damaged"),
		    control_row_text(row, "text"));
		drop(w);
	} else {
		end(w);
	}
}

static int
complain(const struct err *err)
{
	(void)fprintf(stderr, "postern: %s\n", err->text);
	return EX_CANTCREAT;
}

int
queue_export_run(const struct queue_export *x)
{
	struct writing w = { .letter = NULL };
	struct new_directory d;
	struct err err;
	int code;

	if (new_directory_open(&d, x->directory, &err) != 0)
		return complain(&err);
	w.dir = d.fd;
	code = control_ask_run(x->ask,
	    json_pack("{ss ss*}", "request", x->request, "where", x->where),
	    on_row, &w);
	drop(&w);
	if (letter_file_sync(d.fd, &err) != 0)
		code = complain(&err);
	if (code == 0)
		code = letter_counts_tell(&w.counts, x->directory, x->is_json);
	if (w.counts.done + w.counts.there == 0)
		new_directory_drop(&d);
	else
		new_directory_done(&d);
	return code;
}
