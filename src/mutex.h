/* mutex.h: what conditions and await need of a mutex, and the mutex of them. */
#ifndef PTI_MUTEX_H
#define PTI_MUTEX_H

#include <pt_mutex.h>

#include "park.h"

#define PTI_MUTEX_AWAITED 8u /* a bit of the word; see mutex.c */

/* Lock the mutex for a thread that was woken with this message; PTI_HANDED: it holds it already. */
void pti_mutex_relock(pt_mutex *mutex, enum pti_message message);

/* Under the locks of both queues: a condition's waiter is to go on. True: wake it, with PTI_RETRY. False: the
   mutex is held or about to be, so move the waiter to the mutex's queue, which the word now says is not
   empty. */
bool pti_mutex_admit(pt_mutex *mutex);

/* By the holder: hand the mutex to a thread that has waited for it for too long, if there is one. */
bool pti_mutex_hand_to_overdue(pt_mutex *mutex);

/* By the holder, who unlocks: hand the mutex to a thread whose condition is true; false if there is none. */
bool pti_await_hand_over(pt_mutex *mutex);

#endif
