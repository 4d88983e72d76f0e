/* test_cancel.c: cancel tokens themselves: who is first, trees, deadlines, hooks, memory. test_cancel_waits.c has the
   waits that they end. */
#include "support.h"

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
    pt_cancel *parent = new_token(PT_FOREVER), *child = new_token(pt_or_cancelled_by(pt_at(0), parent));
    assert_true(pt_cancel_request(parent, "late for the child"));
    assert_int_equal(pt_cancel_status(child), PT_ERR_TIMEOUT);
    assert_reason(child, "deadline passed");
    pt_cancel_release(parent);
    pt_cancel_release(child);

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

/* A token with a deadline, however long this thread is held up before it has added the hook. */
static pt_cancel *new_timed_token(pt_cancel_hook *hook, void (*function)(void *arg), void *arg)
{
    for (pt_time later = PT_MILLISECOND;; later *= 2) {
        pt_cancel *token = new_token(pt_after(later));
        pt_status status = pt_cancel_hook_add(token, hook, function, arg);
        if (status == PT_OK)
            return token;
        assert_int_equal(status, PT_ERR_TIMEOUT);
        pt_cancel_release(token);
    }
}

/* Remove the hook of a token that is cancelled: 1 if it ran once, or not at all if the removal says that. */
static int note_after_removal(pt_cancel_hook *hook, const struct note *note)
{
    return pt_cancel_hook_remove(hook) == PT_OK ? note->times == 0 : note->times == 1;
}

static void test_a_deadline_runs_hooks_once(void **state)
{
    (void)state;
    pt_cancel_hook hook;
    struct note note = {0, 0};
    pt_cancel *token = new_timed_token(&hook, take_note, &note);
    while (pt_cancel_status(token) == PT_OK)
        pt_thread_yield();
    /* OK: the timers' thread was first, and has not come to it */
    assert_int_equal(note_after_removal(&hook, &note), 1);
    pt_cancel_release(token);
}

static void set_event(void *arg)
{
    pt_event_set(arg);
}

static void test_a_deadline_runs_hooks_unasked(void **state)
{
    (void)state;
    pt_event event = PT_EVENT_INIT;
    struct note notes[2] = {{0, 0}};
    pt_cancel_hook hook, second, below;
    pt_cancel *token = new_timed_token(&hook, set_event, &event);
    pt_cancel *child = new_token(pt_cancelled_by(token));
    bool has_second = pt_cancel_hook_add(token, &second, take_note, &notes[0]) == PT_OK; /* else it was held up */
    bool has_below = pt_cancel_hook_add(child, &below, take_note, &notes[1]) == PT_OK;
    assert_int_equal(pt_event_wait(&event), PT_OK);
    assert_int_equal(pt_cancel_hook_remove(&hook), PT_ERR_CANCELLED);
    assert_true(!has_second || note_after_removal(&second, &notes[0]));
    assert_true(!has_below || note_after_removal(&below, &notes[1]));
    pt_cancel_release(child);
    pt_cancel_release(token);
}

/* Tokens go while their deadlines pass. */
static void outlive_hooks(struct member *member)
{
    for (int n = 0; n < test_scale(500) + 2; n++) {
        struct note note = {0, 0};
        pt_cancel_hook hook;
        pt_cancel *token = new_token(pt_after(test_random(&member->stream) % 60 * PT_MICROSECOND)), *more = NULL;
        if (test_random(&member->stream) % 2 == 0)
            check(pt_cancel_create(&more, pt_cancelled_by(token)) == PT_OK);
        pt_status added = pt_cancel_hook_add(more != NULL ? more : token, &hook, take_note, &note);
        check(added == PT_OK || added == PT_ERR_TIMEOUT);
        pt_cancel_release(token);
        test_delay(&member->stream);
        pt_status removed = pt_cancel_hook_remove(&hook); /* CANCELLED also if it was not added */
        check(note.times == (added == PT_OK && removed == PT_ERR_CANCELLED));
        pt_cancel_release(more);
    }
}

static void test_tokens_go_while_their_deadlines_pass(void **state)
{
    (void)state;
    crew_run(3, outlive_hooks, NULL);
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
    struct hook_race race = {.barrier = PT_BARRIER_INIT(3), .rounds = test_scale(5000)};
    race.token = new_token(PT_FOREVER);
    crew_run(3, race_hooks, &race);
    pt_cancel_release(race.token);
}

/* ---- Many threads, random trees ------------------------------------------------------------------- */

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
    check(status != PT_ERR_TIMEOUT || pt_now() >= until.deadline || pt_cancel_status(token) != PT_OK);
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
    struct forest forest = {.each = test_scale(15000)};
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

/* ---- What hooks may do ------------------------------------------------------------------------------------- */

struct parent_and_child {
    pt_cancel *parent, *child;
    pt_thread *worker;
    pt_status joined;
};

static void *wait_on_child(void *arg)
{
    const struct parent_and_child *family = arg;
    static pt_status status;
    status = pt_sleep_until(pt_cancelled_by(family->child));
    return &status;
}

static void join_worker(void *arg)
{
    struct parent_and_child *family = arg;
    family->joined = pt_thread_join(family->worker, NULL);
}

/* A hook may wait for threads that wait for a token below: those are cancelled before hooks are called. */
static void test_a_hook_may_join_those_below(void **state)
{
    (void)state;
    struct parent_and_child family = {.joined = PT_ERR_FAILED};
    pt_cancel_hook hook;
    assert_int_equal(pt_cancel_create(&family.parent, PT_FOREVER), PT_OK);
    assert_int_equal(pt_cancel_create(&family.child, pt_cancelled_by(family.parent)), PT_OK);
    assert_int_equal(pt_cancel_hook_add(family.parent, &hook, join_worker, &family), PT_OK);
    assert_int_equal(pt_thread_spawn(&family.worker, NULL, wait_on_child, &family), PT_OK);
    wait_until_parked(NULL, 1);
    assert_true(pt_cancel_request(family.parent, NULL));
    assert_int_equal(family.joined, PT_OK);
    assert_int_equal(pt_cancel_hook_remove(&hook), PT_ERR_CANCELLED);
    pt_thread_release(family.worker);
    pt_cancel_release(family.child);
    pt_cancel_release(family.parent);
}

static pt_mutex hooked_mutex = PT_MUTEX_INIT;

static void lock_it(void *arg)
{
    pt_mutex_lock(&hooked_mutex);
    take_note(arg);
    pt_mutex_unlock(&hooked_mutex);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* A wait that a token's deadline ends may hold a mutex that a hook wants, so it calls none. */
static void test_waits_call_no_hooks(void **state)
{
    (void)state;
    pt_cancel *token;
    pt_cancel_hook hook;
    pt_cond cond = PT_COND_INIT;
    struct note note = {0, 0};
    token = new_timed_token(&hook, lock_it, &note);
    pt_mutex_lock(&hooked_mutex);
    assert_int_equal(pt_mutex_await_until(&hooked_mutex, never, NULL, pt_cancelled_by(token)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_cond_wait_until(&cond, &hooked_mutex, pt_cancelled_by(token)), PT_ERR_TIMEOUT);
    assert_true(note.by != pt_thread_id(NULL));
    pt_mutex_unlock(&hooked_mutex);
    assert_int_equal(pt_cancel_status(token), PT_ERR_TIMEOUT); /* this does, or the timers' thread */
    assert_int_equal(note_after_removal(&hook, &note), 1);
    pt_cancel_release(token);
}

TEST_MAIN("cancel", TEST(test_no_memory_leaves_all_as_it_was), TEST(test_a_deep_tree), TEST(test_a_wide_tree),
          TEST(test_the_first_request_counts), TEST(test_deadlines), TEST(test_children_share_their_parents_fate),
          TEST(test_hooks_run_once_in_the_cancelling_thread), TEST(test_a_deadline_runs_hooks_once),
          TEST(test_a_deadline_runs_hooks_unasked), TEST(test_tokens_go_while_their_deadlines_pass),
          TEST(test_a_hook_may_do_what_it_likes), TEST(test_removing_waits_for_a_hook_that_runs),
          TEST(test_a_removed_hook_has_run_or_never_will), TEST(test_random_trees_and_random_cancels),
          TEST(test_a_page_cancels_and_does_not_wait), TEST(test_a_hook_may_join_those_below),
          TEST(test_waits_call_no_hooks))
