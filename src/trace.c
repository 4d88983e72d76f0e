/* trace.c: tracing: events in buffers, one a thread; who writes them out, and when.

   pti_trace_session   0 while tracing is off, else the number of the start. `running` is the same for who writes out, but
                       goes to 0 only when all is written
     B   0 -> session   pt_trace_start(), under `writing`, after the text has begun                release
     E   session -> 0   pt_trace_stop(), under `writing`, before it writes what is left            relaxed
     Q   read           threads, before each event                                                 relaxed
     D   read           who drops an event                                                         acquire

   A buffer is a ring with one writer, its thread, and one reader, who holds the mutex `writing`:
     head    how many events were put in; by its thread:  P  release
     tail    how many were taken out; under `writing`:    T  release
     Pairs   P with the reader's acquire: events it takes are whole. T with the writer's acquire: the places it writes to are read.
             B with D: who sees a session sees its count of dropped events too.
   Each event has the session that it began in, and only those of `running` are written: so a thread that saw a session late
   does no harm in the next one. In the same way `dropped` has its session in the high half, and counts for that one only.

   A buffer is    LIVE    in the list `buffers`, its thread writes to it
                  ENDED   in the list; its thread has written its name into it, and does not touch it any more
                  gone    taken out of the list, and freed
     hand over   LIVE -> ENDED   its thread as it ends, under list_lock
     settle      ENDED -> gone   who holds `writing`, under list_lock for the taking out
   Who ends tries to get `writing`, to settle its buffer itself, and does not wait for it: whoever holds it looks for ended
   buffers after giving it back, each time. Both look at `ended` under list_lock; so the one who comes there later finds
   the buffer as well as the mutex free, or somebody holding it who comes there yet later.
   Only a holder of `writing` takes buffers out, and new ones come in at the front: so a holder may walk along the list after
   it has read its beginning.

   Where what is allowed   Whoever comes from the parking lot may be in a queue, or about to be, and may hold anything. In a
   queue it only puts into a buffer that is there (pti_trace_put_in_wait). Before it joins, it may make its buffer, and write to a
   file if it gets `writing` at once (pti_trace_make_ready); the function that takes a text is users' code, and not called
   there. In public calls and between jobs a thread may wait for `writing`.

   `busy` is set in a thread that is in here, or in users' code that was called from here: it is not traced.

   Fork   The child has the forking thread's buffer; the others' are ENDED there. A text is left as it is: it is the parent's. */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <pt_mutex.h>

#include "memory.h"
#include "park.h"
#include "thread.h"

enum { MOST = 2048 }; /* events of a buffer; a power of 2 */

struct open_span {
    const char *name;
    pti_trace_span span;
};

struct buffer {
    uint32_t head, tail;
    uint64_t thread;                /* its id */
    struct buffer *next;            /* constant while in the list, but for who takes out the one behind it */
    bool ended;                     /* under list_lock */
    uint32_t shown;                 /* under writing: the last session it had events in */
    uint32_t session, depth;        /* its thread's: of the spans that are open */
    char name[PT_THREAD_NAME_SIZE]; /* once it has ended */
    struct open_span open[PT_TRACE_DEPTH];
    struct pti_trace_event events[]; /* MOST */
};

uint32_t pti_trace_session;

static pt_mutex writing = PT_MUTEX_INIT;
static uint32_t running, last_session; /* both under writing */
static uint64_t dropped;               /* atomic: the session, and how many */

static uint32_t list_lock;
static struct buffer *buffers; /* these two under list_lock */
static unsigned ended_count;

static _Thread_local struct buffer *own;
static _Thread_local bool busy;

/* ---- Writing out. All of this under `writing` ---------------------------------------------- */

static void drain(struct buffer *buffer)
{
    uint32_t head = load_acquire(&buffer->head), tail = load_relaxed(&buffer->tail); /* pairs with P */
    for (; tail != head; tail++) {
        const struct pti_trace_event *event = &buffer->events[tail % MOST];
        if (running != 0 && event->session == running) {
            pti_trace_text_event(buffer->thread, event);
            buffer->shown = running;
        }
    }
    store_release(&buffer->tail, tail); /* T */
}

struct search { /* for a thread's name */
    uint64_t thread;
    char *name;
    bool found;
};

static void compare(pt_thread *thread, void *arg)
{
    struct search *search = arg;
    if (thread->id == search->thread) {
        pti_thread_copy_name(thread, search->name);
        search->found = true;
    }
}

/* A thread that is not known any more has handed its buffer over before, and its name in it. */
static void write_name(const struct buffer *buffer)
{
    char name[PT_THREAD_NAME_SIZE];
    struct search search = {buffer->thread, name, false};
    if (running == 0 || buffer->shown != running)
        return;
    pti_thread_each(compare, &search);
    pti_trace_text_name(buffer->thread, search.found ? name : buffer->name);
}

/* Take one that has ended out of the list; NULL: there is none. */
static struct buffer *take_ended(void)
{
    struct buffer *buffer = NULL;
    pti_short_lock(&list_lock);
    if (ended_count > 0) {
        struct buffer **link = &buffers;
        while (!(*link)->ended)
            link = &(*link)->next;
        buffer = *link;
        *link = buffer->next;
        ended_count--;
    }
    pti_short_unlock(&list_lock);
    return buffer;
}

static void settle_ended(void)
{
    for (struct buffer *buffer = take_ended(); buffer != NULL; buffer = take_ended()) {
        drain(buffer);
        write_name(buffer);
        pti_free(buffer);
    }
}

static struct buffer *first_buffer(void)
{
    pti_short_lock(&list_lock);
    struct buffer *first = buffers;
    pti_short_unlock(&list_lock);
    return first;
}

/* ---- Who may write out --------------------------------------------------------------------- */

static bool any_ended(void)
{
    pti_short_lock(&list_lock);
    bool any = ended_count > 0;
    pti_short_unlock(&list_lock);
    return any;
}

/* Of buffers handed over, if nobody else does it. */
static void settle(void)
{
    while (any_ended() && pt_mutex_try_lock(&writing) == PT_OK) {
        settle_ended();
        pt_mutex_unlock(&writing);
    }
}

static pt_status begin_writing(void) PT_NO_THREAD_SAFETY_ANALYSIS
{
    busy = true;
    pt_status status = pt_mutex_lock(&writing);
    if (status != PT_OK)
        busy = false;
    return status;
}

static void end_writing(void) PT_NO_THREAD_SAFETY_ANALYSIS
{
    pt_mutex_unlock(&writing);
    settle();
    busy = false;
}

/* ---- Events -------------------------------------------------------------------------------- */

static void count_dropped(uint32_t session)
{
    if (load_acquire(&pti_trace_session) != session) /* D: pairs with B */
        return;
    uint64_t seen = load_relaxed(&dropped);
    while (seen >> 32 == session && (uint32_t)seen != UINT32_MAX && !cas_relaxed(&dropped, &seen, seen + 1)) {
    }
}

/* How many events are in it, as far as its own thread knows at least. */
static uint32_t used(const struct buffer *buffer)
{
    return load_relaxed(&buffer->head) - load_acquire(&buffer->tail); /* pairs with T */
}

static void put(struct buffer *buffer, struct pti_trace_event event)
{
    if (buffer == NULL || used(buffer) == MOST) {
        count_dropped(event.session);
        return;
    }
    uint32_t head = load_relaxed(&buffer->head);
    buffer->events[head % MOST] = event;
    store_release(&buffer->head, head + 1); /* P */
}

/* No thread: a carrier without one, whose waits are nobody's. */
static bool is_traced(void)
{
    return !busy && pti_thread_own_id() != PTI_NO_THREAD;
}

/* The calling thread's, which is made if need be; NULL if there is no memory. busy is set. */
static struct buffer *own_buffer(void)
{
    const size_t size = sizeof *own + MOST * sizeof own->events[0];
    if (own != NULL || pt_thread_current() == NULL) /* which is how its end is noticed */
        return own;
    struct buffer *buffer = pti_allocate_raw(size);
    if (buffer == NULL)
        return NULL;
    *buffer = (struct buffer){.thread = pti_thread_own_id()};
    pti_short_lock(&list_lock);
    buffer->next = buffers;
    buffers = buffer;
    pti_short_unlock(&list_lock);
    return own = buffer;
}

/* Half full: write it out if nobody else writes; full: wait for that. Elsewhere than in a wait. busy is set. */
static void make_room(struct buffer *buffer) PT_NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t filled = used(buffer);
    if (filled < MOST / 2)
        return;
    pt_status status = filled < MOST ? pt_mutex_try_lock(&writing) : pt_mutex_lock(&writing);
    if (status == PT_OK) {
        drain(buffer);
        pt_mutex_unlock(&writing);
        settle();
    }
}

/* Before a wait: only to a file, and only if nobody else writes. busy is set. */
static void make_room_by_file(struct buffer *buffer)
{
    if (used(buffer) < MOST / 2 || pt_mutex_try_lock(&writing) != PT_OK)
        return;
    if (running == 0 || pti_trace_text_is_file()) {
        drain(buffer);
        settle_ended();
    }
    pt_mutex_unlock(&writing);
}

void pti_trace_make_ready(void)
{
    if (!is_traced() || !pti_park_may_lock())
        return;
    busy = true;
    struct buffer *buffer = own_buffer();
    if (buffer != NULL)
        make_room_by_file(buffer);
    busy = false;
}

void pti_trace_put_in_wait(pti_trace_span span, const char *what)
{
    if (is_traced())
        put(own, (struct pti_trace_event){what, span.start, pti_port_now(), span.session, PTI_TRACE_WAIT});
}

void pti_trace_put(enum pti_trace_kind kind, pti_trace_span span, const char *name)
{
    if (!is_traced())
        return;
    pt_time end = pti_port_now(); /* before it is held up by writing */
    busy = true;
    struct buffer *buffer = own_buffer();
    if (buffer != NULL)
        make_room(buffer);
    put(buffer, (struct pti_trace_event){name, span.start, end, span.session, kind});
    busy = false;
}

void pti_trace_thread_ends(pt_thread *thread)
{
    struct buffer *buffer = own;
    if (buffer == NULL)
        return;
    busy = true;
    own = NULL;
    pti_thread_copy_name(thread, buffer->name);
    pti_short_lock(&list_lock);
    buffer->ended = true;
    ended_count++;
    pti_short_unlock(&list_lock);
    settle();
    busy = false;
}

/* ---- Users' spans -------------------------------------------------------------------------- */

void pt_trace_begin(const char *name)
{
    pti_trace_span span = pti_trace_begin();
    if (span.session == 0 || !is_traced())
        return;
    busy = true;
    struct buffer *buffer = own_buffer();
    busy = false;
    if (buffer == NULL) {
        count_dropped(span.session);
        return;
    }
    if (buffer->session != span.session) { /* what is open is of an earlier one */
        buffer->session = span.session;
        buffer->depth = 0;
    }
    if (buffer->depth < PT_TRACE_DEPTH)
        buffer->open[buffer->depth] = (struct open_span){name, span};
    else
        count_dropped(span.session);
    buffer->depth++;
}

void pt_trace_end(void)
{
    struct buffer *buffer = own;
    uint32_t session = load_relaxed(&pti_trace_session);
    if (session == 0 || busy || buffer == NULL || buffer->session != session || buffer->depth == 0)
        return;
    buffer->depth--;
    if (buffer->depth < PT_TRACE_DEPTH) {
        struct open_span *open = &buffer->open[buffer->depth];
        pti_trace_end(open->span, open->name);
    }
}

void pt_trace_instant(const char *name)
{
    pti_trace_instant(name);
}

/* ---- Starting and stopping ----------------------------------------------------------------- */

/* B. Under writing. */
static void start(pt_trace_write write, void *arg, bool file)
{
    last_session += last_session == UINT32_MAX ? 2 : 1; /* never 0 */
    running = last_session;
    store_relaxed(&dropped, (uint64_t)running << 32);
    pti_trace_text_begin(write, arg, file, pti_port_now());
    store_release(&pti_trace_session, running); /* B: pairs with D */
}

/* Begin to write, for a start. */
static pt_status begin_start(void)
{
    if (busy) /* in the function that takes the text */
        return PT_ERR_BUSY;
    pt_status status = begin_writing();
    if (status == PT_OK && running != 0) {
        end_writing();
        return PT_ERR_BUSY;
    }
    return status;
}

pt_status pt_trace_start_to(pt_trace_write write, void *arg)
{
    if (write == NULL)
        return PT_ERR_INVALID;
    pt_status status = begin_start();
    if (status == PT_OK) {
        start(write, arg, false);
        end_writing();
    }
    return status;
}

pt_status pt_trace_start(const char *path)
{
    if (path == NULL)
        return PT_ERR_INVALID;
    pt_status status = begin_start();
    if (status != PT_OK)
        return status;
    FILE *file = fopen(path, "wb");
    if (file != NULL)
        start(pti_trace_text_to_file, file, true);
    int error = errno;
    end_writing();
    errno = error;
    return file == NULL ? PT_ERR_FAILED : PT_OK;
}

/* Write all that is left. Under writing. */
static bool finish(void)
{
    store_relaxed(&pti_trace_session, 0); /* E */
    for (struct buffer *buffer = first_buffer(); buffer != NULL; buffer = buffer->next) {
        drain(buffer);
        write_name(buffer);
        buffer->shown = 0; /* if it has ended, it is settled without a name now */
    }
    bool whole = pti_trace_text_end((uint32_t)load_relaxed(&dropped));
    running = 0;
    return whole;
}

pt_status pt_trace_stop(void)
{
    if (busy)
        return PT_ERR_DEADLOCK;
    pt_status status = begin_writing();
    if (status != PT_OK)
        return status;
    if (running == 0)
        status = PT_ERR_INVALID;
    else if (!finish())
        status = PT_ERR_FAILED;
    end_writing();
    return status;
}

/* ---- The environment ----------------------------------------------------------------------- */

static void stop_at_exit(void)
{
    if (pt_trace_stop() == PT_ERR_FAILED)
        fprintf(stderr, "PT_TRACE: a part of the file could not be written\n");
}

__attribute__((constructor)) static void start_by_environment(void)
{
    const char *path = getenv("PT_TRACE");
    if (path == NULL || path[0] == 0)
        return;
    if (pt_trace_start(path) != PT_OK)
        perror("PT_TRACE: the file cannot be made");
    else
        atexit(stop_at_exit);
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_trace_before_fork(void)
{
    pti_short_lock(&list_lock);
}

/* In the child, where the other threads are not. If this one forks while it writes, it goes on after that, for nobody. */
static void forget_others(void)
{
    for (struct buffer *buffer = buffers; buffer != NULL; buffer = buffer->next) {
        if (buffer != own && !buffer->ended) {
            buffer->ended = true;
            ended_count++;
        }
    }
    store_relaxed(&pti_trace_session, 0);
    running = 0;
    pti_trace_text_forget();
    if (!busy)
        writing = (pt_mutex)PT_MUTEX_INIT;
}

void pti_trace_after_fork(bool child)
{
    if (child)
        forget_others();
    pti_short_unlock(&list_lock);
}
