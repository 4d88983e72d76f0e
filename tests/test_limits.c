/* test_limits.c: really running out of threads and of memory for stacks, on Linux, in a child with a limit of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static void *wait_for_event(void *arg)
{
    pt_event_wait(arg);
    return arg;
}

/* In the child: start threads until no more can be had, end them, and start one again. */
static int exhaust(pt_reuse reuse)
{
    enum { MOST = 512 };
    static pt_thread *threads[MOST];
    pt_event event = PT_EVENT_INIT;
    const pt_thread_config config = {.stack_size = 4 * 1024 * 1024, .reuse = reuse};
    const struct rlimit limit = {256 * 1024 * 1024, 256 * 1024 * 1024};
    int count = 0;
    pt_status status = PT_OK;
    alarm(30);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    while (count < MOST && (status = pt_thread_spawn(&threads[count], &config, wait_for_event, &event)) == PT_OK)
        count++;
    if (count < 2 || count == MOST || (status != PT_ERR_AGAIN && status != PT_ERR_NOMEM))
        return 3;
    pt_event_set(&event);
    for (int i = 0; i < count; i++) {
        if (pt_thread_join(threads[i], NULL) != PT_OK)
            return 4;
        pt_thread_release(threads[i]);
    }
    if (pt_thread_spawn(&threads[0], &config, wait_for_event, &event) != PT_OK)
        return 5;
    pt_status joined = pt_thread_join(threads[0], NULL);
    pt_thread_release(threads[0]);
    return joined == PT_OK ? 0 : 6;
}

static void run_in_child(pt_reuse reuse)
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(exhaust(reuse));
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

static void test_no_more_new_threads(void **state)
{
    (void)state;
    run_in_child(PT_REUSE_NEVER);
}

static void test_no_more_carriers(void **state)
{
    (void)state;
    run_in_child(PT_REUSE_ALWAYS);
}

TEST_MAIN("limits", TEST(test_no_more_new_threads), TEST(test_no_more_carriers))
