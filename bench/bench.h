/* bench.h: the harness of every bench program, ours and the peers'.

   A bench program is a table of cases, each one a metric of metrics.c with the function that measures it, and
   a main() that hands the table to bench_main(). A measuring function prepares its object and leaves clocks,
   threads and counts to one of the shapes below, so that all libraries are measured alike; what is left to
   write is the loop over the library's own operations.

   The harness itself stands on POSIX threads, which all three targets have. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Metrics and cases -------------------------------------------------------------------- */

/* What is measured, the same for all libraries: the table is in metrics.c. */
struct bench_metric {
    const char *name; /* ends in the unit, as in spawn_join_us */
    const char *unit;
    const char *better; /* "lower" or "higher" */
    const char *what;   /* one line for people */
};
extern const struct bench_metric bench_metrics[];
extern const size_t bench_metric_count;

/* How one library measures a metric: one round, in the metric's unit. */
struct bench_case {
    const char *metric;
    double (*measure)(unsigned threads);
    unsigned threads; /* passed to measure, for metrics that come in several sizes */
};

/* Read the options, run the cases, print the medians. Returns main()'s exit status. */
int bench_main(int argc, char **argv, const char *library, const struct bench_case *cases, size_t count);

/* End the program with a message: a figure of a library that failed is worth nothing. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The same, unless ok. */
void bench_check(bool ok, const char *what);

/* To be called before another try to start a thread that just could not be had. In a browser a Worker whose thread was
   joined takes a moment until it can carry the next one. Waits for a millisecond; after 5000 of them gives up. */
void bench_wait_for_worker(void);

/* ---- Shapes ------------------------------------------------------------------------------- */

/* Do the operation n times. */
typedef void (*bench_loop)(void *arg, uint64_t n);

/* One thread: nanoseconds an operation. The loop is run several times, about 0.2 s in all; the result is the
   median, since the first runs may be slow: WebAssembly hosts go on compiling while the program runs, and replace a
   function only when it is called again. Another thread sleeps all the time, so that a C library cannot take its
   short cuts for programs without threads. */
double bench_alone_ns(bench_loop loop, void *arg);

/* Two threads, each running its loop n times, that keep each other going: microseconds a round trip. ping runs
   in the calling thread and is timed. Otherwise as above. */
double bench_pair_us(bench_loop ping, bench_loop pong, void *arg);

/* Something slow: microseconds that one go takes, the median of `count` goes, or of as many as fit in 2 s. */
double bench_single_us(void (*go)(void), unsigned count);

/* Waiting for a moment: by how many microseconds too late it comes, the median of 100 waits of 2 ms each. */
double bench_late_us(void (*wait)(void *arg, int64_t nanoseconds), void *arg);

/* A crowd: `threads` threads that all run the loop, with a small n, again and again until the time is up. */
struct bench_crowd {
    uint64_t total;       /* operations of all threads together */
    double mops;          /* millions of them in a second */
    double slowest_share; /* of the slowest thread, as against the mean: 1 is perfectly fair */
};

/* Runs for `rounds` times 0.2 s, by the clock: a fixed number of operations would end with the last thread
   running alone. */
struct bench_crowd bench_crowd(unsigned threads, unsigned rounds, bench_loop loop, void *arg);

/* A flow: producers send values, consumers receive them, each in a thread of its own. A producer sends n of them: first,
   first + 1, and so on; `producer` counts from 0. A consumer receives n, and returns their sum. All sent are received
   in the end, so that the channel is empty before and after. */
struct bench_flow {
    unsigned producers, consumers;
    void (*send)(void *arg, unsigned producer, uint64_t first, uint64_t n);
    uint64_t (*receive)(void *arg, uint64_t n);
};

/* n is a multiple of this, for those that send and receive several at a time. */
enum { BENCH_BATCH = 32 };

/* Millions of values a second, from when all threads are let go until the last has done its part. The number of values
   is found while running, so that all takes about 0.2 s. All producers send equally many, and all consumers receive
   equally many: that all peers can do, while not all can tell a consumer that there will be no more. From 1 on, each
   value is sent once, so that a lost or doubled one shows in the sum, and fails the run. */
double bench_flow_Mmsgs(const struct bench_flow *flow, void *arg);

/* ---- Shapes of pools: what is worked on, and whether it came out right, is the harness's too ---- */

/* Milliseconds that a loop of n takes, the median of 9 goes, or of as many as fit in 2 s. */
double bench_go_ms(bench_loop loop, size_t n, void *arg);

/* The same of fib(arg, 32), which forks at every call with n > 1: of fib(n - 1) and fib(n - 2) one is for whoever takes it,
   the other is done at once by the caller, who then waits for the first. No call is too small to be forked. */
double bench_fib_ms(uint64_t (*fib)(void *arg, unsigned n), void *arg);

/* Make each of the values x * 1.0001 + 1. */
typedef void (*bench_parfor)(void *arg, double *values, size_t count);

/* Milliseconds for 10 M values, and microseconds for 5,000 of them, which stay in the cache. */
double bench_parfor_ms(bench_parfor parfor, void *arg);
double bench_parfor_tiny_us(bench_parfor parfor, void *arg);

/* Milliseconds for sorting 10 M random values, a fresh copy of the same ones each time, which is not timed. */
double bench_sort_ms(void (*sort)(void *arg, uint64_t *values, size_t count), void *arg);

/* The processor time that the process takes in 2 s, all threads together: 100 is one processor. The calling thread
   sleeps, and once a millisecond calls `trickle`, unless that is NULL. From the call on: workers that have just had
   something to do may still be looking for more. */
double bench_cpu_percent(void (*trickle)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
