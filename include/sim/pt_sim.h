/* pt_sim.h: run a test under every interleaving that there is time for.

     static void transfer(void *arg) { ... starts threads, joins them, asserts ... }

     int main(void)
     {
         return pt_sim_run("transfer", transfer, NULL, NULL) ? 0 : 1;
     }

   In a build of the library for the simulator (cmake preset `sim`; Linux), all threads are fibers on one thread of the
   system, and a scheduler decides before each atomic operation, wait, wake, start, join, reading of the clock and yield who
   runs next. The program and the library are compiled with -fsanitize=thread and linked without it: the calls that the
   compiler puts in go to the simulator. A schedule that fails is made shorter, printed, and can be run again.

   Found are: deadlocks, endless loops, data races (two accesses, one of them a write, that no acquire and release
   order), use of freed memory, threads and waiters left over, crashes, waits outside of the library, and what the test itself
   asserts by abort() or exit(). No other sanitizer is needed, or can be used beside it.

   Values: an atomic load may see an older value where C11 allows that, in every other schedule; and a weak
   compare-and-swap may fail. So a missing acquire, release or fence is found even if the processor at hand would forgive it.
   What C11 allows beyond that is not tried: loads of what is stored later, and stores that come in before earlier ones.
   Of the values that a variable has had, the last four can be seen.

   Time is simulated: a deadline passes when no thread can go on without it, and only then. Deadlines that are close may pass
   together. In half of the schedules by chance or priority, a thread may be held up for 2 ms in the middle of anything, as
   if the system had something else to do, while the others go on and their deadlines pass. After 20,000 steps each step
   takes a microsecond, and turns are given fairly, so that what relies on time or on its turn comes to an end.

   A program that never calls pt_sim_run() is simulated as a whole, from its first thread on: once, at random, or as the
   environment variable PT_SIM says, for example PT_SIM=pct:depth=3,runs=10000 or PT_SIM=replay:FILE.

   Not seen: code compiled without -fsanitize=thread, and threads that are not the library's. What pt_sim_run() puts back
   between schedules is the program's memory, not files, nor what libc keeps. */
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
    PT_SIM_LEAK = 5,      /* a thread was left running, or neither joined nor detached; or a waiter left behind */
    PT_SIM_CRASH = 6,     /* a signal: a failed assert, a wild pointer */
    PT_SIM_EXIT = 7,      /* the test ended the program with a code other than 0 */
    PT_SIM_RESOURCES = 8, /* too many threads for the simulator */
    PT_SIM_STUCK = 9,     /* nothing that the simulator sees has happened for too long */
    PT_SIM_OUTSIDE = 10   /* a thread waits, sleeps or starts another by something else than the library */
} pt_sim_failure;

/* How to choose schedules. All zeroes is the default. */
typedef struct pt_sim_options {
    const char *strategy; /* NULL or "random": each time anybody who can run;
                             "pct": random priorities, changed at depth - 1 points (Burckhardt et al., 2010), which
                             finds a bug of that depth with a known chance;
                             "exhaustive": all schedules in which at most `depth` times a thread gives way though it
                             could go on, or a load sees an older value; for small tests;
                             "replay:FILE": the schedule that an earlier failure wrote */
    uint64_t runs;        /* schedules to try at most; 0: 1,000, or if exhaustive 1,000,000 */
    uint64_t seed;        /* of the first; the n-th after it has seed + n. 0: 1 */
    unsigned depth;       /* pct: 0: 3; exhaustive: 0: 2 */
    uint64_t steps;       /* the most that a schedule may take; 0: 1,000,000 */
    pt_time budget;       /* stop after so long, in ns of real time; 0: no limit */
    bool newest;          /* loads always see the newest value */
    pt_time patience;     /* of real time, for a schedule, rounded up to seconds; 0: 20 seconds */
} pt_sim_options;

/* Run test(arg) once for each schedule, in another process, with all memory put back in between. Must be called on a
   thread that is not itself simulated.

   name      of the test, for reports and for the file that a failure writes
   options   NULL for the defaults. The environment variable PT_SIM comes first: "random:runs=500,seed=7",
             "pct:depth=4,runs=10000", "replay:FILE"
   Returns   whether all schedules passed. 20 that had nothing to decide stand for all. The first that fails is shortened,
             printed to stderr, and written to NAME.schedule in the working directory
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
    bool complete;            /* exhaustive: there are no others */
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
