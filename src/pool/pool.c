/* pool.c: making pools, closing them, looking at them.

   closing: OPEN 0, DRAINING 1, DROPPING 2 (jobs are dropped now), and FINISHED 4 beside one of these: all threads were told
   to end
     C   -> DRAINING, -> DROPPING   who shuts down, or gives back the last handle; then it closes the queues, which is what
                                    outsiders find, and looks (wake.c: L)
     F   -> FINISHED                who found nobody awake or waiting, and nothing to do, after C

   The end    F is right for good: jobs from outside are refused, guests leave at once when they see C, and only jobs make jobs.
              Who woke a worker late, for a job that has ended meanwhile, makes one awake once more, which finds nothing and
              comes to F itself. F may be done several times: each tells all to end who rest.
   References One for all the handles, one for each thread, guest, and delayed job. The last to go frees the pool. */
#include "pool.h"

#include <stdio.h>

#include "atomic.h"
#include "memory.h"
#include "port.h"
#include "thread.h"

enum { OPEN = 0, DRAINING = 1, DROPPING = 2, FINISHED = 4 };
enum { MORE_THREADS = 64 };

static pt_pool *the_default; /* atomic */

/* ---- Records ------------------------------------------------------------------------------- */

pti_member *pti_pool_new_member(pt_pool *pool, uint32_t *count, uint32_t base, uint32_t most)
{
    uint32_t index = load_relaxed(count);
    pti_member *member = index < most ? pti_allocate(sizeof *member) : NULL;
    if (member == NULL)
        return NULL;
    while (index < most && !cas_acq_rel(count, &index, index + 1)) {
    }
    if (index >= most) {
        pti_free(member);
        return NULL;
    }
    member->pool = pool;
    member->index = base + index;
    member->random = (base + index) * 2654435761u + 1;
    member->call = (pt_event)PT_EVENT_AUTO_INIT;
    pti_fork_prepare(member);
    store_release(&pool->members[base + index], member);
    return member;
}

void pti_pool_keep_thread(pti_member *member, pt_thread *thread)
{
    pti_short_lock(&member->pool->lock);
    pt_thread *before = member->thread;
    member->thread = thread;
    pti_short_unlock(&member->pool->lock);
    pt_thread_release(before);
}

static void free_pool(pt_pool *pool)
{
    for (uint32_t i = 0; i < pool->most + PTI_GUESTS_MOST; i++) {
        if (pool->members[i] != NULL)
            pt_thread_release(pool->members[i]->thread);
        pti_free(pool->members[i]);
    }
    for (unsigned i = 0; i <= PTI_PRIORITIES; i++) {
        pt_channel *queue = i == PTI_PRIORITIES ? pool->overflow : pool->queues[i];
        pt_channel_release_sender(queue);
        pt_channel_release_receiver(queue);
    }
    pt_cancel_release(pool->stop);
    pti_free(pool);
}

void pti_pool_drop_reference(pt_pool *pool)
{
    if (sub_acq_rel(&pool->references, 1) == 1)
        free_pool(pool);
}

/* ---- Making one ---------------------------------------------------------------------------- */

static bool make_queues(pt_pool *pool)
{
    size_t capacity = pool->config.limit == 0 ? PT_UNBOUNDED : pool->config.limit;
    for (unsigned i = 0; i < PTI_PRIORITIES; i++) {
        if (pt_channel_create(&pool->queues[i], sizeof(struct pti_job), capacity, NULL) != PT_OK)
            return false;
    }
    return pt_channel_create(&pool->overflow, sizeof(struct pti_job), PT_UNBOUNDED, NULL) == PT_OK &&
           pt_cancel_create(&pool->stop, PT_FOREVER) == PT_OK;
}

static pt_pool *make(const pt_pool_config *config, unsigned size, unsigned most)
{
    pt_pool *pool = pti_allocate(sizeof *pool + (most + PTI_GUESTS_MOST) * sizeof pool->members[0]);
    if (pool == NULL)
        return NULL;
    pool->config = *config;
    pool->size = size;
    pool->most = most;
    pool->forks = pti_thread_forks();
    pool->references = pool->handles = 1;
    snprintf(pool->name, sizeof pool->name, "%s", config->name == NULL ? "pool" : config->name);
    pool->config.name = pool->name;
    if (make_queues(pool))
        return pool;
    free_pool(pool);
    return NULL;
}

static void start_workers(pt_pool *pool, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pti_wake_change(pool, 1, 1, 0, 0);
        if (!pti_worker_start(pool)) {
            pti_wake_change(pool, -1, -1, 0, 0);
            return;
        }
    }
}

static bool is_valid(const pt_pool_config *config)
{
    bool counts = config->size <= PT_POOL_MOST && config->most <= PT_POOL_MOST &&
                  (config->most == 0 || (config->size != 0 && config->most >= config->size));
    return counts && (config->stack_size == 0 || config->stack_size >= PTI_PORT_LEAST_STACK);
}

pt_status pt_pool_create(pt_pool **out, const pt_pool_config *config)
{
    static const pt_pool_config defaults;
    if (out != NULL)
        *out = NULL;
    if (config == NULL)
        config = &defaults;
    if (out == NULL || !is_valid(config))
        return PT_ERR_INVALID;
    unsigned size = config->size != 0 ? config->size : pti_port_parallelism();
    size = size < PT_POOL_MOST ? size : PT_POOL_MOST;
    unsigned most = config->most != 0 ? config->most : size + MORE_THREADS;
    pt_pool *pool = make(config, size, most < PT_POOL_MOST ? most : PT_POOL_MOST);
    if (pool == NULL)
        return PT_ERR_NOMEM;
    start_workers(pool, size);
    if (load_relaxed(&pool->threads) == 0) {
        free_pool(pool);
        return PT_ERR_AGAIN;
    }
    *out = pool;
    return PT_OK;
}

static bool is_usable(const pt_pool *pool)
{
    return pool != NULL && !pti_pool_was_left(pool) && !pti_pool_is_closing(pool);
}

pt_pool *pt_pool_default(void)
{
    pt_pool *pool = load_acquire(&the_default), *made; /* pairs with cas_release() of who made it */
    if (is_usable(pool))
        return pool;
    if (pt_pool_create(&made, NULL) != PT_OK)
        return NULL;
    if (cas_release(&the_default, &pool, made)) {
        pt_pool_release(pool);
        return made;
    }
    pt_pool_release(made); /* somebody else was quicker */
    return load_acquire(&the_default);
}

unsigned pti_pool_default_size(void)
{
    const pt_pool *pool = load_acquire(&the_default);
    return pool == NULL ? 2 : load_relaxed(&pool->size); /* there are two at least, or it does not matter */
}

/* ---- Closing it ---------------------------------------------------------------------------- */

bool pti_pool_was_left(const pt_pool *pool)
{
    return pool->forks != pti_thread_forks();
}

bool pti_pool_is_closing(const pt_pool *pool)
{
    return load_agreed(&pool->closing) != OPEN;
}

bool pti_pool_is_dropping(const pt_pool *pool)
{
    return (load_relaxed(&pool->closing) & DROPPING) != 0;
}

/* C. Whether this call did it. */
static bool begin_to_close(pt_pool *pool, uint32_t how)
{
    uint32_t seen = load_relaxed(&pool->closing);
    while ((seen & (DRAINING | DROPPING)) < how) {
        if (cas_agreed(&pool->closing, &seen, (seen & FINISHED) | how)) /* C */
            return true;
    }
    return false;
}

static void close_pool(pt_pool *pool, uint32_t how)
{
    if (!begin_to_close(pool, how))
        return;
    for (unsigned i = 0; i < PTI_PRIORITIES; i++)
        pt_channel_close(pool->queues[i]);
    pti_task_drop_delayed(pool);
    if (how == DROPPING) {
        pt_cancel_request(pool->stop, "the pool is shut down");
        pti_worker_drop_all(pool);
    }
    pti_wake_look(pool);
}

void pti_pool_finish(pt_pool *pool)
{
    if (load_agreed(&pool->closing) == OPEN)
        return;
    __atomic_fetch_or(&pool->closing, FINISHED, __ATOMIC_SEQ_CST); /* F */
    pti_member *told = NULL;
    pti_short_lock(&pool->lock);
    while (pti_wake_unrest(pool)) {
        pti_member *member = pool->resting;
        pool->resting = member->next;
        member->idle = false;
        member->gone = true;
        member->next = told;
        told = member;
    }
    pti_short_unlock(&pool->lock);
    while (told != NULL) {
        pti_member *member = told;
        told = member->next;
        pt_event_set(&member->call);
    }
}

void pti_pool_thread_ended(pti_member *member)
{
    pt_pool *pool = member->pool;
    pti_short_lock(&pool->lock);
    member->next = pool->unused;
    pool->unused = member;
    pti_short_unlock(&pool->lock);
    bool last = sub_acq_rel(&pool->threads, 1) == 1;
    if (last && (load_agreed(&pool->closing) & FINISHED) != 0)
        pt_event_set(&pool->ended);
    pti_pool_drop_reference(pool);
}

pt_pool *pt_pool_retain(pt_pool *pool)
{
    if (pool != NULL)
        add_relaxed(&pool->handles, 1); /* relaxed: the caller has a handle already */
    return pool;
}

void pt_pool_release(pt_pool *pool)
{
    if (pool == NULL || sub_acq_rel(&pool->handles, 1) != 1)
        return;
    if (!pti_pool_was_left(pool))
        close_pool(pool, DRAINING);
    pti_pool_drop_reference(pool);
}

/* All threads have ended, or are about to: wait until nothing of them is left. */
static void join_threads(pt_pool *pool)
{
    for (uint32_t i = 0; i < pool->most; i++) {
        pti_member *member = load_acquire(&pool->members[i]);
        if (member == NULL)
            continue;
        pti_short_lock(&pool->lock);
        pt_thread *thread = member->thread;
        member->thread = NULL;
        pti_short_unlock(&pool->lock);
        if (thread != NULL)
            (void)!pt_thread_join(thread, NULL);
        pt_thread_release(thread);
    }
}

pt_status pt_pool_shutdown_until(pt_pool *pool, pt_shutdown how, pt_until until)
{
    if (pool == NULL || how < PT_SHUTDOWN_DRAIN || how > PT_SHUTDOWN_CANCEL)
        return PT_ERR_INVALID;
    if (pti_pool_was_left(pool))
        return PT_OK;
    if (pt_pool_current() == pool)
        return PT_ERR_DEADLOCK;
    close_pool(pool, how == PT_SHUTDOWN_DRAIN ? DRAINING : DROPPING);
    pt_status status = pt_event_wait_until(&pool->ended, until);
    if (status == PT_OK)
        join_threads(pool);
    return status;
}

pt_status pt_pool_shutdown(pt_pool *pool, pt_shutdown how)
{
    return pt_pool_shutdown_until(pool, how, PT_FOREVER);
}

pt_status pt_pool_destroy(pt_pool *pool)
{
    pt_status status = pt_pool_shutdown(pool, PT_SHUTDOWN_DRAIN);
    if (status == PT_OK)
        pt_pool_release(pool);
    return status;
}

pt_status pt_pool_resize(pt_pool *pool, unsigned size)
{
    if (pool == NULL || size == 0 || size > pool->most)
        return PT_ERR_INVALID;
    store_agreed(&pool->size, size);
    pti_wake_look(pool);
    return PT_OK;
}

/* ---- Posting ------------------------------------------------------------------------------- */

pt_status pt_pool_post_until(pt_pool *pool, pt_job_function job, void *arg, pt_job_priority priority,
                             pt_until until)
{
    if (pool == NULL || job == NULL || priority < PT_JOB_NORMAL || priority > PT_JOB_LOW)
        return PT_ERR_INVALID;
    return pti_jobs_post(pool, (struct pti_job){job, arg, 0}, priority, until);
}

pt_status pt_pool_post(pt_pool *pool, pt_job_function job, void *arg)
{
    return pt_pool_post_until(pool, job, arg, PT_JOB_NORMAL, PT_FOREVER);
}

pt_status pt_pool_try_post(pt_pool *pool, pt_job_function job, void *arg)
{
    pt_status status = pt_pool_post_until(pool, job, arg, PT_JOB_NORMAL, pt_at(0));
    return status == PT_ERR_TIMEOUT || status == PT_ERR_NOBLOCK ? PT_ERR_BUSY : status;
}

pt_status pt_pool_post_many(pt_pool *pool, const pt_job *jobs, size_t count, size_t *posted, pt_until until)
{
    enum { PART = 64 };
    struct pti_job part[PART];
    size_t done = 0;
    pt_status status = pool == NULL || (jobs == NULL && count != 0) ? PT_ERR_INVALID : PT_OK;
    while (status == PT_OK && done < count) {
        size_t most = count - done < PART ? count - done : PART, n = 0, sent = 0;
        while (n < most && jobs[done + n].function != NULL) {
            part[n] = (struct pti_job){jobs[done + n].function, jobs[done + n].arg, 0};
            n++;
        }
        if (n != 0)
            status = pti_jobs_post_many(pool, part, n, &sent, until);
        done += sent;
        if (status == PT_OK && n < most)
            status = PT_ERR_INVALID;
    }
    if (posted != NULL)
        *posted = done;
    return status;
}

/* ---- Looking at it ------------------------------------------------------------------------- */

pt_pool *pt_pool_current(void)
{
    pti_member *member = pti_member_self();
    return member != NULL && member->inside ? member->pool : NULL;
}

static void add_counts(pt_pool_stats *stats, const pti_member *member)
{
    stats->run += load_relaxed(&member->counts.run);
    stats->stolen += load_relaxed(&member->counts.stolen);
    stats->slept += load_relaxed(&member->counts.slept);
    stats->made_up += load_relaxed(&member->counts.made_up);
    pt_time waited = load_relaxed(&member->counts.waited);
    stats->waited = waited > stats->waited ? waited : stats->waited;
}

static void add_pool(pt_pool_stats *stats, const pt_pool *pool)
{
    uint64_t word = load_relaxed(&pool->word);
    stats->size = load_relaxed(&pool->size);
    stats->threads = load_relaxed(&pool->threads);
    stats->working = pti_wake_count(word, PTI_AWAKE);
    stats->blocked = pti_wake_count(word, PTI_WAITING);
    stats->idle = pti_wake_count(word, PTI_RESTING);
    stats->queued += pti_jobs_count(pool);
    stats->dropped = load_relaxed(&pool->dropped);
}

pt_status pt_pool_get_worker_stats(const pt_pool *pool, unsigned worker, pt_pool_stats *stats)
{
    const pti_member *member =
        pool == NULL || stats == NULL || worker >= pool->most ? NULL : load_acquire(&pool->members[worker]);
    if (member == NULL)
        return PT_ERR_INVALID;
    *stats = (pt_pool_stats){.queued = pti_jobs_count_of(member)};
    add_counts(stats, member);
    return PT_OK;
}

pt_status pt_pool_get_stats(const pt_pool *pool, pt_pool_stats *stats)
{
    if (pool == NULL || stats == NULL)
        return PT_ERR_INVALID;
    *stats = (pt_pool_stats){0};
    for (uint32_t i = 0; i < pool->most + PTI_GUESTS_MOST; i++) {
        const pti_member *member = load_acquire(&pool->members[i]);
        if (member != NULL) {
            add_counts(stats, member);
            stats->queued += pti_jobs_count_of(member);
        }
    }
    add_pool(stats, pool);
    return PT_OK;
}
