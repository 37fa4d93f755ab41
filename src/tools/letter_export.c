/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/letter_export.h"

#include <stdlib.h>

#include "postern/admin/letter_json.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "tools/letter_file.h"

#define PART (64u << 10)

void
letter_export_init(struct letter_export *x, struct spool *sp, int dir)
{
	*x = (struct letter_export){ .reader = spool_reader_new(sp),
		.dir = dir,
		.part = mem_new(PART) };
	route_names_load(&x->names, x->reader);
}

void
letter_export_done(struct letter_export *x)
{
	route_names_done(&x->names);
	spool_reader_free(&x->reader);
	free(x->part);
}

static enum letter_export_result
put_body(struct letter_file *f, const struct envelope *env, struct err *err)
{
	struct str s = body_str(env->body);

	return letter_file_add(f, s.p, s.len, err) == 0 ? LETTER_EXPORT_DONE
	                                                : LETTER_EXPORT_FAILED;
}

static enum letter_export_result
put_content(struct letter_export *x, struct letter_file *f,
    const struct envelope *env, struct err *err)
{
	int64_t n = 1;

	if (env->body != NULL)
		return put_body(f, env, err);
	while (n > 0) {
		n = spool_content(
		    x->reader, env->mid, f->size, x->part, PART, err);
		if (n < 0)
			return LETTER_EXPORT_DAMAGED;
		if (letter_file_add(f, x->part, (size_t)n, err) != 0)
			return LETTER_EXPORT_FAILED;
	}
	return LETTER_EXPORT_DONE;
}

static enum letter_export_result
put(struct letter_export *x, const struct spool_whole *w, struct err *err)
{
	struct letter_file f;
	enum letter_export_result rc;
	json_t *j;

	if (letter_file_begin(&f, x->dir, w->env->mid, err) != 0)
		return LETTER_EXPORT_FAILED;
	rc = put_content(x, &f, w->env, err);
	j = letter_json(w, route_names_of, &x->names);
	if (rc == LETTER_EXPORT_DONE && letter_file_end(&f, j, err) != 0)
		rc = err->kind == ERR_STORE ? LETTER_EXPORT_DAMAGED
		                            : LETTER_EXPORT_FAILED;
	json_decref(j);
	if (rc != LETTER_EXPORT_DONE)
		letter_file_drop(&f);
	return rc;
}

enum letter_export_result
letter_export_one(struct letter_export *x, uint64_t mid, struct err *err)
{
	struct spool_whole w;
	enum letter_export_result rc;
	int is;

	if (letter_file_is_there(x->dir, mid))
		return LETTER_EXPORT_THERE;
	is = spool_whole(x->reader, mid, &w, err);
	if (is != 0)
		return is > 0 ? LETTER_EXPORT_NONE : LETTER_EXPORT_DAMAGED;
	rc = put(x, &w, err);
	spool_whole_free(&w);
	return rc;
}
