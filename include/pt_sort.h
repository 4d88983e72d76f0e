/* pt_sort.h: sorting with several workers.

     pt_parallel_sort_numbers(prices, count, PT_SORT_DOUBLE);
     pt_parallel_sort(people, count, sizeof people[0], by_age, NULL);

   Where it runs, what may be locked and who may call it is as in pt_loop.h: in the pool whose job calls, else in the default pool,
   with the calling thread; on a browser's main thread in that thread alone. Short arrays are sorted by the caller alone.

   Returns   PT_OK
             PT_ERR_INVALID  base is NULL and count is not 0; size is 0; both together are more than memory can be; compare is
                             NULL; kind is none
             and what is said below. Unless it is PT_OK the array is as it was
   Blocks    until the array is sorted */
#ifndef PT_SORT_H
#define PT_SORT_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Below 0, 0, or above 0: a comes before b, either may come first, b before a. Called by several threads at once. One that
   contradicts itself leaves the elements in some order; none is lost. */
typedef int (*pt_compare)(const void *a, const void *b, void *arg);

/* Sort `count` elements of `size` bytes. Equal ones come in any order.
   Cost    O(n log n) comparisons in all cases
   Memory  as much again as the array; without it, it is sorted in place, which takes longer */
PT_API pt_status pt_parallel_sort(void *base, size_t count, size_t size, pt_compare compare, void *arg);

/* The same; equal ones stay in their order.
   Returns  also PT_ERR_NOMEM: there is not as much memory again as the array takes */
PT_API pt_status pt_parallel_sort_stable(void *base, size_t count, size_t size, pt_compare compare, void *arg);

typedef enum pt_sort_kind {
    PT_SORT_INT32,
    PT_SORT_UINT32,
    PT_SORT_INT64,
    PT_SORT_UINT64,
    PT_SORT_FLOAT, /* these two in the total order of IEEE 754: NaNs with the sign bit, -infinity ... -0, 0 ... infinity, NaNs */
    PT_SORT_DOUBLE
} pt_sort_kind;

/* Sort `count` numbers, which lie as in an array, in rising order. Ten times as quick as with a comparison.
   Cost    O(n)
   Memory  as much again as the array; without it, as pt_parallel_sort() without */
PT_API pt_status pt_parallel_sort_numbers(void *base, size_t count, pt_sort_kind kind);

#ifdef __cplusplus
}
#endif
#endif
