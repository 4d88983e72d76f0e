/* fork.c: fork and join.

   Each member has a stack of forks, after Lace (van Dijk, van de Pol, "Lace: non-blocking split deque for work-stealing", 2014).
   Its oldest forks, at the bottom, are shared: others may take them, the oldest first. The newest are the member's alone, and
   cost it neither an atomic operation nor a fence. The member moves the bound between the two: up when others ask for work, or
   when the stack is shallow; down when it has none left for itself.

     stack[0 .. t) taken, [t .. s) shared, [s .. top) its own.    top, own (= &stack[s]) are the member's alone.

     shared: t, plus 2^32 s. Never changed but by a read-modify-write, or while t = s by the member.
     P   s goes up             the member, after it wrote the forks and their states   sequentially consistent: see wake.c
     T   t + 1 if t < s        who takes stack[t]                                      acquire and release
     B   s goes down, not below t   the member, which has them for itself then         acquire
     E   t = s = i             the member, when stack[i] was taken, and is done; t = s before, so nobody does T    relaxed

     state of a fork that was shared: 0, or RUNNING with who took it; WAITED; DONE
     A   -> RUNNING            who took it, before it runs it                          release
     W   -> WAITED             the member, before it sleeps                            relaxed
     D   -> DONE               who took it, after it ran it; if it was WAITED it wakes the member          acquire and release
     J   reads DONE            the member                                              acquire

     span: 0 is a demand. Written 0 by who searched without success; put back by the member, with which it shares something

   Pairs        P with T: who takes sees the fork. D with J: the member sees what it did.
   Taken once   T and B both are compare-and-swap of t and s at once: a fork is taken, or had by the member, never both. That t and s
                are the same again later does no harm: a fork is read after T only, and the member does not touch it
                until D.
   Leapfrogging Who waits for a fork that was taken helps who took it (Wagner, Calder, 1993): what that one shares are parts of
                what is waited for. For who takes a fork shares nothing at that moment: it looks for work with an empty stack, or
                waits for the fork on its top, which was taken, and so all below were. It may be done just then, and
                share something else: so after T the state is looked at once more. If it is not DONE, then T came
                before D, and the fork was a part; if it is, the fork goes to the pool's queues, for anybody to run (without memory
                for that, it is run here).
   Sleeping     is pt_wait_word() on the state; D wakes by its address alone, as the stack may be used anew by then. */
#include "pool.h"

#include <pt_atomic.h>

#include "atomic.h"
#include "port.h"

enum { DONE = 1, WAITED = 2, RUNNING = 4, MEMBER_SHIFT = 3 };

_Static_assert(PT_POOL_MOST + PTI_GUESTS_MOST < 1 << (32 - MEMBER_SHIFT),
               "who took a fork must fit into its state");

__thread pti_worker *pti_worker_self;

static uint32_t taken_of(uint64_t shared)
{
    return (uint32_t)shared;
}

static uint32_t shared_of(uint64_t shared)
{
    return (uint32_t)(shared >> 32);
}

static uint64_t both(uint32_t taken, uint32_t shared)
{
    return (uint64_t)shared << 32 | taken;
}

static uint32_t index_of(const pti_member *member, const pti_fork *fork)
{
    return (uint32_t)(fork - member->stack);
}

/* ---- Sharing ------------------------------------------------------------------------------- */

void pti_fork_prepare(pti_member *member)
{
    uint32_t shallow = load_relaxed(&member->pool->size) > 1 ? PTI_SHALLOW : 0;
    member->forks.top = member->forks.own = member->stack;
    member->forks.quiet = member->stack + shallow;
    store_relaxed(&member->forks.span, (PT_FORKS - shallow) * sizeof(pti_fork));
}

bool pti_fork_any(const pti_member *member)
{
    uint64_t shared = load_agreed(&member->shared);
    return taken_of(shared) < shared_of(shared);
}

void pti_fork_demand(pti_member *victim)
{
    if (load_relaxed(&victim->forks.span) != 0)
        store_relaxed(&victim->forks.span, 0);
}

static void meet_demand(pti_member *member)
{
    if (load_relaxed(&member->forks.span) == 0)
        store_relaxed(&member->forks.span,
                      (size_t)((char *)(member->stack + PT_FORKS) - (char *)member->forks.quiet));
}

/* P: its own forks below `bound` from now on for everybody. */
static void share(pti_member *member, pti_fork *bound)
{
    uint32_t count = (uint32_t)(bound - member->forks.own);
    for (pti_fork *fork = member->forks.own; fork < bound; fork++)
        store_relaxed(&fork->state, 0);
    member->forks.own = bound;
    add_agreed(&member->shared, (uint64_t)count << 32); /* P: pairs with T */
    pti_wake_somebody(member->pool);
}

/* The older half of its own, if nothing is shared now. */
static void share_some(pti_member *member)
{
    size_t count = (size_t)(member->forks.top - member->forks.own);
    if (count == 0 || pti_fork_any(member))
        return;
    share(member, member->forks.own + (count + 1) / 2);
}

void pti_fork_share_all(pti_member *member)
{
    if (member->forks.top != member->forks.own)
        share(member, member->forks.top);
}

/* After a fork was put on top, which is shallow, or there is a demand, or the stack is full: then it is taken off again. */
bool pti_fork_show(pti_worker *worker)
{
    pti_member *member = (pti_member *)(void *)worker;
    size_t index = index_of(member, worker->top) - 1u;
    if (index == PT_FORKS) {
        worker->top--;
        return false;
    }
    if (worker->top <= worker->quiet)
        share(member, worker->top);
    else
        share_some(member);
    meet_demand(member);
    return true;
}

bool pti_fork_wanted(void)
{
    pti_member *member = pti_member_self();
    if (member == NULL)
        return false;
    uint64_t shared = load_relaxed(&member->shared);
    if (taken_of(shared) < shared_of(shared))
        return false;
    bool wanted = load_relaxed(&member->forks.span) == 0;
    if (!wanted) {
        uint64_t word = load_relaxed(&member->pool->word);
        wanted = pti_wake_count(word, PTI_AWAKE) < load_relaxed(&member->pool->size) ||
                 pti_wake_count(word, PTI_SEARCHING) != 0;
    }
    if (wanted && member->forks.top != member->forks.own) {
        share_some(member);
        return false;
    }
    if (wanted)
        pti_fork_demand(member); /* so that the next fork is shared */
    return wanted;
}

/* ---- Taking -------------------------------------------------------------------------------- */

/* T */
static pti_fork *take(pti_member *victim)
{
    uint64_t seen = load_acquire(&victim->shared);
    while (taken_of(seen) < shared_of(seen)) {
        if (cas_acq_rel(&victim->shared, &seen, seen + 1)) /* T: pairs with P */
            return &victim->stack[taken_of(seen)];
    }
    return NULL;
}

static void run_taken(pti_member *member, pti_fork *fork)
{
    __atomic_fetch_or(&fork->state, RUNNING | member->index << MEMBER_SHIFT, __ATOMIC_RELEASE); /* A */
    fork->function(fork->arg);
    uint32_t before = __atomic_exchange_n(&fork->state, DONE, __ATOMIC_ACQ_REL); /* D: pairs with J */
    if ((before & WAITED) != 0)
        pt_wake_word(&fork->state, 1);
}

void pti_fork_run_taken(void *fork)
{
    run_taken(pti_member_self(), fork);
}

bool pti_fork_steal(pti_member *victim, struct pti_job *job)
{
    pti_fork *fork = take(victim);
    if (fork != NULL)
        *job = (struct pti_job){pti_fork_run_taken, fork, 0};
    return fork != NULL;
}

/* ---- Joining ------------------------------------------------------------------------------- */

bool pti_fork_has_room(const pti_member *member)
{
    return (uintptr_t)__builtin_frame_address(0) > member->floor;
}

/* Run a part of a fork that another member took. */
static bool leapfrog(pti_member *member, const pti_fork *fork, uint32_t state)
{
    if ((state & RUNNING) == 0 || !pti_fork_has_room(member))
        return false;
    pti_member *thief = load_acquire(&member->pool->members[state >> MEMBER_SHIFT]);
    pti_fork *part = take(thief);
    if (part == NULL) {
        pti_fork_demand(thief);
        return false;
    }
    store_relaxed(&member->counts.stolen, member->counts.stolen + 1);
    bool is_part = (load_acquire(&fork->state) & DONE) == 0; /* J */
    if (is_part || !pti_jobs_put_back(member->pool, (struct pti_job){pti_fork_run_taken, part, 0}))
        run_taken(member, part);
    return true;
}

static void sleep_until_done(pti_fork *fork, uint32_t seen)
{
    uint32_t waited = seen | WAITED;
    if ((seen & WAITED) != 0 || cas_relaxed(&fork->state, &seen, waited)) /* W */
        (void)!pt_wait_word(&fork->state, waited, PT_FOREVER);
}

static void wait_until_done(pti_member *member, pti_fork *fork)
{
    for (unsigned round = 0;; round++) {
        uint32_t seen = load_acquire(&fork->state); /* J: pairs with D */
        if ((seen & DONE) != 0)
            return;
        if (leapfrog(member, fork, seen))
            round = 0;
        else if (!pti_park_spin(round))
            sleep_until_done(fork, seen);
    }
}

/* The fork on top, which is not its own: have it back, or wait until it is done. It is off the stack then. False: it is done. */
bool pti_fork_take_back(pti_worker *worker)
{
    pti_member *member = (pti_member *)(void *)worker;
    pti_fork *fork = worker->top - 1;
    uint64_t seen = load_relaxed(&member->shared);
    while (taken_of(seen) < shared_of(seen)) {
        uint32_t bound = (taken_of(seen) + shared_of(seen)) / 2;
        if (cas_acquire(&member->shared, &seen, both(taken_of(seen), bound))) { /* B */
            worker->own = member->stack + bound;
            worker->top = fork;
            return true;
        }
    }
    wait_until_done(member, fork);
    uint32_t index = index_of(member, fork);
    store_relaxed(&member->shared, both(index, index)); /* E */
    worker->own = worker->top = fork;
    return false;
}

static void join_one(pti_worker *worker)
{
    pti_fork *fork = worker->top - 1;
    if (fork >= worker->own)
        worker->top = fork;
    else if (!pti_fork_take_back(worker))
        return;
    fork->function(fork->arg);
}

static void join_down_to(pti_member *member, const pti_fork *base)
{
    while (member->forks.top > base) {
        if (load_relaxed(&member->forks.span) == 0) {
            share_some(member);
            meet_demand(member);
        }
        join_one(&member->forks);
    }
}

void pti_fork_join_all(pti_member *member)
{
    join_down_to(member, member->stack);
}

/* ---- From outside -------------------------------------------------------------------------- */

void pti_fork2_outside(pt_fork_function a, void *a_arg, pt_fork_function b, void *b_arg)
{
    pti_member *guest = pti_guest_enter(NULL);
    if (guest != NULL) {
        pt_fork2(a, a_arg, b, b_arg);
        pti_guest_leave(guest);
    } else {
        a(a_arg);
        b(b_arg);
    }
}

/* ---- Groups -------------------------------------------------------------------------------- */

/* Make room on a full stack: join those of the group, or have the caller run the new one at once. */
static bool make_room(pti_member *member, pti_fork *base)
{
    if (member->forks.top != member->stack + PT_FORKS)
        return true;
    if (pti_fork_any(member) || member->forks.top == base)
        return false;
    join_down_to(member, base);
    return true;
}

static pti_member *begin(pt_group *group)
{
    pti_member *member = pti_member_self();
    if (group->worker == NULL) {
        group->entered = member == NULL;
        if (member == NULL)
            member = pti_guest_enter(NULL);
        if (member == NULL)
            return NULL;
        group->worker = &member->forks;
        group->base = index_of(member, member->forks.top);
    }
    return member;
}

void pt_group_spawn(pt_group *group, pt_fork_function function, void *arg)
{
    pti_member *member = begin(group);
    if (member == NULL || !make_room(member, member->stack + group->base)) {
        function(arg);
        return;
    }
    pti_fork *fork = member->forks.top++;
    fork->function = function;
    fork->arg = arg;
    if (member->forks.top <= member->forks.quiet || load_relaxed(&member->forks.span) == 0)
        pti_fork_show(&member->forks);
}

void pt_group_sync(pt_group *group)
{
    if (group->worker == NULL)
        return;
    pti_member *member = (pti_member *)(void *)group->worker;
    join_down_to(member, member->stack + group->base);
    group->worker = NULL;
    if (group->entered)
        pti_guest_leave(member);
}
