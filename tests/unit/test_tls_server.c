/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of the server's side: what is negotiated and what is not, which
 * certificate is shown, and whose tickets hold.  Two TLS objects with a pipe of
 * memory between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "postern/io/tls.h"

#include "certs.h"
#include "io/tls_priv.h"
#include "io/tls_tickets.h"

#define NAMES "DNS:mx.example.com,DNS:*.wild.example.com"

static struct cert ec, rsa, ec_other, rsa_third, weak, expired;

static void
make_certificates(void)
{
	certs_setup();
	certs_make(&ec, "ec", NAMES, 100, NULL);
	certs_make_rsa(&rsa, "rsa", NAMES, 2048);
	certs_make(&ec_other, "ec-other", "DNS:other.example.com", 100, NULL);
	certs_make_rsa(&rsa_third, "rsa-third", "DNS:third.example.com", 2048);
	certs_make_rsa(&weak, "weak", NAMES, 1024);
	certs_make(&expired, "expired", NAMES, -1, NULL);
}

static struct tls_context *
server(struct tls_server_settings s, const struct cert *first,
    const struct cert *second)
{
	struct tls_certificate c[2];
	struct tls_context *t = NULL;
	struct err err = { 0 };

	c[0] = (struct tls_certificate){ first->certificate, first->key };
	if (second != NULL)
		c[1] = (struct tls_certificate){ second->certificate,
			second->key };
	s.certificates = c;
	s.ncertificates = second != NULL ? 2 : 1;
	if (tls_server_new(&t, &s, &err) == -1)
		fail_msg("%s", err.text);
	return t;
}

/* What a client wants; zero: what OpenSSL wants. */
struct wish {
	int version; /* no other */
	const char *ciphers, *suites, *name;
	SSL_SESSION *session;
};

struct talk {
	SSL_CTX *ctx;
	SSL *client, *server;
	SSL_SESSION *session; /* what the server gave last */
};

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct talk *k = SSL_get_app_data(ssl);

	SSL_SESSION_free(k->session);
	k->session = session;
	return 1;
}

static void
open_client(struct talk *k, const struct wish *w)
{
	k->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(k->ctx, 0);
	SSL_CTX_set_min_proto_version(
	    k->ctx, w->version != 0 ? w->version : TLS1_VERSION);
	if (w->version != 0)
		SSL_CTX_set_max_proto_version(k->ctx, w->version);
	if (w->ciphers != NULL)
		assert_int_equal(
		    SSL_CTX_set_cipher_list(k->ctx, w->ciphers), 1);
	if (w->suites != NULL)
		assert_int_equal(
		    SSL_CTX_set_ciphersuites(k->ctx, w->suites), 1);
	SSL_CTX_set_session_cache_mode(k->ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(k->ctx, on_session);
	k->client = SSL_new(k->ctx);
	SSL_set_app_data(k->client, k);
	if (w->name != NULL)
		SSL_set_tlsext_host_name(k->client, w->name);
	if (w->session != NULL)
		SSL_set_session(k->client, w->session);
	SSL_set_connect_state(k->client);
}

/* true: the handshake succeeds. */
static bool
shake(struct talk *k, struct tls_context *t, const struct wish *w)
{
	BIO *a, *b;

	memset(k, 0, sizeof *k);
	open_client(k, w);
	k->server = SSL_new(t->ctx);
	SSL_set_accept_state(k->server);
	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(k->client, a, a);
	SSL_set_bio(k->server, b, b);
	for (int i = 0; i < 10; i++) {
		SSL_do_handshake(k->client);
		SSL_do_handshake(k->server);
	}
	ERR_clear_error();
	return SSL_is_init_finished(k->client) &&
	       SSL_is_init_finished(k->server);
}

/* A byte from the server: tickets come with it. */
static void
say(struct talk *k)
{
	char c = 'x';

	assert_int_equal(SSL_write(k->server, &c, 1), 1);
	assert_int_equal(SSL_read(k->client, &c, 1), 1);
}

static void
hang_up(struct talk *k)
{
	SSL_shutdown(k->client);
	SSL_free(k->client);
	SSL_free(k->server);
	SSL_SESSION_free(k->session);
	SSL_CTX_free(k->ctx);
}

/* --- versions and ciphers ----------------------------------------------------
 */

static const struct {
	const char *why;
	struct wish wish;
	struct tls_server_settings set;
	const char *version, *cipher; /* NULL: no handshake */
} offers[] = {
	{ "the newest, the strongest first", { 0 }, { 0 }, "TLSv1.3",
	    "TLS_AES_256_GCM_SHA384" },
	{ "RSA, forward secrecy",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES256-GCM-SHA384" }, { 0 },
	    "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "ECDSA, forward secrecy",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" },
	    { 0 }, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "a client without AES in hardware",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-RSA-CHACHA20-POLY1305" }, { 0 },
	    "TLSv1.2", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "the server's order wins",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256:"
	                                 "ECDHE-ECDSA-AES256-GCM-SHA384" },
	    { 0 }, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "which the key decides",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:"
	                                 "ECDHE-RSA-AES128-GCM-SHA256" },
	    { .ciphers = "ECDHE-RSA-AES128-GCM-SHA256:"
	                 "ECDHE-ECDSA-AES256-GCM-SHA384" },
	    "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256" },
	{ "also with TLS 1.3",
	    { TLS1_3_VERSION, .suites = "TLS_AES_128_GCM_SHA256:"
	                                "TLS_CHACHA20_POLY1305_SHA256" },
	    { .ciphersuites = "TLS_CHACHA20_POLY1305_SHA256:"
	                      "TLS_AES_128_GCM_SHA256" },
	    "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256" },
	{ "a suite that is not in the key",
	    { TLS1_3_VERSION, .suites = "TLS_AES_128_GCM_SHA256" },
	    { .ciphersuites = "TLS_AES_256_GCM_SHA384" }, NULL, NULL },
	{ "no CBC", { TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES256-SHA384" },
	    { 0 }, NULL, NULL },
	{ "no CBC of old",
	    { TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA" }, { 0 },
	    NULL, NULL },
	{ "no key exchange by RSA",
	    { TLS1_2_VERSION, .ciphers = "AES256-GCM-SHA384" }, { 0 }, NULL,
	    NULL },
	{ "no DHE", { TLS1_2_VERSION, .ciphers = "DHE-RSA-AES256-SHA256" },
	    { 0 }, NULL, NULL },
	{ "DHE by key", { TLS1_2_VERSION, .ciphers = "DHE-RSA-AES256-SHA256" },
	    { .ciphers = "ECDHE+AESGCM:DHE-RSA-AES256-SHA256" }, "TLSv1.2",
	    "DHE-RSA-AES256-SHA256" },
	{ "nothing without a certificate",
	    { TLS1_2_VERSION, .ciphers = "ADH-AES256-GCM-SHA384" }, { 0 }, NULL,
	    NULL },
	{ "TLS 1.1 is below the floor", { TLS1_1_VERSION }, { 0 }, NULL, NULL },
	{ "TLS 1.0 is below the floor", { TLS1_VERSION }, { 0 }, NULL, NULL },
	{ "TLS 1.2 is below a higher one", { TLS1_2_VERSION },
	    { .min_version = "1.3" }, NULL, NULL },
	{ "TLS 1.3 is not", { 0 }, { .min_version = "1.3" }, "TLSv1.3",
	    "TLS_AES_256_GCM_SHA384" },
	{ "old TLS for a device", { TLS1_VERSION, .ciphers = "AES128-SHA" },
	    { .old = true }, "TLSv1", "AES128-SHA" },
	{ "and TLS 1.1", { TLS1_1_VERSION }, { .old = true }, "TLSv1.1",
	    "ECDHE-ECDSA-AES256-SHA" },
	{ "which takes the best all the same", { 0 }, { .old = true },
	    "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
	{ "and has nothing without a certificate",
	    { TLS1_VERSION, .ciphers = "ADH-AES256-SHA" }, { .old = true },
	    NULL, NULL },
};

static void
what_is_negotiated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		struct tls_context *t = server(offers[i].set, &rsa, &ec);
		bool works = offers[i].cipher != NULL;
		struct talk k;

		if (shake(&k, t, &offers[i].wish) != works)
			fail_msg("%s", offers[i].why);
		if (works && (strcmp(SSL_get_version(k.client),
		                  offers[i].version) != 0 ||
		                 strcmp(SSL_get_cipher(k.client),
		                     offers[i].cipher) != 0))
			fail_msg("%s: %s %s", offers[i].why,
			    SSL_get_version(k.client),
			    SSL_get_cipher(k.client));
		hang_up(&k);
		tls_free(&t);
	}
}

static void
dh_parameters_are_as_strong_as_the_key(void **state)
{
	struct tls_server_settings set = { .ciphers = "DHE-RSA-AES256-SHA256" };
	struct wish w = { .version = TLS1_2_VERSION,
		.ciphers = "DHE-RSA-AES256-SHA256" };
	struct tls_context *t = server(set, &rsa, NULL);
	EVP_PKEY *dh = NULL;
	struct talk k;

	(void)state;
	assert_true(shake(&k, t, &w));
	assert_int_equal(SSL_get_peer_tmp_key(k.client, &dh), 1);
	assert_int_equal(EVP_PKEY_get_bits(dh), 2048);
	EVP_PKEY_free(dh);
	hang_up(&k);
	tls_free(&t);
}

/* A client cannot make the server compute with the largest of groups. */
static void
large_groups_are_refused(void **state)
{
	struct tls_context *t =
	    server((struct tls_server_settings){ 0 }, &ec, NULL);
	struct talk k = { 0 };
	struct wish w = { 0 };

	(void)state;
	assert_true(shake(&k, t, &w));
	hang_up(&k);
	open_client(&k, &w);
	assert_int_equal(SSL_set1_groups_list(k.client, "ffdhe8192"), 1);
	k.server = SSL_new(t->ctx);
	k.session = NULL;
	SSL_set_accept_state(k.server);
	{
		BIO *a, *b;

		BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16);
		SSL_set_bio(k.client, a, a);
		SSL_set_bio(k.server, b, b);
	}
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(k.client);
		SSL_do_handshake(k.server);
	}
	assert_false(SSL_is_init_finished(k.server));
	ERR_clear_error();
	hang_up(&k);
	tls_free(&t);
}

static void
nothing_is_renegotiated_compressed_or_early(void **state)
{
	struct tls_context *t =
	    server((struct tls_server_settings){ 0 }, &ec, NULL);
	struct wish w = { .version = TLS1_2_VERSION };
	struct talk k;
	char c;

	(void)state;
	assert_true(shake(&k, t, &w));
	assert_null(SSL_get_current_compression(k.server));
	assert_int_equal(SSL_renegotiate(k.client), 1);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(k.client);
		assert_true(SSL_read(k.server, &c, 1) <= 0);
	}
	assert_int_equal(SSL_num_renegotiations(k.server), 0);
	assert_false(SSL_is_init_finished(k.client));
	ERR_clear_error();
	hang_up(&k);
	w.version = TLS1_3_VERSION;
	assert_true(shake(&k, t, &w));
	say(&k);
	assert_non_null(k.session);
	assert_int_equal(SSL_SESSION_get_max_early_data(k.session), 0);
	hang_up(&k);
	tls_free(&t);
}

/* --- certificates
 * -------------------------------------------------------------
 */

static const struct {
	const char *why, *name;
	int version;
	const char *ciphers;
	const struct cert *shown; /* NULL: no handshake */
} shows[] = {
	{ "no name: the first", NULL, TLS1_3_VERSION, NULL, &ec },
	{ "a name of the first", "mx.example.com", TLS1_3_VERSION, NULL, &ec },
	{ "a star of the first", "a.wild.example.com", TLS1_2_VERSION, NULL,
	    &ec },
	{ "a star is one label", "a.b.wild.example.com", TLS1_2_VERSION, NULL,
	    &ec },
	{ "case does not count", "OTHER.example.com", TLS1_3_VERSION, NULL,
	    &ec_other },
	{ "a name of another", "other.example.com", TLS1_2_VERSION, NULL,
	    &ec_other },
	{ "another kind of key", "third.example.com", TLS1_3_VERSION, NULL,
	    &rsa_third },
	{ "in TLS 1.2 too", "third.example.com", TLS1_2_VERSION, NULL,
	    &rsa_third },
	{ "a name that none has: the first", "nobody.example", TLS1_3_VERSION,
	    NULL, &ec },
	{ "an RSA client and the same name", "mx.example.com", TLS1_2_VERSION,
	    "aRSA", &rsa },
	{ "an RSA client without a name", NULL, TLS1_2_VERSION, "aRSA", &rsa },
	{ "an RSA client and a star", "b.wild.example.com", TLS1_2_VERSION,
	    "aRSA", &rsa },
	{ "an RSA client and a name with ECDSA alone", "other.example.com",
	    TLS1_2_VERSION, "aRSA", NULL },
};

static void
is_shown(struct talk *k, const struct cert *c, const char *why)
{
	FILE *f = fopen(c->certificate, "r");
	X509 *want = PEM_read_X509(f, NULL, NULL, NULL);

	fclose(f);
	if (X509_cmp(SSL_get0_peer_certificate(k->client), want) != 0)
		fail_msg("%s", why);
	X509_free(want);
}

static void
a_name_chooses_the_certificate(void **state)
{
	struct tls_certificate c[] = {
		{ ec.certificate, ec.key },
		{ ec_other.certificate, ec_other.key },
		{ rsa_third.certificate, rsa_third.key },
		{ rsa.certificate, rsa.key },
	};
	struct tls_server_settings s = { .certificates = c,
		.ncertificates = 4 };
	struct tls_context *t = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(tls_server_new(&t, &s, &err), 0);
	for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++) {
		struct wish w = { .version = shows[i].version,
			.name = shows[i].name,
			.ciphers = shows[i].ciphers };
		struct talk k;

		if (shake(&k, t, &w) != (shows[i].shown != NULL))
			fail_msg("%s", shows[i].why);
		if (shows[i].shown != NULL)
			is_shown(&k, shows[i].shown, shows[i].why);
		hang_up(&k);
	}
	tls_free(&t);
}

static void
a_certificate_is_checked_alone(void **state)
{
	struct tls_certificate good = { ec.certificate, ec.key },
	                       old = { expired.certificate, expired.key },
	                       mixed = { ec.certificate, rsa.key },
	                       weaker = { weak.certificate, weak.key };
	int64_t now = (int64_t)time(NULL), from = 0, until = 0;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(tls_server_check(&good, &from, &until, &err), 0);
	assert_in_range(from, now - 11 * 86400, now - 9 * 86400);
	assert_in_range(until, now + 99 * 86400, now + 101 * 86400);
	assert_int_equal(tls_server_check(&old, &from, &until, &err), 0);
	assert_true(until < now);
	assert_int_equal(tls_server_check(&mixed, &from, &until, &err), -1);
	assert_non_null(strstr(err.text, "key type mismatch"));
	assert_int_equal(tls_server_check(&weaker, &from, &until, &err), -1);
	assert_non_null(strstr(err.text, "ee key too small"));
}

static void
a_key_with_a_passphrase_is_refused(void **state)
{
	char path[160];
	struct tls_certificate c = { ec.certificate, path };
	struct tls_context *t = NULL;
	struct tls_server_settings s = { .certificates = &c,
		.ncertificates = 1 };
	struct err err = { 0 };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f;

	(void)state;
	snprintf(path, sizeof path, "%s/locked.key", certs_dir());
	f = fopen(path, "w");
	PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(),
	    (const unsigned char *)"secret", 6, NULL, NULL);
	fclose(f);
	EVP_PKEY_free(key);
	assert_int_equal(tls_server_new(&t, &s, &err), -1);
	assert_non_null(strstr(err.text, path));
}

static void
so_many_certificates_and_no_more(void **state)
{
	struct tls_certificate c[TLS_CERTIFICATES_MAX + 1];
	struct tls_server_settings s = { .certificates = c };
	struct tls_context *t = NULL;
	struct err err = { 0 };
	struct wish w = { .name = "other.example.com" };
	struct talk k;

	(void)state;
	assert_int_equal(tls_server_new(&t, &s, &err), -1);
	for (size_t i = 0; i <= TLS_CERTIFICATES_MAX; i++)
		c[i] = (struct tls_certificate){ ec.certificate, ec.key };
	s.ncertificates = TLS_CERTIFICATES_MAX + 1;
	assert_int_equal(tls_server_new(&t, &s, &err), -1);
	assert_string_equal(err.text, "more than 64 certificates");
	c[TLS_CERTIFICATES_MAX - 1] =
	    (struct tls_certificate){ ec_other.certificate, ec_other.key };
	s.ncertificates = TLS_CERTIFICATES_MAX;
	assert_int_equal(tls_server_new(&t, &s, &err), 0);
	assert_true(shake(&k, t, &w));
	is_shown(&k, &ec_other, "the last of all");
	hang_up(&k);
	tls_free(&t);
}

static void
each_word_of_a_list_is_known(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
	    tls_server_check_ciphers("ECDHE+AESGCM:!aNULL:@STRENGTH", &err), 0);
	assert_int_equal(
	    tls_server_check_ciphers("HIGH:ECDHE-RSA-AES256-GCM", &err), -1);
	assert_string_equal(err.text, "\"ECDHE-RSA-AES256-GCM\"");
	assert_int_equal(
	    tls_server_check_suites("TLS_AES_128_GCM_SHA256", &err), 0);
	assert_int_equal(
	    tls_server_check_suites("TLS_AES_128_GCM_SHA256:HIGH", &err), -1);
	assert_string_equal(err.text, "\"HIGH\"");
}

/* --- tickets
 * ------------------------------------------------------------------
 */

/* A session of the first is resumed with the second? */
static bool
resumes(struct tls_context *first, struct tls_context *second, int version)
{
	struct wish w = { .version = version, .name = "mx.example.com" };
	struct talk a, b;
	bool did;

	assert_true(shake(&a, first, &w));
	say(&a);
	w.session = a.session;
	assert_true(shake(&b, second, &w));
	did = SSL_session_reused(b.server);
	hang_up(&a);
	hang_up(&b);
	return did;
}

static void
a_ticket_holds_after_a_reload(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_server_settings none = { 0 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tls_context *a = server(none, &ec, NULL);
		struct tls_context *b = server(none, &ec, NULL);
		struct tls_context *c = server(none, &rsa, &ec);

		assert_true(resumes(a, a, versions[i]));
		assert_true(resumes(a, b, versions[i]));
		assert_true(resumes(b, c, versions[i])); /* a new certificate */
		tls_free(&a);
		assert_true(resumes(c, b, versions[i]));
		tls_free(&b);
		tls_free(&c);
	}
}

static void
no_ticket_holds_where_other_things_are_allowed(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_server_settings other[] = {
		{ .old = true },
		{ .ciphers = "ECDHE+AESGCM" },
		{ .ciphersuites = "TLS_AES_256_GCM_SHA384" },
		{ .min_version = "1.2" },
	};
	struct tls_context *usual =
	    server((struct tls_server_settings){ 0 }, &ec, NULL);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct tls_context *t = server(other[i], &ec, NULL);

		for (size_t v = 0; v < 2; v++) {
			assert_false(resumes(t, usual, versions[v]));
			assert_false(resumes(usual, t, versions[v]));
		}
		tls_free(&t);
	}
	tls_free(&usual);
}

static void
keys_of_tickets_rotate(void **state)
{
	struct tls_tickets t = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct tls_tickets_key first, second, k;
	uint64_t at = 5;

	(void)state;
	tls_tickets_seal(&t, at, &first);
	tls_tickets_seal(&t, at + TLS_TICKETS_MS - 1, &k);
	assert_memory_equal(&k, &first, sizeof k);
	assert_int_equal(
	    tls_tickets_open(&t, at, first.name, &k), TLS_TICKETS_NEWEST);

	/* after its time it seals no more, but opens */
	tls_tickets_seal(&t, at + TLS_TICKETS_MS, &second);
	assert_memory_not_equal(second.name, first.name, sizeof first.name);
	assert_memory_not_equal(
	    second.cipher, first.cipher, sizeof first.cipher);
	assert_memory_not_equal(second.mac, first.mac, sizeof first.mac);
	assert_int_equal(
	    tls_tickets_open(&t, at + TLS_TICKETS_MS, first.name, &k),
	    TLS_TICKETS_FORMER);
	assert_memory_equal(&k, &first, sizeof k);
	assert_int_equal(
	    tls_tickets_open(&t, at + TLS_TICKETS_MS, second.name, &k),
	    TLS_TICKETS_NEWEST);
	assert_int_equal(tls_tickets_open(&t, at + TLS_TICKETS_MS,
	                     (const unsigned char *)"0123456789abcdef", &k),
	    TLS_TICKETS_NONE);

	/* and after twice its time not even that */
	assert_int_equal(
	    tls_tickets_open(&t, at + 2 * TLS_TICKETS_MS, first.name, &k),
	    TLS_TICKETS_NONE);
	assert_int_equal(
	    tls_tickets_open(&t, at + 2 * TLS_TICKETS_MS, second.name, &k),
	    TLS_TICKETS_FORMER);
}

static void
a_key_that_nobody_used_for_long_opens_nothing(void **state)
{
	struct tls_tickets t = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct tls_tickets_key first, k;

	(void)state;
	tls_tickets_seal(&t, 0, &first);
	assert_int_equal(
	    tls_tickets_open(&t, 10 * TLS_TICKETS_MS, first.name, &k),
	    TLS_TICKETS_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_negotiated),
		cmocka_unit_test(dh_parameters_are_as_strong_as_the_key),
		cmocka_unit_test(large_groups_are_refused),
		cmocka_unit_test(nothing_is_renegotiated_compressed_or_early),
		cmocka_unit_test(a_name_chooses_the_certificate),
		cmocka_unit_test(a_certificate_is_checked_alone),
		cmocka_unit_test(a_key_with_a_passphrase_is_refused),
		cmocka_unit_test(so_many_certificates_and_no_more),
		cmocka_unit_test(each_word_of_a_list_is_known),
		cmocka_unit_test(a_ticket_holds_after_a_reload),
		cmocka_unit_test(
		    no_ticket_holds_where_other_things_are_allowed),
		cmocka_unit_test(keys_of_tickets_rotate),
		cmocka_unit_test(a_key_that_nobody_used_for_long_opens_nothing),
	};
	int rc;

	make_certificates();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	certs_remove();
	return rc;
}
