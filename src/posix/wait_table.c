/* wait_table.c: waiting on a word where the system has no futex: any POSIX.

   A fixed table of mutex + condition pairs; a word uses the pair that its address hashes to. Words that
   share a pair wake each other now and then, which port.h allows.

   No lost wake   The waiter compares the word under the pair's mutex and goes to sleep in one step. The
                  waker has changed the word before it takes that mutex: either the waiter's comparison
                  comes later and sees it, or the waiter sleeps already and the broadcast finds it. */
#include <pthread.h>
#include <time.h>

#include "atomic.h"
#include "port.h"

enum { PAIRS = 64 };

static struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} table[PAIRS];

static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* the clock of pti_port_now() */
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_init(&table[i].mutex, NULL);
        pthread_cond_init(&table[i].changed, &attr);
    }
    pthread_condattr_destroy(&attr);
}

/* In the child of a fork another thread may seem to hold a pair's mutex: so make them anew, before anybody waits there. */
__attribute__((constructor(101))) static void watch_forks(void)
{
    pthread_once(&table_once, make_table);
    pthread_atfork(NULL, NULL, make_table);
}

static struct pair *pair_of(const uint32_t *word)
{
    pthread_once(&table_once, make_table);
    uintptr_t address = (uintptr_t)word;
    return &table[(address >> 2 ^ address >> 10) % PAIRS];
}

void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline)
{
    struct pair *pair = pair_of(word);
    struct timespec when = {.tv_sec = (time_t)(deadline / PT_SECOND), .tv_nsec = (long)(deadline % PT_SECOND)};

    pthread_mutex_lock(&pair->mutex);
    if (load_relaxed(word) == expected) { /* relaxed: the caller reads it again */
        if (deadline == PT_TIME_NEVER)
            pthread_cond_wait(&pair->changed, &pair->mutex);
        else if (deadline > 0)
            pthread_cond_timedwait(&pair->changed, &pair->mutex, &when);
    }
    pthread_mutex_unlock(&pair->mutex);
}

void pti_port_wake(const uint32_t *word)
{
    struct pair *pair = pair_of(word);
    pthread_mutex_lock(&pair->mutex);
    pthread_cond_broadcast(&pair->changed); /* all, since some sleep on other words */
    pthread_mutex_unlock(&pair->mutex);
}

bool pti_port_may_block(void)
{
    return true;
}

void pti_port_run_on_page(void (*function)(void *arg), void *arg)
{
    function(arg);
}
