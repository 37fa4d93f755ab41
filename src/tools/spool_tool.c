/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/spool_tool.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/standard.h"
#include "postern/conf/conf.h"
#include "postern/spool/offline.h"

#include "tools/control_row.h"
#include "tools/new_directory.h"
#include "tools/spool_backup.h"
#include "tools/spool_export.h"
#include "tools/spool_import.h"
#include "tools/spool_salvage.h"

int
spool_tool_fail(const struct err *err)
{
	(void)fprintf(stderr, "postern: %s\n", err->text);
	switch (err->kind) {
	case ERR_LOCKED:
		(void)fputs("postern: stop posternd first\n", stderr);
		return EX_TEMPFAIL;
	case ERR_CONFIG:
		return EX_CONFIG;
	case ERR_FULL:
		return EX_CANTCREAT;
	default:
		return EX_IOERR;
	}
}

int
spool_tool_into(const struct spool_tool *t, spool_tool_into_fn *run)
{
	struct new_directory d;
	struct err err;
	int lock = -1, code;

	if (offline_lock(&lock, t->set.directory, &err) != 0)
		return spool_tool_fail(&err);
	if (new_directory_open(&d, t->word, &err) == 0) {
		code = run(t, d.fd);
		new_directory_done(&d);
	} else {
		(void)spool_tool_fail(&err);
		code = EX_CANTCREAT;
	}
	(void)close(lock);
	return code;
}

void
spool_tool_print(json_t *row)
{
	control_row_print(NULL, row);
	json_decref(row);
}

/* --- compact -----------------------------------------------------------------
 */

static int
tell_sizes(const struct spool_tool *t, const struct offline_sizes *sizes)
{
	char before[CONTROL_ROW_SHORT], after[CONTROL_ROW_SHORT];

	if (t->ask.is_json) {
		spool_tool_print(
		    json_pack("{sI sI}", "before", (json_int_t)sizes->before,
		        "after", (json_int_t)sizes->after));
	} else {
		control_row_size((int64_t)sizes->before, before);
		control_row_size((int64_t)sizes->after, after);
		(void)printf("%s/data.mdb had %s and has %s\n",
		    t->set.directory, before, after);
	}
	return 0;
}

static int
compact(const struct spool_tool *t)
{
	struct offline_sizes sizes;
	struct err err;
	int lock = -1, rc = offline_lock(&lock, t->set.directory, &err);

	if (rc == 0)
		rc = offline_compact(t->set.directory, &sizes, &err);
	if (lock >= 0)
		(void)close(lock);
	return rc == 0 ? tell_sizes(t, &sizes) : spool_tool_fail(&err);
}

/* --- the command -------------------------------------------------------------
 */

static const struct verb {
	const char *name;
	int (*run)(const struct spool_tool *t);
	bool has_word, asks; /* the daemon, perhaps */
} verbs[] = {
	{ "backup", spool_backup_run, true, true },
	{ "compact", compact, false, false },
	{ "export", spool_export_run, true, false },
	{ "import", spool_import_run, true, false },
	{ "salvage", spool_salvage_run, true, false },
};

static int
usage(void)
{
	(void)fputs("usage: " SPOOL_TOOL_USAGE, stderr);
	return EX_USAGE;
}

/* With the spool that the configuration names. */
static int
run_configured(const struct verb *v, struct spool_tool *t)
{
	struct settings *s = NULL;
	struct conf_report r;
	int code = EX_CONFIG;

	if (conf_load(&s, t->ask.file, false, &r) == 0) {
		t->set = s->spool;
		code = v->run(t);
	}
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	conf_report_done(&r);
	conf_free(&s);
	return code;
}

static int
run(const struct verb *v, struct spool_tool *t, char **words, int n)
{
	int code;

	if (n != (v->has_word ? 1 : 0) || (t->ask.socket != NULL && !v->asks))
		return usage();
	t->word = words[0];
	code = t->set.directory != NULL ? v->run(t) : run_configured(v, t);
	return standard_written() ? code : EX_IOERR;
}

static bool
take_options(struct spool_tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:d:s:", options, NULL)) != -1) {
		if (c == 'c')
			t->ask.file = optarg;
		else if (c == 'd')
			t->set.directory = optarg;
		else if (c == 's')
			t->ask.socket = optarg;
		else if (c == 'j')
			t->ask.is_json = true;
		else
			return false;
	}
	return true;
}

int
spool_tool_run(int argc, char **argv)
{
	struct spool_tool t = { .ask.file =
		                    SYSCONFDIR "/postern/postern.conf" };

	if (!take_options(&t, argc, argv) || optind >= argc)
		return usage();
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(argv[optind], verbs[i].name) == 0)
			return run(&verbs[i], &t, argv + optind + 1,
			    argc - optind - 1);
	}
	return usage();
}
