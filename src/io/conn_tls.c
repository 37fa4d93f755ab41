/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "postern/base/mem.h"

#include "io/conn_priv.h"
#include "io/tls_priv.h"

static void
start_tls(struct conn *c, struct tls_context *t, const char *name)
{
	assert(c->magic == CONN_MAGIC && c->phase == CONN_PHASE_CLEAR);
	c->view = STR("");
	buf_clear(
	    &c->in); /* sent before the handshake: nobody vouches for it */
	loop_buf_put(c->loop, &c->in);
	c->tls = tls_ref(t);
	c->peer = name ? tls_peer_new(name) : NULL;
	c->clear_left = c->out.len;
	c->phase = CONN_PHASE_HANDSHAKE;
	c->read_off = c->show = false;
	conn_io_wants(c);
	loop_task_later(c->loop, &c->task);
}

void
conn_secure_server(struct conn *c, struct tls_context *t)
{
	start_tls(c, t, NULL);
}

void
conn_secure_client(struct conn *c, struct tls_context *t, const char *name)
{
	start_tls(c, t, name);
}

/* What a call that did not succeed waits for.  *wants: the direction that is
 * not the call's own. */
static enum conn_io
what_now(struct conn *c, int rc, int own, bool *other)
{
	char text[TLS_TEXT];
	int e = errno, error = SSL_get_error(c->ssl, rc);

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		*other = error != own;
		return CONN_IO_WAIT;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return CONN_IO_EOF;
	c->tls_dead = true;
	if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		if (e == 0)
			return CONN_IO_EOF;
		conn_fail(c, own == SSL_ERROR_WANT_READ ? "read" : "write", e);
		return CONN_IO_ERROR;
	}
	tls_explain(c->tls, c->ssl, c->peer, text);
	conn_fail_tls(c, text);
	return CONN_IO_ERROR;
}

enum conn_io
conn_tls_read(struct conn *c, char *to, size_t max, size_t *n)
{
	enum conn_io rc = CONN_IO_DONE;

	c->read_wants_write = false;
	*n = 0;
	if (c->tls_dead)
		return CONN_IO_EOF;
	while (rc == CONN_IO_DONE && *n < max) {
		size_t got = 0;
		int ok;

		ERR_clear_error();
		errno = 0;
		ok = SSL_read_ex(c->ssl, to + *n, max - *n, &got);
		*n += got;
		if (ok != 1)
			rc = what_now(
			    c, ok, SSL_ERROR_WANT_READ, &c->read_wants_write);
	}
	c->tls_more = rc == CONN_IO_DONE;
	return rc;
}

enum conn_io
conn_tls_write(struct conn *c, const char *p, size_t max, size_t *n)
{
	enum conn_io rc;
	int ok;

	c->write_wants_read = false;
	if (c->tls_dead) {
		conn_fail(c, "write", EPIPE);
		return CONN_IO_ERROR;
	}
	ERR_clear_error();
	errno = 0;
	*n = 0;
	ok = SSL_write_ex(c->ssl, p, max, n);
	if (ok == 1)
		return CONN_IO_DONE;
	rc = what_now(c, ok, SSL_ERROR_WANT_WRITE, &c->write_wants_read);
	if (rc == CONN_IO_EOF)
		conn_fail(c, "write", EPIPE);
	return rc;
}

static void
on_secured(struct conn *c)
{
	c->phase = CONN_PHASE_SECURE;
	c->secured = true;
	c->blocked = false;
	conn_io_wants(c);
	if (c->out.len)
		loop_task_later(c->loop, &c->task);
	/* The peer's first bytes may have come with its last of the handshake.
	 */
	loop_task_next(c->loop, &c->again);
	c->s.fn(c, CONN_SECURED, c->s.arg);
}

static void
refuse_name(struct conn *c)
{
	conn_fail_tls(c, "TLS: the server's name cannot be verified");
	conn_end(c, CONN_FAILED);
}

void
conn_tls_handshake(struct conn *c)
{
	enum conn_io io;
	bool other = false;
	int rc;

	/* A client's bytes wait with the kernel, which calls again. */
	if (c->peer == NULL && !loop_has_time(c->loop))
		return;
	if (!c->ssl) {
		c->ssl = tls_attach(c->tls, c->fd, c->peer);
		if (!c->ssl) {
			refuse_name(c);
			return;
		}
	}
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		on_secured(c);
		return;
	}
	io = what_now(c, rc, SSL_ERROR_WANT_READ, &other);
	if (io == CONN_IO_WAIT) {
		c->blocked = other;
		conn_io_wants(c);
		return;
	}
	if (io == CONN_IO_EOF)
		conn_fail_tls(c, "TLS: the peer closed during the handshake");
	conn_end(c, CONN_FAILED);
}

void
conn_tls_drop_pending(struct conn *c)
{
	char junk[4096];
	size_t n = 0, sum = 0;

	while (c->tls_more && sum < LOOP_SCRATCH_BYTES) {
		enum conn_io rc = conn_tls_read(c, junk, sizeof junk, &n);

		sum += n;
		if (rc == CONN_IO_EOF || rc == CONN_IO_ERROR)
			c->late = rc;
	}
}

bool
conn_tls_shutdown(struct conn *c)
{
	bool other = false;
	int rc;

	if (!c->secured || c->tls_dead)
		return true;
	ERR_clear_error();
	errno = 0;
	rc = SSL_shutdown(c->ssl);
	if (rc >= 0)
		return true;
	if (what_now(c, rc, SSL_ERROR_WANT_WRITE, &other) != CONN_IO_WAIT)
		return true;
	c->blocked = !other;
	return other;
}

/* Without a word of goodbye OpenSSL forgets the session. */
void
conn_tls_free(struct conn *c)
{
	ERR_clear_error();
	if (c->ssl && c->secured && !c->tls_dead && !c->shut)
		SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	c->ssl = NULL;
	tls_free(&c->tls);
}

const char *
conn_tls_version(const struct conn *c)
{
	return c->secured ? SSL_get_version(c->ssl) : "";
}

const char *
conn_tls_cipher(const struct conn *c)
{
	return c->secured ? SSL_get_cipher_name(c->ssl) : "";
}

bool
conn_tls_resumed(const struct conn *c)
{
	return c->secured && SSL_session_reused(c->ssl) == 1;
}

bool
conn_tls_server(const struct conn *c, struct tls_facts *f)
{
	*f = (struct tls_facts){ .names = "" };
	return c->secured && tls_peer_facts(c->ssl, f);
}

/* One common name: of two, nobody knows which is meant. */
static const ASN1_STRING *
common_name(const X509 *certificate)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return NULL;
	return X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	}
	return s.len > 0 && str_utf8_valid(s);
}

bool
conn_tls_client(const struct conn *c, char *out, size_t max)
{
	X509 *shown = c->secured ? SSL_get0_peer_certificate(c->ssl) : NULL;
	const ASN1_STRING *name = NULL;
	unsigned char *text = NULL;
	bool fits = false;
	int n = -1;

	if (shown != NULL && SSL_get_verify_result(c->ssl) == X509_V_OK)
		name = common_name(shown);
	if (name != NULL)
		n = ASN1_STRING_to_UTF8(&text, name);
	if (n >= 0 && (size_t)n < max &&
	    is_plain((struct str){ (char *)text, (size_t)n })) {
		memcpy(out, text, (size_t)n);
		out[n] = '\0';
		fits = true;
	}
	OPENSSL_free(text);
	return fits;
}
