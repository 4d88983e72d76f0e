/* views.c: which values an atomic load may see, and what a fiber learns of others by it. After C11, as mended by Lahav and
   others ("Repairing Sequential Consistency in C/C++11", PLDI 2017) and taken over in C++20.

   Each atomic variable keeps its last few stores, in the order in which they were made; each store its message: the clock that
   who acquires it merges into its own. A wait and a wake of the port carry no message: the library must not rest on them.

   A load may see any store that is kept, but none older than one that it must know of, which is one that
     - was made, or seen by anybody, in what the loading fiber's clock covers, or by that fiber itself;
     - was made or seen in what is covered by a sequentially consistent fence that came before one of the loading fiber's;
     - is sequentially consistent itself, and came before such a fence, or before this load if that is so too.
   In half of all schedules it sees the newest. A read-modify-write, and a compare-and-swap that finds another value, always
   do; one of the weak kind may also fail for no reason.

   What C11 allows and does not come about here: a store takes its place among the variable's stores when it is made, never
   an earlier one, and no load sees a store that is yet to be made. Nothing comes about that C11 does not allow. Where memory
   was written as plain memory in between, the variable's past begins anew. */
#include <string.h>

#include "sim.h"

struct store {
    uint64_t value;
    uint64_t past;      /* state.c: tells it from others */
    uint64_t agreed_at; /* its number among the sequentially consistent ones, 0 if it is none */
    pti_clock message;
    uint32_t known[SIM_FIBERS]; /* who has made or seen it first at which count of its clock; 0: not yet */
    pti_fiber *by;              /* NULL: it was there before */
    const void *place;
};

typedef struct pti_location {
    const void *address;
    struct pti_location *next; /* in the same eight bytes */
    uint64_t count;            /* of stores; store n is at n % SIM_STORES */
    struct store stores[SIM_STORES];
} location;

static pti_clock agreed;      /* all that sequentially consistent fences have covered */
static pti_clock gone;        /* what fibers had done that are no more */
static uint64_t agreed_count; /* of sequentially consistent stores */
static uint64_t agreed_past;  /* state.c: of these stores and fences, in their order */

void pti_views_begin(void)
{
    memset(&agreed, 0, sizeof agreed);
    memset(&gone, 0, sizeof gone);
    agreed_count = agreed_past = 0;
}

void pti_clock_merge(pti_clock *into, const pti_clock *from)
{
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        if (into->of[i] < from->of[i])
            into->of[i] = from->of[i];
    }
}

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* ---- Stores -------------------------------------------------------------------------------- */

static struct store *store_at(location *variable, uint64_t n)
{
    return &variable->stores[n % SIM_STORES];
}

static struct store *newest_of(location *variable)
{
    return store_at(variable, variable->count - 1);
}

static struct store *add_store(location *variable, uint64_t value)
{
    struct store *store = store_at(variable, variable->count++);
    memset(store, 0, sizeof *store);
    store->value = value;
    return store;
}

/* What is known of the atomic variable that holds this value now. */
static location *find(const void *address, uint64_t value)
{
    pti_cell *cell = pti_shadow_at((uintptr_t)address);
    if (cell == NULL)
        pti_sim_fail(PT_SIM_RESOURCES, "the test uses more memory than the simulator can watch");
    location *variable = cell->locations;
    while (variable != NULL && variable->address != address)
        variable = variable->next;
    if (variable == NULL) {
        variable = pti_scratch(sizeof *variable);
        variable->address = address;
        variable->next = cell->locations;
        cell->locations = variable;
    }
    if (variable->count == 0 || newest_of(variable)->value != value) {
        uint64_t before = variable->count == 0 ? 0 : newest_of(variable)->past;
        variable->count = 0;
        add_store(variable, value)->past = pti_mix((uintptr_t)address, value);
        pti_state_stored(address, before, newest_of(variable)->past);
    }
    return variable;
}

static void make_known(struct store *store)
{
    if (store->known[pti_sim_self->id] == 0)
        store->known[pti_sim_self->id] = pti_sim_self->clock.of[pti_sim_self->id];
}

/* ---- Which one is seen --------------------------------------------------------------------- */

static bool must_be_known(const struct store *store, int order)
{
    const pti_fiber *self = pti_sim_self;
    bool in_order = order == __ATOMIC_SEQ_CST;
    const pti_clock *fences = in_order ? &agreed : &self->agreed;
    if (store->agreed_at != 0 && store->agreed_at <= (in_order ? agreed_count : self->agreed_at))
        return true;
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        uint32_t known = store->known[i];
        if (known != 0 && (i == self->id || known <= self->clock.of[i] || known <= fences->of[i]))
            return true;
    }
    return false;
}

static unsigned choose_age(unsigned most)
{
    unsigned age = pti_strategy_extra(NOTE_OLDER, most);
    if (age > 0) {
        pti_sim_missed();
        pti_report_older(age);
    }
    return age;
}

static struct store *choose(location *variable, int order)
{
    uint64_t newest = variable->count - 1, kept = newest < SIM_STORES ? newest : SIM_STORES - 1, age = 0;
    if (!pti_sim_schedule->weak)
        return store_at(variable, newest);
    while (age < kept && !must_be_known(store_at(variable, newest - age), order))
        age++;
    return store_at(variable, newest - (age == 0 ? 0 : choose_age((unsigned)age)));
}

static void see(struct store *store, int order)
{
    make_known(store);
    pti_clock_merge(&pti_sim_self->seen, &store->message);
    if (acquires(order))
        pti_clock_merge(&pti_sim_self->clock, &store->message);
    pti_state_event(store->past);
}

uint64_t pti_atomic_load(const void *address, size_t size, uint64_t newest, int order, const void *place)
{
    pti_race_access(address, size, false, true, place);
    struct store *store = choose(find(address, newest), order);
    see(store, order);
    return store->value;
}

void pti_atomic_refused(const void *address, size_t size, uint64_t newest, int order, const void *place)
{
    pti_race_access(address, size, false, true, place);
    see(newest_of(find(address, newest)), order);
}

bool pti_atomic_fails(void)
{
    return pti_sim_schedule->weak && choose_age(1) != 0;
}

/* ---- Storing ------------------------------------------------------------------------------- */

/* message: what it passes on of an earlier one; NULL if nothing. */
static void store(location *variable, uint64_t value, int order, const pti_clock *message, const void *place)
{
    pti_fiber *self = pti_sim_self;
    uint64_t before = newest_of(variable)->past;
    pti_clock passed_on = message == NULL ? (pti_clock){{0}} : *message;
    struct store *made = add_store(variable, value);
    pti_state_event(pti_mix((uintptr_t)variable->address, value));
    made->past = pti_mix(before, self->past);
    pti_state_stored(variable->address, before, made->past);
    made->message = passed_on;
    pti_clock_merge(&made->message, releases(order) ? &self->clock : &self->fenced);
    made->by = self;
    made->place = place;
    make_known(made);
    if (order == __ATOMIC_SEQ_CST) {
        made->agreed_at = ++agreed_count;
        agreed_past = pti_mix(agreed_past, made->past);
    }
    if (releases(order))
        self->clock.of[self->id]++;
}

void pti_atomic_store(const void *address, size_t size, uint64_t before, uint64_t value, int order,
                      const void *place)
{
    pti_race_access(address, size, true, true, place);
    store(find(address, before), value, order, NULL, place);
    if (before != value)
        pti_sim_changed();
}

void pti_atomic_change(const void *address, size_t size, uint64_t before, uint64_t value, int order,
                       const void *place)
{
    pti_race_access(address, size, true, true, place);
    location *variable = find(address, before);
    struct store *newest = newest_of(variable);
    see(newest, order);
    store(variable, value, order, &newest->message, place);
    if (before != value)
        pti_sim_changed();
}

/* ---- Fences, and threads ------------------------------------------------------------------- */

void pti_atomic_fence(int order)
{
    pti_fiber *self = pti_sim_self;
    if (acquires(order))
        pti_clock_merge(&self->clock, &self->seen);
    if (order == __ATOMIC_SEQ_CST) {
        pti_clock_merge(&agreed, &self->clock);
        self->agreed = agreed;
        self->agreed_at = agreed_count;
        if (pti_sim_schedule->weak) { /* else nobody will know who was first */
            pti_state_event(agreed_past);
            agreed_past = pti_mix(agreed_past, self->past);
        }
    }
    if (releases(order)) {
        self->fenced = self->clock;
        self->clock.of[self->id]++;
    }
}

void pti_atomic_fence_all(void)
{
    pti_fiber *self = pti_sim_self;
    pti_clock_merge(&agreed, &gone);
    pti_atomic_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber == self || fiber->state == FIBER_DONE)
            continue;
        pti_sim_self = fiber;
        pti_atomic_fence(__ATOMIC_SEQ_CST);
    }
    pti_sim_self = self;
    pti_atomic_fence(__ATOMIC_SEQ_CST); /* and see what the others had done by theirs */
}

void pti_views_ended(const pti_fiber *fiber)
{
    pti_clock_merge(&gone, &fiber->clock);
}

void pti_views_started(pti_fiber *parent, pti_fiber *child)
{
    pti_clock_merge(&child->clock, &parent->clock);
    pti_clock_merge(&child->agreed, &parent->agreed);
    child->agreed_at = parent->agreed_at;
    parent->clock.of[parent->id]++;
}

void pti_views_joined(pti_fiber *joiner, const pti_fiber *ended)
{
    pti_clock_merge(&joiner->clock, &ended->clock);
}

/* ---- Reports ------------------------------------------------------------------------------- */

pti_fiber *pti_views_changer(const void *address, unsigned back, const void **place)
{
    pti_cell *cell = pti_shadow_at((uintptr_t)address);
    location *variable = cell == NULL ? NULL : cell->locations;
    while (variable != NULL && variable->address != address)
        variable = variable->next;
    if (variable == NULL || back >= variable->count || back >= SIM_STORES)
        return NULL;
    const struct store *made = store_at(variable, variable->count - 1 - back);
    *place = made->place;
    return made->by;
}
