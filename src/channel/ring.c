/* ring.c: a bounded queue for any number of senders and receivers, in an array of slots; and the oneshot, which is one of 1.

   After Vyukov's bounded queue (2010), with positions as in crossbeam's, so that the capacity can be any number.

   A position is a lap times `lap`, a power of two above the capacity, plus the index of a slot. head: the next position to be
   received; tail: to be sent, with CLOSED in its top bit. slot.stamp says what can be done with it next:

     position             free, for the send at that position
     position + 1         full, for the receive at that position
     position + lap       free again

     S1  tail -> next      a sender that found the slot free: the slot is its own           release
     S2  stamp + 1         the same, having written the value                               release
     R1  head -> next      a receiver that found the slot full                              release
     R2  stamp - 1 + lap   the same, having read the value                                  release
     C   tail | CLOSED     who closes; S1 fails from then on                                relaxed
     O   tail 0 -> next    of a oneshot: S1 that can be done once. Who did it closes it     relaxed
   Pairs        S2 with the stamp's acquire before R1; R2 with the one before S1. S1 and R1 with who counts: length(), or finds it
                empty.
   Capacity     S1 at a position needs R2 of the one a lap before: never more than `capacity` values are within.
   Order        Values come out in the order of S1. One sender's S1 follow each other, and so do what one receiver takes.
   Preempted    A sender between S1 and S2 keeps receivers from what was sent after it: for them the queue looks empty. They
                are not kept in a loop, but wait at the gate, and the sender wakes one when it is done (gate.c). */
#include "channel.h"

#include "port.h"

static const uint64_t CLOSED = UINT64_C(1) << 63;

struct slot {
    uint64_t stamp;
    char value[];
};

struct ring {
    pt_channel channel;
    uint64_t lap; /* constant */
    size_t stride;
    char *slots;
    __attribute__((aligned(64))) uint64_t head;
    __attribute__((aligned(64))) uint64_t tail;
    __attribute__((aligned(64))) char room[];
};

static struct ring *ring_of(const pt_channel *channel)
{
    return (struct ring *)(uintptr_t)channel;
}

static struct slot *slot_at(const struct ring *ring, uint64_t position)
{
    return (struct slot *)(ring->slots + (size_t)(position & (ring->lap - 1)) * ring->stride);
}

/* The position n slots on; n is no more than the capacity. */
static uint64_t after(const struct ring *ring, uint64_t position, size_t n)
{
    uint64_t index = (position & (ring->lap - 1)) + n, lap = position & ~(ring->lap - 1);
    return index < ring->channel.capacity ? lap + index : lap + ring->lap + index - ring->channel.capacity;
}

/* How many of `most` slots from a position on are free (ahead 0), or full (ahead 1). */
static size_t count_ready(const struct ring *ring, uint64_t position, unsigned ahead, size_t most)
{
    size_t n = 0;
    while (n < most) { /* acquire: pairs with R2, or S2 */
        uint64_t at = after(ring, position, n);
        if (load_acquire(&slot_at(ring, at)->stamp) != at + ahead)
            break;
        n++;
    }
    return n;
}

/* Another one at this end was quicker. While it has the cache lines to itself it gets many times as much done as two that
   take them from each other, so this one stays away, longer each time. Returns how many pauses are next. */
static unsigned step_aside(unsigned pauses)
{
    for (unsigned i = 0; i < pauses; i++)
        pti_port_relax();
    return pauses < 16 * PTI_PORT_PAUSES ? 2 * pauses : pauses;
}

/* S1, or R1: take up to `most` slots at an end, of which *at is the first; 0: there is none. */
static size_t take_slots(const struct ring *ring, uint64_t *end, unsigned ahead, size_t most, uint64_t *at)
{
    unsigned pauses = PTI_PORT_PAUSES;
    for (uint64_t seen; ((seen = load_relaxed(end)) & CLOSED) == 0;) {
        size_t n = count_ready(ring, seen, ahead, most);
        if (n == 0 && load_relaxed(end) == seen)
            return 0;
        if (n > 0 && cas_release(end, &seen, after(ring, seen, n))) { /* S1, R1 */
            *at = seen;
            return n;
        }
        if (n > 0)
            pauses = step_aside(pauses);
    }
    *at = CLOSED;
    return 0;
}

static pt_status try_send_many(pt_channel *channel, const char *values, size_t count, size_t *sent)
{
    struct ring *ring = ring_of(channel);
    uint64_t at = 0;
    size_t n = take_slots(ring, &ring->tail, 0, count < channel->capacity ? count : channel->capacity, &at);
    *sent = n;
    if (n == 0)
        return at == CLOSED ? PT_ERR_CLOSED : PT_ERR_BUSY;
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = slot_at(ring, at);
        pti_port_will_write((char *)slot + PTI_AHEAD);
        pti_copy_value(slot->value, values + i * channel->value_size, channel->value_size);
        store_release(&slot->stamp, at + 1); /* S2: pairs with count_ready() */
        at = after(ring, at, 1);
    }
    pti_sent(channel);
    return PT_OK;
}

static pt_status try_receive_many(pt_channel *channel, char *values, size_t most, size_t *received)
{
    struct ring *ring = ring_of(channel);
    uint64_t at = 0;
    size_t n = take_slots(ring, &ring->head, 1, most < channel->capacity ? most : channel->capacity, &at);
    *received = n;
    if (n == 0) { /* all that was sent before it was closed has been taken; or nothing was there */
        uint64_t head = load_acquire(&ring->head); /* pairs with R1: what others saw who took the last */
        return load_relaxed(&ring->tail) == (head | CLOSED) ? PT_ERR_CLOSED : PT_ERR_BUSY;
    }
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = slot_at(ring, at);
        pti_copy_value(values + i * channel->value_size, slot->value, channel->value_size);
        store_release(&slot->stamp, at + ring->lap); /* R2: pairs with count_ready() */
        at = after(ring, at, 1);
    }
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

/* Of a oneshot. Who waits is woken by the close that comes next: see try_oneshot() in channel.c. */
static pt_status try_send_once(pt_channel *channel, const void *value)
{
    struct ring *ring = ring_of(channel);
    uint64_t at = 0;
    if (!cas_relaxed(&ring->tail, &at, after(ring, 0, 1))) /* O */
        return PT_ERR_CLOSED;
    pti_copy_value(slot_at(ring, 0)->value, value, channel->value_size);
    store_release(&slot_at(ring, 0)->stamp, 1); /* S2: pairs with count_ready() */
    return PT_OK;
}

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    const struct ring *ring = ring_of(channel);
    uint64_t tail = load_relaxed(&ring->tail);
    (void)of;
    return (tail & CLOSED) != 0 || count_ready(ring, tail, 0, 1) > 0;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    const struct ring *ring = ring_of(channel);
    uint64_t tail = load_relaxed(&ring->tail), head = load_relaxed(&ring->head);
    (void)of;
    return count_ready(ring, head, 1, 1) > 0 || tail == (head | CLOSED);
}

static size_t length(const pt_channel *channel)
{
    const struct ring *ring = ring_of(channel);
    uint64_t head, seen, tail = load_acquire(&ring->tail);
    do { /* pairs with S1, R1: no receive is missed that a send came after, nor the other way round */
        seen = tail;
        head = load_acquire(&ring->head);
        tail = load_acquire(&ring->tail);
    } while (seen != tail);
    uint64_t sent = tail & ~CLOSED, laps = (sent & ~(ring->lap - 1)) - (head & ~(ring->lap - 1));
    size_t in = (size_t)(sent & (ring->lap - 1)), out = (size_t)(head & (ring->lap - 1));
    return laps == 0 ? in - out : channel->capacity + in - out;
}

static void close(pt_channel *channel)
{
    or_relaxed(&ring_of(channel)->tail, CLOSED); /* C */
}

static void finish(pt_channel *channel)
{
    const struct ring *ring = ring_of(channel);
    for (uint64_t at = ring->head; at != (ring->tail & ~CLOSED); at = after(ring, at, 1))
        pti_destroy_value(channel, slot_at(ring, at)->value);
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

static const pti_channel_kind ONESHOT = {.try_send = try_send_once,
                                         .try_receive = try_receive,
                                         .try_send_many = pti_send_each,
                                         .try_receive_many = try_receive_many,
                                         .may_send = may_send,
                                         .may_receive = may_receive,
                                         .length = length,
                                         .close = close,
                                         .finish = finish};

pt_channel *pti_ring_create(size_t value_size, size_t capacity)
{
    size_t stride = sizeof(struct slot) + (value_size + 7) / 8 * 8, size;
    struct ring *ring = NULL;
    if (!__builtin_mul_overflow(stride, capacity, &size) && !__builtin_add_overflow(size, sizeof *ring, &size))
        ring = pti_channel_allocate(size);
    if (ring == NULL)
        return NULL;
    ring->channel.kind = &KIND;
    ring->stride = stride;
    ring->slots = ring->room;
    ring->lap = 2;
    while (ring->lap <= capacity)
        ring->lap *= 2;
    for (size_t i = 0; i < capacity; i++)
        slot_at(ring, i)->stamp = i;
    return &ring->channel;
}

pt_channel *pti_oneshot_create(size_t value_size)
{
    pt_channel *channel = pti_ring_create(value_size, 1);
    if (channel != NULL)
        channel->kind = &ONESHOT;
    return channel;
}
