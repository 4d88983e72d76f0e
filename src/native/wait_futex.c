/* wait_futex.c: waiting on a word with Linux's futex. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port.h"

/* The kernel's own 64-bit timespec, which libc's may not be on 32-bit machines. */
struct kernel_timespec {
    int64_t seconds, nanoseconds;
};

#if defined(SYS_futex_time64) && !defined(__LP64__)
#define FUTEX_CALL SYS_futex_time64
#else
#define FUTEX_CALL SYS_futex
#endif

void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline)
{
    struct kernel_timespec when = {deadline / PT_SECOND, deadline % PT_SECOND};
    if (deadline <= 0)
        return;
    /* The bitset form takes an absolute time of the monotonic clock. All errors mean: look again. */
    int error = errno; /* a caller's, or that of whom a signal handler has interrupted */
    syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline == PT_TIME_NEVER ? NULL : &when, NULL,
            FUTEX_BITSET_MATCH_ANY);
    errno = error;
}

void pti_port_wake(const uint32_t *word)
{
    int error = errno;
    syscall(FUTEX_CALL, word, FUTEX_WAKE_PRIVATE, 1);
    errno = error;
}

bool pti_port_may_block(void)
{
    return true;
}

void pti_port_run_on_page(void (*function)(void *arg), void *arg)
{
    function(arg);
}
