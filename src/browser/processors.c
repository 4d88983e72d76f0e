/* processors.c: processors and thread names, by Emscripten. */
#include <emscripten/threading.h>

#include "port.h"

unsigned pti_port_parallelism(void)
{
    int cores = emscripten_num_logical_cores(); /* navigator.hardwareConcurrency */
    return cores < 1 ? 1u : (unsigned)cores;
}

void pti_port_thread_set_name(const char *name)
{
    emscripten_set_thread_name(pthread_self(), name);
}
