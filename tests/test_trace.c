/* test_trace.c: what a trace has in it: valid JSON, spans that nest, and each event, written or counted as dropped. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "counting.h"

enum { KEPT = 2048 }; /* events that a thread keeps */

/* ---- The text ---------------------------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t size, room;
};

static bool gather(const char *bytes, size_t size, void *arg)
{
    struct text *text = arg;
    if (text->size + size > text->room) {
        text->room = 2 * text->room + size;
        text->bytes = realloc(text->bytes, text->room);
    }
    if (text->bytes == NULL)
        return false;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return true;
}

/* ---- A strict scanner of JSON, which takes down events ------------------------------------------------------- */

struct event {
    char phase;
    uint64_t thread;
    pt_time start, length;
    char name[64], thread_name[64];
};

struct trace {
    struct event *events;
    size_t count, room;
    long dropped;
    const char *at, *end;
    bool valid;
};

static bool next_is(struct trace *trace, char c)
{
    while (trace->at < trace->end && strchr(" \t\r\n", *trace->at) != NULL)
        trace->at++;
    if (trace->at == trace->end || *trace->at != c)
        return false;
    trace->at++;
    return true;
}

static void expect(struct trace *trace, bool holds)
{
    if (!holds) {
        trace->valid = false;
        trace->at = trace->end;
    }
}

static void append(char *to, size_t room, unsigned code)
{
    size_t used = strlen(to);
    if (used + 4 > room)
        return;
    if (code < 0x80) {
        to[used] = (char)code;
    } else { /* the replacement character is all that is escaped beyond control characters */
        memcpy(to + used, "\xEF\xBF\xBD", 3);
        used += 2;
    }
    to[used + 1] = 0;
}

static void scan_escape(struct trace *trace, char *to, size_t room)
{
    unsigned code = 0;
    expect(trace, trace->end - trace->at > 5);
    if (!trace->valid)
        return;
    char c = *trace->at++;
    if (c != 'u') {
        expect(trace, c == '"' || c == '\\');
        append(to, room, (unsigned char)c);
        return;
    }
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *trace->at++);
        expect(trace, digit != NULL && *digit != 0);
        if (!trace->valid)
            return;
        code = code * 16 + (unsigned)(digit - digits);
    }
    append(to, room, code);
}

static void scan_string(struct trace *trace, char *to, size_t room)
{
    to[0] = 0;
    expect(trace, next_is(trace, '"'));
    while (trace->at < trace->end && *trace->at != '"') {
        unsigned char c = (unsigned char)*trace->at++;
        expect(trace, c >= 0x20);
        size_t used = strlen(to);
        if (c == '\\') {
            scan_escape(trace, to, room);
        } else if (used + 1 < room) {
            to[used] = (char)c;
            to[used + 1] = 0;
        }
    }
    expect(trace, next_is(trace, '"'));
}

static bool is_digit(const struct trace *trace)
{
    return trace->at < trace->end && *trace->at >= '0' && *trace->at <= '9';
}

/* In thousandths; at most three decimals. */
static int64_t scan_number(struct trace *trace)
{
    int64_t number = 0;
    int decimals = 0;
    expect(trace, is_digit(trace));
    expect(trace, trace->at + 1 >= trace->end || *trace->at != '0' || trace->at[1] < '0' || trace->at[1] > '9');
    for (; is_digit(trace); trace->at++)
        number = number * 10 + (*trace->at - '0');
    if (trace->at < trace->end && *trace->at == '.') {
        trace->at++;
        expect(trace, is_digit(trace));
        for (; is_digit(trace); trace->at++, decimals++)
            number = number * 10 + (*trace->at - '0');
    }
    expect(trace, decimals == 0 || decimals == 3);
    return decimals == 3 ? number : number * 1000;
}

static void take_string(struct event *event, int depth, const char *key, const char *string)
{
    if (depth == 4)
        strcpy(event->thread_name, string);
    else if (strcmp(key, "name") == 0)
        strcpy(event->name, string);
    else if (strcmp(key, "ph") == 0)
        event->phase = string[0];
}

static void take_number(struct trace *trace, struct event *event, const char *key, int64_t number)
{
    if (strcmp(key, "ts") == 0)
        event->start = number;
    else if (strcmp(key, "dur") == 0)
        event->length = number;
    else if (strcmp(key, "tid") == 0)
        event->thread = (uint64_t)number / 1000;
    else if (strcmp(key, "dropped") == 0)
        trace->dropped = (long)(number / 1000);
}

static void add_event(struct trace *trace, const struct event *event)
{
    if (trace->count == trace->room) {
        trace->room = trace->room * 2 + 64;
        trace->events = realloc(trace->events, trace->room * sizeof *trace->events);
        assert_non_null(trace->events);
    }
    trace->events[trace->count++] = *event;
}

/* depth: 0 the whole, 1 its members, 2 events, 3 their members, 4 those of "args". */
static void scan_value(struct trace *trace, struct event *event, int depth, const char *key)
{
    char string[64], member[64];
    struct event inner = {.length = -1};
    expect(trace, depth < 8);
    if (next_is(trace, '{')) {
        bool is_event = depth == 2;
        for (bool first = true; trace->valid && !next_is(trace, '}'); first = false) {
            expect(trace, first || next_is(trace, ','));
            scan_string(trace, member, sizeof member);
            expect(trace, next_is(trace, ':'));
            scan_value(trace, is_event ? &inner : event, depth + 1, member);
        }
        if (is_event && trace->valid)
            add_event(trace, &inner);
    } else if (next_is(trace, '[')) {
        for (bool first = true; trace->valid && !next_is(trace, ']'); first = false) {
            expect(trace, first || next_is(trace, ','));
            scan_value(trace, event, depth + 1, "");
        }
    } else if (trace->at < trace->end && *trace->at == '"') {
        scan_string(trace, string, sizeof string);
        take_string(event, depth, key, string);
    } else {
        take_number(trace, event, key, scan_number(trace));
    }
}

/* ---- What is the same of all traces -------------------------------------------------------------------------- */

static int compare_spans(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if ((a->phase == 'M') != (b->phase == 'M')) /* names last: see track() */
        return a->phase == 'M' ? 1 : -1;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->length > b->length ? -1 : a->length < b->length;
}

/* Of each thread's spans, any two are one inside the other or beside it. */
static void check_nesting(struct trace *trace)
{
    enum { DEPTH = 100 };
    pt_time ends[DEPTH];
    int depth = 0;
    uint64_t thread = 0;
    if (trace->count > 0)
        qsort(trace->events, trace->count, sizeof *trace->events, compare_spans);
    for (size_t i = 0; i < trace->count; i++) {
        const struct event *event = &trace->events[i];
        if (event->phase != 'X')
            continue;
        if (event->thread != thread)
            depth = 0;
        thread = event->thread;
        pt_time end = event->start + event->length;
        while (depth > 0 && ends[depth - 1] <= event->start)
            depth--;
        assert_true(depth < DEPTH);
        assert_true(depth == 0 || end <= ends[depth - 1]);
        ends[depth++] = end;
    }
}

/* The name of the track an event is on. */
static const char *track(const struct trace *trace, const struct event *event)
{
    size_t i = trace->count; /* names come late */
    while (i > 0 && (trace->events[i - 1].phase != 'M' || trace->events[i - 1].thread != event->thread))
        i--;
    return i == 0 ? NULL : trace->events[i - 1].thread_name;
}

static void check_event(const struct trace *trace, const struct event *event)
{
    assert_true(event->phase == 'X' || event->phase == 'i' || event->phase == 'M');
    assert_true((event->phase == 'X') == (event->length >= 0));
    assert_true(event->thread > 0);
    assert_string_equal(event->phase == 'M' ? event->name : "thread_name", "thread_name");
    assert_non_null(track(trace, event));
}

/* Read it, and free the text. */
static struct trace read_trace(struct text *text)
{
    struct trace trace = {.dropped = -1, .at = text->bytes, .end = text->bytes + text->size, .valid = true};
    struct event none = {0};
    scan_value(&trace, &none, 0, "");
    assert_true(trace.valid);
    assert_true(next_is(&trace, '\0') || trace.at == trace.end);
    assert_true(trace.dropped >= 0);
    check_nesting(&trace);
    for (size_t i = 0; i < trace.count; i++)
        check_event(&trace, &trace.events[i]);
    free(text->bytes);
    *text = (struct text){0};
    return trace;
}

static void start(struct text *text)
{
    *text = (struct text){0};
    assert_int_equal(pt_trace_start_to(gather, text), PT_OK);
}

static struct trace stop(struct text *text)
{
    assert_int_equal(pt_trace_stop(), PT_OK);
    return read_trace(text);
}

/* The thread whose track has this name; 0: none, as for NULL. */
static uint64_t thread_of(const struct trace *trace, const char *on)
{
    for (size_t i = 0; on != NULL && i < trace->count; i++) {
        if (trace->events[i].phase == 'M' && strcmp(trace->events[i].thread_name, on) == 0)
            return trace->events[i].thread;
    }
    return 0;
}

/* How many have this name; on this track, unless that is NULL. */
static size_t count(const struct trace *trace, const char *name, const char *on)
{
    size_t found = 0;
    uint64_t thread = thread_of(trace, on);
    for (size_t i = 0; i < trace->count; i++) {
        const struct event *event = &trace->events[i];
        found += event->phase != 'M' && strcmp(event->name, name) == 0 && (on == NULL || event->thread == thread);
    }
    return found;
}

static const struct event *find(const struct trace *trace, const char *name)
{
    for (size_t i = 0; i < trace->count; i++) {
        if (trace->events[i].phase != 'M' && strcmp(trace->events[i].name, name) == 0)
            return &trace->events[i];
    }
    fail_msg("there is no %s", name);
    return NULL;
}

/* ---- Starting and stopping ------------------------------------------------------------------------------------ */

static void test_it_is_on_once(void **state)
{
    (void)state;
    struct text text = {0};
    assert_int_equal(pt_trace_stop(), PT_ERR_INVALID);
    assert_int_equal(pt_trace_start(NULL), PT_ERR_INVALID);
    assert_int_equal(pt_trace_start_to(NULL, NULL), PT_ERR_INVALID);
    start(&text);
    assert_int_equal(pt_trace_start_to(gather, &text), PT_ERR_BUSY);
    assert_int_equal(pt_trace_start("trace.json"), PT_ERR_BUSY);
    struct trace trace = stop(&text);
    assert_int_equal(trace.count, 0);
    assert_int_equal(trace.dropped, 0);
    assert_int_equal(pt_trace_stop(), PT_ERR_INVALID);
}

static void test_a_bad_path_is_refused(void **state)
{
    (void)state;
    NOT_SIMULATED("files");
    assert_int_equal(pt_trace_start("/there/is/no/such/folder/trace.json"), PT_ERR_FAILED);
    assert_int_equal(pt_trace_start(""), PT_ERR_FAILED);
    assert_int_equal(pt_trace_stop(), PT_ERR_INVALID);
}

static void test_nothing_is_noted_while_it_is_off(void **state)
{
    (void)state;
    struct text text;
    pt_trace_begin("before");
    pt_trace_instant("before");
    start(&text);
    pt_trace_end();
    pt_trace_begin("open");
    free(stop(&text).events);
    pt_trace_end();
    pt_trace_instant("after");
    start(&text);
    pt_trace_end(); /* of the last time */
    struct trace trace = stop(&text);
    assert_int_equal(trace.count, 0);
    free(trace.events);
}

/* ---- Events ---------------------------------------------------------------------------------------------------- */

static void test_spans_and_instants_are_there(void **state)
{
    (void)state;
    struct text text;
    start(&text);
    pt_trace_end();
    pt_trace_begin("outer");
    pt_trace_begin("inner");
    pt_trace_instant("moment");
    pt_trace_end();
    pt_trace_begin("second");
    pt_trace_end();
    pt_trace_end();
    pt_trace_end();
    struct trace trace = stop(&text);
    assert_int_equal(trace.count, 5);
    assert_int_equal(trace.dropped, 0);
    const struct event *outer = find(&trace, "outer"), *inner = find(&trace, "inner");
    const struct event *moment = find(&trace, "moment"), *second = find(&trace, "second");
    assert_true(outer->start >= 0 && outer->phase == 'X' && moment->phase == 'i');
    assert_true(outer->start <= inner->start && inner->start <= moment->start);
    assert_true(moment->start <= inner->start + inner->length && inner->start + inner->length <= second->start);
    assert_true(second->start + second->length <= outer->start + outer->length);
    free(trace.events);
}

static void test_names_are_escaped(void **state)
{
    (void)state;
    struct text text;
    const char *const names[] = {"\"quoted\"", "back\\slash", "new\nline\ttab\x01", "gr\xC3\xBC\xC3\x9F",
                                 "",           "cut \xC3",    "\xFFwrong"};
    enum { COUNT = sizeof names / sizeof names[0] };
    start(&text);
    for (int i = 0; i < COUNT; i++)
        pt_trace_instant(names[i]);
    pt_trace_instant(NULL);
    struct trace trace = stop(&text);
    for (int i = 0; i < 5; i++)
        assert_int_equal(count(&trace, names[i], NULL), i == 4 ? 2 : 1);
    assert_int_equal(count(&trace, "cut \xEF\xBF\xBD", NULL), 1);
    assert_int_equal(count(&trace, "\xEF\xBF\xBDwrong", NULL), 1);
    assert_int_equal(trace.dropped, 0);
    free(trace.events);
}

static void test_spans_that_are_too_deep_are_dropped(void **state)
{
    (void)state;
    struct text text;
    start(&text);
    for (int i = 0; i < PT_TRACE_DEPTH + 6; i++)
        pt_trace_begin("deep");
    for (int i = 0; i < PT_TRACE_DEPTH + 6; i++)
        pt_trace_end();
    struct trace trace = stop(&text);
    assert_int_equal(count(&trace, "deep", NULL), PT_TRACE_DEPTH);
    assert_int_equal(trace.dropped, 6);
    free(trace.events);
}

/* ---- What the library notes itself ------------------------------------------------------------------------------ */

static void wait_for_event(struct member *member)
{
    pt_mutex mutex = PT_MUTEX_INIT;
    check(pt_mutex_lock(&mutex) == PT_OK); /* no wait */
    pt_mutex_unlock(&mutex);
    for (int i = 0; i < 5; i++) /* several, as one whose deadline has passed before it begins is none */
        check(pt_event_wait_until(member->shared, pt_after_ms(5)) == PT_ERR_TIMEOUT);
    pt_thread_set_name("\"woken\"");
}

static void test_waits_are_spans(void **state)
{
    (void)state;
    struct text text;
    pt_event event = PT_EVENT_AUTO_INIT;
    start(&text);
    crew_run(1, wait_for_event, &event);
    struct trace trace = stop(&text);
    size_t waits = count(&trace, "wait event", "\"woken\"");
    assert_true(waits >= 1 && waits <= 6); /* one may be of the crew's start */
    assert_int_equal(count(&trace, "wait mutex", "\"woken\""), 0);
    assert_int_equal(trace.dropped, 0);
    free(trace.events);
}

static void count_job(void *arg)
{
    add_relaxed((uint32_t *)arg, 1);
}

static void test_jobs_are_spans(void **state)
{
    (void)state;
    struct text text;
    pt_pool *pool;
    uint32_t ran = 0;
    const int jobs = test_scale(20000);
    start(&text);
    assert_int_equal(pt_pool_create(&pool, &(pt_pool_config){.name = "crew", .size = 2}), PT_OK);
    for (int i = 0; i < jobs; i++)
        assert_int_equal(pt_pool_post(pool, count_job, &ran), PT_OK);
    assert_int_equal(pt_pool_destroy(pool), PT_OK);
    assert_int_equal(load_relaxed(&ran), jobs);
    struct trace trace = stop(&text);
    assert_int_equal(count(&trace, "job", NULL) + (size_t)trace.dropped, jobs);
    free(trace.events);
}

/* ---- Nothing is lost ---------------------------------------------------------------------------------------------- */

static void emit_many(struct member *member)
{
    for (int i = 0; i < *(const int *)member->shared; i++) {
        pt_trace_begin("span");
        if (i % 3 == 0)
            pt_trace_instant("instant");
        pt_trace_end();
    }
}

static void test_each_event_is_there_or_counted(void **state)
{
    (void)state;
    enum { MEMBERS = 4 };
    struct text text;
    const int events = test_scale(7000);
    start(&text);
    crew_run(MEMBERS, emit_many, (void *)(uintptr_t)&events);
    struct trace trace = stop(&text);
    size_t spans = count(&trace, "span", NULL), instants = count(&trace, "instant", NULL);
    assert_int_equal(spans + instants, MEMBERS * (size_t)(events + (events + 2) / 3));
    assert_int_equal(trace.dropped, 0); /* in calls that may wait none needs to be */
    assert_int_equal(count(&trace, "span", "member-0"), events);
    free(trace.events);
}

static void test_waits_beyond_the_buffer_are_counted(void **state)
{
    (void)state;
    NOT_SIMULATED("so many sleeps");
    struct text text;
    const int waits = KEPT + 500;
    pt_event never = PT_EVENT_AUTO_INIT;
    start(&text);
    for (int i = 0; i < waits; i++)
        assert_int_equal(pt_event_wait_until(&never, pt_after(20 * PT_MICROSECOND)), PT_ERR_TIMEOUT);
    pt_trace_instant("last"); /* makes room first */
    struct trace trace = stop(&text);
    size_t kept = count(&trace, "wait event", NULL);
    assert_true(kept + (size_t)trace.dropped <= (size_t)waits); /* a deadline that has passed already is no wait */
    assert_true(kept == KEPT || trace.dropped == 0);
    assert_int_equal(count(&trace, "last", NULL), 1);
    free(trace.events);
}

struct town {
    uint32_t over; /* atomic */
};

static void emit_until_over(struct member *member)
{
    struct town *town = member->shared;
    while (load_relaxed(&town->over) == 0) {
        pt_trace_begin("work");
        test_delay(&member->stream);
        pt_trace_instant("instant");
        pt_trace_end();
        pt_thread_yield();
    }
}

static void *emit_once(void *arg)
{
    pt_trace_instant("once");
    return arg;
}

static void test_start_and_stop_while_threads_emit(void **state)
{
    (void)state;
    struct text text;
    struct town town = {0};
    const int rounds = test_scale(200);
    struct crew *crew = crew_start(3, emit_until_over, &town);
    for (int i = 0; i < rounds; i++) {
        pt_thread *thread;
        start(&text);
        assert_int_equal(pt_thread_spawn(&thread, &(pt_thread_config){.name = "short"}, emit_once, NULL), PT_OK);
        pt_trace_instant("mine");
        if (i % 2 == 0)
            assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
        struct trace trace = stop(&text);
        assert_int_equal(count(&trace, "mine", NULL), 1);
        assert_true(trace.dropped <= 4); /* of each, a wait at whose preparation it was off still */
        if (i % 2 == 0)
            assert_int_equal(count(&trace, "once", "short"), 1);
        else
            assert_int_equal(pt_thread_join(thread, NULL), PT_OK);
        pt_thread_release(thread);
        free(trace.events);
    }
    store_relaxed(&town.over, 1);
    crew_join(crew);
}

/* ---- Memory, and what fails ------------------------------------------------------------------------------------------ */

static void emit_ten(struct member *member)
{
    struct text *text = member->shared; /* started here: a wait of the crew's start would make the buffer */
    check(pt_trace_start_to(gather, text) == PT_OK);
    keep_failing(true);
    fail_allocation(1);
    for (int i = 0; i < 10; i++)
        pt_trace_instant("no room");
    pt_trace_begin("no room");
    pt_trace_end();
    fail_allocation(0);
    pt_trace_instant("room");
}

static void test_without_memory_events_are_counted(void **state)
{
    (void)state;
    struct text text;
    start(&text);
    pt_trace_instant("a buffer for this thread, which stays");
    free(stop(&text).events);
    count_blocks();
    crew_run(1, emit_ten, &text);
    struct trace trace = stop(&text);
    assert_int_equal(count(&trace, "no room", NULL), 0);
    assert_int_equal(count(&trace, "room", "member-0"), 1);
    assert_true(trace.dropped >= 11); /* more, if the thread that waits for this one found no room either */
    free(trace.events);
    stop_counting_threads(); /* a thread that ends leaves no buffer */
}

static bool refuse(const char *bytes, size_t size, void *arg)
{
    (void)bytes, (void)size;
    ++*(int *)arg;
    return false;
}

static void test_a_failure_to_write_is_told(void **state)
{
    (void)state;
    int calls = 0;
    assert_int_equal(pt_trace_start_to(refuse, &calls), PT_OK);
    for (int i = 0; i < 200; i++)
        pt_trace_instant("some text");
    assert_int_equal(pt_trace_stop(), PT_ERR_FAILED);
    assert_int_equal(calls, 1);
    assert_int_equal(pt_trace_stop(), PT_ERR_INVALID);
}

static bool call_back(const char *bytes, size_t size, void *arg)
{
    pt_trace_instant("not traced");
    return pt_trace_stop() == PT_ERR_DEADLOCK && pt_trace_start_to(gather, arg) == PT_ERR_BUSY &&
           gather(bytes, size, arg);
}

static void test_the_function_may_call_the_library(void **state)
{
    (void)state;
    struct text text = {0};
    assert_int_equal(pt_trace_start_to(call_back, &text), PT_OK);
    pt_trace_instant("traced");
    struct trace trace = stop(&text);
    assert_int_equal(count(&trace, "traced", NULL), 1);
    assert_int_equal(count(&trace, "not traced", NULL), 0);
    free(trace.events);
}

static void on_page(void *arg)
{
    (void)arg;
    pt_trace_begin("page");
    pt_trace_end();
}

static void test_a_page_has_a_track(void **state)
{
    (void)state;
    struct text text;
    start(&text);
    bool is_page = test_on_page_thread(on_page, NULL);
    struct trace trace = stop(&text);
    assert_int_equal(count(&trace, "page", NULL), is_page);
    free(trace.events);
}

TEST_MAIN("trace", TEST(test_without_memory_events_are_counted), /* before other tests' threads give back theirs */
          TEST(test_it_is_on_once), TEST(test_a_bad_path_is_refused), TEST(test_nothing_is_noted_while_it_is_off),
          TEST(test_spans_and_instants_are_there), TEST(test_names_are_escaped),
          TEST(test_spans_that_are_too_deep_are_dropped), TEST(test_waits_are_spans), TEST(test_jobs_are_spans),
          TEST(test_each_event_is_there_or_counted), TEST(test_waits_beyond_the_buffer_are_counted),
          TEST(test_start_and_stop_while_threads_emit), TEST(test_a_failure_to_write_is_told),
          TEST(test_the_function_may_call_the_library), TEST(test_a_page_has_a_track))
