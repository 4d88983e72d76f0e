/* expect: writing variable 'stock' requires holding mutex
   The variable is touched without its lock. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static int stock PT_GUARDED_BY(&mutex);

int main(void)
{
    stock = 1;
    return 0;
}
