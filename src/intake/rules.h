/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/rules - one generation of intake's settings, kept by the messages that
 * began with it.  Belongs to one thread.
 */
#ifndef INTAKE_RULES_H
#define INTAKE_RULES_H

#include "postern/intake/intake.h"

struct rules {
	struct intake_settings s; /* strings owned, routes too */
	size_t refs;
};

struct rules *rules_new(const struct intake_settings *s); /* copies */
struct rules *rules_ref(struct rules *r);
void rules_drop(struct rules **r);

#endif
