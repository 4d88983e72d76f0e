/* thread.c: threads: their records, their lives, joining them; and their names.

   word, a thread's state:
     DONE 1      the function has returned, or the thread left it by pthread_exit
     CLAIMED 2   somebody has taken the result, or will once it is there, or nobody ever can: the thread is detached
     FOREIGN 4   not started by us

     E   -> DONE            the thread itself, under the queue's lock, taking out all who wait    release
     J   reads DONE         who joins                                                             acquire
     C   -> CLAIMED         one of those who join, or who detaches, or who gave back the last handle  relaxed
     Q   reads not DONE     who joins, under the queue's lock, joining the queue

   Pairs     E with J: the joiner sees all that the thread wrote, `result` and `error` included.
   Records   `references` counts the handles and, while it runs, the thread itself; the last to go frees the
             record. `handles` counts the handles alone: who gives back the last and makes C detaches the port's
             thread. Both counts go down by acquire-release decrements.
   Port      A thread with a carrier of its own (not `carried`) is the port's thread. Who joins without a deadline makes C first
             and joins that too, which makes sure that its stack and its _Thread_local variables are gone; it sleeps only
             there: such a joiner stands in the queue to be seen, but is not asleep when E takes it out. With a deadline C
             comes after J, and the port's thread is detached. Where the port does not join (PTI_PORT_JOINS), and in the
             child of a fork for threads of before, all that does not apply. `port` is stored by both the creator and the
             thread, with the same value, since either may need it first.
   Registry  All records are in one list, under registry_lock, for pt_dump_waits() and for fork. */
#include "thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "atomic.h"
#include "carrier.h"
#include "checked.h"
#include "memory.h"
#include "park.h"
#include "slab.h"
#include "timer.h"
#include "tls.h"
#include "trace.h"

enum { DONE = 1, CLAIMED = 2, FOREIGN = 4 };

static uint32_t registry_lock;
static pt_thread *registry; /* under registry_lock */

static uint32_t forks;   /* how often this process came from a fork; written while there is one thread */
static uint64_t last_id; /* atomic */

static _Thread_local pt_thread *self;
static _Thread_local uint64_t own_id;
static _Thread_local bool os_named; /* the carrier has a name that is not its next thread's */

static void before_fork(void);
static void after_fork(bool child);

/* Before the program's own handlers are registered: so that those run while the library works. After the port's. */
__attribute__((constructor(102))) static void watch_forks(void)
{
    pti_port_at_fork(before_fork, after_fork);
}

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

pt_thread *pti_thread_self(void)
{
    return self;
}

uint32_t pti_thread_forks(void)
{
    return forks;
}

void pti_thread_forget_id(void)
{
    own_id = 0;
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
    thread->forks = forks;
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
    pti_trace_thread_ends(thread);
    strike_off(thread);
    self = NULL;
    if (thread->carried)
        own_id = PTI_NO_THREAD;

    pti_queue *queue = pti_park_lock(thread);
    or_release(&thread->word, DONE); /* E: pairs with J */
    pti_waiter *waiters = pti_park_take_all(queue, thread);
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, PTI_GO);
    drop_reference(thread);
}

/* The port's exit hook: for foreign threads, and for those of ours that left by pthread_exit. */
static void finish_at_exit(void *value)
{
    pti_checked_ending();
    pti_tls_end();
    pti_slab_thread_end(value);
    finish(value);
    pti_carrier_abandon();
    pti_checked_ended();
}

void pti_thread_live(pt_thread *thread)
{
    self = thread;
    own_id = thread->id;
    if (thread->named || os_named)
        pti_port_thread_set_name(thread->name); /* a system call; nobody else names it now */
    os_named = thread->named;
    bool hooked = pti_port_thread_at_exit(finish_at_exit, thread);
    if (thread->special)
        pti_carrier_spoil();

    thread->result = thread->function(thread->arg);

    pti_checked_ending();
    pti_tls_end();
    pti_slab_thread_end(thread);
    if (hooked)
        pti_port_thread_at_exit(finish_at_exit, NULL);
    if (thread->carried)
        pti_carrier_park();
    finish(thread);
    pti_checked_ended();
}

static void *run(void *record)
{
    pt_thread *thread = record;
    store_relaxed(&thread->port, pti_port_thread_self());
    pti_thread_live(thread);
    return NULL;
}

/* Whether a thread is to be carried by a carrier that may be used again. */
static bool is_carried(pt_reuse reuse)
{
    return reuse == PT_REUSE_ALWAYS || (reuse == PT_REUSE_AUTO && PTI_PORT_REUSES);
}

static pt_status start(pt_thread *thread, size_t stack_size, bool detached)
{
    if (thread->carried)
        return pti_carrier_call(thread, stack_size);
    pti_port_thread port;
    pt_status status = pti_port_thread_start(&port, stack_size, run, thread);
    if (status == PT_OK) {
        store_relaxed(&thread->port, port);
        if (detached)
            pti_port_thread_detach(port);
    }
    return status;
}

static bool is_valid(const pt_thread_config *config)
{
    return (config->stack_size == 0 || config->stack_size >= PTI_PORT_LEAST_STACK) &&
           config->reuse >= PT_REUSE_AUTO && config->reuse <= PT_REUSE_NEVER;
}

pt_status pt_thread_spawn(pt_thread **out, const pt_thread_config *config, pt_thread_function function, void *arg)
{
    static const pt_thread_config defaults;
    if (config == NULL)
        config = &defaults;
    if (function == NULL || !is_valid(config))
        return PT_ERR_INVALID;

    pt_thread *thread = new_record(new_id(), config->name);
    if (thread == NULL)
        return PT_ERR_NOMEM;
    thread->function = function;
    thread->arg = arg;
    thread->named = config->name != NULL;
    thread->carried = is_carried(config->reuse);
    thread->special = pti_carrier_is_spoilt();
    thread->word = config->detached ? CLAIMED : 0;
    thread->references = 2; /* the thread's own, and the handle that is made here */
    thread->handles = 1;
    enroll(thread);

    pt_status status = start(thread, config->stack_size, config->detached);
    if (status != PT_OK) {
        strike_off(thread);
        pti_free(thread);
        if (status == PT_ERR_AGAIN)
            pti_carrier_dismiss(); /* what they hold may do for the next try */
        return status;
    }
    if (out != NULL)
        *out = thread;
    else
        pt_thread_release(thread);
    return PT_OK;
}

/* C: true for one caller, who must join or detach the port's thread, if it has one. */
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

/* Whether the port has a thread of its own for this one, which it forgets in the child of a fork. */
static bool has_port(const pt_thread *thread)
{
    return !thread->carried && thread->forks == forks;
}

/* C, by one who will not join. */
static void leave_alone(pt_thread *thread)
{
    if (claim(thread) && has_port(thread))
        pti_port_thread_detach(load_relaxed(&thread->port));
}

void pt_thread_release(pt_thread *thread)
{
    if (thread == NULL)
        return;
    if (sub_acq_rel(&thread->handles, 1) == 1)
        leave_alone(thread);
    drop_reference(thread);
}

void pt_thread_detach(pt_thread *thread)
{
    if (thread != NULL)
        leave_alone(thread);
    pt_thread_release(thread);
}

bool pt_thread_is_finished(const pt_thread *thread)
{
    return (load_acquire(&thread->word) & DONE) != 0; /* J: pairs with E */
}

/* ---- Results and errors -------------------------------------------------------------------- */

void *pt_thread_fail(int code, const char *message)
{
    if (self != NULL && (load_relaxed(&self->word) & FOREIGN) == 0) {
        self->failed = true;
        self->error.code = code;
        snprintf(self->error.message, sizeof self->error.message, "%s", message == NULL ? "" : message);
    }
    return NULL;
}

pt_status pt_thread_error(const pt_thread *thread, pt_error *error)
{
    if (thread == NULL || error == NULL)
        return PT_ERR_INVALID;
    if (!pt_thread_is_finished(thread))
        return PT_ERR_BUSY;
    if (!thread->failed)
        return PT_ERR_INVALID;
    *error = thread->error;
    return PT_OK;
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
    if (pt_thread_is_finished(thread)) { /* Q: DONE comes only under this lock */
        pti_park_unlock(queue);
        return PT_OK;
    }
    pti_park_join(queue, &waiter, thread);
    pti_park_unlock(queue);

    if (pti_park_sleep(&waiter, until, true) == PTI_GO)
        return PT_OK;
    pti_park_unlock(queue);
    return pti_park_why(until);
}

/* By who made C: deliver what a thread that has ended left behind. */
static pt_status deliver(const pt_thread *thread, void **result)
{
    if (thread->failed)
        return PT_ERR_FAILED;
    if (result != NULL)
        *result = thread->result;
    return PT_OK;
}

/* Take the result of a thread that has ended, unless somebody else was quicker. Does not wait for what the thread still
   has to do after E: destructors of _Thread_local variables may take long, and want what the caller holds. */
static pt_status take_result(pt_thread *thread, void **result)
{
    if (!claim(thread))
        return PT_ERR_INVALID;
    if (has_port(thread))
        pti_port_thread_detach(load_relaxed(&thread->port));
    return deliver(thread, result);
}

/* The same of one that may still run, by way of the port's join alone. */
static pt_status join_port(pt_thread *thread, void **result)
{
    pti_waiter waiter;
    if (!claim(thread))
        return PT_ERR_INVALID;
    pti_park_prepare(&waiter, "thread");
    pti_queue *queue = pti_park_lock(thread);
    bool running = !pt_thread_is_finished(thread);
    if (running)
        pti_park_join(queue, &waiter, thread); /* for others to see who waits here */
    pti_park_unlock(queue);
    pti_trace_span span = running ? pti_trace_begin() : (pti_trace_span){0};
    if (running)
        pti_checked_waiting(&waiter, true);
    pti_port_thread_join(load_relaxed(&thread->port)); /* E comes before that, and took the waiter out */
    if (running)
        pti_checked_waited(&waiter);
    pti_trace_end_wait(span, waiter.what);
    return deliver(thread, result);
}

/* Whether this thread can be joined at all, by the caller. */
static pt_status check_joinable(const pt_thread *thread)
{
    if (thread == NULL || (load_relaxed(&thread->word) & FOREIGN) != 0)
        return PT_ERR_INVALID;
    if (thread == self) {
        pti_checked_self_join(thread);
        return PT_ERR_DEADLOCK;
    }
    return (load_relaxed(&thread->word) & CLAIMED) != 0 ? PT_ERR_INVALID : PT_OK;
}

pt_status pt_thread_join_until(pt_thread *thread, void **result, pt_until until)
{
    pt_status status = check_joinable(thread);
    if (status != PT_OK)
        return status;
    if (PTI_PORT_JOINS && has_port(thread) && pt_until_is_forever(until))
        return join_port(thread, result);
    if (!pt_thread_is_finished(thread))
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

void pti_thread_copy_name(pt_thread *thread, char copy[PT_THREAD_NAME_SIZE])
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
        pti_thread_copy_name(whose, name);
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
    os_named = true;
    return PT_OK;
}

/* ---- Time and processors ------------------------------------------------------------------- */

pt_status pt_sleep_until(pt_until until)
{
    pti_waiter waiter;
    if (pt_until_is_forever(until))
        return PT_ERR_INVALID;
    pt_status status = pti_park_may_wait(until);
    if (status == PT_OK) {
        pti_park_prepare(&waiter, "time to pass");
        pti_queue *queue = pti_park_lock(&waiter); /* a key that nobody else knows */
        pti_park_join(queue, &waiter, &waiter);
        pti_park_unlock(queue);
        pti_park_sleep(&waiter, until, false);
        pti_park_unlock(queue);
        status = pti_park_why(until);
    }
    bool own_deadline = status == PT_ERR_TIMEOUT && pti_port_now() >= until.deadline;
    return own_deadline ? PT_OK : status;
}

pt_status pt_sleep(pt_time nanoseconds)
{
    pt_until until = pt_after(nanoseconds);
    if (until.deadline == PT_TIME_NEVER)
        until.deadline--; /* some 290 years */
    return pt_sleep_until(until);
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

pt_status pt_thread_set_affinity(const unsigned *processors, size_t count)
{
    if (processors == NULL && count != 0)
        return PT_ERR_INVALID;
    pt_status status = pti_port_set_affinity(processors, count);
    if (status == PT_OK)
        pti_carrier_spoil();
    return status;
}

pt_status pt_thread_affinity(unsigned *processors, size_t most, size_t *count)
{
    if (count == NULL || (processors == NULL && most != 0))
        return PT_ERR_INVALID;
    return pti_port_affinity(processors, most, count);
}

pt_status pt_thread_set_priority(pt_priority priority)
{
    if (priority < PT_PRIORITY_LOW || priority > PT_PRIORITY_HIGH)
        return PT_ERR_INVALID;
    pt_status status = pti_port_set_priority(priority);
    if (status == PT_OK)
        pti_carrier_spoil();
    return status;
}

/* ---- All threads --------------------------------------------------------------------------- */

void pti_thread_each(void (*visit)(pt_thread *thread, void *arg), void *arg)
{
    pti_short_lock(&registry_lock);
    for (pt_thread *thread = registry; thread != NULL; thread = thread->next)
        visit(thread, arg);
    pti_short_unlock(&registry_lock);
}

static void before_fork(void)
{
    pti_checked_before_fork();
    pti_timers_before_fork();
    pti_trace_before_fork();
    pti_short_lock(&registry_lock);
    pti_carrier_before_fork();
    pti_tls_before_fork();
    pti_slab_before_fork();
    pti_park_before_fork();
}

/* In the child: of all threads only this one is left. The others cannot be joined any more. */
static void forget_others(void)
{
    pt_thread *others = registry;
    registry = NULL;
    while (others != NULL) {
        pt_thread *thread = others;
        others = thread->next;
        thread->next = thread->previous = NULL;
        thread->name_lock = 0;
        if (thread == self) {
            registry = thread;
        } else {
            thread->word |= CLAIMED;
            drop_reference(thread);
        }
    }
}

static void after_fork(bool child)
{
    pti_park_after_fork(child);
    pti_slab_after_fork();
    pti_tls_after_fork();
    pti_carrier_after_fork(child);
    if (child) {
        forks++;
        forget_others();
    }
    pti_short_unlock(&registry_lock);
    pti_trace_after_fork(child);
    pti_timers_after_fork(child);
    pti_checked_after_fork(child);
}
