/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef HAVE_CAP_NG
#include <cap-ng.h>
#endif

#include "daemon/sandbox.h"

#define FILES_MAX (1u << 20) /* more is of no use and slows others down */
#define NICE_LIMIT 10        /* RLIMIT_NICE: to a nice(2) of 10, no better */

int
privileges_find(
    struct privileges *p, const char *user, const char *group, struct err *err)
{
	struct passwd *pw;
	struct group *gr = NULL;

	*p = (struct privileges){ .user = user };
	if (getuid() != 0)
		return 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return err_set(
		    err, ERR_CONFIG, "there is no user \"%s\"", user);
	if (group != NULL && (gr = getgrnam(group)) == NULL)
		return err_set(
		    err, ERR_CONFIG, "there is no group \"%s\"", group);
	p->uid = pw->pw_uid;
	p->gid = gr != NULL ? gr->gr_gid : pw->pw_gid;
	p->change = p->uid != 0;
	return 0;
}

int
privileges_assume(const struct privileges *p, struct err *err)
{
	if (!p->change)
		return 0;
	if (initgroups(p->user, p->gid) != 0 || setegid(p->gid) != 0 ||
	    seteuid(p->uid) != 0)
		return err_sys(err, "cannot become the user \"%s\"", p->user);
	return 0;
}

int
privileges_resume(const struct privileges *p, struct err *err)
{
	if (!p->change)
		return 0;
	if (seteuid(0) != 0 || setegid(0) != 0 || initgroups("root", 0) != 0)
		return err_sys(err, "cannot become root again");
	return 0;
}

/* Without capabilities: a reload cannot bind low ports. */
static int
drop_all(const struct privileges *p, struct err *err)
{
	if (initgroups(p->user, p->gid) != 0 || setgid(p->gid) != 0 ||
	    setuid(p->uid) != 0)
		return err_sys(err, "cannot become the user \"%s\"", p->user);
	return 0;
}

#ifdef HAVE_CAP_NG
static int
drop_but_low_ports(const struct privileges *p, struct err *err)
{
	int rc;

	if (initgroups(p->user, p->gid) != 0)
		return err_sys(
		    err, "cannot take the groups of \"%s\"", p->user);
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD,
	        (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
	        CAP_NET_BIND_SERVICE) != 0)
		return err_set(err, ERR_SYSTEM, "libcap-ng fails");
	rc = capng_change_id((int)p->uid, (int)p->gid, CAPNG_NO_FLAG);
	if (rc != 0)
		return err_set(err, ERR_SYSTEM,
		    "cannot become the user \"%s\" (libcap-ng: %d)", p->user,
		    rc);
	return 0;
}

static bool
may_bind_low_ports(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE) !=
	           0;
}
#else
static int
drop_but_low_ports(const struct privileges *p, struct err *err)
{
	return drop_all(p, err);
}

static bool
may_bind_low_ports(void)
{
	return false;
}
#endif

/* A thread that stands back for others may come back from there. */
static void
allow_return(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NICE, &r) != 0 || r.rlim_cur >= NICE_LIMIT)
		return;
	r.rlim_cur = NICE_LIMIT;
	r.rlim_max = r.rlim_max > NICE_LIMIT ? r.rlim_max : NICE_LIMIT;
	(void)setrlimit(RLIMIT_NICE, &r);
}

int
privileges_drop(const struct privileges *p, struct err *err)
{
	int rc;

	allow_return();
	if (!p->change)
		return 0;
	rc = may_bind_low_ports() ? drop_but_low_ports(p, err)
	                          : drop_all(p, err);
	if (rc != 0)
		return -1;
	if (setuid(0) == 0 || geteuid() != p->uid || getegid() != p->gid)
		return err_set(err, ERR_SYSTEM, "root's rights do not go away");
	return 0;
}

static void
raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max < FILES_MAX ? r.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

void
privileges_confine(void)
{
	raise_files();
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!SANDBOX_SANITIZED) /* they look into the process at its end */
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
