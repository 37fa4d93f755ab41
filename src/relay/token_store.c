/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/token_store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/base/str.h"
#include "postern/relay/oauth.h"
#include "postern/smtp/digest.h"

#include "relay/member.h"

#define FILE_MAX ((size_t)32 * 1024) /* two tokens of 4 KiB, escaped */
#define VERSION 1
#define USER_MAX 64
#define SHORT_DIGEST 8 /* octets in a name: no attacker chooses accounts */

void (*token_store_step)(int step);

static void
step(int n)
{
	if (token_store_step)
		token_store_step(n);
}

/* --- names ------------------------------------------------------------------
 */

static void
hex(char *out, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)sprintf(out + 2 * i, "%02x", p[i]);
}

void
token_store_seed(char out[TOKEN_STORE_SEED], const struct secret *seed)
{
	unsigned char sum[DIGEST_LEN];

	out[0] = '\0';
	if (!seed)
		return;
	digest_sha256(sum, secret_str(seed));
	hex(out, sum, sizeof sum);
}

static const char *
or_none(const char *s)
{
	return s ? s : "";
}

void
token_store_name(char name[TOKEN_STORE_NAME], const char *user,
    const struct oauth_settings *s)
{
	unsigned char sum[DIGEST_LEN];
	char *all = mem_printf("%d\n%s\n%s\n%s\n%s\n%s", (int)s->grant,
	    or_none(s->token_url), or_none(s->client_id), or_none(s->scope),
	    or_none(s->issuer), or_none(user));
	size_t n = 0;

	digest_sha256(sum, str_of(all));
	free(all);
	for (const char *p = or_none(user); *p && n < USER_MAX; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') ||
		             (*p >= 'A' && *p <= 'Z') ||
		             (*p >= '0' && *p <= '9') || *p == '@' ||
		             *p == '-' || (*p == '.' && n > 0);

		name[n++] = plain ? *p : '_';
	}
	name[n++] = '+';
	hex(name + n, sum, SHORT_DIGEST);
}

/* --- the directory ----------------------------------------------------------
 */

/* Ours; root may act for the owner of a directory. */
static bool
is_owner(uid_t owner)
{
	return geteuid() == 0 || owner == geteuid();
}

static int
open_directory(const char *path, struct stat *st, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_CONFIG,
		    "%s is not there; run: install -d -m 0700 -o USER %s", path,
		    path);
	if (fd < 0)
		return err_sys(err, "%s cannot be opened", path);
	if (fstat(fd, st) == 0 && is_owner(st->st_uid) &&
	    (st->st_mode & 077) == 0)
		return fd;
	(void)close(fd);
	if (!is_owner(st->st_uid))
		return err_set(err, ERR_CONFIG,
		    "%s is not the daemon's user's; run: chown USER %s", path,
		    path);
	return err_set(err, ERR_CONFIG,
	    "others can look into %s; run: chmod 0700 %s", path, path);
}

int
token_store_check(const char *directory, struct err *err)
{
	struct stat st;
	int fd = open_directory(directory, &st, err);

	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

/* --- reading ----------------------------------------------------------------
 */

static struct secret *
secret_of(json_t *o, const char *key)
{
	struct str s = member_text(o, key);
	struct secret *made = s.len > 0 ? secret_new(s.p, s.len) : NULL;

	mem_wipe((void *)(uintptr_t)s.p, s.len); /* jansson would not */
	return made;
}

static int
parse(struct token_record *t, const char *text, size_t n, struct err *err)
{
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	struct str seed = member_text(o, "seed");

	if (json_integer_value(json_object_get(o, "v")) != VERSION ||
	    seed.len >= sizeof t->seed) {
		json_decref(o);
		return err_set(err, ERR_FORMAT,
		    "is no file of tokens; remove it and log in again");
	}
	*t = (struct token_record){ 0 };
	memcpy(t->seed, seed.p, seed.len);
	t->got_ms = json_integer_value(json_object_get(o, "got_ms"));
	t->expires_ms = json_integer_value(json_object_get(o, "expires_ms"));
	t->access = secret_of(o, "access_token");
	t->refresh = secret_of(o, "refresh_token");
	json_decref(o);
	return 0;
}

static int
read_file(struct token_record *t, int fd, uid_t owner, struct err *err)
{
	struct stat st;
	char *text;
	ssize_t n;
	int rc;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "cannot be looked at");
	if (!S_ISREG(st.st_mode) || st.st_uid != owner ||
	    (st.st_mode & 077) != 0)
		return err_set(err, ERR_CONFIG,
		    "is not the daemon's user's alone; somebody may have read "
		    "or changed it: remove it and log in again");
	text = mem_new(FILE_MAX + 1);
	n = read(fd, text, FILE_MAX + 1);
	if (n < 0)
		rc = err_sys(err, "cannot be read");
	else if ((size_t)n > FILE_MAX)
		rc = err_set(err, ERR_LIMIT,
		    "is larger than a file of tokens; remove it and log in "
		    "again");
	else
		rc = parse(t, text, (size_t)n, err);
	mem_wipe(text, FILE_MAX);
	free(text);
	return rc;
}

int
token_store_read(struct token_record *t, const char *directory,
    const char *name, struct err *err)
{
	struct stat st;
	int dir = open_directory(directory, &st, err);
	int fd, rc = 0;

	if (dir < 0)
		return -1;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		rc = err_sys(err, "%s/%s cannot be opened", directory, name);
	if (fd >= 0) {
		rc = read_file(t, fd, st.st_uid, err) == 0 ? 1 : -1;
		if (rc < 0)
			(void)err_wrap(err, "%s/%s", directory, name);
		(void)close(fd);
	}
	(void)close(dir);
	return rc;
}

/* --- writing ----------------------------------------------------------------
 */

static void
put_secret(json_t *o, const char *key, const struct secret *s)
{
	struct str text = secret_str(s);

	if (s)
		(void)json_object_set_new(
		    o, key, json_stringn(text.p, text.len));
}

static void
wipe(json_t *o, const char *key)
{
	struct str s = member_text(o, key);

	mem_wipe((void *)(uintptr_t)s.p, s.len);
}

/* The caller's to wipe and to free. */
static char *
render(const struct token_record *t)
{
	json_t *o = json_object();
	char *text;

	(void)json_object_set_new(o, "v", json_integer(VERSION));
	(void)json_object_set_new(o, "got_ms", json_integer(t->got_ms));
	(void)json_object_set_new(o, "expires_ms", json_integer(t->expires_ms));
	(void)json_object_set_new(o, "seed", json_string(t->seed));
	put_secret(o, "access_token", t->access);
	put_secret(o, "refresh_token", t->refresh);
	text = json_dumps(o, JSON_COMPACT);
	wipe(o, "access_token");
	wipe(o, "refresh_token");
	json_decref(o);
	return text;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int
fill(int dir, const char *name, const char *text, uid_t owner)
{
	int fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = -1;

	if (fd < 0)
		return -1;
	step(1);
	if ((geteuid() == owner || fchown(fd, owner, (gid_t)-1) == 0) &&
	    fchmod(fd, 0600) == 0 && write_all(fd, text, strlen(text)) == 0) {
		step(2);
		rc = fsync(fd);
	}
	return close(fd) == 0 ? rc : -1;
}

static int
replace(int dir, const char *name, const char *text, uid_t owner)
{
	char beside[TOKEN_STORE_NAME + 8];

	(void)snprintf(beside, sizeof beside, "%s.new", name);
	step(0);
	if (fill(dir, beside, text, owner) != 0) {
		int why = errno;

		(void)unlinkat(dir, beside, 0);
		errno = why;
		return -1;
	}
	step(3);
	if (renameat(dir, beside, dir, name) != 0)
		return -1;
	step(4);
	return fsync(dir);
}

int
token_store_write(const struct token_record *t, const char *directory,
    const char *name, struct err *err)
{
	struct stat st;
	int dir = open_directory(directory, &st, err);
	char *text;
	int rc;

	if (dir < 0)
		return -1;
	text = render(t);
	rc = replace(dir, name, text, st.st_uid);
	if (rc != 0)
		(void)err_sys(err, "%s/%s cannot be written", directory, name);
	step(5);
	mem_wipe(text, strlen(text));
	free(text);
	(void)close(dir);
	return rc;
}

int
token_store_forget(const char *directory, const char *name, struct err *err)
{
	struct stat st;
	int dir = open_directory(directory, &st, err);
	int rc;

	if (dir < 0)
		return -1;
	rc = unlinkat(dir, name, 0) == 0 || errno == ENOENT ? fsync(dir) : -1;
	if (rc != 0)
		(void)err_sys(err, "%s/%s cannot be removed", directory, name);
	(void)close(dir);
	return rc;
}

void
token_store_done(struct token_record *t)
{
	secret_free(&t->access);
	secret_free(&t->refresh);
}
