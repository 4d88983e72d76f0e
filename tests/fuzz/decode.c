/* decode.c: fuzz target of a decoder, for libFuzzer: -DFUZZ_CBOR or -DFUZZ_JSON. Whatever the bytes are: decoding from memory and
   in pieces end alike; a failure leaves nothing and points into the input; what was decoded can be encoded, in both forms,
   and comes back the same. The first byte of the input chooses the options. */
#include <stdio.h>

#include "message/everything.h"

#ifdef FUZZ_CBOR
#define encode pt_cbor_encode
#define decode pt_cbor_decode
#else
#define encode pt_json_encode
#define decode pt_json_decode
#endif

#define must(condition)                                                                                            \
    do {                                                                                                           \
        if (!(condition)) {                                                                                        \
            fprintf(stderr, "not so: %s, line %d\n", #condition, __LINE__);                                        \
            abort();                                                                                               \
        }                                                                                                          \
    } while (0)

struct piece {
    const uint8_t *at, *end;
};

static pt_status give(void *context, void *room, size_t size, size_t *got)
{
    struct piece *piece = context;
    size_t left = (size_t)(piece->end - piece->at), n = left < 5 ? left : 5;
    if (n > 0)
        memcpy(room, piece->at, n < size ? n : size);
    piece->at += n;
    *got = n;
    return PT_OK;
}

static void check_failure(const struct everything *e, const pt_message_error *error, size_t size)
{
    static const struct everything zero;
    must(memcmp(e, &zero, sizeof zero) == 0);
    must(error->fault != PT_FAULT_NONE && error->offset <= size &&
         memchr(error->path, 0, sizeof error->path) != NULL);
}

/* What it is encoded to is decoded to the same, by its encoding. NaN and the like JSON has not. */
static void check_value(const struct everything *e, bool deterministic)
{
    pt_encode_options options = {.deterministic = deterministic, .not_finite_is_null = true};
    pt_decode_options strict = {.deterministic = deterministic, .not_finite_is_null = true};
    pt_buffer once = PT_BUFFER_INIT, twice = PT_BUFFER_INIT;
    pt_output output = pt_to_buffer(&once);
    struct everything again;
    must(encode(&output, &everything_schema, e, &options, NULL) == PT_OK);
    pt_input input = pt_from_memory(once.data, once.length);
    must(decode(&input, &everything_schema, &again, &strict, NULL) == PT_OK);
    output = pt_to_buffer(&twice);
    must(encode(&output, &everything_schema, &again, &options, NULL) == PT_OK);
    must(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
    pt_message_free(&everything_schema, &again);
    pt_buffer_free(&once);
    pt_buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t window[PT_INPUT_WINDOW_LEAST], choice = size == 0 ? 0 : *data;
    struct everything e, in_pieces;
    pt_message_error error = {.offset = 0}, again = {.offset = 0};
    pt_decode_options options = {.unknown = choice & 1 ? PT_UNKNOWN_SKIP : PT_UNKNOWN_ERROR,
                                 .duplicate = choice & 2 ? PT_DUPLICATE_LAST : PT_DUPLICATE_ERROR,
                                 .missing_is_zero = (choice & 4) != 0,
                                 .deterministic = (choice & 8) != 0,
                                 .finite_only = (choice & 16) != 0,
                                 .trailing = (choice & 32) != 0,
                                 .length = 1 << 16,
                                 .memory = 1 << 20};
    if (size > 0) {
        data++;
        size--;
    }
    pt_input input = pt_from_memory(data, size);
    pt_status status = decode(&input, &everything_schema, &e, &options, &error);
    if (status != PT_OK)
        check_failure(&e, &error, size);
    else
        must(pt_input_offset(&input) <= size);

    struct piece piece = {data, data + size};
    input = pt_from_source(give, &piece, window, sizeof window);
    pt_status second = decode(&input, &everything_schema, &in_pieces, &options, &again);
    if (second != PT_OK)
        check_failure(&in_pieces, &again, size);
    if (error.fault != PT_FAULT_LIMIT && again.fault != PT_FAULT_LIMIT) /* they grow differently */
        must((status == PT_OK) == (second == PT_OK));
    if (error.fault == again.fault &&
        error.fault != PT_FAULT_TRUNCATED) /* of two faults, either may be seen first */
        must(status == PT_OK || (error.offset == again.offset && strcmp(error.path, again.path) == 0));
    if (status == PT_OK && !options.missing_is_zero) { /* zero is none of the colours */
        check_value(&e, false);
        if (options.duplicate == PT_DUPLICATE_ERROR)
            check_value(&e, true);
    }
    pt_message_free(&everything_schema, &e);
    pt_message_free(&everything_schema, &in_pieces);
    return 0;
}
