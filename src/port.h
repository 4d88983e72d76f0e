/* port.h: all that differs between targets. The core calls these and no platform API; CMake chooses the
   files that implement them and the folder that holds port_target.h:

     native    src/posix/{threads,clock,fork}.c, src/native/{wait_futex,fence_membarrier,processors_linux,schedule_linux,
               thread_name}.c or, for other Unixes, src/posix/{wait_table,no_fence,processors,no_schedule}.c in their place
     wasi      src/posix/{threads,clock,no_fork,no_schedule}.c, src/wasi/{wait,processors}.c
     browser   src/posix/{threads,no_fork,no_schedule}.c, src/browser/{clock,wait,processors}.c

   tests/test_port.c holds every back end to what is said here. */
#ifndef PTI_PORT_H
#define PTI_PORT_H

#include <pt_base.h>

/* From the target's folder: pti_port_thread, pti_port_relax(), pti_port_will_write(), pti_port_reach(), pti_port_has_room(), PTI_PORT_SPINS,
   PTI_PORT_YIELDS, PTI_PORT_PAUSES, PTI_PORT_CHANNEL_SPINS, PTI_PORT_CHANNEL_YIELDS, PTI_PORT_STACK_SIZE, PTI_PORT_LEAST_STACK,
   PTI_PORT_REUSES, PTI_PORT_JOINS, PTI_PORT_TLS_FAST. */
#include "port_target.h"

/* ---- Waiting on a word. Called by park.c alone --------------------------------------------- */

/* Sleep while *word is expected, until woken or the deadline. May return at any time, for no reason at
   all: the caller looks at the word and at the clock itself. The comparison and the falling asleep are
   one step as against pti_port_wake(): a wake that comes after *word was changed is not missed. Several
   threads may sleep on one word. Not to be called where pti_port_may_block() is false. */
void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline);

/* Let at least one thread that sleeps on the word return, if there is one. The address is only a name: the memory
   may be gone. Never blocks for long, may be called on every thread. */
void pti_port_wake(const uint32_t *word);

/* Whether this thread may call pti_port_wait(). */
bool pti_port_may_block(void);

/* Have a page's main thread call function(arg), in a turn of its own; elsewhere no thread is one, and nobody asks for that. */
void pti_port_run_on_page(void (*function)(void *arg), void *arg);

/* A full fence in each thread of the process, somewhere in its course between this call and its return; some
   microseconds. So who makes this call need no more than keep the compiler from reordering on the other side.
   Returns   false if this target cannot: each time, or never */
bool pti_port_fence_all(void);

/* ---- Time and processors ------------------------------------------------------------------ */

/* Nanoseconds of a clock that never runs backwards, comparable between threads. */
pt_time pti_port_now(void);

/* Let another thread have this processor, if one is ready to run. */
void pti_port_yield(void);

/* How many threads can run at once, at least 1. */
unsigned pti_port_parallelism(void);

/* ---- Threads ------------------------------------------------------------------------------ */

/* Start a thread that runs run(arg). stack_size in bytes, 0 for the target's default.
   Returns   PT_OK, PT_ERR_AGAIN, PT_ERR_NOMEM, or PT_ERR_INVALID for the stack size */
pt_status pti_port_thread_start(pti_port_thread *out, size_t stack_size, void *(*run)(void *), void *arg);

/* Each started thread must be joined or detached, once. Join waits until nothing of the thread is left. Where PTI_PORT_JOINS
   is false threads are started detached, and neither does anything. */
void pti_port_thread_join(pti_port_thread thread);
void pti_port_thread_detach(pti_port_thread thread);

pti_port_thread pti_port_thread_self(void);

/* Tell the debugger the calling thread's name, as far as the target can. */
void pti_port_thread_set_name(const char *name);

/* When the calling thread ends, however it ends, call hook(value), unless value is NULL by then. One hook
   for the whole process. Does not run when the process ends first.
   Returns   false when there is no memory for it */
bool pti_port_thread_at_exit(void (*hook)(void *value), void *value);

/* What pt_thread_set_affinity(), pt_thread_affinity() and pt_thread_set_priority() say; arguments are checked, but for
   which processors there are. */
pt_status pti_port_set_affinity(const unsigned *processors, size_t count);
pt_status pti_port_affinity(unsigned *processors, size_t most, size_t *count);
pt_status pti_port_set_priority(int priority);

/* From now on the calling thread's sleeps end as close to their deadlines as the system can; it may be a bit more work for it. */
void pti_port_thread_be_punctual(void);

/* How many threads this process has, foreign ones included; 0 where that is not known. Allocates nothing. */
unsigned pti_port_thread_count(void);

/* From now on call before() before each fork of the process, and after() in the parent and in the child. */
void pti_port_at_fork(void (*before)(void), void (*after)(bool child));

#endif
