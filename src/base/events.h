/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/events - what the log says about itself.
 */
#ifndef BASE_EVENTS_H
#define BASE_EVENTS_H

#include "postern/base/log.h"

/* clang-format off */
static const struct log_event event_log_dropped =
	{ "log.dropped", LOG_LEVEL_WARN };
static const struct log_event event_log_reopened =
	{ "log.reopened", LOG_LEVEL_INFO };
static const struct log_event event_log_repeated =
	{ "log.repeated", LOG_LEVEL_WARN };
/* clang-format on */

#endif
