/* counting.h: an allocator that counts blocks, and fails the n-th time. */
#ifndef COUNTING_H
#define COUNTING_H

#include <stdlib.h>

#include "support.h"

static size_t blocks, asked, fail_at; /* fail_at 0: never */

static inline void *counting_allocate(size_t size, void *context)
{
    (void)context;
    if (++asked == fail_at)
        return NULL;
    void *block = malloc(size);
    blocks += block != NULL;
    return block;
}

static inline void counting_deallocate(void *block, void *context)
{
    (void)context;
    blocks--;
    free(block);
}

static inline void count_blocks(void)
{
    static const pt_allocator counting = {counting_allocate, counting_deallocate, NULL};
    blocks = fail_at = 0;
    assert_int_equal(pt_set_allocator(&counting), PT_OK);
}

static inline void stop_counting(void)
{
    assert_int_equal(blocks, 0);
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

#endif
