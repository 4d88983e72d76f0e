/* event.h: what a select needs of events. */
#ifndef PTI_EVENT_H
#define PTI_EVENT_H

#include <pt_mutex.h>

#include "park.h"

/* Join the event's queue; false if it is set. Who is woken tries pt_event_try_wait(), and may find that another was quicker. */
bool pti_event_join(pt_event *event, pti_waiter *waiter);

/* Out of the queue; false if it is in none any more. */
bool pti_event_leave(pt_event *event, pti_waiter *waiter);

#endif
