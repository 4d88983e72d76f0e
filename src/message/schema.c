/* schema.c: tables of fields: checking them, freeing what they describe, the order of keys. */
#include "message.h"

#include <stdio.h>

#include "memory.h"

/* ---- Order ---- */

/* Heap sort: in place, and n log n whatever the keys. */
static void sift(uint32_t *order, size_t from, size_t count, bool (*below)(const void *, uint32_t, uint32_t),
                 const void *context)
{
    uint32_t item = order[from];
    for (size_t child; (child = 2 * from + 1) < count; from = child) {
        if (child + 1 < count && below(context, order[child], order[child + 1]))
            child++;
        if (!below(context, item, order[child]))
            break;
        order[from] = order[child];
    }
    order[from] = item;
}

void pti_sort(uint32_t *order, size_t count, bool (*below)(const void *, uint32_t, uint32_t), const void *context)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(order, i, count, below, context);
    for (size_t i = count; i-- > 1;) {
        uint32_t largest = order[0];
        order[0] = order[i];
        order[i] = largest;
        sift(order, 0, i, below, context);
    }
}

bool pti_field_below(const void *fields, uint32_t i, uint32_t j)
{
    const pt_field *a = (const pt_field *)fields + i, *b = (const pt_field *)fields + j;
    return compare_keys(a->name, a->name_length, b->name, b->name_length) < 0;
}

bool pti_fields_sorted(const pt_schema *schema)
{
    for (uint32_t i = 1; i < schema->count; i++) {
        if (!pti_field_below(schema->fields, i - 1, i))
            return false;
    }
    return true;
}

/* Entries of the same key stay in their order. */
bool pti_entry_below(const void *context, uint32_t i, uint32_t j)
{
    const struct entries *entries = context;
    const char *a = entry_key(entries, i), *b = entry_key(entries, j);
    int order = compare_keys(a, strlen(a), b, strlen(b));
    return order < 0 || (order == 0 && i < j);
}

/* ---- Freeing ---- */

static bool owns(const pt_field *field)
{
    return field->kind == PT_KIND_STRING || field->kind == PT_KIND_UTF8 || field->kind == PT_KIND_BYTES ||
           field->kind == PT_KIND_STRUCT || field->kind == PT_KIND_POINTER;
}

static void free_struct(const pt_schema *schema, void *value);

/* A list by pointers may be long: its last pointer is followed in a loop, not by recursion. */
static void free_pointer(const pt_schema *schema, void *value)
{
    while (value != NULL) {
        const pt_field *last = schema->count == 0 ? NULL : &schema->fields[schema->count - 1];
        void *next = NULL;
        const pt_schema *next_schema = NULL;
        if (last != NULL && last->kind == PT_KIND_POINTER && last->shape == PT_SHAPE_ONE) {
            uint8_t *member = (uint8_t *)value + last->offset;
            memcpy(&next, member, sizeof next);
            memset(member, 0, sizeof next);
            next_schema = last->of;
        }
        free_struct(schema, value);
        pti_free(value);
        value = next;
        schema = next_schema;
    }
}

static void free_one(const pt_field *field, void *at)
{
    void *block;
    switch ((pt_kind)field->kind) {
    case PT_KIND_STRING:
    case PT_KIND_UTF8:
    case PT_KIND_BYTES: /* both begin with their pointer */
        memcpy(&block, at, sizeof block);
        pti_free(block);
        break;
    case PT_KIND_STRUCT: free_struct(field->of, at); break;
    case PT_KIND_POINTER:
        memcpy(&block, at, sizeof block);
        free_pointer(field->of, block);
        break;
    default: break;
    }
}

static void free_all(const pt_field *field, uint8_t *first, size_t count)
{
    if (owns(field)) {
        for (size_t i = 0; i < count; i++)
            free_one(field, first + i * field->size);
    }
}

static void free_vector(const pt_field *field, uint8_t *first, size_t count)
{
    if (first != NULL)
        free_all(field, first, count);
    pti_free(first);
}

void pti_free_entry(const pt_field *field, uint8_t *entry)
{
    void *key;
    memcpy(&key, entry, sizeof key);
    pti_free(key);
    free_one(field, entry + field->value_offset);
    memset(entry, 0, field->stride);
}

static void free_map(const pt_field *field, uint8_t *first, size_t count)
{
    for (size_t i = 0; first != NULL && i < count; i++)
        pti_free_entry(field, first + i * field->stride);
    pti_free(first);
}

void pti_free_field(const pt_field *field, void *value)
{
    uint8_t *member = (uint8_t *)value + field->offset, *first;
    size_t count = field->count_size == 0
                       ? 0
                       : (size_t)load_unsigned((uint8_t *)value + field->count_offset, field->count_size);
    size_t size = field->size;
    switch ((pt_shape)field->shape) {
    case PT_SHAPE_ONE: free_one(field, member); break;
    case PT_SHAPE_ARRAY:
    case PT_SHAPE_LIST:
        if (field->shape == PT_SHAPE_ARRAY || count > field->limit)
            count = field->limit;
        free_all(field, member, count);
        size *= field->limit;
        break;
    case PT_SHAPE_VECTOR:
    case PT_SHAPE_MAP:
        memcpy(&first, member, sizeof first);
        (field->shape == PT_SHAPE_VECTOR ? free_vector : free_map)(field, first, count);
        size = sizeof first;
        break;
    }
    memset(member, 0, size);
    if (field->count_size != 0)
        store_integer((uint8_t *)value + field->count_offset, field->count_size, 0);
    if (field->has_offset != 0)
        ((uint8_t *)value)[field->has_offset - 1] = 0;
}

static void free_struct(const pt_schema *schema, void *value)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        const pt_field *field = &schema->fields[i];
        if (owns(field) || field->shape == PT_SHAPE_VECTOR || field->shape == PT_SHAPE_MAP)
            pti_free_field(field, value);
    }
}

void pt_message_free(const pt_schema *schema, void *value)
{
    if (schema == NULL || value == NULL)
        return;
    free_struct(schema, value);
    memset(value, 0, schema->size);
}

/* ---- Checking ---- */

enum { SCHEMAS_MOST = 64 }; /* that lead to each other; those beyond are not looked at */

struct checker {
    const pt_schema *seen[SCHEMAS_MOST];
    size_t count, done;
    char *message;
    size_t size;
};

static bool wrong(struct checker *c, const pt_schema *schema, const char *field, const char *what)
{
    if (c->message != NULL && c->size > 0)
        snprintf(c->message, c->size, "%s%s%s: %s", schema->name == NULL ? "(schema without a name)" : schema->name,
                 field == NULL ? "" : ".", field == NULL ? "" : field, what);
    return false;
}

static void look_at_later(struct checker *c, const pt_schema *schema)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->seen[i] == schema)
            return;
    }
    if (c->count < SCHEMAS_MOST)
        c->seen[c->count++] = schema;
}

static bool good_name(const char *name)
{
    bool cut;
    size_t length = name == NULL ? 0 : strlen(name);
    return name != NULL && length <= PT_SCHEMA_NAME_MOST &&
           pti_utf8_valid((const uint8_t *)name, length, &cut) == length;
}

static bool is_integer_size(size_t size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

static const char *wrong_enum(const pt_enum *names)
{
    if (names == NULL || names->names == NULL || names->count == 0)
        return "an ENUM wants a pt_enum with names";
    for (uint32_t i = 0; i < names->count; i++) {
        if (!good_name(names->names[i].name))
            return "a name of the enum is missing, too long or no UTF-8";
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(names->names[i].name, names->names[j].name) == 0)
                return "a name of the enum is there twice";
        }
    }
    return NULL;
}

static const char *wrong_kind(const pt_field *field)
{
    switch ((pt_kind)field->kind) {
    case PT_KIND_INT:
    case PT_KIND_UINT: return is_integer_size(field->size) ? NULL : "an integer of 1, 2, 4 or 8 bytes is wanted";
    case PT_KIND_FLOAT: return field->size == 4 || field->size == 8 ? NULL : "a float or double is wanted";
    case PT_KIND_BOOL: return field->size == 1 ? NULL : "a bool is wanted";
    case PT_KIND_STRING: return field->size == sizeof(char *) ? NULL : "a char * is wanted";
    case PT_KIND_UTF8:
    case PT_KIND_BYTES: return field->size == sizeof(pt_bytes) ? NULL : "a pt_bytes is wanted";
    case PT_KIND_CHARS:
    case PT_KIND_OCTETS: return field->size > 0 ? NULL : "an array is wanted";
    case PT_KIND_ENUM: return is_integer_size(field->size) ? wrong_enum(field->of) : "an enum is wanted";
    case PT_KIND_STRUCT:
        if (field->of == NULL)
            return "a STRUCT wants a pt_schema";
        return ((const pt_schema *)field->of)->size == field->size ? NULL
                                                                   : "the schema is of a struct of another size";
    case PT_KIND_POINTER: return field->of != NULL ? NULL : "a POINTER wants a pt_schema";
    }
    return "no such kind";
}

static const char *wrong_shape(const pt_schema *schema, const pt_field *field)
{
    uint64_t end = field->offset;
    switch ((pt_shape)field->shape) {
    case PT_SHAPE_ONE: end += field->size; break;
    case PT_SHAPE_ARRAY:
    case PT_SHAPE_LIST: end += (uint64_t)field->size * field->limit; break;
    case PT_SHAPE_VECTOR:
    case PT_SHAPE_MAP: end += sizeof(void *); break;
    default: return "no such shape";
    }
    if (end > schema->size || (field->count_size > 0 && field->count_offset + field->count_size > schema->size) ||
        field->has_offset > schema->size)
        return "a member lies outside of the struct";
    if (field->shape >= PT_SHAPE_LIST && !is_integer_size(field->count_size))
        return "the count must be an unsigned integer";
    if (field->shape == PT_SHAPE_LIST && field->limit > largest_unsigned(field->count_size))
        return "the count is too narrow for the list";
    if (field->shape == PT_SHAPE_MAP &&
        (field->value_offset < sizeof(char *) || field->value_offset + field->size > field->stride))
        return "an entry of a map wants a char *key first, then a value";
    if (field->size == 0)
        return "elements without a size";
    if ((field->flags & PT_OMIT_ZERO) != 0 && field->shape <= PT_SHAPE_ARRAY && field->kind == PT_KIND_STRUCT)
        return "a STRUCT cannot be left out for being zero: make it optional";
    return NULL;
}

static bool check_schema(struct checker *c, const pt_schema *schema)
{
    if (schema->count > PT_SCHEMA_FIELDS_MOST || (schema->count > 0 && schema->fields == NULL))
        return wrong(c, schema, NULL, "no fields, or too many");
    if ((schema->flags & PT_BARE) != 0 && (schema->count != 1 || schema->fields[0].has_offset != 0))
        return wrong(c, schema, NULL, "a bare schema has one field, which is not optional");
    for (uint32_t i = 0; i < schema->count; i++) {
        const pt_field *field = &schema->fields[i];
        if (!good_name(field->name) || strlen(field->name) != field->name_length)
            return wrong(c, schema, NULL, "a field's name is missing, too long or no UTF-8");
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(field->name, schema->fields[j].name) == 0)
                return wrong(c, schema, field->name, "there are two fields of this name");
        }
        const char *what = wrong_kind(field);
        if (what == NULL)
            what = wrong_shape(schema, field);
        if (what != NULL)
            return wrong(c, schema, field->name, what);
        if (field->kind == PT_KIND_STRUCT || field->kind == PT_KIND_POINTER)
            look_at_later(c, field->of);
    }
    return true;
}

/* Whether a schema lies within itself, by members that are structs: then it would have no end. */
static bool contains(const pt_schema *outer, const pt_schema *wanted, unsigned depth)
{
    for (uint32_t i = 0; i < outer->count; i++) {
        const pt_field *field = &outer->fields[i];
        if (field->kind != PT_KIND_STRUCT || field->shape == PT_SHAPE_VECTOR || field->shape == PT_SHAPE_MAP)
            continue;
        if (field->of == wanted || depth == 0 || contains(field->of, wanted, depth - 1))
            return true;
    }
    return false;
}

pt_status pt_schema_check(const pt_schema *schema, char *message, size_t size)
{
    struct checker c = {.message = message, .size = size};
    if (schema == NULL)
        return PT_ERR_INVALID;
    look_at_later(&c, schema);
    while (c.done < c.count) {
        if (!check_schema(&c, c.seen[c.done]))
            return PT_ERR_INVALID;
        c.done++;
    }
    for (size_t i = 0; i < c.count; i++) {
        if (contains(c.seen[i], c.seen[i], 16)) {
            wrong(&c, c.seen[i], NULL, "contains itself, or nests too deeply");
            return PT_ERR_INVALID;
        }
    }
    return PT_OK;
}
