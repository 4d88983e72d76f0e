/* test_future.c: a future ends exactly once, everybody sees the same end, and what came before it. */
#include "support.h"

#include <string.h>

#include "atomic.h"

static pt_future *make(void)
{
    pt_future *future = NULL;
    assert_int_equal(pt_future_create(&future, NULL), PT_OK);
    assert_int_equal(pt_future_get_state(future), PT_FUTURE_PENDING);
    return future;
}

static void count_call(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
}

/* ---- How it ends ------------------------------------------------------------------------------------- */

static void test_a_result_is_there_for_all(void **state)
{
    (void)state;
    int answer = 42;
    void *result = NULL;
    pt_future *future = make();
    assert_int_equal(pt_future_try_get(future, &result), PT_ERR_BUSY);
    assert_int_equal(pt_future_get_until(future, &result, pt_after_ms(1)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_future_start(future), PT_OK);
    assert_int_equal(pt_future_get_state(future), PT_FUTURE_RUNNING);
    assert_int_equal(pt_future_start(future), PT_ERR_INVALID);
    pt_future_set_progress(future, 0.5);
    assert_true(pt_future_progress(future) == 0.5);
    assert_null(result);

    assert_int_equal(pt_future_complete(future, &answer), PT_OK);
    assert_int_equal(pt_future_get_state(future), PT_FUTURE_DONE);
    assert_true(pt_future_progress(future) == 1);
    for (int i = 0; i < 2; i++) {
        result = NULL;
        assert_int_equal(pt_future_get(future, &result), PT_OK);
        assert_ptr_equal(result, &answer);
    }
    assert_int_equal(pt_future_get(future, NULL), PT_OK);

    pt_error error;
    assert_int_equal(pt_future_error(future, &error), PT_ERR_INVALID);
    assert_int_equal(pt_future_start(future), PT_ERR_CLOSED);
    assert_int_equal(pt_future_complete(future, NULL), PT_ERR_CLOSED);
    assert_int_equal(pt_future_fail(future, 1, "late"), PT_ERR_CLOSED);
    assert_int_equal(pt_future_abort(future), PT_ERR_CLOSED);
    assert_int_equal(pt_future_cancel(future), PT_ERR_CLOSED);
    assert_int_equal(pt_future_get(future, &result), PT_OK);
    pt_future_release(future);
}

static void test_an_error_has_a_code_and_a_message(void **state)
{
    (void)state;
    char text[2 * PT_ERROR_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    const char *const messages[] = {"no such file", text, NULL};
    for (int i = 0; i < 3; i++) {
        pt_error error;
        void *result = text;
        pt_future *future = make();
        assert_int_equal(pt_future_error(future, &error), PT_ERR_BUSY);
        assert_int_equal(pt_future_fail(future, i - 1, messages[i]), PT_OK);
        assert_int_equal(pt_future_get_state(future), PT_FUTURE_FAILED);
        assert_int_equal(pt_future_get(future, &result), PT_ERR_FAILED);
        assert_ptr_equal(result, text);
        assert_int_equal(pt_future_error(future, &error), PT_OK);
        assert_int_equal(error.code, i - 1);
        assert_int_equal(strlen(error.message), i == 0 ? 12 : i == 1 ? PT_ERROR_SIZE - 1 : 0);
        pt_future_release(future);
    }
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    pt_error error;
    void *result;
    pt_ready_hook hook = {.function = NULL};
    assert_int_equal(pt_future_create(NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_start(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_complete(NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_fail(NULL, 0, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_abort(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_cancel(NULL), PT_ERR_INVALID);
    assert_null(pt_future_token(NULL));
    pt_future_set_progress(NULL, 1);
    assert_true(pt_future_progress(NULL) == 0);
    assert_int_equal(pt_future_get(NULL, &result), PT_ERR_INVALID);
    assert_int_equal(pt_future_try_get(NULL, &result), PT_ERR_INVALID);
    assert_int_equal(pt_future_error(NULL, &error), PT_ERR_INVALID);
    assert_int_equal(pt_future_get_state(NULL), PT_FUTURE_ABORTED);
    assert_null(pt_future_ended(NULL));
    assert_int_equal(pt_case_future(NULL).kind, PT_CASE_NEVER);
    assert_null(pt_future_retain(NULL));
    pt_future_release(NULL);
    assert_int_equal(pt_future_on_ready(NULL, &hook, count_call, NULL), PT_ERR_INVALID);
    pt_future *future = make();
    assert_int_equal(pt_future_on_ready(future, NULL, count_call, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_future_on_ready(future, &hook, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_ready_hook_remove(&hook), PT_ERR_INVALID);
    assert_int_equal(pt_future_error(future, NULL), PT_ERR_INVALID);
    pt_future_release(future);
}

/* ---- Results that nobody got --------------------------------------------------------------------------- */

static void count_destroyed(void *result, void *arg)
{
    assert_ptr_equal(result, arg);
    (*(int *)arg)++;
}

static void test_a_result_that_nobody_got_is_destroyed(void **state)
{
    (void)state;
    enum { LOST, GOT, PEEKED, FAILED, PENDING, CASES };
    for (int what = 0; what < CASES; what++) {
        int destroyed = 0;
        pt_future *future;
        void *result = NULL;
        assert_int_equal(
            pt_future_create(&future, &(pt_future_config){.destroy = count_destroyed, .arg = &destroyed}), PT_OK);
        if (what == FAILED)
            assert_int_equal(pt_future_fail(future, 1, NULL), PT_OK);
        else if (what != PENDING)
            assert_int_equal(pt_future_complete(future, &destroyed), PT_OK);
        if (what == GOT)
            assert_int_equal(pt_future_get(future, &result), PT_OK);
        else if (what == PEEKED)
            assert_int_equal(pt_future_get_state(future), PT_FUTURE_DONE);
        assert_ptr_equal(pt_future_retain(future), future);
        pt_future_release(future);
        assert_int_equal(destroyed, 0);
        pt_future_release(future);
        assert_int_equal(destroyed, what == LOST || what == PEEKED);
    }
}

/* ---- Cancelling ------------------------------------------------------------------------------------------ */

static void test_a_pending_one_is_cancelled_for_good(void **state)
{
    (void)state;
    void *result;
    pt_future *future = make();
    assert_int_equal(pt_future_cancel(future), PT_OK);
    assert_int_equal(pt_future_cancel(future), PT_ERR_CLOSED);
    assert_int_equal(pt_future_get_state(future), PT_FUTURE_ABORTED);
    assert_int_equal(pt_future_start(future), PT_ERR_CLOSED);
    assert_int_equal(pt_future_complete(future, NULL), PT_ERR_CLOSED);
    assert_int_equal(pt_future_get(future, &result), PT_ERR_ABORTED);
    pt_future_release(future);
}

static void test_one_that_runs_is_asked(void **state)
{
    (void)state;
    for (int token_first = 0; token_first < 2; token_first++) {
        pt_future *future = make();
        pt_cancel *token = token_first ? pt_future_token(future) : NULL;
        assert_int_equal(pt_future_start(future), PT_OK);
        if (token_first)
            assert_int_equal(pt_cancel_status(token), PT_OK);
        assert_int_equal(pt_future_cancel(future), PT_ERR_BUSY);
        assert_int_equal(pt_future_cancel(future), PT_ERR_BUSY);
        assert_int_equal(pt_cancel_status(token_first ? token : pt_future_token(future)), PT_ERR_CANCELLED);
        assert_int_equal(pt_future_get_state(future), PT_FUTURE_RUNNING);
        if (token_first)
            assert_int_equal(pt_future_abort(future), PT_OK); /* who runs it may do as asked, or not */
        else
            assert_int_equal(pt_future_complete(future, NULL), PT_OK);
        assert_int_equal(pt_future_get(future, NULL), token_first ? PT_ERR_ABORTED : PT_OK);
        pt_future_release(future);
    }
}

struct asked {
    pt_future *future;
    uint32_t cancelled;
};

/* One cancels it while it runs; the others ask for the token. */
static void ask_and_look(struct member *member)
{
    struct asked *own = member->shared;
    if (member->index == 0) {
        check(pt_future_cancel(own->future) == PT_ERR_BUSY);
        return;
    }
    pt_cancel *token = pt_future_token(own->future);
    check(token != NULL && token == pt_future_token(own->future));
    check(pt_sleep_until(pt_cancelled_by(token)) == PT_ERR_CANCELLED); /* sooner or later */
    add_relaxed(&own->cancelled, 1);
}

static void test_who_asks_for_the_token_hears_of_it(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(200); i++) {
        struct asked asked = {.future = make()};
        assert_int_equal(pt_future_start(asked.future), PT_OK);
        crew_run(3, ask_and_look, &asked);
        assert_int_equal(asked.cancelled, 2);
        assert_int_equal(pt_future_complete(asked.future, NULL), PT_OK);
        pt_future_release(asked.future);
    }
}

/* ---- Ended once ------------------------------------------------------------------------------------------ */

struct race {
    pt_future *future;
    uint64_t written[4]; /* plain: each by the member that may end it */
    uint32_t won, ends[4], calls;
    void *results[4];
    pt_status statuses[4];
    pt_ready_hook hooks[4];
};

/* All but the last try to end it in their ways, then all look. Who gets a result sees what its maker wrote. */
static void end_and_look(struct member *member)
{
    struct race *race = member->shared;
    int i = member->index;
    pt_error error = {.code = -1};
    test_delay(&member->stream);
    check(pt_future_on_ready(race->future, &race->hooks[i], count_call, &race->calls) == PT_OK);
    race->written[i] = 100 + (uint64_t)i;
    pt_status ended = i == 0   ? pt_future_complete(race->future, &race->written[0])
                      : i == 1 ? pt_future_complete(race->future, &race->written[1])
                      : i == 2 ? pt_future_fail(race->future, 7, "failed")
                               : PT_ERR_CLOSED;
    check(ended == PT_OK || ended == PT_ERR_CLOSED);
    add_relaxed(&race->won, ended == PT_OK);
    if (i == 3 && test_random(&member->stream) % 2 == 0)
        add_relaxed(&race->won, pt_future_cancel(race->future) == PT_OK);
    race->statuses[i] = pt_future_get(race->future, &race->results[i]);
    if (race->statuses[i] == PT_OK)
        check(*(uint64_t *)race->results[i] >= 100);
    else if (race->statuses[i] == PT_ERR_FAILED)
        check(pt_future_error(race->future, &error) == PT_OK && error.code == 7 &&
              strcmp(error.message, "failed") == 0);
    pt_future_release(race->future); /* each has a reference */
}

static void test_of_many_that_end_it_one_does(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300); i++) {
        static struct race race;
        memset(&race, 0, sizeof race);
        race.future = make();
        for (int n = 0; n < 3; n++)
            pt_future_retain(race.future);
        crew_run(4, end_and_look, &race);
        assert_int_equal(race.won, 1);
        assert_int_equal(race.calls, 4);
        for (int n = 1; n < 4; n++) {
            assert_int_equal(race.statuses[n], race.statuses[0]);
            assert_ptr_equal(race.results[n], race.results[0]);
        }
    }
}

/* ---- Hooks -------------------------------------------------------------------------------------------------- */

static void test_a_hook_is_called_once_or_taken_back(void **state)
{
    (void)state;
    static pt_ready_hook hook;
    uint32_t calls = 0;
    pt_future *future = make();
    assert_int_equal(pt_future_on_ready(future, &hook, count_call, &calls), PT_OK);
    assert_int_equal(pt_ready_hook_remove(&hook), PT_OK);
    assert_int_equal(pt_ready_hook_remove(&hook), PT_ERR_INVALID);
    assert_int_equal(pt_future_on_ready(future, &hook, count_call, &calls), PT_OK);
    assert_int_equal(calls, 0);
    assert_int_equal(pt_future_complete(future, NULL), PT_OK);
    assert_int_equal(calls, 1);
    assert_int_equal(pt_ready_hook_remove(&hook), PT_ERR_INVALID);
    assert_int_equal(pt_future_on_ready(future, &hook, count_call, &calls), PT_OK); /* at once */
    assert_int_equal(calls, 2);
    pt_future_release(future);
}

/* The last reference may be the hook's own. */
static void test_a_hook_keeps_its_future(void **state)
{
    (void)state;
    static pt_ready_hook hook;
    uint32_t calls = 0;
    int destroyed = 0;
    pt_future *future;
    assert_int_equal(pt_future_create(&future, &(pt_future_config){.destroy = count_destroyed, .arg = &destroyed}),
                     PT_OK);
    assert_int_equal(pt_future_on_ready(future, &hook, count_call, &calls), PT_OK);
    pt_future *other = pt_future_retain(future);
    pt_future_release(future);
    assert_int_equal(pt_future_complete(other, &destroyed), PT_OK);
    pt_future_release(other);
    assert_int_equal(calls, 1);
    assert_int_equal(destroyed, 1);
}

struct removal {
    pt_future *future, *ended;
    pt_ready_hook hook;
    uint32_t calls;
};

/* One ends it while the other takes its hook back: it was called, and has returned, or will not be. */
static void end_or_remove(struct member *member)
{
    struct removal *own = member->shared;
    test_delay(&member->stream);
    if (member->index == 0) {
        check(pt_future_complete(own->future, NULL) == PT_OK);
        return;
    }
    pt_status status = pt_ready_hook_remove(&own->hook);
    check(status == PT_OK || status == PT_ERR_INVALID);
    check(load_relaxed(&own->calls) == (status == PT_ERR_INVALID));
}

/* The same of a hook whose function this thread has called before. */
static void use_and_remove(struct member *member)
{
    struct removal *own = member->shared;
    uint32_t before = 0;
    if (member->index == 1) {
        check(pt_future_on_ready(own->ended, &own->hook, count_call, &before) == PT_OK && before == 1);
        check(pt_future_on_ready(own->future, &own->hook, count_call, &own->calls) == PT_OK);
    }
    end_or_remove(member);
}

static void test_a_hook_is_not_called_after_it_was_taken_back(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300) + 1; i++) {
        struct removal own = {.future = make(), .ended = make()};
        assert_int_equal(pt_future_complete(own.ended, NULL), PT_OK);
        bool used = i % 2 == 1;
        if (!used)
            assert_int_equal(pt_future_on_ready(own.future, &own.hook, count_call, &own.calls), PT_OK);
        crew_run(2, used ? use_and_remove : end_or_remove, &own);
        pt_future_release(own.future);
        pt_future_release(own.ended);
    }
}

/* ---- Select ------------------------------------------------------------------------------------------------- */

static void end_them_in_turn(struct member *member)
{
    pt_future **futures = member->shared;
    for (int i = 0; i < 3; i++) {
        test_delay(&member->stream);
        check(pt_future_complete(futures[i], &futures[i]) == PT_OK);
    }
}

static void test_a_select_waits_for_the_first_to_end(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(200); i++) {
        pt_future *futures[3] = {make(), make(), make()};
        pt_channel *never;
        uint64_t value;
        assert_int_equal(pt_channel_create(&never, sizeof value, 1, NULL), PT_OK);
        pt_case cases[] = {pt_case_receive(never, &value), pt_case_future(futures[0]), pt_case_future(futures[1]),
                           pt_case_future(futures[2])};
        struct crew *crew = crew_start(1, end_them_in_turn, futures);
        for (int left = 3; left > 0; left--) { /* each is taken off the list once it has ended */
            size_t fired = 0;
            void *result = NULL;
            assert_int_equal(pt_select(cases, 4, &fired), PT_OK);
            assert_true(fired >= 1 && cases[fired].kind == PT_CASE_EVENT);
            assert_int_equal(pt_future_try_get(futures[fired - 1], &result), PT_OK);
            assert_ptr_equal(result, &futures[fired - 1]);
            cases[fired] = pt_case_future(NULL);
        }
        crew_join(crew);
        for (int n = 0; n < 3; n++)
            pt_future_release(futures[n]);
        pt_channel_release_sender(never);
        pt_channel_release_receiver(never);
    }
}

/* ---- A page's main thread --------------------------------------------------------------------------------------- */

struct visit {
    pt_future *future;
    pt_ready_hook hook;
    pt_event called;
    pt_status get;
    int wrong;
};

static void note_call(void *arg)
{
    struct visit *visit = arg;
    visit->wrong += pt_thread_may_block(); /* not the page's thread */
    visit->wrong += pt_future_try_get(visit->future, NULL) != PT_OK;
    pt_event_set(&visit->called);
}

static void visit_page(void *arg)
{
    struct visit *visit = arg;
    visit->get = pt_future_get(visit->future, NULL);
    visit->wrong += pt_future_on_ready(visit->future, &visit->hook, note_call, visit) != PT_OK;
}

static void test_a_page_is_called_back(void **state)
{
    (void)state;
    static struct visit visit;
    visit = (struct visit){.future = make()};
    bool has_page = test_on_page_thread(visit_page, &visit);
    assert_int_equal(pt_future_complete(visit.future, NULL), PT_OK);
    if (!has_page) {
        pt_future_release(visit.future);
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    pt_event_wait(&visit.called);
    assert_int_equal(visit.get, PT_ERR_NOBLOCK);
    assert_int_equal(visit.wrong, 0);
    pt_future_release(visit.future);
}

TEST_MAIN("future", TEST(test_a_result_is_there_for_all), TEST(test_an_error_has_a_code_and_a_message),
          TEST(test_bad_arguments_are_refused), TEST(test_a_result_that_nobody_got_is_destroyed),
          TEST(test_a_pending_one_is_cancelled_for_good), TEST(test_one_that_runs_is_asked),
          TEST(test_who_asks_for_the_token_hears_of_it), TEST(test_of_many_that_end_it_one_does),
          TEST(test_a_hook_is_called_once_or_taken_back), TEST(test_a_hook_keeps_its_future),
          TEST(test_a_hook_is_not_called_after_it_was_taken_back), TEST(test_a_select_waits_for_the_first_to_end),
          TEST(test_a_page_is_called_back))
