/* test_word.c: waiting on a word: no wake is lost, none goes to somebody else. */
#include "support.h"

#include <stdlib.h>

#include "atomic.h"

enum { ALL = UINT32_MAX };

static void test_an_unexpected_word_is_not_waited_for(void **state)
{
    (void)state;
    uint32_t word = 1;
    assert_int_equal(pt_wait_word(&word, 0, PT_FOREVER), PT_OK);
    assert_int_equal(pt_wait_word(&word, 0, pt_at(0)), PT_OK);
    assert_int_equal(pt_wait_word(&word, 1, pt_at(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_wake_word(&word, ALL), 0);
    pt_until until = pt_after_ms(3);
    assert_int_equal(pt_wait_word(&word, 1, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(parked(&word), 0);
}

/* ---- Order --------------------------------------------------------------------------------- */

struct line {
    uint32_t word;
    uint32_t returned;
    int order[8];
};

static void queue_up(struct member *member)
{
    struct line *line = member->shared;
    wait_until_parked(&line->word, (size_t)member->index);
    check(pt_wait_word(&line->word, 0, PT_FOREVER) == PT_OK);
    line->order[add_relaxed(&line->returned, 1)] = member->index;
}

static void wait_until_returned(struct line *line, uint32_t count)
{
    while (load_acquire(&line->returned) != count)
        pt_thread_yield();
}

static void test_the_longest_waiting_are_woken_first(void **state)
{
    (void)state;
    struct line line = {0};
    struct crew *crew = crew_start(7, queue_up, &line);
    wait_until_parked(&line.word, 7);
    assert_int_equal(pt_wake_word(&line.word, 0), 0);
    assert_int_equal(pt_wake_word(&line.word, 1), 1);
    wait_until_returned(&line, 1);
    assert_int_equal(pt_wake_word(&line.word, 3), 3);
    assert_int_equal(parked(&line.word), 3);
    wait_until_returned(&line, 4);
    assert_int_equal(pt_wake_word(&line.word, ALL), 3);
    assert_int_equal(pt_wake_word(&line.word, ALL), 0);
    crew_join(crew);
    assert_int_equal(line.order[0], 0);
    for (int i = 1; i < 7; i++) /* the second three in any order, as they were woken at once; then the rest */
        assert_true(i < 4 ? line.order[i] >= 1 && line.order[i] < 4 : line.order[i] >= 4);
}

/* ---- Only who waits for this word ---------------------------------------------------------------- */

enum { WORDS = 40 };

struct many {
    uint32_t words[WORDS];
    uint32_t returned[WORDS];
};

static void wait_for_ones_own(struct member *member)
{
    struct many *many = member->shared;
    check(pt_wait_word(&many->words[member->index], 0, PT_FOREVER) == PT_OK);
    store_release(&many->returned[member->index], 1);
}

static void test_only_who_waits_for_the_word_is_woken(void **state)
{
    (void)state;
    enum { COUNT = WORDS / 2 };
    struct many many = {{0}, {0}};
    struct crew *crew = crew_start(COUNT, wait_for_ones_own, &many);
    for (int i = 0; i < COUNT; i++)
        wait_until_parked(&many.words[i], 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(load_acquire(&many.returned[i]), 0);
        assert_int_equal(pt_wake_word(&many.words[COUNT + i], ALL), 0);
        assert_int_equal(pt_wake_word(&many.words[i], ALL), 1);
        assert_int_equal(parked(NULL), COUNT - 1 - i);
    }
    crew_join(crew);
}

static void lock_it(struct member *member)
{
    check(pt_mutex_lock(member->shared) == PT_OK);
    pt_mutex_unlock(member->shared);
}

static void test_who_waits_for_a_lock_is_not_woken(void **state)
{
    (void)state;
    pt_mutex mutex = PT_MUTEX_INIT;
    pt_mutex_lock(&mutex);
    struct crew *crew = crew_start(2, lock_it, &mutex);
    wait_until_parked(&mutex, 2);
    assert_int_equal(pt_wake_word(&mutex.word, ALL), 0);
    assert_int_equal(parked(&mutex), 2);
    pt_mutex_unlock(&mutex);
    crew_join(crew);
}

static void wait_once(struct member *member)
{
    check(pt_wait_word(member->shared, 0, PT_FOREVER) == PT_OK);
}

static void test_the_words_memory_may_be_gone(void **state)
{
    (void)state;
    uint32_t *volatile word = calloc(1, sizeof *word); /* volatile: compilers warn of a pointer to what was freed */
    assert_non_null(word);
    struct crew *crew = crew_start(2, wait_once, word);
    wait_until_parked(word, 2);
    assert_int_equal(pt_wake_word(word, ALL), 2);
    crew_join(crew);
    free(word);
    assert_int_equal(pt_wake_word(word, ALL), 0);
}

/* ---- No wake is lost ---------------------------------------------------------------------------- */

struct rally {
    pt_atomic_u32 ball; /* whose turn it is */
    int carried;        /* by whoever's turn it is: not atomic */
    int each;
};

static void play(struct member *member)
{
    struct rally *rally = member->shared;
    uint32_t me = (uint32_t)member->index, other = 1 - me;
    for (int i = 0; i < rally->each; i++) {
        while (pt_atomic_u32_load(&rally->ball, PT_ORDER_ACQUIRE) != me)
            check(pt_atomic_u32_wait(&rally->ball, other, PT_FOREVER) == PT_OK);
        check(rally->carried++ == 2 * i + member->index);
        pt_atomic_u32_store(&rally->ball, other, PT_ORDER_RELEASE);
        check(pt_atomic_u32_wake(&rally->ball, 1) <= 1);
    }
}

static void test_a_ball_is_never_dropped(void **state)
{
    (void)state;
    struct rally rally = {.each = test_scale(60000)};
    crew_run(2, play, &rally);
    assert_int_equal(rally.carried, 2 * rally.each);
}

/* A word that is changed just once: whoever waits for that must come to know, even if the store is relaxed; if it
   releases, what was written before is seen. */
enum { GATES = 2000 };

struct starts {
    uint32_t gates[GATES];
    int wrote[GATES]; /* not atomic */
};

static void start(struct member *member)
{
    struct starts *starts = member->shared;
    for (int i = 0; i < GATES; i++) {
        if (test_random(&member->stream) % 4 == 0)
            test_delay(&member->stream);
        if (member->index > 0) {
            check(pt_wait_word(&starts->gates[i], 0, PT_FOREVER) == PT_OK);
            check(load_relaxed(&starts->gates[i]) == 1); /* nobody wakes before */
            check(i % 2 == 0 || starts->wrote[i] == i);
            continue;
        }
        if (i % 2 == 0) {
            store_relaxed(&starts->gates[i], 1);
        } else {
            starts->wrote[i] = i;
            store_release(&starts->gates[i], 1);
        }
        pt_wake_word(&starts->gates[i], ALL);
    }
}

static void test_a_change_just_before_the_wake_is_not_missed(void **state)
{
    (void)state;
    static struct starts starts;
    for (int i = 0; i < test_scale(40); i++) {
        starts = (struct starts){{0}, {0}};
        crew_run(4, start, &starts);
    }
}

/* A lock made of a word (Drepper, "Futexes Are Tricky", mutex 2). */
struct home_made {
    uint32_t word;
    int count; /* under the lock */
    int each;
};

static void count_up(struct member *member)
{
    struct home_made *lock = member->shared;
    for (int i = 0; i < lock->each; i++) {
        uint32_t seen = 0;
        if (!cas_acquire(&lock->word, &seen, 1)) {
            while (swap_acquire(&lock->word, 2) != 0)
                check(pt_wait_word(&lock->word, 2, PT_FOREVER) == PT_OK);
        }
        lock->count++;
        if (test_random(&member->stream) % 32 == 0)
            test_delay(&member->stream);
        if (swap_release(&lock->word, 0) == 2)
            pt_wake_word(&lock->word, 1);
    }
}

static void test_a_lock_can_be_made_of_it(void **state)
{
    (void)state;
    struct home_made lock = {.each = test_scale(30000)};
    crew_run(5, count_up, &lock);
    assert_int_equal(lock.count, 5 * lock.each);
    assert_int_equal(parked(NULL), 0);
}

/* Tokens, one wake each. Some takers give up at their deadlines and come again, some are patient: a wake lost on one
   that gives up would leave a patient one waiting for ever. */
struct tokens {
    uint32_t stock;
    uint32_t taken;
    uint32_t in_all;
};

static bool take(struct tokens *tokens)
{
    uint32_t seen = load_relaxed(&tokens->stock);
    while (seen > 0) {
        if (cas_acquire(&tokens->stock, &seen, seen - 1)) {
            add_relaxed(&tokens->taken, 1);
            return true;
        }
    }
    return false;
}

static void make_or_take(struct member *member)
{
    struct tokens *tokens = member->shared;
    if (member->index < 2) {
        for (uint32_t i = 0; i < tokens->in_all / 2; i++) {
            add_relaxed(&tokens->stock, 1);
            pt_wake_word(&tokens->stock, 1);
            if (test_random(&member->stream) % 2)
                test_delay(&member->stream);
        }
        return;
    }
    bool patient = member->index < 5;
    for (uint32_t i = 0; i < tokens->in_all / 6; i++) {
        while (!take(tokens)) {
            pt_until until = pt_after(test_random(&member->stream) % 30 * PT_MICROSECOND);
            pt_status status = pt_wait_word(&tokens->stock, 0, patient ? PT_FOREVER : until);
            check(status == PT_OK || (!patient && status == PT_ERR_TIMEOUT));
        }
    }
}

static void test_a_wake_is_not_lost_on_who_gives_up(void **state)
{
    (void)state;
    struct tokens tokens = {.in_all = 6 * (uint32_t)test_scale(10000)};
    crew_run(8, make_or_take, &tokens);
    assert_int_equal(tokens.taken, tokens.in_all);
    assert_int_equal(tokens.stock, 0);
    assert_int_equal(parked(NULL), 0);
}

/* ---- On a page's main thread ----------------------------------------------------------------------- */

struct visit {
    uint32_t word;
    pt_status refused, passed;
    uint32_t woken;
};

static void visit_word(void *arg)
{
    struct visit *visit = arg;
    visit->refused = pt_wait_word(&visit->word, 0, PT_FOREVER);
    visit->passed = pt_wait_word(&visit->word, 1, PT_FOREVER);
    visit->woken = pt_wake_word(&visit->word, ALL);
}

static void test_a_page_wakes_and_does_not_wait(void **state)
{
    (void)state;
    struct visit visit = {.word = 0};
    struct crew *crew = crew_start(2, wait_once, &visit.word);
    wait_until_parked(&visit.word, 2);
    bool has_page = test_on_page_thread(visit_word, &visit);
    if (!has_page)
        assert_int_equal(pt_wake_word(&visit.word, ALL), 2);
    crew_join(crew);
    if (!has_page) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    assert_int_equal(visit.refused, PT_ERR_NOBLOCK);
    assert_int_equal(visit.passed, PT_OK);
    assert_int_equal(visit.woken, 2);
}

TEST_MAIN("word", TEST(test_an_unexpected_word_is_not_waited_for), TEST(test_the_longest_waiting_are_woken_first),
          TEST(test_only_who_waits_for_the_word_is_woken), TEST(test_who_waits_for_a_lock_is_not_woken),
          TEST(test_the_words_memory_may_be_gone), TEST(test_a_ball_is_never_dropped),
          TEST(test_a_change_just_before_the_wake_is_not_missed), TEST(test_a_lock_can_be_made_of_it),
          TEST(test_a_wake_is_not_lost_on_who_gives_up), TEST(test_a_page_wakes_and_does_not_wait))
