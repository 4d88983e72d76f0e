/* port_target.h, native: what port.h needs that must be inline or constant. */
#ifndef PTI_PORT_TARGET_H
#define PTI_PORT_TARGET_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef pthread_t pti_port_thread;

#define PTI_PORT_STACK_SIZE 0 /* the system's default */
#define PTI_PORT_LEAST_STACK ((size_t)PTHREAD_STACK_MIN)
#define PTI_PORT_REUSES false /* what PT_REUSE_AUTO means */
#define PTI_PORT_JOINS true   /* threads are joined */

/* How long a thread that must wait looks again before it sleeps: first so many rounds of relaxing, then
   so many yields. Some 5 us in all when nobody else wants the processor, where sleeping and being woken
   takes 10 us to 50 us. Few spins, since a partner on the same processor gets nowhere before the first yield. */
#define PTI_PORT_SPINS 10
#define PTI_PORT_YIELDS 16

/* Pauses between two looks at a word that others write. Each look takes its cache line from them, who could lock and unlock a
   mutex some dozen times meanwhile: two threads that do nothing else get twice as much done as with 1. */
#define PTI_PORT_PAUSES 30
#define PTI_PORT_MUTEX_SPINS PTI_PORT_SPINS /* rounds of so many */

/* The same for a channel's ends: at once with yields. Who pauses and looks often takes the cache lines of the other end, who
   would fill or empty some dozen slots meanwhile (bench: chan_spsc, a fifth more than with pauses first). And longer, as who
   goes on to wait makes all others stop for a fence (gate.c), which costs them some microseconds. */
#define PTI_PORT_CHANNEL_SPINS 0
#define PTI_PORT_CHANNEL_YIELDS 64

/* For _Thread_local variables that signal handlers read: their first access must not allocate, as it may in a shared
   library by the default model. */
#define PTI_PORT_TLS_FAST __attribute__((tls_model("initial-exec")))

static inline void pti_port_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* A cache line that will be written soon. */
static inline void pti_port_will_write(const void *at)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("prefetchw %0"
                     :
                     : "m"(*(const char *)at)); /* __builtin_prefetch() would only ask for reading */
#else
    __builtin_prefetch(at, 1);
#endif
}

/* WebAssembly's business. */
static inline void pti_port_reach(const void *block, size_t size)
{
    (void)block, (void)size;
}

/* pthread_create finds out by itself. */
static inline bool pti_port_has_room(size_t stack_size)
{
    (void)stack_size;
    return true;
}

#endif
