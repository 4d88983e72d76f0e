/* race.c: data races, and use of freed memory. After FastTrack (Flanagan and Freund, PLDI 2009), with the cells of
   ThreadSanitizer.

   Each fiber has a clock, which counts its own releases and knows of each other fiber's the latest that it has seen; views.c
   moves them on. For each 8 bytes of memory a cell keeps the last few accesses: who, at which count of its clock, which
   bytes. Two accesses to one byte by different fibers, not both atomic, one of them a write, are a race unless the later
   fiber has seen the earlier one's count. */
#include "sim.h"

static void report_race(const pti_cell *cell, unsigned at, const void *address, bool writes, const void *place)
{
    const struct pti_access *other = &cell->accesses[at];
    char what[128], here[256], there[256];
    pti_name_data(address, what, sizeof what);
    pti_name_code(place, here, sizeof here);
    pti_name_code(cell->places[at], there, sizeof there);
    pti_sim_fail(PT_SIM_RACE, "nothing orders two accesses to %s\n    %s %s it, at %s\n    %s %s it before, at %s",
                 what, pti_sim_self->name, writes ? "writes" : "reads", here, pti_sim_fibers[other->fiber]->name,
                 other->writes ? "wrote" : "read", there);
}

static void report_gone(const void *address, bool writes, const void *place)
{
    const struct pti_block *block = pti_memory_block(address);
    char what[128], here[256], there[256] = "?";
    pti_name_data(address, what, sizeof what);
    pti_name_code(place, here, sizeof here);
    if (block != NULL)
        pti_name_code(block->freed_at, there, sizeof there);
    pti_sim_fail(PT_SIM_FREED, "%s has been freed\n    %s %s it, at %s\n    %s freed it, at %s", what,
                 pti_sim_self->name, writes ? "writes" : "reads", here,
                 block == NULL ? "?" : pti_sim_fibers[block->by]->name, there);
}

static bool is_seen(const struct pti_access *other)
{
    return other->fiber == pti_sim_self->id || pti_sim_self->clock.of[other->fiber] >= other->count;
}

static bool conflicts(const struct pti_access *one, const struct pti_access *other)
{
    return (one->bytes & other->bytes) != 0 && (one->writes || other->writes) && !(one->atomic && other->atomic);
}

/* Whoever comes into conflict with the earlier access, and is no race with the later one, is none with the earlier. */
static bool covers(const struct pti_access *later, const struct pti_access *earlier)
{
    return (earlier->bytes & ~later->bytes) == 0 && later->writes >= earlier->writes &&
           later->atomic <= earlier->atomic;
}

static void note(pti_cell *cell, struct pti_access access, const void *place)
{
    unsigned put = SIM_ACCESSES;
    for (unsigned i = 0; i < SIM_ACCESSES && put == SIM_ACCESSES; i++) {
        const struct pti_access *other = &cell->accesses[i];
        if (other->count == 0 || (is_seen(other) && covers(&access, other)))
            put = i;
    }
    if (put == SIM_ACCESSES)
        put = cell->next++ % SIM_ACCESSES;
    cell->accesses[put] = access;
    cell->places[put] = place;
}

static void access_cell(uintptr_t address, unsigned size, bool writes, bool atomic, const void *place, bool lasts)
{
    pti_cell *cell = pti_shadow_at(address);
    if (cell == NULL)
        return;
    unsigned from = (unsigned)(address % 8);
    const struct pti_access access = {pti_sim_self->clock.of[pti_sim_self->id], (uint8_t)pti_sim_self->id,
                                      (uint8_t)((1u << (from + size)) - (1u << from)), writes, atomic};
    for (unsigned i = 0; i < SIM_ACCESSES && cell->accesses[i].count != 0; i++) {
        if (conflicts(&access, &cell->accesses[i]) && !is_seen(&cell->accesses[i]))
            report_race(cell, i, (const void *)address, writes, place);
    }
    if (lasts)
        note(cell, access, place);
}

void pti_race_access(const void *address, size_t size, bool writes, bool atomic, const void *place)
{
    if (!pti_sim_runs() || pti_fiber_is_local(address))
        return;
    uintptr_t at = (uintptr_t)address, end = at + size;
    if (pti_memory_is_gone(at))
        report_gone(address, writes, place);
    for (unsigned part; at < end; at += part) {
        part = (unsigned)(8 - at % 8);
        if (part > end - at)
            part = (unsigned)(end - at);
        access_cell(at, part, writes, atomic, place, true);
    }
}

void pti_race_free(const void *address, size_t size, const void *place)
{
    enum { PAGE = 4096 };
    uintptr_t at = (uintptr_t)address, end = at + size;
    while (at < end) {
        uintptr_t next = (at / PAGE + 1) * PAGE;
        if (!pti_shadow_knows(at)) {
            at = next;
            continue;
        }
        for (; at < end && at < next; at += 8)
            access_cell(at, (unsigned)(end - at < 8 ? end - at : 8), true, false, place, false);
    }
}
