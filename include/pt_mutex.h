/* pt_mutex.h: locks and signals: mutex, condition, once, event, semaphore.

   What they share
     Memory    each is 4 bytes, valid when all bytes are zero (the PT_..._INIT macros say it aloud),
               and needs no destroy: let it go when nobody uses it any more. Do not copy or move one
               after its first use. A thread may free the object as soon as its own call returned.
     Forms     x_verb() waits for ever, x_try_verb() never waits (PT_ERR_BUSY), x_verb_until() gives up
               at a deadline (PT_ERR_TIMEOUT).
     Waiting   no wake-up is lost and none is spurious: a call that waits returns only because what it
               waited for came about, or because its deadline passed. A waiter costs no processor time
               after a bounded moment of spinning.
     Order     what a thread wrote before it unlocks, signals, sets or posts is visible to the thread
               that this lets go on.
     Targets   native, WASI, browser Worker: as described. On the main thread of a browser page, which
               may not wait, a call that would have to wait answers PT_ERR_NOBLOCK at once and leaves
               everything as it was; calls that need not wait work there too.
     NULL      passing NULL for an object is a bug and crashes.
     Signals   none of these may be called from a POSIX signal handler. */
#ifndef PT_MUTEX_H
#define PT_MUTEX_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Mutex -------------------------------------------------------------------------------- */

/* A lock that one thread holds at a time. It is not recursive: a thread that locks it twice waits for
   itself. Whoever comes first to a free lock gets it, queued or not, which is fast; a thread that has
   queued for a millisecond is handed the lock by the next unlock, so none starves. */
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
PT_NODISCARD static inline pt_status pt_mutex_try_lock(pt_mutex *mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t seen = __atomic_load_n(&mutex->word, __ATOMIC_RELAXED);
    while ((seen & 1u) == 0) { /* acquire: pairs with the unlock that freed it */
        if (__atomic_compare_exchange_n(&mutex->word, &seen, seen | 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return PT_OK;
    }
    return PT_ERR_BUSY;
}

/* Lock the mutex, waiting while another thread holds it, but no longer than until.
   Returns   PT_OK           locked by the caller
             PT_ERR_TIMEOUT  held by others up to the deadline; not locked
             PT_ERR_NOBLOCK  held, and this thread may not wait; not locked
   Cost      free: one atomic operation, inline. Held: spins for a few microseconds, then sleeps */
PT_NODISCARD static inline pt_status pt_mutex_lock_until(pt_mutex *mutex,
                                                         pt_until until) PT_NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t seen = 0;
    if (__atomic_compare_exchange_n(&mutex->word, &seen, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return PT_OK;
    return pti_mutex_lock_slow(mutex, until);
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
    uint32_t seen = 1;
    if (!__atomic_compare_exchange_n(&mutex->word, &seen, 0u, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        pti_mutex_unlock_slow(mutex);
}

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
             PT_ERR_TIMEOUT  not signalled up to the deadline
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
             PT_ERR_TIMEOUT  another thread's init is still running at the deadline
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
             PT_ERR_TIMEOUT  not set up to the deadline
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
             PT_ERR_TIMEOUT  none came up to the deadline
             PT_ERR_NOBLOCK  none is there, and this thread may not wait
   Cost      a permit is there: one atomic operation */
PT_API PT_NODISCARD pt_status pt_semaphore_wait_until(pt_semaphore *semaphore, pt_until until);

/* The same with no deadline. */
PT_API pt_status pt_semaphore_wait(pt_semaphore *semaphore);

/* Permits in stock, as far as can be known. */
PT_API uint32_t pt_semaphore_value(const pt_semaphore *semaphore);

#ifdef __cplusplus
}
#endif
#endif
