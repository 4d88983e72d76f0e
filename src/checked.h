/* checked.h: what the core tells the checks; nothing where they are not built. */
#ifndef PTI_CHECKED_H
#define PTI_CHECKED_H

#include <pt_channel.h>
#include <pt_checked.h>
#include <pt_thread.h>

#include "park.h"

#ifdef PT_CHECKED

/* The calling thread is about to wait; and does not any more. */
void pti_checked_waiting(const pti_waiter *waiter, bool forever);
void pti_checked_waited(const pti_waiter *waiter);

/* The calling thread is about to join itself. */
void pti_checked_self_join(const pt_thread *thread);

/* The calling thread is about to run somebody else's code. */
void pti_checked_calling_back(const char *what);

/* The calling thread, which the library knows, is about to end; and has told those who join it. */
void pti_checked_ending(void);
void pti_checked_ended(void);

/* The calling thread begins a call at an end (enum pti_end) of a channel, and has ended it: for the promises one_sender and
   one_receiver. call: the function; within another call of its own it is part of that. NULL is harmless. */
void pti_checked_enter(const pt_channel *channel, unsigned end, const char *call);
void pti_checked_leave(const pt_channel *channel, unsigned end);

/* Around a fork: the child has only this thread. */
void pti_checked_before_fork(void);
void pti_checked_after_fork(bool child);

#else

static inline void pti_checked_waiting(const pti_waiter *waiter, bool forever)
{
    (void)waiter, (void)forever;
}

static inline void pti_checked_waited(const pti_waiter *waiter)
{
    (void)waiter;
}

static inline void pti_checked_self_join(const pt_thread *thread)
{
    (void)thread;
}

static inline void pti_checked_calling_back(const char *what)
{
    (void)what;
}

static inline void pti_checked_ending(void)
{
}

static inline void pti_checked_ended(void)
{
}

static inline void pti_checked_enter(const pt_channel *channel, unsigned end, const char *call)
{
    (void)channel, (void)end, (void)call;
}

static inline void pti_checked_leave(const pt_channel *channel, unsigned end)
{
    (void)channel, (void)end;
}

static inline void pti_checked_before_fork(void)
{
}

static inline void pti_checked_after_fork(bool child)
{
    (void)child;
}

#endif
#endif
