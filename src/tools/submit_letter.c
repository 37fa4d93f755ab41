/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/submit_letter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/conf/conf_relay_file.h"
#include "postern/intake/repair.h"
#include "postern/mail/address.h"
#include "postern/mail/xtext.h"
#include "postern/smtp/smtp_server.h"

#include "tools/sendmail_letter.h"
#include "tools/sendmail_options.h"
#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_submit.h"

#define PIECE_MAX (32u << 10) /* of a header, at a time */
#define ENVID_MAX 4096
#define COUNTER_BITS 20 /* of an id, below its time */

/* --- the envelope
 * ------------------------------------------------------------ */

/* The caller's to free. */
static char *
qualified(const char *text, const char *domain)
{
	struct address a;

	if (address_mailbox(&a, str_of(text), ADDRESS_UTF8 | ADDRESS_LOCAL) !=
	        ADDRESS_OK ||
	    a.len != a.local_len)
		return mem_str(text);
	return mem_printf("%s@%s", text, domain);
}

static uint8_t
notify_of(const char *text)
{
	static const struct {
		const char *word;
		uint8_t bit;
	} words[] = { { "never", SMTP_NEVER }, { "success", SMTP_SUCCESS },
		{ "failure", SMTP_FAILURE }, { "delay", SMTP_DELAY } };
	struct str rest = str_of(text != NULL ? text : "");
	uint8_t found = 0;

	while (rest.len > 0) {
		struct str word = str_cut(&rest, ',');

		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
			if (str_eq_case(word, str_of(words[i].word)))
				found |= words[i].bit;
		}
	}
	return found;
}

static void
make_rcpts(
    struct submit_letter *l, const struct sendmail_mail *m, const char *domain)
{
	size_t n = m->rcpts->n;

	l->addresses = mem_array(n, sizeof *l->addresses);
	l->rcpts = mem_array(n, sizeof *l->rcpts);
	for (size_t i = 0; i < n; i++) {
		l->addresses[i] = qualified(m->rcpts->v[i], domain);
		l->rcpts[i] = (struct smtp_txn_rcpt){
			.address = str_of(l->addresses[i]),
			.notify = notify_of(m->o->notify),
		};
	}
}

static void
make_envelope(
    struct submit_letter *l, const struct sendmail_mail *m, const char *domain)
{
	const struct sendmail_options *o = m->o;
	const char *ret = o->ret != NULL ? o->ret : "";

	l->sender = qualified(m->sender, domain);
	make_rcpts(l, m, domain);
	buf_init(&l->envid, ENVID_MAX);
	if (o->envid != NULL && xtext_encode(&l->envid, str_of(o->envid)) != 0)
		buf_clear(&l->envid); /* no relay would take so long a one */
	l->txn = (struct smtp_txn){ .sender = str_of(l->sender),
		.envid = buf_str(&l->envid),
		.eight_bit = o->eight_bit || m->letter->has_8bit,
		.smtputf8 =
		    m->rcpts->has_utf8 || !str_is_ascii(str_of(l->sender)),
		.ret_full = strcmp(ret, "FULL") == 0,
		.ret_hdrs = strcmp(ret, "HDRS") == 0,
		.nrcpts = (uint32_t)m->rcpts->n,
		.rcpts = l->rcpts };
}

/* --- the content
 * ------------------------------------------------------------- */

/* out has room for all of it, and for what its header lacks. */
static void
add(struct repair *r, struct buf *out, struct str s)
{
	while (s.len > 0 && !repair_is_over(r)) {
		size_t n = s.len < PIECE_MAX ? s.len : PIECE_MAX;

		repair_feed(r, s.p, n, out);
		s.p += n;
		s.len -= n;
	}
	if (s.len > 0) {
		int rc = buf_add(out, s.p, s.len);

		assert(rc == 0);
	}
}

static void
make_content(struct submit_letter *l, const struct conf_relay_file *f,
    const struct sendmail_mail *m)
{
	struct str text = buf_str(&m->letter->text);
	size_t header = m->letter->header;
	int64_t now_ms = clock_wall_ms();
	struct repair_settings s = { .complete = true,
		.remove_bcc = true,
		.hostname = f->hostname,
		.domain = f->domain,
		.sender = l->sender,
		.mid = id_first(now_ms) | rand_below(1u << COUNTER_BITS),
		.now_ms = now_ms };
	struct repair *r = repair_new(&s);

	buf_init(&l->content,
	    text.len + strlen(m->first) + 2 + 2 * REPAIR_GROWTH_MAX);
	add(r, &l->content, str_of(m->first));
	add(r, &l->content, (struct str){ text.p, header });
	add(r, &l->content, m->letter->lacks_line ? STR("\r\n") : STR(""));
	add(r, &l->content, (struct str){ text.p + header, text.len - header });
	if (!repair_is_over(r))
		repair_end(r, &l->content);
	repair_free(&r);
	l->txn.content = buf_str(&l->content);
	l->txn.size = l->txn.content.len;
}

void
submit_letter_make(struct submit_letter *l, const struct conf_relay_file *f,
    const struct sendmail_mail *m)
{
	*l = (struct submit_letter){ 0 };
	make_envelope(l, m, f->domain);
	if (m->o->mode == SENDMAIL_VERIFY)
		l->txn.no_content = true;
	else
		make_content(l, f, m);
}

void
submit_letter_done(struct submit_letter *l)
{
	for (size_t i = 0; i < l->txn.nrcpts; i++)
		free(l->addresses[i]);
	free(l->addresses);
	free(l->rcpts);
	free(l->sender);
	buf_done(&l->envid);
	buf_done(&l->content);
}
