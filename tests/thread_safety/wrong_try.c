/* expect: writing variable 'stock' requires holding mutex 'mutex' exclusively
   Data are touched where the lock was not to be had. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static int stock PT_GUARDED_BY(&mutex);

int main(void)
{
    if (pt_mutex_try_lock(&mutex) == PT_OK) {
        pt_mutex_unlock(&mutex);
        return 0;
    }
    stock++;
    return 1;
}
