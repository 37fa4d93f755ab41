/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/sign.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/helper.h"
#include "postern/mail/dkim.h"
#include "postern/relay/dkim_key.h"
#include "postern/relay/relay.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool_read.h"

#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/dress.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"

#define PART (64u << 10)
#define QUEUE_MAX 4096
#define FIELD_MAX (DRESS_SIGNATURES_MAX / DRESS_KEYS_MAX)
#define TEXT_MAX (1u << 20) /* the canonical header; 64 KiB came */
#define VALUE_MAX 1024      /* base64 of a hash, of a signature */

struct signer {
	struct helper *helper;
	struct spool_reader *reader; /* the helper's own */
};

struct sign_job {
	struct helper_job job;
	struct relay *relay;
	struct delivery *delivery; /* it stays as it is until this is done */
	uint64_t provider;         /* id */
	struct relay_generation *of[2]; /* where the keys are; owned */
	const struct dkim_rule *keys[DRESS_KEYS_MAX];
	size_t nkeys;
	struct str head;
	uint64_t body; /* where that begins in the content */
	int64_t now_s;
	struct buf hash[2]; /* of the body, by its canonical form */
	struct buf fields;  /* made */
	int rc;
	struct err err;
};

static struct signer *
signer_new(struct relay *r)
{
	struct signer *s = mem_new(sizeof *s);

	s->helper = helper_new("sign", 1, QUEUE_MAX);
	s->reader = spool_reader_new(r->spool);
	return s;
}

void
sign_stop(struct signer *s)
{
	if (s)
		helper_free(&s->helper);
}

void
sign_free(struct signer **s)
{
	if (!*s)
		return;
	helper_free(&(*s)->helper);
	spool_reader_free(&(*s)->reader);
	free(*s);
	*s = NULL;
}

/* --- the body --------------------------------------------------------------
 */

/* It as one canonical form has it. */
struct form {
	struct dkim_body body;
	struct dkim_key_hash *hash; /* NULL: nobody asks for it */
};

static void
on_canonical(void *arg, const char *p, size_t n)
{
	dkim_key_hash_add(arg, p, n);
}

static void
feed(struct form *f, const char *p, size_t n)
{
	for (int i = 0; i < 2; i++) {
		if (f[i].hash)
			dkim_body_feed(&f[i].body, p, n);
	}
}

static int
feed_stored(struct sign_job *j, struct form *f, char *part)
{
	struct spool_reader *reader = j->relay->signer->reader;
	const struct delivery *d = j->delivery;
	uint64_t at = j->body;

	while (at < d->env->size) {
		int64_t n =
		    spool_content(reader, d->key.mid, at, part, PART, &j->err);

		if (n < 0)
			return -1;
		if (n == 0)
			return err_set(&j->err, ERR_SYSTEM,
			    "the content in the spool ends too early");
		feed(f, part, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

static int
feed_all(struct sign_job *j, struct form *f)
{
	const struct delivery *d = j->delivery;
	struct str content;
	char *part;
	int rc;

	if (delivery_is_in_memory(d)) {
		content = body_str(d->env->body);
		feed(f, content.p + j->body, content.len - (size_t)j->body);
		return 0;
	}
	part = mem_new(PART);
	rc = feed_stored(j, f, part);
	free(part);
	return rc;
}

static int
cannot(struct sign_job *j)
{
	return err_set(&j->err, ERR_LIMIT,
	    "its header has more fields to be signed than the %d that a "
	    "signature may cover, or is too large",
	    DKIM_FIELDS_MAX);
}

static int
hash_body(struct sign_job *j)
{
	struct form f[2] = { 0 };
	int rc;

	for (size_t i = 0; i < j->nkeys; i++) {
		enum dkim_canon canon = j->keys[i]->body;

		if (f[canon].hash)
			continue;
		f[canon].hash = dkim_key_hash_new();
		dkim_body_init(
		    &f[canon].body, canon, on_canonical, f[canon].hash);
	}
	rc = feed_all(j, f);
	for (int i = 0; i < 2; i++) {
		if (!f[i].hash)
			continue;
		dkim_body_end(&f[i].body);
		if (rc == 0 && dkim_key_hash_end(f[i].hash, &j->hash[i]) != 0)
			rc = err_set(
			    &j->err, ERR_SYSTEM, "OpenSSL makes no SHA-256");
		dkim_key_hash_free(&f[i].hash);
	}
	return rc;
}

/* --- a signature -----------------------------------------------------------
 */

/* What is being made. */
struct work {
	struct buf names, text, value;
};

/* Without the empty line behind it. */
static struct str
section_of(struct str head)
{
	if (head.len >= 4 &&
	    str_eq((struct str){ head.p + head.len - 4, 4 }, STR("\r\n\r\n")))
		head.len -= 2;
	return head;
}

static int
sign(struct sign_job *j, const struct dkim_rule *k, struct work *w)
{
	struct dkim_tags t = { .algorithm = dkim_key_algorithm(k->key),
		.header = k->header,
		.body = k->body,
		.domain = k->domain,
		.selector = k->selector,
		.now_s = j->now_s,
		.body_hash = buf_str(&j->hash[k->body]) };
	size_t had = j->fields.len;
	struct str field;

	if (k->lifetime_ms > 0)
		t.until_s = t.now_s + (int64_t)(k->lifetime_ms / 1000);
	if (dkim_header(section_of(j->head), k->header, &k->fields, &w->names,
	        &w->text) != 0)
		return cannot(j);
	t.names = buf_str(&w->names);
	if (dkim_field(&j->fields, &t) != 0)
		return cannot(j);
	field = buf_str(&j->fields);
	field.p += had;
	field.len -= had;
	if (dkim_own(&w->text, k->header, field) != 0)
		return cannot(j);
	if (dkim_key_sign(k->key, buf_str(&w->text), &w->value) != 0)
		return err_set(&j->err, ERR_SYSTEM, "OpenSSL does not sign");
	return dkim_value(&j->fields, buf_str(&w->value)) == 0 ? 0 : cannot(j);
}

static void
run(struct helper_job *job)
{
	struct sign_job *j = (struct sign_job *)job;

	j->rc = hash_body(j);
	for (size_t i = 0; j->rc == 0 && i < j->nkeys; i++) {
		struct work w;

		buf_init(&w.names, FIELD_MAX);
		buf_init(&w.text, TEXT_MAX);
		buf_init(&w.value, VALUE_MAX);
		j->rc = sign(j, j->keys[i], &w);
		buf_done(&w.names);
		buf_done(&w.text);
		buf_done(&w.value);
	}
}

/* --- in the relay's thread -------------------------------------------------
 */

static void
job_free(struct sign_job *j)
{
	buf_done(&j->hash[0]);
	buf_done(&j->hash[1]);
	buf_done(&j->fields);
	relay_generation_free(&j->of[0]);
	relay_generation_free(&j->of[1]);
	free(j);
}

static void
finish(struct sign_job *j)
{
	struct delivery *d = j->delivery;

	delivery_set_phase(d, DELIVERY_TAKEN);
	if (j->rc == 0)
		dress_sign(d, buf_str(&j->fields));
	else
		relay_log_unsigned(d, j->err.text);
	if (d->relay->ended)
		delivery_free(&d);
	else
		dispatch_signed(d, j->provider, j->rc == 0 ? NULL : &j->err);
}

static void
deliver(struct mailbox_item *item, void *owner)
{
	struct sign_job *j = (struct sign_job *)item;
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	finish(j);
	job_free(j);
	relay_kick(r);
}

static struct sign_job *
job_new(struct delivery *d, const struct provider *p)
{
	struct sign_job *j = mem_new(sizeof *j);

	j->job.item.deliver = deliver;
	j->job.reply_to = d->relay->box;
	j->job.run = run;
	j->relay = d->relay;
	j->delivery = d;
	j->provider = p->id;
	j->of[0] = relay_generation_ref(p->gen);
	j->of[1] = relay_generation_ref(d->relay->gen);
	j->now_s = clock_wall_ms() / 1000;
	buf_init(&j->hash[0], VALUE_MAX);
	buf_init(&j->hash[1], VALUE_MAX);
	buf_init(&j->fields, DRESS_SIGNATURES_MAX);
	return j;
}

bool
sign_start(struct delivery *d, const struct provider *p)
{
	const struct dkim_rule *keys[DRESS_KEYS_MAX];
	size_t n = dress_keys(d, p, keys);
	struct sign_job *j;

	if (n == 0)
		return false;
	if (!d->relay->signer)
		d->relay->signer = signer_new(d->relay);
	j = job_new(d, p);
	j->nkeys = n;
	for (size_t i = 0; i < n; i++)
		j->keys[i] = keys[i];
	j->head = dress_unsigned(d, &j->body);
	delivery_set_phase(d, DELIVERY_LOADING);
	if (helper_submit(d->relay->signer->helper, &j->job) == 0)
		return true;
	run(&j->job); /* there is much to do: here, then */
	deliver(&j->job.item, d->relay);
	return true;
}
