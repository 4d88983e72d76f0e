/* carrier.c: carriers: OS threads or Workers that run one thread after another.

   A carrier is
     BUSY     living a thread's life; in no list
     PARKED   in the list `parked`, under parking_lock. It may still be busy with the end of its last thread: it parks before
              it tells the joiner, so that who joins and starts another thread at once finds it
     CALLED   taken out of the list, under parking_lock, by whoever then set `thread`, NULL to dismiss it, and `call`

     park     BUSY -> PARKED     the carrier
     call     PARKED -> CALLED   who starts a thread, or who dismisses carriers
     tire     PARKED -> ended    the carrier itself, when `call` did not come for `parking_idle`; under parking_lock, so
                                 that it is called or ends, not both
     go       CALLED -> BUSY     the carrier, or -> ended

   Pairs      `thread` is written before pt_event_set(call) and read after pt_event_wait(call).
   Who joins  The port's thread is joined by pt_thread_trim(), or else detached: by the carrier when it tires, and by who
              dismisses it without waiting.
   Memory     The carrier frees its own record as the last thing it does; who calls it does not touch it after setting `call`. */
#include "carrier.h"

#include "memory.h"
#include "park.h"
#include "port.h"
#include "thread.h"

#include <pt_mutex.h>

struct carrier {
    pt_event call;
    size_t stack_size; /* constant; 0 for the default */
    pt_thread *thread;
    pti_port_thread port;            /* written by itself before it parks first */
    struct carrier *next, *previous; /* in `parked`, under parking_lock */
    bool parked;                     /* under parking_lock */
    bool parks;                      /* its own: parked since its last thread began */
};

static uint32_t parking_lock;
static struct carrier *parked; /* from here on under parking_lock: the one that parked last is first */
static unsigned parked_count, parking_most = 64;
static pt_time parking_idle = 10 * PT_SECOND;

static _Thread_local struct carrier *own;
static _Thread_local bool spoilt; /* see pti_carrier_spoil() */

/* ---- The list ------------------------------------------------------------------------------ */

/* Under parking_lock. */
static void take_out(struct carrier *carrier)
{
    if (carrier->next != NULL)
        carrier->next->previous = carrier->previous;
    if (carrier->previous != NULL)
        carrier->previous->next = carrier->next;
    else
        parked = carrier->next;
    carrier->parked = false;
    parked_count--;
}

void pti_carrier_park(void)
{
    pti_short_lock(&parking_lock);
    if (own != NULL && !spoilt && parked_count < parking_most) {
        own->previous = NULL;
        own->next = parked;
        if (parked != NULL)
            parked->previous = own;
        parked = own;
        parked_count++;
        own->parked = own->parks = true;
    }
    pti_short_unlock(&parking_lock);
}

static bool suits(const struct carrier *carrier, size_t stack_size)
{
    return stack_size == 0 ? carrier->stack_size == 0 : carrier->stack_size >= stack_size;
}

/* Take the parked carrier that has this much stack, and no more than it must have; NULL if none has. */
static struct carrier *take_parked(size_t stack_size)
{
    struct carrier *best = NULL;
    pti_short_lock(&parking_lock);
    for (struct carrier *carrier = parked; carrier != NULL; carrier = carrier->next) {
        if (!suits(carrier, stack_size) || (best != NULL && best->stack_size <= carrier->stack_size))
            continue;
        best = carrier;
        if (carrier->stack_size == stack_size)
            break;
    }
    if (best != NULL)
        take_out(best);
    pti_short_unlock(&parking_lock);
    return best;
}

/* By the carrier: leave the list, or false if it was called just now. */
static bool tire(void)
{
    pti_short_lock(&parking_lock);
    bool tired = own->parked;
    if (tired)
        take_out(own);
    pti_short_unlock(&parking_lock);
    return tired;
}

static pt_time idle_time(void)
{
    pti_short_lock(&parking_lock);
    pt_time idle = parking_idle;
    pti_short_unlock(&parking_lock);
    return idle;
}

/* ---- A carrier's life ---------------------------------------------------------------------- */

/* The next thread to carry; NULL to end, and then whether somebody joins the port's thread. */
static pt_thread *next_thread(bool *joined)
{
    *joined = false;
    if (!own->parks)
        return NULL;
    own->parks = false;
    if (pt_event_wait_until(&own->call, pt_after(idle_time())) != PT_OK) {
        if (tire())
            return NULL;
        pt_event_wait(&own->call); /* who took us out of the list is about to set it */
    }
    *joined = own->thread == NULL;
    return own->thread;
}

static void *carry(void *arg)
{
    bool joined;
    own = arg;
    own->port = pti_port_thread_self();
    pt_thread *thread = own->thread;
    do {
        pti_thread_live(thread);
        thread = next_thread(&joined);
    } while (thread != NULL);
    if (!joined)
        pti_port_thread_detach(pti_port_thread_self());
    pti_free(own);
    own = NULL;
    pti_thread_forget_id();
    return NULL;
}

static pt_status start_new(pt_thread *thread, size_t stack_size)
{
    struct carrier *carrier = pti_allocate(sizeof *carrier);
    if (carrier == NULL)
        return PT_ERR_NOMEM;
    carrier->call = (pt_event)PT_EVENT_AUTO_INIT;
    carrier->stack_size = stack_size;
    carrier->thread = thread;
    pti_port_thread unused; /* the carrier may be gone when the call returns */
    pt_status status = pti_port_thread_start(&unused, stack_size, carry, carrier);
    if (status != PT_OK)
        pti_free(carrier);
    return status;
}

pt_status pti_carrier_call(pt_thread *thread, size_t stack_size)
{
    struct carrier *carrier = spoilt ? NULL : take_parked(stack_size);
    if (carrier == NULL)
        return start_new(thread, stack_size);
    carrier->thread = thread;
    pt_event_set(&carrier->call);
    return PT_OK;
}

void pti_carrier_spoil(void)
{
    spoilt = true;
}

bool pti_carrier_is_spoilt(void)
{
    return spoilt;
}

void pti_carrier_abandon(void)
{
    if (own == NULL)
        return;
    pti_port_thread_detach(pti_port_thread_self());
    pti_free(own);
    own = NULL;
    pti_thread_forget_id();
}

/* ---- Ending them --------------------------------------------------------------------------- */

/* Take one of the parked carriers and tell it to end; false if there is none. *port is then to be joined or detached. */
static bool dismiss_one(pti_port_thread *port)
{
    pti_short_lock(&parking_lock);
    struct carrier *carrier = parked;
    if (carrier != NULL)
        take_out(carrier);
    pti_short_unlock(&parking_lock);
    if (carrier == NULL)
        return false;
    *port = carrier->port;
    carrier->thread = NULL;
    pt_event_set(&carrier->call);
    return true;
}

void pti_carrier_dismiss(void)
{
    pti_port_thread port;
    while (dismiss_one(&port))
        pti_port_thread_detach(port);
}

void pt_thread_trim(void)
{
    pti_port_thread port;
    while (dismiss_one(&port))
        pti_port_thread_join(port);
}

/* A process that ends, or unloads the library, leaves no thread behind that would run its code. */
__attribute__((destructor)) static void end_parked(void)
{
    pt_thread_trim();
}

pt_status pt_thread_set_parking(unsigned most, pt_time idle)
{
    if (idle < 0)
        return PT_ERR_INVALID;
    pti_short_lock(&parking_lock);
    parking_most = most;
    parking_idle = idle;
    pti_short_unlock(&parking_lock);
    return PT_OK;
}

unsigned pt_thread_parked(void)
{
    pti_short_lock(&parking_lock);
    unsigned count = parked_count;
    pti_short_unlock(&parking_lock);
    return count;
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_carrier_before_fork(void)
{
    pti_short_lock(&parking_lock);
}

void pti_carrier_after_fork(bool child)
{
    struct carrier *gone = child ? parked : NULL;
    if (child) {
        parked = NULL;
        parked_count = 0;
    }
    pti_short_unlock(&parking_lock);
    while (gone != NULL) {
        struct carrier *next = gone->next;
        pti_free(gone);
        gone = next;
    }
}
