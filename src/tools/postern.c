/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/postern - the operator's tool: a table of commands, each in a file of
 * its own.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/standard.h"

#include "tools/classify_tool.h"
#include "tools/dead_tool.h"
#include "tools/dkim_tool.h"
#include "tools/help_key.h"
#include "tools/help_text.h"
#include "tools/log_tool.h"
#include "tools/message_tool.h"
#include "tools/passwd.h"
#include "tools/provider_tool.h"
#include "tools/queue_tool.h"
#include "tools/reload_tool.h"
#include "tools/route_tool.h"
#include "tools/spool_tool.h"
#include "tools/status_tool.h"
#include "tools/token_tool.h"
#include "tools/top_tool.h"
#include "tools/trace_tool.h"
#include "tools/why_tool.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0]: the name */
	const char *usage;
	bool is_daily;
	const char *what; /* a line of at most 68 columns */
} commands[] = {
	{ "check", reload_tool_check, RELOAD_TOOL_CHECK_USAGE, true,
	    "would the daemon take its configuration up?" },
	{ "classify", classify_tool_run, CLASSIFY_TOOL_USAGE, false,
	    "what a provider's reply would mean" },
	{ "dead", dead_tool_run, DEAD_TOOL_USAGE, true,
	    "dead letters: look at them, send them again, delete them" },
	{ "dkim", dkim_tool_run, DKIM_TOOL_USAGE, false,
	    "a key for DKIM signatures" },
	{ "log", log_tool_run, LOG_TOOL_USAGE, false,
	    "how much the daemon logs; an address in it" },
	{ "message", message_tool_run, MESSAGE_TOOL_USAGE, true,
	    "one message: how it stands, its header, its body" },
	{ "passwd", passwd_run, PASSWD_USAGE, false,
	    "who may log in at listeners" },
	{ "provider", provider_tool_run, PROVIDER_TOOL_USAGE, true,
	    "providers: how they are, pause, resume, probe them" },
	{ "queue", queue_tool_run, QUEUE_TOOL_USAGE, true,
	    "the queue: list and count; hold, release, retry, delete" },
	{ "reload", reload_tool_run, RELOAD_TOOL_USAGE, true,
	    "have the daemon take its configuration up" },
	{ "route", route_tool_run, ROUTE_TOOL_USAGE, true,
	    "which way a message would take now" },
	{ "spool", spool_tool_run, SPOOL_TOOL_USAGE, false,
	    "the spool as a whole: copy it, move it, save what is damaged" },
	{ "status", status_tool_run, STATUS_TOOL_USAGE, true,
	    "how the daemon is, and what is to be mended" },
	{ "token", token_tool_run, TOKEN_TOOL_USAGE, false,
	    "OAuth2 tokens of providers" },
	{ "top", top_tool_run, TOP_TOOL_USAGE, false,
	    "how the daemon is, on a terminal, while it changes" },
	{ "trace", trace_tool_run, TRACE_TOOL_USAGE, true,
	    "what became of a message, also when it has left" },
	{ "why", why_tool_run, WHY_TOOL_USAGE, true,
	    "what a message in the queue waits for" },
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

static int
usage(void)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)fprintf(stderr, "%s%s", i == 0 ? "usage: " : "       ",
		    commands[i].usage);
	(void)fputs("       postern help [all | command | key]\n"
	            "       postern -V\n",
	    stderr);
	return EX_USAGE;
}

/* A line each. */
static void
list_commands(bool all)
{
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (all || commands[i].is_daily)
			(void)printf(
			    "  %-9s %s\n", commands[i].name, commands[i].what);
	}
}

static const struct command *
command_of(const char *word)
{
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	}
	return NULL;
}

/* Its usage, and the page's entry. */
static int
help_about(const struct command *c)
{
	(void)printf("%s\nusage: %s\n", c->what, c->usage);
	(void)help_text_print(stdout, HELP_TEXT_COMMANDS, c->name);
	return standard_written() ? 0 : EX_IOERR;
}

static int
help_all(bool all)
{
	(void)printf("postern COMMAND ..., of which %s:\n",
	    all ? "there are" : "these are for every day");
	list_commands(all);
	(void)puts("postern help all: all of them; help COMMAND: what it "
	           "does, and its options;\nhelp KEY: what a key of the "
	           "configuration takes, and what it is for.");
	return standard_written() ? 0 : EX_IOERR;
}

/* Of a command, its verb perhaps behind it, or of a key. */
static int
help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_of(argv[1]) : NULL;

	if (argc == 1 || (argc == 2 && strcmp(argv[1], "help") == 0))
		return help_all(false);
	if (argc == 2 && strcmp(argv[1], "all") == 0)
		return help_all(true);
	if (c != NULL && argc <= 3)
		return help_about(c);
	return argc == 2 ? help_key_run(argv[1]) : usage();
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* What is wrong is told of with the command's name, as getopt(3) does. */
static int
run(const struct command *c, int argc, char **argv)
{
	char name[32];

	for (int i = 1; i <= 2 && i < argc; i++) {
		if (is_help(argv[i]))
			return help_about(c);
	}
	(void)snprintf(name, sizeof name, "postern %s", c->name);
	argv[0] = name;
	return c->run(argc, argv);
}

int
main(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_of(argv[1]) : NULL;

	standard_fill();
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("postern %s\n", PACKAGE_VERSION);
		return standard_written() ? 0 : EX_IOERR;
	}
	if (argc == 2 && is_help(argv[1]))
		return help_all(false);
	if (argc > 1 && strcmp(argv[1], "help") == 0)
		return help(argc - 1, argv + 1);
	if (c != NULL)
		return run(c, argc - 1, argv + 1);
	if (argc == 1)
		return usage();
	(void)fprintf(stderr,
	    "postern: there is no command %s; postern help all lists "
	    "them\n",
	    argv[1]);
	return EX_USAGE;
}
