/* test_sort.c: what is sorted is in order, and is what was there; whatever the array looks like, with memory and without. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "counting.h"

enum { MOST = 100000 };

static size_t most(void)
{
    size_t scaled = (size_t)test_scale(MOST);
    return scaled > 64 ? scaled : 64;
}

static void end_default(void)
{
    assert_int_equal(pt_pool_shutdown(pt_pool_default(), PT_SHUTDOWN_DRAIN), PT_OK);
}

/* ---- Patterns ---------------------------------------------------------------------------------------- */

enum pattern { RANDOM, RISING, FALLING, EQUAL, FEW, ORGAN_PIPE, NEARLY, CROWDED, PATTERNS };

/* The i-th of count values. */
static uint64_t value_of(enum pattern pattern, size_t i, size_t count, uint64_t *stream)
{
    uint64_t random = (uint64_t)test_random(stream) << 32 | test_random(stream);
    switch (pattern) {
    case RISING: return i;
    case FALLING: return count - i;
    case EQUAL: return 7;
    case FEW: return random % 4;
    case ORGAN_PIPE: return i < count / 2 ? i : count - i;
    case NEARLY: return random % 64 == 0 ? random % count : i;
    case CROWDED:
        return random % 1024 == 0 ? random : random % 65536 << 3; /* most in one bucket of the highest byte */
    default: return random;
    }
}

/* ---- By comparison ------------------------------------------------------------------------------------ */

/* Elements of any size from 1 up: the key is as much of it as there is room for, then where it stood. */
struct order {
    size_t size;
};

static uint64_t key_of(const void *element, size_t size)
{
    uint64_t key = 0;
    memcpy(&key, element, size < 8 ? size : 8);
    return size >= 12 ? key & 0xff : key;
}

static int compare(const void *a, const void *b, void *arg)
{
    struct order *order = arg;
    uint64_t left = key_of(a, order->size), right = key_of(b, order->size);
    return left < right ? -1 : left > right;
}

static uint64_t place_of(const void *element, size_t size)
{
    uint32_t place = 0;
    if (size >= 12)
        memcpy(&place, (const char *)element + 8, sizeof place);
    return place;
}

static void fill(char *base, size_t count, size_t size, enum pattern pattern, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t key = value_of(pattern, i, count, &seed);
        uint32_t place = (uint32_t)i;
        memset(base + i * size, 0, size);
        memcpy(base + i * size, &key, size < 8 ? size : 8);
        if (size >= 12)
            memcpy(base + i * size + 8, &place, sizeof place);
    }
}

/* Any order of the same elements has the same sum of their squares, but for great chance. */
static uint64_t mix(const char *base, size_t count, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = 14695981039346656037u;
        for (size_t j = 0; j < size; j++)
            hash = (hash ^ (unsigned char)base[i * size + j]) * 1099511628211u;
        sum += hash * hash;
    }
    return sum;
}

static void check_sorted(const char *base, size_t count, size_t size, bool stable)
{
    for (size_t i = 1; i < count; i++) {
        const char *left = base + (i - 1) * size, *right = left + size;
        uint64_t a = key_of(left, size), b = key_of(right, size);
        assert_true(a < b || (a == b && (!stable || size < 12 || place_of(left, size) < place_of(right, size))));
    }
}

static void sort_and_check(size_t count, size_t size, enum pattern pattern, bool stable)
{
    char *base = malloc(count * size + 1);
    struct order order = {size};
    fill(base, count, size, pattern, test_seed + count);
    uint64_t before = mix(base, count, size);
    pt_status status = stable ? pt_parallel_sort_stable(base, count, size, compare, &order)
                              : pt_parallel_sort(base, count, size, compare, &order);
    assert_int_equal(status, PT_OK);
    assert_true(mix(base, count, size) == before);
    check_sorted(base, count, size, stable);
    free(base);
}

static void test_elements_of_any_size_are_sorted(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 4, 8, 12, 16, 40, 300};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t count = 0; count <= most() / 16; count = count < 20 ? count + 1 : count * 7) {
            sort_and_check(count, sizes[i], RANDOM, false);
            sort_and_check(count, sizes[i], RANDOM, true);
        }
    }
    end_default();
}

static void test_every_pattern_is_sorted(void **state)
{
    (void)state;
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        sort_and_check(most(), 8, (enum pattern)pattern, false);
        sort_and_check(most(), 12, (enum pattern)pattern, true);
    }
    end_default();
}

static void test_without_memory_it_is_sorted_in_place(void **state)
{
    (void)state;
    struct order order = {8};
    char *base = malloc(most() * 8);
    count_blocks();
    assert_non_null(pt_pool_default());
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        fill(base, most(), 8, (enum pattern)pattern, test_seed);
        uint64_t before = mix(base, most(), 8);
        keep_failing(true);
        fail_allocation(1);
        assert_int_equal(pt_parallel_sort_stable(base, most(), 8, compare, &order), PT_ERR_NOMEM);
        assert_true(mix(base, most(), 8) == before);
        if (pattern % 2 == 0)
            assert_int_equal(pt_parallel_sort(base, most(), 8, compare, &order), PT_OK);
        else
            assert_int_equal(pt_parallel_sort_numbers(base, most(), PT_SORT_UINT64), PT_OK);
        fail_allocation(0);
        assert_true(mix(base, most(), 8) == before);
        check_sorted(base, most(), 8, false);
    }
    free(base);
    end_default();
    assert_non_null(pt_pool_default());
    end_default();
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

static int contradict(const void *a, const void *b, void *arg)
{
    uint32_t *state = arg;
    (void)a, (void)b;
    return (int)(add_relaxed(state, 0x9e3779b9u) >> 13 & 3) - 1;
}

static void test_a_comparison_may_contradict_itself(void **state)
{
    (void)state;
    uint32_t chance = (uint32_t)test_seed;
    char *base = malloc(most() * 8);
    fill(base, most(), 8, RANDOM, test_seed);
    uint64_t before = mix(base, most(), 8);
    assert_int_equal(pt_parallel_sort(base, most(), 8, contradict, &chance), PT_OK);
    assert_true(mix(base, most(), 8) == before);
    assert_int_equal(pt_parallel_sort_stable(base, most(), 8, contradict, &chance), PT_OK);
    assert_true(mix(base, most(), 8) == before);
    free(base);
    end_default();
}

static int count_and_compare(const void *a, const void *b, void *arg)
{
    struct order order = {8};
    add_relaxed((uint32_t *)arg, 1);
    return compare(a, b, &order);
}

static void test_what_is_nearly_sorted_needs_few_comparisons(void **state)
{
    (void)state;
    static const enum pattern patterns[] = {RISING, EQUAL, ORGAN_PIPE};
    char *base = malloc(most() * 8);
    for (int i = 0; i < 3; i++) {
        uint32_t comparisons = 0;
        fill(base, most(), 8, patterns[i], test_seed);
        assert_int_equal(pt_parallel_sort(base, most(), 8, count_and_compare, &comparisons), PT_OK);
        check_sorted(base, most(), 8, false);
        assert_true(comparisons <= most() * 8);
    }
    free(base);
    end_default();
}

enum { ALIGNMENT = 64 };

/* By the first byte; both must be aligned. */
static int compare_aligned(const void *a, const void *b, void *arg)
{
    if ((uintptr_t)a % ALIGNMENT != 0 || (uintptr_t)b % ALIGNMENT != 0)
        add_relaxed((uint32_t *)arg, 1);
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

static void test_elements_stay_aligned(void **state)
{
    (void)state;
    size_t count = most() / 8;
    uint32_t wrong = 0;
    char *block = malloc((count + 1) * ALIGNMENT), *base = block + (ALIGNMENT - (uintptr_t)block % ALIGNMENT);
    for (int i = 0; i < 4; i++) {
        fill(base, count, ALIGNMENT, RANDOM, test_seed + (uint64_t)i);
        uint64_t before = mix(base, count, ALIGNMENT);
        assert_int_equal(pt_parallel_sort_stable(base, count, ALIGNMENT, compare_aligned, &wrong), PT_OK);
        assert_true(mix(base, count, ALIGNMENT) == before);
        check_sorted(base, count, ALIGNMENT, true);
    }
    assert_int_equal(wrong, 0);
    free(block);
    end_default();
}

/* ---- Numbers ------------------------------------------------------------------------------------------ */

/* Whether a may stand before b: for floating point by the bits, negative ones the other way round. */
static bool may_precede(const char *a, const char *b, pt_sort_kind kind)
{
    int64_t left = 0, right = 0;
    uint64_t uleft, uright;
    if (kind == PT_SORT_INT32 || kind == PT_SORT_UINT32 || kind == PT_SORT_FLOAT) {
        int32_t small[2];
        memcpy(&small[0], a, 4);
        memcpy(&small[1], b, 4);
        if (kind == PT_SORT_UINT32)
            return (uint32_t)small[0] <= (uint32_t)small[1];
        left = small[0];
        right = small[1];
        if (kind == PT_SORT_FLOAT) { /* as an integer of the sign and the rest */
            left = left < 0 ? -1 - (left & 0x7fffffff) : left;
            right = right < 0 ? -1 - (right & 0x7fffffff) : right;
        }
        return left <= right;
    }
    memcpy(&uleft, a, 8);
    memcpy(&uright, b, 8);
    if (kind == PT_SORT_UINT64)
        return uleft <= uright;
    memcpy(&left, a, 8);
    memcpy(&right, b, 8);
    if (kind == PT_SORT_DOUBLE) {
        left = left < 0 ? -1 - (left & INT64_MAX) : left;
        right = right < 0 ? -1 - (right & INT64_MAX) : right;
    }
    return left <= right;
}

static size_t size_of(pt_sort_kind kind)
{
    return kind == PT_SORT_INT32 || kind == PT_SORT_UINT32 || kind == PT_SORT_FLOAT ? 4 : 8;
}

static void check_numbers(size_t count, pt_sort_kind kind, enum pattern pattern)
{
    size_t size = size_of(kind);
    char *base = malloc(count * size + 1);
    uint64_t stream = test_seed + count;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = value_of(pattern, i, count, &stream);
        if (pattern == NEARLY && kind == PT_SORT_DOUBLE) {
            double number = (double)value - (double)(count / 2);
            memcpy(&value, &number, sizeof value);
        }
        memcpy(base + i * size, &value, size); /* any bits: NaNs and infinities come by chance too */
    }
    uint64_t before = mix(base, count, size);
    assert_int_equal(pt_parallel_sort_numbers(base, count, kind), PT_OK);
    assert_true(mix(base, count, size) == before);
    for (size_t i = 1; i < count; i++)
        assert_true(may_precede(base + (i - 1) * size, base + i * size, kind));
    free(base);
}

static void test_numbers_of_every_kind_are_sorted(void **state)
{
    (void)state;
    for (int kind = PT_SORT_INT32; kind <= PT_SORT_DOUBLE; kind++) {
        for (size_t count = 0; count <= 70; count++)
            check_numbers(count, (pt_sort_kind)kind, RANDOM);
        for (int pattern = 0; pattern < PATTERNS; pattern++) {
            check_numbers(most() / 3, (pt_sort_kind)kind, (enum pattern)pattern);
            check_numbers(most(), (pt_sort_kind)kind, (enum pattern)pattern);
        }
    }
    end_default();
}

static void test_floating_point_has_a_total_order(void **state)
{
    (void)state;
    double numbers[] = {1, NAN, -0.0, INFINITY, 0.0, -1, -INFINITY, 5e-324, -5e-324};
    static const double sorted[] = {-INFINITY, -1, -5e-324, -0.0, 0.0, 5e-324, 1, INFINITY};
    numbers[1] = copysign(numbers[1], 1);
    assert_int_equal(pt_parallel_sort_numbers(numbers, 9, PT_SORT_DOUBLE), PT_OK);
    for (int i = 0; i < 8; i++) {
        assert_true(numbers[i] == sorted[i]);
        assert_true(signbit(numbers[i]) == signbit(sorted[i]));
    }
    assert_true(isnan(numbers[8]));
}

/* ---- In pools of all sizes, and bad input -------------------------------------------------------------- */

static void sort_some(void *arg)
{
    (void)arg;
    sort_and_check(most(), 8, RANDOM, false);
    check_numbers(most(), PT_SORT_UINT64, CROWDED);
    check_numbers(most(), PT_SORT_INT32, RANDOM);
}

static void test_pools_of_all_sizes_sort(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 4; size *= 2) {
        pt_pool *pool;
        assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = size, .most = size}), PT_OK);
        assert_int_equal(pt_pool_run(pool, sort_some, NULL), PT_OK);
        assert_int_equal(pt_pool_destroy(pool), PT_OK);
    }
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    char some[8] = {0};
    struct order order = {1};
    assert_int_equal(pt_parallel_sort(NULL, 1, 1, compare, &order), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort(some, 1, 0, compare, &order), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort(some, 1, 1, NULL, &order), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort(some, SIZE_MAX / 2, 4, compare, &order), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort(NULL, 0, 1, compare, &order), PT_OK);
    assert_int_equal(pt_parallel_sort_stable(NULL, 1, 1, compare, &order), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort_numbers(NULL, 1, PT_SORT_INT32), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort_numbers(some, 1, (pt_sort_kind)6), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort_numbers(some, SIZE_MAX / 4, PT_SORT_INT64), PT_ERR_INVALID);
    assert_int_equal(pt_parallel_sort_numbers(NULL, 0, PT_SORT_INT32), PT_OK);
}

TEST_MAIN("sort", TEST(test_elements_of_any_size_are_sorted), TEST(test_every_pattern_is_sorted),
          TEST(test_without_memory_it_is_sorted_in_place), TEST(test_a_comparison_may_contradict_itself),
          TEST(test_what_is_nearly_sorted_needs_few_comparisons), TEST(test_elements_stay_aligned),
          TEST(test_numbers_of_every_kind_are_sorted), TEST(test_floating_point_has_a_total_order),
          TEST(test_pools_of_all_sizes_sort), TEST(test_bad_arguments_are_refused))
