/* wait.c: waiting on a word in a Worker, with Emscripten's futex, which also lets the Worker serve what
   Emscripten sends it while it waits. The main thread of a page must not wait at all. */
#include <emscripten/proxying.h>
#include <emscripten/threading.h>
#include <limits.h>
#include <math.h>

#include "port.h"

void pti_port_wait(const uint32_t *word, uint32_t expected, pt_time deadline)
{
    double milliseconds = INFINITY;
    if (deadline != PT_TIME_NEVER) {
        pt_time now = pti_port_now();
        if (deadline <= now)
            return;
        milliseconds = (double)(deadline - now) / (double)PT_MILLISECOND;
    }
    /* Emscripten's parameter is not const, yet it only reads. */
    emscripten_futex_wait((void *)(uintptr_t)word, expected, milliseconds);
}

void pti_port_wake(const uint32_t *word)
{
    /* All, not one: where a thread's record was freed, Emscripten before 6.0.7 may leave an Atomics.waitAsync
       behind, which eats a wake-up meant for whoever has that memory now (emscripten#27492). Our words have one
       sleeper each, but for the locks of the lot's buckets, and those are seldom slept on. */
    emscripten_futex_wake((void *)(uintptr_t)word, INT_MAX);
}

bool pti_port_may_block(void)
{
    return !emscripten_is_main_browser_thread();
}

/* WebAssembly's atomic operations are sequentially consistent as they are: between two of them there is a fence. */
bool pti_port_fence_all(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

void pti_port_run_on_page(void (*function)(void *arg), void *arg)
{
    emscripten_proxy_async(emscripten_proxy_get_system_queue(), emscripten_main_runtime_thread_id(), function, arg);
}
