/* semaphore.c: counts permits.

   word:  stock * 2, plus QUEUED 1 when threads wait (exactly, under the queue's lock). Both only for a moment: a thread
          joins the queue only at stock 0, and who posts beside QUEUED serves the queue next, or owes that

     P   stock + n          who posts                                                            release
     T   stock - 1          who takes a permit, for itself, or under the queue's lock for a waiter  acquire
     Q   0 -> QUEUED        a waiter, under the queue's lock, joining the queue                  relaxed

   Pairs         P with T. For waiters that are served: pti_park_wake() and pti_park_sleep().
   No lost wake  Q demands stock 0 in the step that sets QUEUED, so whoever posts later sees QUEUED in P, and locks the
                 queue after the waiter joined. Serving goes on while there are both permits and waiters. A signal
                 handler that must not lock leaves the serving to its thread: pti_park_owe().
   Order         Waiters are served in turn. A thread that comes just between P and the serving may be quicker.
   Lifetime      After P others may take the permit and free the semaphore, so it is touched again only while somebody
                 is in its queue, who cannot have returned. Somebody who waits for a semaphore, that is: another object
                 may be in its place by then, with a queue of its own. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { QUEUED = 1, PERMIT = 2 };

pt_status pt_semaphore_try_wait(pt_semaphore *semaphore)
{
    uint32_t seen = load_relaxed(&semaphore->word);
    while (seen / PERMIT > 0) {
        if (cas_acquire(&semaphore->word, &seen, seen - PERMIT)) /* T: pairs with P */
            return PT_OK;
    }
    return PT_ERR_BUSY;
}

/* Under the queue's lock: a permit for each waiter, as far as they go. */
static pti_waiter *serve(pti_queue *queue, const void *key)
{
    pt_semaphore *semaphore = (pt_semaphore *)(uintptr_t)key;
    pti_waiter *served = NULL, **end = &served, *first;
    while ((first = pti_park_first(queue, key)) != NULL && first->serve == serve &&
           pt_semaphore_try_wait(semaphore) == PT_OK) {
        *end = pti_park_take(queue, key);
        end = &first->next;
        if (pti_park_first(queue, key) == NULL)
            and_relaxed(&semaphore->word, ~(uint32_t)QUEUED);
    }
    *end = NULL;
    return served;
}

__attribute__((noinline)) static void serve_queue(pt_semaphore *semaphore)
{
    if (!pti_park_may_lock()) {
        pti_park_owe(semaphore);
        return;
    }
    pti_queue *queue = pti_park_lock(semaphore);
    pti_waiter *served = serve(queue, semaphore);
    pti_park_unlock(queue);
    pti_park_wake_all(served, PTI_GO);
}

pt_status pt_semaphore_post(pt_semaphore *semaphore, uint32_t permits)
{
    if (permits > PT_SEMAPHORE_MAX)
        return PT_ERR_OVERFLOW;
    uint32_t seen = load_relaxed(&semaphore->word);
    do {
        if (seen / PERMIT > PT_SEMAPHORE_MAX - permits)
            return PT_ERR_OVERFLOW;
    } while (!cas_release(&semaphore->word, &seen, seen + permits * PERMIT)); /* P: pairs with T */
    if ((seen & QUEUED) != 0)
        serve_queue(semaphore);
    return PT_OK;
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

__attribute__((noinline)) static pt_status wait_slow(pt_semaphore *semaphore, pt_until until)
{
    do {
        pti_waiter waiter;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK)
            return may_wait;

        pti_park_prepare(&waiter, "semaphore");
        waiter.serve = serve;
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
        return pti_park_why(until);
    } while (pt_semaphore_try_wait(semaphore) != PT_OK);
    return PT_OK;
}

pt_status pt_semaphore_wait_until(pt_semaphore *semaphore, pt_until until)
{
    return pt_semaphore_try_wait(semaphore) == PT_OK ? PT_OK : wait_slow(semaphore, until);
}

pt_status pt_semaphore_wait(pt_semaphore *semaphore)
{
    return pt_semaphore_wait_until(semaphore, PT_FOREVER);
}

uint32_t pt_semaphore_value(const pt_semaphore *semaphore)
{
    return load_relaxed(&semaphore->word) / PERMIT;
}
