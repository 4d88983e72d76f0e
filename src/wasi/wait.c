/* wait.c: waiting on a word with WebAssembly's own instructions. They work beside any libc's futex. */
#include "port.h"

void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline)
{
    int64_t timeout = -1; /* for ever */
    if (deadline != PT_TIME_NEVER) {
        pt_time now = pti_port_now();
        if (deadline <= now)
            return;
        timeout = deadline - now;
    }
    /* The builtin's parameter is not const, yet it only reads. */
    __builtin_wasm_memory_atomic_wait32((int *)(uintptr_t)word, (int)expected, timeout);
}

void pti_port_wake(const uint32_t *word)
{
    __builtin_wasm_memory_atomic_notify((int *)(uintptr_t)word, 1);
}

bool pti_port_may_block(void)
{
    return true;
}

/* WebAssembly's atomic operations are sequentially consistent as they are: between two of them there is a fence. */
bool pti_port_fence_all(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

void pti_port_run_on_page(void (*function)(void *arg), void *arg)
{
    function(arg);
}
