/* test_port.c: the contract of src/port.h, held against every back end. */
#include "support.h"

#include "atomic.h"
#include "port.h"

static void test_wait_returns_at_once_when_the_word_differs(void **state)
{
    (void)state;
    uint32_t word = 1;
    pti_port_wait(&word, 0, PT_TIME_NEVER);
    pti_port_wait(&word, 2, pt_now() + 3600 * PT_SECOND);
}

static void test_wait_returns_at_a_deadline_that_has_passed(void **state)
{
    (void)state;
    uint32_t word = 0;
    pti_port_wait(&word, 0, pt_now());
    pti_port_wait(&word, 0, 0);
    pti_port_wait(&word, 0, -PT_SECOND);
    pti_port_wait(&word, 0, INT64_MIN);
}

static void test_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    uint32_t word = 0;
    pt_time deadline = pt_now() + 20 * PT_MILLISECOND;
    while (pt_now() < deadline) /* it may return early; that it returns at all is the point */
        pti_port_wait(&word, 0, deadline);
}

static void test_wake_without_a_sleeper_does_nothing(void **state)
{
    (void)state;
    uint32_t word = 0;
    for (int i = 0; i < 1000; i++)
        pti_port_wake(&word);
}

/* Two threads take turns on a word: each change must wake the other, or both sleep for ever. */
struct turns {
    uint32_t word;
    int each;
};

static void take_turns(struct member *member)
{
    struct turns *turns = member->shared;
    uint32_t mine = (uint32_t)member->index, other = 1 - mine;
    for (int i = 0; i < turns->each; i++) {
        while (load_acquire(&turns->word) != mine)
            pti_port_wait(&turns->word, other, PT_TIME_NEVER);
        if (i % 8 == 0)
            test_delay(&member->stream);
        store_release(&turns->word, other);
        pti_port_wake(&turns->word);
    }
}

static void test_no_wake_is_lost(void **state)
{
    (void)state;
    struct turns turns = {0, test_scale(20000)};
    crew_run(2, take_turns, &turns);
}

/* Several sleepers on one word: so many wakes let at least so many go. */
struct crowd {
    uint32_t word, awake;
};

static void sleep_once(struct member *member)
{
    struct crowd *crowd = member->shared;
    while (load_acquire(&crowd->word) == 0)
        pti_port_wait(&crowd->word, 0, PT_TIME_NEVER);
    add_relaxed(&crowd->awake, 1);
}

static void test_each_wake_lets_a_sleeper_go(void **state)
{
    (void)state;
    struct crowd crowd = {0, 0};
    struct crew *crew = crew_start(4, sleep_once, &crowd);
    for (int i = 0; i < 100; i++)
        pt_thread_yield();
    store_release(&crowd.word, 1);
    for (int i = 0; i < 4; i++) /* as many as may sleep; those that do not see the word */
        pti_port_wake(&crowd.word);
    crew_join(crew);
    assert_int_equal(crowd.awake, 4);
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void *add_one(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
    return NULL;
}

static void test_threads_start_and_are_joined(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (int i = 0; i < test_scale(200); i++) {
        pti_port_thread thread;
        assert_int_equal(pti_port_thread_start(&thread, i % 2 ? 512 * 1024 : 0, add_one, &count), PT_OK);
        pti_port_thread_join(thread);
        while (!PTI_PORT_JOINS && load_acquire(&count) != (uint32_t)i + 1) /* pairs with nothing: it only counts */
            pt_thread_yield();
        assert_int_equal(count, i + 1);
    }
}

static pt_event detached_ran = PT_EVENT_INIT;

static void *say_so(void *arg)
{
    pt_event_set(arg);
    return NULL;
}

static void test_detached_threads_run(void **state)
{
    (void)state;
    pti_port_thread thread;
    assert_int_equal(pti_port_thread_start(&thread, 0, say_so, &detached_ran), PT_OK);
    pti_port_thread_detach(thread);
    pt_event_wait(&detached_ran);
}

static void test_a_stack_out_of_range_is_refused(void **state)
{
    (void)state;
    pti_port_thread thread;
    uint32_t count = 0;
    assert_int_not_equal(pti_port_thread_start(&thread, SIZE_MAX / 2, add_one, &count), PT_OK);
    assert_int_equal(pti_port_thread_start(&thread, 1, add_one, &count), PT_ERR_INVALID);
    assert_int_equal(count, 0);
}

static void test_the_host_knows_processors_and_time(void **state)
{
    (void)state;
    assert_true(pti_port_parallelism() >= 1);
    pt_time before = pti_port_now();
    while (pti_port_now() == before)
        pti_port_yield();
    assert_true(pti_port_may_block());
}

TEST_MAIN("port", TEST(test_wait_returns_at_once_when_the_word_differs),
          TEST(test_wait_returns_at_a_deadline_that_has_passed), TEST(test_wait_ends_at_its_deadline),
          TEST(test_wake_without_a_sleeper_does_nothing), TEST(test_no_wake_is_lost),
          TEST(test_each_wake_lets_a_sleeper_go), TEST(test_threads_start_and_are_joined),
          TEST(test_detached_threads_run), TEST(test_a_stack_out_of_range_is_refused),
          TEST(test_the_host_knows_processors_and_time))
