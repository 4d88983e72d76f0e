/* test_schema.c: tables of fields: what the macros make, what the check finds, what freeing frees. */
#include "message/messages.h"

static void test_macros_know_types(void **state)
{
    (void)state;
    const pt_field *f = everything_fields;
    assert_int_equal(f[0].kind, PT_KIND_INT);
    assert_int_equal(f[4].kind, PT_KIND_UINT);
    assert_int_equal(f[7].size, 8);
    assert_int_equal(f[8].size, sizeof(float));
    assert_string_equal(f[10].name, "flag");
    assert_int_equal(f[10].name_length, 4);
    assert_int_equal(f[18].has_offset, 1 + offsetof(struct everything, has_maybe));
    assert_int_equal(f[20].limit, 3);
    assert_int_equal(f[21].count_size, 1);
    assert_int_equal(f[23].count_size, 2);
    assert_int_equal(f[26].stride, sizeof(struct weight));
    assert_string_equal(f[30].name, "left out");
    assert_int_equal(f[30].flags, PT_OMIT_ZERO);
    assert_int_equal(everything_schema.size, sizeof(struct everything));
}

static void test_good_tables_pass(void **state)
{
    (void)state;
    char message[128] = "";
    pt_status status = pt_schema_check(&everything_schema, message, sizeof message);
    if (status != PT_OK)
        print_message("%s\n", message);
    assert_int_equal(status, PT_OK);
    assert_int_equal(pt_schema_check(NULL, NULL, 0), PT_ERR_INVALID);
}

static const pt_schema itself;
static const pt_field itself_fields[] = {
    {"x", &itself, 0, 4, 0, 0, 0, 0, 0, 1, PT_KIND_STRUCT, PT_SHAPE_ONE, 0, 0}};
static const pt_schema itself = {"itself", itself_fields, 1, 4, 0};

/* A table with one thing changed, and what is said of it. */
static void expect(const pt_schema *schema, const char *part)
{
    char message[200] = "";
    assert_int_equal(pt_schema_check(schema, message, sizeof message), PT_ERR_INVALID);
    if (strstr(message, part) == NULL)
        print_message("\"%s\", without \"%s\"\n", message, part);
    assert_true(strstr(message, part) != NULL);
    assert_int_equal(pt_schema_check(schema, NULL, 0), PT_ERR_INVALID);
}

static void test_mistakes_are_found(void **state)
{
    (void)state;
    pt_field f[2];
    pt_schema schema = PT_SCHEMA(struct point, f);
#define BROKEN(change, part) (memcpy(f, point_fields, sizeof f), (change), expect(&schema, part))
    BROKEN(f[1] = f[0], "two fields of this name");
    BROKEN(f[1].name = NULL, "name");
    BROKEN(f[1].name_length = 7, "name");
    BROKEN(f[1].name = "\xff", "name");
    BROKEN(f[1].kind = 99, "no such kind");
    BROKEN(f[1].shape = 99, "no such shape");
    BROKEN(f[1].size = 3, "an integer of 1, 2, 4 or 8 bytes");
    BROKEN(f[1].offset = 6, "outside");
    BROKEN(f[1].kind = PT_KIND_ENUM, "pt_enum");
    BROKEN(f[1].kind = PT_KIND_STRUCT, "pt_schema");
    BROKEN(f[1].kind = PT_KIND_BOOL, "bool");
    BROKEN(f[1].has_offset = 100, "outside");
    pt_field list = {.name = "list",
                     .name_length = 4,
                     .size = 1,
                     .kind = PT_KIND_UINT,
                     .shape = PT_SHAPE_LIST,
                     .limit = 300,
                     .count_size = 1};
    pt_schema narrow = {"narrow", &list, 1, 400, 0};
    expect(&narrow, "too narrow");
    expect(&itself, "contains itself");
    memcpy(f, point_fields, sizeof f);
    schema.flags = PT_BARE;
    expect(&schema, "bare");
    schema = (pt_schema){"many", f, PT_SCHEMA_FIELDS_MOST + 1, 8, 0};
    expect(&schema, "many");
}

static void test_freeing_frees_all(void **state)
{
    (void)state;
    uint64_t stream = test_seed;
    count_blocks();
    for (int i = 0; i < test_scale(200); i++) {
        struct everything e;
        random_everything(&stream, &e);
        assert_true(blocks > 0);
        pt_message_free(&everything_schema, &e);
        assert_int_equal(blocks, 0);
        assert_true(is_cleared(&e));
        pt_message_free(&everything_schema, &e);
    }
    pt_message_free(NULL, NULL);
    stop_counting();
}

/* A list that is longer than any stack would bear. */
static void test_a_long_list_is_freed(void **state)
{
    (void)state;
    struct node first = {.next = NULL};
    for (int i = 0; i < 100000; i++) {
        struct node *node = pt_message_alloc(sizeof *node);
        *node = (struct node){i, first.next};
        first.next = node;
    }
    pt_message_free(&node_schema, &first);
    assert_null(first.next);
}

/* A schema of as many fields as may be, keys backwards: found, and each missing one named. */
struct large {
    int32_t values[PT_SCHEMA_FIELDS_MOST];
};

static char names[PT_SCHEMA_FIELDS_MOST][8];
static pt_field large_fields[PT_SCHEMA_FIELDS_MOST];

static void test_many_fields(void **state)
{
    (void)state;
    enum { MANY = PT_SCHEMA_FIELDS_MOST };
    static struct large large;
    pt_schema schema = {"large", large_fields, MANY, sizeof(struct large), 0};
    pt_buffer text = PT_BUFFER_INIT;
    char part[32];
    for (int i = 0; i < MANY; i++) {
        int length = snprintf(names[i], sizeof names[i], "f%d", i);
        large_fields[i] = (pt_field){.name = names[i],
                                     .name_length = (uint16_t)length,
                                     .offset = (uint32_t)i * 4,
                                     .size = 4,
                                     .kind = PT_KIND_INT};
    }
    assert_int_equal(pt_schema_check(&schema, NULL, 0), PT_OK);
    assert_int_equal(pt_buffer_append(&text, "{", 1), PT_OK);
    for (int i = MANY - 1; i >= 0; i--) {
        int length = snprintf(part, sizeof part, "\"f%d\":%d%s", i, -i, i == 1 ? "}" : ",");
        if (i > 0)
            assert_int_equal(pt_buffer_append(&text, part, (size_t)length), PT_OK);
    }
    pt_message_error error;
    pt_decode_options options = {.missing_is_zero = true};
    pt_input input = pt_from_memory(text.data, text.length);
    assert_int_equal(pt_json_decode(&input, &schema, &large, NULL, &error), PT_ERR_MALFORMED);
    assert_int_equal(error.fault, PT_FAULT_MISSING);
    assert_string_equal(error.path, "$.f0");
    input = pt_from_memory(text.data, text.length);
    assert_int_equal(pt_json_decode(&input, &schema, &large, &options, &error), PT_OK);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(large.values[i], -i);
    pt_buffer_free(&text);
}

static void test_faults_have_texts(void **state)
{
    (void)state;
    for (int i = PT_FAULT_NONE; i <= PT_FAULT_ARGUMENT; i++)
        assert_true(strcmp(pt_fault_text((pt_fault)i), "unknown fault") != 0);
    assert_string_equal(pt_fault_text((pt_fault)1000), "unknown fault");
    assert_string_equal(pt_strerror(PT_ERR_MALFORMED), "the input is not as it should be");
}

/* Arrays of what has a zero of its own, left out only if each element is zero. */
struct sparse {
    char names[3][8];
    pt_bytes blobs[2];
    double numbers[2];
};

static const pt_field sparse_fields[] = {
    PT_FIELD_AS("names", PT_OMIT_ZERO, ARRAY, struct sparse, names, CHARS),
    PT_FIELD_AS("blobs", PT_OMIT_ZERO, ARRAY, struct sparse, blobs, BYTES),
    PT_FIELD_AS("numbers", PT_OMIT_ZERO, ARRAY, struct sparse, numbers, FLOAT),
};
static const pt_schema sparse_schema = PT_SCHEMA(struct sparse, sparse_fields);

static void test_arrays_are_left_out_only_as_a_whole(void **state)
{
    (void)state;
    uint8_t byte = 7;
    struct sparse values[4] = {
        {.names = {""}}, {.names = {"", "", "x"}}, {.blobs = {{NULL, 0}, {&byte, 1}}}, {.numbers = {0, -0.0}}};
    static const char *const texts[] = {"{}", "{\"names\":[\"\",\"\",\"x\"]}", "{\"blobs\":[null,\"Bw\"]}",
                                        "{\"numbers\":[0,-0]}"};
    assert_int_equal(pt_schema_check(&sparse_schema, NULL, 0), PT_OK);
    strcpy(values[0].names[1] + 1, "behind"); /* is no part of the text */
    for (size_t i = 0; i < 4; i++) {
        char text[64] = "";
        struct sparse back;
        pt_output output = pt_to_memory(text, sizeof text - 1);
        assert_int_equal(pt_json_encode(&output, &sparse_schema, &values[i], NULL, NULL), PT_OK);
        assert_string_equal(text, texts[i]);
        pt_input input = pt_from_memory(text, strlen(text));
        assert_int_equal(pt_json_decode(&input, &sparse_schema, &back, NULL, NULL), PT_OK);
        assert_string_equal(back.names[2], values[i].names[2]);
        assert_int_equal(back.blobs[1].length, values[i].blobs[1].length);
        pt_message_free(&sparse_schema, &back);
    }
}

/* A list whose count is too narrow takes what the count can say, and loses nothing. */
static void test_a_narrow_count(void **state)
{
    (void)state;
    static struct {
        char *words[300];
        uint8_t count;
    } narrow;
    static const pt_field fields[] = {{.name = "words",
                                       .name_length = 5,
                                       .size = sizeof(char *),
                                       .kind = PT_KIND_STRING,
                                       .shape = PT_SHAPE_LIST,
                                       .limit = 300,
                                       .count_size = 1,
                                       .count_offset = sizeof narrow.words}};
    static const pt_schema schema = {"narrow", fields, 1, sizeof narrow, PT_BARE};
    pt_buffer text = PT_BUFFER_INIT;
    pt_message_error error = {.offset = 0};
    count_blocks();
    for (int i = 0; i < 256; i++)
        assert_int_equal(pt_buffer_append(&text, i == 0 ? "[\"\"" : ",\"\"", 3), PT_OK);
    assert_int_equal(pt_buffer_append(&text, "]", 1), PT_OK);
    pt_input input = pt_from_memory(text.data, text.length);
    assert_int_equal(pt_json_decode(&input, &schema, &narrow, NULL, &error), PT_ERR_MALFORMED);
    assert_int_equal(error.fault, PT_FAULT_LENGTH);
    assert_int_equal(narrow.count, 0);
    pt_buffer_free(&text);
    stop_counting();
}

/* A source that says it gave more than there was room for. */
static pt_status boast(void *context, void *room, size_t size, size_t *got)
{
    (void)context;
    memset(room, '1', size);
    *got = size + 1;
    return PT_OK;
}

static void test_arguments(void **state)
{
    (void)state;
    struct point point;
    pt_message_error error = {.offset = 0};
    pt_input input = pt_from_memory(NULL, 1);
    uint8_t window[8];
    assert_int_equal(pt_cbor_decode(&input, &point_schema, &point, NULL, &error), PT_ERR_INVALID);
    assert_int_equal(error.fault, PT_FAULT_ARGUMENT);
    input = pt_from_source(give, NULL, window, sizeof window);
    assert_int_equal(pt_cbor_decode(&input, &point_schema, &point, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_cbor_decode(NULL, &point_schema, &point, NULL, NULL), PT_ERR_INVALID);
    point.x = 1;
    error = (pt_message_error){.offset = 1};
    assert_int_equal(pt_json_decode(NULL, &point_schema, &point, NULL, &error), PT_ERR_INVALID);
    assert_true(error.fault == PT_FAULT_ARGUMENT && error.offset == 0 && point.x == 0);
    uint8_t large[PT_INPUT_WINDOW_LEAST];
    input = pt_from_source(boast, NULL, large, sizeof large);
    assert_int_equal(pt_json_decode(&input, &point_schema, &point, NULL, &error), PT_ERR_INVALID);
    assert_int_equal(error.fault, PT_FAULT_STREAM);
    input = pt_from_memory("", 0);
    assert_int_equal(pt_json_decode(&input, NULL, &point, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_json_decode(&input, &point_schema, NULL, NULL, NULL), PT_ERR_INVALID);
    pt_output output = pt_to_sink(take, NULL, window, sizeof window);
    assert_int_equal(pt_cbor_encode(&output, &point_schema, &point, NULL, &error), PT_ERR_INVALID);
    output = pt_to_buffer(NULL);
    assert_int_equal(pt_json_encode(&output, &point_schema, &point, NULL, NULL), PT_ERR_INVALID);
    assert_int_equal(pt_json_encode(NULL, &point_schema, &point, NULL, &error), PT_ERR_INVALID);
    assert_int_equal(error.fault, PT_FAULT_ARGUMENT);
}

TEST_MAIN("schema", TEST(test_macros_know_types), TEST(test_good_tables_pass), TEST(test_mistakes_are_found),
          TEST(test_freeing_frees_all), TEST(test_a_long_list_is_freed), TEST(test_many_fields),
          TEST(test_arrays_are_left_out_only_as_a_whole), TEST(test_a_narrow_count), TEST(test_faults_have_texts),
          TEST(test_arguments))
