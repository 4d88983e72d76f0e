/* test_pool_model.c: what a pool is made of, against the plainest model of it.

   Rings    a worker puts jobs into its ring and takes some, others take some: a queue. For queues in which each value is put
            once, an order of the calls that makes sense exists if and only if no value comes twice or from nowhere, none overtakes
            one that was put before it, and a call finds the queue empty only if there is a moment within it at which
            it may have been (Henzinger, Sezgin, Vafeiadis, 2013). A common clock notes when calls began and ended.
   Stacks   a worker forks and joins, others take: each fork is run once, and what it wrote is seen by who joined it. What they
            write is plain memory, so that an order that is too weak is a data race.
   Sleep    workers rest and are called: no pool sleeps while there is work, and none that was closed lives on. Whole pools.

   Under the simulator all schedules of each program are tried in which a few times a thread gives way though it could go on,
   or a load sees an older value; how many there are is printed. Elsewhere each runs many times with random delays. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "memory.h"
#include "pool/pool.h"

#ifdef PT_SIM
#include <pt_sim.h>
#define UNSEEN __attribute__((no_sanitize_thread)) /* orders nothing in the simulator's eyes */
#else
#define UNSEEN
#endif

enum { MEMBERS = 3, JOBS = 4, CALLS = 12 };

struct call {
    int job; /* that was put, or taken; -1: there was none */
    bool put;
    uint64_t begin, end;
};

/* One run of a program. */
struct scene {
    pt_pool *pool;
    const char *text;
    uint64_t clock;
    struct call calls[MEMBERS][CALLS];
    int counts[MEMBERS];
    int next;          /* job to put: the worker's own */
    int ran[JOBS];     /* how often; plain memory */
    int written[JOBS]; /* by who puts a job, and by who runs a fork; plain memory */
};

/* ---- A pool of which only the records are used ------------------------------------------------------------- */

/* All of its workers count as awake, so none is ever called. */
static pt_pool *make_pool(void)
{
    size_t places = MEMBERS + PTI_GUESTS_MOST;
    pt_pool *pool = calloc(1, sizeof *pool + places * sizeof pool->members[0]);
    assert_non_null(pool);
    pool->size = pool->most = pool->threads = MEMBERS;
    pool->word = MEMBERS;
    for (int i = 0; i < MEMBERS; i++) {
        pti_member *member = pti_pool_new_member(pool, &pool->workers, 0, MEMBERS);
        assert_non_null(member);
        member->inside = true;
    }
    return pool;
}

static void free_records(pt_pool *pool)
{
    for (int i = 0; i < MEMBERS; i++)
        pti_free(pool->members[i]);
    free(pool);
}

static UNSEEN uint64_t now(struct scene *scene)
{
#ifdef PT_SIM
    return ++scene->clock;
#else
    return __atomic_add_fetch(&scene->clock, 1, __ATOMIC_SEQ_CST);
#endif
}

/* ---- Rings ----------------------------------------------------------------------------------------------- */

static void no_job(void *arg)
{
    (void)arg;
}

static UNSEEN struct call *begin_call(struct scene *scene, int member, bool put)
{
    struct call *call = &scene->calls[member][scene->counts[member]++];
    call->put = put;
    call->job = -1;
    call->begin = now(scene);
    return call;
}

static UNSEEN void end_call(struct scene *scene, struct call *call, int job)
{
    call->end = now(scene);
    call->job = job;
}

static void put_one(struct scene *scene, int member)
{
    int job = scene->next++;
    scene->written[job] = job + 1;
    struct call *call = begin_call(scene, member, true);
    pt_status status =
        pti_jobs_post(scene->pool, (struct pti_job){no_job, &scene->written[job], 0}, PT_JOB_NORMAL, PT_FOREVER);
    end_call(scene, call, job);
    assert_int_equal(status, PT_OK);
}

static void take_one(struct scene *scene, int member)
{
    struct pti_job taken = {NULL, NULL, 0};
    struct call *call = begin_call(scene, member, false);
    bool any = pti_jobs_take_from(scene->pool->members[0], &taken);
    int job = any ? (int)((int *)taken.arg - scene->written) : -1;
    end_call(scene, call, job);
    assert_true(!any || (job >= 0 && job < JOBS && taken.function == no_job));
    assert_true(!any || scene->written[job] == job + 1);
    if (any)
        scene->ran[job]++;
}

/* "ppt-tt-t": member 0 puts two and takes one, member 1 takes two, member 2 one. */
static void make_calls(struct scene *scene, int member, uint64_t *stream)
{
    const char *text = scene->text;
    for (int i = 0; i < member && text != NULL; i++)
        text = strchr(text, '-') == NULL ? NULL : strchr(text, '-') + 1;
    pti_worker_self = &scene->pool->members[member]->forks;
    for (; text != NULL && *text != 0 && *text != '-'; text++) {
        if (stream != NULL)
            test_delay(stream);
        if (*text == 'p')
            put_one(scene, member);
        else
            take_one(scene, member);
    }
    pti_worker_self = NULL;
}

static UNSEEN const struct call *call_of(const struct scene *scene, int job, bool put)
{
    for (int member = 0; member < MEMBERS; member++) {
        for (int i = 0; i < scene->counts[member]; i++) {
            const struct call *call = &scene->calls[member][i];
            if (call->job == job && call->put == put)
                return call;
        }
    }
    return NULL;
}

/* Whether at this moment some job is in the queue for sure. */
static UNSEEN bool is_filled(const struct scene *scene, uint64_t moment)
{
    for (int job = 0; job < JOBS; job++) {
        const struct call *put = call_of(scene, job, true), *taken = call_of(scene, job, false);
        if (put != NULL && put->end < moment && (taken == NULL || taken->begin > moment))
            return true;
    }
    return false;
}

/* In the simulator nothing orders a call and those before it in other threads, which may see an older tail. */
static UNSEEN bool may_be_empty(const struct scene *scene, int member, const struct call *call)
{
#ifdef PT_SIM
    if (member != 0)
        return true;
#endif
    (void)member;
    for (uint64_t moment = call->begin; moment <= call->end; moment++) {
        if (!is_filled(scene, moment))
            return true;
    }
    return false;
}

static UNSEEN bool is_in_order(const struct scene *scene, int first, int second)
{
    const struct call *one = call_of(scene, first, false), *two = call_of(scene, second, false);
    return two == NULL || (one != NULL && one->begin < two->end);
}

static UNSEEN bool makes_sense(const struct scene *scene, int member, const struct call *call)
{
    if (call->put)
        return true;
    if (call->job < 0)
        return may_be_empty(scene, member, call);
    return scene->ran[call->job] == 1 && call->end > call_of(scene, call->job, true)->begin;
}

static UNSEEN bool is_a_queue(const struct scene *scene)
{
    for (int member = 0; member < MEMBERS; member++) {
        for (int i = 0; i < scene->counts[member]; i++) {
            if (!makes_sense(scene, member, &scene->calls[member][i]))
                return false;
        }
    }
    for (int job = 0; job < scene->next; job++) {
        for (int later = job + 1; later < scene->next; later++) {
            if (!is_in_order(scene, job, later))
                return false;
        }
    }
    return true;
}

static void begin_ring(struct scene *scene, const char *text)
{
    memset(scene, 0, sizeof *scene);
    scene->text = text;
    scene->pool = make_pool();
}

static void end_scene(struct scene *scene)
{
    free_records(scene->pool);
}

static const char *const RINGS[] = {"p-t", "pp-t-t", "pt-t", "ppt-t", "pptt-t-t", "pp-tt-t", "ptpt-tt", "ptp-t-tt"};
enum { RING_COUNT = sizeof RINGS / sizeof RINGS[0] };

/* ---- Stacks ---------------------------------------------------------------------------------------------- */

struct part {
    struct scene *scene;
    int index, inner; /* it forks so many itself, of the indices above it */
};

static struct part parts[JOBS];

static void fork_some(struct scene *scene, int first, int count);

static void run_part(void *arg)
{
    struct part *part = arg;
    part->scene->ran[part->index]++;
    if (part->inner > 0)
        fork_some(part->scene, part->index + 1, part->inner);
    part->scene->written[part->index] = part->index + 1;
}

static void fork_some(struct scene *scene, int first, int count)
{
    pt_group group = PT_GROUP_INIT;
    for (int i = first; i < first + count; i++)
        pt_group_spawn(&group, run_part, &parts[i]);
    pt_group_sync(&group);
    for (int i = first; i < first + count; i++) {
        assert_int_equal(scene->ran[i], 1);
        assert_int_equal(scene->written[i], i + 1);
    }
}

/* "N-S-S": member 0 forks N parts, or, if there is a '+', one that forks N; the others try to take S times each. */
static void take_forks(struct scene *scene, int count, uint64_t *stream)
{
    struct pti_job job;
    for (int i = 0; i < count; i++) {
        if (stream != NULL)
            test_delay(stream);
        if (pti_fork_steal(scene->pool->members[0], &job))
            job.function(job.arg);
        else
            pti_fork_demand(scene->pool->members[0]);
    }
}

static void fork_and_take(struct scene *scene, int member, uint64_t *stream)
{
    const char *text = scene->text;
    for (int i = 0; i < member && text != NULL; i++)
        text = strchr(text, '-') == NULL ? NULL : strchr(text, '-') + 1;
    if (text == NULL)
        return;
    int count = *text - '0', first = text[1] == '+' ? 0 : 1;
    pti_worker_self = &scene->pool->members[member]->forks;
    if (member != 0)
        take_forks(scene, count, stream);
    else
        fork_some(scene, first, first == 0 ? 1 : count);
    pti_worker_self = NULL;
}

static void begin_stack(struct scene *scene, const char *text)
{
    begin_ring(scene, text);
    for (int i = 0; i < JOBS; i++)
        parts[i] = (struct part){scene, i, 0};
    if (text[1] == '+')
        parts[0].inner = text[0] - '0';
    for (int i = 0; i < MEMBERS; i++) {
        pti_member *member = scene->pool->members[i];
        member->forks.quiet = member->stack; /* else the few there are would all be shared at once */
        member->floor = 0;
    }
}

static const char *const STACKS[] = {"1-2", "2-2", "3-2", "2-1-1", "3-1-2", "1+-2", "2+-2", "2+-1-1", "3+-2-1"};
enum { STACK_COUNT = sizeof STACKS / sizeof STACKS[0] };

/* ---- Programs -------------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    const char *const *texts;
    int count;
    void (*begin)(struct scene *scene, const char *text);
    void (*act)(struct scene *scene, int member, uint64_t *stream);
} KINDS[] = {{"ring", RINGS, RING_COUNT, begin_ring, make_calls},
             {"stack", STACKS, STACK_COUNT, begin_stack, fork_and_take}};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

#ifdef PT_SIM

/* ---- Under the simulator: all schedules --------------------------------------------------------------------- */

/* How many for programs of two threads, and of three. */
static unsigned depth_of(const char *text)
{
    return strchr(text, '-') == strrchr(text, '-') ? 3 : 2;
}

struct program {
    const struct kind *kind;
    const char *text;
};

struct place {
    const struct program *program;
    struct scene *scene;
    int member;
};

static void *act_as(void *arg)
{
    const struct place *place = arg;
    place->program->kind->act(place->scene, place->member, NULL);
    return NULL;
}

static void run_program(void *arg)
{
    const struct program *program = arg;
    static struct scene scene;
    struct place places[MEMBERS];
    pt_thread *threads[MEMBERS];
    int count = 1;
    program->kind->begin(&scene, program->text);
    for (const char *text = program->text; (text = strchr(text, '-')) != NULL; text++, count++) {
        places[count] = (struct place){program, &scene, count};
        assert_int_equal(pt_thread_spawn(&threads[count], NULL, act_as, &places[count]), PT_OK);
    }
    program->kind->act(&scene, 0, NULL);
    for (int i = 1; i < count; i++) {
        assert_int_equal(pt_thread_join(threads[i], NULL), PT_OK);
        pt_thread_release(threads[i]);
    }
    assert_true(is_a_queue(&scene));
    end_scene(&scene);
}

/* ---- Whole pools ------------------------------------------------------------------------------------------- */

static void set(void *arg)
{
    pt_event_set(arg);
}

struct posts {
    pt_pool *pool;
    pt_event first, second;
};

static void post_again(void *arg)
{
    struct posts *posts = arg;
    assert_int_equal(pt_pool_post(posts->pool, set, &posts->second), PT_OK);
    pt_event_set(&posts->first);
}

static void post_and_wait(uint32_t size)
{
    static struct posts posts;
    posts = (struct posts){.first = PT_EVENT_INIT, .second = PT_EVENT_INIT};
    assert_int_equal(pt_pool_create(&posts.pool, &(pt_pool_config){.size = size, .most = size}), PT_OK);
    assert_int_equal(pt_pool_post(posts.pool, post_again, &posts), PT_OK);
    pt_event_wait(&posts.first);
    pt_event_wait(&posts.second);
    assert_int_equal(pt_pool_destroy(posts.pool), PT_OK);
}

static void one_worker(void *arg)
{
    (void)arg;
    post_and_wait(1);
}

static void two_workers(void *arg)
{
    (void)arg;
    post_and_wait(2);
}

static void *wait_for(void *event)
{
    pt_event_wait(event);
    return NULL;
}

/* A job waits for one behind it: a spare thread does that one, whatever is posted when. */
static void a_spare(void *arg)
{
    (void)arg;
    static struct posts posts;
    posts = (struct posts){.first = PT_EVENT_INIT, .second = PT_EVENT_INIT};
    assert_int_equal(pt_pool_create(&posts.pool, &(pt_pool_config){.size = 1, .most = 2}), PT_OK);
    pt_future *future;
    assert_int_equal(pt_pool_submit(posts.pool, &future, wait_for, &posts.first, NULL), PT_OK);
    assert_int_equal(pt_pool_post(posts.pool, set, &posts.first), PT_OK);
    assert_int_equal(pt_future_get(future, NULL), PT_OK);
    pt_future_release(future);
    assert_int_equal(pt_pool_destroy(posts.pool), PT_OK);
}

static const struct whole {
    const char *name;
    void (*body)(void *arg);
    unsigned depth;
} WHOLE[] = {{"one worker", one_worker, 2}, {"two workers", two_workers, 1}, {"a spare one", a_spare, 1}};
enum { WHOLE_COUNT = sizeof WHOLE / sizeof WHOLE[0] };

/* Unless PT_SIM says otherwise, all there are. */
static bool run(const char *what, const char *which, void (*body)(void *arg), void *arg, unsigned depth,
                const char *only)
{
    char name[128];
    const pt_sim_options options = {.strategy = "exhaustive", .depth = depth, .runs = UINT64_MAX};
    snprintf(name, sizeof name, "pool_model.%s.%s", what, which);
    if (only != NULL && strstr(name, only) == NULL)
        return true;
    bool passed = pt_sim_run(name, body, arg, &options) && (getenv("PT_SIM") != NULL || pt_sim_last().complete);
    printf("[%s] %s, %llu schedules%s\n", passed ? "       OK " : "  FAILED  ", name,
           (unsigned long long)pt_sim_last().runs,
           passed && getenv("PT_SIM") == NULL ? ", which is all there are" : "");
    return passed;
}

int main(int argc, char **argv)
{
    int tests = 0, failed = 0;
    const char *only = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct kind *kind = KINDS; kind < KINDS + KIND_COUNT; kind++) {
        for (int i = 0; i < kind->count; i++, tests++)
            failed += !run(kind->name, kind->texts[i], run_program, &(struct program){kind, kind->texts[i]},
                           depth_of(kind->texts[i]), only);
    }
    for (int i = 0; i < WHOLE_COUNT; i++, tests++)
        failed += !run("sleep", WHOLE[i].name, WHOLE[i].body, NULL, WHOLE[i].depth, only);
    printf("[==========] pool_model: %d test(s) run.\n[  PASSED  ] %d test(s).\n", tests, tests - failed);
    if (failed > 0)
        printf("[  FAILED  ] %d test(s), listed above\n", failed);
    return failed == 0 ? 0 : 1;
}

#else

/* ---- Elsewhere: many times ------------------------------------------------------------------------------------- */

struct rounds {
    const struct kind *kind;
    int each;
    pt_barrier barrier;
    struct scene scene;
};

static void run_rounds(struct member *member)
{
    struct rounds *rounds = member->shared;
    for (int i = 0; i < rounds->kind->count * rounds->each; i++) {
        if (member->index == 0)
            rounds->kind->begin(&rounds->scene, rounds->kind->texts[i / rounds->each]);
        check(pt_barrier_wait(&rounds->barrier, NULL) == PT_OK);
        rounds->kind->act(&rounds->scene, member->index, &member->stream);
        check(pt_barrier_wait(&rounds->barrier, NULL) == PT_OK);
        if (member->index == 0) {
            check(is_a_queue(&rounds->scene));
            end_scene(&rounds->scene);
        }
    }
}

static void run_kind(const struct kind *kind)
{
    static struct rounds rounds;
    memset(&rounds, 0, sizeof rounds);
    rounds.kind = kind;
    rounds.each = test_scale(1000);
    rounds.barrier = (pt_barrier)PT_BARRIER_INIT(MEMBERS);
    crew_run(MEMBERS, run_rounds, &rounds);
}

static void test_rings(void **state)
{
    (void)state;
    run_kind(&KINDS[0]);
}

static void test_stacks(void **state)
{
    (void)state;
    run_kind(&KINDS[1]);
}

TEST_MAIN("pool_model", TEST(test_rings), TEST(test_stacks))

#endif
