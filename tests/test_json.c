/* test_json.c: JSON: numbers to the last digit, strings of all kinds, round trips, input of every broken kind. */
#include <locale.h>

#include "message/messages.h"

static const struct format json = {pt_json_encode, pt_json_decode};

/* ---- Single values, as bare schemas ---------------------------------------------------------------------------- */

struct any {
    int64_t signed_value;
    uint64_t unsigned_value;
    double number;
    float single;
    bool flag;
    pt_bytes text, bytes;
    char *string;
    uint8_t octets[4];
    int8_t *integers;
    size_t integer_count;
};

#define BARE(name, field)                                                                                          \
    static const pt_field name##_fields[] = {field};                                                               \
    static const pt_schema name##_schema = PT_SCHEMA_BARE(struct any, name##_fields)
BARE(signed, PT_FIELD(struct any, signed_value, INT));
BARE(unsigned, PT_FIELD(struct any, unsigned_value, INT));
BARE(number, PT_FIELD(struct any, number, FLOAT));
BARE(single, PT_FIELD(struct any, single, FLOAT));
BARE(flag, PT_FIELD(struct any, flag, BOOL));
BARE(text, PT_FIELD(struct any, text, UTF8));
BARE(bytes, PT_FIELD(struct any, bytes, BYTES));
BARE(string, PT_FIELD(struct any, string, STRING));
BARE(octets, PT_FIELD(struct any, octets, OCTETS));
BARE(integers, PT_FIELD_VECTOR(struct any, integers, integer_count, INT));

static const pt_field no_fields[1] = {PT_FIELD_AS("none", PT_OMIT_ZERO, ONE, struct any, flag, BOOL)};
static const pt_schema no_schema = PT_SCHEMA(struct any, no_fields);

static pt_status read(const pt_schema *schema, const char *text, struct any *any, pt_message_error *error)
{
    pt_input input = pt_from_memory(text, strlen(text));
    return pt_json_decode(&input, schema, any, NULL, error);
}

static const char *write_with(const pt_schema *schema, const struct any *any, const pt_encode_options *options)
{
    static char text[256];
    pt_output output = pt_to_memory(text, sizeof text - 1);
    pt_status status = pt_json_encode(&output, schema, any, options, NULL);
    text[status == PT_OK ? pt_output_length(&output) : 0] = 0;
    return text;
}

static const char *write_one(const pt_schema *schema, const struct any *any)
{
    return write_with(schema, any, NULL);
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static void test_doubles_are_as_short_as_can_be(void **state)
{
    (void)state;
    /* As JavaScript writes them. */
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1e+21"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {9007199254740993.0, "9007199254740992"},
        {9007199254740991.0, "9007199254740991"},
        {4.35, "4.35"},
        {1e23, "1e+23"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {1.2345678901234567e-300, "1.2345678901234568e-300"},
        {100, "100"},
        {123.456, "123.456"},
        {1e15, "1000000000000000"},
        {0x1p-44, "5.684341886080802e-14"}, /* not the nearest decimal of 16 digits, which is another double's */
        {0x1p-1022, "2.2250738585072014e-308"},
        {2e-5, "0.00002"},
        {5e-5, "0.00005"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct any any = {.number = cases[i].value}, back;
        assert_string_equal(write_one(&number_schema, &any), cases[i].text);
        assert_int_equal(read(&number_schema, cases[i].text, &back, NULL), PT_OK);
        assert_true(memcmp(&any.number, &back.number, sizeof any.number) == 0);
    }
    struct any any = {.single = 0.1f};
    assert_string_equal(write_one(&single_schema, &any), "0.1");
    any.single = 3.4028235e38f;
    assert_string_equal(write_one(&single_schema, &any), "3.4028235e+38");
    any.single = 1e-45f;
    assert_string_equal(write_one(&single_schema, &any), "1e-45");
    any.single = 16777216.0f;
    assert_string_equal(write_one(&single_schema, &any), "16777216");
}

/* Any bits: what is written is read back, is no longer than what the C library needs, and is read as the C library does. */
static void test_floats_of_any_bits(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    for (int i = 0; i < test_scale(200000); i++) {
        char text[64], theirs[64];
        double value, parsed;
        uint64_t bits = (uint64_t)test_random(&stream) << 32 | test_random(&stream);
        if (i % 4 == 0)
            bits = (bits & 0x800fffffffffffff) | (uint64_t)(1013 + i % 30) << 52; /* around 1 */
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        struct any any = {.number = value}, back;
        snprintf(text, sizeof text, "%s", write_one(&number_schema, &any));
        assert_int_equal(read(&number_schema, text, &back, NULL), PT_OK);
        assert_true(memcmp(&back.number, &value, sizeof value) == 0);
        snprintf(theirs, sizeof theirs, "%.16e", value);
        assert_true(strtod(text, NULL) == value);
        assert_int_equal(read(&number_schema, theirs, &back, NULL), PT_OK);
        assert_true(back.number == value);
        snprintf(theirs, sizeof theirs, "%.14e", value); /* mostly of another value */
        parsed = strtod(theirs, NULL);
        if (isfinite(parsed)) {
            assert_int_equal(read(&number_schema, theirs, &back, NULL), PT_OK);
            assert_true(back.number == parsed);
        }
        float single = random_float(&stream);
        any.single = single;
        snprintf(text, sizeof text, "%s", write_one(&single_schema, &any));
        assert_true(strtof(text, NULL) == single);
        assert_int_equal(read(&single_schema, text, &back, NULL), PT_OK);
        assert_true(memcmp(&back.single, &single, sizeof single) == 0);
    }
}

static void test_doubles_that_are_hard_to_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9007199254740993",
        "9007199254740992.99999999999999999999",
        "9007199254740993.00000000000000000000001",
        "2.2250738585072011e-308",
        "2.4703282292062327208e-324",
        "2.4703282292062328e-324",
        "4.9e-324",
        "1e-400",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000001e84",
        "179769313486231580793728971405301e276",
        "1.7976931348623158079e308",
        "8.98846567431157953864652595394512366808988489471e307",
        "6929495644600919.5",
        "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679",
        "1e22",
        "1e23",
        "123456789012345678901234567890",
        "7.2057594037927933e16",
        "0e999999999999",
        "1E+2",
        "1e-2",
        "-0.0e-0",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct any any;
        double expected = strtod(texts[i], NULL);
        assert_int_equal(read(&number_schema, texts[i], &any, NULL), PT_OK);
        if (memcmp(&any.number, &expected, sizeof expected) != 0)
            print_message("%s: %.17g, not %.17g\n", texts[i], any.number, expected);
        assert_true(memcmp(&any.number, &expected, sizeof expected) == 0);
    }
    char halfway[1200] = "9007199254740993."; /* a tie, but for the last of a thousand digits */
    struct any any;
    memset(halfway + 17, '0', 1000);
    strcpy(halfway + 1017, "1");
    assert_int_equal(read(&number_schema, halfway, &any, NULL), PT_OK);
    assert_true(any.number == 9007199254740994.0);
    halfway[1017] = '0';
    assert_int_equal(read(&number_schema, halfway, &any, NULL), PT_OK);
    assert_true(any.number == 9007199254740992.0);
    assert_int_equal(read(&single_schema, "16777217.0000000000000000000000001", &any, NULL), PT_OK);
    assert_true(any.single == 16777218.0f);
    assert_int_equal(read(&single_schema, "1.00000017881393432617187499", &any, NULL), PT_OK);
    assert_true(any.single == 1.00000011920928955078125f);
}

/* Other locales have another decimal point. Where none of these is installed, this shows nothing. */
static void test_no_locale_changes_numbers(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    struct any any = {.number = 0.1 + 0.2}, back;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        if (setlocale(LC_NUMERIC, locales[i]) == NULL)
            continue;
        assert_string_equal(write_one(&number_schema, &any), "0.30000000000000004");
        assert_int_equal(read(&number_schema, "0.30000000000000004", &back, NULL), PT_OK);
        assert_true(back.number == any.number);
    }
    setlocale(LC_NUMERIC, "C");
}

static void test_integers_are_exact(void **state)
{
    (void)state;
    struct any any;
    assert_int_equal(read(&unsigned_schema, "18446744073709551615", &any, NULL), PT_OK);
    assert_true(any.unsigned_value == UINT64_MAX);
    assert_string_equal(write_one(&unsigned_schema, &any), "18446744073709551615");
    assert_int_equal(read(&signed_schema, "-9223372036854775808", &any, NULL), PT_OK);
    assert_true(any.signed_value == INT64_MIN);
    assert_string_equal(write_one(&signed_schema, &any), "-9223372036854775808");
    assert_int_equal(read(&unsigned_schema, "9007199254740993", &any, NULL), PT_OK);
    assert_true(any.unsigned_value == 9007199254740993);
    assert_int_equal(read(&unsigned_schema, "1.8446744073709551615e19", &any, NULL), PT_OK);
    assert_true(any.unsigned_value == UINT64_MAX);
    assert_int_equal(read(&unsigned_schema, "10000.00e-3", &any, NULL), PT_OK);
    assert_true(any.unsigned_value == 10);
    assert_int_equal(read(&unsigned_schema, "-0", &any, NULL), PT_OK);
    assert_true(any.unsigned_value == 0);
    assert_int_equal(read(&unsigned_schema, "0e999999999999999999999", &any, NULL), PT_OK);
}

/* ---- Strings ----------------------------------------------------------------------------------------------------- */

static void test_strings(void **state)
{
    (void)state;
    struct any any;
    static const char text[] = "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20ac\\ud83d\\ude00\xc3\xa9\"";
    static const char expected[] = "a\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9";
    assert_int_equal(read(&text_schema, text, &any, NULL), PT_OK);
    assert_int_equal(any.text.length, sizeof expected - 1);
    assert_true(memcmp(any.text.data, expected, sizeof expected - 1) == 0);
    assert_string_equal(write_one(&text_schema, &any),
                        "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\"");
    pt_message_free(&text_schema, &any);

    any = (struct any){.bytes = {(uint8_t *)(uintptr_t) "\xff\xfe\xfd\xfc", 4}};
    assert_string_equal(write_one(&bytes_schema, &any), "\"__79_A\"");
    static const char *const forms[] = {"\"__79_A\"", "\"//79/A==\"", "\"\\/\\/79\\/A\"", "\"__79_A==\""};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct any back;
        assert_int_equal(read(&bytes_schema, forms[i], &back, NULL), PT_OK);
        assert_true(same_bytes(&any.bytes, &back.bytes));
        pt_message_free(&bytes_schema, &back);
        assert_int_equal(read(&octets_schema, forms[i], &back, NULL), PT_OK);
        assert_true(memcmp(back.octets, "\xff\xfe\xfd\xfc", 4) == 0);
    }
}

static void test_indented(void **state)
{
    (void)state;
    struct tree child = {.name = "x"}, tree = {.name = "r", .children = &child, .child_count = 1};
    char text[256];
    pt_output output = pt_to_memory(text, sizeof text);
    pt_encode_options options = {.indent = 2};
    assert_int_equal(pt_json_encode(&output, &tree_schema, &tree, &options, NULL), PT_OK);
    text[pt_output_length(&output)] = 0;
    assert_string_equal(text,
                        "{\n  \"name\": \"r\",\n  \"children\": [\n    {\n      \"name\": \"x\"\n    }\n  ]\n}");
    struct any empty = {.integer_count = 0};
    assert_string_equal(write_with(&integers_schema, &empty, &options), "[]");
}

static void test_nan_is_an_error_or_null(void **state)
{
    (void)state;
    struct any any = {.number = (double)NAN}, back;
    pt_message_error error = {.offset = 0};
    pt_encode_options options = {.not_finite_is_null = true};
    char text[16];
    pt_output output = pt_to_memory(text, sizeof text);
    assert_int_equal(pt_json_encode(&output, &number_schema, &any, NULL, &error), PT_ERR_INVALID);
    assert_int_equal(error.fault, PT_FAULT_NOT_FINITE);
    assert_string_equal(write_with(&number_schema, &any, &options), "null");
    any.number = -(double)INFINITY;
    assert_string_equal(write_with(&number_schema, &any, &options), "null");
    pt_input input = pt_from_memory("null", 4);
    pt_decode_options null_is_nan = {.not_finite_is_null = true};
    assert_int_equal(pt_json_decode(&input, &number_schema, &back, &null_is_nan, NULL), PT_OK);
    assert_true(isnan(back.number));
}

/* ---- Both formats alike ------------------------------------------------------------------------------------------ */

static void test_values_come_back(void **state)
{
    (void)state;
    check_round_trips(&json, false);
}

static void test_values_come_back_in_order(void **state)
{
    (void)state;
    check_round_trips(&json, true);
}

static void test_memory_sinks_and_sources_in_pieces(void **state)
{
    (void)state;
    check_streams(&json);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    check_truncations(&json);
}

static void test_no_corruption_does_harm(void **state)
{
    (void)state;
    check_corruptions(&json);
}

static void test_memory_runs_out_anywhere(void **state)
{
    (void)state;
    check_out_of_memory(&json);
}

static void test_sinks_that_fail(void **state)
{
    (void)state;
    check_sinks_that_fail(&json);
}

static void test_messages_in_a_row(void **state)
{
    (void)state;
    check_messages_in_a_row(&json);
}

static void test_what_cannot_be_encoded(void **state)
{
    (void)state;
    check_what_cannot_be_encoded(&json);
}

static void test_nesting_takes_little_of_the_stack(void **state)
{
    (void)state;
    check_depth(&json);
}

/* A value in one format, read and written in the other, is the same in the end. */
static void test_through_cbor_and_back(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    static const struct format cbor = {pt_cbor_encode, pt_cbor_decode};
    for (int i = 0; i < test_scale(500); i++) {
        struct everything e, once, twice;
        pt_buffer first = PT_BUFFER_INIT, middle = PT_BUFFER_INIT, last = PT_BUFFER_INIT;
        random_everything(&stream, &e);
        assert_int_equal(encode(&json, &e, &first, NULL), PT_OK);
        assert_int_equal(decode(&json, first.data, first.length, &once, NULL, NULL), PT_OK);
        assert_int_equal(encode(&cbor, &once, &middle, NULL), PT_OK);
        assert_int_equal(decode(&cbor, middle.data, middle.length, &twice, NULL, NULL), PT_OK);
        assert_int_equal(encode(&json, &twice, &last, NULL), PT_OK);
        assert_int_equal(first.length, last.length);
        assert_true(memcmp(first.data, last.data, last.length) == 0);
        pt_message_free(&everything_schema, &e);
        pt_message_free(&everything_schema, &once);
        pt_message_free(&everything_schema, &twice);
        pt_buffer_free(&first);
        pt_buffer_free(&middle);
        pt_buffer_free(&last);
    }
}

/* ---- Broken input ------------------------------------------------------------------------------------------------ */

static void test_faults_say_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const pt_schema *schema;
        pt_fault fault;
        unsigned offset;
        const char *path;
    } cases[] = {
        {"", &point_schema, PT_FAULT_TRUNCATED, 0, "$"},
        {"  ", &point_schema, PT_FAULT_TRUNCATED, 2, "$"},
        {"\xef\xbb\xbf{}", &point_schema, PT_FAULT_SYNTAX, 0, "$"},
        {"{\"x\":1,\"y\":2", &point_schema, PT_FAULT_TRUNCATED, 12, "$"},
        {"{\"x\":1,\"y\":", &point_schema, PT_FAULT_TRUNCATED, 11, "$.y"},
        {"{\"x\":1,\"y\"", &point_schema, PT_FAULT_TRUNCATED, 10, "$.y"},
        {"{\"x\":1,}", &point_schema, PT_FAULT_SYNTAX, 7, "$"},
        {"{,\"x\":1}", &point_schema, PT_FAULT_SYNTAX, 1, "$"},
        {"{\"x\" 1}", &point_schema, PT_FAULT_SYNTAX, 5, "$.x"},
        {"{x:1}", &point_schema, PT_FAULT_SYNTAX, 1, "$"},
        {"{\"x\":1 \"y\":2}", &point_schema, PT_FAULT_SYNTAX, 7, "$"},
        {"{\"x\":1,\"x\":2}", &point_schema, PT_FAULT_DUPLICATE, 7, "$.x"},
        {"{\"x\":1,\"z\":2}", &point_schema, PT_FAULT_UNKNOWN, 7, "$.z"},
        {"{\"\\u0078\":1,\"a b\":2}", &point_schema, PT_FAULT_UNKNOWN, 12, "$[\"a b\"]"},
        {"{\"x\":1 }", &point_schema, PT_FAULT_MISSING, 8, "$.y"},
        {"{\"x\":1, \"y\" : \"2\"}", &point_schema, PT_FAULT_TYPE, 14, "$.y"},
        {"{\"x\":1,\"y\":null}", &point_schema, PT_FAULT_TYPE, 11, "$.y"},
        {"{\"x\":1,\"y\":2147483648}", &point_schema, PT_FAULT_RANGE, 11, "$.y"},
        {"{\"x\":1,\"y\":1.5}", &point_schema, PT_FAULT_RANGE, 11, "$.y"},
        {"{\"x\":1,\"y\":1e99}", &point_schema, PT_FAULT_RANGE, 11, "$.y"},
        {"{\"x\":1,\"y\":NaN}", &point_schema, PT_FAULT_SYNTAX, 11, "$.y"},
        {"{\"x\":1,\"y\":01}", &point_schema, PT_FAULT_SYNTAX, 12, "$.y"},
        {"{\"x\":1,\"y\":1.}", &point_schema, PT_FAULT_SYNTAX, 13, "$.y"},
        {"{\"x\":1,\"y\":-}", &point_schema, PT_FAULT_SYNTAX, 12, "$.y"},
        {"{\"x\":1,\"y\":1e+}", &point_schema, PT_FAULT_SYNTAX, 14, "$.y"},
        {"{\"x\":1,\"y\":+1}", &point_schema, PT_FAULT_SYNTAX, 11, "$.y"},
        {"{\"x\":1,\"y\":0x1}", &point_schema, PT_FAULT_SYNTAX, 12, "$"},
        {"{\"x\":1,\"y\":2} x", &point_schema, PT_FAULT_TRAILING, 14, "$"},
        {"[]", &point_schema, PT_FAULT_TYPE, 0, "$"},
        {"tru", &flag_schema, PT_FAULT_TRUNCATED, 3, "$"},
        {"trux", &flag_schema, PT_FAULT_SYNTAX, 3, "$"},
        {"truee", &flag_schema, PT_FAULT_TRAILING, 4, "$"},
        {"1e400", &number_schema, PT_FAULT_RANGE, 0, "$"},
        {"-1e999999999999", &number_schema, PT_FAULT_RANGE, 0, "$"},
        {"3.5e38", &single_schema, PT_FAULT_RANGE, 0, "$"},
        {"Infinity", &number_schema, PT_FAULT_SYNTAX, 0, "$"},
        {"18446744073709551616", &unsigned_schema, PT_FAULT_RANGE, 0, "$"},
        {"-1", &unsigned_schema, PT_FAULT_RANGE, 0, "$"},
        {"-9223372036854775809", &signed_schema, PT_FAULT_RANGE, 0, "$"},
        {"\"abc", &text_schema, PT_FAULT_TRUNCATED, 4, "$"},
        {"\"a\nb\"", &text_schema, PT_FAULT_SYNTAX, 2, "$"},
        {"\"\\x\"", &text_schema, PT_FAULT_SYNTAX, 2, "$"},
        {"\"\\u12g4\"", &text_schema, PT_FAULT_SYNTAX, 5, "$"},
        {"\"\\ud800\"", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"\"\\udc00\"", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"\"\\ud800\\u0041\"", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"\"\\ud800", &text_schema, PT_FAULT_TRUNCATED, 7, "$"},
        {"\"ab\xc3(\"", &text_schema, PT_FAULT_UTF8, 3, "$"},
        {"\"\xed\xa0\x80\"", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"\"\xc0\xaf\"", &text_schema, PT_FAULT_UTF8, 1, "$"},
        {"\"ab\xc3\"", &text_schema, PT_FAULT_UTF8, 3, "$"},
        {"\"a\\u0000b\"", &string_schema, PT_FAULT_ZERO, 0, "$"},
        {"\"AAA*\"", &bytes_schema, PT_FAULT_BASE64, 0, "$"},
        {"\"AAAAA\"", &bytes_schema, PT_FAULT_BASE64, 0, "$"},
        {"\"AB\"", &bytes_schema, PT_FAULT_BASE64, 0, "$"}, /* bits left over */
        {"\"AAAA\"", &octets_schema, PT_FAULT_LENGTH, 0, "$"},
        {"\"AAAAAAAA\"", &octets_schema, PT_FAULT_LENGTH, 0, "$"},
        {"[1, 2, 300]", &integers_schema, PT_FAULT_RANGE, 7, "$[2]"},
        {"[1 2]", &integers_schema, PT_FAULT_SYNTAX, 3, "$"},
        {"[1,]", &integers_schema, PT_FAULT_SYNTAX, 3, "$[1]"},
        {"[1}", &integers_schema, PT_FAULT_SYNTAX, 2, "$"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct any any;
        pt_message_error error = {.offset = 0};
        pt_status status = read(cases[i].schema, cases[i].text, &any, &error);
        if (status != PT_ERR_MALFORMED || error.fault != cases[i].fault || error.offset != cases[i].offset ||
            strcmp(error.path, cases[i].path) != 0)
            print_message("case %d, %s: %s at %u, %s\n", (int)i, cases[i].text, pt_fault_text(error.fault),
                          (unsigned)error.offset, error.path);
        assert_int_equal(status, PT_ERR_MALFORMED);
        assert_int_equal(error.fault, cases[i].fault);
        assert_int_equal(error.offset, cases[i].offset);
        assert_string_equal(error.path, cases[i].path);
    }
}

static void test_policies(void **state)
{
    (void)state;
    struct point point;
    static const char text[] = "{\"z\":[{\"a\":[1,2e5,\"\\ud83d\\ude00\",null,true,false,{}]}],\"y\":2,\"y\":3}";
    pt_input input = pt_from_memory(text, sizeof text - 1);
    pt_decode_options options = {
        .unknown = PT_UNKNOWN_SKIP, .duplicate = PT_DUPLICATE_LAST, .missing_is_zero = true, .trailing = true};
    assert_int_equal(pt_json_decode(&input, &point_schema, &point, &options, NULL), PT_OK);
    assert_true(point.x == 0 && point.y == 3);

    static const char lines[] = "1\n2\n 3 ";
    input = pt_from_memory(lines, sizeof lines - 1);
    for (uint64_t i = 1; i <= 3; i++) {
        struct any any;
        assert_int_equal(pt_json_decode(&input, &unsigned_schema, &any, &options, NULL), PT_OK);
        assert_true(any.unsigned_value == i);
    }
    struct any any;
    pt_message_error error = {.offset = 0};
    pt_decode_options few = {.count = 2};
    static const char three[] = "[1,2,3]";
    pt_input numbers = pt_from_memory(three, sizeof three - 1);
    assert_int_equal(pt_json_decode(&numbers, &integers_schema, &any, &few, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_LIMIT);
    few = (pt_decode_options){.length = 3};
    static const char escaped[] = "\"a\\n\\n\\n\"";
    numbers = pt_from_memory(escaped, sizeof escaped - 1);
    assert_int_equal(pt_json_decode(&numbers, &text_schema, &any, &few, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_LIMIT);

    assert_int_equal(pt_json_decode(&input, &unsigned_schema, &any, &options, &error), PT_ERR_MALFORMED);
    assert_int_equal(error.fault, PT_FAULT_END);
    assert_int_equal(error.offset, sizeof lines - 1);
}

static void test_deep_nesting(void **state)
{
    (void)state;
    enum { DEEP = 10000 };
    char *text = malloc(DEEP * 32 + 8);
    pt_message_error error = {.offset = 0};
    pt_decode_options options = {.unknown = PT_UNKNOWN_SKIP, .depth = PT_DEPTH_MOST};
    struct any any;
    struct tree tree;
    for (int map = 0; map < 2; map++) {
        size_t n = 0;
        n += (size_t)sprintf(text, "{\"q\":");
        for (int i = 0; i < DEEP; i++)
            n += (size_t)sprintf(text + n, map ? "{\"a\":" : "[");
        pt_input input = pt_from_memory(text, n);
        assert_int_equal(pt_json_decode(&input, &no_schema, &any, &options, &error), PT_ERR_OVERFLOW);
        assert_int_equal(error.fault, PT_FAULT_DEPTH);
        assert_int_equal(error.offset, 5 + (PT_DEPTH_MOST - 1) * (map ? 5 : 1));
    }
    size_t n = 0;
    for (int i = 0; i < DEEP; i++)
        n += (size_t)sprintf(text + n, "{\"name\":null,\"children\":[");
    pt_input input = pt_from_memory(text, n);
    assert_int_equal(pt_json_decode(&input, &tree_schema, &tree, NULL, &error), PT_ERR_OVERFLOW);
    assert_int_equal(error.fault, PT_FAULT_DEPTH);
    free(text);
}

/* A number, a key, a string across the edges of a window. */
static void test_a_number_must_fit_into_the_window(void **state)
{
    (void)state;
    uint8_t window[PT_INPUT_WINDOW_LEAST], text[PT_INPUT_WINDOW_LEAST + 10];
    struct any any;
    pt_message_error error = {.offset = 0};
    memset(text, '1', sizeof text);
    for (size_t point = PT_INPUT_WINDOW_LEAST - 2; point <= PT_INPUT_WINDOW_LEAST; point++) {
        text[point] = '.'; /* also where it would be the window's last byte */
        struct pipe pipe = {.bytes = {text, sizeof text, 0}};
        pt_input input = pt_from_source(give, &pipe, window, sizeof window);
        assert_int_equal(pt_json_decode(&input, &number_schema, &any, NULL, &error), PT_ERR_OVERFLOW);
        assert_int_equal(error.fault, PT_FAULT_LIMIT);
        text[point] = '1';
    }
}

TEST_MAIN("json", TEST(test_doubles_are_as_short_as_can_be), TEST(test_floats_of_any_bits),
          TEST(test_doubles_that_are_hard_to_read), TEST(test_no_locale_changes_numbers),
          TEST(test_integers_are_exact), TEST(test_strings), TEST(test_indented),
          TEST(test_nan_is_an_error_or_null), TEST(test_values_come_back), TEST(test_values_come_back_in_order),
          TEST(test_memory_sinks_and_sources_in_pieces), TEST(test_every_truncation_is_refused),
          TEST(test_no_corruption_does_harm), TEST(test_memory_runs_out_anywhere),
          TEST(test_nesting_takes_little_of_the_stack), TEST(test_sinks_that_fail), TEST(test_messages_in_a_row),
          TEST(test_what_cannot_be_encoded), TEST(test_through_cbor_and_back), TEST(test_faults_say_what_and_where),
          TEST(test_policies), TEST(test_deep_nesting), TEST(test_a_number_must_fit_into_the_window))
