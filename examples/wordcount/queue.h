/* queue.h: buffers of text that go round between a thread that fills them and threads that empty them. There is a
   fixed number of them, so that whoever fills faster than others empty has to wait, and memory stays bounded. */
#ifndef WORDCOUNT_QUEUE_H
#define WORDCOUNT_QUEUE_H

#include <pt.h>

#define BUFFER_SIZE ((size_t)128 * 1024)

/* Belongs to the thread that took it from the queue, until that thread puts it back. */
struct buffer {
    void *owner;             /* whoever fills it says what for */
    size_t capacity, length; /* of text */
    char *text;
};

struct queue {
    pt_channel *empty;       /* of struct buffer *; has room for all */
    struct buffer **buffers; /* those that queue_wait_until_empty() holds */
    unsigned buffer_count;
    _Atomic bool failed;
};

/* Make a queue of so many empty buffers of BUFFER_SIZE out of all zeroes. False: out of memory; queue_free() it all
   the same. */
bool queue_make(struct queue *queue, unsigned buffers);

/* An empty buffer, waiting for one. NULL: queue_fail() was called. */
struct buffer *queue_take_empty(struct queue *queue);

/* Give a buffer back that is empty now. */
void queue_put_empty(struct queue *queue, struct buffer *buffer);

/* Wait until all buffers are back, empty. False: queue_fail() was called. */
bool queue_wait_until_empty(struct queue *queue);

/* Make who fills give up: somebody cannot go on. */
void queue_fail(struct queue *queue);

/* All buffers are back, and no thread uses the queue any more. */
void queue_free(struct queue *queue);

/* Make a buffer larger; its text stays. False: out of memory, nothing has changed. Once empty it shrinks again. */
bool buffer_resize(struct buffer *buffer, size_t capacity);

#endif
