/* ready.c: a function to be called when a channel has something to receive.

   A hook has a waiter in the receivers' queue whose wake is a call: that of run(), by the thread that sends; or, if it was added
   on a page's main thread, by that one. The hook counts under the lock of its own address in the lot:

     added      by pt_channel_on_ready(); taken back by pt_channel_ready_remove(), if that found the waiter in its queue
     finished   by run(), its last access to the hook
   While they differ and the waiter is in no queue, the function is about to run, or runs.

   A sender's wake was for somebody who receives. The function may not; so once it has returned, what is still there is for the
   next who waits. */
#include "channel.h"
#include "port.h"
#include "thread.h"

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

static void run(void *arg)
{
    pt_ready_hook *hook = arg;
    pt_channel *channel = hook->channel;
    __atomic_store_n(&hook->runner, pti_thread_own_id(), __ATOMIC_RELAXED);
    hook->function(hook->arg);
    finish(hook);
    pti_gate_leave(channel, PTI_RECEIVERS);
    pti_gate_settle(channel, PTI_RECEIVERS);
    pt_channel_release_receiver(channel);
}

static void call(pti_waiter *waiter)
{
    struct hook *own = (struct hook *)(void *)waiter;
    if (own->on_page) {
        pti_gate_settle(own->hook->channel, PTI_RECEIVERS); /* a page may be busy: nobody is to wait for that */
        pti_port_run_on_page(run, own->hook);
    } else {
        run(own->hook);
    }
}

pt_status pt_channel_on_ready(pt_channel *channel, pt_ready_hook *hook, void (*function)(void *arg), void *arg)
{
    if (channel == NULL || hook == NULL || function == NULL || channel->config.kind == PT_CHANNEL_BROADCAST)
        return PT_ERR_INVALID;
    struct hook *own = inside(hook);
    hook->function = function;
    hook->arg = arg;
    hook->channel = pt_channel_retain_receiver(channel);
    own->hook = hook;
    own->on_page = !pti_port_may_block();
    pti_park_prepare(&own->waiter, "channel (callback)");
    own->waiter.call = call;
    own->waiter.queued = false;

    pti_queue *queue = pti_park_lock(hook);
    hook->added++;
    pti_park_unlock(queue);
    pti_gate_enter(channel, PTI_RECEIVERS);
    pti_gate_fence();
    if (!pti_gate_join(channel, PTI_RECEIVERS, &own->waiter, false))
        run(hook);
    return PT_OK;
}

/* Until the function has returned. */
static pt_status wait_for_end(pt_ready_hook *hook)
{
    for (;;) {
        pti_waiter waiter;
        pti_park_prepare(&waiter, "channel (callback that runs)");
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

pt_status pt_channel_ready_remove(pt_ready_hook *hook)
{
    if (hook == NULL || hook->channel == NULL)
        return PT_ERR_INVALID;
    pt_channel *channel = hook->channel;
    if (!pti_gate_take_out(channel, PTI_RECEIVERS, &inside(hook)->waiter)) {
        bool from_within = __atomic_load_n(&hook->runner, __ATOMIC_RELAXED) == pti_thread_own_id();
        return from_within ? PT_ERR_INVALID : wait_for_end(hook);
    }
    pti_queue *queue = pti_park_lock(hook);
    hook->added--;
    pti_park_unlock(queue);
    hook->channel = NULL;
    pti_gate_leave(channel, PTI_RECEIVERS);
    pt_channel_release_receiver(channel);
    return PT_OK;
}
