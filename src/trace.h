/* trace.h: what the core tells the tracing: trace.c; and what that has written: trace_text.c. */
#ifndef PTI_TRACE_H
#define PTI_TRACE_H

#include <pt_thread.h>
#include <pt_trace.h>

#include "atomic.h"
#include "port.h"

/* ---- trace.c ---- */

extern uint32_t pti_trace_session; /* atomic. 0: off; else which start this is the time of */

enum pti_trace_kind { PTI_TRACE_SPAN, PTI_TRACE_WAIT, PTI_TRACE_INSTANT };

struct pti_trace_event {
    const char *name; /* of a wait: what for */
    pt_time start, end;
    uint32_t session;
    enum pti_trace_kind kind;
};

/* A span that has begun, and when. */
typedef struct pti_trace_span {
    uint32_t session; /* 0: it is not traced */
    pt_time start;
} pti_trace_span;

/* relaxed: who sees a start late just misses an event; what hangs on a session is checked where it is written. */
static inline bool pti_trace_on(void)
{
    return load_relaxed(&pti_trace_session) != 0;
}

/* Slow paths of those below. */
void pti_trace_make_ready(void);
void pti_trace_put_in_wait(pti_trace_span span, const char *what);
void pti_trace_put(enum pti_trace_kind kind, pti_trace_span span, const char *name);

static inline pti_trace_span pti_trace_begin(void)
{
    pti_trace_span span = {load_relaxed(&pti_trace_session), 0};
    if (__builtin_expect(span.session != 0, false))
        span.start = pti_port_now();
    return span;
}

/* May call the function that takes the text: not under locks, nor while in a queue. */
static inline void pti_trace_end(pti_trace_span span, const char *name)
{
    if (__builtin_expect(span.session != 0, false))
        pti_trace_put(PTI_TRACE_SPAN, span, name);
}

static inline void pti_trace_instant(const char *name)
{
    if (__builtin_expect(pti_trace_on(), false))
        pti_trace_put(PTI_TRACE_INSTANT, pti_trace_begin(), name);
}

/* The calling thread may wait soon: see to it that there is room for an event. Not while in a queue. */
static inline void pti_trace_prepare_wait(void)
{
    if (__builtin_expect(pti_trace_on(), false))
        pti_trace_make_ready();
}

/* The same as pti_trace_end() for a wait: only writes to memory that is there. */
static inline void pti_trace_end_wait(pti_trace_span span, const char *what)
{
    if (__builtin_expect(span.session != 0, false))
        pti_trace_put_in_wait(span, what);
}

/* The calling thread ends; it is still known. */
void pti_trace_thread_ends(pt_thread *thread);

/* Around a fork: the child is not traced. */
void pti_trace_before_fork(void);
void pti_trace_after_fork(bool child);

/* ---- trace_text.c: by one thread at a time ---- */

/* Begin a text; file: arg is a FILE to be closed at the end. Moments count from origin. */
void pti_trace_text_begin(pt_trace_write write, void *arg, bool file, pt_time origin);

/* Whether what is written goes to a file, and calls no code of users'. */
bool pti_trace_text_is_file(void);

void pti_trace_text_event(uint64_t thread, const struct pti_trace_event *event);
void pti_trace_text_name(uint64_t thread, const char *name);

/* End the text. False: a part of it could not be written. */
bool pti_trace_text_end(uint32_t dropped);

/* In the child of a fork: the text is the parent's. */
void pti_trace_text_forget(void);

/* What takes the text of a file, whose arg is a FILE. */
bool pti_trace_text_to_file(const char *text, size_t size, void *arg);

#endif
