/* cancel.c: cancel tokens.

   A tree of tokens has one lock, its root's. Each token keeps its parent alive, so the root is there as long as any.

   status         PT_OK, then once and for all PT_ERR_CANCELLED or PT_ERR_TIMEOUT
     C   PT_OK -> another    who cancels, under the tree's lock; reason is written before              release
     R   read                any thread                                                                acquire
   Pairs         C with R: who sees a token cancelled sees what the canceller wrote before.

   The lists of a token, under the tree's lock: children, links (threads that sleep), hooks.

   No lost wake  link_in and the check of status are one step under the lock; C is under it too. So a thread is linked
                 before C, and then C's caller pokes it; or it sees C and does not sleep. What a poke does to a thread
                 that has a message already: nothing, see park.c.
   Hooks         are called under no lock, by who cancels, once all below are cancelled; never by a wait that a deadline ends,
                 as its thread may hold a mutex: that one only peeks.
   Going down    Who cancels a token empties its list of children one by one into a list of its own, `work`, linked by
                 next, under the lock for a few instructions each. A child that is on its way to be freed, with
                 references 0, is passed by: nobody can wait on it. A child made while that goes on is either put in the
                 list before C, or is born cancelled.
   Lifetime      A link is its thread's until link_out, which takes the lock: so no poke, which is made under the lock,
                 comes later. The port's wake uses the word's address as a name only.

   hook.state     ADDED 1 -> RUNNING 2 -> RAN 3, or ADDED -> REMOVED 0; under the tree's lock
     Who removes a hook that is RUNNING in another thread waits in the lot, by the hook's address; RAN is set under the
     lot's lock too, with a release that pairs with the acquire of the one who removes.

   Deadlines     Waits bring theirs along. For hooks a token has a timer, from its first hook to its end. The timer has no
                 reference: its function takes one, unless there is none left, and whoever brought them to 0 waits for it
                 before it frees the token. */
#include "cancel.h"

#include <stdio.h>
#include <string.h>

#include "atomic.h"
#include "checked.h"
#include "memory.h"
#include "park.h"
#include "port.h"
#include "thread.h"
#include "timer.h"

enum { REMOVED = 0, ADDED = 1, RUNNING = 2, RAN = 3 }; /* hook.state */

struct pt_cancel {
    uint32_t references;
    int32_t status;    /* a pt_status */
    pt_time deadline;  /* constant: the earliest of this token's and of those above */
    pt_cancel *parent; /* constant; a reference */
    pt_cancel *root;   /* constant: whose lock counts */
    uint32_t lock;     /* the root's only */
    pti_timer timer;   /* at the deadline */
    bool timed;        /* from here on under the tree's lock; this one is set once */
    bool in_parent;
    pt_cancel *children; /* linked by next and previous */
    pt_cancel *next, *previous;
    pti_cancel_link *links;
    pt_cancel_hook *hooks;
    char reason[PT_CANCEL_REASON_SIZE]; /* constant after C */
};

static void lock(const pt_cancel *token)
{
    pti_short_lock(&token->root->lock);
}

static void unlock(const pt_cancel *token)
{
    pti_short_unlock(&token->root->lock);
}

/* ---- Making and freeing -------------------------------------------------------------------- */

/* Under the tree's lock: hang a new token into its parent's list, or let it share the parent's fate. */
static void adopt(pt_cancel *parent, pt_cancel *child)
{
    if (parent->status != PT_OK) {
        child->status = parent->status;
        memcpy(child->reason, parent->reason, sizeof child->reason);
        return;
    }
    child->in_parent = true;
    child->next = parent->children;
    if (parent->children != NULL)
        parent->children->previous = child;
    parent->children = child;
}

/* Under the tree's lock. */
static void leave_parent(pt_cancel *child)
{
    if (child->next != NULL)
        child->next->previous = child->previous;
    if (child->previous != NULL)
        child->previous->next = child->next;
    else
        child->parent->children = child->next;
    child->in_parent = false;
    child->next = child->previous = NULL;
}

pt_status pt_cancel_create(pt_cancel **out, pt_until until)
{
    if (out == NULL)
        return PT_ERR_INVALID;
    pt_cancel *token = pti_allocate(sizeof *token);
    if (token == NULL)
        return PT_ERR_NOMEM;

    pt_cancel *parent = pt_cancel_retain(until.cancel);
    token->references = 1;
    token->parent = parent;
    token->root = parent == NULL ? token : parent->root;
    token->deadline = until.deadline;
    if (parent != NULL) {
        if (parent->deadline < token->deadline)
            token->deadline = parent->deadline;
        lock(token);
        adopt(parent, token);
        unlock(token);
    }
    *out = token;
    return PT_OK;
}

pt_cancel *pt_cancel_retain(pt_cancel *token)
{
    if (token != NULL)
        add_relaxed(&token->references, 1); /* relaxed: the caller has a reference already */
    return token;
}

static void free_timed(pti_timer *timer)
{
    pti_free((char *)timer - offsetof(pt_cancel, timer));
    pti_timers_leave();
}

static void free_token(pt_cancel *token)
{
    if (!token->timed) {
        pti_free(token);
        return;
    }
    pti_timer_stop(&token->timer);
    pti_timer_end(&token->timer, free_timed);
}

void pt_cancel_release(pt_cancel *token)
{
    /* Up the tree without recursion: trees may be deep. */
    while (token != NULL && sub_acq_rel(&token->references, 1) == 1) {
        pt_cancel *parent = token->parent;
        if (parent != NULL) {
            lock(token);
            if (token->in_parent)
                leave_parent(token);
            unlock(token);
        }
        free_token(token);
        token = parent;
    }
}

/* ---- Cancelling ---------------------------------------------------------------------------- */

static bool deadline_has_passed(const pt_cancel *token)
{
    return token->deadline != PT_TIME_NEVER && pti_port_now() >= token->deadline;
}

/* C: what the token's status is now, or PT_OK if it had one. A deadline that has passed came first, though nobody may
   have noticed. */
static pt_status set_status(pt_cancel *token, pt_status status, const char *reason)
{
    lock(token);
    bool first = token->status == PT_OK;
    if (first) {
        if (deadline_has_passed(token)) {
            status = PT_ERR_TIMEOUT;
            reason = pt_strerror(PT_ERR_TIMEOUT);
        }
        snprintf(token->reason, sizeof token->reason, "%s", reason);
        store_release(&token->status, status); /* C: pairs with R */
    }
    unlock(token);
    return first ? status : PT_OK;
}

/* Poke all who sleep on the token; some at a time, so that the lock is not held for long. */
static void poke_sleepers(pt_cancel *token)
{
    enum { MOST = 16 };
    const uint32_t *asleep[MOST];
    bool more = true;
    while (more) {
        size_t count = 0;
        lock(token);
        for (size_t i = 0; i < MOST && token->links != NULL; i++) {
            pti_cancel_link *link = token->links;
            token->links = link->next;
            if (link->next != NULL)
                link->next->to_here = &token->links;
            link->to_here = NULL; /* out already */
            if (pti_park_poke(link->word))
                asleep[count++] = link->word;
        }
        more = token->links != NULL;
        unlock(token);
        for (size_t i = 0; i < count; i++)
            pti_park_wake_poked(asleep[i]);
    }
}

/* Under the tree's lock: take the hook out of its token's list. */
static void unhook(pt_cancel_hook *hook)
{
    if (hook->next != NULL)
        hook->next->previous = hook->previous;
    if (hook->previous != NULL)
        hook->previous->next = hook->next;
    else
        hook->token->hooks = hook->next;
}

static void run_hooks(pt_cancel *token)
{
    for (;;) {
        lock(token);
        pt_cancel_hook *hook = token->hooks;
        if (hook == NULL) {
            unlock(token);
            return;
        }
        unhook(hook);
        bool gone = false; /* set if the function removes its own hook, whose memory may then be used anew */
        hook->gone = &gone;
        hook->runner = pti_thread_own_id();
        store_relaxed(&hook->state, RUNNING);
        unlock(token);

        pti_checked_calling_back("a cancel hook");
        hook->function(hook->arg);
        if (gone)
            continue;
        pti_queue *queue = pti_park_lock(hook);
        store_release(&hook->state, RAN);
        pti_waiter *waiters = pti_park_take_all(queue, hook);
        pti_park_unlock(queue);
        pti_park_wake_all(waiters, PTI_GO);
    }
}

/* A reference to one that is still there, but may be on its way to be freed. */
static bool try_retain(pt_cancel *token)
{
    uint32_t references = load_relaxed(&token->references);
    while (references != 0 && !cas_relaxed(&token->references, &references, references + 1)) {
    }
    return references != 0;
}

/* Take the next child, if there is one that is still alive, and put it on the list of work. */
static bool take_child(pt_cancel *token, pt_cancel **work)
{
    lock(token);
    pt_cancel *child = token->children;
    if (child != NULL) {
        leave_parent(child);
        if (try_retain(child)) {
            child->next = *work;
            *work = child;
        }
    }
    unlock(token);
    return child != NULL;
}

/* The next of the tokens to work on, now cancelled; one that was cancelled by itself meanwhile is its canceller's
   business. NULL when there is none left. */
static pt_cancel *next_of(pt_cancel **work, pt_status status, const char *reason)
{
    while (*work != NULL) {
        pt_cancel *token = *work;
        *work = token->next;
        token->next = NULL;
        if (set_status(token, status, reason) != PT_OK)
            return token;
        pt_cancel_release(token);
    }
    return NULL;
}

/* Cancel a token, whose status is set, and all below it; those below that this call cancels are left in a list, linked
   by next, in order. The token itself is not in it: it may be in its parent's list of children. */
static pt_cancel *cancel_tree(pt_cancel *token, pt_status status, const char *reason)
{
    pt_cancel *work = NULL, *below = NULL, **end = &below;
    for (pt_cancel *next = token; next != NULL; next = next_of(&work, status, reason)) {
        while (take_child(next, &work)) {
        }
        poke_sleepers(next);
        if (next != token) {
            *end = next;
            end = &next->next;
        }
    }
    return below;
}

/* Whether this call was the first, and status is what counts. Hooks come last: one may wait for threads that wait for a
   token below. */
static bool cancel(pt_cancel *token, pt_status status, const char *reason)
{
    pt_status counts = set_status(token, status, reason);
    if (counts == PT_OK)
        return false;
    pt_cancel_retain(token); /* a hook may release it */
    pt_cancel *below = cancel_tree(token, status, reason);
    run_hooks(token);
    pt_cancel_release(token);
    while (below != NULL) {
        pt_cancel *next = below;
        below = next->next;
        run_hooks(next);
        pt_cancel_release(next);
    }
    return counts == status;
}

bool pt_cancel_request(pt_cancel *token, const char *reason)
{
    return cancel(token, PT_ERR_CANCELLED, reason == NULL ? "cancelled" : reason);
}

pt_status pt_cancel_status(const pt_cancel *token)
{
    pt_status status = (pt_status)load_acquire(&token->status); /* R: pairs with C */
    if (status == PT_OK && deadline_has_passed(token)) {
        /* The caller's pointer is const as it asks only; the token is not. */
        cancel((pt_cancel *)(uintptr_t)token, PT_ERR_TIMEOUT, pt_strerror(PT_ERR_TIMEOUT));
        status = (pt_status)load_acquire(&token->status); /* R */
    }
    return status;
}

size_t pt_cancel_reason(const pt_cancel *token, char *buffer, size_t size)
{
    const char *reason = pt_cancel_status(token) == PT_OK ? "" : token->reason;
    return (size_t)snprintf(buffer, size, "%s", reason);
}

/* ---- For those who sleep ------------------------------------------------------------------- */

pt_status pti_cancel_peek(const pt_cancel *token)
{
    pt_status status = (pt_status)load_acquire(&token->status); /* R: pairs with C */
    return status == PT_OK && deadline_has_passed(token) ? PT_ERR_TIMEOUT : status;
}

pt_time pti_cancel_deadline(const pt_cancel *token)
{
    return token->deadline;
}

bool pti_cancel_link_in(pti_cancel_link *link, pt_cancel *token, uint32_t *word)
{
    link->token = token;
    link->word = word;
    lock(token);
    bool live = token->status == PT_OK;
    if (live) {
        link->next = token->links;
        link->to_here = &token->links;
        if (link->next != NULL)
            link->next->to_here = &link->next;
        token->links = link;
    }
    unlock(token);
    return live;
}

void pti_cancel_link_out(pti_cancel_link *link)
{
    lock(link->token);
    if (link->to_here != NULL) {
        *link->to_here = link->next;
        if (link->next != NULL)
            link->next->to_here = link->to_here;
    }
    unlock(link->token);
}

/* ---- Hooks --------------------------------------------------------------------------------- */

/* By the timers' thread. */
static void pass_deadline(pti_timer *timer, const pt_tick *tick)
{
    (void)tick;
    pt_cancel *token = (pt_cancel *)(void *)((char *)timer - offsetof(pt_cancel, timer));
    if (try_retain(token)) {
        pt_cancel_status(token);
        pt_cancel_release(token);
    }
}

/* Have the token's timer run, if it is to have one. */
static pt_status start_timer(pt_cancel *token)
{
    if (token->deadline == PT_TIME_NEVER)
        return PT_OK;
    pt_status status = pti_timers_enter();
    if (status != PT_OK)
        return status;
    lock(token);
    bool first = !token->timed;
    token->timed = true;
    unlock(token);
    if (!first) {
        pti_timers_leave();
        return PT_OK;
    }
    token->timer.function = pass_deadline;
    return pti_timer_start(&token->timer, token->deadline, 0);
}

pt_status pt_cancel_hook_add(pt_cancel *token, pt_cancel_hook *hook, void (*function)(void *arg), void *arg)
{
    if (token == NULL || hook == NULL || function == NULL)
        return PT_ERR_INVALID;
    *hook = (pt_cancel_hook){.state = REMOVED}; /* to remove what was not added does no harm */
    pt_status status = pt_cancel_status(token);
    if (status == PT_OK)
        status = start_timer(token);
    if (status != PT_OK)
        return status;

    *hook = (pt_cancel_hook){.function = function, .arg = arg, .token = pt_cancel_retain(token), .state = ADDED};
    lock(token);
    status = (pt_status)token->status;
    if (status == PT_OK) {
        hook->next = token->hooks;
        if (hook->next != NULL)
            hook->next->previous = hook;
        token->hooks = hook;
    }
    unlock(token);
    if (status != PT_OK) {
        *hook = (pt_cancel_hook){.state = REMOVED};
        pt_cancel_release(token);
    }
    return status;
}

/* Wait until a hook that runs in another thread has run. */
static pt_status wait_for_hook(pt_cancel_hook *hook)
{
    pti_waiter waiter;
    pti_park_prepare(&waiter, "cancel hook");
    pti_queue *queue = pti_park_lock(hook);
    if (load_acquire(&hook->state) == RAN) {
        pti_park_unlock(queue);
        return PT_OK;
    }
    pt_status may_wait = pti_park_may_wait(PT_FOREVER);
    if (may_wait == PT_OK)
        pti_park_join(queue, &waiter, hook);
    pti_park_unlock(queue);
    if (may_wait == PT_OK)
        pti_park_sleep(&waiter, PT_FOREVER, true);
    return may_wait;
}

pt_status pt_cancel_hook_remove(pt_cancel_hook *hook)
{
    pt_cancel *token = hook->token;
    if (token == NULL)
        return PT_ERR_CANCELLED; /* was not added, or is removed already */

    lock(token);
    uint32_t state = load_acquire(&hook->state); /* RAN is set under another lock */
    if (state == ADDED)
        unhook(hook);
    bool own = state == RUNNING && hook->runner == pti_thread_own_id();
    unlock(token);

    if (state == RUNNING) {
        pt_status waited = own ? PT_OK : wait_for_hook(hook);
        if (waited != PT_OK)
            return waited;
        if (own)
            *hook->gone = true;
    }
    hook->token = NULL;
    pt_cancel_release(token);
    return state == ADDED ? PT_OK : PT_ERR_CANCELLED;
}
