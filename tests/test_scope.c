/* test_scope.c: threads of a scope are joined however it is left, and their first error is kept. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "atomic.h"

static uint32_t running; /* atomic */

static void *work(void *arg)
{
    uint64_t stream = (uintptr_t)arg;
    test_delay(&stream);
    sub_acq_rel(&running, 1);
    return arg;
}

static bool start(pt_scope *scope, int n)
{
    for (int i = 0; i < n; i++) {
        add_relaxed(&running, 1);
        if (pt_scope_spawn(scope, NULL, work, &running + i) != PT_OK)
            return false;
    }
    return true;
}

/* Leave a block in several ways. */
static int leave(int way)
{
    for (int i = 0; i < 3; i++) {
        PT_SCOPE(scope);
        if (!start(&scope, 4))
            return -1;
        if (way == 0)
            return 0;
        if (way == 1)
            break;
        if (way == 2)
            goto out;
        if (way == 3)
            continue;
        if (pt_scope_join(&scope, NULL) != PT_OK)
            return -1;
    }
out:
    return load_relaxed(&running) == 0 ? 0 : -1;
}

static void test_every_exit_joins(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(50); i++) {
        for (int way = 0; way <= 4; way++) {
            assert_int_equal(leave(way), 0);
            assert_int_equal(running, 0);
        }
    }
}

static void *end_badly(void *arg)
{
    return pt_thread_fail(7, arg);
}

static void test_the_first_error_is_kept(void **state)
{
    (void)state;
    pt_scope scope = PT_SCOPE_INIT;
    pt_error error = {0, "untouched"};
    assert_true(start(&scope, 3));
    assert_int_equal(pt_scope_join(&scope, &error), PT_OK);
    assert_string_equal(error.message, "untouched");
    assert_int_equal(pt_scope_spawn(&scope, NULL, end_badly, "out of paper"), PT_OK);
    assert_true(start(&scope, 2));
    assert_int_equal(pt_scope_join(&scope, &error), PT_ERR_FAILED);
    assert_int_equal(error.code, 7);
    assert_string_equal(error.message, "out of paper");
    assert_int_equal(pt_scope_join(&scope, &error), PT_OK); /* said once; the scope can be used again */
    assert_int_equal(pt_scope_spawn(&scope, NULL, end_badly, NULL), PT_OK);
    assert_int_equal(pt_scope_join(&scope, NULL), PT_ERR_FAILED);
}

static void *wait_for_event(void *arg)
{
    pt_event_wait(arg);
    return NULL;
}

static void test_join_can_give_up(void **state)
{
    (void)state;
    pt_scope scope = PT_SCOPE_INIT;
    pt_event event = PT_EVENT_INIT;
    pt_cancel *cancel;
    assert_int_equal(pt_cancel_create(&cancel, PT_FOREVER), PT_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pt_scope_spawn(&scope, NULL, wait_for_event, &event), PT_OK);
    assert_int_equal(pt_scope_join_until(&scope, NULL, pt_after_ms(2)), PT_ERR_TIMEOUT);
    pt_cancel_request(cancel, NULL);
    assert_int_equal(pt_scope_join_until(&scope, NULL, pt_cancelled_by(cancel)), PT_ERR_CANCELLED);
    pt_event_set(&event);
    assert_int_equal(pt_scope_join(&scope, NULL), PT_OK);
    pt_cancel_release(cancel);
}

/* ---- Threads that start more -------------------------------------------------------------------------------- */

struct family {
    pt_scope scope;
    uint32_t born; /* atomic */
};

static void *multiply(void *arg)
{
    struct family *family = arg;
    uint32_t number = add_relaxed(&family->born, 1);
    pt_status status = PT_OK;
    for (int i = 0; i < 2 && number < 7 && status == PT_OK; i++)
        status = pt_scope_spawn(&family->scope, NULL, multiply, family);
    return status == PT_OK ? NULL : pt_thread_fail(status, pt_strerror(status));
}

static void test_threads_may_start_more(void **state)
{
    (void)state;
    struct family family = {.scope = PT_SCOPE_INIT};
    pt_error error = {0, ""};
    assert_int_equal(pt_scope_spawn(&family.scope, NULL, multiply, &family), PT_OK);
    pt_status status = pt_scope_join(&family.scope, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(status, PT_OK);
    assert_int_equal(family.born, 15);
}

static void test_what_cannot_be_started_is_said(void **state)
{
    (void)state;
    pt_scope scope = PT_SCOPE_INIT;
    pt_thread_config detached = {.detached = true};
    assert_int_equal(pt_scope_spawn(&scope, &detached, work, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_scope_spawn(&scope, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_scope_join(&scope, NULL), PT_OK);
}

/* ---- Threads that cannot be joined ----------------------------------------------------------------------------- */

static void *detach_oneself(void *arg)
{
    pt_thread_detach(pt_thread_retain(pt_thread_current()));
    pt_event_set(arg);
    return NULL;
}

static void test_one_that_detached_itself_is_let_go(void **state)
{
    (void)state;
    pt_event detached = PT_EVENT_INIT;
    for (int way = 0; way < 2; way++) {
        PT_SCOPE(scope);
        pt_event_reset(&detached);
        assert_true(start(&scope, 1));
        assert_int_equal(pt_scope_spawn(&scope, NULL, detach_oneself, &detached), PT_OK);
        assert_true(start(&scope, 1));
        pt_event_wait(&detached);
        if (way == 0)
            assert_int_equal(pt_scope_join(&scope, NULL), PT_OK);
    }
    assert_int_equal(running, 0); /* the others are joined even so */
}

TEST_MAIN("scope", TEST(test_every_exit_joins), TEST(test_the_first_error_is_kept), TEST(test_join_can_give_up),
          TEST(test_threads_may_start_more), TEST(test_what_cannot_be_started_is_said),
          TEST(test_one_that_detached_itself_is_let_go))
