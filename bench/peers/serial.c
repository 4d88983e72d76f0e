/* serial.c: what pools are given to do in pt_bench.c, done by plain C in one thread. A pool is worth its threads from
   where it beats this. */
#include "bench.h"

/* Not inlined into itself, so that it is as many calls as it looks: forks come on top of these. */
__attribute__((noinline)) static uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t call_fib(void *arg, unsigned n)
{
    (void)arg;
    return fib(n);
}

static double forkjoin_serial_ms(unsigned threads)
{
    (void)threads;
    return bench_fib_ms(call_fib, NULL);
}

static void for_each(void *arg, double *values, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] * 1.0001 + 1;
}

static double parfor_ms(unsigned threads)
{
    (void)threads;
    return bench_parfor_ms(for_each, NULL);
}

static double parfor_tiny_us(unsigned threads)
{
    (void)threads;
    return bench_parfor_tiny_us(for_each, NULL);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"forkjoin_serial_ms", forkjoin_serial_ms, 1},
    {"parfor_10M_ms", parfor_ms, 1},
    {"parfor_tiny_us", parfor_tiny_us, 1},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "serial", cases, sizeof cases / sizeof cases[0]);
}
