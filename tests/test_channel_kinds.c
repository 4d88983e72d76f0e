/* test_channel_kinds.c: what the tests of Go and of crossbeam ask of a channel, asked of each kind: what a closed one answers,
   what becomes of values that nobody receives, values of any size, chains, and selects over channels of several kinds. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "channel/channel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#ifdef PT_SIM
#define SIMULATED true
#else
#define SIMULATED false
#endif

/* ---- Kinds and ways of closing ---------------------------------------------------------------------- */

struct kind {
    const char *name;
    size_t capacity;
    pt_channel_config config;
};

static bool is_before(const void *a, const void *b, void *arg)
{
    (void)a, (void)b, (void)arg;
    return false; /* all are equal: first in, first out */
}

enum {
    RING_1,
    RING_3,
    LIST,
    PAIR_2,
    PAIR_LIST,
    RENDEZVOUS,
    RENDEZVOUS_PAIR,
    PRIORITY_2,
    PRIORITY_LIST,
    ONESHOT,
    ONESHOT_PAIR,
    BROADCAST_2,
    BROADCAST_LIST,
    KIND_COUNT
};

static const struct kind KINDS[KIND_COUNT] = {
    [RING_1] = {"ring of 1", 1, {.kind = PT_CHANNEL_QUEUE}},
    [RING_3] = {"ring of 3", 3, {.kind = PT_CHANNEL_QUEUE}},
    [LIST] = {"list", PT_UNBOUNDED, {.kind = PT_CHANNEL_QUEUE}},
    [PAIR_2] = {"pair of 2", 2, {.one_sender = true, .one_receiver = true}},
    [PAIR_LIST] = {"pair, unbounded", PT_UNBOUNDED, {.one_sender = true, .one_receiver = true}},
    [RENDEZVOUS] = {"rendezvous", 0, {.kind = PT_CHANNEL_QUEUE}},
    [RENDEZVOUS_PAIR] = {"rendezvous, pair", 0, {.one_sender = true, .one_receiver = true}},
    [PRIORITY_2] = {"priority of 2", 2, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}},
    [PRIORITY_LIST] = {"priority, unbounded", PT_UNBOUNDED, {.kind = PT_CHANNEL_PRIORITY, .before = is_before}},
    [ONESHOT] = {"oneshot", 1, {.kind = PT_CHANNEL_ONESHOT}},
    [ONESHOT_PAIR] = {"oneshot, pair", 1, {.kind = PT_CHANNEL_ONESHOT, .one_sender = true, .one_receiver = true}},
    [BROADCAST_2] = {"broadcast of 2", 2, {.kind = PT_CHANNEL_BROADCAST}},
    [BROADCAST_LIST] = {"broadcast, unbounded", PT_UNBOUNDED, {.kind = PT_CHANNEL_BROADCAST}},
};

/* What several threads can use, as often as they like. */
static const struct kind *const SHARED[] = {&KINDS[RING_1],     &KINDS[RING_3],     &KINDS[LIST],
                                            &KINDS[RENDEZVOUS], &KINDS[PRIORITY_2], &KINDS[PRIORITY_LIST]};

enum way { CLOSE, CLOSE_NOW, NO_SENDER, NO_RECEIVER, WAYS };

static const char *const WAY_NAMES[WAYS] = {"closed", "closed at once", "without a sender", "without a receiver"};

/* What is being tested, for expect(). */
static const char *tested_kind, *tested_way;

/* Under the simulator one of them a schedule, else one after the other: next_kind(&i) until NULL. */
static const struct kind *next_kind(int *i)
{
    tested_way = "";
    uint64_t stream = test_seed;
    size_t chosen = SIMULATED ? test_random(&stream) % KIND_COUNT : (size_t)*i;
    const struct kind *kind = *i < (SIMULATED ? 1 : (int)KIND_COUNT) ? &KINDS[chosen] : NULL;
    (*i)++;
    tested_kind = kind == NULL ? "" : kind->name;
    return kind;
}

/* In the test's own thread: value is as wanted, or the failure says for which kind it is not. */
#define expect(value, wanted) expect_at(__LINE__, #value, (long long)(value), (long long)(wanted))
static void expect_at(int line, const char *text, long long value, long long wanted)
{
    if (value != wanted)
        fail_msg("line %d, %s %s: %s is %lld, not %lld", line, tested_kind, tested_way, text, value, wanted);
}

/* A channel as its senders and as its receivers see it: two of a broadcast, else one. */
struct ends {
    pt_channel *in, *out;
};

static struct ends make(const struct kind *kind, size_t value_size)
{
    struct ends ends = {NULL, NULL};
    expect(pt_channel_create(&ends.in, value_size, kind->capacity, &kind->config), PT_OK);
    ends.out = ends.in;
    if (kind->config.kind == PT_CHANNEL_BROADCAST)
        expect(pt_channel_subscribe(ends.in, &ends.out), PT_OK);
    return ends;
}

/* Of a broadcast its own first: while it has that, sends to no subscriber are PT_OK. */
static void release_receivers(struct ends ends)
{
    if (ends.out != ends.in)
        pt_channel_release_receiver(ends.in);
    pt_channel_release_receiver(ends.out);
}

static void release_all(struct ends ends)
{
    pt_channel_release_sender(ends.in);
    release_receivers(ends);
}

static void close_by(enum way way, struct ends ends)
{
    tested_way = WAY_NAMES[way];
    switch (way) {
    case CLOSE: pt_channel_close(ends.in); break;
    case CLOSE_NOW: pt_channel_close_now(ends.in); break;
    case NO_SENDER: pt_channel_release_sender(ends.in); break;
    default: release_receivers(ends); break;
    }
}

/* What close_by() has not. */
static void release_rest(enum way way, struct ends ends)
{
    if (way != NO_SENDER)
        pt_channel_release_sender(ends.in);
    if (way != NO_RECEIVER)
        release_receivers(ends);
}

static bool is_oneshot(const struct kind *kind)
{
    return kind->config.kind == PT_CHANNEL_ONESHOT;
}

/* Whether sends can wait. */
static bool can_be_full(const struct kind *kind)
{
    return kind->capacity != PT_UNBOUNDED && !is_oneshot(kind);
}

/* Of n threads at each end, how many the kind allows. */
static int allowed(const struct kind *kind, int n)
{
    return kind->config.one_sender ? 1 : n;
}

/* How many values it takes when nobody receives, up to 3. */
static int room_of(const struct kind *kind)
{
    return kind->capacity < 3 ? (int)kind->capacity : 3;
}

/* Values 0, 1, ... as many as there is room for. */
static void put_in(const struct kind *kind, struct ends ends)
{
    for (uint64_t i = 0; i < (uint64_t)room_of(kind); i++)
        expect(pt_channel_send(ends.in, &i), PT_OK);
}

/* Where they wait: see src/channel/gate.c. */
static const void *senders_key(struct ends ends)
{
    return pti_gate_key(ends.in, PTI_SENDERS);
}

static const void *receivers_key(struct ends ends)
{
    return pti_gate_key(ends.out, PTI_RECEIVERS);
}

/* ---- Forms ---------------------------------------------------------------------------------------------- */

enum form { ONE, UNTIL, MANY, SELECT, FORMS };

/* Send one in some form, waiting up to until; crew members may use it. */
static pt_status send_by(enum form form, struct ends ends, const void *value, pt_until until)
{
    pt_case only = pt_case_send(ends.in, value);
    size_t fired;
    switch (form) {
    case UNTIL: return pt_channel_send_until(ends.in, value, until);
    case MANY: return pt_channel_send_many(ends.in, value, 1, NULL, until);
    case SELECT: {
        pt_status status = pt_select_until(&only, 1, PT_SELECT_FAIR, &fired, until);
        return status == PT_OK ? only.status : status;
    }
    default:
        return pt_until_is_forever(until) ? pt_channel_send(ends.in, value) : pt_channel_try_send(ends.in, value);
    }
}

static pt_status receive_by(enum form form, struct ends ends, void *out, pt_until until)
{
    pt_case only = pt_case_receive(ends.out, out);
    size_t fired, received;
    switch (form) {
    case UNTIL: return pt_channel_receive_until(ends.out, out, until);
    case MANY: return pt_channel_receive_many(ends.out, out, 1, &received, until);
    case SELECT: {
        pt_status status = pt_select_until(&only, 1, PT_SELECT_FAIR, &fired, until);
        return status == PT_OK ? only.status : status;
    }
    default:
        return pt_until_is_forever(until) ? pt_channel_receive(ends.out, out)
                                          : pt_channel_try_receive(ends.out, out);
    }
}

/* ---- By one thread ---------------------------------------------------------------------------------- */

static void test_the_length_counts_what_is_within(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int form = 0; form < FORMS; form++) {
            struct ends ends = make(kind, sizeof(uint64_t));
            uint64_t value = 0;
            for (int i = 0; i < room_of(kind); i++) {
                expect(send_by((enum form)form, ends, &value, PT_FOREVER), PT_OK);
                expect(pt_channel_length(ends.out), i + 1);
            }
            for (int i = room_of(kind); i > 0; i--) {
                if (i == 1)
                    pt_channel_close(ends.in);
                expect(pt_channel_length(ends.out), i);
                expect(receive_by((enum form)form, ends, &value, PT_FOREVER), PT_OK);
            }
            expect(pt_channel_length(ends.out), 0);
            release_all(ends);
        }
    }
}

static void test_who_gives_up_leaves_the_channel_as_it_was(void **state)
{
    (void)state;
    const struct kind *kind;
    pt_cancel *token;
    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    pt_cancel_request(token, "before it begins");
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct ends ends = make(kind, sizeof(uint64_t));
        uint64_t value = 77;
        for (int form = 0; form < FORMS; form++) {
            pt_status status = form == ONE ? PT_ERR_BUSY : PT_ERR_TIMEOUT;
            expect(receive_by((enum form)form, ends, &value, pt_after(50 * PT_MICROSECOND)), status);
            status = form == ONE ? PT_ERR_BUSY : PT_ERR_CANCELLED;
            expect(receive_by((enum form)form, ends, &value, pt_cancelled_by(token)), status);
            expect(value, 77);
        }
        put_in(kind, ends);
        value = 99;
        for (int form = 0; form < FORMS && can_be_full(kind); form++) {
            pt_status status = form == ONE ? PT_ERR_BUSY : PT_ERR_TIMEOUT;
            expect(send_by((enum form)form, ends, &value, pt_after(50 * PT_MICROSECOND)), status);
            status = form == ONE ? PT_ERR_BUSY : PT_ERR_CANCELLED;
            expect(send_by((enum form)form, ends, &value, pt_cancelled_by(token)), status);
            expect(pt_channel_length(ends.out), room_of(kind));
        }
        for (int i = 0; i < room_of(kind); i++) {
            expect(pt_channel_try_receive(ends.out, &value), PT_OK);
            expect(value, i);
        }
        release_all(ends);
    }
    pt_cancel_release(token);
}

/* A batch that gives up says how many values went in. */
static void test_a_batch_goes_as_far_as_there_is_room(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct ends ends = make(kind, sizeof(uint64_t));
        uint64_t values[5] = {1, 2, 3, 4, 5}, out[5] = {0};
        size_t sent = 9, received = 9, room = kind->capacity < 5 ? kind->capacity : 5;
        pt_status end = is_oneshot(kind) ? PT_ERR_CLOSED : room < 5 ? PT_ERR_TIMEOUT : PT_OK;
        expect(pt_channel_send_many(ends.in, values, 5, &sent, pt_after(50 * PT_MICROSECOND)), end);
        expect(sent, room);
        expect(pt_channel_receive_many(ends.out, out, 5, &received, pt_at(0)), room == 0 ? PT_ERR_TIMEOUT : PT_OK);
        expect(received, room);
        for (size_t i = 0; i < 5; i++)
            expect(out[i], i < room ? i + 1 : 0);
        release_all(ends);
    }
}

/* ---- Closed ----------------------------------------------------------------------------------------------- */

static void expect_no_way_in(struct ends ends)
{
    uint64_t values[2] = {1, 2}, other;
    size_t sent = 9, fired;
    for (int form = 0; form < FORMS; form++) {
        expect(send_by((enum form)form, ends, values, PT_FOREVER), PT_ERR_CLOSED);
        expect(send_by((enum form)form, ends, values, pt_at(0)), PT_ERR_CLOSED);
    }
    expect(pt_channel_send_many(ends.in, values, 2, &sent, PT_FOREVER), PT_ERR_CLOSED);
    expect(sent, 0);
    expect(pt_channel_is_closed(ends.in), true);
    pt_case cases[] = {pt_case_receive(NULL, &other), pt_case_send(ends.in, values)};
    expect(pt_try_select(cases, 2, PT_SELECT_FAIR, &fired), PT_OK);
    expect(fired, 1);
    expect(cases[1].status, PT_ERR_CLOSED);
}

static void expect_no_way_out(struct ends ends)
{
    uint64_t values[2] = {77, 77};
    size_t received = 9, fired;
    for (int form = 0; form < FORMS; form++) {
        expect(receive_by((enum form)form, ends, values, PT_FOREVER), PT_ERR_CLOSED);
        expect(receive_by((enum form)form, ends, values, pt_at(0)), PT_ERR_CLOSED);
    }
    expect(pt_channel_receive_many(ends.out, values, 2, &received, PT_FOREVER), PT_ERR_CLOSED);
    expect(received, 0);
    expect(pt_channel_next(ends.out, values), false);
    pt_case cases[] = {pt_case_receive(NULL, values), pt_case_receive(ends.out, values)};
    expect(pt_try_select(cases, 2, PT_SELECT_FAIR, &fired), PT_OK);
    expect(fired, 1);
    expect(cases[1].status, PT_ERR_CLOSED);
    expect(values[0] + values[1], 2 * 77);
    expect(pt_channel_length(ends.out), 0);
}

/* A thread may use an end as long as somebody holds a reference to it. */
static void expect_closed(enum way way, struct ends ends, int within)
{
    uint64_t value;
    if (way != NO_SENDER)
        expect_no_way_in(ends);
    if (way == NO_RECEIVER)
        return;
    for (int i = 0; i < within && way != CLOSE_NOW; i++) {
        expect(pt_channel_length(ends.out), within - i);
        expect(receive_by((enum form)((i + (int)way) % FORMS), ends, &value, PT_FOREVER), PT_OK);
        expect(value, i);
        if (way != NO_SENDER)
            expect_no_way_in(ends);
    }
    expect_no_way_out(ends);
}

static void test_a_closed_channel_says_so_in_every_form(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int way = 0; way < WAYS; way++) {
            struct ends empty = make(kind, sizeof(uint64_t)), full = make(kind, sizeof(uint64_t));
            put_in(kind, full);
            close_by((enum way)way, empty);
            expect_closed((enum way)way, empty, 0);
            close_by((enum way)way, full);
            expect_closed((enum way)way, full, room_of(kind));
            release_rest((enum way)way, empty);
            release_rest((enum way)way, full);
        }
    }
}

/* A closed channel's case is as good as any other that is ready. */
static void test_unlike_ready_cases_take_turns(void **state)
{
    (void)state;
    enum { CASES = 6, EACH = 10 };
    struct ends list = make(&KINDS[LIST], sizeof(uint64_t)), drain = make(&KINDS[LIST], sizeof(uint64_t));
    struct ends closed = make(&KINDS[RING_1], sizeof(uint64_t));
    pt_event event = PT_EVENT_INIT;
    pt_cancel *token;
    uint64_t value = 0;
    int counts[CASES] = {0};
    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    pt_cancel_request(token, "ready");
    pt_channel_close(closed.in);
    pt_event_set(&event);
    for (int i = 0; i < EACH; i++)
        assert_int_equal(pt_channel_send(drain.in, &value), PT_OK);
    pt_case cases[CASES] = {pt_case_send(list.in, &value),   pt_case_receive(drain.out, &value),
                            pt_case_send(closed.in, &value), pt_case_receive(closed.out, &value),
                            pt_case_event(&event),           pt_case_cancelled(token)};
    for (int i = 0; i < CASES * EACH; i++) {
        size_t fired;
        assert_int_equal(pt_select(cases, CASES, &fired), PT_OK);
        counts[fired]++;
    }
    for (int i = 0; i < CASES; i++)
        assert_int_equal(counts[i], EACH);
    pt_cancel_release(token);
    release_all(list);
    release_all(drain);
    release_all(closed);
}

static void test_a_select_of_both_ends_does_not_meet_itself(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct ends ends = make(kind, sizeof(uint64_t));
        uint64_t out = 0, in = 77, received = 0;
        size_t fired;
        pt_case cases[] = {pt_case_send(ends.in, &out), pt_case_receive(ends.out, &in)};
        for (int order = 0; order < 2 && kind->capacity == 0; order++) {
            expect(pt_try_select(cases, 2, (pt_select_order)order, &fired), PT_ERR_BUSY);
            pt_until until = pt_after(50 * PT_MICROSECOND);
            expect(pt_select_until(cases, 2, (pt_select_order)order, &fired, until), PT_ERR_TIMEOUT);
            expect(in, 77);
        }
        for (int i = 0; i < 10 && kind->capacity > 0; i++) { /* what has room fires, but once a oneshot is spent */
            expect(pt_select(cases, 2, &fired),
                   cases[0].object == NULL && cases[1].object == NULL ? PT_ERR_DEADLOCK : PT_OK);
            if (fired > 1)
                break;
            if (cases[fired].status == PT_ERR_CLOSED)
                cases[fired] = pt_case_receive(NULL, &in);
            else if (fired == 0)
                out++;
            else
                expect(in, received++);
            expect(pt_channel_length(ends.out), out - received);
        }
        expect(out > 0, kind->capacity > 0);
        release_all(ends);
    }
}

static void test_cases_of_nothing_never_fire(void **state)
{
    (void)state;
    uint64_t value = 77, id;
    size_t fired = 0;
    pt_status status;
    pt_cancel *token;
    pt_select_set *set;
    const pt_case kinds[] = {pt_case_send(NULL, &value),
                             pt_case_receive(NULL, &value),
                             pt_case_event(NULL),
                             pt_case_cancelled(NULL),
                             {.kind = PT_CASE_NEVER}};
    static pt_case cases[PT_SELECT_MAX];
    assert_int_equal(pt_cancel_create(&token, PT_FOREVER), PT_OK);
    pt_cancel_request(token, "before it begins");
    assert_int_equal(pt_select_set_create(&set, PT_SELECT_FAIR), PT_OK);
    for (size_t i = 0; i < PT_SELECT_MAX; i++) {
        cases[i] = kinds[i % 5];
        assert_int_equal(pt_select_set_add(set, cases[i], &id), PT_OK);
    }
    for (size_t count = 0; count <= PT_SELECT_MAX; count += 8) {
        assert_int_equal(pt_try_select(cases, count, PT_SELECT_FAIR, &fired), PT_ERR_BUSY);
        assert_true(fired == SIZE_MAX);
        assert_int_equal(pt_select_until(cases, count, PT_SELECT_IN_ORDER, &fired, pt_after(50 * PT_MICROSECOND)),
                         PT_ERR_TIMEOUT);
        assert_int_equal(pt_select_until(cases, count, PT_SELECT_FAIR, &fired, pt_cancelled_by(token)),
                         PT_ERR_CANCELLED);
        assert_int_equal(pt_select(cases, count, &fired), PT_ERR_DEADLOCK);
        assert_true(fired == SIZE_MAX);
    }
    assert_int_equal(pt_select_set_until(set, &id, &status, pt_at(0)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_select_set_until(set, &id, &status, pt_cancelled_by(token)), PT_ERR_CANCELLED);
    assert_int_equal(pt_select_set_until(set, &id, &status, PT_FOREVER), PT_ERR_DEADLOCK);
    assert_int_equal(value, 77);
    pt_select_set_destroy(set);
    pt_cancel_release(token);
}

static void test_no_channel_is_refused_in_every_form(void **state)
{
    (void)state;
    const struct ends none = {NULL, NULL};
    pt_channel *subscriber = NULL;
    pt_ready_hook hook = {.function = NULL};
    uint64_t value = 77;
    for (int form = 0; form < SELECT; form++) {
        assert_int_equal(send_by((enum form)form, none, &value, PT_FOREVER), PT_ERR_INVALID);
        assert_int_equal(send_by((enum form)form, none, &value, pt_at(0)), PT_ERR_INVALID);
        assert_int_equal(receive_by((enum form)form, none, &value, PT_FOREVER), PT_ERR_INVALID);
        assert_int_equal(receive_by((enum form)form, none, &value, pt_at(0)), PT_ERR_INVALID);
    }
    assert_int_equal(send_by(SELECT, none, &value, PT_FOREVER), PT_ERR_DEADLOCK);
    assert_int_equal(receive_by(SELECT, none, &value, PT_FOREVER), PT_ERR_DEADLOCK);
    assert_int_equal(pt_channel_subscribe(NULL, &subscriber), PT_ERR_INVALID);
    assert_int_equal(pt_channel_on_ready(NULL, &hook, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_channel_length(NULL), 0);
    assert_int_equal(value, 77);
}

/* ---- Values that nobody receives ------------------------------------------------------------------------ */

enum { LEDGER = 64 };

static uint32_t made, destroyed[LEDGER]; /* how often each */

static uint64_t make_value(void)
{
    uint64_t value = add_relaxed(&made, 1);
    if (value >= LEDGER)
        abort();
    return value;
}

static void destroy(void *value, void *arg)
{
    uint64_t number;
    memcpy(&number, value, sizeof number);
    if (arg != &made || number >= load_relaxed(&made))
        abort();
    add_relaxed(&destroyed[number], 1);
}

static bool copy(void *to, const void *from, void *arg)
{
    uint64_t number = make_value();
    (void)from, (void)arg;
    memcpy(to, &number, sizeof number);
    return true;
}

static uint32_t destroyed_so_far(void)
{
    uint32_t count = 0;
    for (int i = 0; i < LEDGER; i++)
        count += load_relaxed(&destroyed[i]);
    return count;
}

static void expect_each_destroyed_once(void)
{
    for (uint32_t i = 0; i < LEDGER; i++)
        expect(destroyed[i], i < made);
}

static struct ends make_owning(const struct kind *kind)
{
    struct kind owning = *kind;
    made = 0;
    memset(destroyed, 0, sizeof destroyed);
    owning.config.destroy = destroy;
    owning.config.copy = copy;
    owning.config.arg = &made;
    return make(&owning, sizeof(uint64_t));
}

static void put_in_owned(const struct kind *kind, struct ends ends)
{
    for (int i = 0; i < room_of(kind); i++) {
        uint64_t value = make_value();
        expect(pt_channel_send(ends.in, &value), PT_OK);
    }
}

/* At once where nobody will receive them; else when the last receiver goes, or by who receives. */
static void test_what_is_left_is_destroyed_once(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int way = 0; way < 2 * WAYS; way++) {
            enum way closed = (enum way)(way / 2);
            struct ends ends = make_owning(kind);
            put_in_owned(kind, ends);
            uint32_t before = destroyed_so_far(); /* a broadcast has made copies */
            close_by(closed, ends);
            bool at_once = closed == CLOSE_NOW || closed == NO_RECEIVER;
            expect(destroyed_so_far() - before, at_once ? room_of(kind) : 0);
            for (uint64_t value; way % 2 == 1 && !at_once && pt_channel_next(ends.out, &value);)
                destroy(&value, &made);
            release_rest(closed, ends);
            expect_each_destroyed_once();
        }
    }
}

/* In every form, also one that would wait for ever. */
static void test_what_a_full_channel_drops_is_destroyed_once(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int newest = kind->capacity == 0; newest < (can_be_full(kind) ? 2 : 0); newest++) {
            struct kind dropping = *kind;
            dropping.config.overflow = newest ? PT_OVERFLOW_DROP_NEW : PT_OVERFLOW_DROP_OLDEST;
            struct ends ends = make_owning(&dropping);
            put_in_owned(kind, ends);
            uint64_t value, left = newest ? 0 : 2 * FORMS;
            for (int i = 0; i < 2 * FORMS; i++) {
                value = make_value();
                expect(send_by((enum form)(i / 2), ends, &value, i % 2 == 0 ? PT_FOREVER : pt_at(0)), PT_OK);
                expect(pt_channel_take_dropped(ends.out), 1);
                expect(pt_channel_length(ends.out), room_of(kind));
            }
            pt_channel_close(ends.in);
            value = make_value();
            expect(pt_channel_send(ends.in, &value), PT_ERR_CLOSED);
            destroy(&value, &made);
            for (; pt_channel_next(ends.out, &value); left++) {
                expect(value == left || ends.in != ends.out, true); /* a broadcast's are copies */
                destroy(&value, &made);
            }
            release_all(ends);
            expect_each_destroyed_once();
        }
    }
}

struct blocked {
    struct ends ends;
    uint32_t ways; /* of sending, handed out */
};

static void send_until_closed(struct member *member)
{
    struct blocked *blocked = member->shared;
    uint64_t value = make_value();
    enum form form = (enum form)(add_relaxed(&blocked->ways, 1) % FORMS);
    check(send_by(form, blocked->ends, &value, PT_FOREVER) == PT_ERR_CLOSED);
    destroy(&value, &made);
}

/* Who waits keeps its end; and a pair is closed from the side that does not wait. */
static bool may_close(const struct kind *kind, enum way way, bool senders_wait)
{
    if (senders_wait)
        return way != NO_SENDER && (way != CLOSE || !kind->config.one_sender);
    return way != NO_RECEIVER && (way != CLOSE_NOW || !kind->config.one_receiver);
}

static void test_who_waits_to_send_keeps_its_value(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int way = 0; way < WAYS; way++) {
            if (!can_be_full(kind) || !may_close(kind, (enum way)way, true))
                continue;
            struct blocked blocked = {make_owning(kind), (uint32_t)way};
            put_in_owned(kind, blocked.ends);
            struct crew *crew = crew_start(allowed(kind, FORMS), send_until_closed, &blocked);
            wait_until_parked(senders_key(blocked.ends), (size_t)allowed(kind, FORMS));
            close_by((enum way)way, blocked.ends);
            crew_join(crew);
            for (uint64_t value; way == CLOSE && pt_channel_next(blocked.ends.out, &value);)
                destroy(&value, &made);
            release_rest((enum way)way, blocked.ends);
            expect_each_destroyed_once();
        }
    }
}

/* ---- Values of any size ------------------------------------------------------------------------------------ */

enum { BATCH = 3, BATCHES = 4, PERIOD = 251 };

static char pattern[PT_CHANNEL_VALUE_MAX / PERIOD * PERIOD + 2 * PERIOD]; /* value n begins with its byte n */

struct parcels {
    struct ends ends;
    size_t size;
    int count;
    enum form first; /* the next batch in the next form */
    char out[BATCH * PT_CHANNEL_VALUE_MAX], in[BATCH * PT_CHANNEL_VALUE_MAX];
};

static void send_parcels(struct member *member, struct parcels *parcels)
{
    for (int n = 0; n < parcels->count; n += BATCH) {
        int batch = parcels->count - n < BATCH ? parcels->count - n : BATCH;
        enum form form = (enum form)(((int)parcels->first + n / BATCH) % FORMS);
        size_t sent = 0;
        for (int i = 0; i < batch; i++)
            memcpy(parcels->out + (size_t)i * parcels->size, pattern + n + i, parcels->size);
        if (form == MANY) {
            check(pt_channel_send_many(parcels->ends.in, parcels->out, (size_t)batch, &sent, PT_FOREVER) == PT_OK);
            check(sent == (size_t)batch);
        }
        for (int i = 0; i < batch && form != MANY; i++)
            check(send_by(form, parcels->ends, parcels->out + (size_t)i * parcels->size, PT_FOREVER) == PT_OK);
    }
    pt_channel_release_sender(parcels->ends.in);
}

static void receive_parcels(struct member *member, struct parcels *parcels)
{
    pt_status status = PT_OK;
    for (int n = 0, batch = 0; status == PT_OK; batch++) {
        enum form form = (enum form)(((int)parcels->first + batch / 2) % FORMS);
        size_t received = 1;
        memset(parcels->in, 0, parcels->size);
        status = form == MANY
                     ? pt_channel_receive_many(parcels->ends.out, parcels->in, BATCH, &received, PT_FOREVER)
                     : receive_by(form, parcels->ends, parcels->in, PT_FOREVER);
        for (size_t i = 0; i < received && status == PT_OK; i++)
            check(memcmp(parcels->in + i * parcels->size, pattern + n++, parcels->size) == 0);
        check(status == PT_OK || n == parcels->count);
    }
    check(status == PT_ERR_CLOSED);
}

static void send_or_receive_parcels(struct member *member)
{
    if (member->index == 0)
        send_parcels(member, member->shared);
    else
        receive_parcels(member, member->shared);
}

static void test_values_of_any_size_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 12, PT_CHANNEL_VALUE_MAX - 1, PT_CHANNEL_VALUE_MAX};
    static struct parcels parcels;
    const struct kind *kind;
    uint64_t stream = test_seed;
    for (size_t i = 0; i < PERIOD; i++)
        pattern[i] = (char)test_random(&stream);
    for (size_t i = PERIOD; i + PERIOD <= sizeof pattern; i += PERIOD)
        memcpy(pattern + i, pattern, PERIOD);
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (size_t i = 0; i < COUNT_OF(sizes) && (i == 0 || !SIMULATED); i++) { /* one a schedule */
            parcels.size = sizes[SIMULATED ? test_random(&stream) % COUNT_OF(sizes) : i];
            parcels.ends = make(kind, parcels.size);
            parcels.count = is_oneshot(kind) ? 1 : SIMULATED ? BATCH : BATCH * BATCHES;
            parcels.first = (enum form)(test_random(&stream) % FORMS);
            crew_run(2, send_or_receive_parcels, &parcels);
            release_receivers(parcels.ends);
        }
    }
}

/* ---- Who waits --------------------------------------------------------------------------------------------- */

struct waiting {
    struct ends ends, other;
    bool sending;
    uint64_t rooms[3]; /* of several cases */
    size_t fired;
    uint32_t received;
};

static void select_until_closed(struct member *member)
{
    struct waiting *waiting = member->shared;
    uint64_t value = 77, other = 77;
    size_t fired = SIZE_MAX;
    pt_case cases[] = {pt_case_receive(NULL, &value), pt_case_receive(waiting->other.out, &other),
                       waiting->sending ? pt_case_send(waiting->ends.in, &value)
                                        : pt_case_receive(waiting->ends.out, &value)};
    check(pt_select(cases, 3, &fired) == PT_OK);
    check(fired == 2 && cases[2].status == PT_ERR_CLOSED);
    check(value == 77 && other == 77);
}

static void test_a_close_ends_every_select(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int i = 0; i < 2 * WAYS; i++) {
            enum way way = (enum way)(i / 2);
            struct waiting waiting = {.sending = i % 2 == 1};
            if (!may_close(kind, way, waiting.sending) || (waiting.sending && !can_be_full(kind)))
                continue;
            waiting.ends = make(kind, sizeof(uint64_t));
            waiting.other = make(&KINDS[RING_1], sizeof(uint64_t));
            if (waiting.sending)
                put_in(kind, waiting.ends);
            int count = allowed(kind, 3);
            struct crew *crew = crew_start(count, select_until_closed, &waiting);
            wait_until_parked(waiting.sending ? senders_key(waiting.ends) : receivers_key(waiting.ends),
                              (size_t)count);
            close_by(way, waiting.ends);
            crew_join(crew);
            release_rest(way, waiting.ends);
            release_all(waiting.other);
        }
    }
}

static void select_thrice(struct member *member)
{
    struct waiting *waiting = member->shared;
    pt_case cases[3];
    for (int i = 0; i < 3; i++)
        cases[i] = waiting->sending ? pt_case_send(waiting->ends.in, &waiting->rooms[i])
                                    : pt_case_receive(waiting->ends.out, &waiting->rooms[i]);
    check(pt_select(cases, 3, &waiting->fired) == PT_OK && cases[waiting->fired].status == PT_OK);
}

/* The same channel in several cases of a select that waits: one of them fires, with its own room. */
static void test_a_channel_may_be_in_several_cases(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        for (int sending = 0; sending < (can_be_full(kind) ? 2 : 1); sending++) {
            struct waiting waiting = {make(kind, sizeof(uint64_t)), {NULL, NULL}, sending, {100, 101, 102}, 9, 0};
            uint64_t value = 55;
            if (sending)
                put_in(kind, waiting.ends);
            struct crew *crew = crew_start(1, select_thrice, &waiting);
            wait_until_parked(sending ? senders_key(waiting.ends) : receivers_key(waiting.ends), 3);
            if (sending)
                expect(pt_channel_receive(waiting.ends.out, &value), PT_OK);
            else
                expect(pt_channel_send(waiting.ends.in, &value), PT_OK);
            crew_join(crew);
            for (int i = 1; i < room_of(kind) && sending; i++)
                expect(pt_channel_receive(waiting.ends.out, &value), PT_OK);
            if (sending && kind->capacity > 0)
                expect(pt_channel_receive(waiting.ends.out, &value), PT_OK);
            for (size_t i = 0; i < 3; i++)
                expect(waiting.rooms[i], !sending && i == waiting.fired ? 55 : 100 + i);
            expect(value, sending ? waiting.rooms[waiting.fired] : 55);
            release_all(waiting.ends);
        }
    }
}

static void use_the_first(struct member *member)
{
    struct waiting *waiting = member->shared;
    uint64_t value = 0;
    if (waiting->sending)
        check(pt_channel_send(waiting->ends.in, &value) == PT_OK);
    else
        check(pt_channel_receive(waiting->ends.out, &value) == PT_OK);
}

static void use_either(struct member *member)
{
    struct waiting *waiting = member->shared;
    uint64_t value = 0;
    size_t fired = SIZE_MAX;
    pt_case cases[] = {
        waiting->sending ? pt_case_send(waiting->ends.in, &value) : pt_case_receive(waiting->ends.out, &value),
        waiting->sending ? pt_case_send(waiting->other.in, &value) : pt_case_receive(waiting->other.out, &value)};
    check(pt_select(cases, 2, &fired) == PT_OK && fired == 1 && cases[1].status == PT_OK);
}

/* Three wait at one channel, the one at `place` in a select which then fires at another: the two others are still there. */
static void leave_from(const struct kind *kind, size_t place, bool sending)
{
    struct waiting waiting = {make(kind, sizeof(uint64_t)), make(kind, sizeof(uint64_t)), sending, {0}, 0, 0};
    const void *key = sending ? senders_key(waiting.ends) : receivers_key(waiting.ends);
    struct crew *crews[3];
    uint64_t value = 0;
    if (sending) {
        put_in(kind, waiting.ends);
        put_in(kind, waiting.other);
    }
    for (size_t i = 0; i < 3; i++) {
        crews[i] = crew_start(1, i == place ? use_either : use_the_first, &waiting);
        wait_until_parked(key, i + 1);
    }
    expect(sending ? pt_channel_receive(waiting.other.out, &value) : pt_channel_send(waiting.other.in, &value),
           PT_OK);
    crew_join(crews[place]);
    wait_until_parked(key, 2);
    for (size_t i = 0; i < 3; i++) {
        if (i == place)
            continue;
        expect(sending ? pt_channel_receive(waiting.ends.out, &value) : pt_channel_send(waiting.ends.in, &value),
               PT_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        if (i != place)
            crew_join(crews[i]);
    }
    release_all(waiting.ends);
    release_all(waiting.other);
}

static void test_a_select_that_fired_waits_nowhere_else(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        if (kind->config.one_receiver || is_oneshot(kind))
            continue;
        for (size_t place = 0; place < 3; place++) {
            leave_from(kind, place, false);
            if (can_be_full(kind))
                leave_from(kind, place, true);
        }
    }
}

/* ---- Chains -------------------------------------------------------------------------------------------------- */

/* Channel i leads from stage i - 1 to stage i. There are more stages than threads: stage i is of thread i % threads, so each
   value comes by all of them again and again. */
struct chain {
    struct ends *links; /* stages + 1 */
    int stages, threads, each;
};

static void add_one_at_each_stage(struct member *member)
{
    struct chain *chain = member->shared;
    for (int n = 0; n < chain->each; n++) {
        for (int stage = member->index; stage < chain->stages; stage += chain->threads) {
            uint64_t value = 0;
            check(pt_channel_receive(chain->links[stage].out, &value) == PT_OK);
            check(value == (uint64_t)(n + stage));
            value++;
            check(pt_channel_send(chain->links[stage + 1].in, &value) == PT_OK);
        }
    }
}

/* The test's own thread has the two ends; `within` values are in the chain at a time. */
static void run_chain(const struct kind *kind, int stages, int threads, int each, int within)
{
    struct chain chain = {malloc((size_t)(stages + 1) * sizeof(struct ends)), stages, threads, each};
    uint64_t value;
    assert_non_null(chain.links);
    for (int i = 0; i <= stages; i++)
        chain.links[i] = make(kind, sizeof value);
    struct crew *crew = crew_start(threads, add_one_at_each_stage, &chain);
    for (int n = 0; n < each + within - 1; n++) {
        value = (uint64_t)n;
        if (n < each)
            expect(pt_channel_send(chain.links[0].in, &value), PT_OK);
        if (n < within - 1)
            continue;
        expect(pt_channel_receive(chain.links[stages].out, &value), PT_OK);
        expect(value, n - within + 1 + stages);
    }
    crew_join(crew);
    for (int i = 0; i <= stages; i++)
        release_all(chain.links[i]);
    free(chain.links);
}

static void test_a_chain_of_threads(void **state)
{
    (void)state;
    const struct kind *kind;
    int stages = test_scale(200) < 3 ? 3 : test_scale(200);
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        int each = is_oneshot(kind) ? 1 : test_scale(10) + 1;
        run_chain(kind, stages, stages, each, each < 3 ? each : 3);
    }
}

static void test_a_chain_of_channels(void **state)
{
    (void)state;
    const struct kind *kind;
    int stages = test_scale(10000) < 6 ? 6 : test_scale(10000);
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        if (kind->capacity <= 1)
            run_chain(kind, stages, 3, is_oneshot(kind) ? 1 : 2, 1);
    }
}

/* ---- Programs -------------------------------------------------------------------------------------------------- */

struct loops {
    struct ends there, back;
    uint64_t each;
};

static void ask_or_answer(struct member *member)
{
    struct loops *loops = member->shared;
    uint64_t value = 0;
    if (member->index == 1) { /* until there are no more questions */
        while (pt_channel_next(loops->there.out, &value)) {
            value++;
            check(pt_channel_send(loops->back.in, &value) == PT_OK);
        }
        pt_channel_release_sender(loops->back.in);
        return;
    }
    for (uint64_t n = 0; n < loops->each; n++) {
        check(pt_channel_send(loops->there.in, &n) == PT_OK);
        check(pt_channel_next(loops->back.out, &value) && value == n + 1);
    }
    pt_channel_release_sender(loops->there.in);
    check(!pt_channel_next(loops->back.out, &value));
}

static void test_two_loops_end_each_other(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct loops loops = {make(kind, sizeof(uint64_t)), make(kind, sizeof(uint64_t)),
                              is_oneshot(kind) ? 1 : (uint64_t)test_scale(500)};
        crew_run(2, ask_or_answer, &loops);
        release_receivers(loops.there);
        release_receivers(loops.back);
    }
}

/* A question goes with the channel for its answer, of which the server gets the sending end. */
struct question {
    uint64_t number;
    struct ends reply;
};

struct service {
    const struct kind *replies;
    struct ends questions;
    uint32_t answered, refused;
    int each;
};

enum { CLIENTS = 3, SERVERS = 2 };

static void ask(struct member *member)
{
    struct service *service = member->shared;
    for (int n = 0; n < service->each; n++) {
        struct question question = {test_random(&member->stream), make(service->replies, sizeof(uint64_t))};
        uint64_t answer = 0;
        enum form form = (enum form)(question.number / 8 % FORMS);
        check(pt_channel_send(service->questions.in, &question) == PT_OK);
        pt_status status = receive_by(form, question.reply, &answer, PT_FOREVER);
        check(status == (question.number % 4 == 0 ? PT_ERR_CLOSED : PT_OK));
        check(status != PT_OK || answer == question.number * 2);
        add_relaxed(status == PT_OK ? &service->answered : &service->refused, 1);
        release_receivers(question.reply);
    }
    pt_channel_release_sender(service->questions.in);
}

/* What is not answered ends by the sender that goes. */
static void answer(struct member *member)
{
    struct service *service = member->shared;
    struct question question;
    while (pt_channel_next(service->questions.out, &question)) {
        uint64_t twice = question.number * 2;
        enum form form = (enum form)(question.number / 64 % FORMS);
        if (question.number % 4 != 0)
            check(send_by(form, question.reply, &twice, PT_FOREVER) == PT_OK);
        pt_channel_release_sender(question.reply.in);
    }
}

static void ask_or_serve(struct member *member)
{
    if (member->index < CLIENTS)
        ask(member);
    else
        answer(member);
}

static void test_channels_go_through_channels(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        struct service service = {.replies = kind, .each = test_scale(300)};
        service.questions = make(SHARED[test_seed % COUNT_OF(SHARED)], sizeof(struct question));
        for (int i = 1; i < CLIENTS; i++)
            pt_channel_retain_sender(service.questions.in);
        crew_run(CLIENTS + SERVERS, ask_or_serve, &service);
        expect(service.answered + service.refused, CLIENTS * service.each);
        release_receivers(service.questions);
    }
}

/* Each puts one in and takes one out: nobody closes, so a wake that is forgotten is not made up for. */
static void put_and_take(struct member *member)
{
    struct waiting *waiting = member->shared;
    for (int n = test_scale(200); n > 0; n--) {
        uint64_t value = 1;
        enum form form = (enum form)(test_random(&member->stream) % FORMS);
        check(send_by(form, waiting->ends, &value, PT_FOREVER) == PT_OK);
        form = (enum form)(test_random(&member->stream) % FORMS);
        check(receive_by(form, waiting->ends, &value, PT_FOREVER) == PT_OK);
        add_relaxed(&waiting->received, 1);
    }
}

static void test_who_puts_one_in_can_take_one_out(void **state)
{
    (void)state;
    const struct kind *kind;
    for (int k = 0; (kind = next_kind(&k)) != NULL;) {
        if (kind->capacity == 0 || kind->config.one_sender || is_oneshot(kind))
            continue;
        struct waiting waiting = {.ends = make(kind, sizeof(uint64_t))};
        crew_run(4, put_and_take, &waiting);
        expect(waiting.received, 4 * test_scale(200));
        expect(pt_channel_length(waiting.ends.out), 0);
        release_all(waiting.ends);
    }
}

/* ---- Select storms ------------------------------------------------------------------------------------------- */

enum { STORMERS = 8, LANES = 6, MOST = SIMULATED ? 4 : 2000 };

/* Every member selects over sending and receiving on the same two channels: of a rendezvous, it must not meet itself. */
struct dance {
    struct ends floors[2];
    pt_cancel *stop; /* half of all values have been received */
    int dancers, each;
    bool hands_over;
    uint32_t received, seen[STORMERS][MOST], sent[STORMERS];
};

static void note_dance(struct member *member, struct dance *dance, uint64_t value)
{
    uint32_t sender = (uint32_t)(value >> 32), number = (uint32_t)value;
    check(sender < STORMERS && number < MOST && !(dance->hands_over && sender == (uint32_t)member->index));
    if (sender >= STORMERS || number >= MOST)
        return;
    add_relaxed(&dance->seen[sender][number], 1);
    if ((int)add_relaxed(&dance->received, 1) + 1 == (dance->dancers * dance->each + 1) / 2)
        pt_cancel_request(dance->stop, "enough");
}

static void send_and_receive(struct member *member)
{
    struct dance *dance = member->shared;
    for (int n = 0;;) {
        uint64_t value = (uint64_t)member->index << 32 | (uint32_t)n, in = UINT64_MAX;
        size_t fired = SIZE_MAX;
        bool more = n < dance->each;
        pt_case cases[] = {pt_case_send(more ? dance->floors[0].in : NULL, &value),
                           pt_case_receive(dance->floors[0].out, &in),
                           pt_case_send(more ? dance->floors[1].in : NULL, &value),
                           pt_case_receive(dance->floors[1].out, &in), pt_case_cancelled(dance->stop)};
        check(pt_select(cases, 5, &fired) == PT_OK);
        if (fired >= 4)
            break;
        check(cases[fired].status == PT_OK);
        if (fired % 2 == 1)
            note_dance(member, dance, in);
        else
            dance->sent[member->index] = (uint32_t)++n;
    }
}

static void expect_seen(uint32_t seen, bool sent, int sender, int number)
{
    if (seen != sent)
        fail_msg("%s: value %d of %d was %ssent and seen %u times", tested_kind, number, sender, sent ? "" : "not ",
                 seen);
}

static void run_dance(const struct kind *kinds[2], int dancers)
{
    static struct dance dance;
    memset(&dance, 0, sizeof dance);
    dance.dancers = dancers;
    dance.each = test_scale(MOST);
    dance.hands_over = kinds[0]->capacity == 0 && kinds[1]->capacity == 0;
    assert_int_equal(pt_cancel_create(&dance.stop, PT_FOREVER), PT_OK);
    for (int i = 0; i < 2; i++)
        dance.floors[i] = make(kinds[i], sizeof(uint64_t));
    crew_run(dancers, send_and_receive, &dance);
    struct member member = {.index = STORMERS}; /* what is left */
    for (int i = 0; i < 2; i++) {
        for (uint64_t value; pt_channel_try_receive(dance.floors[i].out, &value) == PT_OK;)
            note_dance(&member, &dance, value);
        release_all(dance.floors[i]);
    }
    assert_null(member.failed);
    for (int i = 0; i < dancers; i++) {
        for (int n = 0; n < dance.each; n++)
            expect_seen(dance.seen[i][n], n < (int)dance.sent[i], i, n);
    }
    pt_cancel_release(dance.stop);
}

static void test_selects_send_and_receive_the_same(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (size_t i = 0; i < COUNT_OF(SHARED); i++) {
        const struct kind *one = SHARED[SIMULATED ? test_random(&stream) % COUNT_OF(SHARED) : i];
        const struct kind *same[2] = {one, one}, *other[2] = {one, SHARED[test_random(&stream) % COUNT_OF(SHARED)]};
        tested_kind = one->name;
        if (SIMULATED) {
            run_dance(same, 2 + (int)(test_random(&stream) % 2));
            return;
        }
        run_dance(same, 2);
        run_dance(same, STORMERS);
        run_dance(other, STORMERS);
    }
}

/* Members that send on one channel, receive from one, send on any, receive from any, each a number of times known before: so
   all ends without a close. */
struct balance {
    struct ends lanes[4];
    int count, each;
    uint32_t seen[2][4][MOST]; /* by plain senders and by the select; by channel */
};

static uint64_t weigh(bool select, int lane, int n)
{
    return (uint64_t)select << 48 | (uint64_t)lane << 32 | (uint32_t)n;
}

static void note_weight(struct member *member, struct balance *balance, int lane, uint64_t value)
{
    uint32_t number = (uint32_t)value;
    check((int)(value >> 32 & UINT16_MAX) == lane && value >> 48 < 2 && number < MOST);
    if (lane < 4 && value >> 48 < 2 && number < MOST)
        add_relaxed(&balance->seen[value >> 48][lane][number], 1);
}

static void keep_to_one(struct member *member, struct balance *balance, int lane, bool sending)
{
    for (int n = 0; n < balance->each; n++) {
        uint64_t value = weigh(false, lane, n);
        if (sending) {
            check(pt_channel_send(balance->lanes[lane].in, &value) == PT_OK);
        } else {
            check(pt_channel_receive(balance->lanes[lane].out, &value) == PT_OK);
            note_weight(member, balance, lane, value);
        }
    }
}

static void use_any(struct member *member, struct balance *balance, bool sending)
{
    int done[4] = {0};
    for (int n = 0; n < balance->count * balance->each; n++) {
        uint64_t values[4];
        pt_case cases[4];
        size_t fired = SIZE_MAX;
        for (int i = 0; i < balance->count; i++) {
            bool more = done[i] < balance->each;
            values[i] = weigh(true, i, done[i]);
            cases[i] = sending ? pt_case_send(more ? balance->lanes[i].in : NULL, &values[i])
                               : pt_case_receive(more ? balance->lanes[i].out : NULL, &values[i]);
        }
        check(pt_select(cases, (size_t)balance->count, &fired) == PT_OK);
        if (fired >= 4)
            return;
        check(cases[fired].status == PT_OK);
        done[fired]++;
        if (!sending)
            note_weight(member, balance, (int)fired, values[fired]);
    }
}

static void take_a_side(struct member *member)
{
    struct balance *balance = member->shared;
    if (member->index < 2)
        use_any(member, balance, member->index == 0);
    else
        keep_to_one(member, balance, (member->index - 2) / 2, member->index % 2 == 0);
}

static void test_selects_and_plain_calls_share(void **state)
{
    (void)state;
    static struct balance balance;
    uint64_t stream = test_seed;
    memset(&balance, 0, sizeof balance);
    balance.count = SIMULATED ? 2 : 4;
    balance.each = test_scale(MOST);
    tested_kind = "";
    for (int i = 0; i < balance.count; i++)
        balance.lanes[i] =
            make(i == 0 ? &KINDS[RENDEZVOUS] : SHARED[test_random(&stream) % COUNT_OF(SHARED)], sizeof(uint64_t));
    crew_run(2 + 2 * balance.count, take_a_side, &balance);
    for (int i = 0; i < balance.count; i++) {
        for (int n = 0; n < balance.each; n++)
            assert_true(balance.seen[0][i][n] == 1 && balance.seen[1][i][n] == 1);
        release_all(balance.lanes[i]);
    }
}

/* Senders and receivers select over channels of all kinds, which are closed one after the other meanwhile. Lane 0 is a pair:
   only the first sender and the first receiver use it. Each value that was sent is received or destroyed, once. */
struct storm {
    struct ends lanes[LANES];
    int senders, receivers, each;
    pt_event half; /* so many have been received */
    uint32_t received, left;
    uint32_t sent[STORMERS];
    uint32_t seen[STORMERS][MOST]; /* received or destroyed */
};

static void note_value(struct storm *storm, uint64_t value)
{
    uint32_t sender = (uint32_t)(value >> 32), number = (uint32_t)value;
    if (sender >= STORMERS || number >= MOST)
        abort();
    add_relaxed(&storm->seen[sender][number], 1);
}

static void note_received(struct storm *storm, uint64_t value)
{
    note_value(storm, value);
    if ((int)add_relaxed(&storm->received, 1) + 1 == storm->senders * storm->each / 2)
        pt_event_set(&storm->half);
}

static void note_destroyed(void *value, void *arg)
{
    uint64_t number;
    memcpy(&number, value, sizeof number);
    note_value(arg, number);
}

/* How many. */
static int open_cases(const struct storm *storm, pt_case *cases, bool first, bool sending, uint64_t *value)
{
    for (int i = 0; i < LANES; i++) {
        struct ends lane = i == 0 && !first ? (struct ends){NULL, NULL} : storm->lanes[i];
        cases[i] = sending ? pt_case_send(lane.in, value) : pt_case_receive(lane.out, value);
    }
    return first ? LANES : LANES - 1;
}

/* By chance for ever, or a very short time; false if that was over. */
static bool select_in_storm(struct member *member, pt_case *cases, size_t *fired)
{
    uint32_t chance = test_random(&member->stream);
    pt_until until = chance % 4 == 0 ? pt_after(5 * PT_MICROSECOND) : PT_FOREVER;
    pt_status status = pt_select_until(cases, LANES, (pt_select_order)(chance / 4 % 4 == 0), fired, until);
    check(status == PT_OK || (status == PT_ERR_TIMEOUT && chance % 4 == 0));
    return status == PT_OK;
}

static void send_in_storm(struct member *member, struct storm *storm)
{
    uint64_t value = 0;
    pt_case cases[LANES];
    int open = open_cases(storm, cases, member->index == 0, true, &value);
    for (int n = 0; n < storm->each && open > 0;) {
        size_t fired;
        value = (uint64_t)member->index << 32 | (uint32_t)n;
        if (!select_in_storm(member, cases, &fired))
            continue;
        check(cases[fired].status == PT_OK || cases[fired].status == PT_ERR_CLOSED);
        if (cases[fired].status == PT_OK) {
            storm->sent[member->index] = (uint32_t)++n;
        } else {
            cases[fired] = pt_case_send(NULL, &value);
            open--;
        }
    }
    if (member->index == 0)
        pt_channel_close(storm->lanes[0].in);
    if (sub_acq_rel(&storm->left, 1) == 1)
        pt_event_set(&storm->half); /* in any case */
}

static void receive_in_storm(struct member *member, struct storm *storm)
{
    uint64_t value = 0;
    pt_case cases[LANES];
    int open = open_cases(storm, cases, member->index == storm->senders, false, &value);
    while (open > 0) {
        size_t fired;
        if (!select_in_storm(member, cases, &fired))
            continue;
        check(cases[fired].status == PT_OK || cases[fired].status == PT_ERR_CLOSED);
        if (cases[fired].status == PT_OK) {
            note_received(storm, value);
        } else {
            cases[fired] = pt_case_receive(NULL, &value);
            open--;
        }
    }
}

/* The same with a set. */
static void receive_by_set(struct member *member, struct storm *storm)
{
    bool first = member->index == storm->senders;
    uint64_t value = 0, id;
    pt_select_set *set = NULL;
    check(pt_select_set_create(&set, PT_SELECT_FAIR) == PT_OK);
    for (int i = first ? 0 : 1; i < LANES; i++)
        check(pt_select_set_add(set, pt_case_receive(storm->lanes[i].out, &value), &id) == PT_OK);
    while (pt_select_set_count(set) > 0) {
        pt_status status = PT_OK;
        uint32_t chance = test_random(&member->stream);
        pt_until until = chance % 4 == 0 ? pt_after(5 * PT_MICROSECOND) : PT_FOREVER;
        if (pt_select_set_until(set, &id, &status, until) != PT_OK)
            continue;
        check(status == PT_OK || status == PT_ERR_CLOSED);
        if (status == PT_OK)
            note_received(storm, value);
        else
            check(pt_select_set_remove(set, id) == PT_OK);
    }
    pt_select_set_destroy(set);
}

static void close_in_storm(struct member *member, struct storm *storm)
{
    check(pt_event_wait(&storm->half) == PT_OK);
    for (int i = 1; i < LANES; i++) {
        test_delay(&member->stream);
        if (test_random(&member->stream) % 3 == 0)
            pt_channel_close_now(storm->lanes[i].in);
        else
            pt_channel_close(storm->lanes[i].in);
    }
}

static void go_into_storm(struct member *member)
{
    struct storm *storm = member->shared;
    if (member->index < storm->senders)
        send_in_storm(member, storm);
    else if (member->index == storm->senders + storm->receivers)
        close_in_storm(member, storm);
    else if (test_random(&member->stream) % 2 == 0)
        receive_by_set(member, storm);
    else
        receive_in_storm(member, storm);
}

static void run_storm(uint64_t *stream, int senders, int receivers)
{
    static struct storm storm;
    memset(&storm, 0, sizeof storm);
    storm.senders = senders;
    storm.receivers = receivers;
    storm.left = (uint32_t)senders;
    storm.each = test_scale(MOST);
    for (int i = 0; i < LANES; i++) {
        const struct kind *pair = &KINDS[test_random(stream) % 2 ? PAIR_2 : PAIR_LIST];
        struct kind kind = i == 0   ? *pair
                           : i == 1 ? KINDS[ONESHOT]
                                    : *SHARED[test_random(stream) % COUNT_OF(SHARED)];
        kind.config.destroy = note_destroyed;
        kind.config.arg = &storm;
        storm.lanes[i] = make(&kind, sizeof(uint64_t));
    }
    crew_run(senders + receivers + 1, go_into_storm, &storm);
    for (int i = 0; i < LANES; i++)
        release_all(storm.lanes[i]);
    for (int i = 0; i < senders; i++) {
        for (int n = 0; n < storm.each; n++)
            expect_seen(storm.seen[i][n], n < (int)storm.sent[i], i, n);
    }
}

static void test_a_storm_over_all_kinds_ends(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    tested_kind = "storm";
    if (SIMULATED) {
        run_storm(&stream, 2, 1 + (int)(test_random(&stream) % 2));
        return;
    }
    for (int round = 0; round < 5; round++)
        run_storm(&stream, 1 + round * (STORMERS - 1) / 4, 1 + (int)(test_random(&stream) % STORMERS));
}

TEST_MAIN("channel_kinds", TEST(test_the_length_counts_what_is_within),
          TEST(test_who_gives_up_leaves_the_channel_as_it_was), TEST(test_a_batch_goes_as_far_as_there_is_room),
          TEST(test_a_closed_channel_says_so_in_every_form), TEST(test_unlike_ready_cases_take_turns),
          TEST(test_a_select_of_both_ends_does_not_meet_itself), TEST(test_cases_of_nothing_never_fire),
          TEST(test_no_channel_is_refused_in_every_form), TEST(test_what_is_left_is_destroyed_once),
          TEST(test_what_a_full_channel_drops_is_destroyed_once), TEST(test_who_waits_to_send_keeps_its_value),
          TEST(test_values_of_any_size_arrive_whole), TEST(test_a_close_ends_every_select),
          TEST(test_a_channel_may_be_in_several_cases), TEST(test_a_select_that_fired_waits_nowhere_else),
          TEST(test_a_chain_of_threads), TEST(test_a_chain_of_channels), TEST(test_two_loops_end_each_other),
          TEST(test_channels_go_through_channels), TEST(test_who_puts_one_in_can_take_one_out),
          TEST(test_selects_send_and_receive_the_same), TEST(test_selects_and_plain_calls_share),
          TEST(test_a_storm_over_all_kinds_ends))
