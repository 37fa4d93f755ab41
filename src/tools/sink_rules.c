/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define RULES_MAX 256

static const char *const stages[SINK_STAGES] = { "handshake", "banner", "ehlo",
	"starttls", "auth", "mail", "rcpt", "data", "body", "dot", "kept",
	"rset", "noop", "quit" };

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

static void
rule_done(struct sink_rule *rule)
{
	free(rule->sender);
	free(rule->recipient);
	memset(rule, 0, sizeof *rule);
}

void
sink_rules_done(struct sink_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		rule_done(&r->rule[i]);
	free(r->rule);
	memset(r, 0, sizeof *r);
}

/* --- reading -----------------------------------------------------------------
 */

int
sink_rules_find_stage(struct str word, enum sink_stage *out, struct err *err)
{
	for (int i = 0; i < SINK_STAGES; i++) {
		if (str_is(word, stages[i])) {
			*out = (enum sink_stage)i;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG,
	    "\"%.*s\" is no stage; write handshake, banner, ehlo, starttls, "
	    "auth, mail, rcpt, data, body, dot, kept, rset, noop or quit",
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

int
sink_rules_deed(struct sink_deed *d, struct str what, struct err *err)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_is(what, actions[i].word)) {
			d->action = actions[i].action;
			return 0;
		}
	}
	d->action = SINK_REPLY;
	return parse_reply(&d->reply, what, err);
}

/* STAGE[<ADDRESS>][*TIMES]; the address may hold '*' or '='. */
static int
parse_where(struct sink_rule *rule, struct str where, struct err *err)
{
	const char *lt = memchr(where.p, '<', where.len);
	struct str rest = where, word, address = { NULL, 0 };
	enum sink_stage stage = SINK_BANNER;
	uint64_t times = 0;

	if (lt != NULL) {
		const char *gt =
		    memchr(lt, '>', where.len - (size_t)(lt - where.p));

		if (gt == NULL)
			return err_set(err, ERR_CONFIG, "\">\" is missing");
		address = (struct str){ lt + 1, (size_t)(gt - lt) - 1 };
		word = (struct str){ where.p, (size_t)(lt - where.p) };
		rest.len = (size_t)(where.p + where.len - gt) - 1;
		rest.p = gt + 1;
		if (rest.len > 0 && rest.p[0] != '*')
			return err_set(err, ERR_CONFIG,
			    "only *TIMES may stand behind the address");
		str_cut(&rest, '*');
	} else {
		word = str_cut(&rest, '*');
	}
	if (rest.len > 0 && (!str_u64(rest, &times) || times > UINT32_MAX))
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no number of times", (int)rest.len, rest.p);
	rule->times = (uint32_t)times;
	if (sink_rules_find_stage(word, &stage, err) == -1)
		return -1;
	rule->stages = 1u << stage;
	if (address.p == NULL)
		return 0;
	if (stage != SINK_MAIL && stage != SINK_RCPT)
		return err_set(
		    err, ERR_CONFIG, "only mail and rcpt have an address");
	*(stage == SINK_MAIL ? &rule->sender : &rule->recipient) =
	    mem_strn(address.p, address.len);
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
sink_rules_put(struct sink_rules *r, struct sink_rule *rule, struct err *err)
{
	const uint32_t mute = 1u << SINK_BODY | 1u << SINK_HANDSHAKE;
	int rc = 0;

	if (r->n == RULES_MAX)
		rc = err_set(err, ERR_CONFIG, "more than %d rules", RULES_MAX);
	else if (rule->deed.action == SINK_REPLY && (rule->stages & mute))
		rc = err_set(err, ERR_CONFIG,
		    "no reply may come in the body or before the handshake; "
		    "write drop, reset or hang");
	if (rc == -1) {
		rule_done(rule);
		return -1;
	}
	r->rule = mem_resize(r->rule, (r->n + 1) * sizeof *rule);
	r->rule[r->n++] = *rule;
	return 0;
}

int
sink_rules_add(struct sink_rules *r, const char *text, struct err *err)
{
	struct sink_rule rule = { 0 };
	const char *eq = find_equals(text);

	if (eq == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has no \"=\"; write STAGE=ACTION", text);
	if (parse_where(
	        &rule, (struct str){ text, (size_t)(eq - text) }, err) == -1 ||
	    sink_rules_deed(&rule.deed, str_of(eq + 1), err) == -1) {
		rule_done(&rule);
		return -1;
	}
	return sink_rules_put(r, &rule, err);
}

/* --- chance ------------------------------------------------------------------
 */

/* SplitMix64: one number from one state, the same everywhere. */
uint64_t
sink_rules_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Each rule has its own sequence: another rule does not change it. */
void
sink_rules_seed(struct sink_rules *r, uint64_t seed)
{
	for (size_t i = 0; i < r->n; i++) {
		r->rule[i].random = seed + i;
		r->rule[i].random = sink_rules_random(&r->rule[i].random);
	}
}

/* --- matching ----------------------------------------------------------------
 */

bool
sink_rules_in_span(const struct sink_span *s, uint64_t us)
{
	return us >= s->from_us && (s->until_us == 0 || us < s->until_us);
}

static bool
in_range(const struct sink_range *r, uint64_t n)
{
	return r->last == 0 || (n >= r->first && n <= r->last);
}

/* '*' stands for any octets; ASCII case does not count. */
static bool
fits(const char *pattern, struct str s)
{
	struct str p = str_of(pattern);
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0;

	while (k < s.len) {
		if (i < p.len && p.p[i] == '*') {
			star = i++;
			from = k;
		} else if (i < p.len && str_eq_case((struct str){ p.p + i, 1 },
		                            (struct str){ s.p + k, 1 })) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			k = ++from;
		} else {
			return false;
		}
	}
	while (i < p.len && p.p[i] == '*')
		i++;
	return i == p.len;
}

static bool
fits_one_of(const char *pattern, const struct sink_moment *m)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		if (fits(pattern, m->rcpt[i]))
			return true;
	}
	return false;
}

static bool
fits_moment(const struct sink_rule *r, const struct sink_moment *m)
{
	if (r->spent || !(r->stages & 1u << m->stage) ||
	    !sink_rules_in_span(&r->span, m->us))
		return false;
	if (!in_range(&r->connection, m->connection) ||
	    !in_range(&r->nth, m->nth) || !in_range(&r->message, m->message))
		return false;
	if (r->sender != NULL &&
	    (!m->has_sender || !fits(r->sender, m->sender)))
		return false;
	return r->recipient == NULL || fits_one_of(r->recipient, m);
}

/* Of those that fit: this one? */
static bool
is_its_turn(struct sink_rule *r)
{
	if (r->every != 0 && ++r->fitted % r->every != 0)
		return false;
	return r->chance <= 0 ||
	       (double)(sink_rules_random(&r->random) >> 11) * 0x1p-53 <
	           r->chance;
}

const struct sink_rule *
sink_rules_match(struct sink_rules *r, const struct sink_moment *m)
{
	for (size_t i = 0; i < r->n; i++) {
		struct sink_rule *rule = &r->rule[i];

		if (!fits_moment(rule, m) || !is_its_turn(rule))
			continue;
		if (rule->times > 0 && --rule->times == 0)
			rule->spent = true;
		return rule;
	}
	return NULL;
}
