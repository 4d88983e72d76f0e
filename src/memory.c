/* memory.c: the allocator hook. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include <pt_base.h>

#include "port.h"

static void *default_allocate(size_t size, void *context)
{
    (void)context;
    return malloc(size);
}

static void default_deallocate(void *block, void *context)
{
    (void)context;
    free(block);
}

static const pt_allocator c_library = {default_allocate, default_deallocate, NULL};
static pt_allocator current = {default_allocate, default_deallocate, NULL}; /* set before threads start */

pt_status pt_set_allocator(const pt_allocator *allocator)
{
    if (allocator == NULL)
        allocator = &c_library;
    if (allocator->allocate == NULL || allocator->deallocate == NULL)
        return PT_ERR_INVALID;
    pt_memory_trim();
    current = *allocator;
    return PT_OK;
}

void *pti_allocate_raw(size_t size)
{
    void *block = current.allocate(size, current.context);
    if (block != NULL)
        pti_port_reach(block, size);
    return block;
}

void *pti_allocate(size_t size)
{
    void *block = pti_allocate_raw(size);
    return block == NULL ? NULL : memset(block, 0, size);
}

void pti_free(void *block)
{
    if (block != NULL)
        current.deallocate(block, current.context);
}
