/* strategy.c: who runs next.

   random      Each time anybody who can. Idle fibers seldom: they would look once more.
   pct         Each fiber has a random priority, and the highest runs; at depth - 1 random steps the running one's falls below
               all others. A fiber that yields goes below all others, too. (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A
               Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010.)
   exhaustive  All schedules with no notes, then all with one, and so on up to depth; where a fiber cannot go on, all that
               can go on for it are tried for free. (Musuvathi, Qadeer: "Iterative Context Bounding", PLDI 2007.) What lies
               ahead is tried depth first; the decisions on the way are `nodes`. Where a schedule comes to a state from
               which others have gone on already, with as many notes still to make, it is cut.
   replay      As noted; in between, as it comes by itself. Notes are found by the fiber and its own step, so that without
               some of them the others still mean the same.

   All choose at random after SIM_LONG steps, from a stream that begins there. */
#include <string.h>

#include "sim.h"

enum { CHANGES = 16, NODES = SIM_NOTES, STATES = 1 << 21, TRIES = 8, STALL_IN = 256 };

static uint64_t random_state;
static uint64_t change_at[CHANGES]; /* pct: steps at which the running fiber's priority falls */
static int64_t least_priority;      /* pct */
static unsigned extra_in;           /* one load in so many sees an older value */
static bool is_long;

/* exhaustive; shared with the process that runs schedules, as decisions of one lead to the next */
static struct search {
    unsigned bound; /* on notes, so far */
    uint32_t count; /* of nodes on the way of the last schedule */
    bool left_out;  /* a schedule was too long to look at all of it */
    struct node {
        uint8_t options, chosen;
    } nodes[NODES];
    uint64_t run;
    struct visit {
        uint64_t state; /* of which run; 0: unused */
        unsigned left;  /* with so many notes still to make */
    } visits[STATES];
} * search;
static uint32_t node_now;
static unsigned notes_left;

/* replay */
static uint32_t next_note[SIM_FIBERS]; /* of each fiber */
static uint32_t note_after[SIM_NOTES]; /* each one's next of the same fiber */

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

/* ---- From schedule to schedule ------------------------------------------------------------- */

bool pti_strategy_prepare(void)
{
    if (pti_sim_shared->strategy != SIM_EXHAUSTIVE)
        return true;
    if (search == NULL)
        search = pti_room(sizeof *search, true);
    if (search == NULL)
        return false;
    search->run++;
    search->bound = search->count = 0;
    search->left_out = false;
    return true;
}

/* To the last decision of which there is an option left. */
static bool advance(void)
{
    while (search->count > 0) {
        struct node *last = &search->nodes[search->count - 1];
        if (++last->chosen < last->options)
            return true;
        search->count--;
    }
    return search->bound++ < pti_sim_shared->depth;
}

bool pti_strategy_next(void)
{
    pti_schedule *schedule = pti_sim_shared;
    if (schedule->runs > 0 && schedule->strategy == SIM_EXHAUSTIVE && !advance()) {
        schedule->complete = !search->left_out;
        return false;
    }
    if (schedule->runs == schedule->most_runs ||
        (schedule->end != 0 && schedule->runs > 0 && pti_sim_seconds() > schedule->end))
        return false;
    schedule->seed =
        schedule->strategy == SIM_EXHAUSTIVE ? schedule->first_seed : schedule->first_seed + schedule->runs;
    if (!schedule->keep_weak)
        schedule->weak = !schedule->newest && (schedule->strategy == SIM_EXHAUSTIVE || schedule->runs % 2 == 1);
    if (schedule->strategy != SIM_REPLAY)
        schedule->note_count = 0;
    return true;
}

static void list_notes(void)
{
    const pti_schedule *schedule = pti_sim_schedule;
    for (unsigned i = 0; i < SIM_FIBERS; i++)
        next_note[i] = SIM_NOTES;
    for (uint32_t i = schedule->note_count; i-- > 0;) {
        unsigned fiber = schedule->notes[i].fiber % SIM_FIBERS;
        note_after[i] = next_note[fiber];
        next_note[fiber] = i;
    }
}

void pti_strategy_begin(void)
{
    const pti_schedule *schedule = pti_sim_schedule;
    random_state = schedule->seed;
    is_long = false;
    least_priority = 0;
    memset(change_at, 0, sizeof change_at);
    for (unsigned i = 0; i + 1 < schedule->depth && i < CHANGES; i++)
        change_at[i] = 1 + random_next() % (schedule->expected_steps + 1);
    extra_in = 2u << random_next() % 3;
    node_now = 0;
    notes_left = search == NULL ? 0 : search->bound;
    if (schedule->strategy == SIM_REPLAY)
        list_notes();
}

/* ---- At random, and by priority ------------------------------------------------------------ */

static pti_fiber *at_random(pti_fiber *const *ready, unsigned count)
{
    pti_fiber *choice = ready[choose(count)];
    while (pti_sim_is_idle(choice) && choose(8) != 0)
        choice = ready[choose(count)];
    return choice;
}

void pti_strategy_yielded(void)
{
    pti_sim_self->priority = --least_priority;
}

static bool is_higher(const pti_fiber *fiber, const pti_fiber *than)
{
    bool idle = pti_sim_is_idle(fiber), than_idle = pti_sim_is_idle(than);
    return idle != than_idle ? than_idle : fiber->priority > than->priority;
}

static pti_fiber *by_priority(pti_fiber *const *ready, unsigned count)
{
    for (unsigned i = 0; i < CHANGES; i++) {
        if (change_at[i] != 0 && change_at[i] == pti_sim_schedule->steps)
            pti_sim_self->priority = --least_priority;
    }
    pti_fiber *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (ready[i]->priority == 0)
            ready[i]->priority = 1 + (int64_t)(random_next() >> 2);
        if (best == NULL || is_higher(ready[i], best))
            best = ready[i];
    }
    return best;
}

/* ---- All there are ------------------------------------------------------------------------- */

/* Whether others have been in this state with as many notes to make; if not, this one is noted. kind: what is decided. */
static bool was_visited(unsigned kind)
{
    uint64_t state = pti_mix(pti_state_now(), search->run << 8 | kind) | 1;
    struct visit *visits = &search->visits[(state >> 8) % (STATES / TRIES) * TRIES], *at = visits;
    for (struct visit *visit = visits; visit < visits + TRIES && at->state != state; visit++) {
        if (visit->state == state || visit->state == 0)
            at = visit;
    }
    if (at->state == state && at->left >= notes_left)
        return true;
    *at =
        (struct visit){state, notes_left}; /* where all places are taken, that of another: it may be tried again */
    return false;
}

/* The option to take of so many. */
static unsigned at_node(unsigned kind, unsigned options)
{
    if (node_now == search->count) {
        if (was_visited(kind))
            pti_sim_cut();
        if (search->count == NODES)
            pti_sim_fail(PT_SIM_RESOURCES, "too many decisions to try all of them");
        search->nodes[search->count++] = (struct node){(uint8_t)options, 0};
    }
    return search->nodes[node_now++].chosen;
}

static pti_fiber *one_of_all(pti_fiber *const *ready, unsigned count, pti_fiber *usual)
{
    pti_fiber *options[SIM_FIBERS] = {usual};
    unsigned option_count = 1;
    bool has_price = usual == pti_sim_self;
    for (unsigned i = 0; i < count && !(has_price && notes_left == 0); i++) {
        if (ready[i] != usual && !pti_sim_is_idle(ready[i]))
            options[option_count++] = ready[i];
    }
    unsigned chosen = option_count == 1 ? 0 : at_node(0, option_count);
    notes_left -= has_price && chosen > 0;
    return options[chosen];
}

/* ---- As noted ------------------------------------------------------------------------------ */

static unsigned kind_of(const pti_note *note)
{
    return note->to == NOTE_STALLS  ? NOTE_STALLS
           : note->to >= NOTE_LATER ? NOTE_LATER
           : note->to >= NOTE_OLDER ? NOTE_OLDER
                                    : 0;
}

/* What is noted of this kind at this step of the running fiber; SIM_NOTES if nothing. */
static uint32_t note_here(unsigned kind)
{
    const pti_note *notes = pti_sim_schedule->notes;
    uint32_t *next = &next_note[pti_sim_self->id];
    while (*next != SIM_NOTES && notes[*next].step < pti_sim_self->steps)
        *next = note_after[*next];
    for (uint32_t i = *next; i != SIM_NOTES && notes[i].step == pti_sim_self->steps; i = note_after[i]) {
        if (kind_of(&notes[i]) == kind)
            return i;
    }
    return SIM_NOTES;
}

static pti_fiber *as_noted(pti_fiber *const *ready, unsigned count, pti_fiber *usual)
{
    uint32_t note = note_here(0);
    for (unsigned i = 0; note != SIM_NOTES && i < count; i++) {
        if (ready[i]->id == pti_sim_schedule->notes[note].to)
            return ready[i];
    }
    return usual;
}

/* ---- Whichever it is ----------------------------------------------------------------------- */

pti_fiber *pti_strategy_choose(pti_fiber *const *ready, unsigned count, pti_fiber *usual)
{
    const pti_schedule *schedule = pti_sim_schedule;
    if (schedule->steps >= SIM_LONG) {
        if (!is_long)
            random_state = schedule->seed ^ SIM_LONG;
        is_long = true;
        if (schedule->strategy == SIM_EXHAUSTIVE)
            search->left_out = true;
        return at_random(ready, count);
    }
    switch (schedule->strategy) {
    case SIM_PCT: return by_priority(ready, count);
    case SIM_EXHAUSTIVE: return one_of_all(ready, count, usual);
    case SIM_REPLAY: return as_noted(ready, count, usual);
    default: return at_random(ready, count);
    }
}

static unsigned choose_extra(unsigned kind, unsigned most)
{
    uint32_t note;
    unsigned extra;
    switch (pti_sim_schedule->strategy) {
    case SIM_REPLAY:
        note = note_here(kind);
        extra = note == SIM_NOTES ? 0 : pti_sim_schedule->notes[note].to - kind;
        return extra < most ? extra : most;
    case SIM_EXHAUSTIVE:
        extra = notes_left == 0 ? 0 : at_node(kind, most + 1);
        notes_left -= extra > 0;
        return extra;
    default: return choose(extra_in) != 0 ? 0 : choose(2) == 0 ? most : 1 + choose(most);
    }
}

unsigned pti_strategy_extra(unsigned kind, unsigned most)
{
    unsigned extra = pti_sim_schedule->steps >= SIM_LONG ? 0 : choose_extra(kind, most);
    if (extra > 0)
        pti_sim_note(kind + extra);
    return extra;
}

bool pti_strategy_stalls(void)
{
    bool stalls;
    switch (pti_sim_schedule->strategy) {
    case SIM_REPLAY: stalls = note_here(NOTE_STALLS) != SIM_NOTES; break;
    case SIM_EXHAUSTIVE: stalls = false; break;
    default: stalls = pti_sim_schedule->seed / 2 % 2 == 1 && choose(STALL_IN) == 0;
    }
    if (stalls)
        pti_sim_note(NOTE_STALLS);
    return stalls;
}
