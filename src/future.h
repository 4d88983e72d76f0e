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
    pt_future_config config; /* constant, as all below */
    pt_pool *pool;           /* that runs its job; NULL: somebody promised it */
    pt_task_function function;
    void *arg;
};

/* A result that nobody got, or that came too late. */
void pti_future_lose(const pt_future *future, void *result);

/* Of pool/task.c: run the job of a future that has not begun, if the calling thread runs a job of its pool. And the token that
   cancels whatever the future's pool runs; NULL: none is known here. */
void pti_task_help(pt_future *future);
pt_cancel *pti_task_stop(const pt_future *future);

#endif
