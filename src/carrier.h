/* carrier.h: carriers, which run one thread after another. */
#ifndef PTI_CARRIER_H
#define PTI_CARRIER_H

#include <pt_thread.h>

/* Have a parked carrier, or a new one, live the thread's life.
   Returns   PT_OK, PT_ERR_AGAIN, PT_ERR_NOMEM, PT_ERR_INVALID as pti_port_thread_start() */
pt_status pti_carrier_call(pt_thread *thread, size_t stack_size);

/* By a carried thread that is about to end: park its carrier, if that may carry another one. It will not take the next
   thread up before this one is done. */
void pti_carrier_park(void);

/* By any thread: the system treats it otherwise than others from now on, and also what carriers it starts. None of them is to
   be used again. */
void pti_carrier_spoil(void);
bool pti_carrier_is_spoilt(void);

/* By a carried thread that ends without returning to its carrier. */
void pti_carrier_abandon(void);

/* Have all parked carriers end soon. */
void pti_carrier_dismiss(void);

/* Around a fork: the child has no carriers. */
void pti_carrier_before_fork(void);
void pti_carrier_after_fork(bool child);

#endif
