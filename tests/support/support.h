/* support.h: what every test stands on: the runner with its watchdog, crews of threads, random delays, and a
   way to wait until somebody waits.

   A test file ends with  TEST_MAIN("mutex", TEST(test_a), TEST(test_b))  and reads as cmocka's own. Asserts
   belong to the test's own thread; a crew's members use check(). */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pt.h>

/* ---- Running ------------------------------------------------------------------------------- */

struct test {
    const char *name;
    void (*body)(void **state);
};

/* clang-format off */
#define TEST(function) {#function, function}
/* clang-format on */

#define TEST_MAIN(subject, ...)                                                                                    \
    int main(int argc, char **argv)                                                                                \
    {                                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                                          \
        return test_main(subject, tests, sizeof tests / sizeof tests[0], argc, argv);                              \
    }

/* Runs the tests under a watchdog: one that takes longer than PT_TEST_LIMIT seconds (60 if unset) ends the
   program with a list of who waits for what. The first argument filters by name, with * and ?. The seed of all
   random numbers is printed; PT_TEST_SEED sets it. */
int test_main(const char *subject, const struct test *tests, size_t count, int argc, char **argv);

/* First in a test that breaks a rule on purpose, or writes into an object by hand: skip it where a checked build would
   end the program. */
#ifdef PT_CHECKED
#define NOT_IN_CHECKED_BUILDS() (print_message("skipped: a checked build would report what this does\n"), skip())
#else
#define NOT_IN_CHECKED_BUILDS() ((void)0)
#endif

/* First in a test of what the simulator has not. */
#ifdef PT_SIM
#define NOT_SIMULATED(what)                                                                                        \
    do {                                                                                                           \
        print_message("skipped: the simulator has no %s\n", what);                                                 \
        skip();                                                                                                    \
    } while (0)
#else
#define NOT_SIMULATED(what) ((void)0)
#endif

#if defined(__SANITIZE_THREAD__)
#define TEST_UNDER_TSAN true
#elif defined(__has_feature)
#define TEST_UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define TEST_UNDER_TSAN false
#endif

/* ---- Size and chance ----------------------------------------------------------------------- */

/* How often to do something that is done n times natively at full speed: less under sanitizers and on
   WebAssembly, at least 1. */
int test_scale(int n);

/* All random numbers of a test come from it. */
extern uint64_t test_seed;

/* The next random number of a stream; every member of a crew has its own. */
uint32_t test_random(uint64_t *stream);

/* Nothing, some spinning, a yield or a very short sleep, by chance. */
void test_delay(uint64_t *stream);

/* ---- Crews --------------------------------------------------------------------------------- */

struct member {
    int index;       /* 0, 1, ... */
    uint64_t stream; /* for test_random() and test_delay() */
    void *shared;
    const char *failed; /* the first check() that failed, as text; NULL for none */
    int line;
};

/* In a member's thread: note a failure, which crew_join() reports, and go on. */
#define check(condition) check_at(member, (condition), #condition, __LINE__)
void check_at(struct member *member, bool holds, const char *text, int line);

enum { CREW_MOST = 1024 };

/* Start members that run body at the same time, and join them; all checks must have held. crew_start() fails
   the test if a thread cannot be had. */
struct crew;
struct crew *crew_start(int members, void (*body)(struct member *member), void *shared);
void crew_join(struct crew *crew);
void crew_run(int members, void (*body)(struct member *member), void *shared);

/* ---- Waiting for others -------------------------------------------------------------------- */

/* Wait until so many threads are in the parking lot for this key; the watchdog is the limit. */
void wait_until_parked(const void *key, size_t waiters);

/* How many threads wait for this key, or for any (NULL); carriers without work do not count. */
size_t parked(const void *key);

/* ---- What differs between targets --------------------------------------------------------------------------- */

/* Run function(arg) on the thread that may not block, and wait for it: the main thread of the page. False
   where there is no such thread; function is not called then. */
bool test_on_page_thread(void (*function)(void *arg), void *arg);

/* End the whole program now, whatever its threads are doing. */
void test_end_program(int code);

#endif
