/* nanopb.c: the record of message.c in protobuf's format, by nanopb, which walks over a table as we do: into memory and back,
   nothing is allocated. Its messages have numbers for keys, so they are less than half as long as ours. */
#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "bench.h"
#include "record.h"
#include "record.pb.h"

struct work {
    Record record;
    uint8_t bytes[RECORD_BYTES];
    size_t length;
};

static void encode_many(void *arg, uint64_t n)
{
    struct work *work = arg;
    for (uint64_t i = 0; i < n; i++) {
        pb_ostream_t stream = pb_ostream_from_buffer(work->bytes, sizeof work->bytes);
        bench_check(pb_encode(&stream, Record_fields, &work->record), "encoding");
        work->length = stream.bytes_written;
    }
}

static void decode_many(void *arg, uint64_t n)
{
    struct work *work = arg;
    for (uint64_t i = 0; i < n; i++) {
        pb_istream_t stream = pb_istream_from_buffer(work->bytes, work->length);
        bench_check(pb_decode(&stream, Record_fields, &work->record), "decoding");
    }
}

static double message_ns(bench_loop loop)
{
    struct work work = {.record = RECORD_VALUE};
    encode_many(&work, 1);
    memset(&work.record, 0, sizeof work.record);
    decode_many(&work, 1);
    bench_check(work.record.sequence == 9007199254740993 && strcmp(work.record.city, "Berlin") == 0,
                "the round trip");
    return bench_alone_ns(loop, &work);
}

static double encode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(encode_many);
}

static double decode_20_ns(unsigned threads)
{
    (void)threads;
    return message_ns(decode_many);
}

static const struct bench_case cases[] = {
    {"cbor_encode_20_ns", encode_20_ns, 1},
    {"cbor_decode_20_ns", decode_20_ns, 1},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "nanopb", cases, sizeof cases / sizeof cases[0]);
}
