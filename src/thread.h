/* thread.h: what the rest of the core needs of threads. */
#ifndef PTI_THREAD_H
#define PTI_THREAD_H

#include <stdint.h>

/* pt_thread_id(NULL), without a call's detour. Allocates nothing. */
uint64_t pti_thread_own_id(void);

#endif
