/* futex_browser.c: Emscripten's futex, as its own POSIX threads use it. */
#include <emscripten/threading.h>
#include <math.h>

#include "futex.h"

bool futex_possible(void)
{
    return true;
}

void futex_wait(uint32_t *word, uint32_t expected)
{
    emscripten_futex_wait(word, expected, INFINITY);
}

void futex_wake(uint32_t *word)
{
    emscripten_futex_wake(word, 1);
}
