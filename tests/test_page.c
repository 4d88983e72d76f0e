/* test_page.c: the main thread of a browser page, which may not wait: what need not wait works there, what would
   have to answers PT_ERR_NOBLOCK and changes nothing. The program is linked so that a wait there is an error. */
#include "support.h"

#include "atomic.h"

struct visit { /* what the page's thread found */
    pt_mutex held;
    pt_event unset;
    pt_semaphore empty;
    pt_once running;
    pt_cond cond;
    pt_thread *waiting_thread;
    const char *failed;
    pt_mutex contended;
    int count; /* under contended */
    uint32_t over;
};

#define expect(condition) (visit->failed = visit->failed == NULL && !(condition) ? #condition : visit->failed)

static pt_status must_not_run(void *arg)
{
    return *(pt_status *)arg;
}

static void try_to_wait(void *arg)
{
    struct visit *visit = arg;
    pt_mutex own = PT_MUTEX_INIT;
    pt_status bad = PT_ERR_INVALID;
    expect(!pt_thread_may_block());
    expect(pt_mutex_lock(&visit->held) == PT_ERR_NOBLOCK);
    expect(pt_mutex_lock_until(&visit->held, pt_after_ms(1)) == PT_ERR_NOBLOCK);
    expect(pt_mutex_try_lock(&visit->held) == PT_ERR_BUSY);
    expect(pt_event_wait(&visit->unset) == PT_ERR_NOBLOCK);
    expect(pt_semaphore_wait(&visit->empty) == PT_ERR_NOBLOCK);
    expect(pt_once_call(&visit->running, must_not_run, &bad) == PT_ERR_NOBLOCK);
    expect(pt_thread_join(visit->waiting_thread, NULL) == PT_ERR_NOBLOCK);
    expect(pt_thread_try_join(visit->waiting_thread, NULL) == PT_ERR_BUSY);
    expect(pt_sleep(PT_MILLISECOND) == PT_ERR_NOBLOCK);
    expect(pt_mutex_lock(&own) == PT_OK);
    expect(pt_cond_wait(&visit->cond, &own) == PT_ERR_NOBLOCK);
    expect(pt_mutex_try_lock(&own) == PT_ERR_BUSY); /* still held */
    pt_mutex_unlock(&own);
}

static void wake_everybody(void *arg)
{
    struct visit *visit = arg;
    pt_event_set(&visit->unset);
    expect(pt_event_wait(&visit->unset) == PT_OK);
    expect(pt_semaphore_post(&visit->empty, 2) == PT_OK);
    expect(pt_mutex_lock(&visit->contended) == PT_OK);
    pt_cond_broadcast(&visit->cond);
    pt_mutex_unlock(&visit->contended);
}

static pt_event runner_in = PT_EVENT_INIT, runner_out = PT_EVENT_INIT;

static pt_status run_long(void *arg)
{
    (void)arg;
    pt_event_set(&runner_in);
    pt_event_wait(&runner_out);
    return PT_OK;
}

static void wait_in_all_ways(struct member *member)
{
    struct visit *visit = member->shared;
    switch (member->index) {
    case 0: check(pt_once_call(&visit->running, run_long, NULL) == PT_OK); break;
    case 1: check(pt_event_wait(&visit->unset) == PT_OK); break;
    case 2: check(pt_semaphore_wait(&visit->empty) == PT_OK); break;
    default:
        check(pt_mutex_lock(&visit->contended) == PT_OK);
        check(pt_cond_wait(&visit->cond, &visit->contended) == PT_OK);
        pt_mutex_unlock(&visit->contended);
    }
}

static void *wait_too(void *arg)
{
    pt_event_wait(arg);
    return arg;
}

static void test_waiting_is_refused_and_waking_works(void **state)
{
    (void)state;
    struct visit visit = {.empty = PT_SEMAPHORE_INIT(0)};
    pt_mutex_lock(&visit.held);
    assert_int_equal(pt_thread_spawn(&visit.waiting_thread, NULL, wait_too, &runner_out), PT_OK);
    struct crew *crew = crew_start(5, wait_in_all_ways, &visit);
    pt_event_wait(&runner_in);
    wait_until_parked(&visit.cond, 2);
    wait_until_parked(&visit.empty, 1);
    wait_until_parked(&visit.unset, 1);

    bool has_page = test_on_page_thread(try_to_wait, &visit);
    if (!has_page || !test_on_page_thread(wake_everybody, &visit))
        wake_everybody(&visit);
    pt_event_set(&runner_out);
    crew_join(crew);
    assert_int_equal(pt_thread_join(visit.waiting_thread, NULL), PT_OK);
    pt_thread_release(visit.waiting_thread);
    assert_int_equal(pt_semaphore_value(&visit.empty), 1);
    if (visit.failed != NULL)
        fail_msg("on the page's thread: %s", visit.failed);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
}

/* The page's thread and Workers compete for a mutex; the page's thread takes no for an answer. */
static void count_up(struct member *member)
{
    struct visit *visit = member->shared;
    while (load_relaxed(&visit->over) == 0) {
        check(pt_mutex_lock(&visit->contended) == PT_OK);
        visit->count++;
        pt_mutex_unlock(&visit->contended);
        pt_mutex_lock(&visit->held); /* held is free here: more traffic in the lot */
        pt_mutex_unlock(&visit->held);
    }
}

static void lock_at_times(void *arg)
{
    struct visit *visit = arg;
    for (int locked = 0; locked < 200;) {
        pt_status status = pt_mutex_lock(&visit->contended);
        expect(status == PT_OK || status == PT_ERR_NOBLOCK);
        if (status == PT_OK) {
            int before = visit->count++;
            expect(visit->count == before + 1);
            pt_mutex_unlock(&visit->contended);
            locked++;
        }
    }
    store_relaxed(&visit->over, 1);
}

static void test_the_page_shares_a_mutex_with_workers(void **state)
{
    (void)state;
    struct visit visit = {.empty = PT_SEMAPHORE_INIT(0)};
    struct crew *crew = crew_start(4, count_up, &visit);
    bool has_page = test_on_page_thread(lock_at_times, &visit);
    store_relaxed(&visit.over, 1);
    crew_join(crew);
    if (visit.failed != NULL)
        fail_msg("on the page's thread: %s", visit.failed);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
}

/* The page's thread makes a timer, is called back by its channel, and stops it. */
struct page_timer {
    pt_timer *timer;
    pt_ready_hook hook;
    pt_event got_all;
    uint32_t ticks, wrong;
};

static void take_ticks(void *arg)
{
    struct page_timer *own = arg;
    pt_tick tick;
    if (pt_thread_may_block())
        own->wrong++; /* not the page's */
    while (pt_channel_try_receive(pt_timer_channel(own->timer), &tick) == PT_OK)
        own->ticks++;
    if (own->ticks >= 3)
        pt_event_set(&own->got_all);
    else if (pt_channel_on_ready(pt_timer_channel(own->timer), &own->hook, take_ticks, own) != PT_OK)
        own->wrong++;
}

static void start_page_timer(void *arg)
{
    struct page_timer *own = arg;
    pt_status status = pt_timer_create(&own->timer, PT_MILLISECOND, PT_MILLISECOND);
    if (status == PT_OK)
        status = pt_channel_on_ready(pt_timer_channel(own->timer), &own->hook, take_ticks, own);
    if (status != PT_OK) {
        own->wrong++;
        pt_event_set(&own->got_all);
    }
}

static void end_page_timer(void *arg)
{
    struct page_timer *own = arg;
    pt_timer_release(own->timer);
}

static void test_a_timer_calls_the_page_back(void **state)
{
    (void)state;
    static struct page_timer timer;
    if (!test_on_page_thread(start_page_timer, &timer)) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    assert_int_equal(pt_event_wait(&timer.got_all), PT_OK);
    test_on_page_thread(end_page_timer, &timer);
    assert_int_equal(timer.wrong, 0);
    assert_true(timer.ticks >= 3);
}

TEST_MAIN("page", TEST(test_waiting_is_refused_and_waking_works), TEST(test_the_page_shares_a_mutex_with_workers),
          TEST(test_a_timer_calls_the_page_back))
