/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/events - what the control socket logs; postern-log(7) documents each
 * row.
 */
#ifndef ADMIN_EVENTS_H
#define ADMIN_EVENTS_H

#include "postern/base/log.h"

enum admin_event {
	ADMIN_REQUEST,
	ADMIN_LOG_LEVEL,
};

static const struct log_event admin_events[] = {
	/* an operator changes something, or reads a body: request, uid */
	[ADMIN_REQUEST] = { "control.request", LOG_LEVEL_INFO },
	/* more, or less, is logged from here on: now */
	[ADMIN_LOG_LEVEL] = { "log.level", LOG_LEVEL_INFO },
};

#endif
