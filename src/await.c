/* await.c: conditional critical sections: wait until a function of what a mutex guards is true.

   Those who wait are in a queue of the parking lot under a key of their own, one byte into the mutex. That queue is
   changed under the mutex and the queue's lock, so it can be walked under the mutex alone; the conditions are called so,
   with no lock of the lot held. AWAITED in the mutex's word says that the queue is not empty.

     waiter.word   T and Z of park.c: a waiter is handed the mutex, or gives up, not both. One that gave up still stands in
                   the queue until its thread has the mutex and takes it out; to hand it the mutex fails.

   No lost wake  A condition becomes true under the mutex. The unlock that follows finds AWAITED, which was set under the
                 mutex, and calls all conditions until one is true. The mutex then stays locked: it is handed on, to
                 that thread or to one that has waited for the mutex for too long, whose own unlock comes here again.
   No starving   Of the threads whose conditions are true, the one that has waited longest is served; those who wait
                 for the mutex itself come first when they are overdue.
   Lifetime      A waiter may be gone once it is woken; so may the mutex, and neither is touched then. */
#include "atomic.h"
#include "mutex.h"
#include "park.h"

struct awaited { /* a waiter's `with` */
    bool (*condition)(void *arg);
    void *arg;
};

static const void *key_of(const pt_mutex *mutex)
{
    return (const char *)mutex + 1;
}

/* Under the mutex: take a waiter out of the queue. */
static void take_out(pt_mutex *mutex, pti_waiter *waiter)
{
    pti_queue *queue = pti_park_lock(key_of(mutex));
    pti_park_take_out(queue, waiter);
    pti_park_unlock_left(queue, key_of(mutex), &mutex->word, PTI_MUTEX_AWAITED);
}

/* Under the mutex: the first waiter whose condition is true, NULL if there is none. */
static pti_waiter *first_true(pt_mutex *mutex)
{
    pti_queue *queue = pti_park_lock(key_of(mutex));
    pti_waiter *waiter = pti_park_first(queue, key_of(mutex));
    pti_park_unlock(queue);
    while (waiter != NULL) {
        const struct awaited *awaited = waiter->with;
        if (awaited->condition(awaited->arg))
            break;
        waiter = waiter->next;
    }
    return waiter;
}

bool pti_await_hand_over(pt_mutex *mutex)
{
    pti_waiter *waiter;
    while ((waiter = first_true(mutex)) != NULL) {
        if (pti_mutex_hand_to_overdue(mutex))
            return true;
        take_out(mutex, waiter);
        if (pti_park_try_wake(waiter, PTI_HANDED))
            return true;
        /* It gave up, and finds out by itself that its condition is true once it has the mutex. */
    }
    return false;
}

/* The analysis does not follow a mutex through the lot. */
PT_NO_THREAD_SAFETY_ANALYSIS
pt_status pt_mutex_await_until(pt_mutex *mutex, bool (*condition)(void *arg), void *arg, pt_until until)
{
    if (condition(arg))
        return PT_OK;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait;

    pti_waiter waiter;
    struct awaited awaited = {condition, arg};
    pti_park_prepare(&waiter, "a condition of mutex");
    waiter.with = &awaited;
    pti_queue *queue = pti_park_lock(key_of(mutex));
    pti_park_join(queue, &waiter, key_of(mutex));
    or_relaxed(&mutex->word, PTI_MUTEX_AWAITED);
    pti_park_unlock(queue);
    pt_mutex_unlock(mutex);

    enum pti_message message = pti_park_sleep_in_place(&waiter, until);
    if (message != PTI_HANDED)
        pti_mutex_relock(mutex, PTI_GO);
    pti_checked_locked(mutex, "mutex");
    if (message == PTI_HANDED)
        return PT_OK;
    take_out(mutex, &waiter);
    return condition(arg) ? PT_OK : pti_park_why(until);
}

pt_status pt_mutex_await(pt_mutex *mutex, bool (*condition)(void *arg), void *arg)
{
    return pt_mutex_await_until(mutex, condition, arg, PT_FOREVER);
}
