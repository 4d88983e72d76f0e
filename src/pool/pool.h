/* pool.h: the way through pools.

     pool.c    making, closing and looking at them
     wake.c    how many workers are awake: the one word on which all of that stands
     worker.c  a worker's life: it runs jobs, looks for some, and rests
     jobs.c    where jobs wait: the pool's queues, and a ring of each worker's own
     fork.c    fork and join: a stack of each worker's own, from which others may take
     guest.c   threads from outside that work along for a while
     wait.c    what happens when a worker waits inside a job
     task.c    jobs with an answer */
#ifndef PTI_POOL_H
#define PTI_POOL_H

#include <pt_channel.h>
#include <pt_mutex.h>
#include <pt_parallel.h>
#include <pt_pool.h>

#include "park.h"

enum {
    PTI_PRIORITIES = 3,
    PTI_RING = 256,      /* jobs that a worker keeps for itself */
    PTI_SHALLOW = 8,     /* forks that are shown to others at once */
    PTI_GUESTS_MOST = 64 /* threads from outside at a time */
};

struct pti_job {
    pt_job_function function;
    void *arg;
    pt_time since; /* 0: not noted */
};

/* See jobs.c. */
struct pti_ring {
    uint64_t head __attribute__((aligned(64)));
    uint64_t tail __attribute__((aligned(64)));
    struct pti_job jobs[PTI_RING];
};

/* What a worker counts; its own to write, anybody's to read. */
struct pti_counts {
    uint64_t run, stolen, slept, made_up;
    pt_time waited; /* sliding average */
};

typedef struct pti_member pti_member;

/* A worker, or a guest: who may fork and take forks. */
struct pti_member {
    pti_worker forks; /* what pt_fork2() touches; first, as pti_worker_self points to it */
    pt_pool *pool;    /* constant, as is index */
    uint32_t index;
    bool inside;    /* its own, as all here: within a job, or a guest */
    unsigned waits; /* nested waits that are made up for */
    uint32_t random;
    uint32_t turn;      /* of those who take from the queues */
    uintptr_t floor;    /* below this address the stack is too full to help others */
    pt_future *current; /* whose job it runs */
    pti_worker *before; /* a guest's: what it was before */
    struct pti_counts counts;
    pt_event call;                                /* set when it is to go on */
    pti_member *next;                             /* under the pool's lock: idle, or without a thread */
    bool idle, gone;                              /* under the pool's lock: in the list of those; told to end */
    pt_thread *thread;                            /* under the pool's lock */
    uint64_t shared __attribute__((aligned(64))); /* see fork.c */
    struct pti_ring ring;
    pti_fork stack[PT_FORKS + 1]; /* the last is never taken */
};

struct pt_pool {
    uint64_t word __attribute__((aligned(64))); /* see wake.c */
    uint32_t size;                              /* atomic */
    uint32_t closing;                           /* see pool.c */
    uint32_t most;                              /* constant */
    uint32_t forks;                             /* constant: of the process, when it was made */
    pt_channel *queues[PTI_PRIORITIES];         /* constant; by pt_job_priority. Closed with the pool */
    pt_channel *overflow;                       /* constant: of jobs that find no room in their worker's ring */
    uint32_t used;                              /* atomic: a bit for each of these four that ever had something */
    pt_cancel *stop;                            /* constant: parent of its futures' tokens */
    uint32_t lock __attribute__((aligned(64)));
    pti_member *resting;                   /* under lock: those who sleep, the last one first */
    pti_member *unused;                    /* under lock: records without a thread; workers' */
    pti_member *free_guests;               /* under lock */
    uint32_t workers, guests;              /* atomic: records that there are, or are being made */
    uint32_t threads;                      /* atomic: that there are, or are being started */
    pt_time start_again;                   /* atomic: before this none is tried, as one was refused; or 0 */
    uint64_t references, handles, dropped; /* atomic */
    pt_event ended;                        /* no thread is left */
    pt_pool_config config;                 /* constant */
    char name[PT_THREAD_NAME_SIZE];
    struct pti_delayed *delayed; /* under lock: see task.c */
    pti_member *members[];       /* atomic: `most` workers, then guests; NULL: not there yet */
};

/* The calling thread's. NULL in threads that are neither workers nor guests. */
static inline pti_member *pti_member_self(void)
{
    return (pti_member *)(void *)pti_worker_self;
}

/* ---- wake.c ---- */

enum pti_wake_what { PTI_AWAKE, PTI_SEARCHING, PTI_RESTING, PTI_WAITING };
unsigned pti_wake_count(uint64_t word, enum pti_wake_what what);

/* Something was put where others find it, by a sequentially consistent write: have somebody look, unless all are awake or
   one is looking already. After any other write: the form with a fence. */
void pti_wake_somebody(pt_pool *pool);
void pti_wake_with_fence(pt_pool *pool);

/* So many more of each, or fewer; where it makes fewer, it looks whether there is something to do, or nothing ever more. */
void pti_wake_change(pt_pool *pool, int awake, int searching, int resting, int waiting);
void pti_wake_look(pt_pool *pool);
/* Begin to search: false if enough others do. */
bool pti_wake_may_search(pt_pool *pool);
/* There are more awake than may be. */
bool pti_wake_too_many(pt_pool *pool);
/* Under the pool's lock: one fewer rests; false if all of them are being woken. */
bool pti_wake_unrest(pt_pool *pool);

/* ---- worker.c ---- */

/* Start one more thread, which counts as awake and searching already. */
bool pti_worker_start(pt_pool *pool);
/* Whether somebody who looks now finds something. */
bool pti_worker_sees(pt_pool *pool);
/* Drop all jobs that can be found. */
void pti_worker_drop_all(pt_pool *pool);

/* ---- jobs.c ---- */

pt_status pti_jobs_post(pt_pool *pool, struct pti_job job, pt_job_priority priority, pt_until until);
pt_status pti_jobs_post_many(pt_pool *pool, const struct pti_job *jobs, size_t count, size_t *posted,
                             pt_until until);
/* Whatever the limit; false: the pool closes, or there is no memory. */
bool pti_jobs_post_anyway(pt_pool *pool, struct pti_job job, pt_job_priority priority);
/* Into `overflow`; false: no memory. */
bool pti_jobs_put_back(pt_pool *pool, struct pti_job job);
bool pti_jobs_take_from(pti_member *victim, struct pti_job *job);
bool pti_jobs_take_queued(pt_pool *pool, uint32_t turn, struct pti_job *job);
bool pti_jobs_any(pt_pool *pool);
bool pti_jobs_any_of(const pti_member *member);
size_t pti_jobs_count(const pt_pool *pool); /* without the rings */
size_t pti_jobs_count_of(const pti_member *member);

/* ---- fork.c ---- */

/* Before a job, with nothing forked. */
void pti_fork_prepare(pti_member *member);
bool pti_fork_any(const pti_member *member);
/* Take the victim's oldest fork, to be run as a job. */
bool pti_fork_steal(pti_member *victim, struct pti_job *job);
void pti_fork_run_taken(void *fork);
/* Ask the victim to share what it has for itself. */
void pti_fork_demand(pti_member *victim);
void pti_fork_share_all(pti_member *member);
void pti_fork_join_all(pti_member *member);
/* Whether the calling member should fork now, if it can: others have nothing to do, and it has nothing for them. Such a fork
   is shared at once. */
bool pti_fork_wanted(void);
/* Whether there is room on the stack to run something while waiting. */
bool pti_fork_has_room(const pti_member *member);

/* ---- guest.c ---- */

/* NULL: it cannot be one. Of the pool NULL: of the default one. */
pti_member *pti_guest_enter(pt_pool *pool);
void pti_guest_leave(pti_member *member);

/* ---- wait.c: see wait.h too ---- */

/* ---- task.c ---- */

/* Instead of running it. */
void pti_task_drop(pt_pool *pool, struct pti_job job);
void pti_task_drop_delayed(pt_pool *pool);

/* ---- pool.c ---- */

/* It was made before this process was forked off: nobody is there. */
bool pti_pool_was_left(const pt_pool *pool);
bool pti_pool_is_closing(const pt_pool *pool);
bool pti_pool_is_dropping(const pt_pool *pool);
/* Of the default pool, without making it. */
unsigned pti_pool_default_size(void);
/* One more record, at members[base] or later; NULL: no memory, or there are `most`. */
pti_member *pti_pool_new_member(pt_pool *pool, uint32_t *count, uint32_t base, uint32_t most);
void pti_pool_keep_thread(pti_member *member, pt_thread *thread);
void pti_pool_drop_reference(pt_pool *pool);
/* Nobody is awake or waits, and there is nothing to do: if the pool is closing, all threads are told to end. */
void pti_pool_finish(pt_pool *pool);
/* By a worker's thread, as the last thing it does. */
void pti_pool_thread_ended(pti_member *member);

#endif
