/* test_channel.c: each value arrives exactly once, in its sender's order; nothing is lost by who gives up; closing wakes all. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "channel/channel.h"

/* ---- Kinds that are queues -------------------------------------------------------------------------- */

struct kind {
    const char *name;
    size_t value_size, capacity;
    pt_channel_config config;
    int senders, receivers; /* at most */
};

static bool is_before(const void *a, const void *b, void *arg)
{
    (void)a, (void)b, (void)arg;
    return false; /* all are equal: first in, first out */
}

static const struct kind KINDS[] = {
    {"ring of 1", 8, 1, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"ring of 3", 8, 3, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"ring of 64, large values", 4096, 64, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"pair of 1", 8, 1, {.one_sender = true, .one_receiver = true}, 1, 1},
    {"pair of 5, 24 bytes", 24, 5, {.one_sender = true, .one_receiver = true}, 1, 1},
    {"one sender", 8, 4, {.one_sender = true}, 1, 4},
    {"rendezvous", 8, 0, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"unbounded", 8, PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"unbounded, 12 bytes", 12, PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}, 4, 4},
    {"pair, unbounded, 8 in a block", 1000, PT_UNBOUNDED, {.one_sender = true, .one_receiver = true}, 1, 1},
    {"priority of 2", 8, 2, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}, 4, 4},
    {"priority, unbounded", 16, PT_UNBOUNDED, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}, 4, 4},
};

enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

/* Under the simulator one of them a schedule, else one after the other: next_kind(&i) until NULL. */
static const struct kind *next_kind(int *i)
{
#ifdef PT_SIM
    if ((*i)++ > 0)
        return NULL;
    uint64_t stream = test_seed;
    return &KINDS[test_random(&stream) % KIND_COUNT];
#else
    return *i < KIND_COUNT ? &KINDS[(*i)++] : NULL;
#endif
}

static pt_channel *make(const struct kind *kind)
{
    pt_channel *channel = NULL;
    assert_int_equal(pt_channel_create(&channel, kind->value_size, kind->capacity, &kind->config), PT_OK);
    return channel;
}

static void release_both(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

/* A value of any size that says who sent it, and checks itself. */
struct value {
    uint16_t sender, check;
    uint32_t number;
};

enum { VALUE_MOST = 4096 };

static void fill(char *bytes, size_t size, int sender, uint32_t number)
{
    struct value value = {(uint16_t)sender, (uint16_t)(number * 31 + (uint32_t)sender), number};
    memset(bytes, (int)(number % 251), size);
    memcpy(bytes, &value, sizeof value);
}

static bool read_value(const char *bytes, size_t size, struct value *value)
{
    memcpy(value, bytes, sizeof *value);
    bool right = value->check == (uint16_t)(value->number * 31 + value->sender);
    for (size_t i = sizeof *value; i < size; i++)
        right = right && (unsigned char)bytes[i] == value->number % 251;
    return right;
}

/* ---- By one thread ---------------------------------------------------------------------------------- */

static void test_values_come_out_as_they_went_in(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        char bytes[VALUE_MOST];
        struct value value;
        pt_channel *channel = make(kind);
        uint32_t count = kind->capacity < 200 ? (uint32_t)kind->capacity : 200;
        for (uint32_t lap = 0; lap < 3; lap++) {
            for (uint32_t i = 0; i < count; i++) {
                fill(bytes, kind->value_size, 7, lap * 1000 + i);
                assert_int_equal(pt_channel_try_send(channel, bytes), PT_OK);
                assert_int_equal(pt_channel_length(channel), i + 1);
            }
            if (kind->capacity != PT_UNBOUNDED)
                assert_int_equal(pt_channel_try_send(channel, bytes), PT_ERR_BUSY);
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(pt_channel_try_receive(channel, bytes), PT_OK);
                assert_true(read_value(bytes, kind->value_size, &value));
                assert_int_equal(value.number, lap * 1000 + i);
            }
            assert_int_equal(pt_channel_try_receive(channel, bytes), PT_ERR_BUSY);
            assert_int_equal(pt_channel_length(channel), 0);
        }
        assert_int_equal(pt_channel_capacity(channel), kind->capacity);
        assert_int_equal(pt_channel_value_size(channel), kind->value_size);
        release_both(channel);
    }
}

static void test_calls_give_up_in_time(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        char bytes[VALUE_MOST] = {0};
        pt_channel *channel = make(kind);
        pt_until until = pt_after_ms(1);
        assert_int_equal(pt_channel_receive_until(channel, bytes, until), PT_ERR_TIMEOUT);
        assert_true(pt_now() >= until.deadline);
        assert_int_equal(pt_channel_receive_until(channel, bytes, pt_at(0)), PT_ERR_TIMEOUT);
        if (kind->capacity != PT_UNBOUNDED) {
            while (pt_channel_try_send(channel, bytes) == PT_OK) {
            }
            until = pt_after_ms(1);
            assert_int_equal(pt_channel_send_until(channel, bytes, until), PT_ERR_TIMEOUT);
            assert_true(pt_now() >= until.deadline);
            assert_int_equal(pt_channel_length(channel), kind->capacity);
        }
        release_both(channel);
    }
}

static void test_what_is_within_can_be_received_after_closing(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        char bytes[VALUE_MOST];
        pt_channel *channel = make(kind);
        size_t count = kind->capacity < 3 ? kind->capacity : 3;
        memset(bytes, 1, sizeof bytes);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(pt_channel_send(channel, bytes), PT_OK);
        assert_false(pt_channel_is_closed(channel));
        pt_channel_close(channel);
        pt_channel_close(channel);
        assert_true(pt_channel_is_closed(channel));
        assert_int_equal(pt_channel_send(channel, bytes), PT_ERR_CLOSED);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(pt_channel_receive(channel, bytes), PT_OK);
        assert_int_equal(pt_channel_receive(channel, bytes), PT_ERR_CLOSED);
        assert_int_equal(pt_channel_try_receive(channel, bytes), PT_ERR_CLOSED);
        release_both(channel);
    }
}

static void test_empty_values_count(void **state)
{
    (void)state;
    const size_t capacities[] = {2, PT_UNBOUNDED};
    for (int i = 0; i < 3; i++) {
        const pt_channel_config pair = {.one_sender = true, .one_receiver = true};
        pt_channel *channel;
        assert_int_equal(pt_channel_create(&channel, 0, capacities[i % 2], i == 2 ? &pair : NULL), PT_OK);
        assert_int_equal(pt_channel_send(channel, NULL), PT_OK);
        assert_int_equal(pt_channel_send(channel, NULL), PT_OK);
        assert_int_equal(pt_channel_length(channel), 2);
        assert_int_equal(pt_channel_receive(channel, NULL), PT_OK);
        assert_int_equal(pt_channel_receive(channel, NULL), PT_OK);
        assert_int_equal(pt_channel_try_receive(channel, NULL), PT_ERR_BUSY);
        release_both(channel);
    }
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    pt_channel *channel = NULL;
    const pt_channel_config bad[] = {{.kind = PT_CHANNEL_ONESHOT},
                                     {.kind = PT_CHANNEL_PRIORITY},
                                     {.kind = (pt_channel_kind)9},
                                     {.overflow = (pt_overflow)5}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pt_channel_create(&channel, 8, 2, &bad[i]), PT_ERR_INVALID);
    const pt_channel_config drops = {.overflow = PT_OVERFLOW_DROP_OLDEST};
    assert_int_equal(pt_channel_create(&channel, 8, 0, &drops), PT_ERR_INVALID);
    assert_int_equal(pt_channel_create(NULL, 8, 1, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_create(&channel, PT_CHANNEL_VALUE_MAX + 1, 1, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_create(&channel, 8, SIZE_MAX - 1, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_create(&channel, PT_CHANNEL_VALUE_MAX, SIZE_MAX / 8, NULL), PT_ERR_NOMEM);
    assert_null(channel);
    assert_int_equal(pt_channel_create(&channel, 8, 1, NULL), PT_OK);
    assert_int_equal(pt_channel_send(channel, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_receive(channel, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_send(NULL, channel), PT_ERR_INVALID);
    assert_int_equal(pt_channel_try_receive(NULL, &channel), PT_ERR_INVALID);
    pt_channel_close(NULL);
    release_both(NULL);
    release_both(channel);
}

/* ---- Many threads: the whole history ------------------------------------------------------------------ */

enum { SENDERS = 4, RECEIVERS = 4, MOST = 2000 };

struct traffic {
    const struct kind *kind;
    pt_channel *channel;
    int senders, receivers, each;
    uint32_t within;              /* sent or being sent, and not received: how many at most */
    uint32_t seen[SENDERS][MOST]; /* how often received */
    uint32_t closed;              /* receivers that came to the end */
};

/* Send one, each time in another way. A call that gives up has sent nothing. */
static void send_somehow(struct member *member, struct traffic *traffic, const char *bytes)
{
    pt_status status;
    do {
        uint32_t way = test_random(&member->stream) % 8;
        status = way == 0   ? pt_channel_try_send(traffic->channel, bytes)
                 : way == 1 ? pt_channel_send_until(traffic->channel, bytes, pt_after(20 * PT_MICROSECOND))
                            : pt_channel_send(traffic->channel, bytes);
        if (way == 0 && status == PT_ERR_BUSY)
            test_delay(&member->stream);
    } while (status == PT_ERR_BUSY || status == PT_ERR_TIMEOUT);
    check(status == PT_OK);
}

static void send_all(struct member *member, struct traffic *traffic, int sender)
{
    size_t size = traffic->kind->value_size;
    char bytes[4 * VALUE_MOST];
    for (int i = 0; i < traffic->each;) {
        int count = 1 + (int)(test_random(&member->stream) % 8 == 0 ? test_random(&member->stream) % 4 : 0);
        count = count < traffic->each - i ? count : traffic->each - i;
        for (int n = 0; n < count; n++)
            fill(bytes + (size_t)n * size, size, sender, (uint32_t)(i + n));
        if (count == 1) {
            send_somehow(member, traffic, bytes);
        } else {
            size_t sent = 0;
            check(pt_channel_send_many(traffic->channel, bytes, (size_t)count, &sent, PT_FOREVER) == PT_OK);
            check(sent == (size_t)count);
        }
        i += count;
        if (test_random(&member->stream) % 16 == 0)
            test_delay(&member->stream);
    }
    pt_channel_release_sender(traffic->channel);
}

static size_t receive_somehow(struct member *member, struct traffic *traffic, char *bytes, pt_status *status)
{
    size_t received = 0;
    switch (test_random(&member->stream) % 8) {
    case 0: *status = pt_channel_try_receive(traffic->channel, bytes); break;
    case 1: *status = pt_channel_receive_until(traffic->channel, bytes, pt_after(20 * PT_MICROSECOND)); break;
    case 2: *status = pt_channel_receive_many(traffic->channel, bytes, 4, &received, PT_FOREVER); return received;
    default: *status = pt_channel_receive(traffic->channel, bytes); break;
    }
    return *status == PT_OK;
}

static void receive_all(struct member *member, struct traffic *traffic)
{
    size_t size = traffic->kind->value_size;
    char bytes[4 * VALUE_MOST];
    int64_t last[SENDERS];
    for (int i = 0; i < SENDERS; i++)
        last[i] = -1;
    for (pt_status status = PT_OK; status != PT_ERR_CLOSED;) {
        size_t count = receive_somehow(member, traffic, bytes, &status);
        check(status == PT_OK || count == 0);
        check(status == PT_OK || status == PT_ERR_BUSY || status == PT_ERR_TIMEOUT || status == PT_ERR_CLOSED);
        for (size_t i = 0; i < count; i++) {
            struct value value;
            check(read_value(bytes + i * size, size, &value));
            if (value.sender >= SENDERS || value.number >= MOST)
                continue;                             /* not ours: the check above failed */
            check(value.number > last[value.sender]); /* a sender's values in its order */
            last[value.sender] = value.number;
            add_relaxed(&traffic->seen[value.sender][value.number], 1);
        }
        if (status == PT_ERR_BUSY || test_random(&member->stream) % 16 == 0)
            test_delay(&member->stream);
    }
    add_relaxed(&traffic->closed, 1);
}

static void take_part(struct member *member)
{
    struct traffic *traffic = member->shared;
    if (member->index < traffic->senders)
        send_all(member, traffic, member->index);
    else
        receive_all(member, traffic);
}

static void run_traffic(const struct kind *kind, int senders, int receivers, int each)
{
    static struct traffic traffic;
    memset(&traffic, 0, sizeof traffic);
    traffic.kind = kind;
    traffic.channel = make(kind);
    traffic.senders = senders < kind->senders ? senders : kind->senders;
    traffic.receivers = receivers < kind->receivers ? receivers : kind->receivers;
    traffic.each = each;
    for (int i = 1; i < traffic.senders; i++)
        pt_channel_retain_sender(traffic.channel);
    crew_run(traffic.senders + traffic.receivers, take_part, &traffic);
    for (int i = 0; i < traffic.senders; i++) {
        for (int n = 0; n < each; n++) {
            if (traffic.seen[i][n] != 1)
                fail_msg("%s: value %d of sender %d was received %u times", kind->name, n, i, traffic.seen[i][n]);
        }
    }
    assert_int_equal(traffic.closed, traffic.receivers);
    assert_int_equal(pt_channel_length(traffic.channel), 0);
    pt_channel_release_receiver(traffic.channel);
}

static void test_each_value_arrives_once_in_order(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        int each = test_scale(kind->capacity == 0 ? 500 : MOST);
        run_traffic(kind, 1, 1, each);
        run_traffic(kind, SENDERS, RECEIVERS, each);
    }
}

/* Of an unbounded one: so many values that the first block's room comes round again. Also under the simulator, where the others
   send a few values a schedule. */
static void test_blocks_are_used_again(void **state)
{
    (void)state;
    enum { BLOCKS = 3, SMALL_IN_BLOCK = 62, LARGE_IN_BLOCK = 8 };
    for (const struct kind *kind = KINDS; kind < KINDS + KIND_COUNT; kind++) {
        if (kind->config.kind == PT_CHANNEL_QUEUE && kind->capacity == PT_UNBOUNDED)
            run_traffic(kind, 1, 1, BLOCKS * (kind->config.one_sender ? LARGE_IN_BLOCK : SMALL_IN_BLOCK));
    }
}

static void test_one_receiver_of_many_senders(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        run_traffic(kind, SENDERS, 1, test_scale(MOST / 4));
        run_traffic(kind, 1, RECEIVERS, test_scale(MOST / 4));
    }
}

/* ---- Each takes one, and goes: no close wakes whom a send has forgotten ---------------------------------- */

struct exchange {
    pt_channel *channel;
    size_t value_size;
    uint32_t received;
};

static void send_or_take_one(struct member *member)
{
    struct exchange *exchange = member->shared;
    char bytes[VALUE_MOST];
    struct value value;
    if (member->index % 2 == 0) {
        fill(bytes, exchange->value_size, member->index, 1);
        check(pt_channel_send(exchange->channel, bytes) == PT_OK);
    } else {
        check(pt_channel_receive(exchange->channel, bytes) == PT_OK);
        check(read_value(bytes, exchange->value_size, &value));
        add_relaxed(&exchange->received, 1);
    }
}

static void test_each_is_woken_for_one(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int i = 0; i < test_scale(50); i++) {
            struct exchange exchange = {make(kind), kind->value_size, 0};
            int pairs = kind->senders < kind->receivers ? kind->senders : kind->receivers;
            pairs = pairs < 3 ? pairs : 3;
            crew_run(2 * pairs, send_or_take_one, &exchange);
            assert_int_equal(exchange.received, pairs);
            release_both(exchange.channel);
        }
    }
}

/* ---- Closing, and ends that go ------------------------------------------------------------------------ */

struct closing {
    pt_channel *channel;
    uint32_t sent, received;
};

static void send_until_closed(struct member *member)
{
    struct closing *closing = member->shared;
    char bytes[VALUE_MOST] = {0};
    pt_status status;
    while ((status = pt_channel_send(closing->channel, bytes)) == PT_OK)
        add_relaxed(&closing->sent, 1);
    check(status == PT_ERR_CLOSED);
}

static void receive_until_closed(struct member *member)
{
    struct closing *closing = member->shared;
    char bytes[VALUE_MOST];
    pt_status status;
    while ((status = pt_channel_receive(closing->channel, bytes)) == PT_OK)
        add_relaxed(&closing->received, 1);
    check(status == PT_ERR_CLOSED);
}

/* Where they wait: see src/channel/gate.c. */
static const void *key_of(const pt_channel *channel, bool senders)
{
    return pti_gate_key(channel, senders ? PTI_SENDERS : PTI_RECEIVERS);
}

static void test_closing_wakes_all_who_wait(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int way = 0; way < 3; way++) {
            struct closing closing = {.channel = make(kind)};
            struct crew *crew = crew_start(kind->receivers, receive_until_closed, &closing);
            wait_until_parked(key_of(closing.channel, false), (size_t)kind->receivers);
            if (way == 0)
                pt_channel_close(closing.channel);
            if (way == 1 && !kind->config.one_receiver)
                pt_channel_close_now(closing.channel);
            pt_channel_release_sender(closing.channel); /* way 2: the last of them */
            crew_join(crew);
            pt_channel_release_receiver(closing.channel);
            assert_int_equal(closing.received, 0);
        }
        if (kind->capacity == PT_UNBOUNDED)
            continue;
        for (int way = 0; way < 3; way++) {
            struct closing closing = {.channel = make(kind)};
            struct crew *crew = crew_start(kind->senders, send_until_closed, &closing);
            wait_until_parked(key_of(closing.channel, true), (size_t)kind->senders);
            if (way == 0 && !kind->config.one_sender)
                pt_channel_close(closing.channel);
            if (way == 1)
                pt_channel_close_now(closing.channel);
            pt_channel_release_receiver(closing.channel); /* way 2: the last of them */
            crew_join(crew);
            pt_channel_release_sender(closing.channel);
            assert_int_equal(closing.sent, kind->capacity);
        }
    }
}

/* A close in the middle: what was sent is received, no more and no less. */
static void close_amid(struct member *member)
{
    struct closing *closing = member->shared;
    if (member->index == 0) {
        test_delay(&member->stream);
        pt_channel_close(closing->channel);
    } else if (member->index % 2 == 1) {
        send_until_closed(member);
    } else {
        receive_until_closed(member);
    }
}

static void test_a_close_loses_nothing(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int i = 0; i < test_scale(20) && !kind->config.one_sender; i++) {
            struct closing closing = {.channel = make(kind)};
            crew_run(5, close_amid, &closing);
            assert_int_equal(closing.sent, closing.received);
            release_both(closing.channel);
        }
    }
}

/* One value, and two who want it: the one who does not get it gets the end. */
static void take_it_or_close(struct member *member)
{
    struct closing *closing = member->shared;
    if (member->index == 0) {
        char bytes[VALUE_MOST] = {0};
        check(pt_channel_send(closing->channel, bytes) == PT_OK);
        add_relaxed(&closing->sent, 1);
        pt_channel_close(closing->channel);
    } else {
        receive_until_closed(member);
    }
}

static void test_all_see_the_end(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int i = 0; i < test_scale(50); i++) {
            struct closing closing = {.channel = make(kind)};
            crew_run(1 + (kind->receivers < 2 ? 1 : 2), take_it_or_close, &closing);
            assert_int_equal(closing.received, 1);
            release_both(closing.channel);
        }
    }
}

/* ---- Values that nobody receives ------------------------------------------------------------------------ */

static uint32_t values_made, destroyed;

static void destroy(void *value, void *arg)
{
    char *pointer;
    memcpy(&pointer, value, sizeof pointer);
    if (arg != &destroyed || *pointer != 'v')
        abort();
    *pointer = 0;
    free(pointer);
    add_relaxed(&destroyed, 1);
}

static char *make_value(void)
{
    char *value = malloc(1);
    if (value == NULL)
        abort();
    *value = 'v';
    add_relaxed(&values_made, 1);
    return value;
}

static void send_and_go(struct member *member)
{
    struct closing *closing = member->shared;
    for (int i = 0; i < 20; i++) {
        char *value = make_value();
        pt_status status = pt_channel_send_until(closing->channel, &value, pt_after(10 * PT_MICROSECOND));
        check(status == PT_OK || status == PT_ERR_CLOSED || status == PT_ERR_TIMEOUT);
        if (status != PT_OK)
            destroy(&value, &destroyed);
        test_delay(&member->stream);
    }
    pt_channel_release_sender(closing->channel);
}

static void receive_and_go(struct member *member)
{
    struct closing *closing = member->shared;
    int count = (int)(test_random(&member->stream) % 20);
    char *value;
    for (int i = 0;
         i < count && pt_channel_receive_until(closing->channel, &value, pt_after(PT_MILLISECOND)) == PT_OK; i++)
        destroy(&value, &destroyed);
    if (test_random(&member->stream) % 4 == 0)
        pt_channel_close_now(closing->channel);
    pt_channel_release_receiver(closing->channel);
}

static void come_and_go(struct member *member)
{
    if (member->index % 2 == 0)
        send_and_go(member);
    else
        receive_and_go(member);
}

static void test_each_value_is_destroyed_once(void **state)
{
    (void)state;
    static const pt_overflow policies[] = {PT_OVERFLOW_WAIT, PT_OVERFLOW_DROP_NEW, PT_OVERFLOW_DROP_OLDEST};
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int policy = 0; policy < 3; policy++) {
            struct kind owning = *kind;
            bool pair = kind->config.one_sender;
            if (kind->value_size != sizeof(char *) || (kind->capacity == 0 && policy == 2))
                continue;
            owning.config.destroy = destroy;
            owning.config.arg = &destroyed;
            owning.config.overflow = policies[policy];
            values_made = destroyed = 0;
            struct closing closing = {.channel = make(&owning)};
            if (!pair) {
                pt_channel_retain_sender(closing.channel);
                pt_channel_retain_receiver(closing.channel);
            }
            crew_run(pair ? 2 : 4, come_and_go, &closing);
            assert_int_equal(destroyed, values_made);
        }
    }
}

static void test_a_full_channel_drops_what_it_is_told_to(void **state)
{
    (void)state;
    for (uint32_t newest = 0; newest < 2; newest++) {
        const pt_channel_config config = {.overflow = newest ? PT_OVERFLOW_DROP_NEW : PT_OVERFLOW_DROP_OLDEST};
        pt_channel *channel;
        uint32_t value;
        assert_int_equal(pt_channel_create(&channel, sizeof value, 3, &config), PT_OK);
        for (value = 0; value < 10; value++)
            assert_int_equal(pt_channel_try_send(channel, &value), PT_OK);
        assert_int_equal(pt_channel_length(channel), 3);
        assert_int_equal(pt_channel_take_dropped(channel), 7);
        assert_int_equal(pt_channel_take_dropped(channel), 0);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(pt_channel_receive(channel, &value), PT_OK);
            assert_int_equal(value, newest ? i : 7 + i);
        }
        release_both(channel);
    }
}

/* ---- Oneshot, priority ---------------------------------------------------------------------------------- */

struct shot {
    pt_channel *channel;
    uint32_t sent;
};

static void shoot(struct member *member)
{
    struct shot *shot = member->shared;
    uint32_t value = (uint32_t)member->index;
    if (member->index == 0) {
        check(pt_channel_receive(shot->channel, &value) == PT_OK);
        check(pt_channel_receive(shot->channel, &value) == PT_ERR_CLOSED);
        return;
    }
    pt_status status = pt_channel_send(shot->channel, &value);
    check(status == PT_OK || status == PT_ERR_CLOSED);
    add_relaxed(&shot->sent, status == PT_OK ? 1 : 0);
}

static void test_a_oneshot_carries_one_value(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_ONESHOT};
    for (int i = 0; i < test_scale(50); i++) {
        struct shot shot = {.sent = 0};
        assert_int_equal(pt_channel_create(&shot.channel, sizeof(uint32_t), 1, &config), PT_OK);
        crew_run(3, shoot, &shot);
        assert_int_equal(shot.sent, 1);
        release_both(shot.channel);
    }
}

static bool is_more_urgent(const void *a, const void *b, void *arg)
{
    const uint32_t *first = a, *second = b;
    (void)arg;
    return *first / 1000 < *second / 1000;
}

static void test_the_most_urgent_comes_first(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_PRIORITY, .before = is_more_urgent};
    uint64_t stream = test_seed;
    pt_channel *channel;
    uint32_t value, last = 0;
    assert_int_equal(pt_channel_create(&channel, sizeof value, PT_UNBOUNDED, &config), PT_OK);
    for (uint32_t i = 0; i < 300; i++) {
        value = test_random(&stream) % 10 * 1000 + i;
        assert_int_equal(pt_channel_send(channel, &value), PT_OK);
    }
    for (uint32_t i = 0; i < 300; i++, last = value) {
        assert_int_equal(pt_channel_receive(channel, &value), PT_OK);
        assert_true(value >= last); /* equal ones as they came */
    }
    release_both(channel);
}

/* ---- Giving up ------------------------------------------------------------------------------------------ */

struct impatience {
    pt_channel *channel;
    pt_cancel *token;
};

static void wait_to_be_cancelled(struct member *member)
{
    struct impatience *impatience = member->shared;
    uint64_t value = 0;
    pt_until until = pt_cancelled_by(impatience->token);
    if (member->index % 2 == 0)
        check(pt_channel_receive_until(impatience->channel, &value, until) == PT_ERR_CANCELLED);
    else
        check(pt_channel_receive_many(impatience->channel, &value, 1, &(size_t){0}, until) == PT_ERR_CANCELLED);
}

static void test_a_token_ends_all_waits(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct impatience impatience = {.channel = make(kind)};
        if (kind->value_size == 8 && kind->receivers > 1) {
            assert_int_equal(pt_cancel_create(&impatience.token, PT_FOREVER), PT_OK);
            struct crew *crew = crew_start(4, wait_to_be_cancelled, &impatience);
            wait_until_parked(key_of(impatience.channel, false), 4);
            pt_cancel_request(impatience.token, "enough");
            crew_join(crew);
            pt_cancel_release(impatience.token);
        }
        release_both(impatience.channel);
    }
}

/* ---- Broadcast ------------------------------------------------------------------------------------------ */

struct audience {
    pt_channel *broadcast, *subscribers[3];
    uint64_t order[3][2 * 200];
    int each;
};

static void speak_or_listen(struct member *member)
{
    struct audience *audience = member->shared;
    if (member->index < 2) {
        for (uint64_t i = 0; i < (uint64_t)audience->each; i++) {
            uint64_t value = (uint64_t)member->index << 32 | i;
            check(pt_channel_send(audience->broadcast, &value) == PT_OK);
        }
        pt_channel_release_sender(audience->broadcast);
        return;
    }
    int listener = member->index - 2, count = 0;
    uint64_t value;
    while (pt_channel_next(audience->subscribers[listener], &value)) {
        if (count < 2 * audience->each)
            audience->order[listener][count] = value;
        count++;
        if (test_random(&member->stream) % 8 == 0)
            test_delay(&member->stream);
    }
    check(count == 2 * audience->each);
    pt_channel_release_receiver(audience->subscribers[listener]);
}

static void test_all_subscribers_get_all_in_one_order(void **state)
{
    (void)state;
    static struct audience audience;
    memset(&audience, 0, sizeof audience);
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST};
    audience.each = test_scale(200);
    assert_int_equal(pt_channel_create(&audience.broadcast, 8, 1, &config), PT_OK);
    pt_channel_retain_sender(audience.broadcast);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pt_channel_subscribe(audience.broadcast, &audience.subscribers[i]), PT_OK);
    crew_run(5, speak_or_listen, &audience);
    assert_int_equal(memcmp(audience.order[0], audience.order[1], sizeof audience.order[0]), 0);
    assert_int_equal(memcmp(audience.order[0], audience.order[2], sizeof audience.order[0]), 0);
    pt_channel *late = NULL;
    assert_int_equal(pt_channel_subscribe(audience.broadcast, &late), PT_ERR_CLOSED);
    pt_channel_release_receiver(audience.broadcast);
}

static void test_who_leaves_a_broadcast_holds_nobody_up(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST};
    pt_channel *broadcast, *first, *second;
    uint64_t value = 1;
    assert_int_equal(pt_channel_create(&broadcast, 8, 1, &config), PT_OK);
    assert_int_equal(pt_channel_send(broadcast, &value), PT_OK); /* nobody listens */
    assert_int_equal(pt_channel_subscribe(broadcast, &first), PT_OK);
    assert_int_equal(pt_channel_subscribe(broadcast, &second), PT_OK);
    assert_int_equal(pt_channel_send(broadcast, &value), PT_OK);
    assert_int_equal(pt_channel_receive(first, &value), PT_OK);
    assert_int_equal(pt_channel_try_send(broadcast, &value), PT_ERR_BUSY);
    assert_int_equal(pt_channel_receive(broadcast, &value), PT_ERR_INVALID);
    pt_channel_release_receiver(second);
    assert_int_equal(pt_channel_send(broadcast, &value), PT_OK);
    release_both(broadcast);
    assert_int_equal(pt_channel_receive(first, &value), PT_OK);
    assert_int_equal(pt_channel_receive(first, &value), PT_ERR_CLOSED);
    pt_channel_release_receiver(first);
}

/* Its promises are not its subscribers': who closes it may be any thread. A checked build would say so. */
static void test_closing_a_broadcast_now_wakes_its_subscriber(void **state)
{
    (void)state;
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST, .one_sender = true, .one_receiver = true};
    struct closing closing = {.sent = 0};
    pt_channel *broadcast;
    assert_int_equal(pt_channel_create(&broadcast, 8, 2, &config), PT_OK);
    assert_int_equal(pt_channel_subscribe(broadcast, &closing.channel), PT_OK);
    struct crew *crew = crew_start(1, receive_until_closed, &closing);
    wait_until_parked(key_of(closing.channel, false), 1);
    pt_channel_close_now(broadcast);
    crew_join(crew);
    assert_int_equal(closing.received, 0);
    pt_channel_release_receiver(closing.channel);
    release_both(broadcast);
}

/* ---- Hooks ---------------------------------------------------------------------------------------------- */

struct loop {
    pt_channel *channel;
    pt_ready_hook hook;
    pt_semaphore turns; /* of an event loop that the hook tells */
};

static void tell_loop(void *arg)
{
    struct loop *loop = arg;
    if (pt_semaphore_post(&loop->turns, 1) != PT_OK)
        abort();
}

static void send_some(struct member *member)
{
    struct loop *loop = member->shared;
    for (uint64_t i = 0; i < 20; i++) {
        check(pt_channel_send(loop->channel, &i) == PT_OK);
        test_delay(&member->stream);
    }
    pt_channel_release_sender(loop->channel);
}

static void test_a_hook_tells_an_event_loop(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct loop loop = {.channel = NULL};
        uint64_t value, expected = 0;
        pt_status status = PT_OK;
        if (kind->value_size != sizeof value)
            continue;
        loop.channel = make(kind);
        assert_int_equal(pt_channel_on_ready(loop.channel, &loop.hook, tell_loop, &loop), PT_OK);
        assert_int_equal(pt_ready_hook_remove(&loop.hook), PT_OK);
        assert_int_equal(pt_ready_hook_remove(&loop.hook), PT_ERR_INVALID);
        struct crew *crew = crew_start(1, send_some, &loop);
        while (status != PT_ERR_CLOSED) {
            assert_int_equal(pt_channel_on_ready(loop.channel, &loop.hook, tell_loop, &loop), PT_OK);
            assert_int_equal(pt_semaphore_wait(&loop.turns), PT_OK);
            while ((status = pt_channel_try_receive(loop.channel, &value)) == PT_OK)
                assert_int_equal(value, expected++);
            assert_int_equal(pt_ready_hook_remove(&loop.hook), PT_ERR_INVALID); /* it has returned */
        }
        assert_int_equal(expected, 20);
        crew_join(crew);
        pt_channel_release_receiver(loop.channel);
    }
}

/* ---- Typed wrappers --------------------------------------------------------------------------------------- */

struct job {
    int number;
    const char *name;
};

PT_CHANNEL_OF(job_channel, struct job);

static void test_wrappers_have_types(void **state)
{
    (void)state;
    job_channel jobs = NULL;
    struct job job = {1, "first"};
    assert_int_equal(job_channel_create(&jobs, 4, NULL), PT_OK);
    assert_int_equal(job_channel_send(jobs, job), PT_OK);
    job.number = 2;
    assert_int_equal(job_channel_try_send(jobs, job), PT_OK);
    job_channel_close(jobs);
    int sum = 0;
    while (job_channel_next(jobs, &job))
        sum += job.number;
    assert_int_equal(sum, 3);
    release_both(job_channel_untyped(jobs));
}

TEST_MAIN("channel", TEST(test_values_come_out_as_they_went_in), TEST(test_calls_give_up_in_time),
          TEST(test_what_is_within_can_be_received_after_closing), TEST(test_empty_values_count),
          TEST(test_bad_arguments_are_refused), TEST(test_each_value_arrives_once_in_order),
          TEST(test_blocks_are_used_again), TEST(test_one_receiver_of_many_senders),
          TEST(test_each_is_woken_for_one), TEST(test_all_see_the_end), TEST(test_closing_wakes_all_who_wait),
          TEST(test_a_close_loses_nothing), TEST(test_each_value_is_destroyed_once),
          TEST(test_a_full_channel_drops_what_it_is_told_to), TEST(test_a_oneshot_carries_one_value),
          TEST(test_the_most_urgent_comes_first), TEST(test_a_token_ends_all_waits),
          TEST(test_all_subscribers_get_all_in_one_order), TEST(test_who_leaves_a_broadcast_holds_nobody_up),
          TEST(test_closing_a_broadcast_now_wakes_its_subscriber), TEST(test_a_hook_tells_an_event_loop),
          TEST(test_wrappers_have_types))
