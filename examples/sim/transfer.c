/* transfer.c: two accounts, each with its lock. A transfer locks the one that gives, then the one that takes; so two
   transfers that meet may each hold what the other one wants.
     transfer           the simulator finds the deadlock
     transfer --right   both transfers lock in the same order: there is none */
#include <pt.h>
#include <pt_sim.h>
#include <stdlib.h>
#include <string.h>

struct account {
    pt_mutex lock;
    int money;
};

static struct account mine = {PT_MUTEX_INIT, 100}, yours = {PT_MUTEX_INIT, 100};
static bool right;

static void transfer(struct account *from, struct account *to, int money)
{
    struct account *first = right && to < from ? to : from, *second = first == from ? to : from;
    pt_mutex_lock(&first->lock);
    pt_mutex_lock(&second->lock);
    from->money -= money;
    to->money += money;
    pt_mutex_unlock(&second->lock);
    pt_mutex_unlock(&first->lock);
}

static void *pay_back(void *arg)
{
    transfer(&yours, &mine, 10);
    return arg;
}

static void test(void *arg)
{
    (void)arg;
    pt_thread *thread;
    if (pt_thread_spawn(&thread, NULL, pay_back, NULL) != PT_OK)
        abort();
    transfer(&mine, &yours, 30);
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
    if (mine.money != 80 || yours.money != 120)
        abort();
}

int main(int argc, char **argv)
{
    right = argc > 1 && strcmp(argv[1], "--right") == 0;
    const pt_sim_options options = {.strategy = "exhaustive"};
    return pt_sim_run("transfer", test, NULL, &options) ? 0 : 1;
}
