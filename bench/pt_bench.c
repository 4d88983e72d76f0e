/* pt_bench.c: libportalis_thread, measured. Each file in peers/ does the same with another library: keep their
   loops alike. */
#include <pt.h>

#include "bench.h"
#include "message.h"
#include "pool.h"

static void must(pt_status status, const char *what)
{
    if (status != PT_OK)
        bench_fail("%s: %s", what, pt_strerror(status));
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void *return_at_once(void *arg)
{
    return arg;
}

static void spawn_and_join(pt_reuse reuse)
{
    const pt_thread_config config = {.reuse = reuse};
    pt_thread *thread;
    pt_status status;
    while ((status = pt_thread_spawn(&thread, &config, return_at_once, NULL)) == PT_ERR_AGAIN)
        bench_wait_for_worker();
    must(status, "pt_thread_spawn");
    must(pt_thread_join(thread, NULL), "pt_thread_join");
    pt_thread_release(thread);
}

static void spawn_and_join_new(void)
{
    spawn_and_join(PT_REUSE_NEVER);
}

static void spawn_and_join_reused(void)
{
    spawn_and_join(PT_REUSE_ALWAYS);
}

/* What a thread costs that does nothing, from the call that starts it until it is gone. Mostly the system's own
   work, and the time it takes to wake the one who joins. Says nothing of many threads started at once. */
static double spawn_join_us(unsigned threads)
{
    (void)threads;
    pt_thread_trim();
    return bench_single_us(spawn_and_join_new, 2000);
}

/* The same on a carrier that is parked already: two wake-ups. What PT_REUSE_AUTO does on WASI and in browsers. */
static double spawn_join_reused_us(unsigned threads)
{
    (void)threads;
    spawn_and_join_reused(); /* the first has to start the carrier */
    return bench_single_us(spawn_and_join_reused, 2000);
}

/* ---- Mutex --------------------------------------------------------------------------------- */

/* The counter is beside its lock, on one cache line, as in a struct that has a lock of its own. */
struct guarded {
    pt_mutex mutex;
    uint64_t counter;
} __attribute__((aligned(128)));

static void lock_and_count(void *arg, uint64_t n)
{
    struct guarded *guarded = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_mutex_lock(&guarded->mutex);
        guarded->counter++;
        pt_mutex_unlock(&guarded->mutex);
    }
}

/* What a lock costs that is always free and in the processor's cache: its atomic operations, and whatever stands
   around them. Most locks of most programs are like that. Says nothing of cache misses. */
static double mutex_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct guarded guarded = {.mutex = PT_MUTEX_INIT};
    return bench_alone_ns(lock_and_count, &guarded);
}

static struct bench_crowd contend(unsigned threads, unsigned rounds)
{
    struct guarded guarded = {.mutex = PT_MUTEX_INIT};
    struct bench_crowd crowd = bench_crowd(threads, rounds, lock_and_count, &guarded);
    if (guarded.counter != crowd.total)
        bench_fail("the mutex let two threads in at once");
    return crowd;
}

/* Throughput of a lock that is wanted all the time. Rewards locks that let the running thread take the lock again
   and again; mutex_fairness_8 shows the price. No real program should be like this: between two locks it would do
   some work, and hold the lock for longer. */
static double mutex_contended_Mops(unsigned threads)
{
    return contend(threads, 1).mops;
}

/* How well the threads of such a crowd share the lock. For information: much of it is the system's scheduling,
   most of all where there are more threads than processors. */
static double mutex_fairness(unsigned threads)
{
    return contend(threads, 5).slowest_share;
}

/* ---- Read-write lock ------------------------------------------------------------------------ */

struct shared {
    pt_rwlock rwlock;
    uint64_t counter;
} __attribute__((aligned(128)));

static void read_lock_and_unlock(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_rwlock_read_lock(&shared->rwlock);
        pt_rwlock_read_unlock(&shared->rwlock);
    }
}

static void write_lock_and_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_rwlock_write_lock(&shared->rwlock);
        shared->counter++;
        pt_rwlock_write_unlock(&shared->rwlock);
    }
}

/* One of 16 operations writes. */
static void read_and_sometimes_count(void *arg, uint64_t n)
{
    struct shared *shared = arg;
    uint64_t seen, last = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % 16 == 0) {
            write_lock_and_count(shared, 1);
            continue;
        }
        pt_rwlock_read_lock(&shared->rwlock);
        seen = shared->counter;
        pt_rwlock_read_unlock(&shared->rwlock);
        if (seen < last)
            bench_fail("the read-write lock let a writer in beside a reader");
        last = seen;
    }
}

/* What a reader pays where nobody writes and no other reader is about. Says nothing of many readers at a time, who take
   the lock's cache line from each other. */
static double rwlock_read_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct shared shared = {.rwlock = PT_RWLOCK_INIT};
    return bench_alone_ns(read_lock_and_unlock, &shared);
}

/* What a lone writer pays. */
static double rwlock_write_uncontended_ns(unsigned threads)
{
    (void)threads;
    struct shared shared = {.rwlock = PT_RWLOCK_INIT};
    return bench_alone_ns(write_lock_and_count, &shared);
}

/* Throughput of a lock that all want all the time, mostly to read. The lock is held for so short a time that a plain mutex
   would do better: it shows what the lock itself can do. */
static double rwlock_mixed_Mops(unsigned threads)
{
    struct shared shared = {.rwlock = PT_RWLOCK_INIT};
    struct bench_crowd crowd = bench_crowd(threads, 1, read_and_sometimes_count, &shared);
    if (shared.counter * 16 != crowd.total)
        bench_fail("the read-write lock let two writers in at once");
    return crowd.mops;
}

/* ---- Semaphore ----------------------------------------------------------------------------- */

static void post_and_wait(void *arg, uint64_t n)
{
    pt_semaphore *semaphore = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_semaphore_post(semaphore, 1);
        pt_semaphore_wait(semaphore);
    }
}

/* What a semaphore costs that nobody waits for. Says nothing of waking. */
static double semaphore_uncontended_ns(unsigned threads)
{
    (void)threads;
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(0);
    return bench_alone_ns(post_and_wait, &semaphore);
}

/* ---- Barrier -------------------------------------------------------------------------------- */

static void meet(void *arg, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        pt_barrier_wait(arg, NULL);
}

/* Two threads that do nothing but wait for each other. Says little of large crowds, where one wakes all. */
static double barrier_us(unsigned threads)
{
    pt_barrier barrier = PT_BARRIER_INIT(threads);
    return bench_pair_us(meet, meet, &barrier);
}

/* ---- Waking -------------------------------------------------------------------------------- */

struct pair_of_events {
    pt_event ping __attribute__((aligned(128)));
    pt_event pong __attribute__((aligned(128)));
};

static void events_ping(void *arg, uint64_t n)
{
    struct pair_of_events *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_event_set(&pair->ping);
        pt_event_wait(&pair->pong);
    }
}

static void events_pong(void *arg, uint64_t n)
{
    struct pair_of_events *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_event_wait(&pair->ping);
        pt_event_set(&pair->pong);
    }
}

/* The time from waking a thread until it runs, twice. How long the system takes for that depends on whether both
   threads share a processor, whether the other one sleeps deeply, and on luck; a library can win by spinning for
   a moment before it sleeps. Says nothing of throughput. */
static double event_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_events pair = {.ping = PT_EVENT_AUTO_INIT, .pong = PT_EVENT_AUTO_INIT};
    return bench_pair_us(events_ping, events_pong, &pair);
}

struct table_tennis {
    pt_mutex mutex;
    bool pong_is_next; /* under mutex */
    pt_cond ping, pong;
};

static void conds_ping(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pt_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        table->pong_is_next = true;
        pt_cond_signal(&table->pong);
        while (table->pong_is_next)
            pt_cond_wait(&table->ping, &table->mutex);
    }
    pt_mutex_unlock(&table->mutex);
}

static void conds_pong(void *arg, uint64_t n)
{
    struct table_tennis *table = arg;
    pt_mutex_lock(&table->mutex);
    for (uint64_t i = 0; i < n; i++) {
        while (!table->pong_is_next)
            pt_cond_wait(&table->pong, &table->mutex);
        table->pong_is_next = false;
        pt_cond_signal(&table->ping);
    }
    pt_mutex_unlock(&table->mutex);
}

/* As event_pingpong_us, by the means that most programs use. Signals while it holds the mutex, as most programs
   do, so it also shows whether a woken thread has to wait once more for the mutex. */
static double cond_pingpong_us(unsigned threads)
{
    (void)threads;
    struct table_tennis table = {.mutex = PT_MUTEX_INIT, .ping = PT_COND_INIT, .pong = PT_COND_INIT};
    return bench_pair_us(conds_ping, conds_pong, &table);
}

static void words_ping(void *arg, uint64_t n)
{
    uint32_t *word = arg;
    for (uint64_t i = 0; i < n; i++) {
        __atomic_store_n(word, 1, __ATOMIC_RELEASE);
        pt_wake_word(word, 1);
        while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 1)
            must(pt_wait_word(word, 1, PT_FOREVER), "pt_wait_word");
    }
}

static void words_pong(void *arg, uint64_t n)
{
    uint32_t *word = arg;
    for (uint64_t i = 0; i < n; i++) {
        while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
            must(pt_wait_word(word, 0, PT_FOREVER), "pt_wait_word");
        __atomic_store_n(word, 0, __ATOMIC_RELEASE);
        pt_wake_word(word, 1);
    }
}

/* Waiting for a word and nothing else: what the parking lot adds to the system's own, or saves. */
static double futex_pingpong_us(unsigned threads)
{
    (void)threads;
    uint32_t word __attribute__((aligned(128))) = 0;
    return bench_pair_us(words_ping, words_pong, &word);
}

/* ---- Channels ------------------------------------------------------------------------------ */

enum { CHANNEL_CAPACITY = 1024 };

static pt_channel *new_channel(size_t capacity, bool pair)
{
    const pt_channel_config config = {.one_sender = pair, .one_receiver = pair};
    pt_channel *channel;
    must(pt_channel_create(&channel, sizeof(uint64_t), capacity, &config), "pt_channel_create");
    return channel;
}

static void delete_channel(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

static void channel_send(void *arg, unsigned producer, uint64_t first, uint64_t n)
{
    (void)producer;
    for (uint64_t value = first; value < first + n; value++)
        must(pt_channel_send(arg, &value), "pt_channel_send");
}

static uint64_t channel_receive(void *arg, uint64_t n)
{
    uint64_t sum = 0, value;
    for (uint64_t i = 0; i < n; i++) {
        must(pt_channel_receive(arg, &value), "pt_channel_receive");
        sum += value;
    }
    return sum;
}

static double flow_Mmsgs(unsigned producers, unsigned consumers, size_t capacity, bool pair)
{
    const struct bench_flow flow = {producers, consumers, channel_send, channel_receive};
    pt_channel *channel = new_channel(capacity, pair);
    double rate = bench_flow_Mmsgs(&flow, channel);
    delete_channel(channel);
    return rate;
}

/* From one thread to another, by the kind that is for that. How fast depends on how often the two look at each other's end:
   it says little of a channel that is always nearly empty. */
static double chan_spsc_Mmsgs(unsigned threads)
{
    (void)threads;
    return flow_Mmsgs(1, 1, CHANNEL_CAPACITY, true);
}

/* Nothing holds the sender back, so the queue may grow: what blocks of memory cost is in it. */
static double chan_spsc_unbounded_Mmsgs(unsigned threads)
{
    (void)threads;
    return flow_Mmsgs(1, 1, PT_UNBOUNDED, true);
}

/* More senders than processors: what it costs that they are stopped anywhere. */
static double chan_mpsc_Mmsgs(unsigned producers)
{
    return flow_Mmsgs(producers, 1, CHANNEL_CAPACITY, false);
}

static double chan_mpmc_Mmsgs(unsigned each)
{
    return flow_Mmsgs(each, each, CHANNEL_CAPACITY, false);
}

static void batch_send(void *arg, unsigned producer, uint64_t first, uint64_t n)
{
    uint64_t values[BENCH_BATCH];
    (void)producer;
    for (uint64_t value = first; value < first + n;) {
        for (size_t i = 0; i < BENCH_BATCH; i++)
            values[i] = value++;
        must(pt_channel_send_many(arg, values, BENCH_BATCH, NULL, PT_FOREVER), "pt_channel_send_many");
    }
}

static uint64_t batch_receive(void *arg, uint64_t n)
{
    uint64_t values[BENCH_BATCH], sum = 0;
    for (uint64_t left = n; left > 0;) {
        size_t received, most = left < BENCH_BATCH ? (size_t)left : BENCH_BATCH;
        must(pt_channel_receive_many(arg, values, most, &received, PT_FOREVER), "pt_channel_receive_many");
        for (size_t i = 0; i < received; i++)
            sum += values[i];
        left -= received;
    }
    return sum;
}

static double chan_spsc_batch_Mmsgs(unsigned threads)
{
    const struct bench_flow flow = {1, 1, batch_send, batch_receive};
    (void)threads;
    pt_channel *channel = new_channel(CHANNEL_CAPACITY, true);
    double rate = bench_flow_Mmsgs(&flow, channel);
    delete_channel(channel);
    return rate;
}

struct channel_pair {
    pt_channel *there, *back;
};

static void channel_ping(void *arg, uint64_t n)
{
    struct channel_pair *pair = arg;
    for (uint64_t i = 0, echo = 0; i < n; i++) {
        must(pt_channel_send(pair->there, &i), "pt_channel_send");
        must(pt_channel_receive(pair->back, &echo), "pt_channel_receive");
        bench_check(echo == i, "the echo");
    }
}

static void channel_pong(void *arg, uint64_t n)
{
    struct channel_pair *pair = arg;
    for (uint64_t i = 0, value; i < n; i++) {
        must(pt_channel_receive(pair->there, &value), "pt_channel_receive");
        must(pt_channel_send(pair->back, &value), "pt_channel_send");
    }
}

static double channel_pair_us(size_t capacity)
{
    struct channel_pair pair = {new_channel(capacity, true), new_channel(capacity, true)};
    double us = bench_pair_us(channel_ping, channel_pong, &pair);
    delete_channel(pair.there);
    delete_channel(pair.back);
    return us;
}

/* One value at a time, there and back. As long as each finds the other one looking, nobody sleeps. */
static double chan_pingpong_us(unsigned threads)
{
    (void)threads;
    return channel_pair_us(1);
}

static double chan_rendezvous_us(unsigned threads)
{
    (void)threads;
    return channel_pair_us(0);
}

enum { SELECTED = 4 };

static void send_to_own(void *arg, unsigned producer, uint64_t first, uint64_t n)
{
    pt_channel **channels = arg;
    channel_send(channels[producer], producer, first, n);
}

static uint64_t receive_from_any(void *arg, uint64_t n)
{
    pt_channel **channels = arg;
    pt_case cases[SELECTED];
    uint64_t sum = 0, value;
    size_t fired;
    for (int i = 0; i < SELECTED; i++)
        cases[i] = pt_case_receive(channels[i], &value);
    for (uint64_t i = 0; i < n; i++) {
        must(pt_select(cases, SELECTED, &fired), "pt_select");
        sum += value;
    }
    return sum;
}

/* Four senders, each with its own channel, and one thread that takes what comes first. */
static double chan_select_Mmsgs(unsigned producers)
{
    const struct bench_flow flow = {producers, 1, send_to_own, receive_from_any};
    pt_channel *channels[SELECTED];
    for (int i = 0; i < SELECTED; i++)
        channels[i] = new_channel(CHANNEL_CAPACITY, false);
    double rate = bench_flow_Mmsgs(&flow, channels);
    for (int i = 0; i < SELECTED; i++)
        delete_channel(channels[i]);
    return rate;
}

/* ---- Timers -------------------------------------------------------------------------------- */

static void wait_for_tick(void *arg, int64_t nanoseconds)
{
    pt_tick tick;
    must(pt_timer_reset(arg, nanoseconds, 0), "pt_timer_reset");
    must(pt_channel_receive(pt_timer_channel(arg), &tick), "pt_channel_receive");
}

/* Two threads are woken: the timers' own by the system, and by it the one that waits. Where both processors are busy with
   others, what one measures is them. */
static double timer_late_us(unsigned threads)
{
    (void)threads;
    pt_timer *timer;
    must(pt_timer_create(&timer, PT_TIME_NEVER, 0), "pt_timer_create");
    double late = bench_late_us(wait_for_tick, timer);
    pt_timer_release(timer);
    return late;
}

static void start_and_stop(void *arg, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        must(pt_timer_reset(arg, 30 * PT_SECOND, 0), "pt_timer_reset");
        must(pt_timer_stop(arg), "pt_timer_stop");
    }
}

/* A timeout that does not come about, as most do not. The other timer is due earlier, so that the timers' thread has no reason
   to be told. */
static double timer_start_stop_ns(unsigned threads)
{
    (void)threads;
    pt_timer *timer, *other;
    must(pt_timer_create(&timer, PT_TIME_NEVER, 0), "pt_timer_create");
    must(pt_timer_create(&other, 20 * PT_SECOND, 0), "pt_timer_create");
    double ns = bench_alone_ns(start_and_stop, timer);
    pt_timer_release(timer);
    pt_timer_release(other);
    return ns;
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"spawn_join_us", spawn_join_us, 1},
    {"spawn_join_reused_us", spawn_join_reused_us, 1},
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
    {"futex_pingpong_us", futex_pingpong_us, 2},
    {"chan_spsc_1024_Mmsgs", chan_spsc_Mmsgs, 2},
    {"chan_spsc_unbounded_Mmsgs", chan_spsc_unbounded_Mmsgs, 2},
    {"chan_spsc_batch32_Mmsgs", chan_spsc_batch_Mmsgs, 2},
    {"chan_mpsc4_1024_Mmsgs", chan_mpsc_Mmsgs, 4},
    {"chan_mpmc4x4_1024_Mmsgs", chan_mpmc_Mmsgs, 4},
    {"chan_pingpong_us", chan_pingpong_us, 2},
    {"chan_rendezvous_us", chan_rendezvous_us, 2},
    {"chan_select4_Mmsgs", chan_select_Mmsgs, SELECTED},
    {"timer_late_us", timer_late_us, 1},
    {"timer_start_stop_ns", timer_start_stop_ns, 1},
    {"forkjoin_fib32_ms", forkjoin_fib32_ms, 2},
    {"forkjoin_fib32_1_ms", forkjoin_fib32_ms, 1},
    {"forkjoin_fib32_8_ms", forkjoin_fib32_ms, 8},
    {"pool_1M_tasks_ms", pool_1M_tasks_ms, 2},
    {"pool_submit_wait_us", pool_submit_wait_us, 2},
    {"pool_idle_cpu_percent", pool_idle_cpu_percent, 2},
    {"pool_trickle_cpu_percent", pool_trickle_cpu_percent, 2},
    {"parfor_10M_ms", parfor_10M_ms, 2},
    {"parfor_10M_8_ms", parfor_10M_ms, 8},
    {"parfor_tiny_us", parfor_tiny_us, 2},
#if SIZE_MAX > UINT32_MAX /* WebAssembly's programs here have less memory than that takes */
    {"sort_10M_ms", sort_10M_ms, 2},
    {"sort_stable_10M_ms", sort_stable_10M_ms, 2},
#endif
    {"cbor_encode_20_ns", cbor_encode_20_ns, 1},
    {"cbor_decode_20_ns", cbor_decode_20_ns, 1},
    {"json_encode_20_ns", json_encode_20_ns, 1},
    {"json_decode_20_ns", json_decode_20_ns, 1},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "portalis", cases, sizeof cases / sizeof cases[0]);
}
