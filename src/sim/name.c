/* name.c: what people call an address. Names are looked for only when a failure is printed: else they are empty. Functions and
   lines come from addr2line, which is part of binutils; without it there are numbers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim.h"

enum { MOST = 1024, FRAMES = 4 };

static struct name {
    const void *address;
    bool asked;
    unsigned count; /* of functions: the innermost, and those that it is inlined in */
    struct frame {
        char function[64], line[64]; /* line: "bank.c:12" */
    } frames[FRAMES];
} names[MOST];

static unsigned name_count;

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static uintptr_t program_base(void)
{
    Dl_info info;
    return dladdr((const void *)(uintptr_t)&file_name, &info) == 0 ? 0 : (uintptr_t)info.dli_fbase;
}

/* ---- Code ---------------------------------------------------------------------------------- */

static struct name *find(const void *address)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].address == address)
            return &names[i];
    }
    if (name_count == MOST)
        return NULL;
    names[name_count] = (struct name){.address = address};
    return &names[name_count++];
}

static void add_frame(struct name *name, const char *function, const char *line)
{
    if (name->count == FRAMES)
        return;
    struct frame *frame = &name->frames[name->count++];
    snprintf(frame->function, sizeof frame->function, "%.63s", function);
    snprintf(frame->line, sizeof frame->line, "%.63s", file_name(line));
}

/* What lies in a shared library has a name only if it is public there. */
static void ask_linker(struct name *name)
{
    Dl_info info;
    if (dladdr(name->address, &info) != 0)
        add_frame(name, info.dli_sname == NULL ? "?" : info.dli_sname, info.dli_fname);
}

/* For each address a line with it, then two lines a function: its name, and the file and line. */
static void read_answer(FILE *answer)
{
    char function[256], line[512];
    struct name *name = names - 1;
    while (fgets(function, sizeof function, answer) != NULL) {
        if (strncmp(function, "0x", 2) == 0) {
            do
                name++;
            while (name < names + name_count && name->asked);
            continue;
        }
        if (fgets(line, sizeof line, answer) == NULL || name < names || name >= names + name_count ||
            line[0] == '?')
            continue;
        function[strcspn(function, "\n")] = 0;
        line[strcspn(line, " \n")] = 0;
        add_frame(name, function, line);
    }
}

/* All that have not been asked for yet. */
static void ask(void)
{
    static char command[64 + MOST * 20];
    int length = snprintf(command, sizeof command, "addr2line -a -f -i -e /proc/%d/exe", (int)getpid());
    for (unsigned i = 0; i < name_count; i++) {
        /* One less: it is where a call returns to. */
        if (!names[i].asked)
            length += snprintf(command + length, sizeof command - (size_t)length, " 0x%lx",
                               (unsigned long)((uintptr_t)names[i].address - program_base() - 1));
    }
    snprintf(command + length, sizeof command - (size_t)length, " 2>/dev/null");
    FILE *answer = popen(command, "r");
    if (answer != NULL) {
        read_answer(answer);
        pclose(answer);
    }
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].count == 0)
            ask_linker(&names[i]);
        names[i].asked = true;
    }
}

void pti_name_code_soon(const void *address)
{
    find(address);
}

bool pti_name_frame(const void *address, unsigned i, const char **function, const char **line)
{
    const struct name *name = pti_sim_shared->verbose && address != NULL ? find(address) : NULL;
    if (name == NULL)
        return false;
    if (!name->asked)
        ask();
    *function = name->frames[i < FRAMES ? i : 0].function;
    *line = name->frames[i < FRAMES ? i : 0].line;
    return i < name->count;
}

void pti_name_code(const void *address, char *text, size_t size)
{
    const char *function, *line;
    if (pti_name_frame(address, 0, &function, &line))
        snprintf(text, size, "%s at %s", function, line);
    else
        snprintf(text, size, "%p", address);
}

/* ---- Data ---------------------------------------------------------------------------------- */

/* The program's file, with its table of symbols; NULL if it cannot be read. */
static const ElfW(Ehdr) * program_file(void)
{
    static const ElfW(Ehdr) * file;
    struct stat info;
    int from = file == NULL ? open("/proc/self/exe", O_RDONLY) : -1;
    if (from >= 0 && fstat(from, &info) == 0) {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, from, 0);
        file = map == MAP_FAILED ? NULL : map;
    }
    if (from >= 0)
        close(from);
    return file;
}

/* The variable of the program that has this address; false if none has. */
static bool name_variable(uintptr_t address, char *text, size_t size)
{
    const ElfW(Ehdr) *file = program_file();
    const char *start = (const char *)file;
    if (file == NULL)
        return false;
    uintptr_t offset = address - (file->e_type == ET_EXEC ? 0 : program_base());
    const ElfW(Shdr) *sections = (const void *)(start + file->e_shoff);
    for (unsigned i = 0; i < file->e_shnum; i++) {
        const ElfW(Sym) *symbols = (const void *)(start + sections[i].sh_offset);
        size_t count = sections[i].sh_type == SHT_SYMTAB ? sections[i].sh_size / sizeof *symbols : 0;
        for (size_t n = 0; n < count; n++) {
            uintptr_t from = offset - symbols[n].st_value;
            if (ELF64_ST_TYPE(symbols[n].st_info) != STT_OBJECT || from >= symbols[n].st_size)
                continue;
            const char *name = start + sections[sections[i].sh_link].sh_offset + symbols[n].st_name;
            if (from == 0)
                snprintf(text, size, "%s", name);
            else
                snprintf(text, size, "%s+%lu", name, (unsigned long)from);
            return true;
        }
    }
    return false;
}

/* The library's function that asked for it, or else where. */
static void name_origin(const struct pti_block *block, char *text, size_t size)
{
    const char *function, *line;
    for (unsigned i = 0; i < sizeof block->places / sizeof block->places[0]; i++) {
        for (unsigned frame = 0; pti_name_frame(block->places[i], frame, &function, &line); frame++) {
            if (strncmp(function, "pt_", 3) == 0) {
                snprintf(text, size, "%s", function);
                return;
            }
        }
    }
    pti_name_code(block->places[0], text, size);
}

void pti_name_data(const void *address, char *text, size_t size)
{
    text[0] = 0;
    if (!pti_sim_shared->verbose)
        return;
    const pti_fiber *owner = pti_fiber_at(address);
    const struct pti_block *block = pti_memory_block(address);
    if (owner != NULL) {
        snprintf(text, size, "%p (stack of %s)", address, owner->name);
    } else if (block != NULL) {
        char place[160];
        name_origin(block, place, sizeof place);
        snprintf(text, size, "+%zu in %zu bytes of %s", (size_t)((const char *)address - (const char *)(block + 1)),
                 block->size, place);
    } else if (!name_variable((uintptr_t)address, text, size)) {
        snprintf(text, size, "%p", address);
    }
}
