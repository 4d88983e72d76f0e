/* pt_parallel.h: computing with several workers: fork and join. pt_loop.h has loops, and what is made of them.

     static void sum(void *arg)                               a tree, its halves at the same time
     {
         struct tree *tree = arg;
         ...
         pt_fork2(sum, tree->left, sum, tree->right);
     }

   All of it runs in the pool whose worker calls it. Any other thread may call it too: it joins the default pool for as long as
   the call takes (or another one: pt_pool_run()), works itself, and has others help. So a call costs next to nothing when nobody
   can help, and who calls often and has little to do loses little.

   What they share
     Order     What is forked may run at the same time as what forked it, or after it, or in another thread; all of it has ended
               when the call that joins it returns, and what it wrote is seen by then. Nobody may count on it that two run at the
               same time: with one worker they do not.
     Waiting   A thread that waits for a part that another one took runs parts of that part meanwhile, and never anything else:
               so a lock that is held around a call is no danger. The parts themselves should not take that lock.
     Memory    Nothing is allocated, unless it is said.
     Targets   native, WASI, browser Worker: as described. A browser's main thread may not wait, so there all of it runs in the
               calling thread alone. Signal handlers may call none of this. */
#ifndef PT_PARALLEL_H
#define PT_PARALLEL_H

#include <pt_base.h>
#include <pt_pool.h>
#include <pt_thread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Fork and join ------------------------------------------------------------------------- */

/* What is forked. */
typedef void (*pt_fork_function)(void *arg);

/* Run a(a_arg) and b(b_arg), perhaps at the same time, and return when both have ended. a runs in the calling thread.
   Cost   some 2 ns where nobody takes b. Nesting: as deep as the stack allows; past PT_FORKS within each other, b runs after a
          in any case. */
static inline void pt_fork2(pt_fork_function a, void *a_arg, pt_fork_function b, void *b_arg);

/* How many forks of a thread can be open, that is: within each other, or spawned and not joined. Further ones run at once. */
#define PT_FORKS 1024

/* Any number of forks, joined together. Set to PT_GROUP_INIT; belongs to the call that has it: only the thread that runs that
   spawns and syncs, and it must sync before it returns. A forked function that forks itself has a group of its own. */
typedef struct pt_group {
    struct pti_worker *worker; /* all private */
    uint32_t base;
    bool entered;
} pt_group;

/* clang-format off */
#define PT_GROUP_INIT {NULL, 0, false}
/* clang-format on */

/* Have function(arg) run, at the latest in pt_group_sync(). Runs it at once where PT_FORKS are open, or there is nobody to help.
   Blocks   never */
PT_API void pt_group_spawn(pt_group *group, pt_fork_function function, void *arg);

/* Wait for all that were spawned, and run those that nobody has taken. The group can be used again. */
PT_API void pt_group_sync(pt_group *group);

/* ---- What pt_fork2() is made of ------------------------------------------------------------ */

/* Private: see src/pool/fork.c. */
typedef struct pti_fork {
    pt_fork_function function;
    void *arg;
    uint32_t state;
    uint32_t unused;
} pti_fork;

typedef struct pti_worker {
    pti_fork *top;   /* where the next fork goes */
    pti_fork *quiet; /* the forks from here on, up to `span` bytes more, are made without a word */
    size_t span;     /* atomic; 0 when somebody wants work */
    pti_fork *own;   /* the forks from here on are this worker's alone */
} pti_worker;

extern PT_API __thread pti_worker *pti_worker_self;
PT_API void pti_fork2_outside(pt_fork_function a, void *a_arg, pt_fork_function b, void *b_arg);
PT_API bool pti_fork_show(pti_worker *worker);
PT_API bool pti_fork_take_back(pti_worker *worker);

static inline void pt_fork2(pt_fork_function a, void *a_arg, pt_fork_function b, void *b_arg)
{
    pti_worker *worker = pti_worker_self;
    if (__builtin_expect(worker == NULL, 0)) {
        pti_fork2_outside(a, a_arg, b, b_arg);
        return;
    }
    pti_fork *fork = worker->top;
    fork->function = b;
    fork->arg = b_arg;
    worker->top = fork + 1;
    size_t place = (size_t)((char *)fork - (char *)worker->quiet);
    if (__builtin_expect(place >= __atomic_load_n(&worker->span, __ATOMIC_RELAXED), 0) && !pti_fork_show(worker)) {
        a(a_arg); /* the stack is full */
        b(b_arg);
        return;
    }
    a(a_arg);
    if (__builtin_expect(fork >= worker->own, 1))
        worker->top = fork;
    else if (!pti_fork_take_back(worker))
        return; /* another thread has run it */
    b(b_arg);
}

#ifdef __cplusplus
}
#endif
#endif
