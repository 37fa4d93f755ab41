/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/list - an intrusive doubly linked list.  The node lies in the object.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_OF(node, type, member)                                            \
	((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_insert(struct list *after, struct list *node)
{
	node->next = after->next;
	node->prev = after;
	after->next->prev = node;
	after->next = node;
}

static inline void
list_push(struct list *head, struct list *node) /* at the end */
{
	list_insert(head->prev, node);
}

/* A node that is in no list, once initialised, may be removed again. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *
list_pop(struct list *head) /* the first, or NULL */
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_remove(n);
	return n;
}

#endif
