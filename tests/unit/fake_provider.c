/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_provider.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#define CONNS_MAX 256
#define STAGES_MAX 16
#define RULES_MAX 32
#define WAIT_S 10

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t acceptor;
	int listener;
	uint16_t port;
	bool ending;
	const char *const *ehlo;
	struct fake_rule rules[RULES_MAX];
	size_t nrules;
	unsigned used[RULES_MAX];
	struct {
		const char *name;
		size_t n;
	} count[STAGES_MAX];
	struct fake_mail *mails;
	size_t nmails;
	int fd[CONNS_MAX]; /* -1: closed */
	pthread_t thread[CONNS_MAX];
	unsigned nconns;
};

struct talk { /* one connection */
	struct fake *f;
	unsigned conn, message;
	int fd;
	char in[8192];
	size_t at, len;
	char *sender, *rcpts;
};

static const char *const default_ehlo[] = { "PIPELINING", NULL };

/* --- counting, waiting -------------------------------------------------------
 */

static size_t *
counter(struct fake *f, const char *stage)
{
	size_t i = 0;

	while (f->count[i].name && strcmp(f->count[i].name, stage) != 0)
		i++;
	f->count[i].name = stage;
	return &f->count[i].n;
}

static void
await(struct fake *f, const size_t *what, size_t n, const char *name)
{
	struct timespec until;
	size_t seen;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (*what < n && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&f->changed, &f->lock, &until);
	seen = *what;
	pthread_mutex_unlock(&f->lock);
	if (seen < n)
		fail_msg("%s: %zu of %zu", name, seen, n);
}

void
fake_wait(struct fake *f, const char *stage, size_t n)
{
	pthread_mutex_lock(&f->lock);
	await(f, counter(f, stage), n, stage);
}

size_t
fake_count(struct fake *f, const char *stage)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = *counter(f, stage);
	pthread_mutex_unlock(&f->lock);
	return n;
}

void
fake_wait_mails(struct fake *f, size_t n)
{
	pthread_mutex_lock(&f->lock);
	await(f, &f->nmails, n, "mails");
}

void
fake_wait_conns(struct fake *f, size_t n)
{
	fake_wait(f, "BANNER", n);
}

size_t
fake_mails(struct fake *f)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->nmails;
	pthread_mutex_unlock(&f->lock);
	return n;
}

size_t
fake_conns(struct fake *f)
{
	return fake_count(f, "BANNER");
}

const struct fake_mail *
fake_mail(struct fake *f, size_t i)
{
	assert_true(i < fake_mails(f));
	return &f->mails[i];
}

/* --- a connection ----------------------------------------------------------
 */

static bool
fits(const struct fake_rule *r, const struct talk *t, const char *stage,
    const char *line)
{
	return strcmp(r->stage, stage) == 0 &&
	       (!r->has || strstr(line, r->has)) &&
	       (r->conn == 0 || r->conn == t->conn) &&
	       (r->message == 0 || r->message == t->message);
}

/* What is answered: the first rule's word, or the usual one.  Counts it. */
static const char *
answer(struct talk *t, const char *stage, const char *line, const char *usual)
{
	struct fake *f = t->f;
	const char *reply = usual;

	pthread_mutex_lock(&f->lock);
	++*counter(f, stage);
	for (size_t i = 0; i < f->nrules; i++) {
		if (!fits(&f->rules[i], t, stage, line))
			continue;
		if (f->rules[i].times && f->used[i] >= f->rules[i].times)
			continue;
		f->used[i]++;
		reply = f->rules[i].reply;
		break;
	}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return reply;
}

/* false: the connection is over. */
static bool
say(struct talk *t, const char *reply)
{
	char line[600];
	int n;

	if (strcmp(reply, "close") == 0)
		return false;
	if (strcmp(reply, "hang") == 0) {
		while (read(t->fd, line, sizeof line) > 0)
			continue; /* until it is closed */
		return false;
	}
	if (reply[0] == '\0')
		return true;
	n = snprintf(line, sizeof line, "%s\r\n", reply);
	return send(t->fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

/* A line without CRLF; false: the end. */
static bool
get_line(struct talk *t, char *line, size_t max)
{
	size_t n = 0;

	for (;;) {
		if (t->at == t->len) {
			ssize_t got = read(t->fd, t->in, sizeof t->in);

			if (got <= 0)
				return false;
			t->at = 0;
			t->len = (size_t)got;
		}
		if (t->in[t->at] == '\n') {
			t->at++;
			line[n > 0 && line[n - 1] == '\r' ? n - 1 : n] = '\0';
			return true;
		}
		if (n < max - 1)
			line[n++] = t->in[t->at];
		t->at++;
	}
}

static char *
append(char *to, const char *more)
{
	char *both = mem_printf("%s%s%s", to ? to : "", to ? " " : "", more);

	free(to);
	return both;
}

static char *
get_content(struct talk *t, size_t *size)
{
	size_t cap = 4096;
	char *content = mem_new(cap);
	char line[4096];

	*size = 0;
	while (get_line(t, line, sizeof line)) {
		const char *p = line[0] == '.' ? line + 1 : line;
		size_t n = strlen(p);

		if (strcmp(line, ".") == 0)
			return content;
		while (cap < *size + n + 3)
			content = mem_resize(content, cap *= 2);
		memcpy(content + *size, p, n);
		memcpy(content + *size + n, "\r\n", 3);
		*size += n + 2;
	}
	free(content);
	return NULL;
}

static char *
get_chunk(struct talk *t, size_t size)
{
	char *content = mem_new(size + 1);

	for (size_t i = 0; i < size; i++) {
		if (t->at == t->len) {
			ssize_t got = read(t->fd, t->in, sizeof t->in);

			if (got <= 0) {
				free(content);
				return NULL;
			}
			t->at = 0;
			t->len = (size_t)got;
		}
		content[i] = t->in[t->at++];
	}
	return content;
}

static void
keep(struct talk *t, char *content, size_t size)
{
	struct fake *f = t->f;
	struct fake_mail m = { .sender = mem_str(t->sender),
		.rcpts = mem_str(t->rcpts ? t->rcpts : ""),
		.content = content,
		.size = size,
		.conn = t->conn };

	pthread_mutex_lock(&f->lock);
	/* earlier ones may be looked at meanwhile: there is room for all */
	f->mails[f->nmails++] = m;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static bool
end_of_content(struct talk *t, char *content, size_t size)
{
	const char *reply;

	if (!content)
		return false;
	reply = answer(t, "DOT", "", "250 2.0.0 taken");
	if (reply[0] == '2')
		keep(t, content, size);
	else
		free(content);
	if (!say(t, reply))
		return false;
	return say(t, answer(t, "END", "", ""));
}

static bool
on_data(struct talk *t, const char *line)
{
	const char *usual = t->rcpts ? "354 go on" : "554 5.5.1 nobody";
	const char *reply = answer(t, "DATA", line, usual);
	size_t size;
	char *content;

	if (!say(t, reply))
		return false;
	if (reply[0] != '3')
		return true;
	content = get_content(t, &size);
	return end_of_content(t, content, size);
}

static bool
on_bdat(struct talk *t, const char *line)
{
	size_t size = (size_t)strtoul(line + 5, NULL, 10);
	char *content = get_chunk(t, size);

	if (!t->rcpts) {
		free(content);
		return say(t, "503 5.5.1 nobody");
	}
	return end_of_content(t, content, size); /* tests send one LAST */
}

static void
forget(struct talk *t)
{
	free(t->sender);
	free(t->rcpts);
	t->sender = t->rcpts = NULL;
}

static bool
on_mail(struct talk *t, const char *line)
{
	const char *reply;

	forget(t);
	t->message++;
	reply = answer(t, "MAIL", line, "250 2.1.0 ok");
	t->sender = mem_str(line + strlen("MAIL FROM:"));
	return say(t, reply);
}

static bool
on_rcpt(struct talk *t, const char *line)
{
	const char *reply = answer(t, "RCPT", line, "250 2.1.5 ok");

	if (reply[0] == '2')
		t->rcpts = append(t->rcpts, line + strlen("RCPT TO:"));
	return say(t, reply);
}

static bool
on_ehlo(struct talk *t, const char *line)
{
	const char *reply = answer(t, "EHLO", line, NULL);
	const char *const *word = t->f->ehlo;
	char text[300];

	if (reply)
		return say(t, reply);
	if (!say(t, "250-fake.example"))
		return false;
	for (; *word; word++) {
		snprintf(text, sizeof text, "250-%s", *word);
		if (!say(t, text))
			return false;
	}
	return say(t, "250 HELP");
}

static bool
command(struct talk *t, const char *line)
{
	if (strncmp(line, "EHLO ", 5) == 0)
		return on_ehlo(t, line);
	if (strncmp(line, "AUTH ", 5) == 0)
		return say(t, answer(t, "AUTH", line, "235 2.7.0 welcome"));
	if (strncmp(line, "MAIL FROM:", 10) == 0)
		return on_mail(t, line);
	if (strncmp(line, "RCPT TO:", 8) == 0)
		return on_rcpt(t, line);
	if (strcmp(line, "DATA") == 0)
		return on_data(t, line);
	if (strncmp(line, "BDAT ", 5) == 0)
		return on_bdat(t, line);
	if (strcmp(line, "RSET") == 0) {
		forget(t);
		return say(t, answer(t, "RSET", line, "250 2.0.0 ok"));
	}
	if (strcmp(line, "NOOP") == 0)
		return say(t, answer(t, "NOOP", line, "250 2.0.0 ok"));
	if (strcmp(line, "QUIT") == 0) {
		say(t, answer(t, "QUIT", line, "221 2.0.0 bye"));
		return false;
	}
	return say(t, "500 5.5.1 what?");
}

static void *
converse(void *arg)
{
	struct talk *t = arg;
	struct fake *f = t->f;
	char line[4096];
	bool on = say(t, answer(t, "BANNER", "", "220 fake.example ESMTP"));

	while (on && get_line(t, line, sizeof line))
		on = command(t, line);
	forget(t);
	pthread_mutex_lock(&f->lock);
	close(t->fd);
	f->fd[t->conn - 1] = -1;
	++*counter(f, "CLOSED");
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	free(t);
	return NULL;
}

/* --- life ------------------------------------------------------------------
 */

static void *
accept_all(void *arg)
{
	struct fake *f = arg;
	int fd;

	while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
		struct talk *t = mem_new(sizeof *t);
		int on = 1;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		pthread_mutex_lock(&f->lock);
		if (f->ending || f->nconns == CONNS_MAX) {
			pthread_mutex_unlock(&f->lock);
			close(fd);
			free(t);
			break;
		}
		t->f = f;
		t->fd = f->fd[f->nconns] = fd;
		t->conn = ++f->nconns;
		pthread_create(&f->thread[t->conn - 1], NULL, converse, t);
		pthread_mutex_unlock(&f->lock);
	}
	return NULL;
}

static void
start_listening(struct fake *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(f->port) };
	socklen_t len = sizeof a;
	int on = 1;

	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(f->listener, 128), 0);
	assert_int_equal(
	    getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
	f->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&f->acceptor, NULL, accept_all, f), 0);
}

static void
stop_listening(struct fake *f)
{
	if (f->listener < 0)
		return;
	shutdown(f->listener, SHUT_RDWR); /* wakes accept(2) */
	pthread_join(f->acceptor, NULL);
	close(f->listener);
	f->listener = -1;
}

struct fake *
fake_new(const struct fake_settings *s)
{
	struct fake *f = mem_new(sizeof *f);

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->ehlo = s->ehlo ? s->ehlo : default_ehlo;
	f->mails = mem_array(4096, sizeof *f->mails);
	fake_rules(f, s->rules);
	start_listening(f);
	return f;
}

void
fake_rules(struct fake *f, const struct fake_rule *rules)
{
	pthread_mutex_lock(&f->lock);
	f->nrules = 0;
	memset(f->used, 0, sizeof f->used);
	while (rules && rules[f->nrules].stage) {
		f->rules[f->nrules] = rules[f->nrules];
		f->nrules++;
	}
	pthread_mutex_unlock(&f->lock);
}

void
fake_refuse(struct fake *f, bool refuse)
{
	if (refuse)
		stop_listening(f);
	else
		start_listening(f);
}

void
fake_drop(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < f->nconns; i++) {
		if (f->fd[i] >= 0)
			shutdown(f->fd[i], SHUT_RDWR);
	}
	pthread_mutex_unlock(&f->lock);
}

void
fake_free(struct fake **fp)
{
	struct fake *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	pthread_mutex_unlock(&f->lock);
	stop_listening(f);
	fake_drop(f);
	for (unsigned i = 0; i < f->nconns; i++)
		pthread_join(f->thread[i], NULL);
	for (size_t i = 0; i < f->nmails; i++) {
		free(f->mails[i].sender);
		free(f->mails[i].rcpts);
		free(f->mails[i].content);
	}
	free(f->mails);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

uint16_t
fake_port(const struct fake *f)
{
	return f->port;
}
