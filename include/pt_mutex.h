/* pt_mutex.h: locks and signals: mutex, recursive mutex, read-write lock, condition, once, event, semaphore, barrier, latch.

   What they share
     Memory    each is 4 bytes (recursive mutex 16, barrier 8), valid when all bytes are zero (the PT_..._INIT macros say
               it aloud; a barrier and a latch need their count), and needs no destroy: let it go when nobody uses it any
               more. Do not copy or move one after its first use. A thread may free the object as soon as its own call
               returned.
     Forms     x_verb() waits for ever, x_try_verb() never waits (PT_ERR_BUSY), x_verb_until() gives up
               at a deadline (PT_ERR_TIMEOUT) or when a token is cancelled (PT_ERR_CANCELLED).
     Waiting   no wake-up is lost and none is spurious: a call that waits returns only because what it
               waited for came about, or because it gave up. A waiter costs no processor time
               after a bounded moment of spinning.
     Order     what a thread wrote before it unlocks, signals, sets or posts is visible to the thread
               that this lets go on.
     Targets   native, WASI, browser Worker: as described. On the main thread of a browser page, which
               may not wait, a call that would have to wait answers PT_ERR_NOBLOCK at once and leaves
               everything as it was; calls that need not wait work there too.
     NULL      passing NULL for an object is a bug and crashes.
     Signals   a POSIX signal handler may call pt_semaphore_post(), pt_event_set(), and those that only look: _try_wait,
               _is_set, _value. (Not where the library is built with PT_PORT_WAIT=table.) Nothing else.
     Fork      in the child the objects are as they were, without those who waited. An object that another thread was
               holding or taking at that moment is of no use there any more: initialise it anew. */
#ifndef PT_MUTEX_H
#define PT_MUTEX_H

#include <pt_base.h>
#include <pt_checked.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Mutex -------------------------------------------------------------------------------- */

/* A lock that one thread holds at a time. It is not recursive: a thread that locks it twice waits for
   itself. Whoever comes first to a free lock gets it, queued or not, which is fast; a thread that has
   queued for a millisecond is handed the lock by one of the next unlocks, so none starves. */
typedef struct PT_CAPABILITY("mutex") pt_mutex {
    uint32_t word; /* private; states in src/mutex.c */
} pt_mutex;

/* clang-format off */
#define PT_MUTEX_INIT {0}
/* clang-format on */

PT_API pt_status pti_mutex_lock_slow(pt_mutex *mutex, pt_until until);
PT_API void pti_mutex_unlock_slow(pt_mutex *mutex);

/* Lock the mutex if it is free.
   Returns   PT_OK        locked by the caller
             PT_ERR_BUSY  somebody holds it
   Cost      one atomic operation */
PT_NODISCARD static inline pt_status pt_mutex_try_lock(pt_mutex *mutex)
    PT_TRY_ACQUIRE(0, mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t seen = __atomic_load_n(&mutex->word, __ATOMIC_RELAXED);
    while ((seen & 1u) == 0) { /* acquire: pairs with the unlock that freed it */
        if (__atomic_compare_exchange_n(&mutex->word, &seen, seen | 1u, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            pti_checked_locked(mutex, "mutex");
            return PT_OK;
        }
    }
    return PT_ERR_BUSY;
}

/* Lock the mutex, waiting while another thread holds it, but no longer than until.
   Returns   PT_OK           locked by the caller
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  held by others until the call gave up; not locked
             PT_ERR_NOBLOCK  held, and this thread may not wait; not locked
   Cost      free: one atomic operation, inline. Held: spins for a few microseconds, then sleeps */
PT_NODISCARD static inline pt_status pt_mutex_lock_until(pt_mutex *mutex, pt_until until)
    PT_TRY_ACQUIRE(0, mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pti_checked_locking(mutex, "mutex", pt_until_is_forever(until));
    pt_status status = PT_OK;
    /* Whatever the other bits: if the lock is held already, setting the bit again changes nothing. */
    if ((__atomic_fetch_or(&mutex->word, 1u, __ATOMIC_ACQUIRE) & 1u) != 0) /* acquire: pairs with the unlock */
        status = pti_mutex_lock_slow(mutex, until);
    if (status == PT_OK)
        pti_checked_locked(mutex, "mutex");
    return status;
}

/* Lock the mutex, waiting for as long as it takes. The answer is always PT_OK on a thread that may
   wait; on a browser's main thread it must be looked at: PT_ERR_NOBLOCK means not locked. */
static inline pt_status pt_mutex_lock(pt_mutex *mutex) PT_ACQUIRE(mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    return pt_mutex_lock_until(mutex, PT_FOREVER);
}

/* Unlock the mutex. Only the thread that locked it may do so. Never blocks.
   Cost      nobody waits: one atomic operation, inline. Otherwise also wakes a waiter, if none is
             awake already */
static inline void pt_mutex_unlock(pt_mutex *mutex) PT_RELEASE(mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    /* Nobody is queued; or somebody is, and another one is awake to take the lock: then count that. See src/mutex.c. */
    pti_checked_unlocking(mutex, "mutex");
    uint32_t seen = __atomic_load_n(&mutex->word, __ATOMIC_RELAXED);
    uint32_t next = (seen & 2u) == 0 ? seen & 4u : seen + 15u;
    if ((seen & 6u) == 2u || (seen & 8u) != 0 || seen >= 16u * 63u ||
        !__atomic_compare_exchange_n(&mutex->word, &seen, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        pti_mutex_unlock_slow(mutex);
}

/* Wait, with the mutex held, until condition(arg) is true: a conditional critical section. Nobody has to signal; whoever
   unlocks the mutex looks after those who wait.

     pt_mutex_lock(&mu);
     pt_mutex_await(&mu, not_empty, &queue);
     take(&queue);
     pt_mutex_unlock(&mu);

   mutex      held by the caller; held again when the call returns, whatever it returns
   condition  called with the mutex held, by whichever thread unlocks the mutex, again and again: it must be short, must
              depend on nothing but what the mutex guards, and must not call this library
   Returns    PT_OK           condition(arg) is true
              PT_ERR_TIMEOUT, PT_ERR_CANCELLED  it was not true until the call gave up, and is not now
              PT_ERR_NOBLOCK  it is not true, and this thread may not wait; the mutex was not unlocked
   Blocks     while the condition is false, and then as long as others hold the mutex
   Cost       true at once: a call of condition. While threads wait so, each unlock calls their conditions until one is
              true; that thread is handed the mutex. Conditions (pt_cond) cost less where many wait for different things */
PT_API PT_NODISCARD pt_status pt_mutex_await_until(pt_mutex *mutex, bool (*condition)(void *arg), void *arg,
                                                   pt_until until) PT_REQUIRES(mutex);

/* The same with no deadline. */
PT_API pt_status pt_mutex_await(pt_mutex *mutex, bool (*condition)(void *arg), void *arg) PT_REQUIRES(mutex);

/* ---- Recursive mutex ---------------------------------------------------------------------- */

/* A mutex that its holder may lock again; it is free after as many unlocks. Where you have the choice, take a plain
   one. */
typedef struct PT_CAPABILITY("mutex") pt_recursive_mutex {
    pt_mutex mutex; /* all private; see src/recursive.c */
    uint32_t depth;
    uint64_t owner;
} pt_recursive_mutex;

/* clang-format off */
#define PT_RECURSIVE_MUTEX_INIT {PT_MUTEX_INIT, 0, 0}
/* clang-format on */

/* As pt_mutex_lock(), _try_lock() and _lock_until(), and also
   Returns   PT_ERR_OVERFLOW  locked 2^32 - 1 times by the caller already */
PT_API pt_status pt_recursive_mutex_lock(pt_recursive_mutex *mutex) PT_ACQUIRE(mutex);
PT_API PT_NODISCARD pt_status pt_recursive_mutex_try_lock(pt_recursive_mutex *mutex) PT_TRY_ACQUIRE(0, mutex);
PT_API PT_NODISCARD pt_status pt_recursive_mutex_lock_until(pt_recursive_mutex *mutex, pt_until until)
    PT_TRY_ACQUIRE(0, mutex);

/* Undo one lock. Never blocks.
   Returns   PT_ERR_INVALID if the caller does not hold it; nothing is changed */
PT_API pt_status pt_recursive_mutex_unlock(pt_recursive_mutex *mutex) PT_RELEASE(mutex);

/* Whether the caller holds it. */
PT_API bool pt_recursive_mutex_is_mine(const pt_recursive_mutex *mutex);

/* ---- Read-write lock ---------------------------------------------------------------------- */

/* A lock that many readers share, or one writer has alone. Whoever comes first to a free lock gets it, which is fast,
   but neither side starves: while writers wait, readers who come are held back; a writer that has waited for a
   millisecond is handed the lock; and a writer that is done lets in all readers that wait. Not recursive: a reader that
   reads again while a writer waits would wait for itself. At most PT_RWLOCK_READERS_MAX readers at a time; more wait. */
typedef struct PT_CAPABILITY("rwlock") pt_rwlock {
    uint32_t word; /* private; states in src/rwlock.c */
} pt_rwlock;

#define PT_RWLOCK_READERS_MAX 0x0fffffffu

/* clang-format off */
#define PT_RWLOCK_INIT {0}
/* clang-format on */

/* Private: the bits of the word; above them stands the number of readers. */
enum {
    PTI_RWLOCK_WRITER = 1,
    PTI_RWLOCK_WRITERS_QUEUED = 2,
    PTI_RWLOCK_READERS_QUEUED = 4,
    PTI_RWLOCK_AWAKE = 8,
    PTI_RWLOCK_READER = 16
};

/* Private: whether an unlock may leave the queues alone: nobody waits there, or a writer is awake that will lock and
   unlock in its turn. */
static inline bool pti_rwlock_quiet(uint32_t word)
{
    return (word & (PTI_RWLOCK_WRITERS_QUEUED | PTI_RWLOCK_READERS_QUEUED)) == 0 || (word & PTI_RWLOCK_AWAKE) != 0;
}

PT_API pt_status pti_rwlock_read_lock_slow(pt_rwlock *rwlock, pt_until until);
PT_API void pti_rwlock_read_unlock_slow(pt_rwlock *rwlock);
PT_API pt_status pti_rwlock_write_lock_slow(pt_rwlock *rwlock, pt_until until);
PT_API void pti_rwlock_write_unlock_slow(pt_rwlock *rwlock);

/* Lock for reading or for writing if that needs no waiting; PT_ERR_BUSY if it does. */
PT_API PT_NODISCARD pt_status pt_rwlock_try_read_lock(pt_rwlock *rwlock) PT_TRY_ACQUIRE_SHARED(0, rwlock);
PT_API PT_NODISCARD pt_status pt_rwlock_try_write_lock(pt_rwlock *rwlock) PT_TRY_ACQUIRE(0, rwlock);

/* Lock for reading: wait while a writer holds the lock or waits for it, but no longer than until.
   Returns   PT_OK           locked, shared with other readers
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  the call gave up; not locked
             PT_ERR_NOBLOCK  it would have to wait, and this thread may not; not locked
   Cost      no writer about: one atomic operation, inline */
PT_NODISCARD static inline pt_status pt_rwlock_read_lock_until(pt_rwlock *rwlock, pt_until until)
    PT_TRY_ACQUIRE_SHARED(0, rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pti_checked_locking(rwlock, "rwlock (read)", pt_until_is_forever(until));
    const uint32_t full = PT_RWLOCK_READERS_MAX * PTI_RWLOCK_READER;
    uint32_t seen = __atomic_load_n(&rwlock->word, __ATOMIC_RELAXED);
    pt_status status = PT_OK;
    if ((seen & (PTI_RWLOCK_WRITER | PTI_RWLOCK_WRITERS_QUEUED)) != 0 || seen >= full ||
        /* acquire: pairs with the unlock or downgrade of the last writer */
        !__atomic_compare_exchange_n(&rwlock->word, &seen, seen + PTI_RWLOCK_READER, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        status = pti_rwlock_read_lock_slow(rwlock, until);
    if (status == PT_OK)
        pti_checked_locked(rwlock, "rwlock (read)");
    return status;
}

/* Lock for reading, waiting as long as it takes. As with pt_mutex_lock(), only a thread that may not wait need look at
   the answer. */
static inline pt_status pt_rwlock_read_lock(pt_rwlock *rwlock)
    PT_ACQUIRE_SHARED(rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    return pt_rwlock_read_lock_until(rwlock, PT_FOREVER);
}

/* Give back a read lock. Never blocks.
   Cost      nobody waits: one atomic operation, inline. Otherwise the last reader also wakes a writer */
static inline void pt_rwlock_read_unlock(pt_rwlock *rwlock) PT_RELEASE_SHARED(rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pti_checked_unlocking(rwlock, "rwlock (read)");
    uint32_t seen = __atomic_load_n(&rwlock->word, __ATOMIC_RELAXED);
    if (!pti_rwlock_quiet(seen) || !__atomic_compare_exchange_n(&rwlock->word, &seen, seen - PTI_RWLOCK_READER,
                                                                false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        pti_rwlock_read_unlock_slow(rwlock);
}

/* Lock for writing: wait while anybody else holds the lock, but no longer than until.
   Returns   PT_OK           locked by the caller alone
             else as pt_rwlock_read_lock_until()
   Cost      free: one atomic operation, inline */
PT_NODISCARD static inline pt_status pt_rwlock_write_lock_until(pt_rwlock *rwlock, pt_until until)
    PT_TRY_ACQUIRE(0, rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pti_checked_locking(rwlock, "rwlock (write)", pt_until_is_forever(until));
    pt_status status = PT_OK;
    uint32_t seen = 0; /* acquire: pairs with the unlocks of the last writer and of all readers since */
    if (!__atomic_compare_exchange_n(&rwlock->word, &seen, PTI_RWLOCK_WRITER, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        status = pti_rwlock_write_lock_slow(rwlock, until);
    if (status == PT_OK)
        pti_checked_locked(rwlock, "rwlock (write)");
    return status;
}

/* Lock for writing, waiting as long as it takes, with the same rule for the answer. */
static inline pt_status pt_rwlock_write_lock(pt_rwlock *rwlock) PT_ACQUIRE(rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    return pt_rwlock_write_lock_until(rwlock, PT_FOREVER);
}

/* Give back the write lock. Never blocks.
   Cost      nobody waits: one atomic operation, inline. Otherwise also wakes all readers that wait, or one writer */
static inline void pt_rwlock_write_unlock(pt_rwlock *rwlock) PT_RELEASE(rwlock) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pti_checked_unlocking(rwlock, "rwlock (write)");
    uint32_t seen = __atomic_load_n(&rwlock->word, __ATOMIC_RELAXED);
    if (!pti_rwlock_quiet(seen) || !__atomic_compare_exchange_n(&rwlock->word, &seen, seen - PTI_RWLOCK_WRITER,
                                                                false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        pti_rwlock_write_unlock_slow(rwlock);
}

/* Turn the caller's write lock into a read lock, with no moment in between in which another could write. Readers that
   wait go on too. Never blocks. */
PT_API void pt_rwlock_downgrade(pt_rwlock *rwlock) PT_NO_THREAD_SAFETY_ANALYSIS;

/* ---- Condition ---------------------------------------------------------------------------- */

/* Lets threads that hold a mutex wait until another says that what the mutex guards has changed.

     pt_mutex_lock(&mu);                         pt_mutex_lock(&mu);
     while (!ready)                              ready = true;
         pt_cond_wait(&cond, &mu);               pt_cond_signal(&cond);
     use();                                      pt_mutex_unlock(&mu);
     pt_mutex_unlock(&mu);

   There are no spurious wake-ups, but the loop is still right: between the signal and the moment the
   waiter has the mutex again, another thread may have made `ready` false. A thread woken while the
   mutex is held does not run just to wait again: it is moved to the mutex's queue. Threads wait in the
   order in which they came, and may come with different mutexes. */
typedef struct pt_cond {
    uint32_t word; /* private; states in src/cond.c */
} pt_cond;

/* clang-format off */
#define PT_COND_INIT {0}
/* clang-format on */

/* Unlock the mutex, wait to be signalled, and lock the mutex again, the first two as one step: no
   signal sent after the unlock is missed.

   mutex     held by the caller; held again when the call returns, whatever it returns
   Returns   PT_OK           signalled
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  not signalled until the call gave up
             PT_ERR_NOBLOCK  this thread may not wait; the mutex was not unlocked
   Blocks    until signalled or the deadline, then as long as others hold the mutex */
PT_API pt_status pt_cond_wait_until(pt_cond *cond, pt_mutex *mutex, pt_until until) PT_REQUIRES(mutex);

/* The same with no deadline. */
PT_API pt_status pt_cond_wait(pt_cond *cond, pt_mutex *mutex) PT_REQUIRES(mutex);

/* Let one waiting thread go on, the one that has waited longest; nothing happens if none waits. The
   caller need not hold the mutex, but if it changes what the waiters check, it must do that under the
   mutex. Never blocks. Cost: nobody waits: one load. */
PT_API void pt_cond_signal(pt_cond *cond);

/* Let all threads go on that wait now, one after the other as the mutex comes free. Never blocks.
   Cost: grows with the number of waiters, of which at most one is woken at once. */
PT_API void pt_cond_broadcast(pt_cond *cond);

/* ---- Once --------------------------------------------------------------------------------- */

/* Runs an initialiser exactly once, whoever comes first. */
typedef struct pt_once {
    uint32_t word; /* private; states in src/once.c */
} pt_once;

/* clang-format off */
#define PT_ONCE_INIT {0}
/* clang-format on */

/* Run init(arg) unless a call with this object has succeeded before; wait while another thread runs
   it. If init fails, its status is returned to the thread that ran it and the next caller, or one that
   waits already, tries again.

   init      must not call pt_once_call() on the same object: it would wait for itself
   Returns   PT_OK           init succeeded, now or earlier; what it wrote is visible
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  another thread's init was still running when the call gave up
             PT_ERR_NOBLOCK  another thread runs init, and this thread may not wait
             else            what init returned
   Cost      once done: one load */
PT_API PT_NODISCARD pt_status pt_once_call_until(pt_once *once, pt_status (*init)(void *arg), void *arg,
                                                 pt_until until);

/* The same with no deadline. */
PT_API PT_NODISCARD pt_status pt_once_call(pt_once *once, pt_status (*init)(void *arg), void *arg);

/* Whether init has succeeded. If so, what it wrote is visible. */
PT_API bool pt_once_is_done(const pt_once *once);

/* ---- Event -------------------------------------------------------------------------------- */

/* A flag to wait for. A manual event stays set, and lets everybody pass, until it is reset; an
   automatic event lets one waiter pass for each time it is set, and is then unset again. */
typedef struct pt_event {
    uint32_t word; /* private; states in src/event.c */
} pt_event;

/* clang-format off */
#define PT_EVENT_INIT {0}      /* manual, not set */
#define PT_EVENT_AUTO_INIT {4} /* automatic, not set */
/* clang-format on */

/* Set the event. Manual: everybody who waits goes on, and so does everybody who comes until it is
   reset. Automatic: the thread that has waited longest goes on and the event stays unset; if nobody
   waits, the next one who comes goes on. Setting it twice is setting it once. Never blocks. */
PT_API void pt_event_set(pt_event *event);

/* Unset the event. Threads that were let go on by an earlier set are not called back. Never blocks. */
PT_API void pt_event_reset(pt_event *event);

/* Whether the event is set, as far as can be known: other threads may change it at once. */
PT_API bool pt_event_is_set(const pt_event *event);

/* Pass if the event is set (an automatic one is then unset); PT_ERR_BUSY if not. */
PT_API PT_NODISCARD pt_status pt_event_try_wait(pt_event *event);

/* Wait until the event is set.
   Returns   PT_OK           it was set; an automatic event let this thread alone pass
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  not set until the call gave up
             PT_ERR_NOBLOCK  not set, and this thread may not wait */
PT_API PT_NODISCARD pt_status pt_event_wait_until(pt_event *event, pt_until until);

/* The same with no deadline. */
PT_API pt_status pt_event_wait(pt_event *event);

/* ---- Semaphore ---------------------------------------------------------------------------- */

/* Counts permits: post adds some, wait takes one, waiting while there is none. Threads that wait are
   served in the order in which they came. */
typedef struct pt_semaphore {
    uint32_t word; /* private; states in src/semaphore.c */
} pt_semaphore;

#define PT_SEMAPHORE_MAX 0x7fffffffu /* permits that can be held in stock */

/* clang-format off */
#define PT_SEMAPHORE_INIT(permits) {(uint32_t)(permits) << 1} /* permits <= PT_SEMAPHORE_MAX */
/* clang-format on */

/* Add permits. Threads that wait get theirs first, the longest waiting first.
   Returns   PT_OK
             PT_ERR_OVERFLOW  the stock would pass PT_SEMAPHORE_MAX; nothing was added
   Blocks    never */
PT_API pt_status pt_semaphore_post(pt_semaphore *semaphore, uint32_t permits);

/* Take a permit if there is one; PT_ERR_BUSY if not. */
PT_API PT_NODISCARD pt_status pt_semaphore_try_wait(pt_semaphore *semaphore);

/* Take a permit, waiting for one.
   Returns   PT_OK           the caller has a permit
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  none came until the call gave up
             PT_ERR_NOBLOCK  none is there, and this thread may not wait
   Cost      a permit is there: one atomic operation */
PT_API PT_NODISCARD pt_status pt_semaphore_wait_until(pt_semaphore *semaphore, pt_until until);

/* The same with no deadline. */
PT_API pt_status pt_semaphore_wait(pt_semaphore *semaphore);

/* Permits in stock, as far as can be known. */
PT_API uint32_t pt_semaphore_value(const pt_semaphore *semaphore);

/* ---- Barrier ------------------------------------------------------------------------------ */

/* Holds threads back until so many have come, then lets all of them go on, and is ready for the next round. */
typedef struct pt_barrier {
    uint32_t word; /* private; states in src/barrier.c */
    uint32_t parties;
} pt_barrier;

/* clang-format off */
#define PT_BARRIER_INIT(parties) {0, (uint32_t)(parties)} /* parties: how many make a round, 1 to PT_BARRIER_MAX */
/* clang-format on */

#define PT_BARRIER_MAX 0x3fffffffu

/* Come to the barrier, and wait until all parties of this round have come.

   serial    set to true for one of the round's threads, the last to come, and to false for the others; may be NULL
   Returns   PT_OK           the round is complete
             PT_ERR_ABORTED  pt_barrier_abort() was called, and the barrier was not reset since
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  the call gave up; the caller counts no more: the round needs another
             PT_ERR_NOBLOCK  it would have to wait, and this thread may not; the caller does not count
             PT_ERR_INVALID  parties is 0 or above PT_BARRIER_MAX
   Order     what any of the round's threads wrote before is visible to all of them after
   Blocks    until the others have come; the last to come, and who is sent away, does not wait
   Cost      a short lock; the last to come wakes the others, who may come again while some are still waking up */
PT_API pt_status pt_barrier_wait(pt_barrier *barrier, bool *serial);
PT_API PT_NODISCARD pt_status pt_barrier_wait_until(pt_barrier *barrier, bool *serial, pt_until until);

/* Send all who wait away with PT_ERR_ABORTED, and everybody who comes until the barrier is reset. Never blocks. */
PT_API void pt_barrier_abort(pt_barrier *barrier);

/* Begin anew: who waits is sent away with PT_ERR_ABORTED; who comes from now on waits for a full round. Never blocks. */
PT_API void pt_barrier_reset(pt_barrier *barrier);

/* How many wait now, and whether it is aborted, as far as can be known. */
PT_API uint32_t pt_barrier_waiting(const pt_barrier *barrier);
PT_API bool pt_barrier_is_aborted(const pt_barrier *barrier);

/* ---- Latch -------------------------------------------------------------------------------- */

/* Counts down once; whoever waits goes on at zero. It cannot be used again. */
typedef struct pt_latch {
    uint32_t word; /* private; states in src/latch.c */
} pt_latch;

#define PT_LATCH_MAX 0x7fffffffu

/* clang-format off */
#define PT_LATCH_INIT(count) {(uint32_t)(count) << 1} /* count <= PT_LATCH_MAX; 0: open */
/* clang-format on */

/* Count down by so many.
   Returns   PT_OK
             PT_ERR_OVERFLOW  fewer are left; nothing was counted
   Blocks    never. Cost: one atomic operation; the last one wakes all who wait */
PT_API pt_status pt_latch_count_down(pt_latch *latch, uint32_t by);

/* Wait until the count is zero.
   Returns   PT_OK, PT_ERR_BUSY (try), PT_ERR_TIMEOUT, PT_ERR_CANCELLED (until), or PT_ERR_NOBLOCK */
PT_API pt_status pt_latch_wait(pt_latch *latch);
PT_API PT_NODISCARD pt_status pt_latch_try_wait(const pt_latch *latch);
PT_API PT_NODISCARD pt_status pt_latch_wait_until(pt_latch *latch, pt_until until);

/* Count down by one and wait, in one step: whoever returns first may free the latch.
   Returns   PT_OK           the count is zero
             PT_ERR_OVERFLOW it was zero already
             PT_ERR_NOBLOCK  more are left, and this thread may not wait; nothing was counted */
PT_API pt_status pt_latch_arrive_and_wait(pt_latch *latch);

/* What is left to count down, as far as can be known. */
PT_API uint32_t pt_latch_count(const pt_latch *latch);

/* ---- Checked builds ----------------------------------------------------------------------- */

/* Note the place of each call; see pt_checked.h. */
#if defined(PT_CHECKED) && !defined(PTI_LIBRARY)
/* clang-format off */
#define pt_mutex_try_lock(...) (PTI_CHECKED_HERE, pt_mutex_try_lock(__VA_ARGS__))
#define pt_mutex_lock(...) (PTI_CHECKED_HERE, pt_mutex_lock(__VA_ARGS__))
#define pt_mutex_lock_until(...) (PTI_CHECKED_HERE, pt_mutex_lock_until(__VA_ARGS__))
#define pt_mutex_unlock(...) (PTI_CHECKED_HERE, pt_mutex_unlock(__VA_ARGS__))
#define pt_mutex_await(...) (PTI_CHECKED_HERE, pt_mutex_await(__VA_ARGS__))
#define pt_mutex_await_until(...) (PTI_CHECKED_HERE, pt_mutex_await_until(__VA_ARGS__))
#define pt_recursive_mutex_lock(...) (PTI_CHECKED_HERE, pt_recursive_mutex_lock(__VA_ARGS__))
#define pt_recursive_mutex_try_lock(...) (PTI_CHECKED_HERE, pt_recursive_mutex_try_lock(__VA_ARGS__))
#define pt_recursive_mutex_lock_until(...) (PTI_CHECKED_HERE, pt_recursive_mutex_lock_until(__VA_ARGS__))
#define pt_recursive_mutex_unlock(...) (PTI_CHECKED_HERE, pt_recursive_mutex_unlock(__VA_ARGS__))
#define pt_rwlock_read_lock(...) (PTI_CHECKED_HERE, pt_rwlock_read_lock(__VA_ARGS__))
#define pt_rwlock_read_lock_until(...) (PTI_CHECKED_HERE, pt_rwlock_read_lock_until(__VA_ARGS__))
#define pt_rwlock_try_read_lock(...) (PTI_CHECKED_HERE, pt_rwlock_try_read_lock(__VA_ARGS__))
#define pt_rwlock_write_lock(...) (PTI_CHECKED_HERE, pt_rwlock_write_lock(__VA_ARGS__))
#define pt_rwlock_write_lock_until(...) (PTI_CHECKED_HERE, pt_rwlock_write_lock_until(__VA_ARGS__))
#define pt_rwlock_try_write_lock(...) (PTI_CHECKED_HERE, pt_rwlock_try_write_lock(__VA_ARGS__))
#define pt_rwlock_read_unlock(...) (PTI_CHECKED_HERE, pt_rwlock_read_unlock(__VA_ARGS__))
#define pt_rwlock_write_unlock(...) (PTI_CHECKED_HERE, pt_rwlock_write_unlock(__VA_ARGS__))
#define pt_rwlock_downgrade(...) (PTI_CHECKED_HERE, pt_rwlock_downgrade(__VA_ARGS__))
#define pt_cond_wait(...) (PTI_CHECKED_HERE, pt_cond_wait(__VA_ARGS__))
#define pt_cond_wait_until(...) (PTI_CHECKED_HERE, pt_cond_wait_until(__VA_ARGS__))
#define pt_once_call(...) (PTI_CHECKED_HERE, pt_once_call(__VA_ARGS__))
#define pt_once_call_until(...) (PTI_CHECKED_HERE, pt_once_call_until(__VA_ARGS__))
#define pt_event_wait(...) (PTI_CHECKED_HERE, pt_event_wait(__VA_ARGS__))
#define pt_event_wait_until(...) (PTI_CHECKED_HERE, pt_event_wait_until(__VA_ARGS__))
#define pt_semaphore_wait(...) (PTI_CHECKED_HERE, pt_semaphore_wait(__VA_ARGS__))
#define pt_semaphore_wait_until(...) (PTI_CHECKED_HERE, pt_semaphore_wait_until(__VA_ARGS__))
#define pt_barrier_wait(...) (PTI_CHECKED_HERE, pt_barrier_wait(__VA_ARGS__))
#define pt_barrier_wait_until(...) (PTI_CHECKED_HERE, pt_barrier_wait_until(__VA_ARGS__))
#define pt_latch_wait(...) (PTI_CHECKED_HERE, pt_latch_wait(__VA_ARGS__))
#define pt_latch_wait_until(...) (PTI_CHECKED_HERE, pt_latch_wait_until(__VA_ARGS__))
#define pt_latch_arrive_and_wait(...) (PTI_CHECKED_HERE, pt_latch_arrive_and_wait(__VA_ARGS__))
/* clang-format on */
#endif

#ifdef __cplusplus
}
#endif
#endif
