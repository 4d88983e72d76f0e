/* test_crowd.c: as many threads as the target is good for, all at the same objects, by every form of waiting at once: 1,000
   natively, 64 on WASI, 32 in a browser. Far more than there are processors. */
#include <stdlib.h>

#include "support.h"

#include "atomic.h"

struct square {
    pt_mutex mutex;
    pt_recursive_mutex recursive;
    pt_rwlock rwlock;
    pt_cond cond;
    pt_semaphore permits; /* 3 of them */
    pt_event bell;        /* automatic: a lock of a kind */
    pt_barrier barrier;
    pt_latch latch;
    pt_cancel *token; /* cancelled now and then, under token_mutex, and made anew */
    pt_mutex token_mutex;
    int in_mutex, in_recursive, in_bell;   /* under each: how many are inside */
    uint32_t in_permits, readers, writers; /* atomic: the same */
    uint64_t visits;                       /* under mutex */
    uint32_t done, serials;                /* atomic */
    int rounds;
};

static uint32_t value_of(const uint32_t *word)
{
    return load_relaxed(word);
}

static pt_cancel *take_token(struct square *square)
{
    pt_mutex_lock(&square->token_mutex);
    pt_cancel *token = pt_cancel_retain(square->token);
    pt_mutex_unlock(&square->token_mutex);
    return token;
}

static void cancel_token(struct square *square)
{
    pt_cancel *fresh = NULL;
    if (pt_cancel_create(&fresh, PT_FOREVER) != PT_OK)
        return;
    pt_mutex_lock(&square->token_mutex);
    pt_cancel *old = square->token;
    square->token = fresh;
    pt_mutex_unlock(&square->token_mutex);
    pt_cancel_request(old, "next");
    pt_cancel_release(old);
}

/* For ever, up to a deadline, until cancelled, or both. */
static pt_until choose(struct member *member, pt_cancel *token)
{
    pt_until until = PT_FOREVER;
    if (test_random(&member->stream) % 2)
        until = pt_after(test_random(&member->stream) % 2000 * PT_MICROSECOND);
    if (test_random(&member->stream) % 2)
        until.cancel = token;
    return until;
}

static bool got(struct member *member, pt_status status, pt_until until)
{
    check(
        status == PT_OK || (status == PT_ERR_TIMEOUT && pt_now() >= until.deadline) ||
        (status == PT_ERR_CANCELLED && until.cancel != NULL && pt_cancel_status(until.cancel) == PT_ERR_CANCELLED));
    return status == PT_OK;
}

static void use_locks(struct member *member, struct square *square, pt_until until)
{
    if (got(member, pt_mutex_lock_until(&square->mutex, until), until)) {
        check(++square->in_mutex == 1);
        square->visits++;
        if (test_random(&member->stream) % 4 == 0)
            pt_cond_broadcast(&square->cond);
        else if (until.deadline != PT_TIME_NEVER) {
            square->in_mutex--;
            got(member, pt_cond_wait_until(&square->cond, &square->mutex, until), until);
            check(++square->in_mutex == 1);
        }
        square->in_mutex--;
        pt_mutex_unlock(&square->mutex);
    }
    if (got(member, pt_recursive_mutex_lock_until(&square->recursive, until), until)) {
        check(++square->in_recursive == 1);
        check(pt_recursive_mutex_lock(&square->recursive) == PT_OK);
        check(pt_recursive_mutex_unlock(&square->recursive) == PT_OK);
        square->in_recursive--;
        check(pt_recursive_mutex_unlock(&square->recursive) == PT_OK);
    }
}

static void read_or_write(struct member *member, struct square *square, pt_until until)
{
    if (test_random(&member->stream) % 4) {
        if (got(member, pt_rwlock_read_lock_until(&square->rwlock, until), until)) {
            add_relaxed(&square->readers, 1);
            check(value_of(&square->writers) == 0);
            sub_acq_rel(&square->readers, 1);
            pt_rwlock_read_unlock(&square->rwlock);
        }
    } else if (got(member, pt_rwlock_write_lock_until(&square->rwlock, until), until)) {
        check(add_relaxed(&square->writers, 1) == 0 && value_of(&square->readers) == 0);
        sub_acq_rel(&square->writers, 1);
        pt_rwlock_write_unlock(&square->rwlock);
    }
}

static void use_permits(struct member *member, struct square *square, pt_until until)
{
    if (got(member, pt_semaphore_wait_until(&square->permits, until), until)) {
        check(add_relaxed(&square->in_permits, 1) < 3);
        sub_acq_rel(&square->in_permits, 1);
        check(pt_semaphore_post(&square->permits, 1) == PT_OK);
    }
    if (got(member, pt_event_wait_until(&square->bell, until), until)) {
        check(++square->in_bell == 1);
        square->in_bell--;
        pt_event_set(&square->bell);
    }
}

static void mill_about(struct member *member)
{
    struct square *square = member->shared;
    bool serial;
    for (int round = 0; round < square->rounds; round++) {
        pt_cancel *token = take_token(square);
        use_locks(member, square, choose(member, token));
        read_or_write(member, square, choose(member, token));
        use_permits(member, square, choose(member, token));
        if (test_random(&member->stream) % 64 == 0)
            cancel_token(square);
        pt_cancel_release(token);

        check(pt_barrier_wait(&square->barrier, &serial) == PT_OK);
        if (serial)
            add_relaxed(&square->serials, 1);
    }
    add_relaxed(&square->done, 1);
    check(pt_latch_arrive_and_wait(&square->latch) == PT_OK);
    check(value_of(&square->done) == (uint32_t)square->barrier.parties);
}

static void test_everybody_at_everything(void **state)
{
    (void)state;
    const unsigned crowd = TEST_CROWD;
    struct square square = {.permits = PT_SEMAPHORE_INIT(3),
                            .bell = PT_EVENT_AUTO_INIT,
                            .barrier = PT_BARRIER_INIT(crowd),
                            .latch = PT_LATCH_INIT(crowd),
                            .rounds = test_scale(20) + 1};
    assert_int_equal(pt_cancel_create(&square.token, PT_FOREVER), PT_OK);
    pt_event_set(&square.bell);
    crew_run((int)crowd, mill_about, &square);
    assert_int_equal(square.serials, square.rounds);
    assert_int_equal(square.done, crowd);
    assert_int_equal(square.mutex.word, 0);
    assert_int_equal(square.recursive.mutex.word, 0);
    assert_int_equal(square.rwlock.word, 0);
    assert_int_equal(square.cond.word, 0);
    assert_int_equal(pt_semaphore_value(&square.permits), 3);
    assert_true(pt_event_is_set(&square.bell));
    assert_int_equal(parked(NULL), 0);
    pt_cancel_release(square.token);
}

/* Nobody is forgotten: while some lock all the time, each gets its turn again and again. */
struct race {
    pt_mutex mutex;
    pt_rwlock rwlock;
    uint32_t finished; /* atomic: members with enough turns */
    int each;
};

static void run_until_all_have_turned(struct member *member)
{
    struct race *race = member->shared;
    for (int turns = 0; value_of(&race->finished) < 16; turns++) {
        check(pt_mutex_lock(&race->mutex) == PT_OK);
        pt_mutex_unlock(&race->mutex);
        if (member->index % 4) {
            check(pt_rwlock_read_lock(&race->rwlock) == PT_OK);
            pt_rwlock_read_unlock(&race->rwlock);
        } else {
            check(pt_rwlock_write_lock(&race->rwlock) == PT_OK);
            pt_rwlock_write_unlock(&race->rwlock);
        }
        if (turns == race->each)
            add_relaxed(&race->finished, 1);
    }
}

static void test_nobody_starves(void **state)
{
    (void)state;
    struct race race = {.each = test_scale(200) + 10};
    crew_run(16, run_until_all_have_turned, &race);
    assert_int_equal(race.mutex.word, 0);
    assert_int_equal(race.rwlock.word, 0);
}

TEST_MAIN("crowd", TEST(test_everybody_at_everything), TEST(test_nobody_starves))
