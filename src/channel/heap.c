/* heap.c: a channel whose first value by comparison comes out first, equal ones in the order in which they came in.

   A binary heap under a short lock. entries[0 .. count) are the heap; the others hold the free slots of `values`. */
#include "channel.h"

struct entry {
    uint64_t number; /* of sends before it */
    size_t slot;
};

struct heap {
    pt_channel channel;
    __attribute__((aligned(64))) uint32_t lock; /* for all that follows */
    bool closed;
    size_t count, room;
    uint64_t sends;
    struct entry *entries;
    char *values;
};

enum { FIRST_ROOM = 16 };

static struct heap *heap_of(const pt_channel *channel)
{
    return (struct heap *)(uintptr_t)channel;
}

static char *value_of(const struct heap *heap, const struct entry *entry)
{
    return heap->values + entry->slot * heap->channel.value_size;
}

static bool comes_before(const struct heap *heap, const struct entry *a, const struct entry *b)
{
    const pt_channel_config *config = &heap->channel.config;
    if (config->before(value_of(heap, a), value_of(heap, b), config->arg))
        return true;
    return a->number < b->number && !config->before(value_of(heap, b), value_of(heap, a), config->arg);
}

static void swap(struct entry *a, struct entry *b)
{
    struct entry kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct heap *heap, size_t i)
{
    struct entry *entries = heap->entries;
    for (; i > 0 && comes_before(heap, &entries[i], &entries[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&entries[i], &entries[(i - 1) / 2]);
}

static void sift_down(struct heap *heap, size_t i)
{
    struct entry *entries = heap->entries;
    for (;;) {
        size_t first = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < heap->count; child++) {
            if (comes_before(heap, &entries[child], &entries[first]))
                first = child;
        }
        if (first == i)
            return;
        swap(&entries[i], &entries[first]);
        i = first;
    }
}

/* Room for more, made without the lock; false: no memory. */
static bool grow(struct heap *heap, size_t room)
{
    size_t wanted = room == 0 ? FIRST_ROOM : 2 * room, size;
    wanted = wanted < heap->channel.capacity ? wanted : heap->channel.capacity;
    if (__builtin_mul_overflow(wanted, heap->channel.value_size + sizeof(struct entry), &size))
        return false;
    struct entry *entries = pti_allocate(wanted * sizeof *entries);
    char *values = pti_allocate(wanted * heap->channel.value_size + 1);
    if (entries == NULL || values == NULL) {
        pti_free(entries);
        pti_free(values);
        return false;
    }
    pti_short_lock(&heap->lock);
    if (heap->room == room) { /* nobody else was quicker */
        struct entry *old_entries = heap->entries;
        char *old_values = heap->values;
        if (room > 0) {
            memcpy(entries, old_entries, room * sizeof *entries);
            memcpy(values, old_values, room * heap->channel.value_size);
        }
        for (size_t i = room; i < wanted; i++)
            entries[i].slot = i;
        heap->entries = entries;
        heap->values = values;
        heap->room = wanted;
        entries = old_entries;
        values = old_values;
    }
    pti_short_unlock(&heap->lock);
    pti_free(entries);
    pti_free(values);
    return true;
}

/* Under the lock. */
static void push(struct heap *heap, const void *value)
{
    struct entry *entry = &heap->entries[heap->count];
    entry->number = heap->sends++;
    pti_copy_value(value_of(heap, entry), value, heap->channel.value_size);
    sift_up(heap, heap->count++);
}

static pt_status try_send(pt_channel *channel, const void *value)
{
    struct heap *heap = heap_of(channel);
    for (;;) {
        pti_short_lock(&heap->lock);
        size_t room = heap->room;
        bool fits = heap->count < room && !heap->closed;
        pt_status status = heap->closed ? PT_ERR_CLOSED : PT_ERR_BUSY;
        if (fits)
            push(heap, value);
        pti_short_unlock(&heap->lock);
        if (fits) {
            pti_sent(channel);
            return PT_OK;
        }
        if (status == PT_ERR_CLOSED || room == channel->capacity)
            return status;
        if (!grow(heap, room))
            return PT_ERR_NOMEM;
    }
}

static pt_status try_receive(pt_channel *channel, void *out)
{
    struct heap *heap = heap_of(channel);
    pti_short_lock(&heap->lock);
    if (heap->count == 0) {
        bool closed = heap->closed;
        pti_short_unlock(&heap->lock);
        return closed ? PT_ERR_CLOSED : PT_ERR_BUSY;
    }
    struct entry *first = &heap->entries[0];
    pti_copy_value(out, value_of(heap, first), channel->value_size);
    swap(first, &heap->entries[--heap->count]);
    sift_down(heap, 0);
    pti_short_unlock(&heap->lock);
    pti_received(channel);
    return PT_OK;
}

static bool may_send(pt_channel *channel, const pti_waiter *of)
{
    struct heap *heap = heap_of(channel);
    (void)of;
    pti_short_lock(&heap->lock);
    bool may = heap->closed || heap->count < channel->capacity;
    pti_short_unlock(&heap->lock);
    return may;
}

static bool may_receive(pt_channel *channel, const pti_waiter *of)
{
    struct heap *heap = heap_of(channel);
    (void)of;
    pti_short_lock(&heap->lock);
    bool may = heap->closed || heap->count > 0;
    pti_short_unlock(&heap->lock);
    return may;
}

static size_t length(const pt_channel *channel)
{
    struct heap *heap = heap_of(channel);
    pti_short_lock(&heap->lock);
    size_t count = heap->count;
    pti_short_unlock(&heap->lock);
    return count;
}

static void close(pt_channel *channel)
{
    struct heap *heap = heap_of(channel);
    pti_short_lock(&heap->lock);
    heap->closed = true;
    pti_short_unlock(&heap->lock);
}

static void finish(pt_channel *channel)
{
    struct heap *heap = heap_of(channel);
    for (size_t i = 0; i < heap->count; i++)
        pti_destroy_value(channel, value_of(heap, &heap->entries[i]));
    pti_free(heap->entries);
    pti_free(heap->values);
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

pt_channel *pti_heap_create(size_t value_size, size_t capacity)
{
    struct heap *heap = pti_channel_allocate(sizeof *heap);
    if (heap == NULL)
        return NULL;
    heap->channel.kind = &KIND;
    heap->channel.value_size = value_size;
    heap->channel.capacity = capacity;
    return &heap->channel;
}
