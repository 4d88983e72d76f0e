/* reduce.c: adding up, and prefix sums.

   A reduction is split as loops are (loop.c): the left part goes on with the same accumulator, the right part gets one of its
   own, on the stack of who splits, and both are combined when the right one is joined. So additions are in the order
   of the indices, whoever makes them.
   A deterministic one is always split in the same places, down to blocks that depend on the range alone. */
#include <string.h>

#include "atomic.h"
#include "loop.h"
#include "memory.h"
#include "pool.h"

enum { BLOCKS = 256 /* of a deterministic reduction */, SCAN_BLOCKS = 8 /* of a scan, for each worker */ };

/* ---- Reduce -------------------------------------------------------------------------------- */

struct sum {
    pt_loop *loop;
    const pt_reduction *how;
    void *arg;
    void *into;
    uint64_t begin, end;
};

typedef union room {
    char bytes[PT_REDUCE_ROOM];
    max_align_t aligned;
} room;

/* Both halves of what is split, and then one sum of them. False: no memory for the right one; nothing was done. */
static bool split(struct sum *left, uint64_t middle, void (*run)(void *sum))
{
    room here;
    struct sum right = *left;
    bool fits = left->how->size <= sizeof here;
    right.into = fits ? &here : pti_allocate_raw(left->how->size);
    if (right.into == NULL)
        return false;
    right.begin = left->end = middle;
    left->how->begin(right.into, left->arg);
    pt_fork2(run, left, run, &right);
    left->how->combine(left->into, right.into, left->arg);
    if (!fits)
        pti_free(right.into);
    return true;
}

static void add_up(void *arg)
{
    struct sum sum = *(struct sum *)arg;
    while (sum.begin < sum.end && pti_loop_goes_on(sum.loop, sum.begin)) {
        uint64_t left = sum.end - sum.begin, chunk = sum.loop->chunk;
        if (left > chunk && pti_fork_wanted()) {
            struct sum whole = sum;
            if (split(&whole, sum.begin + left - left / 2, add_up))
                return;
        }
        uint64_t next = sum.begin + (left < chunk ? left : chunk);
        sum.how->fold(sum.loop, sum.begin, next, sum.into, sum.arg);
        sum.begin = next;
    }
}

/* The chunk is a block: halves are made of whole blocks. */
static void add_up_in_order(void *arg)
{
    struct sum sum = *(struct sum *)arg;
    uint64_t chunk = sum.loop->chunk, blocks = (sum.end - sum.begin + chunk - 1) / chunk;
    if (!pti_loop_goes_on(sum.loop, sum.begin))
        return;
    if (blocks <= 1) {
        sum.how->fold(sum.loop, sum.begin, sum.end, sum.into, sum.arg);
    } else if (!split(&sum, sum.begin + (blocks - blocks / 2) * chunk, add_up_in_order)) {
        pt_loop_fail(sum.loop, sum.begin, PT_ERR_NOMEM, "out of memory");
    }
}

static bool is_valid(const pt_reduction *how, uint64_t begin, uint64_t end)
{
    return how != NULL && how->size != 0 && how->begin != NULL && how->fold != NULL && how->combine != NULL &&
           begin <= end;
}

pt_status pt_parallel_reduce(uint64_t begin, uint64_t end, const pt_reduction *how, void *result, void *arg,
                             const pt_loop_config *config)
{
    pt_loop loop;
    if (!is_valid(how, begin, end) || result == NULL)
        return PT_ERR_INVALID;
    pti_loop_begin(&loop, end - begin, config);
    struct sum sum = {&loop, how, arg, result, begin, end};
    how->begin(result, arg);
    if (begin == end)
        return PT_OK;
    bool in_order = config != NULL && config->deterministic;
    if (in_order) {
        loop.chunk = (end - begin - 1) / BLOCKS + 1;
        loop.chunk = config->grain > loop.chunk ? config->grain : loop.chunk;
    }
    pti_loop_call(in_order ? add_up_in_order : add_up, &sum);
    return pti_loop_end(&loop);
}

/* ---- Scan ---------------------------------------------------------------------------------- */

struct scan {
    pt_loop *loop;
    const pt_reduction *how;
    void (*write)(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg);
    void *arg;
    char *sums; /* of each block, and then of all that is left of it */
    uint64_t begin, end, block, blocks;
};

/* An accumulator's size, rounded up to what keeps the next one aligned. */
static size_t stride_of(const struct scan *scan)
{
    return (scan->how->size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

static char *sum_of(const struct scan *scan, uint64_t block)
{
    return scan->sums + (size_t)block * stride_of(scan);
}

static uint64_t begin_of(const struct scan *scan, uint64_t block)
{
    return block == scan->blocks ? scan->end : scan->begin + block * scan->block;
}

/* The last block's sum is wanted by nobody. */
static void fold_blocks(pt_loop *blocks, uint64_t begin, uint64_t end, void *arg)
{
    struct scan *scan = arg;
    (void)blocks;
    for (uint64_t i = begin; i < end; i++) {
        scan->how->begin(sum_of(scan, i + 1), scan->arg);
        if (pti_loop_goes_on(scan->loop, begin_of(scan, i)))
            scan->how->fold(scan->loop, begin_of(scan, i), begin_of(scan, i + 1), sum_of(scan, i + 1), scan->arg);
    }
}

/* Sums of blocks become sums of all that is left of them. */
static void add_blocks(struct scan *scan)
{
    char *sum = sum_of(scan, scan->blocks); /* room for one more */
    scan->how->begin(sum_of(scan, 0), scan->arg);
    for (uint64_t i = 1; i < scan->blocks; i++) {
        memcpy(sum, sum_of(scan, i - 1), scan->how->size);
        scan->how->combine(sum, sum_of(scan, i), scan->arg);
        memcpy(sum_of(scan, i), sum, scan->how->size);
    }
}

static void write_blocks(pt_loop *blocks, uint64_t begin, uint64_t end, void *arg)
{
    struct scan *scan = arg;
    (void)blocks;
    for (uint64_t i = begin; i < end; i++) {
        if (pti_loop_goes_on(scan->loop, begin_of(scan, i)))
            scan->write(scan->loop, begin_of(scan, i), begin_of(scan, i + 1), sum_of(scan, i), scan->arg);
    }
}

static void scan_all(void *arg)
{
    struct scan *scan = arg;
    if (scan->blocks > 1) {
        (void)!pt_parallel_for(0, scan->blocks - 1, fold_blocks, scan, NULL);
        add_blocks(scan);
    } else {
        scan->how->begin(sum_of(scan, 0), scan->arg);
    }
    (void)!pt_parallel_for(0, scan->blocks, write_blocks, scan, NULL);
}

static void cut_into_blocks(struct scan *scan, const pt_loop_config *config)
{
    unsigned workers = pti_loop_workers();
    uint64_t count = scan->end - scan->begin, most = workers == 1 ? 1 : (uint64_t)workers * SCAN_BLOCKS;
    scan->block = (count - 1) / most + 1;
    if (config != NULL && config->grain > scan->block)
        scan->block = config->grain;
    scan->blocks = (count - 1) / scan->block + 1;
}

pt_status pt_parallel_scan(uint64_t begin, uint64_t end, const pt_reduction *how,
                           void (*write)(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg),
                           void *arg, const pt_loop_config *config)
{
    pt_loop loop;
    if (!is_valid(how, begin, end) || write == NULL || how->size > SIZE_MAX / (1 << 20))
        return PT_ERR_INVALID;
    if (begin == end)
        return PT_OK;
    pti_loop_begin(&loop, end - begin, config);
    struct scan scan = {.loop = &loop, .how = how, .write = write, .arg = arg, .begin = begin, .end = end};
    cut_into_blocks(&scan, config);
    scan.sums = pti_allocate_raw((size_t)(scan.blocks + 1) * stride_of(&scan));
    if (scan.sums == NULL)
        return PT_ERR_NOMEM;
    pti_loop_call(scan_all, &scan);
    pti_free(scan.sums);
    return pti_loop_end(&loop);
}
