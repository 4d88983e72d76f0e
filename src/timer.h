/* timer.h: timers as the rest of the core uses them: part of another object, with a function that the timers' thread calls.
   See wheel.c for how they work; timer.c makes pt_timer of them. */
#ifndef PTI_TIMER_H
#define PTI_TIMER_H

#include <pt_timer.h>

typedef struct pti_timer {
    void (*function)(struct pti_timer *timer, const pt_tick *tick); /* constant */
    struct pti_slot *slot;             /* under the wheel's lock, as all below; NULL: it is not running */
    struct pti_timer *next, *previous; /* in the slot */
    uint64_t when;                     /* due, in steps of the wheel */
    pt_time due, period;
    uint64_t number;
} pti_timer;

/* There is one more who will start timers: from now on the timers' thread is there. One less, whose timers have ended.
   enter() returns PT_OK or what pt_timer_create() says. */
pt_status pti_timers_enter(void);
void pti_timers_leave(void);

/* Start a timer, anew if it is running; due at PT_TIME_NEVER does nothing but stop it. Only in the child of a fork may it fail,
   as the thread must be started anew. The try form leaves it as it is, and says PT_ERR_BUSY, if it has ticked since it was
   started last, or its function runs. */
pt_status pti_timer_try_start(pti_timer *timer, pt_time due, pt_time period);
pt_status pti_timer_start(pti_timer *timer, pt_time due, pt_time period);

/* No ticks from now on. What it was: bits. */
enum {
    PTI_TIMER_SET = 1,
    PTI_TIMER_TICKED = 2,
    PTI_TIMER_RUNS = 4
}; /* RUNS: its function does: see pti_timer_wait() */
unsigned pti_timer_stop(pti_timer *timer);

/* Wait while the timers' thread runs the timer's function. PT_ERR_NOBLOCK where that cannot be waited for; PT_ERR_DEADLOCK
   within the function itself. */
pt_status pti_timer_wait(pti_timer *timer);

/* Call ended(timer) once its function does not run any more: by the timers' thread, if that cannot be waited for. The timer
   is stopped, and nobody starts it again. */
void pti_timer_end(pti_timer *timer, void (*ended)(pti_timer *timer));

pt_time pti_timer_due(const pti_timer *timer);

/* Around a fork. In the child no timer's thread is there, until the next start. */
void pti_timers_before_fork(void);
void pti_timers_after_fork(bool child);

#endif
