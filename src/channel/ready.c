/* ready.c: a function to be called when a channel has something to receive: a hook in the receivers' queue.

   A sender's wake was for somebody who receives. The function may not; so once it has returned, what is still there is for the
   next who waits. */
#include "channel.h"
#include "hook.h"

static bool join(void *channel, pti_waiter *waiter)
{
    pti_gate_enter(channel, PTI_RECEIVERS);
    pti_gate_fence();
    return pti_gate_join(channel, PTI_RECEIVERS, waiter, false);
}

static bool take_out(void *channel, pti_waiter *waiter)
{
    return pti_gate_take_out(channel, PTI_RECEIVERS, waiter);
}

static void pass_on(void *channel)
{
    pti_gate_settle(channel, PTI_RECEIVERS);
}

static void leave(void *channel)
{
    pti_gate_leave(channel, PTI_RECEIVERS);
    pt_channel_release_receiver(channel);
}

static const struct pti_hook_kind KIND = {
    .what = "channel (callback)", .join = join, .take_out = take_out, .pass_on = pass_on, .leave = leave};

pt_status pt_channel_on_ready(pt_channel *channel, pt_ready_hook *hook, void (*function)(void *arg), void *arg)
{
    if (channel == NULL || hook == NULL || function == NULL || channel->config.kind == PT_CHANNEL_BROADCAST)
        return PT_ERR_INVALID;
    pti_hook_add(hook, &KIND, pt_channel_retain_receiver(channel), function, arg);
    return PT_OK;
}
