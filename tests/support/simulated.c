/* simulated.c: test_main() for the simulator: each test under many schedules. PT_SIM says how many and which, see
   pt_sim.h; without it as many as there is time for at random, by priorities, and one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support.h"

#include <pt_sim.h>

static bool *skips; /* shared with the processes of the schedules */

static void run(void *arg)
{
    const struct test *test = arg;
    void *state = NULL;
    test_seed = pt_sim_seed();
    minimal_begin(test->name);
    pt_thread_set_name("test");
    test->body(&state);
    *skips |= minimal_skipped();
}

static bool pass(const char *subject, const struct test *test, uint64_t *runs)
{
    static const char *const strategies[] = {"random", "pct", "exhaustive"};
    char name[128];
    snprintf(name, sizeof name, "%s.%s", subject, test->name);
    for (int i = 0; i < (getenv("PT_SIM") == NULL ? 3 : 1) && !*skips; i++) {
        const pt_sim_options options = {.strategy = strategies[i],
                                        .runs = TEST_SIM_RUNS,
                                        .steps = 5000000,
                                        .budget = TEST_SIM_MILLISECONDS * PT_MILLISECOND};
        bool passed = pt_sim_run(name, run, (void *)(uintptr_t)test, &options);
        *runs += pt_sim_last().runs;
        if (!passed)
            return false;
    }
    return true;
}

int test_main(const char *subject, const struct test *tests, size_t count, int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    skips = mmap(NULL, sizeof *skips, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (skips == MAP_FAILED)
        return 3;
    for (size_t i = 0; i < count; i++) {
        uint64_t runs = 0;
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        printf("[ RUN      ] %s\n", tests[i].name);
        *skips = false;
        bool ok = pass(subject, &tests[i], &runs);
        printf("[%s] %s, %llu schedules\n",
               *skips ? "  SKIPPED "
               : ok   ? "       OK "
                      : "  FAILED  ",
               tests[i].name, (unsigned long long)runs);
        fflush(stdout);
        passed += ok && !*skips;
        skipped += ok && *skips;
        failed += !ok;
    }
    printf("[==========] %s: %d test(s) run.\n[  PASSED  ] %d test(s).\n", subject, passed + failed + skipped,
           passed);
    if (passed + failed + skipped == 0)
        return 2;
    if (skipped > 0)
        printf("[  SKIPPED ] %d test(s), listed above.\n", skipped);
    if (failed > 0)
        printf("[  FAILED  ] %d test(s), listed above\n", failed);
    return failed == 0 ? 0 : 1;
}
