/* test_timer.c: timers tick when they should, never early, and not at all once they are stopped. How late they are is not tested:
   the bench measures it. */
#include "support.h"

#include "atomic.h"
#include "timer.h"

static pt_timer *make(pt_time first, pt_time period)
{
    pt_timer *timer = NULL;
    assert_int_equal(pt_timer_create(&timer, first, period), PT_OK);
    return timer;
}

/* ---- Ticks ------------------------------------------------------------------------------------------- */

static void test_it_ticks_once_and_not_early(void **state)
{
    (void)state;
    pt_time start = pt_now();
    pt_timer *timer = make(PT_MILLISECOND, 0);
    pt_tick tick;
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
    assert_true(pt_now() >= tick.due && tick.due >= start + PT_MILLISECOND);
    assert_int_equal(tick.number, 1);
    assert_true(pt_timer_due(timer) == PT_TIME_NEVER);
    assert_int_equal(pt_channel_receive_until(pt_timer_channel(timer), &tick, pt_after_ms(2)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_timer_reset(timer, -5, 0), PT_OK); /* at once */
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
    assert_int_equal(tick.number, 1);
    pt_timer_release(timer);
}

static void test_a_period_does_not_drift(void **state)
{
    (void)state;
    enum { TICKS = 20 };
    const pt_time period = 100 * PT_MICROSECOND;
    pt_timer *timer = make(PT_MILLISECOND, period);
    pt_tick first, tick;
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &first), PT_OK);
    for (tick = first; tick.number < TICKS;) {
        uint64_t last = tick.number;
        assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
        assert_true(pt_now() >= tick.due);
        assert_true(tick.number > last);
        assert_true(tick.due == first.due + (pt_time)(tick.number - first.number) * period);
    }
    pt_timer_release(timer);
}

static void test_unread_ticks_are_missed_and_counted(void **state)
{
    (void)state;
    const pt_time period = 50 * PT_MICROSECOND;
    pt_timer *timer = make(0, period);
    pt_timer *later = make(PT_MILLISECOND, 0);
    pt_tick first, second;
    assert_int_equal(pt_channel_receive(pt_timer_channel(later), &first), PT_OK);
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &first), PT_OK);
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &second), PT_OK);
    assert_true(second.number > first.number && second.due > first.due);
    assert_true(second.due - first.due == (pt_time)(second.number - first.number) * period);
    pt_timer_release(later);
    pt_timer_release(timer);
}

/* By the simulator's clock: slots of all levels. */
static void test_far_moments(void **state)
{
    (void)state;
#ifdef PT_SIM
    enum { TIMERS = 12 };
    pt_timer *timers[TIMERS];
    pt_time start = pt_now(), far = PT_MICROSECOND;
    pt_tick tick;
    for (int i = 0; i < TIMERS; i++, far *= 13) /* up to some 50 years */
        timers[i] = make(far, i % 2 == 0 ? 0 : far);
    far = PT_MICROSECOND;
    for (int i = 0; i < TIMERS; i++, far *= 13) {
        assert_int_equal(pt_channel_receive(pt_timer_channel(timers[i]), &tick), PT_OK);
        assert_true(tick.due >= start + far && pt_now() >= tick.due);
        pt_timer_release(timers[i]);
    }
#else
    print_message("skipped: only the simulator's clock goes that fast\n");
    skip();
#endif
}

static void test_no_moment_is_too_far(void **state)
{
    (void)state;
    const pt_time far[] = {PT_TIME_NEVER - 1, PT_TIME_NEVER - pt_now() - 1, PT_TIME_NEVER / 2, PT_TIME_NEVER};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        pt_timer *timer = make(far[i], PT_TIME_NEVER - 1), *soon = make(0, PT_TIME_NEVER - 1);
        pt_tick tick;
        assert_int_equal(pt_channel_receive(pt_timer_channel(soon), &tick), PT_OK);
        assert_int_equal(pt_channel_try_receive(pt_timer_channel(timer), &tick), PT_ERR_BUSY);
        pt_timer_release(timer);
        pt_timer_release(soon);
    }
}

/* ---- Stop and reset ---------------------------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg;
}

static void test_bad_timers_are_refused(void **state)
{
    (void)state;
    pt_timer *timer = NULL;
    assert_int_equal(pt_timer_create(NULL, 0, 0), PT_ERR_INVALID);
    assert_int_equal(pt_timer_create(&timer, 0, -1), PT_ERR_INVALID);
    assert_int_equal(pt_timer_create_calling(NULL, 0, 0, nothing, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_timer_create_calling(&timer, 0, 0, NULL, NULL), PT_ERR_INVALID);
    assert_null(timer);
    assert_int_equal(pt_timer_reset(NULL, 0, 0), PT_ERR_INVALID);
    assert_int_equal(pt_timer_stop(NULL), PT_ERR_INVALID);
    assert_true(pt_timer_due(NULL) == PT_TIME_NEVER);
    assert_null(pt_timer_channel(NULL));
    assert_null(pt_timer_retain(NULL));
    pt_timer_release(NULL);
    timer = make(PT_TIME_NEVER, 0);
    assert_int_equal(pt_timer_reset(timer, 0, -1), PT_ERR_INVALID);
    assert_int_equal(pt_timer_stop(timer), PT_ERR_TIMEOUT); /* was not running */
    pt_timer_release(timer);
}

static void test_a_stopped_timer_does_not_tick(void **state)
{
    (void)state;
    pt_timer *timer = make(PT_SECOND * 1000, PT_SECOND);
    pt_tick tick;
    assert_true(pt_timer_due(timer) > pt_now());
    assert_int_equal(pt_timer_stop(timer), PT_OK);
    assert_int_equal(pt_timer_stop(timer), PT_ERR_TIMEOUT);
    assert_true(pt_timer_due(timer) == PT_TIME_NEVER);
    assert_int_equal(pt_timer_reset(timer, 0, 0), PT_OK);
    assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
    assert_int_equal(pt_timer_stop(timer), PT_ERR_TIMEOUT);
    pt_timer_release(timer);
}

/* The tick is in the channel already, and is of before. */
static void test_an_unread_tick_does_not_outlive_its_setting(void **state)
{
    (void)state;
    pt_timer *timer = make(0, 0);
    pt_tick tick;
    while (pt_channel_length(pt_timer_channel(timer)) == 0)
        pt_thread_yield();
    assert_int_equal(pt_timer_reset(timer, PT_SECOND * 1000, 0), PT_OK);
    assert_int_equal(pt_channel_try_receive(pt_timer_channel(timer), &tick), PT_ERR_BUSY);
    assert_int_equal(pt_timer_reset(timer, 0, 0), PT_OK);
    while (pt_channel_length(pt_timer_channel(timer)) == 0)
        pt_thread_yield();
    assert_int_equal(pt_timer_stop(timer), PT_OK); /* nobody got it */
    assert_int_equal(pt_channel_try_receive(pt_timer_channel(timer), &tick), PT_ERR_BUSY);
    pt_timer_release(timer);
}

struct waiting {
    pt_channel *ticks;
    pt_status status;
};

static void *receive_one(void *arg)
{
    struct waiting *own = arg;
    pt_tick tick;
    own->status = pt_channel_receive(own->ticks, &tick);
    pt_channel_release_receiver(own->ticks);
    return NULL;
}

static void test_a_release_wakes_who_waits(void **state)
{
    (void)state;
    pt_timer *timer = make(PT_TIME_NEVER, 0);
    struct waiting waiting = {.ticks = pt_channel_retain_receiver(pt_timer_channel(timer))};
    pt_thread *thread;
    assert_int_equal(pt_thread_spawn(&thread, NULL, receive_one, &waiting), PT_OK);
    assert_ptr_equal(pt_timer_retain(timer), timer);
    pt_timer_release(timer);
    pt_timer_release(timer);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
    assert_int_equal(waiting.status, PT_ERR_CLOSED);
}

/* Each member resets, receives and stops timers of its own: exactly one tick a setting, none of an earlier one. */
static void use_timers(struct member *member)
{
    enum { TIMERS = 4 };
    pt_timer *timers[TIMERS];
    bool armed[TIMERS] = {false}; /* set, and its tick not received */
    for (int i = 0; i < TIMERS; i++)
        check(pt_timer_create(&timers[i], PT_TIME_NEVER, 0) == PT_OK);
    for (int n = 0; n < test_scale(2000) + 10; n++) {
        size_t i = test_random(&member->stream) % TIMERS;
        pt_channel *ticks = pt_timer_channel(timers[i]);
        pt_tick tick;
        pt_time start = pt_now(), first = test_random(&member->stream) % 100 * PT_MICROSECOND;
        switch (test_random(&member->stream) % 3) {
        case 0:
            check(pt_timer_reset(timers[i], first, 0) == PT_OK);
            armed[i] = true;
            test_delay(&member->stream);
            if (pt_channel_try_receive(ticks, &tick) == PT_OK) {
                check(tick.due >= start + first && tick.number == 1);
                armed[i] = false;
            }
            break;
        case 1:
            check(pt_timer_stop(timers[i]) == (armed[i] ? PT_OK : PT_ERR_TIMEOUT));
            armed[i] = false;
            check(pt_channel_try_receive(ticks, &tick) == PT_ERR_BUSY);
            break;
        default:
            if (armed[i])
                check(pt_channel_receive(ticks, &tick) == PT_OK && pt_now() >= tick.due);
            armed[i] = false;
        }
    }
    for (int i = 0; i < TIMERS; i++)
        pt_timer_release(timers[i]);
}

static void test_each_setting_ticks_exactly_once(void **state)
{
    (void)state;
    crew_run(3, use_timers, NULL);
}

/* Several members reset and stop one timer, while one receives. */
static void share_timer(struct member *member)
{
    pt_timer *timer = member->shared;
    pt_tick tick;
    if (member->index == 0) {
        while (pt_channel_receive(pt_timer_channel(timer), &tick) == PT_OK)
            check(pt_now() >= tick.due);
        return;
    }
    for (int n = 0; n < test_scale(1000) + 5; n++) {
        pt_time first = test_random(&member->stream) % 64 * PT_MICROSECOND;
        if (test_random(&member->stream) % 2 == 0)
            check(pt_timer_reset(timer, first, test_random(&member->stream) % 2 == 0 ? 0 : first) == PT_OK);
        else
            pt_timer_stop(timer);
        test_delay(&member->stream);
    }
    if (member->index == 1)
        pt_channel_close(pt_timer_channel(timer));
}

static void test_several_may_set_one(void **state)
{
    (void)state;
    pt_timer *timer = make(0, PT_MICROSECOND);
    crew_run(4, share_timer, timer);
    pt_timer_release(timer);
}

/* ---- Select ------------------------------------------------------------------------------------------ */

static void test_a_select_takes_what_comes_first(void **state)
{
    (void)state;
    pt_timer *late = make(PT_SECOND * 1000, 0), *soon = make(PT_MICROSECOND, 0);
    pt_tick tick;
    size_t fired;
    pt_case cases[] = {pt_case_receive(pt_timer_channel(late), &tick),
                       pt_case_receive(pt_timer_channel(soon), &tick)};
    assert_int_equal(pt_select(cases, 2, &fired), PT_OK);
    assert_int_equal(fired, 1);
    assert_int_equal(tick.number, 1);
    pt_timer_release(late);
    pt_timer_release(soon);
}

/* ---- Functions --------------------------------------------------------------------------------------- */

enum act { COUNT, STOP_ITSELF, RESET_ITSELF, RELEASE_ITSELF, HOLD, RESET_ITSELF_AND_HOLD };

struct called {
    pt_timer *timer;
    enum act act;
    uint32_t calls, inside;
    int plain; /* its function's, and then of who stopped it */
    pt_status status;
    pt_event set, called, go_on;
};

static void act(void *arg)
{
    struct called *own = arg;
    add_relaxed(&own->inside, 1);
    uint32_t calls = add_relaxed(&own->calls, 1) + 1;
    own->plain++;
    pt_event_wait(&own->set); /* its timer is known */
    if (own->act == STOP_ITSELF)
        own->status = pt_timer_stop(own->timer);
    else if (own->act == RESET_ITSELF && calls == 1)
        own->status = pt_timer_reset(own->timer, PT_MICROSECOND, 0);
    else if (own->act == RESET_ITSELF_AND_HOLD)
        own->status = pt_timer_reset(own->timer, PT_TIME_NEVER, 0);
    else if (own->act == RELEASE_ITSELF)
        pt_timer_release(own->timer);
    if (own->act != RESET_ITSELF || calls == 2)
        pt_event_set(&own->called);
    if (own->act == HOLD || own->act == RESET_ITSELF_AND_HOLD)
        pt_event_wait(&own->go_on);
    sub_acq_rel(&own->inside, 1);
}

static void start_calling(struct called *own, enum act what, pt_time period)
{
    *own = (struct called){.act = what, .status = PT_OK};
    assert_int_equal(pt_timer_create_calling(&own->timer, 0, period, act, own), PT_OK);
    assert_null(pt_timer_channel(own->timer));
    pt_event_set(&own->set);
    pt_event_wait(&own->called);
}

static void test_a_function_may_change_its_own_timer(void **state)
{
    (void)state;
    struct called one;
    start_calling(&one, STOP_ITSELF, PT_MICROSECOND);
    pt_timer_stop(one.timer);
    assert_int_equal(one.calls, 1);
    assert_int_equal(one.status, PT_OK); /* its next tick was to come */
    pt_timer_release(one.timer);

    start_calling(&one, RESET_ITSELF, 0);
    pt_timer_stop(one.timer);
    assert_int_equal(one.calls, 2);
    assert_int_equal(one.status, PT_OK);
    pt_timer_release(one.timer);

    start_calling(&one, COUNT, PT_MICROSECOND);
    assert_int_equal(pt_timer_stop(one.timer), PT_OK);
    assert_int_equal(load_relaxed(&one.inside), 0);
    uint32_t calls = load_relaxed(&one.calls);
    assert_true(one.plain >= 1);
    pt_timer_release(one.timer);
    assert_int_equal(load_relaxed(&one.calls), calls);
}

static void test_a_function_may_release_its_timer(void **state)
{
    (void)state;
    pt_timer *other = make(PT_TIME_NEVER, 0); /* so that the thread stays, and can be waited for */
    struct called one;
    start_calling(&one, RELEASE_ITSELF, PT_MICROSECOND);
    while (load_acquire(&one.inside) != 0)
        pt_thread_yield();
    assert_int_equal(one.calls, 1);
    pt_tick tick;
    assert_int_equal(pt_timer_reset(other, 0, 0), PT_OK);
    assert_int_equal(pt_channel_receive(pt_timer_channel(other), &tick), PT_OK);
    pt_timer_release(other);
}

/* And be the last that does. */
static void test_a_function_may_release_the_last_timer(void **state)
{
    (void)state;
    static struct called one; /* its last steps come later than all that can be waited for */
    for (int n = 0; n < 3; n++) {
        start_calling(&one, RELEASE_ITSELF, 0);
        pt_timer *timer = make(0, 0); /* the thread may be ending */
        pt_tick tick;
        assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
        pt_timer_release(timer);
        while (load_acquire(&one.inside) != 0)
            pt_thread_yield();
    }
}

static void *stop_it(void *arg)
{
    struct called *own = arg;
    pt_timer_stop(own->timer);
    own->calls = load_acquire(&own->inside) == 0 ? 100 : 200;
    return NULL;
}

static void *release_it(void *arg)
{
    struct called *own = arg;
    pt_timer_release(own->timer);
    own->calls = load_acquire(&own->inside) == 0 ? 100 : 200;
    return NULL;
}

static void *reset_it(void *arg)
{
    struct called *own = arg;
    own->status = pt_timer_reset(own->timer, PT_TIME_NEVER, 0);
    own->calls = load_acquire(&own->inside) == 0 ? 100 : 200;
    return NULL;
}

/* Also if the function itself has begun a new setting, which has not ticked. */
static void test_stop_reset_and_release_wait_for_the_function(void **state)
{
    (void)state;
    static const struct {
        enum act act;
        void *(*function)(void *arg);
        bool releases;
    } cases[] = {{HOLD, stop_it, false},
                 {HOLD, reset_it, false},
                 {RESET_ITSELF_AND_HOLD, reset_it, false},
                 {HOLD, release_it, true}};
    struct called one;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pt_thread *thread;
        start_calling(&one, cases[i].act, 0);
        assert_int_equal(pt_thread_spawn(&thread, NULL, cases[i].function, &one), PT_OK);
        assert_int_equal(pt_thread_join_until(thread, NULL, pt_after_ms(1)), PT_ERR_TIMEOUT);
        pt_event_set(&one.go_on);
        assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
        pt_thread_release(thread);
        assert_int_equal(one.calls, 100);
        if (!cases[i].releases)
            pt_timer_release(one.timer);
    }
}

/* Timers come and go, and with them the thread. */
static void come_and_go(struct member *member)
{
    for (int n = 0; n < test_scale(200) + 2; n++) {
        pt_timer *timer = NULL;
        pt_status status;
        while ((status = pt_timer_create(&timer, 0, 0)) == PT_ERR_AGAIN)
            pt_thread_yield();
        check(status == PT_OK);
        test_delay(&member->stream);
        pt_tick tick;
        if (test_random(&member->stream) % 2 == 0)
            check(pt_channel_receive(pt_timer_channel(timer), &tick) == PT_OK);
        pt_timer_release(timer);
    }
}

static void test_the_thread_comes_and_goes(void **state)
{
    (void)state;
    crew_run(3, come_and_go, NULL);
}

/* ---- Order ------------------------------------------------------------------------------------------- */

/* Timers that were all started before the first is due tick in order, to the step of the wheel. */
enum { CROWD = 500 };

struct crowd {
    pti_timer timers[CROWD];
    pt_time last;
    uint32_t ticked, wrong;
    pt_event all;
};

static struct crowd crowd;

static void note_order(pti_timer *timer, const pt_tick *tick)
{
    if (tick->due + 16384 <= crowd.last || pt_now() < tick->due || tick->number != 1 || timer->slot != NULL)
        crowd.wrong++;
    crowd.last = tick->due > crowd.last ? tick->due : crowd.last;
    if (++crowd.ticked == CROWD)
        pt_event_set(&crowd.all);
}

/* False if that took so long that one may have ticked. */
static bool start_crowd(pt_time start, uint64_t *stream)
{
    for (int i = 0; i < CROWD; i++) {
        pt_time within = test_random(stream) % (i % 2 == 0 ? 20000000 : 300000);
        assert_int_equal(pti_timer_start(&crowd.timers[i], start + within, 0), PT_OK);
    }
    return pt_now() < start;
}

static void test_many_tick_in_order(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    assert_int_equal(pti_timers_enter(), PT_OK);
    pt_time ahead = PT_MILLISECOND;
    do {
        for (int i = 0; i < CROWD; i++) {
            pti_timer_stop(&crowd.timers[i]);
            assert_int_equal(pti_timer_wait(&crowd.timers[i]), PT_OK);
        }
        crowd = (struct crowd){.last = 0};
        for (int i = 0; i < CROWD; i++)
            crowd.timers[i].function = note_order;
        ahead *= 2;
    } while (!start_crowd(pt_now() + ahead, &stream));
    pt_event_wait(&crowd.all);
    pti_timers_leave();
    assert_int_equal(crowd.wrong, 0);
}

TEST_MAIN("timer", TEST(test_it_ticks_once_and_not_early), TEST(test_a_period_does_not_drift),
          TEST(test_unread_ticks_are_missed_and_counted), TEST(test_far_moments), TEST(test_no_moment_is_too_far),
          TEST(test_bad_timers_are_refused), TEST(test_a_stopped_timer_does_not_tick),
          TEST(test_an_unread_tick_does_not_outlive_its_setting), TEST(test_a_release_wakes_who_waits),
          TEST(test_each_setting_ticks_exactly_once), TEST(test_several_may_set_one),
          TEST(test_a_select_takes_what_comes_first), TEST(test_a_function_may_change_its_own_timer),
          TEST(test_a_function_may_release_its_timer), TEST(test_a_function_may_release_the_last_timer),
          TEST(test_stop_reset_and_release_wait_for_the_function), TEST(test_the_thread_comes_and_goes),
          TEST(test_many_tick_in_order))
