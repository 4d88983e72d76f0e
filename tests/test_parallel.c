/* test_parallel.c: what is forked runs once, before its join returns; and who waits for it runs nothing else. */
#include "support.h"

#include "atomic.h"

static pt_pool *make(unsigned size)
{
    pt_pool *pool = NULL;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = size, .most = size + 4}), PT_OK);
    return pool;
}

static void end(pt_pool *pool)
{
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
}

static void end_default(void)
{
    assert_int_equal(pt_pool_shutdown(pt_pool_default(), PT_SHUTDOWN_DRAIN), PT_OK);
}

static void run(pt_pool *pool, void (*function)(void *arg), void *arg)
{
    assert_int_equal(pt_pool_run(pool, function, arg), PT_OK);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ---- Trees ------------------------------------------------------------------------------------------- */

struct tree {
    int depth;
    uint64_t seed;
    uint32_t leaves, visits; /* not atomic: what is joined is seen */
};

static bool is_leaf(const struct tree *tree, uint64_t *stream)
{
    *stream = tree->seed;
    return tree->depth == 0 || test_random(stream) % 8 == 0;
}

static struct tree child(const struct tree *tree, uint64_t side)
{
    return (struct tree){tree->depth - 1, tree->seed * 6364136223846793005u + side, 0, 0};
}

/* A tree of random shape, with delays at its leaves. */
static void grow(void *arg)
{
    struct tree *tree = arg;
    uint64_t stream;
    tree->visits++;
    if (is_leaf(tree, &stream)) {
        test_delay(&stream);
        tree->leaves = 1;
        return;
    }
    struct tree left = child(tree, 1), right = child(tree, 2);
    pt_fork2(grow, &left, grow, &right);
    tree->leaves = left.leaves + right.leaves;
    tree->visits += left.visits + right.visits;
}

static uint32_t leaves_of(struct tree tree)
{
    uint64_t stream;
    return is_leaf(&tree, &stream) ? 1 : leaves_of(child(&tree, 1)) + leaves_of(child(&tree, 2));
}

static bool is_right(const struct tree *tree)
{
    return tree->leaves == leaves_of(*tree) && tree->visits == 2 * tree->leaves - 1;
}

static struct tree seed_tree(uint64_t seed)
{
    return (struct tree){test_scale(5000) > 1 ? 10 : 3, seed, 0, 0};
}

static void test_a_tree_is_visited_once(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 4; size *= 2) {
        pt_pool *pool = make(size);
        for (int i = 0; i < test_scale(20); i++) {
            struct tree tree = seed_tree(test_seed + (uint64_t)i);
            run(pool, grow, &tree);
            assert_true(is_right(&tree));
        }
        end(pool);
    }
}

static void grow_some(struct member *member)
{
    pt_pool *pool = member->shared;
    for (int i = 0; i < test_scale(20); i++) {
        struct tree tree = seed_tree(test_random(&member->stream));
        check(pt_pool_run(pool, grow, &tree) == PT_OK);
        check(is_right(&tree));
    }
}

static void test_several_threads_share_a_pool(void **state)
{
    (void)state;
    pt_pool *pool = make(2);
    crew_run(3, grow_some, pool);
    end(pool);
}

static void test_a_thread_from_outside_forks_in_the_default_pool(void **state)
{
    (void)state;
    struct tree tree = seed_tree(test_seed);
    grow(&tree);
    assert_true(is_right(&tree));
    assert_null(pt_pool_current());
    end_default();
}

struct visit {
    pt_pool *other;
    struct tree tree;
    bool right;
};

static void visit_other(void *arg)
{
    struct visit *visit = arg;
    pt_pool *own = pt_pool_current();
    struct tree mine = seed_tree(test_seed + 1);
    visit->right = pt_pool_run(visit->other, grow, &visit->tree) == PT_OK && pt_pool_current() == own;
    grow(&mine);
    visit->right = visit->right && is_right(&mine) && is_right(&visit->tree);
}

static void test_a_worker_of_one_pool_may_be_a_guest_of_another(void **state)
{
    (void)state;
    pt_pool *pool = make(2), *other = make(2);
    struct visit visit = {other, seed_tree(test_seed), false};
    run(pool, visit_other, &visit);
    assert_true(visit.right);
    end(pool);
    end(other);
    assert_int_equal(pt_pool_create(&pool, NULL), PT_OK);
    assert_int_equal(pt_pool_shutdown(pool, PT_SHUTDOWN_DRAIN), PT_OK);
    assert_int_equal(pt_pool_run(pool, nothing, NULL), PT_ERR_CLOSED);
    pt_pool_release(pool);
}

/* ---- Deep and wide ----------------------------------------------------------------------------------- */

struct depth {
    uint32_t left, reached;
};

static void descend(void *arg)
{
    struct depth *depth = arg;
    depth->reached++;
    if (depth->left-- != 0)
        pt_fork2(descend, depth, nothing, NULL);
}

static void *descend_task(void *arg)
{
    descend(arg);
    return arg;
}

static void test_forks_may_be_nested_ten_thousand_deep(void **state)
{
    (void)state;
    pt_pool *pool;
    pt_pool_config config = {.size = 2, .most = 2, .stack_size = (size_t)4 << 20};
    uint32_t deep = test_scale(5000) > 1 ? 10000 : 1100;
    assert_int_equal(pt_pool_create(&pool, &config), PT_OK);
    struct depth depth = {deep, 0};
    pt_future *future;
    assert_int_equal(pt_pool_submit(pool, &future, descend_task, &depth, NULL), PT_OK);
    assert_int_equal(pt_future_get(future, NULL), PT_OK);
    pt_future_release(future);
    assert_int_equal(depth.reached, deep + 1);
    end(pool);
}

enum { SPAWNED = 5000 };

struct one {
    uint32_t runs;
    uint64_t stream;
};

struct wide {
    uint32_t count, wrong;
    struct one ones[SPAWNED];
};

static void run_one(void *arg)
{
    struct one *one = arg;
    if (test_random(&one->stream) % 64 == 0)
        test_delay(&one->stream);
    one->runs++;
}

/* The same group twice; then one within another. */
static void spawn_all(void *arg)
{
    struct wide *wide = arg;
    pt_group group = PT_GROUP_INIT, inner = PT_GROUP_INIT;
    for (uint32_t times = 1; times <= 2; times++) {
        for (uint32_t i = 0; i < wide->count; i++)
            pt_group_spawn(&group, run_one, &wide->ones[i]);
        pt_group_sync(&group);
        for (uint32_t i = 0; i < wide->count; i++)
            wide->wrong += wide->ones[i].runs != times;
    }
    for (uint32_t i = 0; i < wide->count; i++)
        pt_group_spawn(i % 2 == 0 ? &group : &inner, run_one, &wide->ones[i]);
    pt_group_sync(&inner);
    for (uint32_t i = 1; i < wide->count; i += 2)
        wide->wrong += wide->ones[i].runs != 3;
    pt_group_sync(&group);
    pt_group_sync(&group);
}

static void check_wide(void (*call)(pt_pool *pool, struct wide *wide), pt_pool *pool)
{
    static struct wide wide;
    wide.count = (uint32_t)test_scale(SPAWNED) + 3;
    wide.count = wide.count < SPAWNED ? wide.count : SPAWNED;
    wide.wrong = 0;
    for (uint32_t i = 0; i < wide.count; i++)
        wide.ones[i] = (struct one){0, test_seed + i};
    call(pool, &wide);
    assert_int_equal(wide.wrong, 0);
    for (uint32_t i = 0; i < wide.count; i++)
        assert_int_equal(wide.ones[i].runs, 3);
}

static void spawn_in_pool(pt_pool *pool, struct wide *wide)
{
    run(pool, spawn_all, wide);
}

static void spawn_outside(pt_pool *pool, struct wide *wide)
{
    (void)pool;
    spawn_all(wide);
    end_default();
}

static void test_a_group_joins_all_that_it_spawned(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 3; size++) {
        pt_pool *pool = make(size);
        check_wide(spawn_in_pool, pool);
        end(pool);
    }
    check_wide(spawn_outside, NULL);
}

static void spawn_and_leave(void *arg)
{
    struct wide *wide = arg;
    pt_group group = PT_GROUP_INIT;
    for (uint32_t i = 0; i < 20; i++)
        pt_group_spawn(&group, run_one, &wide->ones[i]);
}

static void test_what_a_job_forgets_to_join_is_joined_with_the_job(void **state)
{
    (void)state;
    static struct wide wide;
    pt_pool *pool = make(2);
    for (uint32_t i = 0; i < 20; i++)
        wide.ones[i] = (struct one){0, test_seed + i};
    assert_int_equal(pt_pool_post(pool, spawn_and_leave, &wide), PT_OK);
    end(pool);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(wide.ones[i].runs, 1);
}

/* ---- Waiting ----------------------------------------------------------------------------------------- */

/* A call: of which tree, and where in it: 1 is the root, 2n and 2n + 1 are below n. */
struct call {
    uint32_t tree;
    uint64_t place;
    int depth;
    uint64_t seed;
    uint32_t *wrong;
};

static _Thread_local const struct call *waits; /* the innermost one of this thread that has forked */

/* It runs within that one only if it is below, as it might want what that one has locked. */
static bool may_run(const struct call *call)
{
    if (waits == NULL)
        return true;
    uint64_t place = call->place;
    while (place > waits->place)
        place /= 2;
    return call->tree == waits->tree && place == waits->place;
}

static void run_call(void *arg)
{
    struct call *call = arg;
    const struct call *before = waits;
    uint64_t stream = call->seed;
    if (!may_run(call))
        add_relaxed(call->wrong, 1);
    if (call->depth == 0) {
        test_delay(&stream);
        return;
    }
    struct call left = {call->tree, call->place * 2, call->depth - 1, call->seed * 3, call->wrong};
    struct call right = {call->tree, call->place * 2 + 1, call->depth - 1, call->seed * 5 + 1, call->wrong};
    waits = call;
    pt_fork2(run_call, &left, run_call, &right);
    waits = before;
}

static void test_who_waits_for_a_fork_runs_its_parts_only(void **state)
{
    (void)state;
    enum { TREES = 40 };
    static struct call roots[TREES];
    uint32_t wrong = 0, count = (uint32_t)test_scale(TREES) + 1;
    for (unsigned size = 2; size <= 4; size++) { /* rayon#592 */
        pt_pool *pool = make(size);
        for (uint32_t i = 0; i < count && i < TREES; i++) {
            roots[i] = (struct call){i + 1, 1, test_scale(5000) > 1 ? 6 : 3, test_seed + i, &wrong};
            assert_int_equal(pt_pool_post(pool, run_call, &roots[i]), PT_OK);
        }
        end(pool);
        assert_int_equal(wrong, 0);
    }
}

struct pair {
    pt_event first, second;
};

static void wait_first(void *arg)
{
    struct pair *pair = arg;
    pt_event_wait(&pair->first);
    pt_event_set(&pair->second);
}

static void set_first(void *arg)
{
    struct pair *pair = arg;
    pt_event_set(&pair->first);
    pt_event_wait(&pair->second);
}

static void fork_pair(void *arg)
{
    pt_fork2(wait_first, arg, set_first, arg);
}

/* With one worker no two run at the same time; but one that waits is made up for, and shows what it forked. */
static void test_a_fork_may_wait_for_its_twin(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 2; size++) {
        struct pair pair = {PT_EVENT_INIT, PT_EVENT_INIT};
        pt_pool *pool = make(size);
        assert_int_equal(pt_pool_post(pool, fork_pair, &pair), PT_OK);
        end(pool);
        assert_true(pt_event_is_set(&pair.second));
    }
}

/* ---- A page ------------------------------------------------------------------------------------------ */

struct page_visit {
    struct tree tree;
    pt_status run;
    uint32_t grouped;
};

static void add_one(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
}

static void fork_on_page(void *arg)
{
    struct page_visit *visit = arg;
    pt_group group = PT_GROUP_INIT;
    grow(&visit->tree);
    pt_group_spawn(&group, add_one, &visit->grouped);
    pt_group_sync(&group);
    visit->run = pt_pool_run(pt_pool_default(), nothing, NULL);
}

static void test_a_page_forks_alone(void **state)
{
    (void)state;
    static struct page_visit visit;
    visit = (struct page_visit){.tree = seed_tree(test_seed)};
    if (!test_on_page_thread(fork_on_page, &visit)) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    assert_true(is_right(&visit.tree));
    assert_int_equal(visit.grouped, 1);
    assert_int_equal(visit.run, PT_ERR_NOBLOCK);
    end_default();
}

TEST_MAIN("parallel", TEST(test_a_tree_is_visited_once), TEST(test_several_threads_share_a_pool),
          TEST(test_a_thread_from_outside_forks_in_the_default_pool),
          TEST(test_a_worker_of_one_pool_may_be_a_guest_of_another),
          TEST(test_forks_may_be_nested_ten_thousand_deep), TEST(test_a_group_joins_all_that_it_spawned),
          TEST(test_what_a_job_forgets_to_join_is_joined_with_the_job),
          TEST(test_who_waits_for_a_fork_runs_its_parts_only), TEST(test_a_fork_may_wait_for_its_twin),
          TEST(test_a_page_forks_alone))
