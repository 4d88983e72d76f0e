/* trace_program.c: a program that knows nothing of tracing but its own spans, for trace.test.mjs. By its argument: "return"
   from main(), "exit" from there, or "open", with a thread that still runs. */
#include <stdlib.h>
#include <string.h>

#include <pt.h>

static pt_event started = PT_EVENT_INIT, never = PT_EVENT_INIT;

static void *work(void *arg)
{
    pt_trace_begin("work");
    pt_sleep(PT_MILLISECOND);
    pt_trace_end();
    return arg;
}

static void *run_on(void *arg)
{
    pt_trace_instant("running on");
    pt_event_set(&started);
    pt_event_wait(&never);
    return arg;
}

static void job(void *arg)
{
    pt_latch_count_down(arg, 1);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    pt_thread_set_name("the \"main\" thread");
    pt_thread *thread;
    if (pt_thread_spawn(&thread, &(pt_thread_config){.name = "worker"}, work, NULL) != PT_OK)
        return 2;
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);

    enum { JOBS = 100 };
    pt_latch latch = PT_LATCH_INIT(JOBS);
    pt_pool *pool;
    if (pt_pool_create(&pool, &(pt_pool_config){.name = "crew", .size = 2}) != PT_OK)
        return 3;
    for (int i = 0; i < JOBS; i++) {
        if (pt_pool_post(pool, job, &latch) != PT_OK)
            return 4;
    }
    pt_latch_wait(&latch);
    pt_pool_destroy(pool);

    if (strcmp(how, "open") == 0) {
        if (pt_thread_spawn(NULL, &(pt_thread_config){.name = "left"}, run_on, NULL) != PT_OK)
            return 5;
        pt_event_wait(&started);
    }
    if (strcmp(how, "exit") == 0)
        exit(0);
    return 0;
}
