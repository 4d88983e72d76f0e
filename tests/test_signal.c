/* test_signal.c: a signal handler may post semaphores and set events, whatever its thread was about; nothing is lost. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "atomic.h"
#include "park.h"

static pt_semaphore permits = PT_SEMAPHORE_INIT(0);
static pt_event manual = PT_EVENT_INIT, automatic = PT_EVENT_AUTO_INIT;
static uint32_t posted; /* atomic */

static void handle(int number)
{
    (void)number;
    if (pt_semaphore_post(&permits, 2) == PT_OK)
        add_relaxed(&posted, 2);
    pt_event_set(&automatic);
    pt_event_set(&manual);
    (void)pt_event_is_set(&manual);
    (void)pt_semaphore_value(&permits);
    if (pt_semaphore_try_wait(&permits) == PT_OK)
        (void)pt_semaphore_post(&permits, 1);
}

/* ---- Threads that are in the lot most of the time -------------------------------------------------------- */

struct town {
    pt_mutex mutex;
    pt_cond cond;
    uint32_t over; /* atomic */
    uint32_t taken;
    pthread_t workers[4];
    uint32_t ready; /* atomic: workers that can be sent signals */
};

static void ignore(pt_status status)
{
    (void)status;
}

static void use_the_lot(struct member *member, struct town *town)
{
    pt_until soon = pt_after(test_random(&member->stream) % 50 * PT_MICROSECOND);
    pt_status status;
    switch (test_random(&member->stream) % 4) {
    case 0:
        pt_mutex_lock(&town->mutex);
        if (test_random(&member->stream) % 2)
            pt_cond_broadcast(&town->cond);
        else
            (void)pt_cond_wait_until(&town->cond, &town->mutex, soon);
        pt_mutex_unlock(&town->mutex);
        break;
    case 1:
        status = pt_semaphore_wait_until(&permits, soon);
        if (status == PT_OK)
            add_relaxed(&town->taken, 1);
        break;
    case 2:
        pt_event_reset(&manual);
        ignore(pt_event_wait_until(&manual, soon));
        break;
    default: ignore(pt_event_wait_until(&automatic, soon));
    }
}

static void live_in(struct member *member)
{
    struct town *town = member->shared;
    if (member->index > 0) {
        town->workers[member->index - 1] = pthread_self();
        __atomic_fetch_add(&town->ready, 1, __ATOMIC_RELEASE);
        while (load_relaxed(&town->over) == 0)
            use_the_lot(member, town);
        __atomic_fetch_sub(&town->ready, 1, __ATOMIC_RELEASE);
        while (load_acquire(&town->ready) != 0) /* signals are on their way as long as others run */
            pt_thread_yield();
        return;
    }
    while (load_acquire(&town->ready) < 4)
        pt_thread_yield();
    for (int i = 0; i < test_scale(20000); i++) {
        check(pthread_kill(town->workers[test_random(&member->stream) % 4], SIGUSR1) == 0);
        if (test_random(&member->stream) % 4 == 0)
            test_delay(&member->stream);
    }
    __atomic_store_n(&town->over, 1, __ATOMIC_RELAXED);
}

static void test_nothing_posted_is_lost(void **state)
{
    (void)state;
    struct town town = {.mutex = PT_MUTEX_INIT};
    posted = 0;
    crew_run(5, live_in, &town);
    assert_true(posted > 0);
    assert_int_equal(town.taken + pt_semaphore_value(&permits), posted);
    assert_int_equal(permits.word & 1, 0);
    assert_int_equal(parked(NULL), 0);
    while (pt_semaphore_try_wait(&permits) == PT_OK) {
    }
}

/* ---- Waiters that only a handler can wake ------------------------------------------------------------------ */

struct pair {
    pthread_t sleeper;
    pt_event ready;
    int each;
};

static void wait_for_handler(struct member *member)
{
    struct pair *pair = member->shared;
    if (member->index == 0) {
        pair->sleeper = pthread_self();
        for (int i = 0; i < pair->each; i++) {
            pt_event_set(&pair->ready);
            check(pt_semaphore_wait(&permits) == PT_OK); /* posted by a handler in this very thread, as a rule */
            check(pt_semaphore_wait(&permits) == PT_OK);
        }
        return;
    }
    for (int i = 0; i < pair->each; i++) {
        check(pt_event_wait(&pair->ready) == PT_OK);
        check(pthread_kill(pair->sleeper, SIGUSR1) == 0);
    }
}

static void test_a_handler_wakes_its_own_thread(void **state)
{
    (void)state;
    if (TEST_UNDER_TSAN) {
        print_message("skipped: ThreadSanitizer puts a handler off until its thread makes a call that it knows: "
                      "not a futex's\n");
        skip();
    }
    struct pair pair = {.ready = PT_EVENT_AUTO_INIT, .each = test_scale(5000)};
    crew_run(2, wait_for_handler, &pair);
    assert_int_equal(pt_semaphore_value(&permits), 0);
}

/* ---- A handler that interrupts its thread under a queue's lock ---------------------------------------------- */

struct sleepers {
    uint32_t permits, manual, automatic; /* atomic: how many were let go */
};

static void sleep_on_one(struct member *member)
{
    struct sleepers *sleepers = member->shared;
    switch (member->index % 3) {
    case 0:
        check(pt_semaphore_wait(&permits) == PT_OK);
        add_relaxed(&sleepers->permits, 1);
        break;
    case 1:
        check(pt_event_wait(&manual) == PT_OK);
        add_relaxed(&sleepers->manual, 1);
        break;
    default: check(pt_event_wait(&automatic) == PT_OK); add_relaxed(&sleepers->automatic, 1);
    }
}

static void test_what_a_handler_owes_is_paid(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(200); i++) {
        struct sleepers sleepers = {0};
        pt_event_reset(&manual);
        pt_event_reset(&automatic);
        struct crew *crew = crew_start(6, sleep_on_one, &sleepers); /* two of each */
        wait_until_parked(&permits, 2);
        wait_until_parked(&manual, 2);
        wait_until_parked(&automatic, 2);

        posted = 0;
        pti_queue *queue = pti_park_lock(i % 2 ? (const void *)&permits : &sleepers);
        raise(SIGUSR1); /* permits: 2, of which the handler takes 1 and gives it back */
        assert_false(pti_park_may_lock());
        if (i % 3 == 0)
            assert_int_equal(load_relaxed(&sleepers.permits) + load_relaxed(&sleepers.manual), 0);
        pti_park_unlock(queue);

        assert_int_equal(posted, 2);
        wait_until_parked(&permits, 0);
        wait_until_parked(&manual, 0);
        wait_until_parked(&automatic, 1);
        pt_event_set(&automatic);
        crew_join(crew);
        assert_int_equal(sleepers.permits, 2);
        assert_int_equal(sleepers.manual, 2);
        assert_int_equal(sleepers.automatic, 2);
        assert_int_equal(permits.word, 0);
    }
}

/* A set that is not served yet counts, even if the event is reset at once. */
static void test_a_reset_does_not_undo_an_owed_set(void **state)
{
    (void)state;
    struct sleepers sleepers = {0};
    pt_event_reset(&manual);
    struct crew *crew = crew_start(6, sleep_on_one, &sleepers);
    wait_until_parked(&permits, 2);
    wait_until_parked(&manual, 2);
    wait_until_parked(&automatic, 2);
    or_release(&manual.word, 1); /* as far as a handler comes that must not lock */
    pt_event_reset(&manual);
    wait_until_parked(&manual, 0);
    assert_false(pt_event_is_set(&manual));
    raise(SIGUSR1);
    pt_event_set(&automatic);
    crew_join(crew);
    assert_int_equal(sleepers.manual, 2);
}

static int prepare(void)
{
    struct sigaction action = {.sa_handler = handle};
    return sigaction(SIGUSR1, &action, NULL);
}

static void test_the_handler_is_there(void **state)
{
    (void)state;
    assert_int_equal(prepare(), 0);
}

TEST_MAIN("signal", TEST(test_the_handler_is_there), TEST(test_nothing_posted_is_lost),
          TEST(test_a_handler_wakes_its_own_thread), TEST(test_what_a_handler_owes_is_paid),
          TEST(test_a_reset_does_not_undo_an_owed_set))
