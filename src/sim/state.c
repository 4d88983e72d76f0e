/* state.c: when two schedules have come to the same point, so that one of them need not go on.

   What a fiber will do next depends on what it has done and seen so far. Each fiber's past is a number that each thing it
   does or sees is mixed into: a load mixes in the past of the store that it saw, and a store is told apart by its fiber's
   past when it was made. So equal pasts mean the same program text run with the same values seen, and no matter which
   fiber went first where neither saw of the other. What is in memory is then told by the newest store to each atomic
   variable; plain memory follows, as long as there are no data races, and one would have ended the schedule. Where
   malloc() gives memory depends on who comes first, so it is mixed in too.

   The numbers have 64 bits, and are taken as equal when they are: with a million states two different ones are taken for
   one with a chance of 3 in 100 million. */
#include "sim.h"

static uint64_t sum; /* of all fibers' pasts and all variables' newest stores, each mixed with whose it is */

uint64_t pti_mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 29) * UINT64_C(0x94d049bb133111eb) + b;
    return z ^ z >> 32;
}

void pti_state_begin(void)
{
    sum = 0;
}

void pti_state_event_of(pti_fiber *fiber, uint64_t what)
{
    uint64_t past = pti_mix(fiber->past, what);
    sum += pti_mix(fiber->id, past) - pti_mix(fiber->id, fiber->past);
    fiber->past = past;
}

void pti_state_event(uint64_t what)
{
    pti_state_event_of(pti_sim_self, what);
}

void pti_state_stored(const void *address, uint64_t before, uint64_t after)
{
    sum += pti_mix((uintptr_t)address, after) - pti_mix((uintptr_t)address, before);
}

uint64_t pti_state_now(void)
{
    uint64_t now = pti_mix(sum, (uint64_t)pti_sim_now());
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        unsigned flags = (unsigned)fiber->state << 4 | (unsigned)fiber->idle << 3 |
                         (unsigned)pti_sim_nothing_new(fiber) << 2 | (unsigned)fiber->joined << 1 | fiber->detached;
        now = pti_mix(now, flags);
    }
    return pti_mix(now, pti_sim_self->id);
}
