/* semaphore.c: counts permits.

   word:  stock * 2, plus QUEUED 1 when threads wait (exactly, under the queue's lock); never both, since a
          thread joins the queue only at stock 0, and a post serves the queue first

     P1  stock + n          who posts, while nobody is queued                                     release
     P2  QUEUED -> what is left of n, or QUEUED stays
                            who posts, under the queue's lock, taking out as many waiters as it has permits
     T   stock - 1          who takes a permit                                                    acquire
     Q   0 -> QUEUED        a waiter, under the queue's lock, joining the queue                   relaxed

   Pairs         P1, P2 with T. For waiters that P2 takes out: pti_park_wake() and pti_park_sleep().
   No lost wake  P2 and taking out are one step under the queue's lock, as are Q and joining; P1 demands that
                 QUEUED is not set in the same compare-and-swap. While QUEUED is set only P2 and leaving, both
                 under the queue's lock, change the word. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { QUEUED = 1, PERMIT = 2 };

/* P2: serve the queue, then keep the rest; false if nobody is queued any more, and nothing was done. */
static bool serve(pt_semaphore *semaphore, uint32_t permits)
{
    pti_waiter *served = NULL, **end = &served;
    pti_queue *queue = pti_park_lock(semaphore);
    if ((load_relaxed(&semaphore->word) & QUEUED) == 0) {
        pti_park_unlock(queue);
        return false;
    }
    while (permits > 0 && (*end = pti_park_take(queue, semaphore)) != NULL) {
        end = &(*end)->next;
        permits--;
    }
    *end = NULL;
    if (pti_park_first(queue, semaphore) == NULL)
        store_release(&semaphore->word, permits * PERMIT); /* P2: pairs with T */
    pti_park_unlock(queue);
    pti_park_wake_all(served, PTI_GO);
    return true;
}

pt_status pt_semaphore_post(pt_semaphore *semaphore, uint32_t permits)
{
    if (permits > PT_SEMAPHORE_MAX)
        return PT_ERR_OVERFLOW;
    uint32_t seen = load_relaxed(&semaphore->word);
    for (;;) {
        while ((seen & QUEUED) == 0) {
            if (seen / PERMIT > PT_SEMAPHORE_MAX - permits)
                return PT_ERR_OVERFLOW;
            if (cas_release(&semaphore->word, &seen, seen + permits * PERMIT)) /* P1: pairs with T */
                return PT_OK;
        }
        if (serve(semaphore, permits))
            return PT_OK;
        seen = load_relaxed(&semaphore->word);
    }
}

pt_status pt_semaphore_try_wait(pt_semaphore *semaphore)
{
    uint32_t seen = load_relaxed(&semaphore->word);
    while (seen / PERMIT > 0) {
        if (cas_acquire(&semaphore->word, &seen, seen - PERMIT)) /* T: pairs with P1, P2 */
            return PT_OK;
    }
    return PT_ERR_BUSY;
}

/* Q, under the queue's lock: note that somebody waits; false if there are permits. */
static bool note_queued(pt_semaphore *semaphore)
{
    uint32_t seen = load_relaxed(&semaphore->word);
    while (seen / PERMIT == 0) {
        if (cas_relaxed(&semaphore->word, &seen, QUEUED))
            return true;
    }
    return false;
}

pt_status pt_semaphore_wait_until(pt_semaphore *semaphore, pt_until until)
{
    while (pt_semaphore_try_wait(semaphore) != PT_OK) {
        pti_waiter waiter;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK)
            return may_wait;

        pti_park_prepare(&waiter, "semaphore");
        pti_queue *queue = pti_park_lock(semaphore);
        if (!note_queued(semaphore)) {
            pti_park_unlock(queue);
            continue;
        }
        pti_park_join(queue, &waiter, semaphore);
        pti_park_unlock(queue);

        if (pti_park_sleep(&waiter, until, true) == PTI_GO)
            return PT_OK;
        pti_park_unlock_left(queue, semaphore, &semaphore->word, QUEUED);
        return PT_ERR_TIMEOUT;
    }
    return PT_OK;
}

pt_status pt_semaphore_wait(pt_semaphore *semaphore)
{
    return pt_semaphore_wait_until(semaphore, PT_FOREVER);
}

uint32_t pt_semaphore_value(const pt_semaphore *semaphore)
{
    return load_relaxed(&semaphore->word) / PERMIT;
}
