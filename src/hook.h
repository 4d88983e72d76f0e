/* hook.h: functions that are called where a thread would be woken: pt_ready_hook, for whatever has a queue. */
#ifndef PTI_HOOK_H
#define PTI_HOOK_H

#include <pt_channel.h>

#include "park.h"

/* What a hook is to know of its object, of which it holds a reference. */
struct pti_hook_kind {
    const char *what; /* for pt_dump_waits() */
    /* Join the object's queue; false if it is ready already. */
    bool (*join)(void *object, pti_waiter *waiter);
    /* Out of the queue; false if it is in none any more. */
    bool (*take_out)(void *object, pti_waiter *waiter);
    /* Its wake has come, and the function has been called, or will be in a while: the next in the queue may have one. NULL: each
       has one of its own. */
    void (*pass_on)(void *object);
    /* It is in no queue, and gives its reference back. */
    void (*leave)(void *object);
};

/* Have function(arg) called once: see pt_channel_on_ready(). */
void pti_hook_add(pt_ready_hook *hook, const struct pti_hook_kind *kind, void *object, void (*function)(void *arg),
                  void *arg);

#endif
