/* pt_channel.h: channels: queues of values between threads, and select, which waits for the first of many.

     pt_channel *jobs;
     pt_channel_create(&jobs, sizeof(struct job), 1024, NULL);      room for 1,024; 0: a rendezvous; PT_UNBOUNDED
     ...
     pt_channel_send(jobs, &job);                                   waits while it is full
     ...                                                            another thread:
     while (pt_channel_receive(jobs, &job) == PT_OK)                waits while it is empty
         work(&job);                                                until it is closed and empty: PT_ERR_CLOSED

   Values are of one size, and are copied in and out: up to 64 KiB each, and 0 will do. Whatever a sender wrote before it sent
   is visible to who receives that value.

   What they share
     Ends      A channel has sending and receiving references, which are counted apart. pt_channel_create() gives one of
               each, pt_channel_retain_sender() and _receiver() more, and each wants its _release_. When the last sender
               has gone the channel is closed: receivers get what is left, then PT_ERR_CLOSED. When the last receiver has
               gone, senders get PT_ERR_CLOSED and keep their value, and what was left is destroyed. A thread may use an end
               as long as somebody holds a reference to it. Whoever never releases either end closes by pt_channel_close().
     Forms     x_verb() waits for ever, x_try_verb() never waits (PT_ERR_BUSY), x_verb_until() gives up at a deadline
               (PT_ERR_TIMEOUT) or when a token is cancelled (PT_ERR_CANCELLED). A send that fails has left the value with
               the caller; a receive that fails has not touched the caller's room.
     Order     Values of one sender are received in the order in which it sent them: by one receiver in that order, by several
               in the order in which they take them out. Nothing is promised between the values of two senders, but for
               what their threads agree on otherwise. A priority channel gives the first by comparison; equal ones in
               the order in which they came in.
     Waiting   Who waits is woken when there is a value, or room, for it; somebody who comes just then may be quicker. The
               one who was woken tries again, and waits in front of the others if it must. A waiter costs no processor
               time after a bounded moment of spinning.
     Targets   native, WASI, browser Worker: as described. On a browser's main thread a call that would have to wait answers
               PT_ERR_NOBLOCK; there are the try forms and pt_channel_on_ready().
     NULL      A channel that is NULL is never ready in a select, and is PT_ERR_INVALID elsewhere.
     Signals   Nothing here may be called from a signal handler.
     Fork      In the child a channel that another thread was using at that moment is of no use any more.
     Cost      Where nobody waits: some dozen nanoseconds a value, no lock and no system call. A channel takes one block of
               memory for its life; an unbounded one, one for some 60 values, which are used again. */
#ifndef PT_CHANNEL_H
#define PT_CHANNEL_H

#include <pt_base.h>
#include <pt_cancel.h>
#include <pt_mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Channels ----------------------------------------------------------------------------- */

typedef struct pt_channel pt_channel;

#define PT_UNBOUNDED SIZE_MAX                /* a capacity: never full */
#define PT_CHANNEL_VALUE_MAX ((size_t)65536) /* bytes of a value */

typedef enum pt_channel_kind {
    PT_CHANNEL_QUEUE = 0,    /* first in, first out */
    PT_CHANNEL_ONESHOT = 1,  /* one value ever, then it is closed; capacity must be 1 */
    PT_CHANNEL_PRIORITY = 2, /* the first by `before` comes out; capacity 1 or more, or PT_UNBOUNDED */
    PT_CHANNEL_BROADCAST = 3 /* each value goes to each subscriber: see pt_channel_subscribe() */
} pt_channel_kind;

/* What a send does that finds a bounded channel full. DROP_OLDEST drops its own value, too, while another thread is in the middle
   of a call with the oldest; or if that has more than 256 bytes, and there is no memory to take it out. */
typedef enum pt_overflow {
    PT_OVERFLOW_WAIT = 0,     /* it waits */
    PT_OVERFLOW_DROP_NEW = 1, /* it destroys its own value, and answers PT_OK */
    PT_OVERFLOW_DROP_OLDEST =
        2 /* it destroys the value that would be received next, and goes on. Not for rendezvous */
} pt_overflow;

/* All zeroes is the default. */
typedef struct pt_channel_config {
    pt_channel_kind kind;
    pt_overflow overflow;

    /* Promises: sends and pt_channel_close() come from one thread at a time; and receives and pt_channel_close_now() do. A queue
       with both is several times as fast.
       One at a time: a thread begins its call once it knows that the other's has returned, say by a join, a lock or an event;
       that a value has been received does not tell that its send has returned. A call that waits, or a select, counts all the
       while; what `destroy` calls within it is part of it. A checked build (pt_checked.h) reports two at a time. They
       say nothing of a broadcast's subscribers. */
    bool one_sender, one_receiver;

    /* For values that nobody receives: left in a channel that goes, or dropped. */
    void (*destroy)(void *value, void *arg);

    /* Broadcast: how a value becomes one more; false: no memory. NULL: by its bytes. */
    bool (*copy)(void *to, const void *from, void *arg);

    /* Priority: whether a comes out before b. Called under a short lock: it must be quick, and call nothing here. */
    bool (*before)(const void *a, const void *b, void *arg);

    void *arg;        /* for the three. No value is aligned to more than 8 bytes */
    const char *name; /* for pt_dump_waits(); copied, up to 31 bytes */
} pt_channel_config;

/* Make a channel.

   out         receives one sending and one receiving reference
   value_size  in bytes, up to PT_CHANNEL_VALUE_MAX. Values are handled as bytes: any alignment will do
   capacity    how many values it holds: any number, PT_UNBOUNDED, or 0: a rendezvous, where a send ends once the value
               has been received. Of a broadcast: of each subscriber
   config      NULL for the defaults; read only during the call
   Returns     PT_OK
               PT_ERR_NOMEM    no memory
               PT_ERR_INVALID  out is NULL; a size or a capacity that cannot be; a priority without `before`; a broadcast
                               with `destroy` and no `copy`; a rendezvous that is to drop its oldest, or is none that can be
                               (oneshot, priority, broadcast)
   Blocks      never */
PT_API PT_NODISCARD pt_status pt_channel_create(pt_channel **out, size_t value_size, size_t capacity,
                                                const pt_channel_config *config);

/* Take or give back a reference to an end. NULL is harmless. Never blocks. Giving back the last of an end closes it, wakes
   who waits at the other, and calls `destroy` for what nobody will receive; the last of all frees the channel. */
PT_API pt_channel *pt_channel_retain_sender(pt_channel *channel);
PT_API void pt_channel_release_sender(pt_channel *channel);
PT_API pt_channel *pt_channel_retain_receiver(pt_channel *channel);
PT_API void pt_channel_release_receiver(pt_channel *channel);

/* Close: no more values come in, those within can still be received. All who wait are woken. May be called from either end
   (but see one_sender), and again. Never blocks. */
PT_API void pt_channel_close(pt_channel *channel);

/* Close at once: what is within is destroyed, and receivers get PT_ERR_CLOSED; of a broadcast, those of its subscribers. With
   one_receiver a receiver's call. */
PT_API void pt_channel_close_now(pt_channel *channel);

/* ---- One value ---------------------------------------------------------------------------- */

/* Send the value, waiting while the channel is full.
   Returns   PT_OK           it is in the channel; of a rendezvous, it was received; or the overflow policy dropped a value
             PT_ERR_CLOSED   the channel is closed, or no receiver is left; the value stays the caller's, here and below
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  it was full until the call gave up
             PT_ERR_NOBLOCK  it is full, and this thread may not wait
             PT_ERR_NOMEM    an unbounded channel or a priority found no memory for it; or a broadcast, for one of its
                             subscribers: then none has got it
             PT_ERR_INVALID  channel is NULL, or value is with a size above 0
   Blocks    while the channel is full */
PT_API PT_NODISCARD pt_status pt_channel_send_until(pt_channel *channel, const void *value, pt_until until);
PT_API pt_status pt_channel_send(pt_channel *channel, const void *value);

/* Send it if there is room now; of a rendezvous, if somebody waits to receive. PT_ERR_BUSY if not, or if another thread is in
   the middle of a call that this one would have to wait for; and the rest as above. The same goes for receiving, and for a
   deadline that is over meanwhile. */
PT_API PT_NODISCARD pt_status pt_channel_try_send(pt_channel *channel, const void *value);

/* Receive a value into out, waiting while the channel is empty.
   Returns   PT_OK           out has it, and it is the caller's
             PT_ERR_CLOSED   the channel is closed, or no sender is left, and it is empty
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  it was empty until the call gave up
             PT_ERR_NOBLOCK  it is empty, and this thread may not wait
             PT_ERR_INVALID  channel is NULL, or out is with a size above 0; or a broadcast: receive from a subscriber
   Blocks    while the channel is empty and open */
PT_API PT_NODISCARD pt_status pt_channel_receive_until(pt_channel *channel, void *out, pt_until until);
PT_API PT_NODISCARD pt_status pt_channel_receive(pt_channel *channel, void *out);

/* Receive it if there is one now; of a rendezvous, if somebody waits to send. PT_ERR_BUSY if not, and the rest as above. */
PT_API PT_NODISCARD pt_status pt_channel_try_receive(pt_channel *channel, void *out);

/* For loops: while (pt_channel_next(jobs, &job)) ... ends when the channel is closed and empty. */
static inline bool pt_channel_next(pt_channel *channel, void *out)
{
    return pt_channel_receive(channel, out) == PT_OK;
}

/* ---- Many values -------------------------------------------------------------------------- */

/* Send count values that lie one after another, in order, waiting whenever the channel is full. Others' values may come
   between. Costs less than one by one: about a tenth with 32 at a time.

   sent      how many are in the channel, also if the call fails: the caller keeps the others. NULL is fine
   Returns   as pt_channel_send_until() */
PT_API PT_NODISCARD pt_status pt_channel_send_many(pt_channel *channel, const void *values, size_t count,
                                                   size_t *sent, pt_until until);

/* Receive what is there, up to most values, waiting until there is at least one.

   received  how many were taken: at least 1 if PT_OK and most is not 0, else 0
   Returns   as pt_channel_receive_until() */
PT_API PT_NODISCARD pt_status pt_channel_receive_many(pt_channel *channel, void *values, size_t most,
                                                      size_t *received, pt_until until);

/* ---- Looking at it ------------------------------------------------------------------------- */

/* How many values are in it: exact while nobody uses it, else of some moment during the call. Of a broadcast and a
   rendezvous 0. */
PT_API size_t pt_channel_length(const pt_channel *channel);
/* As given to pt_channel_create(). */
PT_API size_t pt_channel_capacity(const pt_channel *channel);
PT_API size_t pt_channel_value_size(const pt_channel *channel);
/* Whether sends are refused for good. There may still be values to receive. */
PT_API bool pt_channel_is_closed(const pt_channel *channel);
/* How many values its overflow policy has dropped since this was last asked: so a subscriber knows what it missed. */
PT_API uint64_t pt_channel_take_dropped(pt_channel *channel);

/* ---- Broadcast ---------------------------------------------------------------------------- */

/* Add a subscriber to a broadcast: a queue of its own, with the broadcast's capacity, that gets a copy of each value sent
   from now on. It has one receiving reference, and closes with the broadcast, of which it counts as a receiver. A send to a
   broadcast is one step: no two subscribers see two values in different orders. With PT_OVERFLOW_WAIT it waits until each
   subscriber has room; with the others, those that are full drop a value and count it, and nobody waits. A send with no
   subscriber is PT_OK, and the value is destroyed, as long as there is the broadcast's own receiving reference, of a
   receiver that may yet subscribe.
   Returns   PT_OK
             PT_ERR_CLOSED   the broadcast is closed
             PT_ERR_NOMEM    no memory
             PT_ERR_INVALID  out is NULL, or channel is no broadcast */
PT_API PT_NODISCARD pt_status pt_channel_subscribe(pt_channel *channel, pt_channel **out);

/* ---- Select ------------------------------------------------------------------------------- */

typedef enum pt_case_kind {
    PT_CASE_NEVER = 0,
    PT_CASE_SEND = 1,
    PT_CASE_RECEIVE = 2,
    PT_CASE_EVENT = 3,
    PT_CASE_CANCEL = 4
} pt_case_kind;

/* One of the things to wait for. Make it with one of the functions below. */
typedef struct pt_case {
    pt_case_kind kind;
    pt_status
        status; /* of the one that fired: PT_OK, or PT_ERR_CLOSED, or what else its call would have answered */
    void *object;
    void *value;
} pt_case;

static inline pt_case pti_case(pt_case_kind kind, void *object, void *value)
{
    pt_case one;
    one.kind = object == NULL ? PT_CASE_NEVER : kind;
    one.status = PT_OK;
    one.object = object;
    one.value = value;
    return one;
}

/* Ready when the send or receive would not wait. value and out must stay in place during the select; several cases may have
   the same room. A NULL channel is never ready, which is how a case is switched off. */
static inline pt_case pt_case_send(pt_channel *channel, const void *value)
{
    return pti_case(PT_CASE_SEND, channel, (void *)(uintptr_t)value);
}

static inline pt_case pt_case_receive(pt_channel *channel, void *out)
{
    return pti_case(PT_CASE_RECEIVE, channel, out);
}

/* Ready when the event is set, which an automatic one then is no longer. */
static inline pt_case pt_case_event(pt_event *event)
{
    return pti_case(PT_CASE_EVENT, event, NULL);
}

/* Ready once the token is cancelled; its status is why. Other than a token in `until`, it leaves the choice to the order. */
static inline pt_case pt_case_cancelled(pt_cancel *token)
{
    return pti_case(PT_CASE_CANCEL, token, NULL);
}

#define PT_SELECT_MAX 64 /* cases of one select; a pt_select_set takes more */

typedef enum pt_select_order {
    PT_SELECT_FAIR = 0,    /* of several that are ready, any: each in its turn, over many selects */
    PT_SELECT_IN_ORDER = 1 /* the first in the array that is ready */
} pt_select_order;

/* Wait for the first case that is ready, and do it: exactly one fires, and the others are as if never tried.

   cases     up to PT_SELECT_MAX
   fired     receives the index of the one that was done; its `status` says what came of it. SIZE_MAX if none was
   Returns   PT_OK           one fired
             PT_ERR_BUSY     the try form: none is ready now (Go's default). Each was found so at a moment of its own, and so
                             it is with a deadline that is over
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  none was ready until the call gave up
             PT_ERR_NOBLOCK  none is ready, and this thread may not wait
             PT_ERR_DEADLOCK no case can ever be ready, and until is PT_FOREVER
             PT_ERR_INVALID  cases is NULL with a count above 0, there are too many, fired is NULL
   Blocks    until one is ready
   Cost      grows with the number of cases: a look at each, and if it has to sleep two short locks for each */
PT_API PT_NODISCARD pt_status pt_select_until(pt_case *cases, size_t count, pt_select_order order, size_t *fired,
                                              pt_until until);
PT_API PT_NODISCARD pt_status pt_select(pt_case *cases, size_t count, size_t *fired);
PT_API PT_NODISCARD pt_status pt_try_select(pt_case *cases, size_t count, pt_select_order order, size_t *fired);

/* A set of cases for a loop that lives long: it grows as needed, and cases come and go. Not for several threads at once. */
typedef struct pt_select_set pt_select_set;

PT_API PT_NODISCARD pt_status pt_select_set_create(pt_select_set **out, pt_select_order order);
PT_API void pt_select_set_destroy(pt_select_set *set); /* NULL is harmless; what its cases name stays as it is */

/* Add a case. id: receives its name until it is removed; never NULL, never 0. PT_OK, PT_ERR_NOMEM or PT_ERR_INVALID. */
PT_API PT_NODISCARD pt_status pt_select_set_add(pt_select_set *set, pt_case what, uint64_t *id);
/* PT_ERR_INVALID if there is no such case. */
PT_API pt_status pt_select_set_remove(pt_select_set *set, uint64_t id);
PT_API size_t pt_select_set_count(const pt_select_set *set);

/* As pt_select_until(). fired: which case; status: what came of it. */
PT_API PT_NODISCARD pt_status pt_select_set_until(pt_select_set *set, uint64_t *fired, pt_status *status,
                                                  pt_until until);

/* ---- Without waiting ----------------------------------------------------------------------- */

/* A function to be called when a channel has something to receive, or a future has ended (pt_future.h): for event loops, and for
   a page's main thread. The struct is the caller's, all zeroes before its first use, and must stay in place until its
   function has returned or it was removed. It holds a receiving reference, or one to the future, meanwhile. */
typedef struct pt_ready_hook {
    void (*function)(void *arg); /* all private */
    void *arg;
    const struct pti_hook_kind *kind;
    void *object;
    uint32_t added, finished;
    uint64_t room[20];
} pt_ready_hook;

/* Have function(arg) called once when a receive from the channel would not wait: there is a value, or it is closed. Called
   by the thread that sends, during its send, or by this one at once if there is something already: so it must be quick,
   and should do no more than tell an event loop. It may call anything but what waits, and may add its hook again. On a
   page's main thread it is called there instead, in a turn of its own.
   The value may be gone when the function looks (pt_channel_try_receive()); then add the hook again.
   Returns   PT_OK, or PT_ERR_INVALID if one is NULL or the channel is a broadcast */
PT_API PT_NODISCARD pt_status pt_channel_on_ready(pt_channel *channel, pt_ready_hook *hook,
                                                  void (*function)(void *arg), void *arg);

/* Take a hook back. When this returns its function does not run and will not any more, but for a call from within it.
   Returns   PT_OK           it was not called, and will not be
             PT_ERR_INVALID  it has been called, or was never added
             PT_ERR_NOBLOCK  it is running now, and this thread may not wait: it must stay in place
   Blocks    while the function runs in another thread */
PT_API pt_status pt_ready_hook_remove(pt_ready_hook *hook);

/* ---- Typed wrappers ------------------------------------------------------------------------ */

#define PTI_UNUSED __attribute__((unused)) /* not every user calls all of them */

/* PT_CHANNEL_OF(job_channel, struct job) declares a type job_channel, which is a pointer to a channel of struct job, and
   job_channel_create(), _send(), _receive() and so on, which take and give values of that type:

     PT_CHANNEL_OF(job_channel, struct job)
     job_channel jobs;
     job_channel_create(&jobs, 1024, NULL);
     job_channel_send(jobs, job);
     while (job_channel_next(jobs, &job)) ... */
#define PT_CHANNEL_OF(name, type)                                                                                  \
    typedef struct name##_channel *name;                                                                           \
    PTI_UNUSED static inline pt_channel *name##_untyped(name channel)                                              \
    {                                                                                                              \
        return (pt_channel *)channel;                                                                              \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_create(name *out, size_t capacity,                      \
                                                                  const pt_channel_config *config)                 \
    {                                                                                                              \
        pt_channel *channel = NULL;                                                                                \
        pt_status status =                                                                                         \
            out == NULL ? PT_ERR_INVALID : pt_channel_create(&channel, sizeof(type), capacity, config);            \
        if (status == PT_OK)                                                                                       \
            *out = (name)channel;                                                                                  \
        return status;                                                                                             \
    }                                                                                                              \
    PTI_UNUSED static inline pt_status name##_send(name channel, type value)                                       \
    {                                                                                                              \
        return pt_channel_send((pt_channel *)channel, &value);                                                     \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_try_send(name channel, type value)                      \
    {                                                                                                              \
        return pt_channel_try_send((pt_channel *)channel, &value);                                                 \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_send_until(name channel, type value, pt_until until)    \
    {                                                                                                              \
        return pt_channel_send_until((pt_channel *)channel, &value, until);                                        \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_receive(name channel, type *out)                        \
    {                                                                                                              \
        return pt_channel_receive((pt_channel *)channel, out);                                                     \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_try_receive(name channel, type *out)                    \
    {                                                                                                              \
        return pt_channel_try_receive((pt_channel *)channel, out);                                                 \
    }                                                                                                              \
    PTI_UNUSED PT_NODISCARD static inline pt_status name##_receive_until(name channel, type *out, pt_until until)  \
    {                                                                                                              \
        return pt_channel_receive_until((pt_channel *)channel, out, until);                                        \
    }                                                                                                              \
    PTI_UNUSED static inline bool name##_next(name channel, type *out)                                             \
    {                                                                                                              \
        return pt_channel_next((pt_channel *)channel, out);                                                        \
    }                                                                                                              \
    PTI_UNUSED static inline void name##_close(name channel)                                                       \
    {                                                                                                              \
        pt_channel_close((pt_channel *)channel);                                                                   \
    }                                                                                                              \
    typedef type name##_value

/* ---- Checked builds ----------------------------------------------------------------------- */

/* Note the place of each call; see pt_checked.h. Of typed wrappers it is the line of PT_CHANNEL_OF. */
#if defined(PT_CHECKED) && !defined(PTI_LIBRARY)
/* clang-format off */
#define pt_channel_send(...) (PTI_CHECKED_HERE, pt_channel_send(__VA_ARGS__))
#define pt_channel_send_until(...) (PTI_CHECKED_HERE, pt_channel_send_until(__VA_ARGS__))
#define pt_channel_try_send(...) (PTI_CHECKED_HERE, pt_channel_try_send(__VA_ARGS__))
#define pt_channel_send_many(...) (PTI_CHECKED_HERE, pt_channel_send_many(__VA_ARGS__))
#define pt_channel_receive(...) (PTI_CHECKED_HERE, pt_channel_receive(__VA_ARGS__))
#define pt_channel_receive_until(...) (PTI_CHECKED_HERE, pt_channel_receive_until(__VA_ARGS__))
#define pt_channel_try_receive(...) (PTI_CHECKED_HERE, pt_channel_try_receive(__VA_ARGS__))
#define pt_channel_receive_many(...) (PTI_CHECKED_HERE, pt_channel_receive_many(__VA_ARGS__))
#define pt_channel_next(...) (PTI_CHECKED_HERE, pt_channel_next(__VA_ARGS__))
#define pt_channel_close(...) (PTI_CHECKED_HERE, pt_channel_close(__VA_ARGS__))
#define pt_channel_close_now(...) (PTI_CHECKED_HERE, pt_channel_close_now(__VA_ARGS__))
#define pt_select(...) (PTI_CHECKED_HERE, pt_select(__VA_ARGS__))
#define pt_select_until(...) (PTI_CHECKED_HERE, pt_select_until(__VA_ARGS__))
#define pt_try_select(...) (PTI_CHECKED_HERE, pt_try_select(__VA_ARGS__))
#define pt_select_set_until(...) (PTI_CHECKED_HERE, pt_select_set_until(__VA_ARGS__))
/* clang-format on */
#endif

#ifdef __cplusplus
}
#endif
#endif
