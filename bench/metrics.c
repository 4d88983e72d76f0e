/* metrics.c: what is measured, the same for all libraries. The comments in pt_bench.c say of each what it does
   not tell. */
#include "bench.h"

const struct bench_metric bench_metrics[] = {
    {"spawn_join_us", "us", "lower", "start a thread with an empty function and join it; median of 2,000"},
    {"mutex_uncontended_ns", "ns", "lower", "lock + unlock that nobody else wants"},
    {"mutex_contended_2_Mops", "Mops", "higher", "2 threads increment one counter under one lock"},
    {"mutex_contended_4_Mops", "Mops", "higher", "4 threads increment one counter under one lock"},
    {"mutex_contended_8_Mops", "Mops", "higher", "8 threads increment one counter under one lock"},
    {"mutex_fairness_8", "share", "higher", "8 threads, one lock, 1 s: the slowest one's count by the mean"},
    {"semaphore_uncontended_ns", "ns", "lower", "post + wait of one permit that nobody else wants"},
    {"event_pingpong_us", "us", "lower", "round trip of two threads that let each other go on in turn"},
    {"cond_pingpong_us", "us", "lower", "the same by one mutex and two conditions"},
};

const size_t bench_metric_count = sizeof bench_metrics / sizeof bench_metrics[0];
