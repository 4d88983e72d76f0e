/* test_shared.c: shared buffers: slices keep all alive, the last one frees, nobody writes what another reads. */
#include <string.h>

#include <pt_channel.h>
#include <pt_message.h>

#include "counting.h"

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

/* ---- Memory that runs out ---- */

/* Makes a value in each way there is; false at the first that finds no memory, which leaves all as it was. */
static bool make_all(pt_shared made[3], pt_buffer *buffer)
{
    uint8_t *bytes;
    if (pt_shared_create(&made[0], 8, &bytes) != PT_OK)
        return false;
    made[1] = pt_shared_retain(&made[0]);
    if (pt_shared_make_unique(&made[1], &bytes) != PT_OK) {
        assert_ptr_equal(made[1].data, made[0].data);
        return false;
    }
    assert_true(made[1].data != made[0].data);
    if (pt_buffer_append(buffer, "0123456789", 10) != PT_OK || pt_buffer_reserve(buffer, 1000) != PT_OK)
        return false;
    if (pt_buffer_share(buffer, &made[2]) != PT_OK) {
        assert_int_equal(buffer->length, 10);
        return false;
    }
    return true;
}

static void test_memory_runs_out_anywhere(void **state)
{
    (void)state;
    bool all = false;
    count_blocks();
    for (fail_at = 1; !all; fail_at++) {
        pt_shared made[3] = {PT_SHARED_INIT, PT_SHARED_INIT, PT_SHARED_INIT};
        pt_buffer buffer = PT_BUFFER_INIT;
        asked = 0;
        all = make_all(made, &buffer);
        assert_int_equal(all, asked < fail_at);
        for (int i = 0; i < 3; i++)
            pt_shared_release(&made[i]);
        pt_buffer_free(&buffer);
        assert_int_equal(blocks, 0);
    }
    assert_true(fail_at > 5);
    stop_counting();
}

/* ---- Through channels ---- */

PT_CHANNEL_OF(parcels, pt_shared);

static const pt_channel_config of_parcels = {.destroy = pt_shared_destroy_value, .copy = pt_shared_copy_value};

/* What is received is the very bytes; what is not, the channel gives back. */
static void test_a_channel_moves_them(void **state)
{
    (void)state;
    enum { MANY = 5 };
    uint32_t freed = 0;
    uint8_t bytes[MANY];
    parcels channel = NULL;
    pt_shared got;
    assert_int_equal(parcels_create(&channel, MANY, &of_parcels), PT_OK);
    for (int i = 0; i < MANY; i++) {
        pt_shared one;
        assert_int_equal(pt_shared_adopt(&one, &bytes[i], 1, note_freed, &freed), PT_OK);
        assert_int_equal(parcels_send(channel, one), PT_OK);
    }
    assert_int_equal(parcels_receive(channel, &got), PT_OK);
    assert_ptr_equal(got.data, bytes);
    assert_true(pt_shared_is_unique(&got));
    assert_int_equal(freed, 0);
    pt_shared_release(&got);
    pt_channel_release_sender(parcels_untyped(channel));
    pt_channel_release_receiver(parcels_untyped(channel));
    assert_int_equal(freed, MANY);
}

static void test_a_full_channel_drops_them(void **state)
{
    (void)state;
    uint32_t freed = 0;
    uint8_t bytes[3];
    pt_channel *channel;
    pt_channel_config config = of_parcels;
    config.overflow = PT_OVERFLOW_DROP_OLDEST;
    assert_int_equal(pt_channel_create(&channel, sizeof(pt_shared), 1, &config), PT_OK);
    for (int i = 0; i < 3; i++) {
        pt_shared one;
        assert_int_equal(pt_shared_adopt(&one, &bytes[i], 1, note_freed, &freed), PT_OK);
        assert_int_equal(pt_channel_send(channel, &one), PT_OK);
    }
    assert_int_equal(freed, 2);
    pt_channel_close_now(channel);
    assert_int_equal(freed, 3);
    pt_channel_release_sender(channel);
    pt_channel_release_receiver(channel);
}

enum { READERS = 2 };

struct post {
    pt_channel *broadcast, *subscribers[READERS];
    uint32_t freed; /* atomic */
    int each;
};

static void note_freed_by_post(void *data, size_t length, void *context)
{
    struct post *post = context;
    memset(data, 0xff, length); /* after all have read: a race otherwise */
    add_relaxed(&post->freed, 1);
    free(data);
}

/* Member 0 sends; the others each get the same bytes, and the last one frees them; but one writes, into a copy or in their
   place. */
static void post_or_read(struct member *member)
{
    struct post *post = member->shared;
    if (member->index == 0) {
        for (int i = 0; i < post->each; i++) {
            uint8_t *bytes = malloc(4);
            pt_shared one;
            memset(bytes, i & 0x7f, 4);
            check(pt_shared_adopt(&one, bytes, 4, note_freed_by_post, post) == PT_OK);
            check(pt_channel_send(post->broadcast, &one) == PT_OK);
        }
        pt_channel_close(post->broadcast);
        return;
    }
    pt_shared one;
    int seen = 0;
    for (; pt_channel_next(post->subscribers[member->index - 1], &one); seen++) {
        uint8_t *bytes;
        check(one.length == 4 && one.data[3] == (seen & 0x7f));
        if (member->index == 1) {
            check(pt_shared_make_unique(&one, &bytes) == PT_OK);
            memset(bytes, 0x80, 4);
        }
        pt_shared_release(&one);
    }
    check(seen == post->each);
}

static void test_a_broadcast_shares_them(void **state)
{
    (void)state;
    for (int i = 0; i < test_scale(20); i++) {
        struct post post = {.each = 1 + test_scale(500)};
        pt_channel_config config = of_parcels;
        config.kind = PT_CHANNEL_BROADCAST;
        assert_int_equal(pt_channel_create(&post.broadcast, sizeof(pt_shared), 2, &config), PT_OK);
        for (int j = 0; j < READERS; j++)
            assert_int_equal(pt_channel_subscribe(post.broadcast, &post.subscribers[j]), PT_OK);
        crew_run(1 + READERS, post_or_read, &post);
        for (int j = 0; j < READERS; j++)
            pt_channel_release_receiver(post.subscribers[j]);
        pt_channel_release_sender(post.broadcast);
        pt_channel_release_receiver(post.broadcast);
        assert_int_equal(post.freed, post.each);
    }
}

TEST_MAIN("shared", TEST(test_slices_keep_all_alive), TEST(test_writing_copies_what_others_hold),
          TEST(test_constants_and_empty_ones), TEST(test_a_buffer_becomes_shared), TEST(test_the_last_holder_frees),
          TEST(test_memory_runs_out_anywhere), TEST(test_a_channel_moves_them),
          TEST(test_a_full_channel_drops_them), TEST(test_a_broadcast_shares_them))
