/* instrument.c: what the compiler calls for each access to memory, given -fsanitize=thread. The names and arguments are
   those of ThreadSanitizer's interface; orders are the compiler's __ATOMIC_ numbers.

   An atomic operation is: a decision who runs, what that fiber sees, and the operation. A plain access is no decision: if it
   matters who comes first, it is a race. Nor is an operation on a thread's own _Thread_local variable. */
#include <string.h>

#include "sim.h"

#define HERE __builtin_return_address(0)

/* ---- Plain accesses ------------------------------------------------------------------------ */

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_vptr_update(void **address, void *value);
void __tsan_vptr_read(void **address);
void __tsan_read_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    if (!pti_sim_runs())
        return;
    if (pti_sim_self->depth < SIM_CALLS)
        pti_sim_self->calls[pti_sim_self->depth] = caller;
    pti_sim_self->depth++;
}

void __tsan_func_exit(void)
{
    if (pti_sim_runs() && pti_sim_self->depth > 0)
        pti_sim_self->depth--;
}

void __tsan_vptr_update(void **address, void *value)
{
    (void)value;
    pti_race_access(address, sizeof *address, true, false, HERE);
}

void __tsan_vptr_read(void **address)
{
    pti_race_access(address, sizeof *address, false, false, HERE);
}

void __tsan_read_range(void *address, unsigned long size)
{
    pti_race_access(address, size, false, false, HERE);
}

void __tsan_write_range(void *address, unsigned long size)
{
    pti_race_access(address, size, true, false, HERE);
}

#define PLAIN(name, size, writes)                                                                                  \
    void __tsan_##name(void *address);                                                                             \
    void __tsan_##name(void *address)                                                                              \
    {                                                                                                              \
        pti_race_access(address, size, writes, false, HERE);                                                       \
    }
#define PLAIN_SIZES(size)                                                                                          \
    PLAIN(read##size, size, false)                                                                                 \
    PLAIN(write##size, size, true)                                                                                 \
    PLAIN(unaligned_read##size, size, false)                                                                       \
    PLAIN(unaligned_write##size, size, true)                                                                       \
    PLAIN(volatile_read##size, size, false)                                                                        \
    PLAIN(volatile_write##size, size, true)                                                                        \
    PLAIN(unaligned_volatile_read##size, size, false)                                                              \
    PLAIN(unaligned_volatile_write##size, size, true)                                                              \
    PLAIN(read_write##size, size, true)                                                                            \
    PLAIN(unaligned_read_write##size, size, true)
PLAIN_SIZES(1)
PLAIN_SIZES(2)
PLAIN_SIZES(4)
PLAIN_SIZES(8)
PLAIN_SIZES(16)

/* ---- Plain memory, many bytes at once ------------------------------------------------------ */

void *__tsan_memcpy(void *to, const void *from, unsigned long size);
void *__tsan_memmove(void *to, const void *from, unsigned long size);
void *__tsan_memset(void *to, int value, unsigned long size);

void *__tsan_memcpy(void *to, const void *from, unsigned long size)
{
    pti_race_access(from, size, false, false, HERE);
    pti_race_access(to, size, true, false, HERE);
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, unsigned long size)
{
    pti_race_access(from, size, false, false, HERE);
    pti_race_access(to, size, true, false, HERE);
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int value, unsigned long size)
{
    pti_race_access(to, size, true, false, HERE);
    return memset(to, value, size);
}

/* ---- Atomic operations --------------------------------------------------------------------- */

/* Whether others may notice what is done here; if so, they may go first. */
static bool matters(enum pti_operation operation, const void *address, const void *place)
{
    if (!pti_sim_runs() || pti_fiber_is_local(address))
        return false;
    pti_sim_point(operation, address, place);
    return true;
}

#define CHANGE(bits, name, expression)                                                                             \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *address, uint##bits##_t value,            \
                                                int order);                                                        \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *address, uint##bits##_t value, int order) \
    {                                                                                                              \
        const void *at = (const void *)(uintptr_t)address;                                                         \
        bool seen = matters(OP_CHANGE, at, HERE);                                                                  \
        uint##bits##_t old = *address;                                                                             \
        *address = (uint##bits##_t)(expression);                                                                   \
        if (seen)                                                                                                  \
            pti_atomic_change(at, bits / 8, old, *address, order, HERE);                                           \
        return old;                                                                                                \
    }

/* Compare and swap in the compiler's three forms. */
#define COMPARE(bits)                                                                                              \
    static bool compare##bits(volatile uint##bits##_t *address, uint##bits##_t *expected, uint##bits##_t value,    \
                              int order, int otherwise, bool weak, const void *place)                              \
    {                                                                                                              \
        const void *at = (const void *)(uintptr_t)address;                                                         \
        bool seen = matters(OP_CHANGE, at, place);                                                                 \
        uint##bits##_t old = *address;                                                                             \
        bool same = old == *expected && !(weak && seen && pti_atomic_fails());                                     \
        if (same)                                                                                                  \
            *address = value;                                                                                      \
        else                                                                                                       \
            *expected = old;                                                                                       \
        if (seen && same)                                                                                          \
            pti_atomic_change(at, bits / 8, old, value, order, place);                                             \
        else if (seen)                                                                                             \
            pti_atomic_refused(at, bits / 8, old, otherwise, place);                                               \
        return same;                                                                                               \
    }                                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *address, uint##bits##_t *expected,  \
                                                      uint##bits##_t value, int order, int otherwise);             \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *address, uint##bits##_t *expected,  \
                                                      uint##bits##_t value, int order, int otherwise)              \
    {                                                                                                              \
        return compare##bits(address, expected, value, order, otherwise, false, HERE);                             \
    }                                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile uint##bits##_t *address, uint##bits##_t *expected,    \
                                                    uint##bits##_t value, int order, int otherwise);               \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile uint##bits##_t *address, uint##bits##_t *expected,    \
                                                    uint##bits##_t value, int order, int otherwise)                \
    {                                                                                                              \
        return compare##bits(address, expected, value, order, otherwise, true, HERE);                              \
    }                                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *address,                    \
                                                              uint##bits##_t expected, uint##bits##_t value,       \
                                                              int order, int otherwise);                           \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                                     \
        volatile uint##bits##_t *address, uint##bits##_t expected, uint##bits##_t value, int order, int otherwise) \
    {                                                                                                              \
        compare##bits(address, &expected, value, order, otherwise, false, HERE);                                   \
        return expected;                                                                                           \
    }

#define ATOMIC(bits)                                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *address, int order);                  \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *address, int order)                   \
    {                                                                                                              \
        const void *at = (const void *)(uintptr_t)address;                                                         \
        if (!matters(OP_LOAD, at, HERE))                                                                           \
            return *address;                                                                                       \
        return (uint##bits##_t)pti_atomic_load(at, bits / 8, *address, order, HERE);                               \
    }                                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *address, uint##bits##_t value, int order);           \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *address, uint##bits##_t value, int order)            \
    {                                                                                                              \
        const void *at = (const void *)(uintptr_t)address;                                                         \
        bool seen = matters(OP_STORE, at, HERE);                                                                   \
        uint##bits##_t old = *address;                                                                             \
        *address = value;                                                                                          \
        if (seen)                                                                                                  \
            pti_atomic_store(at, bits / 8, old, value, order, HERE);                                               \
    }                                                                                                              \
    CHANGE(bits, exchange, value)                                                                                  \
    CHANGE(bits, fetch_add, old + value)                                                                           \
    CHANGE(bits, fetch_sub, old - value)                                                                           \
    CHANGE(bits, fetch_and, old &value)                                                                            \
    CHANGE(bits, fetch_or, old | value)                                                                            \
    CHANGE(bits, fetch_xor, old ^ value)                                                                           \
    CHANGE(bits, fetch_nand, ~(old & value))                                                                       \
    COMPARE(bits)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_atomic_thread_fence(int order)
{
    pti_sim_point(OP_FENCE, NULL, HERE);
    if (pti_sim_runs())
        pti_atomic_fence(order);
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
