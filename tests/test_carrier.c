/* test_carrier.c: carriers are used again, park up to a limit, end when idle or told to, and each thread on one starts anew. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "atomic.h"

static const pt_thread_config reused = {.reuse = PT_REUSE_ALWAYS};

static _Thread_local int visits; /* of the carrier */
static pt_tls own = PT_TLS_INIT(NULL);

static void *count_visits(void *arg)
{
    uint32_t *ids = arg;
    if (pt_tls_get(&own) != NULL || pt_tls_set(&own, arg) != PT_OK)
        return NULL;
    if (ids != NULL)
        *ids = (uint32_t)pt_thread_id(NULL);
    return (void *)(intptr_t)++visits;
}

static int spawn_and_join(const pt_thread_config *config)
{
    pt_thread *thread;
    void *result;
    uint32_t id = 0;
    assert_int_equal(pt_thread_spawn(&thread, config, count_visits, &id), PT_OK);
    assert_int_equal(pt_thread_join(thread, &result), PT_OK);
    assert_int_equal(id, (uint32_t)pt_thread_id(thread));
    pt_thread_release(thread);
    return (int)(intptr_t)result;
}

static void test_the_next_thread_takes_the_parked_carrier(void **state)
{
    (void)state;
    pt_thread_trim();
    for (int i = 1; i <= test_scale(1000) + 5; i++)
        assert_int_equal(spawn_and_join(&reused), i); /* always the same carrier, and new pt_tls values */
    assert_int_equal(pt_thread_parked(), 1);
    pt_thread_trim();
    assert_int_equal(pt_thread_parked(), 0);
    assert_int_equal(spawn_and_join(&reused), 1);
    pt_thread_trim();
}

static void test_never_means_never(void **state)
{
    (void)state;
    const pt_thread_config never = {.reuse = PT_REUSE_NEVER};
    for (int i = 0; i < 3; i++)
        assert_int_equal(spawn_and_join(&never), 1);
    assert_int_equal(pt_thread_parked(), 0);
    pt_thread_config wrong = {.reuse = (pt_reuse)7};
    pt_thread *thread;
    assert_int_equal(pt_thread_spawn(&thread, &wrong, count_visits, NULL), PT_ERR_INVALID);
}

static void test_stack_size_is_respected(void **state)
{
    (void)state;
    const pt_thread_config small = {.reuse = PT_REUSE_ALWAYS, .stack_size = 256 * 1024};
    const pt_thread_config large = {.reuse = PT_REUSE_ALWAYS, .stack_size = 512 * 1024};
    const pt_thread_config tiny = {.reuse = PT_REUSE_ALWAYS, .stack_size = 1};
    pt_thread *thread;
    pt_thread_trim();
    assert_int_equal(spawn_and_join(&small), 1);
    assert_int_equal(spawn_and_join(&large), 1); /* the parked one is too small */
    assert_int_equal(pt_thread_parked(), 2);
    assert_int_equal(spawn_and_join(&small), 2);
    assert_int_equal(spawn_and_join(&large), 2);
    assert_int_equal(pt_thread_spawn(&thread, &tiny, count_visits, NULL), PT_ERR_INVALID);
    pt_thread_trim();
}

/* ---- Limits ---------------------------------------------------------------------------------------------- */

static void *meet(void *arg)
{
    pt_barrier_wait(arg, NULL);
    return NULL;
}

static void run_together(unsigned n)
{
    pt_barrier barrier = PT_BARRIER_INIT(n);
    PT_SCOPE(scope);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(pt_scope_spawn(&scope, &reused, meet, &barrier), PT_OK);
    assert_int_equal(pt_scope_join(&scope, NULL), PT_OK);
}

static void test_no_more_are_parked_than_allowed(void **state)
{
    (void)state;
    pt_thread_trim();
    assert_int_equal(pt_thread_set_parking(3, PT_SECOND * 10), PT_OK);
    run_together(6);
    assert_int_equal(pt_thread_parked(), 3);
    pt_thread_trim();
    assert_int_equal(pt_thread_set_parking(0, PT_SECOND * 10), PT_OK);
    run_together(2);
    assert_int_equal(pt_thread_parked(), 0);
    assert_int_equal(pt_thread_set_parking(64, -1), PT_ERR_INVALID);
    assert_int_equal(pt_thread_set_parking(64, 10 * PT_SECOND), PT_OK);
}

static void test_idle_carriers_end(void **state)
{
    (void)state;
    pt_thread_trim();
    assert_int_equal(pt_thread_set_parking(64, PT_MILLISECOND), PT_OK);
    run_together(4);
    while (pt_thread_parked() > 0) /* the watchdog is the limit */
        pt_thread_yield();
    assert_int_equal(pt_thread_set_parking(64, 10 * PT_SECOND), PT_OK);
}

/* Carriers that tire just when they are called: every thread is run, once. */
static void count(struct member *member)
{
    uint32_t *runs = member->shared;
    for (int i = 0; i < test_scale(300) + 3; i++) {
        pt_thread *thread;
        void *result = NULL;
        pt_status status = pt_thread_spawn(&thread, &reused, count_visits, NULL);
        check(status == PT_OK || status == PT_ERR_AGAIN);
        if (status != PT_OK)
            continue;
        if (member->index % 2)
            pt_thread_trim();
        check(pt_thread_join(thread, &result) == PT_OK && result != NULL);
        pt_thread_release(thread);
        add_relaxed(runs, 1);
        test_delay(&member->stream);
    }
}

static void test_calling_races_tiring_and_trimming(void **state)
{
    (void)state;
    uint32_t runs = 0;
    pt_thread_trim();
    assert_int_equal(pt_thread_set_parking(2, 50 * PT_MICROSECOND), PT_OK);
    crew_run(4, count, &runs);
    assert_true(runs > 0);
    assert_int_equal(pt_thread_set_parking(64, 10 * PT_SECOND), PT_OK);
    pt_thread_trim();
}

/* ---- Odd ends -------------------------------------------------------------------------------------------- */

static void *leave_by_pthread_exit(void *arg)
{
    pthread_exit(arg);
    return NULL;
}

static void test_a_carrier_left_by_pthread_exit_is_gone(void **state)
{
    (void)state;
    NOT_SIMULATED("pthread_exit");
    pt_thread *thread;
    pt_thread_trim();
    assert_int_equal(pt_thread_spawn(&thread, &reused, leave_by_pthread_exit, NULL), PT_OK);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
    assert_int_equal(pt_thread_parked(), 0);
}

static void *tie_down(void *arg)
{
    unsigned first;
    size_t processors;
    pt_status status = pt_thread_affinity(&first, 1, &processors);
    if (status == PT_OK && processors >= 1) {
        unsigned got;
        status = pt_thread_set_affinity(&first, 1);
        if (status == PT_OK &&
            (pt_thread_affinity(&got, 1, &processors) != PT_OK || processors != 1 || got != first))
            status = PT_ERR_FAILED;
    }
    *(pt_status *)arg = status;
    return arg;
}

static void *become_patient(void *arg)
{
    *(pt_status *)arg = pt_thread_set_priority(PT_PRIORITY_LOW);
    return NULL;
}

static void test_affinity_and_priority(void **state)
{
    (void)state;
    pt_thread_function functions[] = {tie_down, become_patient};
    pt_thread_trim();
    for (int i = 0; i < 2; i++) {
        pt_thread *thread;
        pt_status status = PT_ERR_FAILED;
        assert_int_equal(pt_thread_spawn(&thread, &reused, functions[i], &status), PT_OK);
        assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
        pt_thread_release(thread);
        assert_true(status == PT_OK || status == PT_ERR_UNSUPPORTED);
        assert_int_equal(pt_thread_parked(), status == PT_OK ? 0 : 1); /* not handed on with what it was set to */
#if defined(__linux__) && !defined(TEST_WAIT_TABLE) && !defined(PT_SIM)
        assert_int_equal(status, PT_OK);
#endif
        pt_thread_trim();
    }
    unsigned far_away = 1000000;
    size_t number;
    pt_status status = pt_thread_set_affinity(&far_away, 1);
    assert_true(status == PT_ERR_INVALID || status == PT_ERR_UNSUPPORTED);
    assert_int_equal(pt_thread_set_affinity(NULL, 1), PT_ERR_INVALID);
    assert_int_equal(pt_thread_affinity(NULL, 0, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_thread_affinity(NULL, 1, &number), PT_ERR_INVALID);
    assert_int_equal(pt_thread_set_priority((pt_priority)5), PT_ERR_INVALID);
}

/* A thread that is tied down starts carriers that are; nobody else is to get one of those. */
static void *start_another(void *arg)
{
    pt_status status = PT_ERR_FAILED;
    pt_thread *thread;
    if (*(pt_status *)tie_down(arg) != PT_OK)
        return NULL;
    if (pt_thread_spawn(&thread, &reused, tie_down, &status) == PT_OK) {
        pt_thread_join(thread, NULL);
        pt_thread_release(thread);
    }
    *(pt_status *)arg = status;
    return NULL;
}

static void test_what_a_tied_thread_starts_is_not_handed_on(void **state)
{
    (void)state;
    pt_thread *thread;
    pt_status status;
    pt_thread_trim();
    assert_int_equal(pt_thread_spawn(&thread, &reused, start_another, &status), PT_OK);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
    assert_true(status == PT_OK || status == PT_ERR_UNSUPPORTED);
    assert_int_equal(pt_thread_parked(), status == PT_OK ? 0 : 1);
    pt_thread_trim();
}

TEST_MAIN("carrier", TEST(test_the_next_thread_takes_the_parked_carrier), TEST(test_never_means_never),
          TEST(test_stack_size_is_respected), TEST(test_no_more_are_parked_than_allowed),
          TEST(test_idle_carriers_end), TEST(test_calling_races_tiring_and_trimming),
          TEST(test_a_carrier_left_by_pthread_exit_is_gone), TEST(test_affinity_and_priority),
          TEST(test_what_a_tied_thread_starts_is_not_handed_on))
