/* bench.c: the harness: options, clocks, medians, shapes. */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pin.h"

enum { MOST_FILTERS = 64, MOST_ROUNDS = 1000, MOST_THREADS = 64, LEAST_GOES = 10, BATCH = 64 };

/* How many runs a round has. A flow has few, so that they are long: its threads are new, and the system may take some
   milliseconds to spread them over the processors. */
enum { RUNS = 9, FLOW_RUNS = 3 };

/* A flow's values come in multiples of this: with 1, 2 or 4 producers or consumers, each has whole batches. */
enum { FLOW_UNIT = 4 * BENCH_BATCH };

static const int64_t SECOND = 1000000000;

static struct options {
    const char *filters[MOST_FILTERS]; /* parts of metrics' names; none: all metrics */
    size_t filter_count;
    unsigned rounds;
    bool quick, pin, list, table, progress;
} options = {.rounds = 1};

/* ---- Failing ------------------------------------------------------------------------------- */

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(EXIT_FAILURE);
}

void bench_check(bool ok, const char *what)
{
    if (!ok)
        bench_fail("%s failed", what);
}

/* ---- Clocks and medians -------------------------------------------------------------------- */

static int64_t now(void)
{
    struct timespec time;
    bench_check(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_for(int64_t nanoseconds)
{
    int64_t end = now() + nanoseconds, left;
    while ((left = end - now()) > 0) {
        struct timespec time = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
        nanosleep(&time, NULL);
    }
}

/* How long one round of a measurement is to take. */
static int64_t round_length(void)
{
    return options.quick ? SECOND / 100 : SECOND / 5;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- A gate: threads wait at it until all are there and it is opened ------------------------ */

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned waiting; /* these two under mutex */
    bool open;
};

/* clang-format off */
#define CLOSED_GATE {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}
/* clang-format on */

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_gather(struct gate *gate, unsigned expected)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->waiting < expected)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate, unsigned expected)
{
    gate_gather(gate, expected);
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

void bench_wait_for_worker(void)
{
    static unsigned waits; /* only one thread ever starts others */
    if (++waits > 5000)
        bench_fail("no more threads can be had");
    sleep_for(SECOND / 1000);
}

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    int error;
    while ((error = pthread_create(&thread, NULL, run, arg)) == EAGAIN)
        bench_wait_for_worker();
    if (error != 0)
        bench_fail("pthread_create: %s", strerror(error));
    return thread;
}

static void join(pthread_t thread)
{
    bench_check(pthread_join(thread, NULL) == 0, "pthread_join");
}

/* ---- Shapes: one thread, and two ----------------------------------------------------------- */

/* Time one run of n, as one of the shapes does it. */
struct timed_run {
    int64_t (*run)(const struct timed_run *self, uint64_t n);
    bench_loop ping, pong;
    const struct bench_flow *flow;
    void *arg;
};

/* Nanoseconds an operation. First raise n until a run takes its part of a round, which warms everything up, too. Twice in
   a row it must, since a single run may have taken long because somebody else had the processor. */
static double calibrated_ns(const struct timed_run *timed, unsigned runs)
{
    double ns[RUNS];
    int64_t length = round_length() / runs, took;
    uint64_t n = 1;
    while ((took = timed->run(timed, n)) < length / 2 || (took = timed->run(timed, n)) < length / 2)
        n *= took < length / 20 ? 10 : 2;
    for (unsigned i = 0; i < runs; i++)
        ns[i] = (double)timed->run(timed, n) / (double)n;
    return median(ns, runs);
}

static int64_t run_alone(const struct timed_run *self, uint64_t n)
{
    int64_t begin = now();
    self->ping(self->arg, n);
    return now() - begin;
}

static void *pass_and_end(void *gate)
{
    gate_pass(gate);
    return NULL;
}

double bench_alone_ns(bench_loop loop, void *arg)
{
    struct timed_run timed = {.run = run_alone, .ping = loop, .arg = arg};
    struct gate gate = CLOSED_GATE;
    pthread_t idle = start(pass_and_end, &gate);
    double ns = calibrated_ns(&timed, RUNS);
    gate_open(&gate, 1);
    join(idle);
    return ns;
}

struct partner {
    const struct timed_run *timed;
    uint64_t n;
    struct gate gate;
};

static void *run_partner(void *arg)
{
    struct partner *partner = arg;
    if (options.pin)
        pin_thread(1);
    gate_pass(&partner->gate);
    partner->timed->pong(partner->timed->arg, partner->n);
    return NULL;
}

static int64_t run_pair(const struct timed_run *self, uint64_t n)
{
    struct partner partner = {.timed = self, .n = n, .gate = CLOSED_GATE};
    pthread_t thread = start(run_partner, &partner);
    gate_open(&partner.gate, 1);
    int64_t begin = now();
    self->ping(self->arg, n);
    int64_t took = now() - begin;
    join(thread);
    return took;
}

double bench_pair_us(bench_loop ping, bench_loop pong, void *arg)
{
    struct timed_run timed = {.run = run_pair, .ping = ping, .pong = pong, .arg = arg};
    if (options.pin)
        pin_thread(0);
    double us = calibrated_ns(&timed, RUNS) / 1e3;
    if (options.pin)
        pin_undo();
    return us;
}

/* ---- Shape: something slow ----------------------------------------------------------------- */

double bench_single_us(void (*go)(void), unsigned count)
{
    int64_t end = now() + 10 * round_length();
    double *took = malloc(count * sizeof took[0]);
    bench_check(took != NULL, "malloc");

    go(); /* once to warm up */
    unsigned done = 0;
    while (done < count && (done < LEAST_GOES || now() < end)) {
        int64_t begin = now();
        go();
        took[done++] = (double)(now() - begin) / 1e3;
    }
    double result = median(took, done);
    free(took);
    return result;
}

/* ---- Shape: waiting for a moment ------------------------------------------------------------ */

double bench_late_us(void (*wait)(void *arg, int64_t nanoseconds), void *arg)
{
    enum { WAITS = 100, QUICK = 3 };
    const int64_t length = SECOND / 500;
    double late[WAITS];
    size_t waits = options.quick ? QUICK : WAITS;
    for (size_t i = 0; i < waits; i++) {
        int64_t begin = now();
        wait(arg, length);
        late[i] = (double)(now() - begin - length) / 1e3;
    }
    return median(late, waits);
}

/* ---- Shape: a crowd ------------------------------------------------------------------------ */

struct crowd {
    bench_loop loop;
    void *arg;
    struct gate gate;
    bool stop __attribute__((aligned(128))); /* atomic; on a cache line that nobody writes meanwhile */
    char rest_of_line[127];
};

struct member {
    struct crowd *crowd;
    pthread_t thread;
    unsigned index;
    uint64_t done; /* when it is joined */
};

static void *run_member(void *arg)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;
    uint64_t done = 0;
    if (options.pin)
        pin_thread(member->index);
    gate_pass(&crowd->gate);
    while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED)) {
        crowd->loop(crowd->arg, BATCH);
        done += BATCH;
    }
    member->done = done;
    return NULL;
}

struct bench_crowd bench_crowd(unsigned threads, unsigned rounds, bench_loop loop, void *arg)
{
    struct crowd crowd = {.loop = loop, .arg = arg, .gate = CLOSED_GATE};
    struct member members[MOST_THREADS];
    struct bench_crowd result = {0};
    uint64_t slowest = UINT64_MAX;

    bench_check(threads >= 1 && threads <= MOST_THREADS, "bench_crowd: number of threads: it");
    for (unsigned i = 0; i < threads; i++) {
        members[i] = (struct member){.crowd = &crowd, .index = i};
        members[i].thread = start(run_member, &members[i]);
    }
    gate_open(&crowd.gate, threads);
    int64_t begin = now();
    sleep_for(rounds * round_length());
    __atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
    int64_t took = now() - begin;

    for (unsigned i = 0; i < threads; i++) {
        join(members[i].thread);
        result.total += members[i].done;
        if (members[i].done < slowest)
            slowest = members[i].done;
    }
    result.mops = (double)result.total / (double)took * 1e3;
    result.slowest_share = (double)slowest * threads / (double)result.total;
    return result;
}

/* ---- Shape: a flow ------------------------------------------------------------------------- */

struct hand {
    const struct timed_run *timed;
    struct gate *gate;
    pthread_t thread;
    unsigned index; /* of all threads, the producers first */
    uint64_t first, n;
    uint64_t sum; /* of a consumer, when it is joined */
};

static void *run_producer(void *arg)
{
    struct hand *hand = arg;
    if (options.pin)
        pin_thread(hand->index);
    gate_pass(hand->gate);
    hand->timed->flow->send(hand->timed->arg, hand->index, hand->first, hand->n);
    return NULL;
}

static void *run_consumer(void *arg)
{
    struct hand *hand = arg;
    if (options.pin)
        pin_thread(hand->index);
    gate_pass(hand->gate);
    hand->sum = hand->timed->flow->receive(hand->timed->arg, hand->n);
    return NULL;
}

/* The threads of a flow of so many values, all at the gate sooner or later. */
static void start_hands(struct hand *hands, const struct timed_run *timed, struct gate *gate, uint64_t total)
{
    unsigned producers = timed->flow->producers, consumers = timed->flow->consumers;
    for (unsigned i = 0; i < producers + consumers; i++) {
        bool is_producer = i < producers;
        uint64_t n = total / (is_producer ? producers : consumers);
        hands[i] = (struct hand){.timed = timed, .gate = gate, .index = i, .first = 1 + i * n, .n = n};
        hands[i].thread = start(is_producer ? run_producer : run_consumer, &hands[i]);
    }
}

/* n: in units. */
static int64_t run_flow(const struct timed_run *self, uint64_t n)
{
    struct gate gate = CLOSED_GATE;
    struct hand hands[MOST_THREADS];
    unsigned count = self->flow->producers + self->flow->consumers;
    uint64_t total = n * FLOW_UNIT, sum = 0;

    start_hands(hands, self, &gate, total);
    gate_gather(&gate, count);
    int64_t begin = now(); /* before they are let go: after it they may keep this thread off the processor */
    gate_open(&gate, count);
    for (unsigned i = 0; i < count; i++)
        join(hands[i].thread);
    int64_t took = now() - begin;

    for (unsigned i = self->flow->producers; i < count; i++)
        sum += hands[i].sum;
    if (sum != total * (total + 1) / 2)
        bench_fail("values were lost, doubled or changed on their way");
    return took;
}

double bench_flow_Mmsgs(const struct bench_flow *flow, void *arg)
{
    struct timed_run timed = {.run = run_flow, .flow = flow, .arg = arg};
    bench_check(flow->producers + flow->consumers <= MOST_THREADS, "bench_flow_Mmsgs: number of threads: it");
    bench_check(FLOW_UNIT % (flow->producers * BENCH_BATCH) == 0 &&
                    FLOW_UNIT % (flow->consumers * BENCH_BATCH) == 0,
                "bench_flow_Mmsgs: equal shares: it");
    return (double)FLOW_UNIT * 1e3 / calibrated_ns(&timed, FLOW_RUNS);
}

/* ---- Shapes of pools ------------------------------------------------------------------------ */

/* Under --quick there is less to do, once. */
static size_t work_size(size_t full)
{
    return options.quick ? full / 100 : full;
}

/* One go to warm up, then the median; before each, outside of the time, prepare(). */
static double goes_ms(void (*prepare)(void *arg), void (*go)(void *arg), void *arg)
{
    enum { GOES = 9 };
    int64_t end = now() + 10 * round_length();
    double took[GOES];
    size_t done = 0;
    if (!options.quick) {
        prepare(arg);
        go(arg);
    }
    do {
        prepare(arg);
        int64_t begin = now();
        go(arg);
        took[done++] = (double)(now() - begin) / 1e6;
    } while (done < GOES && now() < end && !options.quick);
    return median(took, done);
}

static void prepare_nothing(void *arg)
{
    (void)arg;
}

struct loop_of_n {
    bench_loop loop;
    uint64_t n;
    void *arg;
};

static void go_loop(void *arg)
{
    struct loop_of_n *of = arg;
    of->loop(of->arg, of->n);
}

double bench_go_ms(bench_loop loop, size_t n, void *arg)
{
    struct loop_of_n of = {.loop = loop, .n = work_size(n), .arg = arg};
    return goes_ms(prepare_nothing, go_loop, &of);
}

struct fib {
    uint64_t (*fib)(void *arg, unsigned n);
    void *arg;
};

static void go_fib(void *arg)
{
    const struct fib *fib = arg;
    if (options.quick ? fib->fib(fib->arg, 20) != 6765 : fib->fib(fib->arg, 32) != 2178309)
        bench_fail("another sum than fib's came out of the forks");
}

double bench_fib_ms(uint64_t (*fib)(void *arg, unsigned n), void *arg)
{
    return goes_ms(prepare_nothing, go_fib, &(struct fib){fib, arg});
}

/* All values are the same at any time, so that one more says what they must be. They end as infinity, which takes as
   long to compute with. */
struct parfor {
    bench_parfor parfor;
    void *arg;
    size_t count;
    double *values, expected;
};

static struct parfor new_parfor(bench_parfor parfor, void *arg, size_t count)
{
    struct parfor made = {.parfor = parfor, .arg = arg, .count = count, .expected = 1};
    made.values = malloc(count * sizeof made.values[0]);
    bench_check(made.values != NULL, "malloc");
    for (size_t i = 0; i < count; i++)
        made.values[i] = made.expected;
    return made;
}

static void end_parfor(struct parfor *parfor)
{
    for (size_t i = 0; i < parfor->count; i++) {
        if (parfor->values[i] < parfor->expected || parfor->values[i] > parfor->expected)
            bench_fail("a value was left out, or had more than its turn");
    }
    free(parfor->values);
}

static void go_parfor(void *arg)
{
    struct parfor *parfor = arg;
    parfor->parfor(parfor->arg, parfor->values, parfor->count);
    parfor->expected = parfor->expected * 1.0001 + 1;
}

static void go_parfor_often(void *arg, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        go_parfor(arg);
}

double bench_parfor_ms(bench_parfor parfor, void *arg)
{
    struct parfor of = new_parfor(parfor, arg, work_size(10000000));
    double ms = goes_ms(prepare_nothing, go_parfor, &of);
    end_parfor(&of);
    return ms;
}

double bench_parfor_tiny_us(bench_parfor parfor, void *arg)
{
    struct parfor of = new_parfor(parfor, arg, 5000);
    double us = bench_alone_ns(go_parfor_often, &of) / 1e3;
    end_parfor(&of);
    return us;
}

struct sort {
    void (*sort)(void *arg, uint64_t *values, size_t count);
    void *arg;
    size_t count;
    uint64_t *random, *values;
};

static void copy_random(void *arg)
{
    struct sort *sort = arg;
    memcpy(sort->values, sort->random, sort->count * sizeof sort->values[0]);
}

static void go_sort(void *arg)
{
    struct sort *sort = arg;
    sort->sort(sort->arg, sort->values, sort->count);
}

/* splitmix64, as in peers/rust: the same values for all. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

double bench_sort_ms(void (*sort)(void *arg, uint64_t *values, size_t count), void *arg)
{
    struct sort of = {.sort = sort, .arg = arg, .count = work_size(10000000)};
    uint64_t state = 1, sum = 0;
    of.random = malloc(2 * of.count * sizeof of.random[0]);
    bench_check(of.random != NULL, "malloc");
    of.values = of.random + of.count;
    for (size_t i = 0; i < of.count; i++)
        sum += of.random[i] = next_random(&state);

    double ms = goes_ms(copy_random, go_sort, &of);
    for (size_t i = 0; i < of.count; i++) {
        sum -= of.values[i];
        if (i > 0 && of.values[i - 1] > of.values[i])
            bench_fail("the values are not sorted");
    }
    if (sum != 0)
        bench_fail("values were lost or doubled while they were sorted");
    free(of.random);
    return ms;
}

/* Of all threads of the process, so far. For native programs: in browsers it is the time that goes by. */
static int64_t processor_time(void)
{
    struct timespec time = {.tv_sec = 0};
#ifdef CLOCK_PROCESS_CPUTIME_ID
    bench_check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0, "clock_gettime of processor time");
#else
    bench_fail("there is no processor time here");
#endif
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

double bench_cpu_percent(void (*trickle)(void *arg), void *arg)
{
    const int64_t step = SECOND / 1000;
    int64_t used = processor_time(), begin = now(), end = begin + 10 * round_length();
    for (int64_t at = begin + step; trickle != NULL && at < end; at += step) {
        sleep_for(at - now());
        trickle(arg);
    }
    sleep_for(end - now());
    return (double)(processor_time() - used) * 100 / (double)(now() - begin);
}

/* ---- Options ------------------------------------------------------------------------------- */

static void print_help(const char *program, FILE *to)
{
    fprintf(
        to,
        "Usage: %s [options]\n"
        "Measures, and prints a line for each metric: library, metric, value, unit.\n"
        "  --list             only list the metrics: name, unit, which is better, what it is\n"
        "  --filter TEXT,...  only metrics whose name contains one of the texts; may be repeated\n"
        "  --rounds N         measure N times and print the median (default 1)\n"
        "  --format tsv       fields separated by tabs, for programs (default)\n"
        "  --format table     aligned, for people\n"
        "  --quick            rounds of 0.01 s, not 0.2 s: shows that it runs, not how fast\n"
        "  --pin              tie the threads of a crowd or pair to different processors, where that can be done\n"
        "  --progress         say on standard error what is being measured\n"
        "  --help             print this\n",
        program);
}

/* Ends the program with status 2, as a wrong command line does. */
static _Noreturn void usage(const char *program, const char *problem, const char *what)
{
    fprintf(stderr, "%s: %s: %s\nTry --help.\n", program, problem, what);
    exit(2);
}

/* Split a comma list in place. */
static void add_filters(const char *program, char *list)
{
    for (char *text = strtok(list, ","); text != NULL; text = strtok(NULL, ",")) {
        if (options.filter_count == MOST_FILTERS)
            usage(program, "too many filters", text);
        options.filters[options.filter_count++] = text;
    }
}

static unsigned parse_rounds(const char *program, const char *text)
{
    char *end;
    errno = 0;
    long rounds = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || rounds < 1 || rounds > MOST_ROUNDS)
        usage(program, "--rounds wants a number from 1 to 1000", text);
    return (unsigned)rounds;
}

/* Whether argv[*index] is the option `name`, which wants a value: the rest of "--name=value", or else the next
   argument, to which *index then moves on. */
static bool option_with_value(int argc, char **argv, int *index, const char *name, char **value)
{
    size_t length = strlen(name);
    char *argument = argv[*index];
    if (strncmp(argument, name, length) != 0 || (argument[length] != 0 && argument[length] != '='))
        return false;
    if (argument[length] == '=')
        *value = argument + length + 1;
    else if (*index + 1 < argc)
        *value = argv[++*index];
    else
        usage(argv[0], "option wants a value", name);
    return true;
}

static bool is_table(const char *program, const char *format)
{
    if (strcmp(format, "tsv") != 0 && strcmp(format, "table") != 0)
        usage(program, "--format wants tsv or table", format);
    return strcmp(format, "table") == 0;
}

static void parse_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *value;
        if (option_with_value(argc, argv, &i, "--filter", &value)) {
            add_filters(argv[0], value);
        } else if (option_with_value(argc, argv, &i, "--rounds", &value)) {
            options.rounds = parse_rounds(argv[0], value);
        } else if (option_with_value(argc, argv, &i, "--format", &value)) {
            options.table = is_table(argv[0], value);
        } else if (strcmp(argv[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            options.quick = true;
        } else if (strcmp(argv[i], "--pin") == 0) {
            options.pin = true;
        } else if (strcmp(argv[i], "--progress") == 0) {
            options.progress = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            print_help(argv[0], stdout);
            exit(EXIT_SUCCESS);
        } else {
            usage(argv[0], "unknown option", argv[i]);
        }
    }
}

/* ---- Running the cases --------------------------------------------------------------------- */

static bool wanted(const char *metric)
{
    for (size_t i = 0; i < options.filter_count; i++) {
        if (strstr(metric, options.filters[i]) != NULL)
            return true;
    }
    return options.filter_count == 0;
}

static const struct bench_metric *metric_of(const struct bench_case *one)
{
    for (size_t i = 0; i < bench_metric_count; i++) {
        if (strcmp(bench_metrics[i].name, one->metric) == 0)
            return &bench_metrics[i];
    }
    bench_fail("metrics.c has no metric %s", one->metric);
}

static void run_case(const char *library, const struct bench_case *one)
{
    const struct bench_metric *metric = metric_of(one);
    double values[MOST_ROUNDS];
    for (unsigned round = 0; round < options.rounds; round++)
        values[round] = one->measure(one->threads);
    printf(options.table ? "%-11s %-28s %12.3f %s\n" : "%s\t%s\t%.3f\t%s\n", library, metric->name,
           median(values, options.rounds), metric->unit);
    fflush(stdout);
}

int bench_main(int argc, char **argv, const char *library, const struct bench_case *cases, size_t count)
{
    size_t chosen = 0, begun = 0;
    parse_options(argc, argv);
    for (size_t i = 0; i < count; i++)
        chosen += wanted(cases[i].metric);
    if (options.pin && !pin_possible())
        usage(argv[0], "threads cannot be tied to processors here", "--pin");
    if (chosen == 0)
        usage(argv[0], "no metric has a name with", options.filters[0]);

    for (size_t i = 0; i < count; i++) {
        const struct bench_metric *metric = metric_of(&cases[i]);
        if (!wanted(metric->name))
            continue;
        begun++;
        if (options.list) {
            printf("%s\t%s\t%s\t%s\n", metric->name, metric->unit, metric->better, metric->what);
            continue;
        }
        if (options.progress)
            fprintf(stderr, "%s: %s (%zu of %zu)\n", library, metric->name, begun, chosen);
        run_case(library, &cases[i]);
    }
    return EXIT_SUCCESS;
}
