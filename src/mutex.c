/* mutex.c: the mutex's slow paths; the fast ones are in pt_mutex.h.

   word, four bits and a count:
     LOCKED 1    somebody holds it
     QUEUED 2    the mutex's queue in the parking lot is not empty      (exactly, under the queue's lock)
     AWAKE  4    a thread is awake and after this lock: the one that spins, or a waiter that was woken. Whoever
                 set AWAKE, or was woken with PTI_RETRY, owns it, and clears it with the lock or before sleeping
     AWAITED 8   threads wait for conditions of theirs: see await.c     (exactly, under the mutex)
     SKIPS  x 16 how many unlocks in a row left the queue to itself because of AWAKE, up to MOST_SKIPS

     L   not LOCKED -> LOCKED         any thread: inline by fetch-and-or, which leaves all other bits and changes
                                      nothing if it was LOCKED; else compare-and-swap, clearing the caller's AWAKE  acquire
     U1  LOCKED -> not LOCKED         the holder, if nobody is queued, or one is AWAKE and SKIPS is below
                                      MOST_SKIPS: then counts one more; inline too, but not beside AWAITED   release
     U2  LOCKED -> not LOCKED, AWAKE  the holder, under the queue's lock: unless one is AWAKE already, takes out
                                      the first waiter, to be woken with PTI_RETRY; SKIPS is 0        release
     H   LOCKED stays                 the holder, under the queue's lock: the first waiter has waited for
                                      PATIENCE and is woken with PTI_HANDED: it holds the lock        relaxed
     W   LOCKED stays                 the holder: a thread whose condition is true is woken with PTI_HANDED, unless
                                      H is due                                                        relaxed
     Q   LOCKED -> LOCKED, QUEUED     any thread, under the queue's lock, to join the queue; clears the caller's
                                      AWAKE in the same step                                          relaxed
     A   not AWAKE -> AWAKE           any thread about to spin                                        relaxed

   Pairs         U1, U2 with the L that finds not LOCKED. For H and W the pair is in pti_park_wake() and _sleep().
   No lost wake  QUEUED and not LOCKED implies AWAKE: U1 leaves QUEUED only beside AWAKE, U2 sets AWAKE, and AWAKE
                 is cleared only where LOCKED is set (L sets it, Q demands it). And while LOCKED is set, an unlock
                 is still to come, which finds QUEUED: with AWAKE, an awake thread is to lock and unlock after
                 it; without, it wakes one itself. So while anybody is queued, somebody will come by.
   No herd       One woken waiter at a time, and one spinner: the others sleep, and an unlock beside an awake
                 thread costs no system call.
   No starving   Every MOST_SKIPS-th unlock looks at the queue even so. A waiter of more than PATIENCE is handed the
                 lock, but one a PATIENCE, since a lock in the hands of a thread that is only just waking up is
                 idle meanwhile. A woken waiter that loses the race joins in front again.
   Price         First come is not first served within PATIENCE; of n waiters the last may wait n times as long.
   Lifetime      U1 is the last access. U2 and H end with the word written under the queue's lock; after that only
                 the lot is touched: the next holder may free the mutex at once. */
#include "mutex.h"

#include "atomic.h"
#include "park.h"
#include "port.h"

/* Also written as numbers in pt_mutex.h. */
enum { LOCKED = 1, QUEUED = 2, AWAKE = 4, AWAITED = PTI_MUTEX_AWAITED, SKIP = 16, MOST_SKIPS = 63 };

static const pt_time PATIENCE = PT_MILLISECOND;
static const char WHAT[] = "mutex";

/* Spin as the one AWAKE thread, if nobody else is it, until the lock looks free or the rounds are used up.
   Returns whether the caller owns AWAKE now. */
static bool spin(pt_mutex *mutex, bool awake)
{
    for (unsigned round = 0;; round++) {
        uint32_t seen = load_relaxed(&mutex->word);
        if ((seen & LOCKED) == 0)
            return awake;
        if (!awake) {
            if ((seen & AWAKE) != 0)
                return false;                                       /* somebody else spins already */
            awake = cas_relaxed(&mutex->word, &seen, seen | AWAKE); /* A */
        }
        if (!pti_park_look_again(round, PTI_PORT_MUTEX_SPINS, PTI_PORT_PAUSES, PTI_PORT_YIELDS))
            return awake;
    }
}

/* L: lock it if it is free, giving up AWAKE if the caller owns it. */
static bool grab(pt_mutex *mutex, bool awake)
{
    uint32_t seen = load_relaxed(&mutex->word);
    while ((seen & LOCKED) == 0) {
        uint32_t next = (awake ? seen & ~(uint32_t)AWAKE : seen) | LOCKED;
        if (cas_acquire(&mutex->word, &seen, next)) /* L: pairs with U1, U2 */
            return true;
    }
    return false;
}

/* Q, under the queue's lock: note in the word that somebody joins the queue; false if the lock is free. */
static bool note_queued(pt_mutex *mutex, bool awake)
{
    uint32_t seen = load_relaxed(&mutex->word);
    while ((seen & LOCKED) != 0) {
        uint32_t next = (awake ? seen & ~(uint32_t)AWAKE : seen) | QUEUED;
        if (cas_relaxed(&mutex->word, &seen, next))
            return true;
    }
    return false;
}

/* Give up AWAKE without sleeping; false if the lock is free: the caller must take it then, since an unlock
   may have counted on it. */
static bool resign(pt_mutex *mutex)
{
    uint32_t seen = load_relaxed(&mutex->word);
    while ((seen & LOCKED) != 0) {
        if (cas_relaxed(&mutex->word, &seen, seen & ~(uint32_t)AWAKE))
            return true;
    }
    return false;
}

/* awake: the caller owns AWAKE. first: when it began to wait, or 0 if it has not been queued yet. */
static pt_status lock_slow(pt_mutex *mutex, pt_until until, bool awake, pt_time first)
{
    for (;;) {
        pti_waiter waiter;
        if (grab(mutex, awake))
            return PT_OK;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK) {
            if (!awake || resign(mutex))
                return may_wait;
            continue;
        }
        awake = spin(mutex, awake);
        if (grab(mutex, awake))
            return PT_OK;

        pti_park_prepare(&waiter, WHAT);
        if (first != 0)
            waiter.since = first;
        pti_queue *queue = pti_park_lock(mutex);
        if (!note_queued(mutex, awake)) {
            pti_park_unlock(queue);
            continue;
        }
        awake = false;
        if (first == 0)
            pti_park_join(queue, &waiter, mutex);
        else
            pti_park_join_front(queue, &waiter, mutex);
        pti_park_unlock(queue);
        first = waiter.since;

        enum pti_message message = pti_park_sleep(&waiter, until, false);
        if (message == PTI_HANDED)
            return PT_OK;
        if (message == PTI_GAVE_UP) {
            pti_park_unlock_left(queue, mutex, &mutex->word, QUEUED);
            return pti_park_why(until);
        }
        awake = true; /* PTI_RETRY: by U2, or by a condition that found nobody AWAKE */
    }
}

pt_status pti_mutex_lock_slow(pt_mutex *mutex, pt_until until)
{
    return lock_slow(mutex, until, false, 0);
}

/* U1: free the lock and leave the queue, if there is one, to the thread that is awake; false if that will
   not do. */
static bool leave_queue_alone(pt_mutex *mutex)
{
    uint32_t seen = load_relaxed(&mutex->word);
    for (;;) {
        uint32_t next = seen & (AWAKE | AWAITED); /* nobody queued: SKIPS start again at 0 */
        if ((seen & QUEUED) != 0) {
            if ((seen & AWAKE) == 0 || seen / SKIP >= MOST_SKIPS)
                return false;
            next = (seen & ~(uint32_t)LOCKED) + SKIP;
        }
        if (cas_release(&mutex->word, &seen, next)) /* U1: pairs with L */
            return true;
    }
}

/* Under the queue's lock: whether the lock is to be handed to the first waiter. */
static bool overdue(pti_queue *queue, const pti_waiter *first, pt_time now)
{
    return first != NULL && now - first->since >= PATIENCE && pti_park_fair_turn(queue, now, PATIENCE);
}

/* U2 or H. */
static void unlock_queued(pt_mutex *mutex)
{
    pt_time now = pti_port_now();
    pti_queue *queue = pti_park_lock(mutex);
    pti_waiter *first = pti_park_first(queue, mutex); /* NULL if it gave up just now */
    bool hand_over = overdue(queue, first, now);
    bool take;
    uint32_t next, seen = load_relaxed(&mutex->word);
    do {
        take = hand_over || (first != NULL && (seen & AWAKE) == 0);
        bool more = first != NULL && (!take || first->next != NULL);
        next = (hand_over ? LOCKED : 0u) | (more ? QUEUED : 0u) | (seen & (AWAKE | AWAITED));
        if (take && !hand_over)
            next |= AWAKE;
    } while (!cas_release(&mutex->word, &seen, next)); /* U2: pairs with L; H */
    if (take)
        pti_park_take(queue, mutex);
    pti_park_unlock(queue);
    if (take)
        pti_park_wake(first, hand_over ? PTI_HANDED : PTI_RETRY);
}

void pti_mutex_unlock_slow(pt_mutex *mutex)
{
    if ((load_relaxed(&mutex->word) & AWAITED) != 0 && pti_await_hand_over(mutex)) /* W */
        return;
    if (!leave_queue_alone(mutex))
        unlock_queued(mutex);
}

/* ---- For await ----------------------------------------------------------------------------- */

bool pti_mutex_hand_to_overdue(pt_mutex *mutex)
{
    if ((load_relaxed(&mutex->word) & QUEUED) == 0)
        return false;
    pt_time now = pti_port_now();
    pti_queue *queue = pti_park_lock(mutex);
    pti_waiter *first = pti_park_first(queue, mutex);
    if (!overdue(queue, first, now)) {
        pti_park_unlock(queue);
        return false;
    }
    pti_park_take(queue, mutex);
    pti_park_unlock_left(queue, mutex, &mutex->word, QUEUED);
    pti_park_wake(first, PTI_HANDED); /* H */
    return true;
}

/* ---- For conditions ------------------------------------------------------------------------ */

void pti_mutex_relock(pt_mutex *mutex, enum pti_message message)
{
    if (message == PTI_HANDED)
        return;
    /* On a thread that may wait, with no deadline: cannot fail. */
    (void)lock_slow(mutex, PT_FOREVER, message == PTI_RETRY, 0);
}

bool pti_mutex_admit(pt_mutex *mutex)
{
    uint32_t seen = load_relaxed(&mutex->word);
    for (;;) {
        bool queue_it = (seen & (LOCKED | AWAKE)) != 0;
        if (cas_relaxed(&mutex->word, &seen, seen | (queue_it ? QUEUED : AWAKE)))
            return !queue_it;
    }
}
