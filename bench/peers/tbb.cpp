/* tbb.cpp: the channels' metrics of pt_bench.c on oneTBB's concurrent_bounded_queue. What each one means is said there; the
   loops are the same. A queue without room for any value there is not. */
#include <oneapi/tbb/concurrent_queue.h>

#include "bench.h"

using queue = oneapi::tbb::concurrent_bounded_queue<uint64_t>;

/* ---- Flows --------------------------------------------------------------------------------- */

static void send_each(void *arg, unsigned, uint64_t first, uint64_t n)
{
    auto &values = *static_cast<queue *>(arg);
    for (uint64_t i = 0; i < n; i++)
        values.push(first + i);
}

static uint64_t receive_each(void *arg, uint64_t n)
{
    auto &values = *static_cast<queue *>(arg);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t value;
        values.pop(value);
        sum += value;
    }
    return sum;
}

static double flow_Mmsgs(unsigned producers, unsigned consumers, bool is_bounded)
{
    queue values;
    if (is_bounded)
        values.set_capacity(1024);
    const bench_flow flow = {producers, consumers, send_each, receive_each};
    return bench_flow_Mmsgs(&flow, &values);
}

static double chan_spsc_unbounded_Mmsgs(unsigned)
{
    return flow_Mmsgs(1, 1, false);
}

static double chan_mpsc_Mmsgs(unsigned producers)
{
    return flow_Mmsgs(producers, 1, true);
}

static double chan_mpmc_Mmsgs(unsigned each)
{
    return flow_Mmsgs(each, each, true);
}

/* ---- Round trip ---------------------------------------------------------------------------- */

struct pair_of_queues {
    queue ping, pong;
};

static void queues_ping(void *arg, uint64_t n)
{
    auto &pair = *static_cast<pair_of_queues *>(arg);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t value;
        pair.ping.push(i);
        pair.pong.pop(value);
        if (value != i)
            bench_fail("another value came back");
    }
}

static void queues_pong(void *arg, uint64_t n)
{
    auto &pair = *static_cast<pair_of_queues *>(arg);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t value;
        pair.ping.pop(value);
        pair.pong.push(value);
    }
}

static double chan_pingpong_us(unsigned)
{
    pair_of_queues pair;
    pair.ping.set_capacity(1);
    pair.pong.set_capacity(1);
    return bench_pair_us(queues_ping, queues_pong, &pair);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const bench_case cases[] = {
    {"chan_spsc_1024_Mmsgs", chan_mpsc_Mmsgs, 1},  {"chan_spsc_unbounded_Mmsgs", chan_spsc_unbounded_Mmsgs, 2},
    {"chan_mpsc4_1024_Mmsgs", chan_mpsc_Mmsgs, 4}, {"chan_mpmc4x4_1024_Mmsgs", chan_mpmc_Mmsgs, 4},
    {"chan_pingpong_us", chan_pingpong_us, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "tbb", cases, sizeof cases / sizeof cases[0]);
}
