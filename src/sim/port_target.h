/* port_target.h, simulated: what port.h needs that must be inline or constant. */
#ifndef PTI_PORT_TARGET_H
#define PTI_PORT_TARGET_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pti_fiber *pti_port_thread;

#define PTI_PORT_STACK_SIZE ((size_t)64 * 1024)
#define PTI_PORT_LEAST_STACK ((size_t)16 * 1024)
#define PTI_PORT_REUSES false /* what PT_REUSE_AUTO means */
#define PTI_PORT_JOINS true   /* threads are joined */

/* Few, so that both ways are taken and few steps are spent on them. */
#define PTI_PORT_SPINS 2
#define PTI_PORT_YIELDS 1
#define PTI_PORT_PAUSES 1
#define PTI_PORT_MUTEX_SPINS PTI_PORT_SPINS
#define PTI_PORT_CHANNEL_SPINS PTI_PORT_SPINS
#define PTI_PORT_CHANNEL_YIELDS PTI_PORT_YIELDS

#define PTI_PORT_TLS_FAST

void pti_sim_relax(void);

static inline void pti_port_relax(void)
{
    pti_sim_relax();
}

static inline void pti_port_will_write(const void *at)
{
    (void)at;
}

/* WebAssembly's business. */
static inline void pti_port_reach(const void *block, size_t size)
{
    (void)block, (void)size;
}

static inline bool pti_port_has_room(size_t stack_size)
{
    (void)stack_size;
    return true;
}

#endif
