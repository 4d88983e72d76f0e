/* program.c: a user's C program. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static int count PT_GUARDED_BY(&mutex);

static void *add(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pt_mutex_lock(&mutex);
        count += *(int *)arg;
        pt_mutex_unlock(&mutex);
    }
    return arg;
}

int main(void)
{
    int one = 1, total;
    pt_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        if (pt_thread_spawn(&threads[i], NULL, add, &one) != PT_OK)
            return 1;
    }
    for (int i = 0; i < 2; i++) {
        pt_thread_join(threads[i], NULL);
        pt_thread_release(threads[i]);
    }
    pt_mutex_lock(&mutex);
    total = count;
    pt_mutex_unlock(&mutex);
    printf("%s %d\n", pt_version(), total);
    return total == 2000 ? 0 : 1;
}
