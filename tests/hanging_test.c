/* hanging_test.c: a test that hangs, for the test of the watchdog. */
#include <stdlib.h>

#include "support.h"

static pt_mutex never_unlocked = PT_MUTEX_INIT;

static void lock_it(struct member *member)
{
    (void)member;
    pt_mutex_lock(&never_unlocked);
}

static void test_that_hangs(void **state)
{
    (void)state;
    pt_mutex_lock(&never_unlocked);
    crew_run(2, lock_it, NULL);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {TEST(test_that_hangs)};
    setenv("PT_TEST_LIMIT", "1", 1);
    return test_main("hanging", tests, 1, argc, argv);
}
