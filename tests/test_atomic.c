/* test_atomic.c: each operation of each type does what it says, all at once under several threads, and orders what it
   should. */
#include "support.h"

#include <stdlib.h>

#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan" /* says that fences are not seen; the test of them shares nothing else */
#endif

enum { MEMBERS = 4 };

/* ---- One thread ----------------------------------------------------------------------------- */

static pt_atomic_u32 static_u32 = PT_ATOMIC_INIT(7);
static pt_atomic_i64 static_i64 = PT_ATOMIC_INIT(INT64_MIN);
static pt_atomic_ptr static_ptr = PT_ATOMIC_INIT(&static_u32);
static pt_atomic_bool static_bool = PT_ATOMIC_INIT(true);
static pt_atomic_u64 zeroes;

static void test_static_ones_have_their_first_values(void **state)
{
    (void)state;
    assert_int_equal(pt_atomic_u32_load(&static_u32, PT_ORDER_RELAXED), 7);
    assert_true(pt_atomic_i64_load(&static_i64, PT_ORDER_ACQUIRE) == INT64_MIN);
    assert_ptr_equal(pt_atomic_ptr_load(&static_ptr, PT_ORDER_SEQ_CST), &static_u32);
    assert_true(pt_atomic_bool_load(&static_bool, PT_ORDER_ACQUIRE));
    assert_true(pt_atomic_u64_load(&zeroes, PT_ORDER_ACQUIRE) == 0);
}

static void test_64_bits_are_lock_free(void **state)
{
    (void)state;
    assert_true(PT_ATOMIC_64_LOCK_FREE);
    assert_int_equal((uintptr_t)&zeroes % 8, 0);
    assert_int_equal(sizeof(pt_atomic_u64), 8);
    assert_int_equal(sizeof(pt_atomic_bool), 1);
}

/* What all types have; a, b and c are three different values. */
#define STORE_AND_SWAP(NAME, TYPE, a, b, c)                                                                        \
    do {                                                                                                           \
        pt_atomic_##NAME v = PT_ATOMIC_INIT(a);                                                                    \
        TYPE expected = (c);                                                                                       \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == (a));                                         \
        pt_atomic_##NAME##_store(&v, (b), PT_ORDER_RELEASE);                                                       \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_ACQUIRE) == (b));                                         \
        pt_atomic_##NAME##_store(&v, (a), PT_ORDER_SEQ_CST);                                                       \
        assert_true(pt_atomic_##NAME##_exchange(&v, (b), PT_ORDER_ACQ_REL) == (a));                                \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_SEQ_CST) == (b));                                         \
        expected = (a);                                                                                            \
        assert_false(pt_atomic_##NAME##_compare_exchange(&v, &expected, (c), PT_ORDER_ACQ_REL, PT_ORDER_ACQUIRE)); \
        assert_true(expected == (b)); /* what it is */                                                             \
        assert_true(pt_atomic_##NAME##_compare_exchange(&v, &expected, (c), PT_ORDER_SEQ_CST, PT_ORDER_SEQ_CST));  \
        assert_true(expected == (b) && pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == (c));                      \
        expected = (c);                                                                                            \
        while (!pt_atomic_##NAME##_compare_exchange_weak(&v, &expected, (a), PT_ORDER_RELEASE, PT_ORDER_RELAXED))  \
            assert_true(expected == (c));                                                                          \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == (a));                                         \
    } while (0)

static void test_store_exchange_and_compare(void **state)
{
    (void)state;
    int one, two;
    STORE_AND_SWAP(u32, uint32_t, 0, UINT32_MAX, 5);
    STORE_AND_SWAP(i32, int32_t, -1, INT32_MIN, INT32_MAX);
    STORE_AND_SWAP(u64, uint64_t, UINT64_C(1) << 32, UINT64_MAX, 0);
    STORE_AND_SWAP(i64, int64_t, -1, INT64_MIN, INT64_MAX);
    STORE_AND_SWAP(ptr, void *, NULL, (void *)&one, (void *)&two);
    STORE_AND_SWAP(bool, bool, false, true, false);
    STORE_AND_SWAP(bool, bool, true, false, true);
}

#define ARITHMETIC(NAME, TYPE, MAX, MIN)                                                                           \
    do {                                                                                                           \
        pt_atomic_##NAME v = PT_ATOMIC_INIT((MAX)-1);                                                              \
        assert_true(pt_atomic_##NAME##_fetch_add(&v, 2, PT_ORDER_RELAXED) == (MAX)-1);                             \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == (MIN)); /* wraps around */                    \
        assert_true(pt_atomic_##NAME##_fetch_sub(&v, 1, PT_ORDER_ACQ_REL) == (MIN));                               \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == (MAX));                                       \
        pt_atomic_##NAME##_store(&v, 12, PT_ORDER_RELAXED);                                                        \
        assert_true(pt_atomic_##NAME##_fetch_and(&v, 10, PT_ORDER_ACQUIRE) == 12);                                 \
        assert_true(pt_atomic_##NAME##_fetch_or(&v, 3, PT_ORDER_RELEASE) == 8);                                    \
        assert_true(pt_atomic_##NAME##_fetch_xor(&v, 6, PT_ORDER_SEQ_CST) == 11);                                  \
        assert_true(pt_atomic_##NAME##_load(&v, PT_ORDER_RELAXED) == 13);                                          \
    } while (0)

static void test_arithmetic(void **state)
{
    (void)state;
    ARITHMETIC(u32, uint32_t, UINT32_MAX, 0);
    ARITHMETIC(i32, int32_t, INT32_MAX, INT32_MIN);
    ARITHMETIC(u64, uint64_t, UINT64_MAX, 0);
    ARITHMETIC(i64, int64_t, INT64_MAX, INT64_MIN);
}

/* ---- Several threads: integers ----------------------------------------------------------------- */

/* For each type: sums come out right, bits that a member owns change by its own doing only, a value is never torn, what
   is exchanged is neither lost nor doubled. */
#define SHARED_INTEGERS(NAME, TYPE, UNSIGNED)                                                                      \
    struct shared_##NAME {                                                                                         \
        pt_atomic_##NAME sum, by_swap, bits, twins, purse;                                                         \
        UNSIGNED added[MEMBERS], pocket[MEMBERS];                                                                  \
        int each;                                                                                                  \
    };                                                                                                             \
                                                                                                                   \
    static void flip_bit_##NAME(struct member *member, TYPE mine, bool *is_set)                                    \
    {                                                                                                              \
        struct shared_##NAME *shared = member->shared;                                                             \
        TYPE before;                                                                                               \
        if (test_random(&member->stream) % 2)                                                                      \
            before = pt_atomic_##NAME##_fetch_xor(&shared->bits, mine, PT_ORDER_RELAXED);                          \
        else if (*is_set)                                                                                          \
            before = pt_atomic_##NAME##_fetch_and(&shared->bits, (TYPE)~mine, PT_ORDER_RELAXED);                   \
        else                                                                                                       \
            before = pt_atomic_##NAME##_fetch_or(&shared->bits, mine, PT_ORDER_RELAXED);                           \
        check(((before & mine) == mine) == *is_set && ((before & mine) != 0) == *is_set);                          \
        *is_set = !*is_set;                                                                                        \
    }                                                                                                              \
                                                                                                                   \
    static void use_##NAME(struct member *member)                                                                  \
    {                                                                                                              \
        struct shared_##NAME *shared = member->shared;                                                             \
        enum { HALF = 4 * sizeof(TYPE) };                                                                          \
        UNSIGNED added = 0, pocket = 0;                                                                            \
        TYPE mine = (TYPE)((UNSIGNED)0x11 << member->index), seen; /* two bits of each byte's kind */              \
        bool is_set = false;                                                                                       \
        mine = (TYPE)((UNSIGNED)mine | (UNSIGNED)mine << (HALF * 2 - 8)); /* in the last byte too */               \
        for (int i = 0; i < shared->each; i++) {                                                                   \
            UNSIGNED r = (UNSIGNED)test_random(&member->stream) * (UNSIGNED)UINT64_C(0x100000001);                 \
            if (i % 2) {                                                                                           \
                pt_atomic_##NAME##_fetch_add(&shared->sum, (TYPE)r, PT_ORDER_RELAXED);                             \
                added += r;                                                                                        \
            } else {                                                                                               \
                pt_atomic_##NAME##_fetch_sub(&shared->sum, (TYPE)r, PT_ORDER_RELAXED);                             \
                added -= r;                                                                                        \
            }                                                                                                      \
            seen = pt_atomic_##NAME##_load(&shared->by_swap, PT_ORDER_RELAXED);                                    \
            while (i % 2 ? !pt_atomic_##NAME##_compare_exchange(&shared->by_swap, &seen, seen + 1,                 \
                                                                PT_ORDER_RELAXED, PT_ORDER_RELAXED)                \
                         : !pt_atomic_##NAME##_compare_exchange_weak(&shared->by_swap, &seen, seen + 1,            \
                                                                     PT_ORDER_ACQ_REL, PT_ORDER_ACQUIRE)) {        \
            }                                                                                                      \
            flip_bit_##NAME(member, mine, &is_set);                                                                \
            r &= (UNSIGNED)-1 >> HALF;                                                                             \
            pt_atomic_##NAME##_store(&shared->twins, (TYPE)(r << HALF | r), PT_ORDER_RELAXED);                     \
            UNSIGNED twins = (UNSIGNED)pt_atomic_##NAME##_load(&shared->twins, PT_ORDER_RELAXED);                  \
            check((twins & (UNSIGNED)-1 >> HALF) == twins >> HALF);                                                \
            pocket += (UNSIGNED)pt_atomic_##NAME##_exchange(&shared->purse, (TYPE)r, PT_ORDER_RELAXED) - r;        \
        }                                                                                                          \
        if (is_set)                                                                                                \
            flip_bit_##NAME(member, mine, &is_set);                                                                \
        shared->added[member->index] = added;                                                                      \
        shared->pocket[member->index] = pocket;                                                                    \
    }                                                                                                              \
                                                                                                                   \
    static void test_threads_share_##NAME(void **state)                                                            \
    {                                                                                                              \
        (void)state;                                                                                               \
        struct shared_##NAME shared = {.each = test_scale(60000)};                                                 \
        UNSIGNED added = 0, pocket = 0;                                                                            \
        crew_run(MEMBERS, use_##NAME, &shared);                                                                    \
        for (int i = 0; i < MEMBERS; i++) {                                                                        \
            added += shared.added[i];                                                                              \
            pocket += shared.pocket[i];                                                                            \
        }                                                                                                          \
        pocket += (UNSIGNED)pt_atomic_##NAME##_load(&shared.purse, PT_ORDER_RELAXED);                              \
        assert_true((UNSIGNED)pt_atomic_##NAME##_load(&shared.sum, PT_ORDER_RELAXED) == added);                    \
        assert_int_equal(pt_atomic_##NAME##_load(&shared.by_swap, PT_ORDER_RELAXED), MEMBERS *shared.each);        \
        assert_int_equal(pt_atomic_##NAME##_load(&shared.bits, PT_ORDER_RELAXED), 0);                              \
        assert_true(pocket == 0);                                                                                  \
    }

SHARED_INTEGERS(u32, uint32_t, uint32_t)
SHARED_INTEGERS(i32, int32_t, uint32_t)
SHARED_INTEGERS(u64, uint64_t, uint64_t)
SHARED_INTEGERS(i64, int64_t, uint64_t)

/* ---- Several threads: flags and pointers -------------------------------------------------------- */

struct flagged {
    pt_atomic_bool lock, swapped_lock;
    int count, swapped_count; /* under the locks: not atomic, the order of the flags guards them */
    int each;
};

static void lock_flags(struct member *member)
{
    struct flagged *flagged = member->shared;
    for (int i = 0; i < flagged->each; i++) {
        while (pt_atomic_bool_test_and_set(&flagged->lock, PT_ORDER_ACQUIRE))
            pt_thread_yield();
        flagged->count++;
        pt_atomic_bool_clear(&flagged->lock, PT_ORDER_RELEASE);

        bool expected = false;
        while (!pt_atomic_bool_compare_exchange(&flagged->swapped_lock, &expected, true, PT_ORDER_ACQUIRE,
                                                PT_ORDER_RELAXED)) {
            check(expected);
            expected = false;
            pt_thread_yield();
        }
        flagged->swapped_count++;
        check(pt_atomic_bool_exchange(&flagged->swapped_lock, false, PT_ORDER_RELEASE));
    }
}

static void test_a_flag_makes_a_lock(void **state)
{
    (void)state;
    struct flagged flagged = {.each = test_scale(30000)};
    crew_run(MEMBERS, lock_flags, &flagged);
    assert_int_equal(flagged.count, MEMBERS * flagged.each);
    assert_int_equal(flagged.swapped_count, MEMBERS * flagged.each);
}

struct node {
    struct node *next;
    int times; /* of whoever has the node */
};

struct nodes {
    pt_atomic_ptr hook; /* one node, exchanged */
    pt_atomic_ptr top;  /* a stack: pushed by all, taken whole */
    struct node hung, own[MEMBERS];
    struct node *pushed; /* each * MEMBERS of them */
    pt_atomic_u32 popped;
    int each;
};

static void pass_nodes(struct member *member)
{
    struct nodes *nodes = member->shared;
    struct node *held = &nodes->own[member->index];
    for (int i = 0; i < nodes->each; i++) {
        held->times++;
        held = pt_atomic_ptr_exchange(&nodes->hook, held, PT_ORDER_ACQ_REL);

        struct node *pushed = &nodes->pushed[member->index * nodes->each + i];
        void *top = pt_atomic_ptr_load(&nodes->top, PT_ORDER_RELAXED);
        do
            pushed->next = top;
        while (!pt_atomic_ptr_compare_exchange_weak(&nodes->top, &top, pushed, PT_ORDER_RELEASE, PT_ORDER_RELAXED));
        if (i % 16 != 0)
            continue;
        struct node *all = pt_atomic_ptr_exchange(&nodes->top, NULL, PT_ORDER_ACQUIRE);
        for (; all != NULL; all = all->next) {
            all->times++;
            pt_atomic_u32_fetch_add(&nodes->popped, 1, PT_ORDER_RELAXED);
        }
    }
}

static void test_pointers_hand_over_what_they_point_to(void **state)
{
    (void)state;
    struct nodes nodes = {.each = test_scale(30000)};
    int left = 0, times = nodes.hung.times;
    nodes.pushed = calloc((size_t)(MEMBERS * nodes.each), sizeof *nodes.pushed);
    assert_non_null(nodes.pushed);
    pt_atomic_ptr_store(&nodes.hook, &nodes.hung, PT_ORDER_RELAXED);
    crew_run(MEMBERS, pass_nodes, &nodes);
    for (struct node *node = pt_atomic_ptr_load(&nodes.top, PT_ORDER_RELAXED); node != NULL; node = node->next) {
        node->times++;
        left++;
    }
    assert_int_equal(pt_atomic_u32_load(&nodes.popped, PT_ORDER_RELAXED) + (uint32_t)left, MEMBERS * nodes.each);
    for (int i = 0; i < MEMBERS * nodes.each; i++)
        assert_int_equal(nodes.pushed[i].times, 1);
    times = nodes.hung.times;
    for (int i = 0; i < MEMBERS; i++)
        times += nodes.own[i].times;
    assert_int_equal(times, MEMBERS * nodes.each);
    free(nodes.pushed);
}

/* ---- Order ----------------------------------------------------------------------------------- */

struct post {
    pt_atomic_u32 flag;
    uint32_t letter[3]; /* not atomic: flag orders it */
    uint32_t each;
};

static void send_and_answer(struct member *member)
{
    struct post *post = member->shared;
    uint32_t index = (uint32_t)member->index;
    for (uint32_t i = index; i < 2 * post->each; i += 2) {
        while (pt_atomic_u32_load(&post->flag, PT_ORDER_ACQUIRE) != i)
            pt_thread_yield();
        for (uint32_t j = 0; j < 3; j++) {
            check(post->letter[j] == i * (j + 1));
            post->letter[j] = (i + 1) * (j + 1);
        }
        if (i % 4 < 2)
            pt_atomic_u32_store(&post->flag, i + 1, PT_ORDER_RELEASE);
        else
            check(pt_atomic_u32_fetch_add(&post->flag, 1, PT_ORDER_RELEASE) == i);
    }
}

static void test_a_release_hands_over_to_an_acquire(void **state)
{
    (void)state;
    struct post post = {.each = (uint32_t)test_scale(60000)};
    crew_run(2, send_and_answer, &post);
    assert_int_equal(post.letter[2], 2 * post.each * 3);
}

/* Two threads write one variable each, then read the other's: with a full fence between, or all of it in one order, at
   least one of them sees the other's. And with fences only, what stands before one is seen behind the other. */
struct mirrors {
    pt_barrier barrier;
    pt_atomic_u32 wrote[2], wrote_in_order[2], letter, flag;
    uint32_t saw[2], saw_in_order[2];
    uint32_t each;
};

static void look_into_mirrors(struct member *member)
{
    struct mirrors *mirrors = member->shared;
    int me = member->index;
    for (uint32_t i = 1; i <= mirrors->each; i++) {
        pt_barrier_wait(&mirrors->barrier, NULL);
        pt_atomic_u32_store(&mirrors->wrote[me], i, PT_ORDER_RELAXED);
        pt_atomic_thread_fence(PT_ORDER_SEQ_CST);
        mirrors->saw[me] = pt_atomic_u32_load(&mirrors->wrote[1 - me], PT_ORDER_RELAXED);

        pt_atomic_u32_store(&mirrors->wrote_in_order[me], i, PT_ORDER_SEQ_CST);
        mirrors->saw_in_order[me] = pt_atomic_u32_load(&mirrors->wrote_in_order[1 - me], PT_ORDER_SEQ_CST);

        if (me == 0) {
            pt_atomic_u32_store(&mirrors->letter, i, PT_ORDER_RELAXED);
            pt_atomic_thread_fence(PT_ORDER_RELEASE);
            pt_atomic_u32_store(&mirrors->flag, i, PT_ORDER_RELAXED);
        } else if (pt_atomic_u32_load(&mirrors->flag, PT_ORDER_RELAXED) == i) {
            pt_atomic_thread_fence(PT_ORDER_ACQUIRE);
            check(pt_atomic_u32_load(&mirrors->letter, PT_ORDER_RELAXED) == i);
        }
        pt_barrier_wait(&mirrors->barrier, NULL);
        check(mirrors->saw[0] == i || mirrors->saw[1] == i);
        check(mirrors->saw_in_order[0] == i || mirrors->saw_in_order[1] == i);
    }
}

static void test_a_full_fence_lets_one_see_the_other(void **state)
{
    (void)state;
    struct mirrors mirrors = {.barrier = PT_BARRIER_INIT(2), .each = (uint32_t)test_scale(10000)};
    crew_run(2, look_into_mirrors, &mirrors);
}

static void test_an_order_need_not_be_constant(void **state)
{
    (void)state;
    static const pt_order orders[] = {PT_ORDER_RELAXED, PT_ORDER_ACQUIRE, PT_ORDER_RELEASE, PT_ORDER_ACQ_REL,
                                      PT_ORDER_SEQ_CST};
    pt_atomic_u64 v = PT_ATOMIC_INIT(0);
    for (volatile unsigned i = 0; i < 5; i = i + 1) {
        pt_atomic_u64_fetch_add(&v, 1, orders[i]);
        pt_atomic_signal_fence(orders[i]);
        pt_cpu_relax();
    }
    assert_int_equal(pt_atomic_u64_load(&v, PT_ORDER_RELAXED), 5);
}

TEST_MAIN("atomic", TEST(test_static_ones_have_their_first_values), TEST(test_64_bits_are_lock_free),
          TEST(test_store_exchange_and_compare), TEST(test_arithmetic), TEST(test_threads_share_u32),
          TEST(test_threads_share_i32), TEST(test_threads_share_u64), TEST(test_threads_share_i64),
          TEST(test_a_flag_makes_a_lock), TEST(test_pointers_hand_over_what_they_point_to),
          TEST(test_a_release_hands_over_to_an_acquire), TEST(test_a_full_fence_lets_one_see_the_other),
          TEST(test_an_order_need_not_be_constant))
