/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/provider_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "tools/control_row.h"

#define INDENT "    "
#define SECONDS_MAX 99999

/* Whole seconds, or days where these would not fit; "-": it has no end. */
static void
write_wait(const json_t *row, char out[CONTROL_ROW_SHORT])
{
	int64_t ms = control_row_number(row, "for_ms");

	if (json_object_get(row, "for_ms") == NULL)
		(void)snprintf(out, CONTROL_ROW_SHORT, "-");
	else if (ms > SECONDS_MAX * 1000)
		control_row_time(ms, out);
	else
		(void)snprintf(
		    out, CONTROL_ROW_SHORT, "%" PRId64 "s", (ms + 999) / 1000);
}

void
provider_line_head(void)
{
	(void)printf("%-20s %-9s %-11s %6s %8s %8s %10s\n", "PROVIDER", "STATE",
	    "LEVEL", "FOR", "SESSIONS", "WAITING", "DELIVERED");
}

char *
provider_line_trouble_text(const json_t *row)
{
	const json_t *of = json_object_get(row, "trouble");
	const char *enhanced = control_row_text(of, "enhanced");
	char age[CONTROL_ROW_SHORT], code[8] = "";

	if (of == NULL)
		return NULL;
	control_row_time(control_row_number(of, "age_ms"), age);
	if (control_row_number(of, "code") > 0)
		(void)snprintf(code, sizeof code, "%" PRId64 " ",
		    control_row_number(of, "code"));
	return mem_printf("%s ago at %s: %s%s%s%s", age,
	    control_row_text(of, "stage"), code, enhanced, *enhanced ? " " : "",
	    control_row_text(of, "text"));
}

/* What there is room for in a line. */
static void
print_trouble(const json_t *row)
{
	char *text = provider_line_trouble_text(row);
	size_t columns = control_row_width() - strlen(INDENT);

	if (text == NULL)
		return;
	(void)fputs(INDENT, stdout);
	control_row_column(text, strlen(text) > columns ? columns : 0);
	(void)putchar('\n');
	free(text);
}

void
provider_line_print(const json_t *row)
{
	char wait[CONTROL_ROW_SHORT];

	write_wait(row, wait);
	(void)printf("%-20s %-9s %-11s %6s %8" PRId64 " %8" PRId64 " %10" PRId64
	             "\n",
	    control_row_text(row, "name"), control_row_text(row, "state"),
	    control_row_text(row, "level"), wait,
	    control_row_sum(row, "sessions"), control_row_sum(row, "waiting"),
	    control_row_number(row, "delivered"));
	if (strcmp(control_row_text(row, "state"), "ok") != 0)
		print_trouble(row);
}
