/* expect: writing variable 'table' requires holding rwlock 'rwlock' exclusively
   Locked for reading, used for writing. */
#include <pt.h>

static pt_rwlock rwlock = PT_RWLOCK_INIT;
static int table PT_GUARDED_BY(&rwlock);

int main(void)
{
    pt_rwlock_read_lock(&rwlock);
    table = 1;
    pt_rwlock_read_unlock(&rwlock);
    return 0;
}
