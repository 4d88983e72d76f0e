/* wait.c: what happens when a worker waits inside a job.

   The parking lot (park.c) sleeps for a while first, as most waits are short. Then the member counts as waiting instead of
   awake, shows all its forks, and looks whether there is something to do: wake.c has another one do it, a spare thread if
   need be. Back from its wait it counts as awake again; if that is one too many, the next one to end a job rests. */
#include "wait.h"

#include "atomic.h"
#include "pool.h"

bool pti_wait_is_inside(void)
{
    pti_member *member = pti_member_self();
    return member != NULL && member->inside && member->waits == 0;
}

/* There is something to do, and fewer than `size` are awake: no thread could be had. */
static bool is_missing(pt_pool *pool)
{
    uint64_t word = load_relaxed(&pool->word);
    return pti_wake_count(word, PTI_AWAKE) < load_relaxed(&pool->size) && pti_worker_sees(pool);
}

bool pti_wait_begin(void)
{
    pti_member *member = pti_member_self();
    if (member == NULL || !member->inside || member->waits++ != 0)
        return false;
    store_relaxed(&member->counts.made_up, member->counts.made_up + 1);
    pti_fork_share_all(member);
    pti_wake_change(member->pool, -1, 0, 0, 1);
    return is_missing(member->pool);
}

bool pti_wait_again(void)
{
    pt_pool *pool = pti_member_self()->pool;
    pti_wake_look(pool);
    return is_missing(pool);
}

void pti_wait_end(void)
{
    pti_member *member = pti_member_self();
    if (member != NULL && member->inside && member->waits != 0 && --member->waits == 0)
        pti_wake_change(member->pool, 1, 0, 0, -1);
}

void pt_blocking_begin(void)
{
    (void)pti_wait_begin();
}

void pt_blocking_end(void)
{
    pti_wait_end();
}
