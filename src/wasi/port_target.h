/* port_target.h, WASI: what port.h needs that must be inline or constant. */
#ifndef PTI_PORT_TARGET_H
#define PTI_PORT_TARGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef pthread_t pti_port_thread;

#define PTI_PORT_STACK_SIZE (256u * 1024u) /* wasi-libc's own is 128 KiB, without a guard page */
#define PTI_PORT_LEAST_STACK ((size_t)2048)
#define PTI_PORT_REUSES true /* what PT_REUSE_AUTO means */
#define PTI_PORT_JOINS true  /* threads are joined */

/* How long a thread that must wait looks again before it sleeps. A yield is a call to the host. */
#define PTI_PORT_SPINS 100
#define PTI_PORT_YIELDS 4
#define PTI_PORT_PAUSES 30     /* between two looks at a word that others write; see native */
#define PTI_PORT_MUTEX_SPINS 5 /* rounds of so many: more keep others from the processor */
#define PTI_PORT_CHANNEL_SPINS PTI_PORT_SPINS
#define PTI_PORT_CHANNEL_YIELDS PTI_PORT_YIELDS

#define PTI_PORT_TLS_FAST /* no signal handlers here */

/* WebAssembly has no pause instruction: some 30 ns in which the thread touches no memory of others. */
static inline void pti_port_relax(void)
{
    for (volatile int i = 0; i < 16; i++) {
    }
}

static inline void pti_port_will_write(const void *at)
{
    (void)at;
}

/* A new block may lie in memory that another thread has just grown. In Node 20 a thread learns of that only now and then: single
   loads and stores do not care, but memory.fill and memory.copy trap beyond the size that this thread knows. Growing by
   nothing tells it. */
static inline void pti_port_reach(const void *block, size_t size)
{
    const size_t page = 64 * 1024;
    if (((size_t)block + size - 1) / page >= __builtin_wasm_memory_size(0))
        (void)__builtin_wasm_memory_grow(0, 0);
}

/* pthread_create finds out by itself. */
static inline bool pti_port_has_room(size_t stack_size)
{
    (void)stack_size;
    return true;
}

#endif
