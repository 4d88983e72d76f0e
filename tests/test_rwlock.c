/* test_rwlock.c: readers share, writers exclude, neither starves, and whoever gives up leaves no trace. */
#include <stdlib.h>

#include "support.h"

#include "atomic.h"

enum { READER = PTI_RWLOCK_READER, WRITERS_QUEUED = PTI_RWLOCK_WRITERS_QUEUED };

/* Readers and writers have a queue each. */
static const void *writers_of(const pt_rwlock *rwlock)
{
    return rwlock;
}

static const void *readers_of(const pt_rwlock *rwlock)
{
    return (const char *)rwlock + 1;
}

static void assert_untouched(const pt_rwlock *rwlock)
{
    assert_int_equal(rwlock->word, 0);
    assert_int_equal(parked(writers_of(rwlock)), 0);
    assert_int_equal(parked(readers_of(rwlock)), 0);
}

/* ---- One thread ---------------------------------------------------------------------------- */

static void test_it_locks_and_unlocks(void **state)
{
    (void)state;
    pt_rwlock rwlock = PT_RWLOCK_INIT;
    assert_int_equal(pt_rwlock_read_lock(&rwlock), PT_OK);
    assert_int_equal(pt_rwlock_read_lock_until(&rwlock, pt_after(PT_SECOND)), PT_OK); /* shared; no writer waits */
    assert_int_equal(pt_rwlock_try_read_lock(&rwlock), PT_OK);
    assert_int_equal(pt_rwlock_try_write_lock(&rwlock), PT_ERR_BUSY);
    for (int i = 0; i < 3; i++)
        pt_rwlock_read_unlock(&rwlock);
    assert_int_equal(rwlock.word, 0);
    assert_int_equal(pt_rwlock_write_lock(&rwlock), PT_OK);
    assert_int_equal(pt_rwlock_try_write_lock(&rwlock), PT_ERR_BUSY);
    assert_int_equal(pt_rwlock_try_read_lock(&rwlock), PT_ERR_BUSY);
    pt_rwlock_write_unlock(&rwlock);
    assert_int_equal(rwlock.word, 0);
    assert_int_equal(pt_rwlock_try_write_lock(&rwlock), PT_OK);
    pt_rwlock_downgrade(&rwlock);
    assert_int_equal(rwlock.word, READER);
    assert_int_equal(pt_rwlock_try_read_lock(&rwlock), PT_OK);
    pt_rwlock_read_unlock(&rwlock);
    pt_rwlock_read_unlock(&rwlock);
    assert_untouched(&rwlock);
}

/* Both forms give up in time, not early, and without a trace. */
static void assert_gives_up(pt_rwlock *rwlock, pt_status (*lock_until)(pt_rwlock *, pt_until))
{
    uint32_t before = rwlock->word;
    pt_cancel *token;
    assert_int_equal(lock_until(rwlock, pt_after(0)), PT_ERR_TIMEOUT);
    assert_int_equal(lock_until(rwlock, pt_at(INT64_MIN)), PT_ERR_TIMEOUT);
    pt_until until = pt_after_ms(3);
    assert_int_equal(lock_until(rwlock, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);

    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    pt_cancel_request(token, NULL);
    assert_int_equal(lock_until(rwlock, pt_cancelled_by(token)), PT_ERR_CANCELLED);
    pt_cancel_release(token);
    until = pt_after_ms(3);
    assert_int_equal(pt_cancel_create(&token, until), PT_OK);
    assert_int_equal(lock_until(rwlock, pt_cancelled_by(token)), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    pt_cancel_release(token);
    assert_int_equal(rwlock->word, before);
    assert_int_equal(parked(NULL), 0);
}

static pt_status read_until(pt_rwlock *rwlock, pt_until until)
{
    return pt_rwlock_read_lock_until(rwlock, until);
}

static pt_status write_until(pt_rwlock *rwlock, pt_until until)
{
    return pt_rwlock_write_lock_until(rwlock, until);
}

static void test_waits_end_in_time(void **state)
{
    (void)state;
    pt_rwlock rwlock = PT_RWLOCK_INIT;
    pt_rwlock_write_lock(&rwlock);
    assert_gives_up(&rwlock, read_until);
    assert_gives_up(&rwlock, write_until);
    pt_rwlock_downgrade(&rwlock);
    assert_gives_up(&rwlock, write_until);
    assert_int_equal(read_until(&rwlock, pt_at(INT64_MIN)), PT_OK); /* no need to wait */
    pt_rwlock_read_unlock(&rwlock);
    pt_rwlock_read_unlock(&rwlock);
    assert_int_equal(write_until(&rwlock, pt_at(INT64_MIN)), PT_OK);
    pt_rwlock_write_unlock(&rwlock);
    assert_untouched(&rwlock);
}

/* After a fork the word may speak of waiters that are not there. */
static void test_waiters_that_are_not_there_do_no_harm(void **state)
{
    (void)state;
    NOT_IN_CHECKED_BUILDS();
    for (uint32_t queued = 2; queued <= 6; queued += 2) {
        pt_rwlock rwlock = {PTI_RWLOCK_WRITER | queued};
        pt_rwlock_write_unlock(&rwlock);
        pt_rwlock_write_lock(&rwlock);
        pt_rwlock_downgrade(&rwlock);
        rwlock.word |= queued;
        pt_rwlock_read_unlock(&rwlock);
        pt_rwlock_write_lock(&rwlock);
        pt_rwlock_write_unlock(&rwlock);
        assert_untouched(&rwlock);
    }
}

/* ---- History ------------------------------------------------------------------------------- */

/* Every write is numbered under the lock, and noted: by whom. Readers see whole writes only, and never go back. */
enum { MOST_WRITES = 40000, CELLS = 4, MOST_MEMBERS = 16 };

struct ledger {
    pt_rwlock rwlock;
    int cells[CELLS];         /* under rwlock: all the same, the number of the last write */
    signed char *author;      /* under rwlock: by the number of the write, who wrote */
    uint32_t readers;         /* atomic: how many are reading */
    int writes[MOST_MEMBERS]; /* each member's own: how many it made */
    int each, share;          /* constant: how many attempts a member makes, and each which of them is a write */
    pt_mutex tokens_mutex;
    pt_cancel *tokens[MOST_MEMBERS]; /* under tokens_mutex: what a member waits with now */
    uint32_t left;                   /* atomic: members that are not done */
};

static void read_ledger(struct member *member, struct ledger *ledger, int *last)
{
    add_relaxed(&ledger->readers, 1);
    int number = ledger->cells[0];
    check(number >= *last);
    *last = number;
    if (test_random(&member->stream) % 32 == 0)
        test_delay(&member->stream);
    for (int i = 1; i < CELLS; i++)
        check(ledger->cells[i] == number);
    sub_acq_rel(&ledger->readers, 1);
}

static void write_ledger(struct member *member, struct ledger *ledger, int *last)
{
    check(load_relaxed(&ledger->readers) == 0);
    int number = ledger->cells[0] + 1;
    check(number > *last && number < MOST_WRITES);
    ledger->author[number] = (signed char)(member->index + 1);
    for (int i = 0; i < CELLS; i++) {
        check(ledger->cells[i] == number - 1);
        ledger->cells[i] = number;
        if (test_random(&member->stream) % 64 == 0)
            test_delay(&member->stream);
    }
    check(load_relaxed(&ledger->readers) == 0);
    *last = number;
    ledger->writes[member->index]++;
}

/* With a deadline of some microseconds, and a token that the canceller of test_all_forms_together may cancel. */
static pt_status lock_for_a_while(struct member *member, struct ledger *ledger, bool write)
{
    pt_cancel *token;
    pt_until until = pt_after((pt_time)(test_random(&member->stream) % 100) * PT_MICROSECOND);
    bool timed = test_random(&member->stream) % 4 != 0;
    check(pt_cancel_create(&token, PT_FOREVER) == PT_OK);
    pt_mutex_lock(&ledger->tokens_mutex);
    ledger->tokens[member->index] = token;
    pt_mutex_unlock(&ledger->tokens_mutex);

    pt_until wait = timed ? pt_or_cancelled_by(until, token) : pt_cancelled_by(token);
    pt_status status = write ? write_until(&ledger->rwlock, wait) : read_until(&ledger->rwlock, wait);
    if (status == PT_ERR_TIMEOUT)
        check(timed && pt_now() >= until.deadline);
    else
        check(status == PT_OK || (status == PT_ERR_CANCELLED && pt_cancel_status(token) == PT_ERR_CANCELLED));

    pt_mutex_lock(&ledger->tokens_mutex);
    ledger->tokens[member->index] = NULL;
    pt_mutex_unlock(&ledger->tokens_mutex);
    pt_cancel_release(token);
    return status;
}

static pt_status lock_somehow(struct member *member, struct ledger *ledger, bool write, uint32_t forms)
{
    switch (test_random(&member->stream) % forms) {
    case 0:
    case 1: return write ? pt_rwlock_write_lock(&ledger->rwlock) : pt_rwlock_read_lock(&ledger->rwlock);
    case 2: return write ? pt_rwlock_try_write_lock(&ledger->rwlock) : pt_rwlock_try_read_lock(&ledger->rwlock);
    default: return lock_for_a_while(member, ledger, write);
    }
}

static void keep_ledger(struct member *member, uint32_t forms)
{
    struct ledger *ledger = member->shared;
    int last = 0;
    for (int i = 0; i < ledger->each; i++) {
        bool write = test_random(&member->stream) % (uint32_t)ledger->share == 0;
        if (lock_somehow(member, ledger, write, forms) != PT_OK)
            continue;
        if (write)
            write_ledger(member, ledger, &last);
        if (write && test_random(&member->stream) % 4 == 0) {
            pt_rwlock_downgrade(&ledger->rwlock);
            check(ledger->cells[0] == last); /* nobody wrote in between */
            write = false;
        }
        if (write) {
            pt_rwlock_write_unlock(&ledger->rwlock);
        } else {
            read_ledger(member, ledger, &last);
            pt_rwlock_read_unlock(&ledger->rwlock);
        }
    }
}

static void keep_ledger_plainly(struct member *member)
{
    keep_ledger(member, 2);
}

/* The first member cancels the others, at any time. */
static void keep_or_cancel(struct member *member)
{
    struct ledger *ledger = member->shared;
    if (member->index > 0) {
        keep_ledger(member, 6);
        sub_acq_rel(&ledger->left, 1);
        return;
    }
    while (load_relaxed(&ledger->left) > 0) {
        pt_mutex_lock(&ledger->tokens_mutex);
        pt_cancel *token = pt_cancel_retain(ledger->tokens[test_random(&member->stream) % MOST_MEMBERS]);
        pt_mutex_unlock(&ledger->tokens_mutex);
        if (token != NULL)
            pt_cancel_request(token, NULL);
        pt_cancel_release(token);
        test_delay(&member->stream);
    }
}

static void keep_books(int members, void (*body)(struct member *member), struct ledger *ledger)
{
    int in_all = 0, noted[MOST_MEMBERS] = {0};
    ledger->author = calloc(MOST_WRITES, 1);
    assert_non_null(ledger->author);
    ledger->left = (uint32_t)members - 1;
    crew_run(members, body, ledger);
    for (int i = 1; i <= ledger->cells[0]; i++) {
        assert_true(ledger->author[i] >= 1 && ledger->author[i] <= members);
        noted[ledger->author[i] - 1]++;
    }
    for (int i = 0; i < members; i++) {
        assert_int_equal(noted[i], ledger->writes[i]);
        in_all += noted[i];
    }
    assert_int_equal(in_all, ledger->cells[0]);
    free(ledger->author);
    assert_untouched(&ledger->rwlock);
}

static void test_writers_exclude_all_others(void **state)
{
    (void)state;
    for (int members = 2; members <= MOST_MEMBERS; members *= 2) {
        for (int share = 1; share <= 16; share *= 4) {
            struct ledger ledger = {.each = test_scale(32000) / members, .share = share};
            keep_books(members, keep_ledger_plainly, &ledger);
        }
    }
}

static void test_all_forms_together(void **state)
{
    (void)state;
    for (int share = 1; share <= 9; share += 4) {
        struct ledger ledger = {.each = test_scale(4000), .share = share};
        keep_books(9, keep_or_cancel, &ledger);
    }
}

/* ---- Who goes in when ---------------------------------------------------------------------- */

/* A scene of readers and writers that come in at the test's word, and stay until it lets them go. */
struct scene {
    pt_rwlock rwlock;
    int writers;             /* constant: the first so many members are writers, the others readers */
    bool behind;             /* constant: readers come once all writers are queued */
    uint32_t reading, wrote; /* atomic: who is inside, and who has been */
    uint32_t stay;           /* atomic: readers keep the lock while it is set */
    pt_cancel *stop;         /* writers give up when it is cancelled; NULL: never */
    uint32_t gave_up;        /* atomic */
};

static void play(struct member *member)
{
    struct scene *scene = member->shared;
    if (member->index >= scene->writers) {
        if (scene->behind)
            wait_until_parked(writers_of(&scene->rwlock), (size_t)scene->writers);
        check(pt_rwlock_read_lock(&scene->rwlock) == PT_OK);
        add_release(&scene->reading, 1);
        while (load_relaxed(&scene->stay) != 0)
            pt_thread_yield();
        sub_acq_rel(&scene->reading, 1);
        pt_rwlock_read_unlock(&scene->rwlock);
        return;
    }
    pt_status status = pt_rwlock_write_lock_until(&scene->rwlock, pt_cancelled_by(scene->stop));
    check(status == PT_OK || (scene->stop != NULL && status == PT_ERR_CANCELLED));
    if (status == PT_OK) {
        check(load_relaxed(&scene->reading) == 0);
        add_relaxed(&scene->wrote, 1);
        pt_rwlock_write_unlock(&scene->rwlock);
    } else {
        add_release(&scene->gave_up, 1);
    }
}

static void wait_for(const uint32_t *counter, uint32_t value)
{
    while (load_acquire(counter) != value)
        pt_thread_yield();
}

static void end_scene(struct scene *scene, struct crew *crew)
{
    store_relaxed(&scene->stay, 0);
    crew_join(crew);
    assert_untouched(&scene->rwlock);
}

static void test_readers_share(void **state)
{
    (void)state;
    struct scene scene = {.stay = 1};
    struct crew *crew = crew_start(8, play, &scene);
    wait_for(&scene.reading, 8);
    assert_int_equal(load_relaxed(&scene.rwlock.word), 8 * READER);
    end_scene(&scene, crew);
}

static void test_a_writer_that_is_done_lets_all_readers_in(void **state)
{
    (void)state;
    struct scene scene = {.stay = 1, .writers = 2};
    pt_rwlock_write_lock(&scene.rwlock);
    struct crew *crew = crew_start(8, play, &scene);
    wait_until_parked(writers_of(&scene.rwlock), 2);
    wait_until_parked(readers_of(&scene.rwlock), 6);
    pt_rwlock_write_unlock(&scene.rwlock);
    wait_for(&scene.reading, 6); /* all together, before the writers that wait */
    assert_int_equal(load_relaxed(&scene.wrote), 0);
    end_scene(&scene, crew);
    assert_int_equal(scene.wrote, 2);
}

static void test_a_downgrade_lets_readers_in_but_no_writer(void **state)
{
    (void)state;
    struct scene scene = {.stay = 1, .writers = 2};
    pt_rwlock_write_lock(&scene.rwlock);
    struct crew *crew = crew_start(6, play, &scene);
    wait_until_parked(writers_of(&scene.rwlock), 2);
    wait_until_parked(readers_of(&scene.rwlock), 4);
    pt_rwlock_downgrade(&scene.rwlock);
    wait_for(&scene.reading, 4);
    store_relaxed(&scene.stay, 0);
    wait_for(&scene.reading, 0);
    assert_int_equal(load_relaxed(&scene.wrote), 0); /* the test still reads */
    assert_int_equal(parked(writers_of(&scene.rwlock)), 2);
    pt_rwlock_read_unlock(&scene.rwlock);
    end_scene(&scene, crew);
    assert_int_equal(scene.wrote, 2);
}

/* As after a fork, or when all readers give up just before the unlock. */
static void test_a_writer_does_not_wait_for_readers_that_are_gone(void **state)
{
    (void)state;
    struct scene scene = {.writers = 2};
    pt_rwlock_write_lock(&scene.rwlock);
    struct crew *crew = crew_start(2, play, &scene);
    wait_until_parked(writers_of(&scene.rwlock), 2);
    or_relaxed(&scene.rwlock.word, PTI_RWLOCK_READERS_QUEUED); /* though none is */
    pt_rwlock_write_unlock(&scene.rwlock);
    end_scene(&scene, crew);
    assert_int_equal(scene.wrote, 2);
}

static void test_readers_queue_behind_a_writer(void **state)
{
    (void)state;
    struct scene scene = {.writers = 1};
    pt_rwlock_read_lock(&scene.rwlock);
    struct crew *crew = crew_start(1, play, &scene);
    wait_until_parked(writers_of(&scene.rwlock), 1);
    assert_int_equal(pt_rwlock_try_read_lock(&scene.rwlock), PT_ERR_BUSY);
    assert_int_equal(pt_rwlock_read_lock_until(&scene.rwlock, pt_after_ms(2)), PT_ERR_TIMEOUT);
    assert_int_equal(load_relaxed(&scene.wrote), 0);
    pt_rwlock_read_unlock(&scene.rwlock);
    end_scene(&scene, crew);
    assert_int_equal(scene.wrote, 1);
}

/* Readers wait for nothing but a writer that waits; when it goes, they must go on. */
static void test_a_writer_that_gives_up_lets_readers_in(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(50); i++) {
        struct scene scene = {.stay = 1, .writers = 2, .behind = true};
        assert_int_equal(pt_cancel_create(&scene.stop, PT_FOREVER), PT_OK);
        pt_rwlock_read_lock(&scene.rwlock);
        struct crew *crew = crew_start(5, play, &scene);
        wait_until_parked(readers_of(&scene.rwlock), 3);
        pt_cancel_request(scene.stop, NULL);
        wait_for(&scene.reading, 3); /* beside the test, which still reads */
        wait_for(&scene.gave_up, 2);
        assert_int_equal(load_relaxed(&scene.rwlock.word), 4 * READER);
        pt_rwlock_read_unlock(&scene.rwlock);
        end_scene(&scene, crew);
        pt_cancel_release(scene.stop);
    }
}

/* The same with deadlines, which pass at any time: before the readers come, as they queue, or after. */
struct hurry {
    pt_rwlock rwlock;
    uint32_t readers_in; /* atomic */
};

static void hurry(struct member *member)
{
    struct hurry *shared = member->shared;
    if (member->index == 0) {
        pt_time patience = (pt_time)(test_random(&member->stream) % 200) * PT_MICROSECOND;
        check(pt_rwlock_write_lock_until(&shared->rwlock, pt_after(patience)) == PT_ERR_TIMEOUT);
        return;
    }
    test_delay(&member->stream);
    check(pt_rwlock_read_lock(&shared->rwlock) == PT_OK);
    add_relaxed(&shared->readers_in, 1);
    pt_rwlock_read_unlock(&shared->rwlock);
}

static void test_a_writers_deadline_lets_readers_in(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(300); i++) {
        struct hurry shared = {.rwlock = PT_RWLOCK_INIT};
        pt_rwlock_read_lock(&shared.rwlock);
        crew_run(4, hurry, &shared); /* while the test reads */
        assert_int_equal(shared.readers_in, 3);
        pt_rwlock_read_unlock(&shared.rwlock);
        assert_untouched(&shared.rwlock);
    }
}

/* ---- As many readers as can be ------------------------------------------------------------- */

static void test_a_full_lock_makes_readers_wait(void **state)
{
    (void)state;
    NOT_IN_CHECKED_BUILDS();
    const uint32_t full = PT_RWLOCK_READERS_MAX * READER;
    struct scene scene = {.rwlock = {full}};
    assert_int_equal(pt_rwlock_try_read_lock(&scene.rwlock), PT_ERR_BUSY);
    assert_gives_up(&scene.rwlock, read_until);
    assert_gives_up(&scene.rwlock, write_until);

    scene.stay = 1;
    struct crew *crew = crew_start(3, play, &scene);
    wait_until_parked(readers_of(&scene.rwlock), 3);
    for (uint32_t in = 1; in <= 3; in++) {
        assert_int_equal(load_relaxed(&scene.reading), in - 1);
        pt_rwlock_read_unlock(&scene.rwlock); /* one of all those readers: one more may come */
        wait_for(&scene.reading, in);
        assert_int_equal(load_relaxed(&scene.rwlock.word) & full, full);
    }
    store_relaxed(&scene.stay, 0);
    crew_join(crew);
    assert_int_equal(scene.rwlock.word, full - 3 * READER);
    assert_int_equal(pt_rwlock_read_lock(&scene.rwlock), PT_OK);
}

/* ---- Nobody starves ------------------------------------------------------------------------- */

struct contest {
    pt_rwlock rwlock;
    uint32_t inside; /* atomic: how many read */
    uint32_t over;
    int turns;
};

static void relay(struct member *member)
{
    struct contest *contest = member->shared;
    if (member->index == 0) {
        for (int i = 0; i < contest->turns; i++) {
            check(pt_rwlock_write_lock(&contest->rwlock) == PT_OK);
            check(load_relaxed(&contest->inside) == 0);
            pt_rwlock_write_unlock(&contest->rwlock);
            test_delay(&member->stream);
        }
        store_relaxed(&contest->over, 1);
        return;
    }
    while (load_relaxed(&contest->over) == 0) {
        check(pt_rwlock_read_lock(&contest->rwlock) == PT_OK);
        add_relaxed(&contest->inside, 1);
        /* Nobody leaves before another has come, but for a writer that waits. */
        while (load_relaxed(&contest->inside) < 2 && load_relaxed(&contest->over) == 0 &&
               (load_relaxed(&contest->rwlock.word) & WRITERS_QUEUED) == 0)
            pt_thread_yield();
        sub_acq_rel(&contest->inside, 1);
        pt_rwlock_read_unlock(&contest->rwlock);
    }
}

static void test_readers_in_relay_do_not_starve_a_writer(void **state)
{
    (void)state;
    struct contest contest = {.turns = test_scale(300)};
    crew_run(5, relay, &contest);
    assert_untouched(&contest.rwlock);
}

static void write_greedily(struct member *member)
{
    struct contest *contest = member->shared;
    if (member->index > 0) {
        while (load_relaxed(&contest->over) == 0) {
            pt_rwlock_write_lock(&contest->rwlock);
            pt_rwlock_write_unlock(&contest->rwlock);
        }
        return;
    }
    for (int i = 0; i < contest->turns; i++) {
        check(pt_rwlock_read_lock(&contest->rwlock) == PT_OK);
        pt_rwlock_read_unlock(&contest->rwlock);
        test_delay(&member->stream);
    }
    store_relaxed(&contest->over, 1);
}

static void test_greedy_writers_do_not_starve_a_reader(void **state)
{
    (void)state;
    struct contest contest = {.turns = test_scale(300)};
    crew_run(5, write_greedily, &contest);
    assert_untouched(&contest.rwlock);
}

/* Each goes on, as fast as it can, until all have had their turns. */
struct crowd {
    pt_rwlock rwlock;
    uint32_t left; /* atomic: who has not had its turns */
    int turns;
};

static void go_on_and_on(struct member *member)
{
    struct crowd *crowd = member->shared;
    for (int i = 0; load_relaxed(&crowd->left) > 0; i++) {
        if (member->index % 2 == 0) {
            pt_rwlock_write_lock(&crowd->rwlock);
            pt_rwlock_write_unlock(&crowd->rwlock);
        } else {
            pt_rwlock_read_lock(&crowd->rwlock);
            pt_rwlock_read_unlock(&crowd->rwlock);
        }
        if (i == crowd->turns)
            sub_acq_rel(&crowd->left, 1);
    }
}

static void test_everybody_advances(void **state)
{
    (void)state;
    struct crowd crowd = {.left = 8, .turns = test_scale(1000)};
    crew_run(8, go_on_and_on, &crowd);
    assert_untouched(&crowd.rwlock);
}

/* A holder that stays inside for longer than anybody's patience. */
static void stay_long(struct member *member)
{
    struct ledger *ledger = member->shared;
    int last = 0;
    for (int i = 0; i < ledger->each; i++) {
        if (member->index % 2 == 0) {
            check(pt_rwlock_write_lock(&ledger->rwlock) == PT_OK);
            pt_sleep(test_random(&member->stream) % 3 * PT_MILLISECOND);
            write_ledger(member, ledger, &last);
            pt_rwlock_write_unlock(&ledger->rwlock);
        } else {
            check(pt_rwlock_read_lock(&ledger->rwlock) == PT_OK);
            pt_sleep(test_random(&member->stream) % 3 * PT_MILLISECOND);
            read_ledger(member, ledger, &last);
            pt_rwlock_read_unlock(&ledger->rwlock);
        }
    }
}

static void take_it_over(struct member *member)
{
    struct scene *scene = member->shared;
    check(pt_rwlock_write_lock(&scene->rwlock) == PT_OK);
    while (load_relaxed(&scene->stay) != 0)
        pt_thread_yield();
    pt_rwlock_write_unlock(&scene->rwlock);
}

static void test_a_patient_writer_is_handed_the_lock(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct scene scene = {.stay = 1};
        pt_status locked = i % 2 == 0 ? pt_rwlock_write_lock(&scene.rwlock) : pt_rwlock_read_lock(&scene.rwlock);
        assert_int_equal(locked, PT_OK);
        struct crew *crew = crew_start(1, take_it_over, &scene);
        wait_until_parked(writers_of(&scene.rwlock), 1);
        pt_sleep(3 * PT_MILLISECOND); /* patience is a millisecond, and once in another somebody is handed a lock */
        if (i % 2 == 0)
            pt_rwlock_write_unlock(&scene.rwlock);
        else
            pt_rwlock_read_unlock(&scene.rwlock);
        assert_int_equal(pt_rwlock_try_write_lock(&scene.rwlock), PT_ERR_BUSY); /* it was not free for a moment */
        assert_int_equal(pt_rwlock_try_read_lock(&scene.rwlock), PT_ERR_BUSY);
        end_scene(&scene, crew);
    }
}

static void test_holders_stay_for_long(void **state)
{
    (void)state;
    struct ledger ledger = {.each = test_scale(20), .share = 1};
    keep_books(6, stay_long, &ledger);
}

/* ---- Lifetime ------------------------------------------------------------------------------- */

/* Whoever finds itself the last user frees the lock, while the one before may still be in unlock. */
struct parcel {
    pt_rwlock rwlock;
    int users; /* under rwlock */
};

enum { PARCELS = 2000, USERS = 4 };

struct post {
    pt_barrier barrier; /* all come to each parcel at the same time */
    struct parcel *parcels[PARCELS];
};

static void use_and_free(struct member *member)
{
    struct post *post = member->shared;
    for (int i = 0; i < test_scale(PARCELS); i++) {
        struct parcel *parcel = post->parcels[i];
        check(pt_barrier_wait(&post->barrier, NULL) == PT_OK);
        if (test_random(&member->stream) % 2 == 0) {
            pt_rwlock_read_lock(&parcel->rwlock);
            check(parcel->users > 0);
            pt_rwlock_read_unlock(&parcel->rwlock);
        }
        pt_rwlock_write_lock(&parcel->rwlock);
        bool last = --parcel->users == 0;
        if (test_random(&member->stream) % 4 == 0)
            test_delay(&member->stream); /* others queue */
        if (test_random(&member->stream) % 2 == 0) {
            pt_rwlock_downgrade(&parcel->rwlock);
            pt_rwlock_read_unlock(&parcel->rwlock);
        } else {
            pt_rwlock_write_unlock(&parcel->rwlock);
        }
        if (last)
            free(parcel);
    }
}

static void test_the_last_user_may_free_it(void **state)
{
    (void)state;
    static struct post post = {.barrier = PT_BARRIER_INIT(USERS)};
    for (int i = 0; i < test_scale(PARCELS); i++) {
        post.parcels[i] = calloc(1, sizeof(struct parcel)); /* all zeroes is a valid lock */
        assert_non_null(post.parcels[i]);
        post.parcels[i]->users = USERS;
    }
    crew_run(USERS, use_and_free, &post);
}

/* ---- On a page's main thread ---------------------------------------------------------------- */

struct visit {
    pt_rwlock written, read, own; /* held for writing; held for reading; free */
    const char *failed;
};

#define expect(condition) (visit->failed = visit->failed == NULL && !(condition) ? #condition : visit->failed)

static void try_to_wait(void *arg)
{
    struct visit *visit = arg;
    uint32_t before = visit->read.word;
    expect(pt_rwlock_read_lock(&visit->written) == PT_ERR_NOBLOCK);
    expect(pt_rwlock_write_lock(&visit->written) == PT_ERR_NOBLOCK);
    expect(pt_rwlock_read_lock_until(&visit->written, pt_after_ms(1)) == PT_ERR_NOBLOCK);
    expect(pt_rwlock_write_lock_until(&visit->read, pt_after_ms(1)) == PT_ERR_NOBLOCK);
    expect(pt_rwlock_try_read_lock(&visit->written) == PT_ERR_BUSY);
    expect(pt_rwlock_try_write_lock(&visit->read) == PT_ERR_BUSY);
    expect(visit->written.word == PTI_RWLOCK_WRITER);
    expect(visit->read.word == before);
    expect(pt_rwlock_read_lock(&visit->read) == PT_OK);
    pt_rwlock_read_unlock(&visit->read);
    expect(pt_rwlock_write_lock(&visit->own) == PT_OK); /* and keeps it */
}

static void let_go(void *arg)
{
    struct visit *visit = arg;
    pt_rwlock_write_unlock(&visit->own);
}

static void wait_for_the_page(struct member *member)
{
    struct visit *visit = member->shared;
    bool write = member->index == 0;
    check((write ? pt_rwlock_write_lock(&visit->own) : pt_rwlock_read_lock(&visit->own)) == PT_OK);
    if (write)
        pt_rwlock_write_unlock(&visit->own);
    else
        pt_rwlock_read_unlock(&visit->own);
}

static void test_a_page_does_not_wait(void **state)
{
    (void)state;
    struct visit visit = {.failed = NULL};
    pt_rwlock_write_lock(&visit.written);
    pt_rwlock_read_lock(&visit.read);
    if (!test_on_page_thread(try_to_wait, &visit)) {
        print_message("skipped: on this target every thread may block\n");
        skip();
    }
    struct crew *crew = crew_start(4, wait_for_the_page, &visit);
    wait_until_parked(writers_of(&visit.own), 1);
    wait_until_parked(readers_of(&visit.own), 3);
    test_on_page_thread(let_go, &visit);
    crew_join(crew);
    assert_untouched(&visit.own);
    if (visit.failed != NULL)
        fail_msg("on the page's thread: %s", visit.failed);
}

/* ---- A writer that waits for long is handed the lock, but not from under a reader ------------------- */

struct visitors {
    pt_rwlock rwlock;
    long written; /* plain, under rwlock */
};

/* A reader unlocks. At the same time the writer for whom it would do so gives up, another reader comes, and another writer;
   who waits for long by the time that the first reader goes on. */
static void visit_for_long(struct member *member)
{
    static const struct {
        int comes, stays; /* in milliseconds */
        bool writes, gives_up;
    } plans[] = {{0, 1, false, false}, {0, 0, true, true}, {1, 4, false, false}, {1, 0, true, false}};
    struct visitors *visitors = member->shared;
    pt_sleep(plans[member->index].comes * PT_MILLISECOND);
    if (plans[member->index].writes) {
        pt_until until = plans[member->index].gives_up ? pt_after(PT_MILLISECOND) : PT_FOREVER;
        if (pt_rwlock_write_lock_until(&visitors->rwlock, until) != PT_OK)
            return;
        visitors->written++;
        pt_rwlock_write_unlock(&visitors->rwlock);
        return;
    }
    check(pt_rwlock_read_lock(&visitors->rwlock) == PT_OK);
    long before = visitors->written;
    pt_sleep(plans[member->index].stays * PT_MILLISECOND);
    check(visitors->written == before);
    pt_rwlock_read_unlock(&visitors->rwlock);
}

static void test_nobody_is_handed_the_lock_from_under_a_reader(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(20); i++) {
        struct visitors visitors = {.written = 0};
        crew_run(4, visit_for_long, &visitors);
        assert_untouched(&visitors.rwlock);
    }
}

TEST_MAIN("rwlock", TEST(test_it_locks_and_unlocks), TEST(test_waits_end_in_time),
          TEST(test_waiters_that_are_not_there_do_no_harm), TEST(test_writers_exclude_all_others),
          TEST(test_all_forms_together), TEST(test_readers_share),
          TEST(test_a_writer_that_is_done_lets_all_readers_in),
          TEST(test_a_downgrade_lets_readers_in_but_no_writer),
          TEST(test_a_writer_does_not_wait_for_readers_that_are_gone), TEST(test_readers_queue_behind_a_writer),
          TEST(test_a_writer_that_gives_up_lets_readers_in), TEST(test_a_writers_deadline_lets_readers_in),
          TEST(test_a_full_lock_makes_readers_wait), TEST(test_readers_in_relay_do_not_starve_a_writer),
          TEST(test_greedy_writers_do_not_starve_a_reader), TEST(test_everybody_advances),
          TEST(test_a_patient_writer_is_handed_the_lock), TEST(test_nobody_is_handed_the_lock_from_under_a_reader),
          TEST(test_holders_stay_for_long), TEST(test_the_last_user_may_free_it), TEST(test_a_page_does_not_wait))
