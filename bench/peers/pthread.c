/* pthread.c: the metrics of pt_bench.c on the C library's own POSIX threads and semaphores. What each one means
   is said there; the loops are the same. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "bench.h"

static void must(int error, const char *what)
{
    if (error != 0)
        bench_fail("%s: %s", what, strerror(error));
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void *return_at_once(void *arg)
{
    return arg;
}

static void spawn_and_join(void)
{
    pthread_t thread;
    int error;
    while ((error = pthread_create(&thread, NULL, return_at_once, NULL)) == EAGAIN)
        bench_wait_for_worker();
    must(error, "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
}

/* pthread_create + pthread_join, all attributes at their defaults. */
static double spawn_join_us(unsigned threads)
{
    (void)threads;
    return bench_single_us(spawn_and_join, 2000);
}

/* ---- Mutex --------------------------------------------------------------------------------- */

/* Counter and lock on one cache line of their own, where glibc's 40 bytes allow it. */
struct guarded {
    pthread_mutex_t mutex;
    uint64_t counter;
} __attribute__((aligned(128)));

static void lock_and_count(void *arg, uint64_t n)
{
    struct guarded *guarded = arg;
    for (uint64_t i = 0; i < n; i++) {
        pthread_mutex_lock(&guarded->mutex);
        guarded->counter++;
        pthread_mutex_unlock(&guarded->mutex);
    }
}

/* A default (normal) mutex that nobody else wants. */
static double mutex_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct guarded guarded = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    return bench_alone_ns(lock_and_count, &guarded);
}

static struct bench_crowd contend(unsigned threads, unsigned rounds)
{
    struct guarded guarded = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct bench_crowd crowd = bench_crowd(threads, rounds, lock_and_count, &guarded);
    if (guarded.counter != crowd.total)
        bench_fail("the mutex let two threads in at once");
    return crowd;
}

/* Throughput of a default mutex that is wanted all the time; no fairness is asked of it. */
static double mutex_contended_Mops(unsigned threads)
{
    return contend(threads, 1).mops;
}

/* The slowest thread's share of the mean. For information. */
static double mutex_fairness(unsigned threads)
{
    return contend(threads, 5).slowest_share;
}

/* ---- Semaphore ----------------------------------------------------------------------------- */

static void post_and_wait(void *arg, uint64_t n)
{
    sem_t *semaphore = arg;
    for (uint64_t i = 0; i < n; i++) {
        sem_post(semaphore);
        sem_wait(semaphore);
    }
}

/* An unnamed semaphore, private to the process, that nobody waits for. */
static double semaphore_uncontended_ns(unsigned threads)
{
    (void)threads;
    sem_t semaphore;
    bench_check(sem_init(&semaphore, 0, 0) == 0, "sem_init");
    double ns = bench_alone_ns(post_and_wait, &semaphore);
    sem_destroy(&semaphore);
    return ns;
}

/* ---- Waking -------------------------------------------------------------------------------- */

struct pair_of_semaphores {
    sem_t ping __attribute__((aligned(128)));
    sem_t pong __attribute__((aligned(128)));
};

/* sem_wait may be cut short by a signal; none is sent here. */
static void semaphores_ping(void *arg, uint64_t n)
{
    struct pair_of_semaphores *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        sem_post(&pair->ping);
        sem_wait(&pair->pong);
    }
}

static void semaphores_pong(void *arg, uint64_t n)
{
    struct pair_of_semaphores *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        sem_wait(&pair->ping);
        sem_post(&pair->pong);
    }
}

/* POSIX has no events; a semaphore that never holds more than one permit does the same. */
static double event_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_semaphores pair;
    bench_check(sem_init(&pair.ping, 0, 0) == 0 && sem_init(&pair.pong, 0, 0) == 0, "sem_init");
    double us = bench_pair_us(semaphores_ping, semaphores_pong, &pair);
    sem_destroy(&pair.ping);
    sem_destroy(&pair.pong);
    return us;
}

struct table_tennis {
    pthread_mutex_t mutex;
    bool pong_is_next; /* under mutex */
    pthread_cond_t ping, pong;
};

static void conds_ping(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pthread_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        table->pong_is_next = true;
        pthread_cond_signal(&table->pong);
        while (table->pong_is_next)
            pthread_cond_wait(&table->ping, &table->mutex);
    }
    pthread_mutex_unlock(&table->mutex);
}

static void conds_pong(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pthread_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        while (!table->pong_is_next)
            pthread_cond_wait(&table->pong, &table->mutex);
        table->pong_is_next = false;
        pthread_cond_signal(&table->ping);
    }
    pthread_mutex_unlock(&table->mutex);
}

/* One mutex and two conditions, signalled while the mutex is held. */
static double cond_pingpong_us(unsigned threads)
{
    (void)threads;
    struct table_tennis table = {
        .mutex = PTHREAD_MUTEX_INITIALIZER, .ping = PTHREAD_COND_INITIALIZER, .pong = PTHREAD_COND_INITIALIZER};
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
    return bench_main(argc, argv, "pthread", cases, sizeof cases / sizeof cases[0]);
}
