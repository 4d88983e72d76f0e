/* test_memory.c: whatever allocation fails, the call says so, nothing is half done, and nothing is leaked. */
#include "counting.h"
#include "support.h"

#include "atomic.h"

/* Do it with each of its allocations failing in turn, until none fails any more. It says PT_ERR_NOMEM then and only then. */
static void fail_in_turn(pt_status (*operation)(void))
{
    pt_status status;
    uint32_t n = 0;
    do {
        n++;
        pt_thread_trim(); /* a parked carrier would spare an allocation, and so would what is kept */
        pt_memory_trim();
        uint32_t before = load_relaxed(&blocks);
        fail_allocation(n);
        status = operation();
        bool failed = load_relaxed(&asked) >= n;
        store_relaxed(&fail_at, 0);
        assert_int_equal(status, failed ? PT_ERR_NOMEM : PT_OK);
        for (; load_relaxed(&blocks) != before; pt_thread_yield()) { /* the watchdog is the limit */
            pt_thread_trim(); /* a thread may be on its last steps, and park its carrier then */
            pt_memory_trim();
        }
    } while (status != PT_OK);
    assert_true(n > 1);
}

/* ---- The operations ------------------------------------------------------------------------------------------ */

static void *nothing(void *arg)
{
    return arg;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static pt_status spawn(pt_reuse reuse, bool detached)
{
    pt_thread *thread = NULL;
    const pt_thread_config config = {.reuse = reuse, .detached = detached};
    pt_status status;
    while ((status = pt_thread_spawn(&thread, &config, nothing, NULL)) == PT_ERR_AGAIN)
        pt_thread_yield();
    if (status != PT_OK)
        return thread == NULL ? status : PT_ERR_FAILED;
    status = pt_thread_join(thread, NULL);
    pt_thread_release(thread);
    return status == (detached ? PT_ERR_INVALID : PT_OK) ? PT_OK : PT_ERR_FAILED;
}

static pt_status spawn_new(void)
{
    return spawn(PT_REUSE_NEVER, false);
}

static pt_status spawn_reused(void)
{
    return spawn(PT_REUSE_ALWAYS, false);
}

static pt_status spawn_detached(void)
{
    return spawn(PT_REUSE_AUTO, true);
}

static pt_status scope(void)
{
    pt_scope two = PT_SCOPE_INIT;
    pt_status status = PT_OK;
    for (int i = 0; i < 2 && (status == PT_OK || status == PT_ERR_AGAIN); i++)
        status = pt_scope_spawn(&two, NULL, nothing, NULL);
    pt_status joined = pt_scope_join(&two, NULL);
    return joined == PT_OK ? status : joined;
}

static pt_status tokens(void)
{
    pt_cancel *parent = NULL, *child = NULL;
    pt_status status = pt_cancel_create(&parent, PT_FOREVER);
    if (status != PT_OK)
        return parent == NULL ? status : PT_ERR_FAILED;
    status = pt_cancel_create(&child, pt_cancelled_by(parent));
    pt_cancel_release(parent);
    pt_cancel_release(child);
    return status;
}

/* AGAIN: no thread, as above. */
static pt_status timers(void)
{
    pt_timer *ticking = NULL, *calling = NULL;
    pt_status status;
    while ((status = pt_timer_create(&ticking, 0, 0)) == PT_ERR_AGAIN)
        pt_thread_yield();
    if (status != PT_OK)
        return ticking == NULL ? status : PT_ERR_FAILED;
    status = pt_timer_create_calling(&calling, PT_SECOND, 0, do_nothing, NULL);
    if (status == PT_OK) {
        uint32_t before = load_relaxed(&asked); /* from here on nothing is allocated */
        status = pt_timer_reset(ticking, 0, PT_MICROSECOND);
        pt_timer_stop(ticking);
        if (load_relaxed(&asked) != before)
            status = PT_ERR_FAILED;
    }
    pt_timer_release(ticking);
    pt_timer_release(calling);
    return status;
}

static pt_status timed_hook(void)
{
    pt_cancel *token = NULL;
    pt_cancel_hook hook;
    pt_status status = pt_cancel_create(&token, pt_after(PT_SECOND * 1000));
    if (status != PT_OK)
        return status;
    while ((status = pt_cancel_hook_add(token, &hook, do_nothing, NULL)) == PT_ERR_AGAIN)
        pt_thread_yield();
    pt_cancel_hook_remove(&hook);
    pt_cancel_release(token);
    return status;
}

/* All that is allocated is the future, and the token that somebody asks for. */
static pt_status futures(void)
{
    static pt_ready_hook hook;
    pt_future *future = NULL;
    pt_status status = pt_future_create(&future, NULL);
    if (status != PT_OK)
        return future == NULL ? status : PT_ERR_FAILED;
    status = pt_future_start(future);
    if (status == PT_OK && pt_future_cancel(future) != PT_ERR_BUSY)
        status = PT_ERR_FAILED;
    if (status == PT_OK && pt_future_token(future) == NULL)
        status = PT_ERR_NOMEM;
    uint32_t before = load_relaxed(&asked); /* from here on nothing is allocated */
    if (pt_future_on_ready(future, &hook, do_nothing, NULL) != PT_OK || pt_future_fail(future, 1, "no") != PT_OK ||
        pt_future_get(future, NULL) != PT_ERR_FAILED || load_relaxed(&asked) != before)
        status = PT_ERR_FAILED;
    pt_future_release(future);
    return status;
}

static pt_status value(void)
{
    pt_tls tls = PT_TLS_INIT(NULL);
    pt_status status = pt_tls_set(&tls, &tls);
    if ((status == PT_OK) != (pt_tls_get(&tls) == &tls))
        status = PT_ERR_FAILED;
    pt_tls_destroy(&tls);
    return status;
}

/* In a thread that ends, so that its table is freed. */
static void *set_value(void *arg)
{
    *(pt_status *)arg = value();
    return NULL;
}

static pt_status value_in_thread(void)
{
    pt_status inside = PT_OK;
    pt_thread *thread;
    const pt_thread_config config = {.reuse = PT_REUSE_NEVER};
    pt_status status;
    while ((status = pt_thread_spawn(&thread, &config, set_value, &inside)) == PT_ERR_AGAIN)
        pt_thread_yield();
    if (status != PT_OK)
        return status;
    pt_thread_join(thread, NULL);
    pt_thread_release(thread);
    return inside;
}

static void test_each_allocation_in_turn(void **state)
{
    (void)state;
    pt_tls first = PT_TLS_INIT(NULL);
    pt_thread_current();
    assert_int_equal(pt_tls_set(&first, &first), PT_OK); /* the table of all pt_tls is made once, and stays */
    pt_thread_trim();
    count_blocks();
    fail_in_turn(spawn_new);
    fail_in_turn(spawn_reused);
    fail_in_turn(spawn_detached);
    fail_in_turn(scope);
    fail_in_turn(tokens);
    fail_in_turn(timers);
    fail_in_turn(timed_hook);
    fail_in_turn(futures);
    fail_in_turn(value_in_thread);
    stop_counting();
    pt_tls_destroy(&first);
}

/* What waits, wakes, cancels or ends allocates nothing. */
static void test_waiting_allocates_nothing(void **state)
{
    (void)state;
    pt_mutex mutex = PT_MUTEX_INIT;
    pt_cond cond = PT_COND_INIT;
    pt_event event = PT_EVENT_INIT;
    pt_semaphore semaphore = PT_SEMAPHORE_INIT(0);
    pt_cancel *token;
    pt_thread_current();
    count_blocks();
    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    uint32_t before = load_relaxed(&asked);
    for (int i = 0; i < 2; i++) {
        pt_until until = pt_or_cancelled_by(pt_after(PT_MILLISECOND), token);
        pt_status expected = i == 0 ? PT_ERR_TIMEOUT : PT_ERR_CANCELLED;
        pt_mutex_lock(&mutex);
        assert_int_equal(pt_cond_wait_until(&cond, &mutex, until), expected);
        pt_mutex_unlock(&mutex);
        assert_int_equal(pt_event_wait_until(&event, until), expected);
        assert_int_equal(pt_semaphore_wait_until(&semaphore, until), expected);
        pt_cancel_request(token, "enough");
    }
    assert_int_equal(load_relaxed(&asked), before);
    pt_cancel_release(token);
    stop_counting();
}

TEST_MAIN("memory", TEST(test_each_allocation_in_turn), TEST(test_waiting_allocates_nothing))
