/* gate.c: where those wait who cannot send or receive now.

   Each channel has two queues in the parking lot, one for each end, and one word:

     channel.waiting   how many receivers are at the gate, plus 2^32 for each sender; and for each end a bit AWAKE: one was
                       woken there, and has not tried yet. 0 in the common case
     E   + 1            who will wait, before it looks again                              acquire and release
     F   fence of all threads, by who did E; or, where the target has none: see R
     J   joins the queue, if under the queue's lock a look still says that it must wait
     R   reads waiting  who sent or received, after it did. A plain load; where there is no F a read-modify-write, acquire
                        and release. If somebody is there, R2: a read-modify-write in any case
     W   -> AWAKE       who found AWAKE clear by R2, under the queue's lock, taking out the one that it wakes     relaxed
     A   AWAKE -> 0     who was woken, once it has tried                                  acquire and release
     X   - 1            who did E, once it is out of the queue

   No lost wake  Say X changes the channel and then does R, while Y does E, F, and looks. If R comes before the fence that F
                 makes in X's thread, so does X's change, and Y's look, which is after F, sees it. If R comes after, it
                 sees E. So X sees Y at the gate, and does R2. If AWAKE is clear it takes the queue's lock: before Y's J, then
                 Y's look comes after X's change; or after it, then X finds Y and wakes it. If AWAKE is set, then A of the one
                 who is awake reads what R2 wrote, or later: it sees X's change, and looks whether there is something for
                 the next one: pti_gate_settle().
                 Without F: of the two read-modify-writes, one reads what the other wrote, and acquires what it released.
   Who is woken  One at an end at a time. It is told to try again; somebody else may be quicker, and then it waits in front.
                 Once it has tried it wakes the next one, if there is something for that; so a full channel that is being
                 emptied does not cost a wake for each value. A value may also come to be ready beside others, which could
                 not be had yet: whoever has received looks whether there is more, too. The same for senders.
   Price         A load for each value; F costs some microseconds for each wait that comes to sleeping.

   For rendezvous both queues are locked to look: a sender must not miss a receiver that joins. So that needs no F, and nobody
   is woken but with PTI_HANDED. */
#include "channel.h"
#include "port.h"

bool pti_gate_fences;

static const uint64_t ONE[] = {[PTI_SENDERS] = UINT64_C(1) << 32, [PTI_RECEIVERS] = 1};
static const uint64_t AWAKE[] = {[PTI_SENDERS] = UINT64_C(1) << 63, [PTI_RECEIVERS] = UINT64_C(1) << 31};

/* Before there are threads. */
__attribute__((constructor(102))) static void decide_on_fences(void)
{
    pti_gate_fences = !pti_port_fence_all();
}

const void *pti_gate_key(const pt_channel *channel, enum pti_end end)
{
    return (const char *)&channel->waiting + end;
}

void pti_gate_enter(pt_channel *channel, enum pti_end end)
{
    __atomic_fetch_add(&channel->waiting, ONE[end], __ATOMIC_ACQ_REL); /* E */
}

void pti_gate_fence(void)
{
    if (!pti_gate_fences)
        pti_port_fence_all(); /* F */
}

void pti_gate_leave(pt_channel *channel, enum pti_end end)
{
    __atomic_fetch_sub(&channel->waiting, ONE[end], __ATOMIC_ACQ_REL); /* X */
}

static pti_queue_pair lock(const pt_channel *channel, enum pti_end end)
{
    const void *key = pti_gate_key(channel, end);
    return pti_park_lock_pair(key, channel->kind->hands_over ? pti_gate_key(channel, !end) : key);
}

/* A sender waits for somebody to receive, which a hook is told. */
static void wake_hooks(pt_channel *channel)
{
    const void *key = pti_gate_key(channel, PTI_RECEIVERS);
    pti_waiter *hooks = NULL, **tail = &hooks;
    pti_queue *queue = pti_park_lock(key);
    for (pti_waiter *waiter = pti_park_first(queue, key), *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (waiter->call != NULL) {
            pti_park_take_out(queue, waiter);
            *tail = waiter;
            tail = &waiter->next;
        }
    }
    *tail = NULL;
    pti_park_unlock(queue);
    pti_park_wake_all(hooks, PTI_RETRY);
}

bool pti_gate_join(pt_channel *channel, enum pti_end end, pti_waiter *waiter, bool in_front)
{
    const void *key = pti_gate_key(channel, end);
    pti_queue_pair pair = lock(channel, end);
    bool may = end == PTI_SENDERS ? channel->kind->may_send(channel, waiter->sleeper)
                                  : channel->kind->may_receive(channel, waiter->sleeper);
    if (!may) /* J */
        (in_front ? pti_park_join_front : pti_park_join)(pti_park_queue(key), waiter, key);
    pti_park_unlock_pair(pair);
    if (!may && end == PTI_SENDERS && channel->kind->hands_over)
        wake_hooks(channel);
    return !may;
}

bool pti_gate_take_out(pt_channel *channel, enum pti_end end, pti_waiter *waiter)
{
    pti_queue *queue = pti_park_lock(pti_gate_key(channel, end));
    bool queued = waiter->queued;
    pti_park_take_out(queue, waiter);
    pti_park_unlock(queue);
    return queued;
}

/* Under the queue's lock: take out one who can be woken. */
static pti_waiter *take(pti_queue *queue, const void *key)
{
    pti_waiter *waiter = pti_park_take(queue, key);
    while (waiter != NULL && !pti_park_claim(waiter))
        waiter = pti_park_take(queue, key);
    return waiter;
}

static bool may(pt_channel *channel, enum pti_end end)
{
    return end == PTI_SENDERS ? channel->kind->may_send(channel, NULL) : channel->kind->may_receive(channel, NULL);
}

/* look: whether there is something for it is to be found out first. */
static void wake_one(pt_channel *channel, enum pti_end end, bool look)
{
    const void *key = pti_gate_key(channel, end);
    pti_queue *queue = pti_park_lock(key);
    bool first = (load_relaxed(&channel->waiting) & AWAKE[end]) == 0; /* nobody else has been quicker */
    pti_waiter *waiter = first && !(look && !may(channel, end)) ? take(queue, key) : NULL;
    if (waiter != NULL)
        or_relaxed(&channel->waiting, AWAKE[end]); /* W */
    pti_park_unlock(queue);
    if (waiter != NULL)
        pti_park_wake(waiter, PTI_RETRY);
}

void pti_gate_wake_all(pt_channel *channel, enum pti_end end)
{
    const void *key = pti_gate_key(channel, end);
    pti_waiter *taken = NULL, **tail = &taken;
    pti_queue *queue = pti_park_lock(key); /* in any case: who joins later sees what the caller did before */
    while ((*tail = take(queue, key)) != NULL)
        tail = &(*tail)->next;
    pti_park_unlock(queue);
    pti_park_wake_all(taken, PTI_RETRY);
}

/* Whether somebody is there to be woken: R2, as the caller has seen by R that somebody is there. */
static bool wants_wake(uint64_t waiting, enum pti_end end)
{
    uint64_t count = end == PTI_SENDERS ? waiting >> 32 : waiting & UINT32_MAX, awake = UINT64_C(1) << 31;
    return count != 0 && (count & awake) == 0;
}

static uint64_t read_again(pt_channel *channel)
{
    return __atomic_fetch_add(&channel->waiting, 0, __ATOMIC_ACQ_REL); /* R2 */
}

/* Wake one, if there is something for it. For a receiver that hangs on more than the caller's own change: it may have taken the
   last value of a channel that is closed meanwhile. So it is looked for under the queue's lock: if the caller has that before
   who closes has, then that one wakes all who have joined, and who joins later sees both; else the caller sees that it is
   closed. (A broadcast has room when all subscribers have, but orders looks by itself: see broadcast.c.) */
static void wake_next(pt_channel *channel, enum pti_end end)
{
    bool joint = end == PTI_RECEIVERS;
    if (joint || may(channel, end))
        wake_one(channel, end, joint);
}

void pti_gate_pass(pt_channel *channel, enum pti_end end)
{
    uint64_t waiting = read_again(channel);
    if (wants_wake(waiting, !end))
        wake_one(channel, !end, false);
    if (wants_wake(waiting, end))
        wake_next(channel, end);
}

void pti_gate_look(pt_channel *channel, enum pti_end end)
{
    if (pti_gate_waiting(channel) != 0 && wants_wake(read_again(channel), end))
        wake_next(channel, end);
}

void pti_gate_settle(pt_channel *channel, enum pti_end end)
{
    uint64_t waiting = __atomic_fetch_and(&channel->waiting, ~AWAKE[end], __ATOMIC_ACQ_REL) & ~AWAKE[end]; /* A */
    if (!channel->kind->hands_over && wants_wake(waiting, end))
        wake_next(channel, end);
}
