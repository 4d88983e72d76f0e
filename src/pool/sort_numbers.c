/* sort_numbers.c: sorting numbers by their bytes (radix.h). Signed ones, and those with a point, are made into unsigned ones
   that have the same order, and back again. */
#include <string.h>

#include "loop.h"
#include "memory.h"
#include "pool.h"
#include "sort.h"

enum {
    BUCKETS = 256,
    BLOCKS = 16,       /* that are counted and moved at the same time */
    LARGE = 32 * 1024, /* more keys than that are cut into buckets: as many as a second-level cache holds */
    INSERTION = 48
};

#define KEY uint32_t
#define NAME(x) x##_32
#include "radix.h"
#undef KEY
#undef NAME
#define KEY uint64_t
#define NAME(x) x##_64
#include "radix.h"
#undef KEY
#undef NAME

/* ---- Other numbers than unsigned ones ----------------------------------------------------------- */

static void flip_32(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint32_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= UINT32_C(1) << 31;
}

static void flip_64(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint64_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= UINT64_C(1) << 63;
}

/* Negative ones are in the opposite order, before the others. */
static void rank_float(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint32_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= keys[i] >> 31 != 0 ? UINT32_MAX : UINT32_C(1) << 31;
}

static void unrank_float(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint32_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= keys[i] >> 31 != 0 ? UINT32_C(1) << 31 : UINT32_MAX;
}

static void rank_double(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint64_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= keys[i] >> 63 != 0 ? UINT64_MAX : UINT64_C(1) << 63;
}

static void unrank_double(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    uint64_t *keys = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++)
        keys[i] ^= keys[i] >> 63 != 0 ? UINT64_C(1) << 63 : UINT64_MAX;
}

static const struct kind {
    size_t size;
    pt_loop_body rank, unrank; /* NULL: they are unsigned */
} kinds[] = {
    [PT_SORT_INT32] = {4, flip_32, flip_32},         [PT_SORT_UINT32] = {4, NULL, NULL},
    [PT_SORT_INT64] = {8, flip_64, flip_64},         [PT_SORT_UINT64] = {8, NULL, NULL},
    [PT_SORT_FLOAT] = {4, rank_float, unrank_float}, [PT_SORT_DOUBLE] = {8, rank_double, unrank_double},
};

/* ---- All of them ---------------------------------------------------------------------------- */

struct numbers {
    void *base, *other; /* other NULL: no memory */
    size_t count;
    const struct kind *kind;
};

static int compare_32(const void *a, const void *b, void *arg)
{
    uint32_t left, right;
    (void)arg;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

static int compare_64(const void *a, const void *b, void *arg)
{
    uint64_t left, right;
    (void)arg;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

/* A short array is no business of other threads. */
static void change_all(const struct numbers *numbers, pt_loop_body change)
{
    if (change != NULL && numbers->count <= LARGE)
        change(NULL, 0, numbers->count, numbers->base);
    else if (change != NULL)
        (void)!pt_parallel_for(0, numbers->count, change, numbers->base, NULL);
}

static void sort_all(void *arg)
{
    struct numbers *numbers = arg;
    const struct kind *kind = numbers->kind;
    change_all(numbers, kind->rank);
    if (numbers->other == NULL)
        pti_sort_in_place(numbers->base, numbers->count, kind->size, kind->size == 4 ? compare_32 : compare_64,
                          NULL);
    else if (kind->size == 4)
        sort_keys_32(numbers->base, numbers->other, numbers->count);
    else
        sort_keys_64(numbers->base, numbers->other, numbers->count);
    change_all(numbers, kind->unrank);
}

pt_status pt_parallel_sort_numbers(void *base, size_t count, pt_sort_kind kind)
{
    bool known = kind >= PT_SORT_INT32 && kind <= PT_SORT_DOUBLE;
    if (!known || (base == NULL && count != 0) || count > PTRDIFF_MAX / kinds[kind].size)
        return PT_ERR_INVALID;
    if (count < 2)
        return PT_OK;
    struct numbers numbers = {base, pti_allocate_raw(count * kinds[kind].size), count, &kinds[kind]};
    if (count <= LARGE)
        sort_all(&numbers);
    else
        pti_loop_call(sort_all, &numbers);
    pti_free(numbers.other);
    return PT_OK;
}
