/* wait.h: what the parking lot asks and tells when a thread waits: see wait.c. */
#ifndef PTI_POOL_WAIT_H
#define PTI_POOL_WAIT_H

#include <stdbool.h>

/* Whether the calling thread is inside a job, and is not made up for yet. */
bool pti_wait_is_inside(void);

/* From now on it is made up for. Whether somebody is missing still: then ask again, some time. */
bool pti_wait_begin(void);
bool pti_wait_again(void);
void pti_wait_end(void);

#endif
