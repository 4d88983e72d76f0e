/* clock.c: the monotonic clock of POSIX. */
#include <time.h>

#include "port.h"

pt_time pti_port_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (pt_time)now.tv_sec * PT_SECOND + now.tv_nsec;
}
