/* memory.c: malloc and its kin, which the linker leads here (--wrap), so that it is known what is freed. Nothing is ever
   given back: the process ends with the schedule, and memory that came back at once would hide who still uses it. */
#include <malloc.h>
#include <string.h>

#include "sim.h"

#define HERE __builtin_return_address(0)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static bool running(void)
{
    return pti_sim_schedule != NULL && pti_sim_self != NULL;
}

void *__wrap_malloc(size_t size)
{
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return __real_calloc(count, size);
}

void __wrap_free(void *block)
{
    if (!running())
        __real_free(block);
    else if (block != NULL)
        pti_race_freed(block, malloc_usable_size(block), HERE);
}

void *__wrap_realloc(void *block, size_t size)
{
    if (!running() || block == NULL)
        return __real_realloc(block, size);
    void *moved = __real_malloc(size);
    if (moved == NULL)
        return NULL;
    size_t old = malloc_usable_size(block);
    memcpy(moved, block, old < size ? old : size);
    pti_race_freed(block, old, HERE);
    return moved;
}
