/* openmp.c: the pools' metrics of pt_bench.c in OpenMP, which is part of the compiler: with gcc this is libgomp, with
   clang LLVM's libomp. What each one means is said there; the loops are the same.

   Its threads are a team that the calling thread is one of, and that has something to do only within a parallel region:
   nobody can submit to it from outside. So the million tasks come from one of the two, and no single one is submitted. */
#include "bench.h"

#ifdef __clang__
static const char library[] = "libomp";
#else
static const char library[] = "libgomp";
#endif

/* ---- Fork and join ------------------------------------------------------------------------- */

static uint64_t fork_fib(unsigned n)
{
    uint64_t left, right;
    if (n < 2)
        return n;
#pragma omp task shared(left)
    left = fork_fib(n - 1);
    right = fork_fib(n - 2);
#pragma omp taskwait
    return left + right;
}

static uint64_t fib(void *threads, unsigned n)
{
    unsigned team = *(unsigned *)threads;
    uint64_t result = 0;
#pragma omp parallel num_threads(team)
#pragma omp single
    result = fork_fib(n);
    return result;
}

static double forkjoin_ms(unsigned threads)
{
    return bench_fib_ms(fib, &threads);
}

/* ---- Tasks --------------------------------------------------------------------------------- */

/* Empty, but gcc must not see that, or it leaves the tasks out. */
__attribute__((noinline)) static void do_nothing(void)
{
    __asm__ volatile("");
}

static void run_tasks(void *threads, uint64_t n)
{
    unsigned team = *(unsigned *)threads;
#pragma omp parallel num_threads(team)
#pragma omp single
    for (uint64_t i = 0; i < n; i++) {
#pragma omp task
        do_nothing();
    }
}

static double pool_tasks_ms(unsigned threads)
{
    return bench_go_ms(run_tasks, 1000000, &threads);
}

/* One of the two is the thread that measures, and sleeps. */
static double pool_idle_percent(unsigned threads)
{
    run_tasks(&threads, 1000);
    return bench_cpu_percent(NULL, NULL);
}

/* ---- Loops --------------------------------------------------------------------------------- */

static void parallel_for(void *threads, double *values, size_t count)
{
    unsigned team = *(unsigned *)threads;
#pragma omp parallel for num_threads(team)
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] * 1.0001 + 1;
}

static double parfor_ms(unsigned threads)
{
    return bench_parfor_ms(parallel_for, &threads);
}

static double parfor_tiny_us(unsigned threads)
{
    return bench_parfor_tiny_us(parallel_for, &threads);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"forkjoin_fib32_ms", forkjoin_ms, 2},
    {"forkjoin_fib32_1_ms", forkjoin_ms, 1},
    {"forkjoin_fib32_8_ms", forkjoin_ms, 8},
    {"pool_1M_tasks_ms", pool_tasks_ms, 2},
    {"pool_idle_cpu_percent", pool_idle_percent, 2},
    {"parfor_10M_ms", parfor_ms, 2},
    {"parfor_10M_8_ms", parfor_ms, 8},
    {"parfor_tiny_us", parfor_tiny_us, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, library, cases, sizeof cases / sizeof cases[0]);
}
