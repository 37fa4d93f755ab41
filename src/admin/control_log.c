/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_log.h"

#include <string.h>
#include <sysexits.h>

#include "postern/base/log.h"

#include "admin/control_call.h"
#include "admin/events.h"

#define ADDRESS_MAX 512 /* 320 by RFC 5321, and what hides it */

static const char *const words[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void
control_log_level(struct control_call *call)
{
	control_call_row(
	    call, json_pack("{ss}", "level", words[log_level_now()]));
	control_call_done(call);
}

/* Written by the wider of both levels. */
static void
change(enum log_level to)
{
	struct log_line l;

	if (to > log_level_now())
		log_level_set(to);
	log_begin(&l, &admin_events[ADMIN_LOG_LEVEL], 0, 0);
	log_cstr(&l, "now", words[to]);
	log_end(&l);
	log_level_set(to);
}

void
control_log_set(struct control_call *call)
{
	const char *word = control_call_word(call, "level");

	for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0];
	     i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		change((enum log_level)i);
		control_call_done(call);
		return;
	}
	control_call_fail(call, EX_USAGE,
	    "there is no such level; write error, warn, info or debug");
}

void
control_log_address(struct control_call *call)
{
	const char *address = control_call_word(call, "address");
	char hidden[ADDRESS_MAX];

	if (address == NULL || strchr(address, '@') == NULL) {
		control_call_fail(
		    call, EX_USAGE, "name an address, such as ann@example.com");
		return;
	}
	(void)log_address(hidden, sizeof hidden, str_of(address));
	control_call_row(call, json_pack("{ss}", "address", hidden));
	control_call_done(call);
}
