/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/password.h"

#include <stdlib.h>
#include <string.h>

#include <crypt.h>

#include "postern/base/mem.h"
#include "postern/smtp/digest.h"

_Static_assert(PASSWORD_HASH_MAX >= CRYPT_OUTPUT_SIZE, "a hash has no room");

/* How each kind ends: so many characters of the hash itself behind the last
 * '$' (bcrypt: with its salt). */
static const struct kind {
	const char *prefix;
	size_t hash_len;
} kinds[] = {
	{ "$y$", 43 },  /* yescrypt */
	{ "$gy$", 43 }, /* gost-yescrypt */
	{ "$7$", 43 },  /* scrypt */
	{ "$6$", 86 },  /* SHA-512 */
	{ "$5$", 43 },  /* SHA-256 */
	{ "$2b$", 53 }, /* bcrypt */
	{ "$2a$", 53 },
	{ "$2y$", 53 },
};

static bool
is_hash_digit(char c)
{
	return (c >= '.' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* The row of the table, or NULL. */
static const struct kind *
kind_of(const char *hash)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const char *prefix = kinds[i].prefix;

		if (strncmp(hash, prefix, strlen(prefix)) == 0)
			return &kinds[i];
	}
	return NULL;
}

static bool
is_whole(const char *hash, const struct kind *k)
{
	const char *last = strrchr(hash, '$') + 1;
	size_t len = 0;

	while (is_hash_digit(last[len]))
		len++;
	return (size_t)(last - hash) > strlen(k->prefix) &&
	       len == k->hash_len && last[len] == '\0';
}

enum password_kind
password_kind(const char *hash)
{
	const struct kind *k = kind_of(hash);
	int salt;

	if (strlen(hash) >= PASSWORD_HASH_MAX)
		return PASSWORD_NONE;
	salt = crypt_checksalt(hash); /* SHA-256 counts as legacy there */
	if (k != NULL && is_whole(hash, k) &&
	    (salt == CRYPT_SALT_OK || salt == CRYPT_SALT_METHOD_LEGACY))
		return PASSWORD_HASH;
	/* Any two letters are DES' salt: a word in clear is no hash. */
	if (k == NULL && salt == CRYPT_SALT_METHOD_LEGACY &&
	    (hash[0] == '$' || strlen(hash) == 13))
		return PASSWORD_OLD;
	return PASSWORD_NONE;
}

/* What crypt(3) makes of it, in d; NULL: it refuses. */
static const char *
crypted(struct crypt_data *d, const char *setting, struct str password)
{
	const char *made = NULL;
	char *phrase;

	if (password.len >= CRYPT_MAX_PASSPHRASE_SIZE ||
	    (password.len > 0 &&
	        memchr(password.p, '\0', password.len) != NULL))
		return NULL;
	phrase = mem_strn(password.p, password.len);
	made = crypt_r(phrase, setting, d);
	mem_wipe(phrase, password.len);
	free(phrase);
	return made != NULL && made[0] != '*' ? made : NULL;
}

bool
password_fits(const char *hash, struct str password)
{
	struct crypt_data *d = mem_new(sizeof *d);
	const char *made = crypted(d, hash, password);
	size_t n = strlen(hash);
	bool fits =
	    made != NULL && strlen(made) == n && digest_equal(made, hash, n);

	mem_wipe(d, sizeof *d);
	free(d);
	return fits;
}

int
password_hash(char out[PASSWORD_HASH_MAX], struct str password, struct err *err)
{
	struct crypt_data *d = mem_new(sizeof *d);
	char *setting = crypt_gensalt_ra(NULL, 0, NULL, 0);
	const char *made = NULL;

	if (setting != NULL)
		made = crypted(d, setting, password);
	if (made != NULL)
		memcpy(out, made, strlen(made) + 1);
	mem_wipe(d, sizeof *d);
	free(d);
	free(setting);
	if (made != NULL)
		return 0;
	return err_set(err, ERR_SYSTEM, "crypt(3) makes no hash of it");
}
