/* wait.c: what happens when a worker waits inside a job.

   The parking lot (park.c) sleeps for a while first, as most waits are short. Then the member counts as waiting instead of
   awake, shows all its forks, and looks whether there is something to do: wake.c has another one do it, a spare thread if
   need be. Back from its wait it counts as awake again; if that is one too many, the next one to end a job rests.

   Who posts a job while all wait may be refused a thread, and does not wait for one. So who waits asks for it, now and then:
   not knowing who will post, it looks each second whether one was refused, and then more often. */
#include "wait.h"

#include "atomic.h"
#include "pool.h"

bool pti_wait_is_inside(void)
{
    pti_member *member = pti_member_self();
    return member != NULL && member->inside && member->waits == 0;
}

static bool was_refused(pt_pool *pool)
{
    return load_relaxed(&pool->start_again) != 0;
}

static pt_time ask_again_after(pt_pool *pool)
{
    return was_refused(pool) ? 100 * PT_MILLISECOND : PT_SECOND;
}

pt_time pti_wait_begin(void)
{
    pti_member *member = pti_member_self();
    if (member == NULL || !member->inside || member->waits++ != 0)
        return PT_TIME_NEVER;
    store_relaxed(&member->counts.made_up, member->counts.made_up + 1);
    pti_fork_share_all(member);
    pti_wake_change(member->pool, -1, 0, 0, 1);
    return ask_again_after(member->pool);
}

pt_time pti_wait_again(void)
{
    pt_pool *pool = pti_member_self()->pool;
    if (was_refused(pool))
        pti_wake_look(pool);
    return ask_again_after(pool);
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
