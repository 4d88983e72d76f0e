/* rendezvous.c: a channel without room: a value goes from a sender's hands into a receiver's.

   Each end's waiters stand in their queue with `with` pointing to their value, or their room for one. Who finds one at the
   other end takes it out, claims it, copies, and wakes it with PTI_HANDED: it cannot return before. Who looks for one and
   joins does both under the locks of both queues (gate.c), so no two wait for each other. A select never meets itself. */
#include "channel.h"

/* Under the lock of that end's queue: the first who waits there with a value or room; not a hook, nor of the same select. */
static pti_waiter *partner(const pt_channel *channel, enum pti_end end, const pti_waiter *of)
{
    const void *key = pti_gate_key(channel, end);
    pti_waiter *waiter = pti_park_first(pti_park_queue(key), key);
    while (waiter != NULL && (waiter->call != NULL || waiter->sleeper == of))
        waiter = waiter->next;
    return waiter;
}

/* One who waits at that end and is the caller's to wake; NULL if there is none. */
static pti_waiter *take_partner(pt_channel *channel, enum pti_end end)
{
    pti_waiter *waiter;
    if (load_relaxed(&channel->waiting) == 0) /* who comes just now looks for us in its turn */
        return NULL;
    pti_queue *queue = pti_park_lock(pti_gate_key(channel, end));
    while ((waiter = partner(channel, end, NULL)) != NULL) {
        pti_park_take_out(queue, waiter);
        if (pti_park_claim(waiter))
            break;
    }
    pti_park_unlock(queue);
    return waiter;
}

static bool is_closed(const pt_channel *channel)
{
    return load_acquire(&channel->closed) != 0;
}

static pt_status try_send(pt_channel *channel, const void *value)
{
    if (is_closed(channel))
        return PT_ERR_CLOSED;
    pti_waiter *receiver = take_partner(channel, PTI_RECEIVERS);
    if (receiver == NULL)
        return PT_ERR_BUSY;
    pti_copy_value(receiver->with, value, channel->value_size);
    pti_park_wake(receiver, PTI_HANDED);
    return PT_OK;
}

static pt_status try_receive(pt_channel *channel, void *out)
{
    if (is_closed(channel))
        return PT_ERR_CLOSED;
    pti_waiter *sender = take_partner(channel, PTI_SENDERS);
    if (sender == NULL)
        return PT_ERR_BUSY;
    pti_copy_value(out, sender->with, channel->value_size);
    pti_park_wake(sender, PTI_HANDED);
    return PT_OK;
}

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    return is_closed(channel) || partner(channel, PTI_RECEIVERS, of) != NULL;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    return is_closed(channel) || partner(channel, PTI_SENDERS, of) != NULL;
}

static size_t length(const pt_channel *channel)
{
    (void)channel;
    return 0;
}

static void nothing(pt_channel *channel)
{
    (void)channel;
}

static const pti_channel_kind KIND = {.try_send = try_send,
                                      .try_receive = try_receive,
                                      .try_send_many = pti_send_each,
                                      .try_receive_many = pti_receive_each,
                                      .may_send = may_send,
                                      .may_receive = may_receive,
                                      .length = length,
                                      .close = nothing,
                                      .finish = nothing,
                                      .hands_over = true};

pt_channel *pti_rendezvous_create(void)
{
    pt_channel *channel = pti_channel_allocate(sizeof *channel);
    if (channel != NULL)
        channel->kind = &KIND;
    return channel;
}
