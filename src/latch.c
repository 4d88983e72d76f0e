/* latch.c: counts down once, and lets all go on at zero.

   word:  count * 2, plus QUEUED 1 when threads wait (exactly, under the queue's lock, until the count is zero)

     D   count - n, not to zero beside QUEUED   who counts down, without a lock                       release
     Z   -> zero                                who counts down the last beside QUEUED: under the queue's lock,
                                                taking all waiters out                                acquire-release
     Q   count above 0 -> QUEUED                a waiter, under the queue's lock, joining the queue   relaxed
     A   count - 1 -> QUEUED                    who arrives and waits: D and Q in one step, under the queue's lock
                                                                                                      acquire-release
     P   reads count 0                          who passes                                            acquire

   Pairs         D, Z, A with P, and with a later Z or A, across all that comes between, as each is a read-modify-write:
                 the last one has seen what all others wrote, and hands it to the waiters by pti_park_wake() and
                 pti_park_sleep().
   No lost wake  Q and A demand a count above 0 in the step that sets QUEUED, and while it is set the count becomes zero
                 only under the queue's lock, hence after the waiter joined, and with it Z takes out all.
   Lifetime      D, Z and A are last accesses. Z locks the queue before its step and until it has the waiters: once the
                 count is zero others may free the latch, and a new object in its place may have waiters of its own, but
                 not in this queue before it is unlocked. A waiter that is woken does not look at the latch again. Nor
                 does who arrives and waits, which is why that is one step: in a moment between D and Q the last one
                 might come, and another waiter free the latch. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { QUEUED = 1, ONE = 2 };

pt_status pt_latch_try_wait(const pt_latch *latch)
{
    return load_acquire(&latch->word) / ONE == 0 ? PT_OK : PT_ERR_BUSY; /* P: pairs with D, Z, A */
}

/* Z. Much may have changed since the caller looked: the waiters may have left, others may have counted down. */
__attribute__((noinline)) static pt_status count_down_queued(pt_latch *latch, uint32_t by)
{
    pti_waiter *waiters = NULL;
    pti_queue *queue = pti_park_lock(latch);
    uint32_t seen = load_relaxed(&latch->word);
    do {
        if (seen / ONE < by) {
            pti_park_unlock(queue);
            return PT_ERR_OVERFLOW;
        }
    } while (!cas_acq_rel(&latch->word, &seen, seen - by * ONE)); /* Z: pairs with P */
    if (seen / ONE == by)
        waiters = pti_park_take_all(queue, latch);
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, PTI_GO);
    return PT_OK;
}

pt_status pt_latch_count_down(pt_latch *latch, uint32_t by)
{
    if (by == 0)
        return PT_OK;
    uint32_t seen = load_relaxed(&latch->word);
    do {
        if (seen / ONE < by)
            return PT_ERR_OVERFLOW;
        if (seen - by * ONE == QUEUED)
            return count_down_queued(latch, by);
    } while (!cas_release(&latch->word, &seen, seen - by * ONE)); /* D: pairs with P, Z, A */
    return PT_OK;
}

/* Wait in the queue, which is locked, and is not when this returns. */
static pt_status wait_in(pti_queue *queue, pt_latch *latch, pti_waiter *waiter, pt_until until)
{
    pti_park_join(queue, waiter, latch);
    pti_park_unlock(queue);
    if (pti_park_sleep(waiter, until, true) == PTI_GO)
        return PT_OK;
    pti_park_unlock_left(queue, latch, &latch->word, QUEUED);
    return pti_park_why(until);
}

/* Q, under the queue's lock: note that somebody waits; false if the count is zero. */
static bool note_queued(pt_latch *latch)
{
    uint32_t seen = load_relaxed(&latch->word);
    while (seen / ONE > 0) {
        if (cas_relaxed(&latch->word, &seen, seen | QUEUED))
            return true;
    }
    return false;
}

pt_status pt_latch_wait_until(pt_latch *latch, pt_until until)
{
    while (pt_latch_try_wait(latch) != PT_OK) {
        pti_waiter waiter;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK)
            return may_wait;

        pti_park_prepare(&waiter, "latch");
        pti_queue *queue = pti_park_lock(latch);
        if (note_queued(latch))
            return wait_in(queue, latch, &waiter, until);
        pti_park_unlock(queue);
    }
    return PT_OK;
}

pt_status pt_latch_wait(pt_latch *latch)
{
    return pt_latch_wait_until(latch, PT_FOREVER);
}

/* A, under the queue's lock, unless the caller is the last; the count before, 0 for too many. */
static uint32_t arrive(pt_latch *latch)
{
    uint32_t seen = load_relaxed(&latch->word), next;
    do {
        if (seen / ONE == 0)
            return 0;
        next = seen / ONE == 1 ? seen - ONE : (seen - ONE) | QUEUED;
    } while (!cas_acq_rel(&latch->word, &seen, next)); /* A, Z: pairs with P */
    return seen / ONE;
}

pt_status pt_latch_arrive_and_wait(pt_latch *latch)
{
    pti_waiter waiter, *waiters;
    pt_status may_wait = pti_park_may_wait(PT_FOREVER);
    if (may_wait != PT_OK && pt_latch_count(latch) > 1) /* at 1 there is nothing to wait for, and it never grows */
        return may_wait;

    pti_park_prepare(&waiter, "latch");
    pti_queue *queue = pti_park_lock(latch);
    uint32_t before = arrive(latch);
    if (before > 1)
        return wait_in(queue, latch, &waiter, PT_FOREVER);
    waiters = before == 1 ? pti_park_take_all(queue, latch) : NULL;
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, PTI_GO);
    return before == 1 ? PT_OK : PT_ERR_OVERFLOW;
}

uint32_t pt_latch_count(const pt_latch *latch)
{
    return load_relaxed(&latch->word) / ONE;
}
