/* no_page.c: targets on which every thread may block. */
#include <unistd.h>

#include "support.h"

bool test_on_page_thread(void (*function)(void *arg), void *arg)
{
    (void)function;
    (void)arg;
    return false;
}

void test_end_program(int code)
{
    _exit(code);
}
