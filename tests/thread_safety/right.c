/* right.c: a program that keeps its promises: clang has nothing to say. */
#include <pt.h>

static pt_mutex mutex = PT_MUTEX_INIT;
static pt_cond filled = PT_COND_INIT;
static int stock PT_GUARDED_BY(&mutex);

static pt_rwlock rwlock = PT_RWLOCK_INIT;
static int table[4] PT_GUARDED_BY(&rwlock);

static pt_recursive_mutex nested = PT_RECURSIVE_MUTEX_INIT;
static int depth PT_GUARDED_BY(&nested);

static void add(int n) PT_REQUIRES(&mutex)
{
    stock += n;
}

static int look_up(int i) PT_REQUIRES_SHARED(&rwlock)
{
    return table[i];
}

static int take_one(void) PT_EXCLUDES(&mutex)
{
    pt_mutex_lock(&mutex);
    while (stock == 0)
        pt_cond_wait(&filled, &mutex);
    add(-1);
    int left = stock;
    pt_mutex_unlock(&mutex);
    return left;
}

static void give_one(void) PT_EXCLUDES(&mutex)
{
    pt_mutex_lock(&mutex);
    add(1);
    pt_mutex_unlock(&mutex);
    pt_cond_signal(&filled);
}

static bool is_empty(void *arg)
{
    (void)arg;
    return true;
}

static void wait_until_empty(void)
{
    pt_mutex_lock(&mutex);
    pt_mutex_await(&mutex, is_empty, NULL);
    stock = 0;
    pt_mutex_unlock(&mutex);
}

static int read_table(void)
{
    pt_rwlock_read_lock(&rwlock);
    int sum = look_up(0) + look_up(1);
    pt_rwlock_read_unlock(&rwlock);
    return sum;
}

static int read_table_soon(void)
{
    pt_status status = pt_rwlock_read_lock_until(&rwlock, pt_after_ms(10));
    if (status != PT_OK)
        return (int)status;
    int first = look_up(0);
    pt_rwlock_read_unlock(&rwlock);
    return first;
}

static void add_if_free(void)
{
    if (pt_mutex_try_lock(&mutex) == PT_OK) {
        add(1);
        pt_mutex_unlock(&mutex);
    }
    if (pt_recursive_mutex_lock_until(&nested, pt_after_ms(10)) == PT_OK) {
        depth = 0;
        pt_recursive_mutex_unlock(&nested);
    }
}

static void write_table(void)
{
    pt_rwlock_write_lock(&rwlock);
    table[0] = look_up(1) + 1;
    pt_rwlock_write_unlock(&rwlock);
}

static int go_down(void)
{
    pt_recursive_mutex_lock(&nested);
    int now = ++depth;
    pt_recursive_mutex_unlock(&nested);
    return now;
}

int main(void)
{
    give_one();
    write_table();
    wait_until_empty();
    give_one();
    add_if_free();
    return take_one() + read_table() + read_table_soon() + go_down();
}
