/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"
#include "postern/io/tls.h"

#include "io/tls_priv.h"
#include "io/tls_tickets.h"

/* Forward secrecy and AEAD alone, so neither CBC (Lucky 13) nor RSA key
 * exchange (ROBOT).  No DHE: a client chooses it to make the server compute
 * (CVE-2002-20001); who needs it writes it. */
#define CIPHERS                                                                \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"           \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"           \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define CIPHERS_OLD CIPHERS ":ALL:!aNULL:!PSK:!SRP:@SECLEVEL=0"
/* OpenSSL's own list goes up to ffdhe8192, which takes a client nothing to ask
 * for and a server tens of milliseconds. */
#define GROUPS "X25519:P-256:P-384:P-521"
#define RECORD_BYTES 4096

/* A certificate, its chain and its key, read once. */
struct tls_pair {
	X509 *certificate;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

/* --- certificates -----------------------------------------------------------
 */

/* A key with a passphrase is refused; nobody is there to ask. */
static int
no_passphrase(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static void
pair_done(struct tls_pair *p)
{
	X509_free(p->certificate);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key);
}

static int
read_chain(struct tls_pair *p, const char *file, struct err *err)
{
	BIO *bio = BIO_new_file(file, "r");
	X509 *next;

	if (bio != NULL)
		p->certificate =
		    PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
	if (p->certificate == NULL) {
		BIO_free(bio);
		return tls_fail(err, "certificate", file);
	}
	p->chain = sk_X509_new_null();
	if (p->chain == NULL)
		abort(); /* out of memory */
	while (
	    (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
		sk_X509_push(p->chain, next);
	BIO_free(bio);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return tls_fail(err, "the chain in", file);
	ERR_clear_error(); /* the end of the file */
	return 0;
}

static int
read_key(struct tls_pair *p, const char *file, struct err *err)
{
	BIO *bio = BIO_new_file(file, "r");

	if (bio != NULL)
		p->key =
		    PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return p->key != NULL ? 0 : tls_fail(err, "key", file);
}

static int
pair_read(struct tls_pair *p, const struct tls_certificate *c, struct err *err)
{
	if (read_chain(p, c->certificate, err) < 0 ||
	    read_key(p, c->key, err) < 0)
		return -1;
	if (X509_check_private_key(p->certificate, p->key) != 1)
		return tls_fail(err, "key", c->key);
	return 0;
}

static bool
pair_use(SSL_CTX *ctx, const struct tls_pair *p)
{
	return SSL_CTX_use_cert_and_key(
	           ctx, p->certificate, p->key, p->chain, 0) == 1;
}

/* Is it strong enough? */
static int
pair_try(
    const struct tls_pair *p, const struct tls_certificate *c, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int rc = 0;

	if (ctx == NULL)
		abort(); /* out of memory */
	if (!pair_use(ctx, p))
		rc = tls_fail(err, "certificate", c->certificate);
	SSL_CTX_free(ctx);
	return rc;
}

int
tls_server_use(SSL_CTX *ctx, const struct tls_certificate *c, struct err *err)
{
	struct tls_pair p = { 0 };
	int rc = pair_read(&p, c, err);

	if (rc == 0 && !pair_use(ctx, &p))
		rc = tls_fail(err, "certificate", c->certificate);
	pair_done(&p);
	return rc;
}

static bool
has_name(const struct tls_pair *p, const char *name, size_t n)
{
	return X509_check_host(p->certificate, name, n,
	           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* Has p each name that other has? */
static bool
has_names_of(const struct tls_pair *p, const struct tls_pair *other)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(
	    other->certificate, NID_subject_alt_name, NULL, NULL);
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	bool all = n > 0;

	for (int i = 0; i < n && all; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS)
			all = has_name(p,
			    (const char *)ASN1_STRING_get0_data(g->d.dNSName),
			    (size_t)ASN1_STRING_length(g->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	return all;
}

static bool
same_kind(const struct tls_pair *a, const struct tls_pair *b)
{
	return EVP_PKEY_get_base_id(a->key) == EVP_PKEY_get_base_id(b->key);
}

/* Does one of the first n, among those that are chosen, have i's kind of key?
 */
static bool
has_kind(const struct tls_context *t, const bool *chosen, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (chosen[k] && same_kind(&t->pairs[k], &t->pairs[i]))
			return true;
	}
	return false;
}

/* A client asks for a name: of the certificates that have it the first of each
 * kind of key; where none has it what the context has already. */
static int
on_certificate(SSL *ssl, void *arg)
{
	const struct tls_context *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool chosen[TLS_CERTIFICATES_MAX] = { false };
	bool is_first = true;

	if (name == NULL)
		return 1;
	for (size_t i = 0; i < t->npairs; i++) {
		const struct tls_pair *p = &t->pairs[i];

		if (!has_name(p, name, strlen(name)) || has_kind(t, chosen, i))
			continue;
		if (is_first)
			SSL_certs_clear(ssl);
		if (SSL_use_cert_and_key(
		        ssl, p->certificate, p->key, p->chain, 0) != 1)
			return 0;
		chosen[i] = true;
		is_first = false;
	}
	return 1;
}

/* The first, and beside it those of other kinds that have all its names. */
static int
use_first(struct tls_context *t, struct err *err)
{
	bool chosen[TLS_CERTIFICATES_MAX] = { false };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct tls_pair *p = &t->pairs[i];

		if (i > 0 &&
		    (has_kind(t, chosen, i) || !has_names_of(p, &t->pairs[0])))
			continue;
		if (!pair_use(t->ctx, p))
			return tls_fail(err, "certificates", "together");
		chosen[i] = true;
	}
	if (t->npairs > 1)
		SSL_CTX_set_cert_cb(t->ctx, on_certificate, t);
	return 0;
}

static int
read_pairs(
    struct tls_context *t, const struct tls_server_settings *s, struct err *err)
{
	if (s->ncertificates == 0)
		return err_set(err, ERR_CONFIG, "there is no certificate");
	if (s->ncertificates > TLS_CERTIFICATES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d certificates",
		    TLS_CERTIFICATES_MAX);
	t->pairs = mem_array(s->ncertificates, sizeof *t->pairs);
	while (t->npairs < s->ncertificates) {
		const struct tls_certificate *c = &s->certificates[t->npairs];
		struct tls_pair *p = &t->pairs[t->npairs++];

		if (pair_read(p, c, err) < 0 || pair_try(p, c, err) < 0)
			return -1;
	}
	return use_first(t, err);
}

void
tls_server_done(struct tls_context *t)
{
	for (size_t i = 0; i < t->npairs; i++)
		pair_done(&t->pairs[i]);
	free(t->pairs);
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int
tls_server_check(const struct tls_certificate *c, int64_t *from, int64_t *until,
    struct err *err)
{
	struct tls_pair p = { 0 };
	int rc = -1;

	if (pair_read(&p, c, err) == 0 && pair_try(&p, c, err) == 0) {
		*from = seconds_of(X509_get0_notBefore(p.certificate));
		*until = seconds_of(X509_get0_notAfter(p.certificate));
		rc = 0;
	}
	pair_done(&p);
	return rc;
}

/* --- ciphers ----------------------------------------------------------------
 */

/* OpenSSL takes a list of which it knows one word: here each has to be known.
 * Words of its grammar ("!aNULL", "@STRENGTH") are its own. */
static int
check_words(const char *list, int (*set)(SSL_CTX *ctx, const char *word),
    struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct str rest = str_of(list);
	int rc = 0;

	if (ctx == NULL)
		abort(); /* out of memory */
	SSL_CTX_set_security_level(ctx, 0);
	while (rest.len > 0 && rc == 0) {
		struct str part = str_trim(str_cut(&rest, ':'));
		char word[80];

		(void)snprintf(
		    word, sizeof word, "%.*s", (int)part.len, part.p);
		if (word[0] != '\0' && strchr("!-+@", word[0]) != NULL)
			continue;
		if (part.len >= sizeof word || set(ctx, word) != 1)
			rc = err_set(err, ERR_CONFIG, "\"%s\"", word);
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return rc;
}

int
tls_server_check_ciphers(const char *list, struct err *err)
{
	return check_words(list, SSL_CTX_set_cipher_list, err);
}

int
tls_server_check_suites(const char *list, struct err *err)
{
	return check_words(list, SSL_CTX_set_ciphersuites, err);
}

static int
set_ciphers(SSL_CTX *ctx, const struct tls_server_settings *s, struct err *err)
{
	const char *list = s->ciphers;

	if (list == NULL)
		list = s->old ? CIPHERS_OLD : CIPHERS;
	if (SSL_CTX_set_cipher_list(ctx, list) != 1)
		return tls_fail(err, "ciphers", list);
	if (s->ciphersuites != NULL &&
	    SSL_CTX_set_ciphersuites(ctx, s->ciphersuites) != 1)
		return tls_fail(err, "ciphersuites", s->ciphersuites);
	SSL_CTX_set_dh_auto(ctx, 1); /* as strong as the key */
	return SSL_CTX_set1_groups_list(ctx, GROUPS) == 1
	           ? 0
	           : tls_fail(err, "groups", GROUPS);
}

/* --- contexts ---------------------------------------------------------------
 */

/* A ticket holds where the same is allowed as where it was given: no session
 * of old ciphers goes on after a reload that forbids them. */
static void
set_realm(SSL_CTX *ctx, const struct tls_server_settings *s)
{
	const char *words[] = { s->old ? "old" : "", s->min_version, s->ciphers,
		s->ciphersuites };
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	unsigned char id[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (sum == NULL || EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const char *word = words[i] != NULL ? words[i] : "";

		EVP_DigestUpdate(sum, word, strlen(word) + 1);
	}
	EVP_DigestFinal_ex(sum, id, &n);
	EVP_MD_CTX_free(sum);
	SSL_CTX_set_session_id_context(ctx, id, n);
}

/* A certificate that is shown has to be good.  No tickets then: each session
 * proves it anew, so that one taken back does not live on. */
static int
set_client_ca(SSL_CTX *ctx, const char *file, struct err *err)
{
	STACK_OF(X509_NAME) * names;

	if (SSL_CTX_load_verify_file(ctx, file) != 1)
		return tls_fail(err, "certificates in", file);
	names = SSL_load_client_CA_file(file);
	if (names == NULL)
		return tls_fail(err, "certificates in", file);
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	return 0;
}

static int
set_up(
    struct tls_context *t, const struct tls_server_settings *s, struct err *err)
{
	SSL_CTX_set_options(t->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Replies are short: a record's buffer need not be 16 KiB large. */
	SSL_CTX_set_max_send_fragment(t->ctx, RECORD_BYTES);
	/* Tickets only: no memory a session. */
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(t->ctx, 0); /* it could be played again */
	SSL_CTX_set_recv_max_early_data(t->ctx, 0);
	set_realm(t->ctx, s);
	tls_tickets_use(t->ctx);
	if (tls_floor(t->ctx, s->min_version, err) < 0)
		return -1;
	if (s->old) {
		SSL_CTX_set_security_level(t->ctx, 0);
		SSL_CTX_set_min_proto_version(t->ctx, TLS1_VERSION);
	}
	if (set_ciphers(t->ctx, s, err) < 0 || read_pairs(t, s, err) < 0)
		return -1;
	return s->client_ca != NULL ? set_client_ca(t->ctx, s->client_ca, err)
	                            : 0;
}

int
tls_server_new(struct tls_context **out, const struct tls_server_settings *s,
    struct err *err)
{
	struct tls_context *t = tls_make(TLS_server_method());

	if (set_up(t, s, err) < 0) {
		tls_free(&t);
		return -1;
	}
	*out = t;
	return 0;
}
