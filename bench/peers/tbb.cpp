/* tbb.cpp: the channels' metrics of pt_bench.c on oneTBB's concurrent_bounded_queue, and the pools' on its arenas. What each
   one means is said there; the loops are the same. A queue without room for any value there is not. */
#include <algorithm>
#include <execution>
#include <future>

#include <oneapi/tbb.h>

#include "bench.h"

using queue = tbb::concurrent_bounded_queue<uint64_t>;

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

/* ---- Workers ------------------------------------------------------------------------------- */

/* So many threads work; of them `outside` (0 or 1) is the calling one, while it waits for the others. oneTBB by itself starts
   no more than there are processors, and counts the calling one in. */
struct workers {
    tbb::global_control most;
    tbb::task_arena arena;

    workers(unsigned count, unsigned outside)
        : most(tbb::global_control::max_allowed_parallelism, count + 1 - outside),
          arena(static_cast<int>(count), outside)
    {
    }
};

/* ---- Fork and join ------------------------------------------------------------------------- */

static uint64_t fork_fib(unsigned n)
{
    if (n < 2)
        return n;
    uint64_t left, right;
    tbb::parallel_invoke([&] { left = fork_fib(n - 1); }, [&] { right = fork_fib(n - 2); });
    return left + right;
}

static uint64_t fib(void *arg, unsigned n)
{
    return static_cast<workers *>(arg)->arena.execute([n] { return fork_fib(n); });
}

static double forkjoin_ms(unsigned count)
{
    workers team(count, 1);
    return bench_fib_ms(fib, &team);
}

/* ---- Tasks from outside --------------------------------------------------------------------- */

static void run_tasks(void *arg, uint64_t n)
{
    auto &arena = static_cast<workers *>(arg)->arena;
    tbb::task_group group;
    for (uint64_t i = 0; i < n; i++)
        arena.enqueue(group.defer([] {}));
    arena.execute([&] { group.wait(); });
}

static double pool_tasks_ms(unsigned count)
{
    workers team(count, 0);
    return bench_go_ms(run_tasks, 1000000, &team);
}

static tbb::task_arena *arena_to_submit_to;

/* By a future: in a task_group's wait() the calling thread would run the job itself. */
static void submit_and_wait()
{
    std::promise<void> done;
    arena_to_submit_to->enqueue([&] { done.set_value(); });
    done.get_future().wait();
}

static double pool_submit_wait_us(unsigned count)
{
    workers team(count, 0);
    arena_to_submit_to = &team.arena;
    return bench_single_us(submit_and_wait, 10000);
}

static double pool_idle_percent(unsigned count)
{
    workers team(count, 0);
    run_tasks(&team, 1000);
    return bench_cpu_percent(nullptr, nullptr);
}

static void submit(void *arg)
{
    static_cast<workers *>(arg)->arena.enqueue([] {});
}

static double pool_trickle_percent(unsigned count)
{
    workers team(count, 0);
    run_tasks(&team, 1000);
    return bench_cpu_percent(submit, &team);
}

/* ---- Loops and sorting --------------------------------------------------------------------- */

static void parallel_for(void *arg, double *values, size_t count)
{
    static_cast<workers *>(arg)->arena.execute([=] {
        tbb::parallel_for(tbb::blocked_range<size_t>(0, count), [=](const tbb::blocked_range<size_t> &range) {
            for (size_t i = range.begin(); i < range.end(); i++)
                values[i] = values[i] * 1.0001 + 1;
        });
    });
}

static double parfor_ms(unsigned count)
{
    workers team(count, 1);
    return bench_parfor_ms(parallel_for, &team);
}

static double parfor_tiny_us(unsigned count)
{
    workers team(count, 1);
    return bench_parfor_tiny_us(parallel_for, &team);
}

static void sort(void *arg, uint64_t *values, size_t count)
{
    static_cast<workers *>(arg)->arena.execute([=] { tbb::parallel_sort(values, values + count); });
}

static double sort_ms(unsigned count)
{
    workers team(count, 1);
    return bench_sort_ms(sort, &team);
}

/* oneTBB has none, but is what libstdc++'s runs on. */
static void sort_stable(void *arg, uint64_t *values, size_t count)
{
    static_cast<workers *>(arg)->arena.execute(
        [=] { std::stable_sort(std::execution::par, values, values + count); });
}

static double sort_stable_ms(unsigned count)
{
    workers team(count, 1);
    return bench_sort_ms(sort_stable, &team);
}

/* ---- All of them --------------------------------------------------------------------------- */

static const bench_case cases[] = {
    {"chan_spsc_1024_Mmsgs", chan_mpsc_Mmsgs, 1},
    {"chan_spsc_unbounded_Mmsgs", chan_spsc_unbounded_Mmsgs, 2},
    {"chan_mpsc4_1024_Mmsgs", chan_mpsc_Mmsgs, 4},
    {"chan_mpmc4x4_1024_Mmsgs", chan_mpmc_Mmsgs, 4},
    {"chan_pingpong_us", chan_pingpong_us, 2},
    {"forkjoin_fib32_ms", forkjoin_ms, 2},
    {"forkjoin_fib32_1_ms", forkjoin_ms, 1},
    {"forkjoin_fib32_8_ms", forkjoin_ms, 8},
    {"pool_1M_tasks_ms", pool_tasks_ms, 2},
    {"pool_submit_wait_us", pool_submit_wait_us, 2},
    {"pool_idle_cpu_percent", pool_idle_percent, 2},
    {"pool_trickle_cpu_percent", pool_trickle_percent, 2},
    {"parfor_10M_ms", parfor_ms, 2},
    {"parfor_10M_8_ms", parfor_ms, 8},
    {"parfor_tiny_us", parfor_tiny_us, 2},
    {"sort_10M_ms", sort_ms, 2},
    {"sort_stable_10M_ms", sort_stable_ms, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "tbb", cases, sizeof cases / sizeof cases[0]);
}
