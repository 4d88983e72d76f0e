/* guest.c: threads from outside that work along for a while: they fork, and others take what they forked.

   A guest has a record as workers have. It counts as awake, so that one of the workers rests meanwhile. Records of guests that
   have left are kept, and given to the next ones. A thread that is a worker or a guest already, of another pool, is
   that again when it leaves. */
#include "pool.h"

#include "atomic.h"
#include "port.h"

enum { OTHERS_STACK = 64 * 1024 }; /* of a foreign thread's stack: so much helping others may use */

static pti_member *take_record(pt_pool *pool)
{
    pti_short_lock(&pool->lock);
    pti_member *member = pool->free_guests;
    if (member != NULL)
        pool->free_guests = member->next;
    pti_short_unlock(&pool->lock);
    return member != NULL ? member : pti_pool_new_member(pool, &pool->guests, pool->most, PTI_GUESTS_MOST);
}

static void put_record_back(pti_member *member)
{
    pti_short_lock(&member->pool->lock);
    member->next = member->pool->free_guests;
    member->pool->free_guests = member;
    pti_short_unlock(&member->pool->lock);
}

static void leave(pti_member *member, pti_worker *before)
{
    pt_pool *pool = member->pool;
    pti_worker_self = before;
    put_record_back(member);
    pti_wake_change(pool, -1, 0, 0, 0);
    pti_pool_drop_reference(pool);
}

pti_member *pti_guest_enter(pt_pool *pool)
{
    if (!pti_port_may_block())
        return NULL;
    if (pool == NULL)
        pool = pt_pool_default();
    if (pool == NULL || pti_pool_was_left(pool))
        return NULL;
    pti_member *member = take_record(pool);
    if (member == NULL)
        return NULL;
    add_relaxed(&pool->references, 1);
    pti_wake_change(pool, 1, 0, 0, 0);
    if (pti_pool_is_closing(pool)) {
        leave(member, pti_worker_self);
        return NULL;
    }
    member->floor = (uintptr_t)__builtin_frame_address(0) - OTHERS_STACK / 2;
    member->before = pti_worker_self;
    member->inside = true;
    pti_fork_prepare(member);
    pti_worker_self = &member->forks;
    return member;
}

void pti_guest_leave(pti_member *member)
{
    pti_fork_join_all(member);
    leave(member, member->before);
}

pt_status pt_pool_run(pt_pool *pool, void (*function)(void *arg), void *arg)
{
    if (pool == NULL || function == NULL)
        return PT_ERR_INVALID;
    pti_member *member = pti_member_self();
    if (member != NULL && member->pool == pool) {
        function(arg);
        return PT_OK;
    }
    if (!pti_port_may_block())
        return PT_ERR_NOBLOCK;
    member = pti_guest_enter(pool);
    if (member == NULL)
        return pti_pool_was_left(pool) || pti_pool_is_closing(pool) ? PT_ERR_CLOSED : PT_ERR_NOMEM;
    function(arg);
    pti_guest_leave(member);
    return PT_OK;
}
