/* glib.c: the metrics of pt_bench.c on GLib's threads, locks, asynchronous queues and thread pools. What each one means is
   said there; the loops are the same. GLib has no semaphore, event or barrier, and its queues are unbounded. */
#include <glib.h>

#include "bench.h"

/* ---- Threads ------------------------------------------------------------------------------- */

static gpointer return_at_once(gpointer arg)
{
    return arg;
}

/* g_thread_new() ends the program if no thread can be had. */
static void spawn_and_join(void)
{
    g_thread_join(g_thread_new(NULL, return_at_once, NULL));
}

static double spawn_join_us(unsigned threads)
{
    (void)threads;
    return bench_single_us(spawn_and_join, 2000);
}

/* ---- Mutex --------------------------------------------------------------------------------- */

/* On Linux a GMutex is a futex's word, in 8 bytes. */
struct guarded {
    GMutex mutex;
    uint64_t counter;
} __attribute__((aligned(128)));

static void lock_and_count(void *arg, uint64_t n)
{
    struct guarded *guarded = arg;
    for (uint64_t i = 0; i < n; i++) {
        g_mutex_lock(&guarded->mutex);
        guarded->counter++;
        g_mutex_unlock(&guarded->mutex);
    }
}

static double mutex_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct guarded guarded = {.counter = 0};
    g_mutex_init(&guarded.mutex);
    double ns = bench_alone_ns(lock_and_count, &guarded);
    g_mutex_clear(&guarded.mutex);
    return ns;
}

static struct bench_crowd contend(unsigned threads, unsigned rounds)
{
    struct guarded guarded = {.counter = 0};
    g_mutex_init(&guarded.mutex);
    struct bench_crowd crowd = bench_crowd(threads, rounds, lock_and_count, &guarded);
    g_mutex_clear(&guarded.mutex);
    if (guarded.counter != crowd.total)
        bench_fail("the mutex let two threads in at once");
    return crowd;
}

static double mutex_contended_Mops(unsigned threads)
{
    return contend(threads, 1).mops;
}

static double mutex_fairness(unsigned threads)
{
    return contend(threads, 5).slowest_share;
}

/* ---- Read-write lock ------------------------------------------------------------------------ */

/* A GRWLock is a pointer to a POSIX one, which GLib allocates: here the counter cannot be beside its lock. */
struct shared {
    GRWLock rwlock;
    uint64_t counter;
} __attribute__((aligned(128)));

static void read_lock_and_unlock(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        g_rw_lock_reader_lock(&shared->rwlock);
        g_rw_lock_reader_unlock(&shared->rwlock);
    }
}

static void write_lock_and_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        g_rw_lock_writer_lock(&shared->rwlock);
        shared->counter++;
        g_rw_lock_writer_unlock(&shared->rwlock);
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
        g_rw_lock_reader_lock(&shared->rwlock);
        seen = shared->counter;
        g_rw_lock_reader_unlock(&shared->rwlock);
        if (seen < last)
            bench_fail("the read-write lock let a writer in beside a reader");
        last = seen;
    }
}

static double rwlock_uncontended_ns(bench_loop loop)
{
    struct shared shared = {.counter = 0};
    g_rw_lock_init(&shared.rwlock);
    double ns = bench_alone_ns(loop, &shared);
    g_rw_lock_clear(&shared.rwlock);
    return ns;
}

static double rwlock_read_uncontended_ns(unsigned threads)
{
    (void)threads;
    return rwlock_uncontended_ns(read_lock_and_unlock);
}

static double rwlock_write_uncontended_ns(unsigned threads)
{
    (void)threads;
    return rwlock_uncontended_ns(write_lock_and_count);
}

static double rwlock_mixed_Mops(unsigned threads)
{
    struct shared shared = {.counter = 0};
    g_rw_lock_init(&shared.rwlock);
    struct bench_crowd crowd = bench_crowd(threads, 1, read_and_sometimes_count, &shared);
    g_rw_lock_clear(&shared.rwlock);
    if (shared.counter * 16 != crowd.total)
        bench_fail("the read-write lock let two writers in at once");
    return crowd.mops;
}

/* ---- Waking -------------------------------------------------------------------------------- */

struct table_tennis {
    GMutex mutex;
    bool pong_is_next; /* under mutex */
    GCond ping, pong;
};

static void conds_ping(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    g_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        table->pong_is_next = true;
        g_cond_signal(&table->pong);
        while (table->pong_is_next)
            g_cond_wait(&table->ping, &table->mutex);
    }
    g_mutex_unlock(&table->mutex);
}

static void conds_pong(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    g_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        while (!table->pong_is_next)
            g_cond_wait(&table->pong, &table->mutex);
        table->pong_is_next = false;
        g_cond_signal(&table->ping);
    }
    g_mutex_unlock(&table->mutex);
}

static double cond_pingpong_us(unsigned threads)
{
    (void)threads;
    struct table_tennis table = {.pong_is_next = false};
    g_mutex_init(&table.mutex);
    g_cond_init(&table.ping);
    g_cond_init(&table.pong);
    double us = bench_pair_us(conds_ping, conds_pong, &table);
    g_cond_clear(&table.pong);
    g_cond_clear(&table.ping);
    g_mutex_clear(&table.mutex);
    return us;
}

/* ---- Channels ------------------------------------------------------------------------------ */

/* A value is a pointer that is not null, as in every GAsyncQueue. */
static void send_each(void *queue, unsigned producer, uint64_t first, uint64_t n)
{
    (void)producer;
    for (uint64_t i = 0; i < n; i++)
        g_async_queue_push(queue, GSIZE_TO_POINTER(first + i));
}

static uint64_t receive_each(void *queue, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += GPOINTER_TO_SIZE(g_async_queue_pop(queue));
    return sum;
}

static double chan_spsc_unbounded_Mmsgs(unsigned threads)
{
    (void)threads;
    GAsyncQueue *queue = g_async_queue_new();
    double mmsgs = bench_flow_Mmsgs(&(struct bench_flow){1, 1, send_each, receive_each}, queue);
    g_async_queue_unref(queue);
    return mmsgs;
}

struct pair_of_queues {
    GAsyncQueue *ping, *pong;
};

static void queues_ping(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 1; i <= n; i++) {
        g_async_queue_push(pair->ping, GSIZE_TO_POINTER(i));
        if (GPOINTER_TO_SIZE(g_async_queue_pop(pair->pong)) != i)
            bench_fail("another value came back");
    }
}

static void queues_pong(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 0; i < n; i++)
        g_async_queue_push(pair->pong, g_async_queue_pop(pair->ping));
}

/* There is never more than one value in a queue, so that it does not matter that there may be. */
static double chan_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_queues pair = {.ping = g_async_queue_new(), .pong = g_async_queue_new()};
    double us = bench_pair_us(queues_ping, queues_pong, &pair);
    g_async_queue_unref(pair.pong);
    g_async_queue_unref(pair.ping);
    return us;
}

/* ---- Pools --------------------------------------------------------------------------------- */

/* A GThreadPool tells nobody that a task is done: the last one does. */
static struct pool {
    GThreadPool *threads;
    gint left;
    GMutex mutex;
    GCond all_done;
} pool;

static void run_task(gpointer task, gpointer arg)
{
    (void)task;
    (void)arg;
    if (!g_atomic_int_dec_and_test(&pool.left))
        return;
    g_mutex_lock(&pool.mutex);
    g_cond_signal(&pool.all_done);
    g_mutex_unlock(&pool.mutex);
}

static void submit(void *arg)
{
    (void)arg;
    g_atomic_int_inc(&pool.left);
    bench_check(g_thread_pool_push(pool.threads, GINT_TO_POINTER(1), NULL), "g_thread_pool_push");
}

/* One more is to do until all are submitted. */
static void run_tasks(void *arg, uint64_t n)
{
    g_atomic_int_inc(&pool.left);
    for (uint64_t i = 0; i < n; i++)
        submit(arg);
    if (g_atomic_int_dec_and_test(&pool.left))
        return;
    g_mutex_lock(&pool.mutex);
    while (g_atomic_int_get(&pool.left) > 0)
        g_cond_wait(&pool.all_done, &pool.mutex);
    g_mutex_unlock(&pool.mutex);
}

static void submit_and_wait(void)
{
    run_tasks(NULL, 1);
}

/* With threads of its own, which are there from the beginning. */
static void start_pool(unsigned threads)
{
    pool.threads = g_thread_pool_new(run_task, NULL, (gint)threads, TRUE, NULL);
    bench_check(pool.threads != NULL, "g_thread_pool_new");
    run_tasks(NULL, 1000);
}

static void end_pool(void)
{
    g_thread_pool_free(pool.threads, FALSE, TRUE);
}

static double pool_tasks_ms(unsigned threads)
{
    start_pool(threads);
    double ms = bench_go_ms(run_tasks, 1000000, NULL);
    end_pool();
    return ms;
}

static double pool_submit_wait_us(unsigned threads)
{
    start_pool(threads);
    double us = bench_single_us(submit_and_wait, 10000);
    end_pool();
    return us;
}

static double pool_idle_percent(unsigned threads)
{
    start_pool(threads);
    double percent = bench_cpu_percent(NULL, NULL);
    end_pool();
    return percent;
}

static double pool_trickle_percent(unsigned threads)
{
    start_pool(threads);
    double percent = bench_cpu_percent(submit, NULL);
    end_pool();
    return percent;
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
    {"cond_pingpong_us", cond_pingpong_us, 2},
    {"chan_spsc_unbounded_Mmsgs", chan_spsc_unbounded_Mmsgs, 2},
    {"chan_pingpong_us", chan_pingpong_us, 2},
    {"pool_1M_tasks_ms", pool_tasks_ms, 2},
    {"pool_submit_wait_us", pool_submit_wait_us, 2},
    {"pool_idle_cpu_percent", pool_idle_percent, 2},
    {"pool_trickle_cpu_percent", pool_trickle_percent, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "glib", cases, sizeof cases / sizeof cases[0]);
}
