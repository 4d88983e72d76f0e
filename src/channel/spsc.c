/* spsc.c: a bounded queue for one sender and one receiver.

   Lamport's ring (1983), where each end remembers how far the other one was when it last looked (as MCRingBuffer does, 2010),
   so the two share a cache line only now and then.

     tail   values sent so far; written by the sender        S   + n, having written the values     release
     head   values received; written by the receiver         R   + n, having read the values        release
   Pairs    S with the receiver's acquire of tail; R with the sender's acquire of head.
   Closed   by the sender's thread, after its last S, with a release: a receiver that sees it with an acquire, and still no
            value, has had all. By the receiver's: then nobody receives. */
#include "channel.h"

struct spsc {
    pt_channel channel;
    char *slots;
    __attribute__((aligned(64))) uint64_t head; /* the receiver's, as the next two */
    uint64_t tail_seen;
    size_t out;                                 /* index of the slot at head */
    __attribute__((aligned(64))) uint64_t tail; /* the sender's, as the next two */
    uint64_t head_seen;
    size_t in;
    __attribute__((aligned(64))) char room[];
};

static struct spsc *spsc_of(const pt_channel *channel)
{
    return (struct spsc *)(uintptr_t)channel;
}

static char *slot_at(const struct spsc *spsc, size_t index)
{
    return spsc->slots + index * spsc->channel.value_size;
}

static size_t next(const struct spsc *spsc, size_t index)
{
    return index + 1 == spsc->channel.capacity ? 0 : index + 1;
}

static pt_status try_send_many(pt_channel *channel, const char *values, size_t count, size_t *sent)
{
    struct spsc *spsc = spsc_of(channel);
    uint64_t tail = spsc->tail;
    *sent = 0;
    if (load_relaxed(&channel->closed) != 0)
        return PT_ERR_CLOSED;
    if (tail - spsc->head_seen + count > channel->capacity) {
        spsc->head_seen = load_acquire(&spsc->head); /* pairs with R */
        size_t room = channel->capacity - (size_t)(tail - spsc->head_seen);
        if (room == 0)
            return PT_ERR_BUSY;
        count = count < room ? count : room;
    }
    for (size_t i = 0; i < count; i++) {
        pti_copy_value(slot_at(spsc, spsc->in), values + i * channel->value_size, channel->value_size);
        spsc->in = next(spsc, spsc->in);
    }
    store_release(&spsc->tail, tail + count); /* S: pairs with try_receive_many() */
    *sent = count;
    pti_sent(channel);
    return PT_OK;
}

/* How many of `most` there are, and PT_ERR_CLOSED if there will be none. */
static size_t count_values(struct spsc *spsc, size_t most, pt_status *status)
{
    uint64_t head = spsc->head;
    *status = PT_ERR_BUSY;
    if (spsc->tail_seen - head < most) {
        bool closed = load_acquire(&spsc->channel.closed) != 0; /* pairs with closing, before the last look */
        spsc->tail_seen = load_acquire(&spsc->tail);            /* pairs with S */
        if (closed)
            *status = PT_ERR_CLOSED;
    }
    size_t there = (size_t)(spsc->tail_seen - head);
    return there < most ? there : most;
}

static pt_status try_receive_many(pt_channel *channel, char *values, size_t most, size_t *received)
{
    struct spsc *spsc = spsc_of(channel);
    pt_status status;
    size_t n = *received = count_values(spsc, most, &status);
    if (n == 0)
        return status;
    for (size_t i = 0; i < n; i++) {
        pti_copy_value(values + i * channel->value_size, slot_at(spsc, spsc->out), channel->value_size);
        spsc->out = next(spsc, spsc->out);
    }
    store_release(&spsc->head, spsc->head + n); /* R: pairs with try_send_many() */
    pti_received(channel);
    return PT_OK;
}

static pt_status try_send(pt_channel *channel, const void *value)
{
    size_t sent;
    return try_send_many(channel, value, 1, &sent);
}

static pt_status try_receive(pt_channel *channel, void *out)
{
    size_t received;
    return try_receive_many(channel, out, 1, &received);
}

static size_t length(const pt_channel *channel)
{
    const struct spsc *spsc = spsc_of(channel);
    uint64_t head = load_acquire(&spsc->head),
             tail = load_acquire(&spsc->tail); /* head first: never more than was sent */
    size_t within = (size_t)(tail - head);
    return within < channel->capacity ? within : channel->capacity;
}

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    (void)of;
    return load_relaxed(&channel->closed) != 0 || length(channel) < channel->capacity;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    (void)of;
    return load_relaxed(&channel->closed) != 0 || length(channel) > 0;
}

static void close(pt_channel *channel)
{
    (void)channel; /* `closed` says it */
}

static void finish(pt_channel *channel)
{
    struct spsc *spsc = spsc_of(channel);
    for (; spsc->head != spsc->tail; spsc->head++, spsc->out = next(spsc, spsc->out))
        pti_destroy_value(channel, slot_at(spsc, spsc->out));
}

static const pti_channel_kind KIND = {.try_send = try_send,
                                      .try_receive = try_receive,
                                      .try_send_many = try_send_many,
                                      .try_receive_many = try_receive_many,
                                      .may_send = may_send,
                                      .may_receive = may_receive,
                                      .length = length,
                                      .close = close,
                                      .finish = finish};

pt_channel *pti_spsc_create(size_t value_size, size_t capacity)
{
    size_t size;
    struct spsc *spsc = NULL;
    if (!__builtin_mul_overflow(value_size, capacity, &size) && !__builtin_add_overflow(size, sizeof *spsc, &size))
        spsc = pti_channel_allocate(size);
    if (spsc == NULL)
        return NULL;
    spsc->channel.kind = &KIND;
    spsc->slots = spsc->room;
    return &spsc->channel;
}
