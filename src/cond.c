/* cond.c: the condition.

   word:  QUEUED 1  threads wait, in the condition's queue in the parking lot (exactly, under its lock)

     J   0 -> QUEUED   a waiter, under the queue's lock, while it holds its mutex    relaxed
     S   reads QUEUED  who signals                                                   relaxed

   No lost wake  A waiter joins the queue before it unlocks its mutex. Who makes the condition true does so under
                 that mutex, hence before the waiter's check, or after the waiter joined: then the mutex orders J
                 before S, even if the signal is sent after the unlock.
   No spurious   A waiter is woken only by a signal that took it out, and its deadline counts only as long as it
                 is in the condition's queue.
   Requeue       A signalled waiter needs its mutex. While that is held it is moved to the mutex's queue, under
                 the locks of both queues, and sleeps on: pti_mutex_admit() decides. The message that wakes it
                 then comes from the mutex, and tells pti_mutex_relock() what is left to do.
   Lifetime      A signal touches the condition's word last under the queue's lock; the woken thread may free the
                 condition. A waiter does not touch it after it was taken out. */
#include "atomic.h"
#include "mutex.h"
#include "park.h"
#include "port.h"

enum { QUEUED = 1 };

static const char WHAT[] = "condition";

/* The analysis does not follow a mutex through the lot. */
PT_NO_THREAD_SAFETY_ANALYSIS
pt_status pt_cond_wait_until(pt_cond *cond, pt_mutex *mutex, pt_until until)
{
    pti_waiter waiter;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait;

    pti_park_prepare(&waiter, WHAT);
    waiter.with = mutex;
    pti_queue *queue = pti_park_lock(cond);
    store_relaxed(&cond->word, QUEUED); /* J */
    pti_park_join(queue, &waiter, cond);
    pti_park_unlock(queue);
    pt_mutex_unlock(mutex);

    enum pti_message message = pti_park_sleep(&waiter, until, true);
    pt_status why = PT_OK;
    if (message == PTI_GAVE_UP) {
        pti_park_unlock_left(queue, cond, &cond->word, QUEUED);
        why = pti_park_why(until);
    }
    pti_mutex_relock(mutex, message);
    pti_checked_locked(mutex, "mutex");
    return why;
}

pt_status pt_cond_wait(pt_cond *cond, pt_mutex *mutex)
{
    return pt_cond_wait_until(cond, mutex, PT_FOREVER);
}

/* Under the queue's lock: the waiter that has waited longest, if it is one of ours that came before `end`. When all who
   waited are gone, so may be the condition, and then others may wait at this address for something else. */
static pti_waiter *first_of(pti_queue *queue, pt_cond *cond, uint64_t end)
{
    pti_waiter *first = pti_park_first(queue, cond);
    return first != NULL && first->what == WHAT && first->ticket < end ? first : NULL;
}

/* The mutex of that waiter, NULL if there is none. *end goes down to the tickets of those who come from now on. */
static pt_mutex *first_mutex(pt_cond *cond, uint64_t *end)
{
    pti_queue *queue = pti_park_lock(cond);
    pti_waiter *first = first_of(queue, cond, *end);
    pt_mutex *mutex = first == NULL ? NULL : (pt_mutex *)first->with;
    if (pti_park_next_ticket(queue) < *end)
        *end = pti_park_next_ticket(queue);
    pti_park_unlock(queue);
    return mutex;
}

/* Let the waiters of this mutex that are first in the queue go on, or only one. False if there is none any more. */
static bool let_some_go(pt_cond *cond, pt_mutex *mutex, uint64_t end, bool all)
{
    pt_time now = pti_port_now();
    pti_queue_pair pair = pti_park_lock_pair(cond, mutex);
    pti_waiter *woken = NULL, *first = first_of(pair.first, cond, end);
    bool any = false;
    while (first != NULL && first->with == mutex && (all || !any)) {
        if (pti_mutex_admit(mutex))
            woken = pti_park_take(pair.first, cond); /* at most once: now somebody is awake */
        else
            pti_park_move(pair.first, cond, pair.second, mutex, "mutex", now);
        any = true;
        first = first_of(pair.first, cond, end);
    }
    if (any && pti_park_first(pair.first, cond) == NULL)
        store_relaxed(&cond->word, 0); /* none of them has returned yet, so the condition is still there */
    pti_park_unlock_pair(pair);
    if (woken != NULL)
        pti_park_wake(woken, PTI_RETRY);
    return any;
}

/* Let waiters go on, in their order: one, or all that wait now. */
static void let_go(pt_cond *cond, bool all)
{
    uint64_t end = UINT64_MAX;
    pt_mutex *mutex;
    bool any = false;
    if (load_relaxed(&cond->word) == 0) /* S */
        return;
    /* As a rule once. Again if the first waiter gave up meanwhile, or if waiters have different mutexes. */
    while ((all || !any) && (mutex = first_mutex(cond, &end)) != NULL)
        any = let_some_go(cond, mutex, end, all);
}

void pt_cond_signal(pt_cond *cond)
{
    let_go(cond, false);
}

void pt_cond_broadcast(pt_cond *cond)
{
    let_go(cond, true);
}
