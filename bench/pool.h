/* pool.h: the metrics of pool.c. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

double forkjoin_fib32_ms(unsigned workers);
double parfor_10M_ms(unsigned workers);
double parfor_tiny_us(unsigned workers);
double sort_10M_ms(unsigned workers);
double sort_stable_10M_ms(unsigned workers);
double pool_1M_tasks_ms(unsigned workers);
double pool_submit_wait_us(unsigned workers);
double pool_idle_cpu_percent(unsigned workers);
double pool_trickle_cpu_percent(unsigned workers);

#endif
