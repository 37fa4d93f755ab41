/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "daemon/sandbox.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#if defined(HAVE_SECCOMP) && !SANDBOX_SANITIZED
#include <seccomp.h>

/* What runs other programs, changes the kernel or the system, looks into other
 * processes.  By name: a call that this libseccomp does not know is left out.
 */
static const char *const denied[] = { "execve", "execveat", "ptrace",
	"process_vm_readv", "process_vm_writev", "mount", "umount2",
	"move_mount", "fsopen", "fsconfig", "fsmount", "open_tree",
	"pivot_root", "chroot", "unshare", "setns", "kexec_load",
	"kexec_file_load", "init_module", "finit_module", "delete_module",
	"bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key",
	"request_key", "reboot", "swapon", "swapoff", "settimeofday",
	"clock_settime", "adjtimex", "clock_adjtime", "sethostname",
	"setdomainname", "iopl", "ioperm", "acct", "quotactl", "lookup_dcookie",
	"personality", "io_uring_setup" };

static int
add_rules(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
		int nr = seccomp_syscall_resolve_name(denied[i]);

		if (nr == __NR_SCMP_ERROR)
			continue;
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0) != 0)
			return -1;
	}
	return 0;
}

int
sandbox_enter(struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = -ENOMEM;

	if (ctx != NULL)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = add_rules(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (rc == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, "no system call filter (seccomp): %s",
	    strerror(rc < 0 ? -rc : EINVAL));
}
#else
int
sandbox_enter(struct err *err)
{
	(void)err;
	return 0;
}
#endif
