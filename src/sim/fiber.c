/* fiber.c: threads as fibers. Each has a stack of its own with a gap below it, and a copy of the program's _Thread_local
   variables: they lie in one block, which is saved when a fiber is left and filled when it is entered. (Those of shared
   libraries are common to all fibers, but for errno.) Stacks are never freed: the process ends with the schedule, and an
   address that comes back would only confuse. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim.h"

struct pti_context {
    ucontext_t machine;
    int error; /* its errno */
    char *stack;
    size_t size; /* of the stack, and of the gap below */
    size_t gap;
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
    pti_fiber *fiber = calloc(1, sizeof *fiber);
    struct pti_context *context = calloc(1, sizeof *context + locals.size);
    if (fiber == NULL || context == NULL) {
        free(fiber);
        free(context);
        return NULL;
    }
    fiber->id = free_number();
    fiber->context = context;
    fiber->clock.of[fiber->id] = 1;
    if (fiber->id < pti_sim_fiber_count)
        fiber->clock.of[fiber->id] += pti_sim_fibers[fiber->id]->clock.of[fiber->id];
    return fiber;
}

static void list(pti_fiber *fiber)
{
    pti_sim_fibers[fiber->id] = fiber;
    if (fiber->id == pti_sim_fiber_count)
        pti_sim_fiber_count++;
}

void pti_fiber_begin(void)
{
    dl_iterate_phdr(find_locals, NULL);
    pti_sim_self = add_fiber();
    if (pti_sim_self == NULL)
        abort();
    list(pti_sim_self);
}

static void enter(void)
{
    pti_sim_self->run(pti_sim_self->arg);
    pti_sim_end(); /* does not return */
    abort();
}

pti_fiber *pti_fiber_new(size_t stack_size, void *(*run)(void *arg), void *arg, pt_status *status)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *status = PT_ERR_AGAIN;
    if (free_number() == SIM_FIBERS)
        return NULL;
    *status = PT_ERR_NOMEM;
    pti_fiber *fiber = add_fiber();
    if (fiber == NULL)
        return NULL;
    struct pti_context *context = fiber->context;
    context->gap = 16 * page;
    context->size =
        (stack_size + page - 1) / page * page + 4 * page; /* some more: instrumented frames are larger */
    context->stack =
        mmap(NULL, context->gap + context->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (context->stack == MAP_FAILED || getcontext(&context->machine) != 0 ||
        mprotect(context->stack + context->gap, context->size, PROT_READ | PROT_WRITE) != 0) {
        free(context);
        free(fiber);
        return NULL;
    }
    context->machine.uc_stack.ss_sp = context->stack + context->gap;
    context->machine.uc_stack.ss_size = context->size;
    context->machine.uc_link = NULL;
    makecontext(&context->machine, enter, 0);
    memcpy(context->locals, locals.initial, locals.initial_size);
    fiber->run = run;
    fiber->arg = arg;
    list(fiber);
    return fiber;
}

void pti_fiber_switch(pti_fiber *to)
{
    pti_fiber *from = pti_sim_self;
    if (from == to)
        return;
    from->context->error = errno;
    memcpy(from->context->locals, locals.block, locals.size);
    memcpy(locals.block, to->context->locals, locals.size);
    pti_sim_self = to;
    swapcontext(&from->context->machine, &to->context->machine);
    errno = from->context->error;
}

pti_fiber *pti_fiber_at(const void *address)
{
    for (unsigned i = 1; i < pti_sim_fiber_count; i++) {
        const struct pti_context *context = pti_sim_fibers[i]->context;
        const char *at = address;
        if (at >= context->stack && at < context->stack + context->gap + context->size)
            return pti_sim_fibers[i];
    }
    return NULL;
}

bool pti_fiber_is_local(const void *address)
{
    const char *at = address;
    return at >= locals.block && at < locals.block + locals.size;
}
