/* fork.c: what is called around a fork. */
#include <pthread.h>

#include "port.h"

static void (*after_fork)(bool child);

static void in_parent(void)
{
    after_fork(false);
}

static void in_child(void)
{
    after_fork(true);
}

void pti_port_at_fork(void (*before)(void), void (*after)(bool child))
{
    after_fork = after;
    /* Without memory for it the child just finds the library as other threads left it. */
    pthread_atfork(before, in_parent, in_child);
}
