/* pt_pool.h: pools: threads that run what they are given.

     pt_pool *pool = pt_pool_default();
     pt_pool_post(pool, log_line, line);                      no answer wanted
     pt_future *answer;
     pt_pool_submit(pool, &answer, compute, input, NULL);     an answer wanted: see pt_future.h
     pt_future_get(answer, &result);
     pt_future_release(answer);

   What is given to a pool are jobs. Jobs that nobody waits for are posted; jobs with an answer are submitted, and are futures
   too. A worker begins the jobs of one priority in the order in which they came, as far as threads can tell; those that a
   job posts wait with its own worker, who begins them in their order too, unless another worker has nothing to do.

   What they share
     Workers   A pool has `size` workers that run at the same time, and spare ones. A worker that waits inside a job, for a lock,
               a channel, a future, or anything else of this library, is made up for: after some 1 ms a spare one takes its place,
               until as many threads as `most` are there. So jobs may wait for each other, and nested as they like. With `most`
               waiting at a time for what is still queued, nothing moves any more; that is what a deadlock of this pool is. A
               foreign call that may take long should stand between pt_blocking_begin() and pt_blocking_end().
     Waiting   pt_future_get() in a job, of a future of the same pool that has not begun, runs it there and then, on the
               waiting thread. It never runs anything else meanwhile, which might want a lock that the thread holds.
     Lifetime  A pool is a reference-counted handle. Its threads live until it is shut down, or nobody has a handle any more; then
               they run what is queued first. Futures outlive their pool.
     Threads   Any thread may call any of these, jobs included. Signal handlers may not.
     Targets   native, WASI, browser Worker: as described. On a browser's main thread posting and submitting work as anywhere,
               and nothing waits; a pool takes `size` Workers when it is made, and gives them back when it has been shut down.
     Fork      In the child no pool of the parent has workers: PT_ERR_CLOSED. pt_pool_default() is a new one there.
     Cost      Posting from outside some 30 ns, from a job some 15 ns; a worker that sleeps is woken for it unless one is
               looking for work already. A pool that has nothing to do takes no time. */
#ifndef PT_POOL_H
#define PT_POOL_H

#include <pt_base.h>
#include <pt_cancel.h>
#include <pt_future.h>
#include <pt_thread.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_pool pt_pool;

/* A job that is posted. */
typedef void (*pt_job_function)(void *arg);

/* All zeroes is a good default. */
typedef struct pt_pool_config {
    unsigned size; /* workers that run at the same time; 0: pt_thread_parallelism() */
    unsigned most; /* threads in all, spare ones included; 0: size + 64. At least size, at most PT_POOL_MOST */
    const char
        *name; /* its threads are called name-1, name-2 ...; NULL: "pool". Cut to what a thread's name can hold */
    size_t stack_size;           /* of a worker, in bytes; 0: the target's default */
    size_t limit;                /* jobs from outside that may be queued, for each priority; 0: any number */
    void (*on_start)(void *arg); /* called by each thread as it starts; NULL: none */
    void (*on_stop)(void *arg);  /* and as it ends */
    void (*on_drop)(pt_job_function job, void *job_arg, void *arg); /* instead of a posted job that is never run */
    void *arg;                                                      /* for these */
} pt_pool_config;

#define PT_POOL_MOST 1024

/* Make a pool. Its `size` workers are started here; spare ones when they are needed.

   out       receives the only handle
   config    NULL for the defaults; read only during the call
   Returns   PT_OK           also if only some of the workers could be started; the others are tried again when there is work
             PT_ERR_AGAIN    not even one could be
             PT_ERR_NOMEM    no memory
             PT_ERR_INVALID  out is NULL, size or most is out of range, or the stack size is none
   Blocks    never, or as long as it takes to start threads */
PT_API PT_NODISCARD pt_status pt_pool_create(pt_pool **out, const pt_pool_config *config);

/* The process's own pool, made when somebody first asks: all defaults, named "pool". Not to be released. It may be shut down
   when nobody uses it any more; who asks again gets a new one, and the old one is gone.
   Returns   NULL if it cannot be made now */
PT_API pt_pool *pt_pool_default(void);

/* Take or give back a handle. With the last one the pool closes: it runs what is queued, and then its threads end. NULL is
   harmless. Never blocks. */
PT_API pt_pool *pt_pool_retain(pt_pool *pool);
PT_API void pt_pool_release(pt_pool *pool);

typedef enum pt_shutdown {
    PT_SHUTDOWN_DRAIN, /* run all that is queued, and what those jobs post themselves */
    PT_SHUTDOWN_CANCEL /* drop what has not begun: futures are aborted, posted jobs go to on_drop; and cancel the tokens of
                          futures that are running */
} pt_shutdown;

/* Close a pool to jobs from outside, and wait until all its jobs and threads have ended. A second call may say CANCEL after
   DRAIN, not the other way round. Delayed jobs that are not due yet are dropped in either case.

   Returns   PT_OK            no thread is left
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  some still run; it stays closed, and ends by itself
             PT_ERR_NOBLOCK   the same, on a thread that may not wait
             PT_ERR_DEADLOCK  called by one of the pool's own jobs, which would wait for itself: nothing was changed
             PT_ERR_INVALID   pool is NULL, or how is neither
   Blocks    until all have ended */
PT_API PT_NODISCARD pt_status pt_pool_shutdown_until(pt_pool *pool, pt_shutdown how, pt_until until);
PT_API pt_status pt_pool_shutdown(pt_pool *pool, pt_shutdown how);

/* Shut down by draining, and release the handle, which stays if that answers anything but PT_OK. */
PT_API pt_status pt_pool_destroy(pt_pool *pool);

/* Change how many workers run at the same time. Fewer: threads beyond that stop once their jobs have ended.
   Returns   PT_OK, or PT_ERR_INVALID if pool is NULL, or size is 0 or more than `most` */
PT_API pt_status pt_pool_resize(pt_pool *pool, unsigned size);

/* ---- Jobs ---------------------------------------------------------------------------------- */

typedef enum pt_job_priority {
    PT_JOB_NORMAL = 0,
    PT_JOB_HIGH = 1,
    PT_JOB_LOW = 2
} pt_job_priority; /* They age: of 16 jobs taken from the queues one at least is the next normal one, and one the next low one */

/* Have job(arg) run by one of the pool's workers.

   Returns   PT_OK           it will run once, or be handed to on_drop
             PT_ERR_CLOSED   the pool is shut down
             PT_ERR_BUSY     as many jobs as `limit` are queued: the try form
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  the same, and none began before the call gave up
             PT_ERR_NOBLOCK  the same, and this thread may not wait
             PT_ERR_NOMEM    no memory
             PT_ERR_INVALID  pool or job is NULL, or the priority is none
   Blocks    while as many jobs as `limit` are queued, but for the try form. Jobs of the pool itself do not wait, nor do theirs
             count */
PT_API PT_NODISCARD pt_status pt_pool_post_until(pt_pool *pool, pt_job_function job, void *arg,
                                                 pt_job_priority priority, pt_until until);
PT_API PT_NODISCARD pt_status pt_pool_try_post(pt_pool *pool, pt_job_function job, void *arg);
PT_API PT_NODISCARD pt_status pt_pool_post(pt_pool *pool, pt_job_function job, void *arg);

typedef struct pt_job {
    pt_job_function function;
    void *arg;
} pt_job;

/* The same for several at once, in their order, which costs less.
   posted    receives how many were; may be NULL. All of them if the answer is PT_OK */
PT_API PT_NODISCARD pt_status pt_pool_post_many(pt_pool *pool, const pt_job *jobs, size_t count, size_t *posted,
                                                pt_until until);

/* ---- Jobs with an answer -------------------------------------------------------------------- */

/* What a future is the answer of: what it returns is the result. It may end the future otherwise, or ask for its token, by
   pt_future_current(): return pt_future_fail(pt_future_current(), ENOENT, "no such file"), NULL; */
typedef void *(*pt_task_function)(void *arg);

/* All zeroes is the default. */
typedef struct pt_task_config {
    pt_job_priority priority;
    pt_future_config future; /* what becomes of a result that nobody gets */
    pt_time after;           /* nanoseconds from now before which it does not begin; 0 or less: none */
    pt_until until;          /* as for pt_pool_post_until(); all zeroes is PT_FOREVER here */
} pt_task_config;

/* Have function(arg) run, and get a future for its result.

   out       receives a reference to the future; NULL if nobody wants it
   config    NULL for the defaults
   Returns   as pt_pool_post_until(); for a delayed one also what pt_timer_create() answers. out is NULL then
   Cost      one block of memory */
PT_API PT_NODISCARD pt_status pt_pool_submit(pt_pool *pool, pt_future **out, pt_task_function function, void *arg,
                                             const pt_task_config *config);

typedef struct pt_task {
    pt_task_function function;
    void *arg;
} pt_task;

/* The same for several at once. Either all are submitted or none, but for a limit: see posted.
   out       receives `count` references, those of tasks that were not submitted NULL */
PT_API PT_NODISCARD pt_status pt_pool_submit_many(pt_pool *pool, pt_future **out, const pt_task *tasks,
                                                  size_t count, const pt_task_config *config);

/* The future that the calling job is the answer of; NULL outside of such jobs. Good until the job ends. */
PT_API pt_future *pt_future_current(void);

/* ---- Jobs that come after others -------------------------------------------------------------- */

/* Have function(arg) run once all these futures have ended well: so make graphs of tasks. If one fails or is given up it does not
   run, and its own future ends in the same way; of several, as the first of them in the list. The job is queued by who ends
   the last one, whatever the limit. If the pool has been shut down by then it ends as given up.

   Returns   as pt_pool_submit(), but for PT_ERR_CLOSED, PT_ERR_BUSY and those of waiting; PT_ERR_INVALID also if a future is NULL.
             `after` and `until` of config count for nothing
   Blocks    never */
PT_API PT_NODISCARD pt_status pt_future_after(pt_pool *pool, pt_future **out, pt_future *const *futures,
                                              size_t count, pt_task_function function, void *arg,
                                              const pt_task_config *config);

/* The same after one future, however it ended: function(future, arg) looks at that itself. */
typedef void *(*pt_then_function)(pt_future *ended, void *arg);
PT_API PT_NODISCARD pt_status pt_future_then(pt_pool *pool, pt_future **out, pt_future *future,
                                             pt_then_function function, void *arg, const pt_task_config *config);

/* ---- Working along --------------------------------------------------------------------------- */

/* Run function(arg) in the calling thread as one of the pool's workers, with what it forks shared among them; see
   pt_parallel.h. For as long as it takes there is one worker more, and one of the others rests as soon as it can.
   Returns   PT_OK, PT_ERR_CLOSED, PT_ERR_NOMEM, PT_ERR_INVALID if one is NULL; PT_ERR_NOBLOCK on a thread that may not wait:
             not run */
PT_API pt_status pt_pool_run(pt_pool *pool, void (*function)(void *arg), void *arg);

/* ---- Waiting in jobs ------------------------------------------------------------------------ */

/* Around a call of foreign code in a job that may wait or take long without computing: a spare worker takes over at once, if
   there is something to do. May be nested. Do nothing outside of jobs. If the system refuses a thread, it is asked again when
   the pool is called next, or the call ends; who waits for something of this library asks for it again himself. */
PT_API void pt_blocking_begin(void);
PT_API void pt_blocking_end(void);

/* ---- Looking at it -------------------------------------------------------------------------- */

/* The pool whose job this thread runs; NULL outside of jobs. */
PT_API pt_pool *pt_pool_current(void);

typedef struct pt_pool_stats {
    unsigned size;    /* workers that may run at the same time */
    unsigned threads; /* that there are */
    unsigned working; /* that run jobs, or look for some */
    unsigned blocked; /* that wait inside a job, and are made up for */
    unsigned idle;    /* that sleep */
    size_t queued;    /* jobs that have not begun */
    uint64_t run;     /* jobs that have begun */
    uint64_t dropped; /* jobs that never will */
    uint64_t stolen;  /* of those that have begun: taken from another worker; and forks that were */
    uint64_t slept;   /* how often a worker went to sleep */
    uint64_t made_up; /* how often a wait in a job was made up for */
    pt_time waited;   /* how long a job is queued, on average of one in 64 lately */
} pt_pool_stats;

/* Numbers of the whole pool, or of one of its threads (from 0 up): each is right, all together need not be of one moment.
   Returns   PT_OK, or PT_ERR_INVALID if one is NULL, or there is no such thread */
PT_API pt_status pt_pool_get_stats(const pt_pool *pool, pt_pool_stats *stats);
PT_API pt_status pt_pool_get_worker_stats(const pt_pool *pool, unsigned worker, pt_pool_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
