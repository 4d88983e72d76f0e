/* test_await.c: conditional critical sections: a thread goes on with the mutex held and its condition true, all do that
   whose condition becomes true, and none is left behind. */
#include <stdlib.h>

#include "support.h"

#include "atomic.h"

static const void *queue_of(const pt_mutex *mutex) /* those who await; see await.c */
{
    return (const char *)mutex + 1;
}

static bool is_true(void *arg)
{
    return *(const bool *)arg;
}

static bool is_positive(void *arg)
{
    return *(const int *)arg > 0;
}

/* ---- A bounded buffer, by conditions alone ---------------------------------------------------------- */

enum { ROOM = 3 };

struct buffer {
    pt_mutex mutex;
    int held;    /* under mutex, as the next three */
    int in, out; /* values so far */
    int slots[ROOM];
    int each;
    pt_cancel *never;
};

static bool has_room(void *arg)
{
    return ((const struct buffer *)arg)->held < ROOM;
}

static bool has_value(void *arg)
{
    return ((const struct buffer *)arg)->held > 0;
}

/* Every form at once. True: the condition holds, with the mutex. */
static bool await_somehow(struct member *member, struct buffer *buffer, bool (*condition)(void *))
{
    pt_until until = pt_after(test_random(&member->stream) % 200 * PT_MICROSECOND);
    pt_status status;
    switch (test_random(&member->stream) % 3) {
    case 0: status = pt_mutex_await(&buffer->mutex, condition, buffer); break;
    case 1: status = pt_mutex_await_until(&buffer->mutex, condition, buffer, pt_cancelled_by(buffer->never)); break;
    default: status = pt_mutex_await_until(&buffer->mutex, condition, buffer, until);
    }
    check(status == PT_OK || (status == PT_ERR_TIMEOUT && pt_now() >= until.deadline));
    check((status == PT_OK) == condition(buffer));
    return status == PT_OK;
}

static void put(struct buffer *buffer)
{
    buffer->slots[buffer->in % ROOM] = buffer->in;
    buffer->in++;
}

/* Whether it was the next value in order. */
static bool take(struct buffer *buffer)
{
    bool next = buffer->slots[buffer->out % ROOM] == buffer->out;
    buffer->out++;
    return next;
}

static void put_and_take(struct member *member)
{
    struct buffer *buffer = member->shared;
    bool puts = member->index % 2 == 0;
    for (int i = 0; i < buffer->each;) {
        pt_mutex_lock(&buffer->mutex);
        if (await_somehow(member, buffer, puts ? has_room : has_value)) {
            if (puts)
                put(buffer);
            else
                check(take(buffer));
            buffer->held += puts ? 1 : -1;
            check(buffer->held >= 0 && buffer->held <= ROOM);
            i++;
        }
        pt_mutex_unlock(&buffer->mutex);
        if (test_random(&member->stream) % 16 == 0)
            test_delay(&member->stream);
    }
}

static void test_a_buffer_neither_overflows_nor_starves(void **state)
{
    (void)state;
    for (int members = 2; members <= 8; members *= 2) {
        struct buffer buffer = {.mutex = PT_MUTEX_INIT, .each = test_scale(20000) / members};
        assert_int_equal(pt_cancel_create(&buffer.never, PT_FOREVER), PT_OK);
        crew_run(members, put_and_take, &buffer);
        assert_int_equal(buffer.in, buffer.each * members / 2);
        assert_int_equal(buffer.out, buffer.in);
        assert_int_equal(buffer.mutex.word, 0);
        assert_int_equal(parked(NULL), 0);
        pt_cancel_release(buffer.never);
    }
}

/* ---- One by one ------------------------------------------------------------------------------------- */

struct gate {
    pt_mutex mutex;
    bool open; /* under mutex */
    int passed;
    pt_cancel *stop;
    pt_status answer; /* what they all must get */
};

static void await_gate(struct member *member)
{
    struct gate *gate = member->shared;
    pt_mutex_lock(&gate->mutex);
    check(pt_mutex_await_until(&gate->mutex, is_true, &gate->open, pt_cancelled_by(gate->stop)) == gate->answer);
    gate->passed++;
    pt_mutex_unlock(&gate->mutex);
}

static void test_all_go_on_when_it_is_true_for_all(void **state)
{
    (void)state;
    struct gate gate = {.answer = PT_OK};
    struct crew *crew = crew_start(8, await_gate, &gate);
    wait_until_parked(queue_of(&gate.mutex), 8);
    pt_mutex_lock(&gate.mutex);
    pt_mutex_unlock(&gate.mutex);
    assert_int_equal(parked(queue_of(&gate.mutex)), 8); /* nobody goes on for nothing */
    pt_mutex_lock(&gate.mutex);
    gate.open = true;
    pt_mutex_unlock(&gate.mutex);
    crew_join(crew);
    assert_int_equal(gate.passed, 8);
    assert_int_equal(gate.mutex.word, 0);
}

static void test_cancelling_ends_all(void **state)
{
    (void)state;
    struct gate gate = {.answer = PT_ERR_CANCELLED};
    assert_int_equal(pt_cancel_create(&gate.stop, PT_FOREVER), PT_OK);
    struct crew *crew = crew_start(8, await_gate, &gate);
    wait_until_parked(queue_of(&gate.mutex), 8);
    pt_cancel_request(gate.stop, NULL);
    crew_join(crew);
    assert_int_equal(gate.passed, 8);
    assert_int_equal(gate.mutex.word, 0);
    pt_cancel_release(gate.stop);
}

static void test_forms_that_do_not_wait(void **state)
{
    (void)state;
    pt_mutex mutex = PT_MUTEX_INIT;
    bool value = false;
    pt_mutex_lock(&mutex);
    assert_int_equal(pt_mutex_await_until(&mutex, is_true, &value, pt_at(0)), PT_ERR_TIMEOUT);
    pt_until until = pt_after_ms(3);
    assert_int_equal(pt_mutex_await_until(&mutex, is_true, &value, until), PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    value = true;
    assert_int_equal(pt_mutex_await_until(&mutex, is_true, &value, pt_at(0)), PT_OK);
    assert_int_equal(pt_mutex_await(&mutex, is_true, &value), PT_OK);
    pt_mutex_unlock(&mutex);
    assert_int_equal(mutex.word, 0);
}

/* ---- A condition with a mutex that somebody else waits for ------------------------------------------- */

struct turns {
    pt_mutex mutex;
    int turn; /* under mutex: whose it is */
    bool over;
    int visits; /* of the one who only locks */
};

struct player {
    struct turns *turns;
    int number;
};

static bool is_my_turn(void *arg)
{
    const struct player *player = arg;
    return player->turns->over || player->turns->turn == player->number;
}

/* Two hand the mutex to each other for ever; the third must get it even so, and ends the game. */
static void play(struct member *member)
{
    struct turns *turns = member->shared;
    struct player player = {turns, member->index};
    for (bool over = false; !over;) {
        check(pt_mutex_lock(&turns->mutex) == PT_OK);
        if (member->index < 2) {
            check(pt_mutex_await(&turns->mutex, is_my_turn, &player) == PT_OK);
            turns->turn = 1 - member->index;
        } else if (++turns->visits == 200) {
            turns->over = true;
        }
        over = turns->over;
        pt_mutex_unlock(&turns->mutex);
    }
}

static void test_those_who_only_lock_are_not_starved(void **state)
{
    (void)state;
    struct turns turns = {.mutex = PT_MUTEX_INIT};
    crew_run(3, play, &turns);
    assert_int_equal(turns.visits, 200);
    assert_int_equal(turns.mutex.word, 0);
}

/* ---- Races of the condition with giving up ------------------------------------------------------------ */

struct race {
    pt_mutex mutex;
    int tokens; /* under mutex */
    pt_cancel *stop;
    uint32_t taken, given_up;
};

static void take_or_give_up(struct member *member)
{
    struct race *race = member->shared;
    pt_until until = pt_or_cancelled_by(pt_after(test_random(&member->stream) % 50 * PT_MICROSECOND), race->stop);
    if (member->index % 2)
        until.deadline = PT_TIME_NEVER;
    pt_mutex_lock(&race->mutex);
    pt_status status = pt_mutex_await_until(&race->mutex, is_positive, &race->tokens, until);
    check((status == PT_OK) == (race->tokens > 0));
    if (status == PT_OK)
        race->tokens--;
    pt_mutex_unlock(&race->mutex);
    add_relaxed(status == PT_OK ? &race->taken : &race->given_up, 1);
}

static void test_giving_up_loses_nothing(void **state)
{
    (void)state;
    uint64_t stream = 7;
    for (int i = 0; i < test_scale(300); i++) {
        struct race race = {.mutex = PT_MUTEX_INIT};
        assert_int_equal(pt_cancel_create(&race.stop, PT_FOREVER), PT_OK);
        struct crew *crew = crew_start(4, take_or_give_up, &race);
        for (int j = 0; j < 3; j++) {
            test_delay(&stream);
            pt_mutex_lock(&race.mutex);
            race.tokens++;
            pt_mutex_unlock(&race.mutex);
        }
        pt_cancel_request(race.stop, NULL);
        crew_join(crew);
        assert_int_equal(race.taken + race.given_up, 4);
        assert_int_equal(race.taken + (uint32_t)race.tokens, 3);
        assert_int_equal(race.mutex.word, 0);
        pt_cancel_release(race.stop);
    }
}

TEST_MAIN("await", TEST(test_a_buffer_neither_overflows_nor_starves), TEST(test_all_go_on_when_it_is_true_for_all),
          TEST(test_cancelling_ends_all), TEST(test_forms_that_do_not_wait),
          TEST(test_those_who_only_lock_are_not_starved), TEST(test_giving_up_loses_nothing))
