/* thread.c: threads, their names, and who waits for what.

   word, a thread's state:
     DONE 1      the function has returned, or the thread left it by pthread_exit
     QUEUED 2    threads wait to join (exactly, under the queue's lock)
     CLAIMED 4   somebody has taken the result, or nobody ever can: the thread is detached
     FOREIGN 8   not started by us

     E   -> DONE            the thread itself, under the queue's lock, taking out all who wait    release
     J   reads DONE         who joins                                                             acquire
     C   -> CLAIMED         one of those who join, after J, or who gave back the last handle      relaxed
     Q   -> QUEUED          who joins, under the queue's lock, joining the queue                  relaxed

   Pairs     E with J: the joiner sees all that the thread wrote, `result` included.
   Records   `references` counts the handles and, while it runs, the thread itself; the last to go frees the
             record. `handles` counts the handles alone: who gives back the last and makes C detaches the port's
             thread. Both counts go down by acquire-release decrements.
   Port      Joining the port's thread too, after C, is what makes sure that its stack and its _Thread_local
             variables are gone; it ends by itself just after E, so this is a short wait. Where blocking is not
             allowed it is detached instead. `port` is stored by both the creator and the thread, with the same
             value, since either may need it first.
   Registry  All records are in one list, under registry_lock, for pt_dump_waits(). */
#include "thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pt_thread.h>

#include "atomic.h"
#include "memory.h"
#include "park.h"
#include "port.h"

enum { DONE = 1, QUEUED = 2, CLAIMED = 4, FOREIGN = 8 };

struct pt_thread {
    uint32_t word;
    uint32_t references; /* handles, and one for the running thread */
    uint32_t handles;
    uint32_t name_lock; /* guards name */
    uint64_t id;
    pt_thread_function function; /* set before it starts, as is arg */
    void *arg;
    void *result;         /* the thread, before E; the joiner, after J */
    pti_port_thread port; /* atomic */
    char name[PT_THREAD_NAME_SIZE];
    pt_thread *next, *previous; /* under registry_lock */
};

static uint32_t registry_lock;
static pt_thread *registry; /* under registry_lock */

static uint64_t last_id; /* atomic */

static _Thread_local pt_thread *self;
static _Thread_local uint64_t own_id;

/* ---- Records ------------------------------------------------------------------------------- */

static uint64_t new_id(void)
{
    return add_relaxed(&last_id, 1) + 1; /* relaxed: unique is all that it must be */
}

uint64_t pti_thread_own_id(void)
{
    if (own_id == 0)
        own_id = new_id();
    return own_id;
}

static void enroll(pt_thread *thread)
{
    pti_short_lock(&registry_lock);
    thread->next = registry;
    if (registry != NULL)
        registry->previous = thread;
    registry = thread;
    pti_short_unlock(&registry_lock);
}

static void strike_off(pt_thread *thread)
{
    pti_short_lock(&registry_lock);
    if (thread->next != NULL)
        thread->next->previous = thread->previous;
    if (thread->previous != NULL)
        thread->previous->next = thread->next;
    else
        registry = thread->next;
    pti_short_unlock(&registry_lock);
}

static pt_thread *new_record(uint64_t id, const char *name)
{
    pt_thread *thread = pti_allocate(sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->id = id;
    thread->references = 1;
    if (name != NULL)
        snprintf(thread->name, sizeof thread->name, "%s", name);
    else
        snprintf(thread->name, sizeof thread->name, "thread-%" PRIu64, id);
    return thread;
}

static void drop_reference(pt_thread *thread)
{
    if (sub_acq_rel(&thread->references, 1) == 1)
        pti_free(thread);
}

/* ---- A thread's life ----------------------------------------------------------------------- */

/* The end of a thread, or of a foreign thread that had a handle. */
static void finish(pt_thread *thread)
{
    strike_off(thread);
    self = NULL;

    pti_queue *queue = pti_park_lock(thread);
    uint32_t seen = load_relaxed(&thread->word);
    while (!cas_release(&thread->word, &seen, (seen & ~(uint32_t)QUEUED) | DONE)) { /* E: pairs with J */
    }
    pti_waiter *waiters = pti_park_take_all(queue, thread);
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, PTI_GO);
    drop_reference(thread);
}

/* The port's exit hook: for foreign threads, and for those of ours that left by pthread_exit. */
static void finish_at_exit(void *value)
{
    finish(value);
}

static void *run(void *record)
{
    pt_thread *thread = record;
    self = thread;
    own_id = thread->id;
    store_relaxed(&thread->port, pti_port_thread_self());
    pti_port_thread_set_name(thread->name); /* nobody else names it */
    bool hooked = pti_port_thread_at_exit(finish_at_exit, thread);

    thread->result = thread->function(thread->arg);

    if (hooked)
        pti_port_thread_at_exit(finish_at_exit, NULL);
    finish(thread);
    return NULL;
}

pt_status pt_thread_spawn(pt_thread **out, const pt_thread_config *config, pt_thread_function function, void *arg)
{
    static const pt_thread_config defaults;
    if (function == NULL)
        return PT_ERR_INVALID;
    if (config == NULL)
        config = &defaults;

    pt_thread *thread = new_record(new_id(), config->name);
    if (thread == NULL)
        return PT_ERR_NOMEM;
    thread->function = function;
    thread->arg = arg;
    thread->references = 2; /* the thread's own, and the handle that is made here */
    thread->handles = 1;
    enroll(thread);

    pti_port_thread port;
    pt_status status = pti_port_thread_start(&port, config->stack_size, run, thread);
    if (status != PT_OK) {
        strike_off(thread);
        pti_free(thread);
        return status;
    }
    store_relaxed(&thread->port, port);
    if (out != NULL)
        *out = thread;
    else
        pt_thread_release(thread);
    return PT_OK;
}

/* C: true for one caller, who must join or detach the port's thread. */
static bool claim(pt_thread *thread)
{
    uint32_t seen = load_relaxed(&thread->word);
    while ((seen & (CLAIMED | FOREIGN)) == 0) {
        if (cas_relaxed(&thread->word, &seen, seen | CLAIMED))
            return true;
    }
    return false;
}

pt_thread *pt_thread_retain(pt_thread *thread)
{
    if (thread != NULL) {
        add_relaxed(&thread->references, 1); /* relaxed: the caller has a reference already */
        add_relaxed(&thread->handles, 1);
    }
    return thread;
}

void pt_thread_release(pt_thread *thread)
{
    if (thread == NULL)
        return;
    if (sub_acq_rel(&thread->handles, 1) == 1 && claim(thread))
        pti_port_thread_detach(load_relaxed(&thread->port));
    drop_reference(thread);
}

void pt_thread_detach(pt_thread *thread)
{
    pt_thread_release(thread);
}

bool pt_thread_is_finished(const pt_thread *thread)
{
    return (load_acquire(&thread->word) & DONE) != 0; /* J: pairs with E */
}

/* ---- Joining ------------------------------------------------------------------------------- */

static pt_status wait_for_end(pt_thread *thread, pt_until until)
{
    pti_waiter waiter;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait;

    pti_park_prepare(&waiter, "thread");
    pti_queue *queue = pti_park_lock(thread);
    if (pt_thread_is_finished(thread)) {
        pti_park_unlock(queue);
        return PT_OK;
    }
    or_relaxed(&thread->word, QUEUED); /* Q: DONE comes only under this lock */
    pti_park_join(queue, &waiter, thread);
    pti_park_unlock(queue);

    if (pti_park_sleep(&waiter, until, true) == PTI_GO)
        return PT_OK;
    pti_park_unlock_left(queue, thread, &thread->word, QUEUED);
    return pti_park_why(until);
}

/* Take the result of a thread that has ended, unless somebody else was quicker. */
static pt_status take_result(pt_thread *thread, void **result)
{
    if (!claim(thread))
        return PT_ERR_INVALID;
    if (pti_port_may_block())
        pti_port_thread_join(load_relaxed(&thread->port));
    else
        pti_port_thread_detach(load_relaxed(&thread->port));
    if (result != NULL)
        *result = thread->result;
    return PT_OK;
}

/* Whether this thread can be joined at all, by the caller. */
static pt_status check_joinable(const pt_thread *thread)
{
    if (thread == NULL || (load_relaxed(&thread->word) & (CLAIMED | FOREIGN)) != 0)
        return PT_ERR_INVALID;
    return thread == self ? PT_ERR_DEADLOCK : PT_OK;
}

pt_status pt_thread_join_until(pt_thread *thread, void **result, pt_until until)
{
    pt_status status = check_joinable(thread);
    if (status == PT_OK && !pt_thread_is_finished(thread))
        status = wait_for_end(thread, until);
    return status == PT_OK ? take_result(thread, result) : status;
}

pt_status pt_thread_join(pt_thread *thread, void **result)
{
    return pt_thread_join_until(thread, result, PT_FOREVER);
}

pt_status pt_thread_try_join(pt_thread *thread, void **result)
{
    pt_status status = check_joinable(thread);
    if (status != PT_OK)
        return status;
    return pt_thread_is_finished(thread) ? take_result(thread, result) : PT_ERR_BUSY;
}

/* ---- Who am I ------------------------------------------------------------------------------ */

pt_thread *pt_thread_current(void)
{
    if (self == NULL) {
        pt_thread *thread = new_record(pti_thread_own_id(), NULL);
        if (thread == NULL)
            return NULL;
        if (!pti_port_thread_at_exit(finish_at_exit, thread)) {
            pti_free(thread);
            return NULL;
        }
        thread->word = FOREIGN;
        enroll(thread);
        self = thread;
    }
    return self;
}

uint64_t pt_thread_id(const pt_thread *thread)
{
    return thread == NULL ? pti_thread_own_id() : thread->id;
}

static void copy_name(pt_thread *thread, char copy[PT_THREAD_NAME_SIZE])
{
    pti_short_lock(&thread->name_lock);
    memcpy(copy, thread->name, PT_THREAD_NAME_SIZE);
    pti_short_unlock(&thread->name_lock);
}

size_t pt_thread_name(const pt_thread *thread, char *buffer, size_t size)
{
    char name[PT_THREAD_NAME_SIZE];
    pt_thread *whose = thread == NULL ? self : (pt_thread *)(uintptr_t)thread; /* only its lock is written */
    if (whose != NULL)
        copy_name(whose, name);
    else
        snprintf(name, sizeof name, "thread-%" PRIu64, pti_thread_own_id());
    return (size_t)snprintf(buffer, size, "%s", name);
}

pt_status pt_thread_set_name(const char *name)
{
    if (name == NULL)
        return PT_ERR_INVALID;
    pt_thread *thread = pt_thread_current();
    if (thread == NULL)
        return PT_ERR_NOMEM;
    char cut[PT_THREAD_NAME_SIZE];
    snprintf(cut, sizeof cut, "%s", name);
    pti_short_lock(&thread->name_lock);
    memcpy(thread->name, cut, sizeof cut);
    pti_short_unlock(&thread->name_lock);
    pti_port_thread_set_name(cut);
    return PT_OK;
}

/* ---- Time and processors ------------------------------------------------------------------- */

pt_status pt_thread_sleep_until(pt_until until)
{
    pti_waiter waiter;
    if (until.deadline == PT_TIME_NEVER)
        return PT_ERR_INVALID;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait == PT_ERR_TIMEOUT ? PT_OK : may_wait;

    pti_park_prepare(&waiter, "time to pass");
    pti_queue *queue = pti_park_lock(&waiter); /* a key that nobody else knows */
    pti_park_join(queue, &waiter, &waiter);
    pti_park_unlock(queue);
    pti_park_sleep(&waiter, until, false);
    pti_park_unlock(queue);
    return PT_OK;
}

pt_status pt_thread_sleep(pt_time nanoseconds)
{
    pt_until until = pt_after(nanoseconds);
    if (until.deadline == PT_TIME_NEVER)
        until.deadline--; /* some 290 years */
    return pt_thread_sleep_until(until);
}

void pt_thread_yield(void)
{
    pti_port_yield();
}

unsigned pt_thread_parallelism(void)
{
    return pti_port_parallelism();
}

bool pt_thread_may_block(void)
{
    return pti_port_may_block();
}

/* ---- Who waits for what -------------------------------------------------------------------- */

struct line { /* one thread, as pt_dump_waits() found it */
    uint64_t id;
    char name[PT_THREAD_NAME_SIZE];
};

static size_t list_threads(struct line *lines, size_t most)
{
    size_t count = 0;
    pti_short_lock(&registry_lock);
    for (pt_thread *thread = registry; thread != NULL; thread = thread->next, count++) {
        if (count < most) {
            lines[count].id = thread->id;
            copy_name(thread, lines[count].name);
        }
    }
    pti_short_unlock(&registry_lock);
    return count;
}

static void print_wait(FILE *to, const pti_waiter *waiter)
{
    fprintf(to, " waits %" PRId64 " ms for %s %p\n", (pt_now() - waiter->since) / PT_MILLISECOND, waiter->what,
            waiter->key);
}

void pt_dump_waits(FILE *to)
{
    enum { MOST = 4096 }; /* threads; more are counted but not listed */
    struct line *lines = pti_allocate(MOST * sizeof *lines);
    pti_waiter *waiters = pti_allocate(MOST * sizeof *waiters);
    if (lines == NULL || waiters == NULL) {
        fprintf(to, "  no memory to list threads\n");
        pti_free(lines);
        pti_free(waiters);
        return;
    }

    size_t threads = list_threads(lines, MOST), waits = pti_park_snapshot(waiters, MOST);
    for (size_t i = 0; i < threads && i < MOST; i++) {
        fprintf(to, "  thread %" PRIu64 " \"%s\"", lines[i].id, lines[i].name);
        size_t j = 0;
        while (j < waits && j < MOST && waiters[j].thread != lines[i].id)
            j++;
        if (j < waits && j < MOST) {
            print_wait(to, &waiters[j]);
            waiters[j].thread = 0; /* listed */
        } else {
            fprintf(to, " waits for nothing in this library\n");
        }
    }
    for (size_t j = 0; j < waits && j < MOST; j++) {
        if (waiters[j].thread != 0) {
            fprintf(to, "  thread %" PRIu64, waiters[j].thread);
            print_wait(to, &waiters[j]);
        }
    }
    if (threads > MOST || waits > MOST)
        fprintf(to, "  and more: %zu threads, %zu waits in all\n", threads, waits);
    pti_free(lines);
    pti_free(waiters);
}
