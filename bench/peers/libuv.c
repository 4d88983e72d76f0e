/* libuv.c: the metrics of pt_bench.c on libuv's threads and locks, which on Unixes are POSIX ones with an abort() for
   each mistake, and on its one pool of threads. What each metric means is said there; the loops are the same. */
#include <stdlib.h>
#include <uv.h>

#include "bench.h"

static void must(int error, const char *what)
{
    if (error != 0)
        bench_fail("%s: %s", what, uv_strerror(error));
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void return_at_once(void *arg)
{
    (void)arg;
}

static void spawn_and_join(void)
{
    uv_thread_t thread;
    int error;
    while ((error = uv_thread_create(&thread, return_at_once, NULL)) == UV_EAGAIN)
        bench_wait_for_worker();
    must(error, "uv_thread_create");
    must(uv_thread_join(&thread), "uv_thread_join");
}

static double spawn_join_us(unsigned threads)
{
    (void)threads;
    return bench_single_us(spawn_and_join, 2000);
}

/* ---- Mutex --------------------------------------------------------------------------------- */

struct guarded {
    uv_mutex_t mutex;
    uint64_t counter;
} __attribute__((aligned(128)));

static void lock_and_count(void *arg, uint64_t n)
{
    struct guarded *guarded = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_mutex_lock(&guarded->mutex);
        guarded->counter++;
        uv_mutex_unlock(&guarded->mutex);
    }
}

static double mutex_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct guarded guarded = {.counter = 0};
    must(uv_mutex_init(&guarded.mutex), "uv_mutex_init");
    double ns = bench_alone_ns(lock_and_count, &guarded);
    uv_mutex_destroy(&guarded.mutex);
    return ns;
}

static struct bench_crowd contend(unsigned threads, unsigned rounds)
{
    struct guarded guarded = {.counter = 0};
    must(uv_mutex_init(&guarded.mutex), "uv_mutex_init");
    struct bench_crowd crowd = bench_crowd(threads, rounds, lock_and_count, &guarded);
    uv_mutex_destroy(&guarded.mutex);
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

struct shared {
    uv_rwlock_t rwlock;
    uint64_t counter;
} __attribute__((aligned(128)));

static void read_lock_and_unlock(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_rwlock_rdlock(&shared->rwlock);
        uv_rwlock_rdunlock(&shared->rwlock);
    }
}

static void write_lock_and_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_rwlock_wrlock(&shared->rwlock);
        shared->counter++;
        uv_rwlock_wrunlock(&shared->rwlock);
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
        uv_rwlock_rdlock(&shared->rwlock);
        seen = shared->counter;
        uv_rwlock_rdunlock(&shared->rwlock);
        if (seen < last)
            bench_fail("the read-write lock let a writer in beside a reader");
        last = seen;
    }
}

static double rwlock_uncontended_ns(bench_loop loop)
{
    struct shared shared = {.counter = 0};
    must(uv_rwlock_init(&shared.rwlock), "uv_rwlock_init");
    double ns = bench_alone_ns(loop, &shared);
    uv_rwlock_destroy(&shared.rwlock);
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
    must(uv_rwlock_init(&shared.rwlock), "uv_rwlock_init");
    struct bench_crowd crowd = bench_crowd(threads, 1, read_and_sometimes_count, &shared);
    uv_rwlock_destroy(&shared.rwlock);
    if (shared.counter * 16 != crowd.total)
        bench_fail("the read-write lock let two writers in at once");
    return crowd.mops;
}

/* ---- Semaphore ----------------------------------------------------------------------------- */

static void post_and_wait(void *arg, uint64_t n)
{
    uv_sem_t *semaphore = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_sem_post(semaphore);
        uv_sem_wait(semaphore);
    }
}

static double semaphore_uncontended_ns(unsigned threads)
{
    (void)threads;
    uv_sem_t semaphore;
    must(uv_sem_init(&semaphore, 0), "uv_sem_init");
    double ns = bench_alone_ns(post_and_wait, &semaphore);
    uv_sem_destroy(&semaphore);
    return ns;
}

/* ---- Barrier ------------------------------------------------------------------------------- */

static void meet(void *arg, uint64_t n)
{
    uv_barrier_t *barrier = arg;
    for (uint64_t i = 0; i < n; i++)
        uv_barrier_wait(barrier);
}

static double barrier_us(unsigned threads)
{
    uv_barrier_t barrier;
    must(uv_barrier_init(&barrier, threads), "uv_barrier_init");
    double us = bench_pair_us(meet, meet, &barrier);
    uv_barrier_destroy(&barrier);
    return us;
}

/* ---- Waking -------------------------------------------------------------------------------- */

struct pair_of_semaphores {
    uv_sem_t ping __attribute__((aligned(128)));
    uv_sem_t pong __attribute__((aligned(128)));
};

static void semaphores_ping(void *arg, uint64_t n)
{
    struct pair_of_semaphores *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_sem_post(&pair->ping);
        uv_sem_wait(&pair->pong);
    }
}

static void semaphores_pong(void *arg, uint64_t n)
{
    struct pair_of_semaphores *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        uv_sem_wait(&pair->ping);
        uv_sem_post(&pair->pong);
    }
}

/* As in pthread.c, by semaphores that never hold more than one permit. */
static double event_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_semaphores pair;
    must(uv_sem_init(&pair.ping, 0), "uv_sem_init");
    must(uv_sem_init(&pair.pong, 0), "uv_sem_init");
    double us = bench_pair_us(semaphores_ping, semaphores_pong, &pair);
    uv_sem_destroy(&pair.pong);
    uv_sem_destroy(&pair.ping);
    return us;
}

struct table_tennis {
    uv_mutex_t mutex;
    bool pong_is_next; /* under mutex */
    uv_cond_t ping, pong;
};

static void conds_ping(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    uv_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        table->pong_is_next = true;
        uv_cond_signal(&table->pong);
        while (table->pong_is_next)
            uv_cond_wait(&table->ping, &table->mutex);
    }
    uv_mutex_unlock(&table->mutex);
}

static void conds_pong(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    uv_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        while (!table->pong_is_next)
            uv_cond_wait(&table->pong, &table->mutex);
        table->pong_is_next = false;
        uv_cond_signal(&table->ping);
    }
    uv_mutex_unlock(&table->mutex);
}

static double cond_pingpong_us(unsigned threads)
{
    (void)threads;
    struct table_tennis table = {.pong_is_next = false};
    must(uv_mutex_init(&table.mutex), "uv_mutex_init");
    must(uv_cond_init(&table.ping), "uv_cond_init");
    must(uv_cond_init(&table.pong), "uv_cond_init");
    double us = bench_pair_us(conds_ping, conds_pong, &table);
    uv_cond_destroy(&table.pong);
    uv_cond_destroy(&table.ping);
    uv_mutex_destroy(&table.mutex);
    return us;
}

/* ---- Timers: in one thread, the loop's, and in whole milliseconds ---------------------------- */

static void ignore_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void wait_for_tick(void *arg, int64_t nanoseconds)
{
    uv_timer_t *timer = arg;
    uv_update_time(timer->loop);
    must(uv_timer_start(timer, ignore_tick, (uint64_t)nanoseconds / 1000000, 0), "uv_timer_start");
    uv_run(timer->loop, UV_RUN_DEFAULT); /* until no timer runs */
}

static double timer_late_us(unsigned threads)
{
    (void)threads;
    uv_loop_t loop;
    uv_timer_t timer;
    must(uv_loop_init(&loop), "uv_loop_init");
    must(uv_timer_init(&loop, &timer), "uv_timer_init");
    double late = bench_late_us(wait_for_tick, &timer);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop), "uv_loop_close");
    return late;
}

static void start_and_stop(void *arg, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        must(uv_timer_start(arg, ignore_tick, 30000, 0), "uv_timer_start");
        must(uv_timer_stop(arg), "uv_timer_stop");
    }
}

static double timer_start_stop_ns(unsigned threads)
{
    (void)threads;
    uv_loop_t loop;
    uv_timer_t timer, other;
    must(uv_loop_init(&loop), "uv_loop_init");
    must(uv_timer_init(&loop, &timer), "uv_timer_init");
    must(uv_timer_init(&loop, &other), "uv_timer_init");
    must(uv_timer_start(&other, ignore_tick, 20000, 0), "uv_timer_start");
    double ns = bench_alone_ns(start_and_stop, &timer);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&other, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop), "uv_loop_close");
    return ns;
}

/* ---- The pool ------------------------------------------------------------------------------ */

/* Requests are the user's memory, one for each task that is not done yet. They go to the pool from the loop's thread, and come
   back to it: that one is outside here. */
static struct pool {
    uv_loop_t loop;
    uv_work_t *requests;
    size_t count, next;
} pool;

static void do_nothing(uv_work_t *request)
{
    (void)request;
}

static void submit(void)
{
    uv_work_t *request = &pool.requests[pool.next++ % pool.count];
    must(uv_queue_work(&pool.loop, request, do_nothing, NULL), "uv_queue_work");
}

/* n: at most pool.count. */
static void run_tasks(void *arg, uint64_t n)
{
    (void)arg;
    for (uint64_t i = 0; i < n; i++)
        submit();
    uv_run(&pool.loop, UV_RUN_DEFAULT); /* until all are done */
}

static void submit_and_wait(void)
{
    run_tasks(NULL, 1);
}

static void submit_and_go_on(void *arg)
{
    (void)arg;
    submit();
    uv_run(&pool.loop, UV_RUN_NOWAIT); /* takes back those that are done */
}

/* How many threads it has main() says, once and for all. */
static void start_pool(size_t count)
{
    pool.count = count;
    pool.requests = calloc(count, sizeof pool.requests[0]);
    bench_check(pool.requests != NULL, "calloc");
    must(uv_loop_init(&pool.loop), "uv_loop_init");
    run_tasks(NULL, 1000);
}

static void end_pool(void)
{
    uv_run(&pool.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&pool.loop), "uv_loop_close");
    free(pool.requests);
}

static double pool_tasks_ms(unsigned threads)
{
    (void)threads;
    start_pool(1000000);
    double ms = bench_go_ms(run_tasks, 1000000, NULL);
    end_pool();
    return ms;
}

static double pool_submit_wait_us(unsigned threads)
{
    (void)threads;
    start_pool(1000);
    double us = bench_single_us(submit_and_wait, 10000);
    end_pool();
    return us;
}

static double pool_idle_percent(unsigned threads)
{
    (void)threads;
    start_pool(1000);
    double percent = bench_cpu_percent(NULL, NULL);
    end_pool();
    return percent;
}

/* A task is done long before its request's turn comes again. */
static double pool_trickle_percent(unsigned threads)
{
    (void)threads;
    start_pool(10000);
    double percent = bench_cpu_percent(submit_and_go_on, NULL);
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
    {"semaphore_uncontended_ns", semaphore_uncontended_ns, 1},
    {"barrier_2_us", barrier_us, 2},
    {"event_pingpong_us", event_pingpong_us, 2},
    {"cond_pingpong_us", cond_pingpong_us, 2},
    {"timer_late_us", timer_late_us, 1},
    {"timer_start_stop_ns", timer_start_stop_ns, 1},
    {"pool_1M_tasks_ms", pool_tasks_ms, 2},
    {"pool_submit_wait_us", pool_submit_wait_us, 2},
    {"pool_idle_cpu_percent", pool_idle_percent, 2},
    {"pool_trickle_cpu_percent", pool_trickle_percent, 2},
};

int main(int argc, char **argv)
{
    must(uv_os_setenv("UV_THREADPOOL_SIZE", "2"), "uv_os_setenv"); /* read when the pool has its first task */
    return bench_main(argc, argv, "libuv", cases, sizeof cases / sizeof cases[0]);
}
