/* schedule.c: who runs next, what time it is, and when all are stuck.

   Before each operation that others may notice the running fiber comes to pti_sim_point(). Where more than one fiber could
   run, that is a decision: the strategy makes it, and its outcome, the fiber's number, is noted. The decisions are all
   that tells one schedule from another, so noted ones give the same schedule again.

   Idle    A fiber that yields twice, and nobody else has changed anything in between, will find nothing new next time: it
           is idle until another fiber changes something. When all that could run are idle, time passes: to the next
           deadline, or if there is none, by a step that doubles as long as nothing changes.
   Long    After LONG steps a schedule gets fair, whatever the strategy: turns are given at random, and each step takes
           time. So what relies on its turn, or on time, to come to an end does so; the others run into the bound.
   Stuck   When none can run, time passes to the next deadline too; without one it is a deadlock. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

pti_schedule *pti_sim_schedule;

enum { TRACE = 64, LONG = 20000 };

static const pt_time STEP = PT_MICROSECOND; /* in long schedules */

static struct trace {
    unsigned fiber;
    enum pti_operation operation;
    const void *address, *place;
} trace[TRACE];

static uint64_t random_state;
static uint64_t changes;
static pt_time now, idle_step;
static uint32_t replayed;
static uint64_t change_at[16]; /* pct: steps at which the running fiber's priority falls */
static int64_t least_priority;

static uint64_t random_next(void)
{
    /* SplitMix64 (Steele, Lea, Flood, 2014). */
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to choices - 1. */
static unsigned choose(unsigned choices)
{
    return choices < 2 ? 0 : (unsigned)(random_next() % choices);
}

void pti_schedule_begin(pti_schedule *schedule)
{
    pti_sim_schedule = schedule;
    random_state = schedule->seed;
    changes = 1;
    now = PT_SECOND;
    idle_step = PT_MICROSECOND;
    for (unsigned i = 0; i + 1 < schedule->depth && i < sizeof change_at / sizeof change_at[0]; i++)
        change_at[i] = 1 + random_next() % (schedule->expected_steps + 1);
}

/* ---- Failing ------------------------------------------------------------------------------- */

static const char *const verbs[] = {"loads",  "stores", "changes", "fences", "waits on", "wakes",
                                    "starts", "joins",  "ends",    "clock",  "yields"};

static void print_trace(void)
{
    uint64_t steps = pti_sim_schedule->steps;
    fprintf(stderr, "  the last steps:\n");
    for (uint64_t i = steps > TRACE ? steps - TRACE : 0; i < steps; i++) {
        const struct trace *step = &trace[i % TRACE];
        char address[128], place[256];
        pti_sim_name(step->address, false, address, sizeof address);
        pti_sim_name(step->place, true, place, sizeof place);
        fprintf(stderr, "  %6llu  %-10s %-8s %-28s %s\n", (unsigned long long)i, pti_sim_fibers[step->fiber]->name,
                verbs[step->operation], address, place);
    }
}

static void print_fibers(void)
{
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        char what[128] = "can run";
        if (fiber->state == FIBER_DONE)
            continue;
        if (fiber->state == FIBER_JOINS)
            snprintf(what, sizeof what, "waits for the end of %s", fiber->joins->name);
        if (fiber->state == FIBER_WAITS) {
            char word[96];
            pti_sim_name(fiber->word, false, word, sizeof word);
            snprintf(what, sizeof what, "waits on %s%s", word,
                     fiber->deadline == PT_TIME_NEVER ? "" : " until a deadline");
        }
        fprintf(stderr, "  %-10s %s\n", fiber->name, what);
    }
}

void pti_sim_fail(enum pt_sim_failure failure, const char *format, ...)
{
    pti_schedule *schedule = pti_sim_schedule;
    va_list args;
    va_start(args, format);
    vsnprintf(schedule->text, sizeof schedule->text, format, args);
    va_end(args);
    schedule->failure = failure;
    if (schedule->verbose) {
        fprintf(stderr, "sim: %s: %s\n", pt_sim_failure_text(failure), schedule->text);
        print_trace();
        print_fibers();
    }
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

void pti_sim_yield(void)
{
    uint64_t by_others = changes - pti_sim_self->own_changes;
    pti_sim_self->idle = pti_sim_self->looked == by_others;
    pti_sim_self->looked = by_others;
    pti_sim_self->priority = --least_priority;
}

static bool is_idle(const pti_fiber *fiber)
{
    return fiber->idle && fiber->looked == changes - fiber->own_changes;
}

static pt_time next_deadline(void)
{
    pt_time next = PT_TIME_NEVER;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_WAITS && fiber->deadline < next)
            next = fiber->deadline;
    }
    return next;
}

/* Those whose deadline has come can run again. */
static void let_time_pass(pt_time until)
{
    if (until > now)
        now = until;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_WAITS && fiber->deadline <= now)
            fiber->state = FIBER_READY;
    }
}

/* ---- Who runs ------------------------------------------------------------------------------ */

/* All that can run, and whether any of them is not idle. */
static unsigned list_ready(pti_fiber **ready, bool *busy)
{
    unsigned count = 0;
    *busy = false;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_READY) {
            ready[count++] = fiber;
            *busy |= !is_idle(fiber);
        }
    }
    return count;
}

static pti_fiber *by_priority(pti_fiber **ready, unsigned count)
{
    const pti_schedule *schedule = pti_sim_schedule;
    for (unsigned i = 0; i + 1 < schedule->depth && i < sizeof change_at / sizeof change_at[0]; i++) {
        if (change_at[i] == schedule->steps)
            pti_sim_self->priority = --least_priority;
    }
    pti_fiber *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (ready[i]->priority == 0)
            ready[i]->priority = 1 + (int64_t)(random_next() >> 2);
        bool better = best == NULL || is_idle(best) > is_idle(ready[i]) ||
                      (is_idle(best) == is_idle(ready[i]) && ready[i]->priority > best->priority);
        if (better)
            best = ready[i];
    }
    if (is_idle(best)) /* all are: in turn */
        best->priority = --least_priority;
    return best;
}

static pti_fiber *at_random(pti_fiber **ready, unsigned count, bool busy)
{
    pti_fiber *choice = ready[choose(count)];
    while (busy && is_idle(choice) && choose(8) != 0) /* they may look once more, but as a rule others run */
        choice = ready[choose(count)];
    return choice;
}

/* The decision as noted; where it does not fit any more, stay with the fiber that runs. */
static pti_fiber *as_noted(pti_fiber **ready, unsigned count, bool busy)
{
    pti_schedule *schedule = pti_sim_schedule;
    unsigned wanted = SIM_STAY;
    if (replayed < schedule->to_replay)
        wanted = schedule->chosen[replayed];
    if (replayed++ >= schedule->to_replay && schedule->steps >= LONG)
        return at_random(ready, count, busy);
    pti_fiber *stays = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (ready[i]->id == wanted)
            return ready[i];
        if (ready[i] == pti_sim_self && !is_idle(pti_sim_self))
            stays = ready[i];
    }
    if (stays != NULL)
        return stays;
    /* In turn, from the running one on, the busy first. */
    for (unsigned i = 0; i < count; i++) {
        pti_fiber *fiber = ready[i];
        bool after = fiber->id > pti_sim_self->id;
        if (stays == NULL || is_idle(stays) > is_idle(fiber) ||
            (is_idle(stays) == is_idle(fiber) && after && stays->id <= pti_sim_self->id))
            stays = fiber;
    }
    return stays;
}

static pti_fiber *decide(pti_fiber **ready, unsigned count, bool busy)
{
    pti_schedule *schedule = pti_sim_schedule;
    if (count == 1)
        return ready[0];
    pti_fiber *choice;
    if (schedule->strategy == SIM_REPLAY)
        choice = as_noted(ready, count, busy);
    else if (schedule->strategy == SIM_PCT && schedule->steps < LONG)
        choice = by_priority(ready, count);
    else
        choice = at_random(ready, count, busy);
    if (schedule->decisions < SIM_DECISIONS)
        schedule->chosen[schedule->decisions++] = (uint8_t)choice->id;
    if (choice != pti_sim_self && pti_sim_self->state == FIBER_READY && !is_idle(pti_sim_self))
        schedule->switches++;
    return choice;
}

static void go_on(void)
{
    pti_fiber *ready[SIM_FIBERS];
    bool busy;
    if (pti_sim_schedule->steps >= LONG)
        let_time_pass(now + STEP);
    unsigned count = list_ready(ready, &busy);
    if (!busy) {
        pt_time deadline = next_deadline();
        if (deadline != PT_TIME_NEVER) {
            let_time_pass(deadline);
        } else if (count > 0) {
            let_time_pass(now + idle_step);
            idle_step *= 2;
        } else {
            pti_sim_fail(PT_SIM_DEADLOCK, "all threads wait for each other, none until a deadline");
        }
        changes++;
        count = list_ready(ready, &busy);
    }
    pti_fiber_switch(decide(ready, count, busy));
}

void pti_sim_point(enum pti_operation operation, const void *address, const void *place)
{
    pti_schedule *schedule = pti_sim_schedule;
    if (schedule == NULL || pti_sim_self == NULL)
        return;
    go_on();
    trace[schedule->steps % TRACE] = (struct trace){pti_sim_self->id, operation, address, place};
    if (++schedule->steps > schedule->most_steps)
        pti_sim_fail(PT_SIM_ENDLESS, "more than %llu steps", (unsigned long long)schedule->most_steps);
}

void pti_sim_block(void)
{
    go_on();
}
