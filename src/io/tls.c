/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "postern/base/list.h"
#include "postern/base/mem.h"

#include "io/tls_priv.h"

#define SESSIONS_MAX 256 /* names whose last session is kept */

/* The last session with a server, for resumption. */
struct session {
	struct list node;
	char *name;
	SSL_SESSION *session; /* a reference */
};

/* What the system said is told rather than what was made of it. */
int
tls_fail(struct err *err, const char *what, const char *of)
{
	const char *why = NULL;
	unsigned long e;

	while ((e = ERR_get_error()) != 0) {
		if (ERR_SYSTEM_ERROR(e)) {
			errno = ERR_GET_REASON(e);
			ERR_clear_error();
			return err_sys(err, "%s %s", what, of);
		}
		why = ERR_reason_error_string(e);
	}
	return err_set(
	    err, ERR_TLS, "%s %s: %s", what, of, why ? why : "no reason");
}

int
tls_floor(SSL_CTX *ctx, const char *version, struct err *err)
{
	int v = TLS1_2_VERSION;

	if (version && !strcmp(version, "1.3"))
		v = TLS1_3_VERSION;
	else if (version && strcmp(version, "1.2") != 0)
		return err_set(err, ERR_CONFIG,
		    "TLS version %s: write 1.2 or 1.3", version);
	SSL_CTX_set_min_proto_version(ctx, v);
	return 0;
}

static void
free_session(struct tls_context *t, struct session *s)
{
	list_remove(&s->node);
	t->sessions_n--;
	SSL_SESSION_free(s->session);
	free(s->name);
	free(s);
}

static struct session *
find_session(struct tls_context *t, const char *name)
{
	for (struct list *n = t->sessions.next; n != &t->sessions;
	     n = n->next) {
		struct session *s = LIST_OF(n, struct session, node);

		if (!strcmp(s->name, name))
			return s;
	}
	return NULL;
}

/* A server sent a session: it takes the place of the one we had.  1: the
 * reference is ours now. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_peer *peer = SSL_get_app_data(ssl);
	struct session *s;

	if (!peer)
		return 0;
	pthread_mutex_lock(&t->lock);
	s = find_session(t, peer->name);
	if (s)
		free_session(t, s);
	else if (t->sessions_n == SESSIONS_MAX)
		free_session(
		    t, LIST_OF(t->sessions.next, struct session, node));
	s = mem_new(sizeof *s);
	s->name = mem_str(peer->name);
	s->session = session;
	list_push(&t->sessions, &s->node);
	t->sessions_n++;
	pthread_mutex_unlock(&t->lock);
	return 1;
}

struct tls_context *
tls_make(const SSL_METHOD *method)
{
	struct tls_context *t = mem_new(sizeof *t);

	t->ctx = SSL_CTX_new(method);
	if (!t->ctx)
		abort(); /* out of memory */
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->sessions);
	SSL_CTX_set_app_data(t->ctx, t);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                             SSL_MODE_RELEASE_BUFFERS);
	/* SMTP ends its sessions itself: a missing close_notify cuts nothing
	 * off that was not ended by a dot or a count. */
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION |
	                                SSL_OP_NO_COMPRESSION |
	                                SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(t->ctx, 1); /* one read(2) a record, not two */
	return t;
}

static int
set_ca(SSL_CTX *ctx, const char *file, struct err *err)
{
	if (file && SSL_CTX_load_verify_file(ctx, file) != 1)
		return tls_fail(err, "CA certificates in", file);
	if (!file && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return tls_fail(err, "CA certificates of", "the system");
	return 0;
}

/* Whom to believe. */
static int
set_verify(
    struct tls_context *t, const struct tls_client_settings *s, struct err *err)
{
	t->verify = s->verify == TLS_VERIFY_FULL;
	if (!t->verify)
		return 0;
	tls_peer_verify(t);
	t->npins = s->npins;
	if (t->npins == 0)
		return set_ca(t->ctx, s->ca_file, err);
	t->pins = mem_dup(s->pins, s->npins * sizeof *s->pins);
	return 0;
}

static int
set_ciphers(SSL_CTX *ctx, const struct tls_client_settings *s, struct err *err)
{
	if (s->ciphers && SSL_CTX_set_cipher_list(ctx, s->ciphers) != 1)
		return tls_fail(err, "ciphers", s->ciphers);
	if (s->ciphersuites &&
	    SSL_CTX_set_ciphersuites(ctx, s->ciphersuites) != 1)
		return tls_fail(err, "ciphersuites", s->ciphersuites);
	return 0;
}

/* One that cannot be read is a mistake where it is used. */
static void
add_file(EVP_MD_CTX *sum, const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	char part[4096];
	size_t n, all = 0;

	if (f) /* so that no buffer keeps a key */
		setvbuf(f, NULL, _IONBF, 0);
	while (f && (n = fread(part, 1, sizeof part, f)) > 0) {
		EVP_DigestUpdate(sum, part, n);
		all += n;
	}
	OPENSSL_cleanse(part, sizeof part);
	EVP_DigestUpdate(sum, &all, sizeof all);
	if (f)
		fclose(f);
}

static void
sum_files(struct tls_context *t, const struct tls_client_settings *s)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();

	if (!sum || EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
	add_file(sum, s->verify == TLS_VERIFY_FULL ? s->ca_file : NULL);
	add_file(sum, s->own.certificate);
	add_file(sum, s->own.key);
	EVP_DigestFinal_ex(sum, t->files, NULL);
	EVP_MD_CTX_free(sum);
}

bool
tls_has_same_files(const struct tls_context *a, const struct tls_context *b)
{
	return a && b ? memcmp(a->files, b->files, sizeof a->files) == 0
	              : a == b;
}

int
tls_client_new(struct tls_context **out, const struct tls_client_settings *s,
    struct err *err)
{
	struct tls_context *t = tls_make(TLS_client_method());

	t->is_client = true;
	sum_files(t, s);
	SSL_CTX_set_session_cache_mode(
	    t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(t->ctx, on_session);
	if (tls_floor(t->ctx, s->min_version, err) < 0 ||
	    set_verify(t, s, err) < 0 || set_ciphers(t->ctx, s, err) < 0 ||
	    (s->own.certificate && tls_server_use(t->ctx, &s->own, err) < 0)) {
		tls_free(&t);
		return -1;
	}
	*out = t;
	return 0;
}

struct tls_context *
tls_ref(struct tls_context *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void
tls_free(struct tls_context **context)
{
	struct tls_context *t = *context;

	*context = NULL;
	if (!t ||
	    atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
		return;
	while (!list_empty(&t->sessions))
		free_session(
		    t, LIST_OF(t->sessions.next, struct session, node));
	SSL_CTX_free(t->ctx);
	free(t->pins);
	tls_server_done(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static bool
is_numeric(const char *name)
{
	unsigned char addr[16];

	return inet_pton(AF_INET, name, addr) == 1 ||
	       inet_pton(AF_INET6, name, addr) == 1;
}

static void
resume(struct tls_context *t, SSL *ssl, const char *name)
{
	struct session *s;

	pthread_mutex_lock(&t->lock);
	s = find_session(t, name);
	if (s && SSL_SESSION_is_resumable(s->session))
		SSL_set_session(ssl, s->session);
	pthread_mutex_unlock(&t->lock);
}

/* SNI, the name to verify, the session to resume. */
static bool
set_peer(struct tls_context *t, SSL *ssl, const char *name)
{
	char host[256];
	size_t n = strlen(name);

	if (n >= sizeof host)
		return false;
	if (n && name[n - 1] == '.') /* of the DNS, not of the certificate */
		n--;
	memcpy(host, name, n);
	host[n] = '\0';
	if (n == 0) /* nobody in particular */
		return !t->verify;
	resume(t, ssl, name);
	if (is_numeric(host))
		return X509_VERIFY_PARAM_set1_ip_asc(
		           SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) == 1 &&
	       SSL_set1_host(ssl, host) == 1;
}

struct ssl_st *
tls_attach(struct tls_context *t, int fd, struct tls_peer *peer)
{
	SSL *ssl = SSL_new(t->ctx);

	if (!ssl || SSL_set_fd(ssl, fd) != 1)
		abort(); /* out of memory */
	assert(t->is_client == (peer != NULL));
	if (!peer) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (!set_peer(t, ssl, peer->name)) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_app_data(ssl, peer);
	return ssl;
}

/* Of the first bytes from a client. */
static bool
is_foreign(int reason)
{
	return reason == SSL_R_WRONG_VERSION_NUMBER ||
	       reason == SSL_R_HTTP_REQUEST ||
	       reason == SSL_R_HTTPS_PROXY_REQUEST;
}

void
tls_explain(const struct tls_context *t, const struct ssl_st *ssl,
    const struct tls_peer *peer, char out[TLS_TEXT])
{
	unsigned long e = ERR_peek_error();
	int reason = e ? ERR_GET_REASON(e) : 0;
	long verify = SSL_get_verify_result(ssl);
	const char *why = e ? ERR_reason_error_string(e) : NULL;

	if (peer && tls_peer_explain(t, peer, reason, out))
		;
	else if (!peer && reason == SSL_R_CERTIFICATE_VERIFY_FAILED &&
	         verify != X509_V_OK)
		snprintf(out, TLS_TEXT, "certificate of the client: %s",
		    X509_verify_cert_error_string(verify));
	else if (!peer && is_foreign(reason))
		snprintf(out, TLS_TEXT, "TLS: what came is no TLS");
	else
		snprintf(
		    out, TLS_TEXT, "TLS: %s", why ? why : "the peer broke off");
	ERR_clear_error();
}
