/* processors.c: how many processors, where only POSIX can be asked. */
#include <unistd.h>

#include "port.h"

unsigned pti_port_parallelism(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1u : (unsigned)online;
}
