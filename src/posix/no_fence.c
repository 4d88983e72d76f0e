/* no_fence.c: where a thread cannot have the others make a fence. */
#include "port.h"

bool pti_port_fence_all(void)
{
    return false;
}
