/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#endif
#endif

#ifdef LANDLOCK_CREATE_RULESET_VERSION
/* Headers may be older than the kernel; the values are the kernel's. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* since ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* since ABI 3 */
#endif

#define CHANGE_FILES                                                           \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define CHANGE_DIRECTORIES                                                     \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |        \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
/* Below no root: no relay does that. */
#define NEVER                                                                  \
	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |        \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What this kernel knows of it. */
static uint64_t
handled(long abi, bool may_run)
{
	uint64_t all = CHANGE_FILES | CHANGE_DIRECTORIES | NEVER;

	if (!may_run)
		all |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (abi < 2)
		all &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
	if (abi < 3)
		all &= ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
	return all;
}

static int
allow(int rules, const char *root, uint64_t all)
{
	struct landlock_path_beneath_attr below = { 0 };
	struct stat st;
	long rc = 0;

	below.parent_fd = open(root, O_PATH | O_CLOEXEC);
	if (below.parent_fd < 0)
		return 0;
	below.allowed_access = all & CHANGE_FILES;
	if (fstat(below.parent_fd, &st) == 0 && S_ISDIR(st.st_mode))
		below.allowed_access |= all & CHANGE_DIRECTORIES;
	rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
	    &below, 0);
	(void)close(below.parent_fd);
	return rc == 0 ? 0 : -1;
}

static int
restrict_by(int rules, const struct confine *c, uint64_t all)
{
	for (size_t i = 0; i < c->nroots; i++) {
		if (allow(rules, c->roots[i], all) != 0)
			return -1;
	}
	return syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : -1;
}

int
confine_writes(const struct confine *c, struct err *err)
{
	struct landlock_ruleset_attr attr = { 0 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	int rules, rc;

	if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (abi < 0)
		return err_sys(err, "Landlock");
	attr.handled_access_fs = handled(abi, c->may_run);
	rules =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return err_sys(err, "Landlock");
	rc = restrict_by(rules, c, attr.handled_access_fs);
	if (rc != 0)
		(void)err_sys(err, "Landlock");
	(void)close(rules);
	return rc == 0 ? 1 : -1;
}
#else
int
confine_writes(const struct confine *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}
#endif
