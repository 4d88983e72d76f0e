/* test_loop.c: each index comes once; what fails first is reported, whoever was quicker; sums are those of one thread. */
#include "support.h"

#include <string.h>

#include "atomic.h"
#include "counting.h"

enum { MOST = 20000 };

static uint32_t visits[MOST];

static void end_default(void)
{
    assert_int_equal(pt_pool_shutdown(pt_pool_default(), PT_SHUTDOWN_DRAIN), PT_OK);
}

/* Call function(arg) in pools of one, two and four workers, and in the default pool. */
static void in_pools(void (*function)(void *arg), void *arg)
{
    for (unsigned size = 1; size <= 4; size *= 2) {
        pt_pool *pool;
        assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = size, .most = size}), PT_OK);
        assert_int_equal(pt_pool_run(pool, function, arg), PT_OK);
        assert_int_equal(pt_pool_destroy(pool), PT_OK);
    }
    function(arg);
    end_default();
}

/* ---- For each ---------------------------------------------------------------------------------------- */

struct job {
    uint64_t count, first; /* of the range */
    uint64_t fails_at;     /* every index from here on that is a multiple of 7 */
    pt_cancel *cancel;
    uint32_t wrong;
};

static void visit(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct job *job = arg;
    uint64_t stream = test_seed + begin;
    if (test_random(&stream) % 16 == 0)
        test_delay(&stream);
    if (begin >= end)
        add_relaxed(&job->wrong, 1);
    for (uint64_t i = begin; i < end; i++) {
        add_relaxed(&visits[i - job->first], 1);
        if (i >= job->fails_at && i % 7 == 0)
            pt_loop_fail(loop, i, (int)(i % 100), "a multiple of seven");
    }
}

static void check_visits(void *arg)
{
    struct job *job = arg;
    memset(visits, 0, sizeof visits);
    job->wrong += pt_parallel_for(job->first, job->first + job->count, visit, job, NULL) != PT_OK;
    for (uint64_t i = 0; i < MOST; i++)
        job->wrong += visits[i] != (i < job->count);
}

static void test_each_index_comes_once(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 2, 3, 63, 64, 65, 1000, MOST};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct job job = {counts[i], i % 2 == 0 ? 0 : (uint64_t)1 << 40, UINT64_MAX, NULL, 0};
        if (counts[i] == MOST)
            job.count = (uint64_t)test_scale(MOST);
        in_pools(check_visits, &job);
        assert_int_equal(job.wrong, 0);
    }
}

struct huge {
    uint64_t next, wrong; /* atomic: indices that came, as sums; empty parts */
};

static void add_range(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct huge *huge = arg;
    (void)loop;
    add_relaxed(&huge->next, end - begin);
    add_relaxed(&huge->wrong, end <= begin);
}

static void test_ranges_may_be_larger_than_memory(void **state)
{
    (void)state;
    static const uint64_t ends[] = {(UINT64_C(1) << 33) + 5, UINT64_MAX};
    for (int i = 0; i < 2; i++) {
        struct huge huge = {0, 0};
        assert_int_equal(pt_parallel_for(3, ends[i], add_range, &huge, NULL), PT_OK);
        assert_true(huge.next == ends[i] - 3);
        assert_true(huge.wrong == 0);
    }
    end_default();
}

static void check_failure(void *arg)
{
    struct job *job = arg;
    pt_loop_error error = {0, {0, ""}};
    memset(visits, 0, sizeof visits);
    pt_loop_config config = {.error = &error, .grain = 3};
    uint64_t fails_at = (job->fails_at + 6) / 7 * 7;
    pt_status status = pt_parallel_for(0, job->count, visit, job, &config);
    job->wrong += status != (fails_at < job->count ? PT_ERR_FAILED : PT_OK);
    if (status == PT_ERR_FAILED)
        job->wrong += error.index != fails_at || error.error.code != (int)(fails_at % 100) ||
                      strcmp(error.error.message, "a multiple of seven") != 0;
    for (uint64_t i = 0; i < job->count; i++)
        job->wrong += visits[i] > 1 || (visits[i] == 0 && i <= fails_at);
}

static void test_of_several_that_fail_the_lowest_is_reported(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(20) + 1; i++) {
        struct job job = {(uint64_t)test_scale(5000) + 100, 0, 0, NULL, 0};
        job.fails_at = test_random(&stream) % (job.count + 20);
        in_pools(check_failure, &job);
        assert_int_equal(job.wrong, 0);
    }
}

static void cancel_midway(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct job *job = arg;
    for (uint64_t i = begin; i < end; i++) {
        add_relaxed(&visits[i], 1);
        if (i == job->count / 2) {
            pt_cancel_request(job->cancel, NULL);
            add_relaxed(&job->wrong, pt_loop_wants(loop, i));
        }
    }
}

static void test_a_loop_can_be_cancelled(void **state)
{
    (void)state;
    struct job job = {(uint64_t)test_scale(MOST) + 200, 0, 0, NULL, 0};
    job.count = job.count < MOST ? job.count : MOST;
    assert_int_equal(pt_cancel_create(&job.cancel, PT_FOREVER), PT_OK);
    pt_loop_config config = {.cancel = job.cancel};
    memset(visits, 0, sizeof visits);
    pt_status status = pt_parallel_for(0, job.count, cancel_midway, &job, &config);
    uint32_t left_out = 0;
    for (uint64_t i = 0; i < job.count; i++) {
        assert_true(visits[i] <= 1);
        left_out += visits[i] == 0;
    }
    assert_int_equal(status, left_out > 0 ? PT_ERR_CANCELLED : PT_OK); /* the middle may be what came last */
    assert_int_equal(job.wrong, 0);
    memset(visits, 0, sizeof visits);
    assert_int_equal(pt_parallel_for(0, job.count, cancel_midway, &job, &config), PT_ERR_CANCELLED);
    assert_int_equal(visits[0], 0); /* cancelled before it began */
    assert_int_equal(pt_parallel_for(7, 7, cancel_midway, &job, &config), PT_OK);
    pt_cancel_release(job.cancel);
    end_default();
}

struct row {
    struct job *job;
    uint64_t row;
};

static void visit_cells(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct row *row = arg;
    (void)loop;
    for (uint64_t i = begin; i < end; i++)
        add_relaxed(&visits[row->row * row->job->count + i], 1);
}

static void visit_rows(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct job *job = arg;
    for (uint64_t i = begin; i < end; i++) {
        struct row row = {job, i};
        if (pt_parallel_for(0, job->count, visit_cells, &row, NULL) != PT_OK)
            pt_loop_fail(loop, i, 1, "the inner loop failed");
    }
}

static void nest_loops(void *arg)
{
    struct job *job = arg;
    memset(visits, 0, sizeof visits);
    job->wrong += pt_parallel_for(0, job->count, visit_rows, job, NULL) != PT_OK;
    for (uint64_t i = 0; i < job->count * job->count; i++)
        job->wrong += visits[i] != 1;
}

static void test_loops_may_be_nested(void **state)
{
    (void)state;
    struct job job = {test_scale(100) > 50 ? 100 : 10, 0, 0, NULL, 0};
    in_pools(nest_loops, &job);
    assert_int_equal(job.wrong, 0);
}

/* ---- Map and find -------------------------------------------------------------------------------------- */

static void square(const void *item, void *out, void *arg)
{
    uint32_t value = *(const uint32_t *)item;
    *(uint64_t *)out = (uint64_t)value * value + *(uint64_t *)arg;
}

static uint64_t find_marked(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    (void)loop;
    const uint32_t *marks = arg;
    while (begin < end && marks[begin] == 0)
        begin++;
    return begin;
}

struct search {
    uint64_t count;
    uint32_t wrong;
};

static void check_search(void *arg)
{
    struct search *search = arg;
    static uint64_t squares[MOST];
    uint64_t stream = test_seed, added = 5, first = search->count, found = 0;
    memset(visits, 0, sizeof visits);
    for (int i = 0; i < 3; i++) {
        uint64_t at = test_random(&stream) % (search->count + 1);
        if (at < search->count)
            visits[at] = 1;
        first = at < first ? at : first;
    }
    search->wrong +=
        pt_parallel_find(0, search->count, find_marked, visits, NULL, &found) != PT_OK || found != first;
    search->wrong += pt_parallel_find(0, first, find_marked, visits, NULL, &found) != PT_OK || found != first;
    for (uint64_t i = 0; i < search->count; i++)
        visits[i] = (uint32_t)i;
    search->wrong += pt_parallel_map(visits, sizeof visits[0], squares, sizeof squares[0], (size_t)search->count,
                                     square, &added, NULL) != PT_OK;
    for (uint64_t i = 0; i < search->count; i++)
        search->wrong += squares[i] != i * i + 5;
}

static void test_map_and_find(void **state)
{
    (void)state;
    for (uint64_t count = 1; count <= (uint64_t)test_scale(MOST); count = count * 5 + 1) {
        struct search search = {count, 0};
        in_pools(check_search, &search);
        assert_int_equal(search.wrong, 0);
    }
}

struct flawed {
    uint64_t count, found, fails; /* every index from `fails` on fails, if it is looked at */
    uint32_t wrong;
};

static uint64_t find_or_fail(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct flawed *flawed = arg;
    uint64_t stream = test_seed + begin;
    if (test_random(&stream) % 8 == 0)
        test_delay(&stream);
    for (; begin < end && begin != flawed->found; begin++) {
        if (begin >= flawed->fails)
            pt_loop_fail(loop, begin, 1, "flawed");
    }
    for (int i = 0; begin < end && i < 3; i++)
        test_delay(&stream); /* so that others fail meanwhile */
    return begin;
}

static void check_flawed(void *arg)
{
    struct flawed *flawed = arg;
    uint64_t found = UINT64_MAX;
    pt_loop_error error = {UINT64_MAX, {0, ""}};
    pt_loop_config config = {.error = &error};
    pt_status status = pt_parallel_find(0, flawed->count, find_or_fail, flawed, &config, &found);
    bool fails = flawed->fails < flawed->found && flawed->fails < flawed->count;
    uint64_t first = flawed->found < flawed->count ? flawed->found : flawed->count;
    flawed->wrong += status != (fails ? PT_ERR_FAILED : PT_OK);
    flawed->wrong += found != (fails ? UINT64_MAX : first);
    flawed->wrong += error.index != (fails ? flawed->fails : UINT64_MAX);
}

static void test_what_fails_beyond_what_is_found_does_not_count(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(100) + 1; i++) {
        struct flawed flawed = {.count = 1 + test_random(&stream) % 60};
        flawed.found = test_random(&stream) % (flawed.count + 10);
        flawed.fails = test_random(&stream) % (flawed.count + 10);
        in_pools(check_flawed, &flawed);
        assert_int_equal(flawed.wrong, 0);
    }
}

/* ---- Reduce and scan ------------------------------------------------------------------------------------ */

/* A sum that tells the order: of x and then y it is x * 3^(indices in y) + y. Large ones have more than fits on a stack. */
struct chain {
    uint64_t value, factor;
    char padding[PT_REDUCE_ROOM];
};

static void begin_chain(void *into, void *arg)
{
    struct chain *chain = into;
    (void)arg;
    chain->value = 0;
    chain->factor = 1;
}

static void fold_chain(pt_loop *loop, uint64_t begin, uint64_t end, void *into, void *arg)
{
    struct chain *chain = into;
    uint64_t stream = test_seed + begin;
    (void)loop, (void)arg;
    if (test_random(&stream) % 8 == 0)
        test_delay(&stream);
    for (uint64_t i = begin; i < end; i++) {
        chain->value = chain->value * 3 + i;
        chain->factor *= 3;
    }
}

static void combine_chains(void *into, const void *right, void *arg)
{
    struct chain *chain = into;
    const struct chain *other = right;
    (void)arg;
    chain->value = chain->value * other->factor + other->value;
    chain->factor *= other->factor;
}

static uint64_t scanned[MOST];

static void write_chain(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg)
{
    struct chain *chain = sum;
    uint64_t stream = test_seed + begin;
    (void)loop, (void)arg;
    if (test_random(&stream) % 4 == 0)
        test_delay(&stream); /* others come, and fold what is beyond */
    for (uint64_t i = begin; i < end; i++) {
        chain->value = chain->value * 3 + i;
        scanned[i] = chain->value;
    }
}

static uint64_t serial_chain(uint64_t count)
{
    uint64_t value = 0;
    for (uint64_t i = 0; i < count; i++)
        value = value * 3 + i;
    return value;
}

static void check_chain(void *arg)
{
    struct search *search = arg;
    static const size_t sizes[] = {2 * sizeof(uint64_t), sizeof(struct chain)};
    uint64_t expected = serial_chain(search->count);
    for (int i = 0; i < 4; i++) {
        struct chain sum;
        pt_reduction how = {sizes[i / 2], begin_chain, fold_chain, combine_chains};
        pt_loop_config config = {.deterministic = i % 2 == 1};
        search->wrong += pt_parallel_reduce(0, search->count, &how, &sum, NULL, &config) != PT_OK;
        search->wrong += sum.value != expected;
        memset(scanned, 0, sizeof scanned);
        search->wrong += pt_parallel_scan(0, search->count, &how, write_chain, NULL, &config) != PT_OK;
        uint64_t value = 0;
        for (uint64_t j = 0; j < search->count; j++) {
            value = value * 3 + j;
            search->wrong += scanned[j] != value;
        }
    }
}

static void test_sums_are_made_in_order(void **state)
{
    (void)state;
    for (uint64_t count = 0; count <= (uint64_t)test_scale(MOST) / 2; count = count * 6 + 1) {
        struct search search = {count, 0};
        in_pools(check_chain, &search);
        assert_int_equal(search.wrong, 0);
    }
}

struct ending {
    uint64_t count, at;
    pt_cancel *cancel; /* NULL: it fails */
    uint32_t wrong;
};

static void begin_number(void *into, void *arg)
{
    (void)arg;
    *(uint64_t *)into = 0;
}

static void fold_numbers(pt_loop *loop, uint64_t begin, uint64_t end, void *into, void *arg)
{
    (void)loop, (void)arg;
    *(uint64_t *)into += end - begin;
}

static void combine_numbers(void *into, const void *right, void *arg)
{
    (void)arg;
    *(uint64_t *)into += *(const uint64_t *)right;
}

static void write_until(pt_loop *loop, uint64_t begin, uint64_t end, void *sum, void *arg)
{
    struct ending *ending = arg;
    uint64_t stream = test_seed + begin;
    if (test_random(&stream) % 4 == 0)
        test_delay(&stream);
    for (uint64_t i = begin; i < end; i++) {
        scanned[i] = ++*(uint64_t *)sum;
        if (i >= ending->at && ending->cancel == NULL)
            pt_loop_fail(loop, i, 1, NULL);
        else if (i == ending->at)
            pt_cancel_request(ending->cancel, NULL);
    }
}

static void check_ending(void *arg)
{
    struct ending *ending = arg;
    static const pt_reduction how = {sizeof(uint64_t), begin_number, fold_numbers, combine_numbers};
    pt_loop_error error = {UINT64_MAX, {0, ""}};
    pt_loop_config config = {.cancel = ending->cancel, .error = &error};
    memset(scanned, 0, sizeof scanned);
    pt_status status = pt_parallel_scan(0, ending->count, &how, write_until, ending, &config);
    bool all = true;
    for (uint64_t i = 0; i < ending->count; i++) {
        ending->wrong += scanned[i] != 0 && scanned[i] != i + 1;
        ending->wrong += ending->cancel == NULL && i <= ending->at && scanned[i] == 0;
        all = all && scanned[i] != 0;
    }
    if (ending->cancel != NULL) /* it may have come too late for any to be left out */
        ending->wrong += status != PT_ERR_CANCELLED && !(status == PT_OK && all);
    else
        ending->wrong += status != PT_ERR_FAILED || error.index != ending->at;
}

static void test_a_scan_can_fail_and_be_cancelled(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(40) + 1; i++) {
        struct ending ending = {.count = 1 + test_random(&stream) % (uint64_t)test_scale(MOST / 4)};
        ending.at = test_random(&stream) % ending.count;
        in_pools(check_ending, &ending);
        assert_int_equal(ending.wrong, 0);
        assert_int_equal(pt_cancel_create(&ending.cancel, PT_FOREVER), PT_OK);
        check_ending(&ending);
        assert_int_equal(ending.wrong, 0);
        pt_cancel_release(ending.cancel);
    }
    end_default();
}

static void fold_thirds(pt_loop *loop, uint64_t begin, uint64_t end, void *into, void *arg)
{
    (void)loop, (void)arg;
    for (uint64_t i = begin; i < end; i++)
        *(double *)into += 1.0 / ((double)i + 3);
}

static void begin_double(void *into, void *arg)
{
    (void)arg;
    *(double *)into = 0;
}

static void combine_doubles(void *into, const void *right, void *arg)
{
    (void)arg;
    *(double *)into += *(const double *)right;
}

struct sums {
    uint64_t count;
    double first;
    uint32_t made, wrong;
};

static void add_thirds(void *arg)
{
    struct sums *sums = arg;
    static const pt_reduction how = {sizeof(double), begin_double, fold_thirds, combine_doubles};
    pt_loop_config config = {.deterministic = true};
    double sum;
    sums->wrong += pt_parallel_reduce(0, sums->count, &how, &sum, NULL, &config) != PT_OK;
    if (sums->made++ == 0)
        sums->first = sum;
    sums->wrong += memcmp(&sum, &sums->first, sizeof sum) != 0;
}

static void test_a_deterministic_sum_is_the_same_each_time(void **state)
{
    (void)state;
    struct sums sums = {(uint64_t)test_scale(100000) + 1000, 0, 0, 0};
    for (int i = 0; i < test_scale(20) + 1; i++)
        in_pools(add_thirds, &sums);
    assert_int_equal(sums.wrong, 0);
}

static void test_without_memory_a_large_scan_is_refused_and_a_sum_is_not_split(void **state)
{
    (void)state;
    struct chain sum;
    pt_reduction how = {sizeof(struct chain), begin_chain, fold_chain, combine_chains};
    count_blocks();
    assert_non_null(pt_pool_default());
    keep_failing(true);
    fail_allocation(1);
    assert_int_equal(pt_parallel_reduce(0, 1000, &how, &sum, NULL, NULL), PT_OK);
    assert_int_equal(pt_parallel_scan(0, 1000, &how, write_chain, NULL, NULL), PT_ERR_NOMEM);
    how.size = 2 * sizeof(uint64_t); /* fits on the stack; nobody helps then */
    memset(scanned, 0, sizeof scanned);
    assert_int_equal(pt_parallel_scan(0, 1000, &how, write_chain, NULL, NULL), PT_OK);
    assert_true(scanned[999] == serial_chain(1000));
    how.size = sizeof(struct chain);
    pt_loop_error error;
    pt_loop_config config = {.deterministic = true, .error = &error};
    assert_int_equal(pt_parallel_reduce(0, 1000, &how, &sum, NULL, &config), PT_ERR_FAILED);
    assert_int_equal(error.error.code, PT_ERR_NOMEM);
    fail_allocation(0);
    end_default();
    assert_non_null(pt_pool_default()); /* the old one goes, and then the new one is given back too */
    end_default();
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    double sum;
    uint64_t found;
    pt_reduction how = {sizeof(double), begin_double, fold_thirds, combine_doubles}, bad = how;
    assert_int_equal(pt_parallel_for(0, 1, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_for(1, 0, visit, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_map(NULL, 1, &sum, 1, 1, square, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_map(&sum, 0, &sum, 1, 1, square, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_map(&sum, 1, &sum, 1, 1, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_map(NULL, 1, NULL, 1, 0, square, NULL, NULL), PT_OK);
    assert_int_equal(pt_parallel_map(&sum, 1, &sum, 4, SIZE_MAX / 2, square, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_find(0, 1, NULL, NULL, NULL, &found), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_find(0, 1, find_marked, visits, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_reduce(0, 1, NULL, &sum, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_reduce(0, 1, &how, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_reduce(1, 0, &how, &sum, NULL, NULL), PT_ERR_INVALID);
    bad.size = 0;
    assert_int_equal(pt_parallel_reduce(0, 1, &bad, &sum, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_scan(0, 1, &how, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_scan(0, 1, &bad, write_chain, NULL, NULL), PT_ERR_INVALID);
}

TEST_MAIN("loop", TEST(test_each_index_comes_once), TEST(test_ranges_may_be_larger_than_memory),
          TEST(test_of_several_that_fail_the_lowest_is_reported), TEST(test_a_loop_can_be_cancelled),
          TEST(test_loops_may_be_nested), TEST(test_map_and_find),
          TEST(test_what_fails_beyond_what_is_found_does_not_count), TEST(test_sums_are_made_in_order),
          TEST(test_a_scan_can_fail_and_be_cancelled), TEST(test_a_deterministic_sum_is_the_same_each_time),
          TEST(test_without_memory_a_large_scan_is_refused_and_a_sum_is_not_split),
          TEST(test_bad_arguments_are_refused))
