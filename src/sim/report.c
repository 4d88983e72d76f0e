/* report.c: what went wrong, for people: the last steps, and who waits for what. */
#include <stdio.h>
#include <string.h>

#include "../park.h"
#include "sim.h"

enum { TRACE = 48, CALLS = 8 };

static struct step {
    const pti_fiber *fiber;
    enum pti_operation operation;
    const void *address, *place;
    const void *calls[CALLS]; /* from where functions were called, the innermost first */
    unsigned older;           /* so many stores before the newest is what it saw */
} trace[TRACE];
static uint64_t step_count;

void pti_report_begin(void)
{
    step_count = 0;
}

void pti_report_step(enum pti_operation operation, const void *address, const void *place)
{
    const pti_fiber *self = pti_sim_self;
    struct step *step = &trace[step_count++ % TRACE];
    *step = (struct step){.fiber = self, .operation = operation, .address = address, .place = place};
    unsigned depth = self->depth < SIM_CALLS ? self->depth : SIM_CALLS;
    for (unsigned i = 0; i < CALLS && i < depth; i++)
        step->calls[i] = self->calls[depth - 1 - i];
}

void pti_report_older(unsigned age)
{
    trace[(step_count - 1) % TRACE].older = age;
}

/* ---- Where -------------------------------------------------------------------------------------- */

/* "pt_mutex_lock, from transfer at bank.c:12 (park.c:40)": the library's function that was called, from where, and where it
   is now; or just where. */
static void name_place(const struct step *step, char *text, size_t size)
{
    const char *function, *line, *called = NULL, *here = NULL;
    for (unsigned i = 0; i <= CALLS; i++) {
        const void *place = i == 0 ? step->place : step->calls[i - 1];
        for (unsigned frame = 0; pti_name_frame(place, frame, &function, &line); frame++) {
            here = here == NULL ? line : here;
            if (strncmp(function, "pt_", 3) == 0) {
                called = function;
            } else if (called != NULL) {
                snprintf(text, size, "%s, from %s at %s (%s)", called, function, line, here);
                return;
            }
        }
    }
    pti_name_code(step->place, text, size);
}

static const struct step *step_at(uint64_t n)
{
    return &trace[n % TRACE];
}

static uint64_t first_step(void)
{
    return step_count > TRACE ? step_count - TRACE : 0;
}

/* ---- What --------------------------------------------------------------------------------------- */

static void print_steps(void)
{
    static const char *const verbs[] = {"loads",  "stores", "changes", "fences", "waits on", "wakes",
                                        "starts", "joins",  "ends",    "clock",  "yields"};
    if (first_step() < step_count)
        fprintf(stderr, "  the last steps:\n");
    for (uint64_t n = first_step(); n < step_count; n++) {
        const struct step *step = step_at(n);
        char address[96] = "", place[288], older[32] = "";
        if (step->address != NULL)
            pti_name_data(step->address, address, sizeof address);
        name_place(step, place, sizeof place);
        if (step->older > 0 && step->operation == OP_LOAD)
            snprintf(older, sizeof older, " (%u older)", step->older);
        else if (step->older > 0)
            snprintf(older, sizeof older, " (fails by chance)");
        fprintf(stderr, "  %6llu  %-10s %-8s %-24s %s%s\n", (unsigned long long)n, step->fiber->name,
                verbs[step->operation], address, place, older);
    }
}

/* All that sleep on a word on a stack are in the parking lot: the word is that of a waiter. */
static const pti_waiter *waiter_of(const pti_fiber *fiber)
{
    if (fiber->state != FIBER_WAITS || pti_fiber_at(fiber->word) == NULL)
        return NULL;
    return (const pti_waiter *)(const void *)fiber->word;
}

static bool waits_for(const pti_fiber *fiber, const void *key)
{
    const pti_waiter *waiter = waiter_of(fiber);
    return waiter != NULL && waiter->key == key;
}

/* Who may be expected to wake those who wait for this. */
static void print_changer(const void *key)
{
    const void *place;
    const pti_fiber *by;
    for (unsigned back = 0; (by = pti_views_changer(key, back, &place)) != NULL; back++) {
        if (waits_for(by, key))
            continue;
        fprintf(stderr, ", which %s changed last%s", by->name, by->state == FIBER_DONE ? ", and has ended" : "");
        return;
    }
}

static void print_where(const pti_fiber *fiber)
{
    char place[288];
    for (uint64_t n = step_count; n > first_step(); n--) {
        if (step_at(n - 1)->fiber != fiber)
            continue;
        name_place(step_at(n - 1), place, sizeof place);
        fprintf(stderr, ": %s", place);
        return;
    }
}

static void print_fiber(const pti_fiber *fiber)
{
    char what[128];
    const pti_waiter *waiter = waiter_of(fiber);
    const char *limit = fiber->deadline == PT_TIME_NEVER ? "" : " until a deadline";
    fprintf(stderr, "  %-10s ", fiber->name);
    if (waiter != NULL) {
        pti_name_data(waiter->key, what, sizeof what);
        fprintf(stderr, "waits for the %s %s%s", waiter->what, what, limit);
        print_changer(waiter->key);
    } else if (fiber->state == FIBER_WAITS) {
        pti_name_data(fiber->word, what, sizeof what);
        fprintf(stderr, "waits on %s%s", what, limit);
    } else if (fiber->state == FIBER_JOINS) {
        fprintf(stderr, "waits for the end of %s", fiber->joins->name);
    } else {
        fprintf(stderr, "can run");
    }
    print_where(fiber);
    fprintf(stderr, "\n");
}

void pti_report_print(void)
{
    const pti_schedule *schedule = pti_sim_shared;
    for (uint64_t n = first_step(); n < step_count; n++) {
        pti_name_code_soon(step_at(n)->place);
        for (unsigned i = 0; i < CALLS && step_at(n)->calls[i] != NULL; i++)
            pti_name_code_soon(step_at(n)->calls[i]);
    }
    fprintf(stderr, "sim: %s: %s\n", pt_sim_failure_text(schedule->failure), schedule->text);
    print_steps();
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        if (pti_sim_fibers[i]->state != FIBER_DONE)
            print_fiber(pti_sim_fibers[i]);
    }
}
