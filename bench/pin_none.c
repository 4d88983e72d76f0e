/* pin_none.c: no way to tie threads to processors. */
#include "pin.h"

bool pin_possible(void)
{
    return false;
}

void pin_thread(unsigned which)
{
    (void)which;
}

void pin_undo(void)
{
}
