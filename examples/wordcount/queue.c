/* queue.c: buffers of text that come back through a channel, which also hands what was done with them from one thread to the
   next. */
#include "queue.h"

#include <stdatomic.h>
#include <stdlib.h>

bool buffer_resize(struct buffer *buffer, size_t capacity)
{
    char *text = realloc(buffer->text, capacity);
    if (text == NULL)
        return false;
    buffer->text = text;
    buffer->capacity = capacity;
    return true;
}

static struct buffer *new_buffer(void)
{
    struct buffer *buffer = calloc(1, sizeof *buffer);
    if (buffer != NULL && !buffer_resize(buffer, BUFFER_SIZE)) {
        free(buffer);
        buffer = NULL;
    }
    return buffer;
}

bool queue_make(struct queue *queue, unsigned buffers)
{
    queue->buffers = calloc(buffers, sizeof(struct buffer *));
    if (queue->buffers == NULL || pt_channel_create(&queue->empty, sizeof(struct buffer *), buffers,
                                                    &(pt_channel_config){.name = "empty"}) != PT_OK)
        return false;
    while (queue->buffer_count < buffers) {
        struct buffer *buffer = new_buffer();
        if (buffer == NULL)
            return false;
        queue->buffer_count++;
        queue_put_empty(queue, buffer);
    }
    return true;
}

/* Who failed has put its buffer back after that, so at the latest with that one it is seen. */
struct buffer *queue_take_empty(struct queue *queue)
{
    struct buffer *buffer;
    if (pt_channel_receive(queue->empty, &buffer) != PT_OK)
        return NULL;
    if (atomic_load_explicit(&queue->failed, memory_order_relaxed)) {
        queue_put_empty(queue, buffer);
        return NULL;
    }
    buffer->length = 0;
    return buffer;
}

void queue_put_empty(struct queue *queue, struct buffer *buffer)
{
    if (buffer->capacity > BUFFER_SIZE)
        (void)buffer_resize(buffer, BUFFER_SIZE);
    pt_channel_send(queue->empty, &buffer);
}

/* Hold all buffers. */
static void gather(struct queue *queue)
{
    for (size_t held = 0, more; held < queue->buffer_count; held += more) {
        if (pt_channel_receive_many(queue->empty, queue->buffers + held, queue->buffer_count - held, &more,
                                    PT_FOREVER) != PT_OK)
            abort(); /* nobody closes it */
    }
}

bool queue_wait_until_empty(struct queue *queue)
{
    gather(queue);
    for (unsigned i = 0; i < queue->buffer_count; i++)
        queue_put_empty(queue, queue->buffers[i]);
    return !atomic_load_explicit(&queue->failed, memory_order_relaxed);
}

void queue_fail(struct queue *queue)
{
    atomic_store_explicit(&queue->failed, true, memory_order_relaxed);
}

void queue_free(struct queue *queue)
{
    gather(queue);
    for (unsigned i = 0; i < queue->buffer_count; i++) {
        free(queue->buffers[i]->text);
        free(queue->buffers[i]);
    }
    free(queue->buffers);
    pt_channel_release_sender(queue->empty);
    pt_channel_release_receiver(queue->empty);
}
