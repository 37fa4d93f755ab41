/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/queue_sort.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/buf.h"
#include "postern/base/heap.h"
#include "postern/base/mem.h"

#include "admin/control_call.h"
#include "admin/filter.h"
#include "admin/queue_row.h"

#define ROW_MAX (1u << 20) /* bytes; texts of a row have stood in a page */

struct kept {
	struct heap_node node; /* lies first */
	uint64_t came;
	struct buf line;
};

struct queue_sort {
	const struct filter_field *field;
	bool is_least; /* that comes first */
	size_t max;
	uint64_t came;
	int64_t now_ms;   /* of the first one: times of all are told from it */
	struct heap heap; /* the one that goes next is on top */
};

int
queue_sort_new(
    struct queue_sort **q, struct str by, uint64_t limit, struct err *err)
{
	bool is_least = by.len > 0 && by.p[0] == '-';
	const struct filter_field *f;

	if (is_least)
		by = (struct str){ by.p + 1, by.len - 1 };
	f = filter_field(by);
	if (f == NULL || !filter_is_number(f))
		return err_set(err, ERR_FORMAT,
		    "nothing is sorted by \"%.*s\"; write age, attempts, due, "
		    "lane or size, with - before it for the least first",
		    (int)(by.len < 64 ? by.len : 64), by.p);
	if (limit > QUEUE_SORT_MAX)
		return err_set(err, ERR_LIMIT,
		    "at most %d rows are sorted; write a smaller --limit",
		    QUEUE_SORT_MAX);
	*q = mem_new(sizeof **q);
	(*q)->field = f;
	(*q)->is_least = is_least;
	(*q)->max = limit > 0 ? (size_t)limit : QUEUE_SORT_USUAL;
	heap_init(&(*q)->heap);
	return 0;
}

static void
forget(struct queue_sort *q, struct kept *k)
{
	heap_del(&q->heap, &k->node);
	buf_done(&k->line);
	free(k);
}

void
queue_sort_free(struct queue_sort **qp)
{
	struct queue_sort *q = *qp;
	struct heap_node *n;

	*qp = NULL;
	if (q == NULL)
		return;
	while ((n = heap_min(&q->heap)) != NULL)
		forget(q, (struct kept *)n);
	heap_done(&q->heap);
	free(q);
}

/* The line is made for those alone that are kept. */
void
queue_sort_add(struct queue_sort *q, const struct filter_subject *s)
{
	struct filter_subject at = *s;
	struct heap_node *least = heap_min(&q->heap);
	struct kept *k;
	uint64_t key;
	int rc;

	if (q->came++ == 0)
		q->now_ms = s->now_ms;
	at.now_ms = q->now_ms;
	key = filter_number(q->field, &at);
	if (q->is_least)
		key = UINT64_MAX - key;
	if (q->heap.n == q->max && key <= least->key)
		return;
	if (q->heap.n == q->max)
		forget(q, (struct kept *)least);
	k = mem_new(sizeof *k);
	k->came = q->came;
	buf_init(&k->line, ROW_MAX);
	rc = control_call_line(&k->line, queue_row_json(s, QUEUE_ROW_RCPTS));
	assert(rc == 0);
	heap_put(&q->heap, &k->node, key);
}

static int
compare(const void *a, const void *b)
{
	const struct kept *x = *(struct kept *const *)a;
	const struct kept *y = *(struct kept *const *)b;

	if (x->node.key != y->node.key)
		return x->node.key < y->node.key ? 1 : -1;
	return (x->came > y->came) - (x->came < y->came);
}

void
queue_sort_each(
    struct queue_sort *q, void (*fn)(void *arg, struct str line), void *arg)
{
	size_t n = q->heap.n;
	struct kept **all = mem_array(n + 1, sizeof(struct kept *));

	for (size_t i = 0; i < n; i++) {
		all[i] = (struct kept *)heap_min(&q->heap);
		heap_del(&q->heap, &all[i]->node);
	}
	if (n > 0)
		qsort(all, n, sizeof *all, compare);
	for (size_t i = 0; i < n; i++) {
		fn(arg, buf_str(&all[i]->line));
		forget(q, all[i]);
	}
	free(all);
}
