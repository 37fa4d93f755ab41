/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/spool_import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/admin/letter_json.h"
#include "postern/base/mem.h"

#include "tools/letter_file.h"
#include "tools/owner.h"
#include "tools/route_names.h"
#include "tools/spool_tool.h"

#define BATCH 256              /* messages a commit */
#define BATCH_BYTES (8u << 20) /* of content; one more may be beyond */
#define IDS_TRIED 4096u        /* a ms has a million */

struct import {
	struct spool *sp;
	struct spool_reader *reader;
	struct route_names names;
	int dir;
	struct spool_accept *batch[BATCH];
	size_t n, bytes;
	uint64_t done, there, refused;
};

/* --- a commit ----------------------------------------------------------------
 */

static int
flush(struct import *m, struct err *err)
{
	int rc = 0;

	if (m->n > 0)
		rc = spool_accept_now(m->sp, m->batch, m->n, err);
	if (rc == 0)
		m->done += m->n;
	for (size_t i = 0; i < m->n; i++)
		free(m->batch[i]);
	m->n = m->bytes = 0;
	return rc;
}

/* --- a message ---------------------------------------------------------------
 */

enum place { PLACE_FREE, PLACE_SAME, PLACE_OTHER, PLACE_FAILED };

/* Ids are a spool's own: another host's message may have this one. */
static enum place
look(struct import *m, const struct envelope *e, uint64_t mid)
{
	struct spool_item is;
	int n = spool_list(m->reader, mid - 1, &is, 1);

	if (n < 0)
		return PLACE_FAILED;
	if (n == 0 || is.mid != mid)
		return PLACE_FREE;
	return is.size == e->size && is.crc32c == e->crc32c &&
	               is.arrival_ms == e->arrival_ms
	           ? PLACE_SAME
	           : PLACE_OTHER;
}

/* The next ones are tried in order, so that it is found there when it comes
 * again. */
static enum place
find_place(struct import *m, struct envelope *e, struct err *err)
{
	enum place place = look(m, e, e->mid);

	if (place == PLACE_OTHER && flush(m, err) != 0)
		return PLACE_FAILED;
	for (unsigned i = 0; place == PLACE_OTHER && i < IDS_TRIED; i++)
		place = look(m, e, ++e->mid);
	if (place == PLACE_FAILED)
		err_set(err, ERR_STORE, "the spool cannot be read");
	return place;
}

/* Takes what l has. */
static int
put(struct import *m, struct letter_json *l, struct err *err)
{
	struct spool_whole *w = &l->whole;
	struct spool_accept *a = mem_new(sizeof *a);

	for (uint16_t n = 0; n < w->ndeliveries; n++) {
		if (route_names_id(&m->names, m->sp, l->route[n],
		        &w->at[n].route, err) != 0) {
			free(a);
			return -1;
		}
	}
	a->ndeliveries = w->ndeliveries;
	a->first = w->at[0];
	if (w->ndeliveries > 1)
		a->more =
		    mem_dup(&w->at[1], (w->ndeliveries - 1u) * sizeof *a->more);
	a->env = w->env;
	a->past = w->past;
	w->env = NULL;
	w->past = NULL;
	m->bytes += a->env->size;
	m->batch[m->n++] = a;
	return m->n == BATCH || m->bytes >= BATCH_BYTES ? flush(m, err) : 0;
}

/* -1: the spool is at fault; a message that is none is told of. */
static int
import_one(struct import *m, uint64_t mid, struct err *err)
{
	struct letter_json l;
	enum place place;
	bool has_moved;
	int rc = 0;

	if (letter_file_read(m->dir, mid, &l, err) != 0) {
		m->refused++;
		(void)fprintf(stderr, "postern: %s\n", err->text);
		return 0;
	}
	place = find_place(m, l.whole.env, err);
	has_moved = l.whole.env->mid != mid;
	if (place == PLACE_FREE)
		rc = put(m, &l, err);
	else if (place == PLACE_SAME)
		m->there++;
	else
		rc = place == PLACE_FAILED
		         ? -1
		         : err_set(err, ERR_STORE, "no id is free");
	if (rc == 0 && has_moved)
		rc = flush(m, err); /* the next one may look for that id */
	letter_json_done(&l);
	return rc;
}

static int
import_all(struct import *m, struct err *err)
{
	uint64_t *ids = NULL;
	size_t n = 0;
	int rc = letter_file_ids(m->dir, &ids, &n, err);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = import_one(m, ids[i], err);
	if (rc == 0)
		rc = flush(m, err);
	free(ids);
	return rc;
}

/* --- the command -------------------------------------------------------------
 */

static int
tell(const struct spool_tool *t, const struct import *m)
{
	if (t->ask.is_json)
		spool_tool_print(json_pack("{sI sI sI}", "imported",
		    (json_int_t)m->done, "there", (json_int_t)m->there,
		    "refused", (json_int_t)m->refused));
	else
		(void)printf("%" PRIu64 " messages were taken in; %" PRIu64
		             " were there already, %" PRIu64 " refused\n",
		    m->done, m->there, m->refused);
	return m->refused > 0 ? EX_DATAERR : 0;
}

/* What was committed stays, whatever comes then; a stop in order says that the
 * spool was not left in the middle of something. */
static int
import(const struct spool_tool *t, struct import *m, struct err *err)
{
	int rc = owner_become(t->set.directory, err);

	if (rc == 0)
		rc = spool_open(&m->sp, &t->set, err);
	owner_back();
	if (rc != 0)
		return rc;
	m->reader = spool_reader_new(m->sp);
	route_names_load(&m->names, m->reader);
	rc = import_all(m, err);
	if (rc != 0)
		(void)flush(m, NULL); /* those before it are fine */
	route_names_done(&m->names);
	spool_reader_free(&m->reader);
	if (owner_become(t->set.directory, rc == 0 ? err : NULL) != 0)
		rc = -1;
	spool_start(m->sp);
	spool_stop(m->sp);
	spool_close(&m->sp);
	owner_back();
	return rc;
}

int
spool_import_run(const struct spool_tool *t)
{
	struct import *m;
	struct err err;
	int code, dir = open(t->word, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		err_sys(&err, "%s", t->word);
		(void)spool_tool_fail(&err);
		return EX_NOINPUT;
	}
	m = mem_new(sizeof *m);
	m->dir = dir;
	code = import(t, m, &err);
	code = code == 0 ? tell(t, m) : spool_tool_fail(&err);
	free(m);
	(void)close(dir);
	return code;
}
