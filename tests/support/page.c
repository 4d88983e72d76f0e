/* page.c: the browser, where main() runs in a Worker and the page has the main thread. */
#include <emscripten.h>
#include <emscripten/proxying.h>
#include <emscripten/threading.h>

#include "support.h"

bool test_on_page_thread(void (*function)(void *arg), void *arg)
{
    em_proxying_queue *queue = emscripten_proxy_get_system_queue();
    return emscripten_proxy_sync(queue, emscripten_main_runtime_thread_id(), function, arg) != 0;
}

void test_end_program(int code)
{
    emscripten_force_exit(code); /* _exit() would wait for the page's runtime, which threads keep alive */
}
