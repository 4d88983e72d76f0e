/* input.c: where encoded bytes come from, and the memory that decoding takes, within its limits. */
#include "memory.h"
#include "message.h"

pt_input pt_from_memory(const void *data, size_t length)
{
    pt_input input = {.at = data, .start = data, .ended = true};
    input.end = (const uint8_t *)((uintptr_t)data + length); /* of NULL, too, which decoding then refuses */
    return input;
}

pt_input pt_from_source(pt_status (*source)(void *context, void *room, size_t size, size_t *got), void *context,
                        void *window, size_t size)
{
    return (pt_input){.at = window,
                      .end = window,
                      .start = window,
                      .window = window,
                      .size = size,
                      .source = source,
                      .context = context};
}

uint64_t pt_input_offset(const pt_input *input)
{
    return input->passed + (uint64_t)(input->at - input->start);
}

/* ---- Beginning and ending ---- */

static bool good_arguments(const pt_input *input, const pt_schema *schema, const void *value,
                           const pt_decode_options *options)
{
    if (input == NULL || schema == NULL || value == NULL || options->depth > PT_DEPTH_MOST)
        return false;
    if (input->window != NULL || input->source != NULL)
        return input->window != NULL && input->source != NULL && input->size >= PT_INPUT_WINDOW_LEAST;
    return input->at != NULL || input->at == input->end;
}

static size_t limit(size_t wanted, size_t otherwise, size_t most)
{
    if (wanted == 0)
        wanted = otherwise;
    return wanted < most ? wanted : most;
}

bool pti_decode_begin(struct decoder *d, pt_input *input, const pt_schema *schema, void *value,
                      const pt_decode_options *options)
{
    static const pt_decode_options defaults;
    enum { MIB = 1 << 20 };
    d->failure.fault = PT_FAULT_NONE;
    d->failure.status = PT_OK;
    d->indexes = NULL;
    d->input = input;
    if (schema != NULL && value != NULL)
        memset(value, 0, schema->size);
    if (!good_arguments(input, schema, value, options == NULL ? &defaults : options))
        return fail_at(&d->failure, PT_FAULT_ARGUMENT, 0);
    d->at = input->at;
    d->end = input->end;
    d->start = input->start;
    d->passed = input->passed;
    d->options = options == NULL ? defaults : *options;
    d->options.length = limit(d->options.length, 16 * MIB, SIZE_MAX / 4); /* so that no sum overflows */
    d->options.count = limit(d->options.count, MIB, UINT32_MAX - 1);      /* indexes have 32 bits */
    d->memory = limit(d->options.memory, 64 * MIB, SIZE_MAX / 2);
    d->depth = d->options.depth == 0 ? DEPTH_DEFAULT : d->options.depth;
    return true;
}

pt_status pti_decode_end(struct decoder *d, bool decoded, const pt_schema *schema, void *value,
                         pt_message_error *error)
{
    while (d->indexes != NULL) {
        struct index *next = d->indexes->next;
        pti_free(d->indexes);
        d->indexes = next;
    }
    if (!decoded || d->failure.fault != PT_FAULT_NONE) /* a source may fail where the message could end */
        pt_message_free(schema, value);
    if (d->failure.fault != PT_FAULT_ARGUMENT) {
        d->input->at = d->at;
        d->input->end = d->end;
        d->input->start = d->start;
        d->input->passed = d->passed;
    }
    return pti_report(&d->failure, true, error);
}

/* ---- The window ---- */

bool pti_fill(struct decoder *d, size_t n)
{
    pt_input *input = d->input;
    size_t left = (size_t)(d->end - d->at);
    if (input->ended || n > input->size)
        return false;
    if (left > 0 && d->at != input->window)
        memmove(input->window, d->at, left);
    d->passed = offset_of(d, d->at);
    d->at = d->start = input->window;
    d->end = d->at + left;
    while (left < n && !input->ended) {
        size_t got = 0, room = input->size - left;
        pt_status status = input->source(input->context, input->window + left, room, &got);
        if (status == PT_OK && got > room)
            status = PT_ERR_INVALID;
        if (status != PT_OK) {
            decode_fail(d, PT_FAULT_STREAM, d->end);
            d->failure.status = status;
            got = 0;
        }
        input->ended = got == 0;
        d->end += got;
        left += got;
    }
    return left >= n;
}

/* ---- Memory ---- */

void *pti_take(struct decoder *d, size_t size)
{
    void *block = NULL;
    if (size > d->memory) {
        decode_fail(d, PT_FAULT_LIMIT, d->at);
    } else if ((block = pti_allocate_raw(size == 0 ? 1 : size)) == NULL) {
        decode_fail(d, PT_FAULT_MEMORY, d->at);
    } else {
        d->memory -= size;
    }
    return block;
}

void pti_give(struct decoder *d, void *block, size_t size)
{
    if (block != NULL)
        d->memory += size;
    pti_free(block);
}

/* ---- Text ---- */

static bool text_grow(struct decoder *d, struct text *text, size_t capacity)
{
    if (capacity > d->options.length)
        capacity = d->options.length;
    uint8_t *data = pti_take(d, capacity + 1);
    if (data == NULL)
        return false;
    if (text->length > 0)
        memcpy(data, text->data, text->length);
    if (text->data != NULL)
        pti_give(d, text->data, text->capacity + 1);
    text->data = data;
    text->capacity = capacity;
    return true;
}

bool pti_text_reserve(struct decoder *d, struct text *text, size_t n)
{
    if (text->mode != TEXT_OWNED || (text->data != NULL && n <= text->capacity - text->length))
        return true;
    if (n > d->options.length - text->length)
        return fail_at(&d->failure, PT_FAULT_LIMIT, text->start);
    return text_grow(d, text, text->length + n);
}

bool pti_text_add_slow(struct decoder *d, struct text *text, const uint8_t *data, size_t n)
{
    size_t space = text->capacity - text->length, kept = n < space ? n : space;
    if (text->mode == TEXT_DROPPED) {
        if (kept > 0)
            memcpy(text->data + text->length, data, kept);
        text->length += kept;
        return true;
    }
    if (text->mode == TEXT_FIXED)
        return fail_at(&d->failure, PT_FAULT_LENGTH, text->start);
    if (n > d->options.length - text->length)
        return fail_at(&d->failure, PT_FAULT_LIMIT, text->start);
    if (!text_grow(d, text, n > text->length ? text->length + n : 2 * text->length))
        return false;
    memcpy(text->data + text->length, data, n);
    text->length += n;
    return true;
}

bool pti_text_take(struct decoder *d, struct text *text, size_t n, bool goes_on)
{
    bool cut;
    size_t valid = pti_utf8_valid(d->at, n, &cut);
    if (valid < n && !(cut && goes_on))
        return decode_fail(d, PT_FAULT_UTF8, d->at + valid);
    if (valid > 0 && !text_add(d, text, d->at, valid))
        return false;
    d->at += valid;
    return true;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

bool pti_base64_decode(struct text *text)
{
    size_t length = text->length, to = 0;
    uint32_t bits = 0, count = 0;
    if (length % 4 == 0 && length > 0 && text->data[length - 1] == '=')
        length -= text->data[length - 2] == '=' ? 2 : 1;
    if (length % 4 == 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text->data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            text->data[to++] = (uint8_t)(bits >> count);
        }
    }
    text->length = to;
    return (bits & ((1u << count) - 1)) == 0; /* nothing is left over */
}

/* ---- Keys ---- */

static struct index *index_of(struct decoder *d, const pt_schema *schema)
{
    for (struct index *index = d->indexes; index != NULL; index = index->next) {
        if (index->schema == schema)
            return index;
    }
    struct index *index = pti_allocate_raw(sizeof *index + schema->count * sizeof index->order[0]);
    if (index == NULL) {
        decode_fail(d, PT_FAULT_MEMORY, d->at);
        return NULL;
    }
    index->schema = schema;
    index->next = d->indexes;
    d->indexes = index;
    for (uint32_t i = 0; i < schema->count; i++)
        index->order[i] = i;
    pti_sort(index->order, schema->count, pti_field_below, schema->fields);
    return index;
}

uint32_t pti_find_field(struct decoder *d, const pt_schema *schema, const char *key, size_t length)
{
    enum { FEW = 8 };
    if (schema->count <= FEW) {
        for (uint32_t i = 0; i < schema->count; i++) {
            if (schema->fields[i].name_length == length && equal_short(schema->fields[i].name, key, length))
                return i;
        }
        return schema->count;
    }
    struct index *index = index_of(d, schema);
    if (index == NULL)
        return UINT32_MAX;
    uint32_t from = 0, to = schema->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const pt_field *field = &schema->fields[index->order[middle]];
        int order = compare_keys(key, length, field->name, field->name_length);
        if (order == 0)
            return index->order[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return schema->count;
}

/* ---- Double keys of maps ---- */

static bool in_order(const struct entries *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const char *a = entry_key(entries, i - 1), *b = entry_key(entries, i);
        if (compare_keys(a, strlen(a), b, strlen(b)) >= 0)
            return false;
    }
    return true;
}

/* Close the gaps that entries have left whose key is NULL by now. */
static size_t close_gaps(const pt_field *field, uint8_t *entries, size_t count)
{
    struct entries all = {entries, field->stride};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (entry_key(&all, i) == NULL)
            continue;
        if (kept != i)
            memcpy(entries + kept * field->stride, entries + i * field->stride, field->stride);
        kept++;
    }
    return kept;
}

/* Of entries in the order of their keys: those of the same key are an error, or all but the last are freed and zeroed. */
static bool settle_neighbours(struct decoder *d, const pt_field *field, const uint32_t *order, uint8_t *entries,
                              size_t count)
{
    struct entries all = {entries, field->stride};
    for (size_t i = 1; i < count; i++) {
        uint8_t *earlier = entries + order[i - 1] * field->stride;
        const char *key = entry_key(&all, order[i - 1]);
        if (strcmp(key, entry_key(&all, order[i])) != 0)
            continue;
        if (d->options.duplicate == PT_DUPLICATE_ERROR) {
            decode_fail(d, PT_FAULT_DUPLICATE, d->at);
            return in_key(&d->failure, key, strlen(key));
        }
        pti_free_entry(field, earlier);
    }
    return true;
}

bool pti_settle_duplicates(struct decoder *d, const pt_field *field, uint8_t *entries, size_t *count)
{
    struct entries all = {entries, field->stride};
    if (*count < 2 || in_order(&all, *count))
        return true;
    size_t size = *count * sizeof(uint32_t);
    uint32_t *order = pti_take(d, size);
    if (order == NULL)
        return false;
    for (uint32_t i = 0; i < *count; i++)
        order[i] = i;
    pti_sort(order, *count, pti_entry_below, &all);
    bool good = settle_neighbours(d, field, order, entries, *count);
    pti_give(d, order, size);
    if (good)
        *count = close_gaps(field, entries, *count);
    return good;
}
