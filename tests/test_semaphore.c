/* test_semaphore.c: permits are neither lost nor made, and are handed out in order. */
#include "support.h"

#include "atomic.h"

static void test_it_counts(void **state)
{
    (void)state;
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(2);
    assert_int_equal(pt_semaphore_value(&semaphore), 2);
    assert_int_equal(pt_semaphore_try_wait(&semaphore), PT_OK);
    assert_int_equal(pt_semaphore_wait(&semaphore), PT_OK);
    assert_int_equal(pt_semaphore_try_wait(&semaphore), PT_ERR_BUSY);
    pt_until until = pt_after_ms(3);
    assert_int_equal(pt_semaphore_wait_until(&semaphore, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(semaphore.word, 0);
    assert_int_equal(pt_semaphore_post(&semaphore, 0), PT_OK);
    assert_int_equal(pt_semaphore_value(&semaphore), 0);
    assert_int_equal(pt_semaphore_post(&semaphore, 3), PT_OK);
    assert_int_equal(pt_semaphore_value(&semaphore), 3);
    assert_int_equal(pt_semaphore_wait_until(&semaphore, pt_at(0)), PT_OK); /* there: no need to wait */
}

static void test_too_many_permits_are_refused(void **state)
{
    (void)state;
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(PT_SEMAPHORE_MAX);
    assert_int_equal(pt_semaphore_value(&semaphore), PT_SEMAPHORE_MAX);
    assert_int_equal(pt_semaphore_post(&semaphore, 1), PT_ERR_OVERFLOW);
    assert_int_equal(pt_semaphore_post(&semaphore, UINT32_MAX), PT_ERR_OVERFLOW);
    assert_int_equal(pt_semaphore_value(&semaphore), PT_SEMAPHORE_MAX);
    assert_int_equal(pt_semaphore_wait(&semaphore), PT_OK);
    assert_int_equal(pt_semaphore_post(&semaphore, 1), PT_OK);
    pt_semaphore empty = PT_SEMAPHORE_INIT(0);
    assert_int_equal(pt_semaphore_post(&empty, PT_SEMAPHORE_MAX), PT_OK);
    assert_int_equal(pt_semaphore_post(&empty, UINT32_MAX), PT_ERR_OVERFLOW);
    assert_int_equal(pt_semaphore_value(&empty), PT_SEMAPHORE_MAX);
}

/* ---- Order --------------------------------------------------------------------------------- */

struct line {
    pt_semaphore semaphore;
    int order[8];
    uint32_t served;
};

static void queue_up(struct member *member)
{
    struct line *line = member->shared;
    wait_until_parked(&line->semaphore, (size_t)member->index);
    check(pt_semaphore_wait(&line->semaphore) == PT_OK);
    line->order[add_relaxed(&line->served, 1)] = member->index;
}

static void test_the_longest_waiting_is_served_first(void **state)
{
    (void)state;
    struct line line = {.semaphore = PT_SEMAPHORE_INIT(0)};
    struct crew *crew = crew_start(6, queue_up, &line);
    wait_until_parked(&line.semaphore, 6);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pt_semaphore_post(&line.semaphore, 1), PT_OK);
        assert_int_equal(pt_semaphore_try_wait(&line.semaphore), PT_ERR_BUSY); /* it went to who waits */
        while (load_acquire(&line.served) != i + 1)
            pt_thread_yield();
    }
    assert_int_equal(pt_semaphore_post(&line.semaphore, 5), PT_OK); /* two for who waits, three in stock */
    assert_int_equal(pt_semaphore_value(&line.semaphore), 3);
    crew_join(crew);
    for (int i = 0; i < 4; i++)
        assert_int_equal(line.order[i], i);
    assert_int_equal(pt_semaphore_value(&line.semaphore), 3);
}

/* ---- Permits are conserved ------------------------------------------------------------------ */

struct pool {
    pt_semaphore semaphore;
    uint32_t users, most_users; /* who holds a permit now; the most at once */
    uint32_t stock;             /* constant */
    int each;
};

static void use(struct member *member)
{
    struct pool *pool = member->shared;
    for (int i = 0; i < pool->each; i++) {
        pt_status status;
        pt_until until = pt_after(test_random(&member->stream) % 60 * PT_MICROSECOND);
        switch (test_random(&member->stream) % 3) {
        case 0: status = pt_semaphore_wait(&pool->semaphore); break;
        case 1: status = pt_semaphore_wait_until(&pool->semaphore, until); break;
        default: status = pt_semaphore_try_wait(&pool->semaphore); break;
        }
        if (status != PT_OK) {
            check(status == PT_ERR_TIMEOUT || status == PT_ERR_BUSY);
            continue;
        }
        check(add_relaxed(&pool->users, 1) < pool->stock);
        if (test_random(&member->stream) % 16 == 0)
            test_delay(&member->stream);
        sub_acq_rel(&pool->users, 1);
        check(pt_semaphore_post(&pool->semaphore, 1) == PT_OK);
    }
}

static void test_permits_are_conserved(void **state)
{
    (void)state;
    for (uint32_t stock = 1; stock <= 3; stock++) {
        struct pool pool = {.semaphore = PT_SEMAPHORE_INIT(stock), .stock = stock, .each = test_scale(8000)};
        crew_run(6, use, &pool);
        assert_int_equal(pt_semaphore_value(&pool.semaphore), stock);
        assert_int_equal(pool.semaphore.word & 1u, 0);
        assert_int_equal(parked(NULL), 0);
    }
}

/* ---- Posting several at once ---------------------------------------------------------------- */

struct delivery {
    pt_semaphore semaphore;
    uint32_t taken, posted;
    uint32_t in_all;
};

static void take_or_post(struct member *member)
{
    struct delivery *delivery = member->shared;
    if (member->index > 0) {
        for (uint32_t i = 0; i < delivery->in_all / 4; i++) {
            check(pt_semaphore_wait(&delivery->semaphore) == PT_OK);
            add_relaxed(&delivery->taken, 1);
        }
        return;
    }
    for (uint32_t left = delivery->in_all; left > 0;) {
        uint32_t n = test_random(&member->stream) % 7;
        if (n > left)
            n = left;
        check(pt_semaphore_post(&delivery->semaphore, n) == PT_OK);
        left -= n;
        test_delay(&member->stream);
    }
}

static void test_batches_arrive_whole(void **state)
{
    (void)state;
    struct delivery delivery = {.semaphore = PT_SEMAPHORE_INIT(0), .in_all = 4 * (uint32_t)test_scale(10000)};
    crew_run(5, take_or_post, &delivery);
    assert_int_equal(delivery.taken, delivery.in_all);
    assert_int_equal(pt_semaphore_value(&delivery.semaphore), 0);
}

/* ---- One permit makes a lock ----------------------------------------------------------------------- */

struct guarded {
    pt_semaphore semaphore;
    int each;
    long count; /* plain: what one wrote before it posted, the next must see */
};

static void count_up(struct member *member)
{
    struct guarded *guarded = member->shared;
    for (int i = 0; i < guarded->each; i++) {
        check(pt_semaphore_wait(&guarded->semaphore) == PT_OK);
        guarded->count++;
        check(pt_semaphore_post(&guarded->semaphore, 1) == PT_OK);
    }
}

static void test_one_permit_makes_a_lock(void **state)
{
    (void)state;
    struct guarded guarded = {.semaphore = PT_SEMAPHORE_INIT(1), .each = test_scale(50000)};
    crew_run(4, count_up, &guarded);
    assert_int_equal(guarded.count, 4L * guarded.each);
}

/* ---- A post whose semaphore is gone --------------------------------------------------------------- */

static void lock_it(struct member *member)
{
    check(pt_mutex_lock(member->shared) == PT_OK);
    pt_mutex_unlock(member->shared);
}

/* Once a permit is there, others may take it and free the semaphore before the call is through, and have a mutex
   there. */
static void test_a_late_post_wakes_nobody_else(void **state)
{
    (void)state;
    union {
        pt_semaphore semaphore;
        pt_mutex mutex;
    } place = {.mutex = PT_MUTEX_INIT};
    pt_mutex_lock(&place.mutex);
    struct crew *crew = crew_start(3, lock_it, &place.mutex);
    wait_until_parked(&place, 3);
    uint32_t before = place.mutex.word;
    assert_int_equal(before & 3u, 3); /* as a semaphore: a permit, and somebody waits */
    assert_int_equal(pt_semaphore_post(&place.semaphore, 0), PT_OK);
    assert_int_equal(place.mutex.word, before);
    assert_int_equal(parked(&place), 3);
    pt_mutex_unlock(&place.mutex);
    crew_join(crew);
}

TEST_MAIN("semaphore", TEST(test_it_counts), TEST(test_too_many_permits_are_refused),
          TEST(test_the_longest_waiting_is_served_first), TEST(test_permits_are_conserved),
          TEST(test_batches_arrive_whole), TEST(test_one_permit_makes_a_lock),
          TEST(test_a_late_post_wakes_nobody_else))
