/* processors_linux.c: how many processors this process may really use: its affinity mask, and the quota of
   its cgroup and of every cgroup above it, version 2 or 1. */
#define _GNU_SOURCE
#include "processors_linux.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "port.h"

enum { PATH_SIZE = 4096 };

/* By the main thread's mask: the process's own, as taskset sets it, whatever this thread has tied itself to. */
static unsigned affinity_processors(void)
{
    /* The kernel refuses a mask shorter than its own, so try longer ones. */
    for (size_t most = 1024; most <= 1 << 20; most *= 4) {
        cpu_set_t *mask = CPU_ALLOC(most);
        if (mask == NULL)
            break;
        size_t size = CPU_ALLOC_SIZE(most);
        int error = sched_getaffinity(getpid(), size, mask) == 0 ? 0 : errno;
        int count = error == 0 ? CPU_COUNT_S(size, mask) : 0;
        CPU_FREE(mask);
        if (error == 0)
            return count < 1 ? 1u : (unsigned)count;
        if (error != EINVAL)
            break;
    }
    return 1;
}

/* Reads up to two numbers from a one-line file; "max" reads as -1. Returns how many there were. */
static int read_numbers(const char *folder, const char *file, long long *first, long long *second)
{
    char path[PATH_SIZE], line[128];
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return 0;
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return 0;
    bool got = fgets(line, sizeof line, in) != NULL;
    fclose(in);
    if (!got)
        return 0;
    if (strncmp(line, "max", 3) == 0) {
        *first = -1;
        return 1 + (sscanf(line + 3, "%lld", second) == 1);
    }
    int count = sscanf(line, "%lld %lld", first, second);
    return count < 0 ? 0 : count;
}

/* The quota that one cgroup's folder sets, in processors rounded up; 0 for none. */
static unsigned folder_processors(const char *folder, bool version_2)
{
    long long quota = -1, period = 0, ignored;
    bool known = version_2 ? read_numbers(folder, "cpu.max", &quota, &period) == 2
                           : read_numbers(folder, "cpu.cfs_quota_us", &quota, &ignored) >= 1 &&
                                 read_numbers(folder, "cpu.cfs_period_us", &period, &ignored) >= 1;
    if (!known || quota <= 0 || period <= 0)
        return 0;
    long long processors = quota / period + (quota % period != 0);
    return processors > 1 << 20 ? 0 : (unsigned)processors;
}

/* The tightest quota from mount/path up to mount. In a container the path may name a folder that is not
   there; the mount's top is then the container's own. */
static unsigned path_processors(const char *mount, const char *path, bool version_2)
{
    char folder[PATH_SIZE];
    int length = snprintf(folder, sizeof folder, "%s%s", mount, path);
    size_t top = strlen(mount);
    unsigned tightest = 0;

    if (length < 0 || length >= (int)sizeof folder)
        return 0;
    for (;;) {
        unsigned here = folder_processors(folder, version_2);
        if (here != 0 && (tightest == 0 || here < tightest))
            tightest = here;
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < top)
            return tightest;
        *slash = 0;
    }
}

static bool names_controller(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *item = list; item != NULL; item = strchr(item, ','), item += item != NULL) {
        if (strncmp(item, name, length) == 0 && (item[length] == ',' || item[length] == 0))
            return true;
    }
    return false;
}

unsigned pti_cgroup_processors(const char *membership, const char *mount)
{
    char line[PATH_SIZE], folder[PATH_SIZE];
    unsigned tightest = 0;
    FILE *in = fopen(membership, "re");
    if (in == NULL)
        return 0;

    while (fgets(line, sizeof line, in) != NULL) { /* "<number>:<controllers>:<path>" */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL)
            continue;
        *controllers++ = *path++ = 0;
        bool version_2 = *controllers == 0;
        if (!version_2 && !names_controller(controllers, "cpu"))
            continue;
        snprintf(folder, sizeof folder, "%s%s", mount, version_2 ? "" : "/cpu");
        unsigned here = path_processors(folder, strcmp(path, "/") == 0 ? "" : path, version_2);
        if (here != 0 && (tightest == 0 || here < tightest))
            tightest = here;
    }
    fclose(in);
    return tightest;
}

unsigned pti_port_parallelism(void)
{
    unsigned processors = affinity_processors();
    unsigned quota = pti_cgroup_processors("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota != 0 && quota < processors ? quota : processors;
}
