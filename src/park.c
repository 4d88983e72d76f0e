/* park.c: the parking lot: queues of waiters, keyed by address, behind every blocking call.

   After WebKit's ParkingLot (Pizlo, "Locking in WebKit", 2016). A fixed table of buckets; an address hashes
   to one. A bucket holds a list of queues, one for each address that somebody waits for, so that a long
   queue does not slow down another one in the same bucket. Waiters live on their threads' stacks: waiting
   allocates nothing.

   bucket.lock      FREE 0       nobody holds it
                    HELD 1       held; nobody sleeps for it
                    CONTENDED 2  held; the holder must wake one thread on release
     L1  FREE -> HELD       any thread, compare-and-swap in pti_short_lock            acquire
     L2  any  -> CONTENDED  any thread, swap in short_lock_slow; found FREE: ours     acquire
     U   held -> FREE       the holder only, swap in pti_short_unlock                 release
     Pairs         U with the L1 or L2 that finds FREE.
     No lost wake  A thread sleeps only after L2, and the port compares the word with CONTENDED as it goes to
                   sleep. U earlier: the sleep is refused, or a newer holder owes a wake. U later: it finds
                   CONTENDED and wakes one, which returns by L2 and so owes the rest theirs.
     (Drepper, "Futexes Are Tricky", mutex 2.)

   waiter.word      WAITING 0    in a queue, its thread is awake
                    SLEEPING 1   in a queue or just taken out, its thread sleeps or is about to
                    POKED 2      its token was cancelled: its thread is to look whether it can leave
                    CLAIMED 3    a select's: one of its waiters was taken and will be woken
                    message >= 4 woken; or gave up in place
     S   WAITING  -> SLEEPING   its own thread, compare-and-swap in pti_park_sleep      relaxed
     P   WAITING, SLEEPING -> POKED  who cancels the token, compare-and-swap, while the token lists the waiter  relaxed
     N   POKED    -> WAITING    its own thread, not listed any more, and it could not leave: a message will come
     W   any      -> message    the thread that took it out, swap in pti_park_wake      release
     G   read of a message      its own thread                                          acquire
     C   < CLAIMED -> CLAIMED   who took one of a select's waiters, compare-and-swap in pti_park_claim   relaxed
     T   < CLAIMED -> message   who looks at a queue under a lock of its own, compare-and-swap in pti_park_try_wake  release
     Z   < CLAIMED -> PTI_GAVE_UP  its own thread, compare-and-swap in pti_park_sleep_in_place: C, T or Z, one of them  relaxed
     Pairs         W, T with G: the woken thread sees what the waker wrote before.
     Who may take  A waiter is taken out of its queue once, under the queue's lock, by a waker or, at its
                   deadline or when poked, by its own thread; `queued` says whether that has happened. The one who
                   takes it decides how the wait ends. So a waiter that gives up while a waker has it gets that
                   waker's message: no wake-up is lost on a thread that gives up.
     Select        waits with several waiters in several queues, whose `sleeper` is one. C is under the lock of the queue
                   that the claimed one was taken out of; whoever fails at C leaves it alone from then on, as its thread
                   may go. `fired` is written after C, and read after G.
     No lost wake  The port compares the word with SLEEPING, or CLAIMED, as the thread falls asleep; W earlier: the sleep is
                   refused. W later: the swap finds one of these and calls the port.
     Lifetime      W is the waker's last access: the waiter may be gone before pti_port_wake() runs, which uses
                   the address as a name only. A wake that hits a stranger's word there is let through by every
                   caller of pti_port_wait(), since all of them loop.

   Signal handlers  A handler may run while its own thread is under a queue's lock; it must not take one then, as two locks
                    of two threads might wait for each other. `depth`, the thread's own, counts the locks held; what the
                    handler owes is noted in `owed`, a bit a bucket, and paid by the thread when depth is 0 again.
   Fork             While a process forks, the forking thread holds all buckets. In the child the queues are emptied:
                    those who waited are not there.

   waiter.key is also written by pti_park_move(), under the locks of both queues, while the waiter's own thread
   may want to leave: so that thread takes the lock of the key it sees, and starts again if the key has changed. */
#include "park.h"

#include "atomic.h"
#include "cancel.h"
#include "checked.h"
#include "pool/wait.h"
#include "port.h"
#include "thread.h"
#include "trace.h"

enum { FREE = 0, HELD = 1, CONTENDED = 2 };                              /* bucket.lock */
enum { WAITING = 0, SLEEPING = 1, POKED = 2, CLAIMED = 3, MESSAGE = 4 }; /* waiter.word; from MESSAGE on messages */

#define MADE_UP_AFTER PT_MILLISECOND /* so long a worker waits before another takes its place */

enum { BUCKETS_LOG2 = 8, BUCKETS = 1 << BUCKETS_LOG2 };

struct pti_queue { /* a bucket, to itself; a queue, to those who lock it for its key */
    uint32_t lock;
    pti_waiter *queues; /* under lock: the first waiter of each queue */
    uint64_t tickets;   /* under lock: how many waiters have joined */
    pt_time fair_at;    /* under lock: when pti_park_fair_turn() may say yes again */
} __attribute__((aligned(64)));

static struct pti_queue buckets[BUCKETS];

static struct pti_queue *bucket_of(const void *key)
{
    /* Fibonacci hashing: the high bits of the product mix all bits of the address. */
    return &buckets[(uint32_t)((uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKETS_LOG2))];
}

/* ---- Spinning ------------------------------------------------------------------------------ */

static uint32_t processors; /* 0: not asked yet */

/* Spinning waits for a thread on another processor, so where there is only one it is of no use. */
static bool alone(void)
{
    uint32_t known = load_relaxed(&processors); /* relaxed: every thread would store the same */
    if (known == 0) {
        known = pti_port_parallelism();
        store_relaxed(&processors, known);
    }
    return known == 1;
}

bool pti_park_look_again(unsigned round, unsigned spins, unsigned pauses, unsigned yields)
{
    if (round < spins && !alone()) {
        for (unsigned i = 0; i < pauses; i++)
            pti_port_relax();
        return true;
    }
    if (round < spins + yields) {
        pti_port_yield();
        return true;
    }
    return false;
}

bool pti_park_spin(unsigned round)
{
    return pti_park_look_again(round, PTI_PORT_SPINS, 1, PTI_PORT_YIELDS);
}

/* ---- The lock of a bucket, where it is not free --------------------------------------------- */

static void short_lock_slow(uint32_t *word)
{
    if (!pti_port_may_block()) {
        /* A browser's main thread has no other way. Holders run for some dozen instructions and are never
           the main thread itself, so they come to their end without it. */
        uint32_t seen = FREE;
        while (!cas_acquire(word, &seen, HELD)) { /* L1, but never hides CONTENDED: the lock was FREE */
            seen = FREE;
            pti_port_relax();
        }
        return;
    }
    for (unsigned round = 0; round < PTI_PORT_SPINS / 2 && pti_park_spin(round); round++) {
        uint32_t seen = FREE;
        if (load_relaxed(word) == FREE && cas_acquire(word, &seen, HELD)) /* L1 */
            return;
    }
    while (swap_acquire(word, CONTENDED) != FREE) /* L2 */
        pti_port_wait(word, CONTENDED, PT_TIME_NEVER);
}

/* ---- What signal handlers owe -------------------------------------------------------------- */

/* Both are the thread's own, written by it and by handlers that interrupt it. Handlers leave depth as they found it. */
static _Thread_local PTI_PORT_TLS_FAST uint32_t depth;              /* short locks held */
static _Thread_local PTI_PORT_TLS_FAST uint64_t owed[BUCKETS / 64]; /* a bit for each bucket to look through */
static _Thread_local PTI_PORT_TLS_FAST bool owes;

bool pti_park_may_lock(void)
{
    return load_relaxed(&depth) == 0;
}

void pti_park_owe(const void *key)
{
    size_t index = (size_t)(bucket_of(key) - buckets);
    or_relaxed(&owed[index / 64], UINT64_C(1) << index % 64);
    store_relaxed(&owes, true);
}

/* Serve all queues of a bucket whose objects know how. */
static void serve_all(pti_queue *bucket)
{
    pti_waiter *served = NULL, **end = &served;
    pti_short_lock(&bucket->lock);
    pti_waiter **link = &bucket->queues;
    while (*link != NULL) {
        pti_waiter *first = *link, *some = first->serve == NULL ? NULL : first->serve(bucket, first->key);
        if (some == NULL)
            link = &first->chain;
        for (*end = some; *end != NULL; end = &(*end)->next) {
        }
    }
    pti_short_unlock(&bucket->lock);
    pti_park_wake_all(served, PTI_GO);
}

__attribute__((noinline)) static void pay(void)
{
    store_relaxed(&owes, false);
    for (size_t i = 0; i < BUCKETS / 64; i++) {
        for (uint64_t bits = swap_acquire(&owed[i], 0); bits != 0; bits &= bits - 1)
            serve_all(&buckets[i * 64 + (size_t)__builtin_ctzll(bits)]);
    }
}

/* ---- The lock of a bucket ------------------------------------------------------------------ */

void pti_short_lock(uint32_t *word)
{
    uint32_t seen = FREE;
    store_relaxed(&depth, load_relaxed(&depth) + 1);
    signal_fence();                      /* a handler that interrupts us from here on finds depth > 0 */
    if (!cas_acquire(word, &seen, HELD)) /* L1 */
        short_lock_slow(word);
}

void pti_short_unlock(uint32_t *word)
{
    if (swap_release(word, FREE) == CONTENDED) /* U: pairs with L1, L2 */
        pti_port_wake(word);
    uint32_t left = load_relaxed(&depth) - 1;
    store_relaxed(&depth, left);
    signal_fence(); /* what a handler noted before is seen now; later ones find depth 0 and need no note */
    if (left == 0 && load_relaxed(&owes))
        pay();
}

pti_queue *pti_park_queue(const void *key)
{
    return bucket_of(key);
}

pti_queue *pti_park_lock(const void *key)
{
    struct pti_queue *bucket = bucket_of(key);
    pti_short_lock(&bucket->lock);
    return bucket;
}

void pti_park_unlock(pti_queue *queue)
{
    pti_short_unlock(&queue->lock);
}

void pti_park_unlock_left(pti_queue *queue, const void *key, uint32_t *word, uint32_t bit)
{
    if (pti_park_first(queue, key) == NULL)
        and_relaxed(word, ~bit); /* relaxed: whoever sets or reads it to act on it has the queue's lock */
    pti_park_unlock(queue);
}

pti_queue_pair pti_park_lock_pair(const void *first_key, const void *second_key)
{
    pti_queue_pair pair = {bucket_of(first_key), bucket_of(second_key)};
    pti_queue *low = pair.first < pair.second ? pair.first : pair.second;
    pti_queue *high = pair.first < pair.second ? pair.second : pair.first;
    pti_short_lock(&low->lock);
    if (high != low)
        pti_short_lock(&high->lock);
    return pair;
}

void pti_park_unlock_pair(pti_queue_pair pair)
{
    pti_park_unlock(pair.first);
    if (pair.second != pair.first)
        pti_park_unlock(pair.second);
}

/* ---- Queues. All of this under the bucket's lock ------------------------------------------- */

/* Where the bucket points to the first waiter of key's queue, or to NULL at the end of its list. */
static pti_waiter **find(pti_queue *queue, const void *key)
{
    pti_waiter **link = &queue->queues;
    while (*link != NULL && (*link)->key != key)
        link = &(*link)->chain;
    return link;
}

static void put(pti_queue *queue, pti_waiter *waiter, const void *key, bool in_front)
{
    pti_waiter **link = find(queue, key);
    pti_waiter *first = *link;

    store_relaxed(&waiter->key, key); /* relaxed: its own thread checks it again under the lock */
    waiter->ticket = queue->tickets++;
    waiter->queued = true;
    waiter->next = waiter->previous = NULL;
    if (first == NULL) {
        waiter->chain = NULL; /* link is the end of the bucket's list */
        waiter->last = waiter;
        *link = waiter;
    } else if (in_front) {
        waiter->chain = first->chain;
        waiter->last = first->last;
        waiter->next = first;
        first->previous = waiter;
        *link = waiter;
    } else {
        waiter->previous = first->last;
        first->last->next = waiter;
        first->last = waiter;
    }
}

void pti_park_take_out(pti_queue *queue, pti_waiter *waiter)
{
    if (!waiter->queued)
        return;
    pti_waiter **link = find(queue, waiter->key);
    pti_waiter *first = *link, *next = waiter->next;

    if (waiter != first) {
        waiter->previous->next = next;
        if (next != NULL)
            next->previous = waiter->previous;
        else
            first->last = waiter->previous;
    } else if (next != NULL) {
        next->previous = NULL;
        next->chain = waiter->chain;
        next->last = waiter->last;
        *link = next;
    } else {
        *link = waiter->chain;
    }
    waiter->queued = false;
}

void pti_park_join(pti_queue *queue, pti_waiter *waiter, const void *key)
{
    put(queue, waiter, key, false);
}

void pti_park_join_front(pti_queue *queue, pti_waiter *waiter, const void *key)
{
    put(queue, waiter, key, true);
}

pti_waiter *pti_park_first(pti_queue *queue, const void *key)
{
    return *find(queue, key);
}

pti_waiter *pti_park_take(pti_queue *queue, const void *key)
{
    pti_waiter *first = *find(queue, key);
    if (first != NULL)
        pti_park_take_out(queue, first);
    return first;
}

pti_waiter *pti_park_take_all(pti_queue *queue, const void *key)
{
    pti_waiter **link = find(queue, key);
    pti_waiter *first = *link;
    if (first == NULL)
        return NULL;
    *link = first->chain;
    for (pti_waiter *waiter = first; waiter != NULL; waiter = waiter->next)
        waiter->queued = false;
    return first;
}

uint64_t pti_park_next_ticket(const pti_queue *queue)
{
    return queue->tickets;
}

bool pti_park_fair_turn(pti_queue *queue, pt_time now, pt_time interval)
{
    if (now < queue->fair_at)
        return false;
    queue->fair_at = now + interval;
    return true;
}

void pti_park_move(pti_queue *from, const void *from_key, pti_queue *to, const void *to_key, const char *what,
                   pt_time now)
{
    pti_waiter *waiter = pti_park_take(from, from_key);
    waiter->moved = true;
    store_relaxed(&waiter->what, what); /* relaxed: for checks and dumps, as is the key */
    waiter->since = now;
    put(to, waiter, to_key, false);
}

/* ---- Sleeping and waking ------------------------------------------------------------------- */

pt_status pti_park_may_wait(pt_until until)
{
    if (!pti_port_may_block())
        return PT_ERR_NOBLOCK;
    if (until.cancel != NULL && pti_cancel_peek(until.cancel) != PT_OK)
        return pti_cancel_peek(until.cancel);
    if (until.deadline != PT_TIME_NEVER && pti_port_now() >= until.deadline)
        return PT_ERR_TIMEOUT;
    return PT_OK;
}

pt_status pti_park_why(pt_until until)
{
    pt_status status = until.cancel == NULL ? PT_OK : pti_cancel_peek(until.cancel);
    return status == PT_OK ? PT_ERR_TIMEOUT : status;
}

void pti_park_prepare(pti_waiter *waiter, const char *what)
{
    pti_trace_prepare_wait();
    (void)alone(); /* asked for here, as it may read files, and who wakes may be a signal handler */
    waiter->word = WAITING;
    waiter->moved = false;
    waiter->what = what;
    waiter->since = pti_port_now();
    waiter->thread = pti_thread_own_id();
    waiter->serve = NULL;
    waiter->sleeper = waiter;
    waiter->call = NULL;
}

bool pti_park_claim(pti_waiter *waiter)
{
    pti_waiter *sleeper = waiter->sleeper;
    if (sleeper == waiter)
        return true;
    uint32_t seen = load_relaxed(&sleeper->word);
    while (seen < CLAIMED) {
        if (cas_relaxed(&sleeper->word, &seen, CLAIMED)) { /* C */
            sleeper->fired = waiter;
            return true;
        }
    }
    return false;
}

void pti_park_wake(pti_waiter *waiter, enum pti_message message)
{
    if (waiter->call != NULL) {
        waiter->call(waiter);
        return;
    }
    uint32_t *word = &waiter->sleeper->word;
    uint32_t before = swap_release(word, message); /* W: pairs with G */
    if (before == SLEEPING || before == CLAIMED)
        pti_port_wake(word);
}

void pti_park_wake_all(pti_waiter *first, enum pti_message message)
{
    while (first != NULL) {
        pti_waiter *next = first->next; /* first may be gone once it is woken */
        pti_park_wake(first, message);
        first = next;
    }
}

bool pti_park_poke(uint32_t *word)
{
    uint32_t seen = load_relaxed(word);
    while (seen < POKED) {
        if (cas_relaxed(word, &seen, POKED)) /* P */
            return seen == SLEEPING;
    }
    return false;
}

void pti_park_wake_poked(const uint32_t *word)
{
    pti_port_wake(word);
}

/* Sleep until there is a message; false if the deadline passed or a poke came first. */
static bool sleep_until(pti_waiter *waiter, pt_time deadline)
{
    for (;;) {
        uint32_t seen = load_acquire(&waiter->word); /* G: pairs with W */
        if (seen >= MESSAGE)
            return true;
        if (seen == CLAIMED) {
            pti_port_wait(&waiter->word, CLAIMED, PT_TIME_NEVER);
            continue;
        }
        if (seen == POKED || (deadline != PT_TIME_NEVER && pti_port_now() >= deadline))
            return false;
        if (seen == SLEEPING || cas_relaxed(&waiter->word, &seen, SLEEPING)) /* S */
            pti_port_wait(&waiter->word, SLEEPING, deadline);
    }
}

/* The same, ended by the token too. */
static bool sleep_cancellable(pti_waiter *waiter, pt_until until)
{
    pti_cancel_link link;
    pt_time deadline = pti_cancel_deadline(until.cancel);
    if (!pti_cancel_link_in(&link, until.cancel, &waiter->word))
        return false;
    bool woken = sleep_until(waiter, deadline < until.deadline ? deadline : until.deadline);
    pti_cancel_link_out(&link);
    return woken;
}

static bool sleep_plainly(pti_waiter *waiter, pt_until until)
{
    return until.cancel == NULL ? sleep_until(waiter, until.deadline) : sleep_cancellable(waiter, until);
}

/* The same for a while; whether it is worth going on. */
static bool sleep_for(pti_waiter *waiter, pt_until until, pt_time nanoseconds, bool *woken)
{
    pt_until first = until;
    pt_time end = pti_port_now() + nanoseconds;
    first.deadline = end < until.deadline ? end : until.deadline;
    *woken = sleep_plainly(waiter, first);
    return !*woken && end < until.deadline && (until.cancel == NULL || pti_cancel_peek(until.cancel) == PT_OK);
}

/* Inside a pool's job: if it takes long, another one does this worker's work meanwhile. */
static bool sleep_inside(pti_waiter *waiter, pt_until until)
{
    bool woken;
    if (!sleep_for(waiter, until, MADE_UP_AFTER, &woken))
        return woken;
    for (pt_time ask_after = pti_wait_begin(); sleep_for(waiter, until, ask_after, &woken);
         ask_after = pti_wait_again())
        continue;
    pti_wait_end();
    return woken;
}

static bool sleep_any(pti_waiter *waiter, pt_until until)
{
    const char *what = load_relaxed(&waiter->what); /* when woken it may wait for something else */
    bool sleeps = load_relaxed(&waiter->word) == WAITING && until.deadline > 0;
    pti_trace_span span = sleeps ? pti_trace_begin() : (pti_trace_span){0};
    pti_checked_waiting(waiter, pt_until_is_forever(until));
    bool woken = pti_wait_is_inside() ? sleep_inside(waiter, until) : sleep_plainly(waiter, until);
    pti_checked_waited(waiter);
    pti_trace_end_wait(span, what);
    return woken;
}

/* Give up: leave the queue, which is then locked; or false, since a waker or a mover was quicker. */
static bool leave(pti_waiter *waiter)
{
    for (;;) {
        const void *key = load_relaxed(&waiter->key);
        pti_queue *queue = pti_park_lock(key);
        if (key != load_relaxed(&waiter->key)) { /* moved between the two steps */
            pti_park_unlock(queue);
            continue;
        }
        if (waiter->queued && !waiter->moved) {
            pti_park_take_out(queue, waiter);
            return true;
        }
        pti_park_unlock(queue);
        return false;
    }
}

enum pti_message pti_park_sleep(pti_waiter *waiter, pt_until until, bool spin)
{
    for (unsigned round = 0; spin && load_relaxed(&waiter->word) == WAITING; round++)
        spin = pti_park_spin(round);

    if (!sleep_any(waiter, until)) {
        if (leave(waiter))
            return PTI_GAVE_UP;
        uint32_t seen = POKED;
        cas_relaxed(&waiter->word, &seen, WAITING); /* N */
        sleep_until(waiter, PT_TIME_NEVER);
    }
    return (enum pti_message)load_relaxed(&waiter->word); /* relaxed: G was in sleep_until() */
}

enum pti_message pti_park_sleep_in_place(pti_waiter *waiter, pt_until until)
{
    if (!sleep_any(waiter, until)) {
        uint32_t seen = load_relaxed(&waiter->word);
        while (seen < CLAIMED) {
            if (cas_relaxed(&waiter->word, &seen, PTI_GAVE_UP)) /* Z */
                return PTI_GAVE_UP;
        }
        sleep_until(waiter, PT_TIME_NEVER);
    }
    return (enum pti_message)load_acquire(&waiter->word); /* G: pairs with T, W */
}

bool pti_park_try_wake(pti_waiter *waiter, enum pti_message message)
{
    uint32_t seen = load_relaxed(&waiter->word);
    while (seen < CLAIMED) {
        if (cas_release(&waiter->word, &seen, message)) { /* T: pairs with G */
            if (seen == SLEEPING)
                pti_port_wake(&waiter->word);
            return true;
        }
    }
    return false;
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_park_before_fork(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        pti_short_lock(&buckets[i].lock);
}

void pti_park_after_fork(bool child)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (child) { /* nobody waits here, for the queues or for their locks */
            buckets[i].queues = NULL;
            store_relaxed(&buckets[i].lock, HELD);
        }
        pti_short_unlock(&buckets[i].lock);
    }
}

/* ---- Looking at it ------------------------------------------------------------------------- */

size_t pti_park_snapshot(pti_waiter *copies, size_t most)
{
    size_t count = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        pti_short_lock(&buckets[i].lock);
        for (pti_waiter *first = buckets[i].queues; first != NULL; first = first->chain) {
            for (pti_waiter *waiter = first; waiter != NULL; waiter = waiter->next, count++) {
                if (count < most) /* field by field: the word changes at any time */
                    copies[count] = (pti_waiter){
                        .key = waiter->key, .what = waiter->what, .since = waiter->since, .thread = waiter->thread};
            }
        }
        pti_short_unlock(&buckets[i].lock);
    }
    return count;
}
