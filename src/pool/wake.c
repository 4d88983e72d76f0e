/* wake.c: how many of a pool's workers are awake, and who is to be woken.

   word: four counts of 16 bits
     awake      run, or look for something to do; guests too
     searching  of those: look for something to do
     resting    sleep, and are in the list `resting`
     waiting    wait inside a job

     P   puts a job, or a fork, where others find it     who has one             sequentially consistent, or F after it
     F   a fence
     R   reads word                                      the same, after P, F    sequentially consistent
     W   awake + 1, searching + 1, and resting - 1 or a thread more: who saw at R, or later, that nobody searches, and
         fewer than `size` are awake; then it takes one out of the list, and calls it        sequentially consistent
     D   awake or searching go down                      who rests, waits, has found something, or leaves   the same
     L   looks whether there is something to do          the same, after D       after a fence

   No lost wake  Somebody put something there (P) and called nobody. Then at R all of `size` were awake, or one was searching,
                 or nobody could be had. Each of these who was awake or searching comes to a D, which is after R in the one
                 order of these operations; so L, which comes after D, sees what P put there, if it is there still, and does W
                 in its place. Who searches comes to a D when it has found something or not; who runs a job does when that has
                 ended or waits. If nobody could be had: all threads that there may be are awake or waiting, and each will come to a D,
                 as the end of a wait makes it awake; or a thread was refused, and the next R tries again, of who waits if
                 nobody else comes (wait.c).
   The list      Who rests is in the list before it counts as resting, and is taken out after it does not count any more; so
                 the list is never shorter than the count. W takes the one who came last: its caches are warm, and the others
                 sleep on. Who rests and does W itself, by L, as a rule calls itself.
   Forks         Forks that a worker has for itself are not seen by L. Who searched without success leaves a demand with
                 each member (fork.c), which shares some at its next fork, by P and R. */
#include "pool.h"

#include "atomic.h"
#include "port.h"

static const uint64_t ONE[] = {[PTI_AWAKE] = 1,
                               [PTI_SEARCHING] = 1 << 16,
                               [PTI_RESTING] = UINT64_C(1) << 32,
                               [PTI_WAITING] = UINT64_C(1) << 48};

enum { TRY_AGAIN_AFTER = 10 * 1000 * 1000 }; /* nanoseconds, when there was no thread to be had */

unsigned pti_wake_count(uint64_t word, enum pti_wake_what what)
{
    return (unsigned)(word / ONE[what] & 0xffff);
}

/* ---- Waking -------------------------------------------------------------------------------- */

static pti_member *take_resting(pt_pool *pool)
{
    pti_short_lock(&pool->lock);
    pti_member *member = pool->resting;
    pool->resting = member->next;
    member->idle = false;
    pti_short_unlock(&pool->lock);
    return member;
}

static bool may_start(pt_pool *pool)
{
    return load_relaxed(&pool->threads) < pool->most && pti_port_now() >= load_relaxed(&pool->start_again);
}

static void start(pt_pool *pool)
{
    if (pti_worker_start(pool)) {
        store_relaxed(&pool->start_again, 0);
        return;
    }
    store_relaxed(&pool->start_again, pti_port_now() + TRY_AGAIN_AFTER);
    pti_wake_change(pool, -1, -1, 0, 0); /* somebody may rest by now, who saw one searching */
}

/* What must be so for W, and whether somebody rests. */
static bool is_wanted(pt_pool *pool, uint64_t seen, bool *rests)
{
    if (pti_wake_count(seen, PTI_SEARCHING) != 0 || pti_wake_count(seen, PTI_AWAKE) >= load_relaxed(&pool->size))
        return false;
    *rests = pti_wake_count(seen, PTI_RESTING) != 0;
    return *rests || may_start(pool);
}

void pti_wake_somebody(pt_pool *pool)
{
    bool rests;
    uint64_t seen = load_agreed(&pool->word); /* R */
    do {
        if (!is_wanted(pool, seen, &rests))
            return;
    } while (!cas_agreed(&pool->word, &seen, /* W */
                         seen + ONE[PTI_AWAKE] + ONE[PTI_SEARCHING] - (rests ? ONE[PTI_RESTING] : 0)));
    if (rests)
        pt_event_set(&take_resting(pool)->call);
    else
        start(pool);
}

void pti_wake_with_fence(pt_pool *pool)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* F */
    pti_wake_somebody(pool);
}

/* ---- Changing ------------------------------------------------------------------------------ */

static void look(pt_pool *pool, uint64_t word)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (pti_wake_count(word, PTI_SEARCHING) != 0)
        return;                /* who comes to a D of its own */
    if (pti_worker_sees(pool)) /* L */
        pti_wake_somebody(pool);
    else if (pti_wake_count(word, PTI_AWAKE) == 0 && pti_wake_count(word, PTI_WAITING) == 0)
        pti_pool_finish(pool);
}

void pti_wake_change(pt_pool *pool, int awake, int searching, int resting, int waiting)
{
    uint64_t change = (uint64_t)awake * ONE[PTI_AWAKE] + (uint64_t)searching * ONE[PTI_SEARCHING] +
                      (uint64_t)resting * ONE[PTI_RESTING] + (uint64_t)waiting * ONE[PTI_WAITING];
    uint64_t now = add_agreed(&pool->word, change) + change; /* D, or more are awake */
    if (awake < 0 || searching < 0)
        look(pool, now);
}

void pti_wake_look(pt_pool *pool)
{
    look(pool, load_agreed(&pool->word));
}

bool pti_wake_may_search(pt_pool *pool)
{
    uint64_t seen = load_relaxed(&pool->word);
    do {
        if (2 * pti_wake_count(seen, PTI_SEARCHING) >= pti_wake_count(seen, PTI_AWAKE))
            return false;
    } while (!cas_agreed(&pool->word, &seen, seen + ONE[PTI_SEARCHING]));
    return true;
}

bool pti_wake_too_many(pt_pool *pool)
{
    return pti_wake_count(load_relaxed(&pool->word), PTI_AWAKE) > load_relaxed(&pool->size);
}

bool pti_wake_unrest(pt_pool *pool)
{
    uint64_t seen = load_relaxed(&pool->word);
    while (pti_wake_count(seen, PTI_RESTING) != 0) {
        if (cas_agreed(&pool->word, &seen, seen - ONE[PTI_RESTING]))
            return true;
    }
    return false;
}
