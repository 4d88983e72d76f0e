/* messages.h: what is tested of both formats alike: whole values to and fro in each way, broken input, a failing allocator. A test
   says which format by a struct of its two functions. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "counting.h"
#include "random.h"

struct format {
    pt_status (*encode)(pt_output *output, const pt_schema *schema, const void *value,
                        const pt_encode_options *options, pt_message_error *error);
    pt_status (*decode)(pt_input *input, const pt_schema *schema, void *value, const pt_decode_options *options,
                        pt_message_error *error);
};

/* ---- Short ways ---- */

static inline pt_status encode(const struct format *format, const struct everything *e, pt_buffer *buffer,
                               const pt_encode_options *options)
{
    pt_output output = pt_to_buffer(buffer);
    return format->encode(&output, &everything_schema, e, options, NULL);
}

static inline pt_status decode(const struct format *format, const void *data, size_t length, struct everything *e,
                               const pt_decode_options *options, pt_message_error *error)
{
    pt_input input = pt_from_memory(data, length);
    return format->decode(&input, &everything_schema, e, options, error);
}

static inline bool is_cleared(const struct everything *e)
{
    static const struct everything zero;
    return memcmp(e, &zero, sizeof zero) == 0;
}

/* A source and a sink that take and give a few bytes at a time. */
struct pipe {
    pt_buffer bytes;
    size_t taken;
    uint64_t stream;
    pt_status status; /* once the bytes are out; PT_OK: the end */
};

static inline pt_status give(void *context, void *room, size_t size, size_t *got)
{
    struct pipe *pipe = context;
    size_t n = 1 + test_random(&pipe->stream) % 7, left = pipe->bytes.length - pipe->taken;
    n = n < size ? n : size;
    n = n < left ? n : left;
    if (n == 0)
        return pipe->status;
    memcpy(room, pipe->bytes.data + pipe->taken, n);
    pipe->taken += n;
    *got = n;
    return PT_OK;
}

static inline pt_status take(void *context, const void *data, size_t length)
{
    struct pipe *pipe = context;
    return pt_buffer_append(&pipe->bytes, data, length);
}

/* ---- What holds for both ---- */

static inline void check_round_trips(const struct format *format, bool deterministic)
{
    uint64_t stream = test_seed;
    count_blocks();
    for (int i = 0; i < test_scale(3000); i++) {
        struct everything before, after;
        pt_message_error error = {.offset = 0};
        pt_buffer buffer = PT_BUFFER_INIT;
        pt_encode_options options = {.deterministic = deterministic, .indent = i % 3 == 0 ? 2 : 0};
        random_everything(&stream, &before);
        assert_int_equal(encode(format, &before, &buffer, &options), PT_OK);
        pt_decode_options strict = {.deterministic = deterministic};
        pt_status status = decode(format, buffer.data, buffer.length, &after, &strict, &error);
        if (status != PT_OK)
            print_message("%s at %llu, %s\n", pt_fault_text(error.fault), (unsigned long long)error.offset,
                          error.path);
        assert_int_equal(status, PT_OK);
        assert_true(same_everything(&before, &after));
        pt_message_free(&everything_schema, &before);
        pt_message_free(&everything_schema, &after);
        assert_true(is_cleared(&after));
        pt_buffer_free(&buffer);
    }
    stop_counting();
}

/* Memory of each size says how much is wanted, and takes what just fits; a sink and a source in small pieces. */
static inline void check_streams(const struct format *format)
{
    uint64_t stream = test_seed;
    count_blocks();
    for (int i = 0; i < test_scale(200); i++) {
        struct everything before, after;
        struct pipe pipe = {.bytes = PT_BUFFER_INIT, .stream = stream};
        pt_buffer whole = PT_BUFFER_INIT;
        uint8_t small[PT_WINDOW_LEAST], window[PT_INPUT_WINDOW_LEAST];
        random_everything(&stream, &before);
        assert_int_equal(encode(format, &before, &whole, NULL), PT_OK);

        size_t size = test_random(&stream) % 4 == 0 ? whole.length : test_random(&stream) % (whole.length + 20);
        uint8_t *memory = malloc(size + 1);
        pt_message_error error = {.offset = 0};
        pt_output output = pt_to_memory(memory, size);
        pt_status status = format->encode(&output, &everything_schema, &before, NULL, &error);
        assert_int_equal(status, size < whole.length ? PT_ERR_OVERFLOW : PT_OK);
        assert_int_equal(error.fault, size < whole.length ? PT_FAULT_ROOM : PT_FAULT_NONE);
        assert_int_equal(pt_output_length(&output), whole.length);
        if (status == PT_OK)
            assert_true(memcmp(memory, whole.data, whole.length) == 0);
        free(memory);

        output = pt_to_sink(take, &pipe, small, sizeof small);
        assert_int_equal(format->encode(&output, &everything_schema, &before, NULL, NULL), PT_OK);
        assert_int_equal(pt_output_length(&output), whole.length);
        assert_int_equal(pipe.bytes.length, whole.length);
        assert_true(memcmp(pipe.bytes.data, whole.data, whole.length) == 0);

        pt_input input = pt_from_source(give, &pipe, window, sizeof window);
        assert_int_equal(format->decode(&input, &everything_schema, &after, NULL, NULL), PT_OK);
        assert_int_equal(pt_input_offset(&input), whole.length);
        assert_true(same_everything(&before, &after));
        pt_message_free(&everything_schema, &after);
        pt_message_free(&everything_schema, &before);
        pt_buffer_free(&whole);
        pt_buffer_free(&pipe.bytes);
    }
    stop_counting();
}

/* Each beginning of a message is too short, and says so at its end; also when it comes in pieces. */
static inline void check_truncations(const struct format *format)
{
    uint64_t stream = test_seed;
    count_blocks();
    for (int i = 0; i < test_scale(20); i++) {
        struct everything e;
        pt_buffer buffer = PT_BUFFER_INIT;
        uint8_t window[PT_INPUT_WINDOW_LEAST];
        random_everything(&stream, &e);
        assert_int_equal(encode(format, &e, &buffer, NULL), PT_OK);
        pt_message_free(&everything_schema, &e);
        for (size_t length = 0; length < buffer.length; length++) {
            pt_message_error error = {.offset = 0};
            uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees what is read beyond */
            memcpy(exact + 1, buffer.data, length);
            assert_int_equal(decode(format, exact + 1, length, &e, NULL, &error), PT_ERR_MALFORMED);
            assert_int_equal(error.fault, PT_FAULT_TRUNCATED);
            assert_true(error.offset <= length && error.path[0] == '$');
            assert_true(is_cleared(&e));
            free(exact);

            struct pipe pipe = {.bytes = {buffer.data, length, length}, .stream = stream + length};
            pt_input input = pt_from_source(give, &pipe, window, sizeof window);
            assert_int_equal(format->decode(&input, &everything_schema, &e, NULL, &error), PT_ERR_MALFORMED);
            assert_int_equal(error.fault, PT_FAULT_TRUNCATED);
            assert_true(is_cleared(&e));
        }
        struct pipe broken = {.bytes = {buffer.data, buffer.length / 2, 0}, .stream = 1, .status = PT_ERR_TIMEOUT};
        pt_input input = pt_from_source(give, &broken, window, sizeof window);
        pt_message_error error;
        assert_int_equal(format->decode(&input, &everything_schema, &e, NULL, &error), PT_ERR_TIMEOUT);
        assert_int_equal(error.fault, PT_FAULT_STREAM);
        assert_int_equal(error.offset, buffer.length / 2);
        pt_buffer_free(&buffer);
    }
    stop_counting();
}

/* Whatever one byte becomes, the message is decoded or refused, the same from memory and in pieces. */
static inline void check_corruptions(const struct format *format)
{
    uint64_t stream = test_seed;
    count_blocks();
    for (int i = 0; i < test_scale(40); i++) {
        struct everything e;
        pt_buffer buffer = PT_BUFFER_INIT;
        random_everything(&stream, &e);
        assert_int_equal(encode(format, &e, &buffer, NULL), PT_OK);
        pt_message_free(&everything_schema, &e);
        for (size_t at = 0; at < buffer.length; at++) {
            uint8_t was = buffer.data[at], window[PT_INPUT_WINDOW_LEAST];
            pt_decode_options options = {.unknown = at % 2 ? PT_UNKNOWN_SKIP : PT_UNKNOWN_ERROR,
                                         .duplicate = at % 3 ? PT_DUPLICATE_LAST : PT_DUPLICATE_ERROR,
                                         .missing_is_zero = at % 5 == 0};
            pt_message_error error = {.offset = 0}, again = {.offset = 0};
            buffer.data[at] = (uint8_t)test_random(&stream);
            pt_status status = decode(format, buffer.data, buffer.length, &e, &options, &error);
            pt_message_free(&everything_schema, &e);
            struct pipe pipe = {.bytes = buffer, .stream = stream};
            pt_input input = pt_from_source(give, &pipe, window, sizeof window);
            pt_status in_pieces = format->decode(&input, &everything_schema, &e, &options, &again);
            assert_int_equal(in_pieces == PT_OK, status == PT_OK);
            if (error.fault == again.fault &&
                error.fault != PT_FAULT_TRUNCATED) { /* of two faults, either may be seen */
                assert_int_equal(error.offset, again.offset);
                assert_string_equal(error.path, again.path);
            }
            assert_true(status == PT_OK || (is_cleared(&e) && error.offset <= buffer.length));
            pt_message_free(&everything_schema, &e);
            buffer.data[at] = was;
        }
        pt_buffer_free(&buffer);
    }
    stop_counting();
}

/* Each allocation fails in turn: it is said, and nothing stays. */
static inline void check_out_of_memory(const struct format *format)
{
    uint64_t stream = test_seed;
    struct everything before, after;
    pt_buffer message = PT_BUFFER_INIT;
    pt_status status;
    random_everything(&stream, &before);
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        pt_encode_options options = {.deterministic = deterministic};
        count_blocks();
        fail_at = 0;
        do {
            pt_buffer buffer = PT_BUFFER_INIT;
            fail_at++;
            asked = 0;
            status = encode(format, &before, &buffer, &options);
            assert_int_equal(status, asked < fail_at ? PT_OK : PT_ERR_NOMEM);
            assert_true(status == PT_OK || buffer.length == 0);
            pt_buffer_free(&buffer);
            assert_int_equal(blocks, 0);
        } while (status != PT_OK);
        stop_counting();
    }
    assert_int_equal(encode(format, &before, &message, NULL), PT_OK);
    count_blocks();
    do {
        pt_message_error error = {.offset = 0};
        fail_at++;
        asked = 0;
        status = decode(format, message.data, message.length, &after, NULL, &error);
        assert_int_equal(status, asked < fail_at ? PT_OK : PT_ERR_NOMEM);
        assert_int_equal(error.fault, asked < fail_at ? PT_FAULT_NONE : PT_FAULT_MEMORY);
        assert_true(status == PT_OK || (is_cleared(&after) && blocks == 0));
    } while (status != PT_OK);
    assert_true(fail_at > 10);
    pt_message_free(&everything_schema, &after);
    stop_counting();
    pt_buffer_free(&message);
    pt_message_free(&everything_schema, &before);
}

#endif
