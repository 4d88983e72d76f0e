/* test_pool_soak.c: several threads give pools all there is to do, in random order, for as long as one likes: PT_SOAK=600 is ten
   minutes. Whatever happens, each job ends once: it ran, was dropped, or was refused. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "atomic.h"

enum { CLIENTS = 3, MANY = 300, NUMBERS = 20000 };

/* Of one client. Jobs change the numbers; all have ended when the client looks. */
struct client {
    struct member *member;
    pt_pool *common; /* of all clients */
    uint32_t given, ended;
};

/* ---- Jobs -------------------------------------------------------------------------------------------- */

static void delay(const void *from)
{
    uint64_t stream = test_seed ^ (uint64_t)(uintptr_t)from ^ (uint64_t)pt_now();
    test_delay(&stream);
}

static void run_job(void *arg)
{
    struct client *client = arg;
    delay(&client);
    add_agreed(&client->ended, 1);
}

static void drop_job(pt_job_function function, void *job_arg, void *arg)
{
    (void)function, (void)job_arg;
    add_agreed((uint32_t *)arg, 1);
}

static void *run_task(void *arg)
{
    run_job(arg);
    return arg;
}

static void *then_task(pt_future *ended, void *arg)
{
    (void)ended;
    return run_task(arg);
}

static uint64_t fib(uint64_t n);

struct fib {
    uint64_t n, result;
};

static void run_fib(void *arg)
{
    struct fib *one = arg;
    one->result = fib(one->n);
}

static uint64_t fib(uint64_t n)
{
    if (n < 2)
        return n;
    struct fib a = {n - 1, 0}, b = {n - 2, 0};
    pt_fork2(run_fib, &a, run_fib, &b);
    return a.result + b.result;
}

static void add_part(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    (void)loop;
    uint64_t sum = 0;
    for (uint64_t i = begin; i < end; i++)
        sum += i;
    add_relaxed((uint64_t *)arg, sum);
}

/* ---- What a client may do ------------------------------------------------------------------------------ */

static void wait_for_all(struct client *client)
{
    while (load_acquire(&client->ended) != client->given) /* the watchdog is the limit */
        pt_thread_yield();
}

static void post_some(struct client *client)
{
    struct member *member = client->member;
    uint32_t count = 1 + test_random(&member->stream) % MANY;
    for (uint32_t i = 0; i < count; i++) {
        pt_status status =
            pt_pool_post_until(client->common, run_job, client, (pt_job_priority)(i % 3), PT_FOREVER);
        check(status == PT_OK);
        client->given += status == PT_OK;
    }
    wait_for_all(client);
}

/* A future that is cancelled may have run all the same, but not half. */
static void submit_some(struct client *client)
{
    struct member *member = client->member;
    pt_future *futures[16];
    uint32_t count = 1 + test_random(&member->stream) % 16, before = client->given;
    for (uint32_t i = 0; i < count; i++) {
        const pt_task_config config = {.after = i % 4 == 3 ? test_random(&member->stream) % PT_MILLISECOND : 0};
        check(pt_pool_submit(client->common, &futures[i], run_task, client, &config) == PT_OK);
    }
    if (test_random(&member->stream) % 2 == 0)
        (void)pt_future_cancel(futures[test_random(&member->stream) % count]);
    for (uint32_t i = 0; i < count; i++) {
        void *result = NULL;
        pt_status status = pt_future_get(futures[i], &result);
        check(status == PT_OK || status == PT_ERR_ABORTED);
        check(status != PT_OK || result == client);
        client->given += status == PT_OK;
        pt_future_release(futures[i]);
    }
    check(client->given - before >= count - 1);
    wait_for_all(client);
}

static void chain_some(struct client *client)
{
    struct member *member = client->member;
    pt_future *first = NULL, *then = NULL, *all = NULL;
    check(pt_pool_submit(client->common, &first, run_task, client, NULL) == PT_OK);
    check(pt_future_then(client->common, &then, first, then_task, client, NULL) == PT_OK);
    check(pt_future_all(&all, (pt_future *const[]){first, then}, 2) == PT_OK);
    check(pt_future_get(all, NULL) == PT_OK);
    client->given += 2;
    pt_future_release(all);
    pt_future_release(then);
    pt_future_release(first);
    wait_for_all(client);
}

static void compute(void *arg)
{
    struct client *client = arg;
    struct member *member = client->member;
    uint64_t sum = 0, count = test_random(&member->stream) % NUMBERS;
    check(fib(12) == 144);
    check(pt_parallel_for(0, count, add_part, &sum, NULL) == PT_OK);
    check(sum == (count == 0 ? 0 : count * (count - 1) / 2));
}

static void sort_some(void *arg)
{
    struct client *client = arg;
    struct member *member = client->member;
    size_t count = test_random(&member->stream) % NUMBERS;
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    check(numbers != NULL);
    for (size_t i = 0; i < count; i++)
        numbers[i] = test_random(&member->stream);
    check(pt_parallel_sort_numbers(numbers, count, PT_SORT_UINT32) == PT_OK);
    for (size_t i = 1; i < count; i++)
        check(numbers[i - 1] <= numbers[i]);
    free(numbers);
}

static void work_along(struct client *client)
{
    struct member *member = client->member;
    check(pt_pool_run(client->common, test_random(&member->stream) % 2 == 0 ? compute : sort_some, client) ==
          PT_OK);
}

/* Tasks that wait for tasks that wait, more than there are workers. */
static void *nest(void *arg)
{
    struct fib *depth = arg;
    pt_future *inner = NULL;
    struct fib next = {depth->n - 1, 0};
    if (depth->n == 0)
        return arg;
    if (pt_pool_submit(pt_pool_current(), &inner, nest, &next, NULL) == PT_OK &&
        pt_future_get(inner, NULL) == PT_OK)
        depth->result = next.result + 1;
    pt_future_release(inner);
    return arg;
}

static void wait_nested(struct client *client)
{
    struct member *member = client->member;
    struct fib depth = {1 + test_random(&member->stream) % 6, 0};
    pt_future *future = NULL;
    check(pt_pool_submit(client->common, &future, nest, &depth, NULL) == PT_OK);
    check(pt_future_get(future, NULL) == PT_OK);
    check(depth.result == depth.n);
    pt_future_release(future);
}

static void resize(struct client *client)
{
    struct member *member = client->member;
    check(pt_pool_resize(client->common, 1 + test_random(&member->stream) % 3) == PT_OK);
}

/* A pool of one's own, that is ended in the middle. */
static void begin_and_end(struct client *client)
{
    static const pt_shutdown how[] = {PT_SHUTDOWN_DRAIN, PT_SHUTDOWN_CANCEL};
    struct member *member = client->member;
    pt_pool *pool = NULL;
    pt_status status =
        pt_pool_create(&pool, &(pt_pool_config){.size = 2, .most = 3, .on_drop = drop_job, .arg = &client->ended});
    check(status == PT_OK || status == PT_ERR_AGAIN);
    if (status != PT_OK)
        return;
    for (uint32_t count = test_random(&member->stream) % MANY; count > 0; count--)
        client->given += pt_pool_post(pool, run_job, client) == PT_OK;
    check(pt_pool_shutdown(pool, how[test_random(&member->stream) % 2]) == PT_OK);
    check(pt_pool_post(pool, run_job, client) == PT_ERR_CLOSED);
    check(pt_pool_destroy(pool) == PT_OK);
    check(load_acquire(&client->ended) == client->given);
}

static void (*const ACTS[])(struct client *client) = {post_some,   submit_some, chain_some,   work_along,
                                                      wait_nested, resize,      begin_and_end};
enum { ACT_COUNT = sizeof ACTS / sizeof ACTS[0] };

/* ---- All of it ------------------------------------------------------------------------------------------- */

struct soak {
    pt_pool *common;
    pt_time until; /* 0: a fixed number of rounds */
    uint32_t counts[ACT_COUNT];
};

static void soak(struct member *member)
{
    struct soak *all = member->shared;
    struct client client = {.member = member, .common = all->common};
    for (int i = 0; all->until == 0 ? i < test_scale(300) : pt_now() < all->until; i++) {
        uint32_t act = test_random(&member->stream) % ACT_COUNT;
        ACTS[act](&client);
        add_relaxed(&all->counts[act], 1);
    }
}

static void test_random_load(void **state)
{
    (void)state;
    struct soak all = {.common = NULL};
    const char *seconds = getenv("PT_SOAK");
    if (seconds != NULL)
        all.until = pt_now() + atoi(seconds) * PT_SECOND;
    assert_int_equal(pt_pool_create(&all.common, &(pt_pool_config){.size = 2, .most = 24}), PT_OK);
    crew_run(CLIENTS, soak, &all);
    pt_pool_stats stats;
    assert_int_equal(pt_pool_get_stats(all.common, &stats), PT_OK);
    assert_int_equal(pt_pool_destroy(all.common), PT_OK);
    if (seconds != NULL) {
        printf("posts %u, submits %u, chains %u, computations %u, nested waits %u, resizings %u, pools %u\n",
               all.counts[0], all.counts[1], all.counts[2], all.counts[3], all.counts[4], all.counts[5],
               all.counts[6]);
        printf("%llu jobs ran\n", (unsigned long long)stats.run);
    }
}

TEST_MAIN("pool_soak", TEST(test_random_load))
