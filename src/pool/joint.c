/* joint.c: what is done when futures have ended: all of them, the first, one after the other.

   A joint has a waiter in the queue of each of its futures, whose wake is a call. It counts:

     left   futures that have not ended, and one for who makes the joint
     C   left - 1     who ends a future, after it did what is to be done for each; or who made the joint     acquire and release
     L   left = 0     does what is to be done for all, and frees the joint

   Pairs   each C with L's: what is done for all sees what was done for each. */
#include "atomic.h"
#include "event.h"
#include "future.h"
#include "memory.h"
#include "pool.h"

struct joint;

struct entry {
    pti_waiter waiter; /* first: it is what is woken */
    struct joint *joint;
    pt_future *future; /* a reference */
};

struct joint {
    uint32_t left;
    void (*each)(struct joint *joint, size_t index); /* NULL: nothing is done for each */
    void (*all)(struct joint *joint);
    pt_future *out;      /* a reference, or NULL */
    pt_channel *channel; /* a sender's reference, or NULL */
    pt_job_priority priority;
    size_t count;
    struct entry entries[];
};

static void free_joint(struct joint *joint)
{
    for (size_t i = 0; i < joint->count; i++)
        pt_future_release(joint->entries[i].future);
    if (joint->out != NULL && joint->out->pool != NULL)
        pti_pool_drop_reference(joint->out->pool);
    pt_future_release(joint->out);
    pt_channel_release_sender(joint->channel);
    pti_free(joint);
}

static void count_down(struct joint *joint)
{
    if (sub_acq_rel(&joint->left, 1) != 1) /* C */
        return;
    if (joint->all != NULL)
        joint->all(joint); /* L */
    free_joint(joint);
}

static void one_has_ended(pti_waiter *waiter)
{
    struct entry *entry = (struct entry *)(void *)waiter;
    struct joint *joint = entry->joint;
    if (joint->each != NULL)
        joint->each(joint, (size_t)(entry - joint->entries));
    count_down(joint);
}

static bool are_valid(pt_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (futures == NULL || futures[i] == NULL)
            return false;
    }
    return count <= UINT32_MAX - 1 && count <= (SIZE_MAX - sizeof(struct joint)) / sizeof(struct entry);
}

static struct joint *new_joint(pt_future *const *futures, size_t count)
{
    struct joint *joint = pti_allocate(sizeof *joint + count * sizeof joint->entries[0]);
    if (joint == NULL)
        return NULL;
    joint->count = count;
    joint->left = (uint32_t)count + 1;
    for (size_t i = 0; i < count; i++) {
        joint->entries[i].joint = joint;
        joint->entries[i].future = pt_future_retain(futures[i]);
    }
    return joint;
}

/* From here on it may be gone at any time. */
static void start(struct joint *joint)
{
    for (size_t i = 0; i < joint->count; i++) {
        struct entry *entry = &joint->entries[i];
        pti_park_prepare(&entry->waiter, "future (joint)");
        entry->waiter.call = one_has_ended;
        entry->waiter.queued = false;
        if (!pti_event_join(&entry->future->ended, &entry->waiter))
            one_has_ended(&entry->waiter);
    }
    count_down(joint);
}

/* ---- All, any, one after the other --------------------------------------------------------------- */

/* The first that did not end well, or NULL. */
static pt_future *find_failed(const struct joint *joint)
{
    for (size_t i = 0; i < joint->count; i++) {
        if (pt_future_get_state(joint->entries[i].future) != PT_FUTURE_DONE)
            return joint->entries[i].future;
    }
    return NULL;
}

static void end_alike(pt_future *out, const pt_future *ended)
{
    pt_error error;
    if (pt_future_error(ended, &error) == PT_OK)
        pt_future_fail(out, error.code, error.message);
    else
        pt_future_abort(out);
}

static void end_when_all(struct joint *joint)
{
    pt_future *failed = find_failed(joint);
    if (failed != NULL)
        end_alike(joint->out, failed);
    else
        pt_future_complete(joint->out, NULL);
}

/* The first that ended well gives its result away. */
static void end_with_first(struct joint *joint, size_t index)
{
    void *result;
    pt_future *out = joint->out, *future = joint->entries[index].future;
    if (pt_future_get_state(future) != PT_FUTURE_DONE || pt_future_start(out) != PT_OK)
        return;
    if (pt_future_try_get(future, &result) != PT_OK)
        return; /* cannot be: it has ended */
    out->config = future->config;
    if (pt_future_complete(out, result) != PT_OK)
        pti_future_lose(out, result);
}

/* That does nothing if there was one. */
static void end_without_any(struct joint *joint)
{
    if (joint->count == 0)
        pt_future_abort(joint->out);
    else
        end_alike(joint->out, joint->entries[joint->count - 1].future);
}

static pt_status make(pt_future **out, pt_future *const *futures, size_t count,
                      void (*each)(struct joint *, size_t), void (*all)(struct joint *))
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || !are_valid(futures, count))
        return PT_ERR_INVALID;
    struct joint *joint = new_joint(futures, count);
    if (joint == NULL)
        return PT_ERR_NOMEM;
    pt_status status = pt_future_create(out, NULL);
    if (status != PT_OK) {
        free_joint(joint);
        return status;
    }
    joint->each = each;
    joint->all = all;
    joint->out = pt_future_retain(*out);
    start(joint);
    return PT_OK;
}

pt_status pt_future_all(pt_future **out, pt_future *const *futures, size_t count)
{
    return make(out, futures, count, NULL, end_when_all);
}

pt_status pt_future_any(pt_future **out, pt_future *const *futures, size_t count)
{
    return make(out, futures, count, end_with_first, end_without_any);
}

static void send_index(struct joint *joint, size_t index)
{
    (void)!pt_channel_try_send(joint->channel, &index);
}

pt_status pt_future_as_completed(pt_future *const *futures, size_t count, pt_channel *indices)
{
    if (!are_valid(futures, count) || pt_channel_value_size(indices) != sizeof(size_t) ||
        pt_channel_capacity(indices) - pt_channel_length(indices) < count)
        return PT_ERR_INVALID;
    struct joint *joint = new_joint(futures, count);
    if (joint == NULL)
        return PT_ERR_NOMEM;
    joint->each = send_index;
    joint->channel = pt_channel_retain_sender(indices);
    start(joint);
    return PT_OK;
}

/* ---- Jobs that come after --------------------------------------------------------------------------- */

static void submit_out(struct joint *joint)
{
    pti_task_post_anyway(joint->out, joint->priority);
}

static void submit_out_if_well(struct joint *joint)
{
    pt_future *failed = find_failed(joint);
    if (failed != NULL)
        end_alike(joint->out, failed);
    else
        submit_out(joint);
}

/* Of a job's future that is made already, whose reference this takes. */
static pt_status start_after(pt_future *future, pt_future **out, pt_future *const *futures, size_t count,
                             void (*all)(struct joint *), const pt_task_config *config)
{
    struct joint *joint = new_joint(futures, count);
    if (joint == NULL) {
        pt_future_release(future);
        return PT_ERR_NOMEM;
    }
    add_relaxed(&future->pool->references, 1); /* relaxed: the caller has a handle */
    joint->out = future;
    joint->all = all;
    joint->priority = config == NULL ? PT_JOB_NORMAL : config->priority;
    if (out != NULL)
        *out = pt_future_retain(future);
    start(joint);
    return PT_OK;
}

pt_status pt_future_after(pt_pool *pool, pt_future **out, pt_future *const *futures, size_t count,
                          pt_task_function function, void *arg, const pt_task_config *config)
{
    pt_future *future;
    if (out != NULL)
        *out = NULL;
    pt_status status =
        are_valid(futures, count) ? pti_task_make(&future, pool, (pt_task){function, arg}, config) : PT_ERR_INVALID;
    return status == PT_OK ? start_after(future, out, futures, count, submit_out_if_well, config) : status;
}

static void *never_called(void *arg)
{
    return arg;
}

pt_status pt_future_then(pt_pool *pool, pt_future **out, pt_future *future, pt_then_function function, void *arg,
                         const pt_task_config *config)
{
    pt_future *next;
    if (out != NULL)
        *out = NULL;
    if (future == NULL || function == NULL)
        return PT_ERR_INVALID;
    pt_status status = pti_task_make(&next, pool, (pt_task){never_called, arg}, config);
    if (status != PT_OK)
        return status;
    next->then = function;
    next->before = pt_future_retain(future);
    return start_after(next, out, &future, 1, submit_out, config);
}
