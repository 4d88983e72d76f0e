/* pt_base.h: what every other header of libportalis_thread stands on: status codes, time and
   deadlines, the allocator hook, annotations.

   Everything here may be called from any thread, at any time, and never blocks. */
#ifndef PT_BASE_H
#define PT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Annotations -------------------------------------------------------------------------- */

/* PT_API marks what the library exports; all else is hidden. */
#define PT_API __attribute__((visibility("default")))

/* The compiler warns when the result of such a call is thrown away. */
#define PT_NODISCARD __attribute__((warn_unused_result))

/* Clang's -Wthread-safety reads these and checks at compile time that data are touched only under
   their lock. Other compilers see nothing.

     pt_mutex mu;
     int balance PT_GUARDED_BY(&mu);
     void audit(void) PT_REQUIRES(&mu);       the caller holds mu

   PT_TRY_ACQUIRE(0, &mu) is for functions that hold it if they return PT_OK. In C++, and in checked builds, Clang does
   not see that `== PT_OK` asks for that: there, functions that try want PT_NO_THREAD_SAFETY_ANALYSIS. */
#if defined(__clang__)
#define PT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define PT_THREAD_ANNOTATION(x)
#endif
#define PT_CAPABILITY(name) PT_THREAD_ANNOTATION(capability(name))
#define PT_GUARDED_BY(lock) PT_THREAD_ANNOTATION(guarded_by(lock))
#define PT_PT_GUARDED_BY(lock) PT_THREAD_ANNOTATION(pt_guarded_by(lock))
#define PT_REQUIRES(...) PT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define PT_EXCLUDES(...) PT_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define PT_ACQUIRE(...) PT_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define PT_RELEASE(...) PT_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define PT_TRY_ACQUIRE(...) PT_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define PT_REQUIRES_SHARED(...) PT_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define PT_ACQUIRE_SHARED(...) PT_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define PT_RELEASE_SHARED(...) PT_THREAD_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define PT_TRY_ACQUIRE_SHARED(...) PT_THREAD_ANNOTATION(try_acquire_shared_capability(__VA_ARGS__))
#define PT_NO_THREAD_SAFETY_ANALYSIS PT_THREAD_ANNOTATION(no_thread_safety_analysis)

/* ---- Version ------------------------------------------------------------------------------ */

#define PT_VERSION_MAJOR 0
#define PT_VERSION_MINOR 1
#define PT_VERSION_PATCH 0

/* The version of the library that is linked, "0.1.0"; the macros above are the header's. */
PT_API const char *pt_version(void);

/* ---- Status ------------------------------------------------------------------------------- */

/* What a call answers. A call that does not return PT_OK has changed nothing: its out-parameters
   and its objects are as they were. Numbers are never reused. */
typedef enum pt_status {
    PT_OK = 0,
    PT_ERR_TIMEOUT = -1,     /* the deadline passed first */
    PT_ERR_BUSY = -2,        /* a try_ call would have had to wait */
    PT_ERR_NOBLOCK = -3,     /* it would have to wait, and this thread must not (browser main thread) */
    PT_ERR_AGAIN = -4,       /* no more threads can be had just now */
    PT_ERR_NOMEM = -5,       /* out of memory */
    PT_ERR_INVALID = -6,     /* an argument is NULL or out of range, or the object's state forbids it */
    PT_ERR_DEADLOCK = -7,    /* the caller would wait for itself */
    PT_ERR_OVERFLOW = -8,    /* a count would pass its maximum */
    PT_ERR_UNSUPPORTED = -9, /* this target has no such thing */
    PT_ERR_CANCELLED = -10,  /* the cancel token was cancelled first */
    PT_ERR_ABORTED = -11,    /* somebody gave up what was waited for: see pt_barrier_abort(), pt_future_cancel() */
    PT_ERR_FAILED = -12,     /* it ended with an error: see pt_thread_fail(), pt_future_fail() */
    PT_ERR_CLOSED = -13,     /* nothing more comes in, or out: of a channel, of a future that has ended */
    PT_ERR_MALFORMED = -14   /* the input is not as it should be: see pt_message.h */
} pt_status;

/* The number itself, which is the only form in which -Wthread-safety understands pt_mutex_try_lock(&mu) == PT_OK. */
#if defined(__clang__) && !defined(__cplusplus)
#define PT_OK 0
#endif

/* A sentence in English for a status: "deadline passed". Never NULL, also for unknown numbers; the
   text is constant and need not be freed. */
PT_API const char *pt_strerror(pt_status status);

/* ---- Time --------------------------------------------------------------------------------- */

/* A moment, or a length of time, in nanoseconds of a clock that never runs backwards and stands in
   no relation to the time of day. Resolution: 1 ns natively and on WASI, 5 us in a browser, where the Workers'
   own clocks are made one: no thread reads an earlier moment than another has read before. */
typedef int64_t pt_time;

#define PT_MICROSECOND ((pt_time)1000)
#define PT_MILLISECOND ((pt_time)1000000)
#define PT_SECOND ((pt_time)1000000000)
#define PT_TIME_NEVER INT64_MAX /* later than every moment */

/* The current moment. Cost: one clock reading, some 20 ns natively, no system call. */
PT_API pt_time pt_now(void);

/* When a blocking call should give up: at a deadline, once a token is cancelled (pt_cancel.h), at whichever comes
   first, or never: PT_FOREVER. A deadline that has passed already, or a token that is cancelled already, makes the call
   try once and not wait. */
typedef struct pt_until {
    pt_time deadline;         /* absolute; PT_TIME_NEVER for none */
    struct pt_cancel *cancel; /* NULL for none; stays the caller's */
} pt_until;

static const pt_until PT_FOREVER = {PT_TIME_NEVER, NULL};

/* At an absolute moment of pt_now()'s clock. */
static inline pt_until pt_at(pt_time moment)
{
    pt_until until;
    until.deadline = moment;
    until.cancel = NULL;
    return until;
}

/* Whether it never ends a wait. */
static inline bool pt_until_is_forever(pt_until until)
{
    return until.deadline == PT_TIME_NEVER && until.cancel == NULL;
}

/* So many nanoseconds from now. Zero or less has passed already; a sum past the end of time is
   PT_FOREVER. */
PT_API pt_until pt_after(pt_time nanoseconds);

/* So many milliseconds from now, with the same rules. */
PT_API pt_until pt_after_ms(int64_t milliseconds);

/* ---- Memory ------------------------------------------------------------------------------- */

/* Where the library gets its memory. Synchronisation objects take none; threads take one block of
   about 200 bytes each. Both functions may be called from several threads at once. */
typedef struct pt_allocator {
    void *(*allocate)(size_t size, void *context);  /* aligned as malloc's; NULL: PT_ERR_NOMEM */
    void (*deallocate)(void *block, void *context); /* block is never NULL */
    void *context;                                  /* handed to both */
} pt_allocator;

/* Use another allocator from now on; NULL returns to the C library's. To be called before the library
   holds any memory, so best first thing in main(): a block goes back to the allocator that is set when
   it is freed. What the library only keeps for reuse goes back first, as by pt_memory_trim().
   Returns   PT_ERR_INVALID if a function is missing */
PT_API pt_status pt_set_allocator(const pt_allocator *allocator);

/* Give the allocator back what is kept for reuse, by all threads together and by the calling one. Futures are: each thread
   keeps up to 64 that were released, and all together some thousand. What another thread keeps comes back when it ends, and this is
   called after that. It is called when the program ends.
   Blocks    never, but for what the allocator does */
PT_API void pt_memory_trim(void);

#ifdef __cplusplus
}
#endif
#endif
