/* pt_atomic.h: atomic variables for C11 and C++17 alike, and waiting for one to change.

     static pt_atomic_u32 ready = PT_ATOMIC_INIT(0);

     message = 42;                                            while (pt_atomic_u32_load(&ready, PT_ORDER_ACQUIRE) == 0)
     pt_atomic_u32_store(&ready, 1, PT_ORDER_RELEASE);            pt_atomic_u32_wait(&ready, 0, PT_FOREVER);
     pt_atomic_u32_wake(&ready, UINT32_MAX);                  use(message);

   Types     pt_atomic_bool, pt_atomic_u32, pt_atomic_i32, pt_atomic_u64, pt_atomic_i64, pt_atomic_ptr: each as large as
             the value in it, and valid when all bytes are zero. Do not touch `value` yourself, and do not copy one that
             others use.
   Order     each call is told its order, which should be a constant: one that is not works too, but costs more. To ask
             for an order that the call does not allow is a bug, of which not every compiler warns.
   Blocking  none of these blocks, but pt_wait_word() and pt_atomic_u32_wait().
   Threads   any, at any time, signal handlers included but for waiting and waking.
   NULL      passing NULL for a variable is a bug and crashes.
   Targets   native, WASI, browser: all are lock-free, 64 bits too, which WebAssembly has although it is a 32-bit
             machine (compile with -pthread or -matomics). WebAssembly knows PT_ORDER_SEQ_CST only, whatever is asked
             for. On a 32-bit machine without 64-bit atomics (PT_ATOMIC_64_LOCK_FREE is 0 there) the compiler turns _u64
             and _i64 into calls of its libatomic, to be linked with -latomic: right, but slower, and not for signal
             handlers. */
#ifndef PT_ATOMIC_H
#define PT_ATOMIC_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Order -------------------------------------------------------------------------------- */

/* What an access orders, as in C11's <stdatomic.h>. */
typedef enum pt_order {
    PT_ORDER_RELAXED = __ATOMIC_RELAXED, /* nothing: the access is atomic, and that is all */
    PT_ORDER_ACQUIRE = __ATOMIC_ACQUIRE, /* a load: sees what was written before the release that it reads */
    PT_ORDER_RELEASE = __ATOMIC_RELEASE, /* a store: what was written before is seen by who acquires it */
    PT_ORDER_ACQ_REL = __ATOMIC_ACQ_REL, /* both, for what loads and stores in one step */
    PT_ORDER_SEQ_CST = __ATOMIC_SEQ_CST  /* both, and all threads agree on one order of all such accesses */
} pt_order;

/* Where order stands between accesses instead of at one: every access before the fence against every access after it.
   All orders; PT_ORDER_RELAXED does nothing. Prefer orders at accesses: ThreadSanitizer does not see fences.
   Cost      native: PT_ORDER_SEQ_CST some 10 ns, the others nothing on x86 */
static inline void pt_atomic_thread_fence(pt_order order);

/* The same between a thread and a signal handler that runs in it: orders the compiler, and costs nothing. */
static inline void pt_atomic_signal_fence(pt_order order);

/* Tell the processor that this thread looks at something again and again: for the body of a short loop that waits for
   a thread on another processor. It takes some 50 ns on x86, and on WebAssembly nothing: it has no such instruction. */
static inline void pt_cpu_relax(void);

/* ---- Types -------------------------------------------------------------------------------- */

typedef struct pt_atomic_bool {
    bool value; /* private, here and below */
} pt_atomic_bool;

typedef struct pt_atomic_u32 {
    uint32_t value;
} pt_atomic_u32;

typedef struct pt_atomic_i32 {
    int32_t value;
} pt_atomic_i32;

typedef struct pt_atomic_u64 {
    uint64_t value __attribute__((aligned(8))); /* which not all 32-bit machines do by themselves */
} pt_atomic_u64;

typedef struct pt_atomic_i64 {
    int64_t value __attribute__((aligned(8)));
} pt_atomic_i64;

typedef struct pt_atomic_ptr {
    void *value;
} pt_atomic_ptr;

/* The first value, for each of the types. (At run time, before others know of it, a relaxed store does the same.) */
/* clang-format off */
#define PT_ATOMIC_INIT(v) {(v)}
/* clang-format on */

/* 1 if pt_atomic_u64 and pt_atomic_i64 are lock-free: see Targets. */
#define PT_ATOMIC_64_LOCK_FREE (__GCC_ATOMIC_LLONG_LOCK_FREE == 2)

/* ---- pt_atomic_u32, as an example for all ------------------------------------------------- */

/* The variable's value.
   order     PT_ORDER_RELAXED, _ACQUIRE or _SEQ_CST
   Cost      native: as a plain load */
static inline uint32_t pt_atomic_u32_load(const pt_atomic_u32 *atomic, pt_order order);

/* Set the variable.
   order     PT_ORDER_RELAXED, _RELEASE or _SEQ_CST
   Cost      native: as a plain store; PT_ORDER_SEQ_CST on x86 as an exchange */
static inline void pt_atomic_u32_store(pt_atomic_u32 *atomic, uint32_t value, pt_order order);

/* Set the variable, and return the value that this took the place of.
   order     any
   Cost      native: some 5 ns where no other processor uses the variable, up to 100 ns where others do; the same for
             all below */
static inline uint32_t pt_atomic_u32_exchange(pt_atomic_u32 *atomic, uint32_t value, pt_order order);

/* Set the variable to desired if it is *expected.
   expected  what it should be; if it is not, receives what it is, and the variable is left alone
   success   any order
   failure   PT_ORDER_RELAXED, _ACQUIRE or _SEQ_CST, no stronger than success: the order of a load that finds otherwise
   Returns   whether it was *expected, and is now desired */
static inline bool pt_atomic_u32_compare_exchange(pt_atomic_u32 *atomic, uint32_t *expected, uint32_t desired,
                                                  pt_order success, pt_order failure);

/* The same, but may fail, now and then, although the variable is *expected: cheaper on some machines in a loop that
   tries again anyhow. */
static inline bool pt_atomic_u32_compare_exchange_weak(pt_atomic_u32 *atomic, uint32_t *expected, uint32_t desired,
                                                       pt_order success, pt_order failure);

/* Change the variable by one step of arithmetic, and return the value before. Sums wrap around, signed ones too.
   order     any */
static inline uint32_t pt_atomic_u32_fetch_add(pt_atomic_u32 *atomic, uint32_t operand, pt_order order);
static inline uint32_t pt_atomic_u32_fetch_sub(pt_atomic_u32 *atomic, uint32_t operand, pt_order order);
static inline uint32_t pt_atomic_u32_fetch_and(pt_atomic_u32 *atomic, uint32_t operand, pt_order order);
static inline uint32_t pt_atomic_u32_fetch_or(pt_atomic_u32 *atomic, uint32_t operand, pt_order order);
static inline uint32_t pt_atomic_u32_fetch_xor(pt_atomic_u32 *atomic, uint32_t operand, pt_order order);

/* ---- The other types ---------------------------------------------------------------------- */

/* The same functions with the type's name and values:

     pt_atomic_i32, pt_atomic_u64, pt_atomic_i64   all of them, with int32_t, uint64_t, int64_t
     pt_atomic_ptr                                 with void *; no fetch_ functions
     pt_atomic_bool                                with bool; no fetch_ functions, but these two */

/* Set the variable to true, and return whether it was true already: false for one thread, who may go on.
   order     any; PT_ORDER_ACQUIRE for a lock */
static inline bool pt_atomic_bool_test_and_set(pt_atomic_bool *atomic, pt_order order);

/* Set the variable to false.
   order     PT_ORDER_RELAXED, _RELEASE or _SEQ_CST; PT_ORDER_RELEASE for a lock */
static inline void pt_atomic_bool_clear(pt_atomic_bool *atomic, pt_order order);

/* ---- Waiting for a word to change --------------------------------------------------------- */

/* Wait while *word is expected, until somebody calls pt_wake_word() for it: what a futex is to Linux, on every target.

   word      the address is what waiter and waker agree on. It must be readable during the call, and others may write it
             with atomic operations only
   expected  checked as one step with falling asleep: if the word is changed, by a store of any order, before
             pt_wake_word() is called, that wake is not missed
   Returns   PT_OK           woken, or the word was not expected any more; it may be so again by now, and where memory
                             is used anew a late wake may be meant for what was there before: look, and wait again
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  neither until the call gave up. No wake is lost on such a caller
             PT_ERR_NOBLOCK  the word is expected, and this thread may not wait
   Order     what was written before the store that changed the word is visible, if that store releases; so is what the
             waker wrote before pt_wake_word(), if the caller was woken by it
   Blocks    as said; spins for a few microseconds before it sleeps
   Cost      not expected: one load */
PT_API PT_NODISCARD pt_status pt_wait_word(const uint32_t *word, uint32_t expected, pt_until until);

/* Let up to `most` threads go on that wait for the word, the longest waiting first.

   word      only a name: never read, so the memory may be gone. Threads that wait for a mutex, or whatever else of the
             library, are not woken, even if it lies at that address
   most      UINT32_MAX for all
   Returns   how many were woken
   Blocks    never
   Cost      a short lock, some 20 ns, if nobody waits; no system call unless somebody sleeps */
PT_API uint32_t pt_wake_word(const uint32_t *word, uint32_t most);

/* The same for a pt_atomic_u32. */
PT_NODISCARD static inline pt_status pt_atomic_u32_wait(const pt_atomic_u32 *atomic, uint32_t expected,
                                                        pt_until until)
{
    return pt_wait_word(&atomic->value, expected, until);
}

static inline uint32_t pt_atomic_u32_wake(const pt_atomic_u32 *atomic, uint32_t most)
{
    return pt_wake_word(&atomic->value, most);
}

/* ---- Definitions: nothing to learn from here on ------------------------------------------- */

/* Inlined even where nothing else is, so that the order is a constant to the compiler. */
#define PTI_ATOMIC __attribute__((always_inline)) static inline

PTI_ATOMIC void pt_atomic_thread_fence(pt_order order)
{
    __atomic_thread_fence((int)order);
}

PTI_ATOMIC void pt_atomic_signal_fence(pt_order order)
{
    __atomic_signal_fence((int)order);
}

PTI_ATOMIC void pt_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* The functions of pt_atomic_NAME, whose values are TYPE. */
#define PTI_ATOMIC_DEFINE(NAME, TYPE)                                                                              \
    PTI_ATOMIC TYPE pt_atomic_##NAME##_load(const pt_atomic_##NAME *atomic, pt_order order)                        \
    {                                                                                                              \
        return __atomic_load_n(&atomic->value, (int)order);                                                        \
    }                                                                                                              \
    PTI_ATOMIC void pt_atomic_##NAME##_store(pt_atomic_##NAME *atomic, TYPE value, pt_order order)                 \
    {                                                                                                              \
        __atomic_store_n(&atomic->value, value, (int)order);                                                       \
    }                                                                                                              \
    PTI_ATOMIC TYPE pt_atomic_##NAME##_exchange(pt_atomic_##NAME *atomic, TYPE value, pt_order order)              \
    {                                                                                                              \
        return __atomic_exchange_n(&atomic->value, value, (int)order);                                             \
    }                                                                                                              \
    PTI_ATOMIC bool pt_atomic_##NAME##_compare_exchange(pt_atomic_##NAME *atomic, TYPE *expected, TYPE desired,    \
                                                        pt_order success, pt_order failure)                        \
    {                                                                                                              \
        return __atomic_compare_exchange_n(&atomic->value, expected, desired, false, (int)success, (int)failure);  \
    }                                                                                                              \
    PTI_ATOMIC bool pt_atomic_##NAME##_compare_exchange_weak(pt_atomic_##NAME *atomic, TYPE *expected,             \
                                                             TYPE desired, pt_order success, pt_order failure)     \
    {                                                                                                              \
        return __atomic_compare_exchange_n(&atomic->value, expected, desired, true, (int)success, (int)failure);   \
    }

#define PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, OPERATION)                                                             \
    PTI_ATOMIC TYPE pt_atomic_##NAME##_fetch_##OPERATION(pt_atomic_##NAME *atomic, TYPE operand, pt_order order)   \
    {                                                                                                              \
        return __atomic_fetch_##OPERATION(&atomic->value, operand, (int)order);                                    \
    }

#define PTI_ATOMIC_DEFINE_INTEGER(NAME, TYPE)                                                                      \
    PTI_ATOMIC_DEFINE(NAME, TYPE)                                                                                  \
    PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, add)                                                                       \
    PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, sub)                                                                       \
    PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, and)                                                                       \
    PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, or)                                                                        \
    PTI_ATOMIC_DEFINE_FETCH(NAME, TYPE, xor)

PTI_ATOMIC_DEFINE_INTEGER(u32, uint32_t)
PTI_ATOMIC_DEFINE_INTEGER(i32, int32_t)
PTI_ATOMIC_DEFINE_INTEGER(u64, uint64_t)
PTI_ATOMIC_DEFINE_INTEGER(i64, int64_t)
PTI_ATOMIC_DEFINE(ptr, void *)
PTI_ATOMIC_DEFINE(bool, bool)

PTI_ATOMIC bool pt_atomic_bool_test_and_set(pt_atomic_bool *atomic, pt_order order)
{
    return __atomic_exchange_n(&atomic->value, true, (int)order);
}

PTI_ATOMIC void pt_atomic_bool_clear(pt_atomic_bool *atomic, pt_order order)
{
    __atomic_store_n(&atomic->value, false, (int)order);
}

#undef PTI_ATOMIC_DEFINE_INTEGER
#undef PTI_ATOMIC_DEFINE_FETCH
#undef PTI_ATOMIC_DEFINE
#undef PTI_ATOMIC

#ifdef __cplusplus
}
#endif
#endif
