/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

static char dir[64];

void
certs_setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/postern-certs.XXXXXX");
	assert_non_null(mkdtemp(dir));
}

void
certs_remove(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
}

const char *
certs_dir(void)
{
	return dir;
}

static void
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static FILE *
open_file(char path[128], const char *name, const char *suffix)
{
	FILE *f;

	snprintf(path, 128, "%s/%s.%s", dir, name, suffix);
	f = fopen(path, "w");
	assert_non_null(f);
	return f;
}

static void
write_files(struct cert *c, const char *file, X509 *x, EVP_PKEY *key)
{
	FILE *f = open_file(c->certificate, file, "pem");

	PEM_write_X509(f, x);
	fclose(f);
	f = open_file(c->key, file, "key");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

static void
read_issuer(const struct cert *c, X509 **x, EVP_PKEY **key)
{
	FILE *f = fopen(c->certificate, "r");

	*x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	f = fopen(c->key, "r");
	*key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
}

/* What make() is told besides names and file. */
struct wanted {
	EVP_PKEY *key;  /* freed */
	int days, from; /* days from now */
	const struct cert *issuer;
};

static void
make(
    struct cert *c, const char *file, const char *names, const struct wanted *w)
{
	const struct cert *issuer = w->issuer;
	EVP_PKEY *key = w->key, *ca_key = key;
	X509 *x = X509_new(), *ca = x;
	int64_t serial;
	int days = w->days;

	RAND_bytes((unsigned char *)&serial, sizeof serial);
	ASN1_INTEGER_set_int64(X509_get_serialNumber(x), serial & INT32_MAX);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), 86400L * w->from + 60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	    (const unsigned char *)file, -1, -1, 0);
	if (issuer)
		read_issuer(issuer, &ca, &ca_key);
	X509_set_issuer_name(x, X509_get_subject_name(ca));
	X509_set_pubkey(x, key);
	if (!issuer)
		add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(x, ca, NID_subject_alt_name, names);
	assert_true(X509_sign(x, ca_key, EVP_sha256()) > 0);
	write_files(c, file, x, key);
	if (issuer) {
		X509_free(ca);
		EVP_PKEY_free(ca_key);
	}
	X509_free(x);
	EVP_PKEY_free(key);
}

void
certs_make(struct cert *c, const char *file, const char *names, int days,
    const struct cert *issuer)
{
	struct wanted w = { EVP_EC_gen("P-256"), days, -10, issuer };

	make(c, file, names, &w);
}

void
certs_make_rsa(
    struct cert *c, const char *file, const char *names, unsigned bits)
{
	struct wanted w = { EVP_RSA_gen(bits), 100, -10, NULL };

	make(c, file, names, &w);
}

void
certs_make_early(struct cert *c, const char *file, const char *names, int from,
    const struct cert *issuer)
{
	struct wanted w = { EVP_EC_gen("P-256"), from + 100, from, issuer };

	make(c, file, names, &w);
}
