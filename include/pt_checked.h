/* pt_checked.h: checked builds, which find misuse of locks and threads while the program runs.

   A checked build is the library built with -DPT_CHECKED=ON (CMake) and a program compiled with PT_CHECKED defined, which
   linking to portalis::thread sees to. It behaves as any other until a rule is broken; then it says on stderr which, with the
   objects, the threads, and file and line of each place, and calls abort(). It finds

     relock          a thread locks a lock that it holds already, and would wait for itself
     self-join      a thread joins itself (PT_ERR_DEADLOCK in other builds)
     wrong unlock    a thread unlocks a lock that it does not hold
     lost lock       a lock was held when its memory was given back (pt_checked_forget()) or used anew
     deadlock        threads that wait for each other, by locks and joins; or, natively on Linux, all threads of the process
                     wait without an end, by conditions, barriers, latches and the like too. Waits with a deadline or a
                     token count as ones that end
     lock order      two locks, or more in a ring, are taken in opposite orders, even if nothing hung this time
     promise         two threads send at the same time to a channel with one_sender, or receive from one with one_receiver
     call back       a thread ends, or runs another's code in pt_cancel_request(), while it holds a lock

   Only waiting without an end counts for relocks and for the order: try and until forms are ways out of a deadlock. Costs some
   hundred nanoseconds a lock. Up to 65,536 locks held and as many orders are remembered; past that, checks fall away with a
   message. */
#ifndef PT_CHECKED_H
#define PT_CHECKED_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef PT_CHECKED

/* Say that memory which may contain locks is about to be freed or used for something else: the orders in which they
   were taken are forgotten, and a lock that is held is reported. Does nothing in other builds. */
PT_API void pt_checked_forget(const void *memory, size_t size);

/* Private, for the macros and inline functions of the other headers: where the next call comes from; and what happens to
   a lock. */
PT_API void pti_checked_at(const char *file, int line);
PT_API void pti_checked_locking(const void *lock, const char *what, bool forever);
PT_API void pti_checked_locked(const void *lock, const char *what);
PT_API void pti_checked_unlocking(const void *lock, const char *what);
#define PTI_CHECKED_HERE pti_checked_at(__FILE__, __LINE__)

#else

static inline void pt_checked_forget(const void *memory, size_t size)
{
    (void)memory, (void)size;
}

static inline void pti_checked_locking(const void *lock, const char *what, bool forever)
{
    (void)lock, (void)what, (void)forever;
}

static inline void pti_checked_locked(const void *lock, const char *what)
{
    (void)lock, (void)what;
}

static inline void pti_checked_unlocking(const void *lock, const char *what)
{
    (void)lock, (void)what;
}

#endif

#ifdef __cplusplus
}
#endif
#endif
