/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"

#include "base/log_record.h"

#define TS (sizeof "2026-11-24T09:31:12.123456Z" - 1)

static const struct log_event delivered = { "delivered", LOG_LEVEL_INFO };
static const struct log_event phase = { "phase", LOG_LEVEL_DEBUG };
static const struct log_event alarmed = { "alarmed", LOG_LEVEL_ERROR };

static char dir[] = "/tmp/postern-log.XXXXXX";
static char path[64], other[64];
static char text[64 * 1024 * 1024];

static size_t
read_all(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

static void
start_to(const char *to, enum log_format format)
{
	struct log_settings s = { .to = to,
		.format = format,
		.level = LOG_LEVEL_INFO,
		.postfix_tag = "relay",
		.syslog_socket = other };
	struct err err = { 0 };

	if (log_start(&s, &err) < 0)
		fail_msg("%s", err.text);
}

static void
start(enum log_format format)
{
	unlink(path);
	start_to(path, format);
}

/* --- the text of a line -----------------------------------------------------
 */

static const struct {
	const char *why;
	struct str value;
	const char *plain, *json;
} values[] = {
	{ "a word", { "a@b", 3 }, "k=a@b", "\"k\":\"a@b\"" },
	{ "nothing", { "", 0 }, "k=\"\"", "\"k\":\"\"" },
	{ "a blank", { "a b", 3 }, "k=\"a b\"", "\"k\":\"a b\"" },
	{ "an equals sign", { "a=b", 3 }, "k=\"a=b\"", "\"k\":\"a=b\"" },
	{ "quotes", { "\"\\", 2 }, "k=\"\\\"\\\\\"", "\"k\":\"\\\"\\\\\"" },
	{ "a forged line", { "x\nts", 4 }, "k=\"x\\x0ats\"",
	    "\"k\":\"x\\u000ats\"" },
	{ "a NUL", { "a\0b", 3 }, "k=\"a\\x00b\"", "\"k\":\"a\\u0000b\"" },
	{ "UTF-8", { "\xc3\xa9", 2 }, "k=\xc3\xa9", "\"k\":\"\xc3\xa9\"" },
	{ "no UTF-8", { "\xe9", 1 }, "k=\"\\xe9\"", "\"k\":\"\\\\xe9\"" },
};

static void
log_values(void)
{
	struct log_line l;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		log_begin(&l, &delivered, 1, i ? 0 : 2);
		log_str(&l, "k", values[i].value);
		log_num(&l, "n", -7);
		log_end(&l);
	}
	log_stop();
	read_all(path);
}

static void
lines_of_text(void **state)
{
	char *line = text, want[256];

	(void)state;
	start(LOG_FORMAT_TEXT);
	log_values();
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		snprintf(want, sizeof want,
		    " INFO  event=delivered msg=0000000000001%s %s n=-7\n",
		    i ? "" : " sess=0000000000002", values[i].plain);
		if (strncmp(line + TS, want, strlen(want)) != 0)
			fail_msg("%s: %s", values[i].why, line);
		line += TS + strlen(want);
	}
	assert_int_equal(*line, 0);
}

static void
lines_of_json(void **state)
{
	char *line = text, want[256];
	size_t head = sizeof "{\"ts\":\"" - 1 + TS;

	(void)state;
	start(LOG_FORMAT_JSON);
	log_values();
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		snprintf(want, sizeof want,
		    "\",\"level\":\"info\",\"event\":\"delivered\","
		    "\"msg\":\"0000000000001\"%s,%s,\"n\":-7}\n",
		    i ? "" : ",\"sess\":\"0000000000002\"", values[i].json);
		if (strncmp(line + head, want, strlen(want)) != 0)
			fail_msg("%s: %s", values[i].why, line);
		line += head + strlen(want);
	}
	assert_int_equal(*line, 0);
}

static void
values_are_cut_and_lines_end(void **state)
{
	char lots[1000];
	struct log_line l;

	(void)state;
	memset(lots, 'x', sizeof lots);
	memcpy(lots + 199, "\xc3\xa9", 2); /* across the cut */
	start(LOG_FORMAT_TEXT);
	log_begin(&l, &delivered, 0, 0);
	log_str(&l, "k", (struct str){ lots, sizeof lots });
	log_end(&l);
	memset(lots, '\n', sizeof lots);
	log_begin(&l, &delivered, 0, 0);
	for (int i = 0; i < 20; i++) /* what has no room is left out whole */
		log_str(&l, "k", (struct str){ lots, sizeof lots });
	log_cstr(&l, "last", "word");
	log_end(&l);
	log_text(&alarmed, "%s %d", "two words", 2);
	log_stop();
	read_all(path);
	lots[0] = '\0';
	assert_int_equal(strcspn(text + TS, "\n"),
	    strlen(" INFO  event=delivered k=") + 199);
	assert_int_equal(strlen(strchr(text, '\n') + 1),
	    TS + strlen(" INFO  event=delivered last=word\n") +
	        2 * (strlen(" k=\"\"") + 200 * 4) + TS +
	        strlen(" ERROR event=alarmed text=\"two words 2\"\n"));
	assert_non_null(strstr(text, " last=word\n"));
}

static void
below_the_level_nothing_is_done(void **state)
{
	struct log_settings s = { .to = path,
		.format = LOG_FORMAT_TEXT,
		.level = LOG_LEVEL_DEBUG,
		.postfix_tag = "relay" };
	struct log_line l;
	struct err err;

	(void)state;
	start(LOG_FORMAT_TEXT);
	assert_false(log_wants(LOG_LEVEL_DEBUG));
	assert_true(log_wants(LOG_LEVEL_INFO));
	log_begin(&l, &phase, 1, 2);
	assert_null(l.ev);
	log_cstr(&l, "k", "v");
	log_num(&l, "n", 1);
	log_end(&l);
	log_text(&phase, "quiet");
	assert_int_equal(log_change(&s, &err), 0);
	log_text(&phase, "loud");
	log_stop();
	read_all(path);
	assert_null(strstr(text, "quiet"));
	assert_non_null(strstr(text, " DEBUG event=phase text=loud\n"));
}

/* --- where it goes -----------------------------------------------------------
 */

static void
before_and_after_it_goes_to_stderr(void **state)
{
	int fd[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	log_text(&alarmed, "before");
	start(LOG_FORMAT_TEXT);
	log_text(&alarmed, "during");
	log_stop();
	log_text(&alarmed, "after");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd[1]);
	n = read(fd[0], text, sizeof text - 1);
	close(fd[0]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "text=before\n"));
	assert_non_null(strstr(text, "text=after\n"));
	assert_null(strstr(text, "during"));
	read_all(path);
	assert_non_null(strstr(text, "text=during\n"));
	assert_null(strstr(text, "before"));
}

static void
a_rotated_file_is_opened_anew(void **state)
{
	struct log_settings s = { .to = path,
		.format = LOG_FORMAT_JSON,
		.level = LOG_LEVEL_INFO,
		.postfix_tag = "relay" };
	struct log_settings bad = { .to = "/nonexistent/x",
		.level = LOG_LEVEL_INFO };
	struct err err;

	(void)state;
	start(LOG_FORMAT_TEXT);
	log_text(&alarmed, "old");
	while (read_all(path) == 0)
		; /* until the logger has written it */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(log_change(&bad, &err), -1);
	assert_string_equal(err.text,
	    "log: /nonexistent/x: No such file or directory; write a file in a "
	    "directory of the daemon's user (install -d -m 0750 -o USER "
	    "DIRECTORY)");
	assert_int_equal(log_change(&s, &err), 0);
	log_text(&alarmed, "new");
	log_stop();
	read_all(other);
	assert_non_null(strstr(text, "text=old\n"));
	assert_null(strstr(text, "new"));
	read_all(path);
	assert_non_null(strstr(text, "\"event\":\"log.reopened\""));
	assert_non_null(strstr(text, "\"text\":\"new\"}\n"));
	assert_int_equal(log_start(&bad, &err), -1);
}

/* Who rotates renames it; a new one comes at once, or not at all. */
static void
a_file_that_was_moved_away_is_left(void **state)
{
	static const bool makes_new[] = { true, false };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		start(LOG_FORMAT_TEXT);
		log_text(&alarmed, "old");
		while (read_all(path) == 0)
			;
		assert_int_equal(rename(path, other), 0);
		if (makes_new[i])
			fclose(fopen(path, "w"));
		do {
			log_text(&alarmed, "new");
			poll(NULL, 0, 10);
		} while (access(path, F_OK) != 0 || read_all(path) == 0);
		log_text(&alarmed, "last");
		log_stop();
		read_all(path);
		assert_non_null(strstr(text, "event=log.reopened text="));
		assert_non_null(strstr(text, "text=last\n"));
		read_all(other);
		assert_null(strstr(text, "last"));
	}
}

/* --- syslog ------------------------------------------------------------------
 */

/* 2026-03-04T05:06:07.000008Z */
#define A_TIME 1772600767000008u

static const struct {
	enum log_format format;
	enum log_level level;
	const char *file, *syslog, *journal;
} records[] = {
	{ LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "2026-03-04T05:06:07.000008Z body\n",
	    "<22>Mar  4 05:06:07 posternd[77]: body\n", "<6>body\n" },
	{ LOG_FORMAT_JSON, LOG_LEVEL_ERROR,
	    "{\"ts\":\"2026-03-04T05:06:07.000008Z\",body\n",
	    "<19>Mar  4 05:06:07 posternd[77]: "
	    "{\"ts\":\"2026-03-04T05:06:07.000008Z\",body\n",
	    "<3>{\"ts\":\"2026-03-04T05:06:07.000008Z\",body\n" },
	{ LOG_FORMAT_POSTFIX, LOG_LEVEL_WARN,
	    "Mar  4 05:06:07 web1 relaybody\n",
	    "<20>Mar  4 05:06:07 relaybody\n",
	    "<4>Mar  4 05:06:07 web1 relaybody\n" },
	{ LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG,
	    "2026-03-04T05:06:07.000008Z body\n",
	    "<23>Mar  4 05:06:07 posternd[77]: body\n", "<7>body\n" },
};

static void
a_record_is_dressed_for_its_target(void **state)
{
	struct log_dress d = { .tag = "relay", .host = "web1", .pid = 77 };
	char record[LOG_RECORD_HEAD + 5], out[256];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		size_t n;

		log_record_begin(
		    record, A_TIME, records[i].format, records[i].level);
		memcpy(record + LOG_RECORD_HEAD, "body\n", 5);
		d.head = LOG_HEAD_PLAIN;
		n = log_record_write(out, record, sizeof record, &d);
		out[n] = '\0';
		assert_string_equal(out, records[i].file);
		d.head = LOG_HEAD_SYSLOG;
		n = log_record_write(out, record, sizeof record, &d);
		out[n] = '\0';
		assert_string_equal(out, records[i].syslog);
		d.head = LOG_HEAD_JOURNAL;
		n = log_record_write(out, record, sizeof record, &d);
		out[n] = '\0';
		assert_string_equal(out, records[i].journal);
	}
}

/* As systemd says it: stderr's device and inode; another one's does not count.
 */
static void
the_journal_is_told_how_grave_a_line_is(void **state)
{
	int fd[2], saved = dup(STDERR_FILENO);
	char told[64];
	struct stat st;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	assert_int_equal(fstat(fd[1], &st), 0);
	snprintf(told, sizeof told, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	assert_string_equal(log_stderr_lead(LOG_LEVEL_ERROR), "");
	log_text(&alarmed, "before");
	setenv("JOURNAL_STREAM", told, 1);
	assert_string_equal(log_stderr_lead(LOG_LEVEL_ERROR), "<3>");
	log_text(&alarmed, "early");
	start_to("stderr", LOG_FORMAT_TEXT);
	log_text(&alarmed, "later");
	log_stop();
	snprintf(told, sizeof told, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", told, 1);
	log_text(&alarmed, "after");
	unsetenv("JOURNAL_STREAM");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd[1]);
	n = read(fd[0], text, sizeof text - 1);
	close(fd[0]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_true(text[0] == '2');
	assert_non_null(strstr(text, "\n<3>ERROR event=alarmed text=early\n"
	                             "<3>ERROR event=alarmed text=later\n2"));
	assert_non_null(strstr(text, "text=after\n"));
}

static int
open_syslog(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	unlink(other);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", other);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static const char *
next_datagram(int fd)
{
	ssize_t n = recv(fd, text, 4096, 0);

	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void
syslog_may_come_and_go(void **state)
{
	uint64_t dropped = log_dropped();
	char want[64];
	int fd;

	(void)state;
	unlink(other);
	start_to("syslog", LOG_FORMAT_TEXT); /* it is not there yet */
	log_text(&alarmed, "one");
	fd = open_syslog();
	snprintf(want, sizeof want,
	    " posternd[%d]: ERROR event=alarmed text=one", (int)getpid());
	next_datagram(fd);
	assert_memory_equal(text, "<19>", 4);
	assert_string_equal(text + sizeof "<19>Mar  4 05:06:07" - 1, want);
	close(fd);
	log_text(&alarmed, "two");
	log_text(&delivered, "three");
	fd = open_syslog();
	assert_non_null(strstr(next_datagram(fd), "text=two"));
	assert_non_null(strstr(next_datagram(fd), "text=three"));
	assert_memory_equal(text, "<22>", 4);
	log_text(&alarmed, "four");
	log_stop();
	assert_non_null(strstr(next_datagram(fd), "text=four"));
	close(fd);
	unlink(other);
	assert_true(log_dropped() == dropped);
}

#define LINES 20000

static void
a_stuck_syslog_stops_nobody(void **state)
{
	uint64_t dropped = log_dropped(), start_ms;
	int fd = open_syslog();

	(void)state;
	start_to("syslog", LOG_FORMAT_TEXT);
	start_ms = clock_mono_ms();
	for (int i = 0; i < LINES; i++)
		log_text(&alarmed, "number %d", i);
	log_stop();
	assert_true(clock_mono_ms() - start_ms < 5000);
	assert_true(log_dropped() > dropped);
	close(fd);
	unlink(other);
}

/* Lines with those words; what is behind the words, added up. */
static uint64_t
count(const char *what, uint64_t *sum)
{
	uint64_t n = 0;

	for (char *line = text, *end; (end = strchr(line, '\n'));
	     line = end + 1) {
		char *at;

		*end = '\0'; /* a short text to search in */
		at = strstr(line, what);
		n += at != NULL;
		if (at && sum)
			*sum += strtoull(at + strlen(what), NULL, 10);
		*end = '\n';
	}
	return n;
}

static uint64_t
sum_of_drops(const char *thread)
{
	char want[64];
	uint64_t sum = 0;

	snprintf(
	    want, sizeof want, "event=log.dropped thread=%s count=", thread);
	count(want, &sum);
	return sum;
}

/* Into text, behind what is there; true: what has come. */
static bool
read_more(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static size_t len;
	ssize_t n;

	if (!*text)
		len = 0;
	poll(&p, 1, 100);
	n = read(fd, text + len, sizeof text - 1 - len);
	len += n > 0 ? (size_t)n : 0;
	text[len] = '\0';
	return strstr(text, what) != NULL;
}

static void
a_stuck_target_stops_nobody(void **state)
{
	uint64_t dropped = log_dropped(), start_ms, lines = LINES;
	int fd;

	(void)state;
	*text = '\0';
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	log_thread("talker");
	start_to(path, LOG_FORMAT_TEXT);
	start_ms = clock_mono_ms();
	for (int i = 0; i < LINES; i++)
		log_text(&alarmed, "number %d", i);
	assert_true(clock_mono_ms() - start_ms < 5000);
	assert_true(log_dropped() > dropped);
	while (!read_more(fd, "log.dropped"))
		; /* now somebody reads */
	do {
		log_text(&alarmed, "room again");
		lines++;
	} while (!read_more(fd, "room again"));
	log_stop();
	(void)read_more(fd, "");
	close(fd);
	unlink(path);
	assert_int_equal(sum_of_drops("talker"), log_dropped() - dropped);
	assert_int_equal(
	    count("event=alarmed ", NULL) + log_dropped() - dropped, lines);
}

static void
stopping_with_a_stuck_target_ends(void **state)
{
	uint64_t dropped = log_dropped(), start_ms;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	start_to(path, LOG_FORMAT_TEXT);
	for (int i = 0; i < 3000; i++)
		log_text(&alarmed, "number %d", i);
	start_ms = clock_mono_ms();
	log_stop();
	assert_true(clock_mono_ms() - start_ms < 3000);
	assert_true(log_dropped() > dropped);
	close(fd);
	unlink(path);
}

static void
a_target_that_fails_loses_lines_and_counts_them(void **state)
{
	uint64_t dropped = log_dropped();

	(void)state;
	start_to("/dev/full", LOG_FORMAT_TEXT);
	for (int i = 0; i < 100; i++)
		log_text(&alarmed, "number %d", i);
	log_stop();
	assert_true(log_dropped() - dropped >= 100);
}

static void *
talk(void *arg)
{
	const char *name = arg;
	struct log_line l;

	log_thread(name);
	for (int i = 0; i < LINES; i++) {
		log_begin(&l, &delivered, 0, 0);
		log_cstr(&l, "who", name);
		log_num(&l, "n", i);
		log_end(&l);
	}
	return NULL;
}

static void
threads_do_not_mix_their_lines(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	long last[3] = { -1, -1, -1 };
	pthread_t thread[3];

	(void)state;
	start(LOG_FORMAT_TEXT);
	for (int i = 0; i < 3; i++)
		pthread_create(
		    &thread[i], NULL, talk, (void *)(uintptr_t)names[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	log_stop();
	read_all(path);
	for (int i = 0; i < 3; i++) {
		char what[32];

		snprintf(what, sizeof what, "who=%s ", names[i]);
		assert_int_equal(
		    count(what, NULL) + sum_of_drops(names[i]), LINES);
	}
	for (char *line = text, *next; *line; line = next) {
		char who[16];
		long n;

		next = strchr(line, '\n');
		*next++ = '\0';
		if (sscanf(line + TS, " INFO  event=delivered who=%15s n=%ld",
		        who, &n) != 2)
			continue;
		for (int i = 0; i < 3; i++) {
			if (strcmp(who, names[i]) != 0)
				continue;
			assert_true(n > last[i]);
			last[i] = n;
		}
	}
}

static void *
log_for_ever(void *arg)
{
	(void)arg;
	log_thread("busy");
	for (;;)
		log_text(&delivered, "on and on");
	return NULL;
}

/* In a process of its own: the thread is never stopped. */
static _Noreturn void
abandon_a_busy_thread(void)
{
	pthread_t busy;

	start(LOG_FORMAT_TEXT);
	if (pthread_create(&busy, NULL, log_for_ever, NULL) != 0)
		_exit(2);
	log_thread("main");
	log_text(&delivered, "the last word");
	log_abandon();
	_exit(7);
}

static void
a_process_may_end_while_threads_log(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		abandon_a_busy_thread();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	read_all(path);
	assert_non_null(strstr(text, "the last word"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_text),
		cmocka_unit_test(lines_of_json),
		cmocka_unit_test(values_are_cut_and_lines_end),
		cmocka_unit_test(below_the_level_nothing_is_done),
		cmocka_unit_test(before_and_after_it_goes_to_stderr),
		cmocka_unit_test(a_rotated_file_is_opened_anew),
		cmocka_unit_test(a_file_that_was_moved_away_is_left),
		cmocka_unit_test(a_record_is_dressed_for_its_target),
		cmocka_unit_test(the_journal_is_told_how_grave_a_line_is),
		cmocka_unit_test(syslog_may_come_and_go),
		cmocka_unit_test(a_stuck_syslog_stops_nobody),
		cmocka_unit_test(a_stuck_target_stops_nobody),
		cmocka_unit_test(stopping_with_a_stuck_target_ends),
		cmocka_unit_test(
		    a_target_that_fails_loses_lines_and_counts_them),
		cmocka_unit_test(threads_do_not_mix_their_lines),
		cmocka_unit_test(a_process_may_end_while_threads_log),
	};
	int rc;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/log", dir);
	snprintf(other, sizeof other, "%s/log.1", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	unlink(other);
	rmdir(dir);
	return rc;
}
