/* threads.c: threads for every target that has pthreads: native, WASI and the browser alike. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "atomic.h"
#include "port.h"

static int create(pthread_t *out, size_t stack_size, void *(*run)(void *), void *arg)
{
    if (stack_size == 0 && PTI_PORT_JOINS)
        return pthread_create(out, NULL, run, arg);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return ENOMEM;
    int error = stack_size == 0 ? 0 : pthread_attr_setstacksize(&attr, stack_size);
    if (error == 0 && !PTI_PORT_JOINS)
        error = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (error == 0)
        error = pthread_create(out, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return error;
}

pt_status pti_port_thread_start(pti_port_thread *out, size_t stack_size, void *(*run)(void *), void *arg)
{
    if (stack_size == 0)
        stack_size = PTI_PORT_STACK_SIZE;
    if (!pti_port_has_room(stack_size))
        return PT_ERR_NOMEM;
    int error = create(out, stack_size, run, arg);
    switch (error) {
    case 0: return PT_OK;
    case EINVAL: return PT_ERR_INVALID;
    case ENOMEM: return PT_ERR_NOMEM;
    default: return PT_ERR_AGAIN;
    }
}

void pti_port_thread_join(pti_port_thread thread)
{
    if (PTI_PORT_JOINS)
        pthread_join(thread, NULL);
}

void pti_port_thread_detach(pti_port_thread thread)
{
    if (PTI_PORT_JOINS)
        pthread_detach(thread);
}

pti_port_thread pti_port_thread_self(void)
{
    return pthread_self();
}

void pti_port_yield(void)
{
    sched_yield();
}

/* ---- The exit hook: the destructor of one thread-specific key ------------------------------ */

static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool exit_key_made;
static void (*exit_hook)(void *value);

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, load_relaxed(&exit_hook)) == 0;
}

bool pti_port_thread_at_exit(void (*hook)(void *value), void *value)
{
    /* Every caller passes the same hook, so it does not matter whose store is read. */
    store_relaxed(&exit_hook, hook);
    pthread_once(&exit_once, make_exit_key);
    return exit_key_made && pthread_setspecific(exit_key, value) == 0;
}
