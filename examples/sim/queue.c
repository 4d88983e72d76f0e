/* queue.c: a queue that two threads take from. Who puts something in signals if the queue was empty, which seems to be
   enough: but two values may come before the first thread has woken up, and then nobody wakes the second one.
     queue           the simulator finds the lost wake-up, as a deadlock
     queue --right   each value is signalled: nobody sleeps while there is one */
#include <pt.h>
#include <pt_sim.h>
#include <stdlib.h>
#include <string.h>

static pt_mutex lock = PT_MUTEX_INIT;
static pt_cond filled = PT_COND_INIT;
static int values; /* under lock: how many there are */
static bool right;

static void put(void)
{
    pt_mutex_lock(&lock);
    if (values++ == 0 || right)
        pt_cond_signal(&filled);
    pt_mutex_unlock(&lock);
}

static void *take(void *arg)
{
    pt_mutex_lock(&lock);
    while (values == 0)
        pt_cond_wait(&filled, &lock);
    values--;
    pt_mutex_unlock(&lock);
    return arg;
}

static void test(void *arg)
{
    (void)arg;
    pt_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        if (pt_thread_spawn(&threads[i], NULL, take, NULL) != PT_OK)
            abort();
    }
    put();
    put();
    for (int i = 0; i < 2; i++) {
        pt_thread_join(threads[i], NULL);
        pt_thread_release(threads[i]);
    }
}

int main(int argc, char **argv)
{
    right = argc > 1 && strcmp(argv[1], "--right") == 0;
    const pt_sim_options options = {.strategy = "pct"};
    return pt_sim_run("queue", test, NULL, &options) ? 0 : 1;
}
