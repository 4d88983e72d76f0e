/* once.c: run an initialiser once.

   word:  NEW 0   not run yet, or failed
          RUNNING 1
          DONE 2  succeeded; never changes again

     R   NEW -> RUNNING          any thread, compare-and-swap: it runs the initialiser       acquire
     E   RUNNING -> DONE or NEW  that thread, under the queue's lock, taking out all waiters  release
     Q   reads RUNNING           a waiter, under the queue's lock, joining the queue          relaxed
     D   reads DONE              any thread                                                   acquire

   Pairs         E with D; E with the R that tries again after a failure.
   No lost wake  Q and joining are one step under the queue's lock, as are E and taking out. */
#include "atomic.h"
#include "park.h"

#include <pt_mutex.h>

enum { NEW = 0, RUNNING = 1, DONE = 2 };

static void end(pt_once *once, pt_status status)
{
    pti_queue *queue = pti_park_lock(once);
    store_release(&once->word, status == PT_OK ? DONE : NEW); /* E: pairs with D, R */
    pti_waiter *waiters = pti_park_take_all(queue, once);
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, status == PT_OK ? PTI_GO : PTI_RETRY);
}

/* Wait while another thread runs the initialiser.
   Returns PT_OK for "look again" */
static pt_status wait_for_runner(pt_once *once, pt_until until)
{
    pti_waiter waiter;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait;

    pti_park_prepare(&waiter, "once");
    pti_queue *queue = pti_park_lock(once);
    if (load_relaxed(&once->word) != RUNNING) { /* Q: RUNNING ends only under this lock */
        pti_park_unlock(queue);
        return PT_OK;
    }
    pti_park_join(queue, &waiter, once);
    pti_park_unlock(queue);

    if (pti_park_sleep(&waiter, until, true) != PTI_GAVE_UP)
        return PT_OK;
    pti_park_unlock(queue);
    return pti_park_why(until);
}

pt_status pt_once_call_until(pt_once *once, pt_status (*init)(void *arg), void *arg, pt_until until)
{
    if (init == NULL)
        return PT_ERR_INVALID;
    for (;;) {
        uint32_t seen = load_acquire(&once->word); /* D: pairs with E */
        if (seen == DONE)
            return PT_OK;
        if (seen == NEW && cas_acquire(&once->word, &seen, RUNNING)) { /* R: pairs with a failed E */
            pt_status status = init(arg);
            end(once, status);
            return status;
        }
        if (seen == RUNNING) {
            pt_status waited = wait_for_runner(once, until);
            if (waited != PT_OK)
                return waited;
        }
    }
}

pt_status pt_once_call(pt_once *once, pt_status (*init)(void *arg), void *arg)
{
    return pt_once_call_until(once, init, arg, PT_FOREVER);
}

bool pt_once_is_done(const pt_once *once)
{
    return load_acquire(&once->word) == DONE; /* D: pairs with E */
}
