/* shadow.c: what is known of each piece of memory: a cell for eight bytes, in pages as memory itself is. Cells and pages
   carry the number of the schedule that they are of, and are blank in another: so nothing needs to be cleared. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { PAGE = 4096, CELLS = PAGE / 8, PAGES = 1 << 17, MOST_PAGES = PAGES / 2, RECENT = 64 };

struct page {
    uintptr_t number; /* address / PAGE; 0: unused */
    uint64_t stamp;   /* of the last schedule in which something was known of it */
    pti_cell cells[CELLS];
};

/* Outlives schedules. */
static struct table {
    struct page *pages[PAGES]; /* by number, open addressing */
    struct page *recent[RECENT];
    struct page *room; /* for MOST_PAGES */
    unsigned count;
    uint64_t stamp; /* of the schedule that runs */
} * table;

void pti_shadow_prepare(void)
{
    table = pti_room(sizeof *table, false);
    if (table == NULL || (table->room = pti_room(MOST_PAGES * sizeof *table->room, false)) == NULL)
        abort();
}

void pti_shadow_begin(void)
{
    table->stamp++;
}

static struct page **place_of(uintptr_t number)
{
    size_t at = (size_t)((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PAGES;
    while (table->pages[at] != NULL && table->pages[at]->number != number)
        at = (at + 1) % PAGES;
    return &table->pages[at];
}

static struct page *page_of(uintptr_t address, bool make)
{
    uintptr_t number = address / PAGE;
    struct page **recent = &table->recent[number % RECENT];
    if (*recent != NULL && (*recent)->number == number)
        return *recent;
    struct page **place = place_of(number);
    if (*place == NULL && make && table->count < MOST_PAGES) {
        *place = &table->room[table->count++];
        (*place)->number = number;
    }
    return *place == NULL ? NULL : (*recent = *place);
}

bool pti_shadow_knows(uintptr_t address)
{
    const struct page *page = page_of(address, false);
    return page != NULL && page->stamp == table->stamp;
}

pti_cell *pti_shadow_at(uintptr_t address)
{
    struct page *page = page_of(address, true);
    if (page == NULL)
        return NULL;
    page->stamp = table->stamp;
    pti_cell *cell = &page->cells[address / 8 % CELLS];
    if (cell->stamp != table->stamp) {
        memset(cell, 0, sizeof *cell);
        cell->stamp = table->stamp;
    }
    return cell;
}
