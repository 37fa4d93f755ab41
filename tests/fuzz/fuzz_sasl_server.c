/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the lines of one AUTH, the first what stands behind the verb.
 * However it goes: an outcome after the last line, challenges that fit a reply,
 * a user and a password without NUL, and nobody proves himself who was not
 * found.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/smtp/sasl_server.h"
#include "postern/smtp/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
find(void *arg, struct str user, struct scram_verifier *v)
{
	bool *is_known = arg;

	*v = (struct scram_verifier){ .iterations = 4096, .salt_len = 16 };
	*is_known = str_eq(user, STR("user"));
	return *is_known;
}

static void
check(const struct sasl_server *s, enum sasl_server_state state, bool is_known)
{
	struct str user = sasl_server_user(s), pw = sasl_server_password(s);

	assert(user.len <= SASL_SERVER_USER_MAX && str_utf8_valid(user));
	assert(pw.len <= SASL_SERVER_PASSWORD_MAX && str_utf8_valid(pw));
	assert(user.len == 0 || memchr(user.p, 0, user.len) == NULL);
	assert(pw.len == 0 || memchr(pw.p, 0, pw.len) == NULL);
	assert(sasl_server_challenge(s).len <= SASL_SERVER_CHALLENGE_MAX);
	if (state == SASL_SERVER_PROVE)
		assert(user.len > 0 && pw.len > 0);
	if (state != SASL_SERVER_PROVEN)
		return;
	assert(user.len > 0);
	assert(
	    is_known || str_is(str_of(sasl_server_mechanism(s)), "EXTERNAL"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	bool is_known = false;
	struct sasl_server_settings settings = { .offered = 15,
		.external = "cert",
		.nonce = "fedcba9876543210",
		.verifier = find,
		.arg = &is_known };
	struct sasl_server *s = sasl_server_new(&settings);
	enum sasl_server_state state =
	    sasl_server_begin(s, str_cut(&rest, '\n'));

	check(s, state, is_known);
	while (state == SASL_SERVER_MORE && rest.len > 0) {
		state = sasl_server_line(s, str_cut(&rest, '\n'));
		check(s, state, is_known);
	}
	sasl_server_free(&s);
	return 0;
}
