/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/control_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

const char *
control_row_text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

int64_t
control_row_number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

int64_t
control_row_sum(const json_t *row, const char *key)
{
	json_t *of = json_object_get(row, key), *value;
	const char *name;
	int64_t n = 0;

	json_object_foreach(of, name, value) n += json_integer_value(value);
	return n;
}

void
control_row_print(void *arg, const json_t *row)
{
	(void)arg;
	(void)json_dumpf(row, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

void
control_row_time(int64_t ms, char out[CONTROL_ROW_SHORT])
{
	static const struct {
		int64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = ms > 0 ? (ms + 999) / 1000 : 0;
	size_t i = 0;

	while (i < 3 && s < units[i].s)
		i++;
	(void)snprintf(out, CONTROL_ROW_SHORT, "%" PRId64 "%c", s / units[i].s,
	    units[i].unit);
}

void
control_row_size(int64_t bytes, char out[CONTROL_ROW_SHORT])
{
	static const char units[] = "KMGT";
	double n = (double)bytes;
	size_t i = 0;

	if (bytes < 1000) {
		(void)snprintf(out, CONTROL_ROW_SHORT, "%" PRId64, bytes);
		return;
	}
	for (n /= 1024; n >= 1000 && i < sizeof units - 2; i++)
		n /= 1024;
	(void)snprintf(
	    out, CONTROL_ROW_SHORT, n < 10 ? "%.1f%c" : "%.0f%c", n, units[i]);
}

/* Columns that a text takes, a character each; *bytes: of the first max. */
static size_t
measure(struct str s, size_t max, size_t *bytes)
{
	size_t n = 0, len;

	*bytes = 0;
	for (; s.len > 0; s.p += len, s.len -= len) {
		len = str_utf8_char(s);
		len += len == 0;
		if (n++ < max)
			*bytes += len;
	}
	return n;
}

void
control_row_column(const char *text, size_t columns)
{
	size_t max = 4 * strlen(text) + 1, bytes, n;
	char *shown = mem_new(max);
	struct str s = { shown, str_escape_bare(shown, max, str_of(text)) };

	n = measure(s, columns, &bytes);
	if (columns > 2 && n > columns) {
		(void)measure(s, columns - 2, &bytes);
		(void)printf("%.*s..", (int)bytes, shown);
	} else {
		(void)printf(
		    "%s%*s", shown, (int)(columns > n ? columns - n : 0), "");
	}
	free(shown);
}

static void
print_part(struct str s)
{
	char *text = mem_strn(s.p, s.len);

	control_row_column(text, 0);
	free(text);
}

void
control_row_paragraph(const char *text, size_t column)
{
	size_t at = 0; /* columns behind it that are taken */

	while (*text != '\0') {
		struct str word = { text, strcspn(text, " ") };
		size_t bytes, n = measure(word, 0, &bytes);

		if (at > 0 && column + at + 1 + n > CONTROL_ROW_LEAST) {
			(void)printf("\n%*s", (int)column, "");
			at = 0;
		}
		if (at > 0)
			(void)putchar(' ');
		print_part(word);
		at += (at == 0 ? 0 : 1) + n;
		text += word.len + strspn(text + word.len, " ");
	}
	(void)putchar('\n');
}

size_t
control_row_width(void)
{
	struct winsize w = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 ||
	    w.ws_col < CONTROL_ROW_LEAST)
		return CONTROL_ROW_LEAST;
	return w.ws_col;
}

void
control_row_rcpts(const json_t *row, size_t columns)
{
	const json_t *rcpts = json_object_get(row, "rcpts");
	int64_t n = control_row_number(row, "nrcpts");
	char more[CONTROL_ROW_SHORT] = "";

	if (n > 1)
		(void)snprintf(more, sizeof more, " +%" PRId64, n - 1);
	control_row_column(
	    control_row_text(json_array_get(rcpts, 0), "address"),
	    columns - strlen(more));
	(void)printf("%s\n", more);
}
