/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/outcome.h"

#include <string.h>

#include "smtp/reply.h"

static const char *const words[OUTCOME_STAGES] = {
	[OUTCOME_DNS] = "dns",
	[OUTCOME_CONNECT] = "connect",
	[OUTCOME_BANNER] = "banner",
	[OUTCOME_EHLO] = "ehlo",
	[OUTCOME_STARTTLS] = "starttls",
	[OUTCOME_TLS] = "tls",
	[OUTCOME_AUTH] = "auth",
	[OUTCOME_MAIL] = "mail",
	[OUTCOME_RCPT] = "rcpt",
	[OUTCOME_DATA] = "data",
	[OUTCOME_BODY] = "body",
	[OUTCOME_DOT] = "dot",
	[OUTCOME_RSET] = "rset",
	[OUTCOME_NOOP] = "noop",
	[OUTCOME_QUIT] = "quit",
	[OUTCOME_IDLE] = "idle",
};

const char *
outcome_stage_word(enum outcome_stage stage)
{
	return words[stage];
}

bool
outcome_stage_of(struct str word, enum outcome_stage *stage)
{
	for (int i = 0; i < OUTCOME_STAGES; i++) {
		if (!str_is(word, words[i]))
			continue;
		*stage = (enum outcome_stage)i;
		return true;
	}
	return false;
}

/* One line, whatever ended it. */
static enum reply_result
feed_line(struct reply *r, struct str line)
{
	enum reply_result got = REPLY_MORE;
	size_t used;

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len > 0)
		got = reply_feed(r, line.p, line.len, &used);
	return got == REPLY_MORE ? reply_feed(r, "\r\n", 2, &used) : got;
}

int
outcome_parse(struct outcome *o, enum outcome_stage stage, struct str text,
    struct err *err)
{
	enum reply_result got = REPLY_MORE;
	struct reply r;

	reply_init(&r, NULL, NULL);
	while (text.len > 0 && got == REPLY_MORE)
		got = feed_line(&r, str_cut(&text, '\n'));
	if (got == REPLY_BAD)
		return err_set(err, ERR_FORMAT, "%s", r.fault);
	if (got == REPLY_MORE)
		return err_set(
		    err, ERR_FORMAT, "a reply without its last line");
	if (text.len > 0)
		return err_set(err, ERR_FORMAT, "more than one reply");
	*o = (struct outcome){ .stage = stage, .code = r.code };
	memcpy(o->enhanced, r.enhanced, sizeof o->enhanced);
	memcpy(o->text, r.text, sizeof o->text);
	return 0;
}
