/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define RULES_MAX 256
#define DELAY_MAX_MS 3600000

static const char *const stages[SINK_STAGES] = { "banner", "ehlo", "starttls",
	"auth", "mail", "rcpt", "data", "body", "dot", "kept", "rset", "noop",
	"quit" };

static const struct {
	const char *word;
	enum sink_action action;
} actions[] = {
	{ "drop", SINK_DROP },
	{ "reset", SINK_RESET },
	{ "hang", SINK_HANG },
};

const char *
sink_rules_stage(enum sink_stage stage)
{
	return stages[stage];
}

void
sink_rules_done(struct sink_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->rule[i].address);
	free(r->rule);
	memset(r, 0, sizeof *r);
}

static int
find_stage(struct str word, enum sink_stage *out, struct err *err)
{
	for (int i = 0; i < SINK_STAGES; i++) {
		if (str_is(word, stages[i])) {
			*out = (enum sink_stage)i;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG,
	    "\"%.*s\" is no stage; write banner, ehlo, starttls, auth, mail, "
	    "rcpt, data, body, dot, kept, rset, noop or quit",
	    (int)word.len, word.p);
}

/* CODE[:ENHANCED[:TEXT]]; what is not given is made up. */
static int
parse_reply(struct smtp_reply *r, struct str what, struct err *err)
{
	struct str rest = what, code = str_cut(&rest, ':');
	struct str enhanced = str_cut(&rest, ':');
	uint64_t v = 0;

	if (!str_u64(code, &v) || v < 200 || v > 599)
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no action; write a code from 200 to 599, "
		    "drop, reset or hang",
		    (int)what.len, what.p);
	if (enhanced.len >= sizeof r->enhanced || rest.len >= sizeof r->text)
		return err_set(err, ERR_CONFIG, "the reply is too long");
	smtp_reply_set(r, (uint16_t)v, "", "%.*s", (int)rest.len,
	    rest.len > 0 ? rest.p : "");
	memcpy(r->enhanced, enhanced.p, enhanced.len);
	if (rest.len == 0)
		snprintf(r->text, sizeof r->text, "as the sink was told");
	r->close = v == 421 || v == 521;
	return 0;
}

static int
parse_action(struct sink_rule *rule, struct str what, struct err *err)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_is(what, actions[i].word)) {
			rule->action = actions[i].action;
			return 0;
		}
	}
	rule->action = SINK_REPLY;
	if (rule->stage == SINK_BODY)
		return err_set(err, ERR_CONFIG,
		    "no reply may come in the body; write drop, reset or "
		    "hang");
	return parse_reply(&rule->reply, what, err);
}

/* STAGE[<ADDRESS>][*TIMES]; the address may hold '*' or '='. */
static int
parse_where(struct sink_rule *rule, struct str where, struct err *err)
{
	const char *lt = memchr(where.p, '<', where.len);
	struct str rest = where, stage;
	uint64_t times = 0;

	if (lt != NULL) {
		const char *gt =
		    memchr(lt, '>', where.len - (size_t)(lt - where.p));

		if (gt == NULL)
			return err_set(err, ERR_CONFIG, "\">\" is missing");
		rule->address = mem_strn(lt + 1, (size_t)(gt - lt) - 1);
		stage = (struct str){ where.p, (size_t)(lt - where.p) };
		rest.len = (size_t)(where.p + where.len - gt) - 1;
		rest.p = gt + 1;
		if (rest.len > 0 && rest.p[0] != '*')
			return err_set(err, ERR_CONFIG,
			    "only *TIMES may stand behind the address");
		str_cut(&rest, '*');
	} else {
		stage = str_cut(&rest, '*');
	}
	if (rest.len > 0 && (!str_u64(rest, &times) || times > UINT32_MAX))
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no number of times", (int)rest.len, rest.p);
	rule->times = (uint32_t)times;
	if (find_stage(stage, &rule->stage, err) == -1)
		return -1;
	if (rule->address != NULL && rule->stage != SINK_MAIL &&
	    rule->stage != SINK_RCPT)
		return err_set(
		    err, ERR_CONFIG, "only mail and rcpt have an address");
	return 0;
}

/* The '=' between where and what: not one inside an address. */
static const char *
find_equals(const char *text)
{
	const char *gt = strchr(text, '>');

	return strchr(gt != NULL && strchr(text, '<') != NULL ? gt : text, '=');
}

int
sink_rules_add(struct sink_rules *r, const char *text, struct err *err)
{
	struct sink_rule rule = { 0 };
	const char *eq = find_equals(text);

	if (eq == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has no \"=\"; write STAGE=ACTION", text);
	if (r->n == RULES_MAX)
		return err_set(
		    err, ERR_CONFIG, "more than %d rules", RULES_MAX);
	if (parse_where(
	        &rule, (struct str){ text, (size_t)(eq - text) }, err) == -1 ||
	    parse_action(&rule, str_of(eq + 1), err) == -1) {
		free(rule.address);
		return -1;
	}
	r->rule = mem_resize(r->rule, (r->n + 1) * sizeof rule);
	r->rule[r->n++] = rule;
	return 0;
}

int
sink_rules_delay(struct sink_rules *r, const char *text, struct err *err)
{
	struct str ms = str_of(text), stage = { NULL, 0 };
	enum sink_stage only = SINK_BANNER;
	uint64_t v = 0;

	if (strchr(text, '=') != NULL) {
		stage = str_cut(&ms, '=');
		if (find_stage(stage, &only, err) == -1)
			return -1;
	}
	if (!str_u64(ms, &v) || v > DELAY_MAX_MS)
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no delay; write milliseconds, at most an hour",
		    (int)ms.len, ms.p);
	for (int i = 0; i < SINK_STAGES; i++) {
		if (stage.p == NULL || i == (int)only)
			r->delay_ms[i] = (uint32_t)v;
	}
	return 0;
}

const struct sink_rule *
sink_rules_match(
    struct sink_rules *r, enum sink_stage stage, struct str address)
{
	for (size_t i = 0; i < r->n; i++) {
		struct sink_rule *rule = &r->rule[i];

		if (rule->stage != stage || rule->spent)
			continue;
		if (rule->address != NULL &&
		    !str_eq_case(address, str_of(rule->address)))
			continue;
		if (rule->times > 0 && --rule->times == 0)
			rule->spent = true;
		return rule;
	}
	return NULL;
}
