/* pt_loop.h: loops that several workers share: for each, reduce, scan, map, find.

     static void halve(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
     {
         double *values = arg;
         for (uint64_t i = begin; i < end; i++)
             values[i] /= 2;
     }
     pt_parallel_for(0, count, halve, values, NULL);

   A loop's body is called for parts of the range. The calling thread begins; when a worker has nothing to do it gets half of
   what is left, and so on, so there is no size of parts to choose: they are as large as can be while all have work. Who has
   no workers to help, or a loop of less than some 10 us, pays little more than for a plain loop.

   What they share
     Where     In the pool whose job calls, else in the default pool, of which the calling thread is a member meanwhile; see
               pt_parallel.h, which also says what may be waited for and which locks may be held.
     Ranges    go from begin up to end, without end, in 64 bits on all targets. An empty one calls nothing.
     Once      Each index is in one part, which is passed to the body once; which parts there are differs from run to run.
     Failing   A body that fails says so by pt_loop_fail(): indices beyond that one which have not begun are left out, those before
               it still come; of several that fail the lowest index counts. So what is reported is the same each time.
     Config    NULL is the default. `error` receives the index and the error of what failed.
     Returns   PT_OK
               PT_ERR_FAILED   the body failed
               PT_ERR_CANCELLED, PT_ERR_TIMEOUT  `cancel` was, or its deadline passed, and some parts were left out
               PT_ERR_INVALID  a function, or a pointer that is needed, is NULL; end is below begin; a size is 0
               and what is said below
     Blocks    Until all parts that were begun have ended. On a browser's main thread all of it runs in that thread alone.
     Memory    Nothing is allocated, unless it is said. */
#ifndef PT_LOOP_H
#define PT_LOOP_H

#include <pt_base.h>
#include <pt_cancel.h>
#include <pt_thread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A loop that is running, for its body. */
typedef struct pt_loop pt_loop;

/* What went wrong in a loop. */
typedef struct pt_loop_error {
    uint64_t index;
    pt_error error;
} pt_loop_error;

/* All zeroes is the default. */
typedef struct pt_loop_config {
    uint64_t grain;       /* parts are not made smaller than that; 0: as small as need be */
    pt_cancel *cancel;    /* ends the loop early; stays the caller's. NULL: none */
    pt_loop_error *error; /* NULL if nobody asks */
    bool deterministic;   /* pt_parallel_reduce() only: see there */
} pt_loop_config;

/* By a body: it failed at that index. message: cut to PT_ERROR_SIZE; NULL is "". */
PT_API void pt_loop_fail(pt_loop *loop, uint64_t index, int code, const char *message);

/* For the body of a long part: whether what it does from this index on is still wanted, as far as is known. */
PT_API bool pt_loop_wants(const pt_loop *loop, uint64_t index);

/* ---- For each ------------------------------------------------------------------------------ */

/* One part of a loop. */
typedef void (*pt_loop_body)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg);

/* Run body for all of the range. */
PT_API pt_status pt_parallel_for(uint64_t begin, uint64_t end, pt_loop_body body, void *arg,
                                 const pt_loop_config *config);

/* Make out[i] of items[i], by function(item, out, arg), for `count` of them that lie one after another. Where both have one
   size, items and out may be the same array; else they must not overlap.
   Returns   also PT_ERR_INVALID: so many are more than memory can be */
PT_API pt_status pt_parallel_map(const void *items, size_t item_size, void *out, size_t out_size, size_t count,
                                 void (*function)(const void *item, void *out, void *arg), void *arg,
                                 const pt_loop_config *config);

/* Find the lowest index that is looked for. find() looks through a part, and returns the first such index, or end. Parts beyond
   one that was found are left out, those before it are not; nor does it count if one beyond failed.
   found     receives it, or the range's end if there is none. As it was unless PT_OK */
PT_API pt_status pt_parallel_find(uint64_t begin, uint64_t end,
                                  uint64_t (*find)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg),
                                  void *arg, const pt_loop_config *config, uint64_t *found);

/* ---- Reduce and scan ------------------------------------------------------------------------- */

/* How to add up. An accumulator is `size` bytes, aligned for anything; a scan copies it as bytes. combine() must be associative,
   but need not be commutative: what is left of the other comes first. */
typedef struct pt_reduction {
    size_t size;
    void (*begin)(void *into, void *arg); /* make it the sum of nothing */
    void (*fold)(pt_loop *loop, uint64_t begin, uint64_t end, void *into,
                 void *arg);                                   /* add a part's indices, in order */
    void (*combine)(void *into, const void *right, void *arg); /* add what comes right of it */
} pt_reduction;

/* Add up the whole range. With `deterministic` parts and order of additions depend on the range alone, not on who has time; so
   sums of floating point numbers are the same each time, on any number of workers. That costs some microseconds.

   result    `size` bytes; receives the sum. Has nothing of use in it unless PT_OK
   Memory    accumulators above PT_REDUCE_ROOM bytes are allocated when parts are split; without memory they are not split */
PT_API pt_status pt_parallel_reduce(uint64_t begin, uint64_t end, const pt_reduction *how, void *result, void *arg,
                                    const pt_loop_config *config);

#define PT_REDUCE_ROOM 256

/* Prefix sums: call write(loop, begin, end, sum, arg) for parts of the whole range, where sum is the sum of all that is left of
   begin. write() says what becomes of each index, and adds it to sum: before it writes (an inclusive scan) or after
   (exclusive). It may write where fold() reads.
   Where others help, what they are to write is folded before; so with w workers it takes 2 / (w + 1) of what one takes, at best.

   Returns   also PT_ERR_NOMEM: an accumulator of more than PT_REDUCE_ROOM bytes cannot be had; nothing was called
   Memory    one block, of some accumulators for each worker, once it is long enough for others to help; without it they do not */
PT_API pt_status pt_parallel_scan(uint64_t begin, uint64_t end, const pt_reduction *how,
                                  void (*write)(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg),
                                  void *arg, const pt_loop_config *config);

#ifdef __cplusplus
}
#endif
#endif
