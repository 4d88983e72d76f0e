/* pt_timer.h: timers: ticks at a moment, or again and again.

     pt_timer *every_second;
     pt_timer_create(&every_second, PT_SECOND, PT_SECOND);          the first in a second, then each second
     pt_channel *ticks = pt_timer_channel(every_second);
     pt_tick tick;
     while (pt_channel_receive(ticks, &tick) == PT_OK)              or as a case of a select
         report();

   A timer's ticks come through a channel with room for one, so whoever can receive, select or be called back by a channel can
   wait for a timer. Who would rather have a function called makes the timer with pt_timer_create_calling().

   What they share
     Thread    One thread of the library serves all timers. The first pt_timer_create() starts it, and the release of the
               last timer ends it; it sleeps while nothing is due. A program that makes and drops timers often should keep one.
     Accuracy  A tick never comes early. Moments are rounded up to the next 16.384 us; on top comes what the system takes to
               wake a thread. In all, while a processor is free, a tick reaches who waits for it some 15 us to 25 us late
               natively, 70 us on WASI, 85 us in a browser, whose clock moves in steps of 5 us to 100 us: medians of
               `make bench FILTER=timer`.
     Slow      A tick that finds the one before still unread is dropped, and so are those that the thread itself was too late
     receivers for: one comes for them all. pt_tick.number tells how many that were.
     Reset     After pt_timer_stop() and pt_timer_reset() no tick of before is received any more, also if it was in the
               channel already.
     Lifetime  A timer is a reference-counted handle. The last pt_timer_release() stops it and closes its channel.
     Threads   Any thread may call these, a timer's own function too; signal handlers may not.
     Fork      In the child timers stand still. The first call of pt_timer_create() or pt_timer_reset() has all go on.
     Cost      To start and to stop: a short lock each, however many timers there are; some 50 ns and a reading of the
               clock. If it is now the first one due, the thread must be woken for that: some microseconds. */
#ifndef PT_TIMER_H
#define PT_TIMER_H

#include <pt_base.h>
#include <pt_channel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pt_timer pt_timer;

/* What comes through a timer's channel. */
typedef struct pt_tick {
    pt_time due;     /* when it was to come, by pt_now()'s clock; it does not drift */
    uint64_t number; /* 1, 2, 3 ... since the timer was started; those left out were missed */
} pt_tick;

/* Make a timer, and start it.

   out       receives the only reference
   first     nanoseconds until the first tick; 0 or less: at once; PT_TIME_NEVER: it is not started yet
   period    nanoseconds from each tick to the next; 0: there is but one
   Returns   PT_OK
             PT_ERR_NOMEM    no memory
             PT_ERR_AGAIN    the thread that serves timers cannot be had: see pt_thread_spawn()
             PT_ERR_NOBLOCK  this thread may not wait, and another one is just starting or ending the timers' thread: try again
             PT_ERR_INVALID  out is NULL, or period is below 0
   Blocks    while another thread is starting or ending the timers' thread */
PT_API PT_NODISCARD pt_status pt_timer_create(pt_timer **out, pt_time first, pt_time period);

/* The same, but for each tick the timers' thread calls function(arg). Other timers wait meanwhile, so it should be quick: set
   an event, send to a channel. It may stop, reset and release its own timer. PT_ERR_INVALID also if function is NULL. */
PT_API PT_NODISCARD pt_status pt_timer_create_calling(pt_timer **out, pt_time first, pt_time period,
                                                      void (*function)(void *arg), void *arg);

/* Take or give back a reference. NULL is harmless. The last one stops the timer as pt_timer_stop() does, and closes its
   channel: who waits there gets PT_ERR_CLOSED. Blocks as pt_timer_stop(); on a thread that may not wait the function may
   still be running when this returns. */
PT_API pt_timer *pt_timer_retain(pt_timer *timer);
PT_API void pt_timer_release(pt_timer *timer);

/* Where its ticks come: a channel of pt_tick. It lives as long as the timer; a thread that may receive after that takes a
   reference of its own, by pt_channel_retain_receiver(). NULL if timer is NULL, or calls a function. */
PT_API pt_channel *pt_timer_channel(const pt_timer *timer);

/* Start it anew, whether it was running or not: first and period are as in pt_timer_create(), and ticks are counted from 1.
   Returns   PT_OK, PT_ERR_INVALID if timer is NULL or period below 0; in the child of a fork PT_ERR_AGAIN and PT_ERR_NOMEM
             PT_ERR_NOBLOCK  as pt_timer_stop(), and it is stopped
   Blocks    as pt_timer_stop() */
PT_API PT_NODISCARD pt_status pt_timer_reset(pt_timer *timer, pt_time first, pt_time period);

/* Stop it. When this returns, none of its ticks is received and its function does not run, now or later, but for a call
   from within that function; until it is started anew.
   Returns   PT_OK           a tick was to come, or was unread, and does not come
             PT_ERR_TIMEOUT  there was none: its time had come before, or it was not running
             PT_ERR_NOBLOCK  its function is running now, or a tick being sent, and this thread may not wait for that: so one may
                             still be received. No more will come
             PT_ERR_INVALID  timer is NULL
   Blocks    while its function runs in the timers' thread */
PT_API pt_status pt_timer_stop(pt_timer *timer);

/* When the next tick is due; PT_TIME_NEVER if none is, or timer is NULL. */
PT_API pt_time pt_timer_due(const pt_timer *timer);

#ifdef __cplusplus
}
#endif
#endif
