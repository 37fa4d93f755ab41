/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/crash.h"
#include "postern/base/thread.h"

static void
by_abort(void)
{
	abort();
}

static void
by_signal(void)
{
	raise(SIGSEGV);
}

static volatile int depth;

static int
deeper(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	depth = n;
	if (n < 0)
		return 0;
	return deeper(n + 1) + page[0];
}

static void
by_running_out_of_stack(void)
{
	struct rlimit small = { 256 * 1024, 256 * 1024 };

	setrlimit(RLIMIT_STACK, &small);
	deeper(0);
}

static void *
fault(void *arg)
{
	volatile int *page =
	    mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	*page = 1;
	return NULL;
}

static void
by_fault_of_a_thread(void)
{
	pthread_t thread;

	assert_int_equal(thread_start(&thread, "one", fault, NULL), 0);
	pthread_join(thread, NULL);
}

static void *
run_over(void *arg)
{
	(void)arg;
	deeper(0);
	return NULL;
}

static void
by_a_thread_out_of_stack(void)
{
	pthread_t thread;

	assert_int_equal(thread_start(&thread, "one", run_over, NULL), 0);
	pthread_join(thread, NULL);
}

/* The signal the child ends with; what it wrote to stderr and to the extra
 * descriptor. */
static int
crash(void (*how)(void), char out[4096], char extra[4096])
{
	char *to[2] = { out, extra };
	int fd[2][2], status;
	pid_t pid;

	assert_int_equal(pipe(fd[0]) + pipe(fd[1]), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(fd[0][1], STDERR_FILENO);
		crash_install(fd[1][1]);
		how();
		_exit(0);
	}
	for (int i = 0; i < 2; i++) {
		ssize_t n;
		size_t len = 0;

		close(fd[i][1]);
		while ((n = read(fd[i][0], to[i] + len, 4095 - len)) > 0)
			len += (size_t)n;
		to[i][len] = '\0';
		close(fd[i][0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static void
assert_told(const char *out, const char *signal_name)
{
	char want[64];

	snprintf(want, sizeof want, "postern: crashed: %s", signal_name);
	if (strncmp(out, want, strlen(want)) != 0)
		fail_msg("%s", out);
	assert_non_null(strstr(out, crash_build_id()));
	assert_non_null(strstr(out, "test_crash")); /* the backtrace */
}

static void
a_crash_tells_where(void **state)
{
	char out[4096], extra[4096];

	(void)state;
	assert_int_equal(crash(by_abort, out, extra), SIGABRT);
	assert_told(out, "SIGABRT");
	assert_string_equal(out, extra);
	assert_int_equal(crash(by_signal, out, extra), SIGSEGV);
	assert_told(out, "SIGSEGV at address ");
}

static void
a_stack_that_ran_over_is_told_too(void **state)
{
	char out[4096], extra[4096];

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	assert_int_equal(crash(by_running_out_of_stack, out, extra), SIGSEGV);
	assert_told(out, "SIGSEGV at address ");
	assert_int_equal(crash(by_a_thread_out_of_stack, out, extra), SIGSEGV);
	assert_told(out, "SIGSEGV at address ");
}

/* Whatever else it leaves to the main thread. */
static void
a_thread_that_crashes_tells_where(void **state)
{
	char out[4096], extra[4096];

	(void)state;
	assert_int_equal(crash(by_fault_of_a_thread, out, extra), SIGSEGV);
	assert_told(out, "SIGSEGV at address ");
}

static void
the_build_has_an_id(void **state)
{
	(void)state;
	assert_int_equal(strlen(crash_build_id()), 40);
	assert_int_equal(strspn(crash_build_id(), "0123456789abcdef"), 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_tells_where),
		cmocka_unit_test(a_stack_that_ran_over_is_told_too),
		cmocka_unit_test(a_thread_that_crashes_tells_where),
		cmocka_unit_test(the_build_has_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
