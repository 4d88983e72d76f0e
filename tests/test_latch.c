/* test_latch.c: everybody waits until the count is zero, and the count is exact. */
#include "support.h"

#include <stdlib.h>

#include "atomic.h"

static void test_it_counts_down(void **state)
{
    (void)state;
    pt_latch latch = PT_LATCH_INIT(5);
    assert_int_equal(pt_latch_count(&latch), 5);
    assert_int_equal(pt_latch_try_wait(&latch), PT_ERR_BUSY);
    assert_int_equal(pt_latch_count_down(&latch, 0), PT_OK);
    assert_int_equal(pt_latch_count_down(&latch, 6), PT_ERR_OVERFLOW);
    assert_int_equal(pt_latch_count_down(&latch, UINT32_MAX), PT_ERR_OVERFLOW);
    assert_int_equal(pt_latch_count(&latch), 5);
    assert_int_equal(pt_latch_count_down(&latch, 4), PT_OK);
    assert_int_equal(pt_latch_wait_until(&latch, pt_at(0)), PT_ERR_TIMEOUT);
    pt_until until = pt_after_ms(3);
    assert_int_equal(pt_latch_wait_until(&latch, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(latch.word, 1u << 1);
    assert_int_equal(pt_latch_arrive_and_wait(&latch), PT_OK); /* the last waits for nobody */
    assert_int_equal(pt_latch_arrive_and_wait(&latch), PT_ERR_OVERFLOW);
    assert_int_equal(pt_latch_count_down(&latch, 1), PT_ERR_OVERFLOW);
    assert_int_equal(pt_latch_count_down(&latch, 0), PT_OK);
    assert_int_equal(pt_latch_count(&latch), 0);
    assert_int_equal(pt_latch_try_wait(&latch), PT_OK);
    assert_int_equal(pt_latch_wait(&latch), PT_OK);
    assert_int_equal(pt_latch_wait_until(&latch, pt_at(0)), PT_OK);
}

static void test_the_ends_of_its_range(void **state)
{
    (void)state;
    pt_latch open = PT_LATCH_INIT(0), most = PT_LATCH_INIT(PT_LATCH_MAX);
    assert_int_equal(pt_latch_wait(&open), PT_OK);
    assert_int_equal(pt_latch_count(&most), PT_LATCH_MAX);
    assert_int_equal(pt_latch_count_down(&most, PT_LATCH_MAX + 1u), PT_ERR_OVERFLOW);
    assert_int_equal(pt_latch_count_down(&most, PT_LATCH_MAX), PT_OK);
    assert_int_equal(pt_latch_wait(&most), PT_OK);
}

/* ---- Everybody waits until zero --------------------------------------------------------------- */

enum { COUNTERS = 3, WAITERS = 4, ROUNDS_MOST = 400 };

struct launch {
    pt_latch latch[ROUNDS_MOST];
    int wrote[ROUNDS_MOST][COUNTERS]; /* not atomic: the latch orders it */
    int rounds;
};

static void count_or_wait(struct member *member)
{
    struct launch *launch = member->shared;
    for (int i = 0; i < launch->rounds; i++) {
        if (test_random(&member->stream) % 4 == 0)
            test_delay(&member->stream);
        if (member->index < COUNTERS) {
            launch->wrote[i][member->index] = i + 1;
            check(pt_latch_count_down(&launch->latch[i], 1) == PT_OK);
            continue;
        }
        if (member->index == COUNTERS)
            while (pt_latch_try_wait(&launch->latch[i]) != PT_OK)
                pt_thread_yield();
        else
            check(pt_latch_wait(&launch->latch[i]) == PT_OK);
        check(pt_latch_count(&launch->latch[i]) == 0);
        for (int j = 0; j < COUNTERS; j++)
            check(launch->wrote[i][j] == i + 1);
    }
}

static void test_everybody_waits_until_zero(void **state)
{
    (void)state;
    static struct launch launch;
    for (int turn = 0; turn < test_scale(40); turn++) {
        launch = (struct launch){.rounds = ROUNDS_MOST};
        for (int i = 0; i < launch.rounds; i++)
            launch.latch[i] = (pt_latch)PT_LATCH_INIT(COUNTERS);
        crew_run(COUNTERS + WAITERS, count_or_wait, &launch);
        assert_int_equal(parked(NULL), 0);
    }
}

static void wait_for_it(struct member *member)
{
    check(pt_latch_wait(member->shared) == PT_OK);
}

static void test_only_the_last_count_lets_go(void **state)
{
    (void)state;
    pt_latch latch = PT_LATCH_INIT(4);
    struct crew *crew = crew_start(5, wait_for_it, &latch);
    wait_until_parked(&latch, 5);
    for (uint32_t left = 3; left > 0; left--) {
        assert_int_equal(pt_latch_count_down(&latch, 1), PT_OK);
        assert_int_equal(pt_latch_count(&latch), left);
        assert_int_equal(parked(&latch), 5);
    }
    assert_int_equal(pt_latch_count_down(&latch, 2), PT_ERR_OVERFLOW);
    assert_int_equal(parked(&latch), 5);
    assert_int_equal(pt_latch_count_down(&latch, 1), PT_OK);
    assert_int_equal(parked(&latch), 0);
    crew_join(crew);
}

/* ---- The count is exact ------------------------------------------------------------------------ */

struct budget {
    pt_latch latch;
    uint32_t counted, openers;
};

static void spend(struct member *member)
{
    struct budget *budget = member->shared;
    while (pt_latch_try_wait(&budget->latch) != PT_OK) {
        uint32_t by = test_random(&member->stream) % 4;
        pt_until until = pt_after(test_random(&member->stream) % 30 * PT_MICROSECOND);
        pt_status status = pt_latch_count_down(&budget->latch, by);
        check(status == PT_OK || status == PT_ERR_OVERFLOW);
        if (status == PT_OK)
            add_relaxed(&budget->counted, by);
        if (member->index % 2) {
            status = pt_latch_wait_until(&budget->latch, until);
            check(status == PT_OK || status == PT_ERR_TIMEOUT);
        }
    }
}

static void test_no_count_is_lost_or_made(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(100); i++) {
        const uint32_t count = 300;
        struct budget budget = {.latch = PT_LATCH_INIT(count)};
        crew_run(4, spend, &budget);
        assert_int_equal(budget.counted, count);
        assert_int_equal(pt_latch_count(&budget.latch), 0);
        assert_int_equal(parked(NULL), 0);
    }
}

/* ---- The latch may go as soon as somebody has returned ------------------------------------------- */

struct step {
    pt_latch *latch;
    uint32_t returned;
};

struct stairs {
    struct step *steps;
    int count;
};

static void climb(struct member *member)
{
    struct stairs *stairs = member->shared;
    for (int i = 0; i < stairs->count; i++) {
        struct step *step = &stairs->steps[i];
        check(pt_latch_arrive_and_wait(step->latch) == PT_OK);
        if (add_relaxed(&step->returned, 1) == 0)
            free(step->latch);
    }
}

static void test_the_first_to_return_may_free_it(void **state)
{
    (void)state;
    struct stairs stairs = {.count = test_scale(4000)};
    stairs.steps = calloc((size_t)stairs.count, sizeof *stairs.steps);
    assert_non_null(stairs.steps);
    for (int i = 0; i < stairs.count; i++) {
        stairs.steps[i].latch = malloc(sizeof *stairs.steps[i].latch);
        assert_non_null(stairs.steps[i].latch);
        *stairs.steps[i].latch = (pt_latch)PT_LATCH_INIT(4);
    }
    crew_run(4, climb, &stairs);
    for (int i = 0; i < stairs.count; i++)
        assert_int_equal(stairs.steps[i].returned, 4);
    free(stairs.steps);
}

static void wait_and_free(struct member *member)
{
    struct step *step = member->shared;
    check(pt_latch_wait(step->latch) == PT_OK);
    if (add_relaxed(&step->returned, 1) == 0)
        free(step->latch);
}

static void test_the_first_waiter_to_return_may_free_it(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(200); i++) {
        struct step step = {.latch = malloc(sizeof *step.latch)};
        assert_non_null(step.latch);
        *step.latch = (pt_latch)PT_LATCH_INIT(1);
        struct crew *crew = crew_start(4, wait_and_free, &step);
        wait_until_parked(step.latch, 4);
        assert_int_equal(pt_latch_count_down(step.latch, 1), PT_OK);
        crew_join(crew);
    }
}

/* ---- Giving up races with the last count ---------------------------------------------------------- */

struct photo_finish {
    pt_latch latch;
    uint32_t timed_out;
};

static void wait_briefly(struct member *member)
{
    struct photo_finish *finish = member->shared;
    if (member->index == 0) {
        test_delay(&member->stream);
        check(pt_latch_count_down(&finish->latch, 2) == PT_OK);
        return;
    }
    pt_until until = pt_after(test_random(&member->stream) % 40 * PT_MICROSECOND);
    pt_status status = pt_latch_wait_until(&finish->latch, member->index == 1 ? PT_FOREVER : until);
    check(status == PT_OK || (member->index > 1 && status == PT_ERR_TIMEOUT));
    add_relaxed(&finish->timed_out, status == PT_ERR_TIMEOUT);
}

static void test_giving_up_races_with_the_last_count(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(800); i++) {
        struct photo_finish finish = {.latch = PT_LATCH_INIT(2)};
        crew_run(5, wait_briefly, &finish);
        assert_int_equal(pt_latch_count(&finish.latch), 0);
        assert_int_equal(parked(NULL), 0);
    }
}

/* ---- On a page's main thread ----------------------------------------------------------------------- */

#define expect(condition) (visit->failed = visit->failed == NULL && !(condition) ? #condition : visit->failed)

struct visit {
    pt_latch waited_for, other;
    const char *failed;
};

static void visit_latches(void *arg)
{
    struct visit *visit = arg;
    expect(pt_latch_wait(&visit->waited_for) == PT_ERR_NOBLOCK);
    expect(pt_latch_arrive_and_wait(&visit->waited_for) == PT_ERR_NOBLOCK);
    expect(pt_latch_count(&visit->waited_for) == 2);
    expect(pt_latch_count_down(&visit->waited_for, 2) == PT_OK);
    expect(pt_latch_wait(&visit->waited_for) == PT_OK);
    expect(pt_latch_arrive_and_wait(&visit->other) == PT_OK);
    expect(pt_latch_arrive_and_wait(&visit->other) == PT_ERR_OVERFLOW);
}

static void test_a_page_counts_and_does_not_wait(void **state)
{
    (void)state;
    struct visit visit = {.waited_for = PT_LATCH_INIT(2), .other = PT_LATCH_INIT(1)};
    struct crew *crew = crew_start(2, wait_for_it, &visit.waited_for);
    wait_until_parked(&visit.waited_for, 2);
    bool has_page = test_on_page_thread(visit_latches, &visit);
    if (!has_page)
        assert_int_equal(pt_latch_count_down(&visit.waited_for, 2), PT_OK);
    crew_join(crew);
    if (visit.failed != NULL)
        fail_msg("on the page's thread: %s", visit.failed);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
}

TEST_MAIN("latch", TEST(test_it_counts_down), TEST(test_the_ends_of_its_range),
          TEST(test_everybody_waits_until_zero), TEST(test_only_the_last_count_lets_go),
          TEST(test_no_count_is_lost_or_made), TEST(test_the_first_to_return_may_free_it),
          TEST(test_the_first_waiter_to_return_may_free_it), TEST(test_giving_up_races_with_the_last_count),
          TEST(test_a_page_counts_and_does_not_wait))
