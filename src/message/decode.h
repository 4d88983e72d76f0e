/* decode.h: reads a value by its schema. What both formats have in common is here, once: limits, what is owned, policies on keys,
   paths. It is compiled as part of each format, so that the format's short functions are inlined, which has defined before:

     take_null(d)                      whether null comes next; it is taken then
     get_bool, get_float               a value
     get_integer(d, number)            one that is whole
     get_text(d, text)                 UTF-8, added to text; get_bytes(d, text) and get_octets(d, text) likewise
     open_map, open_array(d, items)
     next_item(d, items)               whether there is one more: ITEM, or END, which closes it, or FAILED
     get_key(d, key, length)           a key, to be looked at before anything more is read
     end_key(d)                        what stands between a key and its value
     items_known(items)                whether items->left is how many will come
     skip(d)                           a value of any kind
     more_comes(d)                     whether there is a byte, other than white space in JSON, which is taken

   They take what comes as it is: which types are wanted, where it goes, and what it owns is settled here. At any moment all
   that was allocated hangs in the value, so that whatever fails, freeing the value frees it. */
#ifndef PTI_DECODE_H
#define PTI_DECODE_H

#include <math.h>

#include "memory.h"
#include "message.h"

static bool decode_struct(struct decoder *d, const pt_schema *schema, uint8_t *value);
static bool decode_field(struct decoder *d, const pt_field *field, uint8_t *value);

static bool out_of_range(struct decoder *d, uint64_t offset)
{
    return fail_at(&d->failure, PT_FAULT_RANGE, offset);
}

static inline bool decode_integer(struct decoder *d, const pt_field *field, uint8_t *at)
{
    struct number number;
    uint64_t offset = offset_of(d, d->at), most = largest_unsigned(field->size);
    if (!get_integer(d, &number))
        return false;
    if (field->kind == PT_KIND_INT)
        most >>= 1;
    if (number.magnitude > most || (number.negative && field->kind == PT_KIND_UINT))
        return out_of_range(d, offset);
    store_integer(at, field->size, number.negative ? ~number.magnitude : number.magnitude);
    return true;
}

static inline bool decode_float(struct decoder *d, const pt_field *field, uint8_t *at)
{
    uint64_t offset = offset_of(d, d->at);
    bool single = field->size == sizeof(float);
    double value;
    if (!get_float(d, &value, single))
        return false;
    if (!single) {
        memcpy(at, &value, sizeof value);
        return true;
    }
    float rounded = (float)value;
    if (isinf(rounded) && !isinf(value))
        return out_of_range(d, offset);
    memcpy(at, &rounded, sizeof rounded);
    return true;
}

static inline bool decode_bool(struct decoder *d, uint8_t *at)
{
    bool value;
    if (!get_bool(d, &value))
        return false;
    *at = value;
    return true;
}

static bool decode_chars(struct decoder *d, const pt_field *field, uint8_t *at)
{
    uint64_t offset = offset_of(d, d->at);
    struct text text = {.start = offset, .data = at, .capacity = field->size - 1, .mode = TEXT_FIXED};
    if (!get_text(d, &text))
        return false;
    if (memchr(at, 0, text.length) != NULL)
        return fail_at(&d->failure, PT_FAULT_ZERO, offset);
    memset(at + text.length, 0, field->size - text.length);
    return true;
}

static bool decode_octets(struct decoder *d, const pt_field *field, uint8_t *at)
{
    uint64_t offset = offset_of(d, d->at);
    struct text text = {.start = offset, .data = at, .capacity = field->size, .mode = TEXT_FIXED};
    if (!get_octets(d, &text))
        return false;
    return text.length == field->size || fail_at(&d->failure, PT_FAULT_LENGTH, offset);
}

static bool decode_enum(struct decoder *d, const pt_field *field, uint8_t *at)
{
    const pt_enum *names = field->of;
    uint64_t offset = offset_of(d, d->at);
    struct text text = {.data = (uint8_t *)d->key, .capacity = sizeof d->key, .mode = TEXT_DROPPED};
    if (!get_text(d, &text))
        return false;
    for (uint32_t i = 0; i < names->count; i++) {
        const char *name = names->names[i].name;
        if (strncmp(name, d->key, text.length) == 0 && strlen(name) == text.length) {
            store_integer(at, field->size, (uint64_t)names->names[i].value);
            return true;
        }
    }
    return fail_at(&d->failure, PT_FAULT_NAME, offset);
}

/* A string with its zero, owned by nobody yet. */
static bool get_string(struct decoder *d, struct text *text)
{
    uint64_t offset = offset_of(d, d->at);
    *text = (struct text){.start = offset, .mode = TEXT_OWNED};
    if (get_text(d, text) && pti_text_reserve(d, text, 0)) {
        if (memchr(text->data, 0, text->length) == NULL) {
            text->data[text->length] = 0;
            return true;
        }
        fail_at(&d->failure, PT_FAULT_ZERO, offset);
    }
    pti_free(text->data);
    return false;
}

static inline bool decode_string(struct decoder *d, uint8_t *at)
{
    struct text text;
    if (take_null(d))
        return true;
    if (!get_string(d, &text))
        return false;
    memcpy(at, &text.data, sizeof text.data);
    return true;
}

static bool decode_bytes(struct decoder *d, const pt_field *field, uint8_t *at)
{
    struct text text = {.start = offset_of(d, d->at), .mode = TEXT_OWNED};
    if (take_null(d))
        return true;
    if (!(field->kind == PT_KIND_UTF8 ? get_text(d, &text) : get_bytes(d, &text)) ||
        !pti_text_reserve(d, &text, 0)) {
        pti_free(text.data);
        return false;
    }
    pt_bytes bytes = {text.data, text.length};
    memcpy(at, &bytes, sizeof bytes);
    return true;
}

static bool decode_pointer(struct decoder *d, const pt_field *field, uint8_t *at)
{
    const pt_schema *schema = field->of;
    if (take_null(d))
        return true;
    uint8_t *value = pti_take(d, schema->size);
    if (value == NULL)
        return false;
    memset(value, 0, schema->size);
    memcpy(at, &value, sizeof value);
    return decode_struct(d, schema, value);
}

/* What is at `at` is zero before. */
static inline bool decode_one(struct decoder *d, const pt_field *field, uint8_t *at)
{
    switch ((pt_kind)field->kind) {
    case PT_KIND_INT:
    case PT_KIND_UINT: return decode_integer(d, field, at);
    case PT_KIND_FLOAT: return decode_float(d, field, at);
    case PT_KIND_BOOL: return decode_bool(d, at);
    case PT_KIND_STRING: return decode_string(d, at);
    case PT_KIND_CHARS: return decode_chars(d, field, at);
    case PT_KIND_UTF8:
    case PT_KIND_BYTES: return decode_bytes(d, field, at);
    case PT_KIND_OCTETS: return decode_octets(d, field, at);
    case PT_KIND_ENUM: return decode_enum(d, field, at);
    case PT_KIND_STRUCT: return decode_struct(d, field->of, at);
    case PT_KIND_POINTER: return decode_pointer(d, field, at);
    }
    return decode_fail(d, PT_FAULT_ARGUMENT, d->at);
}

/* A level deeper; d->depth++ goes back. */
static inline bool descend(struct decoder *d)
{
    if (d->depth == 0)
        return decode_fail(d, PT_FAULT_DEPTH, d->at);
    d->depth--;
    return true;
}

/* ---- Arrays in their place ---- */

static bool decode_in_place(struct decoder *d, const pt_field *field, uint8_t *value)
{
    struct items items;
    uint8_t *first = value + field->offset;
    uint64_t offset = offset_of(d, d->at);
    size_t count = 0, most = field->limit;
    enum step step;
    if (field->shape == PT_SHAPE_LIST && most > largest_unsigned(field->count_size))
        most = (size_t)largest_unsigned(field->count_size);
    if (!descend(d) || !open_array(d, &items))
        return false;
    for (; (step = next_item(d, &items)) == ITEM; count++) {
        if (count == most)
            return decode_fail(d, PT_FAULT_LENGTH, d->at);
        if (field->shape == PT_SHAPE_LIST) /* before, so that whatever fails, it is freed */
            store_integer(value + field->count_offset, field->count_size, count + 1);
        if (!decode_one(d, field, first + count * field->size))
            return in_element(&d->failure, count);
    }
    if (step == FAILED)
        return false;
    if (field->shape == PT_SHAPE_ARRAY && count != field->limit)
        return fail_at(&d->failure, PT_FAULT_LENGTH, offset);
    d->depth++;
    return true;
}

/* ---- Vectors and maps: memory that grows ---- */

struct growing {
    uint8_t *first;
    size_t count, capacity, stride, most;
};

/* How many there is memory for at first: all, if the input says how many and that is not much more than its own length. */
static size_t first_capacity(const struct decoder *d, const struct growing *g, const struct items *items)
{
    size_t few = g->stride > 512 ? 1 : 1024 / g->stride;
    uint64_t justified = (uint64_t)(d->end - d->at) / g->stride * 4 + few;
    if (!items_known(items))
        return few < 8 ? few : 8;
    return (size_t)(items->left < justified ? items->left : justified);
}

/* Room for one more, zeroed; member and count are where the struct has them. */
static bool grow(struct decoder *d, struct growing *g, const struct items *items, uint8_t *member, uint8_t *count,
                 size_t count_size)
{
    if (g->count == g->most)
        return decode_fail(d, PT_FAULT_LIMIT, d->at);
    if (g->count == g->capacity) {
        size_t capacity = g->capacity == 0 ? first_capacity(d, g, items) : 2 * g->capacity;
        if (capacity > g->most)
            capacity = g->most;
        if (capacity == 0)
            capacity = 1;
        if (capacity > SIZE_MAX / 2 / g->stride)
            return decode_fail(d, PT_FAULT_LIMIT, d->at);
        uint8_t *larger = pti_take(d, capacity * g->stride);
        if (larger == NULL)
            return false;
        if (g->count > 0)
            memcpy(larger, g->first, g->count * g->stride);
        memset(larger + g->count * g->stride, 0, (capacity - g->count) * g->stride);
        pti_give(d, g->first, g->capacity * g->stride);
        g->first = larger;
        g->capacity = capacity;
        memcpy(member, &larger, sizeof larger);
    }
    g->count++;
    store_integer(count, count_size, g->count);
    return true;
}

static size_t most_elements(const struct decoder *d, const pt_field *field)
{
    uint64_t most = largest_unsigned(field->count_size);
    return most < d->options.count ? (size_t)most : d->options.count;
}

static bool decode_vector(struct decoder *d, const pt_field *field, uint8_t *value)
{
    struct growing g = {.stride = field->size, .most = most_elements(d, field)};
    uint8_t *count = value + field->count_offset;
    struct items items;
    enum step step;
    if (!descend(d) || !open_array(d, &items))
        return false;
    while ((step = next_item(d, &items)) == ITEM) {
        if (!grow(d, &g, &items, value + field->offset, count, field->count_size))
            return false;
        if (!decode_one(d, field, g.first + (g.count - 1) * g.stride))
            return in_element(&d->failure, g.count - 1);
    }
    d->depth++;
    return step == END;
}

/* The key of a new entry, zeroed so far. */
static bool decode_entry_key(struct decoder *d, uint8_t *entry)
{
    struct text key;
    if (!get_string(d, &key))
        return false;
    memcpy(entry, &key.data, sizeof key.data);
    return end_key(d);
}

/* Whether the key of the i-th entry may follow the one before: deterministic input has them in RFC 8949's order. */
static bool follows(struct decoder *d, const struct entries *entries, size_t i, uint64_t offset)
{
    if (!d->options.deterministic || i == 0)
        return true;
    const char *before = entry_key(entries, i - 1), *key = entry_key(entries, i);
    int order = compare_keys(before, strlen(before), key, strlen(key));
    return order < 0 || fail_at(&d->failure, order == 0 ? PT_FAULT_DUPLICATE : PT_FAULT_ORDER, offset);
}

static bool decode_map(struct decoder *d, const pt_field *field, uint8_t *value)
{
    struct growing g = {.stride = field->stride, .most = most_elements(d, field)};
    uint8_t *count = value + field->count_offset;
    struct items items;
    enum step step;
    if (!descend(d) || !open_map(d, &items))
        return false;
    while ((step = next_item(d, &items)) == ITEM) {
        if (!grow(d, &g, &items, value + field->offset, count, field->count_size))
            return false;
        uint8_t *entry = g.first + (g.count - 1) * g.stride;
        uint64_t offset = offset_of(d, d->at);
        if (!decode_entry_key(d, entry))
            return false;
        struct entries entries = {g.first, g.stride};
        const char *key = entry_key(&entries, g.count - 1);
        if (!follows(d, &entries, g.count - 1, offset) || !decode_one(d, field, entry + field->value_offset))
            return in_key(&d->failure, key, strlen(key));
    }
    d->depth++;
    if (step == FAILED || !pti_settle_duplicates(d, field, g.first, &g.count))
        return false;
    if (g.count > 0)
        store_integer(count, field->count_size, g.count);
    return true;
}

/* ---- Structs ---- */

static inline bool decode_field(struct decoder *d, const pt_field *field, uint8_t *value)
{
    if (__builtin_expect((field->has_offset | field->flags) != 0, 0)) {
        if (take_null(d))
            return true;
        if (field->has_offset != 0)
            value[field->has_offset - 1] = 1;
    }
    switch ((pt_shape)field->shape) {
    case PT_SHAPE_ONE: return decode_one(d, field, value + field->offset);
    case PT_SHAPE_ARRAY:
    case PT_SHAPE_LIST: return decode_in_place(d, field, value);
    case PT_SHAPE_VECTOR: return decode_vector(d, field, value);
    case PT_SHAPE_MAP: return decode_map(d, field, value);
    }
    return decode_fail(d, PT_FAULT_ARGUMENT, d->at);
}

/* What came of a struct so far. */
struct progress {
    uint32_t expected, seen_count; /* expected: the field after the one before; 0 at first */
    uint64_t seen[PT_SCHEMA_FIELDS_MOST / 64];
};

/* Whether the field comes for the first time, or may come again. */
static inline bool note_seen(struct decoder *d, const pt_field *field, uint32_t index, struct progress *p,
                             uint8_t *value, uint64_t offset)
{
    uint64_t bit = (uint64_t)1 << index % 64;
    if (__builtin_expect((p->seen[index / 64] & bit) == 0, 1)) {
        p->seen[index / 64] |= bit;
        p->seen_count++;
        return true;
    }
    if (d->options.duplicate == PT_DUPLICATE_ERROR || d->options.deterministic)
        return fail_at(&d->failure, PT_FAULT_DUPLICATE, offset);
    pti_free_field(field, value);
    return true;
}

/* Whether the field may follow the one before: deterministic input has them in RFC 8949's order. */
static inline bool field_follows(struct decoder *d, const pt_schema *schema, uint32_t index,
                                 const struct progress *p, uint64_t offset)
{
    if (__builtin_expect(!d->options.deterministic, 1) || p->expected == 0 ||
        pti_field_below(schema->fields, p->expected - 1, index))
        return true;
    return fail_at(&d->failure, PT_FAULT_ORDER, offset);
}

static bool decode_unknown(struct decoder *d, const char *key, size_t length, uint64_t offset)
{
    bool cut;
    /* One that is longer was looked at as it was put together, and its end is not here. */
    if (length <= PT_SCHEMA_NAME_MOST && pti_utf8_valid((const uint8_t *)key, length, &cut) != length)
        return fail_at(&d->failure, PT_FAULT_UTF8, offset);
    if (d->options.unknown == PT_UNKNOWN_SKIP)
        return end_key(d) && skip(d);
    fail_at(&d->failure, PT_FAULT_UNKNOWN, offset);
    return in_key(&d->failure, key, length);
}

static inline bool decode_member(struct decoder *d, const pt_schema *schema, uint8_t *value, struct progress *p)
{
    uint64_t offset = offset_of(d, d->at);
    const char *key;
    size_t length;
    if (!get_key(d, &key, &length))
        return false;
    uint32_t index = p->expected;
    const pt_field *field = &schema->fields[index];
    if (__builtin_expect(
            index >= schema->count || field->name_length != length || !equal_short(field->name, key, length), 0)) {
        index = pti_find_field(d, schema, key, length);
        if (index == UINT32_MAX)
            return false;
        if (index == schema->count)
            return decode_unknown(d, key, length, offset);
        field = &schema->fields[index];
    }
    bool good = note_seen(d, field, index, p, value, offset) && field_follows(d, schema, index, p, offset);
    p->expected = index + 1;
    if (!good || !end_key(d) || !decode_field(d, field, value))
        return in_key(&d->failure, field->name, field->name_length);
    return true;
}

static bool all_there(struct decoder *d, const pt_schema *schema, const struct progress *p)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        const pt_field *field = &schema->fields[i];
        if (field->has_offset == 0 && field->flags == 0 && (p->seen[i / 64] >> i % 64 & 1) == 0) {
            decode_fail(d, PT_FAULT_MISSING, d->at);
            return in_key(&d->failure, field->name, field->name_length);
        }
    }
    return true;
}

/* It counts as a level, though it opens none, so that one that leads to itself comes to an end. */
static bool decode_bare(struct decoder *d, const pt_schema *schema, uint8_t *value)
{
    if (!descend(d) || !decode_field(d, &schema->fields[0], value))
        return false;
    d->depth++;
    return true;
}

static bool decode_struct(struct decoder *d, const pt_schema *schema, uint8_t *value)
{
    struct progress p;
    struct items items;
    enum step step;
    if (schema->flags & PT_BARE)
        return decode_bare(d, schema, value);
    p.expected = p.seen_count = 0;
    for (uint32_t i = 0; i * 64 < schema->count; i++)
        p.seen[i] = 0;
    if (!descend(d) || !open_map(d, &items))
        return false;
    while ((step = next_item(d, &items)) == ITEM) {
        if (!decode_member(d, schema, value, &p))
            return false;
    }
    d->depth++;
    if (step == FAILED)
        return false;
    return p.seen_count == schema->count || d->options.missing_is_zero || all_there(d, schema, &p);
}

/* ---- A whole message ---- */

static bool decode_message(struct decoder *d, const pt_schema *schema, uint8_t *value)
{
    if (!more_comes(d))
        return decode_fail(d, d->options.trailing ? PT_FAULT_END : PT_FAULT_TRUNCATED, d->at);
    if (!decode_struct(d, schema, value))
        return false;
    return d->options.trailing || !more_comes(d) || decode_fail(d, PT_FAULT_TRAILING, d->at);
}

#endif
