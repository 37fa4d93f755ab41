/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_mail.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/smtp/smtp_server.h"
#include "tools/sink.h"
#include "tools/sink_store.h"

static void
log_event(const struct sink_mail *m, struct sink *s, const char *event)
{
	if (s->log == NULL)
		return;
	sink_json_open(&s->json, event);
	sink_json_num(&s->json, "us", clock_mono_us());
	sink_json_num(&s->json, "connection", m->connection);
	if (m->begun > 0)
		sink_json_num(&s->json, "messages", m->nth);
	sink_json_write(&s->json, s->log);
}

void
sink_mail_counted(struct sink_mail *m, struct sink *s,
    const struct sink_load *load, uint64_t now_us)
{
	if (s->log == NULL)
		return;
	sink_json_open(&s->json, "counted");
	sink_json_num(&s->json, "us", now_us);
	sink_json_num(&s->json, "connection", m->connection);
	sink_json_str(&s->json, "stage", str_of(sink_rules_stage(load->stage)));
	sink_json_num(&s->json, "nrcpts", load->recipients);
	sink_json_write(&s->json, s->log);
}

void
sink_mail_refused(struct sink_mail *m, struct sink *s, const char *verb,
    const struct smtp_reply *reply)
{
	if (s->log == NULL)
		return;
	sink_json_open(&s->json, "refused");
	sink_json_num(&s->json, "us", clock_mono_us());
	sink_json_num(&s->json, "connection", m->connection);
	sink_json_str(&s->json, "verb", str_of(verb));
	sink_json_num(&s->json, "code", reply->code);
	sink_json_str(&s->json, "enhanced", str_of(reply->enhanced));
	sink_json_str(&s->json, "text", str_of(reply->text));
	sink_json_write(&s->json, s->log);
}

void
sink_mail_init(struct sink_mail *m, struct sink *s)
{
	memset(m, 0, sizeof *m);
	m->connection = ++s->last_id;
	log_event(m, s, "connected");
}

static void
forget(char **text)
{
	free(*text);
	*text = NULL;
}

void
sink_mail_done(struct sink_mail *m, struct sink *s)
{
	sink_mail_reset(m);
	log_event(m, s, "closed");
	forget(&m->helo);
	forget(&m->tls);
	free(m->rcpt);
	free(m->address);
}

static void
remember(char **text, struct str value)
{
	free(*text);
	*text = mem_strn(value.p, value.len);
}

void
sink_mail_helo(struct sink_mail *m, struct str name)
{
	remember(&m->helo, name);
}

void
sink_mail_secured(struct sink_mail *m, const char *version)
{
	forget(&m->helo);
	remember(&m->tls, str_of(version));
}

/* The transaction is over: kept or not. */
void
sink_mail_reset(struct sink_mail *m)
{
	if (m->in_content)
		sink_verify_done(&m->verify);
	memset(&m->verify, 0, sizeof m->verify);
	m->in_content = false;
	sink_store_drop(&m->file);
	m->broken = false;
	forget(&m->sender);
	forget(&m->parameters);
	forget(&m->name);
	for (uint32_t i = 0; i < m->nrcpts; i++)
		free(m->rcpt[i]);
	m->nrcpts = 0;
}

void
sink_mail_begin(
    struct sink_mail *m, struct sink *s, const struct smtp_mail *mail)
{
	char size[32] = "", priority[32] = "", by[32] = "";

	sink_mail_reset(m);
	m->begun++;
	m->message = ++s->last_message;
	m->mail_us = clock_mono_us();
	if (mail->priority != 0)
		snprintf(priority, sizeof priority, " MT-PRIORITY=%d",
		    mail->priority);
	if (mail->by_mode != 0)
		snprintf(by, sizeof by, " BY=%d;%c%s", (int)mail->by_s,
		    mail->by_mode, mail->by_trace ? "T" : "");
	remember(&m->sender, mail->sender);
	if (mail->size != 0)
		snprintf(size, sizeof size, " SIZE=%llu",
		    (unsigned long long)mail->size);
	m->parameters = mem_printf("%s%s%s%s%s%.*s%s%s%s%s%.*s", size,
	    mail->binary      ? " BODY=BINARYMIME"
	    : mail->eight_bit ? " BODY=8BITMIME"
	                      : "",
	    mail->smtputf8 ? " SMTPUTF8" : "",
	    mail->ret_full   ? " RET=FULL"
	    : mail->ret_hdrs ? " RET=HDRS"
	                     : "",
	    mail->envid.len > 0 ? " ENVID=" : "", (int)mail->envid.len,
	    mail->envid.len > 0 ? mail->envid.p : "", priority, by,
	    mail->require_tls ? " REQUIRETLS" : "",
	    mail->auth.len > 0 ? " AUTH=" : "", (int)mail->auth.len,
	    mail->auth.len > 0 ? mail->auth.p : "");
}

void
sink_mail_rcpt(struct sink_mail *m, const struct smtp_rcpt *r)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE",
		"DELAY" };
	char notify[48] = "";

	for (unsigned i = 0; i < 4; i++) {
		if (!(r->notify & 1u << i))
			continue;
		strcat(notify, notify[0] == '\0' ? " NOTIFY=" : ",");
		strcat(notify, words[i]);
	}
	if (m->nrcpts == m->rcpts_cap) {
		m->rcpts_cap = m->rcpts_cap * 2 + 8;
		m->rcpt = mem_resize(m->rcpt, m->rcpts_cap * sizeof(char *));
		m->address =
		    mem_resize(m->address, m->rcpts_cap * sizeof(struct str));
	}
	m->rcpt[m->nrcpts] = mem_printf("%.*s%s%s%.*s", (int)r->address.len,
	    r->address.p, notify, r->orcpt.len > 0 ? " ORCPT=" : "",
	    (int)r->orcpt.len, r->orcpt.len > 0 ? r->orcpt.p : "");
	m->address[m->nrcpts] =
	    (struct str){ m->rcpt[m->nrcpts], r->address.len };
	m->nrcpts++;
}

void
sink_mail_data(struct sink_mail *m, struct sink *s, struct smtp_reply *reply)
{
	struct err err;

	if (s->store != NULL &&
	    sink_store_begin(s->store, &m->file, &err) == -1) {
		fprintf(stderr, "postern-sink: %s\n", err.text);
		smtp_reply_set(reply, 452, "4.3.1", "Cannot keep it");
		return;
	}
	sink_verify_init(&m->verify, s->log != NULL && !s->opt.brief);
	header_scan_init(&m->header);
	m->in_content = true;
}

void
sink_mail_body(struct sink_mail *m, const char *p, size_t n)
{
	struct err err;

	sink_verify_feed(&m->verify, p, n);
	header_scan(&m->header, p, n);
	if (m->file == NULL || m->broken)
		return;
	if (sink_store_write(m->file, p, n, &err) == -1) {
		fprintf(stderr, "postern-sink: %s\n", err.text);
		m->broken = true;
	}
}

static void
log_bench(struct sink *s, const struct benchmail *b, enum sink_verdict verdict)
{
	char run[16];

	if (verdict == SINK_FOREIGN)
		return;
	snprintf(run, sizeof run, "%08x", b->run);
	sink_json_str(&s->json, "run", str_of(run));
	sink_json_num(&s->json, "number", b->number);
	sink_json_bool(&s->json, "damaged", verdict == SINK_DAMAGED);
}

/* What sink_verify_end() found out, and what the client is told. */
struct found {
	enum sink_verdict verdict;
	char whole[SINK_VERIFY_HEX], rest[SINK_VERIFY_HEX];
	uint16_t code;
	const char *fate;
};

/* What --brief leaves out. */
static void
log_details(const struct sink_mail *m, struct sink *s, struct found *f)
{
	struct sink_json *j = &s->json;
	char time[40];

	clock_rfc3339(clock_wall_us(), time);
	sink_json_str(j, "time", str_of(time));
	sink_json_str(j, "helo", str_of(m->helo));
	sink_json_str(j, "tls", str_of(m->tls));
	sink_json_str(j, "parameters", str_trim(str_of(m->parameters)));
	sink_json_num(j, "size", m->verify.size);
	sink_json_num(j, "trace_bytes", m->verify.trace_bytes);
	sink_json_str(j, "sha256", str_of(f->whole));
	sink_json_str(j, "sha256_rest", str_of(f->rest));
	sink_json_array(j, "recipients");
	for (uint32_t i = 0; i < m->nrcpts; i++)
		sink_json_item(j, str_of(m->rcpt[i]));
	sink_json_array_end(j);
}

static void
log_message(const struct sink_mail *m, struct sink *s, struct found *f)
{
	struct sink_json *j = &s->json;

	if (s->log == NULL)
		return;
	sink_json_open(j, "message");
	sink_json_num(j, "us", m->end_us);
	sink_json_num(j, "wall_us", (uint64_t)clock_wall_us());
	sink_json_num(j, "connection", m->connection);
	sink_json_num(j, "nth", m->nth);
	sink_json_num(j, "mail_us", m->mail_us);
	sink_json_str(j, "sender", str_of(m->sender));
	sink_json_num(j, "nrcpts", m->nrcpts);
	sink_json_str(j, "message_id", header_scan_id(&m->header));
	sink_json_num(j, "code", f->code);
	if (f->fate[0] != '\0')
		sink_json_str(j, "fate", str_of(f->fate));
	log_bench(s, &m->verify.said, f->verdict);
	if (!s->opt.brief)
		log_details(m, s, f);
	if (m->name != NULL)
		sink_json_str(j, "file", str_of(m->name));
	sink_json_write(j, s->log);
}

bool
sink_mail_keep(struct sink_mail *m, struct smtp_reply *reply)
{
	struct err err = { 0 };

	if (m->broken || (m->file != NULL &&
	                     sink_store_keep(&m->file, &m->name, &err) == -1)) {
		if (err.text[0] != '\0')
			fprintf(stderr, "postern-sink: %s\n", err.text);
		smtp_reply_set(reply, 452, "4.3.1", "Cannot keep it");
		return false;
	}
	m->nth++;
	if (reply->code == 0)
		smtp_reply_set(reply, 250, "2.0.0", "Kept as %llu.%u",
		    (unsigned long long)m->connection, m->nth);
	return true;
}

void
sink_mail_tell(
    struct sink_mail *m, struct sink *s, uint16_t code, const char *fate)
{
	struct found f = { .code = code, .fate = fate };

	f.verdict = sink_verify_end(&m->verify, f.whole, f.rest);
	log_message(m, s, &f);
	sink_count(s, &m->verify, f.verdict, m->nrcpts);
	sink_mail_reset(m);
}
