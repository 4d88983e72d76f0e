/* processors.c: what WASI has no call for: the number of processors and names for threads. */
#include <stdlib.h>

#include "port.h"

unsigned pti_port_parallelism(void)
{
    const char *told = getenv("PT_PARALLELISM");
    long number = told == NULL ? 0 : strtol(told, NULL, 10);
    return number >= 1 && number <= 4096 ? (unsigned)number : 4u;
}

void pti_port_thread_set_name(const char *name)
{
    (void)name;
}
