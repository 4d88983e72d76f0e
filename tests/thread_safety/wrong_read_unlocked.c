/* expect: reading variable 'table' requires holding rwlock 'rwlock'
   Read after the lock was given back. */
#include <pt.h>

static pt_rwlock rwlock = PT_RWLOCK_INIT;
static int table PT_GUARDED_BY(&rwlock);

int main(void)
{
    pt_rwlock_read_lock(&rwlock);
    pt_rwlock_read_unlock(&rwlock);
    return table;
}
