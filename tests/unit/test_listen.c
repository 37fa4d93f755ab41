/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/io/listen.h"
#include "postern/io/loop.h"

#define MANY 200

static char dir[] = "/tmp/postern-listen.XXXXXX";
static char path[64], unix_text[80];

struct world {
	struct loop *loop;
	struct listen *l;
	int accepted, full, stop_at;
	int fd; /* the last */
	struct addr peer;
	bool close_in_hook;
};

static void
on_accept(void *arg, int fd, const struct addr *peer, bool full)
{
	struct world *w = arg;

	w->peer = *peer;
	w->full += full;
	w->accepted += !full;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	if (full) {
		assert_int_equal(write(fd, "421", 3), 3);
		close(fd);
		w->fd = -1;
	}
	if (w->close_in_hook)
		listen_close(&w->l);
	if (w->accepted + w->full == w->stop_at)
		loop_stop(w->loop);
}

static int
open_at(struct world *w, const char *text, struct err *err)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, err), 0);
	return listen_open(&w->l, &a, err);
}

static void
start(struct world *w, const char *text)
{
	struct err err = { 0 };

	w->fd = -1;
	assert_int_equal(loop_new(&w->loop, &err), 0);
	if (open_at(w, text, &err) < 0)
		fail_msg("%s", err.text);
	listen_start(w->l, w->loop, on_accept, w);
}

static void
finish(struct world *w)
{
	listen_close(&w->l);
	listen_close(&w->l);
	loop_free(&w->loop);
	if (w->fd >= 0)
		close(w->fd);
}

static int
dial(const struct addr *a)
{
	int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
a_client_is_accepted(const char *text, bool tcp)
{
	struct world w = { .stop_at = 1 };
	int fd, nodelay = 0;
	socklen_t len = sizeof nodelay;

	start(&w, text);
	fd = dial(listen_addr(w.l));
	assert_true(fd >= 0);
	loop_run(w.loop);
	assert_true(addr_is_loopback(&w.peer));
	assert_int_equal(addr_is_unix(&w.peer), !tcp);
	assert_true(fcntl(w.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(w.fd, F_GETFD) & FD_CLOEXEC);
	if (tcp) {
		getsockopt(w.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
		assert_int_equal(nodelay, 1);
	}
	close(fd);
	finish(&w);
}

static void
clients_are_accepted(void **state)
{
	(void)state;
	a_client_is_accepted("127.0.0.1:0", true);
	a_client_is_accepted("[::1]:0", true);
	a_client_is_accepted(unix_text, false);
	assert_int_equal(access(path, F_OK), -1); /* removed */
}

static void
many_clients_are_accepted(void **state)
{
	struct world w = { .stop_at = MANY };
	int fd[MANY];

	(void)state;
	start(&w, "127.0.0.1:0");
	for (int i = 0; i < MANY; i++)
		fd[i] = dial(listen_addr(w.l));
	loop_run(w.loop);
	assert_int_equal(w.accepted, MANY);
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	finish(&w);
}

static void
stopped_it_keeps_the_socket(void **state)
{
	struct world w = { .stop_at = 1 };
	int fd;

	(void)state;
	start(&w, "127.0.0.1:0");
	listen_stop(w.l);
	listen_stop(w.l);
	fd = dial(listen_addr(w.l)); /* waits in the queue */
	assert_true(fd >= 0);
	listen_start(w.l, w.loop, on_accept, &w);
	loop_run(w.loop);
	assert_int_equal(w.accepted, 1);
	close(fd);
	finish(&w);
}

static void
the_hook_may_close_it(void **state)
{
	struct world w = { .stop_at = 1, .close_in_hook = true };
	int fd;

	(void)state;
	start(&w, "127.0.0.1:0");
	fd = dial(listen_addr(w.l));
	loop_run(w.loop);
	assert_null(w.l);
	close(fd);
	finish(&w);
}

static void
an_address_in_use_is_refused(void **state)
{
	struct world w = { 0 }, second = { 0 };
	struct err err = { 0 };
	char text[ADDR_TEXT], want[256];

	(void)state;
	start(&w, "127.0.0.1:0");
	addr_text(listen_addr(w.l), text);
	assert_int_equal(open_at(&second, text, &err), -1);
	assert_null(second.l);
	snprintf(
	    want, sizeof want, "listen on %s: Address already in use", text);
	assert_string_equal(err.text, want);
	finish(&w);
}

static void
a_dead_unix_socket_is_replaced_a_live_one_is_not(void **state)
{
	struct world w = { 0 }, second = { 0 };
	struct err err = { 0 };
	struct stat st;
	struct addr a;
	int fd;

	(void)state;
	assert_int_equal(addr_parse(&a, unix_text, &err), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a.ss, a.len), 0);
	close(fd); /* its path stays */
	umask(077);
	start(&w, unix_text);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(open_at(&second, unix_text, &err), -1);
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(access(path, F_OK), 0);
	finish(&w);
}

static void
a_file_that_is_no_socket_stays(void **state)
{
	struct world w = { 0 };
	struct err err = { 0 };

	(void)state;
	fclose(fopen(path, "w"));
	assert_int_equal(open_at(&w, unix_text, &err), -1);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void
a_path_that_is_not_ours_any_more_stays(void **state)
{
	struct world w = { 0 };

	(void)state;
	start(&w, unix_text);
	unlink(path);
	fclose(fopen(path, "w"));
	finish(&w);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void
out_of_descriptors_clients_hear_of_it(void **state)
{
	struct world w = { .stop_at = 1 };
	struct rlimit old, tight;
	int fd[3];

	(void)state;
	start(&w, "127.0.0.1:0");
	fd[0] = dial(listen_addr(w.l));
	fd[1] = dial(listen_addr(w.l));
	getrlimit(RLIMIT_NOFILE, &old);
	tight = old;
	tight.rlim_cur = (rlim_t)fd[1] + 1;
	setrlimit(RLIMIT_NOFILE, &tight);
	loop_run(w.loop);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(w.full, 2);
	for (int i = 0; i < 2; i++) {
		char word[4] = { 0 };

		assert_int_equal(read(fd[i], word, 3), 3);
		assert_string_equal(word, "421");
	}
	fd[2] = dial(listen_addr(w.l));
	w.stop_at = 3; /* when the pause is over */
	loop_run(w.loop);
	assert_int_equal(w.accepted, 1);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	finish(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_accepted),
		cmocka_unit_test(many_clients_are_accepted),
		cmocka_unit_test(stopped_it_keeps_the_socket),
		cmocka_unit_test(the_hook_may_close_it),
		cmocka_unit_test(an_address_in_use_is_refused),
		cmocka_unit_test(
		    a_dead_unix_socket_is_replaced_a_live_one_is_not),
		cmocka_unit_test(a_file_that_is_no_socket_stays),
		cmocka_unit_test(a_path_that_is_not_ours_any_more_stays),
		cmocka_unit_test(out_of_descriptors_clients_hear_of_it),
	};
	int rc;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/sock", dir);
	snprintf(unix_text, sizeof unix_text, "unix:%s", path);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
