/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any user of the host may write into the control socket: a request to a
 * real control, relay and spool, which has messages of each kind.  An input
 * that begins with "{" is the line itself; else its first byte chooses a
 * request and the rest are its words, so that most inputs get beyond the name.
 * One of an odd length comes from a stranger, where root runs this.  Each
 * request has one answer: rows, then its end, lines of JSON all of them.
 */
#include <assert.h>
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "postern/admin/control.h"
#include "postern/admin/explain.h"
#include "postern/admin/stats.h"
#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"
#include "postern/spool/spool_ops.h"

#define ANSWER_MAX (64u << 20)
#define PATIENCE_MS 60000 /* a provider's probe is the longest */
#define MESSAGES 40
#define STRANGER 65534

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "check", "dead.delete", "dead.export",
	"dead.list", "dead.resend", "log.address", "log.level", "log.set",
	"mailq", "message.body", "message.headers", "message.show",
	"provider.list", "provider.pause", "provider.probe", "provider.resume",
	"provider.show", "queue.count", "queue.delete", "queue.export",
	"queue.hold", "queue.list", "queue.release", "queue.reroute",
	"queue.retry", "reload", "route", "spool.backup", "stats",
	"token.refresh", "trace", "why" };

/* Nobody listens at port 1. */
static const char text[] =
    "hostname = \"relay.test\"; root = \"ops@example.com\";\n"
    "log = { to = \"/dev/null\"; };\n"
    "token_directory = \"%s\";\n"
    "spool = { directory = \"%s/spool\"; ballast = \"1M\"; min_free = \"1M\"; "
    "journal = \"1M\"; };\n"
    "control = { socket = \"%s/control.sock\"; };\n"
    "providers = ( { name = \"one\"; host = \"127.0.0.1\"; port = 1; tls = "
    "\"off\"; }, { name = \"two\"; like = \"one\"; } );\n"
    "routes = ( { name = \"news\"; match = { header = [ \"X-News: *\" ]; "
    "sender = [ \"*@news.test\" ]; }; use = [ \"two\" ]; },\n"
    "{ name = \"default\"; use = [ \"one\", \"two\" ]; } );\n";

static struct {
	char dir[64];
	struct loop *loop;
	struct mailbox *mailbox;
	struct timer *timer;
	struct settings *set;
	struct spool *spool;
	struct relay *relay;
	struct control *control;
	struct stats_source figures;
	struct buf answer;
	int fd;
} world;

/* --- the daemon around it ----------------------------------------------------
 */

static int
reload(void *arg, control_tell_fn *tell, void *tell_arg)
{
	(void)arg;
	tell(tell_arg, "postern.conf:1: a mistake");
	return -1;
}

static void
settings(void *arg, struct explain_by *by)
{
	(void)arg;
	by->inlet = &world.set->inlet;
	by->relay = &world.set->relay;
	by->routes_at = world.set->routes_at;
}

static void
load(void)
{
	char *file = mem_printf("%s/postern.conf", world.dir);
	char *spool = mem_printf("%s/spool", world.dir);
	FILE *f = fopen(file, "w");
	struct conf_report r;
	struct err err;
	int rc;

	assert(f != NULL);
	rc = mkdir(spool, 0700);
	assert(rc == 0);
	free(spool);
	rc = fprintf(f, text, world.dir, world.dir, world.dir);
	assert(rc > 0);
	rc = fclose(f);
	assert(rc == 0);
	rc = conf_load(&world.set, file, false, &r);
	for (size_t i = 0; i < r.nmistakes; i++)
		(void)fprintf(stderr, "%s\n", r.mistakes[i]);
	assert(rc == 0);
	conf_report_done(&r);
	free(file);
	rc = log_start(&world.set->log, &err);
	assert(rc == 0);
	rc = spool_open(&world.spool, &world.set->spool, &err);
	if (rc != 0)
		(void)fprintf(stderr, "%s\n", err.text);
	assert(rc == 0);
	for (size_t i = 0; i < world.set->relay.nroutes; i++) {
		uint32_t id;

		rc = spool_route(
		    world.spool, world.set->relay.routes[i].name, &id, &err);
		assert(rc == 0);
		conf_set_route(world.set, i, id);
	}
}

/* Held, so that nothing changes but by a request; or dead. */
static void
put_message(size_t i)
{
	static const char content[] = "Subject: x\r\n\r\nx\r\n";
	struct body *body = body_new(sizeof content - 1);
	struct envelope_rcpt rcpt[] = { { .address = "ann@example.com" },
		{ .address = "bob@example.net" } };
	struct envelope e = { .mid = spool_mid(world.spool),
		.arrival_ms = clock_wall_ms(),
		.size = sizeof content - 1,
		.crc32c = crc32c(0, content, sizeof content - 1),
		.sender = i % 3 == 0 ? "" : "news@news.test",
		.client = i % 2 == 0 ? "uid=65534" : "192.0.2.1",
		.listener = "local",
		.user = i % 4 == 0 ? "app" : NULL,
		.message_id = "<1@example.org>",
		.nrcpts = 2,
		.rcpts = rcpt,
		.body = body };
	struct spool_accept a = { .ndeliveries = 1,
		.first = { .route = world.set->relay.routes[i % 2].id,
		    .priority = (uint8_t)(i % 4),
		    .hold = i % 5 == 0 ? SPOOL_HOLD_POISON
		                       : SPOOL_HOLD_OPERATOR } };
	struct spool_accept *all[] = { &a };
	struct err err;
	int rc = body_add(body, content, sizeof content - 1);

	assert(rc == 0);
	if (i % 4 == 1) {
		rcpt[0].state = rcpt[1].state = ENVELOPE_DEAD;
		a.first.hold = SPOOL_HOLD_NONE;
		a.past = mem_new(sizeof *a.past);
		a.past->is_dead = true;
		a.first.due_ms = e.arrival_ms;
	}
	a.env = envelope_new(&e);
	body_free(&body);
	rc = spool_accept_now(world.spool, all, 1, &err);
	assert(rc == 0);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
end(void)
{
	relay_stop(world.relay);
	spool_stop(world.spool);
	world.figures.is_over = true;
	relay_free(&world.relay);
	control_stop(world.control);
	spool_close(&world.spool);
	timer_free(&world.timer);
	mailbox_free(&world.mailbox);
	control_free(&world.control);
	loop_free(&world.loop);
	conf_free(&world.set);
	log_stop();
	buf_done(&world.answer);
	(void)nftw(world.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
on_late(void *arg)
{
	(void)arg;
	assert(false && "no answer");
}

static void
begin(void)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct control_hooks hooks = {
		.figures = &world.figures,
		.reload = reload,
		.check = reload,
		.settings = settings,
	};
	struct err err;
	int rc;

	(void)snprintf(
	    world.dir, sizeof world.dir, "%s/fuzz-control-XXXXXX", tmp);
	if (mkdtemp(world.dir) == NULL || chmod(world.dir, 0711) != 0)
		abort();
	buf_init(&world.answer, ANSWER_MAX);
	rc = loop_new(&world.loop, &err);
	assert(rc == 0);
	world.mailbox = mailbox_new(world.loop, NULL);
	world.timer = timer_new(world.loop, on_late, NULL);
	load();
	for (size_t i = 0; i < MESSAGES; i++)
		put_message(i);
	rc = relay_new(&world.relay, world.spool, &world.set->relay, &err);
	assert(rc == 0);
	hooks.mailbox = world.mailbox;
	hooks.relay = world.relay;
	hooks.spool = world.spool;
	rc = control_new(
	    &world.control, world.loop, &world.set->control, &hooks, &err);
	assert(rc == 0);
	world.figures.version = "0";
	world.figures.modules = "";
	world.figures.spool = world.spool;
	world.figures.relay = world.relay;
	world.figures.started_ms = clock_wall_ms();
	stats_tick(&world.figures);
	spool_start(world.spool);
	relay_start(world.relay);
	control_start(world.control);
	atexit(end);
}

/* --- a request ---------------------------------------------------------------
 */

/* This thread alone. */
static void
become(uid_t uid)
{
	long rc = syscall(SYS_setresuid, -1, uid, -1);

	assert(rc == 0);
}

static int
dial(bool as_stranger)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	(void)snprintf(
	    sa.sun_path, sizeof sa.sun_path, "%s/control.sock", world.dir);
	assert(fd >= 0);
	if (as_stranger)
		become(STRANGER);
	rc = connect(fd, (const struct sockaddr *)&sa, sizeof sa);
	if (as_stranger)
		become(0);
	assert(rc == 0);
	return fd;
}

static void
say(int fd, const void *p, size_t n)
{
	ssize_t put = n > 0 ? send(fd, p, n, MSG_NOSIGNAL) : 0;

	assert(put == (ssize_t)n);
}

/* The daemon closes once all is said. */
static void
on_readable(void *arg, bool readable, bool writable)
{
	char *room = buf_room(&world.answer, 65536);
	ssize_t n;

	(void)arg;
	(void)readable;
	(void)writable;
	assert(room != NULL);
	n = read(world.fd, room, 65536);
	if (n > 0)
		buf_wrote(&world.answer, (size_t)n);
	else
		loop_stop(world.loop);
}

static void
look_at_row(const json_t *j)
{
	assert(json_is_object(json_object_get(j, "row")));
}

static void
look_at_end(const json_t *j)
{
	const char *why = json_string_value(json_object_get(j, "error"));
	json_int_t code = json_integer_value(json_object_get(j, "exit"));

	if (json_is_true(json_object_get(j, "done")))
		return;
	assert(why != NULL && strlen(why) > 0);
	assert(code > 0 && code < 128);
}

static void
look_at_answer(struct str rest)
{
	assert(rest.len > 0 && rest.p[rest.len - 1] == '\n');
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		json_t *j = json_loadb(line.p, line.len, 0, NULL);
		json_t *v = json_object_get(j, "v");

		assert(j != NULL && json_integer_value(v) == CONTROL_VERSION);
		if (rest.len > 0)
			look_at_row(j);
		else
			look_at_end(j);
		json_decref(j);
	}
}

static void
write_line(const uint8_t *data, size_t size)
{
	char head[80];
	int n;

	if (size > 0 && data[0] != '{') {
		n = snprintf(head, sizeof head, "{\"v\":1,\"request\":\"%s\"",
		    names[data[0] % (sizeof names / sizeof names[0])]);
		say(world.fd, head, (size_t)n);
		if (size > 1)
			say(world.fd, ",", 1);
		say(world.fd, data + 1, size - 1);
		say(world.fd, "}\n", 2);
	} else {
		say(world.fd, data, size);
		say(world.fd, "\n", 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch *w;

	if (world.control == NULL)
		begin();
	if (size > 2 * CONTROL_REQUEST_MAX)
		return 0; /* it would not fit into the socket */
	buf_clear(&world.answer);
	world.fd = dial(getuid() == 0 && size % 2 == 1);
	write_line(data, size);
	w = watch_new(world.loop, world.fd, on_readable, NULL);
	watch_set(w, true, false);
	timer_set(world.timer, PATIENCE_MS);
	loop_run(world.loop);
	timer_stop(world.timer);
	watch_free(&w);
	(void)close(world.fd);
	look_at_answer(buf_str(&world.answer));
	return 0;
}
