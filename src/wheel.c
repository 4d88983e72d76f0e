/* wheel.c: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987), and the one thread that serves it.

   Time goes in steps of 16.384 us. Each level has 64 slots, of one step each on level 0, and on each further level of as
   much as the whole level below. A timer is on the level of the highest bit in which its step differs from the wheel's own,
   so all that is on a level lies ahead, within one turn, and the first slot in use of the lowest level in use is what comes
   next: two looks at bit maps. When the wheel comes to a slot, its timers go down to lower levels, or are due.
   Starting and stopping is some instructions, however many timers there are; and each goes down at most once a level.

   All of that is under `lock`, which is held for some dozen instructions: of what comes down, MOVES at a time.

   users      who may start timers, under lock
   serving    whether the timers' thread is there
     B   false -> true    who started it, holding `changing`, and lock. It is a user, or about to be one, so E does not come before
     E   true -> false    the thread, under lock, if there are no users; the child of a fork
   server     the thread's handle, under lock. Who takes it out joins or detaches the thread: the last user, if that may
              wait; else the thread itself, at its end
   changing   a mutex: held while the thread is started, or joined. So no user comes while the last one joins it, and E is
              sure to follow. No function of a timer runs then, as each belongs to a user.

   running    the timer whose function the thread is in
     R   NULL -> timer    the thread, under lock
     F   timer -> NULL    the thread, under the lot's lock for &running      release
     L   read             under lock                                 acquire
   Pairs      F with L: who sees that a function does not run sees what it has done. Under the lot's lock for &running that
              lock does it.
   Ending     A timer that is stopped is in no slot, so R does not follow. Who sees it running under the lot's lock joins the
              queue there, or leaves `after` for the thread; F is under the same lock, so neither is missed.

   No lost wake  `wake_at` is the step for which the thread sleeps, 0 while it is awake, under lock. Who starts a timer for
              an earlier one sets `changed`, an event, which the thread looks at before it sleeps. */
#include "timer.h"

#include <pt_thread.h>

#include "atomic.h"
#include "checked.h"
#include "park.h"
#include "port.h"
#include "thread.h"

enum { STEP_BITS = 14, SLOT_BITS = 6, SLOTS = 1 << SLOT_BITS, LEVELS = 9, MOVES = 16 };
_Static_assert(STEP_BITS + SLOT_BITS * LEVELS >= 63, "every moment has a slot");

#define NO_STEP UINT64_MAX

/* Timers of one slot, in the order in which they came. */
struct pti_slot {
    pti_timer *first, *last;
};

static uint32_t lock;
static struct pti_slot slots[LEVELS][SLOTS]; /* under lock, as all down to `running` */
static struct pti_slot ready;                /* what is due */
static uint64_t in_use[LEVELS];              /* a bit for each slot that has timers */
static uint64_t current;                     /* the wheel's own step */
static struct pti_slot *opened; /* the slot it came to last; no timer goes in there again until it goes on */
static uint64_t wake_at;
static unsigned users;
static bool serving;
static pt_thread *server;
static uint64_t server_id;
static pti_timer *running;
static void (*after)(pti_timer *timer); /* under the lot's lock for &running: to be called after F */
static pt_event changed = PT_EVENT_AUTO_INIT;
static pt_mutex changing = PT_MUTEX_INIT;

/* ---- The wheel, all under lock ------------------------------------------------------------- */

static struct pti_slot *slot_of(uint64_t when)
{
    if (when <= current)
        return &ready;
    unsigned level = (63 - (unsigned)__builtin_clzll(when ^ current)) / SLOT_BITS;
    unsigned index = (unsigned)(when >> (level * SLOT_BITS)) % SLOTS;
    in_use[level] |= UINT64_C(1) << index;
    return &slots[level][index];
}

static void link_in(pti_timer *timer)
{
    struct pti_slot *slot = slot_of(timer->when);
    timer->slot = slot;
    timer->next = NULL;
    timer->previous = slot->last;
    if (slot->last != NULL)
        slot->last->next = timer;
    else
        slot->first = timer;
    slot->last = timer;
}

static void link_out(pti_timer *timer)
{
    struct pti_slot *slot = timer->slot;
    if (timer->next != NULL)
        timer->next->previous = timer->previous;
    else
        slot->last = timer->previous;
    if (timer->previous != NULL)
        timer->previous->next = timer->next;
    else
        slot->first = timer->next;
    timer->slot = NULL;
    if (slot->first == NULL && slot != &ready) {
        size_t which = (size_t)(slot - &slots[0][0]);
        in_use[which / SLOTS] &= ~(UINT64_C(1) << which % SLOTS);
    }
}

/* Have it tick next at due, rounded up to a step; not, if that is never. */
static void set(pti_timer *timer, pt_time at)
{
    timer->due = at;
    timer->when = ((uint64_t)at + (UINT64_C(1) << STEP_BITS) - 1) >> STEP_BITS;
    if (at != PT_TIME_NEVER)
        link_in(timer);
}

/* The next slot with timers, and its first step; NULL if there is none. */
static struct pti_slot *next_slot(uint64_t *step)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        if (in_use[level] == 0)
            continue;
        unsigned index = (unsigned)__builtin_ctzll(in_use[level]), shift = level * SLOT_BITS;
        *step = (current >> shift >> SLOT_BITS << SLOT_BITS | index) << shift;
        return &slots[level][index];
    }
    *step = NO_STEP;
    return NULL;
}

/* Go on towards a step, at most MOVES timers at a time. The step of the next slot after that; 0 if there is more to do. */
static uint64_t advance(uint64_t to)
{
    for (unsigned i = 0; i < MOVES; i++) {
        if (opened == NULL || opened->first == NULL) { /* all of a slot go before the wheel does */
            uint64_t step;
            opened = next_slot(&step);
            if (step > to) {
                opened = NULL;
                if (to > current)
                    current = to;
                return step;
            }
            current = step;
        }
        pti_timer *timer = opened->first;
        link_out(timer);
        link_in(timer); /* it is on a lower level now, or ready */
    }
    return 0;
}

/* Take out the first that is ready, and say what its tick is. One with a period goes in again, for the first of its moments
   that is still to come. NULL if none is ready. */
static pti_timer *take_ready(pt_time now, pt_tick *tick)
{
    pti_timer *timer = ready.first;
    if (timer == NULL)
        return NULL;
    link_out(timer);
    pt_time at = timer->due, period = timer->period;
    if (period != 0 && now - at >= period) {
        uint64_t missed = (uint64_t)((now - at) / period);
        timer->number += missed;
        at += (pt_time)missed * period;
    }
    *tick = (pt_tick){.due = at, .number = ++timer->number};
    set(timer, period == 0 || period > PT_TIME_NEVER - at ? PT_TIME_NEVER : at + period);
    return timer;
}

/* ---- The thread ---------------------------------------------------------------------------- */

/* A timer's function has returned. */
static void finish(pti_timer *timer)
{
    pti_queue *queue = pti_park_lock(&running);
    store_release(&running, NULL); /* F: pairs with L */
    void (*ended)(pti_timer *) = after;
    after = NULL;
    pti_waiter *waiters = pti_park_take_all(queue, &running);
    pti_park_unlock(queue);
    pti_park_wake_all(waiters, PTI_GO);
    if (ended != NULL)
        ended(timer);
}

/* Under lock, which it gives back: run what is ready, or sleep; false if nobody needs the thread any more. */
static bool serve_once(void)
{
    pt_tick tick;
    pt_time now = pti_port_now();
    pti_short_lock(&lock);
    uint64_t next = advance((uint64_t)now >> STEP_BITS);
    pti_timer *timer = take_ready(now, &tick);
    bool stays = timer != NULL || users != 0;
    pt_thread *own = NULL;
    if (timer != NULL) {
        store_relaxed(&running, timer); /* R */
    } else if (stays) {
        wake_at = next;
    } else {
        serving = false; /* E */
        wake_at = 0;
        own = server; /* nobody joins */
        server = NULL;
    }
    pti_short_unlock(&lock);
    pt_thread_release(own);

    if (timer != NULL) {
        pti_checked_calling_back("a timer's function");
        timer->function(timer, &tick);
        finish(timer);
    } else if (stays && next != 0) {
        pt_time until = next > (uint64_t)PT_TIME_NEVER >> STEP_BITS ? PT_TIME_NEVER : (pt_time)(next << STEP_BITS);
        (void)!pt_event_wait_until(&changed, pt_at(until));
    }
    return stays;
}

static void *serve(void *arg)
{
    store_relaxed(&server_id, pti_thread_own_id());
    pti_port_thread_be_punctual();
    while (serve_once()) {
    }
    return arg;
}

/* Under `changing`: start the thread if it is not there. */
static pt_status start_thread(void)
{
    pti_short_lock(&lock);
    bool serves = serving;
    pti_short_unlock(&lock);
    if (serves)
        return PT_OK;

    pt_thread *thread = NULL;
    pt_status status = pt_thread_spawn(&thread, &(pt_thread_config){.name = "timers"}, serve, NULL);
    pti_short_lock(&lock);
    server = thread;
    serving = status == PT_OK; /* B */
    pti_short_unlock(&lock);
    return status;
}

/* Where a thread may not wait, pt_mutex_lock() may fail, of which the analysis knows nothing. */
#define MAY_FAIL_TO_LOCK PT_NO_THREAD_SAFETY_ANALYSIS

MAY_FAIL_TO_LOCK pt_status pti_timers_enter(void)
{
    pt_status status = pt_mutex_lock(&changing);
    if (status != PT_OK)
        return status;
    pti_short_lock(&lock);
    users++; /* before the thread looks */
    pti_short_unlock(&lock);
    status = start_thread();
    if (status != PT_OK) {
        pti_short_lock(&lock);
        users--;
        pti_short_unlock(&lock);
    }
    pt_mutex_unlock(&changing);
    return status;
}

MAY_FAIL_TO_LOCK void pti_timers_leave(void)
{
    bool may_join = load_relaxed(&server_id) != pti_thread_own_id() && pt_mutex_lock(&changing) == PT_OK;
    pt_thread *joined = NULL;
    pti_short_lock(&lock);
    bool last = --users == 0;
    if (last && may_join) {
        joined = server;
        server = NULL;
    }
    pti_short_unlock(&lock);
    if (last)
        pt_event_set(&changed);
    if (joined != NULL) {
        pt_thread_join(joined, NULL);
        pt_thread_release(joined);
    }
    if (may_join)
        pt_mutex_unlock(&changing);
}

/* ---- For those who have timers ------------------------------------------------------------- */

/* Under lock. */
static bool function_runs(const pti_timer *timer)
{
    return load_acquire(&running) ==
           timer; /* L: pairs with F; if another one's runs by now, the lock orders that */
}

/* fresh: only if it has not ticked. */
MAY_FAIL_TO_LOCK static pt_status start(pti_timer *timer, pt_time at, pt_time period, bool fresh)
{
    pti_short_lock(&lock);
    if (fresh && (timer->number != 0 || function_runs(timer))) {
        pti_short_unlock(&lock);
        return PT_ERR_BUSY;
    }
    if (timer->slot != NULL)
        link_out(timer);
    timer->period = period;
    timer->number = 0;
    set(timer, at);
    bool is_served = serving, is_first = timer->slot != NULL && timer->when < wake_at;
    if (is_first)
        wake_at = 0;
    pti_short_unlock(&lock);
    if (is_first)
        pt_event_set(&changed);
    if (is_served)
        return PT_OK;

    pt_status status = pt_mutex_lock(&changing);
    if (status == PT_OK) {
        status = start_thread();
        pt_mutex_unlock(&changing);
    }
    return status;
}

pt_status pti_timer_try_start(pti_timer *timer, pt_time at, pt_time period)
{
    return start(timer, at, period, true);
}

pt_status pti_timer_start(pti_timer *timer, pt_time at, pt_time period)
{
    return start(timer, at, period, false);
}

unsigned pti_timer_stop(pti_timer *timer)
{
    pti_short_lock(&lock);
    unsigned was = timer->slot != NULL ? PTI_TIMER_SET : 0;
    if (was != 0)
        link_out(timer);
    if (timer->number != 0)
        was |= PTI_TIMER_TICKED;
    if (function_runs(timer))
        was |= PTI_TIMER_RUNS;
    timer->due = PT_TIME_NEVER;
    pti_short_unlock(&lock);
    return was;
}

pt_time pti_timer_due(const pti_timer *timer)
{
    pti_short_lock(&lock);
    pt_time at = timer->due;
    pti_short_unlock(&lock);
    return at;
}

/* Wait for F if the timer's function runs, or, where that cannot be, leave word of what is to be called then. */
static pt_status wait_for_end(const pti_timer *timer, void (*ended)(pti_timer *timer))
{
    pti_waiter waiter;
    pti_park_prepare(&waiter, "timer's function");
    pt_status may_wait = load_relaxed(&server_id) == pti_thread_own_id() ? PT_ERR_DEADLOCK
                         : pti_port_may_block()                          ? PT_OK
                                                                         : PT_ERR_NOBLOCK;
    pti_queue *queue = pti_park_lock(&running);
    bool runs = load_relaxed(&running) == timer;
    if (runs && may_wait == PT_OK)
        pti_park_join(queue, &waiter, &running);
    else if (runs && ended != NULL)
        after = ended;
    pti_park_unlock(queue);
    if (!runs)
        return PT_OK;
    if (may_wait == PT_OK)
        pti_park_sleep(&waiter, PT_FOREVER, true);
    return may_wait;
}

pt_status pti_timer_wait(pti_timer *timer)
{
    return wait_for_end(timer, NULL);
}

void pti_timer_end(pti_timer *timer, void (*ended)(pti_timer *timer))
{
    if (wait_for_end(timer, ended) == PT_OK)
        ended(timer);
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_timers_before_fork(void)
{
    pti_short_lock(&lock);
}

/* In the child the thread is gone, unless it is the one that forked; and so is whoever was changing that. */
void pti_timers_after_fork(bool child)
{
    pt_thread *gone = NULL;
    if (child && load_relaxed(&server_id) != pti_thread_own_id()) {
        gone = server;
        server = NULL;
        serving = false;
        wake_at = 0;
        running = NULL;
        after = NULL;
        changed = (pt_event)PT_EVENT_AUTO_INIT;
        changing = (pt_mutex)PT_MUTEX_INIT;
    }
    pti_short_unlock(&lock);
    pt_thread_release(gone);
}
