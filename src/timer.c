/* timer.c: pt_timer: a timer whose ticks come through a channel, or that calls a function of its user's.

   references  those who hold it; the last one ends it
     D   to 0        who ends it, after all others                acq_rel, pairs with itself
   A tick of before is not received after a stop, since the stop waits until no tick is being sent, and then takes out of the
   channel what is there. A reset is a stop and a start. */
#include "timer.h"

#include <stddef.h>

#include "atomic.h"
#include "memory.h"

struct pt_timer {
    pti_timer timer;
    uint32_t references;
    pt_channel *channel;         /* constant; NULL if it calls */
    void (*function)(void *arg); /* constant, and so is arg */
    void *arg;
};

static pt_timer *whole(pti_timer *timer)
{
    return (pt_timer *)(void *)((char *)timer - offsetof(pt_timer, timer));
}

static void send_tick(pti_timer *timer, const pt_tick *tick)
{
    if (pt_channel_try_send(whole(timer)->channel, tick) == PT_ERR_CLOSED) /* by its user */
        pti_timer_stop(timer);
}

static void call_function(pti_timer *timer, const pt_tick *tick)
{
    (void)tick;
    whole(timer)->function(whole(timer)->arg);
}

static void destroy(pti_timer *timer)
{
    pt_timer *own = whole(timer);
    if (own->channel != NULL) {
        pt_channel_release_sender(own->channel);
        pt_channel_release_receiver(own->channel);
    }
    pti_free(own);
    pti_timers_leave();
}

/* The moment that is so far from now. */
static pt_time moment(pt_time first)
{
    return first > 0 ? pt_after(first).deadline : pt_now();
}

static pt_status create(pt_timer **out, pt_time first, pt_time period, void (*function)(void *arg), void *arg)
{
    if (out == NULL || period < 0)
        return PT_ERR_INVALID;
    pt_timer *timer = pti_allocate(sizeof *timer);
    if (timer == NULL)
        return PT_ERR_NOMEM;
    timer->timer.function = function == NULL ? send_tick : call_function;
    timer->references = 1;
    timer->function = function;
    timer->arg = arg;
    pt_status status = PT_OK;
    if (function == NULL)
        status = pt_channel_create(&timer->channel, sizeof(pt_tick), 1, &(pt_channel_config){.name = "ticks"});
    if (status == PT_OK)
        status = pti_timers_enter();
    if (status == PT_OK && (status = pti_timer_start(&timer->timer, moment(first), period)) != PT_OK)
        pti_timers_leave();
    if (status == PT_OK) {
        *out = timer;
        return PT_OK;
    }
    pt_channel_release_sender(timer->channel);
    pt_channel_release_receiver(timer->channel);
    pti_free(timer);
    return status;
}

pt_status pt_timer_create(pt_timer **out, pt_time first, pt_time period)
{
    return create(out, first, period, NULL, NULL);
}

pt_status pt_timer_create_calling(pt_timer **out, pt_time first, pt_time period, void (*function)(void *arg),
                                  void *arg)
{
    return function == NULL ? PT_ERR_INVALID : create(out, first, period, function, arg);
}

pt_timer *pt_timer_retain(pt_timer *timer)
{
    if (timer != NULL)
        add_relaxed(&timer->references, 1); /* relaxed: the caller has a reference already */
    return timer;
}

void pt_timer_release(pt_timer *timer)
{
    if (timer == NULL || sub_acq_rel(&timer->references, 1) != 1) /* D */
        return;
    pti_timer_stop(&timer->timer);
    pti_timer_end(&timer->timer, destroy);
}

pt_channel *pt_timer_channel(const pt_timer *timer)
{
    return timer == NULL ? NULL : timer->channel;
}

pt_status pt_timer_stop(pt_timer *timer)
{
    if (timer == NULL)
        return PT_ERR_INVALID;
    unsigned was = pti_timer_stop(&timer->timer);
    if ((was & PTI_TIMER_RUNS) != 0 && pti_timer_wait(&timer->timer) == PT_ERR_NOBLOCK)
        return PT_ERR_NOBLOCK;
    bool stopped = (was & PTI_TIMER_SET) != 0;
    pt_tick unread;
    if ((was & PTI_TIMER_TICKED) != 0 && timer->channel != NULL &&
        pt_channel_try_receive(timer->channel, &unread) == PT_OK)
        stopped = true;
    return stopped ? PT_OK : PT_ERR_TIMEOUT;
}

pt_status pt_timer_reset(pt_timer *timer, pt_time first, pt_time period)
{
    if (timer == NULL || period < 0)
        return PT_ERR_INVALID;
    pt_time due = moment(first);
    pt_status status = pti_timer_try_start(&timer->timer, due, period);
    if (status != PT_ERR_BUSY)
        return status;
    if (pt_timer_stop(timer) == PT_ERR_NOBLOCK)
        return PT_ERR_NOBLOCK;
    return pti_timer_start(&timer->timer, due, period);
}

pt_time pt_timer_due(const pt_timer *timer)
{
    return timer == NULL ? PT_TIME_NEVER : pti_timer_due(&timer->timer);
}
