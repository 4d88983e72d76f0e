/* test_event.c: manual and automatic events let pass whom they should, and nobody else. */
#include "support.h"

#include "atomic.h"

static void test_manual_stays_set_automatic_passes_one(void **state)
{
    (void)state;
    pt_event manual = PT_EVENT_INIT, automatic = PT_EVENT_AUTO_INIT;

    assert_int_equal(pt_event_try_wait(&manual), PT_ERR_BUSY);
    pt_event_set(&manual);
    pt_event_set(&manual);
    assert_true(pt_event_is_set(&manual));
    assert_int_equal(pt_event_wait(&manual), PT_OK);
    assert_int_equal(pt_event_wait_until(&manual, pt_at(0)), PT_OK);
    pt_event_reset(&manual);
    assert_false(pt_event_is_set(&manual));
    assert_int_equal(pt_event_try_wait(&manual), PT_ERR_BUSY);

    assert_int_equal(pt_event_try_wait(&automatic), PT_ERR_BUSY);
    pt_event_set(&automatic);
    pt_event_set(&automatic); /* twice is once */
    assert_int_equal(pt_event_wait(&automatic), PT_OK);
    assert_int_equal(pt_event_try_wait(&automatic), PT_ERR_BUSY);
}

static void test_a_deadline_passes(void **state)
{
    (void)state;
    pt_event events[] = {PT_EVENT_INIT, PT_EVENT_AUTO_INIT};
    for (int i = 0; i < 2; i++) {
        uint32_t before = events[i].word;
        pt_until until = pt_after_ms(3);
        assert_int_equal(pt_event_wait_until(&events[i], until), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(events[i].word, before);
        assert_int_equal(parked(&events[i]), 0);
    }
}

static void wait_for_it(struct member *member)
{
    check(pt_event_wait(member->shared) == PT_OK);
}

static void test_a_manual_set_lets_all_go(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(50); i++) {
        pt_event event = PT_EVENT_INIT;
        struct crew *crew = crew_start(5, wait_for_it, &event);
        if (i % 2)
            wait_until_parked(&event, 5);
        pt_event_set(&event);
        crew_join(crew);
    }
}

static void test_an_automatic_set_lets_one_go(void **state)
{
    (void)state;
    pt_event event = PT_EVENT_AUTO_INIT;
    struct crew *crew = crew_start(5, wait_for_it, &event);
    wait_until_parked(&event, 5);
    for (size_t left = 4; left < 5; left--) {
        pt_event_set(&event);
        assert_int_equal(parked(&event), left);
        assert_false(pt_event_is_set(&event));
    }
    crew_join(crew);
}

/* ---- Each set of an automatic event is consumed at most once ---------------------------------- */

struct gate {
    pt_event event;
    uint32_t sets, passes, waiting_members;
    int each;
};

static void pass_or_set(struct member *member)
{
    struct gate *gate = member->shared;
    if (member->index < 3) { /* waits, with deadlines, tries */
        for (int i = 0; i < gate->each; i++) {
            pt_until until = pt_after(test_random(&member->stream) % 60 * PT_MICROSECOND);
            pt_status status = i % 3 ? pt_event_wait_until(&gate->event, until) : pt_event_try_wait(&gate->event);
            check(status == PT_OK || status == (i % 3 ? PT_ERR_TIMEOUT : PT_ERR_BUSY));
            if (status == PT_OK)
                add_relaxed(&gate->passes, 1);
        }
        sub_acq_rel(&gate->waiting_members, 1);
        return;
    }
    while (load_relaxed(&gate->waiting_members) > 0) {
        add_relaxed(&gate->sets, 1);
        pt_event_set(&gate->event);
        if (test_random(&member->stream) % 8 == 0)
            pt_event_reset(&gate->event);
        test_delay(&member->stream);
    }
}

static void test_nobody_passes_unset(void **state)
{
    (void)state;
    struct gate gate = {.event = PT_EVENT_AUTO_INIT, .waiting_members = 3, .each = test_scale(5000)};
    crew_run(5, pass_or_set, &gate);
    assert_true(gate.passes <= gate.sets);
    assert_int_equal(gate.event.word & 2u, 0);
    assert_int_equal(parked(&gate.event), 0);
}

/* ---- No set is lost, and what was written before it is seen ----------------------------------- */

struct relay {
    pt_event ball[2];
    int carried; /* by whoever has the ball */
    int each;
};

static void play(struct member *member)
{
    struct relay *relay = member->shared;
    for (int i = 0; i < relay->each; i++) {
        check(pt_event_wait(&relay->ball[member->index]) == PT_OK);
        check(relay->carried++ == 2 * i + member->index);
        pt_event_set(&relay->ball[1 - member->index]);
    }
}

static void test_a_ball_is_never_dropped(void **state)
{
    (void)state;
    struct relay relay = {.ball = {PT_EVENT_AUTO_INIT, PT_EVENT_AUTO_INIT}, .each = test_scale(20000)};
    pt_event_set(&relay.ball[0]);
    crew_run(2, play, &relay);
    assert_int_equal(relay.carried, 2 * relay.each);
}

/* ---- A set whose event is gone ------------------------------------------------------------------ */

static void lock_it(struct member *member)
{
    check(pt_mutex_lock(member->shared) == PT_OK);
    pt_mutex_unlock(member->shared);
}

/* ---- A set hands over what was written before ------------------------------------------------------ */

struct news {
    pt_event event;
    int each;
    long written; /* plain: what one wrote before it set the event, the next must see */
};

static void read_or_write(struct member *member)
{
    struct news *news = member->shared;
    if (member->index == 0) {
        news->written = 42;
        pt_event_set(&news->event);
        return;
    }
    if (member->index == 1)
        while (pt_event_try_wait(&news->event) != PT_OK)
            pt_thread_yield();
    else
        check(pt_event_wait(&news->event) == PT_OK);
    check(news->written == 42);
}

static void test_a_set_hands_over_what_was_written(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300); i++) {
        struct news news = {.event = PT_EVENT_INIT};
        crew_run(4, read_or_write, &news);
    }
}

static void count_up(struct member *member)
{
    struct news *news = member->shared;
    for (int i = 0; i < news->each; i++) {
        if (member->index == 0)
            while (pt_event_try_wait(&news->event) != PT_OK)
                pt_thread_yield();
        else
            check(pt_event_wait(&news->event) == PT_OK);
        news->written++;
        pt_event_set(&news->event);
    }
}

static void test_one_pass_makes_a_lock(void **state)
{
    (void)state;
    struct news news = {.event = PT_EVENT_AUTO_INIT, .each = test_scale(10000) + 1};
    pt_event_set(&news.event);
    crew_run(3, count_up, &news);
    assert_int_equal(news.written, 3L * news.each);
}

/* ---- A set that found somebody waiting lets it go, even if a reset comes at once ---------------------- */

static void set_or_reset(struct member *member)
{
    struct news *news = member->shared;
    if (member->index == 0) {
        check(pt_event_wait(&news->event) == PT_OK);
        return;
    }
    wait_until_parked(&news->event, 1);
    pt_event_set(&news->event);
    pt_event_reset(&news->event);
}

static void set_while_others_reset(struct member *member)
{
    struct news *news = member->shared;
    if (member->index == 0) {
        pt_event_set(&news->event);
        return;
    }
    while (!pt_event_is_set(&news->event))
        pt_thread_yield();
    pt_event_reset(&news->event);
}

static void test_a_reset_takes_no_set_back(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300); i++) {
        struct news news = {.event = PT_EVENT_INIT};
        crew_run(2, set_or_reset, &news);
        struct crew *waiting = crew_start(1, wait_for_it, &news.event);
        wait_until_parked(&news.event, 1);
        crew_run(2, set_while_others_reset, &news);
        crew_join(waiting);
    }
}

/* Once an event is set, others may free it before the call is through, and have a mutex there. */
static void test_a_late_set_wakes_nobody_else(void **state)
{
    (void)state;
    union {
        pt_event event;
        pt_mutex mutex;
    } place = {.mutex = PT_MUTEX_INIT};
    pt_mutex_lock(&place.mutex);
    struct crew *crew = crew_start(3, lock_it, &place.mutex);
    wait_until_parked(&place, 3);
    uint32_t before = place.mutex.word;
    assert_int_equal(before & 3u, 3); /* as an event: set, and somebody waits */
    pt_event_set(&place.event);
    assert_int_equal(place.mutex.word, before);
    assert_int_equal(parked(&place), 3);
    pt_mutex_unlock(&place.mutex);
    crew_join(crew);
}

TEST_MAIN("event", TEST(test_manual_stays_set_automatic_passes_one), TEST(test_a_deadline_passes),
          TEST(test_a_manual_set_lets_all_go), TEST(test_an_automatic_set_lets_one_go),
          TEST(test_nobody_passes_unset), TEST(test_a_ball_is_never_dropped),
          TEST(test_a_set_hands_over_what_was_written), TEST(test_one_pass_makes_a_lock),
          TEST(test_a_reset_takes_no_set_back), TEST(test_a_late_set_wakes_nobody_else))
