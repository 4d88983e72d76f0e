/* name.c: what people call an address. Asked for only when a failure is printed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { KNOWN = 64 };

static struct {
    const void *address;
    char text[256];
} known[KNOWN]; /* addr2line takes its time */

static unsigned known_count;

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* "lock_slow at mutex.c:112", from addr2line; false if it is not installed or does not know. */
static bool ask_addr2line(const char *program, uintptr_t offset, char *text, size_t size)
{
    char command[512], function[128] = "", place[256] = "";
    snprintf(command, sizeof command, "addr2line -f -e '%s' 0x%lx 2>/dev/null", program,
             (unsigned long)(offset - 1));
    FILE *answer = popen(command, "r");
    if (answer == NULL)
        return false;
    bool ok = fgets(function, sizeof function, answer) != NULL && fgets(place, sizeof place, answer) != NULL &&
              place[0] != '?';
    pclose(answer);
    function[strcspn(function, "\n")] = 0;
    place[strcspn(place, " \n")] = 0;
    if (ok)
        snprintf(text, size, "%s at %s", function, file_name(place));
    return ok;
}

static void name_code(const void *address, char *text, size_t size)
{
    Dl_info info;
    if (dladdr(address, &info) == 0) {
        snprintf(text, size, "%p", address);
        return;
    }
    const ElfW(Ehdr) *header = info.dli_fbase;
    uintptr_t offset = (uintptr_t)address - (header->e_type == ET_EXEC ? 0 : (uintptr_t)info.dli_fbase);
    if (!ask_addr2line(info.dli_fname, offset, text, size))
        snprintf(text, size, "%s+0x%lx", file_name(info.dli_fname), (unsigned long)offset);
}

static void name_data(const void *address, char *text, size_t size)
{
    Dl_info info;
    const pti_fiber *owner = pti_fiber_at(address);
    if (address == NULL)
        snprintf(text, size, "-");
    else if (owner != NULL)
        snprintf(text, size, "%p (stack of %s)", address, owner->name);
    else if (dladdr(address, &info) != 0 && info.dli_sname != NULL && info.dli_saddr == address)
        snprintf(text, size, "%s", info.dli_sname);
    else
        snprintf(text, size, "%p", address);
}

void pti_sim_name(const void *address, bool code, char *text, size_t size)
{
    text[0] = 0;
    if (!pti_sim_schedule->verbose)
        return;
    if (!code) {
        name_data(address, text, size);
        return;
    }
    for (unsigned i = 0; i < known_count; i++) {
        if (known[i].address == address) {
            snprintf(text, size, "%s", known[i].text);
            return;
        }
    }
    name_code(address, text, size);
    if (known_count < KNOWN) {
        known[known_count].address = address;
        snprintf(known[known_count++].text, sizeof known[0].text, "%s", text);
    }
}
