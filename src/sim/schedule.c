/* schedule.c: who can run, what time it is, and when all are stuck.

   Before each operation that others may notice the running fiber comes to pti_sim_point(). Where more than one fiber could
   run, that is a decision: the strategy makes it. What comes about by itself, if nobody decides otherwise, is that a fiber
   goes on as long as it can, and then the next one does; what was decided otherwise is noted. The notes are all that tells
   one schedule from another, so with them it can be had again.

   Idle    A fiber that yields twice, and nobody else has changed anything in between, will find nothing new next time: it
           is idle until another fiber changes something. When all that could run are idle, time passes: to the next
           deadline, or past some that are close, or if there is none, by a step that doubles as long as nothing changes.
           Who has seen an older value has not looked: in time there is nothing older.
   Stalls  Now and then a strategy may hold the running fiber up, as if the system had given its processor to something else
           for a while: the others go on, and when they all wait, time passes, so their deadlines may, in the middle of
           anything that the fiber is about.
   Long    After SIM_LONG steps a schedule gets fair, whatever the strategy: turns are given at random, and each step takes
           time. So what relies on its turn, or on time, to come to an end does so; the others run into the bound.
   Stuck   When none can run, time passes to the next deadline too; without one it is a deadlock. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sim.h"

pti_schedule *pti_sim_shared, *pti_sim_schedule;

static const pt_time STEP = PT_MICROSECOND; /* in long schedules */
static const pt_time STALL = 2 * PT_MILLISECOND;

static uint64_t changes;
static pt_time now = PT_SECOND, idle_step;

void pti_schedule_begin(void)
{
    pti_sim_schedule = pti_sim_shared;
    pti_sim_schedule->steps = 0;
    pti_sim_schedule->decisions = pti_sim_schedule->switches = 0;
    pti_sim_schedule->failure = PT_SIM_OK;
    pti_sim_schedule->text[0] = 0;
    changes = 1;
    now = PT_SECOND;
    idle_step = PT_MICROSECOND;
    pti_shadow_begin();
    pti_views_begin();
    pti_state_begin();
    pti_report_begin();
    pti_strategy_begin();
}

void pti_sim_fail(enum pt_sim_failure failure, const char *format, ...)
{
    pti_schedule *schedule = pti_sim_shared;
    va_list args;
    va_start(args, format);
    vsnprintf(schedule->text, sizeof schedule->text, format, args);
    va_end(args);
    schedule->failure = failure;
    if (schedule->verbose)
        pti_report_print();
    _exit(0);
}

/* ---- Time ---------------------------------------------------------------------------------- */

pt_time pti_sim_now(void)
{
    return now;
}

void pti_sim_changed(void)
{
    changes++;
    pti_sim_self->own_changes++;
    idle_step = PT_MICROSECOND;
}

bool pti_sim_nothing_new(const pti_fiber *fiber)
{
    return fiber->looked == changes - fiber->own_changes;
}

bool pti_sim_is_idle(const pti_fiber *fiber)
{
    return fiber->idle && pti_sim_nothing_new(fiber);
}

void pti_sim_yield(void)
{
    pti_sim_self->idle = pti_sim_nothing_new(pti_sim_self);
    pti_sim_self->looked = changes - pti_sim_self->own_changes;
    pti_strategy_yielded();
}

void pti_sim_missed(void)
{
    pti_sim_self->looked = UINT64_MAX;
}

/* The first that is later than that; PT_TIME_NEVER if none is. */
static pt_time deadline_after(pt_time time)
{
    pt_time next = PT_TIME_NEVER;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        pt_time end = fiber->state == FIBER_WAITS   ? fiber->deadline
                      : fiber->state == FIBER_READY ? fiber->held_until
                                                    : PT_TIME_NEVER;
        if (end > time && end < next)
            next = end;
    }
    return next;
}

/* Until when to wait, by a strategy that may be late: so that who gives up at about the same time does so together. */
static pt_time choose_deadline(void)
{
    pt_time first = deadline_after(now), end = first;
    unsigned more = 0;
    if (first == PT_TIME_NEVER)
        return first;
    end += first - now > PT_MILLISECOND ? first - now : PT_MILLISECOND;
    for (pt_time next = first; (next = deadline_after(next)) < end && more < SIM_FIBERS - 1;)
        more++;
    more = more == 0 ? 0 : pti_strategy_extra(NOTE_LATER, more);
    while (more-- > 0)
        first = deadline_after(first);
    return first;
}

/* Those whose deadline has come can run again. */
static void let_time_pass(pt_time until)
{
    if (until > now)
        now = until;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_WAITS && fiber->deadline <= now) {
            fiber->state = FIBER_READY;
            pti_state_event_of(fiber, (uint64_t)now);
        }
    }
}

/* ---- Who runs ------------------------------------------------------------------------------ */

/* All that can run, from the running fiber on. Returns whether any of them is not idle. */
static bool list_ready(pti_fiber **ready, unsigned *count)
{
    unsigned i = pti_sim_self->id;
    bool busy = false;
    *count = 0;
    do {
        pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_READY && fiber->held_until <= now) {
            ready[(*count)++] = fiber;
            busy |= !pti_sim_is_idle(fiber);
        }
        if (++i == pti_sim_fiber_count)
            i = 0;
    } while (i != pti_sim_self->id);
    return busy;
}

void pti_sim_note(unsigned to)
{
    pti_schedule *schedule = pti_sim_schedule;
    if (schedule->strategy != SIM_REPLAY && schedule->note_count < SIM_NOTES)
        schedule->notes[schedule->note_count++] =
            (pti_note){pti_sim_self->steps, (uint8_t)pti_sim_self->id, (uint8_t)to};
}

static pti_fiber *decide(pti_fiber *const *ready, unsigned count)
{
    pti_schedule *schedule = pti_sim_schedule;
    pti_fiber *const *usual = ready; /* by itself, the first that is not idle runs: the running one, if it can */
    while (pti_sim_is_idle(*usual))
        usual++;
    if (count == 1)
        return *usual;
    schedule->decisions++;
    pti_fiber *choice = pti_strategy_choose(ready, count, *usual);
    if (choice != *usual && schedule->steps < SIM_LONG)
        pti_sim_note(choice->id);
    if (choice != *usual && *usual == pti_sim_self)
        schedule->switches++;
    return choice;
}

/* All that can run are idle, or there are none. */
static void pass_idle_time(bool any)
{
    pt_time deadline = choose_deadline();
    if (deadline == PT_TIME_NEVER && !any)
        pti_sim_fail(PT_SIM_DEADLOCK, "all threads wait for each other, none until a deadline");
    let_time_pass(deadline == PT_TIME_NEVER ? now + idle_step : deadline);
    idle_step *= 2;
    changes++; /* so nobody is idle */
}

static void go_on(void)
{
    pti_fiber *ready[SIM_FIBERS];
    unsigned count;
    pti_sim_self->steps++;
    if (pti_sim_schedule->steps >= SIM_LONG)
        let_time_pass(now + STEP);
    else if (pti_sim_self->state == FIBER_READY && pti_strategy_stalls())
        pti_sim_self->held_until = now + STALL;
    if (!list_ready(ready, &count)) {
        pass_idle_time(count > 0);
        list_ready(ready, &count);
    }
    pti_fiber_switch(decide(ready, count));
}

void pti_sim_point(enum pti_operation operation, const void *address, const void *place)
{
    if (!pti_sim_runs())
        return;
    go_on();
    pti_state_event(pti_mix(operation, (uintptr_t)address));
    pti_report_step(operation, address, place);
    if (++pti_sim_schedule->steps > pti_sim_schedule->most_steps)
        pti_sim_fail(PT_SIM_ENDLESS, "more than %llu steps", (unsigned long long)pti_sim_schedule->most_steps);
}

void pti_sim_block(void)
{
    go_on();
}
