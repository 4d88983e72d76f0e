/* messages.h: what is tested of both formats alike: whole values to and fro in each way, broken input, a failing allocator. A test
   says which format by a struct of its two functions. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "counting.h"
#include "random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED
#endif
#endif

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

/* A sink that takes so many bytes, and then says it is closed. */
struct drain {
    size_t left, taken;
};

static inline pt_status drain(void *context, const void *data, size_t length)
{
    struct drain *drain = context;
    (void)data;
    if (length > drain->left)
        return PT_ERR_CLOSED;
    drain->left -= length;
    drain->taken += length;
    return PT_OK;
}

/* Wherever a sink fails, encoding ends with what it said. */
static inline void check_sinks_that_fail(const struct format *format)
{
    uint64_t stream = test_seed;
    struct everything e;
    pt_buffer whole = PT_BUFFER_INIT;
    random_everything(&stream, &e);
    pt_encode_options options = {.indent = 1};
    assert_int_equal(encode(format, &e, &whole, &options), PT_OK);
    for (size_t length = 0; length <= whole.length; length++) {
        uint8_t window[PT_WINDOW_LEAST];
        struct drain limited = {.left = length};
        pt_message_error error = {.offset = 0};
        pt_output output = pt_to_sink(drain, &limited, window, sizeof window);
        pt_status status = format->encode(&output, &everything_schema, &e, &options, &error);
        assert_int_equal(status, length < whole.length ? PT_ERR_CLOSED : PT_OK);
        assert_int_equal(error.fault, length < whole.length ? PT_FAULT_STREAM : PT_FAULT_NONE);
        assert_int_equal(pt_output_length(&output), limited.taken);
        assert_true(error.offset <= whole.length);
    }
    pt_buffer_free(&whole);
    pt_message_free(&everything_schema, &e);
}

/* Messages follow each other in memory, up to the one that has no room; from then on they are counted. */
static inline void check_messages_in_a_row(const struct format *format)
{
    struct point point = {1000, -1000};
    uint8_t memory[64], one[64];
    pt_output output = pt_to_memory(one, sizeof one);
    assert_int_equal(format->encode(&output, &point_schema, &point, NULL, NULL), PT_OK);
    size_t length = (size_t)pt_output_length(&output);
    for (size_t size = 0; size <= sizeof memory; size++) {
        memset(memory, 0xee, sizeof memory);
        output = pt_to_memory(memory, size);
        for (size_t i = 1; i <= 4; i++) {
            pt_status status = format->encode(&output, &point_schema, &point, NULL, NULL);
            assert_int_equal(status, i * length <= size ? PT_OK : PT_ERR_OVERFLOW);
            assert_int_equal(pt_output_length(&output), i * length);
            assert_true(i * length > size || memcmp(memory + (i - 1) * length, one, length) == 0);
        }
        for (size_t i = size; i < sizeof memory; i++)
            assert_int_equal(memory[i], 0xee);
    }
}

/* What no format takes, and where it is said to be. */
static inline void check_what_cannot_be_encoded(const struct format *format)
{
    struct weight unnamed = {NULL, 0}, broken = {(char *)(uintptr_t) "\xff", 0},
                  twice[2] = {{(char *)(uintptr_t) "a", 1}, {(char *)(uintptr_t) "a", 2}};
    const struct {
        struct everything value;
        pt_fault fault;
        const char *path;
    } cases[] = {
        {{.colour = RED, .palette_count = 9}, PT_FAULT_LENGTH, "$.palette"},
        {{.colour = RED, .palette_count = 1}, PT_FAULT_NAME, "$.palette[0]"},
        {{.colour = (enum colour)7}, PT_FAULT_NAME, "$.colour"},
        {{.colour = RED, .chars = "\xff"}, PT_FAULT_UTF8, "$.chars"},
        {{.colour = RED, .chars = {'n', 'o', ' ', 'e', 'n', 'd', '.', '.', '.', '.', '.', '.'}},
         PT_FAULT_LENGTH,
         "$.chars"},
        {{.colour = RED, .sample_count = 1}, PT_FAULT_ARGUMENT, "$.samples"},
        {{.colour = RED, .weight_count = 1}, PT_FAULT_ARGUMENT, "$.weights"},
        {{.colour = RED, .weights = &unnamed, .weight_count = 1}, PT_FAULT_ARGUMENT, "$.weights"},
        {{.colour = RED, .weights = &broken, .weight_count = 1}, PT_FAULT_UTF8, "$.weights"},
        {{.colour = RED, .weights = twice, .weight_count = 2}, PT_FAULT_DUPLICATE, "$.weights.a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pt_buffer buffer = PT_BUFFER_INIT;
        pt_message_error error = {.offset = 0};
        pt_encode_options options = {.deterministic = cases[i].fault == PT_FAULT_DUPLICATE};
        assert_int_equal(pt_buffer_append(&buffer, "before", 6), PT_OK);
        pt_output output = pt_to_buffer(&buffer);
        assert_int_equal(format->encode(&output, &everything_schema, &cases[i].value, &options, &error),
                         PT_ERR_INVALID);
        assert_int_equal(error.fault, cases[i].fault);
        assert_string_equal(error.path, cases[i].path);
        assert_true(buffer.length == 6 && memcmp(buffer.data, "before", 6) == 0);
        pt_buffer_free(&buffer);
    }
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

/* Decodes the message with each allocation failing in turn, up to the time when none does. */
static inline void check_decoding_out_of_memory(const struct format *format, const pt_buffer *message,
                                                bool in_pieces, const pt_decode_options *options)
{
    struct everything after;
    uint8_t window[PT_INPUT_WINDOW_LEAST];
    pt_status status;
    count_blocks();
    do {
        pt_message_error error = {.offset = 0};
        struct pipe pipe = {.bytes = *message, .stream = 1};
        pt_input input = in_pieces ? pt_from_source(give, &pipe, window, sizeof window)
                                   : pt_from_memory(message->data, message->length);
        fail_at++;
        asked = 0;
        status = format->decode(&input, &everything_schema, &after, options, &error);
        assert_int_equal(status, asked < fail_at ? PT_OK : PT_ERR_NOMEM);
        assert_int_equal(error.fault, asked < fail_at ? PT_FAULT_NONE : PT_FAULT_MEMORY);
        assert_true(status == PT_OK || (is_cleared(&after) && blocks == 0));
    } while (status != PT_OK);
    assert_true(fail_at > 10);
    pt_message_free(&everything_schema, &after);
    stop_counting();
}

/* Each allocation fails in turn: it is said, and nothing stays. Of a message in deterministic form also the fields' order is
   allocated, as it is not the schema's. */
static inline void check_out_of_memory(const struct format *format)
{
    uint64_t stream = test_seed;
    struct everything before;
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

        pt_buffer message = PT_BUFFER_INIT;
        pt_decode_options last = {.duplicate = PT_DUPLICATE_LAST};
        assert_int_equal(encode(format, &before, &message, &options), PT_OK);
        check_decoding_out_of_memory(format, &message, false, NULL);
        check_decoding_out_of_memory(format, &message, true, &last);
        pt_buffer_free(&message);
    }
    pt_message_free(&everything_schema, &before);
}

/* ---- The stack ---- */

/* A source that gives byte after byte, and sees how deep it is called. */
struct digging {
    pt_buffer bytes;
    size_t taken;
    uintptr_t deepest;
};

static inline pt_status dig(void *context, void *room, size_t size, size_t *got)
{
    struct digging *digging = context;
    uintptr_t here = (uintptr_t)&context;
    if (here < digging->deepest)
        digging->deepest = here;
    *got = size > 0 && digging->taken < digging->bytes.length;
    if (*got > 0)
        memcpy(room, digging->bytes.data + digging->taken++, 1);
    return PT_OK;
}

/* How much of the stack it takes to read what is written of a value, but for what any value takes. */
static inline size_t stack_taken(const struct format *format, const pt_schema *schema, const void *value)
{
    struct digging digging = {.bytes = PT_BUFFER_INIT, .deepest = UINTPTR_MAX};
    uint8_t window[PT_INPUT_WINDOW_LEAST], back[sizeof(struct tree) + sizeof(struct node)];
    pt_encode_options options = {.depth = PT_DEPTH_MOST};
    pt_decode_options as_deep = {.depth = PT_DEPTH_MOST};
    pt_output output = pt_to_buffer(&digging.bytes);
    pt_input input = pt_from_source(dig, &digging, window, sizeof window);
    uintptr_t top = (uintptr_t)&options;
    assert_int_equal(format->encode(&output, schema, value, &options, NULL), PT_OK);
    assert_int_equal(format->decode(&input, schema, back, &as_deep, NULL), PT_OK);
    pt_message_free(schema, back);
    pt_buffer_free(&digging.bytes);
    return top > digging.deepest ? top - digging.deepest : 0;
}

/* As deep as may be, by pointers, and by vectors of structs; and not deeper. */
static inline void check_depth(const struct format *format)
{
    static struct node nodes[PT_DEPTH_MOST + 1];
    static struct tree trees[PT_DEPTH_MOST / 2];
    enum { TREES = PT_DEPTH_MOST / 2 };
    for (size_t i = 0; i < PT_DEPTH_MOST; i++)
        nodes[i].next = i + 1 < PT_DEPTH_MOST ? &nodes[i + 1] : NULL;
    for (size_t i = 0; i + 1 < TREES; i++)
        trees[i] = (struct tree){NULL, &trees[i + 1], 1};
    size_t by_pointers = stack_taken(format, &node_schema, nodes) / PT_DEPTH_MOST;
    size_t by_vectors = stack_taken(format, &tree_schema, trees) / PT_DEPTH_MOST;
#if defined(__OPTIMIZE__) && !defined(PT_SIM) && !defined(TEST_SANITIZED)
    if (by_pointers >= 700 || by_vectors >= 700) /* as pt_message.h says */
        print_message("a level takes %zu bytes of the stack, in vectors %zu\n", by_pointers, by_vectors);
    assert_true(by_pointers < 700 && by_vectors < 700);
#else
    (void)by_pointers;
    (void)by_vectors;
#endif
    nodes[PT_DEPTH_MOST - 1].next = &nodes[PT_DEPTH_MOST];
    pt_encode_options options = {.depth = PT_DEPTH_MOST};
    pt_message_error error;
    pt_output output = pt_to_memory(NULL, 0);
    assert_int_equal(format->encode(&output, &node_schema, nodes, &options, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_DEPTH);
}

#endif
