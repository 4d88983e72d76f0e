/* test_mutex.c: the mutex excludes, loses nobody, starves nobody, and leaves no trace. */
#include <stdlib.h>

#include "support.h"

#include "atomic.h"

struct shop {
    pt_mutex mutex;
    int inside;    /* under mutex: how many threads are; never more than one */
    int visits;    /* under mutex */
    uint32_t done; /* atomic: visits by the members' account */
    int each;
};

static void visit(struct member *member, struct shop *shop)
{
    check(++shop->inside == 1);
    shop->visits++;
    if (test_random(&member->stream) % 64 == 0)
        test_delay(&member->stream);
    check(--shop->inside == 0);
    pt_mutex_unlock(&shop->mutex);
    add_relaxed(&shop->done, 1);
}

static void assert_untouched(const struct shop *shop)
{
    assert_int_equal(shop->visits, shop->done);
    assert_int_equal(shop->mutex.word, 0); /* nobody left a trace in it */
    assert_int_equal(parked(&shop->mutex), 0);
}

static void lock_plainly(struct member *member)
{
    struct shop *shop = member->shared;
    for (int i = 0; i < shop->each; i++) {
        check(pt_mutex_lock(&shop->mutex) == PT_OK);
        visit(member, shop);
    }
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    for (int members = 1; members <= 16; members *= 2) {
        struct shop shop = {.mutex = PT_MUTEX_INIT, .each = test_scale(80000) / members};
        crew_run(members, lock_plainly, &shop);
        assert_int_equal(shop.visits, shop.each * members);
        assert_untouched(&shop);
    }
}

/* Every form at once: plain, try, and with deadlines that pass now and then. */
static void lock_somehow(struct member *member)
{
    struct shop *shop = member->shared;
    for (int i = 0; i < shop->each; i++) {
        pt_time patience = (pt_time)(test_random(&member->stream) % 100) * PT_MICROSECOND;
        pt_until until = pt_after(patience);
        switch (test_random(&member->stream) % 4) {
        case 0:
            check(pt_mutex_lock(&shop->mutex) == PT_OK);
            visit(member, shop);
            break;
        case 1:
            if (pt_mutex_try_lock(&shop->mutex) == PT_OK)
                visit(member, shop);
            break;
        default: {
            pt_status status = pt_mutex_lock_until(&shop->mutex, until);
            check(status == PT_OK || (status == PT_ERR_TIMEOUT && pt_now() >= until.deadline));
            if (status == PT_OK)
                visit(member, shop);
        }
        }
    }
}

static void test_all_forms_together(void **state)
{
    (void)state;
    struct shop shop = {.mutex = PT_MUTEX_INIT, .each = test_scale(10000)};
    crew_run(8, lock_somehow, &shop);
    assert_untouched(&shop);
}

static void test_try_never_waits(void **state)
{
    (void)state;
    pt_mutex mutex = PT_MUTEX_INIT;
    assert_int_equal(pt_mutex_try_lock(&mutex), PT_OK);
    assert_int_equal(pt_mutex_try_lock(&mutex), PT_ERR_BUSY);
    assert_int_equal(pt_mutex_lock_until(&mutex, pt_after(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_mutex_lock_until(&mutex, pt_at(INT64_MIN)), PT_ERR_TIMEOUT);
    pt_until until = pt_after_ms(5);
    assert_int_equal(pt_mutex_lock_until(&mutex, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    pt_mutex_unlock(&mutex);
    assert_int_equal(mutex.word, 0);
    assert_int_equal(pt_mutex_lock_until(&mutex, pt_at(INT64_MIN)), PT_OK); /* free: no need to wait */
    pt_mutex_unlock(&mutex);
}

/* Greedy threads take the lock again the moment they have let it go; a thread that asks politely must still
   get it, again and again. */
struct contest {
    pt_mutex mutex;
    uint32_t over;
    int turns;
};

static void compete(struct member *member)
{
    struct contest *contest = member->shared;
    if (member->index > 0) {
        while (load_relaxed(&contest->over) == 0) {
            pt_mutex_lock(&contest->mutex);
            pt_mutex_unlock(&contest->mutex);
        }
        return;
    }
    for (int i = 0; i < contest->turns; i++) {
        pt_mutex_lock(&contest->mutex);
        pt_mutex_unlock(&contest->mutex);
        test_delay(&member->stream);
    }
    store_relaxed(&contest->over, 1);
}

static void test_nobody_starves(void **state)
{
    (void)state;
    struct contest contest = {.mutex = PT_MUTEX_INIT, .turns = test_scale(300)};
    crew_run(8, compete, &contest);
}

/* A holder that stays inside for longer than anybody's patience. */
static void stay_long(struct member *member)
{
    struct shop *shop = member->shared;
    for (int i = 0; i < shop->each; i++) {
        check(pt_mutex_lock(&shop->mutex) == PT_OK);
        check(++shop->inside == 1);
        pt_sleep(test_random(&member->stream) % 3 * PT_MILLISECOND);
        shop->visits++;
        check(--shop->inside == 0);
        pt_mutex_unlock(&shop->mutex);
        add_relaxed(&shop->done, 1);
    }
}

static void test_the_lock_is_handed_over(void **state)
{
    (void)state;
    struct shop shop = {.mutex = PT_MUTEX_INIT, .each = test_scale(30)};
    crew_run(6, stay_long, &shop);
    assert_untouched(&shop);
}

/* Whoever finds itself the last user frees the mutex, while the one before may still be in unlock. */
struct parcel {
    pt_mutex mutex;
    int users; /* under mutex */
};

static void use_and_free(struct member *member)
{
    struct parcel **parcels = member->shared;
    for (int i = 0; i < test_scale(3000); i++) {
        struct parcel *parcel = parcels[i];
        pt_mutex_lock(&parcel->mutex);
        bool last = --parcel->users == 0;
        pt_mutex_unlock(&parcel->mutex);
        if (last)
            free(parcel);
    }
}

static void test_the_last_user_may_free_it(void **state)
{
    (void)state;
    static struct parcel *parcels[3000];
    for (int i = 0; i < test_scale(3000); i++) {
        parcels[i] = calloc(1, sizeof *parcels[i]); /* all zeroes is a valid mutex */
        assert_non_null(parcels[i]);
        parcels[i]->users = 4;
    }
    crew_run(4, use_and_free, parcels);
}

TEST_MAIN("mutex", TEST(test_one_at_a_time), TEST(test_all_forms_together), TEST(test_try_never_waits),
          TEST(test_nobody_starves), TEST(test_the_lock_is_handed_over), TEST(test_the_last_user_may_free_it))
