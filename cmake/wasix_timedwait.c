/* wasix_timedwait.c: takes the place of __timedwait.c in Debian's wasix-libc, whose waits with a deadline never end. Compiled
   into the unpacked sysroot by setup.sh; not a part of the library. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

int __timedwait_cp(volatile int *word, int expected, clockid_t clock, const struct timespec *at, int shared)
{
    struct timespec now;
    long long ns = -1; /* for ever */
    (void)shared;
    if (at != NULL) {
        if ((unsigned long)at->tv_nsec >= 1000000000 || clock_gettime(clock, &now) != 0)
            return EINVAL;
        if (__builtin_mul_overflow(at->tv_sec - now.tv_sec, 1000000000LL, &ns))
            ns = at->tv_sec < now.tv_sec ? 0 : 0x7fffffff00000000;
        ns += at->tv_nsec - now.tv_nsec;
        if (ns <= 0)
            return ETIMEDOUT;
    }
    return __builtin_wasm_memory_atomic_wait32((int *)word, expected, ns) == 2 ? ETIMEDOUT : 0;
}

int __timedwait(volatile int *word, int expected, clockid_t clock, const struct timespec *at, int shared)
{
    int before, result;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    result = __timedwait_cp(word, expected, clock, at, shared);
    pthread_setcancelstate(before, NULL);
    return result;
}
