/* event.c: a flag to wait for.

   word, three bits:
     SET 1     whoever comes may pass
     QUEUED 2  threads wait (exactly, under the queue's lock). Together with SET only for a moment: who sets it beside
               QUEUED serves the queue next, or owes that
     AUTO 4    never changes: one passes for each time it is set

     S   -> SET                     who sets                                                     release
     P   reads SET; AUTO: SET -> 0  who passes, or under the queue's lock for a waiter           acquire
     Q   not SET -> QUEUED          a waiter, under the queue's lock, joining the queue          relaxed
     R   SET -> 0                   who resets, once nobody is QUEUED beside SET                 relaxed

   Pairs         S with P. For waiters that are served: pti_park_wake() and pti_park_sleep(). Each S is a
                 read-modify-write even where SET is set already, so that P sees all who set.
   No lost wake  Q demands not SET in the step that sets QUEUED, so whoever sets later sees QUEUED in S, and locks the
                 queue after the waiter joined. Nor does R undo an S before the queue was served. A signal handler
                 that must not lock leaves the serving to its thread: pti_park_owe().
   Lifetime      After S others may pass and free the event, so it is touched again only while somebody is in its
                 queue, who cannot have returned. Somebody who waits for an event, that is: another object may be in its
                 place by then, with a queue of its own. */
#include "event.h"

#include "atomic.h"

#include <pt_mutex.h>

enum { SET = 1, QUEUED = 2, AUTO = 4 };

pt_status pt_event_try_wait(pt_event *event)
{
    uint32_t seen = load_acquire(&event->word); /* P: pairs with S */
    while ((seen & SET) != 0) {
        if ((seen & AUTO) == 0 || cas_acquire(&event->word, &seen, seen & ~(uint32_t)SET)) /* P */
            return PT_OK;
    }
    return PT_ERR_BUSY;
}

/* Under the queue's lock: let pass whom the event lets pass, now that it may be set. A select is only told to try: it finds
   the event set still, or somebody has been quicker. */
static pti_waiter *serve(pti_queue *queue, const void *key)
{
    pt_event *event = (pt_event *)(uintptr_t)key;
    pti_waiter *first, *served = NULL, **end = &served;
    bool took = false, left_set = false;
    while (!left_set && (first = pti_park_first(queue, key)) != NULL && first->serve == serve) {
        bool selects = first->sleeper != first;
        if (selects ? !pt_event_is_set(event) : pt_event_try_wait(event) != PT_OK)
            break;
        pti_park_take(queue, key);
        took = true;
        if (!pti_park_claim(first))
            continue;
        left_set = selects && (load_relaxed(&event->word) & AUTO) != 0;
        *end = first;
        end = &first->next;
    }
    *end = NULL;
    if (took && pti_park_first(queue, key) == NULL)
        and_relaxed(&event->word, ~(uint32_t)QUEUED);
    return served;
}

__attribute__((noinline)) static void serve_queue(pt_event *event)
{
    pti_queue *queue = pti_park_lock(event);
    pti_waiter *served = serve(queue, event);
    pti_park_unlock(queue);
    pti_park_wake_all(served, PTI_GO);
}

void pt_event_set(pt_event *event)
{
    if ((or_release(&event->word, SET) & QUEUED) == 0) /* S: pairs with P */
        return;
    if (pti_park_may_lock())
        serve_queue(event);
    else
        pti_park_owe(event);
}

void pt_event_reset(pt_event *event)
{
    uint32_t seen = load_relaxed(&event->word);
    for (;;) {
        if ((seen & (SET | QUEUED)) == (SET | QUEUED)) { /* a set that is not done yet: do it */
            pti_queue *queue = pti_park_lock(event);
            pti_waiter *served = serve(queue, event);
            pti_park_unlock_left(queue, event, &event->word, QUEUED);
            pti_park_wake_all(served, PTI_GO);
            seen = load_relaxed(&event->word);
        } else if (cas_relaxed(&event->word, &seen, seen & ~(uint32_t)SET)) { /* R */
            return;
        }
    }
}

bool pt_event_is_set(const pt_event *event)
{
    return (load_acquire(&event->word) & SET) != 0; /* P: pairs with S */
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
        waiter.serve = serve;
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
        return pti_park_why(until);
    }
    return PT_OK;
}

pt_status pt_event_wait(pt_event *event)
{
    return pt_event_wait_until(event, PT_FOREVER);
}

/* ---- For select ---------------------------------------------------------------------------- */

bool pti_event_join(pt_event *event, pti_waiter *waiter)
{
    waiter->serve = serve;
    pti_queue *queue = pti_park_lock(event);
    bool queued = note_queued(event);
    if (queued)
        pti_park_join(queue, waiter, event);
    pti_park_unlock(queue);
    return queued;
}

bool pti_event_leave(pt_event *event, pti_waiter *waiter)
{
    pti_queue *queue = pti_park_lock(event);
    bool queued = waiter->queued;
    pti_park_take_out(queue, waiter);
    if (queued)
        pti_park_unlock_left(queue, event, &event->word, QUEUED);
    else
        pti_park_unlock(queue); /* another object may be in its place */
    return queued;
}
