/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/passwd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/base/secret.h"
#include "postern/base/standard.h"
#include "postern/inlet/password.h"
#include "postern/inlet/users.h"
#include "postern/smtp/sasl_server.h"
#include "postern/smtp/scram.h"

#include "tools/ask.h"
#include "tools/users_edit.h"

#define USERS_FILE SYSCONFDIR "/postern/users"
#define ITERATIONS 15000 /* RFC 7677 section 4 */
#define SALT_OCTETS 16
#define OPTIONS_MAX 16 /* more than there are */
#define SECRET_MAX 512 /* of what stands in the file */

_Static_assert(SECRET_MAX >= PASSWORD_HASH_MAX && SECRET_MAX >= SCRAM_TEXT_MAX,
    "a secret has no room");

struct options {
	const char *file, *name;
	bool scram, print, delete;
	const char *option[OPTIONS_MAX];
	size_t noptions;
};

static int
usage(void)
{
	(void)fputs("usage: " PASSWD_USAGE, stderr);
	return EX_USAGE;
}

static int
complain(const struct err *err)
{
	(void)fprintf(stderr, "postern passwd: %s\n", err->text);
	return err->kind == ERR_SYSTEM ? EX_IOERR : EX_DATAERR;
}

/* 0: all of it makes sense together. */
static int
parse(struct options *o, int argc, char **argv)
{
	static const struct option words[] = {
		{ "scram", no_argument, NULL, 's' },
		{ "print", no_argument, NULL, 'p' },
		{ "delete", no_argument, NULL, 'd' },
		{ "option", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", words, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 's':
			o->scram = true;
			break;
		case 'p':
			o->print = true;
			break;
		case 'd':
			o->delete = true;
			break;
		case 'o':
			if (o->noptions == OPTIONS_MAX)
				return -1;
			o->option[o->noptions++] = optarg;
			break;
		default:
			return -1;
		}
	}
	if (optind + 1 != argc || (o->delete &&(o->scram || o->print)) ||
	    (o->noptions > 0 && (o->delete || o->scram || o->print)))
		return -1;
	o->name = argv[optind];
	return 0;
}

/* --- what becomes of a password
 * -----------------------------------------------
 */

static int
check(struct str password, bool scram, struct err *err)
{
	if (password.len == 0)
		return err_set(err, ERR_FORMAT, "the password is empty");
	if (password.len > SASL_SERVER_PASSWORD_MAX)
		return err_set(err, ERR_LIMIT,
		    "the password is longer than %d bytes",
		    SASL_SERVER_PASSWORD_MAX);
	if (memchr(password.p, '\0', password.len) != NULL ||
	    !str_utf8_valid(password))
		return err_set(
		    err, ERR_FORMAT, "the password is not text in UTF-8");
	/* Clients normalise what is not ASCII (SASLprep) before they prove it;
	 * of ASCII they leave what can be typed as it is. */
	for (size_t i = 0; scram && i < password.len; i++) {
		if (password.p[i] < ' ' || password.p[i] == 0x7f)
			return err_set(err, ERR_FORMAT,
			    "a password for SCRAM has ASCII characters only; "
			    "take another, or leave --scram out");
	}
	return 0;
}

static void
make_verifier(char out[SECRET_MAX], struct str password)
{
	struct scram_verifier v = { .iterations = ITERATIONS,
		.salt_len = SALT_OCTETS };

	rand_bytes(v.salt, v.salt_len);
	scram_make(&v, password);
	scram_text(&v, out);
	mem_wipe(&v, sizeof v);
}

static int
make_secret(const struct options *o, char out[SECRET_MAX], struct err *err)
{
	struct secret *password = NULL;
	int rc = ask_password(&password, o->name, err);

	if (rc == 0)
		rc = check(secret_str(password), o->scram, err);
	if (rc == 0 && o->scram)
		make_verifier(out, secret_str(password));
	else if (rc == 0)
		rc = password_hash(out, secret_str(password), err);
	secret_free(&password);
	return rc;
}

static int
set(const struct options *o, struct err *err)
{
	char secret[SECRET_MAX];
	int rc = make_secret(o, secret, err);

	if (rc == 0 && o->print)
		(void)printf("%s:%s\n", o->name, secret);
	else if (rc == 0)
		rc = users_edit_set(o->file, o->name, secret, err);
	mem_wipe(secret, sizeof secret);
	return rc;
}

/* What is asked for, which parse() has found to be one thing. */
static int
apply(const struct options *o, struct err *err)
{
	if (o->delete)
		return users_edit_delete(o->file, o->name, err);
	if (o->noptions > 0)
		return users_edit_options(
		    o->file, o->name, o->option, o->noptions, err);
	return set(o, err);
}

int
passwd_run(int argc, char **argv)
{
	struct options o = { .file = USERS_FILE };
	struct err err = { 0 };
	int rc;

	if (parse(&o, argc, argv) != 0)
		return usage();
	if (!users_is_name(str_of(o.name))) {
		(void)fprintf(stderr,
		    "postern passwd: a name has 1 to %d bytes of UTF-8, no "
		    "blank, no colon, and does not begin with #\n",
		    USERS_NAME_MAX);
		return EX_DATAERR;
	}
	rc = apply(&o, &err);
	if (rc != 0)
		return complain(&err);
	if (!o.print)
		(void)fprintf(stderr, "%s: %s is %s; a reload takes it up\n",
		    o.file, o.name, o.delete ? "deleted" : "set");
	return standard_written() ? 0 : EX_IOERR;
}
