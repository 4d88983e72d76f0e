/* program_uv.c: a user's program with a libuv loop. */
#include <pt_thread.h>
#include <pt_uv.h>

#include <stdio.h>
#include <uv.h>

static void *work(void *arg)
{
    pt_future_complete(arg, arg);
    return NULL;
}

static void ended(pt_uv_request *request, pt_future *future, pt_status status)
{
    void *result = NULL;
    if (status == PT_OK && pt_future_try_get(future, &result) == PT_OK && result == future)
        ++*(int *)request->data;
}

int main(void)
{
    int count = 0;
    uv_loop_t loop;
    pt_uv *bridge;
    pt_future *future;
    pt_thread *thread;
    pt_uv_request request = {.data = &count};
    if (uv_loop_init(&loop) != 0 || pt_uv_create(&bridge, &loop) != PT_OK ||
        pt_future_create(&future, NULL) != PT_OK || pt_uv_on_future(bridge, future, &request, ended) != PT_OK ||
        pt_thread_spawn(&thread, NULL, work, future) != PT_OK)
        return 1;
    uv_run(&loop, UV_RUN_DEFAULT);
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
    pt_future_release(future);
    pt_uv_close(bridge, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    printf("%s, libuv %s: %d\n", pt_version(), uv_version_string(), count);
    return uv_loop_close(&loop) == 0 && count == 1 ? 0 : 1;
}
