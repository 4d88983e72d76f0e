/* scope.c: threads that do not outlive a block.

   scope.threads   the handles of the threads that are not joined yet, newest first, linked by next_in_scope; under
                   scope.lock, as any of the scope's threads may add to it. error and failed belong to whoever joins */
#include "park.h"
#include "thread.h"

pt_status pt_scope_spawn(pt_scope *scope, const pt_thread_config *config, pt_thread_function function, void *arg)
{
    pt_thread *thread;
    if (config != NULL && config->detached)
        return PT_ERR_INVALID;
    pt_status status = pt_thread_spawn(&thread, config, function, arg);
    if (status != PT_OK)
        return status;
    pti_short_lock(&scope->lock);
    thread->next_in_scope = scope->threads;
    scope->threads = thread;
    pti_short_unlock(&scope->lock);
    return PT_OK;
}

static pt_thread *take_newest(pt_scope *scope)
{
    pti_short_lock(&scope->lock);
    pt_thread *thread = scope->threads;
    if (thread != NULL)
        scope->threads = thread->next_in_scope;
    pti_short_unlock(&scope->lock);
    return thread;
}

static void put_back(pt_scope *scope, pt_thread *thread)
{
    pti_short_lock(&scope->lock);
    thread->next_in_scope = scope->threads;
    scope->threads = thread;
    pti_short_unlock(&scope->lock);
}

/* A thread that has detached itself, or that calls this in a scope of its own, cannot be joined and is dropped.
   A thread adds to the scope before it ends, so when the list is empty after a join, it stays so. */
pt_status pt_scope_join_until(pt_scope *scope, pt_error *error, pt_until until)
{
    pt_thread *thread;
    while ((thread = take_newest(scope)) != NULL) {
        pt_status status = pt_thread_join_until(thread, NULL, until);
        if (status == PT_ERR_TIMEOUT || status == PT_ERR_CANCELLED || status == PT_ERR_NOBLOCK) {
            put_back(scope, thread);
            return status;
        }
        if (status == PT_ERR_FAILED && !scope->failed)
            scope->failed = pt_thread_error(thread, &scope->error) == PT_OK;
        pt_thread_release(thread);
    }
    if (!scope->failed)
        return PT_OK;
    if (error != NULL)
        *error = scope->error;
    scope->failed = false;
    return PT_ERR_FAILED;
}

pt_status pt_scope_join(pt_scope *scope, pt_error *error)
{
    return pt_scope_join_until(scope, error, PT_FOREVER);
}

void pti_scope_end(pt_scope *scope)
{
    pt_thread *thread;
    while ((thread = take_newest(scope)) != NULL) {
        (void)pt_thread_join(thread, NULL); /* may refuse: see above, and on a thread that may not wait */
        pt_thread_release(thread);
    }
}
