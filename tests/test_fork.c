/* test_fork.c: after a fork, at whatever moment, the child may use the library. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include "atomic.h"

/* ---- What a child does: all that the library can, on objects of its own ------------------------------------- */

static pt_tls own = PT_TLS_INIT(free);

static void *child_work(void *arg)
{
    pt_semaphore *semaphore = arg;
    pt_status status = pt_tls_set(&own, malloc(8));
    pt_semaphore_post(semaphore, 1);
    pt_sleep(PT_MICROSECOND);
    return status == PT_OK ? NULL : pt_thread_fail(1, "no memory");
}

static int child(void)
{
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(0);
    pt_scope scope = PT_SCOPE_INIT;
    alarm(30); /* a child that hangs is ended */
    for (int i = 0; i < 4; i++) {
        const pt_thread_config config = {.reuse = i % 2 ? PT_REUSE_ALWAYS : PT_REUSE_NEVER};
        if (pt_scope_spawn(&scope, &config, child_work, &semaphore) != PT_OK)
            return 2;
        if (pt_semaphore_wait(&semaphore) != PT_OK)
            return 3;
    }
    if (pt_scope_join(&scope, NULL) != PT_OK)
        return 4;
    pt_cancel *token;
    if (pt_cancel_create(&token, pt_after_ms(1)) != PT_OK ||
        pt_semaphore_wait_until(&semaphore, pt_cancelled_by(token)) != PT_ERR_TIMEOUT)
        return 5;
    pt_cancel_release(token);
    pt_thread_trim();
    char name[PT_THREAD_NAME_SIZE];
    pt_thread_name(NULL, name, sizeof name);
    return pt_thread_parked() == 0 ? 0 : 6;
}

/* fork, and the child's answer. */
static int fork_and_wait(int (*in_child)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(in_child());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- The parent is busy ------------------------------------------------------------------------------------- */

struct town {
    pt_mutex mutex;
    pt_cond cond;
    pt_event event;
    uint32_t over; /* atomic */
    int forks;
};

static void *nothing(void *arg)
{
    return arg;
}

static void ignore(pt_status status)
{
    (void)status;
}

static void bustle(struct member *member, struct town *town)
{
    pt_until soon = pt_after(test_random(&member->stream) % 50 * PT_MICROSECOND);
    switch (test_random(&member->stream) % 4) {
    case 0:
        pt_mutex_lock(&town->mutex);
        if (test_random(&member->stream) % 2)
            pt_cond_broadcast(&town->cond);
        else
            (void)pt_cond_wait_until(&town->cond, &town->mutex, soon);
        pt_mutex_unlock(&town->mutex);
        break;
    case 1: ignore(pt_event_wait_until(&town->event, soon)); break;
    case 2: {
        const pt_thread_config config = {.name = "bustler", .reuse = PT_REUSE_ALWAYS};
        pt_thread *thread;
        if (pt_thread_spawn(&thread, &config, nothing, NULL) == PT_OK) {
            pt_thread_join(thread, NULL);
            pt_thread_release(thread);
        }
        break;
    }
    default: pt_thread_set_name("renamed");
    }
}

static void fork_amid(struct member *member)
{
    struct town *town = member->shared;
    if (member->index > 0) {
        while (load_relaxed(&town->over) == 0)
            bustle(member, town);
        return;
    }
    for (int i = 0; i < town->forks; i++) {
        int answer = fork_and_wait(child);
        if (answer != 0)
            print_error("the child's answer: %d\n", answer);
        check(answer == 0);
    }
    __atomic_store_n(&town->over, 1, __ATOMIC_RELAXED);
}

static void test_the_child_can_do_everything(void **state)
{
    (void)state;
    assert_int_equal(fork_and_wait(child), 0);
    struct town town = {.forks = test_scale(200)};
    crew_run(4, fork_amid, &town);
    assert_int_equal(parked(NULL), 0); /* and the parent is none the worse */
}

/* ---- What was in use at the fork ------------------------------------------------------------------------------ */

static pt_mutex held = PT_MUTEX_INIT;
static pt_thread *elsewhere;
static pt_event done = PT_EVENT_INIT;

static void *want_it(void *arg)
{
    pt_mutex_lock(&held);
    pt_mutex_unlock(&held);
    pt_event_wait(&done);
    return arg;
}

/* The child holds the mutex that its thread held; the one who waited for it is not there. */
static int unlock_in_child(void)
{
    alarm(30);
    pt_mutex_unlock(&held);
    if (pt_mutex_try_lock(&held) != PT_OK)
        return 2;
    pt_mutex_unlock(&held);
    if (pt_thread_join(elsewhere, NULL) != PT_ERR_INVALID) /* it does not run here */
        return 3;
    pt_thread_release(elsewhere);
    pt_event_set(&done); /* nobody is queued any more */
    return pt_event_is_set(&done) ? 0 : 4;
}

static void test_held_locks_stay_held(void **state)
{
    (void)state;
    pt_mutex_lock(&held);
    assert_int_equal(pt_thread_spawn(&elsewhere, NULL, want_it, NULL), PT_OK);
    wait_until_parked(&held, 1);
    assert_int_equal(fork_and_wait(unlock_in_child), 0);
    pt_mutex_unlock(&held);
    pt_event_set(&done);
    assert_int_equal(pt_thread_join(elsewhere, NULL), PT_OK);
    pt_thread_release(elsewhere);
}

/* ---- While it is traced ------------------------------------------------------------------------------------------ */

static bool swallow(const char *bytes, size_t size, void *arg)
{
    (void)bytes;
    *(size_t *)arg += size;
    return true;
}

/* The child is not traced, writes nothing of the parent's, and may trace itself. */
static int trace_in_child(void)
{
    size_t written = 0;
    alarm(30);
    pt_trace_instant("of the parent's session");
    pt_trace_end();
    if (pt_trace_stop() != PT_ERR_INVALID)
        return 2;
    if (pt_trace_start_to(swallow, &written) != PT_OK)
        return 3;
    pt_trace_instant("of the child's");
    if (child() != 0)
        return 4;
    return pt_trace_stop() == PT_OK && written > 0 ? 0 : 5;
}

static void trace_amid(struct member *member)
{
    struct town *town = member->shared;
    if (member->index > 0) {
        while (load_relaxed(&town->over) == 0) {
            pt_trace_begin("bustle");
            bustle(member, town);
            pt_trace_end();
        }
        return;
    }
    for (int i = 0; i < town->forks; i++) {
        int answer = fork_and_wait(trace_in_child);
        if (answer != 0)
            print_error("the child's answer: %d\n", answer);
        check(answer == 0);
    }
    store_relaxed(&town->over, 1);
}

static void test_a_child_is_not_traced(void **state)
{
    (void)state;
    size_t written = 0;
    struct town town = {.forks = test_scale(100)};
    assert_int_equal(pt_trace_start_to(swallow, &written), PT_OK);
    crew_run(3, trace_amid, &town);
    assert_int_equal(pt_trace_stop(), PT_OK);
    assert_true(written > 0);
}

/* ---- A program's own fork handlers ------------------------------------------------------------------------------ */

static pt_mutex guarded = PT_MUTEX_INIT;

static void lock_guarded(void)
{
    pt_mutex_lock(&guarded);
}

static void unlock_guarded(void)
{
    pt_mutex_unlock(&guarded);
}

/* Registered before main(), so before anything asked the library to do something. */
__attribute__((constructor)) static void register_handlers(void)
{
    pthread_atfork(lock_guarded, unlock_guarded, unlock_guarded);
}

static int lock_in_child(void)
{
    alarm(30);
    pt_mutex_lock(&guarded);
    pt_mutex_unlock(&guarded);
    return 0;
}

static void lock_or_fork(struct member *member)
{
    struct town *town = member->shared;
    if (member->index == 0) {
        for (int i = 0; i < town->forks; i++)
            check(fork_and_wait(lock_in_child) == 0);
        __atomic_store_n(&town->over, 1, __ATOMIC_RELAXED);
    }
    while (load_relaxed(&town->over) == 0) {
        pt_mutex_lock(&guarded);
        test_delay(&member->stream);
        pt_mutex_unlock(&guarded);
    }
}

static void test_handlers_may_lock(void **state)
{
    (void)state;
    struct town town = {.forks = test_scale(100)};
    crew_run(3, lock_or_fork, &town);
}

/* ---- What had ended, or was waited for, before the fork ----------------------------------------------------------- */

static pt_thread *ended;
static pt_event awaited = PT_EVENT_INIT;

static void *sleep_shortly(void *arg)
{
    pt_sleep(20 * PT_MILLISECOND);
    return arg;
}

static void *wait_for_awaited(void *arg)
{
    pt_event_wait(&awaited);
    return arg;
}

/* The port may give a new thread the place of the one that had ended: releasing that one must not touch the new. */
static int release_and_reset_in_child(void)
{
    pt_thread *thread;
    void *result = NULL;
    alarm(30);
    if (pt_thread_spawn(&thread, NULL, sleep_shortly, &thread) != PT_OK)
        return 2;
    pt_thread_release(ended);
    if (pt_thread_join(thread, &result) != PT_OK || result != &thread)
        return 3;
    pt_event_set(&awaited);
    pt_event_reset(&awaited); /* those who waited are not here */
    return pt_event_is_set(&awaited) ? 4 : 0;
}

static void test_what_is_left_of_others_does_no_harm(void **state)
{
    (void)state;
    pt_thread *waiting;
    assert_int_equal(pt_thread_spawn(&ended, NULL, nothing, NULL), PT_OK);
    assert_int_equal(pt_thread_spawn(&waiting, NULL, wait_for_awaited, NULL), PT_OK);
    wait_until_parked(&awaited, 1);
    while (!pt_thread_is_finished(ended))
        pt_thread_yield();
    assert_int_equal(fork_and_wait(release_and_reset_in_child), 0);
    pt_event_set(&awaited);
    assert_int_equal(pt_thread_join(waiting, NULL), PT_OK);
    assert_int_equal(pt_thread_join(ended, NULL), PT_OK);
    pt_thread_release(waiting);
    pt_thread_release(ended);
}

/* ---- Timers ----------------------------------------------------------------------------------------------------- */

static pt_timer *ticking, *far;

static int use_timers_in_child(void)
{
    pt_tick tick;
    pt_timer *third;
    alarm(30);
    pt_timer_stop(ticking); /* does not wait for a function that is not running here */
    if (pt_timer_reset(far, 0, 0) != PT_OK || pt_channel_receive(pt_timer_channel(far), &tick) != PT_OK)
        return 2;
    if (pt_timer_create(&third, 0, 0) != PT_OK || pt_channel_receive(pt_timer_channel(third), &tick) != PT_OK)
        return 3;
    pt_timer_release(third);
    pt_timer_release(ticking);
    pt_timer_release(far);
    return 0;
}

static void spin_shortly(void *arg)
{
    (void)arg;
    for (pt_time end = pt_now() + 50 * PT_MICROSECOND; pt_now() < end;) {
    }
}

static void test_timers_go_on_in_the_child(void **state)
{
    (void)state;
    assert_int_equal(pt_timer_create_calling(&ticking, 0, 60 * PT_MICROSECOND, spin_shortly, NULL), PT_OK);
    assert_int_equal(pt_timer_create(&far, 1000 * PT_SECOND, 0), PT_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fork_and_wait(use_timers_in_child), 0);
    pt_timer_release(ticking);
    pt_timer_release(far);
}

TEST_MAIN("fork", TEST(test_the_child_can_do_everything), TEST(test_held_locks_stay_held),
          TEST(test_handlers_may_lock), TEST(test_what_is_left_of_others_does_no_harm),
          TEST(test_timers_go_on_in_the_child), TEST(test_a_child_is_not_traced))
