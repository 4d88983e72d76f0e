/* waits.c: who waits for what, printed. */
#include <inttypes.h>
#include <stdio.h>

#include <pt_thread.h>

#include "memory.h"
#include "park.h"
#include "thread.h"

enum { MOST = 4096 }; /* threads, and waits; more are counted but not listed */

struct line { /* one thread, as it was found */
    uint64_t id;
    char name[PT_THREAD_NAME_SIZE];
};

struct list {
    struct line *lines;
    size_t count;
};

static void note_thread(pt_thread *thread, void *arg)
{
    struct list *list = arg;
    if (list->count < MOST) {
        list->lines[list->count].id = thread->id;
        pti_thread_copy_name(thread, list->lines[list->count].name);
    }
    list->count++;
}

static void print_wait(FILE *to, const pti_waiter *waiter)
{
    fprintf(to, " waits %" PRId64 " ms for %s %p\n", (pt_now() - waiter->since) / PT_MILLISECOND, waiter->what,
            waiter->key);
}

static void print_thread(FILE *to, const struct line *line, pti_waiter *waiters, size_t waits)
{
    size_t i = 0;
    fprintf(to, "  thread %" PRIu64 " \"%s\"", line->id, line->name);
    while (i < waits && waiters[i].thread != line->id)
        i++;
    if (i < waits) {
        print_wait(to, &waiters[i]);
        waiters[i].thread = PTI_NO_THREAD; /* listed */
    } else {
        fprintf(to, " waits for nothing in this library\n");
    }
}

static void print_all(FILE *to, struct list *list, pti_waiter *waiters)
{
    pti_thread_each(note_thread, list);
    size_t waits = pti_park_snapshot(waiters, MOST), listed = waits < MOST ? waits : MOST;
    for (size_t i = 0; i < list->count && i < MOST; i++)
        print_thread(to, &list->lines[i], waiters, listed);
    for (size_t i = 0; i < listed; i++) {
        if (waiters[i].thread != PTI_NO_THREAD) {
            fprintf(to, "  thread %" PRIu64, waiters[i].thread);
            print_wait(to, &waiters[i]);
        }
    }
    if (list->count > MOST || waits > MOST)
        fprintf(to, "  and more: %zu threads, %zu waits in all\n", list->count, waits);
    unsigned parked = pt_thread_parked();
    if (parked > 0)
        fprintf(to, "  carriers without work: %u\n", parked);
}

void pt_dump_waits(FILE *to)
{
    struct list list = {pti_allocate(MOST * sizeof *list.lines), 0};
    pti_waiter *waiters = pti_allocate(MOST * sizeof *waiters);
    if (list.lines == NULL || waiters == NULL)
        fprintf(to, "  no memory to list threads\n");
    else
        print_all(to, &list, waiters);
    pti_free(list.lines);
    pti_free(waiters);
}
