/* loop.c: loops by lazy splitting (Tzannes and others, "Lazy binary splitting", PPoPP 2010): a part is split when somebody has
   nothing to do, and nothing lies ready for him (pti_fork_wanted()). Looking costs two loads, and is done once a chunk, which
   is the range by 64 for each worker. So there are as many splits as thieves, about, and the last ones wait for each other no
   longer than a chunk takes.

   At first the caller works alone, for so long as it takes to wake somebody; most short loops end there.

   stop        goes down only, by compare-and-swap, relaxed: it is a hint for those who look, and is read for good after all
               parts have been joined
   failed, failed_at, error   under lock: of what fails the lowest index. A search stops at what it finds too, so stop may be below */
#include "loop.h"

#include <stdio.h>

#include "atomic.h"
#include "park.h"
#include "pool.h"
#include "port.h"

enum {
    CHUNKS = 64,       /* for each worker */
    ALONE = 10 * 1000, /* nanoseconds: so long nobody is asked to help */
    LONG_PARTS = 64,   /* with fewer indices each may take long: somebody is asked at once */
    FIRST_PIECE = 256  /* the range by that is the first piece that is done alone; each next one is twice as long */
};

/* ---- What loops have in common ----------------------------------------------------------------- */

unsigned pti_loop_workers(void)
{
    pti_member *member = pti_member_self();
    if (!pti_port_may_block())
        return 1;
    return member != NULL ? load_relaxed(&member->pool->size) : pti_pool_default_size();
}

void pti_loop_begin(pt_loop *loop, uint64_t count, const pt_loop_config *config)
{
    *loop = (pt_loop){.stop = UINT64_MAX, .chunk = 1};
    uint64_t parts = CHUNKS * (uint64_t)pti_loop_workers();
    if (count > parts)
        loop->chunk = count / parts;
    if (config != NULL) {
        loop->cancel = config->cancel;
        loop->error = config->error;
        if (config->grain > loop->chunk)
            loop->chunk = config->grain;
    }
}

pt_status pti_loop_end(const pt_loop *loop)
{
    return loop->failed ? PT_ERR_FAILED : load_relaxed(&loop->cancelled);
}

bool pt_loop_wants(const pt_loop *loop, uint64_t index)
{
    return index < load_relaxed(&loop->stop) && (loop->cancel == NULL || pt_cancel_status(loop->cancel) == PT_OK);
}

bool pti_loop_goes_on(pt_loop *loop, uint64_t index)
{
    if (index >= load_relaxed(&loop->stop))
        return false;
    pt_status status = loop->cancel == NULL ? PT_OK : pt_cancel_status(loop->cancel);
    if (status != PT_OK)
        store_relaxed(&loop->cancelled, status);
    return status == PT_OK;
}

void pti_loop_stop_at(pt_loop *loop, uint64_t index)
{
    uint64_t seen = load_relaxed(&loop->stop);
    while (index < seen && !cas_relaxed(&loop->stop, &seen, index)) {
    }
}

void pt_loop_fail(pt_loop *loop, uint64_t index, int code, const char *message)
{
    pti_short_lock(&loop->lock);
    bool lowest = !loop->failed || index < loop->failed_at;
    loop->failed = true;
    if (lowest)
        loop->failed_at = index;
    if (lowest && loop->error != NULL) {
        loop->error->index = index;
        loop->error->error.code = code;
        snprintf(loop->error->error.message, PT_ERROR_SIZE, "%s", message == NULL ? "" : message);
    }
    pti_loop_stop_at(loop, index);
    pti_short_unlock(&loop->lock);
}

void pti_loop_call(void (*function)(void *arg), void *arg)
{
    pti_member *guest = pti_member_self() == NULL ? pti_guest_enter(NULL) : NULL;
    function(arg);
    if (guest != NULL)
        pti_guest_leave(guest);
}

uint64_t pti_loop_alone(pt_loop *loop, uint64_t begin, uint64_t end, pt_loop_body body, void *arg)
{
    uint64_t piece = (end - begin) / FIRST_PIECE + 1;
    if (end - begin < LONG_PARTS || !pti_loop_goes_on(loop, begin))
        return begin;
    pt_time until = pti_port_now() + ALONE;
    do {
        body(loop, begin, begin + piece, arg);
        begin += piece;
        piece = piece < (end - begin) / 2 ? piece * 2 : end - begin;
    } while (begin < end && pti_loop_goes_on(loop, begin) && pti_port_now() < until);
    return begin;
}

/* ---- For each ------------------------------------------------------------------------------ */

struct part {
    pt_loop *loop;
    pt_loop_body body;
    void *arg;
    uint64_t begin, end;
};

static void run_part(void *arg)
{
    struct part part = *(struct part *)arg;
    while (part.begin < part.end && pti_loop_goes_on(part.loop, part.begin)) {
        uint64_t left = part.end - part.begin, chunk = part.loop->chunk;
        if (left > chunk && pti_fork_wanted()) {
            struct part second = part;
            second.begin = part.end = part.begin + left - left / 2;
            pt_fork2(run_part, &part, run_part, &second);
            return;
        }
        uint64_t next = part.begin + (left < chunk ? left : chunk);
        part.body(part.loop, part.begin, next, part.arg);
        part.begin = next;
    }
}

static pt_status run_loop(uint64_t begin, uint64_t end, pt_loop_body body, void *arg, pt_loop *loop)
{
    struct part part = {loop, body, arg, pti_loop_alone(loop, begin, end, body, arg), end};
    if (part.begin < part.end && pti_loop_goes_on(loop, part.begin))
        pti_loop_call(run_part, &part);
    return pti_loop_end(loop);
}

pt_status pt_parallel_for(uint64_t begin, uint64_t end, pt_loop_body body, void *arg, const pt_loop_config *config)
{
    pt_loop loop;
    if (body == NULL || end < begin)
        return PT_ERR_INVALID;
    pti_loop_begin(&loop, end - begin, config);
    return run_loop(begin, end, body, arg, &loop);
}

/* ---- Map and find -------------------------------------------------------------------------- */

struct map {
    const char *items;
    char *out;
    size_t item_size, out_size;
    void (*function)(const void *item, void *out, void *arg);
    void *arg;
};

static void map_part(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct map *map = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        map->function(map->items + i * map->item_size, map->out + i * map->out_size, map->arg);
}

pt_status pt_parallel_map(const void *items, size_t item_size, void *out, size_t out_size, size_t count,
                          void (*function)(const void *item, void *out, void *arg), void *arg,
                          const pt_loop_config *config)
{
    struct map map = {items, out, item_size, out_size, function, arg};
    if (function == NULL || item_size == 0 || out_size == 0 || (count != 0 && (items == NULL || out == NULL)))
        return PT_ERR_INVALID;
    if (count > PTRDIFF_MAX / item_size || count > PTRDIFF_MAX / out_size)
        return PT_ERR_INVALID;
    return pt_parallel_for(0, count, map_part, &map, config);
}

struct find {
    uint64_t (*find)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg);
    void *arg;
    uint64_t found; /* atomic, and only goes down; stop may be lower, if something failed */
};

static void find_part(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct find *find = arg;
    uint64_t index = find->find(loop, begin, end, find->arg), seen = load_relaxed(&find->found);
    if (index >= end)
        return;
    while (index < seen && !cas_relaxed(&find->found, &seen, index)) {
    }
    pti_loop_stop_at(loop, index);
}

pt_status pt_parallel_find(uint64_t begin, uint64_t end,
                           uint64_t (*find)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg), void *arg,
                           const pt_loop_config *config, uint64_t *found)
{
    pt_loop loop;
    pt_loop_error error;
    struct find own = {find, arg, end};
    if (find == NULL || found == NULL || end < begin)
        return PT_ERR_INVALID;
    pti_loop_begin(&loop, end - begin, config);
    loop.error = &error;
    (void)run_loop(begin, end, find_part, &own, &loop);
    if (own.found < loop.failed_at)
        loop.failed = false; /* it came to that by chance only */
    pt_status status = pti_loop_end(&loop);
    if (status == PT_OK)
        *found = own.found;
    else if (status == PT_ERR_FAILED && config != NULL && config->error != NULL)
        *config->error = error;
    return status;
}
