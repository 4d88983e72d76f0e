/* test_once.c: an initialiser succeeds once, is seen by all, and can be tried again after a failure. */
#include "support.h"

#include "atomic.h"

struct site {
    pt_once once;
    int value;         /* written by the initialiser */
    uint32_t attempts; /* atomic */
    uint32_t running;  /* atomic: initialisers that run now; never more than one */
    uint32_t succeed_at;
    uint64_t stream;
    uint32_t refused; /* atomic: callers whose own attempt failed */
};

static pt_status build(void *arg)
{
    struct site *site = arg;
    pt_status status = add_relaxed(&site->running, 1) == 0 ? PT_OK : PT_ERR_DEADLOCK;
    test_delay(&site->stream);
    if (add_relaxed(&site->attempts, 1) + 1 < site->succeed_at)
        status = PT_ERR_NOMEM;
    else
        site->value++;
    sub_acq_rel(&site->running, 1);
    return status;
}

static void call(struct member *member)
{
    struct site *sites = member->shared;
    for (int i = 0; i < test_scale(400); i++) {
        for (;;) {
            pt_status status = pt_once_call(&sites[i].once, build, &sites[i]);
            check(status == PT_OK || status == PT_ERR_NOMEM);
            if (status == PT_OK)
                break;
            add_relaxed(&sites[i].refused, 1);
        }
        check(sites[i].value == 1); /* seen without any lock */
        check(pt_once_is_done(&sites[i].once));
    }
}

static void build_sites(uint32_t succeed_at)
{
    static struct site sites[400];
    for (int i = 0; i < 400; i++)
        sites[i] = (struct site){.once = PT_ONCE_INIT, .succeed_at = succeed_at, .stream = (uint64_t)i};
    crew_run(6, call, sites);
    for (int i = 0; i < test_scale(400); i++) {
        assert_int_equal(sites[i].attempts, succeed_at);
        assert_int_equal(sites[i].refused, succeed_at - 1); /* each failure was told to one caller */
    }
    assert_int_equal(parked(NULL), 0);
}

static void test_it_runs_once_whoever_comes_first(void **state)
{
    (void)state;
    build_sites(1);
}

static void test_a_failure_is_tried_again(void **state)
{
    (void)state;
    build_sites(4);
}

/* ---- Deadlines ----------------------------------------------------------------------------- */

static pt_event entered = PT_EVENT_INIT, may_leave = PT_EVENT_INIT;

static pt_status take_long(void *arg)
{
    (void)arg;
    pt_event_set(&entered);
    pt_event_wait(&may_leave);
    return PT_OK;
}

static void call_slowly(struct member *member)
{
    check(pt_once_call(member->shared, take_long, NULL) == PT_OK);
}

static pt_status never(void *arg)
{
    (void)arg;
    return PT_ERR_INVALID;
}

static void test_a_caller_gives_up_at_its_deadline(void **state)
{
    (void)state;
    pt_once once = PT_ONCE_INIT;
    struct crew *crew = crew_start(1, call_slowly, &once);
    pt_event_wait(&entered);
    pt_until until = pt_after_ms(5);
    assert_int_equal(pt_once_call_until(&once, never, NULL, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(pt_once_call_until(&once, never, NULL, pt_after(0)), PT_ERR_TIMEOUT);
    assert_int_equal(once.word, 1); /* running */
    assert_false(pt_once_is_done(&once));
    pt_event_set(&may_leave);
    crew_join(crew);
    assert_int_equal(pt_once_call(&once, never, NULL), PT_OK);
    assert_int_equal(pt_once_call(&once, NULL, NULL), PT_ERR_INVALID);
}

TEST_MAIN("once", TEST(test_it_runs_once_whoever_comes_first), TEST(test_a_failure_is_tried_again),
          TEST(test_a_caller_gives_up_at_its_deadline))
