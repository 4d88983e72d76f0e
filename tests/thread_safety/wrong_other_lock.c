/* expect: reading variable 'stock' requires holding mutex
   The variable is read under a lock that is not its own. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT, other = PT_MUTEX_INIT;
static int stock PT_GUARDED_BY(&mutex);

int main(void)
{
    pt_mutex_lock(&other);
    int seen = stock;
    pt_mutex_unlock(&other);
    return seen;
}
