/* test_processors.c: native Linux: the affinity mask and the cgroup's quota are respected. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "processors_linux.h"

static char root[256];

static void write_file(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *out = fopen(full, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static unsigned processors_of(const char *membership)
{
    char file[300];
    write_file("membership", membership);
    snprintf(file, sizeof file, "%s/membership", root);
    return pti_cgroup_processors(file, root);
}

static void test_quotas_of_cgroups_are_found(void **state)
{
    (void)state;
    char command[300];
    snprintf(root, sizeof root, "%s/pt-cgroup-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(root));

    write_file("free/cpu.max", "max 100000\n");
    write_file("a/cpu.max", "150000 100000\n");
    write_file("a/b/cpu.max", "max 100000\n");
    write_file("a/b/c/cpu.max", "400000 100000\n");
    write_file("whole/cpu.max", "200000 100000\n");
    write_file("broken/cpu.max", "fast\n");
    write_file("zero/cpu.max", "100000 0\n");
    assert_int_equal(processors_of("0::/free\n"), 0);
    assert_int_equal(processors_of("0::/a\n"), 2);     /* one and a half, rounded up */
    assert_int_equal(processors_of("0::/a/b/c\n"), 2); /* the tightest on the way up */
    assert_int_equal(processors_of("0::/whole\n"), 2);
    assert_int_equal(processors_of("0::/not/there\n"), 0);
    assert_int_equal(processors_of("0::/broken\n"), 0);
    assert_int_equal(processors_of("0::/zero\n"), 0);
    assert_int_equal(processors_of("0::/\n"), 0);
    assert_int_equal(processors_of("nonsense\n"), 0);
    assert_int_equal(processors_of(""), 0);
    write_file("cpu/old/cpu.cfs_quota_us", "300000\n");
    write_file("cpu/old/cpu.cfs_period_us", "100000\n");
    write_file("cpu/free/cpu.cfs_quota_us", "-1\n");
    write_file("cpu/free/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processors_of("4:cpu,cpuacct:/old\n3:memory:/old\n0::/free\n"), 3);
    assert_int_equal(processors_of("4:cpuset:/old\n"), 0);
    assert_int_equal(processors_of("4:cpuacct,cpu:/free\n"), 0);
    assert_int_equal(pti_cgroup_processors("/does/not/exist", root), 0);

    write_file("cpu.max", "100000 100000\n"); /* a container's own top */
    assert_int_equal(processors_of("0::/seen/from/outside\n"), 1);

    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void test_the_affinity_mask_counts(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_true(pt_thread_parallelism() <= (unsigned)CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(pt_thread_parallelism(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_MAIN("processors", TEST(test_quotas_of_cgroups_are_found), TEST(test_the_affinity_mask_counts))
