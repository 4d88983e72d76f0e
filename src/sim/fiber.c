/* fiber.c: threads as fibers. Each has a stack of its own with a gap below it, and a copy of the program's _Thread_local
   variables: they lie in one block, which is saved when a fiber is left and filled when it is entered. (Those of shared
   libraries are common to all fibers, but for errno.)

   A fiber is first entered by setcontext(), and after that by _longjmp(), which does not call the system. Within a schedule
   no stack is used twice: an address that came back would only confuse. The next schedule uses them again. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim.h"

enum { STACKS = 1 << 14, GAP = 1 << 20 };

struct stack {
    char *base;       /* NULL: not made yet; its gap comes first */
    size_t gap, size; /* of the gap, and of what is above it */
    uint64_t used;    /* in which schedule last */
};

struct pti_context {
    jmp_buf machine;
    ucontext_t first; /* until it is entered */
    bool entered;
    int error; /* its errno */
    struct stack stack;
    char locals[];
};

pti_fiber *pti_sim_fibers[SIM_FIBERS];
unsigned pti_sim_fiber_count;
pti_fiber *pti_sim_self;

static struct {
    char *block; /* the program's _Thread_local variables */
    size_t size;
    const char *initial; /* what the first of them are when a thread starts; the others are zero */
    size_t initial_size;
} locals;

static jmp_buf outside;

/* ---- Stacks -------------------------------------------------------------------------------- */

/* Outlives schedules. */
static struct stacks {
    struct stack all[STACKS];
    uint64_t schedule;
} * stacks;

static bool make_stack(struct stack *stack, size_t gap, size_t size)
{
    char *base = mmap(NULL, gap + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    if (mprotect(base + gap, size, PROT_READ | PROT_WRITE) != 0) {
        munmap(base, gap + size);
        return false;
    }
    *stack = (struct stack){.base = base, .gap = gap, .size = size};
    return true;
}

/* NULL if there is no memory for it. */
static struct stack *take_stack(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (size + page - 1) / page * page + 4 * page; /* some more: instrumented frames are larger */
    for (struct stack *stack = stacks->all; stack < stacks->all + STACKS; stack++) {
        if (stack->base == NULL && !make_stack(stack, GAP, whole))
            return NULL;
        if (stack->size == whole && stack->used != stacks->schedule) {
            stack->used = stacks->schedule;
            return stack;
        }
    }
    return NULL;
}

/* ---- Making fibers ------------------------------------------------------------------------- */

/* The first object is the program itself. */
static int find_locals(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_TLS && info->dlpi_tls_data != NULL) {
            locals.block = info->dlpi_tls_data;
            locals.size = part->p_memsz;
            locals.initial = (const char *)info->dlpi_addr + part->p_vaddr;
            locals.initial_size = part->p_filesz;
        }
    }
    return 1;
}

void pti_fiber_prepare(void)
{
    dl_iterate_phdr(find_locals, NULL);
    stacks = pti_room(sizeof *stacks, false);
    if (stacks == NULL)
        abort();
    stacks->schedule = 1;
}

/* A number for a new fiber: that of one which is gone, if there is one. What that one did then counts as done before all
   that the new one does. SIM_FIBERS if there is none. */
static unsigned free_number(void)
{
    for (unsigned i = 1; i < pti_sim_fiber_count; i++) {
        const pti_fiber *fiber = pti_sim_fibers[i];
        if (fiber->state == FIBER_DONE && (fiber->joined || fiber->detached))
            return i;
    }
    return pti_sim_fiber_count;
}

static pti_fiber *add_fiber(void)
{
    pti_fiber *fiber = pti_scratch(sizeof *fiber);
    fiber->context = pti_scratch(sizeof *fiber->context + locals.size);
    fiber->id = free_number();
    fiber->clock.of[fiber->id] = 1;
    if (fiber->id < pti_sim_fiber_count) {
        fiber->clock.of[fiber->id] += pti_sim_fibers[fiber->id]->clock.of[fiber->id];
        fiber->steps = pti_sim_fibers[fiber->id]->steps;
    } else {
        pti_sim_fiber_count++;
    }
    pti_sim_fibers[fiber->id] = fiber;
    return fiber;
}

void pti_fiber_adopt(void)
{
    pti_sim_self = add_fiber();
    pti_sim_self->context->entered = true;
}

static void enter(void)
{
    pti_sim_self->run(pti_sim_self->arg);
    pti_sim_end(); /* does not return */
    abort();
}

pti_fiber *pti_fiber_new(size_t stack_size, void *(*run)(void *arg), void *arg, pt_status *status)
{
    *status = PT_ERR_AGAIN;
    if (free_number() == SIM_FIBERS)
        return NULL;
    *status = PT_ERR_NOMEM;
    if (pti_sim_fiber_count == 0) /* the first of a schedule */
        stacks->schedule++;
    struct stack *stack = take_stack(stack_size);
    if (stack == NULL)
        return NULL;
    pti_fiber *fiber = add_fiber();
    struct pti_context *context = fiber->context;
    context->stack = *stack;
    getcontext(&context->first);
    context->first.uc_stack.ss_sp = stack->base + stack->gap;
    context->first.uc_stack.ss_size = stack->size;
    context->first.uc_link = NULL;
    makecontext(&context->first, enter, 0);
    memcpy(context->locals, locals.initial, locals.initial_size);
    fiber->run = run;
    fiber->arg = arg;
    *status = PT_OK;
    return fiber;
}

/* ---- Going from one to another ------------------------------------------------------------- */

_Noreturn static void go_to(pti_fiber *to)
{
    memcpy(locals.block, to->context->locals, locals.size);
    pti_sim_self = to;
    if (to->context->entered)
        _longjmp(to->context->machine, 1);
    to->context->entered = true;
    setcontext(&to->context->first);
    abort();
}

void pti_fiber_switch(pti_fiber *to)
{
    pti_fiber *from = pti_sim_self;
    if (from == to)
        return;
    from->context->error = errno;
    memcpy(from->context->locals, locals.block, locals.size);
    if (_setjmp(from->context->machine) == 0)
        go_to(to);
    errno = pti_sim_self->context->error;
}

void pti_fiber_run(pti_fiber *fiber)
{
    memcpy(fiber->context->locals, locals.block, locals.size); /* it goes on as the thread that calls */
    if (_setjmp(outside) == 0)
        go_to(fiber);
}

void pti_fiber_leave(void)
{
    _longjmp(outside, 1);
}

/* ---- Addresses ----------------------------------------------------------------------------- */

pti_fiber *pti_fiber_at(const void *address)
{
    for (unsigned i = 0; i < pti_sim_fiber_count; i++) {
        const struct stack *stack = &pti_sim_fibers[i]->context->stack;
        const char *at = address;
        if (at >= stack->base && at < stack->base + stack->gap + stack->size)
            return pti_sim_fibers[i];
    }
    return NULL;
}

bool pti_fiber_is_local(const void *address)
{
    const char *at = address;
    return at >= locals.block && at < locals.block + locals.size;
}
