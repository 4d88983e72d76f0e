/* worker.c: a worker's life.

     runs      -> looks     its job has ended: the next one of its own ring, or of the queues
     looks     -> searches  there is none: unless enough others search, it goes round: other rings, others' forks, the queues
     searches  -> runs      it found something; if nobody searches now, another one may be needed
     looks, searches -> rests  nothing found, or there are too many awake; it looks once more after saying so (wake.c)
     rests     -> searches  called by who has something, who made the change for it
     rests     -> gone      told to by pti_pool_finish(); or it is spare, and rested for long

   called    `call` is set for a member after it was taken out of the list `resting`, under the pool's lock; once each time.
             So it is never set twice, nor for one that left the list by itself. */
#include "pool.h"

#include <stdio.h>

#include "atomic.h"
#include "port.h"
#include "trace.h"

enum {
    FAIR_TURN = 61,           /* so often the queues come before its own ring */
    ROUNDS = 24,              /* of a search */
    KNOWN_STACK = 1024 * 1024 /* what one has natively at least */
};
#define SPARE_RESTS (10 * PT_SECOND)

/* ---- Jobs ---------------------------------------------------------------------------------- */

static void note_wait(pti_member *member, pt_time since)
{
    pt_time waited = load_relaxed(&member->counts.waited);
    store_relaxed(&member->counts.waited, waited + (pti_port_now() - since - waited) / 8);
}

static void drop(pt_pool *pool, struct pti_job job)
{
    add_relaxed(&pool->dropped, 1);
    pti_task_drop(pool, job);
}

static void run(pti_member *member, struct pti_job job)
{
    pti_trace_span span = pti_trace_begin();
    if (job.since != 0)
        note_wait(member, job.since);
    pti_fork_prepare(member);
    member->inside = true;
    if (pti_pool_is_dropping(member->pool) && job.function != pti_fork_run_taken) {
        drop(member->pool, job);
    } else {
        store_relaxed(&member->counts.run, member->counts.run + 1);
        job.function(job.arg);
    }
    pti_fork_join_all(member); /* of a group that was not synced */
    member->inside = false;
    pti_trace_end(span, "job");
}

/* ---- Looking for something ------------------------------------------------------------------ */

/* The records that there are: of workers, then of guests. */
static uint32_t members(const pt_pool *pool)
{
    return load_acquire(&pool->workers) + load_acquire(&pool->guests);
}

/* NULL: it is not ready yet. */
static pti_member *member_at(const pt_pool *pool, uint32_t i)
{
    uint32_t workers = load_acquire(&pool->workers);
    return load_acquire(&pool->members[i < workers ? i : pool->most + (i - workers)]);
}

bool pti_worker_sees(pt_pool *pool)
{
    if (pti_jobs_any(pool))
        return true;
    for (uint32_t i = 0, count = members(pool); i < count; i++) {
        pti_member *member = member_at(pool, i);
        if (member != NULL && (pti_jobs_any_of(member) || pti_fork_any(member)))
            return true;
    }
    return false;
}

void pti_worker_drop_all(pt_pool *pool)
{
    struct pti_job job;
    while (pti_jobs_take_queued(pool, 0, &job))
        drop(pool, job);
    for (uint32_t i = 0, count = members(pool); i < count; i++) {
        pti_member *member = member_at(pool, i);
        while (member != NULL && pti_jobs_take_from(member, &job))
            drop(pool, job);
    }
}

static uint32_t next_random(pti_member *member)
{
    uint32_t x = member->random; /* Marsaglia's xorshift */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return member->random = x;
}

/* From one of the others, beginning with any. */
static bool steal(pti_member *member, struct pti_job *job)
{
    uint32_t count = members(member->pool), start = next_random(member) % count;
    for (uint32_t i = 0; i < count; i++) {
        pti_member *victim = member_at(member->pool, (start + i) % count);
        if (victim == NULL || victim == member)
            continue;
        if (pti_fork_steal(victim, job) || pti_jobs_take_from(victim, job)) {
            store_relaxed(&member->counts.stolen, member->counts.stolen + 1);
            pti_trace_instant("steal");
            return true;
        }
        pti_fork_demand(victim);
    }
    return false;
}

static bool search(pti_member *member, struct pti_job *job)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (steal(member, job) || pti_jobs_take_queued(member->pool, member->turn, job))
            return true;
        if (!pti_park_spin(round))
            break;
    }
    return false;
}

static bool look(pti_member *member, struct pti_job *job)
{
    member->turn++;
    if (member->turn % FAIR_TURN == 0 && pti_jobs_take_queued(member->pool, member->turn, job))
        return true;
    return pti_jobs_take_from(member, job) || pti_jobs_take_queued(member->pool, member->turn, job);
}

/* What to do next. Whether it searches is in and out. */
static bool find(pti_member *member, struct pti_job *job, bool *searches)
{
    pt_pool *pool = member->pool;
    bool found = look(member, job);
    if (!found && !*searches)
        *searches = pti_wake_may_search(pool);
    if (!found && *searches)
        found = search(member, job);
    if (found && *searches) {
        *searches = false;
        pti_wake_change(pool, 0, -1, 0, 0);
    }
    return found;
}

/* ---- Resting ------------------------------------------------------------------------------- */

/* It rested for long: leave the list, if there are more threads than need be and nobody calls it. */
static bool may_go(pti_member *member)
{
    pt_pool *pool = member->pool;
    bool goes = false;
    pti_short_lock(&pool->lock);
    if (member->idle && load_relaxed(&pool->threads) > load_relaxed(&pool->size) && pti_wake_unrest(pool)) {
        pti_member **link = &pool->resting;
        while (*link != member)
            link = &(*link)->next;
        *link = member->next;
        member->idle = false;
        goes = true;
    }
    pti_short_unlock(&pool->lock);
    return goes;
}

/* False: it is to end. */
static bool rest(pti_member *member, bool searches)
{
    pt_pool *pool = member->pool;
    pti_short_lock(&pool->lock);
    member->next = pool->resting;
    member->idle = true;
    pool->resting = member;
    pti_short_unlock(&pool->lock);
    store_relaxed(&member->counts.slept, member->counts.slept + 1);
    pti_wake_change(pool, -1, searches ? -1 : 0, 1, 0);
    for (;;) {
        bool spare = load_relaxed(&pool->threads) > load_relaxed(&pool->size);
        if (pt_event_wait_until(&member->call, spare ? pt_after(SPARE_RESTS) : PT_FOREVER) == PT_OK)
            return !member->gone;
        if (may_go(member))
            return false;
    }
}

/* ---- A life -------------------------------------------------------------------------------- */

static void live(pti_member *member)
{
    struct pti_job job;
    bool searches = true;
    for (;;) {
        bool found = (searches || !pti_wake_too_many(member->pool)) && find(member, &job, &searches);
        if (found) {
            run(member, job);
        } else {
            pti_trace_span span = pti_trace_begin();
            bool goes_on = rest(member, searches);
            pti_trace_end(span, "rest");
            if (!goes_on)
                return;
            searches = true;
        }
    }
}

/* How far down the stack may be filled by helping others: half of it. */
static uintptr_t find_floor(const pt_pool *pool)
{
    size_t size = pool->config.stack_size != 0 ? pool->config.stack_size : PTI_PORT_STACK_SIZE;
    if (size == 0)
        size = KNOWN_STACK;
    return (uintptr_t)__builtin_frame_address(0) - size / 2;
}

static void *run_thread(void *arg)
{
    pti_member *member = arg;
    pt_pool *pool = member->pool;
    pti_worker_self = &member->forks;
    member->floor = find_floor(pool);
    if (pool->config.on_start != NULL)
        pool->config.on_start(pool->config.arg);
    live(member);
    if (pool->config.on_stop != NULL)
        pool->config.on_stop(pool->config.arg);
    pti_worker_self = NULL;
    pti_pool_thread_ended(member);
    return NULL;
}

/* A record for one more thread: one that was used before, or a new one. NULL: there are enough, or no memory. */
static pti_member *take_record(pt_pool *pool)
{
    pti_short_lock(&pool->lock);
    pti_member *member = pool->unused;
    if (member != NULL)
        pool->unused = member->next;
    pti_short_unlock(&pool->lock);
    if (member == NULL)
        member = pti_pool_new_member(pool, &pool->workers, 0, pool->most);
    return member;
}

static void put_record_back(pti_member *member)
{
    pt_pool *pool = member->pool;
    pti_short_lock(&pool->lock);
    member->next = pool->unused;
    pool->unused = member;
    pti_short_unlock(&pool->lock);
}

/* One thread more, if there may be. */
static bool count_thread(pt_pool *pool)
{
    uint32_t threads = load_relaxed(&pool->threads);
    while (threads < pool->most) {
        if (cas_relaxed(&pool->threads, &threads, threads + 1))
            return true;
    }
    return false;
}

bool pti_worker_start(pt_pool *pool)
{
    if (!count_thread(pool))
        return false;
    pti_member *member = take_record(pool);
    if (member == NULL) {
        sub_relaxed(&pool->threads, 1);
        return false;
    }
    member->gone = false;
    pt_event_reset(&member->call);
    char name[PT_THREAD_NAME_SIZE];
    snprintf(name, sizeof name, "%.*s-%u", PT_THREAD_NAME_SIZE - 8, pool->name, member->index + 1);
    pt_thread_config config = {.name = name, .stack_size = pool->config.stack_size, .reuse = PT_REUSE_NEVER};
    add_relaxed(&pool->references, 1);
    pt_thread *thread;
    if (pt_thread_spawn(&thread, &config, run_thread, member) != PT_OK) {
        put_record_back(member);
        sub_relaxed(&pool->threads, 1);
        sub_relaxed(&pool->references, 1);
        return false;
    }
    pti_pool_keep_thread(member, thread);
    return true;
}
