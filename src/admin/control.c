/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/control.h"

#include <assert.h>
#include <poll.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/list.h"
#include "postern/base/mem.h"
#include "postern/io/addr.h"
#include "postern/io/conn.h"
#include "postern/io/listen.h"

#include "admin/backup.h"
#include "admin/control_act.h"
#include "admin/control_call.h"
#include "admin/control_export.h"
#include "admin/control_log.h"
#include "admin/control_mailq.h"
#include "admin/control_message.h"
#include "admin/control_probe.h"
#include "admin/control_provider.h"
#include "admin/control_queue.h"
#include "admin/control_reload.h"
#include "admin/control_route.h"
#include "admin/control_stats.h"
#include "admin/control_trace.h"
#include "admin/control_why.h"
#include "admin/events.h"
#include "admin/walker.h"

#define CALLERS_MAX 32    /* people and a few scripts; a request is short */
#define STRANGERS_MAX 16  /* who ask for their own mail: besides those */
#define A_STRANGER_MAX 2  /* so that nobody keeps the others out */
#define SECONDS_MS 10000  /* to send the request, to read its end */
#define READING_MS 600000 /* to go on reading; people look at a page */
#define ROW_ROOM 1024     /* bytes; the usual row */
#define GROUPS_MAX 65536u /* the kernel's NGROUPS_MAX */

static const struct control_request requests[] = {
	{ "check", CONTROL_ROLE_READ, control_reload_check },
	{ "dead.delete", CONTROL_ROLE_WRITE, control_act_discard },
	{ "dead.export", CONTROL_ROLE_WRITE, control_export_dead },
	{ "dead.list", CONTROL_ROLE_READ, control_queue_dead },
	{ "dead.resend", CONTROL_ROLE_WRITE, control_act_resend },
	{ "log.address", CONTROL_ROLE_READ, control_log_address },
	{ "log.level", CONTROL_ROLE_READ, control_log_level },
	{ "log.set", CONTROL_ROLE_WRITE, control_log_set },
	{ "mailq", CONTROL_ROLE_NONE, control_mailq_run },
	{ "message.body", CONTROL_ROLE_WRITE, control_message_body },
	{ "message.headers", CONTROL_ROLE_READ, control_message_headers },
	{ "message.show", CONTROL_ROLE_NONE, control_message_show },
	{ "provider.list", CONTROL_ROLE_READ, control_provider_list },
	{ "provider.pause", CONTROL_ROLE_WRITE, control_provider_pause },
	{ "provider.probe", CONTROL_ROLE_WRITE, control_probe_run },
	{ "provider.resume", CONTROL_ROLE_WRITE, control_provider_resume },
	{ "token.refresh", CONTROL_ROLE_WRITE, control_provider_token },
	{ "provider.show", CONTROL_ROLE_READ, control_provider_show },
	{ "queue.count", CONTROL_ROLE_READ, control_queue_count },
	{ "queue.delete", CONTROL_ROLE_WRITE, control_act_delete },
	{ "queue.export", CONTROL_ROLE_WRITE, control_export_queue },
	{ "queue.hold", CONTROL_ROLE_WRITE, control_act_hold },
	{ "queue.list", CONTROL_ROLE_READ, control_queue_list },
	{ "queue.release", CONTROL_ROLE_WRITE, control_act_release },
	{ "queue.reroute", CONTROL_ROLE_WRITE, control_act_reroute },
	{ "queue.retry", CONTROL_ROLE_WRITE, control_act_retry },
	{ "reload", CONTROL_ROLE_WRITE, control_reload_run },
	{ "route", CONTROL_ROLE_NONE, control_route_run },
	{ "spool.backup", CONTROL_ROLE_WRITE, backup_run },
	{ "stats", CONTROL_ROLE_READ, control_stats_run },
	{ "trace", CONTROL_ROLE_NONE, control_trace_run },
	{ "why", CONTROL_ROLE_NONE, control_why_run },
};

/* Taken until the caller has read the answer's end. */
struct place {
	bool is_taken;
	uid_t uid;
};

struct control {
	struct loop *loop;
	struct listen *listen;
	const struct control_hooks hooks;
	const struct control_settings set; /* without the socket */
	struct walker *walker;
	struct backup *backup;
	struct list calls;
	struct place place[CALLERS_MAX + STRANGERS_MAX];
};

struct control_call {
	struct list node;
	struct control *control;
	struct conn *conn; /* NULL: the caller went away */
	uid_t uid;
	enum control_role role;
	struct place *place;
	json_t *request;        /* NULL: has not come */
	control_call_fn *go_on; /* once there is room, or nobody reads */
	void *go_on_arg;
};

/* --- who asks ----------------------------------------------------------------
 */

static enum control_role
role_of_group(const struct control *c, gid_t gid)
{
	if (c->set.has_admin_group && gid == c->set.admin_group)
		return CONTROL_ROLE_WRITE;
	return c->set.has_group && gid == c->set.group ? CONTROL_ROLE_READ
	                                               : CONTROL_ROLE_NONE;
}

static enum control_role
role_of_groups(const struct control *c, int fd)
{
	socklen_t len = GROUPS_MAX * sizeof(gid_t);
	gid_t *gids = mem_array(GROUPS_MAX, sizeof *gids);
	enum control_role best = CONTROL_ROLE_NONE;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) != 0)
		len = 0;
	for (size_t i = 0; i < len / sizeof *gids; i++) {
		enum control_role role = role_of_group(c, gids[i]);

		if (role > best)
			best = role;
	}
	free(gids);
	return best;
}

static enum control_role
role_of(const struct control *c, int fd, uid_t *uid)
{
	struct ucred who;
	socklen_t len = sizeof who;
	enum control_role primary, other;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return CONTROL_ROLE_NONE;
	*uid = who.uid;
	if (who.uid == 0 || who.uid == geteuid())
		return CONTROL_ROLE_WRITE;
	primary = role_of_group(c, who.gid);
	other = role_of_groups(c, fd);
	return primary > other ? primary : other;
}

/* NULL: there is none. */
static struct place *
take_place(struct control *c, enum control_role role, uid_t uid)
{
	bool is_stranger = role == CONTROL_ROLE_NONE;
	struct place *p = c->place + (is_stranger ? CALLERS_MAX : 0);
	size_t n = is_stranger ? STRANGERS_MAX : CALLERS_MAX, own = 0;
	struct place *free_one = NULL;

	for (size_t i = 0; i < n; i++) {
		own += p[i].is_taken && p[i].uid == uid;
		if (!p[i].is_taken)
			free_one = &p[i];
	}
	if (free_one == NULL || (is_stranger && own >= A_STRANGER_MAX))
		return NULL;
	*free_one = (struct place){ .is_taken = true, .uid = uid };
	return free_one;
}

/* --- an answer ---------------------------------------------------------------
 */

static void
on_gone(void *arg)
{
	((struct place *)arg)->is_taken = false;
}

/* It keeps its place until the caller has read the answer, or is given up. */
static void
free_call(struct control_call *call)
{
	list_remove(&call->node);
	json_decref(call->request);
	if (!conn_close_told(&call->conn, SECONDS_MS, on_gone, call->place))
		call->place->is_taken = false;
	free(call);
}

static void
put(struct control_call *call, json_t *line) /* takes line */
{
	char *text = json_dumps(line, JSON_COMPACT);

	assert(text != NULL);
	if (call->conn != NULL) {
		conn_write(call->conn, text, strlen(text));
		conn_write(call->conn, "\n", 1);
	}
	free(text);
	json_decref(line);
}

const struct control_hooks *
control_call_hooks(const struct control_call *call)
{
	return &call->control->hooks;
}

const char *
control_call_word(const struct control_call *call, const char *name)
{
	return json_string_value(json_object_get(call->request, name));
}

int
control_call_words(const struct control_call *call, const char *name,
    const char **to, size_t max)
{
	const json_t *j = json_object_get(call->request, name);
	size_t n = json_array_size(j);

	if (j == NULL)
		return 0;
	if (!json_is_array(j) || n > max)
		return -1;
	for (size_t i = 0; i < n; i++) {
		to[i] = json_string_value(json_array_get(j, i));
		if (to[i] == NULL)
			return -1;
	}
	return (int)n;
}

bool
control_call_is(const struct control_call *call, const char *name)
{
	return json_is_true(json_object_get(call->request, name));
}

bool
control_call_number(
    const struct control_call *call, const char *name, uint64_t *n)
{
	json_t *j = json_object_get(call->request, name);

	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return false;
	*n = (uint64_t)json_integer_value(j);
	return true;
}

enum control_role
control_call_role(const struct control_call *call)
{
	return call->role;
}

void
control_call_own(const struct control_call *call, char own[CONTROL_CALL_OWN])
{
	own[0] = '\0';
	if (call->role < CONTROL_ROLE_READ)
		(void)snprintf(
		    own, CONTROL_CALL_OWN, "uid=%" PRIu32, call->uid);
}

uint32_t
control_call_uid(const struct control_call *call)
{
	return call->uid;
}

bool
control_call_is_over(const struct control_call *call)
{
	return call->control->walker == NULL;
}

struct walker *
control_call_walker(const struct control_call *call)
{
	return call->control->walker;
}

struct backup *
control_call_backup(const struct control_call *call)
{
	return call->control->backup;
}

int
control_call_fd(struct control_call *call)
{
	return call->conn != NULL ? conn_take_fd(call->conn) : -1;
}

static json_t *
row_line(json_t *row)
{
	return json_pack("{si so}", "v", CONTROL_VERSION, "row", row);
}

void
control_call_row(struct control_call *call, json_t *row)
{
	put(call, row_line(row));
}

static int
add_json(struct buf *b, const json_t *j)
{
	size_t room = ROW_ROOM, n;
	char *p;

	for (;;) {
		p = buf_room(b, room);
		if (p == NULL)
			return -1;
		n = json_dumpb(j, p, room, JSON_COMPACT);
		assert(n > 0);
		if (n <= room) {
			buf_wrote(b, n);
			return 0;
		}
		room = n;
	}
}

int
control_call_line(struct buf *b, json_t *row)
{
	int rc = buf_addf(b, "{\"v\":%d,\"row\":", CONTROL_VERSION);

	if (rc == 0)
		rc = add_json(b, row);
	json_decref(row);
	return rc == 0 ? buf_adds(b, "}\n") : -1;
}

void
control_call_lines(struct control_call *call, struct str lines)
{
	if (call->conn != NULL && lines.len > 0)
		conn_write(call->conn, lines.p, lines.len);
}

void
control_call_wait(struct control_call *call, control_call_fn *fn, void *arg)
{
	assert(call->go_on == NULL);
	if (call->conn == NULL || !conn_is_full(call->conn)) {
		fn(arg);
		return;
	}
	call->go_on = fn;
	call->go_on_arg = arg;
	conn_timeout(call->conn, READING_MS);
}

static void
go_on(struct control_call *call)
{
	control_call_fn *fn = call->go_on;

	call->go_on = NULL;
	if (call->conn != NULL)
		conn_timeout(call->conn, 0);
	if (fn != NULL)
		fn(call->go_on_arg);
}

/* Nobody reads from it: its end alone would not be seen, and need not mean that
 * the answer is not waited for. */
bool
control_call_is_gone(const struct control_call *call)
{
	struct pollfd p = { .events = 0 };

	if (call->conn == NULL)
		return true;
	p.fd = conn_fd(call->conn);
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

void
control_call_done(struct control_call *call)
{
	put(call, json_pack("{si sb}", "v", CONTROL_VERSION, "done", 1));
	free_call(call);
}

json_t *
control_call_str(struct str text)
{
	json_t *j = NULL;
	char *plain;

	if (text.len == 0)
		return json_string("");
	if (memchr(text.p, 0, text.len) == NULL)
		j = json_stringn(text.p, text.len);
	if (j != NULL)
		return j;
	plain = mem_dup(text.p, text.len);
	for (size_t i = 0; i < text.len; i++) {
		if (plain[i] == 0 || (unsigned char)plain[i] >= 0x80)
			plain[i] = '?';
	}
	j = json_stringn(plain, text.len);
	free(plain);
	return j;
}

json_t *
control_call_text(const char *text)
{
	return control_call_str(str_of(text));
}

static json_t *
error_line(int code, const char *text)
{
	return json_pack("{si so si}", "v", CONTROL_VERSION, "error",
	    control_call_text(text), "exit", code);
}

void
control_call_fail(struct control_call *call, int code, const char *text)
{
	put(call, error_line(code, text));
	free_call(call);
}

/* --- a request ---------------------------------------------------------------
 */

static void
tell_change(const struct control_call *call, const char *name)
{
	struct log_line l;

	log_begin(&l, &admin_events[ADMIN_REQUEST], 0, 0);
	log_cstr(&l, "request", name);
	log_num(&l, "uid", call->uid);
	log_end(&l);
}

static void
refuse(struct control_call *call)
{
	control_call_fail(call, EX_NOPERM,
	    call->role == CONTROL_ROLE_NONE
	        ? "you may not ask that; root, the daemon's user and the "
	          "members of control.group and control.admin_group may"
	        : "you may look but not change anything; members of "
	          "control.admin_group may");
}

static void
run(struct control_call *call, const char *name)
{
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		const struct control_request *r = &requests[i];

		if (strcmp(r->name, name) != 0)
			continue;
		if (call->role < r->least) {
			refuse(call);
			return;
		}
		if (r->least == CONTROL_ROLE_WRITE)
			tell_change(call, name);
		r->run(call);
		return;
	}
	control_call_fail(call, EX_USAGE,
	    "there is no such request; are postern and posternd of one "
	    "version?");
}

static void
take_request(struct control_call *call, struct str line)
{
	json_t *v;
	const char *name;

	conn_pause(call->conn);
	conn_timeout(call->conn, 0);
	call->request = json_loadb(line.p, line.len, 0, NULL);
	v = json_object_get(call->request, "v");
	name = control_call_word(call, "request");
	if (name == NULL || !json_is_integer(v)) {
		control_call_fail(call, EX_PROTOCOL,
		    "a request is one line such as "
		    "{\"v\":1,\"request\":\"provider.list\"}");
		return;
	}
	if (json_integer_value(v) != CONTROL_VERSION) {
		control_call_fail(
		    call, EX_PROTOCOL, "this daemon speaks version 1");
		return;
	}
	run(call, name);
}

static void
on_data(struct control_call *call)
{
	struct str in = conn_input(call->conn);
	const char *end = memchr(in.p, '\n', in.len);

	if (end != NULL)
		take_request(call, (struct str){ in.p, (size_t)(end - in.p) });
	else if (in.len >= CONTROL_REQUEST_MAX)
		control_call_fail(call, EX_PROTOCOL,
		    "a request is one line of less than 65536 bytes");
}

/* The caller went away, or does not read. */
static void
lose(struct control_call *call)
{
	conn_close(&call->conn);
	if (call->request == NULL)
		free_call(call);
	else
		go_on(call);
}

static void
on_conn(struct conn *conn, enum conn_event ev, void *arg)
{
	struct control_call *call = arg;

	(void)conn;
	if (ev == CONN_DATA && call->request == NULL) {
		on_data(call);
	} else if (ev == CONN_TIMEOUT && call->request == NULL) {
		control_call_fail(
		    call, EX_PROTOCOL, "no request came in 10 seconds");
	} else if (ev == CONN_DRAINED) {
		go_on(call);
	} else if (ev != CONN_DATA) {
		lose(call);
	}
}

/* A word and gone: whoever has no place holds no descriptor.  What was sent on
 * a unix socket stays there to be read. */
static void
turn_away(int fd, int code, const char *why)
{
	json_t *line = error_line(code, why);
	char *text = json_dumps(line, JSON_COMPACT);
	char *all = mem_printf("%s\n", text);

	(void)send(fd, all, strlen(all), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
	free(all);
	free(text);
	json_decref(line);
}

static void
on_caller(void *arg, int fd, const struct addr *peer, bool full)
{
	struct control *c = arg;
	struct control_call *call;
	struct place *place;
	enum control_role role;
	uid_t uid = (uid_t)-1;

	(void)peer;
	role = role_of(c, fd, &uid);
	place = full ? NULL : take_place(c, role, uid);
	if (place == NULL) {
		turn_away(fd, EX_TEMPFAIL,
		    "too many requests are under way; try again");
		return;
	}
	call = mem_new(sizeof *call);
	call->place = place;
	call->control = c;
	call->role = role;
	call->uid = uid;
	call->conn = conn_adopt(c->loop, fd,
	    &(struct conn_settings){ .input_max = CONTROL_REQUEST_MAX,
	        .takes_fd = true,
	        .fn = on_conn,
	        .arg = call });
	list_push(&c->calls, &call->node);
	conn_timeout(call->conn, SECONDS_MS);
}

/* --- the socket --------------------------------------------------------------
 */

static int
open_socket(struct control *c, const char *path, struct err *err)
{
	char *text = mem_printf("unix:%s", path);
	struct addr a;
	struct err why;
	int rc = addr_parse(&a, text, &why);

	if (rc == 0)
		rc = listen_open(&c->listen, &a, &why);
	if (rc == 0) /* who may do what is decided for each caller */
		rc = listen_mode(c->listen, 0666, &why);
	free(text);
	return rc == 0 ? 0
	               : err_set(err, why.kind, "control.socket: %s", why.text);
}

int
control_new(struct control **cp, struct loop *loop,
    const struct control_settings *s, const struct control_hooks *hooks,
    struct err *err)
{
	struct control init = { .loop = loop, .hooks = *hooks, .set = *s };
	struct control *c;

	if (open_socket(&init, s->socket, err) != 0) {
		if (init.listen != NULL)
			listen_close(&init.listen);
		return -1;
	}
	c = mem_dup(&init, sizeof init);
	list_init(&c->calls);
	*cp = c;
	return 0;
}

void
control_start(struct control *c)
{
	if (c == NULL)
		return;
	c->walker = walker_new(c->hooks.spool, c->hooks.mailbox);
	c->backup = backup_new(c->hooks.spool, c->hooks.mailbox, c->loop);
	listen_start(c->listen, c->loop, on_caller, c);
}

void
control_stop(struct control *c)
{
	if (c == NULL)
		return;
	walker_free(&c->walker);
	backup_free(&c->backup);
}

void
control_free(struct control **cp)
{
	struct control *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	while (c->calls.next != &c->calls) {
		struct control_call *call =
		    LIST_OF(c->calls.next, struct control_call, node);

		if (call->conn != NULL)
			conn_close(&call->conn);
		if (call->go_on != NULL)
			go_on(call); /* it ends the call */
		else
			free_call(call);
	}
	listen_close(&c->listen);
	free(c);
}
