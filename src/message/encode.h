/* encode.h: walks over a value by its schema and writes it, the same for both formats. It is compiled as part of each, so that
   the format's short functions are inlined, which has defined before:

     put_null, put_bool, put_unsigned, put_signed, put_float   a value; put_float knows whether it is a float or a double
     put_text, put_bytes                          text that was found to be UTF-8; bytes
     put_key(e, name, length, i)                  the key of the i-th entry of a map
     begin_element(e, i)                          before the i-th element of an array
     open_map, close_map, open_array, close_array with the count

   All of them return false if they failed; then the walker unwinds and puts the path together. */
#ifndef PTI_ENCODE_H
#define PTI_ENCODE_H

#include "memory.h"
#include "message.h"

static bool encode_struct(struct encoder *e, const pt_schema *schema, const uint8_t *value);
static bool encode_field(struct encoder *e, const pt_field *field, const uint8_t *value);

static bool encode_text(struct encoder *e, const uint8_t *text, size_t length)
{
    bool cut;
    if (pti_utf8_valid(text, length, &cut) != length)
        return encode_fail(e, PT_FAULT_UTF8);
    return put_text(e, text, length);
}

static bool encode_chars(struct encoder *e, const pt_field *field, const uint8_t *text)
{
    const uint8_t *end = memchr(text, 0, field->size);
    if (end == NULL)
        return encode_fail(e, PT_FAULT_LENGTH);
    return encode_text(e, text, (size_t)(end - text));
}

static bool encode_enum(struct encoder *e, const pt_field *field, const uint8_t *at)
{
    const pt_enum *names = field->of;
    uint64_t value = load_unsigned(at, field->size), mask = largest_unsigned(field->size);
    for (uint32_t i = 0; i < names->count; i++) {
        if (((uint64_t)names->names[i].value & mask) == value)
            return put_text(e, (const uint8_t *)names->names[i].name, strlen(names->names[i].name));
    }
    return encode_fail(e, PT_FAULT_NAME);
}

static bool encode_pointed(struct encoder *e, const pt_field *field, const uint8_t *at)
{
    const char *pointer;
    pt_bytes bytes;
    if (field->kind == PT_KIND_UTF8 || field->kind == PT_KIND_BYTES) {
        memcpy(&bytes, at, sizeof bytes);
        if (bytes.data == NULL)
            return put_null(e);
        return (field->kind == PT_KIND_UTF8 ? encode_text : put_bytes)(e, bytes.data, bytes.length);
    }
    memcpy(&pointer, at, sizeof pointer);
    if (pointer == NULL)
        return put_null(e);
    if (field->kind == PT_KIND_STRING)
        return encode_text(e, (const uint8_t *)pointer, strlen(pointer));
    return encode_struct(e, field->of, (const uint8_t *)pointer);
}

static inline bool encode_float(struct encoder *e, const pt_field *field, const uint8_t *at)
{
    float single;
    double value;
    if (field->size == sizeof value) {
        memcpy(&value, at, sizeof value);
        return put_float(e, value, false);
    }
    memcpy(&single, at, sizeof single);
    return put_float(e, (double)single, true);
}

static inline bool encode_one(struct encoder *e, const pt_field *field, const uint8_t *at)
{
    switch ((pt_kind)field->kind) {
    case PT_KIND_INT: return put_signed(e, load_signed(at, field->size));
    case PT_KIND_UINT: return put_unsigned(e, load_unsigned(at, field->size));
    case PT_KIND_FLOAT: return encode_float(e, field, at);
    case PT_KIND_BOOL: return put_bool(e, *at != 0);
    case PT_KIND_CHARS: return encode_chars(e, field, at);
    case PT_KIND_OCTETS: return put_bytes(e, at, field->size);
    case PT_KIND_ENUM: return encode_enum(e, field, at);
    case PT_KIND_STRUCT: return encode_struct(e, field->of, at);
    case PT_KIND_STRING:
    case PT_KIND_UTF8:
    case PT_KIND_BYTES:
    case PT_KIND_POINTER: return encode_pointed(e, field, at);
    }
    return encode_fail(e, PT_FAULT_ARGUMENT);
}

/* A level deeper; e->depth++ and e->levels-- go back. */
static inline bool descend(struct encoder *e)
{
    if (e->depth == 0)
        return encode_fail(e, PT_FAULT_DEPTH);
    e->depth--;
    e->levels++;
    return true;
}

static inline bool ascend(struct encoder *e)
{
    e->depth++;
    e->levels--;
    return true;
}

static bool encode_elements(struct encoder *e, const pt_field *field, const uint8_t *first, size_t count)
{
    if (first == NULL && count > 0)
        return encode_fail(e, PT_FAULT_ARGUMENT);
    if (!descend(e) || !open_array(e, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!begin_element(e, i) || !encode_one(e, field, first + i * field->size))
            return in_element(&e->failure, i);
    }
    return ascend(e) && close_array(e, count);
}

static bool encode_entry(struct encoder *e, const pt_field *field, const struct entries *entries, size_t which,
                         size_t i)
{
    const char *key = entry_key(entries, which);
    bool cut;
    size_t length = strlen(key);
    if (pti_utf8_valid((const uint8_t *)key, length, &cut) != length)
        return encode_fail(e, PT_FAULT_UTF8);
    if (!put_key(e, key, length, i) ||
        !encode_one(e, field, entries->first + which * field->stride + field->value_offset))
        return in_key(&e->failure, key, length);
    return true;
}

/* The keys of a map in order, or NULL with the failure noted. */
static uint32_t *sorted_entries(struct encoder *e, const struct entries *entries, size_t count)
{
    uint32_t *order = pti_encode_order(e, count, pti_entry_below, entries);
    for (size_t i = 1; order != NULL && i < count; i++) {
        const char *key = entry_key(entries, order[i]);
        if (strcmp(entry_key(entries, order[i - 1]), key) == 0) {
            encode_fail(e, PT_FAULT_DUPLICATE);
            in_key(&e->failure, key, strlen(key));
            pti_free(order);
            order = NULL;
        }
    }
    return order;
}

static bool encode_map(struct encoder *e, const pt_field *field, const uint8_t *first, size_t count)
{
    struct entries entries = {first, field->stride};
    uint32_t *order = NULL;
    bool encoded = true;
    for (size_t i = 0; i < count; i++) {
        if (first == NULL || entry_key(&entries, i) == NULL)
            return encode_fail(e, PT_FAULT_ARGUMENT);
    }
    if (e->deterministic && count > 1 && (order = sorted_entries(e, &entries, count)) == NULL)
        return false;
    encoded = descend(e) && open_map(e, count);
    for (size_t i = 0; encoded && i < count; i++)
        encoded = encode_entry(e, field, &entries, order == NULL ? i : order[i], i);
    pti_free(order);
    return encoded && ascend(e) && close_map(e, count);
}

static bool encode_shape(struct encoder *e, const pt_field *field, const uint8_t *value)
{
    const uint8_t *member = value + field->offset, *first;
    uint64_t count = field->limit;
    if (field->shape != PT_SHAPE_ARRAY)
        count = load_unsigned(value + field->count_offset, field->count_size);
    if (field->shape == PT_SHAPE_ARRAY || field->shape == PT_SHAPE_LIST) {
        if (count > field->limit)
            return encode_fail(e, PT_FAULT_LENGTH);
        return encode_elements(e, field, member, (size_t)count);
    }
    memcpy(&first, member, sizeof first);
    if (count > SIZE_MAX)
        return encode_fail(e, PT_FAULT_LENGTH);
    return (field->shape == PT_SHAPE_VECTOR ? encode_elements : encode_map)(e, field, first, (size_t)count);
}

static inline bool encode_field(struct encoder *e, const pt_field *field, const uint8_t *value)
{
    if (field->shape == PT_SHAPE_ONE)
        return encode_one(e, field, value + field->offset);
    return encode_shape(e, field, value);
}

/* Whether a field that may be left out is zero. */
static bool is_zero(const pt_field *field, const uint8_t *value)
{
    size_t size = field->size, count = field->shape == PT_SHAPE_ARRAY ? field->limit : 1;
    if (field->count_size != 0)
        return load_unsigned(value + field->count_offset, field->count_size) == 0;
    if (field->kind == PT_KIND_UTF8 || field->kind == PT_KIND_BYTES)
        size = sizeof(void *); /* NULL is null */
    else if (field->kind == PT_KIND_CHARS)
        size = 1; /* no text */
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < size; j++) {
            if (value[field->offset + i * field->size + j] != 0)
                return false;
        }
    }
    return true;
}

static inline bool is_there(const pt_field *field, const uint8_t *value)
{
    if (__builtin_expect((field->has_offset | field->flags) == 0, 1))
        return true;
    if (field->has_offset != 0)
        return value[field->has_offset - 1] != 0;
    return !is_zero(field, value);
}

static bool encode_members(struct encoder *e, const pt_schema *schema, const uint8_t *value, const uint32_t *order)
{
    size_t index = 0;
    for (uint32_t i = 0; i < schema->count; i++) {
        const pt_field *field = &schema->fields[order == NULL ? i : order[i]];
        if (!is_there(field, value))
            continue;
        if (!put_key(e, field->name, field->name_length, index++) || !encode_field(e, field, value))
            return in_key(&e->failure, field->name, field->name_length);
    }
    return true;
}

/* It counts as a level, though it opens none, so that one that leads to itself comes to an end. */
static bool encode_bare(struct encoder *e, const pt_schema *schema, const uint8_t *value)
{
    if (e->depth == 0)
        return encode_fail(e, PT_FAULT_DEPTH);
    e->depth--;
    bool encoded = encode_field(e, &schema->fields[0], value);
    e->depth++;
    return encoded;
}

static bool encode_struct(struct encoder *e, const pt_schema *schema, const uint8_t *value)
{
    uint32_t *order = NULL;
    size_t count = 0;
    if (schema->flags & PT_BARE)
        return encode_bare(e, schema, value);
    for (uint32_t i = 0; i < schema->count; i++)
        count += is_there(&schema->fields[i], value);
    if (!descend(e) || !open_map(e, count))
        return false;
    if (e->deterministic && !pti_fields_sorted(schema)) {
        order = pti_encode_order(e, schema->count, pti_field_below, schema->fields);
        if (order == NULL)
            return false;
    }
    bool encoded = encode_members(e, schema, value, order);
    pti_free(order);
    return encoded && ascend(e) && close_map(e, count);
}

#endif
