/* pt_thread.h: threads: start, join, name, sleep; values of their own; scopes; and who waits for what.

   A pt_thread is a reference-counted handle. pt_thread_spawn() gives its caller one reference, to be
   given back with pt_thread_release(); the thread itself holds another while it runs, so a handle stays
   good for as long as anybody has it. Letting the last handle go without a join is how a thread is
   detached: it runs on, and nobody hears of its end.

   Carriers  What runs a thread is its carrier: an OS thread, or a Worker. A carrier whose thread has ended may park and
             carry the next one, which saves most of what a start costs. See pt_reuse.
   Targets   native: carriers are OS threads. WASI: instances of the module, started by the host.
             Browser: Workers; the page must be cross-origin isolated, and Workers should be
             ready beforehand (Emscripten's PTHREAD_POOL_SIZE), as none can be started while the page's
             main thread is busy. A carrier that ends gives its Worker back to Emscripten's pool.
   Fork      the child has one thread, which may use the library as before: start threads, take locks. Handles of the
             parent's other threads can only be released there: they neither run nor end. */
#ifndef PT_THREAD_H
#define PT_THREAD_H

#include <stdio.h>

#include <pt_base.h>
#include <pt_checked.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_thread pt_thread;

/* What a thread runs. What it returns is what pt_thread_join() delivers. */
typedef void *(*pt_thread_function)(void *arg);

#define PT_THREAD_NAME_SIZE 32 /* bytes of a name that are kept, with the closing zero */

/* Whether a thread may run on a carrier that carried another one before, and leave its own to the next. What a
   program can see of it: on a carrier used before, C's _Thread_local variables and POSIX's thread-specific
   values still have what the last thread left in them, and the signal mask is its too. pt_tls values always start empty. */
typedef enum pt_reuse {
    PT_REUSE_AUTO, /* natively as NEVER, on WASI and in browsers as ALWAYS */
    PT_REUSE_ALWAYS, /* a parked carrier with a stack at least as large as wanted, or else a new one that parks later */
    PT_REUSE_NEVER /* a new carrier that ends with the thread */
} pt_reuse;

/* How a thread is to be. All zeroes is a good default. */
typedef struct pt_thread_config {
    const char *name;  /* for people and debuggers; cut to PT_THREAD_NAME_SIZE; NULL: "thread-<id>" */
    size_t stack_size; /* bytes; 0: the default of the target (native 8 MiB as a rule, WASI and browser
                          256 KiB). There is no guard page on WASI and in browsers: be generous */
    pt_reuse reuse;
    bool detached; /* nobody can join it; a handle still tells its name and whether it is finished */
} pt_thread_config;

#define PT_ERROR_SIZE 96 /* bytes of an error's message that are kept, with the closing zero */

/* What a thread that failed leaves behind. */
typedef struct pt_error {
    int code;
    char message[PT_ERROR_SIZE];
} pt_error;

/* ---- Start and end ------------------------------------------------------------------------ */

/* Start a thread that runs function(arg).

   out       receives a reference to the thread; NULL starts it detached
   config    NULL for the defaults; read only during the call
   Returns   PT_OK
             PT_ERR_AGAIN    no more threads can be had: a limit of the system or the host, or no Worker
                             is ready. Try later, or do the work here. In a browser the Worker of a thread that has ended
                             and is not parked is ready again once the page's main thread has had a turn
             PT_ERR_NOMEM    no memory for the thread's record or its stack
             PT_ERR_INVALID  function is NULL, the stack size is below what the target needs (natively
                             PTHREAD_STACK_MIN) or beyond what it can give, or reuse is none of the three
   Blocks    never natively and on a browser's main thread; on WASI and in Workers for as long as the
             host takes to accept
   Cost      on a parked carrier some microseconds. Else native: as pthread_create, some 20 us; WASI, browser: about
             1 ms with a Worker ready */
PT_API PT_NODISCARD pt_status pt_thread_spawn(pt_thread **out, const pt_thread_config *config,
                                              pt_thread_function function, void *arg);

/* Wait for the thread to end, and take its result. A result, or an error, can be taken once.

   thread    stays the caller's: release it when done with it
   result    receives what the thread's function returned; may be NULL
   Returns   PT_OK            the thread has ended and all that it wrote is visible; its pt_tls destructors have run. If it
                              had a carrier for itself (PT_REUSE_NEVER) and until is PT_FOREVER, its _Thread_local
                              destructors have run too and its stack is gone (in browsers, and with a deadline, that
                              may take a moment longer)
             PT_ERR_FAILED    the same, but it ended with an error: see pt_thread_error()
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  still running when the call gave up
             PT_ERR_NOBLOCK   still running, and this thread may not wait
             PT_ERR_DEADLOCK  thread is the caller itself
             PT_ERR_INVALID   thread is NULL, was joined before or is being joined, is detached, or was not started by
                              pt_thread_spawn()
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

/* Give the handle back and say that nobody will join: joining the thread by another handle is PT_ERR_INVALID from now on. */
PT_API void pt_thread_detach(pt_thread *thread);

/* Let the calling thread end with an error instead of a result: `return pt_thread_fail(ENOENT, "no such file");` The last
   call before the end counts. message is cut to PT_ERROR_SIZE; NULL is "". Works in threads that pt_thread_spawn() started,
   and does nothing in others.
   Returns   NULL */
PT_API void *pt_thread_fail(int code, const char *message);

/* The error of a thread that has ended with one.
   Returns   PT_OK, PT_ERR_BUSY while it runs, or PT_ERR_INVALID if a handle is NULL or it ended without an error */
PT_API pt_status pt_thread_error(const pt_thread *thread, pt_error *error);

/* ---- Parked carriers ---------------------------------------------------------------------- */

/* How many carriers may be parked at a time, and after how many nanoseconds without work a parked one ends. Unless set:
   64, and 10 s. Carriers that are parked already keep their time. Never blocks.
   Returns   PT_ERR_INVALID if idle is negative */
PT_API pt_status pt_thread_set_parking(unsigned most, pt_time idle);

/* End all carriers that are parked now. Returns when they are gone, in browsers somewhat earlier. A process that ends does this
   by itself. */
PT_API void pt_thread_trim(void);

/* How many carriers are parked, as far as can be known. */
PT_API unsigned pt_thread_parked(void);

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
PT_API pt_status pt_sleep(pt_time nanoseconds);

/* Sleep until a deadline or until a token is cancelled.
   Returns   PT_OK             the deadline has passed
             PT_ERR_CANCELLED  the token was cancelled; PT_ERR_TIMEOUT: its own deadline passed
             PT_ERR_NOBLOCK    on a thread that may not wait
             PT_ERR_INVALID    for PT_FOREVER, since nothing could end it */
PT_API pt_status pt_sleep_until(pt_until until);

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

/* Tie the calling thread to these processors, numbered from 0 as the system does; count 0 lets it run on all again. Native
   Linux only. The thread's carrier is not used for another one afterwards.
   Returns   PT_OK
             PT_ERR_INVALID      a processor that does not exist, or that this process may not use
             PT_ERR_UNSUPPORTED  on other targets */
PT_API pt_status pt_thread_set_affinity(const unsigned *processors, size_t count);

/* The processors that the calling thread may run on.

   processors  receives the numbers of the first `most` of them, in rising order
   count       receives how many there are in all
   Returns     PT_OK, PT_ERR_INVALID if count is NULL, PT_ERR_UNSUPPORTED on other targets than native Linux */
PT_API pt_status pt_thread_affinity(unsigned *processors, size_t most, size_t *count);

typedef enum pt_priority { PT_PRIORITY_LOW = -1, PT_PRIORITY_NORMAL = 0, PT_PRIORITY_HIGH = 1 } pt_priority;

/* Hint to the system how urgent the calling thread's work is. Native Linux only, where it sets the thread's nice value: 10, 0
   or -5. The thread's carrier is not used for another one afterwards.
   Returns   PT_OK
             PT_ERR_INVALID      none of the three
             PT_ERR_UNSUPPORTED  on other targets, and where the system does not let this user do it: HIGH, or back from
                                 LOW, as a rule need a privilege */
PT_API pt_status pt_thread_set_priority(pt_priority priority);

/* ---- Values of each thread's own ---------------------------------------------------------- */

/* A variable of which each thread has its own, NULL at first; unlike _Thread_local it is empty in each new pt_thread, can be
   made at run time, and has a destructor.

     static pt_tls buffer = PT_TLS_INIT(free);
     if (pt_tls_get(&buffer) == NULL)
         pt_tls_set(&buffer, malloc(4096));

   When a thread ends, the destructors of its values that are not NULL run in that thread, the value that was set last (from
   NULL) first. Each value is NULL again before its destructor is called. Values that destructors set are destroyed too;
   but each destructor is called PT_TLS_ROUNDS times at most, and what is left then is forgotten. */
typedef struct pt_tls {
    uint64_t key; /* all private */
    void (*destructor)(void *value);
} pt_tls;

#define PT_TLS_ROUNDS 8

/* clang-format off */
#define PT_TLS_INIT(destructor) {0, (destructor)} /* NULL for no destructor */
/* clang-format on */

/* The calling thread's value. Cost: a few loads. */
PT_API void *pt_tls_get(const pt_tls *tls);

/* Set the calling thread's value. The old one is not destroyed.
   Returns   PT_OK, or PT_ERR_NOMEM: the value is as it was
   Cost      the first time in a thread it may take memory, some 50 bytes a pt_tls */
PT_API PT_NODISCARD pt_status pt_tls_set(pt_tls *tls, void *value);

/* Forget the values of all threads, without calling their destructors, and all that the library keeps for this pt_tls. It may
   be used again then, and is empty everywhere. No other thread may use it at the same time. */
PT_API void pt_tls_destroy(pt_tls *tls);

/* ---- Scopes ------------------------------------------------------------------------------- */

/* A place to start threads that must not outlive it.

     int count(void)
     {
         PT_SCOPE(scope);
         for (...)
             if (pt_scope_spawn(&scope, NULL, work, part) != PT_OK)
                 return -1;                          the threads started so far are joined here
         return pt_scope_join(&scope, NULL) == PT_OK ? 0 : -1;
     }

   PT_SCOPE declares a scope that is joined whenever the block is left, by return, break, goto, or a C++ exception; by longjmp
   it is not. pt_scope alone, set to PT_SCOPE_INIT, is joined by pt_scope_join() only. */
typedef struct pt_scope {
    uint32_t lock; /* all private */
    pt_thread *threads;
    pt_error error;
    bool failed;
} pt_scope;

/* clang-format off */
#define PT_SCOPE_INIT {0, NULL, {0, {0}}, false}
#define PT_SCOPE(name) __attribute__((cleanup(pti_scope_end))) pt_scope name = PT_SCOPE_INIT
/* clang-format on */

/* Start a thread in the scope. As pt_thread_spawn(); config->detached is PT_ERR_INVALID. The scope's own threads may start
   more. */
PT_API PT_NODISCARD pt_status pt_scope_spawn(pt_scope *scope, const pt_thread_config *config,
                                             pt_thread_function function, void *arg);

/* Join all threads of the scope, also those that are started meanwhile. Their results are dropped; the scope can be used
   again.

   error     receives the error of the first that was found to have failed; may be NULL
   Returns   PT_OK
             PT_ERR_FAILED    all are joined, and at least one ended with an error
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  some still run; they stay in the scope
             PT_ERR_NOBLOCK   some still run, and this thread may not wait; they stay in the scope */
PT_API pt_status pt_scope_join(pt_scope *scope, pt_error *error);
PT_API PT_NODISCARD pt_status pt_scope_join_until(pt_scope *scope, pt_error *error, pt_until until);

/* What PT_SCOPE calls at the end. On a thread that may not wait, threads that still run are detached. */
PT_API void pti_scope_end(pt_scope *scope);

/* ---- Who waits for what ------------------------------------------------------------------- */

/* Write a line for each thread that the library knows: its id and name, and what it waits for and for how
   long: "  thread 3 "worker-1" waits 12 ms for mutex 0x5581c0". Threads that the library did not start
   are listed once they have asked for their handle or while they wait. For debugging and for watchdogs: what
   is written may be out of date as it is read. Safe to call while other threads hang, and runs none of
   their code. */
PT_API void pt_dump_waits(FILE *to);

/* ---- Checked builds ----------------------------------------------------------------------- */

/* Note the place of each call; see pt_checked.h. */
#if defined(PT_CHECKED) && !defined(PTI_LIBRARY)
/* clang-format off */
#define pt_thread_join(...) (PTI_CHECKED_HERE, pt_thread_join(__VA_ARGS__))
#define pt_thread_join_until(...) (PTI_CHECKED_HERE, pt_thread_join_until(__VA_ARGS__))
#define pt_scope_join(...) (PTI_CHECKED_HERE, pt_scope_join(__VA_ARGS__))
#define pt_scope_join_until(...) (PTI_CHECKED_HERE, pt_scope_join_until(__VA_ARGS__))
/* clang-format on */
#endif

#ifdef __cplusplus
}
#endif
#endif
