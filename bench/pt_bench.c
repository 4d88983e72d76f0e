/* pt_bench.c: libportalis_thread, measured. Each file in peers/ does the same with another library: keep their
   loops alike. */
#include <pt.h>

#include "bench.h"

static void must(pt_status status, const char *what)
{
    if (status != PT_OK)
        bench_fail("%s: %s", what, pt_strerror(status));
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void *return_at_once(void *arg)
{
    return arg;
}

static void spawn_and_join(void)
{
    pt_thread *thread;
    pt_status status;
    while ((status = pt_thread_spawn(&thread, NULL, return_at_once, NULL)) == PT_ERR_AGAIN)
        bench_wait_for_worker();
    must(status, "pt_thread_spawn");
    must(pt_thread_join(thread, NULL), "pt_thread_join");
    pt_thread_release(thread);
}

/* What a thread costs that does nothing, from the call that starts it until it is gone. Mostly the system's own
   work, and the time it takes to wake the one who joins. Says nothing of many threads started at once. */
static double spawn_join_us(unsigned threads)
{
    (void)threads;
    return bench_single_us(spawn_and_join, 2000);
}

/* ---- Mutex --------------------------------------------------------------------------------- */

/* The counter is beside its lock, on one cache line, as in a struct that has a lock of its own. */
struct guarded {
    pt_mutex mutex;
    uint64_t counter;
} __attribute__((aligned(128)));

static void lock_and_count(void *arg, uint64_t n)
{
    struct guarded *guarded = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_mutex_lock(&guarded->mutex);
        guarded->counter++;
        pt_mutex_unlock(&guarded->mutex);
    }
}

/* What a lock costs that is always free and in the processor's cache: its atomic operations, and whatever stands
   around them. Most locks of most programs are like that. Says nothing of cache misses. */
static double mutex_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct guarded guarded = {.mutex = PT_MUTEX_INIT};
    return bench_alone_ns(lock_and_count, &guarded);
}

static struct bench_crowd contend(unsigned threads, unsigned rounds)
{
    struct guarded guarded = {.mutex = PT_MUTEX_INIT};
    struct bench_crowd crowd = bench_crowd(threads, rounds, lock_and_count, &guarded);
    if (guarded.counter != crowd.total)
        bench_fail("the mutex let two threads in at once");
    return crowd;
}

/* Throughput of a lock that is wanted all the time. Rewards locks that let the running thread take the lock again
   and again; mutex_fairness_8 shows the price. No real program should be like this: between two locks it would do
   some work, and hold the lock for longer. */
static double mutex_contended_Mops(unsigned threads)
{
    return contend(threads, 1).mops;
}

/* How well the threads of such a crowd share the lock. For information: much of it is the system's scheduling,
   most of all where there are more threads than processors. */
static double mutex_fairness(unsigned threads)
{
    return contend(threads, 5).slowest_share;
}

/* ---- Semaphore ----------------------------------------------------------------------------- */

static void post_and_wait(void *arg, uint64_t n)
{
    pt_semaphore *semaphore = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_semaphore_post(semaphore, 1);
        pt_semaphore_wait(semaphore);
    }
}

/* What a semaphore costs that nobody waits for. Says nothing of waking. */
static double semaphore_uncontended_ns(unsigned threads)
{
    (void)threads;
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(0);
    return bench_alone_ns(post_and_wait, &semaphore);
}

/* ---- Waking -------------------------------------------------------------------------------- */

struct pair_of_events {
    pt_event ping __attribute__((aligned(128)));
    pt_event pong __attribute__((aligned(128)));
};

static void events_ping(void *arg, uint64_t n)
{
    struct pair_of_events *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_event_set(&pair->ping);
        pt_event_wait(&pair->pong);
    }
}

static void events_pong(void *arg, uint64_t n)
{
    struct pair_of_events *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_event_wait(&pair->ping);
        pt_event_set(&pair->pong);
    }
}

/* The time from waking a thread until it runs, twice. How long the system takes for that depends on whether both
   threads share a processor, whether the other one sleeps deeply, and on luck; a library can win by spinning for
   a moment before it sleeps. Says nothing of throughput. */
static double event_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_events pair = {.ping = PT_EVENT_AUTO_INIT, .pong = PT_EVENT_AUTO_INIT};
    return bench_pair_us(events_ping, events_pong, &pair);
}

struct table_tennis {
    pt_mutex mutex;
    bool pong_is_next; /* under mutex */
    pt_cond ping, pong;
};

static void conds_ping(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pt_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        table->pong_is_next = true;
        pt_cond_signal(&table->pong);
        while (table->pong_is_next)
            pt_cond_wait(&table->ping, &table->mutex);
    }
    pt_mutex_unlock(&table->mutex);
}

static void conds_pong(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pt_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        while (!table->pong_is_next)
            pt_cond_wait(&table->pong, &table->mutex);
        table->pong_is_next = false;
        pt_cond_signal(&table->ping);
    }
    pt_mutex_unlock(&table->mutex);
}

/* As event_pingpong_us, by the means that most programs use. Signals while it holds the mutex, as most programs
   do, so it also shows whether a woken thread has to wait once more for the mutex. */
static double cond_pingpong_us(unsigned threads)
{
    (void)threads;
    struct table_tennis table = {.mutex = PT_MUTEX_INIT, .ping = PT_COND_INIT, .pong = PT_COND_INIT};
    return bench_pair_us(conds_ping, conds_pong, &table);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"spawn_join_us", spawn_join_us, 1},
    {"mutex_uncontended_ns", mutex_uncontended_ns, 1},
    {"mutex_contended_2_Mops", mutex_contended_Mops, 2},
    {"mutex_contended_4_Mops", mutex_contended_Mops, 4},
    {"mutex_contended_8_Mops", mutex_contended_Mops, 8},
    {"mutex_fairness_8", mutex_fairness, 8},
    {"semaphore_uncontended_ns", semaphore_uncontended_ns, 1},
    {"event_pingpong_us", event_pingpong_us, 2},
    {"cond_pingpong_us", cond_pingpong_us, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "portalis", cases, sizeof cases / sizeof cases[0]);
}
