/* sort.h: between sort.c and sort_numbers.c. */
#ifndef PTI_POOL_SORT_H
#define PTI_POOL_SORT_H

#include <pt_sort.h>

/* In place, not stable, O(n log n). */
void pti_sort_in_place(void *base, size_t count, size_t size, pt_compare compare, void *arg);

#endif
