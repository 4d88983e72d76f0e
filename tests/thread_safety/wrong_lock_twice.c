/* expect: acquiring mutex 'mutex' that is already held
   The thread waits for itself. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;

int main(void)
{
    pt_mutex_lock(&mutex);
    pt_mutex_lock(&mutex);
    pt_mutex_unlock(&mutex);
    return 0;
}
