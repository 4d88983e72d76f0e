/* test_sim.c: the simulator finds what is wrong, says what it is, finds it again, and has nothing to say of what is right. */
#include <pt.h>
#include <pt_sim.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Programs, most of them wrong ----------------------------------------------------------------------------- */

static pt_mutex first, second;
static pt_event event;
static int balance;
static uint32_t flag, ready; /* atomic */

static pt_thread *start(pt_thread_function function)
{
    pt_thread *thread;
    if (pt_thread_spawn(&thread, NULL, function, NULL) != PT_OK)
        exit(2);
    return thread;
}

static void join(pt_thread *thread)
{
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
}

static void run_both(pt_thread_function one, pt_thread_function other)
{
    pt_thread *a = start(one), *b = start(other);
    join(a);
    join(b);
}

static void transfer(pt_mutex *from, pt_mutex *to)
{
    pt_mutex_lock(from);
    pt_mutex_lock(to);
    balance++;
    pt_mutex_unlock(to);
    pt_mutex_unlock(from);
}

static void *there(void *arg)
{
    transfer(&first, &second);
    return arg;
}

static void *back(void *arg)
{
    transfer(&second, &first);
    return arg;
}

static void two_locks(void *arg)
{
    (void)arg;
    run_both(there, back);
}

static void two_locks_in_order(void *arg)
{
    (void)arg;
    run_both(there, there);
    if (balance != 2)
        abort();
}

/* The flag is not released, so what was written before need not be seen. */
static void *initialise_once(void *arg)
{
    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 0) {
        pt_mutex_lock(&first);
        if (__atomic_load_n(&ready, __ATOMIC_RELAXED) == 0) {
            balance = 42;
            __atomic_store_n(&ready, 1, arg == NULL ? __ATOMIC_RELAXED : __ATOMIC_RELEASE);
        }
        pt_mutex_unlock(&first);
    }
    if (balance != 42)
        abort();
    return NULL;
}

static void double_checked(void *arg)
{
    (void)arg;
    run_both(initialise_once, initialise_once);
}

/* Between the look at the flag and the wait the other may set both. */
static void *wait_for_flag(void *arg)
{
    if (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) == 0) {
        pt_event_reset(&event);
        pt_event_wait(&event);
    }
    return arg;
}

static void *set_flag(void *arg)
{
    __atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
    pt_event_set(&event);
    return arg;
}

static void lost_wake(void *arg)
{
    (void)arg;
    run_both(wait_for_flag, set_flag);
}

static void *spin_for_ever(void *arg)
{
    while (__atomic_load_n(&flag, __ATOMIC_RELAXED) == 0) {
    }
    return arg;
}

static void endless(void *arg)
{
    (void)arg;
    join(start(spin_for_ever));
}

static void *nothing(void *arg)
{
    return arg;
}

static void forgotten(void *arg)
{
    (void)arg;
    pt_thread *thread = start(spin_for_ever);
    __atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
    (void)thread;
}

static void *write_later(void *arg)
{
    pt_event_wait(&event);
    *(int *)arg = 1;
    return NULL;
}

static void freed(void *arg)
{
    (void)arg;
    pt_thread *thread;
    int *number = malloc(sizeof *number);
    if (number == NULL || pt_thread_spawn(&thread, NULL, write_later, number) != PT_OK)
        exit(2);
    free(number);
    pt_event_set(&event);
    join(thread);
}

/* Both must come between the other's load and store: one order of many. */
static void *add_badly(void *arg)
{
    for (int i = 0; i < 2; i++) {
        uint32_t seen = __atomic_load_n(&flag, __ATOMIC_RELAXED);
        __atomic_store_n(&flag, seen + 1, __ATOMIC_RELAXED);
    }
    return arg;
}

static void lost_updates(void *arg)
{
    (void)arg;
    run_both(add_badly, add_badly);
    if (__atomic_load_n(&flag, __ATOMIC_RELAXED) == 2)
        exit(1);
}

static void *too_deep(void *arg)
{
    volatile char frame[64 * 1024];
    frame[0] = 1;
    return frame[0] == 0 ? arg : too_deep(arg);
}

static void no_stack(void *arg)
{
    (void)arg;
    join(start(too_deep));
}

static void too_many(void *arg)
{
    (void)arg;
    pt_thread *threads[100];
    int count = 0;
    while (count < 100 && pt_thread_spawn(&threads[count], NULL, nothing, NULL) == PT_OK)
        count++;
    if (count == 100)
        abort();
    while (count > 0)
        join(threads[--count]);
}

/* Deadlines pass in simulated time. */
static void patience(void *arg)
{
    (void)arg;
    pt_time before = pt_now();
    if (pt_event_wait_until(&event, pt_after(1000 * PT_SECOND)) != PT_ERR_TIMEOUT ||
        pt_now() < before + 1000 * PT_SECOND)
        abort();
}

static void *free_again(void *arg)
{
    free(arg);
    return NULL;
}

static void freed_twice(void *arg)
{
    (void)arg;
    pt_thread *thread;
    int *number = malloc(sizeof *number);
    if (number == NULL || pt_thread_spawn(&thread, NULL, free_again, number) != PT_OK)
        exit(2);
    join(thread);
    free(number);
}

/* memcpy() is an access as any other. */
static int from[64], to[64];

static void *copy(void *arg)
{
    memcpy(to, from, sizeof to);
    return arg;
}

static void copied_together(void *arg)
{
    (void)arg;
    run_both(copy, copy);
    if (to[1] != 0)
        abort();
}

static void *sleep_outside(void *arg)
{
    usleep(1);
    return arg;
}

static void sleeps_outside(void *arg)
{
    (void)arg;
    join(start(sleep_outside));
}

static pthread_mutex_t foreign = PTHREAD_MUTEX_INITIALIZER;

/* The lock is there for others to find it taken: a yield is a chance for them. */
static void *lock_outside(void *arg)
{
    pthread_mutex_lock(&foreign);
    pt_thread_yield();
    pthread_mutex_unlock(&foreign);
    return arg;
}

static void locks_outside(void *arg)
{
    (void)arg;
    run_both(lock_outside, lock_outside);
}

static void starts_outside(void *arg)
{
    (void)arg;
    pthread_t thread;
    pthread_create(&thread, NULL, nothing, NULL);
}

/* Waiting by sched_yield() is as good as by pt_thread_yield(). */
static void *wait_by_sched_yield(void *arg)
{
    while (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    return arg;
}

static void yields_outside(void *arg)
{
    (void)arg;
    run_both(wait_by_sched_yield, set_flag);
}

static void *loop_unseen(void *arg)
{
    for (volatile bool on = true; on;) {
    }
    return arg;
}

static void stuck(void *arg)
{
    (void)arg;
    join(start(loop_unseen));
}

static void ends_well(void *arg)
{
    (void)arg;
    pt_thread *thread = start(nothing);
    pt_thread_join(thread, NULL);
    exit(0);
}

/* ---- What C11 allows, and what it does not ------------------------------------------------------------------ */

/* Each runs two or more threads that store to x and y, and load into seen; `outcome` is then abort()ed on, so an outcome
   that comes about shows as a crash. */
static uint32_t x, y, seen[4]; /* x and y atomic; seen: by one thread each, read when all have ended */

#define STORE(p, v, order) __atomic_store_n((p), (v), __ATOMIC_##order)
#define LOAD(p, order) __atomic_load_n((p), __ATOMIC_##order)
#define THREAD(name, ...)                                                                                          \
    static void *name(void *arg)                                                                                   \
    {                                                                                                              \
        __VA_ARGS__;                                                                                               \
        return arg;                                                                                                \
    }
#define LITMUS(name, outcome, ...)                                                                                 \
    static void name(void *arg)                                                                                    \
    {                                                                                                              \
        pt_thread_function functions[] = {__VA_ARGS__};                                                            \
        enum { COUNT = sizeof functions / sizeof functions[0] };                                                   \
        pt_thread *threads[COUNT];                                                                                 \
        (void)arg;                                                                                                 \
        for (int i = 0; i < COUNT; i++)                                                                            \
            threads[i] = start(functions[i]);                                                                      \
        for (int i = 0; i < COUNT; i++)                                                                            \
            join(threads[i]);                                                                                      \
        if (outcome)                                                                                               \
            abort();                                                                                               \
    }

/* Store buffering: each stores, then looks for the other's. */
THREAD(buffer_x, STORE(&x, 1, RELEASE); seen[0] = LOAD(&y, ACQUIRE))
THREAD(buffer_y, STORE(&y, 1, RELEASE); seen[1] = LOAD(&x, ACQUIRE))
LITMUS(store_buffering, seen[0] == 0 && seen[1] == 0, buffer_x, buffer_y)

THREAD(ordered_x, STORE(&x, 1, SEQ_CST); seen[0] = LOAD(&y, SEQ_CST))
THREAD(ordered_y, STORE(&y, 1, SEQ_CST); seen[1] = LOAD(&x, SEQ_CST))
LITMUS(store_buffering_in_order, seen[0] == 0 && seen[1] == 0, ordered_x, ordered_y)

/* One of the stores is no part of the order that all agree on. */
THREAD(half_ordered_y, STORE(&y, 1, RELEASE); seen[1] = LOAD(&x, SEQ_CST))
LITMUS(store_buffering_half_ordered, seen[0] == 0 && seen[1] == 0, ordered_x, half_ordered_y)

THREAD(fenced_x, STORE(&x, 1, RELAXED); __atomic_thread_fence(__ATOMIC_SEQ_CST); seen[0] = LOAD(&y, RELAXED))
THREAD(fenced_y, STORE(&y, 1, RELAXED); __atomic_thread_fence(__ATOMIC_SEQ_CST); seen[1] = LOAD(&x, RELAXED))
LITMUS(store_buffering_fenced, seen[0] == 0 && seen[1] == 0, fenced_x, fenced_y)

/* Message passing: the flag is seen, and what it stands for is not. */
THREAD(send_relaxed, STORE(&x, 1, RELAXED); STORE(&y, 1, RELAXED))
THREAD(send, STORE(&x, 1, RELAXED); STORE(&y, 1, RELEASE))
THREAD(send_fenced, STORE(&x, 1, RELAXED); __atomic_thread_fence(__ATOMIC_RELEASE); STORE(&y, 1, RELAXED))
THREAD(receive_relaxed, seen[0] = LOAD(&y, RELAXED); seen[1] = LOAD(&x, RELAXED))
THREAD(receive, seen[0] = LOAD(&y, ACQUIRE); seen[1] = LOAD(&x, RELAXED))
THREAD(receive_fenced, seen[0] = LOAD(&y, RELAXED); __atomic_thread_fence(__ATOMIC_ACQUIRE);
       seen[1] = LOAD(&x, RELAXED))
LITMUS(message_not_released, seen[0] == 1 && seen[1] == 0, send_relaxed, receive)
LITMUS(message_not_acquired, seen[0] == 1 && seen[1] == 0, send, receive_relaxed)
LITMUS(message, seen[0] == 1 && seen[1] == 0, send, receive)
LITMUS(message_fenced, seen[0] == 1 && seen[1] == 0, send_fenced, receive_fenced)

/* A read-modify-write carries the message on; a store does not. */
THREAD(pass_on, if (LOAD(&y, RELAXED) == 1) __atomic_fetch_add(&y, 1, __ATOMIC_RELAXED))
THREAD(store_over, if (LOAD(&y, RELAXED) == 1) STORE(&y, 2, RELAXED))
LITMUS(message_passed_on, seen[0] == 2 && seen[1] == 0, send, pass_on, receive)
LITMUS(message_stored_over, seen[0] == 2 && seen[1] == 0, send, store_over, receive)

/* Coherence: what has been seen is not unseen, nor is a thread's own store. */
THREAD(count_x, STORE(&x, 1, RELAXED); STORE(&x, 2, RELAXED))
THREAD(look_twice, seen[0] = LOAD(&x, RELAXED); seen[1] = LOAD(&x, RELAXED))
THREAD(look_after_store, STORE(&x, 3, RELAXED); seen[0] = LOAD(&x, RELAXED))
LITMUS(coherence, seen[0] > seen[1], count_x, look_twice)
LITMUS(own_store, seen[0] == 0, count_x, look_after_store)

/* Two writers, two readers: the readers may disagree who was first, unless all is in one order. */
THREAD(write_x, STORE(&x, 1, RELEASE))
THREAD(write_y, STORE(&y, 1, RELEASE))
THREAD(read_xy, seen[0] = LOAD(&x, ACQUIRE); seen[1] = LOAD(&y, ACQUIRE))
THREAD(read_yx, seen[2] = LOAD(&y, ACQUIRE); seen[3] = LOAD(&x, ACQUIRE))
LITMUS(two_views, seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0, write_x, write_y, read_xy, read_yx)
THREAD(write_x_in_order, STORE(&x, 1, SEQ_CST))
THREAD(write_y_in_order, STORE(&y, 1, SEQ_CST))
THREAD(read_xy_in_order, seen[0] = LOAD(&x, SEQ_CST); seen[1] = LOAD(&y, SEQ_CST))
THREAD(read_yx_in_order, seen[2] = LOAD(&y, SEQ_CST); seen[3] = LOAD(&x, SEQ_CST))
LITMUS(one_view, seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0, write_x_in_order, write_y_in_order,
       read_xy_in_order, read_yx_in_order)

/* A compare-and-swap of the weak kind may fail though the value is the expected one. */
THREAD(try_once, uint32_t expected = 0;
       seen[0] = !__atomic_compare_exchange_n(&x, &expected, 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
THREAD(try_strongly, uint32_t expected = 0;
       seen[0] = !__atomic_compare_exchange_n(&x, &expected, 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
LITMUS(weak_compare, seen[0], try_once, nothing)
LITMUS(strong_compare, seen[0], try_strongly, nothing)

/* ---- What is expected of them --------------------------------------------------------------------------------- */

static const struct program {
    const char *name;
    void (*test)(void *arg);
    pt_sim_failure expected;
} programs[] = {
    {"two_locks", two_locks, PT_SIM_DEADLOCK},
    {"two_locks_in_order", two_locks_in_order, PT_SIM_OK},
    {"double_checked", double_checked, PT_SIM_RACE},
    {"lost_wake", lost_wake, PT_SIM_DEADLOCK},
    {"endless", endless, PT_SIM_ENDLESS},
    {"forgotten", forgotten, PT_SIM_LEAK},
    {"freed", freed, PT_SIM_FREED},
    {"lost_updates", lost_updates, PT_SIM_EXIT},
    {"no_stack", no_stack, PT_SIM_CRASH},
    {"too_many", too_many, PT_SIM_OK},
    {"patience", patience, PT_SIM_OK},
    {"freed_twice", freed_twice, PT_SIM_FREED},
    {"copied_together", copied_together, PT_SIM_RACE},
    {"sleeps_outside", sleeps_outside, PT_SIM_OUTSIDE},
    {"locks_outside", locks_outside, PT_SIM_OUTSIDE},
    {"starts_outside", starts_outside, PT_SIM_OUTSIDE},
    {"yields_outside", yields_outside, PT_SIM_OK},
    {"ends_well", ends_well, PT_SIM_OK},
    {"store_buffering", store_buffering, PT_SIM_CRASH},
    {"store_buffering_in_order", store_buffering_in_order, PT_SIM_OK},
    {"store_buffering_half_ordered", store_buffering_half_ordered, PT_SIM_CRASH},
    {"store_buffering_fenced", store_buffering_fenced, PT_SIM_OK},
    {"message_not_released", message_not_released, PT_SIM_CRASH},
    {"message_not_acquired", message_not_acquired, PT_SIM_CRASH},
    {"message", message, PT_SIM_OK},
    {"message_fenced", message_fenced, PT_SIM_OK},
    {"message_passed_on", message_passed_on, PT_SIM_OK},
    {"message_stored_over", message_stored_over, PT_SIM_CRASH},
    {"coherence", coherence, PT_SIM_OK},
    {"own_store", own_store, PT_SIM_OK},
    {"two_views", two_views, PT_SIM_CRASH},
    {"one_view", one_view, PT_SIM_OK},
#ifdef __clang__ /* which does not tell weak ones from strong ones here */
    {"weak_compare", weak_compare, PT_SIM_OK},
#else
    {"weak_compare", weak_compare, PT_SIM_CRASH},
#endif
    {"strong_compare", strong_compare, PT_SIM_OK},
};

static int failures;

static void expect(bool holds, const char *program, const char *strategy, const char *what)
{
    if (holds)
        return;
    failures++;
    printf("%s, %s: %s\n", program, strategy, what);
}

static void try_program(const struct program *program, const char *strategy)
{
    char name[64], replay[96], text[160];
    snprintf(name, sizeof name, "test_sim-%s", program->name);
    bool right = program->expected == PT_SIM_OK;
    const pt_sim_options options = {.strategy = strategy, .runs = right ? 2000 : 20000, .steps = 20000};
    bool passed = pt_sim_run(name, program->test, NULL, &options);
    pt_sim_result found = pt_sim_last();
    snprintf(text, sizeof text, "found \"%s\" in %llu schedules, expected \"%s\"",
             pt_sim_failure_text(found.failure), (unsigned long long)found.runs,
             pt_sim_failure_text(program->expected));
    expect(found.failure == program->expected && passed == right, program->name, strategy, text);
    printf("%-20s %-10s %-18s %5llu schedules, %u switches of %u\n", program->name, strategy,
           pt_sim_failure_text(found.failure), (unsigned long long)found.runs, found.switches,
           found.switches_before);

    pt_sim_run(name, program->test, NULL, &options);
    pt_sim_result again = pt_sim_last();
    expect(again.runs == found.runs && again.steps == found.steps && again.failure == found.failure, program->name,
           strategy, "the same seed gives other schedules");
    if (passed)
        return;
    snprintf(replay, sizeof replay, "replay:%s.schedule", name);
    const pt_sim_options replayed = {.strategy = replay};
    expect(!pt_sim_run(name, program->test, NULL, &replayed) && pt_sim_last().failure == found.failure,
           program->name, strategy, "replayed, it ends otherwise");
    snprintf(replay, sizeof replay, "%s.schedule", name);
    remove(replay);
}

/* Not as the others: it takes its time. */
static void try_stuck(void)
{
    const pt_sim_options options = {.patience = PT_SECOND};
    expect(!pt_sim_run("test_sim-stuck", stuck, NULL, &options) && pt_sim_last().failure == PT_SIM_STUCK, "stuck",
           "random", "is not found");
    remove("test_sim-stuck.schedule");
}

/* All schedules of a small program, whichever way they are counted; and more if more may deviate. */
static void try_all_there_are(void)
{
    const pt_sim_options one = {.strategy = "exhaustive", .depth = 1}, two = {.strategy = "exhaustive"};
    expect(pt_sim_run("all", coherence, NULL, &one) && pt_sim_last().complete, "coherence", "exhaustive",
           "is not tried to the end");
    uint64_t runs = pt_sim_last().runs;
    expect(pt_sim_run("all", coherence, NULL, &two) && pt_sim_last().complete && pt_sim_last().runs > runs,
           "coherence", "exhaustive", "has no more schedules with more switches");
    printf("%-20s all: %llu schedules that deviate once, %llu twice\n", "coherence", (unsigned long long)runs,
           (unsigned long long)pt_sim_last().runs);
}

static void try_newest(void)
{
    const pt_sim_options newest = {.newest = true, .runs = 2000};
    expect(pt_sim_run("newest", store_buffering, NULL, &newest), "store_buffering", "newest", "sees older values");
}

static void try_bad_options(void)
{
    const pt_sim_options unknown = {.strategy = "clever"}, missing = {.strategy = "replay:no such file"};
    expect(!pt_sim_run("bad", patience, NULL, &unknown), "options", "clever", "an unknown strategy is taken");
    expect(!pt_sim_run("bad", patience, NULL, &missing), "options", "replay", "a missing file is taken");
    expect(!pt_sim_run(NULL, patience, NULL, NULL) && !pt_sim_run("bad", NULL, NULL, NULL), "options", "-",
           "NULL is taken");
    setenv("PT_SIM", "random:rums=3", 1);
    expect(!pt_sim_run("bad", patience, NULL, NULL), "options", "PT_SIM", "an unknown name is taken");
    setenv("PT_SIM", "pct:runs=3,seed=5", 1);
    expect(pt_sim_run("good", patience, NULL, NULL) && pt_sim_last().runs == 3, "options", "PT_SIM",
           "is not followed");
    unsetenv("PT_SIM");
}

int main(void)
{
    const char *const strategies[] = {"random", "pct", "exhaustive"};
    int tried = 0;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        for (int s = 0; s < 3; s++) {
            try_program(&programs[i], strategies[s]);
            tried++;
        }
    }
    try_stuck();
    try_all_there_are();
    try_newest();
    try_bad_options();
    if (failures > 0)
        printf("[  FAILED  ] %d test(s), listed above\n", failures);
    else
        printf("[  PASSED  ] %d test(s).\n", tried + 4);
    return failures == 0 ? 0 : 1;
}
