/* queue.c: buffers of text that go round. One mutex guards the two lists; it also hands what a buffer holds, and what
   a thread did with it, from one thread to the next. */
#include "queue.h"

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
    pt_mutex_lock(&queue->mutex); /* nobody else knows the queue yet, but the compiler cannot know that */
    queue->full_end = &queue->full;
    pt_mutex_unlock(&queue->mutex);
    while (queue->buffer_count < buffers) {
        struct buffer *buffer = new_buffer();
        if (buffer == NULL)
            return false;
        queue->buffer_count++;
        queue_put_empty(queue, buffer);
    }
    return true;
}

struct buffer *queue_take_empty(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    while (queue->empty == NULL)
        pt_cond_wait(&queue->buffer_back, &queue->mutex);
    struct buffer *buffer = queue->failed ? NULL : queue->empty;
    if (buffer != NULL) {
        queue->empty = buffer->next;
        queue->empty_count--;
        buffer->length = 0;
    }
    pt_mutex_unlock(&queue->mutex);
    return buffer;
}

void queue_put_full(struct queue *queue, struct buffer *buffer)
{
    pt_mutex_lock(&queue->mutex);
    buffer->next = NULL;
    *queue->full_end = buffer;
    queue->full_end = &buffer->next;
    pt_mutex_unlock(&queue->mutex);
    pt_cond_signal(&queue->text_there);
}

struct buffer *queue_take_full(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    while (queue->full == NULL && !queue->closed)
        pt_cond_wait(&queue->text_there, &queue->mutex);
    struct buffer *buffer = queue->full;
    if (buffer != NULL) {
        queue->full = buffer->next;
        if (queue->full == NULL)
            queue->full_end = &queue->full;
    }
    pt_mutex_unlock(&queue->mutex);
    return buffer;
}

void queue_put_empty(struct queue *queue, struct buffer *buffer)
{
    if (buffer->capacity > BUFFER_SIZE)
        (void)buffer_resize(buffer, BUFFER_SIZE);
    pt_mutex_lock(&queue->mutex);
    buffer->next = queue->empty;
    queue->empty = buffer;
    queue->empty_count++;
    pt_mutex_unlock(&queue->mutex);
    pt_cond_signal(&queue->buffer_back);
}

bool queue_wait_until_empty(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    while (queue->empty_count < queue->buffer_count)
        pt_cond_wait(&queue->buffer_back, &queue->mutex);
    bool good = !queue->failed;
    pt_mutex_unlock(&queue->mutex);
    return good;
}

/* Needs to wake nobody: whoever calls it still has a buffer, and puts that back. */
void queue_fail(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    queue->failed = true;
    pt_mutex_unlock(&queue->mutex);
}

void queue_close(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    queue->closed = true;
    pt_mutex_unlock(&queue->mutex);
    pt_cond_broadcast(&queue->text_there);
}

void queue_free(struct queue *queue)
{
    pt_mutex_lock(&queue->mutex);
    while (queue->empty != NULL) {
        struct buffer *buffer = queue->empty;
        queue->empty = buffer->next;
        free(buffer->text);
        free(buffer);
    }
    pt_mutex_unlock(&queue->mutex);
}
