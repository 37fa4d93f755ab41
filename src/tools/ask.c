/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ask.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "postern/base/mem.h"

#define LINE_OCTETS 1024 /* longer than any password that is taken */

/* --- the terminal shows again what is typed, however we end
 * --------------------
 */

static struct termios shown;

static void
on_signal(int signo)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &shown);
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static int
hide(struct err *err)
{
	struct termios hidden;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return err_sys(err, "the terminal cannot be asked");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		(void)signal(signals[i], on_signal);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
		return err_sys(err, "the terminal cannot be asked");
	return 0;
}

static void
show(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		(void)signal(signals[i], SIG_DFL);
}

/* --- lines
 * ----------------------------------------------------------------------
 */

/* Without stdio: no buffer keeps a copy.  The line end is not part of it. */
static int
read_line(struct secret **s, struct err *err)
{
	char line[LINE_OCTETS];
	size_t n = 0;
	ssize_t got = 0;
	int rc = 0;

	while (n < sizeof line) {
		got = read(STDIN_FILENO, line + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || line[n] == '\n')
			break;
		n++;
	}
	if (got < 0)
		rc = err_sys(err, "the password cannot be read");
	else if (got == 0 && n == 0)
		rc = err_set(err, ERR_FORMAT, "no password came");
	else if (n == sizeof line)
		rc = err_set(err, ERR_LIMIT, "the password is too long");
	else
		*s = secret_new(line, n);
	mem_wipe(line, sizeof line);
	return rc;
}

static int
ask_once(struct secret **s, const char *prompt, struct err *err)
{
	(void)fputs(prompt, stderr);
	return read_line(s, err);
}

static int
ask_twice(struct secret **s, const char *name, struct err *err)
{
	struct secret *first = NULL, *second = NULL;
	char *prompt = mem_printf("Password of %s: ", name);
	int rc = hide(err);

	if (rc == 0)
		rc = ask_once(&first, prompt, err);
	if (rc == 0)
		rc = ask_once(&second, "Once more: ", err);
	show();
	if (rc == 0 && !str_eq(secret_str(first), secret_str(second)))
		rc = err_set(err, ERR_FORMAT, "the two are not the same");
	if (rc == 0)
		*s = secret_ref(first);
	secret_free(&first);
	secret_free(&second);
	free(prompt);
	return rc;
}

int
ask_password(struct secret **s, const char *name, struct err *err)
{
	if (isatty(STDIN_FILENO))
		return ask_twice(s, name, err);
	return read_line(s, err);
}
