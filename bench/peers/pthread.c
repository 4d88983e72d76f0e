/* pthread.c: the metrics of pt_bench.c on the C library's own POSIX threads and semaphores, on the system's bare
   futex, and on a queue made of the former. What each one means is said there; the loops are the same. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "futex.h"
#include "queue.h"

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

/* ---- Read-write lock ------------------------------------------------------------------------ */

/* glibc's lock takes 56 bytes, so that the counter still is on its line. */
struct shared {
    pthread_rwlock_t rwlock;
    uint64_t counter;
} __attribute__((aligned(128)));

static void read_lock_and_unlock(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        pthread_rwlock_rdlock(&shared->rwlock);
        pthread_rwlock_unlock(&shared->rwlock);
    }
}

static void write_lock_and_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        pthread_rwlock_wrlock(&shared->rwlock);
        shared->counter++;
        pthread_rwlock_unlock(&shared->rwlock);
    }
}

/* n: a multiple of 16, of which one counts. A reader that saw the counter fall was not alone with readers. */
static void read_and_sometimes_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    uint64_t seen = 0, last = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % 16 == 0) {
            write_lock_and_count(shared, 1);
            continue;
        }
        pthread_rwlock_rdlock(&shared->rwlock);
        seen = shared->counter;
        pthread_rwlock_unlock(&shared->rwlock);
        if (seen < last)
            bench_fail("the read-write lock let a writer in beside a reader");
        last = seen;
    }
}

/* A default lock, which in glibc prefers readers, and which nobody else wants. */
static double rwlock_read_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct shared shared = {.rwlock = PTHREAD_RWLOCK_INITIALIZER};
    return bench_alone_ns(read_lock_and_unlock, &shared);
}

static double rwlock_write_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct shared shared = {.rwlock = PTHREAD_RWLOCK_INITIALIZER};
    return bench_alone_ns(write_lock_and_count, &shared);
}

static double rwlock_mixed_Mops(unsigned threads)
{
    struct shared shared = {.rwlock = PTHREAD_RWLOCK_INITIALIZER};
    struct bench_crowd crowd = bench_crowd(threads, 1, read_and_sometimes_count, &shared);
    if (shared.counter * 16 != crowd.total)
        bench_fail("the read-write lock let two writers in at once");
    return crowd.mops;
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

/* ---- Barrier ------------------------------------------------------------------------------- */

static void meet(void *arg, uint64_t n)
{
    pthread_barrier_t *barrier = arg;
    for (uint64_t i = 0; i < n; i++)
        pthread_barrier_wait(barrier);
}

static double barrier_us(unsigned threads)
{
    pthread_barrier_t barrier;
    must(pthread_barrier_init(&barrier, NULL, threads), "pthread_barrier_init");
    double us = bench_pair_us(meet, meet, &barrier);
    pthread_barrier_destroy(&barrier);
    return us;
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

/* ---- Futex --------------------------------------------------------------------------------- */

static void futex_ping(void *arg, uint64_t n)
{
    uint32_t *word = arg;
    for (uint64_t i = 0; i < n; i++) {
        __atomic_store_n(word, 1, __ATOMIC_RELEASE);
        futex_wake(word);
        while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 1)
            futex_wait(word, 1);
    }
}

static void futex_pong(void *arg, uint64_t n)
{
    uint32_t *word = arg;
    for (uint64_t i = 0; i < n; i++) {
        while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
            futex_wait(word, 0);
        __atomic_store_n(word, 0, __ATOMIC_RELEASE);
        futex_wake(word);
    }
}

/* No library at all: what waking and waiting cost that everything else is made of. Whoever's turn it is not asks the
   system to wait at once, and each turn asks it to wake, whether somebody sleeps or not. */
static double futex_pingpong_us(unsigned threads)
{
    (void)threads;
    uint32_t word __attribute__((aligned(128))) = 0;
    return bench_pair_us(futex_ping, futex_pong, &word);
}

/* ---- Channels ------------------------------------------------------------------------------ */

static void send_each(void *queue, unsigned producer, uint64_t first, uint64_t n)
{
    (void)producer;
    for (uint64_t i = 0; i < n; i++)
        queue_send(queue, first + i);
}

static uint64_t receive_each(void *queue, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += queue_receive(queue);
    return sum;
}

static void send_batches(void *queue, unsigned producer, uint64_t first, uint64_t n)
{
    uint64_t batch[BENCH_BATCH];
    (void)producer;
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        for (uint64_t j = 0; j < BENCH_BATCH; j++)
            batch[j] = first + i + j;
        queue_send_many(queue, batch, BENCH_BATCH);
    }
}

static uint64_t receive_batches(void *queue, uint64_t n)
{
    uint64_t batch[BENCH_BATCH], sum = 0;
    while (n > 0) {
        size_t received = queue_receive_many(queue, batch, n < BENCH_BATCH ? (size_t)n : BENCH_BATCH);
        for (size_t i = 0; i < received; i++)
            sum += batch[i];
        n -= received;
    }
    return sum;
}

static double flow_Mmsgs(const struct bench_flow *flow, bool grows)
{
    struct queue queue;
    queue_init(&queue, 1024, grows);
    double mmsgs = bench_flow_Mmsgs(flow, &queue);
    queue_destroy(&queue);
    return mmsgs;
}

static double chan_spsc_Mmsgs(unsigned threads)
{
    (void)threads;
    return flow_Mmsgs(&(struct bench_flow){1, 1, send_each, receive_each}, false);
}

/* A ring that doubles when it is full. */
static double chan_spsc_unbounded_Mmsgs(unsigned threads)
{
    (void)threads;
    return flow_Mmsgs(&(struct bench_flow){1, 1, send_each, receive_each}, true);
}

/* One locking for as many values of a batch as there is room for, or as are there. */
static double chan_spsc_batch_Mmsgs(unsigned threads)
{
    (void)threads;
    return flow_Mmsgs(&(struct bench_flow){1, 1, send_batches, receive_batches}, false);
}

static double chan_mpsc_Mmsgs(unsigned producers)
{
    return flow_Mmsgs(&(struct bench_flow){producers, 1, send_each, receive_each}, false);
}

static double chan_mpmc_Mmsgs(unsigned each)
{
    return flow_Mmsgs(&(struct bench_flow){each, each, send_each, receive_each}, false);
}

struct pair_of_queues {
    struct queue ping __attribute__((aligned(128)));
    struct queue pong __attribute__((aligned(128)));
};

static void queues_ping(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        queue_send(&pair->ping, i);
        if (queue_receive(&pair->pong) != i)
            bench_fail("another value came back");
    }
}

static void queues_pong(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 0; i < n; i++)
        queue_send(&pair->pong, queue_receive(&pair->ping));
}

static double chan_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_queues pair;
    queue_init(&pair.ping, 1, false);
    queue_init(&pair.pong, 1, false);
    double us = bench_pair_us(queues_ping, queues_pong, &pair);
    queue_destroy(&pair.pong);
    queue_destroy(&pair.ping);
    return us;
}

struct pair_of_meetings {
    struct meeting ping __attribute__((aligned(128)));
    struct meeting pong __attribute__((aligned(128)));
};

static void meetings_ping(void *arg, uint64_t n)
{
    struct pair_of_meetings *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        meeting_send(&pair->ping, i);
        if (meeting_receive(&pair->pong) != i)
            bench_fail("another value came back");
    }
}

static void meetings_pong(void *arg, uint64_t n)
{
    struct pair_of_meetings *pair = arg;
    for (uint64_t i = 0; i < n; i++)
        meeting_send(&pair->pong, meeting_receive(&pair->ping));
}

static double chan_rendezvous_us(unsigned threads)
{
    (void)threads;
    struct pair_of_meetings pair;
    meeting_init(&pair.ping);
    meeting_init(&pair.pong);
    double us = bench_pair_us(meetings_ping, meetings_pong, &pair);
    meeting_destroy(&pair.pong);
    meeting_destroy(&pair.ping);
    return us;
}

/* ---- Timers -------------------------------------------------------------------------------- */

static void sleep_for(void *arg, int64_t nanoseconds)
{
    (void)arg;
    const struct timespec time = {.tv_nsec = (long)nanoseconds};
    bench_check(nanosleep(&time, NULL) == 0, "nanosleep");
}

/* POSIX threads have no timers; this is what the system itself makes of 2 ms. */
static double timer_late_us(unsigned threads)
{
    (void)threads;
    return bench_late_us(sleep_for, NULL);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"spawn_join_us", spawn_join_us, 1},
    {"spawn_join_reused_us", spawn_join_us, 1},
    {"mutex_uncontended_ns", mutex_uncontended_ns, 1},
    {"mutex_contended_2_Mops", mutex_contended_Mops, 2},
    {"mutex_contended_4_Mops", mutex_contended_Mops, 4},
    {"mutex_contended_8_Mops", mutex_contended_Mops, 8},
    {"mutex_fairness_8", mutex_fairness, 8},
    {"rwlock_read_uncontended_ns", rwlock_read_uncontended_ns, 1},
    {"rwlock_write_uncontended_ns", rwlock_write_uncontended_ns, 1},
    {"rwlock_mixed_4_Mops", rwlock_mixed_Mops, 4},
    {"semaphore_uncontended_ns", semaphore_uncontended_ns, 1},
    {"barrier_2_us", barrier_us, 2},
    {"event_pingpong_us", event_pingpong_us, 2},
    {"cond_pingpong_us", cond_pingpong_us, 2},
    {"chan_spsc_1024_Mmsgs", chan_spsc_Mmsgs, 2},
    {"chan_spsc_unbounded_Mmsgs", chan_spsc_unbounded_Mmsgs, 2},
    {"chan_spsc_batch32_Mmsgs", chan_spsc_batch_Mmsgs, 2},
    {"chan_mpsc4_1024_Mmsgs", chan_mpsc_Mmsgs, 4},
    {"chan_mpmc4x4_1024_Mmsgs", chan_mpmc_Mmsgs, 4},
    {"chan_pingpong_us", chan_pingpong_us, 2},
    {"chan_rendezvous_us", chan_rendezvous_us, 2},
    {"timer_late_us", timer_late_us, 1},
    {"futex_pingpong_us", futex_pingpong_us, 2}, /* the last: not everywhere is there a futex */
};

int main(int argc, char **argv)
{
    size_t count = sizeof cases / sizeof cases[0];
    return bench_main(argc, argv, "pthread", cases, futex_possible() ? count : count - 1);
}
