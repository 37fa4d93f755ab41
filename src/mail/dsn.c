/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/dsn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/mail/xtext.h"
#include "mail/dsn_out.h"
#include "mail/dsn_words.h"

enum { BOUNDARY_MAX = 70, FIELD_MAX = 800, ADDRESS_MAX_OCTETS = 320 };

enum part { PART_HEADER, PART_WORDS, PART_STATUS, PART_RETURNED, PART_ALL };

/*
 * A report goes by any provider: parts with more than 7 bits are encoded.  Two
 * cannot be: its own header, and a message that is returned as message/rfc822
 * (RFC 2046 5.2.1).
 */
struct plan {
	bool global; /* RFC 6533 */
	bool rfc822; /* the type of what is returned */
	bool eight_bit[PART_ALL + 1];
	char boundary[BOUNDARY_MAX];
};

static const char *const actions[] = {
	[DSN_FAILED] = "failed",
	[DSN_DELAYED] = "delayed",
	[DSN_DELIVERED] = "delivered",
	[DSN_RELAYED] = "relayed",
};

/* The header of a message, its last CRLF included; all, if it has no body. */
static struct str
header_of(struct str s)
{
	size_t at = 0;

	while (at < s.len) {
		const char *lf = memchr(s.p + at, '\n', s.len - at);
		size_t n = lf != NULL ? (size_t)(lf - (s.p + at)) : s.len - at;

		if (lf != NULL && (n == 0 || (n == 1 && s.p[at] == '\r')))
			return (struct str){ s.p, at };
		at += n + (lf != NULL);
	}
	return s;
}

static bool
is_utf8(struct str head)
{
	return !str_is_ascii(head) && str_utf8_valid(head);
}

/* Do the machine's fields need more than ASCII? */
static bool
is_global(const struct dsn_report *r)
{
	for (size_t i = 0; i < r->nrcpts; i++) {
		if (!str_is_ascii(r->rcpts[i].address) ||
		    !str_is_ascii(r->rcpts[i].orcpt))
			return true;
	}
	return false;
}

/* One that what is returned does not hold. */
static void
make_boundary(const struct dsn_report *r, char out[BOUNDARY_MAX])
{
	unsigned n = 0;

	do {
		snprintf(out, BOUNDARY_MAX, "=_%" PRIx64 ".%x_report",
		    (uint64_t)r->now_ms, n++);
	} while (str_has_case(r->returned, str_of(out)));
}

static void
put_address(struct dsn_out *o, const char *name, struct str address)
{
	dsn_out_text(o, name);
	dsn_out_text(o, " <");
	dsn_out_clean(o, address, ADDRESS_MAX_OCTETS, true);
	dsn_out_text(o, ">\r\n");
}

static bool
is_encoded(const struct plan *plan, enum part part)
{
	if (part == PART_ALL || (part == PART_RETURNED && plan->rfc822))
		return false;
	return plan->eight_bit[part];
}

static void
put_encoding(struct dsn_out *o, const struct plan *plan, enum part part)
{
	const char *plain = plan->eight_bit[part] ? "8bit" : "7bit";

	dsn_out_textf(o, "Content-Transfer-Encoding: %s\r\n",
	    is_encoded(plan, part) ? "quoted-printable" : plain);
}

static void
put_header(
    struct dsn_out *o, const struct dsn_report *r, const struct plan *plan)
{
	char date[40];

	clock_rfc5322(r->now_ms, date);
	dsn_out_textf(o, "Date: %s\r\n", date);
	put_address(o, "From: Mail Delivery System", r->from);
	put_address(o, "To:", r->to);
	dsn_out_textf(o, "Subject: %s\r\n", dsn_words_subject(r));
	dsn_out_text(o, "Message-ID: <");
	dsn_out_clean(o, r->message_id, ADDRESS_MAX_OCTETS, false);
	dsn_out_text(o, ">\r\nAuto-Submitted: auto-replied\r\n"
	                "MIME-Version: 1.0\r\n");
	dsn_out_textf(o,
	    "Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n",
	    plan->global ? "global-" : "", plan->boundary);
	put_encoding(o, plan, PART_ALL);
}

/* Where its content begins. */
static size_t
begin_part(struct dsn_out *o, const struct plan *plan, enum part part,
    const char *type)
{
	dsn_out_textf(
	    o, "\r\n--%s\r\nContent-Type: %s\r\n", plan->boundary, type);
	put_encoding(o, plan, part);
	dsn_out_text(o, "\r\n");
	o->eight_bit = false;
	return o->buf->len;
}

static void
end_part(struct dsn_out *o, const struct plan *plan, struct plan *found,
    enum part part, size_t from)
{
	if (is_encoded(plan, part))
		dsn_out_encode(o, from);
	found->eight_bit[part] = o->eight_bit;
}

static void
put_field(struct dsn_out *o, const char *name, struct str value, bool utf8)
{
	if (value.len == 0)
		return;
	dsn_out_text(o, name);
	dsn_out_clean(o, value, FIELD_MAX, utf8);
	dsn_out_text(o, "\r\n");
}

static void
put_date(struct dsn_out *o, const char *name, int64_t ms)
{
	char date[40];

	if (ms <= 0)
		return;
	clock_rfc5322(ms, date);
	dsn_out_textf(o, "%s: %s\r\n", name, date);
}

/* What the sender called it: xtext undone, but what cannot be undone stays. */
static void
put_decoded(struct dsn_out *o, const char *name, struct str xtext, bool utf8)
{
	struct buf b;

	buf_init(&b, 4096);
	if (xtext_decode(&b, xtext) == 0)
		xtext = buf_str(&b);
	put_field(o, name, xtext, utf8);
	buf_done(&b);
}

static bool
is_address_type(struct str type)
{
	if (type.len == 0 || type.len > 40)
		return false;
	for (size_t i = 0; i < type.len; i++) {
		char c = type.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

/* "rfc822;a+2Bb@c" is the address type and xtext; type utf-8 has its own
 * escapes (RFC 6533 3), which are right here as they are. */
static void
put_orcpt(struct dsn_out *o, struct str orcpt, bool global)
{
	struct str rest = orcpt, type = str_cut(&rest, ';');
	char name[96];

	if (rest.len == 0 || !is_address_type(type))
		return;
	if (str_is(type, "utf-8")) {
		put_field(o, "Original-Recipient: utf-8;", rest, global);
		return;
	}
	snprintf(name, sizeof name, "Original-Recipient: %.*s;", (int)type.len,
	    type.p);
	put_decoded(o, name, rest, global);
}

static void
put_diagnostic(struct dsn_out *o, const struct dsn_rcpt *rcpt)
{
	const char *status = dsn_words_enhanced(rcpt);

	if (rcpt->code == 0) {
		put_field(o, "Diagnostic-Code: x-postern; ", rcpt->text, false);
		return;
	}
	dsn_out_textf(o, "Diagnostic-Code: smtp; %u%s%s", rcpt->code,
	    status[0] != '\0' ? " " : "", status);
	if (rcpt->text.len > 0)
		dsn_out_text(o, " ");
	dsn_out_clean(o, rcpt->text, FIELD_MAX, false);
	dsn_out_text(o, "\r\n");
}

static void
put_rcpt(struct dsn_out *o, const struct dsn_rcpt *rcpt, bool global)
{
	dsn_out_text(o, "\r\n");
	put_orcpt(o, rcpt->orcpt, global);
	put_field(o,
	    str_is_ascii(rcpt->address) ? "Final-Recipient: rfc822; "
	                                : "Final-Recipient: utf-8; ",
	    rcpt->address, true);
	dsn_out_textf(o, "Action: %s\r\nStatus: %s\r\n", actions[rcpt->action],
	    dsn_words_status(rcpt));
	put_field(o, "Remote-MTA: dns; ", rcpt->remote_mta, false);
	put_diagnostic(o, rcpt);
	put_date(o, "Last-Attempt-Date", rcpt->last_attempt_ms);
	if (rcpt->action == DSN_DELAYED)
		put_date(o, "Will-Retry-Until", rcpt->retry_until_ms);
}

static void
put_status(struct dsn_out *o, const struct dsn_report *r, bool global)
{
	char release[40];

	if (r->envid.len > 0)
		put_decoded(o, "Original-Envelope-Id: ", r->envid, false);
	dsn_out_textf(o, "Reporting-MTA: dns; %.255s\r\n", r->hostname);
	put_date(o, "Arrival-Date", r->arrival_ms);
	put_date(o, "Deliver-By-Date", r->by_ms);
	if (r->release_ms > 0) {
		clock_rfc3339_s(r->release_ms, release);
		dsn_out_textf(
		    o, "Future-Release-Request: until;%s\r\n", release);
	}
	for (size_t i = 0; i < r->nrcpts; i++)
		put_rcpt(o, &r->rcpts[i], global);
}

/* Header fields in UTF-8 make it another type (RFC 6533 5, 6). */
static const char *
returned_type(const struct dsn_report *r, const struct plan *plan)
{
	if (plan->rfc822)
		return "message/rfc822";
	if (!is_utf8(header_of(r->returned)))
		return "text/rfc822-headers";
	return r->full ? "message/global" : "message/global-headers";
}

/* Writes it by the plan; found: what the parts turn out to hold. */
static void
compose(struct dsn_out *o, const struct dsn_report *r, const struct plan *plan,
    struct plan *found)
{
	size_t at;

	put_header(o, r, plan);
	found->eight_bit[PART_HEADER] = o->eight_bit;
	at = begin_part(o, plan, PART_WORDS, "text/plain; charset=utf-8");
	dsn_words(o, r);
	end_part(o, plan, found, PART_WORDS, at);
	at = begin_part(o, plan, PART_STATUS,
	    plan->global ? "message/global-delivery-status"
	                 : "message/delivery-status");
	put_status(o, r, plan->global);
	end_part(o, plan, found, PART_STATUS, at);
	if (r->returned.len > 0) {
		at = begin_part(o, plan, PART_RETURNED, returned_type(r, plan));
		dsn_out_lines(
		    o, r->full ? r->returned : header_of(r->returned));
		end_part(o, plan, found, PART_RETURNED, at);
	}
	dsn_out_textf(o, "\r\n--%s--\r\n", plan->boundary);
}

/* Twice: what a part holds is known only when it has been written. */
int
dsn_build(struct buf *out, const struct dsn_report *r, struct dsn_needs *needs)
{
	struct dsn_out o = { .buf = out };
	size_t before = out->len;
	struct plan first = { .global = is_global(r) }, plan;

	assert(r->nrcpts > 0);
	first.rfc822 = r->full && !is_utf8(header_of(r->returned));
	make_boundary(r, first.boundary);
	plan = first;
	compose(&o, r, &first, &plan);
	plan.eight_bit[PART_ALL] = plan.rfc822 && plan.eight_bit[PART_RETURNED];
	out->len = before; /* what was added stands at the end */
	if (o.full)
		return -1;
	o = (struct dsn_out){ .buf = out };
	compose(&o, r, &plan, &first);
	if (o.full) {
		out->len = before;
		return -1;
	}
	needs->smtputf8 = plan.eight_bit[PART_HEADER];
	needs->eight_bit =
	    plan.eight_bit[PART_HEADER] || plan.eight_bit[PART_ALL];
	return 0;
}
