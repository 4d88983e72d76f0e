/* checked_program.c: breaks one rule, named by its argument; a checked build of the library must say so and end it. Each
   scenario's expected message is in checked.cmake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pt.h>

static pt_mutex a = PT_MUTEX_INIT, b = PT_MUTEX_INIT, c = PT_MUTEX_INIT;
static pt_rwlock rwlock = PT_RWLOCK_INIT;
static pt_event ready = PT_EVENT_INIT, also_ready = PT_EVENT_INIT;
static pt_cond cond = PT_COND_INIT;
static pt_barrier barrier = PT_BARRIER_INIT(3);

static pt_thread *start(const char *name, pt_thread_function function, void *arg)
{
    pt_thread *thread;
    const pt_thread_config config = {.name = name};
    pt_status status = pt_thread_spawn(&thread, &config, function, arg);
    if (status != PT_OK) {
        fprintf(stderr, "pt_thread_spawn: %s\n", pt_strerror(status));
        exit(2);
    }
    return thread;
}

/* ---- One lock -------------------------------------------------------------------------------- */

static void relock(void)
{
    pt_mutex_lock(&a);
    pt_mutex_lock(&a);
}

static void relock_rwlock(void)
{
    pt_rwlock_read_lock(&rwlock);
    pt_rwlock_write_lock(&rwlock);
}

static void unlock_free(void)
{
    pt_mutex_unlock(&a);
}

static void *hold_a(void *arg)
{
    pt_mutex_lock(&a);
    pt_event_set(&ready);
    pt_barrier_wait(&barrier, NULL);
    return arg;
}

static void unlock_others(void)
{
    start("holder", hold_a, NULL);
    pt_event_wait(&ready);
    pt_mutex_unlock(&a);
}

static void wait_without_lock(void)
{
    pt_cond_wait(&cond, &a);
}

static void reuse_memory(void)
{
    pt_mutex *mutex = malloc(sizeof *mutex);
    *mutex = (pt_mutex)PT_MUTEX_INIT;
    pt_mutex_lock(mutex);
    *mutex = (pt_mutex)PT_MUTEX_INIT;
    if (pt_mutex_try_lock(mutex) == PT_OK)
        free(mutex);
}

static void free_held(void)
{
    pt_mutex *mutex = calloc(1, 100);
    pt_mutex_lock(mutex);
    pt_checked_forget(mutex, 100);
    free(mutex);
}

static void *end_holding(void *arg)
{
    pt_mutex_lock(&a);
    return arg;
}

static void end_with_lock(void)
{
    pt_thread_join(start("forgetful", end_holding, NULL), NULL);
}

static void hook(void *arg)
{
    (void)arg;
}

static void cancel_with_lock(void)
{
    pt_cancel *token;
    pt_cancel_hook on_cancel;
    if (pt_cancel_create(&token, PT_FOREVER) != PT_OK || pt_cancel_hook_add(token, &on_cancel, hook, NULL) != PT_OK)
        exit(2);
    pt_mutex_lock(&a);
    pt_cancel_request(token, NULL);
}

/* ---- Several --------------------------------------------------------------------------------- */

static void opposite_orders(void)
{
    pt_mutex_lock(&a);
    pt_mutex_lock(&b);
    pt_mutex_unlock(&b);
    pt_mutex_unlock(&a);
    pt_mutex_lock(&b);
    pt_mutex_lock(&a);
}

static void lock_both(pt_mutex *first, pt_mutex *second)
{
    pt_mutex_lock(first);
    pt_mutex_lock(second);
    pt_mutex_unlock(second);
    pt_mutex_unlock(first);
}

static void ring_of_three(void)
{
    lock_both(&a, &b);
    lock_both(&b, &c);
    lock_both(&c, &a);
}

/* ---- Waiting for each other -------------------------------------------------------------------- */

static void *want_a(void *arg)
{
    pt_event_set(&ready);
    pt_mutex_lock(&a);
    return arg;
}

static void join_holding(void)
{
    pt_mutex_lock(&a);
    pt_thread *thread = start("wanting", want_a, NULL);
    pt_thread_join(thread, NULL);
}

static void *join_other(void *arg)
{
    pt_thread *const *other = arg;
    pt_event_wait(&ready);
    pt_thread_join(*other, NULL);
    return NULL;
}

static void join_each_other(void)
{
    static pt_thread *first, *second;
    first = start("first", join_other, &second);
    second = start("second", join_other, &first);
    pt_event_set(&ready);
    (void)pt_sleep(60 * PT_SECOND);
}

static void *join_me(void *arg)
{
    pt_thread_join(pt_thread_current(), NULL);
    return arg;
}

static void join_oneself(void)
{
    pt_thread_join(start("lonely", join_me, NULL), NULL);
}

static void *read_then_want_a(void *arg)
{
    pt_rwlock_read_lock(&rwlock);
    pt_event_set(&ready);
    pt_event_wait(&also_ready);
    pt_mutex_lock(&a);
    return arg;
}

static void *take_a_then_write(void *arg)
{
    pt_mutex_lock(&a);
    pt_event_set(&also_ready);
    pt_event_wait(&ready);
    pt_rwlock_write_lock(&rwlock);
    return arg;
}

static void rwlock_and_mutex(void)
{
    start("writer", take_a_then_write, NULL);
    start("reader", read_then_want_a, NULL);
    (void)pt_sleep(60 * PT_SECOND);
}

static void *come_to_barrier(void *arg)
{
    pt_barrier_wait(&barrier, NULL);
    return arg;
}

static void nobody_left(void)
{
    start("early", come_to_barrier, NULL);
    pt_mutex_lock(&a);
    pt_cond_wait(&cond, &a);
}

/* ---- Ends of channels that are promised to one thread at a time ---------------------------------- */

static pt_channel *jobs;

/* Called within a call of a channel's: stay there. */
static void stay(void *value, void *arg)
{
    (void)value, (void)arg;
    pt_event_set(&ready);
    pt_event_wait(&also_ready);
}

static void make_jobs(size_t capacity, bool one_sender, bool one_receiver)
{
    const pt_channel_config config = {.name = "jobs",
                                      .one_sender = one_sender,
                                      .one_receiver = one_receiver,
                                      .overflow = PT_OVERFLOW_DROP_NEW,
                                      .destroy = stay};
    if (pt_channel_create(&jobs, sizeof(int), capacity, &config) != PT_OK)
        exit(2);
}

static void *send_too_many(void *arg)
{
    int job = 0;
    for (int i = 0; i < 2; i++)
        pt_channel_send(jobs, &job);
    return arg;
}

/* One thread is within its send, as it drops the value. */
static void begin_send(bool one_receiver)
{
    make_jobs(1, true, one_receiver);
    start("first", send_too_many, NULL);
    pt_event_wait(&ready);
}

static void two_senders(void)
{
    int job = 1;
    begin_send(true);
    (void)!pt_channel_try_send(jobs, &job);
}

static void two_senders_of_many(void)
{
    int some[2] = {1, 2};
    begin_send(false);
    (void)!pt_channel_send_many(jobs, some, 2, NULL, PT_FOREVER);
}

static void close_others_send(void)
{
    begin_send(true);
    pt_channel_close(jobs);
}

static void select_others_send(void)
{
    int job = 1;
    size_t fired;
    begin_send(true);
    pt_case cases[] = {pt_case_event(&also_ready), pt_case_send(jobs, &job)};
    (void)!pt_select(cases, 2, &fired);
}

static void *close_now(void *arg)
{
    pt_channel_close_now(jobs);
    return arg;
}

static void two_receivers(void)
{
    int job = 1;
    make_jobs(1, false, true);
    pt_channel_send(jobs, &job);
    start("first", close_now, NULL);
    pt_event_wait(&ready);
    (void)!pt_channel_receive(jobs, &job);
}

static void *select_job(void *arg)
{
    int job;
    size_t fired;
    pt_case cases[] = {pt_case_event(&also_ready), pt_case_receive(jobs, &job)};
    pt_event_set(&ready);
    (void)!pt_select(cases, 2, &fired);
    return arg;
}

/* Whoever comes second finds the other. */
static void receive_while_another_waits(void)
{
    int job;
    make_jobs(PT_UNBOUNDED, true, true);
    start("first", select_job, NULL);
    pt_event_wait(&ready);
    while (pt_channel_try_receive(jobs, &job) == PT_ERR_BUSY)
        pt_thread_yield();
}

/* ---- None: all that is allowed ------------------------------------------------------------------- */

/* From within a send, as a part of it. */
static void send_on(void *value, void *arg)
{
    int job = *(int *)value - 1;
    (void)arg;
    if (job > 0)
        pt_channel_send(jobs, &job);
}

static void *send_and_receive(void *arg)
{
    int job = 3;
    pt_channel_send(jobs, &job);
    pt_channel_send(jobs, &job);
    if (pt_channel_receive(jobs, &job) != PT_OK || pt_channel_try_receive(jobs, &job) != PT_ERR_BUSY)
        exit(2);
    return arg;
}

static void *send_one(void *arg)
{
    int job = 1;
    pt_channel_send(jobs, &job);
    return arg;
}

static void *wait_to_receive(void *arg)
{
    int job;
    if (pt_channel_receive(jobs, &job) != PT_OK)
        exit(2);
    return arg;
}

static void end(pt_thread *thread)
{
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
}

/* One thread after the other at the same end; one at each end at the same time. */
static void take_turns(void)
{
    const pt_channel_config config = {
        .one_sender = true, .one_receiver = true, .overflow = PT_OVERFLOW_DROP_NEW, .destroy = send_on};
    if (pt_channel_create(&jobs, sizeof(int), 1, &config) != PT_OK)
        exit(2);
    send_and_receive(NULL);
    end(start("second", send_and_receive, NULL));
    pt_thread *receiver = start("receiver", wait_to_receive, NULL);
    end(start("sender", send_one, NULL));
    end(receiver);
    send_and_receive(NULL);
    pt_channel_close(jobs);
    pt_channel_release_sender(jobs);
    pt_channel_release_receiver(jobs);
}

static void nothing_wrong(void)
{
    pt_mutex_lock(&a);
    if (pt_mutex_lock_until(&a, pt_after(PT_MILLISECOND)) == PT_OK || pt_mutex_try_lock(&a) == PT_OK)
        exit(2);
    pt_mutex_lock(&b);
    if (pt_cond_wait_until(&cond, &a, pt_after(PT_MILLISECOND)) == PT_OK)
        exit(2);
    pt_mutex_unlock(&a);
    pt_mutex_unlock(&b);
    pt_mutex_lock(&b);
    if (pt_mutex_try_lock(&a) == PT_OK) /* a try is no order */
        pt_mutex_unlock(&a);
    pt_mutex_unlock(&b);
    pt_checked_forget(&a, sizeof a); /* from here on a is another lock */
    pt_mutex_lock(&b);
    pt_mutex_lock(&a);
    pt_mutex_unlock(&a);
    pt_mutex_unlock(&b);
    pt_rwlock_write_lock(&rwlock);
    pt_rwlock_downgrade(&rwlock);
    pt_rwlock_read_unlock(&rwlock);
    take_turns();
    puts("nothing wrong");
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"relock", relock},
    {"relock_rwlock", relock_rwlock},
    {"unlock_free", unlock_free},
    {"unlock_others", unlock_others},
    {"wait_without_lock", wait_without_lock},
    {"reuse_memory", reuse_memory},
    {"free_held", free_held},
    {"end_with_lock", end_with_lock},
    {"cancel_with_lock", cancel_with_lock},
    {"opposite_orders", opposite_orders},
    {"ring_of_three", ring_of_three},
    {"join_holding", join_holding},
    {"join_each_other", join_each_other},
    {"join_oneself", join_oneself},
    {"rwlock_and_mutex", rwlock_and_mutex},
    {"nobody_left", nobody_left},
    {"two_senders", two_senders},
    {"two_senders_of_many", two_senders_of_many},
    {"close_others_send", close_others_send},
    {"select_others_send", select_others_send},
    {"two_receivers", two_receivers},
    {"receive_while_another_waits", receive_while_another_waits},
    {"nothing_wrong", nothing_wrong},
};

int main(int argc, char **argv)
{
    pt_thread_set_name("main");
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (argc == 2 && strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run();
            return 0;
        }
    }
    fprintf(stderr, "checked_program: want one scenario's name\n");
    return 2;
}
