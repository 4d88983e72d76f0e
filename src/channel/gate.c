/* gate.c: where those wait who cannot send or receive now.

   Each channel has two queues in the parking lot, one for each end, and one word:

     channel.waiting   how many receivers are at the gate, plus 2^32 for each sender; 0 in the common case
     E   + 1            who will wait, before it looks again                              acquire and release
     F   fence of all threads, by who did E; or, where the target has none: see R
     J   joins the queue, if under the queue's lock a look still says that it must wait
     R   reads waiting  who sent or received, after it did. A plain load; where there is no F a read-modify-write, acquire
                        and release
     X   - 1            who did E, once it is out of the queue

   No lost wake  Say X changes the channel and then does R, while Y does E, F, and looks. If R comes before the fence that F
                 makes in X's thread, so does X's change, and Y's look, which is after F, sees it. If R comes after, it
                 sees E. So X sees Y at the gate and takes the queue's lock: before Y's J, then Y's look comes after X's
                 change; or after it, then X finds Y and wakes it.
                 Without F: of the two read-modify-writes, one reads what the other wrote, and acquires what it released.
   Who is woken  For each value one receiver, for each room one sender. It is told to try again; somebody else may be quicker,
                 and then it waits in front. A value may come to be ready beside others, which were woken for and could not
                 be had yet; so whoever has received looks whether there is more, and wakes the next one (pti_gate_received).
                 The same for senders. A waiter that was woken always tries what it was woken for before it gives up.
   Price         A load for each value; F costs some microseconds for each wait that comes to sleeping.

   For rendezvous both queues are locked to look: a sender must not miss a receiver that joins. */
#include "channel.h"
#include "port.h"

bool pti_gate_fences;

static const uint64_t ONE[] = {[PTI_SENDERS] = UINT64_C(1) << 32, [PTI_RECEIVERS] = 1};

void pti_gate_prepare(void)
{
    pti_gate_fences = !pti_port_fence_all();
}

const void *pti_gate_key(const pt_channel *channel, enum pti_end end)
{
    return (const char *)&channel->waiting + end;
}

void pti_gate_enter(pt_channel *channel, enum pti_end end)
{
    __atomic_fetch_add(&channel->waiting, ONE[end], __ATOMIC_ACQ_REL); /* E */
}

void pti_gate_fence(void)
{
    if (!pti_gate_fences)
        pti_port_fence_all(); /* F */
}

void pti_gate_leave(pt_channel *channel, enum pti_end end)
{
    __atomic_fetch_sub(&channel->waiting, ONE[end], __ATOMIC_ACQ_REL); /* X */
}

static pti_queue_pair lock(const pt_channel *channel, enum pti_end end)
{
    const void *key = pti_gate_key(channel, end);
    return pti_park_lock_pair(key, channel->kind->hands_over ? pti_gate_key(channel, !end) : key);
}

/* A sender waits for somebody to receive, which a hook is told. */
static void wake_hooks(pt_channel *channel)
{
    const void *key = pti_gate_key(channel, PTI_RECEIVERS);
    pti_waiter *hooks = NULL, **tail = &hooks;
    pti_queue *queue = pti_park_lock(key);
    for (pti_waiter *waiter = pti_park_first(queue, key), *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (waiter->call != NULL) {
            pti_park_take_out(queue, waiter);
            *tail = waiter;
            tail = &waiter->next;
        }
    }
    *tail = NULL;
    pti_park_unlock(queue);
    pti_park_wake_all(hooks, PTI_RETRY);
}

bool pti_gate_join(pt_channel *channel, enum pti_end end, pti_waiter *waiter, bool in_front)
{
    const void *key = pti_gate_key(channel, end);
    pti_queue_pair pair = lock(channel, end);
    bool may = end == PTI_SENDERS ? channel->kind->may_send(channel, waiter->sleeper)
                                  : channel->kind->may_receive(channel, waiter->sleeper);
    if (!may) /* J */
        (in_front ? pti_park_join_front : pti_park_join)(pti_park_queue(key), waiter, key);
    pti_park_unlock_pair(pair);
    if (!may && end == PTI_SENDERS && channel->kind->hands_over)
        wake_hooks(channel);
    return !may;
}

bool pti_gate_take_out(pt_channel *channel, enum pti_end end, pti_waiter *waiter)
{
    pti_queue *queue = pti_park_lock(pti_gate_key(channel, end));
    bool queued = waiter->queued;
    pti_park_take_out(queue, waiter);
    pti_park_unlock(queue);
    return queued;
}

void pti_gate_wake(pt_channel *channel, enum pti_end end, size_t n)
{
    const void *key = pti_gate_key(channel, end);
    pti_waiter *taken = NULL, **tail = &taken, *waiter;
    pti_queue *queue = pti_park_lock(key);
    while (n > 0 && (waiter = pti_park_take(queue, key)) != NULL) {
        if (!pti_park_claim(waiter))
            continue;
        *tail = waiter;
        tail = &waiter->next;
        n--;
    }
    *tail = NULL;
    pti_park_unlock(queue);
    pti_park_wake_all(taken, PTI_RETRY);
}

void pti_gate_wake_all(pt_channel *channel, enum pti_end end)
{
    if (pti_gate_waiting(channel) != 0)
        pti_gate_wake(channel, end, SIZE_MAX);
}

void pti_gate_pass_on(pt_channel *channel, enum pti_end end)
{
    if (channel->kind->hands_over) /* nobody waits beside a partner */
        return;
    bool more =
        end == PTI_SENDERS ? channel->kind->may_send(channel, NULL) : channel->kind->may_receive(channel, NULL);
    if (more)
        pti_gate_wake(channel, end, 1);
}

void pti_gate_sent(pt_channel *channel, size_t n)
{
    uint64_t waiting = load_relaxed(&channel->waiting);
    if ((uint32_t)waiting != 0)
        pti_gate_wake(channel, PTI_RECEIVERS, n);
    if (waiting >> 32 != 0)
        pti_gate_pass_on(channel, PTI_SENDERS);
}

void pti_gate_received(pt_channel *channel, size_t n)
{
    uint64_t waiting = load_relaxed(&channel->waiting);
    if (waiting >> 32 != 0)
        pti_gate_wake(channel, PTI_SENDERS, n);
    if ((uint32_t)waiting != 0)
        pti_gate_pass_on(channel, PTI_RECEIVERS);
}
