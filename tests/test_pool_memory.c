/* test_pool_memory.c: without memory, or threads, a pool refuses or makes do; every job still ends once, and nothing is left. */
#include "support.h"

#include "atomic.h"
#include "counting.h"

static void count(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
}

static void *count_task(void *arg)
{
    count(arg);
    return arg;
}

static void note_drop(pt_job_function job, void *job_arg, void *arg)
{
    (void)job, (void)job_arg;
    count(arg);
}

/* Fails the n-th allocation of making a pool: it is refused, or works with fewer threads. Whether that was one at all. */
static bool make_without(uint32_t n)
{
    pt_pool *pool = NULL;
    uint32_t runs = 0;
    fail_allocation(n);
    pt_status status = pt_pool_create(&pool, &(pt_pool_config){.size = 2, .most = 3});
    bool failed = load_relaxed(&asked) >= n;
    fail_allocation(0);
    assert_true(status == PT_OK || status == PT_ERR_NOMEM || status == PT_ERR_AGAIN);
    assert_true((status == PT_OK) == (pool != NULL));
    if (status == PT_OK) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(pt_pool_post(pool, count, &runs), PT_OK);
        assert_int_equal(pt_pool_destroy(pool), PT_OK);
        assert_int_equal(runs, 10);
    }
    return failed;
}

static void test_a_pool_is_made_with_what_there_is(void **state)
{
    (void)state;
    count_blocks();
    uint32_t n = 1;
    while (make_without(n))
        n++;
    assert_true(n > 4);
    stop_counting_threads();
}

struct ledger {
    uint32_t runs, drops;
};

/* Jobs from outside and from a job, more than a ring has room for, while one allocation in `step` fails. */
static void post_within(void *arg)
{
    struct ledger *ledger = arg;
    for (int i = 0; i < 400; i++) {
        if (pt_pool_post(pt_pool_current(), count, &ledger->runs) != PT_OK)
            add_relaxed(&ledger->drops, 1);
    }
}

static void test_jobs_are_refused_or_run(void **state)
{
    (void)state;
    count_blocks();
    for (uint32_t n = 1; n <= 12; n++) {
        struct ledger ledger = {0, 0};
        uint32_t refused = 0, dropped = 0;
        pt_pool *pool;
        pt_pool_config config = {.size = 1, .most = 2, .on_drop = note_drop, .arg = &dropped};
        assert_int_equal(pt_pool_create(&pool, &config), PT_OK);
        keep_failing(n % 2 == 0); /* once, or for good */
        fail_allocation(n / 2 + 1);
        bool within = pt_pool_post(pool, post_within, &ledger) == PT_OK;
        for (int i = 0; i < 200; i++) {
            pt_future *future;
            pt_status status = i % 2 == 0 ? pt_pool_post(pool, count, &ledger.runs)
                                          : pt_pool_submit(pool, &future, count_task, &ledger.runs, NULL);
            assert_true(status == PT_OK || status == PT_ERR_NOMEM);
            refused += status != PT_OK;
            if (i % 2 == 1)
                pt_future_release(future);
        }
        assert_int_equal(pt_pool_shutdown(pool, PT_SHUTDOWN_DRAIN), PT_OK);
        keep_failing(false);
        fail_allocation(0);
        pt_pool_release(pool);
        assert_int_equal(ledger.runs + ledger.drops + refused, 200u + (within ? 400u : 0u));
        assert_int_equal(dropped, 0);
    }
    stop_counting_threads();
}

static void *wait_for(void *event)
{
    pt_event_wait(event);
    return event;
}

static void set(void *event)
{
    pt_event_set(event);
}

/* The first job waits for what the second does; a spare thread is refused at first, and asked for again. */
static void test_a_spare_thread_that_cannot_be_had_is_asked_for_again(void **state)
{
    (void)state;
    count_blocks();
    pt_event go = PT_EVENT_INIT;
    pt_pool *pool;
    pt_future *waits;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 2}), PT_OK);
    assert_int_equal(pt_pool_submit(pool, &waits, wait_for, &go, NULL), PT_OK);
    wait_until_parked(&go, 1);
    assert_int_equal(pt_pool_post(pool, count, &(uint32_t){0}), PT_OK); /* a first block for the queue */
    keep_failing(true);
    fail_allocation(1);
    pt_status status = pt_pool_post(pool, set, &go);
    pt_pool_stats stats;
    do { /* until it counts as waiting: a thread was asked for then, or will be */
        assert_int_equal(pt_pool_get_stats(pool, &stats), PT_OK);
        pt_thread_yield();
    } while (status == PT_OK && stats.made_up == 0 && !pt_event_is_set(&go));
    keep_failing(false);
    fail_allocation(0);
    if (status != PT_OK)
        pt_event_set(&go);
    assert_int_equal(pt_future_get(waits, NULL), PT_OK);
    pt_future_release(waits);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    stop_counting_threads();
}

static void test_who_waits_asks_for_a_thread_that_others_were_refused(void **state)
{
    (void)state;
    count_blocks();
    pt_event go = PT_EVENT_INIT;
    pt_pool *pool;
    pt_pool_stats stats = {0};
    pt_future *waits;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 2}), PT_OK);
    assert_int_equal(pt_pool_submit(pool, &waits, wait_for, &go, NULL), PT_OK);
    while (stats.made_up == 0) {
        pt_thread_yield();
        assert_int_equal(pt_pool_get_stats(pool, &stats), PT_OK);
    }
    keep_failing(true);
    fail_allocation(1);
    pt_status status = pt_pool_post(pool, set, &go);
    keep_failing(false);
    fail_allocation(0);
    if (status != PT_OK)
        pt_event_set(&go);
    assert_int_equal(pt_future_get(waits, NULL), PT_OK); /* a second later, and nobody else calls the pool */
    pt_future_release(waits);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    stop_counting_threads();
}

static void test_a_delayed_job_is_refused_without_memory(void **state)
{
    (void)state;
    count_blocks();
    pt_pool *pool;
    pt_task_config config = {.after = PT_SECOND};
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 1}), PT_OK);
    for (uint32_t n = 1;; n++) {
        pt_future *future = NULL;
        fail_allocation(n);
        pt_status status = pt_pool_submit(pool, &future, count_task, NULL, &config);
        bool failed = load_relaxed(&asked) >= n;
        fail_allocation(0);
        pt_future_release(future);
        assert_int_equal(status == PT_OK, future != NULL);
        if (!failed) {
            assert_int_equal(status, PT_OK);
            break;
        }
        assert_true(status == PT_ERR_NOMEM || status == PT_ERR_AGAIN || status == PT_OK);
    }
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    stop_counting_threads();
}

TEST_MAIN("pool_memory", TEST(test_a_pool_is_made_with_what_there_is), TEST(test_jobs_are_refused_or_run),
          TEST(test_a_spare_thread_that_cannot_be_had_is_asked_for_again),
          TEST(test_who_waits_asks_for_a_thread_that_others_were_refused),
          TEST(test_a_delayed_job_is_refused_without_memory))
