/* counting.h: an allocator that counts blocks, and fails the n-th time, or from then on. */
#ifndef COUNTING_H
#define COUNTING_H

#include <stdlib.h>

#include "support.h"

#include "atomic.h"

static uint32_t blocks, asked, fail_at; /* atomic, as threads of the library allocate too; fail_at 0: never */
static bool fail_on;                    /* later ones fail too */

static inline void *counting_allocate(size_t size, void *context)
{
    (void)context;
    uint32_t n = add_relaxed(&asked, 1) + 1, at = load_relaxed(&fail_at);
    if (n == at || (load_relaxed(&fail_on) && at != 0 && n > at))
        return NULL;
    void *block = malloc(size);
    if (block != NULL)
        add_relaxed(&blocks, 1);
    return block;
}

static inline void counting_deallocate(void *block, void *context)
{
    (void)context;
    sub_acq_rel(&blocks, 1);
    free(block);
}

/* Whether all later ones fail too. */
static inline void keep_failing(bool on)
{
    store_relaxed(&fail_on, on);
}

/* From now on the n-th allocation fails; 0: none does. */
static inline void fail_allocation(uint32_t n)
{
    store_relaxed(&asked, 0);
    store_relaxed(&fail_at, n);
}

static inline void count_blocks(void)
{
    static const pt_allocator counting = {counting_allocate, counting_deallocate, NULL};
    blocks = 0;
    keep_failing(false);
    fail_allocation(0);
    assert_int_equal(pt_set_allocator(&counting), PT_OK);
}

static inline void stop_counting(void)
{
    pt_memory_trim();
    assert_int_equal(load_relaxed(&blocks), 0);
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

/* The same, of a test with threads, which give back theirs when they have ended; the watchdog is the limit. No thread of before
   count_blocks() may be left, parked ones included. */
static inline void stop_counting_threads(void)
{
    for (; load_relaxed(&blocks) != 0; pt_thread_yield()) {
        pt_thread_trim();
        pt_memory_trim();
    }
    stop_counting();
}

#endif
