/* ck.c: the channels' metrics of pt_bench.c on Concurrency Kit's ck_ring. What each one means is said there. A ring has no
   way to wait: where there is no room or no value, the loops let other threads run and try again, which takes up a
   processor for as long as it lasts. So its figures are shown, but not counted among channels that block.

   Its rings for several producers are not measured. Producers publish in the order in which they took their slots, and
   spin for one that does not run: with 4 of them on 2 processors, some values take a scheduler's time slice each, others
   some nanoseconds, and what was found to take 0.05 s may take minutes the next time. */
#include <ck_ring.h>
#include <sched.h>
#include <stdlib.h>

#include "bench.h"

/* A ring holds one value less than it has slots. */
struct ring {
    ck_ring_t ring;
    ck_ring_buffer_t *slots;
};

static struct ring *new_ring(unsigned slots)
{
    struct ring *ring = aligned_alloc(128, (sizeof *ring + 127) / 128 * 128);
    bench_check(ring != NULL, "aligned_alloc");
    ring->slots = calloc(slots, sizeof ring->slots[0]);
    bench_check(ring->slots != NULL, "calloc");
    ck_ring_init(&ring->ring, slots);
    return ring;
}

static void free_ring(struct ring *ring)
{
    free(ring->slots);
    free(ring);
}

/* ---- Flows --------------------------------------------------------------------------------- */

static void send_each(void *arg, unsigned producer, uint64_t first, uint64_t n)
{
    struct ring *ring = arg;
    (void)producer;
    for (uint64_t i = 0; i < n; i++) {
        while (!ck_ring_enqueue_spsc(&ring->ring, ring->slots, (void *)(uintptr_t)(first + i)))
            sched_yield();
    }
}

static uint64_t receive_each(void *arg, uint64_t n)
{
    struct ring *ring = arg;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        void *value;
        while (!ck_ring_dequeue_spsc(&ring->ring, ring->slots, &value))
            sched_yield();
        sum += (uintptr_t)value;
    }
    return sum;
}

static double chan_spsc_Mmsgs(unsigned threads)
{
    (void)threads;
    struct ring *ring = new_ring(1024);
    double mmsgs = bench_flow_Mmsgs(&(struct bench_flow){1, 1, send_each, receive_each}, ring);
    free_ring(ring);
    return mmsgs;
}

/* ---- Round trip ---------------------------------------------------------------------------- */

struct pair_of_rings {
    struct ring *ping, *pong;
};

static void rings_ping(void *arg, uint64_t n)
{
    struct pair_of_rings *pair = arg;
    for (uint64_t i = 0; i < n; i++) {
        send_each(pair->ping, 0, i, 1);
        if (receive_each(pair->pong, 1) != i)
            bench_fail("another value came back");
    }
}

static void rings_pong(void *arg, uint64_t n)
{
    struct pair_of_rings *pair = arg;
    for (uint64_t i = 0; i < n; i++)
        send_each(pair->pong, 0, receive_each(pair->ping, 1), 1);
}

static double chan_pingpong_us(unsigned threads)
{
    (void)threads;
    struct pair_of_rings pair = {.ping = new_ring(2), .pong = new_ring(2)};
    double us = bench_pair_us(rings_ping, rings_pong, &pair);
    free_ring(pair.pong);
    free_ring(pair.ping);
    return us;
}

/* ---- All of them --------------------------------------------------------------------------- */

static const struct bench_case cases[] = {
    {"chan_spsc_1024_Mmsgs", chan_spsc_Mmsgs, 2},
    {"chan_pingpong_us", chan_pingpong_us, 2},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "ck", cases, sizeof cases / sizeof cases[0]);
}
