/* test_joint.c: what waits for several futures comes once, when it should, and ends as they did. */
#include "support.h"

#include <string.h>

#include "atomic.h"
#include "counting.h"

enum { FUTURES = 6 };

static pt_future *make(void)
{
    pt_future *future = NULL;
    assert_int_equal(pt_future_create(&future, NULL), PT_OK);
    return future;
}

static void make_all(pt_future **futures)
{
    for (int i = 0; i < FUTURES; i++)
        futures[i] = make();
}

static void release_all(pt_future **futures)
{
    for (int i = 0; i < FUTURES; i++)
        pt_future_release(futures[i]);
}

/* ---- All, any ---------------------------------------------------------------------------------------- */

struct race {
    pt_future *futures[FUTURES];
    uint32_t well; /* a bit for each that ends with a result */
    uint32_t next;
};

/* Each member ends some of them: with a result, its own place; with an error, its own place; or by giving up. */
static void end_some(struct member *member)
{
    struct race *race = member->shared;
    for (uint32_t i; (i = add_relaxed(&race->next, 1)) < FUTURES;) {
        test_delay(&member->stream);
        if ((race->well >> i & 1) != 0)
            check(pt_future_complete(race->futures[i], &race->futures[i]) == PT_OK);
        else if (i % 2 == 0)
            check(pt_future_fail(race->futures[i], (int)i, "as was asked") == PT_OK);
        else
            check(pt_future_abort(race->futures[i]) == PT_OK);
    }
}

static void check_all(const struct race *race, pt_future *all)
{
    uint32_t first = 0;
    pt_error error;
    while (first < FUTURES && (race->well >> first & 1) != 0)
        first++;
    pt_status status = pt_future_get(all, NULL);
    assert_int_equal(status, first == FUTURES ? PT_OK : first % 2 == 0 ? PT_ERR_FAILED : PT_ERR_ABORTED);
    if (status == PT_ERR_FAILED) {
        assert_int_equal(pt_future_error(all, &error), PT_OK);
        assert_int_equal(error.code, first);
        assert_string_equal(error.message, "as was asked");
    }
    for (int i = 0; i < FUTURES; i++) /* all have ended, not only the one that failed */
        assert_true(pt_future_get_state(race->futures[i]) >= PT_FUTURE_DONE);
}

static void check_any(const struct race *race, pt_future *any)
{
    void *result = NULL;
    pt_status status = pt_future_get(any, &result);
    if (race->well == 0) {
        assert_int_equal(status, (FUTURES - 1) % 2 == 0 ? PT_ERR_FAILED : PT_ERR_ABORTED);
        return;
    }
    assert_int_equal(status, PT_OK);
    size_t which = (size_t)((pt_future *const *)result - race->futures);
    assert_true(which < FUTURES && (race->well >> which & 1) != 0);
}

static void test_all_and_any_end_as_they_should(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(500) + 1; i++) {
        struct race race = {.well = i % 4 == 0 ? 63 : i % 4 == 1 ? 0 : test_random(&stream) % 64};
        pt_future *all, *any;
        pt_channel *indices;
        make_all(race.futures);
        assert_int_equal(pt_channel_create(&indices, sizeof(size_t), FUTURES, NULL), PT_OK);
        struct crew *crew = crew_start(2, end_some, &race);
        assert_int_equal(pt_future_all(&all, race.futures, FUTURES), PT_OK);
        assert_int_equal(pt_future_any(&any, race.futures, FUTURES), PT_OK);
        assert_int_equal(pt_future_as_completed(race.futures, FUTURES, indices), PT_OK);
        check_all(&race, all);
        check_any(&race, any);
        crew_join(crew);
        uint32_t seen = 0;
        for (int j = 0; j < FUTURES; j++) {
            size_t index = FUTURES;
            assert_int_equal(pt_channel_receive(indices, &index), PT_OK);
            assert_true(index < FUTURES && (seen >> index & 1) == 0);
            seen |= 1u << index;
        }
        pt_channel_release_receiver(indices);
        pt_channel_release_sender(indices);
        pt_future_release(all);
        pt_future_release(any);
        release_all(race.futures);
    }
}

static void test_of_none_all_have_ended(void **state)
{
    (void)state;
    pt_future *all, *any;
    pt_channel *indices;
    assert_int_equal(pt_future_all(&all, NULL, 0), PT_OK);
    assert_int_equal(pt_future_try_get(all, NULL), PT_OK);
    pt_future_release(all);
    assert_int_equal(pt_future_any(&any, NULL, 0), PT_OK);
    assert_int_equal(pt_future_try_get(any, NULL), PT_ERR_ABORTED);
    pt_future_release(any);
    assert_int_equal(pt_channel_create(&indices, sizeof(size_t), 1, NULL), PT_OK);
    assert_int_equal(pt_future_as_completed(NULL, 0, indices), PT_OK);
    assert_int_equal(pt_channel_length(indices), 0);
    pt_channel_release_receiver(indices);
    pt_channel_release_sender(indices);
}

static void count_lost(void *result, void *arg)
{
    (void)result;
    (*(int *)arg)++;
}

static void test_a_result_that_was_given_away_is_destroyed_once(void **state)
{
    (void)state;
    for (int got = 0; got < 2; got++) {
        int lost = 0;
        pt_future *future, *any;
        assert_int_equal(pt_future_create(&future, &(pt_future_config){count_lost, &lost}), PT_OK);
        assert_int_equal(pt_future_any(&any, &future, 1), PT_OK);
        assert_int_equal(pt_future_complete(future, &lost), PT_OK);
        pt_future_release(future);
        assert_int_equal(lost, 0);
        if (got)
            assert_int_equal(pt_future_get(any, NULL), PT_OK);
        pt_future_release(any);
        assert_int_equal(lost, !got);
    }
}

static void test_who_waits_for_several_may_give_up(void **state)
{
    (void)state;
    pt_future *futures[FUTURES], *all;
    make_all(futures);
    assert_int_equal(pt_future_all(&all, futures, FUTURES), PT_OK);
    assert_int_equal(pt_future_cancel(all), PT_OK);
    assert_int_equal(pt_future_get(all, NULL), PT_ERR_ABORTED);
    pt_future_release(all);
    for (int i = 0; i < FUTURES; i++) {
        assert_int_equal(pt_future_get_state(futures[i]), PT_FUTURE_PENDING);
        assert_int_equal(pt_future_complete(futures[i], NULL), PT_OK);
    }
    release_all(futures);
}

/* ---- Jobs that come after ------------------------------------------------------------------------------ */

struct node {
    uint32_t runs;
    struct node *before[2];
    uint32_t early;
};

static void *visit(void *arg)
{
    struct node *node = arg;
    for (int i = 0; i < 2; i++)
        node->early += node->before[i] != NULL && node->before[i]->runs != 1;
    node->runs++;
    return node;
}

/* A graph at random: each comes after up to two of those before it. */
static void test_a_graph_is_run_in_its_order(void **state)
{
    (void)state;
    enum { NODES = 40 };
    static struct node nodes[NODES];
    uint64_t stream = test_seed;
    for (unsigned size = 1; size <= 3; size++) {
        pt_pool *pool;
        pt_future *futures[NODES], *all;
        uint32_t count = (uint32_t)test_scale(NODES) + 3;
        count = count < NODES ? count : NODES;
        assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = size, .most = size}), PT_OK);
        for (uint32_t i = 0; i < count; i++) {
            pt_future *before[2];
            size_t befores = 0;
            nodes[i] = (struct node){0, {NULL, NULL}, 0};
            for (; befores < 2 && i > 0 && test_random(&stream) % 4 != 0; befores++) {
                uint32_t other = test_random(&stream) % i;
                nodes[i].before[befores] = &nodes[other];
                before[befores] = futures[other];
            }
            assert_int_equal(pt_future_after(pool, &futures[i], before, befores, visit, &nodes[i], NULL), PT_OK);
        }
        assert_int_equal(pt_future_all(&all, futures, count), PT_OK);
        assert_int_equal(pt_future_get(all, NULL), PT_OK);
        pt_future_release(all);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(nodes[i].runs, 1);
            assert_int_equal(nodes[i].early, 0);
            pt_future_release(futures[i]);
        }
        assert_int_equal(pt_pool_destroy(pool), PT_OK);
    }
}

static void *look_at(pt_future *ended, void *arg)
{
    *(pt_future_state *)arg = pt_future_get_state(ended);
    return arg;
}

static void *fail_it(void *arg)
{
    (void)!pt_future_fail(pt_future_current(), 5, "broken");
    return arg;
}

static void test_errors_go_down_the_graph_and_then_sees_them(void **state)
{
    (void)state;
    pt_pool *pool;
    pt_future *first, *second, *third, *then, *last;
    pt_future_state seen = PT_FUTURE_PENDING, seen_by_other;
    struct node node = {0, {NULL, NULL}, 0};
    pt_error error;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 1}), PT_OK);
    assert_int_equal(pt_pool_submit(pool, &first, fail_it, NULL, NULL), PT_OK);
    assert_int_equal(pt_future_after(pool, &second, &first, 1, visit, &node, NULL), PT_OK);
    assert_int_equal(pt_future_after(pool, &third, (pt_future *[]){second, first}, 2, visit, &node, NULL), PT_OK);
    assert_int_equal(pt_future_then(pool, &then, third, look_at, &seen, NULL), PT_OK);
    assert_int_equal(pt_future_then(pool, NULL, third, look_at, &seen_by_other, NULL), PT_OK);
    void *result = NULL;
    assert_int_equal(pt_future_get(then, &result), PT_OK);
    assert_ptr_equal(result, &seen);
    assert_int_equal(seen, PT_FUTURE_FAILED);
    assert_int_equal(pt_future_get(third, NULL), PT_ERR_FAILED);
    assert_int_equal(pt_future_error(third, &error), PT_OK);
    assert_int_equal(error.code, 5);
    assert_string_equal(error.message, "broken");
    pt_future *never = make();
    assert_int_equal(pt_future_then(pool, &last, never, look_at, &seen, NULL), PT_OK);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    assert_int_equal(node.runs, 0);
    assert_int_equal(pt_future_complete(never, NULL), PT_OK); /* too late for the pool */
    assert_int_equal(pt_future_get(last, NULL), PT_ERR_ABORTED);
    pt_future *ended[] = {first, second, third, then, last, never};
    release_all(ended);
}

struct closing {
    pt_pool *pool;
    pt_future *first, *next;
};

static void close_or_end(struct member *member)
{
    struct closing *closing = member->shared;
    test_delay(&member->stream);
    if (member->index == 0)
        check(pt_future_complete(closing->first, NULL) == PT_OK);
    else
        check(pt_pool_shutdown(closing->pool, PT_SHUTDOWN_DRAIN) == PT_OK);
}

/* What comes after runs, or is given up; nothing hangs. */
static void test_a_pool_that_closes_ends_what_comes_after(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(100) + 1; i++) {
        struct node node = {0, {NULL, NULL}, 0};
        struct closing closing = {.first = make()};
        assert_int_equal(pt_pool_create(&closing.pool, &(pt_pool_config){.size = 1, .most = 1}), PT_OK);
        assert_int_equal(pt_future_after(closing.pool, &closing.next, &closing.first, 1, visit, &node, NULL),
                         PT_OK);
        crew_run(2, close_or_end, &closing);
        pt_status status = pt_future_get(closing.next, NULL);
        assert_true(status == PT_OK || status == PT_ERR_ABORTED);
        assert_int_equal(node.runs, status == PT_OK);
        pt_pool_release(closing.pool);
        pt_future_release(closing.first);
        pt_future_release(closing.next);
    }
}

/* ---- Bad input ---------------------------------------------------------------------------------------- */

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    pt_future *some[] = {make(), NULL}, *out = some[0];
    pt_channel *wrong, *small;
    assert_int_equal(pt_channel_create(&wrong, 1, 10, NULL), PT_OK);
    assert_int_equal(pt_channel_create(&small, sizeof(size_t), 1, NULL), PT_OK);
    assert_int_equal(pt_future_all(NULL, some, 1), PT_ERR_INVALID);
    assert_int_equal(pt_future_all(&out, some, 2), PT_ERR_INVALID);
    assert_null(out);
    assert_int_equal(pt_future_all(&out, NULL, 1), PT_ERR_INVALID);
    assert_int_equal(pt_future_any(&out, some, 2), PT_ERR_INVALID);
    assert_int_equal(pt_future_as_completed(some, 2, small), PT_ERR_INVALID);
    assert_int_equal(pt_future_as_completed(some, 1, wrong), PT_ERR_INVALID);
    assert_int_equal(pt_future_as_completed(some, 1, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_as_completed((pt_future *[]){some[0], some[0]}, 2, small), PT_ERR_INVALID);
    assert_int_equal(pt_future_after(NULL, &out, some, 1, visit, NULL, NULL), PT_ERR_INVALID);
    pt_pool *pool;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 1}), PT_OK);
    assert_int_equal(pt_future_after(pool, &out, some, 1, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_after(pool, &out, some, 2, visit, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_then(pool, &out, NULL, look_at, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_then(pool, &out, some[0], NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    pt_channel *channels[] = {wrong, small};
    for (int i = 0; i < 2; i++) {
        pt_channel_release_receiver(channels[i]);
        pt_channel_release_sender(channels[i]);
    }
    pt_future_release(some[0]);
}

static void test_without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    count_blocks();
    pt_future *futures[FUTURES], *out;
    make_all(futures);
    for (uint32_t n = 1; n <= 2; n++) {
        fail_allocation(n);
        assert_int_equal(pt_future_all(&out, futures, FUTURES), PT_ERR_NOMEM);
        assert_null(out);
        fail_allocation(n);
        assert_int_equal(pt_future_any(&out, futures, FUTURES), PT_ERR_NOMEM);
        assert_null(out);
    }
    fail_allocation(0);
    release_all(futures);
    stop_counting();
}

TEST_MAIN("joint",
          TEST(test_without_memory_nothing_is_left_behind), /* before other tests' threads give back theirs */
          TEST(test_all_and_any_end_as_they_should), TEST(test_of_none_all_have_ended),
          TEST(test_a_result_that_was_given_away_is_destroyed_once), TEST(test_who_waits_for_several_may_give_up),
          TEST(test_a_graph_is_run_in_its_order), TEST(test_errors_go_down_the_graph_and_then_sees_them),
          TEST(test_a_pool_that_closes_ends_what_comes_after), TEST(test_bad_arguments_are_refused))
