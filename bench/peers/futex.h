/* futex.h: the system's own waiting on a 32-bit word, for the peer without a library. CMake chooses futex_linux.c,
   futex_wasi.c or futex_browser.c, or futex_none.c where there is none. */
#ifndef BENCH_FUTEX_H
#define BENCH_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

/* Whether there is one here. */
bool futex_possible(void);

/* Sleep until woken, unless the word is not `expected`. May return for no reason. */
void futex_wait(uint32_t *word, uint32_t expected);

/* Wake one who sleeps at the word. */
void futex_wake(uint32_t *word);

#endif
