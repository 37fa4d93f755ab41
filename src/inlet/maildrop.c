/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/maildrop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/io/loop.h"
#include "postern/mail/drop.h"
#include "postern/spool/spool_ops.h"

#include "inlet/callers.h"
#include "inlet/events.h"
#include "inlet/maildrop_file.h"
#include "inlet/maildrop_talk.h"

#define AGAIN_MS 60000     /* what is put off, and what no event told of */
#define TURN_MAX 256       /* names that are looked at in a turn of the loop */
#define USERS_MAX 1024     /* in a round; the others come in a later one */
#define USER_FILES_MAX 100 /* of a user in a round: the others' turn comes */
#define USER_BYTES_MAX (64u << 20)
#define PARTIAL_MS 3600000                    /* then its writer is dead */
#define BAD_MS (int64_t)(14 * 24 * 3600000LL) /* as dead letters by default */
#define BAD "bad."

_Static_assert(DROP_NAME + 1 == SPOOL_DROP_MAX, "a name fits in the spool");

struct user {
	uid_t uid;
	unsigned files;
	uint64_t bytes;
	uint64_t put_off_ms; /* one of his was not taken: not before then */
};

struct maildrop {
	struct loop *loop;
	char *directory; /* owned */
	const struct inlet_listener *door;
	maildrop_fn *fn;
	void *arg;
	struct timer *timer;
	DIR *dir; /* a round is under way; or NULL */
	struct user *users;
	size_t nusers;
	bool is_again;   /* something was left for the next round at once */
	bool is_trouble; /* told */
	char taken[DROP_NAME + 1]; /* it is in the spool and has to go; or "" */
	struct maildrop_talk *talk; /* a file is under way; or NULL */
	struct user *user;          /* whose */
	char name[DROP_NAME + 1];
	int64_t changed_ms;
	int notify_fd; /* -1: none */
	struct watch *watch;
};

static void go_on(void *arg);

/* --- what is told
 * ----------------------------------------------------------- */

static void
tell(enum inlet_event ev, const char *name, uid_t uid, const char *text)
{
	struct log_line l;

	log_begin(&l, &inlet_events[ev], 0, 0);
	log_cstr(&l, "file", name);
	log_num(&l, "uid", uid);
	log_cstr(&l, "text", text);
	log_end(&l);
}

static void
tell_taken(const struct maildrop *m)
{
	int64_t age = clock_wall_ms() - m->changed_ms;
	struct log_line l;

	log_begin(&l, &inlet_events[INLET_DROP_TAKEN], 0, 0);
	log_cstr(&l, "file", m->name);
	log_num(&l, "uid", m->user->uid);
	log_num(&l, "age_ms", age > 0 ? age : 0);
	log_end(&l);
}

/* Once, until it is well again. */
static void
trouble(struct maildrop *m, const char *what, int why)
{
	if (!m->is_trouble)
		log_text(&inlet_events[INLET_DROP_TROUBLE], "%s: %s%s",
		    m->directory, what, strerror(why));
	m->is_trouble = true;
}

/* --- what is heard
 * ---------------------------------------------------------- */

/* Somebody has closed a file that he wrote. */
static void
on_notify(void *arg, bool readable, bool writable)
{
	struct maildrop *m = arg;
	char events[4096];

	(void)readable;
	(void)writable;
	while (read(m->notify_fd, events, sizeof events) > 0)
		continue;
	m->is_again = true;
	if (m->dir == NULL)
		timer_set(m->timer, 0);
}

static void
unwatch(struct maildrop *m)
{
	if (m->watch != NULL)
		watch_free(&m->watch);
	if (m->notify_fd >= 0)
		(void)close(m->notify_fd);
	m->notify_fd = -1;
}

/* Without it a round comes each minute all the same. */
static void
watch_directory(struct maildrop *m)
{
	m->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (m->notify_fd < 0)
		return;
	if (inotify_add_watch(
	        m->notify_fd, m->directory, IN_CLOSE_WRITE | IN_ONLYDIR) < 0) {
		unwatch(m);
		return;
	}
	m->watch = watch_new(m->loop, m->notify_fd, on_notify, m);
	watch_set(m->watch, true, false);
}

/* --- rounds ------------------------------------------------------------------
 */

/* Who was put off stays so over rounds. */
static void
forget_users(struct maildrop *m)
{
	uint64_t now = loop_now_ms(m->loop);
	size_t n = 0;

	for (size_t i = 0; i < m->nusers; i++) {
		struct user u = m->users[i];

		u.files = 0;
		u.bytes = 0;
		if (u.put_off_ms > now)
			m->users[n++] = u;
	}
	m->nusers = n;
}

static void
end_round(struct maildrop *m, uint64_t again_ms)
{
	if (m->dir != NULL)
		(void)closedir(m->dir);
	m->dir = NULL;
	forget_users(m);
	timer_set(m->timer, again_ms);
}

/* Others than its owner could be robbed of their mail there. */
static bool
is_safe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       ((st.st_mode & 02) == 0 || (st.st_mode & S_ISVTX) != 0);
}

static bool
begin_round(struct maildrop *m)
{
	int fd = open(m->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		trouble(m, "", errno);
		return false;
	}
	if (!is_safe(fd)) {
		(void)close(fd);
		trouble(m,
		    "its mode lets users take each other's mail; chmod "
		    "3733: ",
		    EPERM);
		return false;
	}
	m->dir = fdopendir(fd);
	if (m->dir == NULL) {
		trouble(m, "", errno);
		(void)close(fd);
		return false;
	}
	m->is_again = false;
	if (m->notify_fd < 0)
		watch_directory(m);
	return true;
}

/* NULL: no more users now. */
static struct user *
user_of(struct maildrop *m, uid_t uid)
{
	for (size_t i = 0; i < m->nusers; i++) {
		if (m->users[i].uid == uid)
			return &m->users[i];
	}
	if (m->nusers == USERS_MAX)
		return NULL;
	m->users[m->nusers] = (struct user){ .uid = uid };
	return &m->users[m->nusers++];
}

/* --- the end of a file
 * ------------------------------------------------------ */

/* Its message is in the spool: until the file is gone, on the disk too, no
 * other may be taken, since the spool remembers one. */
static bool
remove_taken(struct maildrop *m)
{
	int fd = dirfd(m->dir);

	if (m->taken[0] == '\0')
		return true;
	if ((unlinkat(fd, m->taken, 0) != 0 && errno != ENOENT) ||
	    fsync(fd) != 0) {
		trouble(m, "what is taken cannot be removed: ", errno);
		return false;
	}
	m->taken[0] = '\0';
	m->is_trouble = false;
	return true;
}

/* For the operator, who finds the reason in the log. */
static void
set_aside(struct maildrop *m, const char *name)
{
	char to[sizeof BAD + DROP_NAME];
	int fd = dirfd(m->dir);

	(void)snprintf(to, sizeof to, BAD "%s", name);
	if (renameat(fd, name, fd, to) != 0 && errno != ENOENT)
		trouble(m, "a file cannot be renamed: ", errno);
}

static void
on_end(void *arg, enum maildrop_end end, const char *text)
{
	struct maildrop *m = arg;
	enum inlet_event ev =
	    end == MAILDROP_LATER ? INLET_DROP_LATER : INLET_DROP_REFUSED;

	m->talk = NULL;
	if (end == MAILDROP_TAKEN) {
		tell_taken(m);
		memcpy(m->taken, m->name, sizeof m->taken);
	}
	if (end != MAILDROP_TAKEN || text[0] != '\0')
		tell(ev, m->name, m->user->uid, text);
	if (end == MAILDROP_LATER)
		m->user->put_off_ms = loop_now_ms(m->loop) + AGAIN_MS;
	else if (text[0] != '\0')
		set_aside(m, m->name);
	go_on(m);
}

/* --- the begin of one
 * ------------------------------------------------------- */

static void
remove_old(struct maildrop *m, const char *name, const struct maildrop_file *f,
    const char *why)
{
	if (clock_wall_ms() - f->changed_ms < PARTIAL_MS)
		return;
	if (unlinkat(dirfd(m->dir), name, 0) == 0)
		tell(INLET_DROP_REMOVED, name, f->uid, why);
}

/* It is not his turn any more in this round. */
static bool
is_over(struct maildrop *m, struct user *u, uint64_t bytes)
{
	if (u == NULL || u->put_off_ms > loop_now_ms(m->loop))
		return true;
	if (u->files == USER_FILES_MAX ||
	    (u->files > 0 && u->bytes + bytes > USER_BYTES_MAX)) {
		m->is_again = true;
		return true;
	}
	u->files++;
	u->bytes += bytes;
	return false;
}

/* true: it is under way. */
static bool
begin_talk(struct maildrop *m, const char *name, const struct maildrop_file *f,
    struct user *u)
{
	struct addr peer;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	        fd) != 0) {
		trouble(m, "", errno);
		return false;
	}
	memcpy(m->name, name, sizeof m->name); /* drop_is_name() */
	m->changed_ms = f->changed_ms;
	m->user = u;
	m->talk = maildrop_talk_new(m->loop, fd[0], f, on_end, m);
	addr_of_uid(&peer, f->uid);
	m->fn(m->arg, fd[1], &peer, name);
	return true;
}

/* The same. */
static bool
look_at(struct maildrop *m, const char *name)
{
	uint64_t size_max = 2 * m->door->size_max + (2u << 20);
	struct maildrop_file f;
	struct user *u;
	const char *why;

	switch (maildrop_file_open(&f, dirfd(m->dir), name, size_max, &why)) {
	case MAILDROP_GONE:
		return false;
	case MAILDROP_PARTIAL:
	case MAILDROP_IMPROPER:
		remove_old(m, name, &f, why);
		return false;
	case MAILDROP_WHOLE:
		break;
	}
	u = user_of(m, f.uid);
	if (!is_over(m, u, f.length)) {
		if (callers_admit_user(m->door, f.uid)) {
			if (begin_talk(m, name, &f, u))
				return true;
		} else {
			tell(INLET_DROP_REFUSED, name, f.uid,
			    "this user may not send here");
			set_aside(m, name);
		}
	}
	maildrop_file_close(&f);
	return false;
}

/* What was set aside long ago. */
static void
look_at_bad(struct maildrop *m, const char *name)
{
	struct stat st;

	if (fstatat(dirfd(m->dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    clock_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000 < BAD_MS)
		return;
	if (unlinkat(dirfd(m->dir), name, 0) == 0)
		tell(INLET_DROP_REMOVED, name, st.st_uid, "it was old");
}

/* true: a file is under way, or the round is over. */
static bool
step(struct maildrop *m)
{
	const struct dirent *e = readdir(m->dir);
	struct str name;

	if (e == NULL) {
		m->is_trouble = false;
		end_round(m, m->is_again ? 0 : AGAIN_MS);
		return true;
	}
	name = str_of(e->d_name);
	if (drop_is_name(name))
		return look_at(m, e->d_name);
	if (str_starts_case(name, STR(BAD)))
		look_at_bad(m, e->d_name);
	return false;
}

static void
go_on(void *arg)
{
	struct maildrop *m = arg;

	if (m->talk != NULL)
		return;
	if ((m->dir == NULL && !begin_round(m)) || !remove_taken(m)) {
		end_round(m, AGAIN_MS);
		return;
	}
	for (int i = 0; i < TURN_MAX; i++) {
		if (step(m))
			return;
	}
	timer_set(m->timer, 0);
}

/* --- life --------------------------------------------------------------------
 */

struct maildrop *
maildrop_new(struct loop *loop, const struct maildrop_settings *s,
    const char *last, maildrop_fn *fn, void *arg)
{
	struct maildrop *m = mem_new(sizeof *m);

	m->loop = loop;
	m->directory = mem_str(s->directory);
	m->door = s->door;
	m->fn = fn;
	m->arg = arg;
	m->notify_fd = -1;
	m->users = mem_array(USERS_MAX, sizeof *m->users);
	if (drop_is_name(str_of(last)))
		(void)snprintf(m->taken, sizeof m->taken, "%s", last);
	m->timer = timer_new(loop, go_on, m);
	timer_set(m->timer, 0);
	return m;
}

void
maildrop_change(struct maildrop *m, const struct maildrop_settings *s)
{
	m->door = s->door;
	m->is_again = true; /* what was refused may be welcome now */
	for (size_t i = 0; i < m->nusers; i++)
		m->users[i].put_off_ms = 0;
	if (m->dir == NULL)
		timer_set(m->timer, 0);
}

void
maildrop_free(struct maildrop **mp)
{
	struct maildrop *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	maildrop_talk_free(&m->talk);
	if (m->dir != NULL)
		(void)closedir(m->dir);
	unwatch(m);
	timer_free(&m->timer);
	free(m->directory);
	free(m->users);
	free(m);
}
