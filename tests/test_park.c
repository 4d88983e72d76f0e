/* test_park.c: the parking lot: order, deadlines, moving, and that no waiter is lost or left behind. */
#include "support.h"

#include <string.h>

#include "atomic.h"
#include "park.h"

/* A thing to wait for: tickets that are taken out of the queue by wakers. */
struct lot {
    uint32_t key, other_key;
    uint32_t woken, gave_up; /* by the waiters' account */
    uint32_t taken;          /* by the wakers' account */
    uint32_t finished;       /* waiters that are done */
    int waits;
    int order[8];
    uint32_t arrived;
    pt_until until;
};

static enum pti_message wait_for(const void *key, pt_until until)
{
    pti_waiter waiter;
    pti_park_prepare(&waiter, "ticket");
    pti_queue *queue = pti_park_lock(key);
    pti_park_join(queue, &waiter, key);
    pti_park_unlock(queue);
    enum pti_message message = pti_park_sleep(&waiter, until, true);
    if (message == PTI_GAVE_UP)
        pti_park_unlock(queue);
    return message;
}

static bool wake_one(const void *key, enum pti_message message)
{
    pti_queue *queue = pti_park_lock(key);
    pti_waiter *first = pti_park_take(queue, key);
    pti_park_unlock(queue);
    if (first == NULL)
        return false;
    pti_park_wake(first, message);
    return true;
}

static void wait_in_turn(struct member *member)
{
    struct lot *lot = member->shared;
    wait_until_parked(&lot->key, (size_t)member->index); /* one after the other */
    check(wait_for(&lot->key, PT_FOREVER) == PTI_GO);
    lot->order[add_relaxed(&lot->arrived, 1)] = member->index;
}

static void test_the_longest_waiting_goes_first(void **state)
{
    (void)state;
    struct lot lot = {0};
    struct crew *crew = crew_start(6, wait_in_turn, &lot);
    wait_until_parked(&lot.key, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(wake_one(&lot.key, PTI_GO));
        while (load_acquire(&lot.arrived) != i + 1)
            pt_thread_yield();
    }
    crew_join(crew);
    for (int i = 0; i < 6; i++)
        assert_int_equal(lot.order[i], i);
    assert_false(wake_one(&lot.key, PTI_GO));
}

static void test_a_deadline_is_never_early_and_leaves_no_trace(void **state)
{
    (void)state;
    uint32_t key = 0;
    for (int i = 0; i < 20; i++) {
        pt_until until = pt_after(i * 300 * PT_MICROSECOND);
        assert_int_equal(wait_for(&key, until), PTI_GAVE_UP);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(parked(&key), 0);
    }
}

/* Wakers and deadlines race for the same waiters: each taken waiter is woken, nobody else is. */
static void wait_shortly(struct member *member)
{
    struct lot *lot = member->shared;
    for (int i = 0; i < lot->waits; i++) {
        pt_time patience = (pt_time)(test_random(&member->stream) % 60) * PT_MICROSECOND;
        if (wait_for(&lot->key, pt_after(patience)) == PTI_GO)
            add_relaxed(&lot->woken, 1);
        else
            add_relaxed(&lot->gave_up, 1);
    }
    add_relaxed(&lot->finished, 1);
}

static void wake_at_random(struct member *member)
{
    struct lot *lot = member->shared;
    while (load_relaxed(&lot->finished) < 4) {
        if (wake_one(&lot->key, PTI_GO))
            add_relaxed(&lot->taken, 1);
        test_delay(&member->stream);
    }
}

static void wait_or_wake(struct member *member)
{
    if (member->index < 4)
        wait_shortly(member);
    else
        wake_at_random(member);
}

static void test_a_wake_races_with_a_deadline(void **state)
{
    (void)state;
    struct lot lot = {.waits = test_scale(3000)};
    crew_run(6, wait_or_wake, &lot);
    assert_int_equal(lot.woken, lot.taken);
    assert_int_equal(lot.woken + lot.gave_up, 4 * lot.waits);
    assert_int_equal(parked(&lot.key), 0);
}

/* ---- Moving -------------------------------------------------------------------------------- */

static void move_one(struct lot *lot)
{
    pti_queue_pair pair = pti_park_lock_pair(&lot->key, &lot->other_key);
    if (pti_park_first(pair.first, &lot->key) != NULL)
        pti_park_move(pair.first, &lot->key, pair.second, &lot->other_key, "other ticket", pt_now());
    pti_park_unlock_pair(pair);
}

/* Joins one queue and is moved to another before its deadline, which then passes. */
static void wait_moved(struct member *member)
{
    struct lot *lot = member->shared;
    pti_waiter waiter;
    pti_park_prepare(&waiter, "ticket");
    pti_queue_pair pair = pti_park_lock_pair(&lot->key, &lot->other_key);
    pti_park_join(pair.first, &waiter, &lot->key);
    pti_park_move(pair.first, &lot->key, pair.second, &lot->other_key, "other ticket", pt_now());
    pti_park_unlock_pair(pair);
    check(pti_park_sleep(&waiter, lot->until, member->index % 2) == PTI_RETRY);
    check(pt_now() >= lot->until.deadline);
}

static void test_a_moved_waiter_does_not_give_up(void **state)
{
    (void)state;
    struct lot lot = {.until = pt_after_ms(5)};
    struct crew *crew = crew_start(2, wait_moved, &lot);
    wait_until_parked(&lot.other_key, 2);
    assert_int_equal(pt_sleep_until(pt_after_ms(10)), PT_OK); /* past the deadline, and time to give up in */
    assert_int_equal(parked(&lot.key), 0);
    assert_int_equal(parked(&lot.other_key), 2);
    assert_true(wake_one(&lot.other_key, PTI_RETRY));
    assert_true(wake_one(&lot.other_key, PTI_RETRY));
    crew_join(crew);
}

static void move_at_random(struct member *member)
{
    struct lot *lot = member->shared;
    if (member->index < 4) {
        wait_shortly(member);
        return;
    }
    while (load_relaxed(&lot->finished) < 4) {
        if (member->index == 4)
            move_one(lot);
        else if (wake_one(&lot->other_key, PTI_GO))
            add_relaxed(&lot->taken, 1);
        test_delay(&member->stream);
    }
}

static void test_moving_races_with_deadlines(void **state)
{
    (void)state;
    struct lot lot = {.waits = test_scale(2000)};
    crew_run(6, move_at_random, &lot);
    assert_int_equal(lot.woken, lot.taken);
    assert_int_equal(parked(NULL), 0);
}

/* ---- Many keys ----------------------------------------------------------------------------- */

/* Pairs of threads hand tokens to and fro over keys that share buckets with all the others. */
struct hub {
    uint32_t keys[600];
    uint32_t turn[600]; /* under the key's lock */
};

static void hand_over(struct member *member)
{
    struct hub *hub = member->shared;
    uint32_t mine = (uint32_t)member->index % 2, other = 1 - mine;
    for (int round = 0; round < test_scale(20); round++) {
        for (int i = member->index / 2; i < 600; i += 4) {
            const void *key = &hub->keys[i];
            pti_waiter waiter;
            pti_park_prepare(&waiter, "turn");
            pti_queue *queue = pti_park_lock(key);
            if (hub->turn[i] != mine) {
                pti_park_join(queue, &waiter, key);
                pti_park_unlock(queue);
                check(pti_park_sleep(&waiter, PT_FOREVER, member->index % 3 == 0) == PTI_GO);
                queue = pti_park_lock(key);
                check(hub->turn[i] == mine);
            }
            hub->turn[i] = other;
            pti_waiter *first = pti_park_take(queue, key);
            pti_park_unlock(queue);
            if (first != NULL)
                pti_park_wake(first, PTI_GO);
        }
    }
}

static void test_keys_that_share_buckets_keep_apart(void **state)
{
    (void)state;
    static struct hub hub;
    for (int i = 0; i < 600; i++)
        hub.turn[i] = 0;
    crew_run(8, hand_over, &hub);
    assert_int_equal(parked(NULL), 0);
}

static void lock_both(struct member *member)
{
    struct hub *hub = member->shared;
    for (int i = 0; i < test_scale(20000); i++) {
        const void *a = &hub->keys[test_random(&member->stream) % 600];
        const void *b = &hub->keys[test_random(&member->stream) % 600];
        pti_park_unlock_pair(pti_park_lock_pair(a, b));
    }
}

static void test_pairs_lock_in_any_order(void **state)
{
    (void)state;
    static struct hub hub;
    crew_run(4, lock_both, &hub);
}

/* ---- Taking all ---------------------------------------------------------------------------- */

static void wait_for_go(struct member *member)
{
    struct lot *lot = member->shared;
    check(wait_for(member->index < 5 ? &lot->key : &lot->other_key, PT_FOREVER) == PTI_GO);
}

static void test_take_all_takes_one_key_only(void **state)
{
    (void)state;
    struct lot lot = {0};
    struct crew *crew = crew_start(8, wait_for_go, &lot);
    const void *keys[] = {&lot.key, &lot.other_key};
    wait_until_parked(&lot.key, 5);
    wait_until_parked(&lot.other_key, 3);
    for (int i = 0; i < 2; i++) {
        pti_queue *queue = pti_park_lock(keys[i]);
        pti_waiter *all = pti_park_take_all(queue, keys[i]);
        assert_null(pti_park_first(queue, keys[i]));
        pti_park_unlock(queue);
        assert_int_equal(parked(&lot.other_key), i == 0 ? 3 : 0);
        pti_park_wake_all(all, PTI_GO);
    }
    crew_join(crew);
}

/* ---- Queues against lists -------------------------------------------------------------------- */

enum { KEYS = 3, WAITERS = 10 };

/* What should be in the queues of three keys that share a bucket. */
struct model {
    pti_waiter waiters[WAITERS];
    const void *keys[KEYS];
    pti_waiter *lists[KEYS][WAITERS];
    int counts[KEYS];
    int of[WAITERS]; /* in which list each waiter is, -1 for none */
};

/* Three addresses with one bucket. */
static void choose_keys(struct model *model)
{
    static char addresses[4096];
    int count = 1;
    model->keys[0] = addresses;
    for (size_t i = 1; i < sizeof addresses && count < KEYS; i++) {
        pti_queue_pair pair = pti_park_lock_pair(addresses, &addresses[i]);
        if (pair.first == pair.second)
            model->keys[count++] = &addresses[i];
        pti_park_unlock_pair(pair);
    }
    assert_int_equal(count, KEYS);
}

static void list_add(struct model *model, int key, int at, int waiter)
{
    for (int i = model->counts[key]++; i > at; i--)
        model->lists[key][i] = model->lists[key][i - 1];
    model->lists[key][at] = &model->waiters[waiter];
    model->of[waiter] = key;
}

static void list_remove(struct model *model, const pti_waiter *waiter)
{
    int number = (int)(waiter - model->waiters), key = model->of[number], at = 0;
    while (model->lists[key][at] != waiter)
        at++;
    model->counts[key]--;
    for (int i = at; i < model->counts[key]; i++)
        model->lists[key][i] = model->lists[key][i + 1];
    model->of[number] = -1;
}

static void compare(const struct model *model, pti_queue *queue)
{
    for (int key = 0; key < KEYS; key++) {
        const pti_waiter *waiter = pti_park_first(queue, model->keys[key]);
        for (int i = 0; i < model->counts[key]; i++) {
            assert_ptr_equal(waiter, model->lists[key][i]);
            waiter = waiter->next;
        }
        assert_null(waiter);
    }
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(model->waiters[i].queued, model->of[i] >= 0);
}

static void take_all(struct model *model, pti_queue *queue, int key)
{
    const pti_waiter *waiter = pti_park_take_all(queue, model->keys[key]);
    for (; model->counts[key] > 0; waiter = waiter->next) {
        assert_ptr_equal(waiter, model->lists[key][0]);
        list_remove(model, waiter);
    }
    assert_null(waiter);
}

static void do_something(struct model *model, pti_queue *queue, uint64_t *stream)
{
    int key = (int)(test_random(stream) % KEYS), to = (int)(test_random(stream) % KEYS);
    int number = (int)(test_random(stream) % WAITERS);
    pti_waiter *waiter = &model->waiters[number], *first = pti_park_first(queue, model->keys[key]);
    bool in_front = test_random(stream) % 2 == 0;
    if (model->of[number] < 0) {
        pti_park_prepare(waiter, "model");
        (in_front ? pti_park_join_front : pti_park_join)(queue, waiter, model->keys[key]);
        list_add(model, key, in_front ? 0 : model->counts[key], number);
    } else if (test_random(stream) % 16 == 0) {
        take_all(model, queue, key);
    } else if (first != NULL && test_random(stream) % 2 == 0) {
        list_remove(model, first);
        list_add(model, to, model->counts[to], (int)(first - model->waiters));
        pti_park_move(queue, model->keys[key], queue, model->keys[to], "model", pt_now());
    } else if (in_front) {
        assert_ptr_equal(pti_park_take(queue, model->keys[key]), first);
        if (first != NULL)
            list_remove(model, first);
    } else {
        pti_park_take_out(queue, waiter);
        list_remove(model, waiter);
    }
}

static void test_queues_do_what_lists_do(void **state)
{
    (void)state;
    static struct model model;
    uint64_t stream = test_seed;
    memset(&model, 0, sizeof model);
    memset(model.of, -1, sizeof model.of);
    choose_keys(&model);
    for (int i = 0; i < 500; i++) {
        pti_queue *queue = pti_park_lock(model.keys[0]);
        do_something(&model, queue, &stream);
        compare(&model, queue);
        pti_park_unlock(queue);
    }
    pti_queue *queue = pti_park_lock(model.keys[0]);
    for (int key = 0; key < KEYS; key++)
        take_all(&model, queue, key);
    pti_park_unlock(queue);
}

TEST_MAIN("park", TEST(test_the_longest_waiting_goes_first),
          TEST(test_a_deadline_is_never_early_and_leaves_no_trace), TEST(test_a_wake_races_with_a_deadline),
          TEST(test_a_moved_waiter_does_not_give_up), TEST(test_moving_races_with_deadlines),
          TEST(test_keys_that_share_buckets_keep_apart), TEST(test_pairs_lock_in_any_order),
          TEST(test_take_all_takes_one_key_only), TEST(test_queues_do_what_lists_do))
