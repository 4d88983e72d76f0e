/* slab.c: records of one size, kept for those who want one next.

   After Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). A thread has two magazines of free records for each slab: it takes
   from `loaded`, and gives to it, without a lock. When that is empty, or full, it changes it for `previous`; if that will not
   do either, for a full one of the slab's depot, or puts a full one there. So whoever takes and gives by turns at the edge of a
   magazine still goes to the depot only once for each PTI_SLAB_ROUNDS, and what one thread takes and another gives back
   travels by magazines.

   depot      a slab's list `full`, under `depots`, which is held for a few instructions, and never while memory is taken or
              freed. What a thread did to a record before it put it there happened before what another does that took it
   record     each is a block of the allocator's own, so it can go back there at any time. A free one begins with its
              links, and a magazine is nothing but its records: keeping them takes no memory
   Bounds     A thread keeps 2 * PTI_SLAB_ROUNDS records of a slab, a depot PTI_SLAB_MAGAZINES magazines; the rest is freed
   Ends       A thread that ends puts its magazines into the depot, though they may not be full, and keeps none from then on.
              A thread without a record (thread.c) gets one, as that sees to its end too; if there is no memory for it, it keeps
              nothing
   Allocator  pt_set_allocator() has all go back before it changes: depots, and what its own thread keeps. Other threads'
              own records are memory of the library already, which must not be there at that moment. */
#include "slab.h"

#include "memory.h"
#include "park.h"
#include "thread.h"

struct pti_record {
    struct pti_record *next;          /* in its magazine */
    struct pti_record *next_magazine; /* a magazine's first only: in the depot */
    size_t count;                     /* the same: how many follow, itself included */
};

static uint32_t depots;                 /* the lock of them all */
static pti_slab *slabs[PTI_SLAB_KINDS]; /* under `depots`: those that ever had something in their depot */

/* ---- Magazines ----------------------------------------------------------------------------- */

static void *pop(pti_magazine *magazine)
{
    struct pti_record *record = magazine->first;
    magazine->first = record->next;
    magazine->count--;
    return record;
}

static void push(pti_magazine *magazine, struct pti_record *record)
{
    record->next = magazine->first;
    magazine->first = record;
    magazine->count++;
}

static void exchange(pti_slab_cache *cache)
{
    pti_magazine loaded = cache->loaded;
    cache->loaded = cache->previous;
    cache->previous = loaded;
}

static void free_all(struct pti_record *record)
{
    while (record != NULL) {
        struct pti_record *next = record->next;
        pti_free(record);
        record = next;
    }
}

/* ---- Depots -------------------------------------------------------------------------------- */

/* Put a magazine into the depot, or free what is in it if there are enough. It is empty then. */
static void put(pti_slab *slab, pti_magazine *magazine)
{
    struct pti_record *first = magazine->first;
    if (first == NULL)
        return;
    first->count = magazine->count;
    *magazine = (pti_magazine){NULL, 0};

    pti_short_lock(&depots);
    bool kept = slab->count < PTI_SLAB_MAGAZINES;
    if (kept) {
        slabs[slab->kind] = slab;
        first->next_magazine = slab->full;
        slab->full = first;
        slab->count++;
    }
    pti_short_unlock(&depots);
    if (!kept)
        free_all(first);
}

/* A magazine out of the depot; an empty one if there is none. */
static pti_magazine get(pti_slab *slab)
{
    pti_short_lock(&depots);
    struct pti_record *first = slab->full;
    if (first != NULL) {
        slab->full = first->next_magazine;
        slab->count--;
    }
    pti_short_unlock(&depots);
    return (pti_magazine){first, first == NULL ? 0 : (uint32_t)first->count};
}

/* ---- A thread's own ------------------------------------------------------------------------ */

/* NULL: the calling thread keeps nothing. */
static pti_slab_cache *own_cache(pti_slab *slab)
{
    if (slab->plain)
        return NULL;
    pt_thread *self = pti_thread_self();
    if (self == NULL && pti_thread_own_id() != PTI_NO_THREAD)
        self = pt_thread_current();
    if (self == NULL || self->keeps_nothing)
        return NULL;
    self->caches[slab->kind].slab = slab;
    return &self->caches[slab->kind];
}

/* Something to take from; false if there is nothing. */
static bool reload(pti_slab *slab, pti_slab_cache *cache)
{
    if (cache->previous.count > 0)
        exchange(cache);
    else
        cache->loaded = get(slab);
    return cache->loaded.count > 0;
}

void *pti_slab_take(pti_slab *slab)
{
    pti_slab_cache *cache = own_cache(slab);
    if (cache != NULL && (cache->loaded.count > 0 || reload(slab, cache)))
        return pop(&cache->loaded);
    size_t least = sizeof(struct pti_record);
    return pti_allocate_raw(slab->size < least ? least : slab->size);
}

void pti_slab_give(pti_slab *slab, void *record)
{
    pti_slab_cache *cache = own_cache(slab);
    if (cache == NULL) {
        pti_free(record);
        return;
    }
    if (cache->loaded.count == PTI_SLAB_ROUNDS) {
        exchange(cache);
        if (cache->loaded.count == PTI_SLAB_ROUNDS)
            put(slab, &cache->loaded);
    }
    push(&cache->loaded, record);
}

void pti_slab_thread_end(pt_thread *self)
{
    self->keeps_nothing = true;
    for (uint32_t kind = 0; kind < PTI_SLAB_KINDS; kind++) {
        pti_slab_cache *cache = &self->caches[kind];
        if (cache->slab != NULL) {
            put(cache->slab, &cache->loaded);
            put(cache->slab, &cache->previous);
        }
    }
}

/* ---- Giving it back ------------------------------------------------------------------------ */

static void free_depot(pti_slab *slab)
{
    pti_short_lock(&depots);
    struct pti_record *first = slab->full;
    slab->full = NULL;
    slab->count = 0;
    pti_short_unlock(&depots);
    while (first != NULL) {
        struct pti_record *next = first->next_magazine;
        free_all(first);
        first = next;
    }
}

static void free_own(pti_slab_cache *cache)
{
    struct pti_record *loaded = cache->loaded.first, *previous = cache->previous.first;
    cache->loaded = cache->previous = (pti_magazine){NULL, 0};
    free_all(loaded);
    free_all(previous);
}

void pt_memory_trim(void)
{
    pt_thread *self = pti_thread_self();
    for (uint32_t kind = 0; kind < PTI_SLAB_KINDS; kind++) {
        if (self != NULL)
            free_own(&self->caches[kind]);
        pti_short_lock(&depots);
        pti_slab *slab = slabs[kind];
        pti_short_unlock(&depots);
        if (slab != NULL)
            free_depot(slab);
    }
}

/* What looks for leaks at the end finds none here. */
__attribute__((destructor)) static void trim_at_exit(void)
{
    pt_memory_trim();
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_slab_before_fork(void)
{
    pti_short_lock(&depots);
}

void pti_slab_after_fork(void)
{
    pti_short_unlock(&depots);
}
