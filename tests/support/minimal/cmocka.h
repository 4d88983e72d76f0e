/* cmocka.h, minimal: the part of cmocka that our tests use, for targets without longjmp. A failed assertion ends
   the program there and then, with the closing lines that cmocka would print. */
#ifndef MINIMAL_CMOCKA_H
#define MINIMAL_CMOCKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup_func)(void **state);
    int (*teardown_func)(void **state);
    void *initial_state;
};

typedef int (*CMFixtureFunction)(void **state);

void cmocka_set_test_filter(const char *pattern);
int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                            CMFixtureFunction teardown);

_Noreturn void minimal_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void minimal_skip(void);
bool minimal_skipped(void); /* since the last call of minimal_begin() */
void minimal_begin(const char *name);
void minimal_equal(const char *file, int line, long long left, long long right, int want);

#define fail_msg(...) minimal_fail(__FILE__, __LINE__, __VA_ARGS__)
#define assert_true(x) ((x) ? (void)0 : fail_msg("not true: %s", #x))
#define assert_false(x) ((x) ? fail_msg("not false: %s", #x) : (void)0)
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_null(x) assert_true((x) == NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_int_equal(a, b) minimal_equal(__FILE__, __LINE__, (long long)(a), (long long)(b), 1)
#define assert_int_not_equal(a, b) minimal_equal(__FILE__, __LINE__, (long long)(a), (long long)(b), 0)
#define assert_string_equal(a, b) assert_true(strcmp((a), (b)) == 0)
#define print_message(...) printf(__VA_ARGS__)
#define skip()                                                                                                     \
    do {                                                                                                           \
        minimal_skip();                                                                                            \
        return;                                                                                                    \
    } while (0)

#endif
