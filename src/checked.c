/* checked.c: the checks of pt_checked.h.

   Four tables, all under checker_lock, of fixed size, so that checking neither allocates nor calls anybody:
     holds   who holds which lock since where. Entered after the lock was taken, struck off before it is given back: so an
             entry is never wrong, but may be missing for a moment
     orders  which lock was taken while which other was held: a directed graph. A ring in it is a deadlock that waits to happen
     waits   who waits, with the waiter, which says for what
     calls   who is within a call at an end of a channel that was promised to one thread at a time

   Deadlock  Each thread enters its wait and then looks for a ring that leads back to itself: from a wait to those who hold the
             lock, or to the thread that is joined, and to their waits. The one that closes the ring is the last to look,
             and all entries of the others are there by then. A waiter that has its message already does not wait.
   Nobody    If all threads of the process wait without an end, and none for something that a signal handler could bring,
             nobody is left to wake them. Counted by the system's number of threads; not known everywhere.
   Promises  A call counts from its beginning to its return, while it waits too. So it does not take two threads at the same line
             to find out: it is enough that one waits within its call, or runs its user's `destroy` there.

   Each thread keeps the locks that it holds in `held` too, for itself. */
#include "checked.h"

#ifdef PT_CHECKED

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "channel/channel.h"
#include "port.h"
#include "thread.h"

struct place {
    const char *file;
    int line;
};

struct hold {
    const void *lock; /* NULL: never used; GONE: struck off */
    const char *what;
    uint64_t thread;
    struct place place;
};

struct order {
    const void *first, *then; /* first is NULL or GONE as above */
    const char *first_what, *then_what;
    struct place first_place, then_place;
    uint64_t thread;
    uint32_t visit; /* the search that has been here */
};

struct wait {
    const pti_waiter *waiter; /* NULL: free */
    uint64_t thread;
    struct place place;
    bool forever;
};

struct call {
    const pt_channel *channel; /* NULL: free */
    unsigned end;
    uint64_t thread;
    unsigned depth; /* calls of this thread within each other */
    const char *function;
    struct place place;
};

enum { TABLE_LOG2 = 16, TABLE = 1 << TABLE_LOG2, WAITS = 4096, CALLS = 4096, HELD_MOST = 64, MESSAGE = 4 };

static const char gone;
#define GONE ((const void *)&gone)

static uint32_t checker_lock;
static struct hold holds[TABLE];
static struct order orders[TABLE];
static struct wait waits[WAITS];
static struct call calls[CALLS];
static size_t wait_end, call_end; /* no wait, or call, is in use from here on */
static uint32_t visits;
static bool full_said;

static _Thread_local struct place here = {"?", 0};
static _Thread_local struct hold held[HELD_MOST];
static _Thread_local size_t held_count;

void pti_checked_at(const char *file, int line)
{
    here.file = file;
    here.line = line;
}

/* ---- Reports. Called under checker_lock, and never return to it ------------------------------------------ */

struct wanted {
    uint64_t id;
    bool found;
};

static void print_if_wanted(pt_thread *thread, void *arg)
{
    struct wanted *wanted = arg;
    char name[PT_THREAD_NAME_SIZE];
    if (thread->id != wanted->id || wanted->found)
        return;
    wanted->found = true;
    pti_thread_copy_name(thread, name);
    fprintf(stderr, "thread %" PRIu64 " \"%s\"", thread->id, name);
}

static void print_thread(uint64_t id)
{
    struct wanted wanted = {id, false};
    pti_thread_each(print_if_wanted, &wanted);
    if (!wanted.found)
        fprintf(stderr, "thread %" PRIu64, id);
}

static void begin_report(const char *what)
{
    fprintf(stderr, "portalis_thread: %s\n  ", what);
}

/* One line: who does what, where. */
static void tell(uint64_t thread, const char *does, const char *what, const void *object, struct place place)
{
    print_thread(thread);
    fprintf(stderr, " %s %s %p at %s:%d\n  ", does, what, object, place.file, place.line);
}

static _Noreturn void end_report(const char *advice)
{
    fprintf(stderr, "%s\n", advice);
    fflush(stderr);
    abort();
}

static void say_full(void)
{
    if (!full_said)
        fprintf(stderr, "portalis_thread: too many locks to check them all\n");
    full_said = true;
}

/* ---- The tables ---------------------------------------------------------------------------------------- */

static size_t slot_of(const void *key)
{
    return (size_t)((uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TABLE_LOG2));
}

static size_t next_slot(size_t slot)
{
    return (slot + 1) % TABLE;
}

/* The holds of a lock: start with slot_of(lock), go on with the slot after the last. NULL at the end. */
static struct hold *find_hold(const void *lock, size_t *slot)
{
    for (size_t i = 0; i < TABLE && holds[*slot].lock != NULL; i++, *slot = next_slot(*slot)) {
        if (holds[*slot].lock == lock)
            return &holds[*slot];
    }
    return NULL;
}

static struct order *find_order(const void *first, size_t *slot)
{
    for (size_t i = 0; i < TABLE && orders[*slot].first != NULL; i++, *slot = next_slot(*slot)) {
        if (orders[*slot].first == first)
            return &orders[*slot];
    }
    return NULL;
}

static void add_hold(const struct hold *hold)
{
    size_t slot = slot_of(hold->lock);
    for (size_t i = 0; i < TABLE; i++, slot = next_slot(slot)) {
        if (holds[slot].lock == NULL || holds[slot].lock == GONE) {
            holds[slot] = *hold;
            return;
        }
    }
    say_full();
}

static void strike_hold(const void *lock, uint64_t thread)
{
    size_t slot = slot_of(lock);
    for (struct hold *hold; (hold = find_hold(lock, &slot)) != NULL; slot = next_slot(slot)) {
        if (hold->thread == thread) {
            hold->lock = GONE;
            return;
        }
    }
}

static void add_order(const struct hold *first, const void *then, const char *what)
{
    size_t slot = slot_of(first->lock);
    for (struct order *order; (order = find_order(first->lock, &slot)) != NULL; slot = next_slot(slot)) {
        if (order->then == then)
            return; /* known */
    }
    slot = slot_of(first->lock);
    for (size_t i = 0; i < TABLE; i++, slot = next_slot(slot)) {
        if (orders[slot].first == NULL || orders[slot].first == GONE) {
            orders[slot] =
                (struct order){first->lock, then, first->what, what, first->place, here, first->thread, 0};
            return;
        }
    }
    say_full();
}

/* ---- Lock order ---------------------------------------------------------------------------------------- */

enum { DEPTH = 32 };

/* A way through the orders from one lock to another, as path[0], path[1] ...; its length, 0 if there is none. */
static size_t find_way(const void *from, const void *to, const struct order *path[DEPTH])
{
    size_t slots[DEPTH], depth = 0;
    slots[0] = slot_of(from);
    visits++;
    for (;;) {
        struct order *order = find_order(depth == 0 ? from : path[depth - 1]->then, &slots[depth]);
        if (order == NULL) {
            if (depth == 0)
                return 0;
            depth--;
            continue;
        }
        slots[depth] = next_slot(slots[depth]);
        if (order->visit == visits)
            continue;
        order->visit = visits;
        path[depth] = order;
        if (order->then == to)
            return depth + 1;
        if (depth + 1 < DEPTH) {
            depth++;
            slots[depth] = slot_of(order->then);
        }
    }
}

static void check_order(const void *lock, const char *what)
{
    const struct order *path[DEPTH];
    for (size_t i = 0; i < held_count; i++) {
        size_t length = find_way(lock, held[i].lock, path);
        if (length == 0) {
            add_order(&held[i], lock, what);
            continue;
        }
        begin_report("locks are taken in opposite orders");
        tell(pti_thread_own_id(), "holds", held[i].what, held[i].lock, held[i].place);
        tell(pti_thread_own_id(), "now locks", what, lock, here);
        for (size_t j = 0; j < length; j++) {
            tell(path[j]->thread, "once held", path[j]->first_what, path[j]->first, path[j]->first_place);
            tell(path[j]->thread, "and then locked", path[j]->then_what, path[j]->then, path[j]->then_place);
        }
        end_report("Two threads that do this at the same time wait for each other. Take the locks in one order.");
    }
}

/* ---- Locks --------------------------------------------------------------------------------------------- */

/* The calling thread's hold of a lock, NULL if it has none. */
static struct hold *own_hold(const void *lock)
{
    for (size_t i = 0; i < held_count; i++) {
        if (held[i].lock == lock)
            return &held[i];
    }
    return NULL;
}

void pti_checked_locking(const void *lock, const char *what, bool forever)
{
    if (!forever || (held_count == 0))
        return;
    const struct hold *own = own_hold(lock);
    pti_short_lock(&checker_lock);
    if (own != NULL) {
        begin_report("a thread locks a lock that it holds");
        tell(own->thread, "locks", what, lock, here);
        tell(own->thread, "holds", own->what, lock, own->place);
        end_report("It would wait for itself. A pt_recursive_mutex can be locked again.");
    }
    check_order(lock, what);
    pti_short_unlock(&checker_lock);
}

/* A writer's hold means that there is no other; so does a mutex's. Readers share. */
static bool is_shared(const char *what)
{
    return strcmp(what, "rwlock (read)") == 0;
}

void pti_checked_locked(const void *lock, const char *what)
{
    struct hold hold = {lock, what, pti_thread_own_id(), here};
    size_t slot = slot_of(lock);
    pti_short_lock(&checker_lock);
    const struct hold *other = find_hold(lock, &slot);
    if (other != NULL && !(is_shared(what) && is_shared(other->what))) {
        begin_report("a lock was held when its memory was used anew");
        tell(other->thread, "holds", other->what, lock, other->place);
        tell(hold.thread, "locked", what, lock, here);
        end_report("Unlock a lock before its memory is freed or initialised again.");
    }
    if (held_count < HELD_MOST) {
        held[held_count++] = hold;
        add_hold(&hold);
    } else {
        say_full();
    }
    pti_short_unlock(&checker_lock);
}

static void report_wrong_unlock(const void *lock, const char *what)
{
    size_t slot = slot_of(lock);
    const struct hold *holder = find_hold(lock, &slot);
    begin_report("a thread unlocks a lock that it does not hold");
    tell(pti_thread_own_id(), "unlocks", what, lock, here);
    if (holder != NULL)
        tell(holder->thread, "holds", holder->what, lock, holder->place);
    end_report(holder != NULL ? "Only the holder may unlock it." : "Nobody holds it.");
}

void pti_checked_unlocking(const void *lock, const char *what)
{
    struct hold *own = own_hold(lock);
    pti_short_lock(&checker_lock);
    if (own == NULL && !full_said)
        report_wrong_unlock(lock, what);
    if (own != NULL) {
        strike_hold(lock, own->thread);
        *own = held[--held_count];
    }
    pti_short_unlock(&checker_lock);
}

static bool is_in(const void *lock, const void *memory, size_t size)
{
    uintptr_t first = (uintptr_t)memory, address = (uintptr_t)lock;
    return address >= first && address - first < size;
}

void pt_checked_forget(const void *memory, size_t size)
{
    pti_short_lock(&checker_lock);
    for (size_t i = 0; i < TABLE; i++) {
        if (is_in(holds[i].lock, memory, size) && holds[i].lock != NULL && holds[i].lock != GONE) {
            begin_report("memory is given back with a lock in it that is held");
            tell(holds[i].thread, "holds", holds[i].what, holds[i].lock, holds[i].place);
            tell(pti_thread_own_id(), "gives back", "memory", memory, here);
            end_report("Unlock a lock before its memory is freed or initialised again.");
        }
        if (orders[i].first != NULL &&
            (is_in(orders[i].first, memory, size) || is_in(orders[i].then, memory, size)))
            orders[i].first = GONE;
    }
    pti_short_unlock(&checker_lock);
}

/* ---- Waiting ------------------------------------------------------------------------------------------- */

static bool still_waits(const struct wait *wait)
{
    return wait->waiter != NULL && wait->forever && load_acquire(&wait->waiter->word) < MESSAGE;
}

static const struct wait *wait_of(uint64_t thread)
{
    for (size_t i = 0; i < wait_end; i++) {
        if (waits[i].waiter != NULL && waits[i].thread == thread)
            return &waits[i];
    }
    return NULL;
}

static const char *what_of(const struct wait *wait)
{
    return load_relaxed(&wait->waiter->what); /* relaxed: a condition's signal may change it meanwhile */
}

/* The lock that a wait is for. Readers wait in a queue of their own, some bytes into their lock: see rwlock.c. */
static const void *lock_of(const struct wait *wait)
{
    const char *key = load_relaxed(&wait->waiter->key);
    return key - (is_shared(what_of(wait)) ? (uintptr_t)key % sizeof(uint32_t) : 0);
}

static bool waits_to_join(const struct wait *wait)
{
    return strcmp(what_of(wait), "thread") == 0;
}

/* Depth-first: a way from this wait to the thread `end`, over those who hold what it is for. Returns its length. */
static size_t find_ring(const struct wait *wait, uint64_t end, const struct wait *path[DEPTH], size_t depth)
{
    path[depth] = wait;
    if (depth + 1 == DEPTH)
        return 0;
    const void *key = lock_of(wait);
    size_t slot = slot_of(key);
    bool join = waits_to_join(wait);
    const struct hold *hold = join ? NULL : find_hold(key, &slot);
    while (join || hold != NULL) {
        uint64_t next = join ? ((const pt_thread *)key)->id : hold->thread;
        if (next == end)
            return depth + 1;
        const struct wait *further = wait_of(next);
        size_t length = 0;
        if (further != NULL && still_waits(further))
            length = find_ring(further, end, path, depth + 1);
        if (length != 0)
            return length;
        if (join)
            break;
        slot = next_slot(slot);
        hold = find_hold(key, &slot);
    }
    return 0;
}

static void report_waits(const struct wait *const *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const void *key = lock_of(path[i]);
        size_t slot = slot_of(key);
        tell(path[i]->thread, "waits for", what_of(path[i]), key, path[i]->place);
        const struct hold *hold = waits_to_join(path[i]) ? NULL : find_hold(key, &slot);
        if (hold != NULL)
            tell(hold->thread, "holds", hold->what, key, hold->place);
        if (waits_to_join(path[i])) {
            fprintf(stderr, "which is ");
            print_thread(((const pt_thread *)key)->id);
            fprintf(stderr, "\n  ");
        }
    }
}

static bool a_handler_may_end_it(const struct wait *wait)
{
    const char *what = what_of(wait);
    return strcmp(what, "semaphore") == 0 || strcmp(what, "event") == 0 || strcmp(what, "word") == 0;
}

/* Whether all of the process's threads, but for so many that are about to go, wait for ever and only for each other. */
static bool nobody_is_left(unsigned going)
{
    unsigned waiting = 0, carriers = 0;
    for (size_t i = 0; i < wait_end; i++) {
        if (waits[i].waiter == NULL)
            continue;
        if (waits[i].thread != PTI_NO_THREAD) {
            if (!still_waits(&waits[i]) || a_handler_may_end_it(&waits[i]))
                return false;
            waiting++;
        } else if (load_acquire(&waits[i].waiter->word) < MESSAGE) {
            carriers++; /* without work: it waits for one of the others */
        }
    }
    return waiting > 0 && waiting + carriers + going == pti_port_thread_count();
}

static void check_that_somebody_is_left(unsigned going)
{
    if (!nobody_is_left(going))
        return;
    begin_report("all threads wait, and nobody is left to wake them");
    for (size_t i = 0; i < wait_end; i++) {
        const struct wait *wait = &waits[i];
        if (wait->waiter != NULL && wait->thread != PTI_NO_THREAD)
            report_waits(&wait, 1);
    }
    end_report("Somebody must signal, come to the barrier, count down, or unlock before it waits.");
}

void pti_checked_waiting(const pti_waiter *waiter, bool forever)
{
    const struct wait *path[DEPTH];
    pti_short_lock(&checker_lock);
    size_t i = 0;
    while (i < WAITS && waits[i].waiter != NULL)
        i++;
    if (i == WAITS) {
        say_full();
    } else {
        waits[i] = (struct wait){waiter, waiter->thread, here, forever};
        if (i >= wait_end)
            wait_end = i + 1;
        /* It may have been woken since it joined its queue: by one who has ended, and whom the next in the ring has joined. */
        size_t length = still_waits(&waits[i]) ? find_ring(&waits[i], waiter->thread, path, 0) : 0;
        if (length != 0) {
            begin_report("threads wait for each other");
            report_waits(path, length);
            end_report("None of them can go on.");
        }
        if (forever)
            check_that_somebody_is_left(0);
    }
    pti_short_unlock(&checker_lock);
}

void pti_checked_waited(const pti_waiter *waiter)
{
    pti_short_lock(&checker_lock);
    for (size_t i = 0; i < wait_end; i++) {
        if (waits[i].waiter == waiter)
            waits[i].waiter = NULL;
    }
    while (wait_end > 0 && waits[wait_end - 1].waiter == NULL)
        wait_end--;
    pti_short_unlock(&checker_lock);
}

void pti_checked_self_join(const pt_thread *thread)
{
    pti_short_lock(&checker_lock);
    begin_report("a thread joins itself");
    tell(thread->id, "joins", "thread", thread, here);
    end_report("It would wait for its own end.");
}

/* ---- Ends of channels that are promised to one thread at a time -------------------------------------------- */

static bool is_promised(const pt_channel *channel, unsigned end)
{
    return channel != NULL && (end == PTI_SENDERS ? channel->config.one_sender : channel->config.one_receiver);
}

/* The call at this end; NULL if there is none. */
static struct call *find_call(const pt_channel *channel, unsigned end)
{
    for (size_t i = 0; i < call_end; i++) {
        if (calls[i].channel == channel && calls[i].end == end)
            return &calls[i];
    }
    return NULL;
}

static void add_call(const struct call *call)
{
    size_t i = 0;
    while (i < CALLS && calls[i].channel != NULL)
        i++;
    if (i == CALLS) {
        say_full();
        return;
    }
    calls[i] = *call;
    if (i >= call_end)
        call_end = i + 1;
}

static void tell_call(const struct call *call, const char *does)
{
    char what[80];
    snprintf(what, sizeof what, "%s() of channel \"%s\"", call->function, call->channel->name);
    tell(call->thread, does, what, call->channel, call->place);
}

static void report_two(const struct call *first, const struct call *second)
{
    bool sends = second->end == PTI_SENDERS;
    begin_report(sends ? "two threads send at the same time to a channel with one_sender"
                       : "two threads receive at the same time from a channel with one_receiver");
    tell_call(first, "is within");
    tell_call(second, "calls");
    end_report(
        sends ? "The first must have returned before another thread sends or closes; or make it without one_sender."
              : "The first must have returned before another thread receives; or make it without one_receiver.");
}

void pti_checked_enter(const pt_channel *channel, unsigned end, const char *function)
{
    if (!is_promised(channel, end))
        return;
    const struct call own = {channel, end, pti_thread_own_id(), 1, function, here};
    pti_short_lock(&checker_lock);
    struct call *call = find_call(channel, end);
    if (call == NULL)
        add_call(&own);
    else if (call->thread == own.thread)
        call->depth++;
    else
        report_two(call, &own);
    pti_short_unlock(&checker_lock);
}

void pti_checked_leave(const pt_channel *channel, unsigned end)
{
    if (!is_promised(channel, end))
        return;
    pti_short_lock(&checker_lock);
    struct call *call = find_call(channel, end);
    bool own = call != NULL && call->thread == pti_thread_own_id(); /* false: there was no room for it */
    if (own && --call->depth == 0)
        call->channel = NULL;
    while (call_end > 0 && calls[call_end - 1].channel == NULL)
        call_end--;
    pti_short_unlock(&checker_lock);
}

/* ---- Calls back, and the end ----------------------------------------------------------------------------- */

void pti_checked_calling_back(const char *what)
{
    if (held_count == 0)
        return;
    pti_short_lock(&checker_lock);
    begin_report("a lock is held while other code is called");
    tell(held[0].thread, "holds", held[0].what, held[0].lock, held[0].place);
    fprintf(stderr, "and calls %s from %s:%d\n  ", what, here.file, here.line);
    end_report("That code may want the lock, or wait for somebody who does. Unlock first.");
}

void pti_checked_ending(void)
{
    pti_checked_at("(the end of a thread)", 0);
    pti_checked_calling_back("what runs at a thread's end");
}

void pti_checked_ended(void)
{
    pti_short_lock(&checker_lock);
    check_that_somebody_is_left(1);
    pti_short_unlock(&checker_lock);
}

/* ---- Fork ---------------------------------------------------------------------------------------------- */

void pti_checked_before_fork(void)
{
    pti_short_lock(&checker_lock);
}

void pti_checked_after_fork(bool child)
{
    for (size_t i = 0; child && i < TABLE; i++) {
        if (holds[i].lock != NULL && holds[i].thread != pti_thread_own_id())
            holds[i].lock = GONE;
    }
    for (size_t i = 0; child && i < wait_end; i++)
        waits[i].waiter = NULL;
    for (size_t i = 0; child && i < call_end; i++) {
        if (calls[i].thread != pti_thread_own_id())
            calls[i].channel = NULL;
    }
    pti_short_unlock(&checker_lock);
}

#endif
