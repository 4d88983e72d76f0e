/* test_base.c: pt_base.h: statuses, time and deadlines, the allocator hook. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

static void test_every_status_has_its_own_text(void **state)
{
    (void)state;
    for (int a = PT_OK; a >= PT_ERR_FAILED; a--) {
        assert_non_null(pt_strerror((pt_status)a));
        assert_true(strlen(pt_strerror((pt_status)a)) > 0);
        for (int b = PT_OK; b > a; b--)
            assert_true(strcmp(pt_strerror((pt_status)a), pt_strerror((pt_status)b)) != 0);
    }
    assert_string_equal(pt_strerror((pt_status)12345), "unknown status");
}

static void test_version_is_the_headers(void **state)
{
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", PT_VERSION_MAJOR, PT_VERSION_MINOR, PT_VERSION_PATCH);
    assert_string_equal(pt_version(), text);
}

/* The latest moment that any thread has seen; no thread may then see an earlier one. */
static void watch_clock(struct member *member)
{
    pt_time *latest = member->shared;
    for (int i = test_scale(20000); i > 0; i--) {
        pt_time seen = __atomic_load_n(latest, __ATOMIC_ACQUIRE), now = pt_now();
        check(now >= seen);
        while (seen < now &&
               !__atomic_compare_exchange_n(latest, &seen, now, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        }
    }
}

static void test_clock_never_runs_backwards_between_threads(void **state)
{
    (void)state;
    pt_time latest = 0;
    crew_run(4, watch_clock, &latest);
}

static void test_deadlines_saturate(void **state)
{
    (void)state;
    assert_true(pt_after(PT_TIME_NEVER).deadline == PT_TIME_NEVER);
    assert_true(pt_after(PT_TIME_NEVER - 1).deadline == PT_TIME_NEVER);
    assert_true(pt_after_ms(INT64_MAX).deadline == PT_TIME_NEVER);
    assert_true(pt_after_ms(INT64_MIN).deadline <= pt_now());
    assert_true(pt_after(INT64_MIN).deadline <= pt_now());
    assert_true(pt_after(0).deadline <= pt_now());
    assert_true(PT_FOREVER.deadline == PT_TIME_NEVER);
    pt_time before = pt_now();
    assert_true(pt_after_ms(50).deadline >= before + 50 * PT_MILLISECOND);
}

/* ---- The allocator hook -------------------------------------------------------------------- */

static void *allocate(size_t size, void *context)
{
    (void)context;
    return malloc(size);
}

static void deallocate(void *block, void *context)
{
    (void)context;
    free(block);
}

/* What the hook is for is in test_memory.c. */
static void test_half_an_allocator_is_refused(void **state)
{
    (void)state;
    const pt_allocator half = {allocate, NULL, NULL}, other_half = {NULL, deallocate, NULL};
    assert_int_equal(pt_set_allocator(&half), PT_ERR_INVALID);
    assert_int_equal(pt_set_allocator(&other_half), PT_ERR_INVALID);
}

TEST_MAIN("base", TEST(test_every_status_has_its_own_text), TEST(test_version_is_the_headers),
          TEST(test_clock_never_runs_backwards_between_threads), TEST(test_deadlines_saturate),
          TEST(test_half_an_allocator_is_refused))
