/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/log_tool.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/control_ask.h"
#include "tools/control_row.h"

/* key: what is printed of the row. */
static void
print_word(void *key, const json_t *row)
{
	(void)puts(control_row_text(row, key));
}

/* NULL: that is nothing that can be asked. */
static json_t *
request_of(const char *what, const char *word)
{
	if (strcmp(what, "address") == 0 && word != NULL)
		return json_pack(
		    "{ss ss}", "request", "log.address", "address", word);
	if (strcmp(what, "level") != 0)
		return NULL;
	return word == NULL
	           ? json_pack("{ss}", "request", "log.level")
	           : json_pack("{ss ss}", "request", "log.set", "level", word);
}

int
log_tool_run(int argc, char **argv)
{
	struct control_ask a;
	bool good = control_ask_options(&a, true, argc, argv);
	int words = argc - optind;
	bool is_set = words == 2 && strcmp(argv[optind], "level") == 0;
	json_t *request = NULL;
	int code;

	if (good && (words == 1 || words == 2))
		request = request_of(
		    argv[optind], words == 2 ? argv[optind + 1] : NULL);
	if (request == NULL) {
		(void)fputs("usage: " LOG_TOOL_USAGE, stderr);
		return EX_USAGE;
	}
	code = control_ask_run(&a, request,
	    a.is_json ? control_row_print : print_word, argv[optind]);
	if (code == 0 && a.is_json && is_set) /* how it is by then */
		code = control_ask_run(
		    &a, request_of("level", NULL), control_row_print, NULL);
	return code;
}
