/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a real spool: pages, filters, what changes meanwhile; and
 * counting by fields.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"

#include "admin/filter.h"
#include "admin/queue_groups.h"
#include "admin/walker.h"

#include "spool_kit.h"

#define MIDS_MAX 4096
#define ROUNDS_MAX 1000
#define FED_S 60 /* until then some look had a processor */

static _Atomic unsigned rests; /* of the walker's thread */

/* In the place of libc's: who rests is counted, and goes on. */
int
nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)left;
	if (t->tv_nsec > 0)
		atomic_fetch_add(&rests, 1);
	return 0;
}

/* In the place of the kernel's: what it knows of the walker's thread, and who
 * may be what by sched(7), without capabilities. */
static struct {
	_Atomic int nice, policy;
	_Atomic rlim_t nice_limit;
} thread;

int
getpriority(__priority_which_t which, id_t who)
{
	(void)which;
	(void)who;
	return thread.nice;
}

int
setpriority(__priority_which_t which, id_t who, int nice)
{
	(void)which;
	(void)who;
	thread.nice = nice;
	return 0;
}

int
prlimit(pid_t pid, enum __rlimit_resource which, const struct rlimit *new,
    struct rlimit *old)
{
	(void)pid;
	(void)which;
	(void)new;
	*old = (struct rlimit){ thread.nice_limit, thread.nice_limit };
	return 0;
}

int
sched_setscheduler(pid_t pid, int policy, const struct sched_param *p)
{
	(void)pid;
	(void)p;
	if (policy != SCHED_IDLE &&
	    thread.nice_limit < (rlim_t)(20 - thread.nice)) {
		errno = EPERM;
		return -1;
	}
	thread.policy = policy;
	return 0;
}

struct rig {
	struct kit kit;
	struct walker *walker;
	uint32_t news;      /* id of a route */
	unsigned idle_rows; /* taken by an idle thread */
	/* of a walk */
	size_t page_max; /* take() is content with so many */
	size_t n, in_page, pages, largest;
	uint64_t mids[MIDS_MAX];
	char route[SPOOL_ROUTE_NAME]; /* of the last one */
	struct queue_groups *groups;
};

struct test_walk {
	struct walk walk; /* lies first */
	struct rig *rig;
	bool comes; /* no more than one page is under way */
};

static int
setup(void **state)
{
	struct rig *r = mem_new(sizeof *r);
	struct err err;

	thread.nice = 0;
	thread.policy = SCHED_OTHER;
	thread.nice_limit = 10;
	kit_init(&r->kit);
	kit_open(&r->kit);
	assert_int_equal(spool_route(r->kit.sp, "news", &r->news, &err), 0);
	r->walker = walker_new(r->kit.sp, r->kit.mb);
	r->page_max = WALKER_PAGE;
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	walker_free(&r->walker);
	walker_free(&r->walker); /* twice is harmless */
	queue_groups_free(&r->groups);
	kit_done(&r->kit);
	free(r);
	return 0;
}

static void
send_some(struct rig *r, size_t n, const struct kit_message *m)
{
	for (size_t i = 0; i < n; i++)
		(void)kit_send(&r->kit, m);
	kit_wait(&r->kit);
}

static bool
take(struct walk *walk, const struct filter_subject *s)
{
	struct rig *r = ((struct test_walk *)walk)->rig;

	assert_true(r->n < MIDS_MAX);
	r->mids[r->n++] = s->row->key.mid;
	(void)snprintf(r->route, sizeof r->route, "%s", s->route);
	if (r->groups != NULL)
		queue_groups_add(r->groups, s);
	if (thread.policy == SCHED_IDLE)
		r->idle_rows++;
	return ++r->in_page < r->page_max;
}

static void
on_page(struct walk *walk)
{
	struct test_walk *w = (struct test_walk *)walk;

	assert_true(w->comes);
	assert_false(walk->has_failed);
	w->comes = false;
	w->rig->pages++;
	if (w->rig->in_page > w->rig->largest)
		w->rig->largest = w->rig->in_page;
	w->rig->in_page = 0;
	loop_stop(w->rig->kit.loop);
}

static void
page(struct test_walk *w)
{
	w->comes = true;
	assert_int_equal(walker_next(w->rig->walker, &w->walk), 0);
	loop_run(w->rig->kit.loop);
	assert_false(w->comes);
}

static struct test_walk
walk_new(struct rig *r)
{
	r->n = r->in_page = r->pages = r->largest = 0;
	return (struct test_walk){ .rig = r,
		.walk = { .take = take, .page = on_page } };
}

static void
walk_all(struct test_walk *w)
{
	while (!w->walk.mark.over)
		page(w);
}

static void
pages_end_where_they_are_full_and_nothing_is_left_out(void **state)
{
	static const size_t sizes[] = { 1, 2, 255, 256 };
	static const size_t numbers[] = { 0, 1, 255, 256, 257, 513 };
	struct rig *r = *state;
	size_t sent = 0;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		send_some(r, numbers[i] - sent,
		    &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
		sent = numbers[i];
		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			struct test_walk w = walk_new(r);

			r->page_max = sizes[k];
			walk_all(&w);
			assert_int_equal(r->n, sent);
			assert_true(r->largest <= sizes[k]);
			assert_true(r->pages >= sent / sizes[k]);
			for (size_t j = 1; j < r->n; j++)
				assert_true(r->mids[j - 1] < r->mids[j]);
		}
	}
}

/* Nothing fits, and yet no page takes long. */
static void
a_page_looks_at_no_more_than_it_may(void **state)
{
	struct rig *r = *state;
	struct test_walk w;
	struct filter *f = NULL;
	struct err err;

	send_some(r, 3000, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	assert_int_equal(filter_new(&f, STR("route=news"), &err), 0);
	w = walk_new(r);
	w.walk.filter = f;
	walk_all(&w);
	assert_int_equal(r->n, 0);
	assert_true(r->pages >= 3);
	filter_free(&f);
}

static void
a_filter_is_asked_with_the_name_of_the_route(void **state)
{
	struct rig *r = *state;
	struct test_walk w;
	struct filter *f = NULL;
	uint32_t later;
	struct err err;

	send_some(r, 3, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	send_some(r, 2,
	    &(struct kit_message){
	        .bytes = 10, .nrcpts = 1, .route = r->news });
	assert_int_equal(filter_new(&f, STR("route=news"), &err), 0);
	w = walk_new(r);
	w.walk.filter = f;
	walk_all(&w);
	assert_int_equal(r->n, 2);
	filter_free(&f);
	/* one that has come with a reload */
	assert_int_equal(spool_route(r->kit.sp, "later", &later, &err), 0);
	send_some(r, 1,
	    &(struct kit_message){ .bytes = 10, .nrcpts = 1, .route = later });
	w = walk_new(r);
	walk_all(&w);
	assert_int_equal(r->n, 6);
	assert_string_equal(r->route, "later");
}

static void
what_comes_and_goes_meanwhile_disturbs_nobody(void **state)
{
	struct rig *r = *state;
	struct test_walk w;

	send_some(r, 10, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	w = walk_new(r);
	r->page_max = 4;
	page(&w);
	assert_int_equal(r->n, 4);
	/* where the mark stands, and the one behind it */
	assert_int_equal(kit_deliver(&r->kit, r->mids[3], 0), SPOOL_DONE);
	assert_int_equal(kit_deliver(&r->kit, r->mids[3] + 1, 0), SPOOL_DONE);
	send_some(r, 1, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	walk_all(&w);
	assert_int_equal(r->n, 4 + 6);
}

static void
it_rests_between_pages_while_mail_moves(void **state)
{
	struct rig *r = *state;
	struct test_walk w;

	atomic_store(&rests, 0);
	send_some(r, 600, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	for (int i = 0; i < 3; i++) {
		w = walk_new(r);
		walk_all(&w);
	}
	assert_int_equal(atomic_load(&rests), 0);
	/* a test that is slow looks so seldom that it does not see it move */
	for (int i = 0; i < ROUNDS_MAX && atomic_load(&rests) == 0; i++) {
		send_some(
		    r, 1, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
		w = walk_new(r);
		walk_all(&w);
	}
	assert_true(atomic_load(&rests) > 0);
}

/* Who took the last page was idle; and nobody is when it has come. */
static bool
was_idle(struct rig *r, struct test_walk *w)
{
	r->idle_rows = 0;
	*w = walk_new(r);
	page(w);
	assert_int_equal(thread.policy, SCHED_OTHER);
	assert_true(r->idle_rows == 0 || r->idle_rows == r->n);
	return r->idle_rows > 0;
}

static void
it_is_idle_for_a_look_where_it_may_come_back(void **state)
{
	struct rig *r = *state;
	struct test_walk w;
	time_t end = time(NULL) + FED_S;
	bool idle = false;

	send_some(r, 3, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	assert_false(was_idle(r, &w)); /* it takes a lock of the store's */
	assert_int_equal(thread.nice, 10);
	/* a look may starve here, too */
	while (!idle && time(NULL) < end)
		idle = was_idle(r, &w);
	assert_true(idle);
	assert_int_equal(thread.nice, 10);
}

static const struct {
	const char *why;
	int nice;
	rlim_t limit;
	int then;
} stuck[] = {
	{ "nobody has raised the limit", 0, 0, 10 },
	{ "it is one short", 0, 9, 10 },
	{ "the daemon is preferred, and so is a nice thread", -5, 10, 5 },
	{ "a nice(2) of -1 is no error", -11, 20, -1 },
};

static void
it_is_merely_nice_where_it_could_not_come_back(void **state)
{
	struct rig *r = *state;
	struct test_walk w;

	send_some(r, 3, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	for (size_t i = 0; i < sizeof stuck / sizeof stuck[0]; i++) {
		walker_free(&r->walker);
		thread.nice = stuck[i].nice;
		thread.nice_limit = stuck[i].limit;
		r->walker = walker_new(r->kit.sp, r->kit.mb);
		for (int n = 0; n < 5; n++) {
			if (was_idle(r, &w) || thread.nice != stuck[i].then)
				fail_msg("%s: %d", stuck[i].why, thread.nice);
		}
	}
}

static void
deliveries_of_a_message_may_lie_on_two_pages(void **state)
{
	struct rig *r = *state;
	struct test_walk w;

	send_some(r, 1,
	    &(struct kit_message){
	        .bytes = 10, .nrcpts = 5, .ndeliveries = 5 });
	w = walk_new(r);
	r->page_max = 2;
	walk_all(&w);
	assert_int_equal(r->n, 5);
	assert_int_equal(r->largest, 2);
}

static void
dead_letters_can_be_left_out(void **state)
{
	struct rig *r = *state;
	struct test_walk w;
	struct spool_settle *s;
	struct spool_key key;
	uint64_t mid;

	assert_int_equal(
	    kit_accept(&r->kit,
	        &(struct kit_message){ .bytes = 10, .nrcpts = 1 }, &mid),
	    SPOOL_DONE);
	send_some(r, 1, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	key = kit_key(&r->kit, mid, 0);
	s = kit_settle_new(&r->kit, &key, 1);
	s->keep_dead = true;
	s->results[0].state = ENVELOPE_DEAD;
	assert_int_equal(kit_settle(&r->kit, s), SPOOL_DONE);
	w = walk_new(r);
	walk_all(&w);
	assert_int_equal(r->n, 2);
	w = walk_new(r);
	w.walk.without_dead = true;
	walk_all(&w);
	assert_int_equal(r->n, 1);
	assert_true(r->mids[0] != mid);
	w = walk_new(r);
	w.walk.where = SPOOL_WALK_DEAD;
	walk_all(&w);
	assert_int_equal(r->n, 1);
	assert_true(r->mids[0] == mid);
	w = walk_new(r);
	w.walk.mid = mid;
	walk_all(&w);
	assert_int_equal(r->n, 1);
}

static void
a_walk_under_way_ends_with_the_walker(void **state)
{
	struct rig *r = *state;
	struct test_walk w = walk_new(r);

	w.comes = true;
	assert_int_equal(walker_next(r->walker, &w.walk), 0);
	walker_free(&r->walker);
	loop_run(r->kit.loop); /* its page has come all the same */
	assert_false(w.comes);
	assert_int_equal(walker_next(r->walker, &w.walk), -1);
}

/* --- counting --- */

static void
put_row(void *arg, json_t *row)
{
	json_array_append_new(arg, row);
}

static json_t *
rows_of(struct queue_groups *g)
{
	json_t *all = json_array();

	queue_groups_each(g, put_row, all);
	return all;
}

static void
assert_row(json_t *all, size_t i, const char *text)
{
	char *is = json_dumps(json_array_get(all, i), JSON_COMPACT);

	assert_string_equal(is, text);
	free(is);
}

static void
groups_come_by_number(void **state)
{
	struct rig *r = *state;
	struct test_walk w;
	struct err err;
	json_t *all;

	send_some(r, 2, &(struct kit_message){ .bytes = 10, .nrcpts = 1 });
	send_some(r, 3,
	    &(struct kit_message){
	        .bytes = 100, .nrcpts = 1, .route = r->news });
	assert_int_equal(
	    queue_groups_new(&r->groups, STR("route, state"), &err), 0);
	w = walk_new(r);
	walk_all(&w);
	all = rows_of(r->groups);
	assert_int_equal(json_array_size(all), 2);
	assert_row(all, 0,
	    "{\"route\":\"news\",\"state\":\"queued\",\"count\":3,"
	    "\"bytes\":300}");
	assert_row(all, 1,
	    "{\"route\":\"\",\"state\":\"queued\",\"count\":2,\"bytes\":20}");
	json_decref(all);
}

static struct spool_row
row_from(const char *sender, const struct spool_row_rcpt *rcpts, size_t n)
{
	return (struct spool_row){
		.sender = str_of(sender), .nrcpts = n, .rcpts = rcpts, .size = 7
	};
}

static void
groups_have_a_bound(void **state)
{
	struct rig *r = *state;
	struct err err;
	json_t *all;

	assert_int_equal(queue_groups_new(&r->groups, STR("sender"), &err), 0);
	for (size_t i = 0; i < QUEUE_GROUPS_MAX + 2; i++) {
		char sender[32];
		struct spool_row row;

		(void)snprintf(sender, sizeof sender, "%zu@example.net", i);
		row = row_from(sender, NULL, 0);
		queue_groups_add(r->groups,
		    &(struct filter_subject){ .row = &row, .route = "" });
	}
	all = rows_of(r->groups);
	assert_int_equal(json_array_size(all), QUEUE_GROUPS_MAX + 1);
	assert_row(all, QUEUE_GROUPS_MAX,
	    "{\"count\":2,\"bytes\":14,\"others\":true}");
	json_decref(all);
}

static void
groups_without_fields_are_one(void **state)
{
	struct rig *r = *state;
	struct err err;
	json_t *all;

	assert_int_equal(queue_groups_new(&r->groups, STR(""), &err), 0);
	all = rows_of(r->groups);
	assert_row(all, 0, "{\"count\":0,\"bytes\":0}");
	json_decref(all);
}

static void
groups_show_what_others_wrote_as_text(void **state)
{
	static const struct spool_row_rcpt rcpts[] = {
		{ 0, ENVELOPE_QUEUED, 0, { "ann@a.example", 13 }, { 0 },
		    { 0 } },
		{ 1, ENVELOPE_QUEUED, 451, { "b", 1 }, { "4.7.1", 5 },
		    { "slow \xff\0", 7 } },
	};
	struct rig *r = *state;
	struct spool_row row = row_from("\xff\xfe", rcpts, 2);
	struct err err;
	json_t *all;

	assert_int_equal(
	    queue_groups_new(&r->groups, STR("sender,domain,code,reply"), &err),
	    0);
	queue_groups_add(
	    r->groups, &(struct filter_subject){ .row = &row, .route = "" });
	all = rows_of(r->groups);
	assert_row(all, 0,
	    "{\"sender\":\"??\",\"domain\":\"a.example\",\"code\":"
	    "\"451 4.7.1\",\"reply\":\"slow ??\",\"count\":1,\"bytes\":7}");
	json_decref(all);
}

static void
groups_by_what_is_none_are_refused(void **state)
{
	static const struct {
		const char *fields, *says;
	} bad[] = {
		{ "provder",
		    "there is no field \"provder\"; write one of age" },
		{ "route,", NULL },
		{ ",route", "there is no field \"\"" },
		{ "route,route", "\"route\" stands there twice" },
		{ "route,state,user,lane,client", "there are more than 4" },
	};
	struct rig *r = *state;
	struct err err;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int rc =
		    queue_groups_new(&r->groups, str_of(bad[i].fields), &err);

		assert_int_equal(rc, bad[i].says != NULL ? -1 : 0);
		if (rc != 0 &&
		    strncmp(err.text, bad[i].says, strlen(bad[i].says)) != 0)
			fail_msg("%s: %s", bad[i].fields, err.text);
		queue_groups_free(&r->groups);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_end_where_they_are_full_and_nothing_is_left_out),
		TEST(a_page_looks_at_no_more_than_it_may),
		TEST(a_filter_is_asked_with_the_name_of_the_route),
		TEST(what_comes_and_goes_meanwhile_disturbs_nobody),
		TEST(it_rests_between_pages_while_mail_moves),
		TEST(it_is_idle_for_a_look_where_it_may_come_back),
		TEST(it_is_merely_nice_where_it_could_not_come_back),
		TEST(deliveries_of_a_message_may_lie_on_two_pages),
		TEST(dead_letters_can_be_left_out),
		TEST(a_walk_under_way_ends_with_the_walker),
		TEST(groups_come_by_number),
		TEST(groups_have_a_bound),
		TEST(groups_without_fields_are_one),
		TEST(groups_show_what_others_wrote_as_text),
		TEST(groups_by_what_is_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
