/* scan.c: prefix sums.

   The caller writes block after block, and adds up as it goes. When somebody has nothing to do, what is left is cut in three:

     left     the caller goes on with it
     middle   meanwhile the others fold each block of it. After that, what is left of each is known, and they write them
     right    meanwhile the caller goes on with that; it may be cut again

   Left and right have one share each, and the middle has one for each of the others: so all are done after two shares of
   w + 1. Folding everything, and then writing everything, would take two of w: with two workers as long as one alone.
   If nobody has come before the left part is done the middle is not folded, so nothing is done twice in vain.

   left_done   a hint: whether it is too late to fold
   All else is handed over by forking and joining. */
#include <string.h>

#include "atomic.h"
#include "loop.h"
#include "memory.h"
#include "pool.h"

enum { BLOCKS = 16 /* for each worker */ };

struct scan {
    pt_loop *loop;
    const pt_reduction *how;
    void (*write)(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg);
    void *arg;
    void *sum; /* of all that is left of `begin` */
    char *
        sums; /* of all that is left of each block, once that is known; then one that add_middle() needs. NULL: no memory */
    uint64_t begin, end, block, blocks;
    unsigned workers;
};

/* Blocks from first to last, cut at middle and right. */
struct cut {
    struct scan *scan;
    void *sum; /* of all that is left of `first`, then of `middle` */
    uint64_t first, middle, right, last;
    bool left_done, folded;
};

/* ---- Blocks ---------------------------------------------------------------------------------- */

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

static void write_block(struct scan *scan, uint64_t block, void *sum)
{
    if (pti_loop_goes_on(scan->loop, begin_of(scan, block)))
        scan->write(scan->loop, begin_of(scan, block), begin_of(scan, block + 1), sum, scan->arg);
}

/* A block's own sum goes where the next one's will be. */
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

static void write_blocks(pt_loop *blocks, uint64_t begin, uint64_t end, void *arg)
{
    struct scan *scan = arg;
    (void)blocks;
    for (uint64_t i = begin; i < end; i++)
        write_block(scan, i, sum_of(scan, i));
}

/* ---- The three parts --------------------------------------------------------------------------- */

static void write_from(struct scan *scan, uint64_t first, uint64_t last, void *sum);

static void write_left(void *arg)
{
    struct cut *cut = arg;
    for (uint64_t i = cut->first; i < cut->middle; i++)
        write_block(cut->scan, i, cut->sum);
    store_relaxed(&cut->left_done, true);
}

static void fold_middle(void *arg)
{
    struct cut *cut = arg;
    if (load_relaxed(&cut->left_done))
        return;
    (void)!pt_parallel_for(cut->middle, cut->right, fold_blocks, cut->scan, NULL);
    cut->folded = true;
}

/* Sums of blocks become sums of all that is left of them. */
static void add_middle(struct cut *cut)
{
    struct scan *scan = cut->scan;
    char *sum = sum_of(scan, scan->blocks);
    memcpy(sum_of(scan, cut->middle), cut->sum, scan->how->size);
    for (uint64_t i = cut->middle; i < cut->right; i++) {
        memcpy(sum, sum_of(scan, i), scan->how->size);
        scan->how->combine(sum, sum_of(scan, i + 1), scan->arg);
        memcpy(sum_of(scan, i + 1), sum, scan->how->size);
    }
}

static void write_middle(void *arg)
{
    struct cut *cut = arg;
    (void)!pt_parallel_for(cut->middle, cut->right, write_blocks, cut->scan, NULL);
}

static void write_right(void *arg)
{
    struct cut *cut = arg;
    write_from(cut->scan, cut->right, cut->last, sum_of(cut->scan, cut->right));
}

static void write_from(struct scan *scan, uint64_t first, uint64_t last, void *sum)
{
    while (first < last && pti_loop_goes_on(scan->loop, begin_of(scan, first))) {
        uint64_t share = (last - first) / (scan->workers + 1);
        if (scan->sums == NULL || share == 0 || !pti_fork_wanted()) {
            write_block(scan, first++, sum);
            continue;
        }
        struct cut cut = {scan, sum, first, first + share, last - share, last, false, false};
        pt_fork2(write_left, &cut, fold_middle, &cut);
        if (cut.folded) {
            add_middle(&cut);
            pt_fork2(write_right, &cut, write_middle, &cut);
            return;
        }
        first = cut.middle;
    }
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void write_all(void *arg)
{
    struct scan *scan = arg;
    write_from(scan, 0, scan->blocks, scan->sum);
}

static void write_piece(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct scan *scan = arg;
    scan->write(loop, begin, end, scan->sum, scan->arg);
}

static void cut_into_blocks(struct scan *scan, uint64_t grain)
{
    uint64_t count = scan->end - scan->begin, most = (uint64_t)scan->workers * BLOCKS;
    scan->block = (count - 1) / most + 1;
    if (grain > scan->block)
        scan->block = grain;
    scan->blocks = (count - 1) / scan->block + 1;
}

/* After what was done alone. */
static void scan_rest(struct scan *scan, uint64_t grain)
{
    scan->workers = pti_loop_workers();
    cut_into_blocks(scan, grain);
    size_t sums = (size_t)scan->blocks + 1;
    if (scan->workers > 1 && scan->how->size < PTRDIFF_MAX / 2 / sums)
        scan->sums = pti_allocate_raw(sums * stride_of(scan));
    if (scan->sums == NULL)
        write_all(scan);
    else
        pti_loop_call(write_all, scan);
    pti_free(scan->sums);
}

pt_status pt_parallel_scan(uint64_t begin, uint64_t end, const pt_reduction *how,
                           void (*write)(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg),
                           void *arg, const pt_loop_config *config)
{
    pt_loop loop;
    pti_room here;
    if (!pti_reduction_is_valid(how, begin, end) || write == NULL)
        return PT_ERR_INVALID;
    if (begin == end)
        return PT_OK;
    bool fits = how->size <= sizeof here;
    void *sum = fits ? &here : pti_allocate_raw(how->size);
    if (sum == NULL)
        return PT_ERR_NOMEM;
    pti_loop_begin(&loop, end - begin, config);
    struct scan scan = {.loop = &loop, .how = how, .write = write, .arg = arg, .sum = sum, .end = end};
    how->begin(sum, arg);
    scan.begin = pti_loop_alone(&loop, begin, end, write_piece, &scan);
    if (scan.begin < end && pti_loop_goes_on(&loop, scan.begin))
        scan_rest(&scan, config != NULL ? config->grain : 0);
    if (!fits)
        pti_free(sum);
    return pti_loop_end(&loop);
}
