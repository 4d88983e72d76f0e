/* msgpack.c: the record of message.c in MessagePack, by msgpack-c: packed by calls written by hand, keys by name, into a
   buffer that is used again; unpacked into its tree of objects, whose zone is used again, and from there into the struct. */
#include <msgpack.h>
#include <string.h>

#include "bench.h"
#include "record.h"

struct work {
    struct record record;
    msgpack_sbuffer bytes;
};

static void pack_key(msgpack_packer *packer, const char *key)
{
    msgpack_pack_str_with_body(packer, key, strlen(key));
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

#define PACK(kind, member) (pack_key(&packer, #member), msgpack_pack_##kind(&packer, r->member))
#define PACK_TEXT(member) (pack_key(&packer, #member), pack_text(&packer, r->member))
#define PACK_BOOL(member)                                                                                          \
    (pack_key(&packer, #member), r->member ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer))

static void pack(struct work *work)
{
    const struct record *r = &work->record;
    msgpack_packer packer;
    msgpack_sbuffer_clear(&work->bytes);
    msgpack_packer_init(&packer, &work->bytes, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 20);
    PACK(int32, id);
    PACK(int64, created);
    PACK(uint32, flags);
    PACK(uint64, sequence);
    PACK(uint16, port);
    PACK(uint8, level);
    PACK(int16, offset);
    PACK(int8, zone);
    PACK(float, ratio);
    PACK(double, latitude);
    PACK(double, longitude);
    PACK(double, altitude);
    PACK_BOOL(active);
    PACK_BOOL(verified);
    PACK_TEXT(name);
    PACK_TEXT(email);
    PACK_TEXT(city);
    PACK_TEXT(country);
    PACK(uint32, kind);
    PACK(int64, parent);
}

static bool is_key(const msgpack_object_kv *entry, const char *key)
{
    return entry->key.type == MSGPACK_OBJECT_STR && entry->key.via.str.size == strlen(key) &&
           memcmp(entry->key.via.str.ptr, key, strlen(key)) == 0;
}

static bool get_integer(const msgpack_object *object, int64_t least, uint64_t most, int64_t *value)
{
    *value = object->via.i64;
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return object->via.u64 <= most;
    return object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && *value >= least;
}

static bool get_text(const msgpack_object *object, char *text, size_t size)
{
    if (object->type != MSGPACK_OBJECT_STR || object->via.str.size >= size)
        return false;
    memcpy(text, object->via.str.ptr, object->via.str.size);
    text[object->via.str.size] = 0;
    return true;
}

#define INTEGER(member, least, most)                                                                               \
    do {                                                                                                           \
        int64_t value;                                                                                             \
        if (!is_key(entry, #member) || !get_integer(&entry->val, least, most, &value))                             \
            return false;                                                                                          \
        memcpy(&r->member, &value, sizeof r->member); /* little-endian */                                          \
        entry++;                                                                                                   \
    } while (0)
#define GET(member, ok, value)                                                                                     \
    do {                                                                                                           \
        if (!is_key(entry, #member) || !(ok))                                                                      \
            return false;                                                                                          \
        r->member = value;                                                                                         \
        entry++;                                                                                                   \
    } while (0)
#define FLOAT(member, real)                                                                                        \
    GET(member, entry->val.type == MSGPACK_OBJECT_FLOAT32 || entry->val.type == MSGPACK_OBJECT_FLOAT64,            \
        (real)entry->val.via.f64)
#define BOOL(member) GET(member, entry->val.type == MSGPACK_OBJECT_BOOLEAN, entry->val.via.boolean)
#define TEXT(member)                                                                                               \
    do {                                                                                                           \
        if (!is_key(entry, #member) || !get_text(&entry->val, r->member, sizeof r->member))                        \
            return false;                                                                                          \
        entry++;                                                                                                   \
    } while (0)

/* Keys in the order in which they are packed; another order would be an error. */
static bool take_apart(const msgpack_object *object, struct record *r)
{
    const msgpack_object_kv *entry = object->via.map.ptr;
    if (object->type != MSGPACK_OBJECT_MAP || object->via.map.size != 20)
        return false;
    INTEGER(id, INT32_MIN, INT32_MAX);
    INTEGER(created, INT64_MIN, INT64_MAX);
    INTEGER(flags, 0, UINT32_MAX);
    INTEGER(sequence, 0, UINT64_MAX);
    INTEGER(port, 0, UINT16_MAX);
    INTEGER(level, 0, UINT8_MAX);
    INTEGER(offset, INT16_MIN, INT16_MAX);
    INTEGER(zone, INT8_MIN, INT8_MAX);
    FLOAT(ratio, float);
    FLOAT(latitude, double);
    FLOAT(longitude, double);
    FLOAT(altitude, double);
    BOOL(active);
    BOOL(verified);
    TEXT(name);
    TEXT(email);
    TEXT(city);
    TEXT(country);
    INTEGER(kind, 0, UINT32_MAX);
    INTEGER(parent, INT64_MIN, INT64_MAX);
    return true;
}

static void encode_many(void *arg, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        pack(arg);
}

static void decode_many(void *arg, uint64_t n)
{
    struct work *work = arg;
    msgpack_zone zone;
    bench_check(msgpack_zone_init(&zone, 4096), "msgpack_zone_init");
    for (uint64_t i = 0; i < n; i++) {
        size_t offset = 0;
        msgpack_object object;
        bool good =
            msgpack_unpack(work->bytes.data, work->bytes.size, &offset, &zone, &object) == MSGPACK_UNPACK_SUCCESS;
        bench_check(good && take_apart(&object, &work->record), "decoding");
        msgpack_zone_clear(&zone);
    }
    msgpack_zone_destroy(&zone);
}

static double message_ns(bench_loop loop)
{
    struct work work = {.record = RECORD_VALUE};
    msgpack_sbuffer_init(&work.bytes);
    pack(&work);
    memset(&work.record, 0, sizeof work.record);
    decode_many(&work, 1);
    bench_check(work.record.sequence == 9007199254740993 && strcmp(work.record.city, "Berlin") == 0,
                "the round trip");
    double ns = bench_alone_ns(loop, &work);
    msgpack_sbuffer_destroy(&work.bytes);
    return ns;
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
    return bench_main(argc, argv, "msgpack", cases, sizeof cases / sizeof cases[0]);
}
