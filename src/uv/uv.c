/* uv.c: the bridge to a libuv loop. It stands on public headers only.

   What is awaited is an entry: of the list `awaited`, with a hook in the queue of its future or channel. Whoever has news calls
   that hook, which puts the entry onto the stack `arrived` too, and wakes the loop if that was empty. The loop takes the whole
   stack, moves what was on it to the list `due`, and delivers from there.

     arrived   the stack's first, linked by entry->arrived                              written by A and C
     hook      between its adding and settle() it is hook.c's
     the rest  of bridge and entries: the loop's thread only; what arrive() reads of them is written before the hook is added

     A   arrived: first -> entry           a hook's function, in whichever thread        acquire and release
     C   arrived: all -> NULL              the loop's thread                             acquire and release
   Pairs         C with A: the entry's link, and all that its thread did before, so that try_receive and try_get find the news.
                 A with C: who finds the stack empty comes after who emptied it, see below.
   No lost wake  uv_async_send() leads to a call of on_news() that begins later, but may do nothing itself if one is due
                 already, which it finds out by a look at its own flag. The stack is emptied by on_news(), after libuv has cleared
                 that flag, and by pt_uv_cancel() or _stop(), which leave what they found in `due`.
                 Who finds the stack empty sends. If on_news() emptied it, A sees that and therefore the flag cleared, however
                 weak libuv's look is: there will be a call that begins later. If another did, the same, or the flag is still
                 set, and its call is yet to come.
                 Who finds the stack in use does not send: who put the first there has sent, or is about to, and the call that
                 this leads to is yet to empty the stack. A cancel may empty it before, but the call serves `due` as well.
   Lifetime      settle() waits until the hook's function has returned, or takes the hook back. Only after it is an entry given
                 back to its owner, or has its hook added again; and a bridge that closes has done so with all entries before it
                 closes its uv_async_t. So nobody is within uv_async_send() any more, and nobody comes later. */
#include <pt_uv.h>

#include <pt_thread.h>

#include <stdlib.h>
#include <uv.h>

#include "atomic.h"

enum { MOST_IN_A_TURN = 128 }; /* deliveries, until the loop's other handles have their turn */

struct pti_uv_kind {
    /* Call back, up to `most` times, and say how often; the entry is awaited, and its hook not added. */
    int (*deliver)(struct pti_uv_entry *entry, int most);
    /* Call back for the last time: the bridge is closed. */
    void (*abort)(struct pti_uv_entry *entry);
};

struct pt_uv {
    uv_async_t async; /* first: it is what libuv knows of */
    struct pti_uv_entry *arrived;
    struct pti_uv_link awaited, due; /* an entry is in one of them */
    size_t count;                    /* in both */
    pt_uv_receiver *delivering;      /* whose callback runs; NULL: none, or it was stopped */
    uint64_t thread;                 /* constant */
    bool closing;
    void (*closed)(void *arg);
    void *arg;
};

/* ---- Lists --------------------------------------------------------------------------------- */

static void list_init(struct pti_uv_link *list)
{
    list->next = list->previous = list;
}

static bool list_empty(const struct pti_uv_link *list)
{
    return list->next == list;
}

static void list_add(struct pti_uv_link *list, struct pti_uv_link *link)
{
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

static void list_remove(struct pti_uv_link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
}

/* Of a list that is not empty. */
static struct pti_uv_entry *list_first(struct pti_uv_link *list)
{
    return (struct pti_uv_entry *)(void *)list->next;
}

/* ---- Entries ------------------------------------------------------------------------------- */

/* A hook's function: there are news for the entry. */
static void arrive(void *arg)
{
    struct pti_uv_entry *entry = arg;
    pt_uv *bridge = entry->bridge;
    struct pti_uv_entry *first = load_relaxed(&bridge->arrived);
    do
        entry->arrived = first;
    while (!cas_acq_rel(&bridge->arrived, &first, entry)); /* A */
    if (first == NULL)
        uv_async_send(&bridge->async);
}

/* Move what has arrived to what is due, in the order in which it came. */
static void collect(pt_uv *bridge)
{
    struct pti_uv_entry *entry = swap_acq_rel(&bridge->arrived, NULL), *next, *in_order = NULL; /* C */
    for (; entry != NULL; entry = next) {
        next = entry->arrived;
        entry->arrived = in_order;
        in_order = entry;
    }
    for (entry = in_order; entry != NULL; entry = entry->arrived) {
        list_remove(&entry->link);
        list_add(&bridge->due, &entry->link);
    }
}

/* Whatever its hook does, it has done, and does it no more. */
static void settle(struct pti_uv_entry *entry)
{
    pt_ready_hook_remove(&entry->hook);
}

/* It is awaited from now on. */
static void enter(pt_uv *bridge, struct pti_uv_entry *entry, const struct pti_uv_kind *kind)
{
    entry->kind = kind;
    entry->bridge = bridge;
    entry->hook = (pt_ready_hook){.function = NULL};
    list_add(&bridge->awaited, &entry->link);
    if (bridge->count++ == 0)
        uv_ref((uv_handle_t *)&bridge->async);
}

/* It is its owner's again; its hook is settled, and it is not on the stack. */
static void leave(struct pti_uv_entry *entry)
{
    pt_uv *bridge = entry->bridge;
    entry->bridge = NULL;
    list_remove(&entry->link);
    if (--bridge->count == 0 && !bridge->closing)
        uv_unref((uv_handle_t *)&bridge->async);
}

/* Whether the bridge may be used by this thread, and if it takes new entries. */
static pt_status usable(const pt_uv *bridge)
{
    if (bridge == NULL || bridge->thread != pt_thread_id(NULL))
        return PT_ERR_INVALID;
    return bridge->closing ? PT_ERR_CLOSED : PT_OK;
}

/* Take it back from wherever it is; false if it is not in use, or not this thread's. */
static bool take_back(struct pti_uv_entry *entry)
{
    if (usable(entry->bridge) == PT_ERR_INVALID)
        return false;
    settle(entry);
    collect(entry->bridge); /* it may have arrived */
    leave(entry);
    return true;
}

/* ---- Requests ------------------------------------------------------------------------------ */

static pt_uv_request *request_of(struct pti_uv_entry *entry)
{
    return (pt_uv_request *)(void *)((char *)entry - offsetof(pt_uv_request, entry));
}

static void call_back(struct pti_uv_entry *entry, pt_status status)
{
    pt_uv_request *request = request_of(entry);
    pt_future *future = request->object;
    leave(entry);
    request->callback(request, future, status);
    pt_future_release(future);
}

static int deliver_end(struct pti_uv_entry *entry, int most)
{
    (void)most;
    call_back(entry, PT_OK);
    return 1;
}

static void abort_request(struct pti_uv_entry *entry)
{
    call_back(entry, PT_ERR_ABORTED);
}

static const struct pti_uv_kind FUTURE = {.deliver = deliver_end, .abort = abort_request};

static pt_status check_request(pt_uv *bridge, pt_uv_request *request, pt_uv_future_callback callback)
{
    if (request == NULL || callback == NULL || request->entry.bridge != NULL)
        return PT_ERR_INVALID;
    return usable(bridge);
}

pt_status pt_uv_on_future(pt_uv *bridge, pt_future *future, pt_uv_request *request, pt_uv_future_callback callback)
{
    pt_status status = future == NULL ? PT_ERR_INVALID : check_request(bridge, request, callback);
    if (status != PT_OK)
        return status;
    request->object = pt_future_retain(future);
    request->callback = callback;
    enter(bridge, &request->entry, &FUTURE);
    return pt_future_on_ready(future, &request->entry.hook, arrive, &request->entry);
}

pt_status pt_uv_queue_work(pt_uv *bridge, pt_pool *pool, pt_task_function function, void *arg,
                           pt_uv_request *request, pt_uv_future_callback callback)
{
    pt_future *future;
    pt_task_config config = {.until = pt_at(-1)}; /* a loop does not wait; 0 would be for ever */
    pt_status status = check_request(bridge, request, callback);
    if (status != PT_OK)
        return status;
    if (pool == NULL && (pool = pt_pool_default()) == NULL)
        return PT_ERR_AGAIN;
    status = pt_pool_submit(pool, &future, function, arg, &config);
    if (status != PT_OK)
        return status == PT_ERR_TIMEOUT ? PT_ERR_BUSY : status;
    status = pt_uv_on_future(bridge, future, request, callback);
    pt_future_release(future);
    return status;
}

pt_status pt_uv_cancel(pt_uv_request *request)
{
    if (request == NULL || !take_back(&request->entry))
        return PT_ERR_INVALID;
    pt_future_release(request->object);
    return PT_OK;
}

/* ---- Receivers ----------------------------------------------------------------------------- */

static pt_uv_receiver *receiver_of(struct pti_uv_entry *entry)
{
    return (pt_uv_receiver *)(void *)((char *)entry - offsetof(pt_uv_receiver, entry));
}

/* The last callback. */
static void end_receiver(pt_uv_receiver *receiver, pt_status status)
{
    pt_channel *channel = receiver->channel;
    free(receiver->value);
    leave(&receiver->entry);
    receiver->callback(receiver, NULL, status);
    pt_channel_release_receiver(channel);
}

static void abort_receiver(struct pti_uv_entry *entry)
{
    end_receiver(receiver_of(entry), PT_ERR_ABORTED);
}

/* Call back with the value; false if the receiver was stopped meanwhile, and may be gone. */
static bool hand_over(pt_uv *bridge, pt_uv_receiver *receiver)
{
    void *value = receiver->value;
    bridge->delivering = receiver;
    receiver->callback(receiver, value, PT_OK);
    bool goes_on = bridge->delivering != NULL;
    bridge->delivering = NULL;
    if (!goes_on)
        free(value);
    return goes_on;
}

static int deliver_values(struct pti_uv_entry *entry, int most)
{
    pt_uv *bridge = entry->bridge;
    pt_uv_receiver *receiver = receiver_of(entry);
    pt_status status = PT_OK;
    int count = 0;
    while (count < most && (status = pt_channel_try_receive(receiver->channel, receiver->value)) == PT_OK) {
        count++;
        if (!hand_over(bridge, receiver) || bridge->closing)
            return count;
    }
    if (status == PT_ERR_CLOSED) {
        end_receiver(receiver, PT_ERR_CLOSED);
        return count + 1;
    }
    /* If there is more, that calls arrive() at once, and the receiver goes behind all that is due. PT_OK: it is no broadcast. */
    (void)!pt_channel_on_ready(receiver->channel, &entry->hook, arrive, entry);
    return count;
}

static const struct pti_uv_kind RECEIVER = {.deliver = deliver_values, .abort = abort_receiver};

pt_status pt_uv_receive(pt_uv *bridge, pt_channel *channel, pt_uv_receiver *receiver,
                        pt_uv_receive_callback callback)
{
    if (channel == NULL || receiver == NULL || callback == NULL || receiver->entry.bridge != NULL)
        return PT_ERR_INVALID;
    pt_status status = usable(bridge);
    if (status != PT_OK)
        return status;
    size_t size = pt_channel_value_size(channel);
    void *value = malloc(size > 0 ? size : 1);
    if (value == NULL)
        return PT_ERR_NOMEM;
    receiver->channel = pt_channel_retain_receiver(channel);
    receiver->value = value;
    receiver->callback = callback;
    enter(bridge, &receiver->entry, &RECEIVER);
    status = pt_channel_on_ready(channel, &receiver->entry.hook, arrive, &receiver->entry);
    if (status != PT_OK)
        pt_uv_stop(receiver);
    return status;
}

pt_status pt_uv_stop(pt_uv_receiver *receiver)
{
    pt_uv *bridge = receiver == NULL ? NULL : receiver->entry.bridge;
    if (bridge == NULL || !take_back(&receiver->entry))
        return PT_ERR_INVALID;
    if (bridge->delivering == receiver)
        bridge->delivering = NULL; /* hand_over() frees the value, which its callback still has */
    else
        free(receiver->value);
    pt_channel_release_receiver(receiver->channel);
    return PT_OK;
}

/* ---- The bridge ---------------------------------------------------------------------------- */

static void on_news(uv_async_t *async)
{
    pt_uv *bridge = (pt_uv *)(void *)async;
    int left = MOST_IN_A_TURN;
    collect(bridge);
    while (left > 0 && !list_empty(&bridge->due)) {
        struct pti_uv_entry *entry = list_first(&bridge->due);
        list_remove(&entry->link);
        list_add(&bridge->awaited, &entry->link);
        settle(entry);
        left -= entry->kind->deliver(entry, left);
    }
    if (!list_empty(&bridge->due))
        uv_async_send(async); /* the rest in the next turn */
}

pt_status pt_uv_create(pt_uv **out, struct uv_loop_s *loop)
{
    if (out == NULL || loop == NULL)
        return PT_ERR_INVALID;
    pt_uv *bridge = calloc(1, sizeof *bridge);
    if (bridge == NULL || uv_async_init(loop, &bridge->async, on_news) != 0) {
        free(bridge);
        return PT_ERR_NOMEM;
    }
    uv_unref((uv_handle_t *)&bridge->async); /* nothing is awaited */
    list_init(&bridge->awaited);
    list_init(&bridge->due);
    bridge->thread = pt_thread_id(NULL);
    *out = bridge;
    return PT_OK;
}

static void on_closed(uv_handle_t *handle)
{
    pt_uv *bridge = (pt_uv *)(void *)handle;
    while (!list_empty(&bridge->awaited)) {
        struct pti_uv_entry *entry = list_first(&bridge->awaited);
        entry->kind->abort(entry);
    }
    if (bridge->closed != NULL)
        bridge->closed(bridge->arg);
    free(bridge);
}

static void settle_all(struct pti_uv_link *list)
{
    for (struct pti_uv_link *link = list->next; link != list; link = link->next)
        settle((struct pti_uv_entry *)(void *)link);
}

pt_status pt_uv_close(pt_uv *bridge, void (*closed)(void *arg), void *arg)
{
    pt_status status = usable(bridge);
    if (status != PT_OK)
        return status;
    if (uv_is_closing((uv_handle_t *)&bridge->async))
        return PT_ERR_INVALID;
    bridge->closing = true;
    bridge->closed = closed;
    bridge->arg = arg;
    settle_all(&bridge->awaited);
    settle_all(&bridge->due);
    collect(bridge); /* nothing arrives any more, so nothing is due from here on */
    while (!list_empty(&bridge->due)) {
        struct pti_uv_link *link = bridge->due.next;
        list_remove(link);
        list_add(&bridge->awaited, link);
    }
    uv_close((uv_handle_t *)&bridge->async, on_closed);
    return PT_OK;
}

pt_uv *pt_uv_of_handle(const struct uv_handle_s *handle)
{
    const uv_async_t *async = (const void *)handle;
    bool ours = handle != NULL && handle->type == UV_ASYNC && async->async_cb == on_news;
    return ours ? (pt_uv *)(uintptr_t)async : NULL;
}

struct uv_loop_s *pt_uv_loop(const pt_uv *bridge)
{
    return bridge == NULL ? NULL : bridge->async.loop;
}

size_t pt_uv_awaited(const pt_uv *bridge)
{
    return bridge == NULL ? 0 : bridge->count;
}
