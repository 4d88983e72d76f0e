/* pin.h: tying threads to processors, for --pin. CMake chooses pin_linux.c, or pin_none.c where there is no way. */
#ifndef BENCH_PIN_H
#define BENCH_PIN_H

#include <stdbool.h>

/* Whether it can be done here at all. */
bool pin_possible(void);

/* Tie the calling thread to one of the processors that this process may use; `which` counts on past the last one.
   pin_undo() lets it use all of them again. */
void pin_thread(unsigned which);
void pin_undo(void);

#endif
