/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/relay/jwt.h"
#include "postern/relay/oauth.h"
#include "postern/relay/oauth_form.h"

static struct secret *
secret(const char *text)
{
	return secret_new(text, strlen(text));
}

static void
expect(const struct oauth_settings *s, const struct oauth_form_facts *f,
    const char *want)
{
	struct buf b;
	struct err err = { 0 };

	buf_init(&b, OAUTH_FORM_MAX);
	if (oauth_form_token(&b, s, f, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(buf_add(&b, "", 1), 0);
	assert_string_equal(buf_at(&b), want);
	buf_wipe(&b);
}

static void
each_grant_has_its_form(void **state)
{
	struct oauth_settings s = { .grant = OAUTH_REFRESH_TOKEN,
		.client_id = "c&d",
		.scope = "https://a/ b" };
	struct oauth_form_facts f = { .refresh = secret("r+/=%") };

	(void)state;
	expect(&s, &f,
	    "grant_type=refresh_token&client_id=c%26d&refresh_token="
	    "r%2B%2F%3D%25&scope=https%3A%2F%2Fa%2F%20b");
	s.grant = OAUTH_CLIENT_CREDENTIALS;
	s.client_secret = secret("\xc3\xa4~");
	expect(&s, &f,
	    "grant_type=client_credentials&client_id=c%26d&client_secret="
	    "%C3%A4~&scope=https%3A%2F%2Fa%2F%20b");
	secret_free(&s.client_secret);
	secret_free(
	    &(struct secret *){ (struct secret *)(uintptr_t)f.refresh });
}

static void
without_a_refresh_token_nothing_is_asked(void **state)
{
	struct oauth_settings s = { .grant = OAUTH_REFRESH_TOKEN,
		.client_id = "c" };
	struct oauth_form_facts f = { 0 };
	struct err err = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, OAUTH_FORM_MAX);
	assert_int_equal(oauth_form_token(&b, &s, &f, &err), -1);
	assert_string_equal(err.text, "there is no refresh token");
	buf_done(&b);
}

static void
a_device_asks_and_polls(void **state)
{
	struct oauth_settings s = { .client_id = "c", .scope = "mail" };
	struct secret *code = secret("d c");
	struct buf b;

	(void)state;
	buf_init(&b, OAUTH_FORM_MAX);
	assert_int_equal(oauth_form_device(&b, &s), 0);
	assert_true(str_eq(buf_str(&b), STR("client_id=c&scope=mail")));
	buf_clear(&b);
	assert_int_equal(oauth_form_poll(&b, &s, code), 0);
	assert_true(str_eq(buf_str(&b),
	    STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_"
	        "code&client_id=c&device_code=d%20c")));
	buf_done(&b);
	secret_free(&code);
}

/* --- a service account -------------------------------------------------------
 */

static EVP_PKEY *key;

static struct secret *
pem_of(EVP_PKEY *k)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct secret *made;
	char *p;
	long n;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(out, k, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(out, &p);
	made = secret_new(p, (size_t)n);
	BIO_free(out);
	return made;
}

static int
make_key(void **state)
{
	(void)state;
	key = EVP_RSA_gen(2048);
	return key ? 0 : -1;
}

static int
drop_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

/* base64url without padding; the length. */
static size_t
decode(unsigned char *out, const char *p, size_t n)
{
	char text[8192];

	memcpy(text, p, n);
	for (size_t i = 0; i < n; i++)
		text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (n % 4)
		text[n++] = 'A';
	assert_true(
	    EVP_DecodeBlock(out, (const unsigned char *)text, (int)n) > 0);
	return n / 4 * 3;
}

static void
an_assertion_is_signed_and_says_what_google_wants(void **state)
{
	struct secret *pem = pem_of(key);
	struct jwt_claims c = { .issuer = "s@x",
		.subject = "u@x",
		.audience = "https://t/",
		.scope = "mail",
		.key_id = "k1",
		.now_s = 1000 };
	unsigned char text[8192];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct err err;
	struct buf b;
	char *dot, *last;

	(void)state;
	buf_init(&b, JWT_MAX);
	assert_int_equal(jwt_sign(&b, &c, pem, &err), 0);
	assert_int_equal(buf_add(&b, "", 1), 0);
	dot = strchr(buf_at(&b), '.');
	last = strrchr(buf_at(&b), '.');
	(void)decode(text, buf_at(&b), (size_t)(dot - buf_at(&b)));
	assert_memory_equal(
	    text, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", 39);
	(void)decode(text, dot + 1, (size_t)(last - dot - 1));
	assert_memory_equal(text,
	    "{\"iss\":\"s@x\",\"sub\":\"u@x\",\"aud\":\"https://t/\","
	    "\"scope\":\"mail\",\"iat\":1000,\"exp\":4600}",
	    81);
	(void)decode(text, last + 1, strlen(last + 1));
	assert_int_equal(
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
	    EVP_DigestVerify(ctx, text, 256, (unsigned char *)buf_at(&b),
	        (size_t)(last - buf_at(&b))),
	    1);
	EVP_MD_CTX_free(ctx);
	buf_wipe(&b);
	secret_free(&pem);
}

static void
a_key_file_is_read_or_refused(void **state)
{
	struct secret *pem = pem_of(key);
	struct jwt_key k = { 0 };
	struct err err = { 0 };
	char *text = mem_printf("{\"private_key\":\"%s\",\"client_email\":"
	                        "\"s@x\",\"private_key_id\":\"k1\"}",
	    secret_str(pem).p);
	char *json = mem_new(2 * strlen(text));
	size_t n = 0;

	(void)state;
	for (char *p = text; *p; p++) {
		if (*p == '\n')
			json[n++] = '\\';
		json[n++] = *p == '\n' ? 'n' : *p;
	}
	assert_int_equal(jwt_read_key(&k, (struct str){ json, n }, &err), 0);
	assert_string_equal(k.email, "s@x");
	assert_string_equal(k.id, "k1");
	assert_string_equal(k.token_url, "");
	secret_free(&k.key);
	assert_int_equal(
	    jwt_read_key(&k, STR("{\"private_key\":\"x\"}"), &err), -1);
	assert_int_equal(jwt_read_key(&k, STR("not JSON"), &err), -1);
	assert_non_null(strstr(err.text, "private_key"));
	free(json);
	free(text);
	secret_free(&pem);
}

static void
a_key_below_2048_bits_is_refused(void **state)
{
	EVP_PKEY *small = EVP_RSA_gen(1024);
	struct secret *pem = pem_of(small);
	struct jwt_key k = { 0 };
	struct err err = { 0 };
	char json[4096] = "{\"private_key\":\"";
	size_t n = strlen(json);

	(void)state;
	for (const char *p = secret_str(pem).p; *p; p++) {
		if (*p == '\n')
			json[n++] = '\\';
		json[n++] = *p == '\n' ? 'n' : *p;
	}
	memcpy(json + n, "\"}", 3);
	assert_int_equal(jwt_read_key(&k, str_of(json), &err), -1);
	assert_non_null(strstr(err.text, "2048"));
	secret_free(&pem);
	EVP_PKEY_free(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_grant_has_its_form),
		cmocka_unit_test(without_a_refresh_token_nothing_is_asked),
		cmocka_unit_test(a_device_asks_and_polls),
		cmocka_unit_test(
		    an_assertion_is_signed_and_says_what_google_wants),
		cmocka_unit_test(a_key_file_is_read_or_refused),
		cmocka_unit_test(a_key_below_2048_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, make_key, drop_key);
}
