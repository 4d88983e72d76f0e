/* no_schedule.c: where the system cannot be told where and how urgently a thread runs, nor how many there are. */
#include "port.h"

pt_status pti_port_set_affinity(const unsigned *processors, size_t count)
{
    (void)processors, (void)count;
    return PT_ERR_UNSUPPORTED;
}

pt_status pti_port_affinity(unsigned *processors, size_t most, size_t *count)
{
    (void)processors, (void)most, (void)count;
    return PT_ERR_UNSUPPORTED;
}

pt_status pti_port_set_priority(int priority)
{
    (void)priority;
    return PT_ERR_UNSUPPORTED;
}

unsigned pti_port_thread_count(void)
{
    return 0;
}

void pti_port_thread_be_punctual(void)
{
}
