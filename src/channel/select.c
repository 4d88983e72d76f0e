/* select.c: waits for the first of many.

   First each case is tried, from `turn` on; then tried again for a moment. To wait, each case gets an arm: a waiter in the queue
   of what it waits for, all with the same sleeper, on whose word the thread sleeps. Who would wake an arm claims the
   sleeper first (C in park.c), so one does, and the others pass it by as if it were not there. A token has the sleeper's word in
   its list, and only makes it look.

     1  enter the gates of all channels, and one fence for all (gate.c)
     2  for each arm: join, if a look under the queue's lock still says that it must wait; if not, stop here
     3  sleep until claimed and woken; or, after a stop, at the deadline, or by a token, give up: Z in park.c, which fails if
        the sleeper has been claimed
     4  take out all arms that are still in a queue, and leave the gates
     5  woken: PTI_HANDED, it has been done; else try that case first, as the wake was meant for it

   Lifetime      An arm is touched by others under the lock of its queue while it is in it, and by the one who claimed until it
                 wakes the sleeper; 3 waits for that, and 4 takes each lock. */
#include "select.h"

#include "checked.h"
#include "event.h"

static bool is_channel(const pt_case *what)
{
    return what->kind == PT_CASE_SEND || what->kind == PT_CASE_RECEIVE;
}

static enum pti_end end_of(const pt_case *what)
{
    return what->kind == PT_CASE_SEND ? PTI_SENDERS : PTI_RECEIVERS;
}

static pt_status try_case(const pt_case *what)
{
    pt_status status;
    switch (what->kind) {
    case PT_CASE_SEND:
    case PT_CASE_RECEIVE: return pti_channel_try(what->object, end_of(what), what->value);
    case PT_CASE_EVENT: return pt_event_try_wait(what->object);
    case PT_CASE_CANCEL: status = pti_cancel_peek(what->object); return status == PT_OK ? PT_ERR_BUSY : status;
    default: return PT_ERR_BUSY;
    }
}

/* Try this one; true if it fires. */
static bool fire(pt_case *cases, size_t i, size_t *fired)
{
    pt_status status = try_case(&cases[i]);
    if (status == PT_ERR_BUSY)
        return false;
    cases[i].status = status;
    *fired = i;
    return true;
}

static bool fire_any(pt_case *cases, size_t count, size_t turn, size_t *fired)
{
    for (size_t i = 0, at = turn; i < count; i++, at = at + 1 == count ? 0 : at + 1) {
        if (fire(cases, at, fired))
            return true;
    }
    return false;
}

/* ---- Arms ---------------------------------------------------------------------------------- */

static void enter(const pt_case *what, pti_arm *arm, pti_waiter *sleeper)
{
    static const char *const names[] = {"", "select (send)", "select (receive)", "select (event)",
                                        "select (token)"};
    pti_park_prepare(&arm->waiter, names[what->kind]);
    arm->waiter.sleeper = sleeper;
    arm->waiter.with = what->value;
    arm->waiter.queued = false;
    arm->linked = false;
    if (is_channel(what))
        pti_gate_enter(what->object, end_of(what));
}

/* False if there is something to do for this case. */
static bool join(const pt_case *what, pti_arm *arm, pti_waiter *sleeper)
{
    switch (what->kind) {
    case PT_CASE_SEND:
    case PT_CASE_RECEIVE: return pti_gate_join(what->object, end_of(what), &arm->waiter, false);
    case PT_CASE_EVENT: return pti_event_join(what->object, &arm->waiter);
    case PT_CASE_CANCEL: return arm->linked = pti_cancel_link_in(&arm->link, what->object, &sleeper->word);
    default: return true;
    }
}

static void leave(const pt_case *what, pti_arm *arm, bool joined)
{
    if (is_channel(what)) {
        if (joined)
            pti_gate_take_out(what->object, end_of(what), &arm->waiter);
        pti_gate_leave(what->object, end_of(what));
    } else if (what->kind == PT_CASE_EVENT && joined) {
        pti_event_leave(what->object, &arm->waiter);
    } else if (arm->linked) {
        pti_cancel_link_out(&arm->link);
    }
}

/* The earliest deadline of all tokens. */
static pt_until with_deadlines(const pt_case *cases, size_t count, pt_until until)
{
    for (size_t i = 0; i < count; i++) {
        pt_time deadline = cases[i].kind == PT_CASE_CANCEL ? pti_cancel_deadline(cases[i].object) : PT_TIME_NEVER;
        if (deadline < until.deadline)
            until.deadline = deadline;
    }
    return until;
}

/* 1 to 4. What came of it: a message for the arm *woken; or PTI_GAVE_UP, *stopped if that is because there is something to
   do. */
static enum pti_message wait(pt_case *cases, pti_arm *arms, size_t count, pt_until until, size_t *woken,
                             bool *stopped)
{
    pti_waiter sleeper;
    size_t joined = 0;
    pti_park_prepare(&sleeper, "select");
    sleeper.key = arms;
    for (size_t i = 0; i < count; i++)
        enter(&cases[i], &arms[i], &sleeper);
    pti_gate_fence();
    while (joined < count && join(&cases[joined], &arms[joined], &sleeper))
        joined++;
    *stopped = joined < count;
    enum pti_message message =
        pti_park_sleep_in_place(&sleeper, *stopped ? pt_at(0) : with_deadlines(cases, count, until));
    for (size_t i = 0; i < count; i++)
        leave(&cases[i], &arms[i], i < joined);
    if (message != PTI_GAVE_UP)
        *woken = (size_t)((pti_arm *)(void *)sleeper.fired - arms);
    return message;
}

/* The case that was woken, as the wake was meant for it. */
static bool try_woken(pt_case *cases, size_t i, enum pti_message message, size_t *fired)
{
    bool fires = fire(cases, i, fired);
    if (message == PTI_RETRY && is_channel(&cases[i]))
        pti_gate_settle(cases[i].object, end_of(&cases[i]));
    return fires;
}

/* A select is a call at each of its channels' ends. */
static void begin_calls(const pt_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_channel(&cases[i]))
            pti_checked_enter(cases[i].object, end_of(&cases[i]), "pt_select");
    }
}

static void end_calls(const pt_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_channel(&cases[i]))
            pti_checked_leave(cases[i].object, end_of(&cases[i]));
    }
}

/* ---- The whole ----------------------------------------------------------------------------- */

static bool can_end(const pt_case *cases, size_t count, pt_until until)
{
    bool can = !pt_until_is_forever(until);
    for (size_t i = 0; i < count; i++)
        can = can || cases[i].kind != PT_CASE_NEVER;
    return can;
}

static pt_status select_one(pt_case *cases, pti_arm *arms, size_t count, size_t turn, size_t *fired, pt_until until)
{
    for (unsigned round = 0; round == 0 || pti_park_spin(round - 1); round++) {
        if (fire_any(cases, count, turn, fired))
            return PT_OK;
    }
    for (;;) {
        size_t woken = 0;
        bool stopped;
        pt_status status = pti_park_may_wait(until);
        if (status != PT_OK)
            return status;
        if (!can_end(cases, count, until))
            return PT_ERR_DEADLOCK;
        enum pti_message message = wait(cases, arms, count, until, &woken, &stopped);
        if (message == PTI_HANDED) {
            cases[woken].status = PT_OK;
            *fired = woken;
            return PT_OK;
        }
        if (message != PTI_GAVE_UP && try_woken(cases, woken, message, fired))
            return PT_OK;
        if (fire_any(cases, count, turn, fired))
            return PT_OK;
        if (message == PTI_GAVE_UP && !stopped)
            return pti_park_why(until);
    }
}

pt_status pti_select(pt_case *cases, pti_arm *arms, size_t count, size_t turn, size_t *fired, pt_until until)
{
    begin_calls(cases, count);
    pt_status status = select_one(cases, arms, count, turn, fired, until);
    end_calls(cases, count);
    return status;
}

bool pti_select_is_valid(const pt_case *cases, size_t count)
{
    bool valid = cases != NULL || count == 0;
    for (size_t i = 0; i < count && valid; i++) {
        const pt_channel *channel = is_channel(&cases[i]) ? cases[i].object : NULL;
        valid = (unsigned)cases[i].kind <= PT_CASE_CANCEL &&
                (cases[i].kind == PT_CASE_NEVER || cases[i].object != NULL) &&
                (channel == NULL || cases[i].value != NULL || channel->value_size == 0) &&
                (cases[i].kind != PT_CASE_RECEIVE || channel->config.kind != PT_CHANNEL_BROADCAST);
    }
    return valid;
}

/* Where a fair select begins: a step further each time, by its thread. */
static size_t next_turn(pt_select_order order, size_t count)
{
    static _Thread_local size_t turns;
    return order == PT_SELECT_IN_ORDER || count == 0 ? 0 : turns++ % count;
}

__attribute__((noinline)) static pt_status select_many(pt_case *cases, size_t count, size_t turn, size_t *fired,
                                                       pt_until until)
{
    pti_arm arms[PT_SELECT_MAX];
    return pti_select(cases, arms, count, turn, fired, until);
}

pt_status pt_select_until(pt_case *cases, size_t count, pt_select_order order, size_t *fired, pt_until until)
{
    enum { FEW = 8 }; /* most selects; so they need less of the stack */
    if (fired == NULL || count > PT_SELECT_MAX || !pti_select_is_valid(cases, count))
        return PT_ERR_INVALID;
    pti_arm arms[FEW];
    size_t turn = next_turn(order, count);
    *fired = SIZE_MAX;
    return count <= FEW ? pti_select(cases, arms, count, turn, fired, until)
                        : select_many(cases, count, turn, fired, until);
}

pt_status pt_select(pt_case *cases, size_t count, size_t *fired)
{
    return pt_select_until(cases, count, PT_SELECT_FAIR, fired, PT_FOREVER);
}

pt_status pt_try_select(pt_case *cases, size_t count, pt_select_order order, size_t *fired)
{
    if (fired == NULL || count > PT_SELECT_MAX || !pti_select_is_valid(cases, count))
        return PT_ERR_INVALID;
    *fired = SIZE_MAX;
    begin_calls(cases, count);
    bool fires = fire_any(cases, count, next_turn(order, count), fired);
    end_calls(cases, count);
    return fires ? PT_OK : PT_ERR_BUSY;
}
