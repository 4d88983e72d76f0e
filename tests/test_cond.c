/* test_cond.c: signals reach who waits, in order, each one once, with and without deadlines. */
#include "support.h"

#include "atomic.h"

/* ---- A bounded buffer: every value arrives exactly once, each sender's in order -------------- */

enum { SENDERS = 3, RECEIVERS = 3, ROOM = 4 };

struct buffer {
    pt_mutex mutex;
    pt_cond not_full, not_empty;
    int items[ROOM], count, begin; /* under mutex, as all below */
    int sending;                   /* senders that are not done */
    int next[SENDERS];             /* by sender: the value that must come next */
    int received;
    int each;
    bool timed; /* constant: wait with deadlines */
};

static void wait_on(struct member *member, struct buffer *buffer, pt_cond *cond)
{
    if (!buffer->timed || test_random(&member->stream) % 2 == 0) {
        check(pt_cond_wait(cond, &buffer->mutex) == PT_OK);
        return;
    }
    pt_until until = pt_after(test_random(&member->stream) % 50 * PT_MICROSECOND);
    pt_status status = pt_cond_wait_until(cond, &buffer->mutex, until);
    check(status == PT_OK || (status == PT_ERR_TIMEOUT && pt_now() >= until.deadline));
}

static void send_all(struct member *member, struct buffer *buffer)
{
    for (int i = 0; i < buffer->each; i++) {
        pt_mutex_lock(&buffer->mutex);
        while (buffer->count == ROOM)
            wait_on(member, buffer, &buffer->not_full);
        buffer->items[(buffer->begin + buffer->count++) % ROOM] = i * SENDERS + member->index;
        if (i % 2)
            pt_cond_signal(&buffer->not_empty); /* while holding the mutex, and after it */
        pt_mutex_unlock(&buffer->mutex);
        if (i % 2 == 0)
            pt_cond_signal(&buffer->not_empty);
    }
    pt_mutex_lock(&buffer->mutex);
    if (--buffer->sending == 0)
        pt_cond_broadcast(&buffer->not_empty);
    pt_mutex_unlock(&buffer->mutex);
}

static void receive_all(struct member *member, struct buffer *buffer)
{
    pt_mutex_lock(&buffer->mutex);
    for (;;) {
        while (buffer->count == 0 && buffer->sending > 0)
            wait_on(member, buffer, &buffer->not_empty);
        if (buffer->count == 0)
            break;
        int item = buffer->items[buffer->begin];
        buffer->begin = (buffer->begin + 1) % ROOM;
        buffer->count--;
        check(buffer->next[item % SENDERS]++ == item / SENDERS);
        buffer->received++;
        pt_cond_signal(&buffer->not_full);
    }
    pt_mutex_unlock(&buffer->mutex);
}

static void send_or_receive(struct member *member)
{
    if (member->index < SENDERS)
        send_all(member, member->shared);
    else
        receive_all(member, member->shared);
}

static void pass_through_buffer(bool timed)
{
    struct buffer buffer = {.mutex = PT_MUTEX_INIT,
                            .not_full = PT_COND_INIT,
                            .not_empty = PT_COND_INIT,
                            .sending = SENDERS,
                            .each = test_scale(8000),
                            .timed = timed};
    crew_run(SENDERS + RECEIVERS, send_or_receive, &buffer);
    assert_int_equal(buffer.received, SENDERS * buffer.each);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(buffer.next[i], buffer.each);
    assert_int_equal(buffer.not_full.word, 0);
    assert_int_equal(buffer.not_empty.word, 0);
    assert_int_equal(parked(NULL), 0);
}

static void test_a_bounded_buffer_loses_nothing(void **state)
{
    (void)state;
    pass_through_buffer(false);
}

static void test_nor_when_waits_time_out(void **state)
{
    (void)state;
    pass_through_buffer(true);
}

/* ---- Order and numbers --------------------------------------------------------------------- */

struct line {
    pt_mutex mutexes[2];
    pt_cond cond;
    int order[16], gone; /* under mutexes[0], if all use that one */
    uint32_t returned;
    bool two_mutexes;
};

static void stand_in_line(struct member *member)
{
    struct line *line = member->shared;
    pt_mutex *mutex = &line->mutexes[line->two_mutexes ? member->index % 2 : 0];
    wait_until_parked(&line->cond, (size_t)member->index);
    pt_mutex_lock(mutex);
    check(pt_cond_wait(&line->cond, mutex) == PT_OK);
    if (!line->two_mutexes)
        line->order[line->gone++] = member->index;
    pt_mutex_unlock(mutex);
    add_relaxed(&line->returned, 1);
}

static void test_signals_go_in_order_one_to_each(void **state)
{
    (void)state;
    struct line line = {0};
    struct crew *crew = crew_start(8, stand_in_line, &line);
    wait_until_parked(&line.cond, 8);
    for (uint32_t i = 0; i < 8; i++) {
        pt_cond_signal(&line.cond);
        assert_int_equal(parked(&line.cond), 7 - i);
        while (load_acquire(&line.returned) != i + 1)
            pt_thread_yield();
        assert_int_equal(parked(&line.cond), 7 - i); /* nobody else was woken */
    }
    crew_join(crew);
    for (int i = 0; i < 8; i++)
        assert_int_equal(line.order[i], i);
    assert_int_equal(line.cond.word, 0);
}

static void test_broadcast_moves_waiters_to_the_mutex_in_order(void **state)
{
    (void)state;
    struct line line = {0};
    struct crew *crew = crew_start(8, stand_in_line, &line);
    wait_until_parked(&line.cond, 8);
    pt_mutex_lock(&line.mutexes[0]);
    pt_cond_broadcast(&line.cond);
    assert_int_equal(parked(&line.cond), 0);
    assert_int_equal(parked(&line.mutexes[0]), 8); /* all asleep still */
    assert_int_equal(line.returned, 0);
    pt_mutex_unlock(&line.mutexes[0]);
    crew_join(crew);
    for (int i = 0; i < 8; i++)
        assert_int_equal(line.order[i], i); /* nobody else competes for the mutex */
}

static void test_waiters_may_have_different_mutexes(void **state)
{
    (void)state;
    struct line line = {.two_mutexes = true};
    struct crew *crew = crew_start(8, stand_in_line, &line);
    wait_until_parked(&line.cond, 8);
    pt_cond_signal(&line.cond);
    while (load_acquire(&line.returned) != 1)
        pt_thread_yield();
    pt_cond_broadcast(&line.cond);
    crew_join(crew);
    assert_int_equal(line.returned, 8);
    assert_int_equal(line.cond.word, 0);
}

static void test_signalling_nobody_is_forgotten(void **state)
{
    (void)state;
    pt_mutex mutex = PT_MUTEX_INIT;
    pt_cond cond = PT_COND_INIT;
    pt_cond_signal(&cond);
    pt_cond_broadcast(&cond);
    pt_mutex_lock(&mutex);
    pt_until until = pt_after_ms(3);
    assert_int_equal(pt_cond_wait_until(&cond, &mutex, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    assert_int_equal(pt_cond_wait_until(&cond, &mutex, pt_after(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_mutex_try_lock(&mutex), PT_ERR_BUSY); /* held again */
    pt_mutex_unlock(&mutex);
    assert_int_equal(cond.word, 0);
    assert_int_equal(mutex.word, 0);
}

/* ---- Signals against deadlines -------------------------------------------------------------- */

/* Each signal that is sent while somebody waits lets exactly one waiter return PT_OK. A signaller that holds the
   mutex knows how many wait: those that entered and have not yet left. */
struct tally {
    pt_mutex mutex;
    pt_cond cond;
    int waiting, sent, returned_ok; /* under mutex */
    int each;
    int running; /* under mutex: waiters that are not done */
};

static void wait_often(struct member *member, struct tally *tally)
{
    pt_mutex_lock(&tally->mutex);
    for (int i = 0; i < tally->each; i++) {
        pt_until until = pt_after(test_random(&member->stream) % 80 * PT_MICROSECOND);
        if (until.deadline <= pt_now())
            continue; /* it would not wait at all */
        tally->waiting++;
        pt_status status = pt_cond_wait_until(&tally->cond, &tally->mutex, until);
        tally->waiting--;
        tally->returned_ok += status == PT_OK;
    }
    tally->running--;
    pt_mutex_unlock(&tally->mutex);
}

static void signal_often(struct member *member, struct tally *tally)
{
    bool over = false;
    while (!over) {
        pt_mutex_lock(&tally->mutex);
        size_t queued = parked(&tally->cond); /* the mutex is held: nobody joins, some may give up */
        pt_cond_signal(&tally->cond);
        size_t left = parked(&tally->cond);
        check(left <= queued);
        tally->sent += queued > 0;
        over = tally->running == 0;
        pt_mutex_unlock(&tally->mutex);
        test_delay(&member->stream);
    }
}

static void wait_or_signal(struct member *member)
{
    if (member->index < 4)
        wait_often(member, member->shared);
    else
        signal_often(member, member->shared);
}

static void test_no_return_without_a_signal(void **state)
{
    (void)state;
    struct tally tally = {.mutex = PT_MUTEX_INIT, .cond = PT_COND_INIT, .each = test_scale(2000), .running = 4};
    crew_run(5, wait_or_signal, &tally);
    assert_true(tally.returned_ok <= tally.sent);
    assert_int_equal(tally.waiting, 0);
    assert_int_equal(tally.cond.word, 0);
    assert_int_equal(parked(NULL), 0);
}

TEST_MAIN("cond", TEST(test_a_bounded_buffer_loses_nothing), TEST(test_nor_when_waits_time_out),
          TEST(test_signals_go_in_order_one_to_each), TEST(test_broadcast_moves_waiters_to_the_mutex_in_order),
          TEST(test_waiters_may_have_different_mutexes), TEST(test_signalling_nobody_is_forgotten),
          TEST(test_no_return_without_a_signal))
