/* test_channel_memory.c: channels, select and timers out of memory: whichever allocation fails, the call says PT_ERR_NOMEM and has
   changed nothing, values stay with their sender, nothing is leaked, and all goes on once there is memory. */
#include "counting.h"
#include "support.h"

#include <string.h>

#include "atomic.h"

static bool is_before(const void *a, const void *b, void *arg)
{
    (void)a, (void)b, (void)arg;
    return false; /* all are equal: first in, first out */
}

static void release_both(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

/* ---- Values: a number, in any size from 8 on -------------------------------------------------------------- */

enum { LARGE = 600 };

static const void *value_of(uint64_t number)
{
    static char bytes[LARGE];
    memset(bytes, (int)(number % 251), sizeof bytes);
    memcpy(bytes, &number, sizeof number);
    return bytes;
}

static uint64_t number_of(const void *value)
{
    uint64_t number;
    memcpy(&number, value, sizeof number);
    return number;
}

static void expect_next(pt_channel *channel, uint64_t number)
{
    char value[LARGE];
    assert_int_equal(pt_channel_try_receive(channel, value), PT_OK);
    assert_int_equal(number_of(value), number);
}

static void expect_none(pt_channel *channel)
{
    char value[LARGE];
    assert_int_equal(pt_channel_try_receive(channel, value), PT_ERR_BUSY);
}

/* ---- Making ------------------------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    size_t value_size, capacity;
    pt_channel_config config;
    uint32_t allocations; /* when it is made */
};

static const struct kind KINDS[] = {
    {"ring", 8, 5, {.kind = PT_CHANNEL_QUEUE}, 1},
    {"pair", 8, 5, {.one_sender = true, .one_receiver = true}, 2},
    {"pair, unbounded", LARGE, PT_UNBOUNDED, {.one_sender = true, .one_receiver = true}, 2},
    {"list", 8, PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}, 2},
    {"rendezvous", 8, 0, {.kind = PT_CHANNEL_QUEUE}, 1},
    {"oneshot", 8, 1, {.kind = PT_CHANNEL_ONESHOT}, 1},
    {"priority", 8, 5, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}, 1},
    {"broadcast", 8, 5, {.kind = PT_CHANNEL_BROADCAST}, 1},
};

enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

static pt_channel *make(size_t value_size, size_t capacity, const pt_channel_config *config)
{
    pt_channel *channel = NULL;
    assert_int_equal(pt_channel_create(&channel, value_size, capacity, config), PT_OK);
    return channel;
}

/* Make it, with each allocation failing in turn until none does. */
static pt_channel *make_in_the_end(const struct kind *kind)
{
    pt_channel *channel = NULL;
    for (uint32_t n = 1; n <= kind->allocations; n++) {
        fail_allocation(n);
        assert_int_equal(pt_channel_create(&channel, kind->value_size, kind->capacity, &kind->config),
                         PT_ERR_NOMEM);
        assert_null(channel);
        assert_int_equal(blocks, 0);
    }
    fail_allocation(kind->allocations + 1);
    assert_int_equal(pt_channel_create(&channel, kind->value_size, kind->capacity, &kind->config), PT_OK);
    assert_int_equal(asked, kind->allocations);
    fail_allocation(0);
    return channel;
}

static void test_a_channel_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    count_blocks();
    for (int k = 0; k < KIND_COUNT; k++) {
        pt_channel *channel = make_in_the_end(&KINDS[k]);
        bool keeps = KINDS[k].capacity > 0 && KINDS[k].config.kind != PT_CHANNEL_BROADCAST;
        uint64_t count = !keeps ? 0 : KINDS[k].capacity < 3 ? 1 : 3;
        for (uint64_t i = 0; i < count; i++)
            assert_int_equal(pt_channel_send(channel, value_of(i)), PT_OK);
        for (uint64_t i = 0; i < count; i++)
            expect_next(channel, i);
        release_both(channel);
        assert_int_equal(blocks, 0);
    }
    stop_counting();
}

/* ---- Sending: a value that finds no memory stays its sender's -------------------------------------------------- */

/* Channels that take memory while they fill up, and how often for the first 300 values. */
static const struct {
    struct kind kind;
    uint32_t allocations, growths;
} GROWING[] = {
    {{"list", 8, PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}, 2}, 1, 4},
    {{"list, large values", LARGE, PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}, 2}, 1, 4},
    {{"pair, 8 in a block", LARGE, PT_UNBOUNDED, {.one_sender = true, .one_receiver = true}, 2}, 1, 37},
    {{"priority, unbounded", 8, PT_UNBOUNDED, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}, 1}, 2, 6},
    {{"priority of 300", 8, 300, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}, 1}, 2, 6},
};

enum { GROWING_COUNT = sizeof GROWING / sizeof GROWING[0], VALUES = 300 };

static uint32_t destroyed;

static void count_destroyed(void *value, void *arg)
{
    (void)value, (void)arg;
    destroyed++;
}

static pt_channel *make_owning(const struct kind *kind)
{
    pt_channel_config config = kind->config;
    config.destroy = count_destroyed;
    destroyed = 0;
    return make(kind->value_size, kind->capacity, &config);
}

static pt_status send_somehow(pt_channel *channel, uint64_t number)
{
    const void *value = value_of(number);
    return number % 3 == 0   ? pt_channel_try_send(channel, value)
           : number % 3 == 1 ? pt_channel_send(channel, value)
                             : pt_channel_send_until(channel, value, pt_after(PT_SECOND));
}

/* Send it, with each allocation failing in turn; how many there are. */
static uint32_t send_in_the_end(pt_channel *channel, uint64_t number)
{
    size_t before = pt_channel_length(channel);
    uint32_t held = blocks, n = 0;
    pt_status status = PT_ERR_NOMEM;
    while (status != PT_OK) {
        fail_allocation(++n);
        status = send_somehow(channel, number);
        assert_int_equal(status, asked >= n ? PT_ERR_NOMEM : PT_OK);
        assert_int_equal(pt_channel_length(channel), before + (status == PT_OK));
        assert_true(status == PT_OK || blocks == held);
    }
    fail_allocation(0);
    return n - 1;
}

static void test_a_send_without_memory_keeps_its_value(void **state)
{
    (void)state;
    count_blocks();
    for (int k = 0; k < GROWING_COUNT; k++) {
        pt_channel *channel = make_owning(&GROWING[k].kind);
        uint32_t growths = 0;
        for (uint64_t i = 0; i < VALUES; i++) {
            uint32_t allocations = send_in_the_end(channel, i);
            assert_true(allocations == 0 || allocations == GROWING[k].allocations);
            growths += allocations != 0;
        }
        assert_int_equal(growths, GROWING[k].growths);
        for (uint64_t i = 0; i < VALUES - 10; i++)
            expect_next(channel, i);
        assert_int_equal(destroyed, 0);
        release_both(channel);
        assert_int_equal(destroyed, 10);
        assert_int_equal(blocks, 0);
    }
    stop_counting();
}

/* It is full, as it were, until what is within has been received: then blocks are used again. */
static void test_without_memory_blocks_are_used_again(void **state)
{
    (void)state;
    count_blocks();
    for (int k = 0; k < GROWING_COUNT; k++) {
        pt_channel *channel = make_owning(&GROWING[k].kind);
        uint64_t sent = 0, received = 0;
        for (; sent < VALUES / 2; sent++)
            assert_int_equal(pt_channel_send(channel, value_of(sent)), PT_OK);
        keep_failing(true);
        fail_allocation(1);
        for (int lap = 0; lap < 5; lap++) {
            pt_status status;
            while ((status = send_somehow(channel, sent)) == PT_OK)
                sent++;
            assert_int_equal(status, PT_ERR_NOMEM);
            for (; received < sent; received++)
                expect_next(channel, received);
            expect_none(channel);
            assert_int_equal(pt_channel_send(channel, value_of(sent++)), PT_OK);
        }
        fail_allocation(0);
        keep_failing(false);
        release_both(channel);
        assert_int_equal(destroyed, 1);
        assert_int_equal(blocks, 0);
    }
    stop_counting();
}

static void fill(char *values, size_t size, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memcpy(values + i * size, value_of(first + i), size);
}

static void test_of_many_those_without_memory_stay_with_the_sender(void **state)
{
    (void)state;
    static char values[VALUES * LARGE];
    count_blocks();
    keep_failing(true);
    for (int k = 0; k < GROWING_COUNT; k++) {
        size_t size = GROWING[k].kind.value_size, sent = 0, more = 0;
        for (uint32_t n = 1; sent < VALUES; n++) { /* more of them each time */
            pt_channel *channel = make_owning(&GROWING[k].kind);
            size_t before = sent;
            fill(values, size, 0, VALUES);
            fail_allocation(n);
            pt_status status = pt_channel_send_many(channel, values, VALUES, &sent, PT_FOREVER);
            assert_int_equal(status, sent == VALUES ? PT_OK : PT_ERR_NOMEM);
            assert_true(sent >= before);
            assert_int_equal(pt_channel_length(channel), sent);
            fail_allocation(0);
            status = pt_channel_send_many(channel, values + sent * size, VALUES - sent, &more, PT_FOREVER);
            assert_int_equal(status, PT_OK);
            assert_int_equal(more, VALUES - sent);
            for (uint64_t i = 0; i < VALUES; i++)
                expect_next(channel, i);
            expect_none(channel);
            assert_int_equal(destroyed, 0);
            release_both(channel);
            assert_int_equal(blocks, 0);
        }
    }
    stop_counting();
}

/* A select with room only for want of memory says so at once, and others may fire instead. */
static void test_a_select_that_sends_without_memory_fires(void **state)
{
    (void)state;
    count_blocks();
    for (int k = 0; k < GROWING_COUNT; k++) {
        pt_channel *channel = make_owning(&GROWING[k].kind);
        uint64_t sent = 0;
        size_t fired;
        keep_failing(true);
        fail_allocation(1);
        while (pt_channel_try_send(channel, value_of(sent)) == PT_OK)
            sent++;
        pt_case sending = pt_case_send(channel, value_of(sent));
        assert_int_equal(pt_select(&sending, 1, &fired), PT_OK);
        assert_int_equal(sending.status, PT_ERR_NOMEM);
        assert_int_equal(pt_channel_length(channel), sent);
        fail_allocation(0);
        keep_failing(false);
        assert_int_equal(pt_try_select(&sending, 1, PT_SELECT_FAIR, &fired), PT_OK);
        assert_int_equal(sending.status, PT_OK);
        for (uint64_t i = 0; i <= sent; i++)
            expect_next(channel, i);
        release_both(channel);
        assert_int_equal(blocks, 0);
    }
    stop_counting();
}

/* ---- Dropping and closing: large values are taken out by way of memory of their own ------------------------------ */

static void test_without_memory_a_large_value_is_destroyed_with_the_channel(void **state)
{
    (void)state;
    count_blocks();
    for (uint32_t way = 0; way < 2; way++) {
        const struct kind ring = {"ring", LARGE, 5, {.kind = PT_CHANNEL_QUEUE}, 1};
        pt_channel *channel = make_owning(&ring);
        for (uint64_t i = 0; i < 5; i++)
            assert_int_equal(pt_channel_send(channel, value_of(i)), PT_OK);
        keep_failing(true);
        fail_allocation(1);
        if (way == 0)
            pt_channel_close_now(channel);
        else
            pt_channel_release_receiver(channel);
        assert_int_equal(asked, 1);
        assert_int_equal(destroyed, 0);
        assert_int_equal(pt_channel_send(channel, value_of(5)), PT_ERR_CLOSED);
        assert_int_equal(pt_channel_length(channel), 0);
        if (way == 0)
            pt_channel_release_receiver(channel);
        pt_channel_release_sender(channel);
        assert_int_equal(destroyed, 5);
        keep_failing(false);
        fail_allocation(0);
    }
    stop_counting();
}

static void test_without_memory_a_large_value_is_dropped_for_an_older_one(void **state)
{
    (void)state;
    const struct kind ring = {"ring", LARGE, 2, {.overflow = PT_OVERFLOW_DROP_OLDEST}, 1};
    count_blocks();
    pt_channel *channel = make_owning(&ring);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(pt_channel_send(channel, value_of(i)), PT_OK);
    fail_allocation(1);
    assert_int_equal(pt_channel_send(channel, value_of(3)), PT_OK); /* and is not in it */
    assert_int_equal(asked, 1);
    assert_int_equal(pt_channel_send(channel, value_of(4)), PT_OK);
    assert_int_equal(pt_channel_take_dropped(channel), 3);
    assert_int_equal(destroyed, 3);
    expect_next(channel, 2);
    expect_next(channel, 4);
    expect_none(channel);
    release_both(channel);
    assert_int_equal(destroyed, 3);
    stop_counting();
}

/* ---- Broadcast ---------------------------------------------------------------------------------------------------- */

enum { SUBSCRIBERS = 9 }; /* the list of them grows twice, after 4 and 8 */

/* Subscribe, with each allocation failing in turn; all who have subscribed before still get what is sent. How many failed: of
   a list that grows both, and the one after; from then on it has room. */
static uint32_t subscribe_in_the_end(pt_channel *broadcast, pt_channel **subscribers, int count)
{
    uint32_t n = 0;
    for (pt_status status = PT_ERR_NOMEM; status != PT_OK;) {
        subscribers[count] = NULL;
        fail_allocation(++n);
        status = pt_channel_subscribe(broadcast, &subscribers[count]);
        assert_int_equal(status, asked >= n ? PT_ERR_NOMEM : PT_OK);
        fail_allocation(0);
        assert_true((subscribers[count] != NULL) == (status == PT_OK));
        assert_int_equal(pt_channel_send(broadcast, value_of(n)), PT_OK);
        for (int i = 0; i < count + (status == PT_OK); i++)
            expect_next(subscribers[i], n);
    }
    return n - 1;
}

static void test_a_subscriber_is_added_whole_or_not_at_all(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST};
    count_blocks();
    for (int unbounded = 0; unbounded < 2; unbounded++) {
        pt_channel *broadcast = make(8, unbounded ? PT_UNBOUNDED : 2, &config), *subscribers[SUBSCRIBERS];
        uint32_t own = unbounded ? 2 : 1; /* a queue of its own */
        for (int i = 0; i < SUBSCRIBERS; i++) {
            bool grows = i == 0 || i == 4 || i == 8;
            assert_int_equal(subscribe_in_the_end(broadcast, subscribers, i), grows ? 3 : own);
        }
        release_both(broadcast);
        for (int i = 0; i < SUBSCRIBERS; i++)
            pt_channel_release_receiver(subscribers[i]);
        assert_int_equal(blocks, 0);
    }
    stop_counting();
}

/* Unbounded subscribers need memory at different values, as the second came later. Each gets all that were sent. */
static void test_a_broadcast_is_sent_to_all_or_to_none(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST};
    pt_channel *subscribers[2];
    uint32_t growths = 0;
    count_blocks();
    pt_channel *broadcast = make(8, PT_UNBOUNDED, &config);
    assert_int_equal(pt_channel_subscribe(broadcast, &subscribers[0]), PT_OK);
    for (uint64_t i = 0; i < VALUES; i++) {
        if (i == 20)
            assert_int_equal(pt_channel_subscribe(broadcast, &subscribers[1]), PT_OK);
        pt_status status = PT_ERR_NOMEM;
        for (uint32_t n = 1; status != PT_OK; n++) {
            fail_allocation(n);
            status = send_somehow(broadcast, i);
            assert_int_equal(status, asked >= n ? PT_ERR_NOMEM : PT_OK);
            growths += status != PT_OK;
        }
        fail_allocation(0);
    }
    assert_int_equal(growths, 8);
    for (uint64_t i = 0; i < VALUES; i++) {
        expect_next(subscribers[0], i);
        if (i >= 20)
            expect_next(subscribers[1], i);
    }
    for (int i = 0; i < 2; i++) {
        expect_none(subscribers[i]);
        pt_channel_release_receiver(subscribers[i]);
    }
    release_both(broadcast);
    stop_counting();
}

/* Values that are blocks of memory, so that copies may find none. */
static bool copy_block(void *to, const void *from, void *arg)
{
    (void)from;
    void *block = counting_allocate(1, arg);
    memcpy(to, &block, sizeof block);
    return block != NULL;
}

static void free_block(void *value, void *arg)
{
    void *block;
    memcpy(&block, value, sizeof block);
    counting_deallocate(block, arg);
}

static void test_a_value_that_cannot_be_copied_is_sent_to_nobody(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST, .copy = copy_block, .destroy = free_block};
    pt_channel *subscribers[3];
    void *value = NULL;
    count_blocks();
    pt_channel *broadcast = make(sizeof value, 2, &config);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pt_channel_subscribe(broadcast, &subscribers[i]), PT_OK);
    assert_true(copy_block(&value, NULL, NULL));
    uint32_t before = blocks;
    for (uint32_t n = 1; n <= 3; n++) {
        fail_allocation(n);
        assert_int_equal(pt_channel_send(broadcast, &value), PT_ERR_NOMEM);
        assert_int_equal(blocks, before);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pt_channel_length(subscribers[i]), 0);
    }
    fail_allocation(0);
    assert_int_equal(pt_channel_send(broadcast, &value), PT_OK);
    assert_int_equal(blocks, before - 1 + 3); /* three copies, and the value itself is destroyed */
    release_both(broadcast);
    for (int i = 0; i < 3; i++)
        pt_channel_release_receiver(subscribers[i]);
    stop_counting();
}

/* ---- Select ----------------------------------------------------------------------------------------------------------- */

static void test_a_set_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    pt_select_set *set = NULL;
    count_blocks();
    fail_allocation(1);
    assert_int_equal(pt_select_set_create(&set, PT_SELECT_FAIR), PT_ERR_NOMEM);
    assert_null(set);
    assert_int_equal(blocks, 0);
    assert_int_equal(pt_select_set_create(&set, PT_SELECT_FAIR), PT_OK);
    pt_select_set_destroy(set);
    stop_counting();
}

/* Its room grows at 0, 8 and 16 cases, by three blocks each time. */
static void test_a_set_without_memory_keeps_its_cases(void **state)
{
    (void)state;
    enum { CASES = 20 };
    pt_event events[CASES];
    pt_select_set *set = NULL;
    uint64_t ids[CASES] = {0}, fired;
    count_blocks();
    assert_int_equal(pt_select_set_create(&set, PT_SELECT_FAIR), PT_OK);
    for (uint32_t i = 0; i < CASES; i++) {
        uint32_t most = i == 0 || i == 8 || i == 16 ? 3 : 0, before = blocks;
        events[i] = (pt_event)PT_EVENT_AUTO_INIT;
        for (uint32_t n = 1; n <= most; n++) {
            fail_allocation(n);
            assert_int_equal(pt_select_set_add(set, pt_case_event(&events[i]), &ids[i]), PT_ERR_NOMEM);
            assert_int_equal(pt_select_set_count(set), i);
            assert_int_equal(ids[i], 0);
            assert_int_equal(blocks, before);
        }
        fail_allocation(most + 1);
        assert_int_equal(pt_select_set_add(set, pt_case_event(&events[i]), &ids[i]), PT_OK);
        assert_int_equal(asked, most);
        for (uint32_t j = 0; j <= i; j++) { /* all of them fire, and as the ones they were */
            pt_event_set(&events[j]);
            assert_int_equal(pt_select_set_until(set, &fired, NULL, PT_FOREVER), PT_OK);
            assert_int_equal(fired, ids[j]);
        }
    }
    fail_allocation(0);
    pt_select_set_destroy(set);
    stop_counting();
}

/* ---- What takes no memory ------------------------------------------------------------------------------------------------ */

static void note_call(void *arg)
{
    ++*(uint32_t *)arg;
}

static void test_waiting_and_hooks_take_no_memory(void **state)
{
    (void)state;
    count_blocks();
    pt_thread_current();
    for (int k = 0; k < KIND_COUNT; k++) {
        pt_channel *channel = make(KINDS[k].value_size, KINDS[k].capacity, &KINDS[k].config);
        pt_ready_hook hook = {.function = NULL};
        char value[LARGE];
        pt_case cases[] = {pt_case_receive(channel, value), pt_case_send(NULL, NULL)};
        uint32_t calls = 0;
        size_t fired;
        if (KINDS[k].config.kind != PT_CHANNEL_BROADCAST) {
            keep_failing(true);
            fail_allocation(1);
            assert_int_equal(pt_channel_receive_until(channel, value, pt_after_ms(1)), PT_ERR_TIMEOUT);
            assert_int_equal(pt_select_until(cases, 2, PT_SELECT_FAIR, &fired, pt_after_ms(1)), PT_ERR_TIMEOUT);
            assert_int_equal(pt_channel_on_ready(channel, &hook, note_call, &calls), PT_OK);
            assert_int_equal(pt_ready_hook_remove(&hook), PT_OK);
            assert_int_equal(pt_channel_on_ready(channel, &hook, note_call, &calls), PT_OK);
            pt_channel_close(channel);
            assert_int_equal(calls, 1);
            assert_int_equal(asked, 0);
            fail_allocation(0);
            keep_failing(false);
        }
        release_both(channel);
    }
    stop_counting();
}

/* A thread gives back what it had on its last steps. */
static void wait_until_blocks(uint32_t wanted)
{
    for (pt_thread_trim(); load_relaxed(&blocks) != wanted; pt_thread_trim()) /* the watchdog is the limit */
        pt_thread_yield();
}

/* ---- Timers ---------------------------------------------------------------------------------------------------------------- */

static void post(void *arg)
{
    (void)!pt_semaphore_post(arg, 1);
}

/* It ticks: nothing is allocated for that, nor for setting it anew. */
static void expect_ticks(pt_timer *timer, pt_semaphore *ticks)
{
    pt_tick tick;
    for (int i = 0; i < 2; i++) {
        if (ticks == NULL)
            assert_int_equal(pt_channel_receive(pt_timer_channel(timer), &tick), PT_OK);
        else
            assert_int_equal(pt_semaphore_wait(ticks), PT_OK);
        if (i == 0)
            assert_int_equal(pt_timer_reset(timer, 0, 0), PT_OK);
    }
}

/* Make it, with each allocation failing in turn; how many there are. AGAIN: no thread, as one is still ending. */
static uint32_t make_timer_in_the_end(bool calls)
{
    pt_semaphore ticks = PT_SEMAPHORE_INIT(0);
    uint32_t n = 0;
    for (pt_status status = PT_ERR_NOMEM; status != PT_OK;) {
        pt_timer *timer = NULL;
        pt_thread_trim(); /* a parked carrier would spare an allocation */
        fail_allocation(++n);
        while ((status = calls ? pt_timer_create_calling(&timer, 0, 0, post, &ticks)
                               : pt_timer_create(&timer, 0, 0)) == PT_ERR_AGAIN)
            pt_thread_yield();
        uint32_t made = load_relaxed(&asked);
        assert_int_equal(status, made >= n ? PT_ERR_NOMEM : PT_OK);
        assert_true((timer != NULL) == (status == PT_OK));
        if (status == PT_OK) {
            expect_ticks(timer, calls ? &ticks : NULL);
            assert_int_equal(load_relaxed(&asked), made);
        }
        pt_timer_release(timer);
    }
    fail_allocation(0);
    return n - 1;
}

static void test_a_timer_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    pt_thread_current();
    pt_thread_trim();
    count_blocks();
    for (int calls = 0; calls < 2; calls++) {
        uint32_t own = calls ? 1 : 2; /* the timer, and the channel of its ticks */
        assert_true(make_timer_in_the_end(calls) > own);
        wait_until_blocks(0);
        pt_timer *other; /* the thread is there already */
        pt_status status;
        while ((status = pt_timer_create(&other, PT_TIME_NEVER, 0)) == PT_ERR_AGAIN)
            pt_thread_yield();
        assert_int_equal(status, PT_OK);
        uint32_t before = load_relaxed(&blocks);
        assert_int_equal(make_timer_in_the_end(calls), own);
        wait_until_blocks(before);
        pt_timer_release(other);
        wait_until_blocks(0);
    }
    stop_counting();
}

/* ---- Blocks that are used again, by several threads ------------------------------------------------------------------------- */

struct reuse {
    pt_channel *channel;
    size_t received;
};

enum { TWO_BLOCKS = 2 * 63, ALMOST_THREE = TWO_BLOCKS + 62, SENDS = 2 };

/* One receives two blocks at once, and puts them by, while two senders want one each: who does not need it after all, as the
   other was quicker, puts it back. */
static void receive_many_or_send(struct member *member)
{
    struct reuse *reuse = member->shared;
    static uint64_t values[TWO_BLOCKS];
    if (member->index == 0) {
        pt_channel *channel = reuse->channel;
        check(pt_channel_receive_many(channel, values, TWO_BLOCKS, &reuse->received, PT_FOREVER) == PT_OK);
        return;
    }
    for (uint64_t i = 0; i < SENDS; i++)
        check(pt_channel_send(reuse->channel, &i) == PT_OK);
}

static void test_a_block_that_is_put_back_leaves_others_alone(void **state)
{
    (void)state;
    count_blocks();
    for (int i = 0; i < test_scale(200); i++) {
        uint64_t values[ALMOST_THREE + 2 * SENDS] = {0};
        struct reuse reuse = {.channel = make(sizeof values[0], PT_UNBOUNDED, NULL)};
        pt_status status = pt_channel_send_many(reuse.channel, values, ALMOST_THREE, NULL, PT_FOREVER);
        assert_int_equal(status, PT_OK);
        crew_run(3, receive_many_or_send, &reuse);
        assert_int_equal(reuse.received, TWO_BLOCKS);
        size_t rest = ALMOST_THREE - TWO_BLOCKS + 2 * SENDS, received;
        status = pt_channel_receive_many(reuse.channel, values, rest + 1, &received, PT_FOREVER);
        assert_int_equal(status, PT_OK);
        assert_int_equal(received, rest);
        release_both(reuse.channel);
    }
    wait_until_blocks(0);
    stop_counting();
}

TEST_MAIN("channel_memory", TEST(test_a_channel_is_made_whole_or_not_at_all),
          TEST(test_a_send_without_memory_keeps_its_value), TEST(test_without_memory_blocks_are_used_again),
          TEST(test_of_many_those_without_memory_stay_with_the_sender),
          TEST(test_a_select_that_sends_without_memory_fires),
          TEST(test_without_memory_a_large_value_is_destroyed_with_the_channel),
          TEST(test_without_memory_a_large_value_is_dropped_for_an_older_one),
          TEST(test_a_subscriber_is_added_whole_or_not_at_all), TEST(test_a_broadcast_is_sent_to_all_or_to_none),
          TEST(test_a_value_that_cannot_be_copied_is_sent_to_nobody), TEST(test_a_set_is_made_whole_or_not_at_all),
          TEST(test_a_set_without_memory_keeps_its_cases), TEST(test_waiting_and_hooks_take_no_memory),
          TEST(test_a_timer_is_made_whole_or_not_at_all), TEST(test_a_block_that_is_put_back_leaves_others_alone))
