/* mutex.h: what conditions need of a mutex. */
#ifndef PTI_MUTEX_H
#define PTI_MUTEX_H

#include <pt_mutex.h>

#include "park.h"

/* Lock the mutex for a thread that was woken with this message; PTI_HANDED: it holds it already. */
void pti_mutex_relock(pt_mutex *mutex, enum pti_message message);

/* Under the locks of both queues: a condition's waiter is to go on. True: wake it, with PTI_RETRY. False: the
   mutex is held or about to be, so move the waiter to the mutex's queue, which the word now says is not
   empty. */
bool pti_mutex_admit(pt_mutex *mutex);

#endif
