/* atomic.h: every access to memory that threads share, with its order in its name.

   Thin names over the compiler's C11 atomics that take plain integers and pointers, so that public
   structs need no _Atomic and stay valid C++. No bare fences but one in pool/wake.c: ThreadSanitizer follows orders on
   operations only. Each acquire says at its line which release it pairs with; relaxed says why nothing
   hangs on it, unless the protocol's comment at the top of the file does. */
#ifndef PTI_ATOMIC_H
#define PTI_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define swap_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define swap_release(p, v) __atomic_exchange_n((p), (v), __ATOMIC_RELEASE)
#define swap_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

#define add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define add_release(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#define sub_relaxed(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define sub_acq_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define and_relaxed(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)
#define or_release(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELEASE)
#define or_acq_rel(p, v) __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define or_relaxed(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)

/* In the one order that all threads agree on: for two who each write, and then look what the other wrote. */
#define load_agreed(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store_agreed(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define add_agreed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)

/* Compare and swap: true if *p was *seen and is now v; else *seen is what *p was. A failure orders
   nothing. */
#define cas(p, seen, v, order) __atomic_compare_exchange_n((p), (seen), (v), false, order, __ATOMIC_RELAXED)
#define cas_relaxed(p, seen, v) cas(p, seen, v, __ATOMIC_RELAXED)
#define cas_acquire(p, seen, v) cas(p, seen, v, __ATOMIC_ACQUIRE)
#define cas_release(p, seen, v) cas(p, seen, v, __ATOMIC_RELEASE)
#define cas_acq_rel(p, seen, v) cas(p, seen, v, __ATOMIC_ACQ_REL)
#define cas_agreed(p, seen, v) cas(p, seen, v, __ATOMIC_SEQ_CST)

/* Orders nothing between threads: keeps the compiler from moving accesses past a point where a signal handler of the
   same thread may look. */
#define signal_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
