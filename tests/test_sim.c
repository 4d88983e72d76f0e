/* test_sim.c: the simulator finds what is wrong, says what it is, finds it again, and has nothing to say of what is right. */
#include <pt.h>
#include <pt_sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    const pt_sim_options options = {.strategy = strategy, .runs = 2000, .steps = 20000};
    bool passed = pt_sim_run(name, program->test, NULL, &options);
    pt_sim_result found = pt_sim_last();
    snprintf(text, sizeof text, "found \"%s\" in %llu schedules, expected \"%s\"",
             pt_sim_failure_text(found.failure), (unsigned long long)found.runs,
             pt_sim_failure_text(program->expected));
    expect(found.failure == program->expected && passed == (program->expected == PT_SIM_OK), program->name,
           strategy, text);
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
    try_bad_options();
    if (failures > 0)
        printf("[  FAILED  ] %d test(s), listed above\n", failures);
    else
        printf("[  PASSED  ] %d test(s).\n", tried + 1);
    return failures == 0 ? 0 : 1;
}
