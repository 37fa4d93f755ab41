/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/alerts - what a person has to do something about, of all that the
 * document of stats tells.
 */
#ifndef ADMIN_ALERTS_H
#define ADMIN_ALERTS_H

struct json_t;
struct relay_view;
struct spool_stats;
struct stats_source;

/* [{"about":"provider ses","text":"...","mend":"..."}]; the caller's.  why: no
 * mail is accepted; NULL: it is. */
struct json_t *alerts_of(const struct stats_source *s,
    const struct relay_view *view, const struct spool_stats *st,
    const char *why);

#endif
