/* metrics.c: what is measured, the same for all libraries. The comments in pt_bench.c say of each what it does
   not tell. */
#include "bench.h"

const struct bench_metric bench_metrics[] = {
    {"spawn_join_us", "us", "lower", "start a thread with an empty function and join it; median of 2,000"},
    {"spawn_join_reused_us", "us", "lower", "the same on a parked carrier; a peer, which parks none: as above"},
    {"mutex_uncontended_ns", "ns", "lower", "lock + unlock that nobody else wants"},
    {"mutex_contended_2_Mops", "Mops", "higher", "2 threads increment one counter under one lock"},
    {"mutex_contended_4_Mops", "Mops", "higher", "4 threads increment one counter under one lock"},
    {"mutex_contended_8_Mops", "Mops", "higher", "8 threads increment one counter under one lock"},
    {"mutex_fairness_8", "share", "higher", "8 threads, one lock, 1 s: the slowest one's count by the mean"},
    {"rwlock_read_uncontended_ns", "ns", "lower", "lock for reading + unlock that nobody else wants"},
    {"rwlock_write_uncontended_ns", "ns", "lower", "lock for writing + unlock that nobody else wants"},
    {"rwlock_mixed_4_Mops", "Mops", "higher", "4 threads read one counter; 1 of 16 times they increment it"},
    {"semaphore_uncontended_ns", "ns", "lower", "post + wait of one permit that nobody else wants"},
    {"barrier_2_us", "us", "lower", "two threads meet at a barrier again and again; a meeting"},
    {"event_pingpong_us", "us", "lower", "round trip of two threads that let each other go on in turn"},
    {"cond_pingpong_us", "us", "lower", "the same by one mutex and two conditions"},
    {"futex_pingpong_us", "us", "lower", "the same by one 32-bit word that both wait on"},
    {"chan_spsc_1024_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, room for 1,024"},
    {"chan_spsc_unbounded_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, any number of them"},
    {"chan_spsc_batch32_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, room for 1,024, 32 values at a time"},
    {"chan_mpsc4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 1 consumer, room for 1,024"},
    {"chan_mpmc4x4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 4 consumers, room for 1,024"},
    {"chan_select4_Mmsgs", "Mmsgs", "higher", "1 receiver selects from 4 channels, each with its own producer"},
    {"chan_pingpong_us", "us", "lower", "round trip of two threads over two channels with room for 1"},
    {"chan_rendezvous_us", "us", "lower", "the same over channels without room: both ends meet"},
    {"timer_late_us", "us", "lower", "how much later than its 2 ms a timer's tick reaches the thread that waits"},
    {"timer_start_stop_ns", "ns", "lower",
     "start a timer and stop it, long before it is due, while another one runs"},
    {"cbor_encode_20_ns", "ns", "lower", "a struct of 20 fields to bytes; a peer: in its own format"},
    {"cbor_decode_20_ns", "ns", "lower", "the bytes back into the struct"},
    {"json_encode_20_ns", "ns", "lower", "the same struct to JSON"},
    {"json_decode_20_ns", "ns", "lower", "JSON back into the struct"},
};

const size_t bench_metric_count = sizeof bench_metrics / sizeof bench_metrics[0];
