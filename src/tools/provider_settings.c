/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/provider_settings.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "postern/base/standard.h"
#include "postern/conf/conf.h"

#include "tools/control_row.h"

static void
print_line(void *arg, const struct conf_value *v)
{
	(void)arg;
	(void)printf("%s = %s; # %s\n", v->key, v->value, v->origin);
}

static void
print_json(void *arg, const struct conf_value *v)
{
	json_t *row = json_pack("{ss ss ss}", "key", v->key, "value", v->value,
	    "origin", v->origin);

	control_row_print(arg, row);
	json_decref(row);
}

static int
print(const struct settings *s, const char *name, bool is_json)
{
	for (size_t i = 0; i < s->relay.nproviders; i++) {
		if (strcmp(s->relay.providers[i].name, name) != 0)
			continue;
		conf_provider_values(
		    s, i, is_json ? print_json : print_line, NULL);
		return standard_written() ? 0 : EX_IOERR;
	}
	(void)fprintf(stderr, "postern: there is no such provider\n");
	return EX_DATAERR;
}

int
provider_settings_print(const char *file, const char *name, bool is_json)
{
	struct settings *s = NULL;
	struct conf_report r;
	int rc = EX_CONFIG;

	if (conf_load(&s, file, false, &r) == 0)
		rc = print(s, name, is_json);
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	conf_report_done(&r);
	conf_free(&s);
	return rc;
}
