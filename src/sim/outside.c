/* outside.c: what waits, or starts threads, outside the library, where no other fiber can run meanwhile: these functions take
   the places of libc's, for the program and its libraries, and end the schedule if there is one. Locks that are free are given:
   libraries guard short things with them. What is not here is found by its taking too long. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define HERE __builtin_return_address(0)

static void refuse(const char *function, const char *instead, const void *place)
{
    char where[256];
    if (!pti_sim_runs())
        return;
    pti_name_code(place, where, sizeof where);
    pti_sim_fail(PT_SIM_OUTSIDE, "%s calls %s(), where the simulator has no say, at %s; call %s instead",
                 pti_sim_self->name, function, where, instead);
}

static void *libc_function(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

#define REFUSED(type, name, parameters, arguments, instead)                                                        \
    type name parameters                                                                                           \
    {                                                                                                              \
        static type(*real) parameters;                                                                             \
        refuse(#name, instead, HERE);                                                                              \
        if (real == NULL)                                                                                          \
            *(void **)&real = libc_function(#name);                                                                \
        return real arguments;                                                                                     \
    }

/* As above, but no wait if `attempt` succeeds. */
#define REFUSED_IF_TAKEN(name, parameters, arguments, attempt, instead)                                            \
    int name parameters                                                                                            \
    {                                                                                                              \
        static int(*real) parameters;                                                                              \
        if (pti_sim_runs() && attempt == 0)                                                                        \
            return 0;                                                                                              \
        refuse(#name, instead, HERE);                                                                              \
        if (real == NULL)                                                                                          \
            *(void **)&real = libc_function(#name);                                                                \
        return real arguments;                                                                                     \
    }

REFUSED(int, pthread_create, (pthread_t * out, const pthread_attr_t *attributes, void *(*run)(void *), void *arg),
        (out, attributes, run, arg), "pt_thread_spawn()")
REFUSED(int, pthread_join, (pthread_t thread, void **result), (thread, result), "pt_thread_join()")
REFUSED(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *mutex), (cond, mutex), "pt_cond_wait()")
REFUSED(int, pthread_cond_timedwait, (pthread_cond_t * cond, pthread_mutex_t *mutex, const struct timespec *until),
        (cond, mutex, until), "pt_cond_wait_until()")
REFUSED(int, pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier), "pt_barrier_wait()")
REFUSED(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), "pt_sleep()")
REFUSED(int, clock_nanosleep, (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
        (clock, flags, time, left), "pt_sleep()")
REFUSED(int, usleep, (useconds_t time), (time), "pt_sleep()")
REFUSED(unsigned, sleep, (unsigned time), (time), "pt_sleep()")
REFUSED_IF_TAKEN(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex), pthread_mutex_trylock(mutex),
                 "pt_mutex_lock()")
REFUSED_IF_TAKEN(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock), pthread_rwlock_tryrdlock(lock),
                 "pt_rwlock_read_lock()")
REFUSED_IF_TAKEN(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock), pthread_rwlock_trywrlock(lock),
                 "pt_rwlock_write_lock()")
REFUSED_IF_TAKEN(sem_wait, (sem_t * semaphore), (semaphore), sem_trywait(semaphore), "pt_semaphore_wait()")

/* Loops that wait by it are as good as those that call pt_thread_yield(). */
int sched_yield(void)
{
    pti_sim_relax_at(HERE);
    return 0;
}

static void out_of_patience(int number)
{
    (void)number;
    pti_sim_fail(
        PT_SIM_STUCK,
        "%s has been busy for %u s where the simulator has no say: does it wait, or loop, outside the library?",
        pti_sim_self == NULL ? "the test" : pti_sim_self->name, pti_sim_shared->patience);
}

void pti_outside_limit(unsigned seconds)
{
    struct sigaction action = {.sa_handler = out_of_patience, .sa_flags = SA_ONSTACK};
    const struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &limit, NULL);
}
