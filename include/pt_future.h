/* pt_future.h: futures: results that come later, from whoever promised them.

     pt_future *answer;
     pt_future_create(&answer, NULL);
     ...                                                     the thread that has it:
     pt_future_complete(answer, result);                     or pt_future_fail(answer, ENOENT, "no such file")
     ...                                                     whoever wants it:
     if (pt_future_get(answer, &result) == PT_OK)            waits
         use(result);

   A future begins as pending, and ends once: with a result, with an error, or given up. Whoever sees that it has ended sees all
   that was written before it was ended.

   What they share
     Lifetime  A future is a reference-counted handle. A call needs one reference, of any thread, until it returns; so does
               who ends it.
     Threads   Any thread may call any of these, as often as it likes. Signal handlers may not.
     Targets   native, WASI, browser Worker: as described. On a browser's main thread pt_future_get() answers PT_ERR_NOBLOCK
               while there is nothing to get; there are the try form and pt_future_on_ready().
     Fork      In the child a future that another thread was to end does not end.
     Cost      A future is one block of some 250 bytes. Ending it where nobody waits: some dozen nanoseconds. */
#ifndef PT_FUTURE_H
#define PT_FUTURE_H

#include <pt_base.h>
#include <pt_cancel.h>
#include <pt_channel.h>
#include <pt_thread.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_future pt_future;

typedef enum pt_future_state {
    PT_FUTURE_PENDING = 0, /* nobody has begun */
    PT_FUTURE_RUNNING = 1, /* between pt_future_start() and the end */
    PT_FUTURE_DONE = 2,    /* there is a result */
    PT_FUTURE_FAILED = 3,  /* there is an error */
    PT_FUTURE_ABORTED = 4  /* cancelled before it began, or given up: there will be neither */
} pt_future_state;

/* All zeroes is the default. */
typedef struct pt_future_config {
    void (*destroy)(void *result, void *arg); /* for a result that nobody got: called with the last release */
    void *arg;
} pt_future_config;

/* Make a future, pending.

   out       receives the only reference
   config    NULL for the defaults; read only during the call
   Returns   PT_OK, PT_ERR_NOMEM, or PT_ERR_INVALID: out is NULL */
PT_API PT_NODISCARD pt_status pt_future_create(pt_future **out, const pt_future_config *config);

/* Take or give back a reference. NULL is harmless. Never blocks. */
PT_API pt_future *pt_future_retain(pt_future *future);
PT_API void pt_future_release(pt_future *future);

/* ---- Ending it ---------------------------------------------------------------------------- */

/* Begin: from now on pt_future_cancel() can only ask. Who ends a future need not begin first.
   Returns   PT_OK
             PT_ERR_CLOSED   it has ended: nobody wants it any more
             PT_ERR_INVALID  it has been begun, or is NULL */
PT_API PT_NODISCARD pt_status pt_future_start(pt_future *future);

/* End it with a result; with an error; by giving up. Of all that try, one ends it. Wakes who waits, and calls hooks, in the
   calling thread.

   message   for people; cut to PT_ERROR_SIZE; NULL is ""
   Returns   PT_OK
             PT_ERR_CLOSED   it has ended already; the result stays the caller's
             PT_ERR_INVALID  future is NULL
   Blocks    never */
PT_API pt_status pt_future_complete(pt_future *future, void *result);
PT_API pt_status pt_future_fail(pt_future *future, int code, const char *message);
PT_API pt_status pt_future_abort(pt_future *future);

/* Ask that it need not come any more.
   Returns   PT_OK           it was pending, and has ended as given up
             PT_ERR_BUSY     it has begun, and its token is cancelled now; it ends when who runs it likes
             PT_ERR_CLOSED   it has ended
             PT_ERR_INVALID  future is NULL
   Blocks    never */
PT_API pt_status pt_future_cancel(pt_future *future);

/* The token that pt_future_cancel() cancels, for who runs it to look at, or to wait with. It belongs to the future, and is
   made when somebody first asks for it. NULL: no memory. */
PT_API pt_cancel *pt_future_token(pt_future *future);

/* How far it is, for people: from 0 to 1, by who runs it; read by anybody. 0 unless said, and 1 once there is a result. */
PT_API void pt_future_set_progress(pt_future *future, double share);
PT_API double pt_future_progress(const pt_future *future);

/* ---- Waiting for it ------------------------------------------------------------------------ */

/* Wait until it has ended, and get its result, which stays in the future too: who gets it first, or again, gets the same.

   result    may be NULL
   Returns   PT_OK            result has it
             PT_ERR_FAILED    it ended with an error: see pt_future_error()
             PT_ERR_ABORTED   it was cancelled, or given up
             PT_ERR_TIMEOUT, PT_ERR_CANCELLED  it had not ended when the call gave up; the try form: PT_ERR_BUSY
             PT_ERR_NOBLOCK   it has not ended, and this thread may not wait
             PT_ERR_INVALID   future is NULL
   Blocks    until it has ended, but for the try form */
PT_API PT_NODISCARD pt_status pt_future_get(pt_future *future, void **result);
PT_API PT_NODISCARD pt_status pt_future_get_until(pt_future *future, void **result, pt_until until);
PT_API PT_NODISCARD pt_status pt_future_try_get(pt_future *future, void **result);

/* The error it ended with.
   Returns   PT_OK, PT_ERR_BUSY if it has not ended, PT_ERR_INVALID if one is NULL or it has no error */
PT_API pt_status pt_future_error(const pt_future *future, pt_error *error);

/* NULL is PT_FUTURE_ABORTED. */
PT_API pt_future_state pt_future_get_state(const pt_future *future);

/* Set once it has ended, for a select or a wait; not to be set or reset. NULL for NULL. */
PT_API pt_event *pt_future_ended(pt_future *future);

/* A case of a select: ready once it has ended. The future must stay during the select. */
static inline pt_case pt_case_future(pt_future *future)
{
    return pt_case_event(pt_future_ended(future));
}

/* Have function(arg) called once, when it has ended: by the thread that ends it, or by this one at once if it has; so it
   must be quick, and may call anything but what waits. On a page's main thread it is called there instead, in a turn of its
   own. pt_ready_hook_remove() takes the hook back; see pt_channel.h for both.
   Returns   PT_OK, or PT_ERR_INVALID if one is NULL */
PT_API PT_NODISCARD pt_status pt_future_on_ready(pt_future *future, pt_ready_hook *hook,
                                                 void (*function)(void *arg), void *arg);

/* ---- Several of them -------------------------------------------------------------------------- */

/* Make a future that ends once all these have. If all ended well it has the result NULL; else it ends as the first of them in
   the list that did not. None at all: it has ended already.
   Returns   PT_OK, PT_ERR_NOMEM, or PT_ERR_INVALID if one is NULL: out is NULL
   Cost      one block of some 200 bytes for each future, until all have ended */
PT_API PT_NODISCARD pt_status pt_future_all(pt_future **out, pt_future *const *futures, size_t count);

/* Make a future that ends with the result of the first of these that ends well, which need not destroy it any more; if none
   does, as the last of them in the list. Otherwise as above; none at all: it is given up. */
PT_API PT_NODISCARD pt_status pt_future_any(pt_future **out, pt_future *const *futures, size_t count);

/* Have the index of each of these sent to a channel of size_t when it has ended, in the order in which they do; the others of a
   channel's uses (a deadline, a select) come with it.
   Returns   PT_OK, PT_ERR_NOMEM, or PT_ERR_INVALID if one is NULL, or the channel is not one of size_t, or has no room now for
             all of them: what finds no room later is lost */
PT_API PT_NODISCARD pt_status pt_future_as_completed(pt_future *const *futures, size_t count, pt_channel *indices);

#ifdef __cplusplus
}
#endif

#endif
