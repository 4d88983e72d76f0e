/* test_barrier.c: nobody leaves a round before all have come, each round has one serial thread, and those who give up
   or are sent away leave no trace. */
#include "support.h"

#include <stdlib.h>

#include "atomic.h"

static void test_a_round_needs_a_number(void **state)
{
    (void)state;
    pt_barrier none = PT_BARRIER_INIT(0), too_many = PT_BARRIER_INIT(PT_BARRIER_MAX + 1);
    pt_barrier most = PT_BARRIER_INIT(PT_BARRIER_MAX);
    bool serial = true;
    assert_int_equal(pt_barrier_wait(&none, &serial), PT_ERR_INVALID);
    assert_int_equal(pt_barrier_wait_until(&too_many, &serial, pt_at(0)), PT_ERR_INVALID);
    assert_int_equal(pt_barrier_wait_until(&most, &serial, pt_at(0)), PT_ERR_TIMEOUT);
    assert_true(serial); /* as it was */
    assert_int_equal(pt_barrier_waiting(&most), 0);
}

static void test_one_party_waits_for_nobody(void **state)
{
    (void)state;
    pt_barrier barrier = PT_BARRIER_INIT(1);
    for (int i = 0; i < 3; i++) {
        bool serial = false;
        assert_int_equal(pt_barrier_wait(&barrier, &serial), PT_OK);
        assert_true(serial);
        assert_int_equal(pt_barrier_wait_until(&barrier, NULL, pt_at(0)), PT_OK);
    }
}

/* ---- Rounds --------------------------------------------------------------------------------- */

enum { PARTIES_MOST = 8 };

struct rounds {
    pt_barrier barrier;
    int parties, each;
    uint32_t came;              /* in all rounds */
    uint32_t *serials;          /* in each round */
    int wrote[2][PARTIES_MOST]; /* in even and odd rounds, by each: not atomic, the barrier orders it */
};

static void go_round(struct member *member)
{
    struct rounds *rounds = member->shared;
    uint32_t parties = (uint32_t)rounds->parties;
    for (int i = 0; i < rounds->each; i++) {
        bool serial = i % 2;
        rounds->wrote[i % 2][member->index] = i;
        add_relaxed(&rounds->came, 1);
        check(pt_barrier_wait(&rounds->barrier, &serial) == PT_OK);
        uint32_t came = load_relaxed(&rounds->came), round = (uint32_t)i;
        check(came >= (round + 1) * parties); /* all of this round */
        check(came < (round + 2) * parties);  /* not the caller in the next, so not all */
        for (int j = 0; j < rounds->parties; j++)
            check(rounds->wrote[i % 2][j] == i);
        if (serial)
            add_relaxed(&rounds->serials[i], 1);
        if (test_random(&member->stream) % 8 == 0)
            test_delay(&member->stream);
    }
}

static void test_nobody_leaves_before_all_have_come(void **state)
{
    (void)state;
    static const int parties[] = {2, 3, 5, PARTIES_MOST};
    for (int i = 0; i < 4; i++) {
        struct rounds rounds = {.parties = parties[i], .each = test_scale(30000 / parties[i])};
        rounds.barrier = (pt_barrier)PT_BARRIER_INIT((uint32_t)parties[i]);
        rounds.serials = calloc((size_t)rounds.each, sizeof *rounds.serials);
        assert_non_null(rounds.serials);
        crew_run(parties[i], go_round, &rounds);
        for (int j = 0; j < rounds.each; j++)
            assert_int_equal(rounds.serials[j], 1);
        assert_int_equal(rounds.barrier.word, 0);
        assert_int_equal(parked(NULL), 0);
        free(rounds.serials);
    }
}

/* ---- The barrier may go as soon as somebody has returned -------------------------------------- */

struct one_way {
    pt_barrier *barrier;
    uint32_t returned;
};

struct path {
    struct one_way *gates;
    int count;
};

static void walk(struct member *member)
{
    struct path *path = member->shared;
    for (int i = 0; i < path->count; i++) {
        struct one_way *gate = &path->gates[i];
        check(pt_barrier_wait(gate->barrier, NULL) == PT_OK);
        if (add_relaxed(&gate->returned, 1) == 0)
            free(gate->barrier);
    }
}

static void test_the_first_to_return_may_free_it(void **state)
{
    (void)state;
    struct path path = {.count = test_scale(3000)};
    path.gates = calloc((size_t)path.count, sizeof *path.gates);
    assert_non_null(path.gates);
    for (int i = 0; i < path.count; i++) {
        path.gates[i].barrier = malloc(sizeof *path.gates[i].barrier);
        assert_non_null(path.gates[i].barrier);
        *path.gates[i].barrier = (pt_barrier)PT_BARRIER_INIT(4);
    }
    crew_run(4, walk, &path);
    for (int i = 0; i < path.count; i++)
        assert_int_equal(path.gates[i].returned, 4);
    free(path.gates);
}

/* ---- Giving up ------------------------------------------------------------------------------ */

struct come_once {
    pt_barrier barrier;
    pt_until until;
    pt_status wanted;
    uint32_t serials;
};

static void come(struct member *member)
{
    struct come_once *once = member->shared;
    bool serial = false;
    check(pt_barrier_wait_until(&once->barrier, &serial, once->until) == once->wanted);
    add_relaxed(&once->serials, serial);
}

static void test_who_gives_up_does_not_count(void **state)
{
    (void)state;
    struct come_once stays = {.barrier = PT_BARRIER_INIT(3), .until = PT_FOREVER, .wanted = PT_OK};
    pt_barrier *barrier = &stays.barrier;
    bool serial = false;
    struct crew *first = crew_start(1, come, &stays);
    wait_until_parked(barrier, 1);
    assert_int_equal(pt_barrier_waiting(barrier), 1);

    for (int i = 0; i < 5; i++) { /* each the second, never the third */
        pt_until until = pt_after_ms(1);
        assert_int_equal(pt_barrier_wait_until(barrier, &serial, until), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_barrier_wait_until(barrier, &serial, pt_at(0)), PT_ERR_TIMEOUT);
        assert_int_equal(pt_barrier_waiting(barrier), 1);
        assert_int_equal(parked(barrier), 1);
    }
    struct crew *second = crew_start(1, come, &stays);
    wait_until_parked(barrier, 2);
    assert_int_equal(pt_barrier_wait_until(barrier, &serial, pt_at(0)), PT_OK); /* the last need not wait */
    assert_true(serial);
    crew_join(first);
    crew_join(second);
    assert_int_equal(stays.serials, 0);
    assert_int_equal(stays.barrier.word, 0);
}

struct moody {
    pt_barrier barrier;
    uint32_t passed, serials;
    int each;
};

static void come_and_go(struct member *member)
{
    struct moody *moody = member->shared;
    for (int i = 0; i < moody->each; i++) {
        bool serial = false;
        pt_until until = pt_after(test_random(&member->stream) % 100 * PT_MICROSECOND);
        pt_status status = pt_barrier_wait_until(&moody->barrier, &serial, until);
        check(status == PT_OK || status == PT_ERR_TIMEOUT);
        add_relaxed(&moody->passed, status == PT_OK);
        add_relaxed(&moody->serials, status == PT_OK && serial);
        check(status == PT_OK || !serial);
        if (i % 8 == 0)
            test_delay(&member->stream);
    }
}

static void test_rounds_are_whole_though_many_give_up(void **state)
{
    (void)state;
    struct moody moody = {.barrier = PT_BARRIER_INIT(3), .each = test_scale(10000)};
    crew_run(6, come_and_go, &moody);
    assert_int_equal(moody.passed, 3 * moody.serials);
    assert_true(moody.serials > 0);
    assert_int_equal(moody.barrier.word, 0);
    assert_int_equal(parked(NULL), 0);
}

/* ---- Aborting and resetting ------------------------------------------------------------------- */

static void test_abort_sends_all_away_until_reset(void **state)
{
    (void)state;
    struct come_once sent = {.barrier = PT_BARRIER_INIT(4), .until = PT_FOREVER, .wanted = PT_ERR_ABORTED};
    pt_barrier *barrier = &sent.barrier;
    bool serial = false;
    struct crew *crew = crew_start(3, come, &sent);
    wait_until_parked(barrier, 3);
    assert_false(pt_barrier_is_aborted(barrier));
    pt_barrier_abort(barrier);
    assert_true(pt_barrier_is_aborted(barrier));
    assert_int_equal(pt_barrier_waiting(barrier), 0);
    for (int i = 0; i < 8; i++) /* also no round of these */
        assert_int_equal(pt_barrier_wait_until(barrier, &serial, i % 2 ? PT_FOREVER : pt_at(0)), PT_ERR_ABORTED);
    pt_barrier_abort(barrier);
    crew_join(crew);

    pt_barrier_reset(barrier);
    assert_false(pt_barrier_is_aborted(barrier));
    crew = crew_start(3, come, &sent);
    wait_until_parked(barrier, 3);
    pt_barrier_reset(barrier);
    assert_int_equal(pt_barrier_waiting(barrier), 0);
    assert_int_equal(pt_barrier_wait_until(barrier, &serial, pt_at(0)), PT_ERR_TIMEOUT); /* the round is anew */
    crew_join(crew);

    sent.wanted = PT_OK;
    crew = crew_start(3, come, &sent);
    wait_until_parked(barrier, 3);
    assert_int_equal(pt_barrier_wait(barrier, NULL), PT_OK);
    crew_join(crew);
    assert_int_equal(sent.serials, 0);
}

struct notice {
    pt_barrier barrier;
    int reason; /* plain: what was written before the abort, who sees it must see */
};

static void abort_or_look(struct member *member)
{
    struct notice *notice = member->shared;
    if (member->index == 0) {
        notice->reason = 42;
        pt_barrier_abort(&notice->barrier);
        return;
    }
    while (!pt_barrier_is_aborted(&notice->barrier))
        pt_thread_yield();
    check(notice->reason == 42);
}

static void test_an_abort_hands_over_what_was_written(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300); i++) {
        struct notice notice = {.barrier = PT_BARRIER_INIT(2)};
        crew_run(3, abort_or_look, &notice);
    }
}

struct riot {
    pt_barrier barrier;
    uint32_t passed, serials, over;
    int each;
};

static void wait_or_riot(struct member *member)
{
    struct riot *riot = member->shared;
    if (member->index < 4) {
        while (load_relaxed(&riot->over) == 0) {
            bool serial = false;
            pt_status status = pt_barrier_wait(&riot->barrier, &serial);
            check(status == PT_OK || status == PT_ERR_ABORTED);
            add_relaxed(&riot->passed, status == PT_OK);
            add_relaxed(&riot->serials, serial);
            if (status != PT_OK)
                pt_thread_yield();
        }
        return;
    }
    for (int i = 0; i < riot->each; i++) {
        if (test_random(&member->stream) % 2)
            pt_barrier_abort(&riot->barrier);
        test_delay(&member->stream);
        pt_barrier_reset(&riot->barrier);
        test_delay(&member->stream);
    }
    store_relaxed(&riot->over, 1);
    pt_barrier_abort(&riot->barrier);
}

static void test_a_round_is_passed_or_aborted_by_all_of_it(void **state)
{
    (void)state;
    struct riot riot = {.barrier = PT_BARRIER_INIT(4), .each = test_scale(5000)};
    crew_run(5, wait_or_riot, &riot);
    assert_int_equal(riot.passed, 4 * riot.serials);
    assert_true(pt_barrier_is_aborted(&riot.barrier));
    assert_int_equal(pt_barrier_waiting(&riot.barrier), 0);
    assert_int_equal(parked(NULL), 0);
}

/* In the child of a fork the word tells of waiters that are not there. */
static void test_those_who_a_fork_left_behind_do_not_count(void **state)
{
    (void)state;
    struct come_once stays = {.barrier = PT_BARRIER_INIT(2), .until = PT_FOREVER, .wanted = PT_OK};
    stays.barrier.word = 1u << 1;
    struct crew *crew = crew_start(1, come, &stays);
    wait_until_parked(&stays.barrier, 1);
    assert_int_equal(pt_barrier_waiting(&stays.barrier), 1);
    assert_int_equal(pt_barrier_wait(&stays.barrier, NULL), PT_OK);
    crew_join(crew);
    assert_int_equal(stays.barrier.word, 0);
}

/* ---- On a page's main thread ------------------------------------------------------------------ */

struct visit {
    pt_barrier *barrier;
    pt_status status;
    bool serial;
};

static void come_from_the_page(void *arg)
{
    struct visit *visit = arg;
    visit->status = pt_barrier_wait(visit->barrier, &visit->serial);
}

static void test_a_page_may_only_come_last(void **state)
{
    (void)state;
    struct come_once stays = {.barrier = PT_BARRIER_INIT(2), .until = PT_FOREVER, .wanted = PT_OK};
    struct visit visit = {.barrier = &stays.barrier};
    if (!test_on_page_thread(come_from_the_page, &visit)) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    assert_int_equal(visit.status, PT_ERR_NOBLOCK);
    assert_int_equal(stays.barrier.word, 0);

    struct crew *crew = crew_start(1, come, &stays);
    wait_until_parked(&stays.barrier, 1);
    assert_true(test_on_page_thread(come_from_the_page, &visit));
    assert_int_equal(visit.status, PT_OK);
    assert_true(visit.serial);
    crew_join(crew);
    assert_int_equal(stays.serials, 0);
}

TEST_MAIN("barrier", TEST(test_a_round_needs_a_number), TEST(test_one_party_waits_for_nobody),
          TEST(test_nobody_leaves_before_all_have_come), TEST(test_the_first_to_return_may_free_it),
          TEST(test_who_gives_up_does_not_count), TEST(test_rounds_are_whole_though_many_give_up),
          TEST(test_abort_sends_all_away_until_reset), TEST(test_an_abort_hands_over_what_was_written),
          TEST(test_a_round_is_passed_or_aborted_by_all_of_it),
          TEST(test_those_who_a_fork_left_behind_do_not_count), TEST(test_a_page_may_only_come_last))
