/* test_pool.c: every job is run once, or dropped once, or refused; whoever waits inside a job is made up for; a pool ends. */
#include "support.h"

#include <string.h>

#include "atomic.h"

static pt_pool *make(unsigned size, unsigned most)
{
    pt_pool *pool = NULL;
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = size, .most = most}), PT_OK);
    return pool;
}

static void end(pt_pool *pool)
{
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
}

static pt_future *submit(pt_pool *pool, pt_task_function function, void *arg)
{
    pt_future *future = NULL;
    pt_status status = pt_pool_submit(pool, &future, function, arg, NULL);
    if (status != PT_OK)
        fail_msg("submit: %s", pt_strerror(status));
    return future;
}

static void *get(pt_future *future)
{
    void *result = NULL;
    assert_int_equal(pt_future_get(future, &result), PT_OK);
    pt_future_release(future);
    return result;
}

static void count(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
}

static void set(void *event)
{
    pt_event_set(event);
}

static void *echo(void *arg)
{
    return arg;
}

static void *wait_for(void *event)
{
    pt_event_wait(event);
    return event;
}

/* ---- Jobs -------------------------------------------------------------------------------------------- */

enum { POSTERS = 3, OF_EACH = 2000, CHILDREN = 2 };

struct load;

struct work {
    struct load *load;
    uint32_t runs, drops;
    bool posted; /* by an outsider, or by its parent */
    int children;
};

struct load {
    pt_pool *pool;
    struct work work[POSTERS * OF_EACH][1 + CHILDREN];
    uint32_t each; /* jobs a poster posts */
    uint32_t failed;
};

static void run_work(void *arg)
{
    struct work *work = arg;
    uint64_t stream = test_seed ^ (uint64_t)(work - work->load->work[0]);
    test_delay(&stream);
    add_relaxed(&work->runs, 1);
    for (int i = 1; i <= work->children; i++) {
        pt_status status = pt_pool_post(work->load->pool, run_work, work + i);
        work[i].posted = status == PT_OK;
        if (status != PT_OK && status != PT_ERR_CLOSED)
            add_relaxed(&work->load->failed, 1);
    }
}

/* Post until the pool is closed. */
static void post_some(struct member *member)
{
    struct load *load = member->shared;
    for (uint32_t i = 0; i < load->each; i++) {
        struct work *work = load->work[(uint32_t)member->index * load->each + i];
        pt_job_priority priority = (pt_job_priority)(test_random(&member->stream) % 3);
        test_delay(&member->stream);
        pt_status status = pt_pool_post_until(load->pool, run_work, work, priority, PT_FOREVER);
        check(status == PT_OK || status == PT_ERR_CLOSED);
        work->posted = status == PT_OK;
    }
}

static void prepare_load(struct load *load)
{
    *load = (struct load){.each = (uint32_t)test_scale(OF_EACH)};
    for (uint32_t i = 0; i < POSTERS * load->each; i++) {
        for (int j = 0; j <= CHILDREN; j++)
            load->work[i][j] = (struct work){.load = load, .children = j == 0 ? CHILDREN : 0};
    }
}

/* Each that was posted came to one end. */
static uint32_t check_load(const struct load *load, bool all)
{
    uint32_t run = 0;
    assert_int_equal(load->failed, 0);
    for (uint32_t i = 0; i < POSTERS * load->each; i++) {
        for (int j = 0; j <= CHILDREN; j++) {
            const struct work *work = &load->work[i][j];
            assert_int_equal(work->runs + work->drops, work->posted);
            if (all)
                assert_int_equal(work->runs, 1);
            run += work->runs;
        }
    }
    return run;
}

static void test_every_job_is_run_once(void **state)
{
    (void)state;
    static struct load load;
    static const unsigned sizes[][2] = {{1, 1}, {2, 3}, {4, 8}};
    for (int i = 0; i < 3; i++) {
        prepare_load(&load);
        load.pool = make(sizes[i][0], sizes[i][1]);
        crew_run(POSTERS, post_some, &load);
        end(load.pool); /* runs what is queued */
        check_load(&load, true);
    }
}

static void note_drop(pt_job_function job, void *job_arg, void *arg)
{
    (void)arg;
    struct work *work = job_arg;
    if (job == run_work)
        work->drops++;
}

static void test_a_closing_pool_loses_no_job(void **state)
{
    (void)state;
    static struct load load;
    for (int how = PT_SHUTDOWN_DRAIN; how <= PT_SHUTDOWN_CANCEL; how++) {
        prepare_load(&load);
        pt_pool_config config = {.size = 2, .most = 3, .on_drop = note_drop};
        assert_int_equal(pt_pool_create(&load.pool, &config), PT_OK);
        struct crew *crew = crew_start(POSTERS, post_some, &load);
        uint64_t stream = test_seed;
        for (int i = 0; i < 20; i++)
            test_delay(&stream);
        assert_int_equal(pt_pool_shutdown(load.pool, (pt_shutdown)how), PT_OK);
        crew_join(crew);
        pt_pool_stats stats;
        assert_int_equal(pt_pool_get_stats(load.pool, &stats), PT_OK);
        assert_int_equal(stats.threads, 0);
        assert_int_equal(stats.queued, 0);
        assert_int_equal(stats.run, check_load(&load, false));
        assert_int_equal(pt_pool_post(load.pool, run_work, load.work[0]), PT_ERR_CLOSED);
        pt_pool_release(load.pool);
    }
}

static void test_the_last_handle_closes_the_pool(void **state)
{
    (void)state;
    uint32_t runs = 0;
    pt_event gone = PT_EVENT_INIT;
    pt_pool *pool;
    pt_pool_config config = {.size = 1, .most = 1, .on_stop = set, .arg = &gone};
    assert_int_equal(pt_pool_create(&pool, &config), PT_OK);
    assert_ptr_equal(pt_pool_retain(pool), pool);
    pt_pool_release(pool);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pt_pool_post(pool, count, &runs), PT_OK);
    pt_pool_release(pool);
    pt_event_wait(&gone);
    assert_int_equal(load_relaxed(&runs), 10);
}

/* ---- Order ------------------------------------------------------------------------------------------- */

struct order {
    uint32_t next, wrong;
};

struct numbered {
    struct order *order;
    uint32_t number;
};

static void note_order(void *arg)
{
    struct numbered *job = arg;
    job->order->wrong += job->order->next++ != job->number;
}

enum { NUMBERED = 300 };
static struct numbered numbered[NUMBERED];

static void number(struct order *order)
{
    *order = (struct order){0, 0};
    for (uint32_t i = 0; i < NUMBERED; i++)
        numbered[i] = (struct numbered){order, i};
}

static void test_one_worker_begins_jobs_in_their_order(void **state)
{
    (void)state;
    struct order order;
    pt_job jobs[NUMBERED];
    for (int many = 0; many < 2; many++) {
        pt_pool *pool = make(1, 1);
        number(&order);
        for (uint32_t i = 0; i < NUMBERED; i++) {
            jobs[i] = (pt_job){note_order, &numbered[i]};
            if (!many)
                assert_int_equal(pt_pool_post(pool, note_order, &numbered[i]), PT_OK);
        }
        size_t posted = 0;
        if (many) {
            assert_int_equal(pt_pool_post_many(pool, jobs, NUMBERED, &posted, PT_FOREVER), PT_OK);
            assert_int_equal(posted, NUMBERED);
        }
        end(pool);
        assert_int_equal(order.next, NUMBERED);
        assert_int_equal(order.wrong, 0);
    }
}

static uint32_t counted[NUMBERED];

static void post_all(void *arg)
{
    uint32_t *refused = arg;
    for (uint32_t i = 0; i < NUMBERED; i++) /* more than a worker's ring has room for */
        *refused += pt_pool_post(pt_pool_current(), count, &counted[i]) != PT_OK;
}

static void test_a_job_may_post_more_than_its_worker_keeps(void **state)
{
    (void)state;
    uint32_t refused = 0;
    pt_pool *pool = make(1, 1);
    memset(counted, 0, sizeof counted);
    assert_int_equal(pt_pool_post(pool, post_all, &refused), PT_OK);
    end(pool);
    assert_int_equal(refused, 0);
    for (uint32_t i = 0; i < NUMBERED; i++)
        assert_int_equal(counted[i], 1);
}

/* ---- Answers ----------------------------------------------------------------------------------------- */

static void *fail_task(void *arg)
{
    (void)!pt_future_fail(pt_future_current(), 7, "no such file");
    return arg;
}

static void *sleep_until_cancelled(void *arg)
{
    pt_event_set(arg);
    pt_status status = pt_sleep_until(pt_cancelled_by(pt_future_token(pt_future_current())));
    return status == PT_ERR_CANCELLED ? arg : NULL;
}

static void lose(void *result, void *arg)
{
    (void)result;
    count(arg);
}

static void test_an_answer_comes_or_an_error(void **state)
{
    (void)state;
    pt_error error;
    uint32_t value = 0, lost = 0;
    pt_pool *pool = make(2, 4);
    assert_ptr_equal(get(submit(pool, echo, &value)), &value);
    assert_null(pt_future_current());

    pt_task_config config = {.priority = PT_JOB_HIGH, .future = {.destroy = lose, .arg = &lost}};
    pt_future *future;
    assert_int_equal(pt_pool_submit(pool, &future, fail_task, &value, &config), PT_OK);
    assert_int_equal(pt_future_get(future, NULL), PT_ERR_FAILED);
    assert_int_equal(pt_future_error(future, &error), PT_OK);
    assert_int_equal(error.code, 7);
    assert_string_equal(error.message, "no such file");
    pt_future_release(future);
    assert_int_equal(pt_pool_submit(pool, NULL, echo, &value, &config), PT_OK);
    end(pool);
    assert_int_equal(lost, 2); /* what came too late, and what nobody wanted */
}

static void test_an_answer_outlives_its_pool(void **state)
{
    (void)state;
    int value;
    pt_pool *pool = make(1, 1);
    pt_future *future = submit(pool, echo, &value);
    end(pool);
    assert_ptr_equal(get(future), &value);
}

static void test_what_is_cancelled_never_begins_or_is_asked(void **state)
{
    (void)state;
    uint32_t runs = 0;
    pt_event begun = PT_EVENT_INIT;
    pt_pool *pool = make(1, 1);
    pt_future *running = submit(pool, sleep_until_cancelled, &begun);
    pt_event_wait(&begun);
    pt_future *pending = submit(pool, wait_for, &runs); /* would wait for something that is no event */
    assert_int_equal(pt_future_cancel(pending), PT_OK);
    assert_int_equal(pt_future_get(pending, NULL), PT_ERR_ABORTED);
    pt_future_release(pending);
    assert_int_equal(pt_future_cancel(running), PT_ERR_BUSY);
    assert_ptr_equal(get(running), &begun);
    end(pool);
}

static void test_a_pool_that_cancels_asks_who_runs(void **state)
{
    (void)state;
    pt_event begun = PT_EVENT_INIT;
    pt_pool *pool = make(1, 1);
    pt_future *running = submit(pool, sleep_until_cancelled, &begun);
    pt_event_wait(&begun);
    pt_future *pending = submit(pool, echo, &begun);
    assert_int_equal(pt_pool_shutdown_until(pool, PT_SHUTDOWN_DRAIN, pt_at(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_pool_shutdown(pool, PT_SHUTDOWN_CANCEL), PT_OK);
    assert_ptr_equal(get(running), &begun);
    assert_int_equal(pt_future_get(pending, NULL), PT_ERR_ABORTED);
    pt_future_release(pending);
    pt_pool_release(pool);
}

static void test_many_are_submitted_at_once(void **state)
{
    (void)state;
    enum { TASKS = 20 };
    pt_task tasks[TASKS];
    pt_future *futures[TASKS];
    pt_pool *pool = make(2, 2);
    for (int i = 0; i < TASKS; i++)
        tasks[i] = (pt_task){echo, &tasks[i]};
    assert_int_equal(pt_pool_submit_many(pool, futures, tasks, TASKS, NULL), PT_OK);
    for (int i = 0; i < TASKS; i++)
        assert_ptr_equal(get(futures[i]), &tasks[i]);
    tasks[TASKS - 1].function = NULL;
    assert_int_equal(pt_pool_submit_many(pool, futures, tasks, TASKS, NULL), PT_ERR_INVALID);
    for (int i = 0; i < TASKS; i++)
        assert_null(futures[i]);
    end(pool);
}

static void test_a_delayed_job_comes_later(void **state)
{
    (void)state;
    pt_future *soon, *late;
    pt_pool *pool = make(1, 1);
    pt_time before = pt_now();
    pt_task_config config = {.after = 5 * PT_MILLISECOND};
    assert_int_equal(pt_pool_submit(pool, &soon, echo, &config, &config), PT_OK);
    config.after = 3600 * PT_SECOND;
    assert_int_equal(pt_pool_submit(pool, &late, echo, &config, &config), PT_OK);
    assert_ptr_equal(get(soon), &config);
    assert_true(pt_now() - before >= 5 * PT_MILLISECOND);
    end(pool);
    assert_int_equal(pt_future_get(late, NULL), PT_ERR_ABORTED);
    pt_future_release(late);
}

/* ---- Limits and priorities --------------------------------------------------------------------------- */

struct poster {
    pt_pool *pool;
    pt_event begun, go;
    uint32_t runs, closed;
};

static void post_one(struct member *member)
{
    struct poster *poster = member->shared;
    pt_status status = pt_pool_post(poster->pool, count, &poster->runs);
    check(status == PT_OK || status == PT_ERR_CLOSED);
    if (status == PT_ERR_CLOSED)
        add_relaxed(&poster->closed, 1);
}

static void begin_and_wait(void *arg)
{
    struct poster *poster = arg;
    pt_event_set(&poster->begun);
    pt_event_wait(&poster->go);
}

struct ranked {
    uint32_t *next, place;
};

static void note_place(void *arg)
{
    struct ranked *job = arg;
    job->place = (*job->next)++;
}

static void test_priorities_count_and_age(void **state)
{
    (void)state;
    enum { EACH = 50, LOW = 0, NORMAL = EACH, HIGH = 2 * EACH, ALL = 3 * EACH };
    static const pt_job_priority posted[] = {PT_JOB_LOW, PT_JOB_NORMAL, PT_JOB_HIGH};
    struct ranked jobs[ALL];
    uint32_t next = 0;
    struct poster poster = {.begun = PT_EVENT_INIT, .go = PT_EVENT_INIT};
    pt_pool *pool = make(1, 1);
    assert_int_equal(pt_pool_post(pool, begin_and_wait, &poster), PT_OK);
    pt_event_wait(&poster.begun);
    for (int i = 0; i < ALL; i++) {
        jobs[i] = (struct ranked){&next, 0};
        assert_int_equal(pt_pool_post_until(pool, note_place, &jobs[i], posted[i / EACH], PT_FOREVER), PT_OK);
    }
    pt_event_set(&poster.go);
    end(pool);
    for (int i = 1; i < ALL; i++)
        assert_true(i % EACH == 0 || jobs[i].place > jobs[i - 1].place);
    assert_true(jobs[HIGH + EACH - 1].place < jobs[NORMAL + EACH - 1].place);
    assert_true(jobs[NORMAL + EACH - 1].place < jobs[LOW + EACH - 1].place);
    assert_true(jobs[LOW].place < jobs[HIGH + EACH - 1].place); /* they age */
    assert_true(jobs[NORMAL].place < jobs[HIGH + EACH - 1].place);
}

static void test_a_full_pool_makes_wait_or_refuses(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct poster poster = {.begun = PT_EVENT_INIT, .go = PT_EVENT_INIT};
        pt_pool_config config = {.size = 1, .most = 1, .limit = 2};
        assert_int_equal(pt_pool_create(&poster.pool, &config), PT_OK);
        assert_int_equal(pt_pool_post(poster.pool, begin_and_wait, &poster), PT_OK);
        pt_event_wait(&poster.begun);
        assert_int_equal(pt_pool_try_post(poster.pool, count, &poster.runs), PT_OK);
        assert_int_equal(pt_pool_try_post(poster.pool, count, &poster.runs), PT_OK);
        assert_int_equal(pt_pool_try_post(poster.pool, count, &poster.runs), PT_ERR_BUSY);
        assert_int_equal(pt_pool_post_until(poster.pool, count, &poster.runs, PT_JOB_NORMAL, pt_after_ms(1)),
                         PT_ERR_TIMEOUT);
        size_t before = parked(NULL);
        struct crew *crew = crew_start(2, post_one, &poster);
        wait_until_parked(NULL, before + 2);
        if (closes)
            assert_int_equal(pt_pool_shutdown_until(poster.pool, PT_SHUTDOWN_DRAIN, pt_at(0)), PT_ERR_TIMEOUT);
        pt_event_set(&poster.go);
        crew_join(crew);
        end(poster.pool);
        assert_int_equal(poster.closed, closes ? 2 : 0);
        assert_int_equal(poster.runs, closes ? 2 : 4);
    }
}

/* ---- Waiting inside jobs ------------------------------------------------------------------------------- */

struct nest {
    pt_pool *pool;
    int depth;
};

static void *nest(void *arg)
{
    struct nest *own = arg;
    if (own->depth == 0)
        return own->pool;
    struct nest inner = {own->pool, own->depth - 1};
    pt_future *future;
    void *result = NULL;
    if (pt_pool_submit(own->pool, &future, nest, &inner, NULL) != PT_OK)
        return NULL;
    if (pt_future_get(future, &result) != PT_OK)
        result = NULL;
    pt_future_release(future);
    return result;
}

static void test_jobs_that_wait_for_jobs_do_not_hang(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 2; size++) { /* cpython#94440 and its like */
        struct nest own = {make(size, size), test_scale(100) + 1};
        assert_ptr_equal(get(submit(own.pool, nest, &own)), own.pool);
        end(own.pool);
    }
}

struct meeting {
    pt_pool *pool;
    pt_mutex mutex;
    pt_event first, second;
    pt_channel *channel;
    uint32_t inside, wrong;
};

static void *wait_for_second(void *arg)
{
    struct meeting *own = arg;
    pt_event_set(&own->first);
    pt_event_wait(&own->second);
    return own;
}

static void *come_second(void *arg)
{
    struct meeting *own = arg;
    pt_event_wait(&own->first);
    pt_event_set(&own->second);
    return own;
}

static void *receive_one(void *arg)
{
    struct meeting *own = arg;
    int value = 0;
    return pt_channel_receive(own->channel, &value) == PT_OK && value == 42 ? own : NULL;
}

static void *send_one(void *arg)
{
    struct meeting *own = arg;
    int value = 42;
    return pt_channel_send(own->channel, &value) == PT_OK ? own : NULL;
}

static void *block_and_wait(void *arg)
{
    struct meeting *own = arg;
    pt_blocking_begin();
    pt_blocking_begin();
    pt_blocking_end();
    while (!pt_event_is_set(&own->second)) /* foreign code, as far as the pool can tell */
        pt_thread_yield();
    pt_blocking_end();
    return own;
}

/* With one worker: what the first waits for the second has to do. */
static void test_a_worker_that_waits_is_made_up_for(void **state)
{
    (void)state;
    static const struct {
        pt_task_function first, second;
    } pairs[] = {{wait_for_second, come_second}, {receive_one, send_one}, {block_and_wait, come_second}};
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct meeting own = {.pool = make(1, 2), .first = PT_EVENT_INIT, .second = PT_EVENT_INIT};
        assert_int_equal(pt_channel_create(&own.channel, sizeof(int), 0, NULL), PT_OK);
        if (pairs[i].first == block_and_wait)
            pt_event_set(&own.first);
        pt_future *first = submit(own.pool, pairs[i].first, &own),
                  *second = submit(own.pool, pairs[i].second, &own);
        assert_ptr_equal(get(first), &own);
        assert_ptr_equal(get(second), &own);
        pt_pool_stats stats;
        assert_int_equal(pt_pool_get_stats(own.pool, &stats), PT_OK);
        assert_true(stats.made_up >= 1);
        end(own.pool);
        pt_channel_release_sender(own.channel);
        pt_channel_release_receiver(own.channel);
    }
}

static void *lock_it(void *arg)
{
    struct meeting *own = arg;
    pt_mutex_lock(&own->mutex);
    own->wrong += own->inside++ != 0;
    pt_thread_yield();
    own->inside--;
    pt_mutex_unlock(&own->mutex);
    return own;
}

/* Waits for something unrelated while it holds what other jobs want: it must not run one of those meanwhile. */
static void *lock_and_wait(void *arg)
{
    struct meeting *own = arg;
    pt_future *future;
    pt_mutex_lock(&own->mutex);
    own->wrong += own->inside++ != 0;
    pt_status status = pt_pool_submit(own->pool, &future, echo, own, NULL);
    if (status == PT_OK) {
        status = pt_future_get(future, NULL);
        pt_future_release(future);
    }
    own->wrong += status != PT_OK;
    own->inside--;
    pt_mutex_unlock(&own->mutex);
    return own;
}

static void test_who_waits_holding_a_lock_runs_nobody_who_wants_it(void **state)
{
    (void)state;
    enum { PAIRS = 20 };
    for (unsigned size = 1; size <= 2; size++) { /* rayon#592 */
        struct meeting own = {.pool = make(size, size + 8), .mutex = PT_MUTEX_INIT};
        pt_future *futures[2 * PAIRS];
        int pairs = test_scale(PAIRS);
        for (int i = 0; i < pairs; i++) {
            futures[2 * i] = submit(own.pool, lock_and_wait, &own);
            futures[2 * i + 1] = submit(own.pool, lock_it, &own);
        }
        for (int i = 0; i < 2 * pairs; i++)
            get(futures[i]);
        end(own.pool);
        assert_int_equal(own.wrong, 0);
    }
}

struct twins {
    uint32_t begun; /* atomic */
};

static void wait_for_twin(void *arg)
{
    struct twins *twins = arg;
    add_relaxed(&twins->begun, 1);
    while (load_relaxed(&twins->begun) < 2) /* as far as the pool can tell, it computes */
        pt_thread_yield();
}

/* Nobody sleeps while there is a job for him, even if all who are awake are in jobs that do not end. */
static void test_two_workers_run_two_jobs_at_the_same_time(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(50) + 1; i++) {
        struct twins twins = {0};
        pt_pool *pool = make(2, 2);
        assert_int_equal(pt_pool_post(pool, wait_for_twin, &twins), PT_OK);
        assert_int_equal(pt_pool_post(pool, wait_for_twin, &twins), PT_OK);
        end(pool);
        assert_int_equal(twins.begun, 2);
    }
}

static void wait_and_post(void *arg)
{
    struct poster *poster = arg;
    pt_event_wait(&poster->go);
    poster->closed += pt_pool_post(poster->pool, count, &poster->runs) != PT_OK;
}

static void test_a_draining_pool_is_not_at_its_end_while_a_job_waits(void **state)
{
    (void)state;
    struct poster poster = {.go = PT_EVENT_INIT};
    pt_pool_stats stats;
    poster.pool = make(1, 2);
    assert_int_equal(pt_pool_post(poster.pool, wait_and_post, &poster), PT_OK);
    do { /* until it is made up for */
        assert_int_equal(pt_pool_get_stats(poster.pool, &stats), PT_OK);
        pt_thread_yield();
    } while (stats.made_up == 0);
    assert_int_equal(pt_pool_shutdown_until(poster.pool, PT_SHUTDOWN_DRAIN, pt_at(0)), PT_ERR_TIMEOUT);
    pt_event_set(&poster.go);
    end(poster.pool);
    assert_int_equal(poster.runs, 1);
    assert_int_equal(poster.closed, 0);
}

struct barrier_job {
    pt_barrier *barrier;
    uint32_t passed;
};

static void meet(void *arg)
{
    struct barrier_job *own = arg;
    (void)!pt_barrier_wait(own->barrier, NULL);
    add_relaxed(&own->passed, 1);
}

/* As many jobs as there may be threads meet, in a pool of one worker. */
static void test_as_many_may_wait_as_there_may_be_threads(void **state)
{
    (void)state;
    enum { MOST = 5 };
    pt_barrier barrier = PT_BARRIER_INIT(MOST);
    struct barrier_job own = {&barrier, 0};
    pt_pool *pool = make(1, MOST);
    for (int i = 0; i < MOST; i++)
        assert_int_equal(pt_pool_post(pool, meet, &own), PT_OK);
    end(pool);
    assert_int_equal(own.passed, MOST);
}

/* ---- A pool's life ------------------------------------------------------------------------------------- */

static void *destroy_own_pool(void *pool)
{
    bool refused = pt_pool_destroy(pool) == PT_ERR_DEADLOCK &&
                   pt_pool_shutdown_until(pool, PT_SHUTDOWN_CANCEL, pt_at(0)) == PT_ERR_DEADLOCK;
    return refused && pt_pool_current() == pool ? pool : NULL;
}

static void test_a_job_cannot_end_its_own_pool(void **state)
{
    (void)state;
    pt_pool *pool = make(1, 2);
    assert_ptr_equal(get(submit(pool, destroy_own_pool, pool)), pool);
    assert_ptr_equal(get(submit(pool, echo, pool)), pool);
    end(pool);
}

struct hooks {
    uint32_t started, stopped, misnamed;
};

static void note_start(void *arg)
{
    struct hooks *hooks = arg;
    char name[PT_THREAD_NAME_SIZE];
    pt_thread_name(NULL, name, sizeof name);
    add_relaxed(&hooks->misnamed, strncmp(name, "crew-", 5) != 0);
    add_relaxed(&hooks->started, 1);
}

static void note_stop(void *arg)
{
    struct hooks *hooks = arg;
    add_relaxed(&hooks->stopped, 1);
}

static void test_each_thread_is_named_and_has_its_hooks(void **state)
{
    (void)state;
    struct hooks hooks = {0, 0, 0};
    pt_pool *pool;
    pt_pool_config config = {
        .size = 3, .most = 3, .name = "crew", .on_start = note_start, .on_stop = note_stop, .arg = &hooks};
    assert_int_equal(pt_pool_create(&pool, &config), PT_OK);
    end(pool);
    assert_int_equal(hooks.started, 3);
    assert_int_equal(hooks.stopped, 3);
    assert_int_equal(hooks.misnamed, 0);
}

static void test_a_pool_can_be_resized_while_it_runs(void **state)
{
    (void)state;
    uint32_t runs = 0, posted = 0;
    pt_pool *pool = make(1, 4);
    assert_int_equal(pt_pool_resize(pool, 0), PT_ERR_INVALID);
    assert_int_equal(pt_pool_resize(pool, 5), PT_ERR_INVALID);
    assert_int_equal(pt_pool_resize(NULL, 1), PT_ERR_INVALID);
    for (unsigned size = 4; size >= 1; size--) {
        assert_int_equal(pt_pool_resize(pool, size), PT_OK);
        for (int i = 0; i < 50; i++, posted++)
            assert_int_equal(pt_pool_post(pool, count, &runs), PT_OK);
    }
    assert_int_equal(pt_pool_resize(pool, 3), PT_OK);
    pt_pool_stats stats;
    assert_int_equal(pt_pool_get_stats(pool, &stats), PT_OK);
    assert_int_equal(stats.size, 3);
    end(pool);
    assert_int_equal(runs, posted);
}

static void *get_from_other(void *arg)
{
    struct nest *other = arg;
    return get(submit(other->pool, nest, other));
}

static void test_pools_live_side_by_side(void **state)
{
    (void)state;
    pt_pool *one = make(1, 2), *two = make(1, 2);
    struct nest in_two = {two, 3};
    assert_ptr_equal(get(submit(one, get_from_other, &in_two)), two);
    end(one);
    end(two);
}

static void test_the_default_pool_is_made_when_asked_for(void **state)
{
    (void)state;
    int value;
    for (int i = 0; i < 2; i++) {
        pt_pool *pool = pt_pool_default();
        assert_non_null(pool);
        assert_ptr_equal(pt_pool_default(), pool);
        assert_ptr_equal(get(submit(pool, echo, &value)), &value);
        assert_int_equal(pt_pool_shutdown(pool, PT_SHUTDOWN_DRAIN), PT_OK);
    }
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    pt_pool *pool = make(1, 1), *none = pool;
    pt_future *future = NULL;
    pt_pool_stats stats;
    size_t posted = 7;
    assert_int_equal(pt_pool_create(NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_create(&none, &(pt_pool_config){.size = PT_POOL_MOST + 1}), PT_ERR_INVALID);
    assert_null(none);
    assert_int_equal(pt_pool_create(&none, &(pt_pool_config){.size = 2, .most = 1}), PT_ERR_INVALID);
    assert_int_equal(pt_pool_create(&none, &(pt_pool_config){.size = 1, .stack_size = 1}), PT_ERR_INVALID);
    assert_int_equal(pt_pool_post(NULL, count, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_post(pool, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_post_until(pool, count, NULL, (pt_job_priority)3, PT_FOREVER), PT_ERR_INVALID);
    assert_int_equal(pt_pool_post_many(pool, NULL, 1, &posted, PT_FOREVER), PT_ERR_INVALID);
    assert_int_equal(posted, 0);
    assert_int_equal(pt_pool_post_many(pool, &(pt_job){NULL, NULL}, 1, NULL, PT_FOREVER), PT_ERR_INVALID);
    assert_int_equal(pt_pool_post_many(pool, NULL, 0, NULL, PT_FOREVER), PT_OK);
    assert_int_equal(pt_pool_submit(NULL, &future, echo, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_submit(pool, &future, NULL, NULL, NULL), PT_ERR_INVALID);
    assert_null(future);
    assert_int_equal(pt_pool_run(NULL, count, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_run(pool, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_shutdown(NULL, PT_SHUTDOWN_DRAIN), PT_ERR_INVALID);
    assert_int_equal(pt_pool_shutdown(pool, (pt_shutdown)2), PT_ERR_INVALID);
    assert_int_equal(pt_pool_destroy(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_get_stats(NULL, &stats), PT_ERR_INVALID);
    assert_int_equal(pt_pool_get_stats(pool, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_pool_get_worker_stats(pool, 0, &stats), PT_OK);
    assert_int_equal(pt_pool_get_worker_stats(pool, 1, &stats), PT_ERR_INVALID);
    assert_null(pt_pool_retain(NULL));
    pt_pool_release(NULL);
    pt_blocking_end(); /* outside of jobs both do nothing */
    pt_blocking_begin();
    end(pool);
}

TEST_MAIN("pool", TEST(test_every_job_is_run_once), TEST(test_a_closing_pool_loses_no_job),
          TEST(test_the_last_handle_closes_the_pool), TEST(test_one_worker_begins_jobs_in_their_order),
          TEST(test_a_job_may_post_more_than_its_worker_keeps), TEST(test_priorities_count_and_age),
          TEST(test_an_answer_comes_or_an_error), TEST(test_an_answer_outlives_its_pool),
          TEST(test_what_is_cancelled_never_begins_or_is_asked), TEST(test_a_pool_that_cancels_asks_who_runs),
          TEST(test_many_are_submitted_at_once), TEST(test_a_delayed_job_comes_later),
          TEST(test_a_full_pool_makes_wait_or_refuses), TEST(test_jobs_that_wait_for_jobs_do_not_hang),
          TEST(test_a_worker_that_waits_is_made_up_for),
          TEST(test_who_waits_holding_a_lock_runs_nobody_who_wants_it),
          TEST(test_two_workers_run_two_jobs_at_the_same_time),
          TEST(test_a_draining_pool_is_not_at_its_end_while_a_job_waits),
          TEST(test_as_many_may_wait_as_there_may_be_threads), TEST(test_a_job_cannot_end_its_own_pool),
          TEST(test_each_thread_is_named_and_has_its_hooks), TEST(test_a_pool_can_be_resized_while_it_runs),
          TEST(test_pools_live_side_by_side), TEST(test_the_default_pool_is_made_when_asked_for),
          TEST(test_bad_arguments_are_refused))
