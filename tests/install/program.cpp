// program.cpp: a user's C++17 program: every header is C++ too.
#include <pt.h>
#include <pt_base.h>
#include <pt_mutex.h>
#include <pt_thread.h>

struct account {
    pt_mutex mutex = PT_MUTEX_INIT;
    pt_event changed = PT_EVENT_INIT;
    pt_semaphore permits = PT_SEMAPHORE_INIT(3);
    int balance PT_GUARDED_BY(&mutex) = 0;
};

static void *tell(void *arg)
{
    pt_event_set(&static_cast<account *>(arg)->changed);
    return arg;
}

int main()
{
    account mine;
    pt_thread *thread = nullptr;
    pt_status status = pt_thread_spawn(&thread, nullptr, tell, &mine);
    if (status != PT_OK || pt_event_wait_until(&mine.changed, pt_after_ms(60000)) != PT_OK)
        return 1;
    void *result = nullptr;
    if (pt_thread_join(thread, &result) != PT_OK || result != &mine)
        return 1;
    pt_thread_release(thread);
    pt_mutex_lock(&mine.mutex);
    mine.balance++;
    pt_mutex_unlock(&mine.mutex);
    return pt_semaphore_value(&mine.permits) == 3 ? 0 : 1;
}
