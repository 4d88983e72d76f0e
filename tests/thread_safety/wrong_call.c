/* expect: calling function 'add' requires holding mutex 'mutex' exclusively
   A function that wants the lock held is called without it. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static int stock PT_GUARDED_BY(&mutex);

static void add(int n) PT_REQUIRES(&mutex)
{
    stock += n;
}

int main(void)
{
    add(1);
    return 0;
}
