/* wasix_futex.c: the futex of Debian's wasix-libc, replaced. Other libcs never ask for these two functions, and then
   they are not linked.

   wasix-libc's own (2025.12.24) pass the host a place on the caller's stack for an answer. A thread that ends wakes
   its joiner, releases libc's list of threads, and may then wake once more whoever waits for that list: by then the
   joiner may have freed the ended thread's stack, and the answer lands in somebody else's memory. These use
   WebAssembly's instructions and touch no memory but the futex itself, so that a thread's last wake is harmless. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>

int __wasilibc_futex_wait_wasix(volatile void *address, int operation, int expected, int64_t max_wait_ns);
int __wasilibc_futex_wake_wasix(int *address, int count);

/* Waits at most so many nanoseconds; 0 or less: for ever. */
int __wasilibc_futex_wait_wasix(volatile void *address, int operation, int expected, int64_t max_wait_ns)
{
    (void)operation;
    if ((uintptr_t)address % sizeof(int) != 0)
        return -EINVAL;
    switch (__builtin_wasm_memory_atomic_wait32((int *)(uintptr_t)address, expected,
                                                max_wait_ns > 0 ? max_wait_ns : -1)) {
    case 0: return 0;
    case 1: return -EWOULDBLOCK;
    default: return -ETIMEDOUT;
    }
}

int __wasilibc_futex_wake_wasix(int *address, int count)
{
    return count <= 0 ? 0 : (int)__builtin_wasm_memory_atomic_notify(address, (unsigned)count);
}
