/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_peer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "io/tls_priv.h"

#define NAMES_TOLD 3
#define NAME_TOLD 40 /* octets of a name in a sentence */
#define PIN_TEXT 45  /* base64 of TLS_PIN_LEN octets */

struct tls_peer *
tls_peer_new(const char *name)
{
	struct tls_peer *p = mem_new(sizeof *p);

	p->name = mem_str(name);
	return p;
}

void
tls_peer_free(struct tls_peer **p)
{
	if (*p != NULL)
		free((*p)->name);
	free(*p);
	*p = NULL;
}

/* --- words ------------------------------------------------------------------
 */

/* What a certificate says of itself is anybody's text. */
static void
put_plain(char out[NAME_TOLD], const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < NAME_TOLD; i++)
		out[i] = p[i] >= ' ' && p[i] < 0x7f && p[i] != '"' ? p[i] : '?';
	out[i] = '\0';
}

static void
put_issuer(char out[NAME_TOLD], const X509 *c)
{
	const X509_NAME *name = X509_get_issuer_name(c);
	char line[256];

	if (X509_NAME_get_text_by_NID(name, NID_commonName, line, sizeof line) <
	    0)
		(void)X509_NAME_oneline(name, line, sizeof line);
	put_plain(out, line, strlen(line));
}

static void
put_name(char out[NAME_TOLD], const GENERAL_NAME *g)
{
	const ASN1_STRING *s =
	    g->type == GEN_DNS ? g->d.dNSName : g->d.iPAddress;
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);

	if (g->type == GEN_DNS)
		put_plain(out, (const char *)p, (size_t)n);
	else if (inet_ntop(n == 4 ? AF_INET : AF_INET6, p, out, NAME_TOLD) ==
	         NULL)
		out[0] = '\0';
}

static bool
is_told(const GENERAL_NAME *g)
{
	int n;

	if (g->type == GEN_DNS)
		return true;
	if (g->type != GEN_IPADD)
		return false;
	n = ASN1_STRING_length(g->d.iPAddress);
	return n == 4 || n == 16;
}

/* "a, b, c and 4 more" */
static void
put_names(char out[(NAMES_TOLD + 1) * NAME_TOLD], const X509 *c)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(c, NID_subject_alt_name, NULL, NULL);
	size_t len = 0, max = (NAMES_TOLD + 1) * NAME_TOLD;
	int told = 0, more = 0;

	out[0] = '\0';
	for (int i = 0; all != NULL && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		char name[NAME_TOLD];

		if (!is_told(g))
			continue;
		if (told == NAMES_TOLD) {
			more++;
			continue;
		}
		put_name(name, g);
		len += (size_t)snprintf(
		    out + len, max - len, "%s%s", told++ > 0 ? ", " : "", name);
	}
	if (more > 0)
		(void)snprintf(out + len, max - len, " and %d more", more);
	if (told == 0)
		(void)snprintf(out, max, "nobody by name");
	GENERAL_NAMES_free(all);
}

/* "3 days"; how far off, and *day: when. */
static void
put_time(char far[40], char day[40], const ASN1_TIME *t)
{
	struct tm tm;
	int64_t at, off;

	far[0] = day[0] = '\0';
	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return;
	(void)strftime(day, 40, "%Y-%m-%d %H:%M UTC", &tm);
	at = (int64_t)timegm(&tm);
	off = at - clock_wall_ms() / 1000;
	off = off < 0 ? -off : off;
	if (off < 2 * 3600)
		(void)snprintf(far, 40, "%" PRId64 " minutes", off / 60);
	else if (off < 2 * 86400)
		(void)snprintf(far, 40, "%" PRId64 " hours", off / 3600);
	else
		(void)snprintf(far, 40, "%" PRId64 " days", off / 86400);
}

/* --- pins -------------------------------------------------------------------
 */

int
tls_pin_parse(unsigned char pin[TLS_PIN_LEN], const char *text)
{
	unsigned char raw[TLS_PIN_LEN + 1]; /* with what "=" stands for */
	const unsigned char *p = (const unsigned char *)text;

	if (strlen(text) != PIN_TEXT - 1 || text[PIN_TEXT - 2] != '=' ||
	    EVP_DecodeBlock(raw, p, PIN_TEXT - 1) != TLS_PIN_LEN + 1)
		return -1;
	memcpy(pin, raw, TLS_PIN_LEN);
	return 0;
}

/* SHA-256 of the public key (its SubjectPublicKeyInfo). */
static void
pin_of(const X509 *c, unsigned char pin[TLS_PIN_LEN])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c), &der);

	memset(pin, 0, TLS_PIN_LEN);
	if (n > 0)
		(void)EVP_Digest(der, (size_t)n, pin, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
}

static void
put_pin(char out[PIN_TEXT], const X509 *c)
{
	unsigned char pin[TLS_PIN_LEN];

	pin_of(c, pin);
	(void)EVP_EncodeBlock((unsigned char *)out, pin, TLS_PIN_LEN);
}

static bool
has_pin(const struct tls_context *t, const X509 *c)
{
	unsigned char pin[TLS_PIN_LEN];

	pin_of(c, pin);
	for (size_t i = 0; i < t->npins; i++) {
		if (memcmp(t->pins[i], pin, TLS_PIN_LEN) == 0)
			return true;
	}
	return false;
}

/* --- its certificate --------------------------------------------------------
 */

static void
tell_date(struct tls_peer *p, X509_STORE_CTX *x, bool is_over)
{
	const X509 *c = X509_STORE_CTX_get_current_cert(x);
	bool is_own = X509_STORE_CTX_get_error_depth(x) == 0;
	char far[40], day[40];

	put_time(
	    far, day, is_over ? X509_get0_notAfter(c) : X509_get0_notBefore(c));
	if (is_over)
		(void)snprintf(p->fault, TLS_TEXT,
		    "certificate of %.60s%s expired %s ago (%s); %s", p->name,
		    is_own ? "" : ": one that it is signed by", far, day,
		    is_own ? "the provider has to renew it"
		           : "a newer one in ca_file may do");
	else
		(void)snprintf(p->fault, TLS_TEXT,
		    "certificate of %.60s%s is not valid yet, for %s (until "
		    "%s); is the clock of this machine right?",
		    p->name, is_own ? "" : ": one that it is signed by", far,
		    day);
}

static void
tell_name(struct tls_peer *p, const X509 *c)
{
	char names[(NAMES_TOLD + 1) * NAME_TOLD];

	put_names(names, c);
	(void)snprintf(p->fault, TLS_TEXT,
	    "certificate is not for %.40s but for %.80s; if it is the right "
	    "server write one of these as tls_name",
	    p->name, names);
}

static void
tell_stranger(struct tls_peer *p, const X509 *c, int error)
{
	char issuer[NAME_TOLD], pin[PIN_TEXT];

	put_issuer(issuer, c);
	put_pin(pin, c);
	if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
		(void)snprintf(p->fault, TLS_TEXT,
		    "certificate of %.40s is self-signed; write ca_file, or if "
		    "you know this key pins = [ \"%s\" ];",
		    p->name, pin);
	else
		(void)snprintf(p->fault, TLS_TEXT,
		    "certificate of %.40s: signed by %s, not known here; "
		    "write ca_file, or pins = [ \"%s\" ];",
		    p->name, issuer, pin);
}

static void
tell(struct tls_peer *p, X509_STORE_CTX *x)
{
	const X509 *own = X509_STORE_CTX_get0_cert(x);
	int error = X509_STORE_CTX_get_error(x);

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tell_date(p, x, error == X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		tell_name(p, own);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		tell_stranger(p, own, error);
		break;
	default:
		(void)snprintf(p->fault, TLS_TEXT, "certificate of %.60s: %s",
		    p->name, X509_verify_cert_error_string(error));
	}
}

static int
verify_pins(const struct tls_context *t, struct tls_peer *p, X509_STORE_CTX *x)
{
	const X509 *own = X509_STORE_CTX_get0_cert(x);
	char pin[PIN_TEXT];

	if (has_pin(t, own)) {
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	put_pin(pin, own);
	(void)snprintf(p->fault, TLS_TEXT,
	    "the key of %.40s is none of pins; if it has a new one that you "
	    "know, write pins = [ \"%s\" ];",
	    p->name, pin);
	X509_STORE_CTX_set_error(x, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

static int
verify(X509_STORE_CTX *x, void *arg)
{
	const struct tls_context *t = arg;
	const SSL *ssl =
	    X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_peer *p = SSL_get_app_data(ssl);
	int rc;

	if (t->npins > 0)
		return verify_pins(t, p, x);
	rc = X509_verify_cert(x);
	if (rc <= 0)
		tell(p, x);
	return rc;
}

void
tls_peer_verify(struct tls_context *t)
{
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(t->ctx, verify, t);
}

bool
tls_peer_facts(const struct ssl_st *ssl, struct tls_facts *f)
{
	const X509 *c = SSL_get0_peer_certificate(ssl);

	*f = (struct tls_facts){ .names = "" };
	if (c == NULL)
		return false;
	put_names(f->names, c);
	put_issuer(f->issuer, c);
	put_time(f->left, f->until, X509_get0_notAfter(c));
	put_pin(f->pin, c);
	return true;
}

/* --- the handshake ----------------------------------------------------------
 */

bool
tls_peer_explain(const struct tls_context *t, const struct tls_peer *p,
    int reason, char out[TLS_TEXT])
{
	bool is_13 = SSL_CTX_get_min_proto_version(t->ctx) == TLS1_3_VERSION;

	if (p->fault[0] != '\0') {
		(void)snprintf(out, TLS_TEXT, "%s", p->fault);
		return true;
	}
	switch (reason) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		(void)snprintf(out, TLS_TEXT,
		    "TLS: %.60s speaks no version from %s on; %s", p->name,
		    is_13 ? "1.3" : "1.2",
		    is_13 ? "ask for a newer server, or write min_version = "
		            "\"1.2\";"
		          : "older ones are broken: ask for a newer server");
		return true;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		(void)snprintf(out, TLS_TEXT,
		    "TLS: what %.60s says is no TLS; compare port and tls_mode "
		    "with its documents",
		    p->name);
		return true;
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
		(void)snprintf(out, TLS_TEXT,
		    "TLS: %.60s has no cipher in common with us, or wants a "
		    "certificate; look at ciphers, ciphersuites, certificate",
		    p->name);
		return true;
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		(void)snprintf(out, TLS_TEXT,
		    "TLS: %.60s wants a certificate of ours; write certificate "
		    "and key",
		    p->name);
		return true;
	default:
		return false;
	}
}
