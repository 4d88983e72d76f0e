/* expect: releasing mutex 'mutex' that was not held
   Unlocked without having been locked. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;

int main(void)
{
    pt_mutex_unlock(&mutex);
    return 0;
}
