/* test_slab.c: records are kept for reuse, by one thread at a time, within bounds, and all go back. */
#include "counting.h"
#include "support.h"

#include "atomic.h"
#include "slab.h"

struct record {
    uint64_t owner, mark;
    void *more;
};

static pti_slab slab = PTI_SLAB_INIT(PTI_SLAB_TEST, struct record);

enum { MOST_KEPT = PTI_SLAB_ROUNDS * (PTI_SLAB_MAGAZINES + 2) };

static void give_many(struct record **records, int count)
{
    for (int i = 0; i < count; i++)
        pti_slab_give(&slab, records[i]);
}

/* All different: each is marked, and the marks are looked at afterwards. */
static void take_many(struct record **records, int count)
{
    for (int i = 0; i < count; i++) {
        records[i] = pti_slab_take(&slab);
        assert_non_null(records[i]);
        *records[i] = (struct record){.owner = 1, .mark = (uint64_t)i};
    }
    for (int i = 0; i < count; i++)
        assert_true(records[i]->mark == (uint64_t)i);
}

/* ---- One thread ------------------------------------------------------------------------------------ */

static void test_what_was_given_is_taken_again(void **state)
{
    (void)state;
    struct record *records[4 * PTI_SLAB_ROUNDS];
    enum { COUNT = sizeof records / sizeof records[0] };
    assert_non_null(pt_thread_current());
    count_blocks();
    take_many(records, COUNT);
    assert_int_equal(load_relaxed(&blocks), COUNT);
    give_many(records, COUNT);
    assert_int_equal(load_relaxed(&blocks), COUNT);
    fail_allocation(1);
    for (int i = 0; i < 3; i++) {
        take_many(records, COUNT);
        give_many(records, COUNT);
    }
    take_many(records, COUNT);
    assert_null(pti_slab_take(&slab)); /* no more are kept, and there is no memory */
    fail_allocation(0);
    give_many(records, COUNT);
    pt_memory_trim();
    assert_int_equal(load_relaxed(&blocks), 0);
    stop_counting();
}

static void test_no_more_is_kept_than_said(void **state)
{
    (void)state;
    int count = MOST_KEPT + 5 * PTI_SLAB_ROUNDS;
    struct record **records = malloc((size_t)count * sizeof(struct record *));
    assert_non_null(records);
    count_blocks();
    for (int i = 0; i < 2; i++) {
        take_many(records, count);
        give_many(records, count);
        assert_true(load_relaxed(&blocks) <= MOST_KEPT);
    }
    stop_counting();
    free(records);
}

/* ---- Several --------------------------------------------------------------------------------------- */

static void *take_and_keep(void *arg)
{
    struct record **records = arg;
    for (int i = 0; i < PTI_SLAB_ROUNDS / 2; i++)
        records[i] = pti_slab_take(&slab);
    for (int i = 0; i < PTI_SLAB_ROUNDS / 2; i++)
        pti_slab_give(&slab, records[i]);
    return NULL;
}

static void test_a_thread_that_ends_leaves_its_own_to_others(void **state)
{
    (void)state;
    struct record *records[PTI_SLAB_ROUNDS / 2];
    pt_thread *thread;
    assert_non_null(pt_thread_current());
    count_blocks();
    assert_int_equal(pt_thread_spawn(&thread, NULL, take_and_keep, records), PT_OK);
    assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
    pt_thread_release(thread);
    fail_allocation(1);
    take_many(records, PTI_SLAB_ROUNDS / 2);
    fail_allocation(0);
    give_many(records, PTI_SLAB_ROUNDS / 2);
    stop_counting_threads();
}

enum { SHARED = 8 };
static struct record *shared[SHARED]; /* atomic: each is the one's who swaps it out */

/* Puts its record where another may find it, and gives back the one that lay there. */
static void pass_on(struct member *member)
{
    for (int i = 0; i < test_scale(2000); i++) {
        struct record *record = pti_slab_take(&slab);
        check(record != NULL);
        *record = (struct record){.owner = (uint64_t)member->index, .more = record};
        test_delay(&member->stream);
        check(record->owner == (uint64_t)member->index && record->more == record); /* nobody else has it */
        record = swap_acq_rel(&shared[test_random(&member->stream) % SHARED], record);
        check(record == NULL || record->more == record);
        if (record != NULL)
            pti_slab_give(&slab, record);
    }
}

static void test_records_travel_between_threads(void **state)
{
    (void)state;
    count_blocks();
    crew_run(4, pass_on, NULL);
    for (int i = 0; i < SHARED; i++) {
        if (shared[i] != NULL)
            pti_slab_give(&slab, shared[i]);
        shared[i] = NULL;
    }
    stop_counting_threads();
}

TEST_MAIN("slab", TEST(test_what_was_given_is_taken_again), TEST(test_no_more_is_kept_than_said),
          TEST(test_a_thread_that_ends_leaves_its_own_to_others), TEST(test_records_travel_between_threads))
