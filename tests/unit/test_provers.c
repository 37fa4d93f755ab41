/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inlet/provers.h"
#include "postern/base/clock.h"
#include "postern/inlet/users.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"

/* "secret" */
#define FILE_TEXT                                                              \
	"ann:$2b$04$KBCwKxOzLha2MUDgW0PjXe/hE/UCO9qF89dOydoHjSwxcHev5LRn.\n"   \
	"bob:SCRAM-SHA-256$4096$MDEyMzQ1Njc4OWFiY2RlZg==$bpSY5Ze9NUH+"         \
	"I35LC3gVq+DpBfK46iXBxvhAKqVu9pE=$"                                    \
	"VpYlBuxyzeCI1KnctrefdljpB1mk3Gp7sBI/t11+NkQ=\n"

#define NAME_MAX 10

struct world {
	struct loop *loop;
	struct mailbox *box;
	struct provers *provers;
	struct users *users;
	unsigned seen[PROVERS_LIMITED + 1], left;
	unsigned left_then; /* when one was right */
};

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("%u: %s", line, text);
}

static int
begin(void **state)
{
	static struct world w;
	struct err err;

	w = (struct world){ .left = 0 };
	logins_forget();
	assert_int_equal(loop_new(&w.loop, &err), 0);
	w.box = mailbox_new(w.loop, &w);
	w.provers = provers_new(w.box);
	assert_int_equal(
	    users_parse(&w.users, STR(FILE_TEXT), on_mistake, NULL), 0);
	*state = &w;
	return 0;
}

static int
end(void **state)
{
	struct world *w = *state;

	provers_stop(w->provers);
	mailbox_free(&w->box);
	provers_free(&w->provers);
	users_free(&w->users);
	loop_free(&w->loop);
	return 0;
}

static void
on_answer(void *arg, enum provers_answer a)
{
	struct world *w = arg;

	w->seen[a]++;
	if (a == PROVERS_RIGHT)
		w->left_then = w->left;
	if (--w->left == 0)
		loop_stop(w->loop);
}

static int
ask_from(struct world *w, uint64_t client, uint64_t session, const char *user,
    const char *password)
{
	struct str name = str_of(user);
	const struct user *u = users_find(w->users, name);
	struct provers_question q = { .session = session,
		.login = { .client = client,
		    .serial = 1,
		    .user = name,
		    .password = str_of(password),
		    .limits = { { RATE_LOGINS, NAME_MAX, 600000, false, 0 },
		        { RATE_LOGINS, 100, 600000, false, 0 } } },
		.user = u != NULL ? u : users_stand_in(w->users, name),
		.is_known = u != NULL };
	int rc = provers_ask(w->provers, &q, on_answer, w);

	w->left += rc == 0;
	return rc;
}

static int
ask(struct world *w, uint64_t session, const char *user, const char *password)
{
	return ask_from(w, 1, session, user, password);
}

static enum provers_answer
answer(struct world *w, const char *user, const char *password)
{
	for (int i = 0; i <= PROVERS_LIMITED; i++)
		w->seen[i] = 0;
	assert_int_equal(ask(w, 7, user, password), 0);
	loop_run(w->loop);
	for (int i = 0; i <= PROVERS_LIMITED; i++) {
		if (w->seen[i] == 1)
			return (enum provers_answer)i;
	}
	fail_msg("no answer");
	return PROVERS_WRONG;
}

static void
a_password_proves_its_user(void **state)
{
	struct world *w = *state;

	assert_int_equal(answer(w, "ann", "secret"), PROVERS_RIGHT);
	assert_int_equal(answer(w, "bob", "secret"), PROVERS_RIGHT);
	assert_int_equal(answer(w, "ann", "Secret"), PROVERS_WRONG);
	assert_int_equal(answer(w, "bob", "secret2"), PROVERS_WRONG);
}

static void
who_is_not_there_is_wrong_with_any_password(void **state)
{
	struct world *w = *state;

	assert_int_equal(answer(w, "eve", "secret"), PROVERS_WRONG);
	assert_int_equal(answer(w, "mallory", "secret"), PROVERS_WRONG);
}

static void
guesses_are_counted_and_stopped(void **state)
{
	struct world *w = *state;

	for (int i = 1; i <= NAME_MAX; i++)
		assert_int_equal(answer(w, "ann", "guess"),
		    i < NAME_MAX ? PROVERS_WRONG : PROVERS_LAST);
	assert_int_equal(answer(w, "ann", "secret"), PROVERS_LIMITED);
	assert_int_equal(answer(w, "bob", "secret"), PROVERS_RIGHT);
}

static void
many_at_once_are_stopped_at_the_same_count(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(ask(w, 100 + i, "ann", "guess"), 0);
	loop_run(w->loop);
	assert_int_equal(w->seen[PROVERS_LAST], 1);
	/* each thread may have looked at one more */
	assert_in_range(w->seen[PROVERS_WRONG], NAME_MAX - 1,
	    NAME_MAX - 1 + 2 * PROVERS_THREADS_MAX);
	assert_true(w->seen[PROVERS_LIMITED] > 0);
}

#define GUESSES 300

static void
who_is_known_does_not_wait_behind_those_who_guess(void **state)
{
	struct world *w = *state;
	struct login l = { .client = 5, .user = STR("bob") };

	logins_right(&l, clock_mono_ms());
	for (uint64_t i = 0; i < GUESSES; i++)
		assert_int_equal(
		    ask_from(w, 1000 + i, 100 + i, "eve", "guess"), 0);
	assert_int_equal(ask_from(w, 5, 1, "ann", "secret"), 0);
	loop_run(w->loop);
	assert_int_equal(w->seen[PROVERS_RIGHT], 1);
	assert_in_range(w->left_then, GUESSES / 2, GUESSES);
}

static void
a_client_has_its_share_of_the_queue(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 0; i < PROVERS_CLIENT_MAX; i++)
		assert_int_equal(ask(w, 1000 + i, "ann", "secret"), 0);
	assert_int_equal(ask(w, 1, "ann", "secret"), -1);
	loop_run(w->loop);
	assert_int_equal(w->seen[PROVERS_RIGHT], PROVERS_CLIENT_MAX);
	assert_int_equal(answer(w, "ann", "secret"), PROVERS_RIGHT);
}

static void
a_question_that_was_forgotten_is_not_answered(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 1, "ann", "secret"), 0);
	assert_int_equal(ask(w, 2, "bob", "secret"), 0);
	provers_forget(w->provers, 1);
	provers_forget(w->provers, 1); /* twice is harmless */
	provers_forget(w->provers, 3);
	w->left = 1;
	loop_run(w->loop);
	assert_int_equal(w->seen[PROVERS_RIGHT], 1);
}

static void
questions_may_be_open_at_the_end(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 0; i < 300; i++) {
		assert_int_equal(ask(w, 1 + i, "eve", "guess"), 0);
		provers_forget(w->provers, 1 + i);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_password_proves_its_user),
		TEST(who_is_not_there_is_wrong_with_any_password),
		TEST(guesses_are_counted_and_stopped),
		TEST(many_at_once_are_stopped_at_the_same_count),
		TEST(who_is_known_does_not_wait_behind_those_who_guess),
		TEST(a_client_has_its_share_of_the_queue),
		TEST(a_question_that_was_forgotten_is_not_answered),
		TEST(questions_may_be_open_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
