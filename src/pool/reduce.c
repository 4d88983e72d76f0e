/* reduce.c: adding up.

   A reduction is split as loops are (loop.c): the left part goes on with the same accumulator, the right part gets one of its
   own, on the stack of who splits, and both are combined when the right one is joined. So additions are in the order
   of the indices, whoever makes them.
   A deterministic one is always split in the same places, down to blocks that depend on the range alone. */
#include "loop.h"
#include "memory.h"
#include "pool.h"

enum { BLOCKS = 256 /* of a deterministic reduction */ };

struct sum {
    pt_loop *loop;
    const pt_reduction *how;
    void *arg;
    void *into;
    uint64_t begin, end;
};

/* Both halves of what is split, and then one sum of them. False: no memory for the right one; nothing was done. */
static bool split(struct sum *left, uint64_t middle, void (*run)(void *sum))
{
    pti_room here;
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

bool pti_reduction_is_valid(const pt_reduction *how, uint64_t begin, uint64_t end)
{
    return how != NULL && how->size != 0 && how->begin != NULL && how->fold != NULL && how->combine != NULL &&
           begin <= end;
}

static void fold_piece(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct sum *sum = arg;
    sum->how->fold(loop, begin, end, sum->into, sum->arg);
}

pt_status pt_parallel_reduce(uint64_t begin, uint64_t end, const pt_reduction *how, void *result, void *arg,
                             const pt_loop_config *config)
{
    pt_loop loop;
    if (!pti_reduction_is_valid(how, begin, end) || result == NULL)
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
    } else {
        sum.begin = pti_loop_alone(&loop, begin, end, fold_piece, &sum);
    }
    if (sum.begin < end && pti_loop_goes_on(&loop, sum.begin))
        pti_loop_call(in_order ? add_up_in_order : add_up, &sum);
    return pti_loop_end(&loop);
}
