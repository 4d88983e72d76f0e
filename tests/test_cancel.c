/* test_cancel.c: tokens end waits: all that hang on them, nobody else's, and without losing a wake-up. */
#include "support.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"

static pt_cancel *new_token(pt_until until)
{
    pt_cancel *token = NULL;
    assert_int_equal(pt_cancel_create(&token, until), PT_OK);
    assert_non_null(token);
    return token;
}

static void assert_reason(const pt_cancel *token, const char *wanted)
{
    char reason[PT_CANCEL_REASON_SIZE + 8];
    assert_int_equal(pt_cancel_reason(token, reason, sizeof reason), strlen(wanted));
    assert_string_equal(reason, wanted);
}

/* ---- Memory. These come first, while no other thread uses the library ---------------------------- */

static struct {
    long live; /* blocks */
    long fail; /* the allocation that fails, counted down; 0: none */
} books;

static void *allocate(size_t size, void *context)
{
    (void)context;
    if (books.fail > 0 && --books.fail == 0)
        return NULL;
    books.live++;
    return malloc(size);
}

static void deallocate(void *block, void *context)
{
    (void)context;
    books.live--;
    free(block);
}

static void open_books(void)
{
    static const pt_allocator allocator = {allocate, deallocate, NULL};
    books.live = books.fail = 0;
    assert_int_equal(pt_set_allocator(&allocator), PT_OK);
}

static void close_books(void)
{
    assert_int_equal(books.live, 0);
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
}

static void test_no_memory_leaves_all_as_it_was(void **state)
{
    (void)state;
    enum { CHAIN = 4 };
    open_books();
    for (int fail = 1; fail <= CHAIN; fail++) {
        pt_cancel *chain[CHAIN] = {NULL};
        books.fail = fail;
        for (int i = 0; i < CHAIN; i++) {
            pt_until until = i == 0 ? PT_FOREVER : pt_cancelled_by(chain[i - 1]);
            if (i == fail - 1) {
                assert_int_equal(pt_cancel_create(&chain[i], until), PT_ERR_NOMEM);
                assert_null(chain[i]);
            }
            assert_int_equal(pt_cancel_create(&chain[i], until), PT_OK);
        }
        assert_true(pt_cancel_request(chain[0], NULL));
        assert_int_equal(pt_cancel_status(chain[CHAIN - 1]), PT_ERR_CANCELLED);
        for (int i = 0; i < CHAIN; i++)
            pt_cancel_release(chain[i]);
    }
    close_books();
}

/* Each keeps the one above: parents may be released first. */
static void test_a_deep_tree(void **state)
{
    (void)state;
    enum { DEPTH = 10000 };
    static pt_cancel *chain[DEPTH];
    open_books();
    for (int turn = 0; turn < 4; turn++) {
        for (int i = 0; i < DEPTH; i++)
            chain[i] = new_token(i == 0 ? PT_FOREVER : pt_cancelled_by(chain[i - 1]));
        if (turn % 2 == 0) { /* parents first */
            for (int i = 0; i < DEPTH - 1; i++) {
                if (i != DEPTH / 2)
                    pt_cancel_release(chain[i]);
            }
            assert_int_equal(books.live, DEPTH);
        }
        assert_true(pt_cancel_request(chain[DEPTH / 2], "the middle"));
        assert_int_equal(pt_cancel_status(chain[DEPTH - 1]), PT_ERR_CANCELLED);
        assert_reason(chain[DEPTH - 1], "the middle");
        if (turn % 2 == 1) {
            for (int i = 0; i < DEPTH; i++)
                assert_int_equal(pt_cancel_status(chain[i]), i < DEPTH / 2 ? PT_OK : PT_ERR_CANCELLED);
            for (int i = 0; i < DEPTH - 1; i++) {
                if (i != DEPTH / 2)
                    pt_cancel_release(chain[i]);
            }
        }
        pt_cancel_release(chain[DEPTH / 2]);
        assert_int_equal(books.live, DEPTH); /* the lowest one keeps all */
        pt_cancel_release(chain[DEPTH - 1]);
        assert_int_equal(books.live, 0);
    }
    close_books();
}

static void test_a_wide_tree(void **state)
{
    (void)state;
    enum { WIDTH = 10000 };
    static pt_cancel *children[WIDTH];
    open_books();
    pt_cancel *root = new_token(PT_FOREVER);
    for (int i = 0; i < WIDTH; i++)
        children[i] = new_token(pt_cancelled_by(root));
    for (int i = 0; i < WIDTH; i += 3) { /* from all places of the list */
        pt_cancel_release(children[i]);
        children[i] = NULL;
    }
    assert_true(pt_cancel_request(children[1], "only this one"));
    assert_int_equal(pt_cancel_status(children[2]), PT_OK);
    assert_int_equal(pt_cancel_status(root), PT_OK);
    assert_true(pt_cancel_request(root, "all"));
    for (int i = 0; i < WIDTH; i++) {
        if (children[i] != NULL)
            assert_int_equal(pt_cancel_status(children[i]), PT_ERR_CANCELLED);
    }
    assert_reason(children[1], "only this one");
    assert_reason(children[WIDTH - 2], "all");
    pt_cancel_release(root);
    for (int i = 0; i < WIDTH; i++)
        pt_cancel_release(children[i]);
    close_books();
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static void test_the_first_request_counts(void **state)
{
    (void)state;
    static const char LONG[] =
        "a reason of more than sixty-four characters, which is more than a token is ready to keep";
    char kept[PT_CANCEL_REASON_SIZE], small[4];
    assert_int_equal(pt_cancel_create(NULL, PT_FOREVER), PT_ERR_INVALID);
    assert_null(pt_cancel_retain(NULL));
    pt_cancel_release(NULL);

    pt_cancel *token = new_token(PT_FOREVER), *other = new_token(PT_FOREVER), *third = new_token(PT_FOREVER);
    assert_int_equal(pt_cancel_status(token), PT_OK);
    assert_reason(token, "");
    assert_true(pt_cancel_request(token, "shutting down"));
    assert_false(pt_cancel_request(token, "too late"));
    assert_int_equal(pt_cancel_status(token), PT_ERR_CANCELLED);
    assert_reason(token, "shutting down");
    assert_int_equal(pt_cancel_reason(token, small, sizeof small), strlen("shutting down"));
    assert_string_equal(small, "shu");
    assert_int_equal(pt_cancel_reason(token, NULL, 0), strlen("shutting down"));

    assert_true(pt_cancel_request(other, NULL));
    assert_reason(other, "cancelled");
    assert_true(pt_cancel_request(third, LONG));
    snprintf(kept, sizeof kept, "%.*s", (int)sizeof kept - 1, LONG);
    assert_reason(third, kept);

    assert_ptr_equal(pt_cancel_retain(token), token);
    pt_cancel_release(token);
    assert_int_equal(pt_cancel_status(token), PT_ERR_CANCELLED);
    pt_cancel_release(token);
    pt_cancel_release(other);
    pt_cancel_release(third);
}

static void test_deadlines(void **state)
{
    (void)state;
    pt_cancel *passed = new_token(pt_at(0)), *unasked = new_token(pt_at(0));
    assert_int_equal(pt_cancel_status(passed), PT_ERR_TIMEOUT);
    assert_reason(passed, "deadline passed");
    assert_false(pt_cancel_request(passed, "late"));
    assert_int_equal(pt_cancel_status(passed), PT_ERR_TIMEOUT);
    assert_false(pt_cancel_request(unasked, "late")); /* though nobody has asked before */
    assert_int_equal(pt_cancel_status(unasked), PT_ERR_TIMEOUT);

    pt_until until = pt_after_ms(2);
    pt_cancel *soon = new_token(until), *late = new_token(pt_after_ms(1000000));
    pt_cancel *below_soon = new_token(pt_or_cancelled_by(pt_after_ms(1000000), soon));
    pt_cancel *below_late = new_token(pt_or_cancelled_by(until, late));
    pt_cancel *grandchild = new_token(pt_cancelled_by(below_soon));
    pt_cancel *tokens[] = {soon, below_soon, below_late, grandchild};
    for (int i = 3; i >= 0; i--) {
        pt_status status;
        while ((status = pt_cancel_status(tokens[i])) == PT_OK)
            pt_thread_yield();
        assert_int_equal(status, PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
    }
    assert_int_equal(pt_cancel_status(late), PT_OK);
    assert_true(pt_cancel_request(late, "now"));
    assert_int_equal(pt_cancel_status(below_late), PT_ERR_TIMEOUT); /* stays what it is */
    for (int i = 0; i < 4; i++)
        pt_cancel_release(tokens[i]);
    pt_cancel_release(late);
    pt_cancel_release(passed);
    pt_cancel_release(unasked);
}

static void test_children_share_their_parents_fate(void **state)
{
    (void)state;
    pt_cancel *root = new_token(PT_FOREVER), *child = new_token(pt_cancelled_by(root));
    pt_cancel *grandchild = new_token(pt_cancelled_by(child)), *sibling = new_token(pt_cancelled_by(root));
    assert_true(pt_cancel_request(child, "the child"));
    assert_int_equal(pt_cancel_status(root), PT_OK);
    assert_int_equal(pt_cancel_status(sibling), PT_OK);
    assert_reason(grandchild, "the child");
    assert_false(pt_cancel_request(grandchild, "again"));
    assert_true(pt_cancel_request(root, "the root"));
    assert_reason(sibling, "the root");
    assert_reason(child, "the child");

    pt_cancel *late = new_token(pt_cancelled_by(root)), *later = new_token(pt_or_cancelled_by(pt_at(0), late));
    assert_int_equal(pt_cancel_status(late), PT_ERR_CANCELLED); /* born so */
    assert_int_equal(pt_cancel_status(later), PT_ERR_CANCELLED);
    assert_reason(late, "the root");
    assert_false(pt_cancel_request(late, "again"));
    pt_cancel_release(root);
    pt_cancel_release(child);
    pt_cancel_release(sibling);
    pt_cancel_release(grandchild);
    pt_cancel_release(later);
    pt_cancel_release(late);
}

/* ---- Hooks ------------------------------------------------------------------------------------ */

struct note { /* what a hook's function leaves behind */
    uint32_t times;
    uint64_t by; /* the thread */
};

static void take_note(void *arg)
{
    struct note *note = arg;
    note->times++;
    note->by = pt_thread_id(NULL);
}

static void request_it(struct member *member)
{
    check(pt_cancel_request(member->shared, "by a member"));
}

static void test_hooks_run_once_in_the_cancelling_thread(void **state)
{
    (void)state;
    pt_cancel *root = new_token(PT_FOREVER), *child = new_token(pt_cancelled_by(root));
    pt_cancel *timed = new_token(pt_at(0));
    pt_cancel_hook hook, hooks[3], late;
    struct note notes[3] = {{0, 0}}, removed = {0, 0};
    assert_int_equal(pt_cancel_hook_add(NULL, &hook, take_note, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_cancel_hook_add(root, NULL, take_note, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_cancel_hook_add(root, &hook, NULL, NULL), PT_ERR_INVALID);

    assert_int_equal(pt_cancel_hook_add(root, &hook, take_note, &removed), PT_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pt_cancel_hook_add(i == 1 ? child : root, &hooks[i], take_note, &notes[i]), PT_OK);
    assert_int_equal(pt_cancel_hook_remove(&hook), PT_OK);
    crew_run(1, request_it, root);
    assert_int_equal(removed.times, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(notes[i].times, 1);
        assert_true(notes[i].by != pt_thread_id(NULL) && notes[i].by == notes[0].by);
        assert_int_equal(pt_cancel_hook_remove(&hooks[i]), PT_ERR_CANCELLED);
        assert_int_equal(pt_cancel_hook_remove(&hooks[i]), PT_ERR_CANCELLED); /* harmless */
    }
    assert_int_equal(pt_cancel_hook_add(child, &late, take_note, &removed), PT_ERR_CANCELLED);
    assert_int_equal(pt_cancel_hook_remove(&late), PT_ERR_CANCELLED);
    assert_int_equal(pt_cancel_hook_add(timed, &late, take_note, &removed), PT_ERR_TIMEOUT);
    assert_int_equal(removed.times, 0);
    pt_cancel_release(root);
    pt_cancel_release(child);
    pt_cancel_release(timed);
}

static void test_a_deadline_runs_hooks_when_asked(void **state)
{
    (void)state;
    pt_until until = pt_after_ms(2);
    pt_cancel *token = new_token(until);
    pt_cancel_hook hook;
    struct note note = {0, 0};
    pt_status added = pt_cancel_hook_add(token, &hook, take_note, &note);
    if (added == PT_OK) { /* else this thread was held up */
        while (pt_now() < until.deadline)
            pt_thread_yield();
        assert_int_equal(note.times, 0);
        assert_int_equal(pt_cancel_status(token), PT_ERR_TIMEOUT);
        assert_int_equal(note.times, 1);
        assert_int_equal(pt_cancel_hook_remove(&hook), PT_ERR_CANCELLED);
    }
    pt_cancel_release(token);
}

struct nest { /* hooks that meddle with hooks */
    pt_cancel *token, *other;
    pt_cancel_hook *own, later, added;
    struct note note, later_note;
    pt_status own_removed, later_removed, add_status;
    bool again, other_requested;
};

static void meddle(void *arg)
{
    struct nest *nest = arg;
    take_note(&nest->note);
    nest->again = pt_cancel_request(nest->token, "again");
    nest->other_requested = pt_cancel_request(nest->other, "from within");
    nest->add_status = pt_cancel_hook_add(nest->token, &nest->added, take_note, &nest->note);
    nest->later_removed = pt_cancel_hook_remove(&nest->later);
    nest->own_removed = pt_cancel_hook_remove(nest->own);
    memset(nest->own, 0xa5, sizeof *nest->own);
    free(nest->own);
}

static void test_a_hook_may_do_what_it_likes(void **state)
{
    (void)state;
    struct nest nest = {.token = new_token(PT_FOREVER), .other = new_token(PT_FOREVER)};
    struct note last = {0, 0};
    pt_cancel_hook last_hook;
    nest.own = malloc(sizeof *nest.own);
    assert_non_null(nest.own);
    assert_int_equal(pt_cancel_hook_add(nest.token, &last_hook, take_note, &last), PT_OK);
    assert_int_equal(pt_cancel_hook_add(nest.token, nest.own, meddle, &nest), PT_OK);
    assert_int_equal(pt_cancel_hook_add(nest.other, &nest.later, take_note, &nest.later_note), PT_OK);
    assert_true(pt_cancel_request(nest.token, "go"));
    assert_int_equal(nest.note.times, 1);
    assert_int_equal(last.times, 1);
    assert_false(nest.again);
    assert_true(nest.other_requested);
    assert_int_equal(nest.later_note.times, 1);
    assert_int_equal(nest.later_removed, PT_ERR_CANCELLED);
    assert_int_equal(nest.own_removed, PT_ERR_CANCELLED);
    assert_int_equal(nest.add_status, PT_ERR_CANCELLED);
    assert_int_equal(pt_cancel_hook_remove(&last_hook), PT_ERR_CANCELLED);
    pt_cancel_release(nest.token);
    pt_cancel_release(nest.other);
}

struct slow_hook {
    pt_cancel *token;
    pt_cancel_hook hook;
    pt_event in, out;
    uint32_t ran; /* not atomic: who removes the hook waits for it */
};

static void run_slowly(void *arg)
{
    struct slow_hook *slow = arg;
    pt_event_set(&slow->in);
    pt_event_wait(&slow->out);
    slow->ran = 1;
}

static void request_or_remove(struct member *member)
{
    struct slow_hook *slow = member->shared;
    if (member->index == 0) {
        check(pt_cancel_request(slow->token, NULL));
        return;
    }
    check(pt_event_wait(&slow->in) == PT_OK);
    check(pt_cancel_hook_remove(&slow->hook) == PT_ERR_CANCELLED);
    check(slow->ran == 1);
    memset(&slow->hook, 0xa5, sizeof slow->hook);
}

static void test_removing_waits_for_a_hook_that_runs(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(20); i++) {
        struct slow_hook slow = {.token = new_token(PT_FOREVER)};
        assert_int_equal(pt_cancel_hook_add(slow.token, &slow.hook, run_slowly, &slow), PT_OK);
        struct crew *crew = crew_start(2, request_or_remove, &slow);
        if (i % 2 == 0) /* else the removal comes as it comes */
            wait_until_parked(&slow.hook, 1);
        pt_event_set(&slow.out);
        crew_join(crew);
        pt_cancel_release(slow.token);
    }
}

/* Adding and removing race with the cancelling: a hook has run, or it never will. */
struct hook_race {
    pt_cancel *token;
    pt_barrier barrier;
    int rounds;
};

static void race_hooks(struct member *member)
{
    struct hook_race *race = member->shared;
    for (int i = 0; i < race->rounds; i++) {
        bool serial;
        pt_barrier_wait(&race->barrier, &serial);
        if (serial) {
            pt_cancel_release(race->token);
            check(pt_cancel_create(&race->token, PT_FOREVER) == PT_OK);
        }
        pt_barrier_wait(&race->barrier, NULL);
        if (member->index == 0) {
            test_delay(&member->stream);
            check(pt_cancel_request(race->token, NULL));
            continue;
        }
        for (int j = 0; j < 3; j++) {
            pt_cancel_hook *hook = malloc(sizeof *hook);
            struct note *note = calloc(1, sizeof *note);
            pt_status status = pt_cancel_hook_add(race->token, hook, take_note, note);
            check(status == PT_OK || status == PT_ERR_CANCELLED);
            if (status == PT_OK) {
                test_delay(&member->stream);
                status = pt_cancel_hook_remove(hook);
                check(note->times == (status == PT_OK ? 0 : 1));
            }
            check(status == PT_OK || (status == PT_ERR_CANCELLED && note->times <= 1));
            free(hook);
            free(note);
        }
    }
}

static void test_a_removed_hook_has_run_or_never_will(void **state)
{
    (void)state;
    struct hook_race race = {.barrier = PT_BARRIER_INIT(3), .rounds = test_scale(3000)};
    race.token = new_token(PT_FOREVER);
    crew_run(3, race_hooks, &race);
    pt_cancel_release(race.token);
}

/* ---- Every blocking call ------------------------------------------------------------------------- */

struct stage { /* one object of each kind, all of which have to be waited for */
    pt_cancel *token;
    pt_mutex mutex; /* held */
    pt_mutex cond_mutex;
    pt_cond cond;
    pt_mutex await_mutex;
    bool ready; /* under await_mutex */
    pt_once once;
    pt_event once_runs, helper_may_end;
    pt_thread *helper; /* runs the once, or is joined */
    pt_event event, automatic;
    pt_semaphore semaphore;
    pt_latch latch;
    pt_barrier barrier;
    uint32_t word;
};

enum { THREAD_KEY = -1 };

struct call {
    const char *what;
    long key; /* where in a stage; THREAD_KEY: the helper */
    pt_status (*wait)(struct stage *stage, pt_until until);
    void (*wake)(struct stage *stage);
    pt_status woken; /* what those who wait say then */
    enum {
        LETS_ALL_GO,    /* and whoever comes later */
        ALL_BUT_LATER,  /* lets go who waits now */
        ONE,            /* lets one go; a later one if none waits */
        ONE_BUT_LATER,  /* lets one go who waits now */
        ONE_AND_NO_MORE /* lets one go; the others fail */
    } effect;
    void *(*helper)(void *stage);
};

static pt_status wait_mutex(struct stage *stage, pt_until until)
{
    pt_status status = pt_mutex_lock_until(&stage->mutex, until);
    if (status == PT_OK)
        pt_mutex_unlock(&stage->mutex);
    return status;
}

static void wake_mutex(struct stage *stage)
{
    pt_mutex_unlock(&stage->mutex);
}

static pt_status wait_cond(struct stage *stage, pt_until until)
{
    pt_mutex_lock(&stage->cond_mutex);
    pt_status status = pt_cond_wait_until(&stage->cond, &stage->cond_mutex, until);
    pt_mutex_unlock(&stage->cond_mutex);
    return status;
}

static void wake_cond(struct stage *stage)
{
    pt_cond_signal(&stage->cond);
}

static bool is_ready(void *arg)
{
    return *(bool *)arg;
}

static pt_status wait_await(struct stage *stage, pt_until until)
{
    pt_mutex_lock(&stage->await_mutex);
    pt_status status = pt_mutex_await_until(&stage->await_mutex, is_ready, &stage->ready, until);
    pt_mutex_unlock(&stage->await_mutex);
    return status;
}

static void wake_await(struct stage *stage)
{
    pt_mutex_lock(&stage->await_mutex);
    stage->ready = true;
    pt_mutex_unlock(&stage->await_mutex);
}

static pt_status run_long(void *arg)
{
    struct stage *stage = arg;
    pt_event_set(&stage->once_runs);
    return pt_event_wait(&stage->helper_may_end);
}

static void *help_once(void *arg)
{
    struct stage *stage = arg;
    return pt_once_call(&stage->once, run_long, stage) == PT_OK ? arg : NULL;
}

static pt_status wait_once(struct stage *stage, pt_until until)
{
    return pt_once_call_until(&stage->once, run_long, stage, until);
}

static void wake_helper(struct stage *stage)
{
    pt_event_set(&stage->helper_may_end);
}

static void *help_join(void *arg)
{
    struct stage *stage = arg;
    pt_event_set(&stage->once_runs);
    pt_event_wait(&stage->helper_may_end);
    return arg;
}

static pt_status wait_join(struct stage *stage, pt_until until)
{
    return pt_thread_join_until(stage->helper, NULL, until);
}

static pt_status wait_event(struct stage *stage, pt_until until)
{
    return pt_event_wait_until(&stage->event, until);
}

static void wake_event(struct stage *stage)
{
    pt_event_set(&stage->event);
}

static pt_status wait_automatic(struct stage *stage, pt_until until)
{
    return pt_event_wait_until(&stage->automatic, until);
}

static void wake_automatic(struct stage *stage)
{
    pt_event_set(&stage->automatic);
}

static pt_status wait_semaphore(struct stage *stage, pt_until until)
{
    return pt_semaphore_wait_until(&stage->semaphore, until);
}

static void wake_semaphore(struct stage *stage)
{
    assert_int_equal(pt_semaphore_post(&stage->semaphore, 1), PT_OK);
}

static pt_status wait_latch(struct stage *stage, pt_until until)
{
    return pt_latch_wait_until(&stage->latch, until);
}

static void wake_latch(struct stage *stage)
{
    assert_int_equal(pt_latch_count_down(&stage->latch, 1), PT_OK);
}

static pt_status wait_barrier(struct stage *stage, pt_until until)
{
    return pt_barrier_wait_until(&stage->barrier, NULL, until);
}

static void wake_barrier(struct stage *stage)
{
    pt_barrier_reset(&stage->barrier);
}

static pt_status wait_word(struct stage *stage, pt_until until)
{
    return pt_wait_word(&stage->word, 0, until);
}

static void wake_word(struct stage *stage)
{
    pt_wake_word(&stage->word, 1);
}

#define KEY(field) (long)offsetof(struct stage, field)

static const struct call calls[] = {
    {"mutex", KEY(mutex), wait_mutex, wake_mutex, PT_OK, LETS_ALL_GO, NULL},
    {"cond", KEY(cond), wait_cond, wake_cond, PT_OK, ONE_BUT_LATER, NULL},
    {"await", KEY(await_mutex) + 1, wait_await, wake_await, PT_OK, LETS_ALL_GO, NULL},
    {"once", KEY(once), wait_once, wake_helper, PT_OK, LETS_ALL_GO, help_once},
    {"join", THREAD_KEY, wait_join, wake_helper, PT_OK, ONE_AND_NO_MORE, help_join},
    {"event", KEY(event), wait_event, wake_event, PT_OK, LETS_ALL_GO, NULL},
    {"automatic event", KEY(automatic), wait_automatic, wake_automatic, PT_OK, ONE, NULL},
    {"semaphore", KEY(semaphore), wait_semaphore, wake_semaphore, PT_OK, ONE, NULL},
    {"latch", KEY(latch), wait_latch, wake_latch, PT_OK, LETS_ALL_GO, NULL},
    {"barrier", KEY(barrier), wait_barrier, wake_barrier, PT_ERR_ABORTED, ALL_BUT_LATER, NULL},
    {"word", KEY(word), wait_word, wake_word, PT_OK, ONE_BUT_LATER, NULL},
};

enum { CALLS = sizeof calls / sizeof calls[0] };

static const void *key_of(const struct call *call, const struct stage *stage)
{
    return call->key == THREAD_KEY ? (const void *)stage->helper : (const char *)stage + call->key;
}

/* Only one of its objects is to be used, that of the call. */
static void set_stage(struct stage *stage, const struct call *call)
{
    *stage = (struct stage){.automatic = PT_EVENT_AUTO_INIT,
                            .semaphore = PT_SEMAPHORE_INIT(0),
                            .latch = PT_LATCH_INIT(1),
                            .barrier = PT_BARRIER_INIT(PT_BARRIER_MAX)};
    stage->token = new_token(PT_FOREVER);
    pt_mutex_lock(&stage->mutex);
    if (call->helper == NULL)
        return;
    pt_status status;
    while ((status = pt_thread_spawn(&stage->helper, NULL, call->helper, stage)) == PT_ERR_AGAIN)
        pt_thread_yield(); /* in a browser, the last one's Worker is on its way back */
    assert_int_equal(status, PT_OK);
    pt_event_wait(&stage->once_runs);
}

static void strike_stage(struct stage *stage, const struct call *call)
{
    assert_int_equal(parked(key_of(call, stage)), 0);
    if (stage->helper != NULL) {
        pt_event_set(&stage->helper_may_end);
        pt_thread_join(stage->helper, NULL); /* which may have been done */
        pt_thread_release(stage->helper);
    }
    pt_cancel_release(stage->token);
}

static void test_a_cancelled_token_lets_nobody_wait(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        const struct call *call = &calls[i];
        struct stage stage;
        set_stage(&stage, call);
        assert_true(pt_cancel_request(stage.token, NULL));
        assert_int_equal(call->wait(&stage, pt_cancelled_by(stage.token)), PT_ERR_CANCELLED);
        assert_int_equal(call->wait(&stage, pt_or_cancelled_by(pt_after_ms(100000), stage.token)),
                         PT_ERR_CANCELLED);
        assert_int_equal(call->wait(&stage, pt_or_cancelled_by(pt_at(0), stage.token)), PT_ERR_CANCELLED);
        call->wake(&stage);
        if (call->effect != ALL_BUT_LATER && call->effect != ONE_BUT_LATER) {
            while (call->helper != NULL && !pt_once_is_done(&stage.once) && !pt_thread_is_finished(stage.helper))
                pt_thread_yield();
            assert_int_equal(call->wait(&stage, pt_cancelled_by(stage.token)), PT_OK); /* no need to wait */
        }
        strike_stage(&stage, call);
    }
}

struct scene {
    struct stage stage;
    const struct call *call;
    pt_until until;
    pt_status wanted;
};

static void wait_in_scene(struct member *member)
{
    struct scene *scene = member->shared;
    check(scene->call->wait(&scene->stage, scene->until) == scene->wanted);
}

static void test_who_waits_goes_on_when_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct scene scene = {.call = &calls[i], .wanted = PT_ERR_CANCELLED};
        set_stage(&scene.stage, scene.call);
        const void *key = key_of(scene.call, &scene.stage);
        pt_cancel *token = new_token(pt_cancelled_by(scene.stage.token));
        scene.until = pt_cancelled_by(token);
        struct crew *crew = crew_start(3, wait_in_scene, &scene);
        wait_until_parked(key, 3);
        assert_true(pt_cancel_request(i % 2 ? token : scene.stage.token, NULL));
        crew_join(crew);
        assert_int_equal(parked(key), 0);
        pt_cancel_release(token);

        scene.until = PT_FOREVER; /* nothing is left behind: one that waits now is woken as ever */
        scene.wanted = scene.call->woken;
        crew = crew_start(1, wait_in_scene, &scene);
        wait_until_parked(key, 1);
        scene.call->wake(&scene.stage);
        crew_join(crew);
        strike_stage(&scene.stage, scene.call);
    }
}

static void test_a_tokens_deadline_ends_waits(void **state)
{
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        const struct call *call = &calls[i];
        struct stage stage;
        set_stage(&stage, call);
        pt_until until = pt_after_ms(1);
        pt_cancel *parent = new_token(until), *token = new_token(pt_cancelled_by(parent));
        assert_int_equal(call->wait(&stage, pt_cancelled_by(i % 2 ? parent : token)), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_cancel_status(token), PT_ERR_TIMEOUT);
        until = pt_after_ms(1); /* and so does the call's own, with a token that is as it was */
        assert_int_equal(call->wait(&stage, pt_or_cancelled_by(until, stage.token)), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_cancel_status(stage.token), PT_OK);
        call->wake(&stage);
        pt_cancel_release(parent);
        pt_cancel_release(token);
        strike_stage(&stage, call);
    }
}

/* ---- Sleeping ------------------------------------------------------------------------------------- */

static void sleep_long(struct member *member)
{
    pt_cancel *token = member->shared;
    pt_until until = pt_cancelled_by(token);
    if (member->index % 2)
        until = pt_or_cancelled_by(pt_after_ms(1000000), token);
    check(pt_sleep_until(until) == PT_ERR_CANCELLED);
}

static void test_sleep_ends_when_cancelled(void **state)
{
    (void)state;
    pt_cancel *token = new_token(PT_FOREVER), *timed = new_token(pt_after_ms(1));
    pt_until until = pt_after_ms(1);
    assert_int_equal(pt_sleep_until(pt_or_cancelled_by(until, token)), PT_OK); /* slept enough */
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(pt_sleep_until(pt_cancelled_by(timed)), PT_ERR_TIMEOUT);
    struct crew *crew = crew_start(4, sleep_long, token);
    wait_until_parked(NULL, 4);
    assert_true(pt_cancel_request(token, NULL));
    crew_join(crew);
    assert_int_equal(pt_sleep_until(pt_cancelled_by(token)), PT_ERR_CANCELLED);
    pt_cancel_release(token);
    pt_cancel_release(timed);
}

/* ---- The race of a cancel with the wake -------------------------------------------------------------- */

/* Member 0 waits with a token, member 1 behind it without one. The wake, by the test's thread, and the cancel, by member 2,
   come at the same moment. If member 0 is woken, it is as ever. If it is cancelled, the wake is member 1's. */
struct race {
    const struct call *call;
    struct stage stage;
    pt_barrier barrier; /* before and after each round */
    pt_status got[2];
    uint32_t returned[2];
    uint32_t go, over;
    int rounds;
};

static void wait_or_cancel(struct race *race, struct member *member)
{
    if (member->index == 2) {
        while (load_acquire(&race->go) == 0)
            pt_thread_yield();
        if (test_random(&member->stream) % 2)
            test_delay(&member->stream);
        check(pt_cancel_request(race->stage.token, NULL));
        return;
    }
    if (member->index == 1)
        wait_until_parked(key_of(race->call, &race->stage), 1);
    pt_until until = member->index == 0 ? pt_cancelled_by(race->stage.token) : PT_FOREVER;
    race->got[member->index] = race->call->wait(&race->stage, until);
    store_release(&race->returned[member->index], 1);
}

static void run_race(struct member *member)
{
    struct race *race = member->shared;
    for (;;) {
        pt_barrier_wait(&race->barrier, NULL);
        if (race->over)
            return;
        wait_or_cancel(race, member);
        pt_barrier_wait(&race->barrier, NULL);
    }
}

static void run_round(struct race *race, uint64_t *stream)
{
    const struct call *call = race->call;
    set_stage(&race->stage, call);
    race->go = race->returned[0] = race->returned[1] = 0;
    pt_barrier_wait(&race->barrier, NULL);

    const void *key = key_of(call, &race->stage);
    wait_until_parked(key, 2);
    store_release(&race->go, 1);
    if (test_random(stream) % 2)
        test_delay(stream);
    call->wake(&race->stage);
    while (load_acquire(&race->returned[0]) == 0)
        pt_thread_yield();

    if (race->got[0] != PT_ERR_CANCELLED && (call->effect == ONE || call->effect == ONE_BUT_LATER)) {
        assert_int_equal(race->got[0], PT_OK);
        assert_int_equal(load_acquire(&race->returned[1]), 0);
        assert_int_equal(parked(key), 1);
        call->wake(&race->stage);
    }
    pt_barrier_wait(&race->barrier, NULL); /* member 1 came through too */
    if (call->effect == ONE_AND_NO_MORE && race->got[0] == PT_OK)
        assert_int_equal(race->got[1], PT_ERR_INVALID);
    else
        assert_int_equal(race->got[1], call->woken);
    if (race->got[0] != PT_ERR_CANCELLED && race->got[0] != call->woken)
        assert_int_equal(race->got[0], call->effect == ONE_AND_NO_MORE ? PT_ERR_INVALID : PT_OK);
    strike_stage(&race->stage, call);
}

static void test_a_wake_is_not_lost_on_who_is_cancelled(void **state)
{
    (void)state;
    uint64_t stream = (uint64_t)pt_now();
    for (int i = 0; i < CALLS; i++) {
        struct race race = {.call = &calls[i], .barrier = PT_BARRIER_INIT(4)};
        int rounds = test_scale(calls[i].helper == NULL ? 500 : 150), cancelled = 0;
        struct crew *crew = crew_start(3, run_race, &race);
        for (int j = 0; j < rounds; j++) {
            run_round(&race, &stream);
            cancelled += race.got[0] == PT_ERR_CANCELLED;
        }
        race.over = 1;
        pt_barrier_wait(&race.barrier, NULL);
        crew_join(crew);
        (void)cancelled; /* as a rule some of each; nothing is promised */
    }
}

/* ---- The same in traffic -------------------------------------------------------------------------------- */

struct market { /* goods are given one by one, and each is worth one wake */
    pt_semaphore semaphore;
    pt_mutex mutex;
    pt_cond cond;
    uint32_t goods; /* under the mutex */
    uint32_t word;
    pt_mutex token_mutex;
    pt_cancel *token; /* under token_mutex: cancelled and made anew all the time */
    uint32_t takers;  /* that are not done */
    uint32_t each;
    bool (*take)(struct market *market, pt_until until); /* false if cancelled */
    void (*give)(struct market *market);
};

static bool take_permit(struct market *market, pt_until until)
{
    return pt_semaphore_wait_until(&market->semaphore, until) == PT_OK;
}

static void give_permit(struct market *market)
{
    pt_semaphore_post(&market->semaphore, 1);
}

static bool take_goods(struct market *market, pt_until until)
{
    pt_status status = PT_OK;
    pt_mutex_lock(&market->mutex);
    while (status == PT_OK && market->goods == 0)
        status = pt_cond_wait_until(&market->cond, &market->mutex, until);
    if (status == PT_OK)
        market->goods--;
    pt_mutex_unlock(&market->mutex);
    return status == PT_OK;
}

static void give_goods(struct market *market)
{
    pt_mutex_lock(&market->mutex);
    market->goods++;
    pt_cond_signal(&market->cond);
    pt_mutex_unlock(&market->mutex);
}

static bool take_word(struct market *market, pt_until until)
{
    for (;;) {
        uint32_t seen = load_relaxed(&market->word);
        while (seen > 0) {
            if (cas_acquire(&market->word, &seen, seen - 1))
                return true;
        }
        if (pt_wait_word(&market->word, 0, until) != PT_OK)
            return false;
    }
}

static void give_word(struct market *market)
{
    add_relaxed(&market->word, 1);
    pt_wake_word(&market->word, 1);
}

static pt_cancel *current_token(struct market *market)
{
    pt_mutex_lock(&market->token_mutex);
    pt_cancel *token = pt_cancel_retain(market->token);
    pt_mutex_unlock(&market->token_mutex);
    return token;
}

static void cancel_and_renew(struct market *market, struct member *member)
{
    pt_cancel *fresh = NULL;
    check(pt_cancel_create(&fresh, PT_FOREVER) == PT_OK);
    pt_mutex_lock(&market->token_mutex);
    pt_cancel *old = market->token;
    market->token = fresh;
    pt_mutex_unlock(&market->token_mutex);
    check(pt_cancel_request(old, NULL));
    pt_cancel_release(old);
    test_delay(&member->stream);
}

enum { GIVERS = 2, PATIENT = 2, FICKLE = 2 };

static void trade(struct member *member)
{
    struct market *market = member->shared;
    if (member->index == 0) {
        while (load_relaxed(&market->takers) > 0)
            cancel_and_renew(market, member);
        return;
    }
    for (uint32_t i = 0; i < market->each; i++) {
        if (member->index <= GIVERS) {
            for (int j = 0; j < (PATIENT + FICKLE) / GIVERS; j++)
                market->give(market);
            test_delay(&member->stream);
        } else if (member->index <= GIVERS + PATIENT) {
            check(market->take(market, PT_FOREVER));
        } else {
            for (bool taken = false; !taken;) {
                pt_cancel *token = current_token(market);
                taken = market->take(market, pt_cancelled_by(token));
                pt_cancel_release(token);
            }
        }
    }
    if (member->index > GIVERS)
        sub_acq_rel(&market->takers, 1);
}

/* All that is given is taken in the end, or somebody patient waits for ever. */
static void trade_with(bool (*take)(struct market *market, pt_until until), void (*give)(struct market *market))
{
    struct market market = {
        .semaphore = PT_SEMAPHORE_INIT(0), .takers = PATIENT + FICKLE, .take = take, .give = give};
    market.each = (uint32_t)test_scale(4000);
    market.token = new_token(PT_FOREVER);
    crew_run(1 + GIVERS + PATIENT + FICKLE, trade, &market);
    assert_int_equal(pt_semaphore_value(&market.semaphore), 0);
    assert_int_equal(market.semaphore.word, 0);
    assert_int_equal(market.goods, 0);
    assert_int_equal(market.word, 0);
    assert_int_equal(parked(NULL), 0);
    pt_cancel_release(market.token);
}

static void test_permits_are_conserved(void **state)
{
    (void)state;
    trade_with(take_permit, give_permit);
}

static void test_signals_are_conserved(void **state)
{
    (void)state;
    trade_with(take_goods, give_goods);
}

static void test_wakes_of_a_word_are_conserved(void **state)
{
    (void)state;
    trade_with(take_word, give_word);
}

/* Rounds of a barrier are whole though many of its parties are cancelled. */
struct rounds {
    struct market market; /* for its token */
    pt_barrier barrier;
    uint32_t passed, serials;
};

static void come_and_go(struct member *member)
{
    struct rounds *rounds = member->shared;
    struct market *market = &rounds->market;
    if (member->index == 0) {
        while (load_relaxed(&market->takers) > 0)
            cancel_and_renew(market, member);
        return;
    }
    for (uint32_t i = 0; i < market->each; i++) {
        bool serial = false;
        pt_cancel *token = current_token(market);
        pt_status status = pt_barrier_wait_until(&rounds->barrier, &serial, pt_cancelled_by(token));
        check(status == PT_OK || (status == PT_ERR_CANCELLED && !serial));
        add_relaxed(&rounds->passed, status == PT_OK);
        add_relaxed(&rounds->serials, serial);
        pt_cancel_release(token);
    }
    sub_acq_rel(&market->takers, 1);
}

static void test_rounds_are_whole_though_many_are_cancelled(void **state)
{
    (void)state;
    struct rounds rounds = {.market = {.takers = 4, .each = (uint32_t)test_scale(4000)}};
    rounds.barrier = (pt_barrier)PT_BARRIER_INIT(3);
    rounds.market.token = new_token(PT_FOREVER);
    crew_run(5, come_and_go, &rounds);
    assert_int_equal(rounds.passed, 3 * rounds.serials);
    assert_int_equal(rounds.barrier.word, 0);
    pt_cancel_release(rounds.market.token);
}

/* ---- Many threads -------------------------------------------------------------------------------------- */

struct crowd {
    struct stage stages[CALLS];
    pt_cancel *token, *below;
};

static void wait_in_crowd(struct member *member)
{
    struct crowd *crowd = member->shared;
    int i = member->index % CALLS;
    pt_cancel *token = member->index % 2 ? crowd->token : crowd->below;
    check(calls[i].wait(&crowd->stages[i], pt_cancelled_by(token)) == PT_ERR_CANCELLED);
}

static void test_one_request_ends_many_waits(void **state)
{
    (void)state;
    enum { CROWD = 2 * CALLS + 3, HELPERS = 2 };
    static struct crowd crowd;
    crowd.token = new_token(PT_FOREVER);
    crowd.below = new_token(pt_cancelled_by(crowd.token));
    for (int i = 0; i < CALLS; i++)
        set_stage(&crowd.stages[i], &calls[i]);
    struct crew *crew = crew_start(CROWD, wait_in_crowd, &crowd);
    wait_until_parked(NULL, CROWD + HELPERS);
    assert_true(pt_cancel_request(crowd.token, NULL));
    crew_join(crew);
    for (int i = 0; i < CALLS; i++)
        strike_stage(&crowd.stages[i], &calls[i]);
    pt_cancel_release(crowd.token);
    pt_cancel_release(crowd.below);
}

enum { TREES = 12 };

struct forest {
    pt_mutex mutex;
    pt_cancel *tokens[TREES]; /* under mutex; children of each other, as it comes */
    pt_event never;
    int each;
};

/* A reference to one of them, or NULL. */
static pt_cancel *pick(struct forest *forest, uint64_t *stream)
{
    pt_mutex_lock(&forest->mutex);
    pt_cancel *token = pt_cancel_retain(forest->tokens[test_random(stream) % TREES]);
    pt_mutex_unlock(&forest->mutex);
    return token;
}

static void plant(struct forest *forest, uint64_t *stream, pt_cancel *token)
{
    pt_mutex_lock(&forest->mutex);
    pt_cancel **place = &forest->tokens[test_random(stream) % TREES], *old = *place;
    *place = token;
    pt_mutex_unlock(&forest->mutex);
    pt_cancel_release(old);
}

static void cut_down(struct member *member, pt_cancel *token)
{
    pt_cancel *child = NULL, *born = NULL;
    check(pt_cancel_create(&child, pt_cancelled_by(token)) == PT_OK);
    bool first = pt_cancel_request(token, "cut");
    pt_status status = pt_cancel_status(token);
    check(status != PT_OK);
    check(!first || status == PT_ERR_CANCELLED);
    check(!first || pt_cancel_status(child) != PT_OK); /* who was first has gone through all below it */
    check(pt_cancel_create(&born, pt_cancelled_by(token)) == PT_OK);
    check(pt_cancel_status(born) == status);
    check(pt_cancel_status(token) == status);
    pt_cancel_release(child);
    pt_cancel_release(born);
}

static void hook_on(struct member *member, pt_cancel *token)
{
    struct note note = {0, 0};
    pt_cancel_hook hook;
    if (pt_cancel_hook_add(token, &hook, take_note, &note) != PT_OK)
        return;
    test_delay(&member->stream);
    pt_status removed = pt_cancel_hook_remove(&hook);
    check(note.times == (removed == PT_OK ? 0 : 1));
}

static void wait_below(struct member *member, struct forest *forest, pt_cancel *token)
{
    pt_until until = pt_after(test_random(&member->stream) % 60 * PT_MICROSECOND);
    pt_status status = pt_event_wait_until(&forest->never, pt_or_cancelled_by(until, token));
    check(status == PT_ERR_TIMEOUT || status == PT_ERR_CANCELLED);
    check(status != PT_ERR_CANCELLED || pt_cancel_status(token) == PT_ERR_CANCELLED);
    check(status != PT_ERR_TIMEOUT || pt_now() >= until.deadline || pt_cancel_status(token) == PT_ERR_TIMEOUT);
}

static void live_in_forest(struct member *member)
{
    struct forest *forest = member->shared;
    for (int i = 0; i < forest->each; i++) {
        pt_cancel *token = pick(forest, &member->stream), *child = NULL;
        uint32_t chance = test_random(&member->stream) % 16;
        if (chance < 8 || token == NULL) {
            pt_until until = chance == 0 ? pt_after(100 * PT_MICROSECOND) : PT_FOREVER;
            check(pt_cancel_create(&child, pt_or_cancelled_by(until, chance < 6 ? token : NULL)) == PT_OK);
            plant(forest, &member->stream, child);
        } else if (chance < 10) {
            cut_down(member, token);
        } else if (chance < 12) {
            hook_on(member, token);
        } else {
            wait_below(member, forest, token);
        }
        pt_cancel_release(token);
    }
}

static void test_random_trees_and_random_cancels(void **state)
{
    (void)state;
    struct forest forest = {.each = test_scale(8000)};
    crew_run(6, live_in_forest, &forest);
    for (int i = 0; i < TREES; i++)
        pt_cancel_release(forest.tokens[i]);
    assert_int_equal(parked(NULL), 0);
    assert_int_equal(forest.never.word, 0);
}

/* ---- On a page's main thread ------------------------------------------------------------------------------ */

struct visit {
    struct slow_hook slow;
    pt_cancel *token;
    pt_event event;
    pt_status waited, removed, removed_later;
    bool requested;
};

static void wait_for_page(struct member *member)
{
    struct visit *visit = member->shared;
    if (member->index == 0)
        check(pt_cancel_request(visit->slow.token, NULL)); /* runs the hook */
    else
        check(pt_event_wait_until(&visit->event, pt_cancelled_by(visit->token)) == PT_ERR_CANCELLED);
}

static void visit_tokens(void *arg)
{
    struct visit *visit = arg;
    visit->waited = pt_event_wait_until(&visit->event, pt_cancelled_by(visit->token));
    visit->removed = pt_cancel_hook_remove(&visit->slow.hook);
    visit->requested = pt_cancel_request(visit->token, "by the page");
}

static void remove_later(void *arg)
{
    struct visit *visit = arg;
    visit->removed_later = pt_cancel_hook_remove(&visit->slow.hook);
}

static void test_a_page_cancels_and_does_not_wait(void **state)
{
    (void)state;
    struct visit visit = {.slow = {.token = new_token(PT_FOREVER)}, .token = new_token(PT_FOREVER)};
    assert_int_equal(pt_cancel_hook_add(visit.slow.token, &visit.slow.hook, run_slowly, &visit.slow), PT_OK);
    struct crew *crew = crew_start(3, wait_for_page, &visit);
    wait_until_parked(&visit.event, 2);
    pt_event_wait(&visit.slow.in);
    bool has_page = test_on_page_thread(visit_tokens, &visit);
    pt_event_set(&visit.slow.out);
    if (!has_page)
        assert_true(pt_cancel_request(visit.token, NULL));
    crew_join(crew);
    if (!has_page || !test_on_page_thread(remove_later, &visit))
        remove_later(&visit);
    assert_int_equal(visit.removed_later, PT_ERR_CANCELLED);
    pt_cancel_release(visit.slow.token);
    pt_cancel_release(visit.token);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    assert_int_equal(visit.waited, PT_ERR_NOBLOCK);
    assert_int_equal(visit.removed, PT_ERR_NOBLOCK);
    assert_true(visit.requested);
}

TEST_MAIN("cancel", TEST(test_no_memory_leaves_all_as_it_was), TEST(test_a_deep_tree), TEST(test_a_wide_tree),
          TEST(test_the_first_request_counts), TEST(test_deadlines), TEST(test_children_share_their_parents_fate),
          TEST(test_hooks_run_once_in_the_cancelling_thread), TEST(test_a_deadline_runs_hooks_when_asked),
          TEST(test_a_hook_may_do_what_it_likes), TEST(test_removing_waits_for_a_hook_that_runs),
          TEST(test_a_removed_hook_has_run_or_never_will), TEST(test_a_cancelled_token_lets_nobody_wait),
          TEST(test_who_waits_goes_on_when_cancelled), TEST(test_a_tokens_deadline_ends_waits),
          TEST(test_sleep_ends_when_cancelled), TEST(test_a_wake_is_not_lost_on_who_is_cancelled),
          TEST(test_permits_are_conserved), TEST(test_signals_are_conserved),
          TEST(test_wakes_of_a_word_are_conserved), TEST(test_rounds_are_whole_though_many_are_cancelled),
          TEST(test_one_request_ends_many_waits), TEST(test_random_trees_and_random_cancels),
          TEST(test_a_page_cancels_and_does_not_wait))
