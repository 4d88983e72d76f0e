/* queue.c: queues and meetings of POSIX threads. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* ---- Queue --------------------------------------------------------------------------------- */

/* Nobody is signalled unless somebody waits, and only after the mutex has been let go, so that who is woken does not
   have to wait for it. */

void queue_init(struct queue *queue, size_t capacity, bool grows)
{
    *queue = (struct queue){.mutex = PTHREAD_MUTEX_INITIALIZER,
                            .not_empty = PTHREAD_COND_INITIALIZER,
                            .not_full = PTHREAD_COND_INITIALIZER,
                            .slots = malloc(capacity * sizeof(uint64_t)),
                            .capacity = capacity,
                            .grows = grows};
    bench_check(queue->slots != NULL, "malloc");
}

void queue_destroy(struct queue *queue)
{
    free(queue->slots);
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->mutex);
}

/* Called when it is full. What lies before `first` is the newer end: it moves up, behind the older one. */
static void grow(struct queue *queue)
{
    queue->slots = realloc(queue->slots, 2 * queue->capacity * sizeof queue->slots[0]);
    bench_check(queue->slots != NULL, "realloc");
    memcpy(queue->slots + queue->capacity, queue->slots, queue->first * sizeof queue->slots[0]);
    queue->capacity *= 2;
}

static void wait_for_room(struct queue *queue)
{
    if (queue->grows && queue->count == queue->capacity)
        grow(queue);
    while (queue->count == queue->capacity) {
        queue->senders_waiting++;
        pthread_cond_wait(&queue->not_full, &queue->mutex);
        queue->senders_waiting--;
    }
}

static void wait_for_value(struct queue *queue)
{
    while (queue->count == 0) {
        queue->receivers_waiting++;
        pthread_cond_wait(&queue->not_empty, &queue->mutex);
        queue->receivers_waiting--;
    }
}

static void put(struct queue *queue, uint64_t value)
{
    queue->slots[(queue->first + queue->count++) & (queue->capacity - 1)] = value;
}

static uint64_t take(struct queue *queue)
{
    uint64_t value = queue->slots[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    return value;
}

/* Unlock, and wake one who waits there, or all if several values came or went. */
static void unlock_and_signal(struct queue *queue, pthread_cond_t *condition, unsigned waiting, size_t values)
{
    pthread_mutex_unlock(&queue->mutex);
    if (waiting > 1 && values > 1)
        pthread_cond_broadcast(condition);
    else if (waiting > 0)
        pthread_cond_signal(condition);
}

void queue_send(struct queue *queue, uint64_t value)
{
    pthread_mutex_lock(&queue->mutex);
    wait_for_room(queue);
    put(queue, value);
    unlock_and_signal(queue, &queue->not_empty, queue->receivers_waiting, 1);
}

uint64_t queue_receive(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    wait_for_value(queue);
    uint64_t value = take(queue);
    unlock_and_signal(queue, &queue->not_full, queue->senders_waiting, 1);
    return value;
}

void queue_send_many(struct queue *queue, const uint64_t *values, size_t n)
{
    while (n > 0) {
        size_t sent = 0;
        pthread_mutex_lock(&queue->mutex);
        wait_for_room(queue);
        while (sent < n && queue->count < queue->capacity)
            put(queue, values[sent++]);
        unlock_and_signal(queue, &queue->not_empty, queue->receivers_waiting, sent);
        values += sent;
        n -= sent;
    }
}

size_t queue_receive_many(struct queue *queue, uint64_t *values, size_t most)
{
    size_t received = 0;
    pthread_mutex_lock(&queue->mutex);
    wait_for_value(queue);
    while (received < most && queue->count > 0)
        values[received++] = take(queue);
    unlock_and_signal(queue, &queue->not_full, queue->senders_waiting, received);
    return received;
}

/* ---- Meeting ------------------------------------------------------------------------------- */

void meeting_init(struct meeting *meeting)
{
    *meeting = (struct meeting){.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .offered = PTHREAD_COND_INITIALIZER,
                                .accepted = PTHREAD_COND_INITIALIZER,
                                .vacant = PTHREAD_COND_INITIALIZER};
}

void meeting_destroy(struct meeting *meeting)
{
    pthread_cond_destroy(&meeting->vacant);
    pthread_cond_destroy(&meeting->accepted);
    pthread_cond_destroy(&meeting->offered);
    pthread_mutex_destroy(&meeting->mutex);
}

/* Signals while it holds the mutex, but lets it go at once to wait. */
void meeting_send(struct meeting *meeting, uint64_t value)
{
    pthread_mutex_lock(&meeting->mutex);
    while (meeting->is_offered)
        pthread_cond_wait(&meeting->vacant, &meeting->mutex);
    meeting->value = value;
    meeting->is_offered = true;
    uint64_t mine = ++meeting->offers;
    pthread_cond_signal(&meeting->offered);
    while (meeting->accepts < mine)
        pthread_cond_wait(&meeting->accepted, &meeting->mutex);
    pthread_mutex_unlock(&meeting->mutex);
}

/* Two senders may wait to be accepted, as the next may make its offer before the last one has woken up: so a broadcast. */
uint64_t meeting_receive(struct meeting *meeting)
{
    pthread_mutex_lock(&meeting->mutex);
    while (!meeting->is_offered)
        pthread_cond_wait(&meeting->offered, &meeting->mutex);
    uint64_t value = meeting->value;
    meeting->is_offered = false;
    meeting->accepts++;
    pthread_mutex_unlock(&meeting->mutex);
    pthread_cond_broadcast(&meeting->accepted);
    pthread_cond_signal(&meeting->vacant);
    return value;
}
