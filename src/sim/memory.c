/* memory.c: malloc and its kin, which the linker leads here (--wrap), and all memory put back to what it was.

   The program's heap is a stretch of addresses of its own, always the same ones, given out from its beginning to its end.
   Nothing is used twice in a schedule: memory that came back at once would hide who still uses it. A bit for each 16 bytes
   says whether they are freed.

   What each schedule begins with is a copy of all that the program can write: its variables, those of the thread that runs
   the schedules, and its heap so far. That includes the simulator's own variables, so these need no resetting; what is to
   outlive a schedule is in rooms (pti_room()), whose addresses are known before the copy is made. Not put back is what libc
   and other shared libraries keep, and what is outside of the process. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"

#define HERE __builtin_return_address(0)
#define HEAP ((char *)0x520000000000)

enum { GRAIN = 16, BITS = 8, FILL = 0xbe, FILLED = 64 * 1024, PIECES = 16 };

static const size_t HEAP_SIZE = (size_t)1 << 34, SCRATCH_SIZE = (size_t)1 << 32, PLENTY = (size_t)1 << 26;

void *__real_malloc(size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
size_t __real_malloc_usable_size(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
void __wrap_free(void *block);
size_t __wrap_malloc_usable_size(void *block);

static char *heap, *heap_end; /* NULL: not there yet; up to where it is given out */
static uint8_t *gone;         /* a bit for each GRAIN of the heap */
static char *scratch, *scratch_end;

/* ---- Rooms --------------------------------------------------------------------------------- */

void *pti_room(size_t size, bool shared)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room == MAP_FAILED ? NULL : room;
}

void *pti_scratch(size_t size)
{
    if ((size_t)(scratch_end - scratch) + size > SCRATCH_SIZE)
        pti_sim_fail(PT_SIM_RESOURCES, "the simulator has no memory for a schedule as large as this");
    char *memory = scratch_end;
    scratch_end += (size + GRAIN - 1) / GRAIN * GRAIN;
    memset(memory, 0, size);
    return memory;
}

/* ---- The heap ------------------------------------------------------------------------------ */

static bool is_ours(const void *block)
{
    return (uintptr_t)block - (uintptr_t)HEAP < HEAP_SIZE;
}

static bool make_heap(void)
{
    heap = mmap(HEAP, HEAP_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    gone = pti_room(HEAP_SIZE / GRAIN / BITS, false);
    if (heap != HEAP || gone == NULL) {
        heap = NULL;
        return false;
    }
    heap_end = heap;
    return true;
}

static struct pti_block *header(const void *block)
{
    return (struct pti_block *)(uintptr_t)block - 1;
}

static void *take(size_t alignment, size_t size, const void *place)
{
    if ((heap == NULL && !make_heap()) || size > HEAP_SIZE / 2 || alignment > HEAP_SIZE / 2 ||
        size + alignment + 2 * sizeof(struct pti_block) > (size_t)(HEAP + HEAP_SIZE - heap_end)) {
        errno = ENOMEM;
        return NULL;
    }
    if (pti_sim_runs()) /* who comes first decides where it lies */
        pti_state_event(pti_mix((uintptr_t)heap_end, size));
    uintptr_t start = ((uintptr_t)heap_end + sizeof(struct pti_block) + alignment - 1) / alignment * alignment;
    memset(heap_end, 0, start - sizeof(struct pti_block) - (uintptr_t)heap_end); /* no header */
    heap_end = (char *)((start + size + GRAIN - 1) / GRAIN * GRAIN);
    struct pti_block *head = header((void *)start);
    *head = (struct pti_block){.size = size, .places = {place}};
    if (pti_sim_runs() && pti_sim_self->depth <= SIM_CALLS) {
        for (unsigned i = 1; i < sizeof head->places / sizeof head->places[0] && i <= pti_sim_self->depth; i++)
            head->places[i] = pti_sim_self->calls[pti_sim_self->depth - i];
    }
    memset((void *)start, FILL, size < FILLED ? size : FILLED);
    return (void *)start;
}

static void mark_gone(const void *block, size_t size)
{
    size_t from = (size_t)((const char *)block - heap) / GRAIN, to = from + (size + GRAIN - 1) / GRAIN;
    for (; from < to && from % BITS != 0; from++)
        gone[from / BITS] |= (uint8_t)(1u << from % BITS);
    if (from < to)
        memset(gone + from / BITS, 0xff, (to - from) / BITS);
    for (from += (to - from) / BITS * BITS; from < to; from++)
        gone[from / BITS] |= (uint8_t)(1u << from % BITS);
}

bool pti_memory_is_gone(uintptr_t address)
{
    size_t offset = address - (uintptr_t)HEAP;
    return offset < HEAP_SIZE && heap != NULL && (gone[offset / GRAIN / BITS] >> offset / GRAIN % BITS & 1) != 0;
}

const struct pti_block *pti_memory_block(const void *address)
{
    if (!is_ours(address) || heap == NULL || (const char *)address >= heap_end)
        return NULL;
    /* Headers cannot be told from what lies in blocks, so those of aligned blocks are found from the first on. */
    const struct pti_block *block = (const struct pti_block *)(const void *)heap;
    while ((const char *)block < (const char *)address) {
        const char *start = (const char *)(block + 1);
        if (block->places[0] == NULL) { /* what an aligned block has left in front of it */
            block = (const struct pti_block *)(const void *)((const char *)block + GRAIN);
            continue;
        }
        if ((const char *)address >= start && (const char *)address < start + block->size)
            return block;
        block = (const struct pti_block *)(const void *)(start + (block->size + GRAIN - 1) / GRAIN * GRAIN);
    }
    return NULL;
}

static void put_back(void *block, const void *place)
{
    struct pti_block *head = header(block);
    if (!pti_sim_runs())
        return;
    if (head->freed_at != NULL)
        pti_sim_fail(PT_SIM_FREED, "%s frees what %s has freed", pti_sim_self->name,
                     pti_sim_fibers[head->by]->name);
    pti_race_free(block, head->size, place);
    head->freed_at = place;
    head->by = pti_sim_self->id;
    mark_gone(block, head->size);
}

void *__wrap_malloc(size_t size)
{
    return take(GRAIN, size, HERE);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = take(GRAIN, count * size, HERE);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return take(alignment < GRAIN ? GRAIN : alignment, size, HERE);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = take(alignment < GRAIN ? GRAIN : alignment, size, HERE);
    return *out == NULL ? ENOMEM : 0;
}

void __wrap_free(void *block)
{
    if (block != NULL && !is_ours(block)) /* strdup()'s, say */
        __real_free(block);
    else if (block != NULL)
        put_back(block, HERE);
}

size_t __wrap_malloc_usable_size(void *block)
{
    return block == NULL || is_ours(block) ? (block == NULL ? 0 : header(block)->size)
                                           : __real_malloc_usable_size(block);
}

void *__wrap_realloc(void *block, size_t size)
{
    if (block != NULL && !is_ours(block))
        return __real_realloc(block, size);
    void *moved = take(GRAIN, size, HERE);
    if (moved == NULL || block == NULL)
        return moved;
    size_t old = header(block)->size;
    memcpy(moved, block, old < size ? old : size);
    put_back(block, HERE);
    return moved;
}

/* ---- What each schedule begins with -------------------------------------------------------- */

static struct piece {
    char *from;
    size_t size;
    char *copy;
} pieces[PIECES];
static unsigned piece_count;

static void add_piece(char *from, char *end)
{
    if (from < end && piece_count < PIECES)
        pieces[piece_count++] = (struct piece){from, (size_t)(end - from), NULL};
}

/* The program's variables, but for what is only read once it runs. It is the first object. */
static int list_pieces(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = (char *)info->dlpi_addr, *read_only = NULL, *read_only_end = NULL;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_TLS && info->dlpi_tls_data != NULL)
            add_piece(info->dlpi_tls_data, (char *)info->dlpi_tls_data + part->p_memsz);
        if (part->p_type == PT_GNU_RELRO) {
            read_only = base + part->p_vaddr / page * page;
            read_only_end = base + (part->p_vaddr + part->p_memsz) / page * page;
        }
    }
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        char *from = base + part->p_vaddr, *end = from + part->p_memsz;
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) == 0)
            continue;
        if (read_only >= from && read_only < end) {
            add_piece(from, read_only);
            from = read_only_end;
        } else if (read_only < from && read_only_end > from) {
            from = read_only_end;
        }
        add_piece(from, end);
    }
    return 1;
}

void pti_memory_prepare(void)
{
    scratch = scratch_end = pti_room(SCRATCH_SIZE, false);
    if (scratch == NULL || (heap == NULL && !make_heap()))
        abort();
}

void pti_memory_keep(void)
{
    dl_iterate_phdr(list_pieces, NULL);
    add_piece(heap, heap_end);
    for (unsigned i = 0; i < piece_count; i++)
        pieces[i].copy = pti_room(pieces[i].size, false);
    for (unsigned i = 0; i < piece_count; i++)
        memcpy(pieces[i].copy, pieces[i].from, pieces[i].size);
}

void pti_memory_restore(void)
{
    size_t used = (size_t)(heap_end - heap);
    memset(gone, 0, used / GRAIN / BITS + 1);
    if (used > PLENTY) /* do not keep what one schedule of many needed */
        madvise(heap + PLENTY, HEAP_SIZE - PLENTY, MADV_DONTNEED);
    for (unsigned i = 0; i < piece_count; i++)
        memcpy(pieces[i].from, pieces[i].copy, pieces[i].size);
}
