/* no_fork.c: where processes do not fork. */
#include "port.h"

void pti_port_at_fork(void (*before)(void), void (*after)(bool child))
{
    (void)before, (void)after;
}
