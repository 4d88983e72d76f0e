/* expect: mutex 'mutex' is still held at the end of function
   One way out of the function forgets to unlock. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static int stock PT_GUARDED_BY(&mutex);

static int take_one(void)
{
    pt_mutex_lock(&mutex);
    return stock--;
}

int main(void)
{
    return take_one();
}
