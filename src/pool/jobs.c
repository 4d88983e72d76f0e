/* jobs.c: where jobs wait.

   Jobs from outside go to the pool's queues, which are channels, one for each priority: they know how to be bounded, how to make
   senders wait, and how to be closed so that what was sent before is received, and nothing after. Jobs that a worker posts
   go to its ring; and if that is full, or the queues are closed, to `overflow`, a channel without bounds that is never closed.

   ring: the worker puts jobs in at `tail`; whoever takes one, the worker included, takes the oldest at `head`.
     P   writes jobs[tail], then tail + 1   the worker                       sequentially consistent: see wake.c
     T   reads tail                         who takes                        acquire
     H   head + 1, compare-and-swap         who takes, after it read the job acquire and release
     S   reads head                         the worker, to see whether there is room   acquire
   Pairs      P with T: who takes sees the job. H with S: the job was read before the worker writes over it.
              A job is read before H says that it is the reader's to have; if it is not, what was read is thrown away, and may be
              half of one job and half of another.
   Once       head and tail only rise, and H of one head succeeds once. */
#include "pool.h"

#include "atomic.h"
#include "port.h"

enum { OVERFLOW = PTI_PRIORITIES, NOTED = 64 /* of so many jobs one notes when it came */ };

/* ---- A worker's ring ------------------------------------------------------------------------ */

static void write_job(struct pti_job *at, struct pti_job job)
{
    store_relaxed(&at->function, job.function);
    store_relaxed(&at->arg, job.arg);
    store_relaxed(&at->since, job.since);
}

static bool put(pti_member *member, struct pti_job job)
{
    struct pti_ring *ring = &member->ring;
    uint64_t tail = load_relaxed(&ring->tail);
    if (tail - load_acquire(&ring->head) == PTI_RING) /* S */
        return false;
    write_job(&ring->jobs[tail % PTI_RING], job);
    store_agreed(&ring->tail, tail + 1); /* P */
    return true;
}

bool pti_jobs_take_from(pti_member *victim, struct pti_job *job)
{
    struct pti_ring *ring = &victim->ring;
    uint64_t head = load_acquire(&ring->head);
    while (head < load_acquire(&ring->tail)) { /* T */
        struct pti_job *at = &ring->jobs[head % PTI_RING];
        *job = (struct pti_job){load_relaxed(&at->function), load_relaxed(&at->arg), load_relaxed(&at->since)};
        if (cas_acq_rel(&ring->head, &head, head + 1)) /* H */
            return true;
    }
    return false;
}

bool pti_jobs_any_of(const pti_member *member)
{
    return load_agreed(&member->ring.head) < load_agreed(&member->ring.tail);
}

size_t pti_jobs_count_of(const pti_member *member)
{
    uint64_t head = load_acquire(&member->ring.head), tail = load_acquire(&member->ring.tail);
    return head < tail ? (size_t)(tail - head) : 0;
}

/* ---- The queues ------------------------------------------------------------------------------ */

static void note_used(pt_pool *pool, unsigned queue)
{
    if ((load_relaxed(&pool->used) >> queue & 1) == 0)
        or_relaxed(&pool->used, 1u << queue);
}

static bool take(pt_pool *pool, unsigned queue, struct pti_job *job)
{
    if ((load_relaxed(&pool->used) >> queue & 1) == 0)
        return false;
    return pt_channel_try_receive(queue == OVERFLOW ? pool->overflow : pool->queues[queue], job) == PT_OK;
}

bool pti_jobs_take_queued(pt_pool *pool, uint32_t turn, struct pti_job *job)
{
    static const unsigned char usual[] = {PT_JOB_HIGH, OVERFLOW, PT_JOB_NORMAL, PT_JOB_LOW};
    unsigned first = turn % 16 == 8   ? PT_JOB_NORMAL
                     : turn % 16 == 0 ? PT_JOB_LOW
                     : turn % 16 == 4 ? OVERFLOW
                                      : PT_JOB_HIGH;
    if (take(pool, first, job))
        return true;
    for (unsigned i = 0; i < sizeof usual; i++) {
        if (take(pool, usual[i], job))
            return true;
    }
    return false;
}

bool pti_jobs_any(pt_pool *pool)
{
    uint32_t used = load_relaxed(&pool->used);
    for (unsigned queue = 0; queue <= OVERFLOW; queue++) {
        if ((used >> queue & 1) != 0 &&
            pt_channel_length(queue == OVERFLOW ? pool->overflow : pool->queues[queue]) != 0)
            return true;
    }
    return false;
}

size_t pti_jobs_count(const pt_pool *pool)
{
    size_t count = pt_channel_length(pool->overflow);
    for (unsigned queue = 0; queue < PTI_PRIORITIES; queue++)
        count += pt_channel_length(pool->queues[queue]);
    return count;
}

/* ---- Posting --------------------------------------------------------------------------------- */

static pt_time note_time(void)
{
    static _Thread_local uint32_t count;
    return ++count % NOTED == 0 ? pti_port_now() : 0;
}

bool pti_jobs_put_back(pt_pool *pool, struct pti_job job)
{
    note_used(pool, OVERFLOW);
    bool put_back = pt_channel_try_send(pool->overflow, &job) == PT_OK;
    if (put_back)
        pti_wake_with_fence(pool);
    return put_back;
}

static pt_status post_inside(pti_member *member, struct pti_job job, pt_job_priority priority)
{
    pt_pool *pool = member->pool;
    if (priority == PT_JOB_NORMAL && put(member, job)) {
        pti_wake_somebody(pool);
        return PT_OK;
    }
    pt_status status = PT_ERR_CLOSED;
    if (priority != PT_JOB_NORMAL) {
        note_used(pool, priority);
        status = pt_channel_try_send(pool->queues[priority], &job);
    }
    if (status != PT_OK)
        return pti_jobs_put_back(pool, job) ? PT_OK : PT_ERR_NOMEM;
    pti_wake_with_fence(pool);
    return PT_OK;
}

pt_status pti_jobs_post(pt_pool *pool, struct pti_job job, pt_job_priority priority, pt_until until)
{
    pti_member *member = pti_member_self();
    job.since = note_time();
    if (pti_pool_was_left(pool))
        return PT_ERR_CLOSED;
    if (member != NULL && member->pool == pool && member->index < pool->most)
        return post_inside(member, job, priority);
    note_used(pool, priority);
    pt_status status = pt_channel_send_until(pool->queues[priority], &job, until);
    if (status == PT_OK)
        pti_wake_with_fence(pool);
    return status;
}

pt_status pti_jobs_post_many(pt_pool *pool, const struct pti_job *jobs, size_t count, size_t *posted,
                             pt_until until)
{
    if (pti_pool_was_left(pool))
        return PT_ERR_CLOSED;
    note_used(pool, PT_JOB_NORMAL);
    pt_status status = pt_channel_send_many(pool->queues[PT_JOB_NORMAL], jobs, count, posted, until);
    if (*posted != 0)
        pti_wake_with_fence(pool);
    return status;
}

/* Counting as awake: as long as somebody is, a pool that closes meanwhile does not come to its end (pool.c: F). */
bool pti_jobs_post_anyway(pt_pool *pool, struct pti_job job, pt_job_priority priority)
{
    pti_member *member = pti_member_self();
    if (member != NULL && member->pool == pool)
        return pti_jobs_post(pool, job, priority, pt_at(0)) == PT_OK || pti_jobs_put_back(pool, job);
    if (pti_pool_was_left(pool))
        return false;
    pti_wake_change(pool, 1, 0, 0, 0);
    bool posted = !pti_pool_is_closing(pool) &&
                  (pti_jobs_post(pool, job, priority, pt_at(0)) == PT_OK || pti_jobs_put_back(pool, job));
    pti_wake_change(pool, -1, 0, 0, 0);
    return posted;
}
