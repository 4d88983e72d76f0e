/* expect: calling function 'pt_cond_wait' requires holding mutex 'mutex' exclusively
   Waits for a condition without its mutex. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static pt_cond cond = PT_COND_INIT;

int main(void)
{
    pt_cond_wait(&cond, &mutex);
    return 0;
}
