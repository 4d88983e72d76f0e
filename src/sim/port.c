/* port.c: port.h over fibers. */
#include "../port.h"

#include <stdio.h>
#include <string.h>

#include "sim.h"

#define HERE __builtin_return_address(0)

static void (*exit_hook)(void *value);

/* ---- Waiting on a word --------------------------------------------------------------------- */

void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline)
{
    pti_sim_whole_program();
    pti_sim_point(OP_WAIT, word, HERE);
    pti_state_event(*word);
    if (*word != expected || deadline <= pti_sim_now())
        return;
    pti_sim_self->state = FIBER_WAITS;
    pti_sim_self->word = word;
    pti_sim_self->deadline = deadline;
    pti_sim_block();
    pti_sim_self->word = NULL;
}

void pti_port_wake(const uint32_t *word)
{
    pti_sim_point(OP_WAKE, word, HERE);
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *waiter = pti_sim_fibers[i];
        if (waiter->state != FIBER_WAITS || waiter->word != word)
            continue;
        waiter->state = FIBER_READY;
        pti_state_event(i);
        pti_state_event_of(waiter, pti_sim_self->past);
        pti_sim_changed();
        return;
    }
}

bool pti_port_may_block(void)
{
    return true;
}

void pti_port_run_on_page(void (*function)(void *arg), void *arg)
{
    function(arg);
}

bool pti_port_fence_all(void)
{
    pti_sim_point(OP_FENCE, NULL, HERE);
    if (pti_sim_runs())
        pti_atomic_fence_all();
    return true;
}

/* ---- Time and processors ------------------------------------------------------------------- */

pt_time pti_port_now(void)
{
    pti_sim_point(OP_CLOCK, NULL, HERE);
    if (pti_sim_runs())
        pti_state_event((uint64_t)pti_sim_now());
    return pti_sim_now();
}

void pti_sim_relax_at(const void *place)
{
    pti_sim_point(OP_YIELD, NULL, place);
    if (pti_sim_runs())
        pti_sim_yield();
}

void pti_port_yield(void)
{
    pti_sim_relax_at(HERE);
}

void pti_sim_relax(void)
{
    pti_sim_relax_at(HERE);
}

unsigned pti_port_parallelism(void)
{
    return 2;
}

/* ---- Threads ------------------------------------------------------------------------------- */

pt_status pti_port_thread_start(pti_port_thread *out, size_t stack_size, void *(*run)(void *), void *arg)
{
    pt_status status;
    if (stack_size == 0)
        stack_size = PTI_PORT_STACK_SIZE;
    if (stack_size < PTI_PORT_LEAST_STACK)
        return PT_ERR_INVALID;
    pti_sim_whole_program();
    pti_sim_point(OP_START, NULL, HERE);
    pti_fiber *fiber = pti_fiber_new(stack_size, run, arg, &status);
    if (fiber == NULL)
        return status;
    snprintf(fiber->name, sizeof fiber->name, "thread-%u", fiber->id);
    pti_views_started(pti_sim_self, fiber);
    pti_state_event(fiber->id);
    pti_state_event_of(fiber, pti_sim_self->past);
    pti_sim_changed();
    *out = fiber;
    return PT_OK;
}

/* Each thread is to be joined or detached, once. */
static void give_up(pti_fiber *thread, const char *what)
{
    if (thread->joined || thread->detached)
        pti_sim_fail(PT_SIM_CRASH, "%s is to be %s, but has been joined or detached before", thread->name, what);
}

void pti_port_thread_join(pti_port_thread thread)
{
    give_up(thread, "joined");
    pti_sim_point(OP_JOIN, NULL, HERE);
    if (thread->state != FIBER_DONE) {
        pti_sim_self->state = FIBER_JOINS;
        pti_sim_self->joins = thread;
        pti_sim_block();
    }
    thread->joined = true;
    pti_views_joined(pti_sim_self, thread);
    pti_state_event(thread->past);
}

void pti_port_thread_detach(pti_port_thread thread)
{
    give_up(thread, "detached");
    thread->detached = true;
}

pti_port_thread pti_port_thread_self(void)
{
    return pti_sim_self;
}

void pti_port_thread_set_name(const char *name)
{
    if (pti_sim_self != NULL)
        snprintf(pti_sim_self->name, sizeof pti_sim_self->name, "%s", name);
}

bool pti_port_thread_at_exit(void (*hook)(void *value), void *value)
{
    exit_hook = hook;
    if (pti_sim_self != NULL) /* the first thread of a program ends with it */
        pti_sim_self->exit_value = value;
    return true;
}

void pti_port_at_fork(void (*before)(void), void (*after)(bool child))
{
    (void)before;
    (void)after;
}

/* The end of a fiber: its hook, then whoever joins it, then others, for good. */
void pti_sim_end(void)
{
    pti_fiber *self = pti_sim_self;
    if (self->exit_value != NULL) {
        void *value = self->exit_value;
        self->exit_value = NULL;
        exit_hook(value);
    }
    pti_sim_point(OP_END, NULL, HERE);
    self->state = FIBER_DONE;
    pti_views_ended(self);
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *other = pti_sim_fibers[i];
        if (other->state == FIBER_JOINS && other->joins == self)
            other->state = FIBER_READY;
    }
    pti_sim_changed();
    pti_sim_block();
}
