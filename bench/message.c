/* message.c: messages: the struct of record.h to bytes in the caller's memory, and back. Keys by name, as the schema says.
   The same record each time, so that branches are foreseen and all is in the cache; nothing is allocated. */
#include "message.h"

#include <string.h>

#include <pt_message.h>

#include "bench.h"
#include "record.h"

static const pt_field fields[] = {
    PT_FIELD(struct record, id, INT),          PT_FIELD(struct record, created, INT),
    PT_FIELD(struct record, flags, INT),       PT_FIELD(struct record, sequence, INT),
    PT_FIELD(struct record, port, INT),        PT_FIELD(struct record, level, INT),
    PT_FIELD(struct record, offset, INT),      PT_FIELD(struct record, zone, INT),
    PT_FIELD(struct record, ratio, FLOAT),     PT_FIELD(struct record, latitude, FLOAT),
    PT_FIELD(struct record, longitude, FLOAT), PT_FIELD(struct record, altitude, FLOAT),
    PT_FIELD(struct record, active, BOOL),     PT_FIELD(struct record, verified, BOOL),
    PT_FIELD(struct record, name, CHARS),      PT_FIELD(struct record, email, CHARS),
    PT_FIELD(struct record, city, CHARS),      PT_FIELD(struct record, country, CHARS),
    PT_FIELD(struct record, kind, INT),        PT_FIELD(struct record, parent, INT),
};
static const pt_schema schema = PT_SCHEMA(struct record, fields);

typedef pt_status (*encode_function)(pt_output *, const pt_schema *, const void *, const pt_encode_options *,
                                     pt_message_error *);
typedef pt_status (*decode_function)(pt_input *, const pt_schema *, void *, const pt_decode_options *,
                                     pt_message_error *);

struct work {
    encode_function encode;
    decode_function decode;
    struct record record;
    uint8_t bytes[RECORD_BYTES];
    size_t length;
};

static void encode_many(void *arg, uint64_t n)
{
    struct work *work = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_output output = pt_to_memory(work->bytes, sizeof work->bytes);
        bench_check(work->encode(&output, &schema, &work->record, NULL, NULL) == PT_OK, "encoding");
        work->length = (size_t)pt_output_length(&output);
    }
}

static void decode_many(void *arg, uint64_t n)
{
    struct work *work = arg;
    for (uint64_t i = 0; i < n; i++) {
        pt_input input = pt_from_memory(work->bytes, work->length);
        bench_check(work->decode(&input, &schema, &work->record, NULL, NULL) == PT_OK, "decoding");
    }
}

static double message_ns(encode_function encode, decode_function decode, bench_loop loop)
{
    struct work work = {.encode = encode, .decode = decode, .record = RECORD_VALUE};
    encode_many(&work, 1);
    memset(&work.record, 0, sizeof work.record);
    decode_many(&work, 1);
    bench_check(work.record.sequence == 9007199254740993 && strcmp(work.record.city, "Berlin") == 0,
                "the round trip");
    return bench_alone_ns(loop, &work);
}

double cbor_encode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(pt_cbor_encode, pt_cbor_decode, encode_many);
}

double cbor_decode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(pt_cbor_encode, pt_cbor_decode, decode_many);
}

double json_encode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(pt_json_encode, pt_json_decode, encode_many);
}

double json_decode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(pt_json_encode, pt_json_decode, decode_many);
}
