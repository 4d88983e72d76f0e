/* futex_wasi.c: WebAssembly's own instructions. */
#include "futex.h"

bool futex_possible(void)
{
    return true;
}

void futex_wait(uint32_t *word, uint32_t expected)
{
    __builtin_wasm_memory_atomic_wait32((int *)word, (int)expected, -1);
}

void futex_wake(uint32_t *word)
{
    __builtin_wasm_memory_atomic_notify((int *)word, 1);
}
