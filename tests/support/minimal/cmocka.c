/* cmocka.c, minimal: see cmocka.h beside it. */
#include "cmocka.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *running, *filter;
static bool skipped;

void cmocka_set_test_filter(const char *pattern)
{
    filter = pattern;
}

/* Whether text matches a pattern with * and ?. */
static bool matches(const char *pattern, const char *text)
{
    if (*pattern == '*')
        return matches(pattern + 1, text) || (*text != 0 && matches(pattern, text + 1));
    if (*pattern == 0 || *text == 0)
        return *pattern == *text;
    return (*pattern == '?' || *pattern == *text) && matches(pattern + 1, text + 1);
}

void minimal_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "[  ERROR   ] --- ");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr,
            "\n%s:%d: error: Failure!\n[  FAILED  ] %s\n[  FAILED  ] 1 test(s), listed below:\n"
            "[  FAILED  ] %s\nThe tests after it did not run.\n",
            file, line, running, running);
    fflush(NULL);
    exit(1);
}

void minimal_equal(const char *file, int line, long long left, long long right, int want)
{
    if ((left == right) != want)
        minimal_fail(file, line, "%lld %s %lld", left, want ? "!=" : "==", right);
}

void minimal_skip(void)
{
    skipped = true;
}

bool minimal_skipped(void)
{
    return skipped;
}

void minimal_begin(const char *name)
{
    running = name;
    skipped = false;
}

int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                            CMFixtureFunction teardown)
{
    int passed = 0, skips = 0;
    (void)setup;
    (void)teardown;
    printf("[==========] %s: Running %zu test(s).\n", name, count);
    for (size_t i = 0; i < count; i++) {
        void *state = tests[i].initial_state;
        if (filter != NULL && !matches(filter, tests[i].name))
            continue;
        minimal_begin(tests[i].name);
        printf("[ RUN      ] %s\n", running);
        fflush(stdout);
        tests[i].setup_func(&state);
        tests[i].test_func(&state);
        tests[i].teardown_func(&state);
        printf(skipped ? "[  SKIPPED ] %s\n" : "[       OK ] %s\n", running);
        skips += skipped;
        passed += !skipped;
    }
    printf("[==========] %s: %d test(s) run.\n[  PASSED  ] %d test(s).\n", name, passed + skips, passed);
    if (skips > 0)
        printf("[  SKIPPED ] %d test(s), listed above.\n", skips);
    fflush(stdout);
    return 0;
}
