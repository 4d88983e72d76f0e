/* thread.h: a thread's record, and what the rest of the core needs of threads. */
#ifndef PTI_THREAD_H
#define PTI_THREAD_H

#include <pt_thread.h>

#include "port.h"
#include "slab.h"

struct pti_tls_value;

/* Who writes what is said in thread.c. */
struct pt_thread {
    uint32_t word;
    uint32_t references; /* handles, and one for the running thread */
    uint32_t handles;
    uint32_t name_lock; /* guards name */
    uint32_t forks;     /* of the process, when it was started */
    uint64_t id;
    pt_thread_function function; /* set before it starts, as are arg, named and carried */
    void *arg;
    bool named;   /* by its creator */
    bool special; /* started by one that the system treats otherwise: see pti_carrier_spoil() */
    bool carried; /* by a carrier that may carry others later; no port thread of its own */
    bool failed;  /* these three: the thread, before E; the joiner, after J */
    pt_error error;
    void *result;
    pti_port_thread port; /* atomic; of a thread that is not carried */
    char name[PT_THREAD_NAME_SIZE];
    pt_thread *next, *previous;   /* under registry_lock */
    pt_thread *next_in_scope;     /* under the scope's lock */
    struct pti_tls_value *values; /* the thread's own: see tls.c */
    size_t value_count;
    bool keeps_nothing;                    /* of slabs, as it ends */
    pti_slab_cache caches[PTI_SLAB_KINDS]; /* the thread's own */
};

/* pt_thread_id(NULL), without a call's detour. Allocates nothing. */
uint64_t pti_thread_own_id(void);

/* The calling thread's record, NULL if it has none yet. */
pt_thread *pti_thread_self(void);

/* How often this process came from a fork. */
uint32_t pti_thread_forks(void);

/* Live through a thread's life in the calling carrier. */
void pti_thread_live(pt_thread *thread);

/* The calling thread is a carrier that ends: what still runs in it is nobody's thread. */
void pti_thread_forget_id(void);

/* The id of a carrier that carries nobody; no thread has it. */
#define PTI_NO_THREAD UINT64_MAX

/* Call visit() for each thread that is known, under the lock of the list: no waiting, no user code. */
void pti_thread_each(void (*visit)(pt_thread *thread, void *arg), void *arg);
void pti_thread_copy_name(pt_thread *thread, char copy[PT_THREAD_NAME_SIZE]);

#endif
