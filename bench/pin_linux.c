/* pin_linux.c: tying threads to processors on Linux. */
#ifndef _GNU_SOURCE /* by the flags that some peer's library asks for */
#define _GNU_SOURCE
#endif
#include "pin.h"

#include <sched.h>

#include "bench.h"

static cpu_set_t usable; /* set by pin_possible(), before there are other threads */

bool pin_possible(void)
{
    return sched_getaffinity(0, sizeof usable, &usable) == 0;
}

void pin_thread(unsigned which)
{
    cpu_set_t only;
    size_t processor = 0;
    which %= (unsigned)CPU_COUNT(&usable);
    while (!CPU_ISSET(processor, &usable) || which-- > 0)
        processor++;
    CPU_ZERO(&only);
    CPU_SET(processor, &only);
    bench_check(sched_setaffinity(0, sizeof only, &only) == 0, "sched_setaffinity");
}

void pin_undo(void)
{
    bench_check(sched_setaffinity(0, sizeof usable, &usable) == 0, "sched_setaffinity");
}
