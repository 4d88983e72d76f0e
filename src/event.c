/* event.c: a flag to wait for.

   word, three bits:
     SET 1     whoever comes may pass
     QUEUED 2  threads wait (exactly, under the queue's lock); never together with SET
     AUTO 4    never changes: one passes for each time it is set

     S1  SET                     who sets, while nobody is queued                              release
     S2  QUEUED -> SET           who sets a manual event, under the queue's lock, taking out all waiters
     S3  QUEUED stays, or -> 0   who sets an automatic event, under the queue's lock, taking out the first waiter
     P   reads SET; AUTO: SET -> 0  who passes                                                 acquire
     Q   not SET -> QUEUED       a waiter, under the queue's lock, joining the queue           relaxed

   Pairs         S1, S2 with P. For waiters that S2 and S3 take out: pti_park_wake() and pti_park_sleep(). Each
                 S1 is a read-modify-write even where SET is set already, so that P sees all who set.
   No lost wake  S2, S3 and taking out are one step under the queue's lock, as are Q and joining; S1 demands that
                 QUEUED is not set in the same compare-and-swap. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { SET = 1, QUEUED = 2, AUTO = 4 };

void pt_event_set(pt_event *event)
{
    uint32_t seen = load_relaxed(&event->word);
    for (;;) {
        while ((seen & QUEUED) == 0) {
            if (cas_release(&event->word, &seen, seen | SET)) /* S1: pairs with P */
                return;
        }
        pti_queue *queue = pti_park_lock(event);
        pti_waiter *waiters;
        if ((seen & AUTO) == 0) {
            waiters = pti_park_take_all(queue, event);
            if (waiters != NULL)
                store_release(&event->word, SET); /* S2: pairs with P. Was QUEUED, which only this lock changes */
            pti_park_unlock(queue);
            pti_park_wake_all(waiters, PTI_GO);
        } else {
            waiters = pti_park_take(queue, event);
            pti_park_unlock_left(queue, event, &event->word, QUEUED); /* S3 */
            if (waiters != NULL)
                pti_park_wake(waiters, PTI_GO);
        }
        if (waiters != NULL)
            return;
        seen = load_relaxed(&event->word); /* all had given up: start again */
    }
}

void pt_event_reset(pt_event *event)
{
    and_relaxed(&event->word, ~(uint32_t)SET);
}

bool pt_event_is_set(const pt_event *event)
{
    return (load_acquire(&event->word) & SET) != 0; /* P: pairs with S1, S2 */
}

pt_status pt_event_try_wait(pt_event *event)
{
    uint32_t seen = load_acquire(&event->word); /* P: pairs with S1, S2 */
    while ((seen & SET) != 0) {
        if ((seen & AUTO) == 0 || cas_acquire(&event->word, &seen, seen & ~(uint32_t)SET)) /* P */
            return PT_OK;
    }
    return PT_ERR_BUSY;
}

/* Q, under the queue's lock: note that somebody waits; false if the event is set. */
static bool note_queued(pt_event *event)
{
    uint32_t seen = load_relaxed(&event->word);
    while ((seen & SET) == 0) {
        if (cas_relaxed(&event->word, &seen, seen | QUEUED))
            return true;
    }
    return false;
}

pt_status pt_event_wait_until(pt_event *event, pt_until until)
{
    while (pt_event_try_wait(event) != PT_OK) {
        pti_waiter waiter;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK)
            return may_wait;

        pti_park_prepare(&waiter, "event");
        pti_queue *queue = pti_park_lock(event);
        if (!note_queued(event)) {
            pti_park_unlock(queue);
            continue;
        }
        pti_park_join(queue, &waiter, event);
        pti_park_unlock(queue);

        if (pti_park_sleep(&waiter, until, true) == PTI_GO)
            return PT_OK;
        pti_park_unlock_left(queue, event, &event->word, QUEUED);
        return PT_ERR_TIMEOUT;
    }
    return PT_OK;
}

pt_status pt_event_wait(pt_event *event)
{
    return pt_event_wait_until(event, PT_FOREVER);
}
