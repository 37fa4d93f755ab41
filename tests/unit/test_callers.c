/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "inlet/callers.h"
#include "postern/inlet/inlet.h"

static void
this_process_is_one_of_them_or_not(void **state)
{
	uint32_t me = geteuid(), other = me + 1;
	uint32_t mine = getegid(), foreign = 4000000000u;
	const struct {
		const char *why;
		struct inlet_listener l;
		bool admits;
	} rows[] = {
		{ "no list", { .name = "a" }, true },
		{ "its user", { .users = &me, .nusers = 1 }, true },
		{ "another user", { .users = &other, .nusers = 1 }, false },
		{ "its group", { .groups = &mine, .ngroups = 1 }, true },
		{ "another group", { .groups = &foreign, .ngroups = 1 },
		    false },
		{ "one of both is enough",
		    { .users = &other,
		        .nusers = 1,
		        .groups = &mine,
		        .ngroups = 1 },
		    true },
		{ "none of both",
		    { .users = &other,
		        .nusers = 1,
		        .groups = &foreign,
		        .ngroups = 1 },
		    false },
	};
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (callers_admit(&rows[i].l, fd[0]) != rows[i].admits)
			fail_msg("%s", rows[i].why);
	}
	close(fd[0]);
	close(fd[1]);
}

static void
every_group_of_it_counts(void **state)
{
	gid_t gids[64];
	int n = getgroups(64, gids), fd[2];

	(void)state;
	if (n <= 0)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (int i = 0; i < n; i++) {
		uint32_t gid = gids[i];
		struct inlet_listener l = { .groups = &gid, .ngroups = 1 };

		assert_true(callers_admit(&l, fd[0]));
	}
	close(fd[0]);
	close(fd[1]);
}

static void
tcp_has_no_users(void **state)
{
	uint32_t other = geteuid() + 1;
	struct inlet_listener l = { .users = &other, .nusers = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_true(callers_admit(&l, fd));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_process_is_one_of_them_or_not),
		cmocka_unit_test(every_group_of_it_counts),
		cmocka_unit_test(tcp_has_no_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
