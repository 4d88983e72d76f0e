/* test_recursive.c: the holder may lock again, nobody else may, and it is free after as many unlocks. */
#include "support.h"

#include "atomic.h"

static void assert_free(const pt_recursive_mutex *mutex)
{
    assert_int_equal(mutex->mutex.word, 0);
    assert_int_equal(mutex->depth, 0);
    assert_int_equal(mutex->owner, 0);
    assert_int_equal(parked(&mutex->mutex), 0);
}

static void test_it_is_free_after_as_many_unlocks(void **state)
{
    (void)state;
    pt_recursive_mutex mutex = PT_RECURSIVE_MUTEX_INIT;
    assert_false(pt_recursive_mutex_is_mine(&mutex));
    for (int i = 0; i < 30; i += 3) {
        assert_int_equal(pt_recursive_mutex_lock(&mutex), PT_OK);
        assert_int_equal(pt_recursive_mutex_try_lock(&mutex), PT_OK);
        assert_int_equal(pt_recursive_mutex_lock_until(&mutex, pt_at(INT64_MIN)), PT_OK);
    }
    for (int i = 0; i < 30; i++) {
        assert_true(pt_recursive_mutex_is_mine(&mutex));
        assert_int_equal(pt_recursive_mutex_unlock(&mutex), PT_OK);
    }
    assert_false(pt_recursive_mutex_is_mine(&mutex));
    assert_int_equal(pt_recursive_mutex_unlock(&mutex), PT_ERR_INVALID);
    assert_free(&mutex);
}

static void test_too_many_locks_are_refused(void **state)
{
    (void)state;
    pt_recursive_mutex mutex = PT_RECURSIVE_MUTEX_INIT;
    assert_int_equal(pt_recursive_mutex_lock(&mutex), PT_OK);
    mutex.depth = UINT32_MAX - 1;
    assert_int_equal(pt_recursive_mutex_lock(&mutex), PT_OK);
    assert_int_equal(pt_recursive_mutex_lock(&mutex), PT_ERR_OVERFLOW);
    assert_int_equal(pt_recursive_mutex_try_lock(&mutex), PT_ERR_OVERFLOW);
    assert_int_equal(pt_recursive_mutex_lock_until(&mutex, pt_after_ms(1)), PT_ERR_OVERFLOW);
    assert_int_equal(mutex.depth, UINT32_MAX);
    mutex.depth = 1;
    assert_int_equal(pt_recursive_mutex_unlock(&mutex), PT_OK);
    assert_free(&mutex);
}

/* ---- Others -------------------------------------------------------------------------------- */

static void be_refused(struct member *member)
{
    pt_recursive_mutex *mutex = member->shared;
    pt_cancel *token;
    check(!pt_recursive_mutex_is_mine(mutex));
    check(pt_recursive_mutex_unlock(mutex) == PT_ERR_INVALID);
    check(pt_recursive_mutex_try_lock(mutex) == PT_ERR_BUSY);
    pt_until until = pt_after_ms(3);
    check(pt_recursive_mutex_lock_until(mutex, until) == PT_ERR_TIMEOUT);
    check(pt_now() >= until.deadline);
    check(pt_cancel_create(&token, PT_FOREVER) == PT_OK);
    pt_cancel_request(token, NULL);
    check(pt_recursive_mutex_lock_until(mutex, pt_cancelled_by(token)) == PT_ERR_CANCELLED);
    pt_cancel_release(token);
    check(!pt_recursive_mutex_is_mine(mutex));
}

static void test_others_are_refused(void **state)
{
    (void)state;
    pt_recursive_mutex mutex = PT_RECURSIVE_MUTEX_INIT;
    for (uint32_t depth = 1; depth <= 3; depth++) {
        assert_int_equal(pt_recursive_mutex_lock(&mutex), PT_OK);
        crew_run(3, be_refused, &mutex);
        assert_int_equal(mutex.depth, depth);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(pt_recursive_mutex_unlock(&mutex), PT_OK);
    assert_free(&mutex);
}

struct wait {
    pt_recursive_mutex mutex;
    pt_cancel *token;
};

static void wait_or_be_cancelled(struct member *member)
{
    struct wait *wait = member->shared;
    if (member->index == 0) {
        check(pt_recursive_mutex_lock(&wait->mutex) == PT_OK);
        check(pt_recursive_mutex_unlock(&wait->mutex) == PT_OK);
        return;
    }
    check(pt_recursive_mutex_lock_until(&wait->mutex, pt_cancelled_by(wait->token)) == PT_ERR_CANCELLED);
    check(pt_recursive_mutex_unlock(&wait->mutex) == PT_ERR_INVALID);
}

static void test_a_waiter_gets_it_or_gives_up(void **state)
{
    (void)state;
    struct wait wait = {.mutex = PT_RECURSIVE_MUTEX_INIT};
    assert_int_equal(pt_cancel_create(&wait.token, PT_FOREVER), PT_OK);
    assert_int_equal(pt_recursive_mutex_lock(&wait.mutex), PT_OK);
    assert_int_equal(pt_recursive_mutex_lock(&wait.mutex), PT_OK);
    struct crew *crew = crew_start(2, wait_or_be_cancelled, &wait);
    wait_until_parked(&wait.mutex.mutex, 2);
    pt_cancel_request(wait.token, NULL);
    wait_until_parked(&wait.mutex.mutex, 1);
    assert_int_equal(pt_recursive_mutex_unlock(&wait.mutex), PT_OK);
    assert_int_equal(parked(&wait.mutex.mutex), 1); /* still held once */
    assert_int_equal(pt_recursive_mutex_unlock(&wait.mutex), PT_OK);
    crew_join(crew);
    pt_cancel_release(wait.token);
    assert_free(&wait.mutex);
}

/* ---- One at a time ------------------------------------------------------------------------- */

struct shop {
    pt_recursive_mutex mutex;
    int visits; /* under mutex */
    int inside; /* under mutex: how deep its holder is */
    uint32_t done;
    int each;
};

static pt_status enter(struct member *member, struct shop *shop)
{
    pt_until until = pt_after((pt_time)(test_random(&member->stream) % 100) * PT_MICROSECOND);
    switch (test_random(&member->stream) % 4) {
    case 0: return pt_recursive_mutex_try_lock(&shop->mutex);
    case 1: return pt_recursive_mutex_lock_until(&shop->mutex, until);
    default: return pt_recursive_mutex_lock(&shop->mutex);
    }
}

static void visit(struct member *member, struct shop *shop, int depth)
{
    pt_status status = enter(member, shop);
    if (status != PT_OK) {
        check(depth == 0 && (status == PT_ERR_BUSY || status == PT_ERR_TIMEOUT));
        return;
    }
    check(shop->inside++ == depth);
    check(pt_recursive_mutex_is_mine(&shop->mutex));
    if (test_random(&member->stream) % 64 == 0)
        test_delay(&member->stream);
    if (test_random(&member->stream) % 2 == 0)
        visit(member, shop, depth + 1);
    shop->visits++;
    add_relaxed(&shop->done, 1);
    check(--shop->inside == depth);
    check(pt_recursive_mutex_unlock(&shop->mutex) == PT_OK);
    check(pt_recursive_mutex_is_mine(&shop->mutex) == (depth > 0));
}

static void visit_often(struct member *member)
{
    struct shop *shop = member->shared;
    for (int i = 0; i < shop->each; i++)
        visit(member, shop, 0);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    for (int members = 1; members <= 8; members *= 2) {
        struct shop shop = {.mutex = PT_RECURSIVE_MUTEX_INIT, .each = test_scale(40000) / members};
        crew_run(members, visit_often, &shop);
        assert_int_equal(shop.visits, shop.done);
        assert_free(&shop.mutex);
    }
}

/* ---- On a page's main thread ---------------------------------------------------------------- */

struct page_visit {
    pt_recursive_mutex held, own; /* held by another thread; free */
    const char *failed;
};

#define expect(condition) (page->failed = page->failed == NULL && !(condition) ? #condition : page->failed)

static void try_to_wait(void *arg)
{
    struct page_visit *page = arg;
    expect(pt_recursive_mutex_lock(&page->held) == PT_ERR_NOBLOCK);
    expect(pt_recursive_mutex_lock_until(&page->held, pt_after_ms(1)) == PT_ERR_NOBLOCK);
    expect(pt_recursive_mutex_try_lock(&page->held) == PT_ERR_BUSY);
    expect(pt_recursive_mutex_unlock(&page->held) == PT_ERR_INVALID);
    expect(pt_recursive_mutex_lock(&page->own) == PT_OK);
    expect(pt_recursive_mutex_lock(&page->own) == PT_OK);
    expect(pt_recursive_mutex_unlock(&page->own) == PT_OK);
    expect(pt_recursive_mutex_is_mine(&page->own));
    expect(pt_recursive_mutex_unlock(&page->own) == PT_OK);
}

static void test_a_page_does_not_wait(void **state)
{
    (void)state;
    struct page_visit page = {.failed = NULL};
    assert_int_equal(pt_recursive_mutex_lock(&page.held), PT_OK);
    bool has_page = test_on_page_thread(try_to_wait, &page);
    assert_int_equal(page.held.depth, 1);
    assert_int_equal(pt_recursive_mutex_unlock(&page.held), PT_OK);
    assert_free(&page.held);
    assert_free(&page.own);
    if (page.failed != NULL)
        fail_msg("on the page's thread: %s", page.failed);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
}

TEST_MAIN("recursive", TEST(test_it_is_free_after_as_many_unlocks), TEST(test_too_many_locks_are_refused),
          TEST(test_others_are_refused), TEST(test_a_waiter_gets_it_or_gives_up), TEST(test_one_at_a_time),
          TEST(test_a_page_does_not_wait))
