/* task.c: jobs with an answer.

   A future that was submitted is in a queue as a job, with a reference of its own. Who takes the job, or waits for the future
   inside a job of the same pool, begins the future, which one of them can (future.c: B), and runs it. The other finds it begun,
   and has nothing to do.

   Delayed jobs are in the pool's list `delayed`, under its lock, and have a timer. Who takes one out of the list, the
   timers' thread when it is due or who closes the pool, posts or drops it. */
#include "pool.h"

#include "atomic.h"
#include "future.h"
#include "memory.h"
#include "timer.h"

struct pti_delayed {
    pti_timer timer;
    pt_pool *pool;     /* constant, as are these; has a reference */
    pt_future *future; /* its job's reference */
    pt_job_priority priority;
    struct pti_delayed *next, *previous; /* under the pool's lock */
    bool listed;
};

/* ---- Running one --------------------------------------------------------------------------- */

static void begin_and_run(pti_member *member, pt_future *future)
{
    if (pt_future_start(future) != PT_OK)
        return;
    pt_future *before = member->current;
    member->current = future;
    void *result = future->then != NULL ? future->then(future->before, future->arg) : future->function(future->arg);
    member->current = before;
    if (pt_future_complete(future, result) != PT_OK && result != NULL)
        pti_future_lose(future, result);
}

static void run_task(void *future)
{
    begin_and_run(pti_member_self(), future);
    pt_future_release(future);
}

void pti_task_help(pt_future *future)
{
    pti_member *member = pti_member_self();
    if (future->pool == NULL || member == NULL || member->pool != future->pool || !member->inside)
        return;
    if (pti_fork_has_room(member) && !pti_pool_is_dropping(member->pool))
        begin_and_run(member, future);
}

pt_cancel *pti_task_stop(const pt_future *future)
{
    return future == pt_future_current() ? future->pool->stop : NULL;
}

pt_future *pt_future_current(void)
{
    pti_member *member = pti_member_self();
    return member == NULL ? NULL : member->current;
}

static void drop(pt_future *future)
{
    pt_future_abort(future);
    pt_future_release(future);
}

void pti_task_drop(pt_pool *pool, struct pti_job job)
{
    if (job.function == run_task)
        drop(job.arg);
    else if (pool->config.on_drop != NULL)
        pool->config.on_drop(job.function, job.arg, pool->config.arg);
}

void pti_task_post_anyway(pt_future *future, pt_job_priority priority)
{
    struct pti_job job = {run_task, pt_future_retain(future), 0};
    if (!pti_jobs_post_anyway(future->pool, job, priority))
        drop(future);
}

/* ---- Delayed ones -------------------------------------------------------------------------- */

static void free_delayed(pti_timer *timer)
{
    struct pti_delayed *delayed = (struct pti_delayed *)(void *)timer;
    pti_timers_leave();
    pti_pool_drop_reference(delayed->pool);
    pti_free(delayed);
}

/* Under the pool's lock. */
static bool take_out(struct pti_delayed *delayed)
{
    if (!delayed->listed)
        return false;
    delayed->listed = false;
    if (delayed->next != NULL)
        delayed->next->previous = delayed->previous;
    if (delayed->previous != NULL)
        delayed->previous->next = delayed->next;
    else
        delayed->pool->delayed = delayed->next;
    return true;
}

static void come_due(pti_timer *timer, const pt_tick *tick)
{
    (void)tick;
    struct pti_delayed *delayed = (struct pti_delayed *)(void *)timer;
    pti_short_lock(&delayed->pool->lock);
    bool ours = take_out(delayed);
    pti_short_unlock(&delayed->pool->lock);
    if (!ours)
        return;
    pti_task_post_anyway(delayed->future, delayed->priority);
    pt_future_release(delayed->future);
    pti_timer_end(timer, free_delayed);
}

static pt_status post_later(pt_pool *pool, pt_future *future, const pt_task_config *config)
{
    struct pti_delayed *delayed = pti_allocate(sizeof *delayed);
    pt_status status = delayed == NULL ? PT_ERR_NOMEM : pti_timers_enter();
    if (status != PT_OK) {
        pti_free(delayed);
        return status;
    }
    delayed->timer.function = come_due;
    delayed->pool = pool;
    delayed->future = future;
    delayed->priority = config->priority;
    delayed->listed = true;
    add_relaxed(&pool->references, 1);
    pti_short_lock(&pool->lock);
    delayed->next = pool->delayed;
    if (pool->delayed != NULL)
        pool->delayed->previous = delayed;
    pool->delayed = delayed;
    pti_short_unlock(&pool->lock);
    status = pti_timer_start(&delayed->timer, pt_after(config->after).deadline, 0);
    bool closed = pti_pool_is_closing(pool);
    if (status == PT_OK && !closed)
        return PT_OK;
    pti_short_lock(&pool->lock);
    bool ours = take_out(delayed);
    pti_short_unlock(&pool->lock);
    if (!ours)
        return PT_OK; /* who closed the pool has dropped it */
    pti_timer_end(&delayed->timer, free_delayed);
    return closed ? PT_ERR_CLOSED : status;
}

void pti_task_drop_delayed(pt_pool *pool)
{
    for (;;) {
        pti_short_lock(&pool->lock);
        struct pti_delayed *delayed = pool->delayed;
        if (delayed != NULL)
            take_out(delayed);
        pti_short_unlock(&pool->lock);
        if (delayed == NULL)
            return;
        drop(delayed->future);
        pti_timer_end(&delayed->timer, free_delayed);
    }
}

/* ---- Submitting ---------------------------------------------------------------------------- */

static bool is_valid(const pt_pool *pool, const pt_task_config *config)
{
    return pool != NULL &&
           (config == NULL || (config->priority >= PT_JOB_NORMAL && config->priority <= PT_JOB_LOW));
}

pt_status pti_task_make(pt_future **out, pt_pool *pool, pt_task task, const pt_task_config *config)
{
    if (!is_valid(pool, config) || task.function == NULL)
        return PT_ERR_INVALID;
    pt_status status = pt_future_create(out, config == NULL ? NULL : &config->future);
    if (status != PT_OK)
        return status;
    (*out)->pool = pool;
    (*out)->function = task.function;
    (*out)->arg = task.arg;
    return PT_OK;
}

/* Hand it over, with a reference for its job; else that is not taken. */
static pt_status hand_over(pt_pool *pool, pt_future *future, const pt_task_config *config)
{
    static const pt_until none;
    bool forever = config->until.deadline == none.deadline && config->until.cancel == NULL;
    pt_future_retain(future);
    pt_status status = config->after > 0 ? post_later(pool, future, config)
                                         : pti_jobs_post(pool, (struct pti_job){run_task, future, 0},
                                                         config->priority, forever ? PT_FOREVER : config->until);
    if (status != PT_OK)
        pt_future_release(future);
    return status;
}

pt_status pt_pool_submit(pt_pool *pool, pt_future **out, pt_task_function function, void *arg,
                         const pt_task_config *config)
{
    pt_task task = {function, arg};
    pt_future *future = NULL;
    pt_status status = pt_pool_submit_many(pool, &future, &task, 1, config);
    if (out != NULL)
        *out = future;
    else
        pt_future_release(future);
    return status;
}

pt_status pt_pool_submit_many(pt_pool *pool, pt_future **out, const pt_task *tasks, size_t count,
                              const pt_task_config *config)
{
    static const pt_task_config defaults;
    if (config == NULL)
        config = &defaults;
    if (!is_valid(pool, config) || (count != 0 && (out == NULL || tasks == NULL)))
        return PT_ERR_INVALID;
    pt_status status = PT_OK;
    size_t made = 0, handed = 0;
    while (made < count && status == PT_OK) {
        status = pti_task_make(&out[made], pool, tasks[made], config);
        made += status == PT_OK;
    }
    while (handed < made && status == PT_OK) {
        status = hand_over(pool, out[handed], config);
        handed += status == PT_OK;
    }
    for (size_t i = handed; i < count; i++) {
        if (i < made)
            pt_future_release(out[i]);
        out[i] = NULL;
    }
    return status;
}
