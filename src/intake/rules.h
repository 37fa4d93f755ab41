/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/rules - one generation of intake's settings, kept by the messages that
 * began with it.  Belongs to one thread.
 */
#ifndef INTAKE_RULES_H
#define INTAKE_RULES_H

#include "postern/intake/intake.h"

struct rules {
	struct intake_settings s; /* routes: a reference; else borrowed */
	size_t refs;
	void (*let_go)(void *arg); /* of what is borrowed; NULL: nobody waits */
	void *arg;
};

struct rules *rules_new(
    const struct intake_settings *s, void (*let_go)(void *arg), void *arg);
struct rules *rules_ref(struct rules *r);
void rules_drop(struct rules **r);

#endif
