/* test_thread.c: threads start, end, are joined once, and know who they are. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "atomic.h"

static void *give_back(void *arg)
{
    return arg;
}

static void *wait_for_event(void *arg)
{
    pt_event_wait(arg);
    return arg;
}

static pt_thread *start(pt_thread_function function, void *arg)
{
    pt_thread *thread = NULL;
    assert_int_equal(pt_thread_spawn(&thread, NULL, function, arg), PT_OK);
    assert_non_null(thread);
    return thread;
}

static void test_a_result_is_delivered_once(void **state)
{
    (void)state;
    int value = 0;
    void *result = NULL;
    pt_thread *thread = start(give_back, &value);
    assert_int_equal(pt_thread_join(thread, &result), PT_OK);
    assert_ptr_equal(result, &value);
    assert_true(pt_thread_is_finished(thread));
    result = NULL;
    assert_int_equal(pt_thread_join(thread, &result), PT_ERR_INVALID);
    assert_int_equal(pt_thread_try_join(thread, &result), PT_ERR_INVALID);
    assert_int_equal(pt_thread_join_until(thread, &result, pt_at(0)), PT_ERR_INVALID);
    assert_null(result);
    pt_thread_release(thread);
}

static void test_join_can_give_up(void **state)
{
    (void)state;
    pt_event event = PT_EVENT_INIT;
    void *result = NULL;
    pt_thread *thread = start(wait_for_event, &event);
    pt_until until = pt_after_ms(5);
    assert_int_equal(pt_thread_join_until(thread, &result, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(pt_thread_join_until(thread, &result, pt_after(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_thread_try_join(thread, &result), PT_ERR_BUSY);
    assert_false(pt_thread_is_finished(thread));
    assert_null(result);
    pt_event_set(&event);
    assert_int_equal(pt_thread_join_until(thread, &result, PT_FOREVER), PT_OK);
    assert_ptr_equal(result, &event);
    pt_thread_release(thread);
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    pt_thread *thread = NULL;
    pt_thread_config tiny = {.stack_size = 1}, huge = {.stack_size = SIZE_MAX / 2};
    assert_int_equal(pt_thread_spawn(&thread, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_thread_spawn(&thread, &tiny, give_back, NULL), PT_ERR_INVALID);
    assert_int_not_equal(pt_thread_spawn(&thread, &huge, give_back, NULL), PT_OK);
    assert_null(thread);
    assert_int_equal(pt_thread_join(NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_thread_join_until(NULL, NULL, PT_FOREVER), PT_ERR_INVALID);
    assert_int_equal(pt_thread_try_join(NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_thread_set_name(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_sleep_until(PT_FOREVER), PT_ERR_INVALID);
    pt_thread_release(NULL);
    pt_thread_detach(NULL);
    assert_null(pt_thread_retain(NULL));
}

static void *join_oneself(void *arg)
{
    static pt_status status;
    status = pt_thread_join(pt_thread_current(), NULL);
    (void)arg;
    return &status;
}

static void test_joining_oneself_is_refused(void **state)
{
    (void)state;
    NOT_IN_CHECKED_BUILDS();
    void *status;
    pt_thread *thread = start(join_oneself, NULL);
    assert_int_equal(pt_thread_join(thread, &status), PT_OK);
    assert_int_equal(*(pt_status *)status, PT_ERR_DEADLOCK);
    pt_thread_release(thread);
}

/* ---- Many joiners, one result ----------------------------------------------------------------- */

struct reunion {
    pt_thread *thread;
    pt_event go;
    uint32_t delivered, refused;
};

static void join_it(struct member *member)
{
    struct reunion *reunion = member->shared;
    void *result = NULL;
    pt_status status;
    do {
        pt_until until = pt_after(test_random(&member->stream) % 100 * PT_MICROSECOND);
        status = member->index % 2 ? pt_thread_join_until(reunion->thread, &result, until)
                                   : pt_thread_join(reunion->thread, &result);
    } while (status == PT_ERR_TIMEOUT);
    if (status == PT_OK)
        check(result == &reunion->go);
    else
        check(status == PT_ERR_INVALID && result == NULL);
    add_relaxed(status == PT_OK ? &reunion->delivered : &reunion->refused, 1);
}

static void test_one_of_many_joiners_gets_the_result(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(100); i++) {
        struct reunion reunion = {.go = PT_EVENT_INIT};
        reunion.thread = start(wait_for_event, &reunion.go);
        struct crew *crew = crew_start(4, join_it, &reunion);
        pt_event_set(&reunion.go);
        crew_join(crew);
        assert_int_equal(reunion.delivered, 1);
        assert_int_equal(reunion.refused, 3);
        pt_thread_release(reunion.thread);
    }
    assert_int_equal(parked(NULL), 0);
}

/* ---- Detaching ------------------------------------------------------------------------------- */

static pt_semaphore detached_done = PT_SEMAPHORE_INIT(0);

static void *post_and_go(void *arg)
{
    pt_thread *me = pt_thread_retain(pt_thread_current()); /* its own handle, by itself */
    pt_semaphore_post(&detached_done, 1);
    pt_thread_release(me);
    return arg;
}

static void test_detached_threads_run_to_their_end(void **state)
{
    (void)state;
    int n = test_scale(300);
    for (int i = 0; i < n; i++) {
        pt_status status;
        if (i % 2) {
            pt_thread *thread = NULL;
            while ((status = pt_thread_spawn(&thread, NULL, post_and_go, NULL)) == PT_ERR_AGAIN)
                pt_thread_yield(); /* those before have not given back what they held */
            pt_thread_detach(thread);
        } else {
            while ((status = pt_thread_spawn(NULL, NULL, post_and_go, NULL)) == PT_ERR_AGAIN)
                pt_thread_yield();
        }
        assert_int_equal(status, PT_OK);
    }
    for (int i = 0; i < n; i++)
        pt_semaphore_wait(&detached_done);
}

struct lending {
    pt_thread *handle;
    pt_event lent, may_end;
};

static void *lend_handle(void *arg)
{
    struct lending *lending = arg;
    lending->handle = pt_thread_retain(pt_thread_current());
    pt_event_set(&lending->lent);
    pt_event_wait(&lending->may_end);
    return NULL;
}

static void test_a_handle_keeps_a_thread_joinable(void **state)
{
    (void)state;
    struct lending lending = {0};
    pt_thread *thread = start(lend_handle, &lending);
    pt_event_wait(&lending.lent);
    pt_thread_release(thread); /* not the last handle */
    assert_int_equal(pt_thread_try_join(lending.handle, NULL), PT_ERR_BUSY);
    pt_event_set(&lending.may_end);
    assert_int_equal(pt_thread_join(lending.handle, NULL), PT_OK);
    pt_thread_release(lending.handle);
}

struct orphan {
    pt_event let_go, may_end;
    pt_thread *handle;
};

static void *take_handle_late(void *arg)
{
    struct orphan *orphan = arg;
    pt_event_wait(&orphan->let_go);
    orphan->handle = pt_thread_retain(pt_thread_current());
    pt_event_set(&orphan->may_end);
    return NULL;
}

static void test_joining_a_detached_thread_is_refused(void **state)
{
    (void)state;
    struct orphan orphan = {0};
    pt_thread_detach(start(take_handle_late, &orphan));
    pt_event_set(&orphan.let_go);
    pt_event_wait(&orphan.may_end);
    assert_int_equal(pt_thread_join(orphan.handle, NULL), PT_ERR_INVALID);
    pt_thread_release(orphan.handle);
}

/* ---- Who am I -------------------------------------------------------------------------------- */

static void know_thyself(struct member *member)
{
    char name[PT_THREAD_NAME_SIZE], expected[PT_THREAD_NAME_SIZE], tiny[4];
    uint64_t *ids = member->shared;
    pt_thread *me = pt_thread_current();
    check(me == pt_thread_current());
    ids[member->index] = pt_thread_id(NULL);
    check(ids[member->index] == pt_thread_id(me));
    snprintf(expected, sizeof expected, "member-%d", member->index);
    check(pt_thread_name(me, name, sizeof name) == strlen(expected));
    check(strcmp(name, expected) == 0);
    check(pt_thread_name(NULL, tiny, sizeof tiny) == strlen(expected) && strcmp(tiny, "mem") == 0);
    check(pt_thread_set_name("a name that is longer than thirty-one bytes") == PT_OK);
    check(pt_thread_name(NULL, name, sizeof name) == PT_THREAD_NAME_SIZE - 1);
    check(strncmp(name, "a name that is longer", 21) == 0);
}

static void test_threads_know_who_they_are(void **state)
{
    (void)state;
    uint64_t ids[9];
    crew_run(8, know_thyself, ids);
    ids[8] = pt_thread_id(NULL);
    for (int a = 0; a < 9; a++) {
        assert_true(ids[a] > 0);
        for (int b = 0; b < a; b++)
            assert_true(ids[a] != ids[b]);
    }
}

static void test_main_has_a_handle_that_cannot_be_joined(void **state)
{
    (void)state;
    pt_thread *me = pt_thread_current();
    assert_non_null(me);
    assert_int_equal(pt_thread_join(me, NULL), PT_ERR_INVALID);
    assert_false(pt_thread_is_finished(me));
    pt_thread_release(pt_thread_retain(me));
    assert_ptr_equal(pt_thread_current(), me);
}

/* ---- Threads that the library did not start, and pthread_exit ---------------------------------- */

static void *ask_for_handle(void *out)
{
    *(pt_thread **)out = pt_thread_retain(pt_thread_current());
    return NULL;
}

static void test_a_foreign_thread_has_a_handle_while_it_runs(void **state)
{
    (void)state;
    NOT_SIMULATED("threads that are not its own");
    pthread_t foreign;
    pt_thread *handle = NULL;
    assert_int_equal(pthread_create(&foreign, NULL, ask_for_handle, &handle), 0);
    pthread_join(foreign, NULL);
    assert_non_null(handle);
    assert_int_equal(pt_thread_join(handle, NULL), PT_ERR_INVALID);
    assert_true(pt_thread_is_finished(handle));
    pt_thread_release(handle);
}

static void *leave_early(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void test_a_thread_that_leaves_by_pthread_exit_can_be_joined(void **state)
{
    (void)state;
    NOT_SIMULATED("pthread_exit");
    void *result = &result;
    pt_thread *thread = start(leave_early, NULL);
    assert_int_equal(pt_thread_join(thread, &result), PT_OK);
    assert_null(result);
    pt_thread_release(thread);
}

/* ---- Order, sleep, limits ---------------------------------------------------------------------- */

static void *write_to(void *arg)
{
    *(int *)arg = 42;
    return NULL;
}

static void test_join_makes_what_the_thread_wrote_visible(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(500); i++) {
        int value = 0;
        pt_thread *thread = start(write_to, &value);
        if (i % 2) {
            pt_status status;
            while ((status = pt_thread_try_join(thread, NULL)) == PT_ERR_BUSY)
                pt_thread_yield();
            assert_int_equal(status, PT_OK);
        } else {
            assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
        }
        assert_int_equal(value, 42);
        pt_thread_release(thread);
    }
}

static void test_sleep_is_never_short(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        pt_time begin = pt_now(), length = i * 200 * PT_MICROSECOND;
        assert_int_equal(pt_sleep(length), PT_OK);
        assert_true(pt_now() - begin >= length);
    }
    assert_int_equal(pt_sleep(-1), PT_OK);
    assert_int_equal(pt_sleep(INT64_MIN), PT_OK);
    assert_int_equal(pt_sleep_until(pt_at(0)), PT_OK);
    assert_int_equal(parked(NULL), 0);
}

static void test_the_target_says_what_it_can_do(void **state)
{
    (void)state;
    assert_true(pt_thread_parallelism() >= 1);
    assert_true(pt_thread_may_block());
    pt_thread_yield();
}

/* ---- The list of waits -------------------------------------------------------------------------- */

static void test_the_dump_names_who_waits_for_what(void **state)
{
    (void)state;
    char *text = NULL, line[128];
    size_t size = 0;
    pt_event event = PT_EVENT_INIT;
    pt_thread *thread = NULL;
    pt_thread_config config = {.name = "a \"patient\" thread"};
    assert_int_equal(pt_thread_spawn(&thread, &config, wait_for_event, &event), PT_OK);
    wait_until_parked(&event, 1);

    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    pt_dump_waits(out);
    fclose(out);
    snprintf(line, sizeof line, "  thread %llu \"a \"patient\" thread\" waits ",
             (unsigned long long)pt_thread_id(thread));
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof line, " ms for event %p\n", (void *)&event);
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, "\"test\" waits for nothing in this library\n"));
    free(text);
    pt_event_set(&event);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
}

/* ---- Errors, detached threads, sleep that is cut short --------------------------------------------- */

static void *fail_somehow(void *arg)
{
    pt_thread_fail(1, "not the last word");
    return pt_thread_fail(*(const int *)arg,
                          "no such file, and a story that is much too long to be kept as a whole, as "
                          "messages are to fit on a line");
}

static void test_an_error_is_delivered_once(void **state)
{
    (void)state;
    int code = 42;
    void *result = &code;
    pt_error error = {0, ""};
    pt_thread *thread = start(fail_somehow, &code);
    assert_int_equal(pt_thread_join(thread, &result), PT_ERR_FAILED);
    assert_ptr_equal(result, &code); /* untouched */
    assert_int_equal(pt_thread_join(thread, &result), PT_ERR_INVALID);
    assert_int_equal(pt_thread_error(thread, &error), PT_OK);
    assert_int_equal(error.code, 42);
    assert_int_equal(strlen(error.message), PT_ERROR_SIZE - 1);
    assert_int_equal(strncmp(error.message, "no such file, and", 17), 0);
    assert_int_equal(pt_thread_error(thread, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_thread_error(NULL, &error), PT_ERR_INVALID);
    pt_thread_release(thread);

    pt_event event = PT_EVENT_INIT;
    thread = start(wait_for_event, &event);
    assert_int_equal(pt_thread_error(thread, &error), PT_ERR_BUSY);
    pt_event_set(&event);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    assert_int_equal(pt_thread_error(thread, &error), PT_ERR_INVALID);
    pt_thread_release(thread);
    assert_null(pt_thread_fail(1, NULL)); /* main is not ours: nothing happens */
}

static void test_a_detached_thread_keeps_its_handle(void **state)
{
    (void)state;
    pt_event event = PT_EVENT_INIT;
    pt_thread *thread = NULL;
    char name[PT_THREAD_NAME_SIZE];
    for (pt_reuse reuse = PT_REUSE_AUTO; reuse <= PT_REUSE_NEVER; reuse++) {
        const pt_thread_config config = {.name = "free", .reuse = reuse, .detached = true};
        pt_event_reset(&event);
        assert_int_equal(pt_thread_spawn(&thread, &config, wait_for_event, &event), PT_OK);
        assert_int_equal(pt_thread_join(thread, NULL), PT_ERR_INVALID);
        assert_int_equal(pt_thread_name(thread, name, sizeof name), 4);
        assert_string_equal(name, "free");
        assert_false(pt_thread_is_finished(thread));
        wait_until_parked(&event, 1); /* so that it is through with the event soon after the set */
        pt_event_set(&event);
        while (!pt_thread_is_finished(thread))
            pt_thread_yield();
        assert_int_equal(pt_thread_try_join(thread, NULL), PT_ERR_INVALID);
        pt_thread_release(thread);
    }
}

static void *sleep_long(void *arg)
{
    static pt_status status;
    status = pt_sleep_until(pt_or_cancelled_by(pt_after(1000 * PT_SECOND), arg));
    return &status;
}

static void test_sleep_can_be_cut_short(void **state)
{
    (void)state;
    pt_cancel *token;
    void *result;
    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    pt_thread *thread = start(sleep_long, token);
    wait_until_parked(NULL, 1);
    pt_cancel_request(token, NULL);
    assert_int_equal(pt_thread_join(thread, &result), PT_OK);
    assert_int_equal(*(pt_status *)result, PT_ERR_CANCELLED);
    pt_thread_release(thread);
    assert_int_equal(pt_sleep_until(pt_cancelled_by(token)), PT_ERR_CANCELLED);
    pt_cancel_release(token);

    assert_int_equal(pt_cancel_create(&token, pt_after_ms(2)), PT_OK);
    pt_until until = pt_or_cancelled_by(pt_after(1000 * PT_SECOND), token);
    assert_int_equal(pt_sleep_until(until), PT_ERR_TIMEOUT);                      /* the token's */
    assert_int_equal(pt_sleep_until(pt_or_cancelled_by(pt_at(1), token)), PT_OK); /* its own has passed too */
    pt_cancel_release(token);
}

/* ---- After the end ------------------------------------------------------------------------------- */

static pthread_key_t late_key;
static pt_event late_begins = PT_EVENT_INIT, late_may_end = PT_EVENT_INIT;
static uint64_t late_ids[2];

static void be_late(void *value)
{
    *(uint64_t *)value = pt_thread_id(NULL);
    pt_event_set(&late_begins);
    pt_event_wait(&late_may_end);
}

static void *set_late_key(void *arg)
{
    return pthread_setspecific(late_key, arg) == 0 ? arg : NULL;
}

/* What POSIX and C++ still run in a thread after its end belongs to nobody else's thread, and only a join without a
   deadline waits for it. */
static void test_a_try_does_not_wait_for_what_comes_after(void **state)
{
    (void)state;
    NOT_SIMULATED("destructors of pthreads");
    const pt_thread_config never = {.reuse = PT_REUSE_NEVER};
    pt_thread *threads[2];
    assert_int_equal(pthread_key_create(&late_key, be_late), 0);
    for (int i = 0; i < 2; i++) {
        pt_event_reset(&late_begins);
        assert_int_equal(pt_thread_spawn(&threads[i], &never, set_late_key, &late_ids[i]), PT_OK);
        pt_event_wait(&late_begins);
    }
    assert_int_equal(pt_thread_try_join(threads[0], NULL), PT_OK);
    assert_int_equal(pt_thread_join_until(threads[1], NULL, pt_after(100 * PT_SECOND)), PT_OK);
    assert_true(late_ids[0] != late_ids[1] && late_ids[0] != UINT64_MAX && late_ids[1] != UINT64_MAX);
    wait_until_parked(&late_may_end, 2);
    pt_event_set(&late_may_end);
    while (parked(NULL) != 0)
        pt_thread_yield();
    for (int i = 0; i < 2; i++)
        pt_thread_release(threads[i]);
}

/* ---- Running out of threads ---------------------------------------------------------------------- */

static void test_running_out_of_threads_is_an_answer(void **state)
{
    (void)state;
    pt_event event = PT_EVENT_INIT;
    pt_thread **threads = calloc(TEST_THREAD_LIMIT, sizeof(pt_thread *));
    assert_non_null(threads);
    int count = 0;
    pt_status status = PT_OK;
    pt_thread_config config = {.stack_size = 64 * 1024};
    while (count < TEST_THREAD_LIMIT &&
           (status = pt_thread_spawn(&threads[count], &config, wait_for_event, &event)) == PT_OK)
        count++;
    assert_true(count > 4);
    if (count < TEST_THREAD_LIMIT) {
        assert_int_equal(status, PT_ERR_AGAIN);
        assert_null(threads[count]);
    } else {
        print_message("no limit met at %d threads\n", count);
    }
    pt_event_set(&event);
    for (int i = 0; i < count; i++) {
        assert_int_equal(pt_thread_join(threads[i], NULL), PT_OK);
        pt_thread_release(threads[i]);
    }
    free(threads);
    pt_thread *thread; /* and now there are some again; in a browser those that are parked, with their stacks */
    assert_int_equal(pt_thread_spawn(&thread, &config, give_back, NULL), PT_OK);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
}

TEST_MAIN("thread", TEST(test_a_result_is_delivered_once), TEST(test_join_can_give_up),
          TEST(test_bad_arguments_are_refused), TEST(test_joining_oneself_is_refused),
          TEST(test_one_of_many_joiners_gets_the_result), TEST(test_detached_threads_run_to_their_end),
          TEST(test_a_handle_keeps_a_thread_joinable), TEST(test_joining_a_detached_thread_is_refused),
          TEST(test_threads_know_who_they_are), TEST(test_main_has_a_handle_that_cannot_be_joined),
          TEST(test_a_foreign_thread_has_a_handle_while_it_runs),
          TEST(test_a_thread_that_leaves_by_pthread_exit_can_be_joined),
          TEST(test_join_makes_what_the_thread_wrote_visible), TEST(test_sleep_is_never_short),
          TEST(test_the_target_says_what_it_can_do), TEST(test_the_dump_names_who_waits_for_what),
          TEST(test_an_error_is_delivered_once), TEST(test_a_detached_thread_keeps_its_handle),
          TEST(test_sleep_can_be_cut_short), TEST(test_a_try_does_not_wait_for_what_comes_after),
          TEST(test_running_out_of_threads_is_an_answer))
