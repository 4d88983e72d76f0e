/* queue.h: what a C program has for a channel that takes no library: a ring, a mutex and two conditions. Part of the peer
   pthread. */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- A queue: any number of senders and receivers ------------------------------------------- */

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    uint64_t *slots; /* this and the rest under mutex */
    size_t capacity; /* a power of two */
    bool grows;      /* to twice its capacity rather than be full */
    size_t first, count;
    unsigned receivers_waiting, senders_waiting;
};

/* capacity: a power of two. */
void queue_init(struct queue *queue, size_t capacity, bool grows);
void queue_destroy(struct queue *queue);

/* Both wait: the one while the queue is full, the other while it is empty. */
void queue_send(struct queue *queue, uint64_t value);
uint64_t queue_receive(struct queue *queue);

/* All n, in pieces if need be; and from 1 to `most`, as many as are there. Returns their number. */
void queue_send_many(struct queue *queue, const uint64_t *values, size_t n);
size_t queue_receive_many(struct queue *queue, uint64_t *values, size_t most);

/* ---- A meeting: no value is kept; both ends wait for each other ------------------------------ */

struct meeting {
    pthread_mutex_t mutex;
    pthread_cond_t offered, accepted, vacant;
    uint64_t value; /* this and the rest under mutex */
    bool is_offered;
    uint64_t offers, accepts;
};

void meeting_init(struct meeting *meeting);
void meeting_destroy(struct meeting *meeting);
void meeting_send(struct meeting *meeting, uint64_t value);
uint64_t meeting_receive(struct meeting *meeting);

#endif
