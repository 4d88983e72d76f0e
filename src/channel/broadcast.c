/* broadcast.c: each value to each subscriber, which is a queue of its own.

   `sending` is held for a send as a whole, so all subscribers see values in one order; and for changes of the list. `list` is a
   short lock for changes of the list, and for looking at it under a queue's lock, where nobody may sleep: may_send().
   A subscriber is sent to under `sending` only, so one that has room keeps it until the send.
   A subscriber's receiver calls pti_broadcast_changed() when it made room, and looks whether all have, if it sees somebody at the
   gate. Say two made the last room that is needed. Both see somebody: the one whose R2 (gate.c) comes second sees the other's
   room. Only one does, as the other was before F of who waits: then that one's look, after F, sees the other's room. Of it and
   the first one's look, the one that has `list` second sees all that the other saw, and so that all have room.
   The broadcast holds a sending reference of each subscriber, and a subscriber a receiving one of its broadcast. */
#include "channel.h"
#include "port.h"

struct broadcast {
    pt_channel channel;
    pt_mutex sending;
    uint32_t list;
    size_t count, room;
    pt_channel **subscribers;
    char *copies; /* under sending: one for each of `room` */
};

static struct broadcast *broadcast_of(const pt_channel *channel)
{
    return (struct broadcast *)(uintptr_t)channel;
}

/* Who holds it never waits for anything; so a page's main thread, which may not sleep, can look until it is free. */
static void lock(struct broadcast *broadcast) PT_ACQUIRE(&broadcast->sending) PT_NO_THREAD_SAFETY_ANALYSIS
{
    if (pt_mutex_lock(&broadcast->sending) == PT_OK)
        return;
    while (pt_mutex_try_lock(&broadcast->sending) != PT_OK)
        pti_port_relax();
}

/* ---- Sending ------------------------------------------------------------------------------- */

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    struct broadcast *broadcast = broadcast_of(channel);
    bool all = true;
    (void)of;
    if (channel->config.overflow != PT_OVERFLOW_WAIT || load_relaxed(&channel->closed) != 0)
        return true;
    pti_short_lock(&broadcast->list);
    for (size_t i = 0; i < broadcast->count; i++) /* all, for who looks next: see above */
        all &= broadcast->subscribers[i]->kind->may_send(broadcast->subscribers[i], NULL);
    pti_short_unlock(&broadcast->list);
    return all;
}

/* Memory for a value with each subscriber, so that it is sent to all or to none; false: there is none. */
static bool reserve(const struct broadcast *broadcast)
{
    bool all = true;
    for (size_t i = 0; i < broadcast->count && all && broadcast->channel.capacity == PT_UNBOUNDED; i++)
        all = pti_list_reserve(broadcast->subscribers[i]);
    return all;
}

/* A copy for each subscriber; PT_ERR_NOMEM, and none is left, if one cannot be made. */
static pt_status make_copies(struct broadcast *broadcast, const void *value)
{
    const pt_channel *channel = &broadcast->channel;
    for (size_t i = 0; i < broadcast->count; i++) {
        char *copy = broadcast->copies + i * channel->value_size;
        if (channel->config.copy == NULL) {
            pti_copy_value(copy, value, channel->value_size);
        } else if (!channel->config.copy(copy, value, channel->config.arg)) {
            while (i-- > 0)
                pti_destroy_value(channel, broadcast->copies + i * channel->value_size);
            return PT_ERR_NOMEM;
        }
    }
    return PT_OK;
}

static pt_status send_to_all(struct broadcast *broadcast, const void *value)
{
    pt_channel *channel = &broadcast->channel;
    if (load_relaxed(&channel->closed) != 0)
        return PT_ERR_CLOSED;
    if (!may_send(channel, NULL))
        return PT_ERR_BUSY;
    pt_status status = reserve(broadcast) ? make_copies(broadcast, value) : PT_ERR_NOMEM;
    for (size_t i = 0; i < broadcast->count && status == PT_OK; i++) {
        char *copy = broadcast->copies + i * channel->value_size;
        if (pti_channel_try(broadcast->subscribers[i], PTI_SENDERS, copy) !=
            PT_OK) /* its receivers have gone just now */
            pti_destroy_value(channel, copy);
    }
    return status;
}

static pt_status try_send(pt_channel *channel, const void *value)
{
    struct broadcast *broadcast = broadcast_of(channel);
    lock(broadcast);
    pt_status status = send_to_all(broadcast, value);
    pt_mutex_unlock(&broadcast->sending);
    if (status == PT_OK && channel->config.copy != NULL)
        pti_destroy_value(channel, (void *)(uintptr_t)value); /* each has one of its own */
    return status;
}

static pt_status try_receive(pt_channel *channel, void *out)
{
    (void)channel, (void)out;
    return PT_ERR_INVALID;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    (void)channel, (void)of;
    return true;
}

static size_t length(const pt_channel *channel)
{
    (void)channel;
    return 0;
}

void pti_broadcast_changed(pt_channel *channel)
{
    pti_gate_look(channel, PTI_SENDERS);
}

/* ---- Subscribers --------------------------------------------------------------------------- */

/* Under `sending`: room for one more. */
static bool make_room(struct broadcast *broadcast)
{
    size_t room = broadcast->room == 0 ? 4 : 2 * broadcast->room;
    if (broadcast->count < broadcast->room)
        return true;
    pt_channel **subscribers = pti_allocate(room * sizeof *subscribers), **old = broadcast->subscribers;
    char *copies = pti_allocate(room * broadcast->channel.value_size + 1);
    if (subscribers == NULL || copies == NULL) {
        pti_free(subscribers);
        pti_free(copies);
        return false;
    }
    for (size_t i = 0; i < broadcast->count; i++)
        subscribers[i] = old[i];
    pti_short_lock(&broadcast->list);
    broadcast->subscribers = subscribers;
    pti_short_unlock(&broadcast->list);
    broadcast->room = room;
    pti_free(old);
    pti_free(broadcast->copies);
    broadcast->copies = copies;
    return true;
}

/* One more receiver, unless the last has gone. */
static bool count_in(pt_channel *channel)
{
    uint32_t seen = load_relaxed(&channel->ends[PTI_RECEIVERS]);
    while (seen != 0) {
        if (cas_relaxed(&channel->ends[PTI_RECEIVERS], &seen, seen + 1))
            return true;
    }
    return false;
}

static pt_status make_subscriber(struct broadcast *broadcast, pt_channel **out)
{
    pt_channel *channel = &broadcast->channel;
    pt_channel_config config = channel->config;
    config.kind = PT_CHANNEL_QUEUE;
    config.one_sender = config.one_receiver = false; /* who closes a broadcast closes these, and empties them */
    if (!make_room(broadcast) || pt_channel_create(out, channel->value_size, channel->capacity, &config) != PT_OK)
        return PT_ERR_NOMEM;
    if (!count_in(channel)) {
        pt_channel_release_sender(*out);
        pt_channel_release_receiver(*out);
        return PT_ERR_CLOSED;
    }
    (*out)->parent = channel;
    return PT_OK;
}

static pt_status add(struct broadcast *broadcast, pt_channel **out)
{
    if (load_relaxed(&broadcast->channel.closed) != 0)
        return PT_ERR_CLOSED;
    pt_status status = make_subscriber(broadcast, out);
    if (status != PT_OK)
        return status;
    pti_short_lock(&broadcast->list);
    broadcast->subscribers[broadcast->count++] = *out;
    pti_short_unlock(&broadcast->list);
    return PT_OK;
}

pt_status pt_channel_subscribe(pt_channel *channel, pt_channel **out)
{
    pt_channel *made = NULL;
    if (channel == NULL || out == NULL || channel->config.kind != PT_CHANNEL_BROADCAST)
        return PT_ERR_INVALID;
    struct broadcast *broadcast = broadcast_of(channel);
    lock(broadcast);
    pt_status status = add(broadcast, &made);
    pt_mutex_unlock(&broadcast->sending);
    if (status == PT_OK)
        *out = made;
    return status;
}

/* Under `sending`: take a subscriber out of the list; false if it is not in it. */
static bool take_out(struct broadcast *broadcast, const pt_channel *subscriber)
{
    size_t i = 0;
    pti_short_lock(&broadcast->list);
    while (i < broadcast->count && broadcast->subscribers[i] != subscriber)
        i++;
    bool found = i < broadcast->count;
    if (found)
        broadcast->subscribers[i] = broadcast->subscribers[--broadcast->count];
    pti_short_unlock(&broadcast->list);
    return found;
}

void pti_broadcast_forget(pt_channel *channel, pt_channel *subscriber)
{
    struct broadcast *broadcast = broadcast_of(channel);
    lock(broadcast);
    bool found = take_out(broadcast, subscriber);
    pt_mutex_unlock(&broadcast->sending);
    if (found)
        pt_channel_release_sender(subscriber);
    pti_broadcast_changed(channel);
}

/* Subscribers get what they have, unless that is discarded, and then no more. */
static void close(pt_channel *channel)
{
    struct broadcast *broadcast = broadcast_of(channel);
    for (;;) {
        lock(broadcast);
        pt_channel *last = broadcast->count == 0 ? NULL : broadcast->subscribers[broadcast->count - 1];
        if (last != NULL)
            take_out(broadcast, last);
        pt_mutex_unlock(&broadcast->sending);
        if (last == NULL)
            return;
        if (pti_discarded(channel))
            pt_channel_close_now(last);
        pt_channel_release_sender(last);
    }
}

static void finish(pt_channel *channel)
{
    struct broadcast *broadcast = broadcast_of(channel);
    pti_free(broadcast->subscribers);
    pti_free(broadcast->copies);
}

static const pti_channel_kind KIND = {.try_send = try_send,
                                      .try_receive = try_receive,
                                      .try_send_many = pti_send_each,
                                      .try_receive_many = pti_receive_each,
                                      .may_send = may_send,
                                      .may_receive = may_receive,
                                      .length = length,
                                      .close = close,
                                      .finish = finish};

pt_channel *pti_broadcast_create(void)
{
    struct broadcast *broadcast = pti_channel_allocate(sizeof *broadcast);
    if (broadcast == NULL)
        return NULL;
    broadcast->channel.kind = &KIND;
    return &broadcast->channel;
}
