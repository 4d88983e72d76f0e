/* channel.h: what the kinds of channels share. The way through the folder:

     channel.c      making, references, closing; a send or receive from a try to the end of its wait
     gate.c         where those wait who cannot send or receive now
     ring.c         bounded: any number of senders and receivers; oneshot
     list.c         the same, unbounded
     spsc.c         one of each, bounded or not
     rendezvous.c   no room: from hand to hand
     heap.c         by priority
     broadcast.c    to each subscriber
     select.c       the first of many; select_set.c: a growing set of them
     ready.c        a function to be called

   A kind knows how to try; all waiting is common to all. */
#ifndef PTI_CHANNEL_H
#define PTI_CHANNEL_H

#include <string.h>

#include <pt_channel.h>

#include "atomic.h"
#include "memory.h"
#include "park.h"

enum pti_end { PTI_SENDERS, PTI_RECEIVERS };

/* What a kind can do. None of these waits. */
typedef struct pti_channel_kind {
    /* Send or receive one value: PT_OK, PT_ERR_BUSY, PT_ERR_CLOSED, or PT_ERR_NOMEM. BUSY may also be said while another
       thread is in the middle of a call: who waits is woken when that is done. */
    pt_status (*try_send)(pt_channel *channel, const void *value);
    pt_status (*try_receive)(pt_channel *channel, void *out);
    /* The same for several: at least one if PT_OK. */
    pt_status (*try_send_many)(pt_channel *channel, const char *values, size_t count, size_t *sent);
    pt_status (*try_receive_many)(pt_channel *channel, char *values, size_t most, size_t *received);
    /* Whether a try would not say BUSY; under the lock of the gate. of: who asks, and does not count. */
    bool (*may_send)(pt_channel *channel, const pti_waiter *of);
    bool (*may_receive)(pt_channel *channel, const pti_waiter *of);
    size_t (*length)(const pt_channel *channel);
    void (*close)(pt_channel *channel); /* from now on sends say CLOSED, and receives once it is empty */
    void (*finish)(
        pt_channel *channel); /* nobody uses it any more: destroy what is left, free all but the channel */
    bool hands_over;          /* values go from waiter to waiter */
} pti_channel_kind;

struct pt_channel {
    const pti_channel_kind *kind; /* constant, as all down to `name` */
    size_t value_size, capacity;
    pt_channel_config config;
    pt_channel *parent; /* a subscriber's broadcast, of which it counts as a receiver */
    void *block;        /* what was allocated */
    char name[32];
    uint32_t closed;  /* bits: see channel.c */
    uint32_t ends[2]; /* references of each end */
    uint32_t alive;   /* ends that have any */
    uint64_t dropped;
    __attribute__((aligned(64))) uint64_t waiting; /* see gate.c */
};

enum { PTI_CLOSED = 1, PTI_DISCARDED = 2 }; /* bits of `closed` */

static inline bool pti_discarded(const pt_channel *channel)
{
    return (load_relaxed(&channel->closed) & PTI_DISCARDED) != 0;
}

static inline void pti_destroy_value(const pt_channel *channel, void *value)
{
    if (channel->config.destroy != NULL)
        channel->config.destroy(value, channel->config.arg);
}

/* How many bytes before it writes a sender asks for a slot's cache line: it comes while four others are written. */
enum { PTI_AHEAD = 256 };

/* Most values are words. */
static inline void pti_copy_value(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size != 0)
        memcpy(to, from, size);
}

/* What try_send_many is where values are sent one by one anyway; and try_receive_many. */
pt_status pti_send_each(pt_channel *channel, const char *values, size_t count, size_t *sent);
pt_status pti_receive_each(pt_channel *channel, char *values, size_t most, size_t *received);

/* ---- Kinds. Each makes a channel of its own size, zeroed but for what it needs; NULL: no memory ---- */

void *pti_channel_allocate(size_t size);
pt_channel *pti_ring_create(size_t value_size, size_t capacity);
pt_channel *pti_oneshot_create(size_t value_size);
pt_channel *pti_spsc_create(size_t value_size, size_t capacity);
pt_channel *pti_list_create(size_t value_size);
pt_channel *pti_rendezvous_create(void);
pt_channel *pti_heap_create(size_t value_size, size_t capacity);
pt_channel *pti_broadcast_create(void);

/* Of a list with one sender at a time: make sure that its next send finds memory; false: there is none. */
bool pti_list_reserve(pt_channel *channel);

/* A subscriber has room again; is going. */
void pti_broadcast_changed(pt_channel *broadcast);
void pti_broadcast_forget(pt_channel *broadcast, pt_channel *subscriber);

/* ---- Gates: see gate.c --------------------------------------------------------------------- */

extern bool pti_gate_fences; /* who passes must make the fence, as who waits cannot for all */

const void *pti_gate_key(const pt_channel *channel, enum pti_end end);
void pti_gate_wake_all(pt_channel *channel, enum pti_end end);

/* Count a waiter in, and out. Between counting in and looking whether it must wait, pti_gate_fence() once. */
void pti_gate_enter(pt_channel *channel, enum pti_end end);
void pti_gate_fence(void);
void pti_gate_leave(pt_channel *channel, enum pti_end end);
/* Join the queue if there is still nothing to do for it; false if there is. */
bool pti_gate_join(pt_channel *channel, enum pti_end end, pti_waiter *waiter, bool in_front);
/* Out of the queue; false if it is in none any more. */
bool pti_gate_take_out(pt_channel *channel, enum pti_end end, pti_waiter *waiter);
/* Who was woken has tried: the next one may be. Each who got PTI_RETRY calls this once; PTI_HANDED wants none. */
void pti_gate_settle(pt_channel *channel, enum pti_end end);
/* The caller has made one of several changes that together are for who waits at an end: if all are there now, wake one. */
void pti_gate_look(pt_channel *channel, enum pti_end end);
/* Somebody is there, and the caller has sent (or received): wake one who receives (or sends) now; and one at the same end, if
   there is something for it. */
void pti_gate_pass(pt_channel *channel, enum pti_end end);

/* Whether anybody waits, as seen after what the caller has just done. */
static inline uint64_t pti_gate_waiting(pt_channel *channel)
{
    if (pti_gate_fences)
        return __atomic_fetch_add(&channel->waiting, 0, __ATOMIC_ACQ_REL);
    signal_fence();
    return load_relaxed(&channel->waiting);
}

/* After values came in; and after some went out. */
static inline void pti_sent(pt_channel *channel)
{
    if (__builtin_expect(pti_gate_waiting(channel) != 0, 0))
        pti_gate_pass(channel, PTI_SENDERS);
}

static inline void pti_received(pt_channel *channel)
{
    if (__builtin_expect(pti_gate_waiting(channel) != 0, 0))
        pti_gate_pass(channel, PTI_RECEIVERS);
    if (channel->parent != NULL)
        pti_broadcast_changed(channel->parent);
}

/* A try as the caller's, with the overflow policy. */
pt_status pti_channel_try(pt_channel *channel, enum pti_end end, void *value);

#endif
