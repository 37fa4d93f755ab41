/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/postern - the operator's tool: a table of commands, each in a file of
 * its own.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/classify_tool.h"
#include "tools/dead_tool.h"
#include "tools/dkim_tool.h"
#include "tools/log_tool.h"
#include "tools/message_tool.h"
#include "tools/passwd.h"
#include "tools/provider_tool.h"
#include "tools/queue_tool.h"
#include "tools/reload_tool.h"
#include "tools/route_tool.h"
#include "tools/status_tool.h"
#include "tools/token_tool.h"
#include "tools/why_tool.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0]: the name */
	const char *usage;
} commands[] = {
	{ "check", reload_tool_check, RELOAD_TOOL_CHECK_USAGE },
	{ "classify", classify_tool_run, CLASSIFY_TOOL_USAGE },
	{ "dead", dead_tool_run, DEAD_TOOL_USAGE },
	{ "dkim", dkim_tool_run, DKIM_TOOL_USAGE },
	{ "log", log_tool_run, LOG_TOOL_USAGE },
	{ "message", message_tool_run, MESSAGE_TOOL_USAGE },
	{ "passwd", passwd_run, PASSWD_USAGE },
	{ "provider", provider_tool_run, PROVIDER_TOOL_USAGE },
	{ "queue", queue_tool_run, QUEUE_TOOL_USAGE },
	{ "reload", reload_tool_run, RELOAD_TOOL_USAGE },
	{ "route", route_tool_run, ROUTE_TOOL_USAGE },
	{ "status", status_tool_run, STATUS_TOOL_USAGE },
	{ "token", token_tool_run, TOKEN_TOOL_USAGE },
	{ "why", why_tool_run, WHY_TOOL_USAGE },
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

static int
usage(void)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		(void)fprintf(stderr, "%s%s", i == 0 ? "usage: " : "       ",
		    commands[i].usage);
	(void)fputs("       postern -V\n", stderr);
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("postern %s\n", PACKAGE_VERSION);
		return fflush(stdout) == 0 ? 0 : EX_IOERR;
	}
	for (size_t i = 0; argc > 1 && i < NCOMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (argc > 1)
		(void)fprintf(
		    stderr, "postern: there is no command %s\n", argv[1]);
	return usage();
}
