/* init.c: a table that whoever comes first makes. To look whether it is there without the lock is quick, but then the flag
   must be released, or it may be seen before what it stands for. No test on a PC shows that: its processors keep stores
   in order. The simulator does not.
     init           the simulator finds the data race
     init --right   the flag is released: there is none */
#include <pt.h>
#include <pt_sim.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 4 };

static pt_mutex lock = PT_MUTEX_INIT;
static pt_atomic_u32 made;
static int squares[SIZE];
static bool right;

static int square(int n)
{
    if (pt_atomic_u32_load(&made, PT_ORDER_ACQUIRE) == 0) {
        pt_mutex_lock(&lock);
        if (pt_atomic_u32_load(&made, PT_ORDER_RELAXED) == 0) {
            for (int i = 0; i < SIZE; i++)
                squares[i] = i * i;
            pt_atomic_u32_store(&made, 1, right ? PT_ORDER_RELEASE : PT_ORDER_RELAXED);
        }
        pt_mutex_unlock(&lock);
    }
    return squares[n];
}

static void *use(void *arg)
{
    if (square(3) != 9)
        abort();
    return arg;
}

static void test(void *arg)
{
    pt_thread *thread;
    if (pt_thread_spawn(&thread, NULL, use, NULL) != PT_OK)
        abort();
    use(arg);
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
}

int main(int argc, char **argv)
{
    right = argc > 1 && strcmp(argv[1], "--right") == 0;
    return pt_sim_run("init", test, NULL, NULL) ? 0 : 1;
}
