/* rwlock.c: the read-write lock's slow paths; the fast ones are in pt_mutex.h.

   word, four bits and a count:
     WRITER 1          a writer holds the lock
     WRITERS_QUEUED 2  the writers' queue in the parking lot is not empty    (exactly, under that queue's lock)
     READERS_QUEUED 4  the readers' queue is not empty                       (exactly, under that queue's lock)
     AWAKE 8           a writer is awake and after this lock: the one that spins, or one that was woken. Whoever set
                       AWAKE, or was woken with PTI_RETRY, owns it: clears it with the lock, or before it sleeps or goes
     READER 16 x       how many readers hold the lock
   Free: no WRITER and no READER. Open: readers may enter, that is, no WRITER, and if WRITERS_QUEUED then also AWAKE.

     R   open -> + READER                any thread                                                        acquire
     W   free -> WRITER                  any thread; clears the caller's AWAKE                             acquire
     UR  - READER                        a reader, if others stay, or nobody is queued, or one is AWAKE    release
     UW  - WRITER                        the writer, if nobody is queued, or one is AWAKE                  release
     N   WRITER, or the last READER -> free, AWAKE    who unlocks, under the writers' queue's lock: takes out the first
                                         writer, to be woken with PTI_RETRY                    acquire and release
     H   the same -> WRITER              the same, where that one has waited for PATIENCE: it is woken with PTI_HANDED
                                         and holds the lock                                    acquire and release
     E   WRITER -> READER x n            the writer as it unlocks or downgrades, under the readers' queue's lock: lets
                                         in all who wait there, with PTI_HANDED                acquire and release
     E'  + READER x n                    who finds the lock open beside READERS_QUEUED, under the same lock: a writer
                                         that gave up, a reader that leaves a full lock        acquire and release
     QW  not free -> WRITERS_QUEUED      a writer, under its queue's lock, to join it; clears its own AWAKE  relaxed
     QR  not open, or full -> READERS_QUEUED          a reader, under its queue's lock, to join it         relaxed
     A   nobody queued -> AWAKE          a writer about to spin                                            relaxed
     B   AWAKE, not free -> not AWAKE    a writer that gives up                                            relaxed

   Pairs         UW, N, E, E' with the R and W that come after; UR with W. For those who are woken with PTI_HANDED,
                 pti_park_wake() and _sleep(): the waker has acquired, with H, E or E', what all before it released. All
                 writes of the word are read-modify-writes, so what one released is not hidden by the next.
   No lost wake  Free and somebody queued implies AWAKE: UR and UW see to it, and AWAKE is cleared only by W, QW and B,
                 after none of which the lock is free. Who owns AWAKE locks and unlocks in its turn, or leaves it to a
                 holder; whose unlock then finds somebody queued and nobody AWAKE, and so is N, H or E.
                 READERS_QUEUED implies WRITER, or WRITERS_QUEUED, or AWAKE, or that the lock is full, or that somebody
                 is on the way to E'. None of these ends without another: WRITER ends with E or beside AWAKE; the last
                 of WRITERS_QUEUED with N or H, or its writer gives up and comes by E'; AWAKE with W or QW, or with B,
                 and then E'; full with E'.
   No starving   Writers: WRITERS_QUEUED without AWAKE keeps readers out, so the last reader comes, and N wakes the
                 first writer. If others are quicker it joins again in front, and after PATIENCE it is handed the lock.
                 Readers: a writer's unlock lets in all who wait, E, unless another writer is AWAKE. That one, as has
                 been said, gets the lock; and when it unlocks nobody is AWAKE, since A demands that nobody is queued
                 and N is for an unlock to do. So then comes E.
   No herd       One writer at a time is woken or spins. Writers are handed the lock one a PATIENCE at most, since a
                 lock in the hands of a thread that is only just waking up is idle meanwhile.
   Price         First come is not first served within PATIENCE. Handing the lock to each writer that waits, which was
                 tried first, gives two threads on two processors as much, but four of them half.
   Lifetime      UR and UW are the last access. N, H, E and E' write the word under a queue's lock; after that only the
                 lot is touched, and waiters, who have not returned: the next holder may free the lock at once. E'
                 is by a thread that holds the lock, or is still in its call. */
#include "atomic.h"
#include "park.h"
#include "port.h"

#include <pt_mutex.h>

enum {
    WRITER = PTI_RWLOCK_WRITER,
    WRITERS_QUEUED = PTI_RWLOCK_WRITERS_QUEUED,
    READERS_QUEUED = PTI_RWLOCK_READERS_QUEUED,
    QUEUED = WRITERS_QUEUED | READERS_QUEUED,
    AWAKE = PTI_RWLOCK_AWAKE,
    READER = PTI_RWLOCK_READER
};

static const pt_time PATIENCE = PT_MILLISECOND;

/* ---- States -------------------------------------------------------------------------------- */

/* The two queues' keys. */
static const void *writers_of(const pt_rwlock *rwlock)
{
    return rwlock;
}

static const void *readers_of(const pt_rwlock *rwlock)
{
    return (const char *)rwlock + 1;
}

static bool is_free(uint32_t word)
{
    return (word & WRITER) == 0 && word / READER == 0;
}

static bool may_read(uint32_t word)
{
    bool open = (word & WRITER) == 0 && (word & (WRITERS_QUEUED | AWAKE)) != WRITERS_QUEUED;
    return open && word / READER < PT_RWLOCK_READERS_MAX;
}

/* The word without AWAKE, if that is the caller's. */
static uint32_t without(uint32_t word, bool awake)
{
    return awake ? word & ~(uint32_t)AWAKE : word;
}

static bool enter(pt_rwlock *rwlock)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    while (may_read(seen)) {
        if (cas_acquire(&rwlock->word, &seen, seen + READER)) /* R: pairs with UW, N, E, E' */
            return true;
    }
    return false;
}

pt_status pt_rwlock_try_read_lock(pt_rwlock *rwlock)
{
    if (!enter(rwlock))
        return PT_ERR_BUSY;
    pti_checked_locked(rwlock, "rwlock (read)");
    return PT_OK;
}

/* awake: the caller owns AWAKE and gives it up if it gets the lock. */
static bool grab(pt_rwlock *rwlock, bool awake)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    while (is_free(seen)) {
        if (cas_acquire(&rwlock->word, &seen, without(seen, awake) | WRITER)) /* W: pairs with UR, UW, N */
            return true;
    }
    return false;
}

pt_status pt_rwlock_try_write_lock(pt_rwlock *rwlock)
{
    if (!grab(rwlock, false))
        return PT_ERR_BUSY;
    pti_checked_locked(rwlock, "rwlock (write)");
    return PT_OK;
}

/* ---- Letting others in --------------------------------------------------------------------- */

static uint32_t count_from(const pti_waiter *waiter)
{
    uint32_t count = 0;
    for (; waiter != NULL; waiter = waiter->next)
        count++;
    return count;
}

static pti_waiter *take_some(pti_queue *queue, const void *key, uint32_t count)
{
    pti_waiter *taken = NULL, **end = &taken;
    for (; count > 0; count--) {
        *end = pti_park_take(queue, key);
        end = &(*end)->next;
    }
    *end = NULL;
    return taken;
}

/* E, E': let in the readers that wait, unless the word has one of the bits in bars; in the same step the caller gives
   up what it held, and holds something else or 0. False, and nothing is done, if that would leave the lock free with a
   writer queued and nobody AWAKE. */
static bool admit_readers(pt_rwlock *rwlock, uint32_t held, uint32_t holds, uint32_t bars)
{
    pti_queue *queue = pti_park_lock(readers_of(rwlock));
    uint32_t waiting = count_from(pti_park_first(queue, readers_of(rwlock))); /* 0 if they gave up just now */
    uint32_t admitted, next, seen = load_relaxed(&rwlock->word);
    do {
        next = (seen & ~(uint32_t)READERS_QUEUED) - held + holds;
        uint32_t room = (next & bars) != 0 ? 0 : PT_RWLOCK_READERS_MAX - next / READER;
        admitted = waiting < room ? waiting : room;
        next += admitted * READER;
        if (next == WRITERS_QUEUED) {
            pti_park_unlock(queue);
            return false;
        }
        if (admitted < waiting)
            next |= READERS_QUEUED;
    } while (!cas_acq_rel(&rwlock->word, &seen, next)); /* E, E': pair with UR, UW, N before, and with R, W after */
    pti_waiter *taken = take_some(queue, readers_of(rwlock), admitted);
    pti_park_unlock(queue);
    pti_park_wake_all(taken, PTI_HANDED);
    return true;
}

/* N, H: give up what the caller held, and if that frees the lock wake the first writer. False, and the caller holds it
   still, if no writer waits. */
static bool wake_writer(pt_rwlock *rwlock, uint32_t held)
{
    pt_time now = pti_port_now();
    pti_queue *queue = pti_park_lock(writers_of(rwlock));
    pti_waiter *first = pti_park_first(queue, writers_of(rwlock));
    if (first == NULL) { /* it gave up just now; or has not come along when the process forked */
        pti_park_unlock_left(queue, writers_of(rwlock), &rwlock->word, WRITERS_QUEUED);
        return false;
    }
    bool hand_over = now - first->since >= PATIENCE && pti_park_fair_turn(queue, now, PATIENCE);
    bool take;
    uint32_t next, seen = load_relaxed(&rwlock->word);
    do {
        next = seen - held;
        take = is_free(next) && (hand_over || (next & AWAKE) == 0);
        if (take)
            next |= hand_over ? WRITER : AWAKE;
        if (take && first->next == NULL)
            next &= ~(uint32_t)WRITERS_QUEUED;
    } while (!cas_acq_rel(&rwlock->word, &seen, next)); /* N, H: pair with UR before, and with R, W after */
    if (take)
        pti_park_take(queue, writers_of(rwlock));
    pti_park_unlock(queue);
    if (take)
        pti_park_wake(first, hand_over ? PTI_HANDED : PTI_RETRY);
    return true;
}

void pti_rwlock_read_unlock_slow(pt_rwlock *rwlock)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    for (;;) {
        bool writers = (seen & WRITERS_QUEUED) != 0;
        if (pti_rwlock_quiet(seen) || (writers && seen / READER > 1)) {
            if (cas_release(&rwlock->word, &seen, seen - READER)) /* UR: pairs with W */
                return;
            continue;
        }
        if (writers ? wake_writer(rwlock, READER) : admit_readers(rwlock, READER, 0, WRITER | WRITERS_QUEUED))
            return;
        seen = load_relaxed(&rwlock->word);
    }
}

void pti_rwlock_write_unlock_slow(pt_rwlock *rwlock)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    for (;;) {
        if (pti_rwlock_quiet(seen)) {
            if (cas_release(&rwlock->word, &seen, seen - WRITER)) /* UW: pairs with R, W */
                return;
            continue;
        }
        if ((seen & READERS_QUEUED) != 0 && admit_readers(rwlock, WRITER, 0, 0))
            return;
        if ((seen & WRITERS_QUEUED) != 0 && wake_writer(rwlock, WRITER))
            return;
        seen = load_relaxed(&rwlock->word);
    }
}

void pt_rwlock_downgrade(pt_rwlock *rwlock)
{
    pti_checked_unlocking(rwlock, "rwlock (write)");
    admit_readers(rwlock, WRITER, READER, 0);
    pti_checked_locked(rwlock, "rwlock (read)");
}

/* ---- Waiting to read ------------------------------------------------------------------------ */

/* QR, under the queue's lock: note that a reader waits; false if it need not. */
static bool note_reader(pt_rwlock *rwlock)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    while (!may_read(seen)) {
        if (cas_relaxed(&rwlock->word, &seen, seen | READERS_QUEUED))
            return true;
    }
    return false;
}

/* Look again for a moment, unless others wait already. Returns whether readers may enter now. */
static bool spin_to_read(const pt_rwlock *rwlock)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    for (unsigned round = 0; !may_read(seen) && (seen & (AWAKE | QUEUED)) == 0 && pti_park_spin(round); round++)
        seen = load_relaxed(&rwlock->word);
    return may_read(seen);
}

pt_status pti_rwlock_read_lock_slow(pt_rwlock *rwlock, pt_until until)
{
    while (!enter(rwlock)) {
        pti_waiter waiter;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK)
            return may_wait;
        if (spin_to_read(rwlock))
            continue;

        pti_park_prepare(&waiter, "rwlock (read)");
        pti_queue *queue = pti_park_lock(readers_of(rwlock));
        if (!note_reader(rwlock)) {
            pti_park_unlock(queue);
            continue;
        }
        pti_park_join(queue, &waiter, readers_of(rwlock));
        pti_park_unlock(queue);

        if (pti_park_sleep(&waiter, until, false) == PTI_HANDED)
            return PT_OK;
        pti_park_unlock_left(queue, readers_of(rwlock), &rwlock->word, READERS_QUEUED);
        return pti_park_why(until);
    }
    return PT_OK;
}

/* ---- Waiting to write ----------------------------------------------------------------------- */

/* Spin as the one AWAKE writer, unless others wait already, until the lock looks free or the rounds are used up. Beside
   readers not for so long that it yields: more of them come as long as no writer is queued, and a thread that yields to
   all of them may be away for long. Returns whether the caller owns AWAKE now. */
static bool spin_to_write(pt_rwlock *rwlock, bool awake)
{
    for (unsigned round = 0;; round++) {
        uint32_t seen = load_relaxed(&rwlock->word);
        if (is_free(seen) || ((seen & WRITER) == 0 && round >= PTI_PORT_SPINS))
            return awake;
        if (!awake) {
            if ((seen & (AWAKE | QUEUED)) != 0)
                return false;
            awake = cas_relaxed(&rwlock->word, &seen, seen | AWAKE); /* A */
        }
        if (!pti_park_spin(round))
            return awake;
    }
}

/* QW, under the queue's lock, with bit WRITERS_QUEUED; or B, with 0. False if the lock is free: the caller must take it
   then, since an unlock may have counted on it. */
static bool step_back(pt_rwlock *rwlock, bool awake, uint32_t bit)
{
    uint32_t seen = load_relaxed(&rwlock->word);
    while (!is_free(seen)) {
        if (cas_relaxed(&rwlock->word, &seen, without(seen, awake) | bit))
            return true;
    }
    return false;
}

/* A writer goes that kept readers waiting. */
static pt_status give_up(pt_rwlock *rwlock, pt_status why)
{
    if ((load_relaxed(&rwlock->word) & READERS_QUEUED) != 0)
        admit_readers(rwlock, 0, 0, WRITER | WRITERS_QUEUED); /* E' */
    return why;
}

pt_status pti_rwlock_write_lock_slow(pt_rwlock *rwlock, pt_until until)
{
    bool awake = false; /* the caller owns AWAKE */
    pt_time first = 0;  /* when it began to wait, or 0 if it has not been queued yet */
    for (;;) {
        pti_waiter waiter;
        if (grab(rwlock, awake))
            return PT_OK;
        pt_status may_wait = pti_park_may_wait(until);
        if (may_wait != PT_OK) {
            if (!awake)
                return may_wait;
            if (step_back(rwlock, awake, 0))
                return give_up(rwlock, may_wait);
            continue;
        }
        awake = spin_to_write(rwlock, awake);
        if (grab(rwlock, awake))
            return PT_OK;

        pti_park_prepare(&waiter, "rwlock (write)");
        if (first != 0)
            waiter.since = first;
        pti_queue *queue = pti_park_lock(writers_of(rwlock));
        if (!step_back(rwlock, awake, WRITERS_QUEUED)) { /* QW */
            pti_park_unlock(queue);
            continue;
        }
        awake = false;
        if (first == 0)
            pti_park_join(queue, &waiter, writers_of(rwlock));
        else
            pti_park_join_front(queue, &waiter, writers_of(rwlock));
        pti_park_unlock(queue);
        first = waiter.since;

        enum pti_message message = pti_park_sleep(&waiter, until, false);
        if (message == PTI_HANDED)
            return PT_OK;
        if (message == PTI_GAVE_UP) {
            pti_park_unlock_left(queue, writers_of(rwlock), &rwlock->word, WRITERS_QUEUED);
            return give_up(rwlock, pti_park_why(until));
        }
        awake = true; /* PTI_RETRY: by N */
    }
}
