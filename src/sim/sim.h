/* sim.h: what the parts of the simulator share. Nothing here is seen by the library's core, which knows port.h only.

     instrument.c  the calls that the compiler puts into instrumented code: each access to memory
     race.c        who may see what: vector clocks, and what was last accessed by whom
     memory.c      malloc and free, so that freed memory is known as such
     fiber.c       threads as fibers, on one thread of the system
     schedule.c    who runs next, what time it is, and when all are stuck
     port.c        port.h over these
     run.c         one process a schedule; reports, replays, shrinks
     name.c        what people call an address

   None of it needs atomics or locks: only one thread of the system is there. A file of the simulator is compiled
   without instrumentation. */
#ifndef PTI_SIM_H
#define PTI_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pt_sim.h>

/* ---- Fibers -------------------------------------------------------------------------------- */

enum { SIM_FIBERS = 64 }; /* at one time; also the length of clocks */

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
    struct pti_fiber *joins;
    uint64_t own_changes;
    uint64_t looked;  /* the count of others' changes when it last yielded */
    bool idle;        /* between the last two yields nobody else changed anything */
    int64_t priority; /* for pct */

    void *(*run)(void *arg);
    void *arg;
    void *exit_value; /* for the port's exit hook */

    pti_clock clock;  /* what this fiber has seen of the others */
    pti_clock seen;   /* by relaxed loads, for an acquire fence to come */
    pti_clock fenced; /* at the last release fence */
    struct pti_context *context;
} pti_fiber;

extern pti_fiber *pti_sim_fibers[SIM_FIBERS]; /* by id */
extern unsigned pti_sim_fiber_count;
extern pti_fiber *pti_sim_self; /* NULL while no schedule runs */

/* Make the calling thread the first fiber; make another; go to one; end the running one by going to another for good. */
void pti_fiber_begin(void);
pti_fiber *pti_fiber_new(size_t stack_size, void *(*run)(void *arg), void *arg, pt_status *status);
void pti_fiber_switch(pti_fiber *to);
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

enum pti_strategy { SIM_RANDOM, SIM_PCT, SIM_REPLAY };

enum { SIM_STAY = 0xff, SIM_DECISIONS = 1 << 20 };

/* What one schedule is given, and what it leaves; shared with the process that runs it. */
typedef struct pti_schedule {
    enum pti_strategy strategy;
    uint64_t seed;
    unsigned depth;          /* pct */
    uint64_t expected_steps; /* pct */
    uint64_t most_steps;
    bool verbose; /* print the end of the trace when it fails */

    uint64_t steps;
    uint32_t switches; /* to another fiber while the first could have gone on */
    uint32_t decisions;
    uint32_t to_replay;
    enum pt_sim_failure failure;
    char text[512];
    uint8_t chosen[SIM_DECISIONS]; /* in: SIM_REPLAY's first to_replay; out: all */
} pti_schedule;

extern pti_schedule *pti_sim_schedule; /* NULL while none runs */

void pti_schedule_begin(pti_schedule *schedule);
/* Before an operation: let another fiber run, or not. place is where in the code. */
void pti_sim_point(enum pti_operation operation, const void *address, const void *place);
/* The running fiber waits, joins or is done: let others run until it is ready again. */
void pti_sim_block(void);
/* Something that others may wait for has changed. */
void pti_sim_changed(void);
/* The running fiber has looked, and gets nowhere for now: let others run. */
void pti_sim_yield(void);
pt_time pti_sim_now(void);

/* End the schedule as failed. */
_Noreturn void pti_sim_fail(enum pt_sim_failure failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A name for an address: a symbol, a place in the source, or just the number. */
void pti_sim_name(const void *address, bool code, char *text, size_t size);

/* ---- Memory -------------------------------------------------------------------------------- */

void pti_race_begin(void);
void pti_race_access(const void *address, size_t size, bool writes, bool atomic, const void *place);
void pti_race_freed(const void *address, size_t size, const void *place);
void pti_race_started(pti_fiber *parent, pti_fiber *child);
void pti_race_joined(pti_fiber *joiner, const pti_fiber *ended);

/* After an atomic operation; orders are the compiler's __ATOMIC_ numbers. */
void pti_race_load(const void *address, int order);
void pti_race_store(const void *address, int order);
void pti_race_change(const void *address, int order);
void pti_race_fence(int order);

#endif
