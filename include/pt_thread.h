/* pt_thread.h: threads: start, join, name, sleep; and who waits for what.

   A pt_thread is a reference-counted handle. pt_thread_spawn() gives its caller one reference, to be
   given back with pt_thread_release(); the thread itself holds another while it runs, so a handle stays
   good for as long as anybody has it. Letting the last handle go without a join is how a thread is
   detached: it runs on, and nobody hears of its end.

   Targets   native: one OS thread each. WASI: one instance of the module each, started by the host.
             Browser: one Worker each; the page must be cross-origin isolated, and Workers should be
             ready beforehand (Emscripten's PTHREAD_POOL_SIZE), as none can be started while the page's
             main thread is busy. The Workers go back to Emscripten's pool. */
#ifndef PT_THREAD_H
#define PT_THREAD_H

#include <stdio.h>

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_thread pt_thread;

/* What a thread runs. What it returns is what pt_thread_join() delivers. */
typedef void *(*pt_thread_function)(void *arg);

#define PT_THREAD_NAME_SIZE 32 /* bytes of a name that are kept, with the closing zero */

/* How a thread is to be. All zeroes is a good default. */
typedef struct pt_thread_config {
    const char *name;  /* for people and debuggers; cut to PT_THREAD_NAME_SIZE; NULL: "thread-<id>" */
    size_t stack_size; /* bytes; 0: the default of the target (native 8 MiB as a rule, WASI and browser
                          256 KiB). There is no guard page on WASI and in browsers: be generous */
} pt_thread_config;

/* ---- Start and end ------------------------------------------------------------------------ */

/* Start a thread that runs function(arg).

   out       receives a reference to the thread; NULL starts it detached
   config    NULL for the defaults; read only during the call
   Returns   PT_OK
             PT_ERR_AGAIN    no more threads can be had: a limit of the system or the host, or no Worker
                             is ready. Try later, or do the work here
             PT_ERR_NOMEM    no memory for the thread's record
             PT_ERR_INVALID  function is NULL, or the stack size is below what the target needs (natively
                             PTHREAD_STACK_MIN) or beyond what it can give
   Blocks    never natively and on a browser's main thread; on WASI and in Workers for as long as the
             host takes to accept
   Cost      native: as pthread_create, some 20 us. WASI, browser: about 1 ms with a Worker ready */
PT_API PT_NODISCARD pt_status pt_thread_spawn(pt_thread **out, const pt_thread_config *config,
                                              pt_thread_function function, void *arg);

/* Wait for the thread to end, and take its result. A result can be taken once.

   thread    stays the caller's: release it when done with it
   result    receives what the thread's function returned; may be NULL
   Returns   PT_OK            the thread has ended and all that it wrote is visible. Its _Thread_local
                              destructors have run and its stack is gone (not so on a browser's main
                              thread, where that may take a moment longer)
             PT_ERR_TIMEOUT   still running at the deadline
             PT_ERR_NOBLOCK   still running, and this thread may not wait
             PT_ERR_DEADLOCK  thread is the caller itself
             PT_ERR_INVALID   thread is NULL, was joined before, or was not started by pt_thread_spawn()
   Threads   any thread that has a handle; of several that join at once, one gets the result */
PT_API pt_status pt_thread_join(pt_thread *thread, void **result);
PT_API PT_NODISCARD pt_status pt_thread_join_until(pt_thread *thread, void **result, pt_until until);

/* The same without waiting: PT_ERR_BUSY if the thread is still running. */
PT_API PT_NODISCARD pt_status pt_thread_try_join(pt_thread *thread, void **result);

/* Whether the thread's function has returned. Never blocks. */
PT_API bool pt_thread_is_finished(const pt_thread *thread);

/* Take or give back a reference. Releasing the last one of a thread that was not joined detaches it.
   NULL is harmless. Never blocks. */
PT_API pt_thread *pt_thread_retain(pt_thread *thread);
PT_API void pt_thread_release(pt_thread *thread);

/* Start-and-forget said aloud: the same as pt_thread_release(). */
PT_API void pt_thread_detach(pt_thread *thread);

/* ---- Who am I ----------------------------------------------------------------------------- */

/* The calling thread. The pointer is good until the thread ends; retain it to keep it longer. Threads
   that the library did not start, main() among them, get a handle when they first ask, which goes when
   they end; such a handle cannot be joined.
   Returns   NULL only if there is no memory for that handle */
PT_API pt_thread *pt_thread_current(void);

/* A number that no other thread of this process ever has, from 1 up; NULL for the calling thread's. */
PT_API uint64_t pt_thread_id(const pt_thread *thread);

/* The thread's name, copied into buffer and always closed with a zero. NULL for the calling thread's.
   Returns   the name's full length without the zero, as snprintf does */
PT_API size_t pt_thread_name(const pt_thread *thread, char *buffer, size_t size);

/* Name the calling thread, here and, as far as it can be done, for the debugger.
   Returns   PT_ERR_INVALID for NULL, PT_ERR_NOMEM if a foreign thread has no handle yet */
PT_API pt_status pt_thread_set_name(const char *name);

/* ---- Time and processors ------------------------------------------------------------------ */

/* Sleep for so many nanoseconds; never less. Zero or less returns at once.
   Returns   PT_OK, or PT_ERR_NOBLOCK on a thread that may not wait */
PT_API pt_status pt_thread_sleep(pt_time nanoseconds);

/* Sleep until a deadline. PT_FOREVER is PT_ERR_INVALID, since nothing could end it. */
PT_API pt_status pt_thread_sleep_until(pt_until until);

/* Let other threads run first, if there are any. */
PT_API void pt_thread_yield(void);

/* How many threads can run at the same time, at least 1. Native: the processors that this process may
   use, by its affinity mask and its cgroup's quota, rounded up. Browser: navigator.hardwareConcurrency.
   WASI: what the host says in the environment variable PT_PARALLELISM (portalis-wasi-run sets it), else 4, as
   there is no call for it.
   Cost: may read files; call it once. */
PT_API unsigned pt_thread_parallelism(void);

/* Whether the calling thread may wait. False only on the main thread of a browser page. */
PT_API bool pt_thread_may_block(void);

/* ---- Who waits for what ------------------------------------------------------------------- */

/* Write a line for each thread that the library knows: its id and name, and what it waits for and for how
   long: "  thread 3 "worker-1" waits 12 ms for mutex 0x5581c0". Threads that the library did not start
   are listed once they have asked for their handle or while they wait. For debugging and for watchdogs: what
   is written may be out of date as it is read. Safe to call while other threads hang, and runs none of
   their code. */
PT_API void pt_dump_waits(FILE *to);

#ifdef __cplusplus
}
#endif
#endif
