/* run.c: pt_sim_run(): many schedules, then, of one that failed, a shorter one, its report and its file.

   The process that calls never runs the test itself. A child of it runs one schedule after the other, with all memory put
   back in between, until one fails; that one is run again and again in a child of its own each. Addresses are the same in all of
   them, and in another process too, as the placing of memory by chance is turned off when the program starts.

   A program that starts a thread, or waits, outside of pt_sim_run() is a test as a whole: where it first does so its process
   stays behind, and for each schedule a child of it goes on as the program. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../park.h"
#include "sim.h"

enum { FIRST_STACK = 1 << 20, SAME = 20 };

static pt_sim_result last;
static bool whole; /* the program itself is the test, */
static bool once;  /* and just runs */

__attribute__((constructor)) static void place_memory_always_alike(int argc, char **argv)
{
    (void)argc;
    int now = personality(0xffffffff);
    if (now != -1 && (now & ADDR_NO_RANDOMIZE) == 0 && personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1)
        execv("/proc/self/exe", argv);
}

const char *pt_sim_failure_text(pt_sim_failure failure)
{
    static const char *const texts[] = {
        "no failure", "deadlock", "endless",   "data race", "use after free",          "left over",
        "crash",      "exit",     "too large", "stuck",     "wait outside the library"};
    return (size_t)failure < sizeof texts / sizeof texts[0] ? texts[failure] : "unknown failure";
}

pt_sim_result pt_sim_last(void)
{
    return last;
}

uint64_t pt_sim_seed(void)
{
    return pti_sim_schedule == NULL ? 1 : pti_sim_schedule->seed;
}

double pti_sim_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- In the process of schedules ----------------------------------------------------------- */

static void crashed(int number, siginfo_t *info, void *context)
{
    (void)context;
    signal(number, SIG_DFL);
    const pti_fiber *owner = number == SIGSEGV ? pti_fiber_at(info->si_addr) : NULL;
    if (owner != NULL)
        pti_sim_fail(PT_SIM_CRASH, "%s has used up its stack", owner->name);
    pti_sim_fail(PT_SIM_CRASH, "%s: signal %d, %s", pti_sim_self == NULL ? "?" : pti_sim_self->name, number,
                 strsignal(number));
}

static void catch_crashes(void)
{
    enum { SIZE = 128 * 1024 };
    const stack_t alternate = {.ss_sp = pti_room(SIZE, false), .ss_size = SIZE};
    const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct sigaction action = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

static void hush(void)
{
    fflush(NULL);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
}

static void count_schedule(void)
{
    pti_schedule *schedule = pti_sim_shared;
    schedule->runs++;
    schedule->all_steps += schedule->steps;
    schedule->all_decisions += schedule->decisions;
    if (schedule->runs == 1 || schedule->steps > schedule->expected_steps)
        schedule->expected_steps = schedule->steps;
    if (schedule->runs >= SAME && schedule->all_decisions == 0) /* there is nothing to choose */
        schedule->over = true;
}

static void at_exit(int code, void *unused)
{
    (void)unused;
    pti_sim_shared->code = code;
    if (code != 0 && !once)
        pti_sim_fail(PT_SIM_EXIT, "%s ended the program with code %d", pti_sim_self->name, code);
    count_schedule();
    pti_sim_schedule = NULL;
}

void pti_sim_cut(void)
{
    if (!whole)
        pti_fiber_leave();
    count_schedule();
    _exit(0);
}

/* Whether anybody but the test's own thread may still do something. */
static bool others_live(void)
{
    for (unsigned i = 1; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_READY || (fiber->state == FIBER_WAITS && fiber->deadline != PT_TIME_NEVER))
            return true;
    }
    return false;
}

static void check_leaks(void)
{
    pti_waiter waiter;
    while (others_live()) {
        pti_sim_point(OP_YIELD, NULL, NULL);
        pti_sim_yield();
    }
    for (unsigned i = 1; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state != FIBER_DONE)
            pti_sim_fail(PT_SIM_LEAK, "%s still waits when the test is over", fiber->name);
        if (!fiber->joined && !fiber->detached)
            pti_sim_fail(PT_SIM_LEAK, "%s was neither joined nor detached", fiber->name);
    }
    pti_sim_schedule = NULL; /* what follows is no part of it */
    if (pti_park_snapshot(&waiter, 1) > 0)
        pti_sim_fail(PT_SIM_LEAK, "a waiter for a %s is in the parking lot when the test is over", waiter.what);
}

static void *run_test(void *arg)
{
    const struct pti_test *test = arg;
    test->run(test->arg);
    check_leaks();
    pti_fiber_leave();
}

/* The process as it is before its first schedule. */
static void prepare_process(void)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    catch_crashes();
    on_exit(at_exit, NULL);
    pti_fiber_prepare();
    pti_shadow_prepare();
    pti_memory_prepare();
    if (pti_sim_shared->quiet && !pti_sim_shared->verbose)
        hush();
}

static void name_first(pti_fiber *fiber)
{
    snprintf(fiber->name, sizeof fiber->name, "%s", whole ? "main" : "test");
}

static void run_one(const struct pti_test *test)
{
    pt_status status;
    pti_memory_restore();
    pti_outside_limit(pti_sim_shared->patience);
    pti_schedule_begin();
    pti_fiber *fiber = pti_fiber_new(FIRST_STACK, run_test, (void *)(uintptr_t)test, &status);
    if (fiber == NULL)
        pti_sim_fail(PT_SIM_RESOURCES, "no memory for the test's stack");
    name_first(fiber);
    pti_fiber_run(fiber);
    pti_outside_limit(0);
    count_schedule();
}

_Noreturn static void run_many(const struct pti_test *test)
{
    prepare_process();
    pti_memory_keep();
    while (!pti_sim_shared->over && pti_strategy_next()) {
        run_one(test);
        if (!pti_sim_shared->quiet && !pti_sim_shared->verbose)
            hush(); /* what the test prints is shown once, from the first schedule */
        pti_sim_shared->quiet = true;
    }
    pti_sim_shared->over = true;
    fflush(NULL);
    _exit(0);
}

/* False if there is no schedule any more. */
static bool go_on_as_the_program(void)
{
    if (!pti_strategy_next())
        return false;
    prepare_process();
    pti_schedule_begin();
    pti_fiber_adopt();
    name_first(pti_sim_self);
    pti_outside_limit(pti_sim_shared->patience);
    return true;
}

/* ---- In the process that asked ------------------------------------------------------------- */

/* What the process of schedules could not say itself. before: how many had run when it began. */
static void note_end(int status, uint64_t before)
{
    pti_schedule *schedule = pti_sim_shared;
    if (WIFSIGNALED(status) && schedule->failure == PT_SIM_OK) {
        schedule->failure = PT_SIM_CRASH;
        snprintf(schedule->text, sizeof schedule->text, "%s", strsignal(WTERMSIG(status)));
    } else if (schedule->failure == PT_SIM_OK && schedule->runs == before && !schedule->over) {
        schedule->failure = PT_SIM_EXIT;
        snprintf(schedule->text, sizeof schedule->text, "the test ended its process by _exit()");
    }
    if (schedule->failure != PT_SIM_OK)
        count_schedule();
}

/* One process, and all that it runs. True in that process, if it is to go on as the program. */
static bool run_process(const struct pti_test *test)
{
    int status;
    const uint64_t before = pti_sim_shared->runs;
    pti_sim_shared->failure = PT_SIM_OK;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0 && test->run != NULL)
        run_many(test);
    if (child == 0) {
        if (go_on_as_the_program())
            return true;
        pti_sim_shared->over = true;
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    if (child > 0) {
        note_end(status, before);
    } else {
        pti_sim_shared->failure = PT_SIM_RESOURCES;
        snprintf(pti_sim_shared->text, sizeof pti_sim_shared->text, "no process can be started: %s",
                 strerror(errno));
    }
    pti_sim_shared->quiet = true;
    return false;
}

bool pti_sim_replay(const struct pti_test *test)
{
    pti_schedule *schedule = pti_sim_shared;
    schedule->strategy = SIM_REPLAY;
    schedule->keep_weak = true;
    schedule->first_seed = schedule->seed;
    schedule->runs = 0;
    schedule->most_runs = 1;
    schedule->end = 0;
    schedule->over = false;
    return run_process(test);
}

/* The failure at hand, once more, and aloud. True in the process that is to go on as the program. */
static bool report(const struct pti_test *test, bool replayed)
{
    pti_schedule *schedule = pti_sim_shared;
    const enum pt_sim_failure failure = schedule->failure;
    fprintf(stderr, "sim: %s: schedule %llu (seed %llu%s) fails after %llu steps: %s\n", test->name,
            (unsigned long long)last.runs, (unsigned long long)schedule->seed,
            schedule->weak ? ", older values" : "", (unsigned long long)schedule->steps,
            pt_sim_failure_text(failure));
    if (!replayed && failure != PT_SIM_STUCK && pti_sim_shrink(test))
        return true;
    schedule->verbose = true;
    if (pti_sim_replay(test))
        return true;
    schedule->verbose = false;
    last.switches = schedule->switches;
    if (schedule->failure != failure)
        fprintf(stderr,
                "sim: run again it ends otherwise: %s. Does the test use real time, or chance of its own?\n",
                pt_sim_failure_text(schedule->failure));
    else
        fprintf(stderr, "sim: %u switches between threads that could go on, of %u as found\n", last.switches,
                last.switches_before);
    if (!replayed)
        pti_sim_write_file(test->name);
    return false;
}

/* True in the process that is to go on as the program. */
static bool run_all(const struct pti_test *test)
{
    pti_schedule *schedule = pti_sim_shared;
    const bool replay = schedule->strategy == SIM_REPLAY;
    while (!schedule->over && schedule->failure == PT_SIM_OK) {
        if (run_process(test))
            return true;
    }
    last = (pt_sim_result){.failure = schedule->failure,
                           .runs = schedule->runs,
                           .steps = schedule->all_steps,
                           .seed = schedule->seed,
                           .switches_before = schedule->switches,
                           .complete = schedule->complete};
    return last.failure != PT_SIM_OK && report(test, replay);
}

bool pt_sim_run(const char *name, void (*run)(void *arg), void *arg, const pt_sim_options *options)
{
    const struct pti_test test = {name, run, arg};
    last = (pt_sim_result){0};
    if (name == NULL || run == NULL || pti_sim_schedule != NULL) {
        fprintf(stderr, "sim: pt_sim_run() needs a name and a test, and cannot be called from within one\n");
        return false;
    }
    if (!pti_sim_read_options(options, getenv("PT_SIM")))
        return false;
    run_all(&test);
    return last.failure == PT_SIM_OK;
}

void pti_sim_whole_program(void)
{
    const pt_sim_options options = {.runs = 1, .steps = UINT64_MAX, .patience = PT_TIME_NEVER};
    const struct pti_test test = {program_invocation_short_name, NULL, NULL};
    const char *text = getenv("PT_SIM");
    if (pti_sim_runs())
        return;
    whole = true;
    once = text == NULL;
    if (!pti_sim_read_options(once ? &options : NULL, text))
        exit(2);
    if (run_all(&test))
        return;
    fflush(NULL);
    /* What is to be done at the end, the children have done. */
    _exit(last.failure == PT_SIM_OK ? pti_sim_shared->code : 1);
}
