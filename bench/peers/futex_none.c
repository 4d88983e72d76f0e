/* futex_none.c: no waiting on a word. */
#include "futex.h"

bool futex_possible(void)
{
    return false;
}

void futex_wait(uint32_t *word, uint32_t expected)
{
    (void)word;
    (void)expected;
}

void futex_wake(uint32_t *word)
{
    (void)word;
}
