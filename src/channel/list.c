/* list.c: an unbounded queue: a list of blocks, each with SLOTS values.

   A position counts values, and one more for each block: position % (SLOTS + 1) is the slot, and SLOTS means that the next
   block is on its way. tail has CLOSED in its top bit. Senders are as in crossbeam's list; receivers take turns by a lock,
   so whoever takes the last value of a block may use the block again.

     S1  tail -> + 1          a sender: the slot is its own                                        relaxed
     S2  slot.written = 1     the same, having written the value                                   release
     G   tail -> + 2, and tail_block -> the next, with `growing` held: S1 for the last slot of a block, and on to the
                              next one, which is linked first; tail_block is written before tail     release
     R   head, head_block     who holds `receiving`
     C   tail | CLOSED        who closes; S1 and G fail from then on                               relaxed
   Pairs        S2 with the receiver's acquire of written. G with the acquire of tail by which a sender finds tail_block.
                A block that is used again is put into `spare` with a release, and taken with an acquire.
   Blocks       S1 that fits tail is also one for tail_block as read after it: tail_block changes only while tail stands at
                SLOTS, and no S1 comes from there. A sender touches a block only where its own slot is, and the block stays
                until that was received.
   Preempted    A sender between S1 and S2 keeps receivers from what was sent after it: they wait at the gate. One within G
                holds the others up, who wait for `growing`; it allocates nothing there. */
#include "channel.h"

enum { SLOTS = 63 };

static const uint64_t CLOSED = UINT64_C(1) << 63;

struct slot {
    uint64_t written;
    char value[];
};

struct block {
    struct block *next;
    _Alignas(struct slot) char slots[];
};

struct list {
    pt_channel channel;
    size_t stride; /* constant */
    __attribute__((aligned(64))) uint64_t tail;
    struct block *tail_block;
    uint32_t growing;
    __attribute__((aligned(64))) uint64_t head; /* under receiving, as head_block */
    struct block *head_block;
    uint32_t receiving;
    struct block *spare;
};

static struct list *list_of(const pt_channel *channel)
{
    return (struct list *)(uintptr_t)channel;
}

static struct slot *slot_at(const struct list *list, struct block *block, size_t index)
{
    return (struct slot *)(void *)(block->slots + index * list->stride);
}

static struct block *new_block(struct list *list)
{
    struct block *block = NULL;
    if (load_relaxed(&list->spare) != NULL)
        block = swap_acquire(&list->spare, NULL); /* pairs with put_by() */
    if (block == NULL)
        return pti_allocate(sizeof *block + SLOTS * list->stride);
    block->next = NULL; /* it may have been put by as one of several */
    for (size_t i = 0; i < SLOTS; i++)
        slot_at(list, block, i)->written = 0;
    return block;
}

/* All of these, linked by next. */
static void put_by(struct list *list, struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        pti_free(__atomic_exchange_n(&list->spare, block, __ATOMIC_ACQ_REL)); /* pairs with new_block() */
        block = next;
    }
}

/* ---- Sending ------------------------------------------------------------------------------- */

/* G: take the last slot of a block, and hang in the next one. False if another was quicker. */
static bool grow(struct list *list, uint64_t tail, struct block *block, struct block *fresh)
{
    pti_short_lock(&list->growing);
    bool ours = cas_relaxed(&list->tail, &tail, tail + 1);
    if (ours) {
        block->next = fresh; /* seen by who receives the last value, which is written later */
        store_release(&list->tail_block, fresh);
        __atomic_fetch_add(&list->tail, 1, __ATOMIC_RELEASE); /* may be closed by now, and stays so */
    }
    pti_short_unlock(&list->growing);
    return ours;
}

/* S1 or G: the slot to write to. */
static pt_status take_slot(struct list *list, struct block **at, size_t *slot)
{
    struct block *fresh = NULL;
    for (;;) {
        uint64_t tail = load_acquire(&list->tail); /* pairs with G */
        struct block *block = load_acquire(&list->tail_block);
        *slot = (size_t)(tail % (SLOTS + 1));
        *at = block;
        if ((tail & CLOSED) != 0) {
            put_by(list, fresh);
            return PT_ERR_CLOSED;
        }
        if (*slot == SLOTS) { /* wait for who grows */
            pti_short_lock(&list->growing);
            pti_short_unlock(&list->growing);
        } else if (*slot < SLOTS - 1) {
            if (cas_relaxed(&list->tail, &tail, tail + 1)) { /* S1 */
                put_by(list, fresh);
                return PT_OK;
            }
        } else {
            if (fresh == NULL && (fresh = new_block(list)) == NULL)
                return PT_ERR_NOMEM;
            if (grow(list, tail, block, fresh))
                return PT_OK;
        }
    }
}

static pt_status send_one(struct list *list, const void *value)
{
    struct block *block;
    size_t index;
    pt_status status = take_slot(list, &block, &index);
    if (status != PT_OK)
        return status;
    struct slot *slot = slot_at(list, block, index);
    pti_copy_value(slot->value, value, list->channel.value_size);
    store_release(&slot->written, 1); /* S2: pairs with is_ready() */
    return PT_OK;
}

static pt_status try_send(pt_channel *channel, const void *value)
{
    pt_status status = send_one(list_of(channel), value);
    if (status == PT_OK)
        pti_sent(channel);
    return status;
}

static pt_status try_send_many(pt_channel *channel, const char *values, size_t count, size_t *sent)
{
    pt_status status = PT_OK;
    for (*sent = 0; *sent < count && status == PT_OK; *sent += status == PT_OK)
        status = send_one(list_of(channel), values + *sent * channel->value_size);
    if (*sent == 0)
        return status;
    pti_sent(channel);
    return PT_OK;
}

bool pti_list_reserve(pt_channel *channel)
{
    struct list *list = list_of(channel);
    bool grows = load_relaxed(&list->tail) % (SLOTS + 1) == SLOTS - 1;
    if (!grows || load_relaxed(&list->spare) != NULL) /* receivers replace it, only senders take it */
        return true;
    struct block *block = new_block(list);
    put_by(list, block);
    return block != NULL;
}

/* ---- Receiving, under `receiving` ----------------------------------------------------------- */

static bool is_ready(const struct list *list)
{
    return load_acquire(&slot_at(list, list->head_block, list->head % (SLOTS + 1))->written) !=
           0; /* pairs with S2 */
}

/* Past the value at head; a block that nobody uses any more goes in front of `drained`. */
static void step(struct list *list, struct block **drained)
{
    struct block *block = list->head_block;
    bool last = list->head % (SLOTS + 1) == SLOTS - 1;
    list->head += last ? 2 : 1;
    if (last) {
        list->head_block = block->next;
        block->next = *drained;
        *drained = block;
    }
}

static char *value_at_head(const struct list *list)
{
    return slot_at(list, list->head_block, list->head % (SLOTS + 1))->value;
}

static pt_status try_receive_many(pt_channel *channel, char *values, size_t most, size_t *received)
{
    struct list *list = list_of(channel);
    struct block *drained = NULL;
    size_t n = 0;
    pti_short_lock(&list->receiving);
    for (; n < most && is_ready(list); n++) {
        pti_copy_value(values + n * channel->value_size, value_at_head(list), channel->value_size);
        step(list, &drained);
    }
    bool closed = n == 0 && load_relaxed(&list->tail) == (list->head | CLOSED); /* and all that was sent is gone */
    pti_short_unlock(&list->receiving);
    put_by(list, drained);
    *received = n;
    if (n == 0)
        return closed ? PT_ERR_CLOSED : PT_ERR_BUSY;
    pti_received(channel);
    return PT_OK;
}

static pt_status try_receive(pt_channel *channel, void *out)
{
    size_t received;
    return try_receive_many(channel, out, 1, &received);
}

/* ---- The rest ------------------------------------------------------------------------------ */

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    (void)channel, (void)of;
    return true;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    struct list *list = list_of(channel);
    (void)of;
    pti_short_lock(&list->receiving);
    bool may = is_ready(list) || load_relaxed(&list->tail) == (list->head | CLOSED);
    pti_short_unlock(&list->receiving);
    return may;
}

/* How many values have been sent, or received, at a position. */
static uint64_t values_before(uint64_t position)
{
    return position / (SLOTS + 1) * SLOTS + (position % (SLOTS + 1) < SLOTS ? position % (SLOTS + 1) : SLOTS);
}

static size_t length(const pt_channel *channel)
{
    struct list *list = list_of(channel);
    pti_short_lock(&list->receiving); /* so the head stays, and the tail is never behind it */
    size_t within = (size_t)(values_before(load_relaxed(&list->tail) & ~CLOSED) - values_before(list->head));
    pti_short_unlock(&list->receiving);
    return within;
}

static void close(pt_channel *channel)
{
    or_relaxed(&list_of(channel)->tail, CLOSED); /* C */
}

static void finish(pt_channel *channel)
{
    struct list *list = list_of(channel);
    struct block *drained = NULL;
    for (; is_ready(list); step(list, &drained))
        pti_destroy_value(channel, value_at_head(list));
    put_by(list, drained);
    pti_free(list->head_block);
    pti_free(list->spare);
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

pt_channel *pti_list_create(size_t value_size)
{
    struct list *list = pti_channel_allocate(sizeof *list);
    if (list == NULL)
        return NULL;
    list->channel.kind = &KIND;
    list->stride = sizeof(struct slot) + (value_size + 7) / 8 * 8;
    list->tail_block = list->head_block = new_block(list);
    if (list->tail_block == NULL) {
        pti_free(list->channel.block);
        return NULL;
    }
    return &list->channel;
}
