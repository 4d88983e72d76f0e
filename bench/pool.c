/* pool.c: pools, forks and loops. Where there are `workers` of them, the calling thread is one if it forks or loops itself. */
#include "pool.h"

#include <pt.h>

#include "bench.h"

static void must(pt_status status, const char *what)
{
    bench_check(status == PT_OK, what);
}

static pt_pool *start(unsigned workers)
{
    pt_pool *pool;
    pt_pool_config config = {.size = workers, .most = workers};
    while (pt_pool_create(&pool, &config) != PT_OK)
        bench_wait_for_worker();
    return pool;
}

static void end(pt_pool *pool)
{
    must(pt_pool_destroy(pool), "pt_pool_destroy");
}

/* ---- Fork and join ------------------------------------------------------------------------- */

struct fib {
    unsigned n;
    uint64_t result;
};

static void fork_fib(void *arg)
{
    struct fib *fib = arg;
    if (fib->n < 2) {
        fib->result = fib->n;
        return;
    }
    struct fib left = {fib->n - 1, 0}, right = {fib->n - 2, 0};
    pt_fork2(fork_fib, &left, fork_fib, &right);
    fib->result = left.result + right.result;
}

static uint64_t run_fib(void *pool, unsigned n)
{
    struct fib fib = {n, 0};
    must(pt_pool_run(pool, fork_fib, &fib), "pt_pool_run");
    return fib.result;
}

double forkjoin_fib32_ms(unsigned workers)
{
    pt_pool *pool = start(workers);
    double ms = bench_fib_ms(run_fib, pool);
    end(pool);
    return ms;
}

/* ---- Loops --------------------------------------------------------------------------------- */

static void change_part(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    double *values = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        values[i] = values[i] * 1.0001 + 1;
}

struct loop {
    double *values;
    size_t count;
};

static void change_all(void *arg)
{
    struct loop *loop = arg;
    must(pt_parallel_for(0, loop->count, change_part, loop->values, NULL), "pt_parallel_for");
}

static void parfor(void *pool, double *values, size_t count)
{
    struct loop loop = {values, count};
    must(pt_pool_run(pool, change_all, &loop), "pt_pool_run");
}

double parfor_10M_ms(unsigned workers)
{
    pt_pool *pool = start(workers);
    double ms = bench_parfor_ms(parfor, pool);
    end(pool);
    return ms;
}

double parfor_tiny_us(unsigned workers)
{
    pt_pool *pool = start(workers);
    double us = bench_parfor_tiny_us(parfor, pool);
    end(pool);
    return us;
}

struct array {
    uint64_t *values;
    size_t count;
};

static int compare(const void *a, const void *b, void *arg)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    (void)arg;
    return (left > right) - (left < right);
}

static void sort_numbers(void *arg)
{
    struct array *array = arg;
    must(pt_parallel_sort_numbers(array->values, array->count, PT_SORT_UINT64), "pt_parallel_sort_numbers");
}

static void sort_stably(void *arg)
{
    struct array *array = arg;
    must(pt_parallel_sort_stable(array->values, array->count, sizeof array->values[0], compare, NULL),
         "pt_parallel_sort_stable");
}

static pt_pool *sorts_in;

static void sort_in_pool(void *function, uint64_t *values, size_t count)
{
    struct array array = {values, count};
    must(pt_pool_run(sorts_in, *(pt_job_function *)function, &array), "pt_pool_run");
}

static double sort_ms(unsigned workers, pt_job_function function)
{
    sorts_in = start(workers);
    double ms = bench_sort_ms(sort_in_pool, &function);
    end(sorts_in);
    return ms;
}

double sort_10M_ms(unsigned workers)
{
    return sort_ms(workers, sort_numbers);
}

/* By a comparison, as any elements would be. */
double sort_stable_10M_ms(unsigned workers)
{
    return sort_ms(workers, sort_stably);
}

/* ---- Jobs ---------------------------------------------------------------------------------- */

static void count_down(void *latch)
{
    (void)!pt_latch_count_down(latch, 1);
}

static void run_jobs(void *pool, uint64_t n)
{
    pt_latch latch = PT_LATCH_INIT((uint32_t)n);
    for (uint64_t i = 0; i < n; i++)
        must(pt_pool_post(pool, count_down, &latch), "pt_pool_post");
    pt_latch_wait(&latch);
}

double pool_1M_tasks_ms(unsigned workers)
{
    pt_pool *pool = start(workers);
    double ms = bench_go_ms(run_jobs, 1000000, pool);
    end(pool);
    return ms;
}

static pt_pool *submits_to;

static void *return_at_once(void *arg)
{
    return arg;
}

static void submit_and_wait(void)
{
    pt_future *future;
    must(pt_pool_submit(submits_to, &future, return_at_once, NULL, NULL), "pt_pool_submit");
    must(pt_future_get(future, NULL), "pt_future_get");
    pt_future_release(future);
}

double pool_submit_wait_us(unsigned workers)
{
    submits_to = start(workers);
    double us = bench_single_us(submit_and_wait, 10000);
    end(submits_to);
    return us;
}

/* ---- Having nothing to do ------------------------------------------------------------------- */

static void do_nothing(void *arg)
{
    (void)arg;
}

static void post_one(void *pool)
{
    must(pt_pool_post(pool, do_nothing, NULL), "pt_pool_post");
}

static double cpu_percent(unsigned workers, void (*trickle)(void *pool))
{
    pt_pool *pool = start(workers);
    run_jobs(pool, 1000);
    double percent = bench_cpu_percent(trickle, pool);
    end(pool);
    return percent;
}

double pool_idle_cpu_percent(unsigned workers)
{
    return cpu_percent(workers, NULL);
}

double pool_trickle_cpu_percent(unsigned workers)
{
    return cpu_percent(workers, post_one);
}
