/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes to count dead letters, whose walk is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/admin/strays.h"
#include "postern/base/str.h"
#include "postern/spool/spool_walk.h"

/* --- the dead letters --------------------------------------------------------
 */

static struct {
	uint64_t strays, others; /* these come behind */
	size_t walks;            /* that were begun */
	bool is_ill;
} dead;

struct spool_reader *
spool_reader_new(struct spool *sp)
{
	(void)sp;
	return NULL;
}

void
spool_reader_free(struct spool_reader **r)
{
	*r = NULL;
}

/* Two a look. */
int
spool_walk(
    struct spool_reader *r, const struct spool_walk *w, struct spool_mark *mark)
{
	(void)r;
	if (dead.is_ill)
		return -1;
	assert_false(mark->over);
	assert_int_equal(w->where, SPOOL_WALK_DEAD);
	dead.walks += mark->n == 0;
	for (int i = 0; i < 2 && mark->n < dead.strays + dead.others; i++) {
		struct spool_row row = { .state = SPOOL_ROW_DEAD,
			.cause = mark->n < dead.strays ? STR("no alias")
			                               : STR("refused") };

		mark->n++;
		assert_true(w->fn(w->arg, &row));
	}
	mark->over = mark->n >= dead.strays + dead.others;
	return 0;
}

/* --- the world ---------------------------------------------------------------
 */

static struct strays *strays;

static int
set_up(void **state)
{
	(void)state;
	memset(&dead, 0, sizeof dead);
	strays = strays_new(NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	strays_free(&strays);
	strays_free(&strays); /* twice is harmless */
	return 0;
}

static uint64_t
look(void)
{
	struct spool_stats st = { .dead = dead.strays + dead.others };

	return strays_look(strays, &st);
}

/* --- tests -------------------------------------------------------------------
 */

static void
they_are_counted_over_several_looks(void **state)
{
	(void)state;
	assert_int_equal(look(), 0);
	dead.strays = 3;
	dead.others = 2;
	assert_int_equal(look(), 0);
	assert_int_equal(look(), 0);
	assert_int_equal(look(), 3);
	/* and once */
	assert_int_equal(look(), 3);
	assert_int_equal(dead.walks, 1);
}

/* Two are counted in a look, and one comes. */
static void
a_count_is_over_though_more_come_with_each_look(void **state)
{
	(void)state;
	dead.strays = 5;
	for (int i = 0; i < 10 && look() == 0; i++)
		dead.others++;
	assert_int_equal(look(), 5);
}

static void
what_changed_meanwhile_is_in_the_next_count(void **state)
{
	(void)state;
	dead.strays = 4;
	dead.others = 1;
	assert_int_equal(look(), 0);
	assert_int_equal(look(), 0);
	dead.strays = 3; /* where the count has been already */
	dead.others = 3;
	assert_int_equal(look(), 4);
	assert_int_equal(look(), 4);
	assert_int_equal(look(), 4);
	assert_int_equal(look(), 3);
	assert_int_equal(dead.walks, 2);
}

static void
without_dead_letters_there_are_none_at_once(void **state)
{
	(void)state;
	dead.strays = 2;
	assert_int_equal(look(), 2);
	dead.strays = 5;
	assert_int_equal(look(), 2); /* in the midst of a count */
	dead.strays = 0;
	assert_int_equal(look(), 0);
	dead.strays = 1;
	assert_int_equal(look(), 1);
}

static void
a_store_that_cannot_be_read_leaves_the_last_count(void **state)
{
	(void)state;
	dead.strays = 1;
	assert_int_equal(look(), 1);
	dead.is_ill = true;
	dead.strays = 2;
	assert_int_equal(look(), 1);
	dead.is_ill = false;
	assert_int_equal(look(), 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(they_are_counted_over_several_looks),
		TEST(a_count_is_over_though_more_come_with_each_look),
		TEST(what_changed_meanwhile_is_in_the_next_count),
		TEST(without_dead_letters_there_are_none_at_once),
		TEST(a_store_that_cannot_be_read_leaves_the_last_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
