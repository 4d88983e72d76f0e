/* wait.h: what the parking lot asks and tells when a thread waits: see wait.c. */
#ifndef PTI_POOL_WAIT_H
#define PTI_POOL_WAIT_H

#include <stdbool.h>

#include "pt_base.h"

/* Whether the calling thread is inside a job, and is not made up for yet. */
bool pti_wait_is_inside(void);

/* From now on it is made up for. After how long to call pti_wait_again(), which says so too, if it still waits then. */
pt_time pti_wait_begin(void);
pt_time pti_wait_again(void);
void pti_wait_end(void);

#endif
