/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/park - messages that no provider could take then, put back into the
 * schedule when one may have become able to.
 */
#ifndef RELAY_PARK_H
#define RELAY_PARK_H

struct park;
struct relay;

struct park *park_new(struct relay *r);
void park_free(struct park **p);
/* A provider can do more than was known: all of them, soon. */
void park_look(struct relay *r);
/* A provider may be tried again: one of each kind, to find out. */
void park_probe(struct relay *r);
void park_tick(struct relay *r); /* once a second */

#endif
