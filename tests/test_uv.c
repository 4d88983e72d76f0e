/* test_uv.c: whatever a loop awaits is delivered to it exactly once, in its thread, whoever has the news, and whenever somebody
   takes it back or closes the bridge.

   libuv is not instrumented. ThreadSanitizer sees its system calls, though, and the bridge rests on no order of libuv's: all that
   is handed over is so by its own atomics. So there is nothing to suppress. */
#include "support.h"

#include <string.h>
#include <uv.h>

#include <pt_uv.h>

#include "atomic.h"

/* ---- A loop with a bridge ---------------------------------------------------------------------------------- */

struct station {
    uv_loop_t loop;
    pt_uv *bridge;
    int closed;
};

static void count_closed(void *arg)
{
    ((struct station *)arg)->closed++;
}

/* Whether all went well: it may be called in any thread. */
static bool try_open(struct station *station)
{
    memset(station, 0, sizeof *station);
    return uv_loop_init(&station->loop) == 0 && pt_uv_create(&station->bridge, &station->loop) == PT_OK;
}

/* Let it end by itself, with nothing awaited, and close all. */
static bool try_close(struct station *station)
{
    bool ended = uv_run(&station->loop, UV_RUN_DEFAULT) == 0 && pt_uv_awaited(station->bridge) == 0;
    bool closing = pt_uv_close(station->bridge, count_closed, station) == PT_OK &&
                   pt_uv_close(station->bridge, count_closed, station) == PT_ERR_CLOSED;
    return ended && closing && uv_run(&station->loop, UV_RUN_DEFAULT) == 0 && station->closed == 1 &&
           uv_loop_close(&station->loop) == 0;
}

static void station_open(struct station *station)
{
    assert_true(try_open(station));
}

static void station_close(struct station *station)
{
    assert_true(try_close(station));
}

static pt_future *make_future(void)
{
    pt_future *future = NULL;
    assert_int_equal(pt_future_create(&future, NULL), PT_OK);
    return future;
}

static pt_channel *make_channel(size_t size, size_t capacity, const pt_channel_config *config)
{
    pt_channel *channel = NULL;
    assert_int_equal(pt_channel_create(&channel, size, capacity, config), PT_OK);
    return channel;
}

static void release(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

/* ---- Futures ------------------------------------------------------------------------------------------------- */

struct ticket { /* a future that is awaited, and what came of it */
    pt_uv_request request;
    pt_future *future;
    uint64_t written; /* plain: by who ends it, before */
    uint64_t thread;  /* where it is to be delivered */
    int delivered, aborted, wrong;
};

static void note_end(pt_uv_request *request, pt_future *future, pt_status status)
{
    struct ticket *ticket = request->data;
    void *result = NULL;
    ticket->delivered += status == PT_OK;
    ticket->aborted += status == PT_ERR_ABORTED;
    ticket->wrong += future != ticket->future || ticket->thread != pt_thread_id(NULL);
    if (status == PT_OK) {
        pt_status got = pt_future_try_get(future, &result);
        ticket->wrong += got == PT_ERR_BUSY || (got == PT_OK && *(uint64_t *)result != 77);
    }
    memset(request, 0xee, sizeof *request); /* it is the callback's */
}

static void ticket_init(struct ticket *ticket)
{
    memset(ticket, 0, sizeof *ticket);
    ticket->request.data = ticket;
    ticket->future = make_future();
    ticket->thread = pt_thread_id(NULL);
}

/* End it in one of the ways. */
static pt_status end_somehow(struct ticket *ticket, uint32_t chance)
{
    ticket->written = 77;
    switch (chance % 4) {
    case 0: return pt_future_fail(ticket->future, 5, "failed");
    case 1: return pt_future_abort(ticket->future);
    default: return pt_future_complete(ticket->future, &ticket->written);
    }
}

static void test_a_future_is_delivered_in_a_turn_of_the_loop(void **state)
{
    (void)state;
    struct station station;
    station_open(&station);
    for (uint32_t i = 0; i < 8; i++) { /* each way to end it, before or after it is awaited */
        struct ticket ticket;
        ticket_init(&ticket);
        if (i < 4)
            assert_int_equal(end_somehow(&ticket, i), PT_OK);
        assert_int_equal(pt_uv_on_future(station.bridge, ticket.future, &ticket.request, note_end), PT_OK);
        assert_int_equal(pt_uv_awaited(station.bridge), 1);
        assert_int_equal(pt_uv_on_future(station.bridge, ticket.future, &ticket.request, note_end), PT_ERR_INVALID);
        if (i >= 4) {
            assert_int_not_equal(uv_run(&station.loop, UV_RUN_NOWAIT), 0);
            assert_int_equal(end_somehow(&ticket, i), PT_OK);
        }
        assert_int_equal(ticket.delivered, 0);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(ticket.delivered, 1);
        assert_int_equal(ticket.wrong + ticket.aborted, 0);
        assert_int_equal(pt_uv_awaited(station.bridge), 0);
        pt_future_release(ticket.future);
    }
    station_close(&station);
}

enum { TICKETS = 64, ENDERS = 4 };

struct crowd {
    struct ticket tickets[TICKETS];
    uint32_t next;
};

/* Each ends those that nobody else has. */
static void end_tickets(struct member *member)
{
    struct crowd *crowd = member->shared;
    uint32_t i;
    while ((i = add_relaxed(&crowd->next, 1)) < TICKETS) {
        test_delay(&member->stream);
        check(end_somehow(&crowd->tickets[i], test_random(&member->stream)) == PT_OK);
    }
}

static void crowd_init(struct crowd *crowd, struct station *station)
{
    crowd->next = 0;
    for (int i = 0; i < TICKETS; i++) {
        struct ticket *ticket = &crowd->tickets[i];
        ticket_init(ticket);
        assert_int_equal(pt_uv_on_future(station->bridge, ticket->future, &ticket->request, note_end), PT_OK);
    }
}

static void crowd_release(struct crowd *crowd)
{
    for (int i = 0; i < TICKETS; i++)
        pt_future_release(crowd->tickets[i].future);
}

static void test_futures_of_many_threads_are_delivered_once(void **state)
{
    (void)state;
    static struct crowd crowd;
    for (int round = 0; round < test_scale(50); round++) {
        struct station station;
        station_open(&station);
        crowd_init(&crowd, &station);
        struct crew *crew = crew_start(ENDERS, end_tickets, &crowd);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0); /* ends by itself */
        crew_join(crew);
        for (int i = 0; i < TICKETS; i++) {
            assert_int_equal(crowd.tickets[i].delivered, 1);
            assert_int_equal(crowd.tickets[i].wrong, 0);
        }
        crowd_release(&crowd);
        station_close(&station);
    }
}

static void test_what_is_taken_back_is_not_delivered(void **state)
{
    (void)state;
    static struct crowd crowd;
    uint64_t stream = test_seed;
    for (int round = 0; round < test_scale(50); round++) {
        struct station station;
        bool taken[TICKETS] = {false};
        station_open(&station);
        crowd_init(&crowd, &station);
        struct crew *crew = crew_start(ENDERS, end_tickets, &crowd);
        while (pt_uv_awaited(station.bridge) > 0) {
            uint32_t i = test_random(&stream) % TICKETS;
            struct ticket *ticket = &crowd.tickets[i];
            if (!taken[i] && ticket->delivered == 0) {
                assert_int_equal(pt_uv_cancel(&ticket->request), PT_OK);
                assert_int_equal(pt_uv_cancel(&ticket->request), PT_ERR_INVALID);
                memset(&ticket->request, 0xee, sizeof ticket->request);
                taken[i] = true;
            }
            test_delay(&stream);
            uv_run(&station.loop, UV_RUN_NOWAIT);
        }
        crew_join(crew);
        station_close(&station);
        for (int i = 0; i < TICKETS; i++) {
            assert_int_equal(crowd.tickets[i].delivered, !taken[i]);
            assert_int_equal(crowd.tickets[i].wrong, 0);
        }
        crowd_release(&crowd);
    }
}

static void count_destroyed(void *result, void *arg)
{
    (void)result;
    (*(int *)arg)++;
}

static void ignore_end(pt_uv_request *request, pt_future *future, pt_status status)
{
    (void)request;
    (void)future;
    (void)status;
}

/* A request has a reference while it is awaited, and no longer. */
static void test_a_future_goes_when_its_request_has(void **state)
{
    (void)state;
    enum { DELIVERED, CANCELLED, CLOSED, CASES };
    for (int what = 0; what < CASES; what++) {
        struct station station;
        pt_uv_request request = {.data = NULL};
        pt_future *future;
        int destroyed = 0;
        station_open(&station);
        assert_int_equal(
            pt_future_create(&future, &(pt_future_config){.destroy = count_destroyed, .arg = &destroyed}), PT_OK);
        assert_int_equal(pt_uv_on_future(station.bridge, future, &request, ignore_end), PT_OK);
        assert_int_equal(pt_future_complete(future, NULL), PT_OK);
        pt_future_release(future);
        assert_int_equal(destroyed, 0);
        if (what == CANCELLED)
            assert_int_equal(pt_uv_cancel(&request), PT_OK);
        else if (what == DELIVERED)
            assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        if (what != CLOSED) {
            assert_int_equal(destroyed, 1);
            station_close(&station);
            continue;
        }
        assert_int_equal(pt_uv_close(station.bridge, NULL, NULL), PT_OK);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(destroyed, 1);
        assert_int_equal(uv_loop_close(&station.loop), 0);
    }
}

struct relay { /* awaits one future after the other, with one request */
    pt_uv *bridge;
    pt_uv_request request;
    pt_future *futures[10];
    int next;
};

static void run_on(pt_uv_request *request, pt_future *future, pt_status status)
{
    struct relay *relay = request->data;
    assert_int_equal(status, PT_OK);
    assert_ptr_equal(future, relay->futures[relay->next]);
    assert_int_equal(pt_uv_cancel(request), PT_ERR_INVALID);
    if (++relay->next == 10)
        return;
    assert_int_equal(pt_uv_on_future(relay->bridge, relay->futures[relay->next], request, run_on), PT_OK);
    if (relay->next % 2 == 0)
        assert_int_equal(pt_future_complete(relay->futures[relay->next], NULL), PT_OK);
}

static void test_a_request_is_used_again_in_its_callback(void **state)
{
    (void)state;
    struct station station;
    station_open(&station);
    struct relay relay = {.bridge = station.bridge, .request = {.data = &relay}};
    for (int i = 0; i < 10; i++) {
        relay.futures[i] = make_future();
        if (i % 2 != 0 || i == 0)
            assert_int_equal(pt_future_abort(relay.futures[i]), PT_OK);
    }
    assert_int_equal(pt_uv_on_future(relay.bridge, relay.futures[0], &relay.request, run_on), PT_OK);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(relay.next, 10);
    for (int i = 0; i < 10; i++)
        pt_future_release(relay.futures[i]);
    station_close(&station);
}

/* ---- Work for a pool ---------------------------------------------------------------------------------------- */

struct square {
    pt_uv_request request;
    uint64_t number, result;
    uint32_t done;
};

static void *make_square(void *arg)
{
    struct square *square = arg;
    square->result = square->number * square->number;
    return square;
}

static void note_square(pt_uv_request *request, pt_future *future, pt_status status)
{
    struct square *square = request->data;
    void *result = NULL;
    square->done += status == PT_OK && pt_future_try_get(future, &result) == PT_OK && result == square;
}

static void test_a_pool_works_for_a_loop(void **state)
{
    (void)state;
    enum { SQUARES = 200 };
    static struct square squares[SQUARES];
    struct station station;
    pt_pool *pool;
    station_open(&station);
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 2, .most = 2}), PT_OK);
    for (uint64_t i = 0; i < SQUARES; i++) {
        squares[i] = (struct square){.number = i, .request.data = &squares[i]};
        assert_int_equal(pt_uv_queue_work(station.bridge, i % 2 == 0 ? pool : NULL, make_square, &squares[i],
                                          &squares[i].request, note_square),
                         PT_OK);
    }
    assert_int_equal(pt_uv_queue_work(station.bridge, pool, NULL, NULL, &(pt_uv_request){0}, note_square),
                     PT_ERR_INVALID);
    station_close(&station);
    for (uint64_t i = 0; i < SQUARES; i++) {
        assert_int_equal(squares[i].done, 1);
        assert_int_equal(squares[i].result, i * i);
    }
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    assert_int_equal(pt_pool_shutdown(pt_pool_default(), PT_SHUTDOWN_DRAIN), PT_OK);
}

static void *wait_for(void *event)
{
    pt_event_wait(event);
    return event;
}

static void test_a_full_pool_refuses_a_loop(void **state)
{
    (void)state;
    struct station station;
    struct square squares[2] = {{.request.data = &squares[0]}, {.request.data = &squares[1]}};
    pt_event go = PT_EVENT_INIT;
    pt_pool *pool;
    station_open(&station);
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.size = 1, .most = 1, .limit = 1}), PT_OK);
    pt_future *first;
    assert_int_equal(pt_pool_submit(pool, &first, wait_for, &go, NULL), PT_OK);
    wait_until_parked(&go, 1);
    assert_int_equal(
        pt_uv_queue_work(station.bridge, pool, make_square, &squares[0], &squares[0].request, note_square), PT_OK);
    assert_int_equal(
        pt_uv_queue_work(station.bridge, pool, make_square, &squares[1], &squares[1].request, note_square),
        PT_ERR_BUSY);
    pt_event_set(&go);
    station_close(&station);
    assert_int_equal(squares[0].done, 1);
    assert_int_equal(squares[1].done, 0);
    pt_future_release(first);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
}

/* ---- Channels ------------------------------------------------------------------------------------------------- */

enum { SENDERS_MOST = 4 };

struct parcel {
    uint32_t sender, number;
};

struct depot { /* a receiver, and what it got */
    struct station *station;
    pt_uv_receiver receiver;
    pt_channel *channel;
    uint64_t thread, stream;
    uint32_t seen[SENDERS_MOST]; /* next number of each sender; any order: how many */
    int each, ends, aborted, wrong;
    bool any_order, stops;
};

static void note_value(pt_uv_receiver *receiver, void *value, pt_status status)
{
    struct depot *depot = receiver->data;
    depot->wrong += depot->thread != pt_thread_id(NULL) || depot->ends + depot->aborted != 0;
    if (status != PT_OK) {
        depot->ends += status == PT_ERR_CLOSED;
        depot->aborted += status == PT_ERR_ABORTED;
        depot->wrong += value != NULL;
        memset(receiver, 0xee, sizeof *receiver);
        return;
    }
    struct parcel parcel;
    memcpy(&parcel, value, sizeof parcel);
    if (parcel.sender >= SENDERS_MOST || (!depot->any_order && parcel.number != depot->seen[parcel.sender])) {
        depot->wrong++;
        return;
    }
    depot->seen[parcel.sender]++;
    if (!depot->stops || test_random(&depot->stream) % 3 != 0)
        return;
    depot->wrong += pt_uv_stop(receiver) != PT_OK || pt_uv_stop(receiver) != PT_ERR_INVALID;
    memset(receiver, 0xee, sizeof *receiver); /* it is ours; the value still there */
    depot->wrong += memcmp(value, &parcel, sizeof parcel) != 0;
    *receiver = (pt_uv_receiver){.data = depot};
    depot->wrong += pt_uv_receive(depot->station->bridge, depot->channel, receiver, note_value) != PT_OK;
}

static void depot_open(struct depot *depot, struct station *station, pt_channel *channel)
{
    memset(depot, 0, sizeof *depot);
    depot->station = station;
    depot->channel = channel;
    depot->receiver.data = depot;
    depot->thread = pt_thread_id(NULL);
    depot->stream = test_seed;
    assert_int_equal(pt_uv_receive(station->bridge, channel, &depot->receiver, note_value), PT_OK);
}

struct shipment {
    pt_channel *channel;
    uint32_t each;
    int refused;
};

/* The last one to have sent all closes the channel, by its reference. */
static void ship(struct member *member)
{
    struct shipment *own = member->shared;
    struct parcel parcel = {.sender = (uint32_t)member->index};
    for (; parcel.number < own->each; parcel.number++) {
        if (test_random(&member->stream) % 8 == 0)
            test_delay(&member->stream);
        if (pt_channel_send(own->channel, &parcel) != PT_OK)
            add_relaxed(&own->refused, 1);
    }
    pt_channel_release_sender(own->channel);
}

static bool parcel_before(const void *a, const void *b, void *arg)
{
    (void)arg;
    return ((const struct parcel *)a)->number < ((const struct parcel *)b)->number;
}

static const struct {
    pt_channel_config config;
    size_t capacity;
    int senders;
} kinds[] = {
    {.capacity = 4, .senders = 4},
    {.capacity = PT_UNBOUNDED, .senders = 4},
    {.capacity = 0, .senders = 3},
    {.config = {.one_sender = true, .one_receiver = true}, .capacity = 8, .senders = 1},
    {.config = {.one_receiver = true}, .capacity = 100, .senders = 4},
    {.config = {.kind = PT_CHANNEL_PRIORITY, .before = parcel_before}, .capacity = 10, .senders = 2},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

enum stops { NEVER, IN_CALLBACKS, BETWEEN_TURNS };

/* Take the receiver back after each turn, whatever its senders do at this moment. */
static void run_with_stops(struct station *station, struct depot *depot)
{
    while (depot->ends == 0) {
        uv_run(&station->loop, UV_RUN_NOWAIT);
        test_delay(&depot->stream);
        if (depot->ends != 0)
            break;
        assert_int_equal(pt_uv_stop(&depot->receiver), PT_OK);
        memset(&depot->receiver, 0xee, sizeof depot->receiver);
        depot->receiver = (pt_uv_receiver){.data = depot};
        assert_int_equal(pt_uv_receive(station->bridge, depot->channel, &depot->receiver, note_value), PT_OK);
    }
}

/* All that the senders send, in their order, and the end once. */
static void all_is_delivered(int kind, enum stops stops)
{
    struct station station;
    struct depot depot;
    int senders = kinds[kind].senders;
    pt_channel *channel = make_channel(sizeof(struct parcel), kinds[kind].capacity, &kinds[kind].config);
    struct shipment shipment = {.channel = channel,
                                .each = (uint32_t)test_scale(stops == BETWEEN_TURNS ? 100 : 500)};
    station_open(&station);
    depot_open(&depot, &station, channel);
    depot.stops = stops == IN_CALLBACKS;
    for (int i = 1; i < senders; i++)
        pt_channel_retain_sender(channel);
    struct crew *crew = crew_start(senders, ship, &shipment);
    if (stops == BETWEEN_TURNS)
        run_with_stops(&station, &depot);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0); /* ends by itself */
    crew_join(crew);
    assert_int_equal(depot.ends, 1);
    assert_int_equal(depot.wrong + depot.aborted + shipment.refused, 0);
    for (int i = 0; i < senders; i++)
        assert_int_equal(depot.seen[i], shipment.each);
    pt_channel_release_receiver(channel);
    station_close(&station);
}

static void test_all_values_come_in_order_and_the_end_once(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        all_is_delivered(kind, NEVER);
}

static void test_stopping_and_going_on_loses_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        all_is_delivered(kind, IN_CALLBACKS);
        all_is_delivered(kind, BETWEEN_TURNS);
    }
}

static void test_a_subscriber_and_a_oneshot_are_received_from(void **state)
{
    (void)state;
    struct station station;
    struct depot depots[2], oneshot;
    pt_channel *subscribers[2], *one, *broadcast;
    struct parcel parcel = {.number = 0};
    broadcast = make_channel(sizeof parcel, 10, &(pt_channel_config){.kind = PT_CHANNEL_BROADCAST});
    one = make_channel(sizeof parcel, 1, &(pt_channel_config){.kind = PT_CHANNEL_ONESHOT});
    station_open(&station);
    pt_uv_receiver refused = {.data = NULL};
    assert_int_equal(pt_uv_receive(station.bridge, broadcast, &refused, note_value), PT_ERR_INVALID);
    assert_int_equal(pt_uv_awaited(station.bridge), 0);
    depot_open(&oneshot, &station, one);
    assert_int_equal(pt_channel_send(one, &parcel), PT_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pt_channel_subscribe(broadcast, &subscribers[i]), PT_OK);
        depot_open(&depots[i], &station, subscribers[i]);
        pt_channel_release_receiver(subscribers[i]); /* the depot has one */
    }
    for (; parcel.number < 10; parcel.number++)
        assert_int_equal(pt_channel_send(broadcast, &parcel), PT_OK);
    release(broadcast);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(depots[i].seen[0], 10);
        assert_int_equal(depots[i].ends, 1);
        assert_int_equal(depots[i].wrong, 0);
    }
    assert_int_equal(oneshot.seen[0], 1);
    assert_int_equal(oneshot.ends, 1);
    release(one);
    station_close(&station);
}

static void count_turn(uv_check_t *check)
{
    ++*(int *)check->data;
}

static void test_a_full_channel_does_not_starve_the_loop(void **state)
{
    (void)state;
    enum { VALUES = 5000 };
    struct station station;
    struct depot depots[2];
    pt_channel *channels[2];
    uv_check_t turn;
    int turns = 0;
    station_open(&station);
    turn.data = &turns;
    assert_int_equal(uv_check_init(&station.loop, &turn), 0);
    assert_int_equal(uv_check_start(&turn, count_turn), 0);
    uv_unref((uv_handle_t *)&turn);
    for (int i = 0; i < 2; i++) {
        channels[i] = make_channel(sizeof(struct parcel), PT_UNBOUNDED, NULL);
        struct parcel parcel = {.sender = 0};
        for (; parcel.number < VALUES; parcel.number++)
            assert_int_equal(pt_channel_send(channels[i], &parcel), PT_OK);
        pt_channel_close(channels[i]);
        depot_open(&depots[i], &station, channels[i]);
    }
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    assert_true(turns >= VALUES / 128);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(depots[i].seen[0], VALUES);
        assert_int_equal(depots[i].ends, 1);
        assert_int_equal(depots[i].wrong, 0);
        release(channels[i]);
    }
    uv_close((uv_handle_t *)&turn, NULL);
    station_close(&station);
}

/* More futures than one turn delivers, none of which is forgotten. */
static void test_what_a_turn_leaves_comes_in_the_next(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static struct ticket tickets[MANY];
    struct station station;
    station_open(&station);
    for (int i = 0; i < MANY; i++) {
        ticket_init(&tickets[i]);
        assert_int_equal(pt_uv_on_future(station.bridge, tickets[i].future, &tickets[i].request, note_end), PT_OK);
        assert_int_equal(end_somehow(&tickets[i], (uint32_t)i), PT_OK);
    }
    uv_run(&station.loop, UV_RUN_NOWAIT);
    assert_in_range(pt_uv_awaited(station.bridge), 1, MANY - 1);
    assert_int_equal(pt_uv_cancel(&tickets[MANY - 1].request), PT_OK); /* it is due */
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(tickets[i].delivered, i < MANY - 1);
        assert_int_equal(tickets[i].wrong, 0);
        pt_future_release(tickets[i].future);
    }
    station_close(&station);
}

/* What a thread receives beside the loop. */
struct rival {
    pt_channel *channel;
    uint32_t got;
};

static void receive_too(struct member *member)
{
    struct rival *rival = member->shared;
    struct parcel parcel;
    while (pt_channel_next(rival->channel, &parcel)) {
        rival->got++;
        test_delay(&member->stream);
    }
}

static void test_a_loop_shares_a_channel_with_a_thread(void **state)
{
    (void)state;
    for (int round = 0; round < test_scale(20); round++) {
        struct station station;
        struct depot depot;
        pt_channel *channel = make_channel(sizeof(struct parcel), 4, NULL);
        struct rival rival = {.channel = channel};
        struct shipment shipment = {.channel = channel, .each = 200};
        station_open(&station);
        depot_open(&depot, &station, channel);
        depot.any_order = true;
        pt_channel_retain_sender(channel);
        struct crew *receivers = crew_start(1, receive_too, &rival), *senders = crew_start(2, ship, &shipment);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        crew_join(senders);
        crew_join(receivers);
        assert_int_equal(depot.seen[0] + depot.seen[1] + rival.got, 400);
        assert_int_equal(depot.ends, 1);
        assert_int_equal(depot.wrong, 0);
        pt_channel_release_receiver(channel);
        station_close(&station);
    }
}

/* ---- The loop ----------------------------------------------------------------------------------------------------- */

static void test_a_loop_ends_when_nothing_is_awaited(void **state)
{
    (void)state;
    struct station station;
    struct depot depot;
    pt_channel *channel = make_channel(sizeof(struct parcel), 4, NULL);
    station_open(&station);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    depot_open(&depot, &station, channel);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(uv_run(&station.loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(pt_uv_stop(&depot.receiver), PT_OK);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&station.loop), UV_EBUSY);
    assert_int_equal(depot.ends + depot.aborted, 0);
    release(channel);
    station_close(&station);
}

struct ring { /* loops in threads that hand values round */
    pt_channel *channels[3];
    struct crowd *crowds;
    uint32_t rounds;
};

struct post { /* of one loop */
    pt_uv_receiver receiver;
    pt_channel *next;
    uint32_t rounds, got, ends;
    bool counts;
};

/* Hand the number on, which one of them counts up; its last closes the channel instead, and that goes round too. */
static void pass_on(pt_uv_receiver *receiver, void *value, pt_status status)
{
    struct post *post = receiver->data;
    if (status != PT_OK) {
        post->ends += status == PT_ERR_CLOSED;
        pt_channel_close(post->next);
        return;
    }
    uint32_t number;
    memcpy(&number, value, sizeof number);
    post->got += number == post->got;
    number += post->counts;
    if (number == post->rounds)
        pt_channel_close(post->next);
    else if (pt_channel_try_send(post->next, &number) != PT_OK)
        post->got = UINT32_MAX / 2;
}

static void run_loop(struct member *member)
{
    struct ring *ring = member->shared;
    struct station station;
    struct post post = {.receiver = {.data = &post},
                        .next = ring->channels[(member->index + 1) % 3],
                        .rounds = ring->rounds,
                        .counts = member->index == 2};
    struct crowd *crowd = &ring->crowds[member->index];
    check(try_open(&station));
    for (int i = 0; i < TICKETS; i++) {
        crowd->tickets[i].thread = pt_thread_id(NULL);
        check(pt_uv_on_future(station.bridge, crowd->tickets[i].future, &crowd->tickets[i].request, note_end) ==
              PT_OK);
    }
    check(pt_uv_receive(station.bridge, ring->channels[member->index], &post.receiver, pass_on) == PT_OK);
    check(try_close(&station));
    check(post.got == ring->rounds && post.ends == 1);
}

static void end_of_all(struct member *member)
{
    struct ring *ring = member->shared;
    for (int i = 0; i < TICKETS; i++) {
        for (int n = 0; n < 3; n++) {
            test_delay(&member->stream);
            check(end_somehow(&ring->crowds[n].tickets[i], test_random(&member->stream)) == PT_OK);
        }
    }
}

static void test_loops_in_several_threads_work_by_themselves(void **state)
{
    (void)state;
    static struct crowd crowds[3];
    for (int round = 0; round < test_scale(20); round++) {
        struct ring ring = {.rounds = 200, .crowds = crowds};
        for (int i = 0; i < 3; i++) {
            ring.channels[i] = make_channel(sizeof(uint32_t), 1, NULL);
            for (int n = 0; n < TICKETS; n++)
                ticket_init(&crowds[i].tickets[n]);
        }
        assert_int_equal(pt_channel_send(ring.channels[0], &(uint32_t){0}), PT_OK);
        struct crew *loops = crew_start(3, run_loop, &ring), *enders = crew_start(1, end_of_all, &ring);
        crew_join(loops);
        crew_join(enders);
        for (int i = 0; i < 3; i++) {
            for (int n = 0; n < TICKETS; n++) {
                assert_int_equal(crowds[i].tickets[n].delivered, 1);
                assert_int_equal(crowds[i].tickets[n].wrong, 0);
            }
            crowd_release(&crowds[i]);
            release(ring.channels[i]);
        }
    }
}

/* ---- Closing ------------------------------------------------------------------------------------------------------- */

/* Turn the loop a few times, and close the bridge while others have news. True if the first was taken back before, since when
   others may be due. */
static bool close_amidst(struct station *station, struct ticket *first, uint64_t *stream)
{
    for (uint32_t turns = test_random(stream) % 8; turns > 0; turns--) {
        test_delay(stream);
        uv_run(&station->loop, UV_RUN_NOWAIT);
    }
    bool taken = first->delivered == 0 && pt_uv_cancel(&first->request) == PT_OK;
    assert_int_equal(pt_uv_close(station->bridge, count_closed, station), PT_OK);
    assert_int_equal(pt_uv_close(station->bridge, count_closed, station), PT_ERR_CLOSED);
    assert_int_equal(station->closed, 0);
    return taken;
}

/* Each request is delivered or aborted, and what was not received is still in the channel. */
static void test_closing_aborts_what_is_awaited(void **state)
{
    (void)state;
    static struct crowd crowd;
    uint64_t stream = test_seed;
    for (int round = 0; round < test_scale(200); round++) {
        struct station station;
        struct depot depot;
        struct parcel parcel;
        pt_channel *channel = make_channel(sizeof parcel, PT_UNBOUNDED, NULL);
        struct shipment shipment = {.channel = channel, .each = 50};
        station_open(&station);
        crowd_init(&crowd, &station);
        depot_open(&depot, &station, channel);
        pt_channel_retain_sender(channel);
        struct crew *senders = crew_start(2, ship, &shipment), *enders = crew_start(2, end_tickets, &crowd);
        bool early = close_amidst(&station, &crowd.tickets[0], &stream);
        pt_uv_request late = {.data = NULL};
        assert_int_equal(pt_uv_on_future(station.bridge, crowd.tickets[0].future, &late, note_end), PT_ERR_CLOSED);
        bool taken = crowd.tickets[TICKETS - 1].delivered == 0;
        if (taken)
            assert_int_equal(pt_uv_cancel(&crowd.tickets[TICKETS - 1].request), PT_OK);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&station.loop), 0); /* whatever the others still do */
        assert_int_equal(station.closed, 1);
        crew_join(senders);
        crew_join(enders);
        for (int i = 0; i < TICKETS; i++) {
            int calls = crowd.tickets[i].delivered + crowd.tickets[i].aborted;
            assert_int_equal(calls, !(early && i == 0) && !(taken && i == TICKETS - 1));
            assert_int_equal(crowd.tickets[i].wrong, 0);
        }
        assert_int_equal(depot.ends + depot.aborted, 1);
        uint32_t left = 0;
        while (pt_channel_try_receive(channel, &parcel) == PT_OK)
            left++;
        assert_int_equal(depot.seen[0] + depot.seen[1] + left, 100);
        assert_int_equal(depot.wrong + shipment.refused, 0);
        crowd_release(&crowd);
        pt_channel_release_receiver(channel);
    }
}

struct closing { /* closes the bridge in its third callback */
    struct station station;
    pt_uv_receiver receiver;
    int values, aborted, wrong;
};

static void close_within(pt_uv_receiver *receiver, void *value, pt_status status)
{
    struct closing *closing = receiver->data;
    pt_uv *bridge = closing->station.bridge;
    closing->values += status == PT_OK;
    closing->aborted += status == PT_ERR_ABORTED;
    if (status == PT_OK && closing->values == 3)
        closing->wrong += pt_uv_close(bridge, count_closed, &closing->station) != PT_OK || value == NULL;
    else if (status != PT_OK)
        closing->wrong +=
            pt_uv_close(bridge, NULL, NULL) != PT_ERR_CLOSED || pt_uv_stop(receiver) != PT_ERR_INVALID;
}

static void test_a_bridge_is_closed_in_a_callback(void **state)
{
    (void)state;
    struct closing closing = {.receiver = {.data = &closing}};
    pt_channel *channel = make_channel(sizeof(int), 10, NULL);
    station_open(&closing.station);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pt_channel_send(channel, &i), PT_OK);
    assert_int_equal(pt_uv_receive(closing.station.bridge, channel, &closing.receiver, close_within), PT_OK);
    assert_int_equal(uv_run(&closing.station.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(closing.values, 3);
    assert_int_equal(closing.aborted, 1);
    assert_int_equal(closing.wrong, 0);
    assert_int_equal(closing.station.closed, 1);
    assert_int_equal(pt_channel_length(channel), 7);
    assert_int_equal(uv_loop_close(&closing.station.loop), 0);
    release(channel);
}

struct pair { /* each of whose callbacks takes the other one back */
    pt_uv_request requests[2];
    int calls;
};

static void take_other_back(pt_uv_request *request, pt_future *future, pt_status status)
{
    struct pair *pair = request->data;
    (void)future;
    (void)status;
    pair->calls++;
    assert_int_equal(pt_uv_cancel(&pair->requests[request == &pair->requests[0]]), PT_OK);
}

static void test_a_callback_takes_back_what_is_due_too(void **state)
{
    (void)state;
    for (int close = 0; close < 2; close++) {
        struct station station;
        struct pair pair = {.requests = {{.data = &pair}, {.data = &pair}}};
        pt_future *future = make_future();
        station_open(&station);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pt_uv_on_future(station.bridge, future, &pair.requests[i], take_other_back), PT_OK);
        assert_int_equal(pt_future_complete(future, NULL), PT_OK);
        if (close)
            assert_int_equal(pt_uv_close(station.bridge, NULL, NULL), PT_OK);
        assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(pair.calls, 1);
        pt_future_release(future);
        if (close)
            assert_int_equal(uv_loop_close(&station.loop), 0);
        else
            station_close(&station);
    }
}

static void close_any(uv_handle_t *handle, void *arg)
{
    pt_uv *bridge = pt_uv_of_handle(handle);
    if (bridge != NULL)
        pt_uv_close(bridge, count_closed, arg);
    else
        uv_close(handle, NULL);
}

static void test_a_walk_finds_the_bridges(void **state)
{
    (void)state;
    struct station station;
    struct ticket ticket;
    pt_uv *second;
    uv_async_t other;
    uv_timer_t timer;
    station_open(&station);
    assert_int_equal(pt_uv_create(&second, &station.loop), PT_OK);
    assert_ptr_equal(pt_uv_loop(second), &station.loop);
    assert_int_equal(uv_async_init(&station.loop, &other, NULL), 0);
    assert_int_equal(uv_timer_init(&station.loop, &timer), 0);
    assert_null(pt_uv_of_handle((uv_handle_t *)&other));
    assert_null(pt_uv_of_handle((uv_handle_t *)&timer));
    assert_null(pt_uv_of_handle(NULL));
    ticket_init(&ticket);
    assert_int_equal(pt_uv_on_future(second, ticket.future, &ticket.request, note_end), PT_OK);
    uv_walk(&station.loop, close_any, &station);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(station.closed, 2);
    assert_int_equal(ticket.aborted, 1);
    assert_int_equal(uv_loop_close(&station.loop), 0);
    pt_future_release(ticket.future);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    uv_close(handle, NULL);
}

static void test_who_closed_its_handle_is_told(void **state)
{
    (void)state;
    static uv_loop_t loop;
    static pt_uv *lost; /* nobody can free it */
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pt_uv_create(&lost, &loop), PT_OK);
    uv_walk(&loop, close_handle, NULL);
    assert_int_equal(pt_uv_close(lost, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- Misuse ---------------------------------------------------------------------------------------------------------- */

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    struct station station;
    pt_uv *bridge = NULL;
    pt_uv_request request = {.data = NULL};
    pt_uv_receiver receiver = {.data = NULL};
    pt_future *future = make_future();
    pt_channel *channel = make_channel(1, 1, NULL);
    station_open(&station);
    assert_int_equal(pt_uv_create(NULL, &station.loop), PT_ERR_INVALID);
    assert_int_equal(pt_uv_create(&bridge, NULL), PT_ERR_INVALID);
    assert_null(bridge);
    assert_int_equal(pt_uv_close(NULL, NULL, NULL), PT_ERR_INVALID);
    assert_null(pt_uv_loop(NULL));
    assert_int_equal(pt_uv_awaited(NULL), 0);
    assert_int_equal(pt_uv_on_future(NULL, future, &request, note_end), PT_ERR_INVALID);
    assert_int_equal(pt_uv_on_future(station.bridge, NULL, &request, note_end), PT_ERR_INVALID);
    assert_int_equal(pt_uv_on_future(station.bridge, future, NULL, note_end), PT_ERR_INVALID);
    assert_int_equal(pt_uv_on_future(station.bridge, future, &request, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_uv_cancel(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_uv_cancel(&request), PT_ERR_INVALID);
    assert_int_equal(pt_uv_receive(NULL, channel, &receiver, note_value), PT_ERR_INVALID);
    assert_int_equal(pt_uv_receive(station.bridge, NULL, &receiver, note_value), PT_ERR_INVALID);
    assert_int_equal(pt_uv_receive(station.bridge, channel, NULL, note_value), PT_ERR_INVALID);
    assert_int_equal(pt_uv_receive(station.bridge, channel, &receiver, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_uv_stop(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_uv_stop(&receiver), PT_ERR_INVALID);
    assert_int_equal(pt_uv_awaited(station.bridge), 0);
    pt_future_release(future);
    release(channel);
    station_close(&station);
}

struct stranger {
    pt_uv *bridge;
    struct ticket *ticket;
    struct depot *depot;
    pt_channel *channel;
};

static void meddle(struct member *member)
{
    struct stranger *own = member->shared;
    pt_uv_request request = {.data = NULL};
    pt_uv_receiver receiver = {.data = NULL};
    check(pt_uv_on_future(own->bridge, own->ticket->future, &request, note_end) == PT_ERR_INVALID);
    check(pt_uv_receive(own->bridge, own->channel, &receiver, note_value) == PT_ERR_INVALID);
    check(pt_uv_cancel(&own->ticket->request) == PT_ERR_INVALID);
    check(pt_uv_stop(&own->depot->receiver) == PT_ERR_INVALID);
    check(pt_uv_close(own->bridge, NULL, NULL) == PT_ERR_INVALID);
}

static void test_another_thread_is_refused(void **state)
{
    (void)state;
    struct station station;
    struct ticket ticket;
    struct depot depot;
    pt_channel *channel = make_channel(sizeof(struct parcel), 1, NULL);
    station_open(&station);
    ticket_init(&ticket);
    assert_int_equal(pt_uv_on_future(station.bridge, ticket.future, &ticket.request, note_end), PT_OK);
    depot_open(&depot, &station, channel);
    struct stranger stranger = {station.bridge, &ticket, &depot, channel};
    crew_run(1, meddle, &stranger);
    assert_int_equal(pt_uv_awaited(station.bridge), 2);
    pt_channel_close(channel);
    assert_int_equal(pt_future_abort(ticket.future), PT_OK);
    assert_int_equal(uv_run(&station.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(ticket.delivered, 1);
    assert_int_equal(depot.ends, 1);
    pt_future_release(ticket.future);
    release(channel);
    station_close(&station);
}

TEST_MAIN("uv", TEST(test_a_future_is_delivered_in_a_turn_of_the_loop),
          TEST(test_futures_of_many_threads_are_delivered_once), TEST(test_what_is_taken_back_is_not_delivered),
          TEST(test_a_future_goes_when_its_request_has), TEST(test_a_request_is_used_again_in_its_callback),
          TEST(test_a_pool_works_for_a_loop), TEST(test_a_full_pool_refuses_a_loop),
          TEST(test_all_values_come_in_order_and_the_end_once), TEST(test_stopping_and_going_on_loses_nothing),
          TEST(test_a_subscriber_and_a_oneshot_are_received_from),
          TEST(test_a_full_channel_does_not_starve_the_loop), TEST(test_what_a_turn_leaves_comes_in_the_next),
          TEST(test_a_loop_shares_a_channel_with_a_thread), TEST(test_a_loop_ends_when_nothing_is_awaited),
          TEST(test_loops_in_several_threads_work_by_themselves), TEST(test_closing_aborts_what_is_awaited),
          TEST(test_a_bridge_is_closed_in_a_callback), TEST(test_a_callback_takes_back_what_is_due_too),
          TEST(test_a_walk_finds_the_bridges), TEST(test_who_closed_its_handle_is_told),
          TEST(test_bad_arguments_are_refused), TEST(test_another_thread_is_refused))
