/* run.c: pt_sim_run(): one process a schedule, then, of one that failed, a shorter one, its report and its file.

   The process that calls never runs the test itself, so each schedule begins from the same memory, and what a failed one
   did to it does not matter. Addresses are the same in all of them, and in another process too, as the placing of memory
   by chance is turned off when the program starts. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

enum {
    PATIENCE = 20,
    SHRINKING = 2,
    SHRINKING_RUNS = 400
}; /* seconds for one schedule, and for all that shrink; runs */

static pti_schedule *shared; /* with the process that runs the schedule */
static pt_sim_result last;
static bool finished;
static bool aloud = true; /* what the test prints is shown once, from the first schedule */

__attribute__((constructor)) static void place_memory_always_alike(int argc, char **argv)
{
    (void)argc;
    int now = personality(0xffffffff);
    if (now != -1 && (now & ADDR_NO_RANDOMIZE) == 0 && personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1)
        execv("/proc/self/exe", argv);
}

const char *pt_sim_failure_text(pt_sim_failure failure)
{
    static const char *const texts[] = {"no failure",       "deadlock", "endless", "data race", "use after free",
                                        "thread left over", "crash",    "exit",    "too large", "stuck"};
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

/* ---- In the process of a schedule ---------------------------------------------------------- */

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
    static char stack[64 * 1024];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct sigaction action = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

static void at_exit(void)
{
    if (!finished)
        pti_sim_fail(PT_SIM_EXIT, "%s ended the program", pti_sim_self->name);
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
}

_Noreturn static void run_here(void (*test)(void *arg), void *arg)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(PATIENCE);
    if (!aloud && !shared->verbose &&
        (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL))
        _exit(3);
    catch_crashes();
    atexit(at_exit);
    pti_fiber_begin();
    snprintf(pti_sim_self->name, sizeof pti_sim_self->name, "test");
    pti_race_begin();
    pti_schedule_begin(shared);
    test(arg);
    check_leaks();
    finished = true;
    fflush(NULL);
    _exit(0);
}

/* ---- In the process that asked ------------------------------------------------------------- */

static void run_schedule(void (*test)(void *arg), void *arg)
{
    shared->steps = 0;
    shared->decisions = 0;
    shared->switches = 0;
    shared->failure = PT_SIM_OK;
    shared->text[0] = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_here(test, arg);
    int status;
    while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    if (child < 0) {
        shared->failure = PT_SIM_RESOURCES;
        snprintf(shared->text, sizeof shared->text, "no process can be started: %s", strerror(errno));
    } else if (WIFSIGNALED(status) && shared->failure == PT_SIM_OK) {
        bool stuck = WTERMSIG(status) == SIGALRM;
        shared->failure = stuck ? PT_SIM_STUCK : PT_SIM_CRASH;
        snprintf(shared->text, sizeof shared->text, "%s",
                 stuck ? "a thread waits, or loops, where the simulator cannot see it: a lock or a sleep that is "
                         "not the library's?"
                       : strsignal(WTERMSIG(status)));
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Leave out decisions, half of them first, as long as the failure stays the same; the schedule found last is in shared. */
static void shrink(void (*test)(void *arg), void *arg)
{
    enum pt_sim_failure failure = shared->failure;
    uint32_t count = shared->decisions, switches = shared->switches;
    uint8_t *best = malloc(SIM_DECISIONS);
    if (best == NULL)
        return;
    memcpy(best, shared->chosen, count);
    double end = seconds() + SHRINKING;
    int runs = 0;
    shared->strategy = SIM_REPLAY;
    for (uint32_t chunk = count > 1 ? count / 2 : 1; chunk > 0 && switches > 0; chunk /= 2) {
        for (uint32_t at = 0; at < count && runs < SHRINKING_RUNS && seconds() < end; at += chunk) {
            uint32_t length = chunk < count - at ? chunk : count - at;
            memcpy(shared->chosen, best, count);
            memset(shared->chosen + at, SIM_STAY, length);
            shared->to_replay = count;
            runs++;
            run_schedule(test, arg);
            if (shared->failure != failure || shared->switches >= switches)
                continue;
            switches = shared->switches;
            count = shared->decisions;
            memcpy(best, shared->chosen, count);
        }
    }
    memcpy(shared->chosen, best, count);
    shared->to_replay = shared->decisions = count;
    free(best);
}

static void write_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s.schedule", name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "sim: cannot write %s: %s\n", path, strerror(errno));
        return;
    }
    fprintf(file, "pt_sim 1 %s\nseed %llu\ndecisions %u\n", name, (unsigned long long)shared->seed,
            shared->to_replay);
    for (uint32_t i = 0; i < shared->to_replay; i++)
        fprintf(file, "%u%c", shared->chosen[i], i % 40 == 39 ? '\n' : ' ');
    fprintf(file, "\n");
    fclose(file);
    fprintf(stderr, "sim: the schedule is in %s; run it again with PT_SIM=replay:%s\n", path, path);
}

static bool read_file(const char *path)
{
    unsigned long long seed;
    unsigned count, number;
    FILE *file = fopen(path, "r");
    bool ok = file != NULL && fscanf(file, "pt_sim 1 %*s seed %llu decisions %u", &seed, &count) == 2 &&
              count <= SIM_DECISIONS;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = fscanf(file, "%u", &number) == 1 && number <= SIM_STAY;
        shared->chosen[i] = (uint8_t)number;
    }
    if (ok) {
        shared->seed = seed;
        shared->to_replay = count;
        shared->strategy = SIM_REPLAY;
    } else {
        fprintf(stderr, "sim: %s is no schedule that can be read\n", path);
    }
    if (file != NULL)
        fclose(file);
    return ok;
}

/* The failure at hand, once more, and aloud. */
static void report(const char *name, void (*test)(void *arg), void *arg, bool replayed)
{
    enum pt_sim_failure failure = shared->failure;
    uint32_t before = shared->switches;
    uint64_t steps = shared->steps;
    last.failure = failure;
    last.seed = shared->seed;
    last.switches_before = before;
    if (!replayed)
        shrink(test, arg);
    fprintf(stderr, "sim: %s: schedule %llu (seed %llu) fails after %llu steps: %s\n", name,
            (unsigned long long)last.runs, (unsigned long long)shared->seed, (unsigned long long)steps,
            pt_sim_failure_text(failure));
    shared->strategy = SIM_REPLAY;
    shared->to_replay = replayed ? shared->to_replay : shared->decisions;
    shared->verbose = true;
    run_schedule(test, arg);
    shared->verbose = false;
    last.switches = shared->switches;
    if (shared->failure != failure)
        fprintf(stderr,
                "sim: run again it ends otherwise: %s. Does the test use real time, or chance of its own?\n",
                pt_sim_failure_text(shared->failure));
    else
        fprintf(stderr, "sim: %u switches between threads that could go on, of %u as found\n", last.switches,
                before);
    if (failure == PT_SIM_STUCK)
        fprintf(stderr, "sim: %s\n", shared->text);
    if (!replayed) {
        shared->to_replay = shared->decisions;
        write_file(name);
    }
}

/* ---- What to run --------------------------------------------------------------------------- */

struct plan {
    pt_sim_options options;
    char strategy[256];
};

static uint64_t number_or(uint64_t given, uint64_t otherwise)
{
    return given == 0 ? otherwise : given;
}

/* "pct:depth=4,runs=10000" over what is there; false and a message if it is not that. */
static bool read_text(struct plan *plan, const char *text)
{
    const char *colon = strchr(text, ':');
    if (strncmp(text, "replay:", 7) == 0) {
        snprintf(plan->strategy, sizeof plan->strategy, "%s", text);
        return true;
    }
    snprintf(plan->strategy, sizeof plan->strategy, "%.*s", colon == NULL ? 255 : (int)(colon - text), text);
    for (const char *at = colon == NULL ? "" : colon + 1; *at != 0;) {
        char key[16];
        unsigned long long value;
        int length = 0;
        if (sscanf(at, "%15[a-z]=%llu%n", key, &value, &length) != 2) {
            fprintf(stderr, "sim: PT_SIM: \"%s\" is not NAME=NUMBER; names are runs, seed, depth, steps, seconds\n",
                    at);
            return false;
        }
        if (strcmp(key, "runs") == 0)
            plan->options.runs = value;
        else if (strcmp(key, "seed") == 0)
            plan->options.seed = value;
        else if (strcmp(key, "depth") == 0)
            plan->options.depth = (unsigned)value;
        else if (strcmp(key, "steps") == 0)
            plan->options.steps = value;
        else if (strcmp(key, "seconds") == 0)
            plan->options.budget = (pt_time)value * PT_SECOND;
        else {
            fprintf(stderr, "sim: PT_SIM: there is no \"%s\"; names are runs, seed, depth, steps, seconds\n", key);
            return false;
        }
        at += length;
        at += *at == ',';
    }
    return true;
}

/* True if the strategy is known, and shared is ready for it. */
static bool prepare(struct plan *plan)
{
    memset(shared, 0, offsetof(pti_schedule, chosen));
    shared->most_steps = number_or(plan->options.steps, 1000000);
    shared->seed = number_or(plan->options.seed, 1);
    shared->expected_steps = 1000;
    if (strncmp(plan->strategy, "replay:", 7) == 0)
        return read_file(plan->strategy + 7);
    if (strcmp(plan->strategy, "pct") == 0) {
        shared->strategy = SIM_PCT;
        shared->depth = (unsigned)number_or(plan->options.depth, 3);
        return true;
    }
    shared->strategy = SIM_RANDOM;
    if (strcmp(plan->strategy, "random") != 0)
        fprintf(stderr, "sim: no strategy is called \"%s\"; there are random, pct and replay:FILE\n",
                plan->strategy);
    return strcmp(plan->strategy, "random") == 0;
}

static bool run_all(const char *name, void (*test)(void *arg), void *arg, const struct plan *plan)
{
    bool replay = shared->strategy == SIM_REPLAY;
    uint64_t runs = replay ? 1 : number_or(plan->options.runs, 1000), first = shared->seed;
    double end = seconds() + (double)plan->options.budget / (double)PT_SECOND;
    for (uint64_t i = 0; i < runs && (i == 0 || plan->options.budget == 0 || seconds() < end); i++) {
        shared->seed = first + i;
        aloud = i == 0;
        run_schedule(test, arg);
        aloud = false;
        last.runs++;
        last.steps += shared->steps;
        if (shared->failure != PT_SIM_OK) {
            report(name, test, arg, replay);
            return false;
        }
        if (shared->steps > shared->expected_steps || i == 0)
            shared->expected_steps = shared->steps;
    }
    return true;
}

bool pt_sim_run(const char *name, void (*test)(void *arg), void *arg, const pt_sim_options *options)
{
    struct plan plan = {.options = options == NULL ? (pt_sim_options){0} : *options};
    const char *text = getenv("PT_SIM");
    last = (pt_sim_result){0};
    if (name == NULL || test == NULL || pti_sim_schedule != NULL) {
        fprintf(stderr, "sim: pt_sim_run() needs a name and a test, and cannot be called from within one\n");
        return false;
    }
    snprintf(plan.strategy, sizeof plan.strategy, "%s",
             plan.options.strategy == NULL ? "random" : plan.options.strategy);
    if (text != NULL && !read_text(&plan, text))
        return false;
    if (shared == NULL) {
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) {
            shared = NULL;
            fprintf(stderr, "sim: out of memory\n");
            return false;
        }
    }
    return prepare(&plan) && run_all(name, test, arg, &plan);
}
