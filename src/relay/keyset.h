/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/keyset - the keys in hand, by message and delivery number.  The node
 * lies in the object that holds the key.
 */
#ifndef RELAY_KEYSET_H
#define RELAY_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyset;

struct keyset_node {
	uint64_t mid;
	uint16_t n;
	struct keyset_node *same; /* the message's other deliveries in hand */
};

struct keyset *keyset_new(void);
void keyset_free(struct keyset **f);
void keyset_add(struct keyset *f, struct keyset_node *node); /* not twice */
void keyset_del(struct keyset *f, struct keyset_node *node);
/* NULL: it is not in hand. */
struct keyset_node *keyset_find(
    const struct keyset *f, uint64_t mid, uint16_t n);
bool keyset_has(const struct keyset *f, uint64_t mid, uint16_t n);
struct keyset_node *keyset_any(const struct keyset *f); /* NULL: empty */
size_t keyset_count(const struct keyset *f);

#endif
