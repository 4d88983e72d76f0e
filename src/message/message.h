/* message.h: what the sources of pt_message.h share. The way through them: schema.c; encode.h, which walks over a value by its
   schema and is compiled once for each format, as part of cbor_encode.c and json_encode.c; decode.h likewise. What a walker
   wants of its format is said at its top. output.c and input.c are where bytes go and come from; number.c is decimal
   floats; fault.c collects where it failed, while the walker unwinds: success costs nothing. */
#ifndef PTI_MESSAGE_H
#define PTI_MESSAGE_H

#include <string.h>

#include <pt_message.h>

enum { DEPTH_DEFAULT = 64 };

/* ---- Small things ---- */

/* Short copies and compares, mostly of keys, for which a call would take longer than the work. */
static inline void copy_short(uint8_t *to, const void *from, size_t n)
{
    const uint8_t *source = from;
    if (n > 16) {
        memcpy(to, source, n);
    } else if (n >= 8) {
        uint64_t a, b;
        memcpy(&a, source, 8);
        memcpy(&b, source + n - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + n - 8, &b, 8);
    } else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, source, 4);
        memcpy(&b, source + n - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
    } else if (n > 0) {
        to[0] = source[0];
        to[n / 2] = source[n / 2];
        to[n - 1] = source[n - 1];
    }
}

static inline bool equal_short(const void *left, const void *right, size_t n)
{
    const uint8_t *l = left, *r = right;
    if (n >= 8) {
        uint64_t a, b, c, d;
        if (n > 16)
            return memcmp(l, r, n) == 0;
        memcpy(&a, l, 8);
        memcpy(&b, r, 8);
        memcpy(&c, l + n - 8, 8);
        memcpy(&d, r + n - 8, 8);
        return ((a ^ b) | (c ^ d)) == 0;
    }
    if (n >= 4) {
        uint32_t a, b, c, d;
        memcpy(&a, l, 4);
        memcpy(&b, r, 4);
        memcpy(&c, l + n - 4, 4);
        memcpy(&d, r + n - 4, 4);
        return ((a ^ b) | (c ^ d)) == 0;
    }
    return n == 0 || (l[0] == r[0] && l[n / 2] == r[n / 2] && l[n - 1] == r[n - 1]);
}

/* Members by their size in bytes. */
static inline uint64_t load_unsigned(const void *at, size_t size)
{
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    switch (size) {
    case 1: return memcpy(&a, at, 1), a;
    case 2: return memcpy(&b, at, 2), b;
    case 4: return memcpy(&c, at, 4), c;
    default: return memcpy(&d, at, 8), d;
    }
}

static inline int64_t load_signed(const void *at, size_t size)
{
    unsigned unused = 64 - 8 * (unsigned)size;
    return (int64_t)(load_unsigned(at, size) << unused) >> unused;
}

static inline void store_integer(void *at, size_t size, uint64_t value)
{
    uint8_t a = (uint8_t)value;
    uint16_t b = (uint16_t)value;
    uint32_t c = (uint32_t)value;
    switch (size) {
    case 1: memcpy(at, &a, 1); break;
    case 2: memcpy(at, &b, 2); break;
    case 4: memcpy(at, &c, 4); break;
    default: memcpy(at, &value, 8); break;
    }
}

static inline uint64_t largest_unsigned(size_t size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

/* ---- utf8.c ---- */

/* How many of the bytes are whole, valid characters. If that is less than length, *cut says whether the rest is the beginning of
   a character that may go on. */
size_t pti_utf8_valid(const uint8_t *text, size_t length, bool *cut);

/* ---- number.c: decimal floats, whatever the locale ---- */

enum { PTI_NUMBER_MOST = 32 };

/* The shortest decimal that reads back as the same value, as JavaScript writes it; single: as the same float. Finite values
   only. Returns how many characters, without a zero. */
size_t pti_format_double(char text[PTI_NUMBER_MOST], double value, bool single);

/* The value nearest to a number that JSON's grammar allows; single: the nearest float. Infinite if it is too large. */
double pti_parse_double(const char *text, size_t length, bool single);

/* Whether a float is a half float, too. Not for NaN. And the value of one. */
bool pti_as_half(float value, uint16_t *half);
double pti_half_value(uint16_t half);

/* ---- schema.c ---- */

/* The order of keys that RFC 8949, 4.2.1 asks for: by length, then by bytes. */
static inline int compare_keys(const char *left, size_t left_length, const char *right, size_t right_length)
{
    if (left_length != right_length)
        return left_length < right_length ? -1 : 1;
    return memcmp(left, right, left_length);
}

/* Sort indexes by their keys: below(context, i, j) is whether i comes before j. Never slower than n log n. */
void pti_sort(uint32_t *order, size_t count, bool (*below)(const void *context, uint32_t i, uint32_t j),
              const void *context);
bool pti_field_below(const void *fields, uint32_t i, uint32_t j);
bool pti_fields_sorted(const pt_schema *schema);

/* The entries of a map, for sorting and comparing. */
struct entries {
    const uint8_t *first;
    size_t stride;
};
static inline const char *entry_key(const struct entries *entries, size_t i)
{
    const char *key;
    memcpy(&key, entries->first + i * entries->stride, sizeof key);
    return key;
}
bool pti_entry_below(const void *entries, uint32_t i, uint32_t j);

/* Free what a field owns, or an entry of a map, and zero it. */
void pti_free_field(const pt_field *field, void *value);
void pti_free_entry(const pt_field *field, uint8_t *entry);

/* ---- fault.c ---- */

/* Where it failed, as it is put together from the inside out: path + from is what there is so far. */
struct failure {
    pt_fault fault;
    pt_status status; /* of a source or sink */
    uint64_t offset;
    uint32_t from;
    char path[PT_MESSAGE_PATH_SIZE];
};

/* Note a failure, if it is the first; and that it was within this key, this element. What fails returns false, so these are
   covered by functions that do. */
void pti_note_failure(struct failure *failure, pt_fault fault, uint64_t offset);
void pti_note_key(struct failure *failure, const char *key, size_t length);
void pti_note_element(struct failure *failure, size_t index);

static inline bool fail_at(struct failure *failure, pt_fault fault, uint64_t offset)
{
    pti_note_failure(failure, fault, offset);
    return false;
}

static inline bool in_key(struct failure *failure, const char *key, size_t length)
{
    pti_note_key(failure, key, length);
    return false;
}

static inline bool in_element(struct failure *failure, size_t index)
{
    pti_note_element(failure, index);
    return false;
}

/* What to return for it; copied into error, which may be NULL. */
pt_status pti_report(struct failure *failure, bool decoding, pt_message_error *error);

/* ---- output.c ---- */

struct encoder {
    uint8_t *at, *end, *start; /* as in pt_output, which is out of date meanwhile */
    uint64_t passed;
    pt_output *output;
    uint32_t depth, levels; /* depth: how many more may be opened; levels: how many are open */
    bool deterministic, not_finite_is_null;
    uint8_t indent;
    bool bouncing, counting; /* of the caller's memory: near its end, and beyond */
    uint8_t *rest, *rest_end;
    struct failure failure;
    uint8_t nowhere[PT_WINDOW_LEAST];
};

/* False, with the failure noted, if the arguments are no good. */
bool pti_encode_begin(struct encoder *e, pt_output *output, const pt_schema *schema, const void *value,
                      const pt_encode_options *options);
pt_status pti_encode_end(struct encoder *e, bool encoded, pt_message_error *error);

/* At least n bytes at e->at, n at most PT_WINDOW_LEAST; the slow way, and the quick one. */
bool pti_make_room(struct encoder *e, size_t n);
static inline bool room(struct encoder *e, size_t n)
{
    return __builtin_expect((size_t)(e->end - e->at) >= n, 1) || pti_make_room(e, n);
}

/* Any number of bytes. */
bool pti_write_pieces(struct encoder *e, const uint8_t *data, size_t n);
static inline bool write_bytes(struct encoder *e, const void *data, size_t n)
{
    if (__builtin_expect((size_t)(e->end - e->at) < n, 0))
        return pti_write_pieces(e, data, n);
    copy_short(e->at, data, n);
    e->at += n;
    return true;
}

/* Note a failure where the output is. Always false. */
static inline bool encode_fail(struct encoder *e, pt_fault fault)
{
    return fail_at(&e->failure, fault, e->passed + (uint64_t)(e->at - e->start));
}

/* Indexes of fields or entries in the order of their keys, to be freed; NULL with the failure noted. */
uint32_t *pti_encode_order(struct encoder *e, size_t count,
                           bool (*below)(const void *context, uint32_t i, uint32_t j), const void *context);

/* ---- input.c ---- */

/* Fields of a schema in the order of their names; made when keys first come in another order than the table's. */
struct index {
    struct index *next;
    const pt_schema *schema;
    uint32_t order[];
};

struct decoder {
    const uint8_t *at, *end, *start; /* as in pt_input, which is out of date meanwhile */
    uint64_t passed;
    pt_input *input;
    pt_decode_options options; /* without zeroes that stand for defaults */
    uint32_t depth;            /* how many more levels */
    size_t memory;             /* how much more may be allocated */
    struct index *indexes;
    struct failure failure;
    char key[PT_SCHEMA_NAME_MOST + 1]; /* one that had to be put together */
};

bool pti_decode_begin(struct decoder *d, pt_input *input, const pt_schema *schema, void *value,
                      const pt_decode_options *options);
pt_status pti_decode_end(struct decoder *d, bool decoded, const pt_schema *schema, void *value,
                         pt_message_error *error);

static inline uint64_t offset_of(const struct decoder *d, const uint8_t *at)
{
    return d->passed + (uint64_t)(at - d->start);
}

/* Note a failure at this byte. Always false. If the input ended because its source failed, that is noted already. */
static inline bool decode_fail(struct decoder *d, pt_fault fault, const uint8_t *at)
{
    return fail_at(&d->failure, fault, offset_of(d, at));
}

/* Whether there are n bytes at d->at: the slow way, which may move them and fills the window, and the quick one. n is at most
   PT_INPUT_WINDOW_LEAST. More of them may come: all that there is. */
bool pti_fill(struct decoder *d, size_t n);
static inline bool has(struct decoder *d, size_t n)
{
    return __builtin_expect((size_t)(d->end - d->at) >= n, 1) || pti_fill(d, n);
}

/* Whether that many bytes can still come: of memory it is known. */
static inline bool may_come(const struct decoder *d, uint64_t n)
{
    return d->input->source != NULL || n <= (uint64_t)(d->end - d->at);
}

/* Memory that the value is to own, not zeroed; within the limit. pti_give() is for what a value does not own after all. */
void *pti_take(struct decoder *d, size_t size);
void pti_give(struct decoder *d, void *block, size_t size);

/* What decode.h asks the formats for. */
enum step { FAILED, END, ITEM };
struct items {
    uint64_t left;
    bool indefinite, first;
    char closing;
};
struct number {
    uint64_t magnitude; /* negative: it is -1 - magnitude */
    bool negative;
};

/* Where a string goes to. */
struct text {
    uint64_t start; /* offset of the whole value, which is what a failure points to */
    uint8_t *data;
    size_t length, capacity; /* capacity: an owned one leaves room for a closing zero beyond */
    enum { TEXT_OWNED, TEXT_FIXED, TEXT_DROPPED } mode; /* beyond capacity: grows, fails, is dropped */
};

/* Room for an owned text that will be so long, if the input does not lie; and more text at its end. */
bool pti_text_reserve(struct decoder *d, struct text *text, size_t n);
bool pti_text_add_slow(struct decoder *d, struct text *text, const uint8_t *data, size_t n);
static inline bool text_add(struct decoder *d, struct text *text, const uint8_t *data, size_t n)
{
    if (text->capacity - text->length < n || text->mode == TEXT_DROPPED)
        return pti_text_add_slow(d, text, data, n);
    copy_short(text->data + text->length, data, n);
    text->length += n;
    return true;
}

/* Take n bytes at d->at, which are there, as UTF-8. goes_on: if a character is cut at their end, it stays at d->at. */
bool pti_text_take(struct decoder *d, struct text *text, size_t n, bool goes_on);

/* Turn it into bytes, in its place. */
bool pti_base64_decode(struct text *text);

/* The field of a key, wherever it is; schema->count: there is none; UINT32_MAX: failed. */
uint32_t pti_find_field(struct decoder *d, const pt_schema *schema, const char *key, size_t length);

/* A map is complete: no key of it may be double, or the last of each stays. */
bool pti_settle_duplicates(struct decoder *d, const pt_field *field, uint8_t *entries, size_t *count);

#endif
