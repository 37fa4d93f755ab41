/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_owner.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>

#define SHOWN 64

static bool
is_id(const char *text, uint32_t *id)
{
	uint64_t n;

	/* The largest number means "none" to the kernel. */
	if (!str_u64(str_of(text), &n) || n >= UINT32_MAX)
		return false;
	*id = (uint32_t)n;
	return true;
}

static int
nobody(const char *kind, const char *text, struct err *err)
{
	char shown[SHOWN];

	(void)str_escape(shown, sizeof shown, str_of(text));
	return err_set(err, ERR_CONFIG,
	    "there is no %s \"%s\"; write the name of one, or its number", kind,
	    shown);
}

int
conf_owner_user(const char *text, uint32_t *uid, struct err *err)
{
	const struct passwd *pw;

	if (is_id(text, uid))
		return 0;
	pw = getpwnam(text);
	if (pw == NULL)
		return nobody("user", text, err);
	*uid = pw->pw_uid;
	return 0;
}

int
conf_owner_group(const char *text, uint32_t *gid, struct err *err)
{
	const struct group *gr;

	if (is_id(text, gid))
		return 0;
	gr = getgrnam(text);
	if (gr == NULL)
		return nobody("group", text, err);
	*gid = gr->gr_gid;
	return 0;
}

int
conf_owner_mode(struct str s, uint32_t *mode, struct err *err)
{
	bool good = s.len == 3 || (s.len == 4 && s.p[0] == '0');
	char shown[SHOWN];
	uint32_t bits = 0;

	for (size_t i = 0; good && i < s.len; i++) {
		good = s.p[i] >= '0' && s.p[i] <= '7';
		bits = bits * 8 + (uint32_t)(s.p[i] - '0');
	}
	if (good) {
		*mode = bits;
		return 0;
	}
	(void)str_escape(shown, sizeof shown, s);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no mode; write one in octal such as \"0660\"", shown);
}
