/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "postern/admin/stats.h"
#include "postern/base/log.h"
#include "postern/relay/relay_view.h"
#include "postern/relay/stray_cause.h"
#include "postern/spool/spool.h"

#include "admin/control_call.h"

static void
add(json_t *all, const char *about, const char *text, const char *mend)
{
	json_array_append_new(all,
	    json_pack("{so so so}", "about", control_call_text(about), "text",
	        control_call_text(text), "mend", control_call_text(mend)));
}

static void
add_number(json_t *all, const char *about, uint64_t n, const char *text,
    const char *mend)
{
	char line[128];

	if (n == 0)
		return;
	(void)snprintf(line, sizeof line, "%" PRIu64 " %s", n, text);
	add(all, about, line, mend);
}

static void
add_provider(json_t *all, const struct relay_view_provider *p)
{
	char about[80], text[80];

	if (p->mend == NULL)
		return;
	(void)snprintf(about, sizeof about, "provider %s", p->name);
	(void)snprintf(text, sizeof text, "not used: %s",
	    p->why != NULL ? p->why : p->state);
	add(all, about, text, p->mend);
}

static void
add_refused(json_t *all, const struct stats_source *s)
{
	uint64_t n = stat_get(&s->mistakes);
	time_t when = (time_t)(stat_get(&s->refused_ms) / 1000);
	char day[32] = "", text[128];
	struct tm tm;

	if (when == 0)
		return;
	if (gmtime_r(&when, &tm) != NULL)
		(void)strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", &tm);
	(void)snprintf(text, sizeof text,
	    "refused since %s: %" PRIu64 " mistake%s", day, n,
	    n == 1 ? "" : "s");
	add(all, "configuration", text,
	    "the settings before it are in force; postern check tells what is "
	    "wrong");
}

json_t *
alerts_of(const struct stats_source *s, const struct relay_view *view,
    const struct spool_stats *st, const char *why)
{
	json_t *all = json_array();

	if (st->full)
		add(all, "spool", "full: new mail is refused for now",
		    "make room on its file system, raise spool.max_size, or "
		    "let go of dead letters with postern dead delete");
	else if (why != NULL)
		add(all, "postern", why, "its log tells more");
	add_refused(all, s);
	if (view->n == 0)
		add(all, "postern", "no provider is configured: mail waits",
		    "write providers, then postern reload");
	for (size_t i = 0; i < view->n; i++)
		add_provider(all, &view->providers[i]);
	add_number(all, "queue", st->doubt, "may have been delivered",
	    "see postern queue list --where state=doubt; release or delete "
	    "them");
	add_number(all, "local mail", stat_get(&s->strays),
	    "dead letters are for users here whom nobody reads for",
	    "set root to who reads such mail, or name them in aliases_file; "
	    "postern reload; postern dead resend --where 'cause=\"" STRAY_CAUSE
	    "\"'");
	add_number(all, "log", log_dropped(), "lines are lost",
	    "what takes the log is too slow, or gone");
	return all;
}
