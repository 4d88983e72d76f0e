/* barrier.c: holds threads back until a round is complete.

   word:  waiting * 2, plus ABORTED 1
          waiting is the length of the barrier's queue in the parking lot, and 0 beside ABORTED. (Only in the child of a
          fork may it be more: there the queue is empty, and those who come start from 0.)
   parties  constant

   All steps are made under the queue's lock; the word is there for those who only look:

     J   waiting + 1              who comes, but for the last of the round, joining the queue          relaxed
     G   waiting - 1              who gives up, and has left the queue                                 relaxed
     E   -> 0                     the last to come, taking all waiters out: the round is over          relaxed
     A   -> ABORTED               who aborts, taking all waiters out                                   release
     R   -> 0                     who resets, taking all waiters out                                   relaxed
     L   read                     any thread, without the lock                                         acquire

   Pairs         A with L. All who come before the last, through the queue's lock, with the last; the last with all of
                 them by pti_park_wake() and pti_park_sleep(). So everybody sees what everybody wrote.
   No lost wake  To count and to join the queue is one step under the lock, as is to end a round and to take out all who
                 are in it. So the last one finds all others in the queue, or they have given up and do not count.
   Rounds        There is no number of the round. A waiter belongs to the round in which it is in the queue; what ends
                 it is in the message, COMPLETE or SENT_AWAY. So a fast thread may wait for the next round, and may even
                 complete it, while those of the last one are still waking up: they look at nothing but their message.
   Giving up     A waiter that gives up and finds itself taken out already gets its round's message.
   Lifetime      E, A, R and G are last accesses: after the lock is given back only waiters that have not been woken are
                 touched. Nor does a woken waiter touch the barrier. So any thread of a round may free it at once. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { ABORTED = 1, ONE = 2 };
enum { COMPLETE = PTI_GO, SENT_AWAY = PTI_RETRY };

/* Under the queue's lock: how many wait. */
static uint32_t count_waiting(pti_queue *queue, const pt_barrier *barrier)
{
    return pti_park_first(queue, barrier) == NULL ? 0 : load_relaxed(&barrier->word) / ONE;
}

/* E, A, R: unlocks the queue. */
static void end_round(pti_queue *queue, pt_barrier *barrier, uint32_t next, int message)
{
    pti_waiter *waiters = pti_park_take_all(queue, barrier);
    store_release(&barrier->word, next); /* A: pairs with L */
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, (enum pti_message)message);
}

/* Wait in the queue, which is locked, and is not when this returns. */
static pt_status wait_for_round(pti_queue *queue, pt_barrier *barrier, pti_waiter *waiter, pt_until until)
{
    uint32_t others = count_waiting(queue, barrier);
    store_relaxed(&barrier->word, (others + 1) * ONE); /* J */
    pti_park_join(queue, waiter, barrier);
    pti_park_unlock(queue);

    int message = (int)pti_park_sleep(waiter, until, true);
    if (message == COMPLETE)
        return PT_OK;
    if (message == SENT_AWAY)
        return PT_ERR_ABORTED;
    store_relaxed(&barrier->word, load_relaxed(&barrier->word) - ONE); /* G */
    pti_park_unlock(queue);
    return pti_park_why(until);
}

pt_status pt_barrier_wait_until(pt_barrier *barrier, bool *serial, pt_until until)
{
    pti_waiter waiter;
    uint32_t parties = barrier->parties;
    if (parties == 0 || parties > PT_BARRIER_MAX)
        return PT_ERR_INVALID;
    pt_status may_wait = pti_park_may_wait(until);
    pti_park_prepare(&waiter, "barrier");

    pti_queue *queue = pti_park_lock(barrier);
    bool last = count_waiting(queue, barrier) + 1 >= parties;
    bool aborted = (load_relaxed(&barrier->word) & ABORTED) != 0;
    pt_status status = aborted ? PT_ERR_ABORTED : last ? PT_OK : may_wait;
    if (status != PT_OK)
        pti_park_unlock(queue);
    else if (last)
        end_round(queue, barrier, 0, COMPLETE); /* E */
    else
        status = wait_for_round(queue, barrier, &waiter, until);
    if (status == PT_OK && serial != NULL)
        *serial = last;
    return status;
}

pt_status pt_barrier_wait(pt_barrier *barrier, bool *serial)
{
    return pt_barrier_wait_until(barrier, serial, PT_FOREVER);
}

void pt_barrier_abort(pt_barrier *barrier)
{
    end_round(pti_park_lock(barrier), barrier, ABORTED, SENT_AWAY); /* A */
}

void pt_barrier_reset(pt_barrier *barrier)
{
    end_round(pti_park_lock(barrier), barrier, 0, SENT_AWAY); /* R */
}

uint32_t pt_barrier_waiting(const pt_barrier *barrier)
{
    return load_acquire(&barrier->word) / ONE; /* L */
}

bool pt_barrier_is_aborted(const pt_barrier *barrier)
{
    return (load_acquire(&barrier->word) & ABORTED) != 0; /* L: pairs with A */
}
