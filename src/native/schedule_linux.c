/* schedule_linux.c: where and how urgently the calling thread runs, and how many there are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port.h"

enum { MOST = 8192 }; /* the most processors that Linux can be built for */
enum { WORD_BITS = 8 * sizeof(unsigned long) };

struct mask {
    unsigned long words[MOST / WORD_BITS];
};

static bool set_mask(const struct mask *mask)
{
    return sched_setaffinity(0, sizeof *mask, (const cpu_set_t *)mask) == 0;
}

static bool get_mask(struct mask *mask)
{
    memset(mask, 0, sizeof *mask); /* the kernel writes its own size of it */
    return sched_getaffinity(0, sizeof *mask, (cpu_set_t *)mask) == 0;
}

pt_status pti_port_set_affinity(const unsigned *processors, size_t count)
{
    struct mask wanted, old, got;
    memset(&wanted, count == 0 ? 0xff : 0, sizeof wanted);
    for (size_t i = 0; i < count; i++) {
        if (processors[i] >= MOST)
            return PT_ERR_INVALID;
        wanted.words[processors[i] / WORD_BITS] |= 1ul << processors[i] % WORD_BITS;
    }
    if (!get_mask(&old) || !set_mask(&wanted))
        return PT_ERR_INVALID;
    /* The kernel leaves out without a word what is not there. */
    if (count != 0 && (!get_mask(&got) || memcmp(&got, &wanted, sizeof got) != 0)) {
        set_mask(&old);
        return PT_ERR_INVALID;
    }
    return PT_OK;
}

pt_status pti_port_affinity(unsigned *processors, size_t most, size_t *count)
{
    struct mask mask;
    if (!get_mask(&mask))
        return PT_ERR_UNSUPPORTED;
    size_t found = 0;
    for (unsigned processor = 0; processor < MOST; processor++) {
        if ((mask.words[processor / WORD_BITS] >> processor % WORD_BITS & 1) == 0)
            continue;
        if (found < most)
            processors[found] = processor;
        found++;
    }
    *count = found;
    return PT_OK;
}

pt_status pti_port_set_priority(int priority)
{
    int nice_value = priority < 0 ? 10 : priority == 0 ? 0 : -5;
    pid_t self = (pid_t)syscall(SYS_gettid); /* Linux keeps a nice value for each thread */
    return setpriority(PRIO_PROCESS, (id_t)self, nice_value) == 0 ? PT_OK : PT_ERR_UNSUPPORTED;
}

unsigned pti_port_thread_count(void)
{
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length < 0 ? 0 : length] = 0;
    /* The 20th field; the 2nd is the program's name in brackets, and may contain anything. */
    const char *field = strrchr(text, ')');
    for (int i = 2; field != NULL && i < 20; i++)
        field = strchr(field + 1, ' ');
    return field == NULL ? 0 : (unsigned)strtoul(field, NULL, 10);
}

/* Linux puts wake-ups together that are less than 50 us apart, unless a thread asks for less. */
void pti_port_thread_be_punctual(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
