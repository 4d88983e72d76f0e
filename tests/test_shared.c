/* test_shared.c: shared buffers: slices keep all alive, the last one frees, nobody writes what another reads. */
#include <string.h>

#include "support.h"

#include "atomic.h"

static void note_freed(void *data, size_t length, void *context)
{
    (void)data;
    (void)length;
    add_relaxed((uint32_t *)context, 1);
}

static void test_slices_keep_all_alive(void **state)
{
    (void)state;
    uint32_t freed = 0;
    uint8_t bytes[] = "hello world";
    pt_shared all, part, rest;
    assert_int_equal(pt_shared_adopt(&all, bytes, 11, note_freed, &freed), PT_OK);
    assert_int_equal(pt_shared_slice(&part, &all, 6, 5), PT_OK);
    assert_int_equal(pt_shared_slice(&rest, &part, 1, 4), PT_OK);
    assert_ptr_equal(rest.data, bytes + 7);
    assert_int_equal(pt_shared_slice(&rest, &part, 1, 5), PT_ERR_INVALID);
    assert_int_equal(pt_shared_slice(&rest, &part, SIZE_MAX, 2), PT_ERR_INVALID);
    assert_int_equal(rest.length, 4);
    pt_shared_release(&all);
    assert_null(all.data);
    pt_shared_release(&all); /* it is empty */
    pt_shared_release(&part);
    assert_int_equal(freed, 0);
    assert_true(memcmp(rest.data, "orld", 4) == 0);
    pt_shared_release(&rest);
    assert_int_equal(freed, 1);
}

static void test_writing_copies_what_others_hold(void **state)
{
    (void)state;
    pt_shared one, two;
    uint8_t *bytes;
    assert_int_equal(pt_shared_copy(&one, "abcdef", 6), PT_OK);
    assert_true(pt_shared_is_unique(&one));
    assert_int_equal(pt_shared_slice(&two, &one, 2, 3), PT_OK);
    assert_false(pt_shared_is_unique(&one));
    assert_int_equal(pt_shared_make_unique(&two, &bytes), PT_OK);
    bytes[0] = 'X';
    assert_true(memcmp(two.data, "Xde", 3) == 0 && two.length == 3);
    assert_true(memcmp(one.data, "abcdef", 6) == 0);
    assert_int_equal(pt_shared_make_unique(&one, &bytes), PT_OK); /* nobody else is left: in its place */
    assert_ptr_equal(bytes, one.data);
    pt_shared_release(&one);
    pt_shared_release(&two);
}

static void test_constants_and_empty_ones(void **state)
{
    (void)state;
    static const char text[] = "constant";
    pt_shared constant = pt_shared_constant(text, 8), empty = PT_SHARED_INIT, again = pt_shared_retain(&constant);
    uint8_t *bytes;
    assert_false(pt_shared_is_unique(&constant)); /* it may not be written */
    assert_int_equal(pt_shared_make_unique(&constant, &bytes), PT_OK);
    bytes[0] = 'C';
    assert_true(memcmp(again.data, "constant", 8) == 0 && memcmp(constant.data, "Constant", 8) == 0);
    assert_int_equal(pt_shared_slice(&again, &empty, 0, 0), PT_OK);
    assert_int_equal(pt_shared_make_unique(&empty, &bytes), PT_OK);
    assert_int_equal(empty.length, 0);
    pt_shared_release(&empty);
    pt_shared_release(&constant);
    pt_shared_release(&again);
    pt_shared_release(NULL);
    assert_int_equal(pt_shared_create(&empty, 5, &bytes), PT_OK);
    assert_true(memcmp(bytes, "\0\0\0\0\0", 5) == 0);
    pt_shared_release(&empty);
    assert_int_equal(pt_shared_create(&empty, SIZE_MAX, NULL), PT_ERR_NOMEM);
    assert_int_equal(pt_shared_copy(&empty, NULL, 1), PT_ERR_INVALID);
}

static void test_a_buffer_becomes_shared(void **state)
{
    (void)state;
    pt_buffer buffer = PT_BUFFER_INIT;
    pt_shared shared;
    for (int i = 0; i < 100; i++)
        assert_int_equal(pt_buffer_append(&buffer, "0123456789", 10), PT_OK);
    const uint8_t *data = buffer.data;
    assert_int_equal(pt_buffer_share(&buffer, &shared), PT_OK);
    assert_ptr_equal(shared.data, data);
    assert_int_equal(shared.length, 1000);
    assert_int_equal(buffer.capacity, 0);
    pt_shared_release(&shared);
    assert_int_equal(pt_buffer_reserve(&buffer, SIZE_MAX), PT_ERR_NOMEM);
    pt_buffer_free(&buffer);
}

/* ---- Many holders ------------------------------------------------------------------------------------------------ */

enum { HOLDERS = 3 };

struct crowd {
    pt_shared values[HOLDERS];
    uint8_t bytes[16];
    uint32_t freed; /* atomic */
    int each;
};

static void note_freed_by_crowd(void *data, size_t length, void *context)
{
    struct crowd *crowd = context;
    memset(data, 0xff, length); /* after whatever the others did: a race otherwise */
    add_relaxed(&crowd->freed, 1);
}

static void read_and_write(struct member *member)
{
    struct crowd *crowd = member->shared;
    pt_shared own = crowd->values[member->index];
    uint8_t *bytes;
    for (int i = 0; i < crowd->each; i++) {
        pt_shared more = pt_shared_retain(&own), part;
        check(pt_shared_slice(&part, &more, 1, 2) == PT_OK);
        check(part.data[0] == more.data[1]);
        pt_shared_release(&more);
        if (test_random(&member->stream) % 2) {
            check(pt_shared_make_unique(&part, &bytes) == PT_OK); /* own holds them too: a copy */
            bytes[0]++;
            check(own.data[1] != part.data[0]);
        }
        pt_shared_release(&part);
    }
    check(pt_shared_make_unique(&own, &bytes) == PT_OK);
    memset(bytes, member->index, own.length); /* in its place for the last holder: the others have read */
    pt_shared_release(&own);
}

static void test_the_last_holder_frees(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(200); i++) {
        struct crowd crowd = {.each = test_scale(100)};
        assert_int_equal(
            pt_shared_adopt(&crowd.values[0], crowd.bytes, sizeof crowd.bytes, note_freed_by_crowd, &crowd), PT_OK);
        for (int j = 1; j < HOLDERS; j++)
            crowd.values[j] = pt_shared_retain(&crowd.values[0]);
        crew_run(HOLDERS, read_and_write, &crowd);
        assert_int_equal(crowd.freed, 1);
        assert_int_equal(crowd.bytes[0], 0xff);
    }
}

TEST_MAIN("shared", TEST(test_slices_keep_all_alive), TEST(test_writing_copies_what_others_hold),
          TEST(test_constants_and_empty_ones), TEST(test_a_buffer_becomes_shared), TEST(test_the_last_holder_frees))
