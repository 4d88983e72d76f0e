/* recursive.c: a mutex that its holder may lock again.

   owner   the holder's id, 0 while nobody holds it; written by the holder only, relaxed
   depth   how often the holder has locked it; touched by the holder only

   Whose it is   A thread compares owner with its own id. It reads that id only if it stored it itself and has not
                 stored 0 since: nobody else stores it, ids are never used twice, and a thread sees its own stores in
                 order. Whatever else it reads, new or old, rightly says that it is not the holder. So relaxed will do.
   Pairs         depth, and all that the mutex guards, are handed on by the mutex below.
   Lifetime      The mutex's: unlocking that is the last access. */
#include "atomic.h"
#include "thread.h"

#include <pt_mutex.h>

bool pt_recursive_mutex_is_mine(const pt_recursive_mutex *mutex)
{
    return load_relaxed(&mutex->owner) == pti_thread_own_id();
}

/* Once more, by the holder. */
static pt_status lock_again(pt_recursive_mutex *mutex)
{
    if (mutex->depth == UINT32_MAX)
        return PT_ERR_OVERFLOW;
    mutex->depth++;
    return PT_OK;
}

/* After locking the mutex below: if that went well, it is the caller's for the first time. */
static pt_status own(pt_recursive_mutex *mutex, pt_status locked)
{
    if (locked == PT_OK) {
        store_relaxed(&mutex->owner, pti_thread_own_id());
        mutex->depth = 1;
    }
    return locked;
}

pt_status pt_recursive_mutex_try_lock(pt_recursive_mutex *mutex)
{
    if (pt_recursive_mutex_is_mine(mutex))
        return lock_again(mutex);
    return own(mutex, pt_mutex_try_lock(&mutex->mutex));
}

pt_status pt_recursive_mutex_lock_until(pt_recursive_mutex *mutex, pt_until until)
{
    if (pt_recursive_mutex_is_mine(mutex))
        return lock_again(mutex);
    return own(mutex, pt_mutex_lock_until(&mutex->mutex, until));
}

pt_status pt_recursive_mutex_lock(pt_recursive_mutex *mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    return pt_recursive_mutex_lock_until(mutex, PT_FOREVER);
}

pt_status pt_recursive_mutex_unlock(pt_recursive_mutex *mutex) PT_NO_THREAD_SAFETY_ANALYSIS
{
    if (!pt_recursive_mutex_is_mine(mutex))
        return PT_ERR_INVALID;
    if (--mutex->depth == 0) {
        store_relaxed(&mutex->owner, 0);
        pt_mutex_unlock(&mutex->mutex);
    }
    return PT_OK;
}
