/* future.c: results that come later.

   word: a state, and what has been asked
     PENDING 0, RUNNING 1, ENDING 2: somebody writes how it ends; DONE 3, FAILED 4, ABORTED 5
     ASKED 8    somebody wants it cancelled
     TOKEN 16   `token` is there
     GOT 32     somebody got the result

     B   PENDING -> RUNNING            who begins                                                   relaxed
     C   PENDING, RUNNING -> ENDING    who ends it, of all that try; it alone writes result, error  relaxed
     E   ENDING -> how it has ended    the same; then it sets the event `ended`                     relaxed
     A   RUNNING -> with ASKED         who cancels                                                  acquire and release
     T   -> with TOKEN                 who made the token, after it put it in its place             acquire and release
     D   references to 0               who frees it                                                 acquire and release
   Pairs      The setting of `ended` with whoever waits for it, or finds it set: result, error and word are read after that only.
              A with T: the later of the two sees the other, and cancels the token; so does A see the token.
              D with D: who destroys the result sees GOT. */
#include <pt_future.h>

#include <stdio.h>
#include <string.h>

#include "atomic.h"
#include "event.h"
#include "future.h"
#include "hook.h"
#include "slab.h"

enum { PENDING, RUNNING, ENDING, DONE, FAILED, ABORTED, STATE = 7, ASKED = 8, TOKEN = 16, GOT = 32 };

static pti_slab slab = PTI_SLAB_INIT(PTI_SLAB_FUTURE, pt_future);

pt_status pt_future_create(pt_future **out, const pt_future_config *config)
{
    if (out == NULL)
        return PT_ERR_INVALID;
    pt_future *future = pti_slab_take(&slab);
    if (future == NULL)
        return PT_ERR_NOMEM;
    memset(future, 0, sizeof *future);
    future->references = 1;
    if (config != NULL)
        future->config = *config;
    *out = future;
    return PT_OK;
}

pt_future *pt_future_retain(pt_future *future)
{
    if (future != NULL)
        add_relaxed(&future->references, 1); /* relaxed: the caller has a reference already */
    return future;
}

void pti_future_lose(const pt_future *future, void *result)
{
    if (future->config.destroy != NULL)
        future->config.destroy(result, future->config.arg);
}

void pt_future_release(pt_future *future)
{
    if (future == NULL || sub_acq_rel(&future->references, 1) != 1) /* D */
        return;
    if ((future->word & (STATE | GOT)) == DONE)
        pti_future_lose(future, future->result);
    pt_cancel_release(future->token);
    pt_future_release(future->before);
    pti_slab_give(&slab, future);
}

/* ---- Ending it ----------------------------------------------------------------------------- */

/* From a state below `most` to another, keeping what has been asked; what the word was. */
static uint32_t advance(pt_future *future, uint32_t most, uint32_t to)
{
    uint32_t seen = load_relaxed(&future->word);
    while ((seen & STATE) < most && !cas_relaxed(&future->word, &seen, (seen & ~(uint32_t)STATE) | to)) {
    }
    return seen & STATE;
}

pt_status pt_future_start(pt_future *future)
{
    uint32_t was = future == NULL ? RUNNING : advance(future, RUNNING, RUNNING); /* B */
    return was == PENDING ? PT_OK : was == RUNNING ? PT_ERR_INVALID : PT_ERR_CLOSED;
}

/* After C. */
static pt_status end(pt_future *future, uint32_t state)
{
    add_relaxed(&future->word, state - ENDING); /* E */
    pt_event_set(&future->ended);
    return PT_OK;
}

/* C; PT_OK if it is the caller's to end. */
static pt_status claim(pt_future *future)
{
    if (future == NULL)
        return PT_ERR_INVALID;
    return advance(future, ENDING, ENDING) < ENDING ? PT_OK : PT_ERR_CLOSED;
}

pt_status pt_future_complete(pt_future *future, void *result)
{
    pt_status status = claim(future);
    if (status != PT_OK)
        return status;
    future->result = result;
    return end(future, DONE);
}

pt_status pt_future_fail(pt_future *future, int code, const char *message)
{
    pt_status status = claim(future);
    if (status != PT_OK)
        return status;
    future->error.code = code;
    snprintf(future->error.message, sizeof future->error.message, "%s", message == NULL ? "" : message);
    return end(future, FAILED);
}

pt_status pt_future_abort(pt_future *future)
{
    pt_status status = claim(future);
    return status == PT_OK ? end(future, ABORTED) : status;
}

/* ---- Cancelling it ------------------------------------------------------------------------- */

pt_status pt_future_cancel(pt_future *future)
{
    if (future == NULL)
        return PT_ERR_INVALID;
    uint32_t was = advance(future, RUNNING, ENDING); /* C, of a pending one */
    if (was == PENDING)
        return end(future, ABORTED);
    if (was != RUNNING)
        return PT_ERR_CLOSED;
    if ((or_acq_rel(&future->word, ASKED) & TOKEN) != 0) /* A: pairs with T */
        pt_cancel_request(load_acquire(&future->token), NULL);
    return PT_ERR_BUSY;
}

/* Make the token, unless another thread is quicker. NULL: no memory. */
static pt_cancel *make_token(pt_future *future)
{
    pt_cancel *made, *seen = NULL;
    if (pt_cancel_create(&made, pt_cancelled_by(pti_task_stop(future))) != PT_OK)
        return NULL;
    if (cas_release(&future->token, &seen, made))
        return made;
    pt_cancel_release(made);
    return load_acquire(&future->token); /* pairs with cas_release() of who was quicker */
}

pt_cancel *pt_future_token(pt_future *future)
{
    pt_cancel *token = future == NULL ? NULL : load_acquire(&future->token); /* pairs with make_token() */
    if (future != NULL && token == NULL)
        token = make_token(future);
    if (token != NULL && (or_acq_rel(&future->word, TOKEN) & ASKED) != 0) /* T: pairs with A */
        pt_cancel_request(token, NULL);
    return token;
}

void pt_future_set_progress(pt_future *future, double share)
{
    uint64_t bits;
    memcpy(&bits, &share, sizeof bits);
    if (future != NULL)
        store_relaxed(&future->progress, bits);
}

double pt_future_progress(const pt_future *future)
{
    if (pt_future_get_state(future) == PT_FUTURE_DONE)
        return 1;
    uint64_t bits = future == NULL ? 0 : load_relaxed(&future->progress);
    double share;
    memcpy(&share, &bits, sizeof share);
    return share;
}

/* ---- Waiting for it ------------------------------------------------------------------------ */

/* What a future that has ended gives. */
static pt_status take(pt_future *future, void **result)
{
    uint32_t word = load_relaxed(&future->word), state = word & STATE;
    if (state != DONE)
        return state == FAILED ? PT_ERR_FAILED : PT_ERR_ABORTED;
    if ((word & GOT) == 0)
        or_relaxed(&future->word, GOT);
    if (result != NULL)
        *result = future->result;
    return PT_OK;
}

pt_status pt_future_get_until(pt_future *future, void **result, pt_until until)
{
    if (future == NULL)
        return PT_ERR_INVALID;
    if (!pt_event_is_set(&future->ended))
        pti_task_help(future);
    pt_status status = pt_event_wait_until(&future->ended, until);
    return status == PT_OK ? take(future, result) : status;
}

pt_status pt_future_get(pt_future *future, void **result)
{
    return pt_future_get_until(future, result, PT_FOREVER);
}

pt_status pt_future_try_get(pt_future *future, void **result)
{
    pt_status status = future == NULL ? PT_ERR_INVALID : pt_event_try_wait(&future->ended);
    return status == PT_OK ? take(future, result) : status;
}

pt_status pt_future_error(const pt_future *future, pt_error *error)
{
    if (future == NULL || error == NULL)
        return PT_ERR_INVALID;
    if (!pt_event_is_set(&future->ended))
        return PT_ERR_BUSY;
    if ((load_relaxed(&future->word) & STATE) != FAILED)
        return PT_ERR_INVALID;
    *error = future->error;
    return PT_OK;
}

pt_future_state pt_future_get_state(const pt_future *future)
{
    if (future == NULL)
        return PT_FUTURE_ABORTED;
    bool ended = pt_event_is_set(&future->ended);
    switch (load_relaxed(&future->word) & STATE) {
    case PENDING: return PT_FUTURE_PENDING;
    case DONE: return ended ? PT_FUTURE_DONE : PT_FUTURE_RUNNING;
    case FAILED: return ended ? PT_FUTURE_FAILED : PT_FUTURE_RUNNING;
    case ABORTED: return ended ? PT_FUTURE_ABORTED : PT_FUTURE_RUNNING;
    default: return PT_FUTURE_RUNNING;
    }
}

pt_event *pt_future_ended(pt_future *future)
{
    return future == NULL ? NULL : &future->ended;
}

/* ---- Hooks --------------------------------------------------------------------------------- */

static bool join(void *future, pti_waiter *waiter)
{
    return pti_event_join(pt_future_ended(future), waiter);
}

static bool take_out(void *future, pti_waiter *waiter)
{
    return pti_event_leave(pt_future_ended(future), waiter);
}

static void leave(void *future)
{
    pt_future_release(future);
}

static const struct pti_hook_kind KIND = {
    .what = "future (callback)", .join = join, .take_out = take_out, .leave = leave};

pt_status pt_future_on_ready(pt_future *future, pt_ready_hook *hook, void (*function)(void *arg), void *arg)
{
    if (future == NULL || hook == NULL || function == NULL)
        return PT_ERR_INVALID;
    pti_hook_add(hook, &KIND, pt_future_retain(future), function, arg);
    return PT_OK;
}
