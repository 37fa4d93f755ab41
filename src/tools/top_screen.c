/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/top_screen.h"

#include <stdio.h>
#include <sysexits.h>

#if HAVE_NCURSES

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/base/clock.h"

#include "tools/top_ask.h"
#include "tools/top_model.h"
#include "tools/top_page.h"
#include "tools/top_text.h"
#include "tools/top_view.h"

#include <term.h> /* the last: "columns" and "lines" are macros of it */

#define ESCAPE_MS 50 /* after that it is a key of its own */

enum { PAIR_WARN = 1, PAIR_BAD };

struct shown {
	const struct top_screen *screen;
	struct top_model model;
	struct top_view view;
	uint64_t due_ms; /* of the next document, monotonic */
};

/* --- drawing -----------------------------------------------------------------
 */

static attr_t
attributes(enum top_look look)
{
	switch (look) {
	case TOP_HEAD:
		return A_BOLD;
	case TOP_CHOSEN:
		return A_REVERSE;
	case TOP_WARN:
		return (attr_t)COLOR_PAIR(PAIR_WARN);
	case TOP_BAD:
		return (attr_t)COLOR_PAIR(PAIR_BAD) | A_BOLD;
	default:
		return A_NORMAL;
	}
}

static void
draw(struct shown *s)
{
	struct top_lines l = { 0 };

	s->view.width = (size_t)COLS;
	s->view.height = (size_t)LINES;
	top_page_make(&l, &s->view, &s->model);
	(void)erase();
	for (size_t i = 0; i < l.n; i++) {
		(void)attrset((int)attributes(l.v[i].look));
		(void)mvaddstr((int)i, 0, l.v[i].text);
	}
	(void)attrset(A_NORMAL);
	(void)refresh();
	top_text_done(&l);
}

/* --- asking ------------------------------------------------------------------
 */

/* A window that changes its size does not cut an answer short. */
static void
hold_signals(bool is_held)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigprocmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static int
ask(struct shown *s)
{
	int rc;

	hold_signals(true);
	rc = top_ask_look(s->screen->ask, &s->model);
	hold_signals(false);
	s->due_ms = clock_mono_ms() + s->screen->interval_ms;
	return rc;
}

static void
act(struct shown *s, enum top_wish wish)
{
	(void)snprintf(
	    s->view.note, sizeof s->view.note, "the daemon is asked");
	draw(s);
	hold_signals(true);
	top_ask_act(s->screen->ask, &s->view, wish, s->view.chosen);
	hold_signals(false);
	s->due_ms = 0;
}

/* --- keys --------------------------------------------------------------------
 */

static int
key_of(int c)
{
	switch (c) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_BACKSPACE:
	case 0x7f:
	case '\b':
		return TOP_KEY_BACK;
	case KEY_ENTER:
	case '\r':
		return TOP_KEY_ENTER;
	default:
		return c < 0x80 ? c : 0;
	}
}

/* All that were pressed; false: to quit is among them. */
static bool
take_keys(struct shown *s)
{
	int c;

	while ((c = getch()) != ERR) {
		enum top_wish wish =
		    top_view_key(&s->view, &s->model, key_of(c));

		if (wish == TOP_QUIT)
			return false;
		if (wish == TOP_LOOK_NOW)
			s->due_ms = 0;
		else if (wish != TOP_NOTHING)
			act(s, wish);
	}
	return true;
}

/* For a key or the next document.  false: nobody is there any more. */
static bool
wait_key(const struct shown *s)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now = clock_mono_ms();
	uint64_t ms = s->due_ms > now ? s->due_ms - now : 0;

	/* a signal ends it, too: the size is another one */
	return poll(&in, 1, (int)clock_real_ms(ms)) <= 0 ||
	       (in.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

static int
run(struct shown *s)
{
	do {
		if (clock_mono_ms() >= s->due_ms)
			(void)ask(s);
		draw(s);
	} while (wait_key(s) && take_keys(s));
	return 0;
}

/* --- the terminal ------------------------------------------------------------
 */

static void
set_up(void)
{
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	(void)curs_set(0);
	if (has_colors()) {
		(void)start_color();
		(void)use_default_colors();
		(void)init_pair(PAIR_WARN, COLOR_YELLOW, -1);
		(void)init_pair(PAIR_BAD, COLOR_RED, -1);
	}
}

static int
complain(const char *why)
{
	(void)fprintf(stderr,
	    "postern: %s; postern top --batch prints without a terminal\n",
	    why);
	return EX_USAGE;
}

/* newterm() leaks where terminfo knows nothing. */
static bool
is_known(void)
{
	int err;

	if (setupterm(NULL, STDOUT_FILENO, &err) != OK)
		return false;
	(void)del_curterm(cur_term);
	return true;
}

static int
open_screen(struct shown *s)
{
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	int rc;

	if (terminal == NULL)
		return complain("the terminal cannot be used");
	set_up();
	rc = run(s);
	(void)endwin();
	delscreen(terminal);
	return rc;
}

int
top_screen_run(const struct top_screen *screen)
{
	struct shown s = { .screen = screen, .view.is_utf8 = screen->is_utf8 };
	const char *term = getenv("TERM");
	char why[128];
	int rc;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return complain("this is no terminal");
	(void)snprintf(why, sizeof why,
	    "terminfo does not know the terminal (TERM=%.32s)",
	    term != NULL ? term : "");
	if (!is_known())
		return complain(why);
	rc = ask(&s);
	if (rc != 0)
		(void)fprintf(stderr, "postern: %s\n", s.model.lost);
	else
		rc = open_screen(&s);
	top_model_done(&s.model);
	return rc;
}

#else

int
top_screen_run(const struct top_screen *s)
{
	(void)s;
	(void)fputs("postern: it was built without ncurses; postern top "
	            "--batch prints without it\n",
	    stderr);
	return EX_UNAVAILABLE;
}

#endif
