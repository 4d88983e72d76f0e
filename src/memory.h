/* memory.h: memory through the allocator hook. */
#ifndef PTI_MEMORY_H
#define PTI_MEMORY_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *pti_allocate(size_t size);

/* Memory as it comes, for what is written over anyway; or NULL. */
void *pti_allocate_raw(size_t size);

/* NULL is harmless. */
void pti_free(void *block);

#endif
