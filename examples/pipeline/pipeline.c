/* pipeline.c: a pipeline of four stages on channels, in a pool: numbers are made, factored by several workers, put in order
   again, and printed.

     make -> [numbers] -> factor, factor, ... -> [factored] -> put in order -> [ordered] -> print

   Each stage is a job that waits for its channels; the pool makes up for jobs that wait, so it does not matter how many stages there
   are for how many workers, as long as a pool may have as many threads. Channels are bounded: a slow stage slows down those before it, and nothing piles up. The end goes
   down the pipeline as channels are closed.

     pipeline [--count N] [--workers N]     how many numbers, 1 to 1000000; how many factor at a time, 1 to 32 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pt.h>

enum { ROOM = 64, MOST_FACTORS = 40, AHEAD = 256 /* so far a number may be ahead of the one that is due */ };

struct item {
    uint64_t place, number;
    unsigned count;
    uint64_t factors[MOST_FACTORS];
};

struct pipeline {
    uint64_t count;
    unsigned workers;
    pt_channel *numbers, *factored, *ordered; /* of struct item */
    pt_semaphore ahead;                       /* how many more may be made before the oldest one has come out */
    uint64_t printed, sum;
};

/* ---- Stages: each closes what it sends to when it has nothing more to send ---------------------- */

static void *make(void *arg)
{
    struct pipeline *pipeline = arg;
    uint64_t random = 88172645463325252;
    for (uint64_t i = 0; i < pipeline->count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        struct item item = {.place = i, .number = random % 1000000007 + 2};
        pt_semaphore_wait(&pipeline->ahead);
        if (pt_channel_send(pipeline->numbers, &item) != PT_OK)
            break;
    }
    pt_channel_close(pipeline->numbers);
    return arg;
}

static void factor_one(struct item *item)
{
    uint64_t left = item->number;
    for (uint64_t d = 2; d * d <= left; d++) {
        while (left % d == 0) {
            item->factors[item->count++] = d;
            left /= d;
        }
    }
    if (left > 1)
        item->factors[item->count++] = left;
}

static void *factor(void *arg)
{
    struct pipeline *pipeline = arg;
    struct item item;
    while (pt_channel_next(pipeline->numbers, &item)) {
        factor_one(&item);
        pt_channel_send(pipeline->factored, &item);
    }
    return arg;
}

/* Those that come early are kept, at most AHEAD of them, until it is their turn. */
static void *put_in_order(void *arg)
{
    struct pipeline *pipeline = arg;
    static struct item kept[AHEAD];
    static bool there[AHEAD];
    struct item item;
    uint64_t due = 0;
    while (pt_channel_next(pipeline->factored, &item)) {
        kept[item.place % AHEAD] = item;
        there[item.place % AHEAD] = true;
        for (; there[due % AHEAD]; due++) {
            there[due % AHEAD] = false;
            pt_channel_send(pipeline->ordered, &kept[due % AHEAD]);
            pt_semaphore_post(&pipeline->ahead, 1);
        }
    }
    pt_channel_close(pipeline->ordered);
    return arg;
}

static void *print(void *arg)
{
    struct pipeline *pipeline = arg;
    struct item item;
    while (pt_channel_next(pipeline->ordered, &item)) {
        pipeline->printed++;
        printf("%" PRIu64 " =", item.number);
        for (unsigned i = 0; i < item.count; i++) {
            printf("%s%" PRIu64, i == 0 ? " " : " * ", item.factors[i]);
            pipeline->sum += item.factors[i];
        }
        putchar('\n');
    }
    return arg;
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void must(pt_status status, const char *what)
{
    if (status != PT_OK) {
        fprintf(stderr, "pipeline: %s: %s\n", what, pt_strerror(status));
        exit(1);
    }
}

static pt_future *start(pt_pool *pool, pt_task_function stage, struct pipeline *pipeline)
{
    pt_future *future;
    must(pt_pool_submit(pool, &future, stage, pipeline, NULL), "cannot start a stage");
    return future;
}

static void finish(pt_future *stage)
{
    must(pt_future_get(stage, NULL), "a stage failed");
    pt_future_release(stage);
}

static pt_channel *make_channel(const char *name)
{
    pt_channel *channel;
    must(pt_channel_create(&channel, sizeof(struct item), ROOM, &(pt_channel_config){.name = name}), "no channel");
    return channel;
}

static void release(pt_channel *channel)
{
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

static void run(struct pipeline *pipeline, pt_pool *pool)
{
    pt_future *factoring[32], *first = start(pool, make, pipeline), *third, *last;
    for (unsigned i = 0; i < pipeline->workers; i++)
        factoring[i] = start(pool, factor, pipeline);
    third = start(pool, put_in_order, pipeline);
    last = start(pool, print, pipeline);
    finish(first);
    for (unsigned i = 0; i < pipeline->workers; i++)
        finish(factoring[i]);
    pt_channel_close(pipeline->factored); /* of several who send the last one has ended */
    finish(third);
    finish(last);
}

static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && *out >= 1 && *out <= most;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000, workers = 4;
    bool good = argc % 2 == 1;
    for (int i = 1; i + 1 < argc && good; i += 2)
        good = strcmp(argv[i], "--count") == 0     ? read_number(argv[i + 1], 1000000, &count)
               : strcmp(argv[i], "--workers") == 0 ? read_number(argv[i + 1], 32, &workers)
                                                   : false;
    if (!good) {
        fprintf(stderr, "Usage: pipeline [--count 1..1000000] [--workers 1..32]\n"
                        "Prints the factors of so many numbers, in their order.\n");
        return 2;
    }
    struct pipeline pipeline = {.count = count, .workers = (unsigned)workers, .ahead = PT_SEMAPHORE_INIT(AHEAD)};
    pipeline.numbers = make_channel("numbers");
    pipeline.factored = make_channel("factored");
    pipeline.ordered = make_channel("ordered");
    pt_pool *pool;
    must(pt_pool_create(&pool, NULL), "no pool");
    run(&pipeline, pool);
    must(pt_pool_destroy(pool), "the pool does not end");
    release(pipeline.numbers);
    release(pipeline.factored);
    release(pipeline.ordered);
    fprintf(stderr, "pipeline: %" PRIu64 " numbers, sum of all factors %" PRIu64 "\n", pipeline.printed,
            pipeline.sum);
    return pipeline.printed == count ? 0 : 1;
}
