/* pt_sim.h: run a test under every interleaving that there is time for.

     static void transfer(void *arg) { ... starts threads, joins them, asserts ... }

     int main(void)
     {
         return pt_sim_run("transfer", transfer, NULL, NULL) ? 0 : 1;
     }

   In a build of the library for the simulator (cmake preset `sim`; Linux), all threads are fibers on one thread of the system, and
   a scheduler decides before each atomic operation, wait, wake, start, join, reading of the clock and yield who runs
   next. The program and the library are compiled with -fsanitize=thread and linked without it: the calls that the compiler puts
   in go to the simulator. A schedule that fails is printed with the end of its trace, and can be run again.

   Found are: deadlocks, endless loops, data races (two accesses, one of them a write, that no acquire and release
   order), use of freed memory, threads left running, crashes, and what the test itself asserts by abort() or exit().

   Time is simulated: a deadline passes when no thread can go on without it, and only then; but after 20,000 steps each
   step takes a microsecond, and turns are given fairly, so that what relies on time or on its turn comes to an end.

   Not found: what plain memory hides. An atomic load sees the latest store; that it need not is found only as a data race on
   what it guards. Not seen: code compiled without -fsanitize=thread, and threads that are not the library's. */
#ifndef PT_SIM_H
#define PT_SIM_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a schedule failed. */
typedef enum pt_sim_failure {
    PT_SIM_OK = 0,
    PT_SIM_DEADLOCK = 1,  /* all threads wait, and none has a deadline */
    PT_SIM_ENDLESS = 2,   /* it took more steps than allowed */
    PT_SIM_RACE = 3,      /* two accesses that nothing orders */
    PT_SIM_FREED = 4,     /* use of freed memory */
    PT_SIM_LEAK = 5,      /* a thread was left running, or neither joined nor detached */
    PT_SIM_CRASH = 6,     /* a signal: a failed assert, a wild pointer */
    PT_SIM_EXIT = 7,      /* the test ended the program with a code other than 0 */
    PT_SIM_RESOURCES = 8, /* too many threads for the simulator */
    PT_SIM_STUCK = 9      /* a thread waits outside the library, where the simulator cannot see it */
} pt_sim_failure;

/* How to choose schedules. All zeroes is the default. */
typedef struct pt_sim_options {
    const char *strategy; /* NULL or "random": each time anybody who can run;
                             "pct": random priorities, changed at depth - 1 points (Burckhardt et al., 2010), which
                             finds a bug of that depth with a known chance;
                             "replay:FILE": the schedule that an earlier failure wrote */
    uint64_t runs;        /* schedules to try; 0: 1,000 */
    uint64_t seed;        /* of the first; the n-th after it has seed + n. 0: 1 */
    unsigned depth;       /* pct: 0: 3 */
    uint64_t steps;       /* the most that a schedule may take; 0: 1,000,000 */
    pt_time budget;       /* stop after so long, in ns of real time; 0: no limit */
} pt_sim_options;

/* Run test(arg) once for each schedule, each in a process of its own, so nothing that the test does stays. Must be
   called on a thread that is not itself simulated.

   name      of the test, for reports and for the file that a failure writes
   options   NULL for the defaults. The environment variable PT_SIM comes first: "random:runs=500,seed=7",
             "pct:depth=4,runs=10000", "replay:FILE"
   Returns   whether all schedules passed. The first that fails is shortened, printed to stderr, and written to
             NAME.schedule in the working directory
   Blocks    until done */
PT_API bool pt_sim_run(const char *name, void (*test)(void *arg), void *arg, const pt_sim_options *options);

/* What the last pt_sim_run() did. */
typedef struct pt_sim_result {
    pt_sim_failure failure;
    uint64_t runs;            /* schedules tried */
    uint64_t steps;           /* in all */
    uint64_t seed;            /* of the one that failed */
    uint32_t switches;        /* to another thread where the first could have gone on, in the shortened schedule */
    uint32_t switches_before; /* as found */
} pt_sim_result;

PT_API pt_sim_result pt_sim_last(void);

/* Within a test: the seed of this schedule, for chance of the test's own. */
PT_API uint64_t pt_sim_seed(void);

/* "deadlock", "data race" and so on; never NULL. */
PT_API const char *pt_sim_failure_text(pt_sim_failure failure);

#ifdef __cplusplus
}
#endif

#endif
