/* watched.c: test_main() under a watchdog. It uses bare pthreads, so that it works when the library does not, and polls,
   since the timed waits of one libc (wasix-libc 2025.12.24 as it comes) never time out. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "atomic.h"
#include "park.h"
#include "thread.h"

/* ---- The watchdog -------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t mutex;
    const char *test; /* under mutex: the test that runs; NULL between tests */
    time_t began;     /* under mutex: when */
    bool over;        /* under mutex */
    int limit;        /* seconds */
} dog = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void bark(void)
{
    fprintf(stderr, "[ WATCHDOG ] %s has taken more than %d s; threads:\n", dog.test, dog.limit);
    pt_dump_waits(stderr);
    fprintf(stderr, "[  FAILED  ] %s: hangs\n[  FAILED  ] 1 test(s), listed above\n", dog.test);
    fflush(stderr);
    test_end_program(3);
}

static void *watch(void *unused)
{
    (void)unused;
    for (bool over = false; !over;) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        pthread_mutex_lock(&dog.mutex);
        if (dog.test != NULL && time(NULL) - dog.began > dog.limit)
            bark();
        over = dog.over;
        pthread_mutex_unlock(&dog.mutex);
    }
    return NULL;
}

static int watch_test(const char *name)
{
    pthread_mutex_lock(&dog.mutex);
    dog.test = name;
    dog.began = time(NULL);
    pthread_mutex_unlock(&dog.mutex);
    return 0;
}

/* ---- Running ------------------------------------------------------------------------------- */

static int begin(void **state)
{
    return watch_test(*state); /* the initial state is the name */
}

static int end(void **state)
{
    (void)state;
    return watch_test(NULL);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

int test_main(const char *subject, const struct test *tests, size_t count, int argc, char **argv)
{
    pthread_t watcher;
    struct CMUnitTest *units = calloc(count, sizeof *units);
    if (units == NULL)
        return 3;
    for (size_t i = 0; i < count; i++) {
        units[i].name = tests[i].name;
        units[i].test_func = tests[i].body;
        units[i].setup_func = begin;
        units[i].teardown_func = end;
        units[i].initial_state = (void *)(uintptr_t)tests[i].name;
    }

    dog.limit = (int)number_from("PT_TEST_LIMIT", 60);
    test_seed = number_from("PT_TEST_SEED", (uint64_t)time(NULL) * 1000 + (uint64_t)(pt_now() % 1000));
    printf("%s: PT_TEST_SEED=%llu\n", subject, (unsigned long long)test_seed);
    fflush(stdout);
    if (pthread_create(&watcher, NULL, watch, NULL) != 0) {
        fprintf(stderr, "cannot start the watchdog\n");
        return 3;
    }
    pt_thread_set_name("test");
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = _cmocka_run_group_tests(subject, units, count, NULL, NULL);

    pthread_mutex_lock(&dog.mutex);
    dog.over = true;
    pthread_mutex_unlock(&dog.mutex);
    pthread_join(watcher, NULL);
    free(units);
    return failed == 0 ? 0 : 1;
}
