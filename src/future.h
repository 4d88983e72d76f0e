/* future.h: a future's record, and what it has to do with pools. */
#ifndef PTI_FUTURE_H
#define PTI_FUTURE_H

#include <pt_future.h>
#include <pt_pool.h>

/* Who writes what is said in future.c. */
struct pt_future {
    uint32_t references;
    uint32_t word;
    pt_event ended;
    pt_cancel *token;
    void *result;
    pt_error error;
    uint64_t progress;       /* the bits of a double; relaxed: it guards nothing */
    pt_future_config config; /* constant, as all below, once others know the future; but see pool/joint.c */
    pt_pool *pool;           /* that runs its job; NULL: somebody promised it */
    pt_task_function function;
    pt_then_function then; /* called instead, if there is a future before this one */
    pt_future *before;     /* a reference */
    void *arg;
};

/* A result that nobody got, or that came too late. */
void pti_future_lose(const pt_future *future, void *result);

/* Of pool/task.c. Make the future of a job. */
pt_status pti_task_make(pt_future **out, pt_pool *pool, pt_task task, const pt_task_config *config);

/* Queue its job, whatever the pool's limit; the future ends as given up if that cannot be. */
void pti_task_post_anyway(pt_future *future, pt_job_priority priority);

/* Run the job of a future that has not begun, if the calling thread runs a job of its pool. And the token that
   cancels whatever the future's pool runs; NULL: none is known here. */
void pti_task_help(pt_future *future);
pt_cancel *pti_task_stop(const pt_future *future);

#endif
