/* pt_cancel.h: tokens that end waits.

     pt_cancel *stop;
     pt_cancel_create(&stop, PT_FOREVER);
     ...
     pt_channel_receive_until(jobs, &job, pt_cancelled_by(stop));     PT_ERR_CANCELLED, once somebody calls
     ...                                                              pt_cancel_request(stop, "shutting down")

   A token is cancelled once and stays so. Whoever waits on it then, in any blocking call of the library, goes on with
   PT_ERR_CANCELLED; and whoever comes later does not wait at all. Tokens form trees: cancelling one cancels all below
   it. A token may have a deadline of its own; what waits on it, or on one below it, ends then with PT_ERR_TIMEOUT.

   A wait that is cancelled has changed nothing: it took no lock, no permit and no wake-up that was meant for somebody else.
   If what it waited for came about at the same moment, the call may answer PT_OK; and PT_ERR_TIMEOUT, if the token was
   cancelled just as its deadline passed. A request that comes after the deadline changes nothing any more.

   Tokens are reference-counted handles: each pt_cancel_create() and pt_cancel_retain() wants one pt_cancel_release(). All
   calls may be made from any thread, but for signal handlers. Cost: a wait that really sleeps takes a short lock twice
   more; a wait that need not sleep looks at one word. */
#ifndef PT_CANCEL_H
#define PT_CANCEL_H

#include <pt_base.h>
#include <pt_checked.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_cancel pt_cancel;

#define PT_CANCEL_REASON_SIZE 64 /* bytes of a reason that are kept, with the closing zero */

/* ---- Tokens ------------------------------------------------------------------------------- */

/* Make a token.

   out       receives the only reference
   until     PT_FOREVER: cancelled by pt_cancel_request() only. pt_after_ms(50), pt_at(moment): also ends at that
             deadline. pt_cancelled_by(parent): also cancelled, or ended, with that token, which it keeps alive. Or both.
   Returns   PT_OK           also if the parent is cancelled already: the new one is then born cancelled
             PT_ERR_NOMEM    no memory for the token
             PT_ERR_INVALID  out is NULL
   Blocks    never */
PT_API PT_NODISCARD pt_status pt_cancel_create(pt_cancel **out, pt_until until);

/* Take or give back a reference. NULL is harmless. Never blocks. */
PT_API pt_cancel *pt_cancel_retain(pt_cancel *token);
PT_API void pt_cancel_release(pt_cancel *token);

/* Cancel the token and all below it: wake those who wait on them and run their hooks, in the calling thread.

   reason    for people; cut to PT_CANCEL_REASON_SIZE; NULL: "cancelled"
   Returns   whether this call was the first, before the deadline too, and its reason is the one that counts
   Blocks    never. Cost: grows with the tokens below, those who wait, and the hooks */
PT_API bool pt_cancel_request(pt_cancel *token, const char *reason);

/* PT_OK while the token lets wait, PT_ERR_CANCELLED once it was cancelled, PT_ERR_TIMEOUT once its deadline, or that of
   one above it, has passed. Cost: one load, and where there is a deadline one reading of the clock. */
PT_API pt_status pt_cancel_status(const pt_cancel *token);

/* Why the token was cancelled, copied into buffer and always closed with a zero: the reason that was given, "deadline
   passed", or "" while it is not cancelled.
   Returns   the reason's full length without the zero, as snprintf does */
PT_API size_t pt_cancel_reason(const pt_cancel *token, char *buffer, size_t size);

/* ---- How long to wait ----------------------------------------------------------------------- */

/* Wait until the token is cancelled; NULL is PT_FOREVER. */
static inline pt_until pt_cancelled_by(pt_cancel *token)
{
    pt_until until = PT_FOREVER;
    until.cancel = token;
    return until;
}

/* Wait until the deadline or until the token is cancelled: pt_or_cancelled_by(pt_after_ms(50), token). */
static inline pt_until pt_or_cancelled_by(pt_until until, pt_cancel *token)
{
    until.cancel = token;
    return until;
}

/* ---- Hooks -------------------------------------------------------------------------------- */

/* A function to be called when a token is cancelled: to close a socket, to set a flag. The struct is the caller's, is
   filled by pt_cancel_hook_add(), and must stay in place until pt_cancel_hook_remove(). */
typedef struct pt_cancel_hook {
    void (*function)(void *arg); /* all private */
    void *arg;
    pt_cancel *token;
    struct pt_cancel_hook *next, *previous;
    uint64_t runner;
    bool *gone;
    uint32_t state;
} pt_cancel_hook;

/* Have function(arg) called once when the token is cancelled: by the thread that calls pt_cancel_request(), which waits for
   it; or, once the deadline has passed, by the timers' thread (see pt_timer.h), or by who asks pt_cancel_status() before that.
   It may do what it likes, remove its own hook included, but other timers may have to wait for it.
   Returns   PT_OK               added
             PT_ERR_CANCELLED, PT_ERR_TIMEOUT  the token is cancelled already; not added, not called
             PT_ERR_NOMEM, PT_ERR_AGAIN, PT_ERR_NOBLOCK  the token has a deadline, and the timers' thread cannot be had:
                                 see pt_timer_create()
             PT_ERR_INVALID      token, hook or function is NULL
   Cost      a short lock; the first hook of a token that has a deadline starts a timer */
PT_API PT_NODISCARD pt_status pt_cancel_hook_add(pt_cancel *token, pt_cancel_hook *hook,
                                                 void (*function)(void *arg), void *arg);

/* Take a hook back. When this returns, its function does not run and will not any more, so the struct and what arg
   points to may go; but for a call from within the function itself.
   Returns   PT_OK             the function was not called and will not be
             PT_ERR_CANCELLED  it was called, and has returned unless this is a call from within
             PT_ERR_NOBLOCK    it is running now, and this thread may not wait: the hook must stay in place
   Blocks    while the function runs in another thread */
PT_API pt_status pt_cancel_hook_remove(pt_cancel_hook *hook);

/* ---- Checked builds ----------------------------------------------------------------------- */

/* Note the place of each call; see pt_checked.h. */
#if defined(PT_CHECKED) && !defined(PTI_LIBRARY)
/* clang-format off */
#define pt_cancel_request(...) (PTI_CHECKED_HERE, pt_cancel_request(__VA_ARGS__))
#define pt_cancel_hook_remove(...) (PTI_CHECKED_HERE, pt_cancel_hook_remove(__VA_ARGS__))
/* clang-format on */
#endif

#ifdef __cplusplus
}
#endif
#endif
