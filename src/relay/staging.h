/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/staging - routes that do not mail whom the message is for: its
 * recipients are kept here (capture), or one address gets it in their place
 * (redirect).  Looked at whenever a message is about to leave, so that what
 * is queued is held to the configuration of now.
 */
#ifndef RELAY_STAGING_H
#define RELAY_STAGING_H

#include <stdbool.h>

struct delivery;

#define STAGING_CAUSE "captured" /* of the dead letters */

/* Recipients that the route captures become dead letters, and nobody is told;
 * true: there are no others left. */
bool staging_capture(struct delivery *d);
/* Has that happened to it? */
bool staging_is_captured(const struct delivery *d);
/* Does the route redirect?  Then a transaction has one recipient. */
bool staging_redirects(const struct delivery *d);
/* Who gets it in the place of address; NULL: that one itself. */
const char *staging_instead(const struct delivery *d, const char *address);

#endif
