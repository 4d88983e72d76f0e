/* channel.c: making channels, references to their ends, closing; and a send or receive from its first try to its end.

   ends[end]   references of an end: who brings one to 0 closes the channel, and discards if it was the receivers'   acquire
               and release, as in any count of references
   alive       ends that have references; who brings it to 0 frees the channel                        acquire and
               release
   closed      CLOSED, and DISCARDED if what is within is not to be received                          release; read with
               acquire where a kind says so

   A call tries, spins for a moment, and then waits at the gate (gate.c) and tries again. So nothing is done for a waiter by
   others, but in a rendezvous, where PTI_HANDED says that it has been. */
#include "channel.h"

#include <stdio.h>

#include "checked.h"
#include "port.h"

enum { SMALL = 256 };

/* ---- Making and freeing -------------------------------------------------------------------- */

void *pti_channel_allocate(size_t size)
{
    enum { LINE = 64 };
    char *block = size > SIZE_MAX - LINE ? NULL : pti_allocate(size + LINE);
    if (block == NULL)
        return NULL;
    pt_channel *channel = (pt_channel *)(void *)(block + (LINE - (uintptr_t)block % LINE) % LINE);
    channel->block = block;
    return channel;
}

static pt_channel *create_kind(size_t value_size, size_t capacity, const pt_channel_config *config)
{
    if (config->kind == PT_CHANNEL_PRIORITY)
        return pti_heap_create(value_size, capacity);
    if (config->kind == PT_CHANNEL_BROADCAST)
        return pti_broadcast_create();
    if (config->kind == PT_CHANNEL_ONESHOT)
        return pti_oneshot_create(value_size);
    if (capacity == 0)
        return pti_rendezvous_create();
    /* To drop the oldest value a sender receives it. */
    if (config->one_sender && config->one_receiver && config->overflow != PT_OVERFLOW_DROP_OLDEST)
        return pti_spsc_create(value_size, capacity);
    return capacity == PT_UNBOUNDED ? pti_list_create(value_size) : pti_ring_create(value_size, capacity);
}

static bool is_valid(size_t value_size, size_t capacity, const pt_channel_config *config)
{
    if (value_size > PT_CHANNEL_VALUE_MAX || (unsigned)config->overflow > PT_OVERFLOW_DROP_OLDEST)
        return false;
    if (capacity != PT_UNBOUNDED && capacity > SIZE_MAX / 4)
        return false;
    if (capacity == 0 && config->overflow == PT_OVERFLOW_DROP_OLDEST)
        return false;
    switch (config->kind) {
    case PT_CHANNEL_QUEUE: return true;
    case PT_CHANNEL_ONESHOT: return capacity == 1;
    case PT_CHANNEL_PRIORITY: return capacity > 0 && config->before != NULL;
    case PT_CHANNEL_BROADCAST: return capacity > 0 && (config->destroy == NULL || config->copy != NULL);
    default: return false;
    }
}

pt_status pt_channel_create(pt_channel **out, size_t value_size, size_t capacity, const pt_channel_config *config)
{
    static const pt_channel_config defaults;
    if (config == NULL)
        config = &defaults;
    if (out == NULL || !is_valid(value_size, capacity, config))
        return PT_ERR_INVALID;
    pt_channel *channel = create_kind(value_size, capacity, config);
    if (channel == NULL)
        return PT_ERR_NOMEM;
    channel->value_size = value_size;
    channel->capacity = capacity;
    channel->config = *config;
    snprintf(channel->name, sizeof channel->name, "%s", config->name == NULL ? "" : config->name);
    channel->config.name = channel->name;
    channel->ends[PTI_SENDERS] = channel->ends[PTI_RECEIVERS] = 1;
    channel->alive = 2;
    *out = channel;
    return PT_OK;
}

/* One less that keeps it. */
static void let_go(pt_channel *channel)
{
    if (sub_acq_rel(&channel->alive, 1) != 1)
        return;
    channel->kind->finish(channel);
    pti_free(channel->block);
}

/* ---- Closing ------------------------------------------------------------------------------- */

/* Receive a value and destroy it; under no lock, as `destroy` may do anything. False if there is none, or no memory for a large
   one: it is then destroyed with the channel. */
static bool discard_one(pt_channel *channel)
{
    char small[SMALL], *room = channel->value_size <= sizeof small ? small : pti_allocate(channel->value_size);
    bool received = room != NULL && channel->kind->try_receive(channel, room) == PT_OK;
    if (received)
        pti_destroy_value(channel, room);
    if (room != small)
        pti_free(room);
    return received;
}

static void close_as(pt_channel *channel, uint32_t bits)
{
    or_release(&channel->closed, bits);
    channel->kind->close(channel);
    pti_gate_wake_all(channel, PTI_SENDERS);
    pti_gate_wake_all(channel, PTI_RECEIVERS);
    while ((bits & PTI_DISCARDED) != 0 && discard_one(channel)) {
    }
}

void pt_channel_close(pt_channel *channel)
{
    pti_checked_enter(channel, PTI_SENDERS, "pt_channel_close");
    if (channel != NULL)
        close_as(channel, PTI_CLOSED);
    pti_checked_leave(channel, PTI_SENDERS);
}

void pt_channel_close_now(pt_channel *channel)
{
    pti_checked_enter(channel, PTI_RECEIVERS, "pt_channel_close_now");
    if (channel != NULL)
        close_as(channel, PTI_CLOSED | PTI_DISCARDED);
    pti_checked_leave(channel, PTI_RECEIVERS);
}

bool pt_channel_is_closed(const pt_channel *channel)
{
    return channel == NULL || load_relaxed(&channel->closed) != 0;
}

/* ---- References ---------------------------------------------------------------------------- */

static pt_channel *retain(pt_channel *channel, enum pti_end end)
{
    if (channel != NULL)
        add_relaxed(&channel->ends[end], 1); /* relaxed: the caller has one already */
    return channel;
}

/* One reference less; if it was the last of an end, that end has gone. A broadcast whose last subscriber goes closes before that:
   else who waits to send would find that all have room. */
static bool give_back(pt_channel *channel, enum pti_end end)
{
    if (sub_acq_rel(&channel->ends[end], 1) != 1)
        return false;
    pt_channel *parent = end == PTI_RECEIVERS ? channel->parent : NULL;
    bool last = parent != NULL && give_back(parent, PTI_RECEIVERS);
    close_as(channel, end == PTI_SENDERS ? PTI_CLOSED : PTI_CLOSED | PTI_DISCARDED);
    if (parent != NULL)
        pti_broadcast_forget(parent, channel);
    if (last)
        let_go(parent);
    return true;
}

static void release(pt_channel *channel, enum pti_end end)
{
    if (channel != NULL && give_back(channel, end))
        let_go(channel);
}

pt_channel *pt_channel_retain_sender(pt_channel *channel)
{
    return retain(channel, PTI_SENDERS);
}

void pt_channel_release_sender(pt_channel *channel)
{
    release(channel, PTI_SENDERS);
}

pt_channel *pt_channel_retain_receiver(pt_channel *channel)
{
    return retain(channel, PTI_RECEIVERS);
}

void pt_channel_release_receiver(pt_channel *channel)
{
    release(channel, PTI_RECEIVERS);
}

/* ---- Trying -------------------------------------------------------------------------------- */

/* A full channel drops a value, if that is its policy; PT_ERR_BUSY if the caller must wait. */
static pt_status overflow(pt_channel *channel, void *value)
{
    if (channel->config.overflow == PT_OVERFLOW_WAIT)
        return PT_ERR_BUSY;
    for (pt_status status; channel->config.overflow == PT_OVERFLOW_DROP_OLDEST && discard_one(channel);) {
        add_relaxed(&channel->dropped, 1);
        status = channel->kind->try_send(channel, value);
        if (status != PT_ERR_BUSY)
            return status;
    }
    pti_destroy_value(channel, value);
    add_relaxed(&channel->dropped, 1);
    return PT_OK;
}

static pt_status try_oneshot(pt_channel *channel, void *value)
{
    pt_status status = channel->kind->try_send(channel, value);
    if (status == PT_OK)
        pt_channel_close(channel);
    return status;
}

pt_status pti_channel_try(pt_channel *channel, enum pti_end end, void *value)
{
    if (end == PTI_RECEIVERS)
        return pti_discarded(channel) ? PT_ERR_CLOSED : channel->kind->try_receive(channel, value);
    if (channel->config.kind == PT_CHANNEL_ONESHOT)
        return try_oneshot(channel, value);
    pt_status status = channel->kind->try_send(channel, value);
    return status == PT_ERR_BUSY ? overflow(channel, value) : status;
}

pt_status pti_send_each(pt_channel *channel, const char *values, size_t count, size_t *sent)
{
    pt_status status = PT_OK;
    for (*sent = 0; *sent < count && status == PT_OK; *sent += status == PT_OK)
        status = channel->kind->try_send(channel, values + *sent * channel->value_size);
    return *sent > 0 ? PT_OK : status;
}

pt_status pti_receive_each(pt_channel *channel, char *values, size_t most, size_t *received)
{
    pt_status status = PT_OK;
    for (*received = 0; *received < most && status == PT_OK; *received += status == PT_OK)
        status = channel->kind->try_receive(channel, values + *received * channel->value_size);
    return *received > 0 ? PT_OK : status;
}

/* ---- Waiting ------------------------------------------------------------------------------- */

/* Wait until there may be something to do, and try. again: the caller has waited before, and was not lucky. */
static pt_status wait_and_try(pt_channel *channel, enum pti_end end, void *value, pt_until until, bool again)
{
    pti_waiter waiter;
    pt_status status = pti_park_may_wait(until);
    if (status != PT_OK)
        return status;
    pti_park_prepare(&waiter, end == PTI_SENDERS ? "channel (send)" : "channel (receive)");
    waiter.with = value;
    pti_gate_enter(channel, end);
    if (!channel->kind->hands_over)
        pti_gate_fence();
    enum pti_message message = PTI_GO; /* there is something to do */
    if (pti_gate_join(channel, end, &waiter, again))
        message = pti_park_sleep(&waiter, until, channel->kind->hands_over);
    if (message == PTI_GAVE_UP) {
        pti_park_unlock(pti_park_queue(pti_gate_key(channel, end)));
        status = pti_park_why(until);
    } else if (message != PTI_HANDED) {
        status = pti_channel_try(channel, end, value);
    }
    pti_gate_leave(channel, end);
    if (message == PTI_RETRY)
        pti_gate_settle(channel, end);
    return status;
}

/* Whether a full or empty channel is worth another look before waiting. Who hands over must be found waiting. */
static bool spin(const pt_channel *channel, unsigned round)
{
    return !channel->kind->hands_over &&
           pti_park_look_again(round, PTI_PORT_CHANNEL_SPINS, 1, PTI_PORT_CHANNEL_YIELDS);
}

static pt_status call_until(pt_channel *channel, enum pti_end end, void *value, pt_until until)
{
    pt_status status;
    if (channel == NULL || (value == NULL && channel->value_size > 0))
        return PT_ERR_INVALID;
    pti_checked_enter(channel, end, end == PTI_SENDERS ? "pt_channel_send" : "pt_channel_receive");
    unsigned round = 0;
    while ((status = pti_channel_try(channel, end, value)) == PT_ERR_BUSY && spin(channel, round))
        round++;
    for (bool again = false; status == PT_ERR_BUSY; again = true)
        status = wait_and_try(channel, end, value, until, again);
    pti_checked_leave(channel, end);
    return status;
}

pt_status pt_channel_send_until(pt_channel *channel, const void *value, pt_until until)
{
    return call_until(channel, PTI_SENDERS, (void *)(uintptr_t)value, until);
}

pt_status pt_channel_send(pt_channel *channel, const void *value)
{
    return pt_channel_send_until(channel, value, PT_FOREVER);
}

pt_status pt_channel_receive_until(pt_channel *channel, void *out, pt_until until)
{
    return call_until(channel, PTI_RECEIVERS, out, until);
}

pt_status pt_channel_receive(pt_channel *channel, void *out)
{
    return pt_channel_receive_until(channel, out, PT_FOREVER);
}

pt_status pt_channel_try_send(pt_channel *channel, const void *value)
{
    if (channel == NULL || (value == NULL && channel->value_size > 0))
        return PT_ERR_INVALID;
    pti_checked_enter(channel, PTI_SENDERS, "pt_channel_try_send");
    pt_status status = pti_channel_try(channel, PTI_SENDERS, (void *)(uintptr_t)value);
    pti_checked_leave(channel, PTI_SENDERS);
    return status;
}

pt_status pt_channel_try_receive(pt_channel *channel, void *out)
{
    if (channel == NULL || (out == NULL && channel->value_size > 0))
        return PT_ERR_INVALID;
    pti_checked_enter(channel, PTI_RECEIVERS, "pt_channel_try_receive");
    pt_status status = pti_channel_try(channel, PTI_RECEIVERS, out);
    pti_checked_leave(channel, PTI_RECEIVERS);
    return status;
}

/* ---- Many ---------------------------------------------------------------------------------- */

pt_status pt_channel_send_many(pt_channel *channel, const void *values, size_t count, size_t *sent, pt_until until)
{
    size_t done = 0, n = 0;
    pt_status status =
        channel == NULL || (values == NULL && count > 0 && channel->value_size > 0) ? PT_ERR_INVALID : PT_OK;
    pti_checked_enter(channel, PTI_SENDERS, "pt_channel_send_many");
    while (status == PT_OK && done < count) {
        const char *next = (const char *)values + done * channel->value_size;
        bool one_by_one =
            channel->config.kind == PT_CHANNEL_ONESHOT || channel->config.overflow != PT_OVERFLOW_WAIT;
        status = one_by_one ? PT_ERR_BUSY : channel->kind->try_send_many(channel, next, count - done, &n);
        if (status == PT_ERR_BUSY) { /* wait with the next one */
            status = pt_channel_send_until(channel, next, until);
            n = status == PT_OK;
        }
        done += status == PT_OK ? n : 0;
    }
    pti_checked_leave(channel, PTI_SENDERS);
    if (sent != NULL)
        *sent = done;
    return status;
}

pt_status pt_channel_receive_many(pt_channel *channel, void *values, size_t most, size_t *received, pt_until until)
{
    size_t n = 0;
    pt_status status = PT_ERR_INVALID;
    pti_checked_enter(channel, PTI_RECEIVERS, "pt_channel_receive_many");
    if (channel != NULL && received != NULL && (values != NULL || most == 0 || channel->value_size == 0))
        status = most == 0                ? PT_OK
                 : pti_discarded(channel) ? PT_ERR_CLOSED
                                          : channel->kind->try_receive_many(channel, values, most, &n);
    if (status == PT_ERR_BUSY) {
        size_t more = 0;
        status = pt_channel_receive_until(channel, values, until);
        n = status == PT_OK;
        if (n == 1 && most > 1 &&
            channel->kind->try_receive_many(channel, (char *)values + channel->value_size, most - 1, &more) ==
                PT_OK)
            n += more;
    }
    pti_checked_leave(channel, PTI_RECEIVERS);
    if (received != NULL)
        *received = n;
    return status;
}

/* ---- Looking at it ------------------------------------------------------------------------- */

size_t pt_channel_length(const pt_channel *channel)
{
    return channel == NULL || pti_discarded(channel) ? 0 : channel->kind->length(channel);
}

size_t pt_channel_capacity(const pt_channel *channel)
{
    return channel == NULL ? 0 : channel->capacity;
}

size_t pt_channel_value_size(const pt_channel *channel)
{
    return channel == NULL ? 0 : channel->value_size;
}

uint64_t pt_channel_take_dropped(pt_channel *channel)
{
    return channel == NULL ? 0 : __atomic_exchange_n(&channel->dropped, 0, __ATOMIC_RELAXED);
}
