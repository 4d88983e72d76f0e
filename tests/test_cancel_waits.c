/* test_cancel_waits.c: every blocking call ends when its token is cancelled, and no wake-up is lost on who is
   cancelled. */
#include "support.h"

#include <stddef.h>

#include "atomic.h"

static pt_cancel *new_token(pt_until until)
{
    pt_cancel *token = NULL;
    assert_int_equal(pt_cancel_create(&token, until), PT_OK);
    return token;
}

/* ---- Every blocking call ------------------------------------------------------------------------- */

struct stage { /* one object of each kind, all of which have to be waited for */
    pt_cancel *token;
    pt_mutex mutex; /* held by the test's thread, as are the next two, if the call is for them */
    pt_recursive_mutex recursive;
    pt_rwlock rwlock; /* to write */
    pt_mutex cond_mutex;
    pt_cond cond;
    pt_mutex await_mutex;
    bool ready; /* under await_mutex */
    pt_once once;
    pt_event once_runs, helper_may_end;
    pt_thread *helper; /* runs the once, or is joined */
    pt_event event, automatic;
    pt_semaphore semaphore;
    pt_latch latch;
    pt_barrier barrier;
    uint32_t word;
};

enum { THREAD_KEY = -1 };

struct call {
    const char *what;
    long key; /* where in a stage; THREAD_KEY: the helper */
    pt_status (*wait)(struct stage *stage, pt_until until);
    void (*wake)(struct stage *stage);
    pt_status woken; /* what those who wait say then */
    enum {
        LETS_ALL_GO,    /* and whoever comes later */
        ALL_BUT_LATER,  /* lets go who waits now */
        ONE,            /* lets one go; a later one if none waits */
        ONE_BUT_LATER,  /* lets one go who waits now */
        ONE_AND_NO_MORE /* lets one go; the others fail */
    } effect;
    void *(*helper)(void *stage);
};

static pt_status wait_mutex(struct stage *stage, pt_until until)
{
    pt_status status = pt_mutex_lock_until(&stage->mutex, until);
    if (status == PT_OK)
        pt_mutex_unlock(&stage->mutex);
    return status;
}

static void wake_mutex(struct stage *stage)
{
    pt_mutex_unlock(&stage->mutex);
}

static pt_status wait_recursive(struct stage *stage, pt_until until)
{
    pt_status status = pt_recursive_mutex_lock_until(&stage->recursive, until);
    return status == PT_OK ? pt_recursive_mutex_unlock(&stage->recursive) : status;
}

static void wake_recursive(struct stage *stage)
{
    assert_int_equal(pt_recursive_mutex_unlock(&stage->recursive), PT_OK);
}

static pt_status wait_to_read(struct stage *stage, pt_until until)
{
    pt_status status = pt_rwlock_read_lock_until(&stage->rwlock, until);
    if (status == PT_OK)
        pt_rwlock_read_unlock(&stage->rwlock);
    return status;
}

static pt_status wait_to_write(struct stage *stage, pt_until until)
{
    pt_status status = pt_rwlock_write_lock_until(&stage->rwlock, until);
    if (status == PT_OK)
        pt_rwlock_write_unlock(&stage->rwlock);
    return status;
}

static void wake_rwlock(struct stage *stage)
{
    pt_rwlock_write_unlock(&stage->rwlock);
}

static pt_status wait_cond(struct stage *stage, pt_until until)
{
    pt_mutex_lock(&stage->cond_mutex);
    pt_status status = pt_cond_wait_until(&stage->cond, &stage->cond_mutex, until);
    pt_mutex_unlock(&stage->cond_mutex);
    return status;
}

static void wake_cond(struct stage *stage)
{
    pt_cond_signal(&stage->cond);
}

static bool is_ready(void *arg)
{
    return *(bool *)arg;
}

static pt_status wait_await(struct stage *stage, pt_until until)
{
    pt_mutex_lock(&stage->await_mutex);
    pt_status status = pt_mutex_await_until(&stage->await_mutex, is_ready, &stage->ready, until);
    pt_mutex_unlock(&stage->await_mutex);
    return status;
}

static void wake_await(struct stage *stage)
{
    pt_mutex_lock(&stage->await_mutex);
    stage->ready = true;
    pt_mutex_unlock(&stage->await_mutex);
}

static pt_status run_long(void *arg)
{
    struct stage *stage = arg;
    pt_event_set(&stage->once_runs);
    return pt_event_wait(&stage->helper_may_end);
}

static void *help_once(void *arg)
{
    struct stage *stage = arg;
    return pt_once_call(&stage->once, run_long, stage) == PT_OK ? arg : NULL;
}

static pt_status wait_once(struct stage *stage, pt_until until)
{
    return pt_once_call_until(&stage->once, run_long, stage, until);
}

static void wake_helper(struct stage *stage)
{
    pt_event_set(&stage->helper_may_end);
}

static void *help_join(void *arg)
{
    struct stage *stage = arg;
    pt_event_set(&stage->once_runs);
    pt_event_wait(&stage->helper_may_end);
    return arg;
}

static pt_status wait_join(struct stage *stage, pt_until until)
{
    return pt_thread_join_until(stage->helper, NULL, until);
}

static pt_status wait_event(struct stage *stage, pt_until until)
{
    return pt_event_wait_until(&stage->event, until);
}

static void wake_event(struct stage *stage)
{
    pt_event_set(&stage->event);
}

static pt_status wait_automatic(struct stage *stage, pt_until until)
{
    return pt_event_wait_until(&stage->automatic, until);
}

static void wake_automatic(struct stage *stage)
{
    pt_event_set(&stage->automatic);
}

static pt_status wait_semaphore(struct stage *stage, pt_until until)
{
    return pt_semaphore_wait_until(&stage->semaphore, until);
}

static void wake_semaphore(struct stage *stage)
{
    assert_int_equal(pt_semaphore_post(&stage->semaphore, 1), PT_OK);
}

static pt_status wait_latch(struct stage *stage, pt_until until)
{
    return pt_latch_wait_until(&stage->latch, until);
}

static void wake_latch(struct stage *stage)
{
    assert_int_equal(pt_latch_count_down(&stage->latch, 1), PT_OK);
}

static pt_status wait_barrier(struct stage *stage, pt_until until)
{
    return pt_barrier_wait_until(&stage->barrier, NULL, until);
}

static void wake_barrier(struct stage *stage)
{
    pt_barrier_reset(&stage->barrier);
}

static pt_status wait_word(struct stage *stage, pt_until until)
{
    return pt_wait_word(&stage->word, 0, until);
}

static void wake_word(struct stage *stage)
{
    pt_wake_word(&stage->word, 1);
}

#define KEY(field) (long)offsetof(struct stage, field)

static const struct call calls[] = {
    {"mutex", KEY(mutex), wait_mutex, wake_mutex, PT_OK, LETS_ALL_GO, NULL},
    {"recursive mutex", KEY(recursive.mutex), wait_recursive, wake_recursive, PT_OK, LETS_ALL_GO, NULL},
    {"rwlock, to read", KEY(rwlock) + 1, wait_to_read, wake_rwlock, PT_OK, LETS_ALL_GO, NULL},
    {"rwlock, to write", KEY(rwlock), wait_to_write, wake_rwlock, PT_OK, LETS_ALL_GO, NULL},
    {"cond", KEY(cond), wait_cond, wake_cond, PT_OK, ONE_BUT_LATER, NULL},
    {"await", KEY(await_mutex) + 1, wait_await, wake_await, PT_OK, LETS_ALL_GO, NULL},
    {"once", KEY(once), wait_once, wake_helper, PT_OK, LETS_ALL_GO, help_once},
    {"join", THREAD_KEY, wait_join, wake_helper, PT_OK, ONE_AND_NO_MORE, help_join},
    {"event", KEY(event), wait_event, wake_event, PT_OK, LETS_ALL_GO, NULL},
    {"automatic event", KEY(automatic), wait_automatic, wake_automatic, PT_OK, ONE, NULL},
    {"semaphore", KEY(semaphore), wait_semaphore, wake_semaphore, PT_OK, ONE, NULL},
    {"latch", KEY(latch), wait_latch, wake_latch, PT_OK, LETS_ALL_GO, NULL},
    {"barrier", KEY(barrier), wait_barrier, wake_barrier, PT_ERR_ABORTED, ALL_BUT_LATER, NULL},
    {"word", KEY(word), wait_word, wake_word, PT_OK, ONE_BUT_LATER, NULL},
};

enum { CALLS = sizeof calls / sizeof calls[0] };

static const void *key_of(const struct call *call, const struct stage *stage)
{
    return call->key == THREAD_KEY ? (const void *)stage->helper : (const char *)stage + call->key;
}

/* Only one of its objects is to be used, that of the call. */
static void set_stage(struct stage *stage, const struct call *call)
{
    *stage = (struct stage){.automatic = PT_EVENT_AUTO_INIT,
                            .semaphore = PT_SEMAPHORE_INIT(0),
                            .latch = PT_LATCH_INIT(1),
                            .barrier = PT_BARRIER_INIT(PT_BARRIER_MAX)};
    stage->token = new_token(PT_FOREVER);
    if (call->wake == wake_mutex)
        pt_mutex_lock(&stage->mutex);
    if (call->wake == wake_recursive)
        pt_recursive_mutex_lock(&stage->recursive);
    if (call->wake == wake_rwlock)
        pt_rwlock_write_lock(&stage->rwlock);
    if (call->helper == NULL)
        return;
    pt_status status;
    while ((status = pt_thread_spawn(&stage->helper, NULL, call->helper, stage)) == PT_ERR_AGAIN)
        pt_thread_yield(); /* in a browser, the last one's Worker is on its way back */
    assert_int_equal(status, PT_OK);
    pt_event_wait(&stage->once_runs);
}

static void strike_stage(struct stage *stage, const struct call *call)
{
    assert_int_equal(parked(key_of(call, stage)), 0);
    if (stage->helper != NULL) {
        pt_event_set(&stage->helper_may_end);
        pt_thread_join(stage->helper, NULL); /* which may have been done */
        pt_thread_release(stage->helper);
    }
    pt_cancel_release(stage->token);
}

struct scene {
    struct stage stage;
    const struct call *call;
    pt_until until;
    pt_status wanted;
};

static void wait_in_scene(struct member *member)
{
    struct scene *scene = member->shared;
    check(scene->call->wait(&scene->stage, scene->until) == scene->wanted);
}

/* One that waits, in a thread of its own, since this one holds the locks. */
static void assert_wait(struct scene *scene, pt_until until, pt_status wanted)
{
    scene->until = until;
    scene->wanted = wanted;
    crew_run(1, wait_in_scene, scene);
}

static void test_a_cancelled_token_lets_nobody_wait(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        const struct call *call = &calls[i];
        struct scene scene = {.call = call};
        set_stage(&scene.stage, call);
        pt_cancel *token = scene.stage.token;
        assert_true(pt_cancel_request(token, NULL));
        assert_wait(&scene, pt_cancelled_by(token), PT_ERR_CANCELLED);
        assert_wait(&scene, pt_or_cancelled_by(pt_after_ms(100000), token), PT_ERR_CANCELLED);
        assert_wait(&scene, pt_or_cancelled_by(pt_at(0), token), PT_ERR_CANCELLED);
        call->wake(&scene.stage);
        if (call->effect != ALL_BUT_LATER && call->effect != ONE_BUT_LATER) {
            const struct stage *stage = &scene.stage;
            while (stage->helper != NULL && !pt_once_is_done(&stage->once) && !pt_thread_is_finished(stage->helper))
                pt_thread_yield();
            assert_wait(&scene, pt_cancelled_by(token), PT_OK); /* no need to wait */
        }
        strike_stage(&scene.stage, call);
    }
}

static void test_who_waits_goes_on_when_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct scene scene = {.call = &calls[i], .wanted = PT_ERR_CANCELLED};
        set_stage(&scene.stage, scene.call);
        const void *key = key_of(scene.call, &scene.stage);
        pt_cancel *token = new_token(pt_cancelled_by(scene.stage.token));
        scene.until = pt_cancelled_by(token);
        struct crew *crew = crew_start(3, wait_in_scene, &scene);
        wait_until_parked(key, 3);
        assert_true(pt_cancel_request(i % 2 ? token : scene.stage.token, NULL));
        crew_join(crew);
        assert_int_equal(parked(key), 0);
        pt_cancel_release(token);

        scene.until = PT_FOREVER; /* nothing is left behind: one that waits now is woken as ever */
        scene.wanted = scene.call->woken;
        crew = crew_start(1, wait_in_scene, &scene);
        wait_until_parked(key, 1);
        scene.call->wake(&scene.stage);
        crew_join(crew);
        strike_stage(&scene.stage, scene.call);
    }
}

static void test_a_tokens_deadline_ends_waits(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct scene scene = {.call = &calls[i]};
        set_stage(&scene.stage, scene.call);
        pt_until until = pt_after_ms(1);
        pt_cancel *parent = new_token(until), *token = new_token(pt_cancelled_by(parent));
        assert_wait(&scene, pt_cancelled_by(i % 2 ? parent : token), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_cancel_status(token), PT_ERR_TIMEOUT);
        until = pt_after_ms(1); /* and so does the call's own, with a token that is as it was */
        assert_wait(&scene, pt_or_cancelled_by(until, scene.stage.token), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_cancel_status(scene.stage.token), PT_OK);
        scene.call->wake(&scene.stage);
        pt_cancel_release(parent);
        pt_cancel_release(token);
        strike_stage(&scene.stage, scene.call);
    }
}

/* ---- Sleeping ------------------------------------------------------------------------------------- */

static void sleep_long(struct member *member)
{
    pt_cancel *token = member->shared;
    pt_until until = pt_cancelled_by(token);
    if (member->index % 2)
        until = pt_or_cancelled_by(pt_after_ms(1000000), token);
    check(pt_sleep_until(until) == PT_ERR_CANCELLED);
}

static void test_sleep_ends_when_cancelled(void **state)
{
    (void)state;
    pt_cancel *token = new_token(PT_FOREVER), *timed = new_token(pt_after_ms(1));
    pt_until until = pt_after_ms(1);
    assert_int_equal(pt_sleep_until(pt_or_cancelled_by(until, token)), PT_OK); /* slept enough */
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(pt_sleep_until(pt_cancelled_by(timed)), PT_ERR_TIMEOUT);
    struct crew *crew = crew_start(4, sleep_long, token);
    wait_until_parked(NULL, 4);
    assert_true(pt_cancel_request(token, NULL));
    crew_join(crew);
    assert_int_equal(pt_sleep_until(pt_cancelled_by(token)), PT_ERR_CANCELLED);
    pt_cancel_release(token);
    pt_cancel_release(timed);
}

/* ---- The race of a cancel with the wake -------------------------------------------------------------- */

/* Member 0 waits with a token, member 1 behind it without one. The wake, by the test's thread, and the cancel, by
   member 2, come at the same moment. If member 0 is woken, it is as ever. If it is cancelled, the wake is member
   1's. */
struct race {
    const struct call *call;
    struct stage stage;
    pt_barrier barrier; /* before and after each round */
    pt_status got[2];
    uint32_t returned[2];
    uint32_t go, over;
    int rounds;
};

static void wait_or_cancel(struct race *race, struct member *member)
{
    if (member->index == 2) {
        while (load_acquire(&race->go) == 0)
            pt_thread_yield();
        if (test_random(&member->stream) % 2)
            test_delay(&member->stream);
        check(pt_cancel_request(race->stage.token, NULL));
        return;
    }
    if (member->index == 1)
        wait_until_parked(key_of(race->call, &race->stage), 1);
    pt_until until = member->index == 0 ? pt_cancelled_by(race->stage.token) : PT_FOREVER;
    race->got[member->index] = race->call->wait(&race->stage, until);
    store_release(&race->returned[member->index], 1);
}

static void run_race(struct member *member)
{
    struct race *race = member->shared;
    for (;;) {
        pt_barrier_wait(&race->barrier, NULL);
        if (race->over)
            return;
        wait_or_cancel(race, member);
        pt_barrier_wait(&race->barrier, NULL);
    }
}

static void run_round(struct race *race, uint64_t *stream)
{
    const struct call *call = race->call;
    set_stage(&race->stage, call);
    race->go = race->returned[0] = race->returned[1] = 0;
    pt_barrier_wait(&race->barrier, NULL);

    const void *key = key_of(call, &race->stage);
    wait_until_parked(key, 2);
    store_release(&race->go, 1);
    if (test_random(stream) % 2)
        test_delay(stream);
    call->wake(&race->stage);
    while (load_acquire(&race->returned[0]) == 0)
        pt_thread_yield();

    if (race->got[0] != PT_ERR_CANCELLED && (call->effect == ONE || call->effect == ONE_BUT_LATER)) {
        assert_int_equal(race->got[0], PT_OK);
        assert_int_equal(load_acquire(&race->returned[1]), 0);
        assert_int_equal(parked(key), 1);
        call->wake(&race->stage);
    }
    pt_barrier_wait(&race->barrier, NULL); /* member 1 came through too */
    if (call->effect == ONE_AND_NO_MORE && race->got[0] == PT_OK)
        assert_int_equal(race->got[1], PT_ERR_INVALID);
    else
        assert_int_equal(race->got[1], call->woken);
    if (race->got[0] != PT_ERR_CANCELLED && race->got[0] != call->woken)
        assert_int_equal(race->got[0], call->effect == ONE_AND_NO_MORE ? PT_ERR_INVALID : PT_OK);
    strike_stage(&race->stage, call);
}

static void test_a_wake_is_not_lost_on_who_is_cancelled(void **state)
{
    (void)state;
    uint64_t stream = (uint64_t)pt_now();
    for (int i = 0; i < CALLS; i++) {
        struct race race = {.call = &calls[i], .barrier = PT_BARRIER_INIT(4)};
        int rounds = test_scale(calls[i].helper == NULL ? 500 : 200);
        struct crew *crew = crew_start(3, run_race, &race);
        for (int j = 0; j < rounds; j++)
            run_round(&race, &stream);
        race.over = 1;
        pt_barrier_wait(&race.barrier, NULL);
        crew_join(crew);
    }
}

/* ---- The same in traffic -------------------------------------------------------------------------------- */

struct market { /* goods are given one by one, and each is worth one wake */
    pt_semaphore semaphore;
    pt_mutex mutex;
    pt_cond cond;
    uint32_t goods; /* under the mutex */
    uint32_t word;
    pt_mutex token_mutex;
    pt_cancel *token; /* under token_mutex: cancelled and made anew all the time */
    uint32_t takers;  /* that are not done */
    uint32_t each;
    bool (*take)(struct market *market, pt_until until); /* false if cancelled */
    void (*give)(struct market *market);
};

static bool take_permit(struct market *market, pt_until until)
{
    return pt_semaphore_wait_until(&market->semaphore, until) == PT_OK;
}

static void give_permit(struct market *market)
{
    pt_semaphore_post(&market->semaphore, 1);
}

static bool take_goods(struct market *market, pt_until until)
{
    pt_status status = PT_OK;
    pt_mutex_lock(&market->mutex);
    while (status == PT_OK && market->goods == 0)
        status = pt_cond_wait_until(&market->cond, &market->mutex, until);
    if (status == PT_OK)
        market->goods--;
    pt_mutex_unlock(&market->mutex);
    return status == PT_OK;
}

static void give_goods(struct market *market)
{
    pt_mutex_lock(&market->mutex);
    market->goods++;
    pt_cond_signal(&market->cond);
    pt_mutex_unlock(&market->mutex);
}

static bool take_word(struct market *market, pt_until until)
{
    for (;;) {
        uint32_t seen = load_relaxed(&market->word);
        while (seen > 0) {
            if (cas_acquire(&market->word, &seen, seen - 1))
                return true;
        }
        if (pt_wait_word(&market->word, 0, until) != PT_OK)
            return false;
    }
}

static void give_word(struct market *market)
{
    add_relaxed(&market->word, 1);
    pt_wake_word(&market->word, 1);
}

static pt_cancel *current_token(struct market *market)
{
    pt_mutex_lock(&market->token_mutex);
    pt_cancel *token = pt_cancel_retain(market->token);
    pt_mutex_unlock(&market->token_mutex);
    return token;
}

static void cancel_and_renew(struct market *market, struct member *member)
{
    pt_cancel *fresh = NULL;
    check(pt_cancel_create(&fresh, PT_FOREVER) == PT_OK);
    pt_mutex_lock(&market->token_mutex);
    pt_cancel *old = market->token;
    market->token = fresh;
    pt_mutex_unlock(&market->token_mutex);
    check(pt_cancel_request(old, NULL));
    pt_cancel_release(old);
    test_delay(&member->stream);
}

enum { GIVERS = 2, PATIENT = 2, FICKLE = 2 };

static void trade(struct member *member)
{
    struct market *market = member->shared;
    if (member->index == 0) {
        while (load_relaxed(&market->takers) > 0)
            cancel_and_renew(market, member);
        return;
    }
    for (uint32_t i = 0; i < market->each; i++) {
        if (member->index <= GIVERS) {
            for (int j = 0; j < (PATIENT + FICKLE) / GIVERS; j++)
                market->give(market);
            test_delay(&member->stream);
        } else if (member->index <= GIVERS + PATIENT) {
            check(market->take(market, PT_FOREVER));
        } else {
            for (bool taken = false; !taken;) {
                pt_cancel *token = current_token(market);
                taken = market->take(market, pt_cancelled_by(token));
                pt_cancel_release(token);
            }
        }
    }
    if (member->index > GIVERS)
        sub_acq_rel(&market->takers, 1);
}

/* All that is given is taken in the end, or somebody patient waits for ever. */
static void trade_with(bool (*take)(struct market *market, pt_until until), void (*give)(struct market *market))
{
    struct market market = {
        .semaphore = PT_SEMAPHORE_INIT(0), .takers = PATIENT + FICKLE, .take = take, .give = give};
    market.each = (uint32_t)test_scale(6000);
    market.token = new_token(PT_FOREVER);
    crew_run(1 + GIVERS + PATIENT + FICKLE, trade, &market);
    assert_int_equal(pt_semaphore_value(&market.semaphore), 0);
    assert_int_equal(market.semaphore.word, 0);
    assert_int_equal(market.goods, 0);
    assert_int_equal(market.word, 0);
    assert_int_equal(parked(NULL), 0);
    pt_cancel_release(market.token);
}

static void test_permits_are_conserved(void **state)
{
    (void)state;
    trade_with(take_permit, give_permit);
}

static void test_signals_are_conserved(void **state)
{
    (void)state;
    trade_with(take_goods, give_goods);
}

static void test_wakes_of_a_word_are_conserved(void **state)
{
    (void)state;
    trade_with(take_word, give_word);
}

/* Rounds of a barrier are whole though many of its parties are cancelled. */
struct rounds {
    struct market market; /* for its token */
    pt_barrier barrier;
    uint32_t passed, serials;
};

static void come_and_go(struct member *member)
{
    struct rounds *rounds = member->shared;
    struct market *market = &rounds->market;
    if (member->index == 0) {
        while (load_relaxed(&market->takers) > 0)
            cancel_and_renew(market, member);
        return;
    }
    for (uint32_t i = 0; i < market->each; i++) {
        bool serial = false;
        pt_cancel *token = current_token(market);
        pt_status status = pt_barrier_wait_until(&rounds->barrier, &serial, pt_cancelled_by(token));
        check(status == PT_OK || (status == PT_ERR_CANCELLED && !serial));
        add_relaxed(&rounds->passed, status == PT_OK);
        add_relaxed(&rounds->serials, serial);
        pt_cancel_release(token);
    }
    sub_acq_rel(&market->takers, 1);
}

static void test_rounds_are_whole_though_many_are_cancelled(void **state)
{
    (void)state;
    struct rounds rounds = {.market = {.takers = 4, .each = (uint32_t)test_scale(6000)}};
    rounds.barrier = (pt_barrier)PT_BARRIER_INIT(3);
    rounds.market.token = new_token(PT_FOREVER);
    crew_run(5, come_and_go, &rounds);
    assert_int_equal(rounds.passed, 3 * rounds.serials);
    assert_int_equal(rounds.barrier.word, 0);
    pt_cancel_release(rounds.market.token);
}

/* ---- Many threads -------------------------------------------------------------------------------------- */

struct crowd {
    struct stage stages[CALLS];
    pt_cancel *token, *below;
};

static void wait_in_crowd(struct member *member)
{
    struct crowd *crowd = member->shared;
    int i = member->index % CALLS;
    pt_cancel *token = member->index % 5 == 0 ? crowd->token : crowd->below;
    check(calls[i].wait(&crowd->stages[i], pt_cancelled_by(token)) == PT_ERR_CANCELLED);
}

static void test_one_request_ends_many_waits(void **state)
{
    (void)state;
    enum { CROWD = 2 * CALLS + 3, HELPERS = 2 }; /* more than are poked at once */
    static struct crowd crowd;
    crowd.token = new_token(PT_FOREVER);
    crowd.below = new_token(pt_cancelled_by(crowd.token));
    for (int i = 0; i < CALLS; i++)
        set_stage(&crowd.stages[i], &calls[i]);
    struct crew *crew = crew_start(CROWD, wait_in_crowd, &crowd);
    wait_until_parked(NULL, CROWD + HELPERS);
    assert_true(pt_cancel_request(crowd.token, NULL));
    crew_join(crew);
    for (int i = 0; i < CALLS; i++) {
        calls[i].wake(&crowd.stages[i]); /* unlocks too */
        strike_stage(&crowd.stages[i], &calls[i]);
    }
    pt_cancel_release(crowd.token);
    pt_cancel_release(crowd.below);
}

TEST_MAIN("cancel_waits", TEST(test_a_cancelled_token_lets_nobody_wait),
          TEST(test_who_waits_goes_on_when_cancelled), TEST(test_a_tokens_deadline_ends_waits),
          TEST(test_sleep_ends_when_cancelled), TEST(test_a_wake_is_not_lost_on_who_is_cancelled),
          TEST(test_permits_are_conserved), TEST(test_signals_are_conserved),
          TEST(test_wakes_of_a_word_are_conserved), TEST(test_rounds_are_whole_though_many_are_cancelled),
          TEST(test_one_request_ends_many_waits))
