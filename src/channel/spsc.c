/* spsc.c: a queue for one sender and one receiver, bounded or not.

   Lamport's ring (1983), where each end remembers how far the other one was when it last looked (as MCRingBuffer does, 2010),
   so the two share a cache line only now and then. The slots are in blocks, each of which knows the next. A bounded queue has
   one block that is its own next; an unbounded one has as many as it needs, and each belongs to the receiver once `next` leads
   on from it.

     tail         values sent so far; written by the sender      S   + n, having written the values     release
     head         values received; written by the receiver       R   + n, having read the values        release
     block.next   of an unbounded one: by the sender, before the S of the first value in the next one
     spare        a block to be used again: put there by the receiver, taken by the sender              acquire and release
   Pairs    S with the receiver's acquire of tail; R with the sender's acquire of head.
   Stream   A receiver that is quicker than its sender would look at tail again and again, and each look takes the cache line from
            the sender, who could write some dozen values meanwhile. So while a look finds several, the next one that would
            find none comes some pauses later. Who gets one at a time, as in a ping-pong, looks at once.
   Closed   by the sender's thread, after its last S, with a release: a receiver that sees it with an acquire, and still no
            value, has had all. By the receiver's: then nobody receives. */
#include "channel.h"

#include "port.h"

enum {
    BLOCK_BYTES = 4096, /* of an unbounded queue, */
    LEAST_IN_BLOCK = 8  /* or so many large values */
};

struct block {
    struct block *next;
    _Alignas(16) char slots[];
};

struct place { /* where an end is: after `index` values of a block */
    struct block *block;
    size_t index;
};

struct spsc {
    pt_channel channel;
    size_t block_capacity;
    __attribute__((aligned(64))) uint64_t head; /* the receiver's, as the next three */
    uint64_t tail_seen;
    bool streams;
    struct place out;
    __attribute__((aligned(64))) uint64_t tail; /* the sender's, as the next two */
    uint64_t head_seen;
    struct place in;
    __attribute__((aligned(64))) struct block *spare;
};

static struct spsc *spsc_of(const pt_channel *channel)
{
    return (struct spsc *)(uintptr_t)channel;
}

static bool is_bounded(const struct spsc *spsc)
{
    return spsc->channel.capacity != PT_UNBOUNDED;
}

/* ---- Blocks -------------------------------------------------------------------------------- */

static struct block *new_block(size_t value_size, size_t capacity)
{
    size_t size;
    if (__builtin_mul_overflow(value_size, capacity, &size) ||
        __builtin_add_overflow(size, sizeof(struct block), &size))
        return NULL;
    return pti_allocate(size);
}

/* The sender is at the end of its block: make sure that there is a next one. False: no memory. */
static bool grow(struct spsc *spsc)
{
    if (is_bounded(spsc))
        return true;
    struct block *block = NULL;
    if (load_relaxed(&spsc->spare) != NULL)
        block = swap_acquire(&spsc->spare, NULL); /* pairs with put_by() */
    if (block == NULL)
        block = new_block(spsc->channel.value_size, spsc->block_capacity);
    spsc->in.block->next = block;
    return block != NULL;
}

/* The slot at a place, which moves on to the next. A place at the end of its block is moved only when there is a value to be
   written or read behind it. */
static char *step(const struct spsc *spsc, struct place *place)
{
    if (place->index == spsc->block_capacity) {
        place->block = place->block->next;
        place->index = 0;
    }
    return place->block->slots + place->index++ * spsc->channel.value_size;
}

/* The next slot to write to; NULL: no memory. */
static char *next_room(struct spsc *spsc)
{
    if (spsc->in.index == spsc->block_capacity && !grow(spsc))
        return NULL;
    char *slot = step(spsc, &spsc->in);
    pti_port_will_write(slot + PTI_AHEAD);
    return slot;
}

/* The next value to read, in a block that stays until this is called again. */
static char *next_value(struct spsc *spsc)
{
    struct block *left = spsc->out.block;
    char *value = step(spsc, &spsc->out);
    if (spsc->out.block != left)
        pti_free(__atomic_exchange_n(&spsc->spare, left, __ATOMIC_ACQ_REL)); /* pairs with grow() */
    return value;
}

/* ---- Sending and receiving ------------------------------------------------------------------ */

/* How many of `most` there is room for. */
static size_t count_room(struct spsc *spsc, size_t most)
{
    size_t capacity = spsc->channel.capacity;
    if (spsc->tail - spsc->head_seen + most > capacity)
        spsc->head_seen = load_acquire(&spsc->head); /* pairs with R */
    size_t room = capacity - (size_t)(spsc->tail - spsc->head_seen);
    return most < room ? most : room;
}

static pt_status try_send_many(pt_channel *channel, const char *values, size_t count, size_t *sent)
{
    struct spsc *spsc = spsc_of(channel);
    size_t n = 0, size = channel->value_size;
    *sent = 0;
    if (load_relaxed(&channel->closed) != 0)
        return PT_ERR_CLOSED;
    count = count_room(spsc, count);
    if (count == 0)
        return PT_ERR_BUSY;
    for (char *slot; n < count && (slot = next_room(spsc)) != NULL; n++)
        pti_copy_value(slot, values + n * size, size);
    if (n == 0)
        return PT_ERR_NOMEM;
    store_release(&spsc->tail, spsc->tail + n); /* S: pairs with look() */
    *sent = n;
    pti_sent(channel);
    return PT_OK;
}

/* Look at the sender's end again; PT_ERR_CLOSED if what there is now is the last. */
static pt_status look(struct spsc *spsc)
{
    uint64_t seen = spsc->tail_seen;
    if (spsc->streams && load_relaxed(&spsc->tail) == seen) {
        for (int i = 0; i < PTI_PORT_PAUSES; i++)
            pti_port_relax();
    }
    bool closed = load_acquire(&spsc->channel.closed) != 0; /* pairs with closing, before the last look */
    spsc->tail_seen = load_acquire(&spsc->tail);            /* pairs with S */
    spsc->streams = spsc->tail_seen - seen > 1;
    return closed ? PT_ERR_CLOSED : PT_ERR_BUSY;
}

static pt_status try_receive_many(pt_channel *channel, char *values, size_t most, size_t *received)
{
    struct spsc *spsc = spsc_of(channel);
    pt_status status = spsc->tail_seen == spsc->head ? look(spsc) : PT_OK;
    uint64_t there = spsc->tail_seen - spsc->head;
    size_t n = *received = there < most ? (size_t)there : most, size = channel->value_size;
    if (n == 0)
        return status;
    for (size_t i = 0; i < n; i++)
        pti_copy_value(values + i * size, next_value(spsc), size);
    store_release(&spsc->head, spsc->head + n); /* R: pairs with count_room() */
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
    uint64_t head, seen, tail = load_acquire(&spsc->tail);
    do { /* pairs with S, R: no receive is missed that a send came after, nor the other way round */
        seen = tail;
        head = load_acquire(&spsc->head);
        tail = load_acquire(&spsc->tail);
    } while (seen != tail);
    return (size_t)(tail - head);
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
    for (; spsc->head != spsc->tail; spsc->head++)
        pti_destroy_value(channel, next_value(spsc));
    for (struct block *block = spsc->out.block, *next; block != spsc->in.block; block = next) {
        next = block->next;
        pti_free(block);
    }
    pti_free(spsc->in.block);
    pti_free(spsc->spare);
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
    size_t fit = BLOCK_BYTES / (value_size > 0 ? value_size : 1);
    struct spsc *spsc = pti_channel_allocate(sizeof *spsc);
    if (spsc == NULL)
        return NULL;
    spsc->channel.kind = &KIND;
    spsc->block_capacity = capacity != PT_UNBOUNDED ? capacity : fit > LEAST_IN_BLOCK ? fit : LEAST_IN_BLOCK;
    spsc->in.block = spsc->out.block = new_block(value_size, spsc->block_capacity);
    if (spsc->in.block == NULL) {
        pti_free(spsc->channel.block);
        return NULL;
    }
    spsc->in.block->next = spsc->in.block;
    return &spsc->channel;
}
