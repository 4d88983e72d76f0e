/* hook.c: functions that are called where a thread would be woken.

   A hook has a waiter in its object's queue whose wake is a call: that of run(), by the thread that wakes; or, if it was added
   on a page's main thread, by that one. The hook counts under the lock of its own address in the lot:

     added      by pti_hook_add(); taken back by pt_ready_hook_remove(), if that found the waiter in its queue
     finished   by run(), its last access to the hook
   While they differ and the waiter is in no queue, the function is about to run, or runs. */
#include "hook.h"

#include "port.h"

struct hook {
    pti_waiter waiter; /* first: it is what is woken */
    pt_ready_hook *hook;
    bool on_page;
};

_Static_assert(sizeof(struct hook) <= sizeof((pt_ready_hook *)NULL)->room, "room for a hook");

static struct hook *inside(pt_ready_hook *hook)
{
    return (struct hook *)(void *)hook->room;
}

/* Count, and wake who waits for that. */
static void finish(pt_ready_hook *hook)
{
    pti_queue *queue = pti_park_lock(hook);
    hook->finished++;
    pti_waiter *removers = pti_park_take_all(queue, hook);
    pti_park_unlock(queue);
    pti_park_wake_all(removers, PTI_RETRY);
}

static void pass_on(const struct pti_hook_kind *kind, void *object)
{
    if (kind->pass_on != NULL)
        kind->pass_on(object);
}

/* The hooks whose functions the calling thread is in: a call within one may end another. */
struct running {
    const pt_ready_hook *hook;
    struct running *outer;
};

static _Thread_local struct running *running;

static bool is_within(const pt_ready_hook *hook)
{
    struct running *at = running;
    while (at != NULL && at->hook != hook)
        at = at->outer;
    return at != NULL;
}

/* The function may add its hook again, so what is used after it is read before. */
static void run(void *arg)
{
    pt_ready_hook *hook = arg;
    const struct pti_hook_kind *kind = hook->kind;
    void *object = hook->object;
    struct running here = {hook, running};
    running = &here;
    hook->function(hook->arg);
    running = here.outer;
    finish(hook);
    pass_on(kind, object);
    kind->leave(object);
}

static void call(pti_waiter *waiter)
{
    struct hook *own = (struct hook *)(void *)waiter;
    if (own->on_page) {
        pass_on(own->hook->kind, own->hook->object); /* a page may be busy: nobody is to wait for that */
        pti_port_run_on_page(run, own->hook);
    } else {
        run(own->hook);
    }
}

void pti_hook_add(pt_ready_hook *hook, const struct pti_hook_kind *kind, void *object, void (*function)(void *arg),
                  void *arg)
{
    struct hook *own = inside(hook);
    hook->function = function;
    hook->arg = arg;
    hook->kind = kind;
    hook->object = object;
    own->hook = hook;
    own->on_page = !pti_port_may_block();
    pti_park_prepare(&own->waiter, kind->what);
    own->waiter.call = call;
    own->waiter.queued = false;

    pti_queue *queue = pti_park_lock(hook);
    hook->added++;
    pti_park_unlock(queue);
    if (!kind->join(object, &own->waiter))
        run(hook);
}

/* Until the function has returned. */
static pt_status wait_for_end(pt_ready_hook *hook)
{
    for (;;) {
        pti_waiter waiter;
        pti_park_prepare(&waiter, "callback that runs");
        pti_queue *queue = pti_park_lock(hook);
        bool runs = hook->added != hook->finished;
        bool may_wait = pti_port_may_block();
        if (runs && may_wait)
            pti_park_join(queue, &waiter, hook);
        pti_park_unlock(queue);
        if (!runs)
            return PT_ERR_INVALID;
        if (!may_wait)
            return PT_ERR_NOBLOCK;
        pti_park_sleep(&waiter, PT_FOREVER, false);
    }
}

pt_status pt_ready_hook_remove(pt_ready_hook *hook)
{
    if (hook == NULL || hook->object == NULL)
        return PT_ERR_INVALID;
    void *object = hook->object;
    if (!hook->kind->take_out(object, &inside(hook)->waiter))
        return is_within(hook) ? PT_ERR_INVALID : wait_for_end(hook);
    pti_queue *queue = pti_park_lock(hook);
    hook->added--;
    pti_park_unlock(queue);
    hook->object = NULL;
    hook->kind->leave(object);
    return PT_OK;
}
