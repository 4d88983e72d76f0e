/* test_tls.c: each thread's own values: empty at first, destroyed at the end in order, again while destructors set them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "atomic.h"

static void *in_thread(pt_reuse reuse, pt_thread_function function, void *arg)
{
    pt_thread *thread;
    void *result;
    pt_thread_config config = {.reuse = reuse};
    assert_int_equal(pt_thread_spawn(&thread, &config, function, arg), PT_OK);
    assert_int_equal(pt_thread_join(thread, &result), PT_OK);
    pt_thread_release(thread);
    return result;
}

/* ---- Order -------------------------------------------------------------------------------------------- */

static char history[64]; /* of the one thread that a test starts */

static void note(void *value)
{
    size_t length = strlen(history);
    if (length + 1 < sizeof history) {
        history[length] = *(const char *)value;
        history[length + 1] = 0;
    }
}

static pt_tls first = PT_TLS_INIT(note), second = PT_TLS_INIT(note), third = PT_TLS_INIT(note),
              bare = PT_TLS_INIT(NULL);

static void *set_three(void *arg)
{
    if (pt_tls_get(&first) != NULL || pt_tls_get(&second) != NULL || pt_tls_get(&third) != NULL)
        return "not empty";
    if (pt_tls_set(&third, "c") != PT_OK || pt_tls_set(&first, "x") != PT_OK || pt_tls_set(&second, "b") != PT_OK ||
        pt_tls_set(&first, "a") != PT_OK || pt_tls_set(&bare, "-") != PT_OK)
        return "no memory";
    if (arg != NULL && (pt_tls_set(&second, NULL) != PT_OK || pt_tls_set(&third, NULL) != PT_OK ||
                        pt_tls_set(&third, "d") != PT_OK))
        return "no memory";
    return strcmp(pt_tls_get(&first), "a") == 0 ? NULL : "not mine";
}

static void test_the_last_set_is_destroyed_first(void **state)
{
    (void)state;
    for (pt_reuse reuse = PT_REUSE_AUTO; reuse <= PT_REUSE_NEVER; reuse++) {
        history[0] = 0;
        assert_null(in_thread(reuse, set_three, NULL));
        assert_string_equal(history, "bac");
        history[0] = 0;
        assert_null(in_thread(reuse, set_three, history)); /* second is NULL again, third was for a moment */
        assert_string_equal(history, "da");
    }
    assert_null(pt_tls_get(&first)); /* here it was never set */
}

/* ---- Destructors that set values ------------------------------------------------------------------------ */

static void set_again(void *value);
static pt_tls stubborn = PT_TLS_INIT(set_again), friend = PT_TLS_INIT(note);

static void set_again(void *value)
{
    note("s");
    if (pt_tls_get(&stubborn) != NULL || pt_tls_set(&stubborn, value) != PT_OK || pt_tls_set(&friend, "f") != PT_OK)
        note("!");
}

static void *set_stubborn(void *arg)
{
    return pt_tls_set(&stubborn, arg) == PT_OK ? NULL : "no memory";
}

static void test_values_that_destructors_set_are_destroyed_too(void **state)
{
    (void)state;
    history[0] = 0;
    assert_null(in_thread(PT_REUSE_ALWAYS, set_stubborn, history));
    assert_string_equal(history, "sfsfsfsfsfsfsfsf"); /* PT_TLS_ROUNDS each */
}

/* ---- Foreign threads ------------------------------------------------------------------------------------- */

static void *foreign(void *arg)
{
    (void)arg;
    return set_three(NULL);
}

static void test_foreign_threads_have_values_too(void **state)
{
    (void)state;
    NOT_SIMULATED("threads that are not its own");
    pthread_t thread;
    void *result;
    history[0] = 0;
    assert_int_equal(pthread_create(&thread, NULL, foreign, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_string_equal(history, "bac");
}

/* ---- Many ------------------------------------------------------------------------------------------------ */

enum { MANY = 300 };
static pt_tls many[MANY];
static uint32_t made, destroyed; /* atomic */

static void count_and_free(void *value)
{
    add_relaxed(&destroyed, 1);
    free(value);
}

static void use_many(struct member *member)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            pt_tls *tls = &many[(i * 7 + member->index) % MANY];
            int *value = pt_tls_get(tls);
            if (value == NULL) {
                value = malloc(sizeof *value);
                check(value != NULL && pt_tls_set(tls, value) == PT_OK);
                *value = member->index;
                add_relaxed(&made, 1);
            }
            check(*value == member->index && pt_tls_get(tls) == value);
        }
    }
}

static void test_many_threads_many_values(void **state)
{
    (void)state;
    made = destroyed = 0;
    for (int i = 0; i < MANY; i++)
        many[i] = (pt_tls)PT_TLS_INIT(count_and_free);
    crew_run(8, use_many, NULL);
    assert_int_equal(made, 8 * MANY);
    assert_int_equal(destroyed, made);
    for (int i = 0; i < MANY; i++)
        pt_tls_destroy(&many[i]);
}

static void test_destroyed_keys_are_forgotten_everywhere(void **state)
{
    (void)state;
    destroyed = 0;
    int value = 1;
    for (int i = 0; i < 1000; i++) { /* places are used again: the tables do not grow */
        pt_tls tls = PT_TLS_INIT(count_and_free);
        assert_null(pt_tls_get(&tls));
        assert_int_equal(pt_tls_set(&tls, &value), PT_OK);
        assert_ptr_equal(pt_tls_get(&tls), &value);
        pt_tls_destroy(&tls);
        assert_null(pt_tls_get(&tls));
        pt_tls_destroy(&tls);
    }
    assert_int_equal(destroyed, 0);
}

static void *set_then_destroy(void *arg)
{
    pt_tls *tls = arg;
    if (pt_tls_set(tls, "v") != PT_OK)
        return "no memory";
    pt_tls_destroy(tls);
    return NULL;
}

static void test_no_destructor_after_destroy(void **state)
{
    (void)state;
    pt_tls tls = PT_TLS_INIT(note);
    history[0] = 0;
    assert_null(in_thread(PT_REUSE_AUTO, set_then_destroy, &tls));
    assert_string_equal(history, "");
}

/* ---- No memory ------------------------------------------------------------------------------------------- */

static int allocations_left;

static void *allocate_some(size_t size, void *context)
{
    (void)context;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void deallocate(void *block, void *context)
{
    (void)context;
    free(block);
}

static void test_no_memory_leaves_the_old_value(void **state)
{
    (void)state;
    const pt_allocator stingy = {allocate_some, deallocate, NULL};
    pt_thread_current(); /* has a record from here on */
    assert_int_equal(pt_set_allocator(&stingy), PT_OK);
    pt_tls some[600];
    for (int i = 0; i < 600; i++) {
        pt_status status;
        some[i] = (pt_tls)PT_TLS_INIT(NULL);
        int n = 0;
        do {
            allocations_left = n++;
            status = pt_tls_set(&some[i], &some[i]);
            assert_true(status == PT_OK || (status == PT_ERR_NOMEM && pt_tls_get(&some[i]) == NULL));
        } while (status != PT_OK && n < 10);
        assert_int_equal(status, PT_OK);
        for (int j = 0; j <= i; j += 50)
            assert_ptr_equal(pt_tls_get(&some[j]), &some[j]);
    }
    for (int i = 0; i < 600; i++)
        pt_tls_destroy(&some[i]);
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

TEST_MAIN("tls", TEST(test_the_last_set_is_destroyed_first),
          TEST(test_values_that_destructors_set_are_destroyed_too), TEST(test_foreign_threads_have_values_too),
          TEST(test_many_threads_many_values), TEST(test_destroyed_keys_are_forgotten_everywhere),
          TEST(test_no_destructor_after_destroy), TEST(test_no_memory_leaves_the_old_value))
