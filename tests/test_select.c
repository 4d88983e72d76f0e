/* test_select.c: of several cases exactly one fires, and the others are as if never tried. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "channel/channel.h"

static pt_channel *make(size_t capacity)
{
    pt_channel *channel = NULL;
    assert_int_equal(pt_channel_create(&channel, sizeof(uint64_t), capacity, NULL), PT_OK);
    return channel;
}

static void release_both(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

/* ---- By one thread ---------------------------------------------------------------------------------- */

static void test_a_ready_case_fires(void **state)
{
    (void)state;
    pt_channel *empty = make(1), *full = make(1);
    uint64_t value = 5, in = 0;
    size_t fired = 7;
    assert_int_equal(pt_channel_send(full, &value), PT_OK);
    pt_case cases[] = {pt_case_receive(empty, &in), pt_case_send(full, &value), pt_case_receive(NULL, &in)};
    assert_int_equal(pt_try_select(cases, 3, PT_SELECT_FAIR, &fired), PT_ERR_BUSY);
    assert_true(fired == SIZE_MAX);
    assert_int_equal(pt_select_until(cases, 3, PT_SELECT_FAIR, &fired, pt_after_ms(1)), PT_ERR_TIMEOUT);
    assert_int_equal(pt_channel_length(full), 1);
    value = 9;
    assert_int_equal(pt_channel_send(empty, &value), PT_OK);
    assert_int_equal(pt_select(cases, 3, &fired), PT_OK);
    assert_int_equal(fired, 0);
    assert_int_equal(cases[0].status, PT_OK);
    assert_int_equal(in, 9);
    assert_int_equal(pt_channel_receive(full, &in), PT_OK);
    assert_int_equal(pt_select(cases, 3, &fired), PT_OK);
    assert_int_equal(fired, 1);
    pt_channel_close(empty);
    assert_int_equal(pt_select(cases, 3, &fired), PT_OK);
    assert_int_equal(fired, 0);
    assert_int_equal(cases[0].status, PT_ERR_CLOSED);
    release_both(empty);
    release_both(full);
}

static void test_bad_selects_are_refused(void **state)
{
    (void)state;
    pt_channel *channel = make(1);
    uint64_t value;
    size_t fired;
    static pt_case many[PT_SELECT_MAX + 1];
    pt_case none = pt_case_receive(NULL, &value), hollow = pt_case_receive(channel, NULL);
    assert_int_equal(pt_select(NULL, 1, &fired), PT_ERR_INVALID);
    assert_int_equal(pt_select(&none, 1, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_select(&hollow, 1, &fired), PT_ERR_INVALID);
    assert_int_equal(pt_select(many, PT_SELECT_MAX + 1, &fired), PT_ERR_INVALID);
    assert_int_equal(pt_select(&none, 1, &fired), PT_ERR_DEADLOCK);
    assert_int_equal(pt_select(NULL, 0, &fired), PT_ERR_DEADLOCK);
    assert_int_equal(pt_select_until(&none, 1, PT_SELECT_FAIR, &fired, pt_after_ms(1)), PT_ERR_TIMEOUT);
    release_both(channel);
}

static void test_ready_cases_take_turns(void **state)
{
    (void)state;
    enum { CASES = 5 };
    pt_channel *channels[CASES];
    pt_case cases[CASES];
    uint64_t value = 0;
    int counts[CASES] = {0};
    size_t fired;
    for (int i = 0; i < CASES; i++) {
        channels[i] = make(PT_UNBOUNDED);
        for (int n = 0; n < 20; n++)
            assert_int_equal(pt_channel_send(channels[i], &value), PT_OK);
        cases[i] = pt_case_receive(channels[i], &value);
    }
    for (int n = 0; n < 10 * CASES; n++) {
        assert_int_equal(pt_select(cases, CASES, &fired), PT_OK);
        counts[fired]++;
    }
    for (int i = 0; i < CASES; i++)
        assert_int_equal(counts[i], 10);
    for (int n = 0; n < 10; n++) { /* in order: the first, as long as it is ready */
        assert_int_equal(pt_select_until(cases, CASES, PT_SELECT_IN_ORDER, &fired, PT_FOREVER), PT_OK);
        assert_int_equal(fired, 0);
    }
    assert_int_equal(pt_select_until(cases, CASES, PT_SELECT_IN_ORDER, &fired, PT_FOREVER), PT_OK);
    assert_int_equal(fired, 1);
    for (int i = 0; i < CASES; i++)
        release_both(channels[i]);
}

static void test_a_set_grows_and_shrinks(void **state)
{
    (void)state;
    enum { CASES = 200 };
    pt_select_set *set;
    pt_channel *channels[CASES];
    uint64_t ids[CASES], fired, value;
    pt_status status;
    assert_int_equal(pt_select_set_create(&set, PT_SELECT_FAIR), PT_OK);
    assert_int_equal(pt_select_set_until(set, &fired, &status, PT_FOREVER), PT_ERR_DEADLOCK);
    for (int i = 0; i < CASES; i++) {
        channels[i] = make(1);
        assert_int_equal(pt_select_set_add(set, pt_case_receive(channels[i], &value), &ids[i]), PT_OK);
    }
    assert_int_equal(pt_select_set_count(set), CASES);
    for (int i = CASES - 1; i >= 0; i -= 7) {
        value = (uint64_t)i;
        assert_int_equal(pt_channel_send(channels[i], &value), PT_OK);
        value = CASES;
        assert_int_equal(pt_select_set_until(set, &fired, &status, PT_FOREVER), PT_OK);
        assert_true(fired == ids[i]);
        assert_int_equal(status, PT_OK);
        assert_int_equal(value, i);
        assert_int_equal(pt_select_set_remove(set, ids[i]), PT_OK);
        assert_int_equal(pt_select_set_remove(set, ids[i]), PT_ERR_INVALID);
    }
    assert_int_equal(pt_select_set_until(set, &fired, &status, pt_after_ms(1)), PT_ERR_TIMEOUT);
    pt_select_set_destroy(set);
    for (int i = 0; i < CASES; i++)
        release_both(channels[i]);
}

/* ---- Exactly one ------------------------------------------------------------------------------------- */

enum { CHANNELS = 3, MOST = 1000 };

struct storm {
    pt_channel *channels[CHANNELS];
    uint32_t seen[2][MOST]; /* by selecting sender */
    int each;
    uint32_t received;
};

/* Send each value on any of the channels. */
static void send_on_any(struct member *member, struct storm *storm)
{
    for (int i = 0; i < storm->each; i++) {
        uint64_t value = (uint64_t)member->index << 32 | (uint32_t)i;
        pt_case cases[CHANNELS];
        size_t fired = SIZE_MAX;
        pt_status status;
        for (int c = 0; c < CHANNELS; c++)
            cases[c] = pt_case_send(storm->channels[c], &value);
        do {
            bool brief = test_random(&member->stream) % 4 == 0;
            status = pt_select_until(cases, CHANNELS, PT_SELECT_FAIR, &fired,
                                     brief ? pt_after(5 * PT_MICROSECOND) : PT_FOREVER);
        } while (status == PT_ERR_TIMEOUT);
        check(status == PT_OK && fired < CHANNELS && cases[fired].status == PT_OK);
    }
}

static void note(struct member *member, struct storm *storm, uint64_t value)
{
    uint32_t number = (uint32_t)value, sender = (uint32_t)(value >> 32);
    check(sender < 2 && number < MOST);
    if (sender < 2 && number < MOST)
        add_relaxed(&storm->seen[sender][number], 1);
}

/* Receive from any of the channels; all cases have the same room. */
static void receive_from_any(struct member *member, struct storm *storm)
{
    int open = CHANNELS;
    pt_case cases[CHANNELS];
    uint64_t value = 0;
    for (int c = 0; c < CHANNELS; c++)
        cases[c] = pt_case_receive(storm->channels[c], &value);
    while (open > 0) {
        size_t fired = SIZE_MAX;
        bool brief = test_random(&member->stream) % 4 == 0;
        pt_status status = pt_select_until(cases, CHANNELS, PT_SELECT_FAIR, &fired,
                                           brief ? pt_after(5 * PT_MICROSECOND) : PT_FOREVER);
        if (status == PT_ERR_TIMEOUT)
            continue;
        check(status == PT_OK && fired < CHANNELS);
        if (status != PT_OK)
            return;
        if (cases[fired].status == PT_OK) {
            note(member, storm, value);
        } else {
            check(cases[fired].status == PT_ERR_CLOSED);
            cases[fired] = pt_case_receive(NULL, &value);
            open--;
        }
    }
}

/* Receive from one, without select. */
static void receive_from_one(struct member *member, struct storm *storm)
{
    uint64_t value;
    while (pt_channel_next(storm->channels[0], &value))
        note(member, storm, value);
}

static void take_part(struct member *member)
{
    struct storm *storm = member->shared;
    if (member->index == 4) {
        receive_from_one(member, storm);
    } else if (member->index >= 2) {
        receive_from_any(member, storm);
    } else {
        send_on_any(member, storm);
        for (int c = 0; c < CHANNELS; c++)
            pt_channel_release_sender(storm->channels[c]);
    }
}

static void test_selects_meet_in_a_storm(void **state)
{
    (void)state;
    static const size_t capacities[] = {0, 1, 2};
    static struct storm storm;
    int rounds = 3, first = 0;
#ifdef PT_SIM /* one capacity a schedule */
    rounds = 1;
    first = (int)(test_seed % 3);
#endif
    for (int round = first; round < first + rounds; round++) {
        memset(&storm, 0, sizeof storm);
        storm.each = test_scale(MOST);
        for (int c = 0; c < CHANNELS; c++) {
            storm.channels[c] = make(capacities[round % 3]);
            pt_channel_retain_sender(storm.channels[c]);
        }
        crew_run(5, take_part, &storm);
        for (int i = 0; i < storm.each; i++)
            assert_true(storm.seen[0][i] == 1 && storm.seen[1][i] == 1);
        for (int c = 0; c < CHANNELS; c++)
            pt_channel_release_receiver(storm.channels[c]);
    }
}

/* Each takes one, and goes: nobody closes. */
static void send_or_take_one(struct member *member)
{
    struct storm *storm = member->shared;
    uint64_t value = (uint64_t)member->index;
    pt_channel *channel = storm->channels[member->index / 2 % 2];
    pt_case cases[2];
    size_t fired;
    if (member->index % 2 == 0) {
        check(pt_channel_send(channel, &value) == PT_OK);
        return;
    }
    for (int c = 0; c < 2; c++)
        cases[c] = pt_case_receive(storm->channels[c], &value);
    check(pt_select(cases, 2, &fired) == PT_OK && cases[fired].status == PT_OK);
    add_relaxed(&storm->received, 1);
}

static void test_each_is_woken_for_one(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(50); i++) {
        struct storm storm = {.received = 0};
        for (int c = 0; c < 2; c++)
            storm.channels[c] = make((size_t)(i + (int)(test_seed % 2)) % 2);
        crew_run(6, send_or_take_one, &storm);
        assert_int_equal(storm.received, 3);
        for (int c = 0; c < 2; c++)
            release_both(storm.channels[c]);
    }
}

/* Two selects that each send on one and receive from the other; doubly concurrent select, in Go's tests. Neither may meet
   itself. */
struct crossing {
    pt_channel *there, *back;
    int each;
};

static void cross(struct member *member)
{
    struct crossing *crossing = member->shared;
    int sent = 0, received = 0;
    while (sent < crossing->each || received < crossing->each) {
        pt_channel *out = member->index == 0 ? crossing->there : crossing->back;
        pt_channel *in = member->index == 0 ? crossing->back : crossing->there;
        uint64_t next = (uint64_t)sent, value = UINT64_MAX;
        size_t fired;
        pt_case cases[] = {pt_case_send(sent < crossing->each ? out : NULL, &next),
                           pt_case_receive(received < crossing->each ? in : NULL, &value)};
        check(pt_select(cases, 2, &fired) == PT_OK);
        if (fired == 0)
            sent++;
        else
            check(value == (uint64_t)received++);
    }
}

static void test_selects_cross(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct crossing crossing = {make(capacity), make(capacity), test_scale(500)};
        crew_run(2, cross, &crossing);
        release_both(crossing.there);
        release_both(crossing.back);
    }
}

static void test_a_select_does_not_meet_itself(void **state)
{
    (void)state;
    pt_channel *channel = make(0);
    uint64_t out = 1, in = 2;
    size_t fired;
    pt_case cases[] = {pt_case_send(channel, &out), pt_case_receive(channel, &in)};
    assert_int_equal(pt_select_until(cases, 2, PT_SELECT_FAIR, &fired, pt_after_ms(1)), PT_ERR_TIMEOUT);
    assert_int_equal(in, 2);
    release_both(channel);
}

/* ---- Events and tokens --------------------------------------------------------------------------------- */

struct mixed {
    pt_channel *channel;
    pt_event automatic, all;
    pt_cancel *token;
    uint32_t passed, received, posted;
    int each;
};

static void set_or_wait(struct member *member)
{
    struct mixed *mixed = member->shared;
    uint64_t value;
    size_t fired;
    pt_case cases[] = {pt_case_event(&mixed->automatic), pt_case_receive(mixed->channel, &value),
                       pt_case_cancelled(mixed->token)};
    if (member->index == 0) { /* set and send, and wait until each has been noticed */
        for (int i = 0; i < mixed->each; i++) {
            pt_event_set(&mixed->automatic);
            value = (uint64_t)i;
            check(pt_channel_send(mixed->channel, &value) == PT_OK);
            while (load_acquire(&mixed->passed) <= (uint32_t)i || load_acquire(&mixed->received) <= (uint32_t)i)
                pt_thread_yield();
        }
        pt_cancel_request(mixed->token, "done");
        return;
    }
    for (;;) {
        check(pt_select(cases, 3, &fired) == PT_OK);
        if (fired == 2)
            break;
        add_release(fired == 0 ? &mixed->passed : &mixed->received, 1);
    }
    check(cases[2].status == PT_ERR_CANCELLED);
}

static void test_unlike_cases_wait_together(void **state)
{
    (void)state;
    struct mixed mixed = {.automatic = PT_EVENT_AUTO_INIT, .each = test_scale(200)};
    mixed.channel = make(1);
    assert_int_equal(pt_cancel_create(&mixed.token, PT_FOREVER), PT_OK);
    crew_run(3, set_or_wait, &mixed);
    assert_int_equal(mixed.passed, mixed.each);
    assert_int_equal(mixed.received, mixed.each);
    pt_cancel_release(mixed.token);
    release_both(mixed.channel);
}

static void test_a_tokens_deadline_fires_its_case(void **state)
{
    (void)state;
    pt_channel *channel = make(1);
    pt_cancel *token;
    uint64_t value;
    size_t fired;
    pt_until until = pt_after_ms(2);
    assert_int_equal(pt_cancel_create(&token, until), PT_OK);
    pt_case cases[] = {pt_case_receive(channel, &value), pt_case_cancelled(token)};
    assert_int_equal(pt_select(cases, 2, &fired), PT_OK);
    assert_int_equal(fired, 1);
    assert_int_equal(cases[1].status, PT_ERR_TIMEOUT);
    assert_true(pt_now() >= until.deadline);
    pt_cancel_release(token);
    release_both(channel);
}

/* ---- Programs ---------------------------------------------------------------------------------------------- */

/* The sieve of primes: a chain of filters over rendezvous; from Hoare's CSP, in Go's tests. */
enum { PRIMES = 6 };

struct sieve {
    pt_channel *channels[PRIMES + 1];
    uint64_t primes[PRIMES];
};

static void filter(struct member *member)
{
    struct sieve *sieve = member->shared;
    if (member->index == 0) {
        for (uint64_t n = 2; pt_channel_send(sieve->channels[0], &n) == PT_OK; n++) {
        }
        pt_channel_release_sender(sieve->channels[0]);
        return;
    }
    pt_channel *in = sieve->channels[member->index - 1], *out = sieve->channels[member->index];
    uint64_t prime, n;
    check(pt_channel_receive(in, &prime) == PT_OK);
    sieve->primes[member->index - 1] = prime;
    while (member->index < PRIMES && pt_channel_next(in, &n)) {
        if (n % prime != 0 && pt_channel_send(out, &n) != PT_OK)
            break;
    }
    pt_channel_release_receiver(in); /* so those before end, too */
    pt_channel_release_sender(out);
}

static void test_a_sieve_finds_primes(void **state)
{
    (void)state;
    static const uint64_t expected[PRIMES] = {2, 3, 5, 7, 11, 13};
    struct sieve sieve;
    for (int i = 0; i <= PRIMES; i++)
        sieve.channels[i] = make(0);
    crew_run(PRIMES + 1, filter, &sieve);
    for (int i = 0; i < PRIMES; i++)
        assert_true(sieve.primes[i] == expected[i]);
    pt_channel_release_receiver(sieve.channels[PRIMES]); /* which nobody read */
}

TEST_MAIN("select", TEST(test_a_ready_case_fires), TEST(test_bad_selects_are_refused),
          TEST(test_ready_cases_take_turns), TEST(test_a_set_grows_and_shrinks), TEST(test_selects_meet_in_a_storm),
          TEST(test_selects_cross), TEST(test_each_is_woken_for_one), TEST(test_a_select_does_not_meet_itself),
          TEST(test_unlike_cases_wait_together), TEST(test_a_tokens_deadline_fires_its_case),
          TEST(test_a_sieve_finds_primes))
