/* options.c: what was asked for, by the program and by the environment variable PT_SIM. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static const char NAMES[] = "runs, seed, depth, steps, seconds, newest, patience";

struct wish {
    pt_sim_options options;
    char strategy[256];
};

static bool set(pt_sim_options *options, const char *name, uint64_t value)
{
    if (strcmp(name, "runs") == 0)
        options->runs = value;
    else if (strcmp(name, "seed") == 0)
        options->seed = value;
    else if (strcmp(name, "depth") == 0)
        options->depth = (unsigned)value;
    else if (strcmp(name, "steps") == 0)
        options->steps = value;
    else if (strcmp(name, "seconds") == 0)
        options->budget = (pt_time)value * PT_SECOND;
    else if (strcmp(name, "newest") == 0)
        options->newest = value != 0;
    else if (strcmp(name, "patience") == 0)
        options->patience = (pt_time)value * PT_SECOND;
    else
        return false;
    return true;
}

/* "pct:depth=4,runs=10000" over what is there; false and a message if it is not that. */
static bool read_text(struct wish *wish, const char *text)
{
    const char *colon = strchr(text, ':');
    if (strncmp(text, "replay:", 7) == 0) {
        snprintf(wish->strategy, sizeof wish->strategy, "%s", text);
        return true;
    }
    snprintf(wish->strategy, sizeof wish->strategy, "%.*s", colon == NULL ? 255 : (int)(colon - text), text);
    for (const char *at = colon == NULL ? "" : colon + 1; *at != 0;) {
        char name[16];
        unsigned long long value;
        int length = 0;
        if (sscanf(at, "%15[a-z]=%llu%n", name, &value, &length) != 2 || !set(&wish->options, name, value)) {
            fprintf(stderr, "sim: PT_SIM: \"%s\" is not NAME=NUMBER; names are %s\n", at, NAMES);
            return false;
        }
        at += length;
        at += *at == ',';
    }
    return true;
}

static uint64_t number_or(uint64_t given, uint64_t otherwise)
{
    return given == 0 ? otherwise : given;
}

/* Rounded up; 0 for more than there are. */
static unsigned seconds_of(pt_time time)
{
    return time > UINT32_MAX * PT_SECOND ? 0 : (unsigned)((time + PT_SECOND - 1) / PT_SECOND);
}

static bool choose_strategy(pti_schedule *schedule, const struct wish *wish)
{
    static const struct {
        const char *name;
        enum pti_strategy strategy;
        unsigned depth;
        uint64_t runs;
    } known[] = {
        {"random", SIM_RANDOM, 0, 1000}, {"pct", SIM_PCT, 3, 1000}, {"exhaustive", SIM_EXHAUSTIVE, 2, 1000000}};
    if (strncmp(wish->strategy, "replay:", 7) == 0) {
        schedule->strategy = SIM_REPLAY;
        schedule->most_runs = 1;
        return pti_sim_read_file(wish->strategy + 7);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(wish->strategy, known[i].name) == 0) {
            schedule->strategy = known[i].strategy;
            schedule->depth = (unsigned)number_or(wish->options.depth, known[i].depth);
            schedule->most_runs = number_or(wish->options.runs, known[i].runs);
            return true;
        }
    }
    fprintf(stderr, "sim: no strategy is called \"%s\"; there are random, pct, exhaustive and replay:FILE\n",
            wish->strategy);
    return false;
}

bool pti_sim_read_options(const pt_sim_options *options, const char *text)
{
    struct wish wish = {.options = options == NULL ? (pt_sim_options){0} : *options};
    snprintf(wish.strategy, sizeof wish.strategy, "%s",
             wish.options.strategy == NULL ? "random" : wish.options.strategy);
    if (text != NULL && !read_text(&wish, text))
        return false;
    if (pti_sim_shared == NULL)
        pti_sim_shared = pti_room(sizeof *pti_sim_shared, true);
    if (pti_sim_shared == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        return false;
    }
    pti_schedule *schedule = pti_sim_shared;
    memset(schedule, 0, sizeof *schedule);
    schedule->most_steps = number_or(wish.options.steps, 1000000);
    schedule->first_seed = number_or(wish.options.seed, 1);
    schedule->newest = wish.options.newest;
    schedule->expected_steps = 1000;
    schedule->patience = seconds_of(wish.options.patience == 0 ? 20 * PT_SECOND : wish.options.patience);
    schedule->end =
        wish.options.budget == 0 ? 0 : pti_sim_seconds() + (double)wish.options.budget / (double)PT_SECOND;
    return choose_strategy(schedule, &wish) && pti_strategy_prepare();
}
