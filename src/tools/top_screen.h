/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_screen - "postern top" on a terminal, by ncurses (HAVE_NCURSES).
 */
#ifndef TOOLS_TOP_SCREEN_H
#define TOOLS_TOP_SCREEN_H

#include <stdbool.h>

struct control_ask;

struct top_screen {
	const struct control_ask *ask;
	unsigned interval_ms; /* between two documents */
	bool is_utf8;
};

/* Until somebody quits, or the terminal is gone.  An exit code of sysexits.h;
 * why there is no screen was told on stderr. */
int top_screen_run(const struct top_screen *s);

#endif
