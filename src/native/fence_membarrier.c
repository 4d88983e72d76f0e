/* fence_membarrier.c: a fence in all threads, by Linux's membarrier (4.14). */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "atomic.h"
#include "port.h"

enum { UNKNOWN, CAN, CANNOT };

static uint32_t state; /* every thread would store the same */

static bool call(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool pti_port_fence_all(void)
{
    uint32_t known = load_relaxed(&state);
    if (known == CANNOT)
        return false;
    if (known == CAN && call(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        return true;
    bool can = call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (known == UNKNOWN) /* a process that is registered stays so, and its children are */
        store_relaxed(&state, can ? CAN : CANNOT);
    return can;
}
