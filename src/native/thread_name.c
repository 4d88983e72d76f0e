/* thread_name.c: names that ps, top and debuggers show. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "port.h"

void pti_port_thread_set_name(const char *name)
{
#if defined(__linux__)
    char short_name[16]; /* what the kernel keeps */
    strncpy(short_name, name, sizeof short_name - 1);
    short_name[sizeof short_name - 1] = 0;
    pthread_setname_np(pthread_self(), short_name);
#else
    (void)name;
#endif
}
