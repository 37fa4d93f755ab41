/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/intake_log.h"

#include "postern/base/clock.h"
#include "postern/smtp/smtp_server.h"

#include "intake/events.h"
#include "intake/intake_state.h"

void
intake_log_refused(
    const struct intake_message *m, const char *to, const struct smtp_reply *r)
{
	const char *verb = m->phase == MESSAGE_ENVELOPE ? "MAIL" : "DATA";
	struct log_line l;

	log_begin(&l, &intake_events[INTAKE_REFUSED], m->mid, m->session);
	log_cstr(&l, "verb", to != NULL ? "RCPT" : verb);
	log_cstr(&l, "from", draft_word(&m->draft, DRAFT_SENDER));
	if (to != NULL)
		log_cstr(&l, "to", to);
	log_cstr(&l, "client", draft_word(&m->draft, DRAFT_CLIENT));
	if (draft_word(&m->draft, DRAFT_HELO) != NULL)
		log_cstr(&l, "helo", draft_word(&m->draft, DRAFT_HELO));
	if (draft_word(&m->draft, DRAFT_USER) != NULL)
		log_cstr(&l, "user", draft_word(&m->draft, DRAFT_USER));
	log_num(&l, "code", r->code);
	log_cstr(&l, "enhanced", r->enhanced);
	log_cstr(&l, "text", r->text);
	log_end(&l);
}

void
intake_log_header_left(
    const struct intake_message *m, const char *name, const char *why)
{
	struct log_line l;

	log_begin(&l, &intake_events[INTAKE_HEADER_LEFT], m->mid, m->session);
	log_cstr(&l, "from", draft_word(&m->draft, DRAFT_SENDER));
	log_cstr(&l, "header", name);
	log_cstr(&l, "text", why);
	log_end(&l);
}

void
intake_log_slowed(const struct intake_message *m, const char *who)
{
	struct log_line l;

	log_begin(&l, &intake_events[INTAKE_SLOWED], 0, m->session);
	log_cstr(&l, "listener", draft_word(&m->draft, DRAFT_LISTENER));
	log_cstr(&l, "client", draft_word(&m->draft, DRAFT_CLIENT));
	log_cstr(&l, "who", who);
	log_num(&l, "wait_ms", (int64_t)m->wait_ms);
	log_end(&l);
}

void
intake_log_accepted(const struct intake_message *m)
{
	const struct draft *d = &m->draft;
	char release[40], by[48];
	struct log_line l;

	if (!log_wants(LOG_LEVEL_INFO))
		return;
	log_begin(&l, &intake_events[INTAKE_ACCEPTED], m->mid, m->session);
	log_cstr(&l, "from", draft_word(d, DRAFT_SENDER));
	log_num(&l, "rcpts", d->nrcpts);
	log_num(&l, "size", (int64_t)m->total);
	log_cstr(&l, "client", draft_word(d, DRAFT_CLIENT));
	if (draft_word(d, DRAFT_HELO) != NULL)
		log_cstr(&l, "helo", draft_word(d, DRAFT_HELO));
	if (draft_word(d, DRAFT_USER) != NULL)
		log_cstr(&l, "user", draft_word(d, DRAFT_USER));
	if (draft_word(d, DRAFT_MECH) != NULL)
		log_cstr(&l, "mech", draft_word(d, DRAFT_MECH));
	log_cstr(&l, "listener", draft_word(d, DRAFT_LISTENER));
	routing_log(&m->routing, &l);
	log_cstr(&l, "protocol", draft_word(d, DRAFT_PROTOCOL));
	if (draft_word(d, DRAFT_TLS) != NULL)
		log_cstr(&l, "tls", draft_word(d, DRAFT_TLS));
	if (m->policy.hold)
		log_cstr(&l, "held", "operator");
	if (m->wishes.priority != 0)
		log_num(&l, "priority", m->wishes.priority);
	if (m->wishes.release_ms != 0) {
		clock_rfc3339_s(m->wishes.release_ms, release);
		log_cstr(&l, "release", release);
	}
	if (m->wishes.by_ms != 0) {
		wishes_by_text(&m->wishes, by);
		log_cstr(&l, "by", by);
	}
	if (draft_word(d, DRAFT_MESSAGE_ID) != NULL)
		log_cstr(&l, "message_id", draft_word(d, DRAFT_MESSAGE_ID));
	log_end(&l);
}
