/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void
memory_comes_zeroed_and_copies_are_equal(void **state)
{
	char *p = mem_array(100, 3), *q;

	(void)state;
	for (int i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	memset(p, 'a', 300);
	p = mem_resize(p, 600);
	assert_int_equal(p[299], 'a');
	q = mem_dup(p, 3);
	assert_memory_equal(q, "aaa", 3);
	free(q);
	q = mem_strn(p, 2);
	assert_string_equal(q, "aa");
	mem_wipe(q, 2);
	assert_int_equal(q[0], 0);
	mem_wipe(NULL, 0);
	free(q);
	free(p);
	q = mem_str("x");
	assert_string_equal(q, "x");
	free(q);
	q = mem_printf("%s-%d", "x", 7);
	assert_string_equal(q, "x-7");
	free(q);
}

static void
nothing_is_something_to_free(void **state)
{
	(void)state;
	free(mem_new(0));
	free(mem_array(0, 10));
	free(mem_array(10, 0));
	free(mem_dup(NULL, 0));
	free(mem_strn(NULL, 0));
}

static int
ends_badly(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? 0 : 1;
}

static volatile size_t huge = SIZE_MAX / 2;

static void
too_much(void)
{
	free(mem_new(huge));
}

static void
too_many(void)
{
	free(mem_array(huge, 3));
}

static void
out_of_memory_ends_the_process(void **state)
{
	(void)state;
	if (SANITIZED)
		skip(); /* the sanitizer ends it in its own way */
	assert_int_equal(ends_badly(too_much), 1);
	assert_int_equal(ends_badly(too_many), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed_and_copies_are_equal),
		cmocka_unit_test(nothing_is_something_to_free),
		cmocka_unit_test(out_of_memory_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
