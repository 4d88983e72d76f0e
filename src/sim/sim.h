/* sim.h: what the parts of the simulator share. Nothing here is seen by the library's core, which knows port.h only.

   What the program does comes in by
     instrument.c  the calls that the compiler puts into instrumented code: each access to memory
     port.c        port.h over fibers
     memory.c      malloc and its kin; and all memory put back to what it was before a schedule
     outside.c     what waits outside the library, and is refused

   and is made a schedule of by
     fiber.c       threads as fibers, on one thread of the system
     schedule.c    who can run, what time it is, and when all are stuck
     strategy.c    who does run: by chance, by priority, one after the other of all there are, or as before
     state.c       when two schedules have come to the same point
     shadow.c      what is known of each piece of memory
     race.c        who accessed what last: data races
     views.c       which values an atomic load may see, and what comes with them

   for
     run.c         pt_sim_run(): many schedules, and what to do about one that fails
     options.c     what was asked for
     shrink.c      fewer switches, the same failure
     files.c       schedules in files
     report.c      what went wrong, for people
     name.c        what people call an address

   None of it needs atomics or locks: only one thread of the system is there. No file of the simulator is instrumented. */
#ifndef PTI_SIM_H
#define PTI_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pt_sim.h>

/* ---- Fibers -------------------------------------------------------------------------------- */

enum { SIM_FIBERS = 64 }; /* at one time; also the length of clocks */
enum { SIM_CALLS = 64 };  /* of a fiber's calls, so many of the outermost are known */

typedef struct pti_clock {
    uint32_t of[SIM_FIBERS];
} pti_clock;

enum pti_fiber_state { FIBER_READY, FIBER_WAITS, FIBER_JOINS, FIBER_DONE };

typedef struct pti_fiber {
    unsigned id;
    enum pti_fiber_state state;
    bool detached, joined;
    char name[32];
    const uint32_t *word; /* WAITS: on what */
    pt_time deadline;     /* WAITS */
    pt_time held_until;   /* READY: not before that */
    struct pti_fiber *joins;
    uint64_t own_changes;
    uint64_t looked;  /* the count of others' changes when it last yielded */
    bool idle;        /* between the last two yields nobody else changed anything */
    int64_t priority; /* for pct */
    uint32_t steps;   /* its own */
    uint64_t past;    /* state.c: all that it has done and seen, in a number */

    void *(*run)(void *arg);
    void *arg;
    void *exit_value; /* for the port's exit hook */

    pti_clock clock;    /* what this fiber has seen of the others */
    pti_clock seen;     /* by relaxed loads, for an acquire fence to come */
    pti_clock fenced;   /* at the last release fence */
    pti_clock agreed;   /* what others had done before sequentially consistent fences that came before its own */
    uint64_t agreed_at; /* how many sequentially consistent stores there had been by its own last such fence */

    const void *calls[SIM_CALLS]; /* from where functions were called that have not returned */
    unsigned depth;
    struct pti_context *context;
} pti_fiber;

extern pti_fiber *pti_sim_fibers[SIM_FIBERS]; /* by id */
extern unsigned pti_sim_fiber_count;
extern pti_fiber *pti_sim_self; /* NULL while no schedule runs */

void pti_clock_merge(pti_clock *into, const pti_clock *from);

/* Once in a process. */
void pti_fiber_prepare(void);
/* Make the calling thread, on the stack that it is on, the first fiber. */
void pti_fiber_adopt(void);
/* stack_size 0: the calling thread's is used by nobody else. */
pti_fiber *pti_fiber_new(size_t stack_size, void *(*run)(void *arg), void *arg, pt_status *status);
void pti_fiber_switch(pti_fiber *to);
/* Run a fiber from outside of all; the call returns when some fiber calls pti_fiber_leave(). */
void pti_fiber_run(pti_fiber *fiber);
_Noreturn void pti_fiber_leave(void);
/* Which fiber's stack, or gap below a stack, has this address; NULL if none. */
pti_fiber *pti_fiber_at(const void *address);
bool pti_fiber_is_local(const void *address); /* a _Thread_local variable of the program */
void pti_sim_end(void);                       /* the running fiber's function has returned; see port.c */

/* ---- Schedules ----------------------------------------------------------------------------- */

enum pti_operation {
    OP_LOAD,
    OP_STORE,
    OP_CHANGE,
    OP_FENCE,
    OP_WAIT,
    OP_WAKE,
    OP_START,
    OP_JOIN,
    OP_END,
    OP_CLOCK,
    OP_YIELD
};

enum pti_strategy { SIM_RANDOM, SIM_PCT, SIM_EXHAUSTIVE, SIM_REPLAY };

enum { SIM_LONG = 20000 };         /* steps after which schedules are fair, and time flows */
enum { SIM_NOTES = 2 * SIM_LONG }; /* no decisions are noted after that */

/* By themselves fibers go on as long as they can, then the next one that can does, loads see the newest value, and time
   passes to the first deadline. A schedule is what was done otherwise: */
typedef struct pti_note {
    uint32_t step; /* at this step of its own */
    uint8_t fiber; /* this fiber */
    /* gave way to that one; or from one of the following numbers on, did something else */
    uint8_t to;
} pti_note;

enum {
    NOTE_OLDER =
        128, /* saw the value so many stores before the newest, or failed by chance with a compare-and-swap that may */
    NOTE_LATER = 192, /* waited for so many deadlines more */
    NOTE_STALLS = 255 /* was held up for some time */
};

/* What schedules are given, and what they leave; shared with the process that runs them. */
typedef struct pti_schedule {
    /* For all of them */
    enum pti_strategy strategy;
    unsigned depth; /* pct: of the bug; exhaustive: notes a schedule may have */
    bool newest;    /* loads see the newest value in all schedules, not in every other one */
    bool keep_weak; /* `weak` is as given */
    uint64_t most_steps, most_runs;
    unsigned patience;   /* in seconds */
    bool quiet, verbose; /* show nothing of what the test prints; print the end of the trace of one that fails */

    /* For one, and by it */
    uint64_t seed;
    bool weak;               /* loads may see older values */
    uint64_t expected_steps; /* pct */
    uint64_t steps;
    uint32_t decisions; /* where there was something to choose */
    uint32_t switches;  /* to another fiber while the first could have gone on */
    enum pt_sim_failure failure;
    char text[512];
    uint32_t note_count;
    pti_note notes[SIM_NOTES]; /* in: replay's; out: all */

    /* What they come to */
    uint64_t first_seed, runs, all_steps, all_decisions;
    bool over;     /* all that there are, or were asked for, have been */
    bool complete; /* exhaustive: nothing was left out */
    double end;    /* the second at which to stop; 0 for never */
    int code;      /* what the program ended with */
} pti_schedule;

extern pti_schedule *pti_sim_shared;   /* where the process that asks gets its answer */
extern pti_schedule *pti_sim_schedule; /* the same, while a schedule runs, else NULL */

void pti_schedule_begin(void);
/* Before an operation: let another fiber run, or not. place is where in the code. */
void pti_sim_point(enum pti_operation operation, const void *address, const void *place);
/* The running fiber waits, joins or is done: let others run until it is ready again. */
void pti_sim_block(void);
/* Something that others may wait for has changed. */
void pti_sim_changed(void);
/* The running fiber has looked, and gets nowhere for now: let others run. */
void pti_sim_yield(void);
/* It has seen an older value, so there is something new to it. */
void pti_sim_missed(void);
/* As pti_port_yield(), called from there. */
void pti_sim_relax_at(const void *place);
pt_time pti_sim_now(void);
/* Nobody else has changed anything since it last looked; and neither between its last two looks. */
bool pti_sim_nothing_new(const pti_fiber *fiber);
bool pti_sim_is_idle(const pti_fiber *fiber);
/* The strategy wanted something else than what would have come by itself. */
void pti_sim_note(unsigned to);
/* The schedule has come to where another one was, and need not go on. */
_Noreturn void pti_sim_cut(void);

/* End the schedule as failed. */
_Noreturn void pti_sim_fail(enum pt_sim_failure failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- Strategies ---------------------------------------------------------------------------- */

/* Once before all schedules; before each, false if there is none any more; and in the process that runs it. */
bool pti_strategy_prepare(void);
bool pti_strategy_next(void);
void pti_strategy_begin(void);

/* Who of `ready` runs next; not all of them are idle. usual: who does by itself. */
pti_fiber *pti_strategy_choose(pti_fiber *const *ready, unsigned count, pti_fiber *usual);
/* 0, or if the strategy wants something else, up to `most`. kind: NOTE_OLDER, how old a value to see; NOTE_LATER, how many
   deadlines more to pass. */
unsigned pti_strategy_extra(unsigned kind, unsigned most);
/* Whether the running fiber is held up now for a while. */
bool pti_strategy_stalls(void);
void pti_strategy_yielded(void);

/* ---- States -------------------------------------------------------------------------------- */

uint64_t pti_mix(uint64_t a, uint64_t b);
void pti_state_begin(void);
/* The running fiber has done or seen something; what: a number for it. */
void pti_state_event(uint64_t what);
/* The same of another one: it was woken, say. */
void pti_state_event_of(pti_fiber *fiber, uint64_t what);
/* What stands at an address is told apart by `after` now, and was by `before`. */
void pti_state_stored(const void *address, uint64_t before, uint64_t after);
/* A number for all that decides how things go on from here. */
uint64_t pti_state_now(void);

/* ---- Memory -------------------------------------------------------------------------------- */

/* Once in a process. */
void pti_memory_prepare(void);
/* All memory of the program as it is now is what each schedule begins with; put it back. */
void pti_memory_keep(void);
void pti_memory_restore(void);
/* Memory for one schedule, all zero. */
void *pti_scratch(size_t size);
/* Room for as long as the process lives, all zero; taken only where it is used. shared: with its children. */
void *pti_room(size_t size, bool shared);
/* Whether this was malloc'ed and is freed; and the block that an address is in, NULL if in none. */
bool pti_memory_is_gone(uintptr_t address);
struct __attribute__((aligned(16))) pti_block {
    size_t size;
    const void *places[4]; /* in the code: what asked for it, and from where that was called */
    const void *freed_at;  /* NULL: it is not */
    unsigned by;           /* which fiber freed it */
};
const struct pti_block *pti_memory_block(const void *address);

/* ---- What is known of memory --------------------------------------------------------------- */

enum { SIM_ACCESSES = 4, SIM_STORES = 4 };

struct pti_access {
    uint32_t count; /* of the fiber's clock; 0: unused */
    uint8_t fiber, bytes;
    bool writes, atomic;
};

/* Of eight bytes. */
typedef struct pti_cell {
    uint64_t stamp; /* of the schedule that it is of */
    unsigned next;  /* access to give up */
    struct pti_access accesses[SIM_ACCESSES];
    const void *places[SIM_ACCESSES];
    struct pti_location *locations;
} pti_cell;

void pti_shadow_prepare(void);
void pti_shadow_begin(void);
/* NULL where there is no room any more: such memory is not watched. */
pti_cell *pti_shadow_at(uintptr_t address);
/* From this address to the end of its page: false if nothing is known of it in this schedule. */
bool pti_shadow_knows(uintptr_t address);

void pti_race_access(const void *address, size_t size, bool writes, bool atomic, const void *place);
/* It is freed: if anybody else may still use it, that is a race. */
void pti_race_free(const void *address, size_t size, const void *place);

/* Atomic operations; orders are the compiler's __ATOMIC_ numbers, and values what is or was in memory. */
void pti_views_begin(void);
uint64_t pti_atomic_load(const void *address, size_t size, uint64_t newest, int order, const void *place);
void pti_atomic_store(const void *address, size_t size, uint64_t before, uint64_t value, int order,
                      const void *place);
void pti_atomic_change(const void *address, size_t size, uint64_t before, uint64_t value, int order,
                       const void *place);
/* A compare-and-swap that found another value. */
void pti_atomic_refused(const void *address, size_t size, uint64_t newest, int order, const void *place);
void pti_atomic_fence(int order);
/* One in each fiber; the running one's before and after the others'. */
void pti_atomic_fence_all(void);
/* Whether a compare-and-swap of the weak kind is to fail for no reason. */
bool pti_atomic_fails(void);
void pti_views_started(pti_fiber *parent, pti_fiber *child);
void pti_views_ended(const pti_fiber *fiber);
void pti_views_joined(pti_fiber *joiner, const pti_fiber *ended);
/* Who made the newest store there, or the one so far back; NULL if nobody that is known. */
pti_fiber *pti_views_changer(const void *address, unsigned back, const void **place);

/* ---- Reports ------------------------------------------------------------------------------- */

void pti_report_begin(void);
void pti_report_step(enum pti_operation operation, const void *address, const void *place);
void pti_report_older(unsigned age);
void pti_report_print(void);

/* A name for an address in memory: a variable, a place on a stack, or in what block; and for one in the code: "transfer at
   bank.c:12". */
void pti_name_data(const void *address, char *text, size_t size);
void pti_name_code(const void *address, char *text, size_t size);
/* The i-th function there, the innermost first, which is inlined in the next one; false if there are not so many. */
bool pti_name_frame(const void *address, unsigned i, const char **function, const char **line);
/* Ask for these names together, which is faster. */
void pti_name_code_soon(const void *address);

/* ---- Running ------------------------------------------------------------------------------- */

struct pti_test {
    const char *name;
    void (*run)(void *arg); /* NULL: the program itself, from where it is */
    void *arg;
};

/* Where the program needs the scheduler. If it has not called pt_sim_run(), all of it from here on is the test. */
void pti_sim_whole_program(void);

/* The schedule that is noted, in a process of its own. True in that process, if it is to go on as the program. */
bool pti_sim_replay(const struct pti_test *test);
/* Leave out notes as long as the failure stays the same; true as above. */
bool pti_sim_shrink(const struct pti_test *test);
double pti_sim_seconds(void);
/* From now on a schedule may take so long. */
void pti_outside_limit(unsigned seconds);

/* Make ready what is shared; false after a message if that cannot be. text: that of PT_SIM, NULL if there is none. */
bool pti_sim_read_options(const pt_sim_options *options, const char *text);
void pti_sim_write_file(const char *name);
bool pti_sim_read_file(const char *path);

/* True while a schedule runs. */
static inline bool pti_sim_runs(void)
{
    return pti_sim_schedule != NULL && pti_sim_self != NULL;
}

#endif
