/* race.c: who may have seen what. After FastTrack (Flanagan and Freund, PLDI 2009), with the cells of ThreadSanitizer.

   Each fiber has a clock, which counts its own releases and knows of each other fiber's the latest that it has seen.
   An acquire that reads what a release wrote merges the writer's clock into the reader's: what stands there for a
   location is its message. A wait and a wake of the port carry no message: the library must not rest on them.

   For each 8 bytes of memory a cell keeps the last few accesses: who, at which count of its clock, which bytes. Two
   accesses to one byte by different fibers, not both atomic, one of them a write, are a race unless the later fiber has seen
   the earlier one's count. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { SHADOWS = 4, CELLS = 1 << 16, MESSAGES = 1 << 16 };

struct shadow {
    uint32_t count; /* of the fiber's clock; 0: unused */
    uint8_t fiber, bytes;
    bool writes, atomic;
};

struct cell {
    uintptr_t granule; /* address / 8; 0: unused */
    bool freed;
    unsigned next; /* shadow to give up */
    struct shadow shadows[SHADOWS];
    const void *places[SHADOWS];
};

struct message {
    const void *address; /* NULL: unused */
    pti_clock clock;
};

static struct cell *cells;
static struct message *messages[MESSAGES];
static pti_clock in_order; /* of sequentially consistent fences */

void pti_race_begin(void)
{
    cells = calloc(CELLS, sizeof *cells);
    if (cells == NULL)
        abort();
}

static size_t hash(uintptr_t value)
{
    return (size_t)((uint64_t)value * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* NULL where there is no room any more: such memory is not watched. */
static struct cell *cell_of(uintptr_t granule, bool make)
{
    for (size_t i = 0, at = hash(granule) % CELLS; i < 64; i++, at = (at + 1) % CELLS) {
        if (cells[at].granule == granule)
            return &cells[at];
        if (cells[at].granule == 0) {
            if (!make)
                return NULL;
            cells[at].granule = granule;
            return &cells[at];
        }
    }
    return NULL;
}

static void merge(pti_clock *into, const pti_clock *from)
{
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        if (into->of[i] < from->of[i])
            into->of[i] = from->of[i];
    }
}

/* ---- Accesses ------------------------------------------------------------------------------ */

static void report(const struct cell *cell, unsigned at, const void *address, bool writes, const void *place)
{
    const struct shadow *other = &cell->shadows[at];
    char what[128], here[256], there[256];
    pti_sim_name(address, false, what, sizeof what);
    pti_sim_name(place, true, here, sizeof here);
    pti_sim_name(cell->places[at], true, there, sizeof there);
    pti_sim_fail(PT_SIM_RACE, "%s: %s %s it, at %s; %s %s it, at %s", what, pti_sim_self->name,
                 writes ? "writes" : "reads", here, pti_sim_fibers[other->fiber]->name,
                 other->writes ? "wrote" : "read", there);
}

static void access_granule(uintptr_t granule, uint8_t bytes, const void *address, bool writes, bool atomic,
                           const void *place)
{
    struct cell *cell = cell_of(granule, true);
    if (cell == NULL)
        return;
    if (cell->freed) {
        char what[128], here[256];
        pti_sim_name(address, false, what, sizeof what);
        pti_sim_name(place, true, here, sizeof here);
        pti_sim_fail(PT_SIM_FREED, "%s has been freed; %s %s it, at %s", what, pti_sim_self->name,
                     writes ? "writes" : "reads", here);
    }
    unsigned put = SHADOWS;
    for (unsigned i = 0; i < SHADOWS; i++) {
        const struct shadow *other = &cell->shadows[i];
        if (other->count == 0) {
            put = put == SHADOWS ? i : put;
            continue;
        }
        if (other->fiber == pti_sim_self->id) {
            if (other->bytes == bytes && other->writes == writes && other->atomic == atomic)
                put = i;
            continue;
        }
        bool conflict = (other->bytes & bytes) != 0 && (other->writes || writes) && !(other->atomic && atomic);
        bool seen = pti_sim_self->clock.of[other->fiber] >= other->count;
        if (conflict && !seen)
            report(cell, i, address, writes, place);
        if (seen && writes && (other->bytes & ~bytes) == 0)
            put = i; /* whoever comes into conflict with that one does so with this one too */
    }
    if (put == SHADOWS)
        put = cell->next++ % SHADOWS;
    cell->shadows[put] =
        (struct shadow){pti_sim_self->clock.of[pti_sim_self->id], (uint8_t)pti_sim_self->id, bytes, writes, atomic};
    cell->places[put] = place;
}

void pti_race_access(const void *address, size_t size, bool writes, bool atomic, const void *place)
{
    if (pti_sim_schedule == NULL || pti_sim_self == NULL || pti_fiber_is_local(address))
        return;
    uintptr_t first = (uintptr_t)address, end = first + size;
    for (uintptr_t at = first; at < end;) {
        uintptr_t granule = at / 8, next = (granule + 1) * 8;
        unsigned from = (unsigned)(at % 8), to = next < end ? 8 : (unsigned)(end - granule * 8);
        access_granule(granule, (uint8_t)((1u << to) - (1u << from)), (const void *)at, writes, atomic, place);
        at = next;
    }
}

/* ---- Memory that goes ------------------------------------------------------------ */

void pti_race_freed(const void *address, size_t size, const void *place)
{
    if (pti_sim_schedule == NULL || pti_sim_self == NULL)
        return;
    pti_race_access(address, size, true, false, place);
    uintptr_t first = (uintptr_t)address / 8, end = ((uintptr_t)address + size + 7) / 8;
    for (uintptr_t granule = first; granule < end; granule++) {
        struct cell *cell = cell_of(granule, true);
        if (cell != NULL)
            cell->freed = true;
    }
}

/* ---- Messages ------------------------------------------------------------------------------ */

/* NULL if nobody has released anything there, and make is false. */
static struct message *message_of(const void *address, bool make)
{
    for (size_t i = 0, at = hash((uintptr_t)address) % MESSAGES; i < MESSAGES; i++, at = (at + 1) % MESSAGES) {
        if (messages[at] == NULL) {
            if (!make)
                return NULL;
            messages[at] = calloc(1, sizeof *messages[at]);
            if (messages[at] == NULL)
                abort();
            messages[at]->address = address;
        }
        if (messages[at]->address == address)
            return messages[at];
    }
    pti_sim_fail(PT_SIM_RESOURCES, "more than %d atomic variables", MESSAGES);
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

static void read_message(const void *address, int order)
{
    const struct message *message = message_of(address, false);
    if (message != NULL)
        merge(acquires(order) ? &pti_sim_self->clock : &pti_sim_self->seen, &message->clock);
}

static void tick(void)
{
    pti_sim_self->clock.of[pti_sim_self->id]++;
}

/* continues: a read-modify-write, which passes on what it read. */
static void write_message(const void *address, int order, bool continues)
{
    struct message *message = message_of(address, true);
    if (!continues)
        message->clock = (pti_clock){{0}};
    merge(&message->clock, releases(order) ? &pti_sim_self->clock : &pti_sim_self->fenced);
    if (releases(order))
        tick();
}

void pti_race_load(const void *address, int order)
{
    read_message(address, order);
}

void pti_race_store(const void *address, int order)
{
    write_message(address, order, false);
}

void pti_race_change(const void *address, int order)
{
    read_message(address, order);
    write_message(address, order, true);
}

void pti_race_fence(int order)
{
    if (acquires(order))
        merge(&pti_sim_self->clock, &pti_sim_self->seen);
    if (order == __ATOMIC_SEQ_CST) {
        merge(&pti_sim_self->clock, &in_order);
        merge(&in_order, &pti_sim_self->clock);
    }
    if (releases(order)) {
        pti_sim_self->fenced = pti_sim_self->clock;
        tick();
    }
}

void pti_race_started(pti_fiber *parent, pti_fiber *child)
{
    merge(&child->clock, &parent->clock);
    parent->clock.of[parent->id]++;
}

void pti_race_joined(pti_fiber *joiner, const pti_fiber *ended)
{
    merge(&joiner->clock, &ended->clock);
}
