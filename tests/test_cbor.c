/* test_cbor.c: CBOR: the vectors of RFC 8949, round trips, input of every broken kind. */
#include "message/messages.h"

static const struct format cbor = {pt_cbor_encode, pt_cbor_decode};

/* ---- Single values, as bare schemas ---------------------------------------------------------------------------- */

struct any {
    int64_t signed_value;
    uint64_t unsigned_value;
    double number;
    bool flag;
    pt_bytes text, bytes;
    int64_t *integers;
    size_t integer_count;
    struct entry {
        char *key;
        char *value;
    } * map;
    size_t map_count;
};

#define BARE(name, field)                                                                                          \
    static const pt_field name##_fields[] = {field};                                                               \
    static const pt_schema name##_schema = PT_SCHEMA_BARE(struct any, name##_fields)
BARE(signed, PT_FIELD(struct any, signed_value, INT));
BARE(unsigned, PT_FIELD(struct any, unsigned_value, INT));
BARE(number, PT_FIELD(struct any, number, FLOAT));
BARE(flag, PT_FIELD(struct any, flag, BOOL));
BARE(text, PT_FIELD(struct any, text, UTF8));
BARE(bytes, PT_FIELD(struct any, bytes, BYTES));
BARE(integers, PT_FIELD_VECTOR(struct any, integers, integer_count, INT));
BARE(map, PT_FIELD_MAP(struct any, map, map_count, struct entry, STRING));

/* A map whose only key is not known, so that its value is skipped. */
static const pt_field no_fields[1] = {PT_FIELD_AS("none", PT_OMIT_ZERO, ONE, struct any, flag, BOOL)};
static const pt_schema no_schema = PT_SCHEMA(struct any, no_fields);

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex != 0; hex += 2) {
        if (*hex == ' ') {
            hex--;
            continue;
        }
        sscanf(hex, "%2x", &byte);
        bytes[n++] = (uint8_t)byte;
    }
    return n;
}

static pt_status decode_hex(const pt_schema *schema, const char *hex, void *value, const pt_decode_options *options,
                            pt_message_error *error)
{
    uint8_t bytes[512];
    pt_input input = pt_from_memory(bytes, from_hex(hex, bytes));
    return pt_cbor_decode(&input, schema, value, options, error);
}

/* Whether a value's deterministic form is this. */
static bool encodes_to(const pt_schema *schema, const void *value, const char *hex)
{
    uint8_t expected[512], bytes[512];
    size_t length = from_hex(hex, expected);
    pt_encode_options options = {.deterministic = true};
    pt_output output = pt_to_memory(bytes, sizeof bytes);
    return pt_cbor_encode(&output, schema, value, &options, NULL) == PT_OK && pt_output_length(&output) == length &&
           memcmp(bytes, expected, length) == 0;
}

/* ---- RFC 8949, appendix A ---------------------------------------------------------------------------------------- */

/* Those that one of the types above can hold; NULL: none. preferred: it is encoded like that, too. */
static const struct vector {
    const char *hex;
    const pt_schema *schema;
    struct any value;
    bool preferred;
} vectors[] = {
#define UNSIGNED(hex, v)                                                                                           \
    {                                                                                                              \
        hex, &unsigned_schema, {.unsigned_value = v}, true                                                         \
    }
#define SIGNED(hex, v)                                                                                             \
    {                                                                                                              \
        hex, &signed_schema, {.signed_value = v}, true                                                             \
    }
#define NUMBER(hex, v, preferred)                                                                                  \
    {                                                                                                              \
        hex, &number_schema, {.number = v}, preferred                                                              \
    }
#define STRING(hex, v, preferred)                                                                                  \
    {                                                                                                              \
        hex, &text_schema, {.text = {(uint8_t *)(uintptr_t)(v), sizeof(v) - 1}}, preferred                         \
    }
#define BYTES(hex, v, preferred)                                                                                   \
    {                                                                                                              \
        hex, &bytes_schema, {.bytes = {(uint8_t *)(uintptr_t)(v), sizeof(v) - 1}}, preferred                       \
    }
#define SKIPPED(hex)                                                                                               \
    {                                                                                                              \
        hex, NULL, {.flag = false}, false                                                                          \
    }
    UNSIGNED("00", 0),
    UNSIGNED("01", 1),
    UNSIGNED("0a", 10),
    UNSIGNED("17", 23),
    UNSIGNED("1818", 24),
    UNSIGNED("1819", 25),
    UNSIGNED("1864", 100),
    UNSIGNED("1903e8", 1000),
    UNSIGNED("1a000f4240", 1000000),
    UNSIGNED("1b000000e8d4a51000", 1000000000000),
    UNSIGNED("1bffffffffffffffff", UINT64_MAX),
    SKIPPED("c249010000000000000000"),
    SKIPPED("3bffffffffffffffff"),
    SKIPPED("c349010000000000000000"),
    SIGNED("20", -1),
    SIGNED("29", -10),
    SIGNED("3863", -100),
    SIGNED("3903e7", -1000),
    NUMBER("f90000", 0.0, true),
    NUMBER("f98000", -0.0, true),
    NUMBER("f93c00", 1.0, true),
    NUMBER("fb3ff199999999999a", 1.1, true),
    NUMBER("f93e00", 1.5, true),
    NUMBER("f97bff", 65504.0, true),
    NUMBER("fa47c35000", 100000.0, true),
    NUMBER("fa7f7fffff", 3.4028234663852886e+38, true),
    NUMBER("fb7e37e43c8800759c", 1.0e+300, true),
    NUMBER("f90001", 5.960464477539063e-8, true),
    NUMBER("f90400", 0.00006103515625, true),
    NUMBER("f9c400", -4.0, true),
    NUMBER("fbc010666666666666", -4.1, true),
    NUMBER("f97c00", (double)INFINITY, true),
    NUMBER("f97e00", (double)NAN, true),
    NUMBER("f9fc00", (double)-INFINITY, true),
    NUMBER("fa7f800000", (double)INFINITY, false),
    NUMBER("fa7fc00000", (double)NAN, false),
    NUMBER("faff800000", (double)-INFINITY, false),
    NUMBER("fb7ff0000000000000", (double)INFINITY, false),
    NUMBER("fb7ff8000000000000", (double)NAN, false),
    NUMBER("fbfff0000000000000", (double)-INFINITY, false),
    {"f4", &flag_schema, {.flag = false}, true},
    {"f5", &flag_schema, {.flag = true}, true},
    {"f6", &text_schema, {.text = {NULL, 0}}, true},
    {"f7", &text_schema, {.text = {NULL, 0}}, false},
    SKIPPED("f0"),
    SKIPPED("f8ff"),
    STRING("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z", false),
    {"c11a514b67b0", &unsigned_schema, {.unsigned_value = 1363896240}, false},
    NUMBER("c1fb41d452d9ec200000", 1363896240.5, false),
    BYTES("d74401020304", "\1\2\3\4", false),
    BYTES("d818456449455446", "dIETF", false),
    STRING("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "http://www.example.com", false),
    BYTES("40", "", true),
    BYTES("4401020304", "\1\2\3\4", true),
    STRING("60", "", true),
    STRING("6161", "a", true),
    STRING("6449455446", "IETF", true),
    STRING("62225c", "\"\\", true),
    STRING("62c3bc", "\xc3\xbc", true),
    STRING("63e6b0b4", "\xe6\xb0\xb4", true),
    STRING("64f0908591", "\xf0\x90\x85\x91", true),
    {"80", &integers_schema, {.integer_count = 0}, true},
    {"83010203", &integers_schema, {.integers = (int64_t[]){1, 2, 3}, .integer_count = 3}, true},
    SKIPPED("8301820203820405"),
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
     &integers_schema,
     {.integers =
          (int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25},
      .integer_count = 25},
     true},
    {"a0", &map_schema, {.map_count = 0}, true},
    SKIPPED("a201020304"),
    SKIPPED("a26161016162820203"),
    SKIPPED("826161a161626163"),
    {"a56161614161626142616361436164614461656145",
     &map_schema,
     {.map = (struct entry[]){{"a", "A"}, {"b", "B"}, {"c", "C"}, {"d", "D"}, {"e", "E"}}, .map_count = 5},
     true},
    BYTES("5f42010243030405ff", "\1\2\3\4\5", false),
    STRING("7f657374726561646d696e67ff", "streaming", false),
    {"9fff", &integers_schema, {.integer_count = 0}, false},
    SKIPPED("9f018202039f0405ffff"),
    SKIPPED("9f01820203820405ff"),
    SKIPPED("83018202039f0405ff"),
    SKIPPED("83019f0203ff820405"),
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
     &integers_schema,
     {.integers =
          (int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25},
      .integer_count = 25},
     false},
    SKIPPED("bf61610161629f0203ffff"),
    SKIPPED("826161bf61626163ff"),
    SKIPPED("bf6346756ef563416d7421ff"),
};

static bool same_double(double a, double b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static bool same_any(const struct any *a, const struct any *b)
{
    bool same = a->signed_value == b->signed_value && a->unsigned_value == b->unsigned_value &&
                same_double(a->number, b->number) && a->flag == b->flag && same_bytes(&a->text, &b->text) &&
                same_bytes(&a->bytes, &b->bytes) && a->integer_count == b->integer_count &&
                a->map_count == b->map_count &&
                same_memory(a->integers, b->integers, a->integer_count * sizeof(int64_t));
    for (size_t i = 0; same && i < a->map_count; i++)
        same = same_string(a->map[i].key, b->map[i].key) && same_string(a->map[i].value, b->map[i].value);
    return same;
}

static void test_vectors_of_rfc_8949(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *v = &vectors[i];
        struct any any;
        char hex[600];
        pt_decode_options skip = {.unknown = PT_UNKNOWN_SKIP}, strict = {.deterministic = true};
        snprintf(hex, sizeof hex, "a16178%s", v->hex);
        assert_int_equal(decode_hex(&no_schema, hex, &any, &skip, NULL), PT_OK);
        if (v->schema == NULL)
            continue;
        if (decode_hex(v->schema, v->hex, &any, NULL, NULL) != PT_OK || !same_any(&v->value, &any))
            print_message("vector %s\n", v->hex);
        assert_true(same_any(&v->value, &any));
        pt_message_free(v->schema, &any);
        assert_int_equal(encodes_to(v->schema, &v->value, v->hex), v->preferred);
        bool strictly = decode_hex(v->schema, v->hex, &any, &strict, NULL) == PT_OK;
        assert_int_equal(strictly, v->preferred || strcmp(v->hex, "f7") == 0);
        pt_message_free(v->schema, &any);
    }
}

/* ---- Both formats alike ------------------------------------------------------------------------------------------ */

static void test_values_come_back(void **state)
{
    (void)state;
    check_round_trips(&cbor, false);
}

static void test_values_come_back_in_deterministic_form(void **state)
{
    (void)state;
    check_round_trips(&cbor, true);
}

static void test_memory_sinks_and_sources_in_pieces(void **state)
{
    (void)state;
    check_streams(&cbor);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    check_truncations(&cbor);
}

static void test_no_corruption_does_harm(void **state)
{
    (void)state;
    check_corruptions(&cbor);
}

static void test_memory_runs_out_anywhere(void **state)
{
    (void)state;
    check_out_of_memory(&cbor);
}

static void test_sinks_that_fail(void **state)
{
    (void)state;
    check_sinks_that_fail(&cbor);
}

static void test_messages_in_a_row(void **state)
{
    (void)state;
    check_messages_in_a_row(&cbor);
}

static void test_what_cannot_be_encoded(void **state)
{
    (void)state;
    check_what_cannot_be_encoded(&cbor);
}

static void test_nesting_takes_little_of_the_stack(void **state)
{
    (void)state;
    check_depth(&cbor);
}

/* ---- Broken input ------------------------------------------------------------------------------------------------ */

static void test_faults_say_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const pt_schema *schema;
        pt_fault fault;
        unsigned offset;
        const char *path;
    } cases[] = {
        {"", &point_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"a2", &point_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"a26178", &point_schema, PT_FAULT_TRUNCATED, 0, "$"}, /* two entries take more than is there */
        {"a2617801617918", &point_schema, PT_FAULT_TRUNCATED, 7, "$.y"},
        {"a26178016178", &point_schema, PT_FAULT_DUPLICATE, 4, "$.x"},
        {"a2617801617a02", &point_schema, PT_FAULT_UNKNOWN, 4, "$.z"},
        {"a2617801626162 02", &point_schema, PT_FAULT_UNKNOWN, 4, "$.ab"},
        {"a161780101", &point_schema, PT_FAULT_MISSING, 4, "$.y"},
        {"a26178016179 6161", &point_schema, PT_FAULT_TYPE, 6, "$.y"},
        {"a26178016179 1a80000000", &point_schema, PT_FAULT_RANGE, 6, "$.y"},
        {"a26178016179 3a80000000", &point_schema, PT_FAULT_RANGE, 6, "$.y"},
        {"a26178016179 f93e00", &point_schema, PT_FAULT_RANGE, 6, "$.y"},
        {"a26178016179 f97e00", &point_schema, PT_FAULT_RANGE, 6, "$.y"},
        {"a26178016179 1c", &point_schema, PT_FAULT_SYNTAX, 6, "$.y"},
        {"a26178016179 ff", &point_schema, PT_FAULT_SYNTAX, 6, "$.y"},
        {"a2617801617902 00", &point_schema, PT_FAULT_TRAILING, 7, "$"},
        {"a201020304", &point_schema, PT_FAULT_TYPE, 1, "$"},
        {"a261ff", &point_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"a261ff0161780261790000", &point_schema, PT_FAULT_UTF8, 1, "$"},
        {"bf6178016179", &point_schema, PT_FAULT_TRUNCATED, 6, "$.y"},
        {"bf617801617902", &point_schema, PT_FAULT_TRUNCATED, 7, "$"},
        {"bf6178ff", &point_schema, PT_FAULT_SYNTAX, 3, "$.x"},
        {"83010203", &point_schema, PT_FAULT_TYPE, 0, "$"},
        {"9bffffffffffffffff", &integers_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"9b0fffffffffffffff01", &integers_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"bbffffffffffffffff", &map_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"7bffffffffffffffff61", &text_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"5bfffffffffffffff061", &bytes_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"62c328", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"62c0af", &text_schema, PT_FAULT_UTF8, 1, "$"},     /* overlong */
        {"63eda080", &text_schema, PT_FAULT_UTF8, 1, "$"},   /* a surrogate */
        {"64f4908080", &text_schema, PT_FAULT_UTF8, 1, "$"}, /* beyond Unicode */
        {"6261c3", &text_schema, PT_FAULT_UTF8, 2, "$"},
        {"7f61c361bcff", &text_schema, PT_FAULT_UTF8, 2, "$"}, /* each piece by itself */
        {"7f4161ff", &text_schema, PT_FAULT_SYNTAX, 1, "$"},
        {"7f7f6161ffff", &text_schema, PT_FAULT_SYNTAX, 1, "$"},
        {"f814", &flag_schema, PT_FAULT_SYNTAX, 0, "$"},
        {"1f", &signed_schema, PT_FAULT_SYNTAX, 0, "$"},
        {"1b8000000000000000", &signed_schema, PT_FAULT_RANGE, 0, "$"},
        {"20", &unsigned_schema, PT_FAULT_RANGE, 0, "$"},
        {"c249010000000000000000", &unsigned_schema, PT_FAULT_RANGE, 1, "$"}, /* 2^64 */
        {"c348ffffffffffffffff", &signed_schema, PT_FAULT_RANGE, 0, "$"},
        {"c248ffff", &unsigned_schema, PT_FAULT_TRUNCATED, 4, "$"},
        {"48ffffffffffffffff", &unsigned_schema, PT_FAULT_TYPE, 0, "$"},
        {"fb43f0000000000000", &unsigned_schema, PT_FAULT_RANGE, 0, "$"}, /* 2^64 */
        {"1bffffffffffffffff", &number_schema, PT_FAULT_RANGE, 0, "$"},
        {"a1616163610062", &map_schema, PT_FAULT_ZERO, 3, "$.a"},
        {"a2616b6161616b6162", &map_schema, PT_FAULT_DUPLICATE, 9, "$.k"},
        {"a2616161626361206200", &map_schema, PT_FAULT_TYPE, 9, "$[\"a b\"]"},
        {"8301f502", &integers_schema, PT_FAULT_TYPE, 2, "$[1]"},
        {"8201f93e00", &integers_schema, PT_FAULT_RANGE, 2, "$[1]"}, /* 1.5 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct any any;
        pt_message_error error = {.offset = 0};
        pt_status status = decode_hex(cases[i].schema, cases[i].hex, &any, NULL, &error);
        if (status != PT_ERR_MALFORMED || error.fault != cases[i].fault || error.offset != cases[i].offset ||
            strcmp(error.path, cases[i].path) != 0)
            print_message("case %d, %s: %s at %u, %s\n", (int)i, cases[i].hex, pt_fault_text(error.fault),
                          (unsigned)error.offset, error.path);
        assert_int_equal(status, PT_ERR_MALFORMED);
        assert_int_equal(error.fault, cases[i].fault);
        assert_int_equal(error.offset, cases[i].offset);
        assert_string_equal(error.path, cases[i].path);
    }
}

static void test_what_is_not_deterministic_is_refused_on_request(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const pt_schema *schema;
    } cases[] = {
        {"1800", &unsigned_schema},         {"190018", &unsigned_schema},
        {"1a00000100", &unsigned_schema},   {"1b0000000000000001", &unsigned_schema},
        {"a26179016178 02", &point_schema}, {"bf617801617902ff", &point_schema},
        {"fa3f800000", &number_schema},     {"fb3ff0000000000000", &number_schema},
        {"c100", &unsigned_schema},         {"fa7fc00000", &number_schema},
        {"780161", &text_schema},           {"7f6161ff", &text_schema},
        {"9800", &integers_schema},         {"9fff", &integers_schema},
        {"fa33800000", &number_schema},     {"a261626161616161 62", &map_schema},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct any any;
        pt_message_error error = {.offset = 0};
        pt_decode_options options = {.deterministic = true};
        assert_int_equal(decode_hex(cases[i].schema, cases[i].hex, &any, NULL, NULL), PT_OK);
        pt_message_free(cases[i].schema, &any);
        assert_int_equal(decode_hex(cases[i].schema, cases[i].hex, &any, &options, &error), PT_ERR_MALFORMED);
        assert_int_equal(error.fault, PT_FAULT_ORDER);
    }
}

/* Keys that come twice are none that deterministic input has, whatever the policy. */
static void test_deterministic_keys_come_once(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const pt_schema *schema;
        pt_fault fault;
        unsigned offset;
        const char *path;
    } cases[] = {
        {"a3617801617802617903", &point_schema, PT_FAULT_DUPLICATE, 4, "$.x"},
        {"a2617902617801", &point_schema, PT_FAULT_ORDER, 4, "$.x"},
        {"a2616b6161616b6162", &map_schema, PT_FAULT_DUPLICATE, 5, "$.k"},
        {"a2616b6161616a6162", &map_schema, PT_FAULT_ORDER, 5, "$.j"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct any any;
        pt_message_error error = {.offset = 0};
        pt_decode_options options = {.deterministic = true, .duplicate = PT_DUPLICATE_LAST};
        assert_int_equal(decode_hex(cases[i].schema, cases[i].hex, &any, &options, &error), PT_ERR_MALFORMED);
        assert_int_equal(error.fault, cases[i].fault);
        assert_int_equal(error.offset, cases[i].offset);
        assert_string_equal(error.path, cases[i].path);
    }
}

/* Those near 2^53 and beyond, which -1 - n as a float gets wrong by rounding twice. */
static void test_integers_become_doubles_exactly(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(20000); i++) {
        uint64_t bits = (uint64_t)test_random(&stream) << 32 | test_random(&stream);
        uint64_t whole = bits >> (i % 4 == 0 ? 0 : test_random(&stream) % 64) & ~(uint64_t)(i % 2 == 0 ? 0x7ff : 0);
        bool negative = whole > 0 && test_random(&stream) % 2 == 0;
        uint64_t argument = whole - negative;
        uint8_t bytes[9] = {negative ? 0x3b : 0x1b};
        for (size_t j = 0; j < 8; j++)
            bytes[1 + j] = (uint8_t)(argument >> (56 - 8 * j));
        struct any any;
        pt_input input = pt_from_memory(bytes, sizeof bytes);
        double value = negative ? -(double)whole : (double)whole;
        bool exact = (double)whole < 0x1p64 && (uint64_t)(double)whole == whole;
        pt_status status = pt_cbor_decode(&input, &number_schema, &any, NULL, NULL);
        assert_int_equal(status, exact ? PT_OK : PT_ERR_MALFORMED);
        assert_true(!exact || any.number == value);
    }
    struct any any;
    assert_int_equal(decode_hex(&number_schema, "3b0020000000000001", &any, NULL, NULL), PT_OK);
    assert_true(any.number == -9007199254740994.0);
}

static void test_policies(void **state)
{
    (void)state;
    struct point point;
    struct any any;
    pt_decode_options options = {.unknown = PT_UNKNOWN_SKIP};
    assert_int_equal(decode_hex(&point_schema, "a3617801617a8201a161620061790a", &point, &options, NULL), PT_OK);
    assert_true(point.x == 1 && point.y == 10);
    assert_int_equal(decode_hex(&point_schema, "a3617801617a8101ff61790a", &point, &options, NULL),
                     PT_ERR_MALFORMED);
    assert_int_equal(decode_hex(&point_schema, "a3617801617a8201ff61790a", &point, &options, NULL),
                     PT_ERR_MALFORMED);
    options = (pt_decode_options){.missing_is_zero = true};
    assert_int_equal(decode_hex(&point_schema, "a1617902", &point, &options, NULL), PT_OK);
    assert_true(point.x == 0 && point.y == 2);
    options = (pt_decode_options){.duplicate = PT_DUPLICATE_LAST};
    assert_int_equal(decode_hex(&point_schema, "a3617801617902617805", &point, &options, NULL), PT_OK);
    assert_true(point.x == 5 && point.y == 2);
    assert_int_equal(decode_hex(&map_schema, "a3616b6161616a6162616b6163", &any, &options, NULL), PT_OK);
    assert_int_equal(any.map_count, 2);
    assert_string_equal(any.map[0].key, "j");
    assert_string_equal(any.map[1].value, "c");
    pt_message_free(&map_schema, &any);
    options = (pt_decode_options){.finite_only = true};
    pt_message_error error = {.offset = 0};
    assert_int_equal(decode_hex(&number_schema, "f97e00", &any, &options, &error), PT_ERR_MALFORMED);
    assert_int_equal(error.fault, PT_FAULT_NOT_FINITE);
    assert_int_equal(decode_hex(&unsigned_schema, "fb41f0000000000000", &any, NULL, NULL),
                     PT_OK); /* 2^32, from JavaScript */
    assert_true(any.unsigned_value == (uint64_t)1 << 32);

    assert_int_equal(decode_hex(&unsigned_schema, "c24900ffffffffffffffff", &any, NULL, NULL), PT_OK); /* bignums */
    assert_true(any.unsigned_value == UINT64_MAX);
    assert_int_equal(decode_hex(&signed_schema, "c3487fffffffffffffff", &any, NULL, NULL), PT_OK);
    assert_true(any.signed_value == INT64_MIN);

    assert_int_equal(decode_hex(&number_schema, "1b1000000000000000", &any, NULL, NULL),
                     PT_OK); /* exact as a double */
    assert_true(any.number == 0x1p60);
    assert_int_equal(decode_hex(&number_schema, "3bffffffffffffffff", &any, NULL, NULL), PT_OK);
    assert_true(any.number == -0x1p64);
    assert_int_equal(decode_hex(&number_schema, "1b0020000000000001", &any, NULL, NULL), PT_ERR_MALFORMED);

    uint8_t sequence[16];
    pt_input input = pt_from_memory(sequence, from_hex("010218ff", sequence));
    options = (pt_decode_options){.trailing = true};
    static const uint64_t expected[] = {1, 2, 255};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pt_cbor_decode(&input, &unsigned_schema, &any, &options, NULL), PT_OK);
        assert_int_equal(any.unsigned_value, expected[i]);
    }
    assert_int_equal(pt_input_offset(&input), 4);
    pt_message_error ended = {.offset = 0};
    assert_int_equal(pt_cbor_decode(&input, &unsigned_schema, &any, &options, &ended), PT_ERR_MALFORMED);
    assert_int_equal(ended.fault, PT_FAULT_END);
    assert_int_equal(ended.offset, 4);
}

static void test_limits(void **state)
{
    (void)state;
    enum { DEEP = 10000 };
    struct any any;
    pt_message_error error = {.offset = 0};
    pt_decode_options options = {.count = 2};
    assert_int_equal(decode_hex(&integers_schema, "83010203", &any, &options, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_LIMIT);
    assert_int_equal(error.offset, 3);
    options = (pt_decode_options){.length = 3};
    assert_int_equal(decode_hex(&text_schema, "6461626364", &any, &options, &error), PT_ERR_OVERFLOW);
    assert_int_equal(decode_hex(&text_schema, "7f626162626364ff", &any, &options, &error), PT_ERR_OVERFLOW);
    options = (pt_decode_options){.memory = 4};
    assert_int_equal(decode_hex(&text_schema, "6461626364", &any, &options, &error), PT_ERR_OVERFLOW);
    options = (pt_decode_options){.depth = PT_DEPTH_MOST + 1};
    assert_int_equal(decode_hex(&text_schema, "60", &any, &options, &error), PT_ERR_INVALID);

    static const uint8_t opening[] = {0x81, 0xa1, 0x9f, 0xbf, 0xc1};
    for (size_t i = 0; i < sizeof opening; i++) {
        uint8_t *deep = malloc(2 * DEEP + 3);
        size_t n = from_hex("a16171", deep);
        for (int j = 0; j < DEEP; j++) {
            deep[n++] = opening[i];
            if (opening[i] == 0xa1 || opening[i] == 0xbf)
                deep[n++] = 0;
        }
        options = (pt_decode_options){.unknown = PT_UNKNOWN_SKIP, .depth = PT_DEPTH_MOST};
        pt_input input = pt_from_memory(deep, n);
        pt_status status = pt_cbor_decode(&input, &no_schema, &any, &options, &error);
        if (opening[i] == 0xc1) { /* tags in tags */
            assert_int_equal(error.fault, PT_FAULT_TRUNCATED);
        } else {
            assert_int_equal(status, PT_ERR_OVERFLOW);
            assert_int_equal(error.fault, PT_FAULT_DEPTH);
        }
        free(deep);
    }
    struct tree tree;
    char *nested = malloc(DEEP * 40);
    size_t length = 0;
    for (int i = 0; i < DEEP; i++) /* {"name": null, "children": [ */
        length += from_hex("a2646e616d65f6686368696c6472656e81", (uint8_t *)nested + length);
    pt_input input = pt_from_memory(nested, length);
    assert_int_equal(pt_cbor_decode(&input, &tree_schema, &tree, NULL, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_DEPTH);
    assert_true(strncmp(error.path, "$...", 4) == 0 || strncmp(error.path, "...", 3) == 0);
    free(nested);
}

/* Lengths that an input claims are not allocated on trust. */
static size_t largest;

static void *note_largest(size_t size, void *context)
{
    (void)context;
    largest = size > largest ? size : largest;
    return malloc(size);
}

static void give_back(void *block, void *context)
{
    (void)context;
    free(block);
}

static void test_claims_are_not_believed(void **state)
{
    (void)state;
    static const pt_allocator noting = {note_largest, give_back, NULL};
    static const char *const claims[] = {"9b1000000000000000010203", "9a00100000010203",
                                         "5b1000000000000000aabb",   "7a0010000061",
                                         "bb1000000000000000616161", "ba00100000616161"};
    const pt_schema *schemas[] = {&integers_schema, &bytes_schema, &text_schema, &map_schema};
    struct any any;
    uint8_t bytes[32], window[PT_INPUT_WINDOW_LEAST];
    largest = 0;
    assert_int_equal(pt_set_allocator(&noting), PT_OK);
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        for (size_t j = 0; j < sizeof schemas / sizeof schemas[0]; j++) {
            assert_true(decode_hex(schemas[j], claims[i], &any, NULL, NULL) != PT_OK);
            size_t length = from_hex(claims[i], bytes);
            struct pipe pipe = {.bytes = {bytes, length, length}, .stream = i};
            pt_input input = pt_from_source(give, &pipe, window, sizeof window);
            assert_true(pt_cbor_decode(&input, schemas[j], &any, NULL, NULL) != PT_OK);
        }
    }
    assert_int_equal(pt_set_allocator(NULL), PT_OK);
    assert_true(largest <= 4096);
}

/* A string in very many pieces does not have them copied over and over: memory grows by doubling. */
static void test_many_pieces_cost_little(void **state)
{
    (void)state;
    enum { PIECES = 100000 };
    uint8_t *message = malloc(2 * PIECES + 2);
    struct any any;
    message[0] = 0x7f;
    for (size_t i = 0; i < PIECES; i++) {
        message[1 + 2 * i] = 0x61;
        message[2 + 2 * i] = 'a';
    }
    message[1 + 2 * PIECES] = 0xff;
    count_blocks();
    asked = 0;
    pt_input input = pt_from_memory(message, 2 * PIECES + 2);
    assert_int_equal(pt_cbor_decode(&input, &text_schema, &any, NULL, NULL), PT_OK);
    assert_int_equal(any.text.length, PIECES);
    assert_true(asked < 30);
    pt_message_free(&text_schema, &any);
    stop_counting();
    free(message);
}

/* A key that is longer than any name, and cut within a character where it is kept. */
static void test_long_unknown_keys(void **state)
{
    (void)state;
    enum { LONG = 601 };
    uint8_t message[LONG + 5] = {0xa1, 0x79, LONG >> 8, LONG & 0xff, 'x'};
    struct any any;
    pt_message_error error = {.offset = 0};
    pt_decode_options options = {.unknown = PT_UNKNOWN_SKIP};
    for (size_t i = 0; i < LONG / 2; i++)
        memcpy(message + 5 + 2 * i, "\xc3\xa9", 2);
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        pt_input input = pt_from_memory(message, sizeof message);
        pt_status status = pt_cbor_decode(&input, &no_schema, &any, &options, &error);
        assert_int_equal(status, spoilt ? PT_ERR_MALFORMED : PT_OK);
        input = pt_from_memory(message, sizeof message);
        assert_int_equal(pt_cbor_decode(&input, &no_schema, &any, NULL, &error), PT_ERR_MALFORMED);
        assert_int_equal(error.fault, spoilt ? PT_FAULT_UTF8 : PT_FAULT_UNKNOWN);
        if (!spoilt) { /* 63 bytes of it, as the 64th begins a character */
            assert_int_equal(strlen(error.path), strlen("$[\"\"]") + 63);
            assert_true(memcmp(error.path + 64, "\xc3\xa9\"]", 4) == 0);
        }
        message[LONG] = 'x'; /* far behind what is kept */
    }
}

/* Keys in whatever order, in a schema that has many. */
static void test_keys_in_any_order(void **state)
{
    (void)state;
    struct everything before, after;
    uint64_t stream = test_seed;
    pt_encode_options options = {.deterministic = true};
    random_everything(&stream, &before);
    pt_buffer buffer = PT_BUFFER_INIT;
    assert_int_equal(encode(&cbor, &before, &buffer, &options), PT_OK);
    assert_int_equal(decode(&cbor, buffer.data, buffer.length, &after, NULL, NULL), PT_OK);
    assert_true(same_everything(&before, &after));
    pt_message_free(&everything_schema, &before);
    pt_message_free(&everything_schema, &after);
    pt_buffer_free(&buffer);
}

static void test_lists_too_long_to_be_encoded(void **state)
{
    (void)state;
    pt_message_error error = {.offset = 0};
    pt_output output = pt_to_memory(NULL, 0);
    struct node *list = NULL;
    for (int i = 0; i < 200; i++) {
        struct node *node = pt_message_alloc(sizeof *node);
        *node = (struct node){i, list};
        list = node;
    }
    assert_int_equal(pt_cbor_encode(&output, &node_schema, list, NULL, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_DEPTH);
    struct everything holder = {.list = list};
    pt_message_free(&everything_schema, &holder);
}

TEST_MAIN("cbor", TEST(test_vectors_of_rfc_8949), TEST(test_values_come_back),
          TEST(test_values_come_back_in_deterministic_form), TEST(test_memory_sinks_and_sources_in_pieces),
          TEST(test_every_truncation_is_refused), TEST(test_no_corruption_does_harm),
          TEST(test_memory_runs_out_anywhere), TEST(test_nesting_takes_little_of_the_stack),
          TEST(test_sinks_that_fail), TEST(test_messages_in_a_row), TEST(test_what_cannot_be_encoded),
          TEST(test_integers_become_doubles_exactly), TEST(test_faults_say_what_and_where),
          TEST(test_what_is_not_deterministic_is_refused_on_request), TEST(test_deterministic_keys_come_once),
          TEST(test_policies), TEST(test_limits), TEST(test_claims_are_not_believed),
          TEST(test_many_pieces_cost_little), TEST(test_long_unknown_keys), TEST(test_keys_in_any_order),
          TEST(test_lists_too_long_to_be_encoded))
