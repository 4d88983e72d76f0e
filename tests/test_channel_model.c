/* test_channel_model.c: small histories of calls on a channel, against the plainest model of its kind.

   Some threads make some calls each. Each call notes the turn of a common clock before it begins and after it has ended. A
   history is right if there is an order of its calls in which none stands before one that had ended before it began, and
   in which each came to what the model says, when done one after the other (Herlihy and Wing, 1990; searched for as Wing
   and Gong do, 1993).

   A select is the one case that fired; see `choice`.

   What pt_channel.h allows beside, and no more: a call that does not wait, or whose deadline is over, may find the channel
   empty (full) while another thread is in the middle of a send (receive) that this one would have to wait for. The kinds
   of which `exact` is set never do that.

   Under the simulator all schedules of each program are tried in which DEPTH times a thread gives way though it could go on,
   or a load sees an older value; how many there are is printed. Elsewhere each program runs many times with random delays. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"

#ifdef PT_SIM
#include <pt_sim.h>
#define UNSEEN __attribute__((no_sanitize_thread)) /* of one thread: the simulator need not watch */
#else
#define UNSEEN
#endif

enum { THREADS = 3, CALLS = 9, QUEUES = 2 };

/* Values are numbers, in some kinds with so much beside them that few fit in a block. */
struct value {
    uint32_t number;
    char rest[508];
};

enum { SMALL = sizeof(uint32_t), LARGE = sizeof(struct value) };

/* ---- Kinds and programs ------------------------------------------------------------------------------ */

enum { QUEUE, MEETING, ONESHOT, URGENT, AUDIENCE };

struct kind {
    const char *name;
    int model;
    size_t capacity;
    bool one_to_one; /* thread 0 alone sends and closes, thread 1 alone receives */
    bool exact;
    size_t value_size;
    size_t
        prefilled; /* and received, before the programs: the second or third value after them is in another block */
};

enum {
    RING_OF_1,
    RING_OF_2,
    PAIR_OF_1,
    PAIR_OF_2,
    LIST,
    LIST_AT_END,
    PAIR_LIST,
    PAIR_LIST_AT_END,
    RENDEZVOUS,
    ONCE,
    PRIORITY_OF_2,
    BROADCAST_OF_1,
    KIND_COUNT
};

static const struct kind KINDS[KIND_COUNT] = {
    [RING_OF_1] = {"ring_of_1", QUEUE, 1, false, false, SMALL, 0},
    [RING_OF_2] = {"ring_of_2", QUEUE, 2, false, false, SMALL, 0},
    [PAIR_OF_1] = {"pair_of_1", QUEUE, 1, true, false, SMALL, 0},
    [PAIR_OF_2] = {"pair_of_2", QUEUE, 2, true, false, SMALL, 0},
    [LIST] = {"unbounded", QUEUE, PT_UNBOUNDED, false, false, SMALL, 0},
    [LIST_AT_END] = {"unbounded_at_the_end_of_a_block", QUEUE, PT_UNBOUNDED, false, false, SMALL, 62},
    [PAIR_LIST] = {"pair_unbounded", QUEUE, PT_UNBOUNDED, true, false, LARGE, 0},
    [PAIR_LIST_AT_END] = {"pair_unbounded_at_the_end_of_a_block", QUEUE, PT_UNBOUNDED, true, false, LARGE, 7},
    [RENDEZVOUS] = {"rendezvous", MEETING, 0, false, false, SMALL, 0},
    [ONCE] = {"oneshot", ONESHOT, 1, false, false, SMALL, 0},
    [PRIORITY_OF_2] = {"priority_of_2", URGENT, 2, false, true, SMALL, 0},
    [BROADCAST_OF_1] = {"broadcast_of_1", AUDIENCE, 1, false, false, SMALL, 0},
};

/* The calls of each thread. In capitals those that wait: S send, R receive. s r: try to. t u: send, receive with a deadline
   that is over. c: close; l: length. V to Z: selects, see below; v to z: try to. A number: which of two channels the next calls
   are for, or which subscriber the thread is. All come to an end, as somebody closes or as many values are sent as are
   received. */
struct program {
    const char *text;
    bool one_to_one, meets; /* fits a channel that is; comes to an end though sends wait for receives, and soon */
};

/* The two cases of a select. One that fires is a call as any other; for one where none does, each case has failed, at a moment
   of its own. */
struct choice {
    char what, cases[2];
    uint8_t queues[2];
};

static const struct choice CHOICES[] = {{'V', {'S', 'R'}, {0, 0}},
                                        {'W', {'R', 'S'}, {0, 1}},
                                        {'X', {'R', 'R'}, {0, 1}},
                                        {'Y', {'S', 'S'}, {0, 1}},
                                        {'Z', {'S', 'R'}, {0, 1}}};

enum { NO_CALL = '.' }; /* the place of a second case, of which nothing is known as the first has fired */

static const struct program PROGRAMS[] = {
    {"SS-RR", true, true},     {"Sc-RR", true, true},    {"ssc-RR", true, true},   {"St-Ru", true, true},
    {"sts-rur", true, true},   {"sl-rl", true, true},    {"ss-rr-l", true, true},  {"S-R-l", true, true},
    {"S-S-RR", false, true},   {"ss-r-r", false, true},  {"s-s-rr", false, true},  {"sc-R-R", false, true},
    {"S-c-R", false, true},    {"ss-c-R", false, true},  {"t-s-ru", false, true},  {"sr-sr", false, true},
    {"SR-SR", false, false},   {"S-ru-c", false, true},  {"sl-sl-r", false, true}, {"tr-us-c", false, true},
    {"0S1S-XX", true, true},   {"YY-XX", true, true},    {"0Sc-XX", true, true},   {"0s1s-xx", true, true},
    {"yy-0r1r", true, true},   {"Z-W", true, true},      {"ZZ-WW", true, true},    {"V-V", false, true},
    {"V-v-v", false, false},   {"S-1S-XX", false, true}, {"Y-Y-XX", false, false}, {"YY-X-X", false, false},
    {"Y-X-c", false, true},    {"y-x-sr", false, true},  {"c-Y-X", false, true},   {"z-w-c", false, true},
    {"Sl-X-1cl", false, false}};

static const struct program BROADCASTS[] = {{"s-s-0rr", false, true},   {"ss-0r-1r", false, true},
                                            {"St-0Ru-1r", false, true}, {"tc-0ru-1R", false, true},
                                            {"SS-0R-1R", false, true},  {"S-0uc-1R", false, true}};

static bool fits(const struct kind *kind, const struct program *program)
{
    return (program->one_to_one || !kind->one_to_one) && (program->meets || kind->model != MEETING);
}

/* The i-th program for a kind; NULL: there are no more. */
static const struct program *program_for(const struct kind *kind, size_t i)
{
    bool audience = kind->model == AUDIENCE;
    const struct program *programs = audience ? BROADCASTS : PROGRAMS;
    size_t count = audience ? sizeof BROADCASTS / sizeof BROADCASTS[0] : sizeof PROGRAMS / sizeof PROGRAMS[0];
    for (size_t n = 0; n < count; n++) {
        if (fits(kind, &programs[n]) && i-- == 0)
            return &programs[n];
    }
    return NULL;
}

/* ---- Histories --------------------------------------------------------------------------------------- */

struct call {
    char what;
    uint8_t thread, queue; /* the channel, or the subscriber */
    uint32_t value;        /* sent or received; or the length */
    pt_status status;      /* what came of it */
    uint32_t begun, ended; /* turns of the clock */
};

struct history {
    const struct kind *kind;
    pt_channel *channels[QUEUES], *subscribers[QUEUES];
    uint32_t clock;
    uint32_t count;
    struct call calls[CALLS]; /* those of a thread in its order */
};

UNSEEN static bool is_send(const struct call *call)
{
    return call->what == 'S' || call->what == 's' || call->what == 't';
}

UNSEEN static bool is_receive(const struct call *call)
{
    return call->what == 'R' || call->what == 'r' || call->what == 'u';
}

UNSEEN static const struct choice *choice_of(char what)
{
    for (size_t i = 0; i < sizeof CHOICES / sizeof CHOICES[0]; i++) {
        if (CHOICES[i].what == what || CHOICES[i].what == what - 'a' + 'A')
            return &CHOICES[i];
    }
    return NULL;
}

UNSEEN static bool is_try(char what)
{
    return what >= 'a' && what <= 'z';
}

UNSEEN static void write_call(struct history *history, char what, uint8_t thread, uint8_t queue)
{
    uint32_t number = history->count++;
    history->calls[number] = (struct call){what, thread, queue, 100 + number, PT_OK, 0, 0};
}

/* Add the calls of a program, to be made. */
UNSEEN static void write_calls(struct history *history, const char *text)
{
    uint8_t thread = 0, queue = 0;
    for (; *text != 0; text++) {
        if (*text == '-') {
            thread++;
            queue = 0;
        } else if (*text >= '0' && *text <= '9') {
            queue = (uint8_t)(*text - '0');
        } else {
            write_call(history, *text, thread, queue);
            if (is_try(*text) && choice_of(*text) != NULL)
                write_call(history, NO_CALL, thread, queue);
        }
    }
}

static void print_history(const struct history *history)
{
    print_message("%s: no order of these calls makes sense\n", history->kind->name);
    for (uint32_t i = 0; i < history->count; i++) {
        const struct call *call = &history->calls[i];
        if (call->what != NO_CALL)
            print_message("thread %u: %c of %u at %u, turns %u to %u: %s\n", call->thread, call->what, call->value,
                          call->queue, call->begun, call->ended, pt_strerror(call->status));
    }
}

/* ---- The model ----------------------------------------------------------------------------------------- */

struct model {
    const struct kind *kind;
    uint32_t values[QUEUES][CALLS];
    size_t counts[QUEUES];
    bool closed[QUEUES];
};

/* Odd values come out before even ones, by priority. */
UNSEEN static size_t next_out(const struct model *model, size_t queue)
{
    size_t first = 0;
    while (model->kind->model == URGENT && first < model->counts[queue] && model->values[queue][first] % 2 == 0)
        first++;
    return first == model->counts[queue] ? 0 : first;
}

/* A call on a channel is one on its queue; of a broadcast, on all. */
UNSEEN static bool is_on(const struct model *model, const struct call *call, size_t queue)
{
    return model->kind->model == AUDIENCE || call->queue == queue;
}

UNSEEN static bool is_full(const struct model *model, const struct call *call)
{
    for (size_t i = 0; i < QUEUES; i++) {
        if (is_on(model, call, i) && model->counts[i] == model->kind->capacity)
            return true;
    }
    return false;
}

UNSEEN static void close_queues(struct model *model, const struct call *call)
{
    for (size_t i = 0; i < QUEUES; i++)
        model->closed[i] |= is_on(model, call, i);
}

UNSEEN static bool send(struct model *model, const struct call *call, bool excused)
{
    bool closed = model->closed[call->queue], full = is_full(model, call);
    if (call->status == PT_ERR_CLOSED)
        return closed;
    if (call->status != PT_OK)
        return !closed && (full || excused);
    if (closed || full)
        return false;
    for (size_t i = 0; i < QUEUES; i++) {
        if (is_on(model, call, i))
            model->values[i][model->counts[i]++] = call->value;
    }
    if (model->kind->model == ONESHOT)
        close_queues(model, call);
    return true;
}

UNSEEN static bool receive(struct model *model, const struct call *call, bool excused)
{
    size_t *count = &model->counts[call->queue], first = next_out(model, call->queue);
    uint32_t *values = model->values[call->queue];
    bool closed = model->closed[call->queue];
    if (call->status == PT_ERR_CLOSED)
        return closed && *count == 0;
    if (call->status != PT_OK)
        return (!closed && *count == 0) || excused;
    if (*count == 0 || values[first] != call->value)
        return false;
    for ((*count)--; first < *count; first++)
        values[first] = values[first + 1];
    return true;
}

/* Do the call in the model; false if it would have come to something else there. excused: see above. */
UNSEEN static bool apply(struct model *model, const struct call *call, bool excused)
{
    bool closed = model->closed[call->queue];
    if (call->what == 'c') {
        close_queues(model, call);
        return true;
    }
    if (call->what == 'l')
        return call->value == model->counts[call->queue];
    if (model->kind->model == MEETING) /* others meet in pairs: see search() */
        return call->status == PT_ERR_CLOSED ? closed : call->status != PT_OK && !closed;
    return is_send(call) ? send(model, call, excused) : receive(model, call, excused);
}

/* ---- The search ------------------------------------------------------------------------------------------ */

/* Whether another thread was in the middle of a call at the other end, and came to something. */
UNSEEN static bool is_excused(const struct history *history, const struct call *call)
{
    for (uint32_t i = 0; i < history->count && !history->kind->exact; i++) {
        const struct call *other = &history->calls[i];
        bool at_other_end = is_send(call) ? is_receive(other) : is_send(other);
        at_other_end &= history->kind->model == AUDIENCE || other->queue == call->queue;
        if (other->thread != call->thread && at_other_end && other->status == PT_OK && other->begun < call->ended &&
            call->begun < other->ended)
            return true;
    }
    return false;
}

/* Whether these two may have handed a value over: one of them waited. */
UNSEEN static bool may_meet(const struct call *one, const struct call *other)
{
    return is_send(one) && is_receive(other) && one->status == PT_OK && other->status == PT_OK &&
           one->queue == other->queue && one->value == other->value && one->thread != other->thread &&
           !(one->what == 's' && other->what == 'r');
}

/* Whether the calls that are not in `done` can follow in some order. */
UNSEEN static bool search(const struct history *history, const struct model *before, uint32_t done)
{
    uint32_t first_end = UINT32_MAX, count = history->count;
    bool over = true;
    for (uint32_t i = 0; i < count; i++) {
        if ((done >> i & 1) == 0 && history->calls[i].ended < first_end)
            first_end = history->calls[i].ended;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct call *call = &history->calls[i];
        if ((done >> i & 1) != 0)
            continue;
        over = false;
        if (call->begun > first_end)
            continue;
        struct model model = *before;
        if (apply(&model, call, is_excused(history, call)) && search(history, &model, done | 1u << i))
            return true;
        for (uint32_t j = 0; j < count && model.kind->model == MEETING && !model.closed[call->queue]; j++) {
            const struct call *other = &history->calls[j];
            if ((done >> j & 1) == 0 && other->begun < first_end && may_meet(call, other) &&
                search(history, &model, done | 1u << i | 1u << j))
                return true;
        }
    }
    return over;
}

UNSEEN static bool is_right(const struct history *history)
{
    const struct model model = {.kind = history->kind};
    uint32_t none = 0;
    for (uint32_t i = 0; i < history->count; i++)
        none |= (uint32_t)(history->calls[i].what == NO_CALL) << i;
    return search(history, &model, none);
}

/* ---- Making the calls ------------------------------------------------------------------------------------- */

static bool is_urgent(const void *a, const void *b, void *arg)
{
    (void)arg;
    return ((const struct value *)a)->number % 2 == 1 && ((const struct value *)b)->number % 2 == 0;
}

/* False if the channel cannot be made. */
static bool begin_history(struct history *history, const struct kind *kind, const char *program)
{
    pt_channel_config config = {.one_sender = kind->one_to_one, .one_receiver = kind->one_to_one};
    struct value value = {.number = 0};
    config.kind = kind->model == ONESHOT    ? PT_CHANNEL_ONESHOT
                  : kind->model == URGENT   ? PT_CHANNEL_PRIORITY
                  : kind->model == AUDIENCE ? PT_CHANNEL_BROADCAST
                                            : PT_CHANNEL_QUEUE;
    config.before = is_urgent;
    memset(history, 0, sizeof *history);
    history->kind = kind;
    write_calls(history, program);
    bool made = true;
    for (int i = 0; i < (kind->model == AUDIENCE ? 1 : QUEUES) && made; i++)
        made = pt_channel_create(&history->channels[i], kind->value_size, kind->capacity, &config) == PT_OK;
    for (int i = 0; i < QUEUES && kind->model == AUDIENCE; i++)
        made = made && pt_channel_subscribe(history->channels[0], &history->subscribers[i]) == PT_OK;
    for (size_t i = 0; i < kind->prefilled; i++)
        made = made && pt_channel_send(history->channels[0], &value) == PT_OK &&
               pt_channel_receive(history->channels[0], &value) == PT_OK;
    return made;
}

/* Whether what came of it is right; if not, it is printed. */
static bool end_history(struct history *history)
{
    for (int i = 0; i < QUEUES; i++) {
        pt_channel_release_receiver(history->subscribers[i]);
        pt_channel_release_sender(history->channels[i]);
        pt_channel_release_receiver(history->channels[i]);
    }
    bool right = is_right(history);
    if (!right)
        print_history(history);
    return right;
}

/* A turn of the clock, which orders what comes after it after all that came before. */
static uint32_t turn(struct history *history)
{
    return __atomic_fetch_add(&history->clock, 1, __ATOMIC_ACQ_REL);
}

static pt_status make_call(struct history *history, const struct call *call, struct value *value)
{
    pt_channel *to = history->channels[history->kind->model == AUDIENCE ? 0 : call->queue];
    pt_channel *from = history->kind->model == AUDIENCE ? history->subscribers[call->queue] : to;
    switch (call->what) {
    case 'S': return pt_channel_send(to, value);
    case 's': return pt_channel_try_send(to, value);
    case 't': return pt_channel_send_until(to, value, pt_at(0));
    case 'R': return pt_channel_receive(from, value);
    case 'r': return pt_channel_try_receive(from, value);
    case 'u': return pt_channel_receive_until(from, value, pt_at(0));
    case 'c': pt_channel_close(to); return PT_OK;
    default: value->number = (uint32_t)pt_channel_length(to); return PT_OK;
    }
}

/* Make a select of calls[0], which becomes the case that fired; if none does, calls[0] and [1] become both. */
static pt_status make_choice(struct history *history, struct call *calls, struct value *value)
{
    const struct choice *choice = choice_of(calls[0].what);
    bool try = is_try(calls[0].what);
    struct value sent = *value;
    size_t fired;
    pt_case cases[2];
    for (int i = 0; i < 2; i++) {
        pt_channel *channel = history->channels[choice->queues[i]];
        cases[i] = choice->cases[i] == 'S' ? pt_case_send(channel, &sent) : pt_case_receive(channel, value);
    }
    pt_status status = try ? pt_try_select(cases, 2, PT_SELECT_IN_ORDER, &fired) : pt_select(cases, 2, &fired);
    for (int i = 0; i < (status == PT_OK ? 1 : 2); i++) {
        size_t which = status == PT_OK ? fired : (size_t)i;
        calls[i].what = (char)(choice->cases[which] + (try ? 'a' - 'A' : 0));
        calls[i].queue = choice->queues[which];
    }
    return status == PT_OK ? cases[fired].status : status;
}

/* All calls of a thread; stream: for delays between them, or NULL. */
static void make_calls(struct history *history, int thread, uint64_t *stream)
{
    for (uint32_t i = 0; i < history->count; i++) {
        struct call *call = &history->calls[i];
        if (call->thread != thread || call->what == NO_CALL)
            continue;
        if (stream != NULL)
            test_delay(stream);
        bool choice = choice_of(call->what) != NULL;
        int places = choice && is_try(call->what) ? 2 : 1;
        struct value value = {.number = call->value};
        uint32_t begun = turn(history);
        pt_status status = choice ? make_choice(history, call, &value) : make_call(history, call, &value);
        uint32_t ended = turn(history);
        for (int j = 0; j < places; j++) {
            call[j].status = status;
            call[j].value = value.number;
            call[j].begun = begun;
            call[j].ended = ended;
        }
        i += (uint32_t)places - 1;
    }
}

/* ---- The checker itself ------------------------------------------------------------------------------------- */

struct example {
    const char *why;
    int kind;
    bool right;
    struct call calls[CALLS];
};

static const struct example EXAMPLES[] = {
    {"a value comes out after it went in",
     RING_OF_2,
     true,
     {{'s', 0, 0, 7, PT_OK, 0, 1}, {'r', 1, 0, 7, PT_OK, 2, 3}}},
    {"out of nothing", RING_OF_2, false, {{'r', 1, 0, 7, PT_OK, 0, 1}}},
    {"before it went in", RING_OF_2, false, {{'r', 1, 0, 7, PT_OK, 0, 1}, {'s', 0, 0, 7, PT_OK, 2, 3}}},
    {"while it goes in", RING_OF_2, true, {{'r', 1, 0, 7, PT_OK, 0, 2}, {'s', 0, 0, 7, PT_OK, 1, 3}}},
    {"twice",
     RING_OF_2,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 1}, {'r', 1, 0, 7, PT_OK, 2, 4}, {'r', 2, 0, 7, PT_OK, 3, 5}}},
    {"the second before the first",
     RING_OF_2,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 1},
      {'s', 0, 0, 8, PT_OK, 2, 3},
      {'r', 1, 0, 8, PT_OK, 4, 5},
      {'r', 1, 0, 7, PT_OK, 6, 7}}},
    {"out of another channel", RING_OF_2, false, {{'s', 0, 0, 7, PT_OK, 0, 1}, {'r', 1, 1, 7, PT_OK, 2, 3}}},
    {"either of two at once",
     RING_OF_2,
     true,
     {{'s', 0, 0, 7, PT_OK, 0, 2},
      {'s', 2, 0, 8, PT_OK, 1, 3},
      {'r', 1, 0, 8, PT_OK, 4, 5},
      {'r', 1, 0, 7, PT_OK, 6, 7}}},
    {"lost", RING_OF_2, false, {{'s', 0, 0, 7, PT_OK, 0, 1}, {'r', 1, 0, 7, PT_ERR_BUSY, 2, 3}}},
    {"not there yet", RING_OF_2, true, {{'s', 0, 0, 7, PT_OK, 0, 2}, {'r', 1, 0, 7, PT_ERR_BUSY, 1, 3}}},
    {"kept from one by another that is on its way",
     RING_OF_2,
     true,
     {{'s', 0, 0, 7, PT_OK, 0, 5}, {'s', 2, 0, 8, PT_OK, 1, 2}, {'r', 1, 0, 7, PT_ERR_BUSY, 3, 4}}},
    {"the same where that cannot be",
     PRIORITY_OF_2,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 5}, {'s', 2, 0, 8, PT_OK, 1, 2}, {'r', 1, 0, 7, PT_ERR_BUSY, 3, 4}}},
    {"one too many", RING_OF_1, false, {{'s', 0, 0, 7, PT_OK, 0, 2}, {'s', 1, 0, 8, PT_OK, 1, 3}}},
    {"refused though there is room", RING_OF_1, false, {{'s', 0, 0, 7, PT_ERR_BUSY, 0, 1}}},
    {"given up though there is room", RING_OF_1, false, {{'t', 0, 0, 7, PT_ERR_TIMEOUT, 0, 1}}},
    {"closed, and still in", RING_OF_2, false, {{'c', 1, 0, 0, PT_OK, 0, 1}, {'s', 0, 0, 7, PT_OK, 2, 3}}},
    {"the end, and then a value",
     RING_OF_2,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 1},
      {'c', 0, 0, 0, PT_OK, 2, 3},
      {'R', 1, 0, 0, PT_ERR_CLOSED, 4, 5},
      {'R', 2, 0, 7, PT_OK, 6, 7}}},
    {"the end before the close",
     RING_OF_2,
     false,
     {{'r', 1, 0, 0, PT_ERR_CLOSED, 0, 1}, {'c', 0, 0, 0, PT_OK, 2, 3}}},
    {"a length that never was",
     RING_OF_2,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 1}, {'r', 1, 0, 7, PT_OK, 2, 5}, {'l', 2, 0, 2, PT_OK, 3, 4}}},
    {"hands that meet", RENDEZVOUS, true, {{'S', 0, 0, 7, PT_OK, 0, 2}, {'r', 1, 0, 7, PT_OK, 1, 3}}},
    {"hands that do not", RENDEZVOUS, false, {{'S', 0, 0, 7, PT_OK, 0, 1}, {'R', 1, 0, 7, PT_OK, 2, 3}}},
    {"a hand that meets itself", RENDEZVOUS, false, {{'S', 0, 0, 7, PT_OK, 0, 1}, {'R', 0, 0, 7, PT_OK, 2, 3}}},
    {"two that would not wait", RENDEZVOUS, false, {{'s', 0, 0, 7, PT_OK, 0, 2}, {'r', 1, 0, 7, PT_OK, 1, 3}}},
    {"two that receive one",
     RENDEZVOUS,
     false,
     {{'S', 0, 0, 7, PT_OK, 0, 5}, {'R', 1, 0, 7, PT_OK, 1, 3}, {'R', 2, 0, 7, PT_OK, 2, 4}}},
    {"a second shot", ONCE, false, {{'s', 0, 0, 7, PT_OK, 0, 2}, {'s', 1, 0, 8, PT_OK, 1, 3}}},
    {"the less urgent first",
     PRIORITY_OF_2,
     false,
     {{'s', 0, 0, 8, PT_OK, 0, 1}, {'s', 0, 0, 7, PT_OK, 2, 3}, {'r', 1, 0, 8, PT_OK, 4, 5}}},
    {"the more urgent first",
     PRIORITY_OF_2,
     true,
     {{'s', 0, 0, 8, PT_OK, 0, 1}, {'s', 0, 0, 7, PT_OK, 2, 3}, {'r', 1, 0, 7, PT_OK, 4, 5}}},
    {"two orders for two subscribers",
     BROADCAST_OF_1,
     false,
     {{'s', 0, 0, 7, PT_OK, 0, 2},
      {'s', 0, 0, 8, PT_OK, 5, 9},
      {'r', 1, 0, 7, PT_OK, 6, 7},
      {'r', 2, 1, 8, PT_OK, 6, 8}}},
};

static void test_the_checker_knows_right_from_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof EXAMPLES[0]; i++) {
        struct history history = {.kind = &KINDS[EXAMPLES[i].kind]};
        memcpy(history.calls, EXAMPLES[i].calls, sizeof history.calls);
        while (history.count < CALLS && history.calls[history.count].what != 0)
            history.count++;
        if (is_right(&history) != EXAMPLES[i].right)
            fail_msg("%s: %s", history.kind->name, EXAMPLES[i].why);
    }
}

/* ---- Under the simulator: all schedules --------------------------------------------------------------------- */

#ifdef PT_SIM

enum { DEPTH = 2 };

struct search {
    const struct kind *kind;
    const struct program *program;
};

struct place {
    struct history *history;
    int thread;
};

static void *make_calls_of(void *arg)
{
    const struct place *place = arg;
    make_calls(place->history, place->thread, NULL);
    return NULL;
}

static void run_program(void *arg)
{
    const struct search *one = arg;
    static struct history history;
    struct place places[THREADS];
    pt_thread *threads[THREADS];
    int count = 1;
    assert_true(begin_history(&history, one->kind, one->program->text));
    for (const char *text = one->program->text; (text = strchr(text, '-')) != NULL; text++, count++) {
        places[count] = (struct place){&history, count};
        assert_int_equal(pt_thread_spawn(&threads[count], NULL, make_calls_of, &places[count]), PT_OK);
    }
    make_calls(&history, 0, NULL);
    for (int i = 1; i < count; i++) {
        assert_int_equal(pt_thread_join(threads[i], NULL), PT_OK);
        pt_thread_release(threads[i]);
    }
    assert_true(end_history(&history)); /* some order of these calls makes sense */
}

static void check_checker(void *arg)
{
    (void)arg;
    test_the_checker_knows_right_from_wrong(NULL);
}

/* Unless PT_SIM says otherwise, all there are. */
static bool run(const char *name, void (*body)(void *arg), void *arg, bool all)
{
    const pt_sim_options options = {.strategy = "exhaustive", .depth = DEPTH, .runs = UINT64_MAX};
    return pt_sim_run(name, body, arg, &options) && (!all || getenv("PT_SIM") != NULL || pt_sim_last().complete);
}

int main(int argc, char **argv)
{
    int tests = 0, failed = 0;
    const char *only = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (only == NULL)
        failed += !run("channel_model.checker", check_checker, NULL, false), tests++;
    for (const struct kind *kind = KINDS; kind < KINDS + KIND_COUNT; kind++) {
        uint64_t schedules = 0;
        size_t count = 0;
        for (struct search one = {kind, NULL}; (one.program = program_for(kind, count)) != NULL; count++) {
            char name[128];
            snprintf(name, sizeof name, "channel_model.%s.%s", kind->name, one.program->text);
            if (only != NULL && strstr(name, only) == NULL)
                continue;
            bool passed = run(name, run_program, &one, true);
            if (!passed || only != NULL)
                printf("[%s] %s, %llu schedules\n", passed ? "       OK " : "  FAILED  ", name,
                       (unsigned long long)pt_sim_last().runs);
            schedules += pt_sim_last().runs;
            failed += !passed;
            tests++;
        }
        printf("%s: %u programs, %llu schedules%s\n", kind->name, (unsigned)count, (unsigned long long)schedules,
               failed > 0 || getenv("PT_SIM") != NULL ? "" : ", which is all there are");
    }
    printf("[==========] channel_model: %d test(s) run.\n[  PASSED  ] %d test(s).\n", tests, tests - failed);
    if (failed > 0)
        printf("[  FAILED  ] %d test(s), listed above\n", failed);
    return failed == 0 ? 0 : 1;
}

#else

/* ---- Elsewhere: many times ------------------------------------------------------------------------------------- */

struct rounds {
    const struct kind *kind;
    int each;
    pt_barrier barrier;
    struct history history;
};

static void run_rounds(struct member *member)
{
    struct rounds *rounds = member->shared;
    const struct program *program;
    for (size_t i = 0; (program = program_for(rounds->kind, i)) != NULL; i++) {
        for (int n = 0; n < rounds->each; n++) {
            if (member->index == 0)
                check(begin_history(&rounds->history, rounds->kind, program->text));
            check(pt_barrier_wait(&rounds->barrier, NULL) == PT_OK);
            make_calls(&rounds->history, member->index, &member->stream);
            check(pt_barrier_wait(&rounds->barrier, NULL) == PT_OK);
            if (member->index == 0)
                check(end_history(&rounds->history));
        }
    }
}

static void run_kind(const char *name)
{
    static struct rounds rounds;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strncmp(KINDS[i].name, name, strlen(name)) != 0)
            continue;
        memset(&rounds, 0, sizeof rounds);
        rounds.kind = &KINDS[i];
        rounds.each = test_scale(300);
        rounds.barrier = (pt_barrier)PT_BARRIER_INIT(THREADS);
        crew_run(THREADS, run_rounds, &rounds);
    }
}

static void test_rings(void **state)
{
    (void)state;
    run_kind("ring");
}

static void test_pairs(void **state)
{
    (void)state;
    run_kind("pair");
}

static void test_unbounded(void **state)
{
    (void)state;
    run_kind("unbounded");
}

static void test_rendezvous(void **state)
{
    (void)state;
    run_kind("rendezvous");
}

static void test_oneshots(void **state)
{
    (void)state;
    run_kind("oneshot");
}

static void test_priorities(void **state)
{
    (void)state;
    run_kind("priority");
}

static void test_broadcasts(void **state)
{
    (void)state;
    run_kind("broadcast");
}

TEST_MAIN("channel_model", TEST(test_the_checker_knows_right_from_wrong), TEST(test_rings), TEST(test_pairs),
          TEST(test_unbounded), TEST(test_rendezvous), TEST(test_oneshots), TEST(test_priorities),
          TEST(test_broadcasts))

#endif
