/* everything.h: a struct with a field of each kind and shape, its schema, random values of it and their comparison. For the
   tests of messages, the transcoder and the fuzz targets. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pt_message.h>

enum colour { RED = 1, GREEN = 2, BLUE = -3 };

struct point {
    int32_t x, y;
};

struct row { /* bare: an array within an array */
    int16_t *cells;
    uint8_t cell_count;
};

struct weight {
    char *key;
    double value;
};

struct place {
    char *key;
    struct point value;
};

struct tree {
    char *name;
    struct tree *children;
    uint32_t child_count;
};

struct node {
    int64_t value;
    struct node *next;
};

struct everything {
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float single;
    double number;
    bool flag;
    char *string;
    char chars[12];
    pt_bytes utf8;
    pt_bytes bytes;
    uint8_t octets[5];
    enum colour colour;
    struct point point;
    bool has_maybe;
    double maybe;
    bool has_corner;
    struct point corner;
    uint16_t triple[3];
    enum colour palette[4];
    uint8_t palette_count;
    double *samples;
    size_t sample_count;
    struct point *path;
    uint16_t path_count;
    char **words;
    uint32_t word_count;
    struct row *rows;
    uint64_t row_count;
    struct weight *weights;
    size_t weight_count;
    struct place *places;
    uint32_t place_count;
    struct tree tree;
    struct node *list;
    uint32_t omitted;
    char *note;
};

static const pt_enum_name colour_names[] = {{"red", RED}, {"green", GREEN}, {"blue", BLUE}};
static const pt_enum colour_enum = PT_ENUM(colour_names);

static const pt_field point_fields[] = {PT_FIELD(struct point, x, INT), PT_FIELD(struct point, y, INT)};
static const pt_schema point_schema = PT_SCHEMA(struct point, point_fields);

static const pt_field row_fields[] = {PT_FIELD_VECTOR(struct row, cells, cell_count, INT)};
static const pt_schema row_schema = PT_SCHEMA_BARE(struct row, row_fields);

static const pt_schema tree_schema;
static const pt_field tree_fields[] = {
    PT_FIELD(struct tree, name, STRING),
    PT_FIELD_AS("children", PT_OMIT_ZERO, VECTOR, struct tree, children, child_count, STRUCT, &tree_schema)};
static const pt_schema tree_schema = PT_SCHEMA(struct tree, tree_fields);

static const pt_schema node_schema;
static const pt_field node_fields[] = {
    PT_FIELD(struct node, value, INT),
    PT_FIELD_AS("next", PT_OMIT_ZERO, ONE, struct node, next, POINTER, &node_schema)};
static const pt_schema node_schema = PT_SCHEMA(struct node, node_fields);

static const pt_field everything_fields[] = {
    PT_FIELD(struct everything, i8, INT),
    PT_FIELD(struct everything, i16, INT),
    PT_FIELD(struct everything, i32, INT),
    PT_FIELD(struct everything, i64, INT),
    PT_FIELD(struct everything, u8, INT),
    PT_FIELD(struct everything, u16, INT),
    PT_FIELD(struct everything, u32, INT),
    PT_FIELD(struct everything, u64, INT),
    PT_FIELD(struct everything, single, FLOAT),
    PT_FIELD(struct everything, number, FLOAT),
    PT_FIELD(struct everything, flag, BOOL),
    PT_FIELD(struct everything, string, STRING),
    PT_FIELD(struct everything, chars, CHARS),
    PT_FIELD(struct everything, utf8, UTF8),
    PT_FIELD(struct everything, bytes, BYTES),
    PT_FIELD(struct everything, octets, OCTETS),
    PT_FIELD(struct everything, colour, ENUM, &colour_enum),
    PT_FIELD(struct everything, point, STRUCT, &point_schema),
    PT_FIELD_OPTIONAL(struct everything, has_maybe, maybe, FLOAT),
    PT_FIELD_OPTIONAL(struct everything, has_corner, corner, STRUCT, &point_schema),
    PT_FIELD_ARRAY(struct everything, triple, INT),
    PT_FIELD_LIST(struct everything, palette, palette_count, ENUM, &colour_enum),
    PT_FIELD_VECTOR(struct everything, samples, sample_count, FLOAT),
    PT_FIELD_VECTOR(struct everything, path, path_count, STRUCT, &point_schema),
    PT_FIELD_VECTOR(struct everything, words, word_count, STRING),
    PT_FIELD_VECTOR(struct everything, rows, row_count, STRUCT, &row_schema),
    PT_FIELD_MAP(struct everything, weights, weight_count, struct weight, FLOAT),
    PT_FIELD_MAP(struct everything, places, place_count, struct place, STRUCT, &point_schema),
    PT_FIELD(struct everything, tree, STRUCT, &tree_schema),
    PT_FIELD(struct everything, list, POINTER, &node_schema),
    PT_FIELD_AS("left out", PT_OMIT_ZERO, ONE, struct everything, omitted, INT),
    PT_FIELD_AS("note", PT_OMIT_ZERO, ONE, struct everything, note, STRING),
};
static const pt_schema everything_schema = PT_SCHEMA(struct everything, everything_fields);

#endif
