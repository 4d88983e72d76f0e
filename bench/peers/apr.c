/* apr.c: the channels' metrics of pt_bench.c on the Apache Portable Runtime's apr_queue, which is bounded: a ring, a mutex
   and two conditions; and the pools' on its apr_thread_pool. What each one means is said there; the loops are the same. */
#include <apr_general.h>
#include <apr_queue.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>

#include "bench.h"

static void must(apr_status_t status, const char *what)
{
    char text[120];
    if (status != APR_SUCCESS)
        bench_fail("%s: %s", what, apr_strerror(status, text, sizeof text));
}

/* Each queue has a pool of its own, which owns its memory. */
struct queue {
    apr_pool_t *pool;
    apr_queue_t *queue;
};

static struct queue new_queue(unsigned capacity)
{
    struct queue made;
    must(apr_pool_create(&made.pool, NULL), "apr_pool_create");
    must(apr_queue_create(&made.queue, capacity, made.pool), "apr_queue_create");
    return made;
}

/* Both may be cut short, and are then to be called again: APR says so. */
static void push(apr_queue_t *queue, uint64_t value)
{
    apr_status_t status;
    while ((status = apr_queue_push(queue, (void *)(uintptr_t)value)) == APR_EINTR) {
    }
    must(status, "apr_queue_push");
}

static uint64_t pop(apr_queue_t *queue)
{
    void *value;
    apr_status_t status;
    while ((status = apr_queue_pop(queue, &value)) == APR_EINTR) {
    }
    must(status, "apr_queue_pop");
    return (uintptr_t)value;
}

/* ---- Flows --------------------------------------------------------------------------------- */

static void send_each(void *queue, unsigned producer, uint64_t first, uint64_t n)
{
    (void)producer;
    for (uint64_t i = 0; i < n; i++)
        push(queue, first + i);
}

static uint64_t receive_each(void *queue, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += pop(queue);
    return sum;
}

static double flow_Mmsgs(unsigned producers, unsigned consumers)
{
    struct queue made = new_queue(1024);
    double mmsgs =
        bench_flow_Mmsgs(&(struct bench_flow){producers, consumers, send_each, receive_each}, made.queue);
    apr_pool_destroy(made.pool);
    return mmsgs;
}

static double chan_mpsc_Mmsgs(unsigned producers)
{
    return flow_Mmsgs(producers, 1);
}

static double chan_mpmc_Mmsgs(unsigned each)
{
    return flow_Mmsgs(each, each);
}

/* ---- Round trip ---------------------------------------------------------------------------- */

struct pair_of_queues {
    struct queue ping, pong;
};

static void queues_ping(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        push(pair->ping.queue, i);
        if (pop(pair->pong.queue) != i)
            bench_fail("another value came back");
    }
}

static void queues_pong(void *arg, uint64_t n)
{
    struct pair_of_queues *pair = arg;
    for (uint64_t i = 0; i < n; i++)
        push(pair->pong.queue, pop(pair->ping.queue));
}

static double chan_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_queues pair = {.ping = new_queue(1), .pong = new_queue(1)};
    double us = bench_pair_us(queues_ping, queues_pong, &pair);
    apr_pool_destroy(pair.pong.pool);
    apr_pool_destroy(pair.ping.pool);
    return us;
}

/* ---- Pools --------------------------------------------------------------------------------- */

/* An apr_thread_pool tells nobody that a task is done: the last one does. */
static struct pool {
    apr_pool_t *memory;
    apr_thread_pool_t *threads;
    unsigned left; /* atomic */
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *all_done;
} pool;

/* Whether this was the last. */
static bool one_less(void)
{
    return __atomic_sub_fetch(&pool.left, 1, __ATOMIC_ACQ_REL) == 0;
}

static void *APR_THREAD_FUNC run_task(apr_thread_t *thread, void *arg)
{
    (void)thread;
    (void)arg;
    if (one_less()) {
        must(apr_thread_mutex_lock(pool.mutex), "apr_thread_mutex_lock");
        must(apr_thread_cond_signal(pool.all_done), "apr_thread_cond_signal");
        must(apr_thread_mutex_unlock(pool.mutex), "apr_thread_mutex_unlock");
    }
    return NULL;
}

static void submit(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&pool.left, 1, __ATOMIC_RELAXED);
    must(apr_thread_pool_push(pool.threads, run_task, NULL, APR_THREAD_TASK_PRIORITY_NORMAL, NULL),
         "apr_thread_pool_push");
}

/* One more is to do until all are submitted. */
static void run_tasks(void *arg, uint64_t n)
{
    __atomic_add_fetch(&pool.left, 1, __ATOMIC_RELAXED);
    for (uint64_t i = 0; i < n; i++)
        submit(arg);
    if (one_less())
        return;
    must(apr_thread_mutex_lock(pool.mutex), "apr_thread_mutex_lock");
    while (__atomic_load_n(&pool.left, __ATOMIC_ACQUIRE) > 0)
        must(apr_thread_cond_wait(pool.all_done, pool.mutex), "apr_thread_cond_wait");
    must(apr_thread_mutex_unlock(pool.mutex), "apr_thread_mutex_unlock");
}

static void submit_and_wait(void)
{
    run_tasks(NULL, 1);
}

static void start_pool(unsigned threads)
{
    must(apr_pool_create(&pool.memory, NULL), "apr_pool_create");
    must(apr_thread_mutex_create(&pool.mutex, APR_THREAD_MUTEX_DEFAULT, pool.memory), "apr_thread_mutex_create");
    must(apr_thread_cond_create(&pool.all_done, pool.memory), "apr_thread_cond_create");
    must(apr_thread_pool_create(&pool.threads, threads, threads, pool.memory), "apr_thread_pool_create");
    run_tasks(NULL, 1000);
}

static void end_pool(void)
{
    must(apr_thread_pool_destroy(pool.threads), "apr_thread_pool_destroy");
    apr_pool_destroy(pool.memory);
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
    {"chan_spsc_1024_Mmsgs", chan_mpsc_Mmsgs, 1},    {"chan_mpsc4_1024_Mmsgs", chan_mpsc_Mmsgs, 4},
    {"chan_mpmc4x4_1024_Mmsgs", chan_mpmc_Mmsgs, 4}, {"chan_pingpong_us", chan_pingpong_us, 2},
    {"pool_1M_tasks_ms", pool_tasks_ms, 2},          {"pool_submit_wait_us", pool_submit_wait_us, 2},
    {"pool_idle_cpu_percent", pool_idle_percent, 2}, {"pool_trickle_cpu_percent", pool_trickle_percent, 2},
};

int main(int argc, char **argv)
{
    must(apr_initialize(), "apr_initialize");
    return bench_main(argc, argv, "apr", cases, sizeof cases / sizeof cases[0]);
}
