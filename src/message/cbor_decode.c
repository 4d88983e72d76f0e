/* cbor_decode.c: CBOR (RFC 8949) into a value: what decode.h wants of the format. */
#include <math.h>

#include "message.h"

enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE }; /* major types */
enum { BIGNUM = 2, NEGATIVE_BIGNUM = 3 };                          /* tags */
enum { FALSE = 20, TRUE, NULL_VALUE, UNDEFINED, HALF = 25, SINGLE, DOUBLE, INDEFINITE = 31 };

struct head {
    uint64_t argument;
    uint8_t major, info; /* the first byte's two parts */
    uint8_t size;        /* bytes of the head */
    uint64_t tag;        /* of the value, the innermost; written only if there is one */
};

static bool truncated(struct decoder *d)
{
    return decode_fail(d, PT_FAULT_TRUNCATED, d->end);
}

/* At the head that was read last. */
static bool fail_head(struct decoder *d, pt_fault fault, const struct head *head)
{
    return fail_at(&d->failure, fault, offset_of(d, d->at) - head->size);
}

/* Integers big-endian, of 1, 2, 4, 8 bytes. */
static inline uint64_t get_argument(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Whether an argument did not need so many bytes. */
static bool too_long(const struct head *head)
{
    switch (head->info) {
    case 24: return head->argument < 24;
    case 25: return head->argument <= UINT8_MAX;
    case 26: return head->argument <= UINT16_MAX;
    default: return head->info == 27 && head->argument <= UINT32_MAX;
    }
}

static bool get_long_head(struct decoder *d, struct head *head)
{
    if (head->info == INDEFINITE) {
        if (head->major < BYTES || head->major == TAG)
            return decode_fail(d, PT_FAULT_SYNTAX, d->at);
        if (d->options.deterministic)
            return decode_fail(d, PT_FAULT_ORDER, d->at);
        d->at++;
        return true;
    }
    if (head->info > 27)
        return decode_fail(d, PT_FAULT_SYNTAX, d->at);
    unsigned size = 1u << (head->info - 24);
    if (!has(d, 1 + size))
        return truncated(d);
    head->argument = get_argument(d->at + 1, size);
    head->size = (uint8_t)(1 + size);
    if (d->options.deterministic && head->major != SIMPLE && too_long(head))
        return decode_fail(d, PT_FAULT_ORDER, d->at);
    if (head->major == SIMPLE && head->info == 24 && head->argument < 32)
        return decode_fail(d, PT_FAULT_SYNTAX, d->at);
    d->at += head->size;
    return true;
}

static inline bool get_head_or_tag(struct decoder *d, struct head *head)
{
    if (!has(d, 1))
        return truncated(d);
    uint8_t byte = *d->at;
    head->major = byte >> 5;
    head->info = byte & 31;
    head->argument = head->info;
    head->size = 1;
    if (__builtin_expect(head->info >= 24, 0))
        return get_long_head(d, head);
    d->at++;
    return true;
}

static inline bool get_head(struct decoder *d, struct head *head)
{
    for (;;) {
        if (!get_head_or_tag(d, head))
            return false;
        if (__builtin_expect(head->major != TAG, 1))
            return true;
        if (d->options.deterministic)
            return fail_head(d, PT_FAULT_ORDER, head);
        head->tag = head->argument;
    }
}

/* A head of another type than is wanted. A break has no place where a value is wanted. */
static bool wrong_type(struct decoder *d, const struct head *head)
{
    return fail_head(d, head->major == SIMPLE && head->info == INDEFINITE ? PT_FAULT_SYNTAX : PT_FAULT_TYPE, head);
}

/* ---- Simple values and numbers ---- */

static inline bool take_null(struct decoder *d)
{
    if (has(d, 1) && (*d->at == (SIMPLE << 5 | NULL_VALUE) || *d->at == (SIMPLE << 5 | UNDEFINED))) {
        d->at++;
        return true;
    }
    return false;
}

static inline bool get_bool(struct decoder *d, bool *value)
{
    struct head head;
    if (!get_head(d, &head))
        return false;
    if (head.major != SIMPLE || (head.info != FALSE && head.info != TRUE))
        return wrong_type(d, &head);
    *value = head.info == TRUE;
    return true;
}

static bool is_float(const struct head *head)
{
    return head->major == SIMPLE && head->info >= HALF && head->info <= DOUBLE;
}

/* Whether a float could have been shorter. */
static bool float_too_long(const struct head *head, double value)
{
    if (isnan(value))
        return head->info != HALF || head->argument != 0x7e00;
    uint16_t half;
    if (head->info == DOUBLE)
        return (double)(float)value == value;
    return head->info == SINGLE && pti_as_half((float)value, &half);
}

static bool float_of(struct decoder *d, const struct head *head, double *value)
{
    float single;
    uint32_t bits = (uint32_t)head->argument;
    if (head->info == HALF) {
        *value = pti_half_value((uint16_t)head->argument);
    } else if (head->info == SINGLE) {
        memcpy(&single, &bits, sizeof single);
        *value = (double)single;
    } else {
        memcpy(value, &head->argument, sizeof *value);
    }
    if (d->options.deterministic && float_too_long(head, *value))
        return fail_head(d, PT_FAULT_ORDER, head);
    if (d->options.finite_only && !isfinite(*value))
        return fail_head(d, PT_FAULT_NOT_FINITE, head);
    return true;
}

/* Whether an integer, or -1 minus it, has no more than the 53 bits that a double holds. */
static inline bool exact_as_double(uint64_t integer, bool negative)
{
    integer += negative; /* 2^64 becomes 0, which is exact as well */
    return integer >> 53 == 0 || 64 - __builtin_clzll(integer) - __builtin_ctzll(integer) <= 53;
}

static inline bool get_float(struct decoder *d, double *value, bool single)
{
    struct head head;
    (void)single;
    if (!get_head(d, &head))
        return false;
    if (is_float(&head))
        return float_of(d, &head, value);
    if (head.major > NEGATIVE)
        return wrong_type(d, &head);
    if (head.major == UNSIGNED)
        *value = (double)head.argument;
    else
        *value =
            head.argument == UINT64_MAX ? -0x1p64 : -(double)(head.argument + 1); /* rounded once, or not at all */
    return exact_as_double(head.argument, head.major == NEGATIVE) || fail_head(d, PT_FAULT_RANGE, &head);
}

static bool whole_float(struct decoder *d, const struct head *head, struct number *number)
{
    double value;
    if (!float_of(d, head, &value))
        return false;
    if (!(value >= -0x1p63 && value < 0x1p64))
        return fail_head(d, PT_FAULT_RANGE, head);
    uint64_t whole = value < 0 ? (uint64_t)-value : (uint64_t)value;
    if ((double)whole != (value < 0 ? -value : value))
        return fail_head(d, PT_FAULT_RANGE, head);
    number->negative = value < 0;
    number->magnitude = whole - number->negative;
    return true;
}

/* Bytes with tag 2 or 3, big-endian, which is how some write whatever JavaScript's BigInt holds. */
static bool get_bignum(struct decoder *d, const struct head *head, struct number *number)
{
    enum { MOST = 64 }; /* zeros in front included */
    if (head->info == INDEFINITE || head->argument > MOST)
        return fail_head(d, PT_FAULT_RANGE, head);
    if (!has(d, (size_t)head->argument))
        return truncated(d);
    number->negative = head->tag == NEGATIVE_BIGNUM;
    number->magnitude = 0;
    for (uint64_t i = 0; i < head->argument; i++) {
        if (number->magnitude >> 56 != 0)
            return fail_head(d, PT_FAULT_RANGE, head);
        number->magnitude = number->magnitude << 8 | d->at[i];
    }
    d->at += head->argument;
    return true;
}

/* An integer that is not simply one. */
__attribute__((noinline)) static bool get_unusual_integer(struct decoder *d, const struct head *head,
                                                          struct number *number)
{
    if (head->major == BYTES && (head->tag == BIGNUM || head->tag == NEGATIVE_BIGNUM))
        return get_bignum(d, head, number);
    return is_float(head) && !d->options.deterministic ? whole_float(d, head, number) : wrong_type(d, head);
}

static inline bool get_integer(struct decoder *d, struct number *number)
{
    struct head head;
    head.tag = 0;
    if (!get_head(d, &head))
        return false;
    number->magnitude = head.argument;
    number->negative = head.major == NEGATIVE;
    if (__builtin_expect(head.major <= NEGATIVE, 1))
        return true;
    return get_unusual_integer(d, &head, number);
}

/* ---- Strings ---- */

/* The bytes of a definite one. */
static bool add_string(struct decoder *d, struct text *text, const struct head *head)
{
    uint64_t n = head->argument;
    if (!may_come(d, n))
        return fail_head(d, PT_FAULT_TRUNCATED, head);
    if (text->mode == TEXT_OWNED && n > d->options.length)
        return fail_at(&d->failure, PT_FAULT_LIMIT, text->start);
    if (text->length == 0 && n <= (uint64_t)(d->end - d->at) && !pti_text_reserve(d, text, (size_t)n))
        return false; /* what a later piece adds grows by doubling: there may be millions of them */
    while (n > 0) {
        size_t there = (size_t)(d->end - d->at), piece = n < there ? (size_t)n : there;
        const uint8_t *before = d->at;
        if (head->major == TEXT) {
            if (!pti_text_take(d, text, piece, piece < n))
                return false;
        } else {
            if (!text_add(d, text, d->at, piece))
                return false;
            d->at += piece;
        }
        n -= (uint64_t)(d->at - before);
        if (n > 0 && !has(d, (size_t)(d->end - d->at) + 1)) /* after a character that is cut */
            return truncated(d);
    }
    return true;
}

static bool add_chunks(struct decoder *d, struct text *text, uint8_t major)
{
    struct head head;
    for (;;) {
        if (!get_head_or_tag(d, &head))
            return false;
        if (head.major == SIMPLE && head.info == INDEFINITE)
            return true;
        if (head.major != major || head.info == INDEFINITE)
            return fail_head(d, PT_FAULT_SYNTAX, &head);
        if (!add_string(d, text, &head))
            return false;
    }
}

static inline bool get_string_of(struct decoder *d, struct text *text, uint8_t major)
{
    struct head head;
    if (!get_head(d, &head))
        return false;
    if (head.major != major)
        return wrong_type(d, &head);
    return head.info == INDEFINITE ? add_chunks(d, text, major) : add_string(d, text, &head);
}

static bool get_text(struct decoder *d, struct text *text)
{
    return get_string_of(d, text, TEXT);
}

static bool get_bytes(struct decoder *d, struct text *text)
{
    return get_string_of(d, text, BYTES);
}

#define get_octets get_bytes

static bool get_key_in_pieces(struct decoder *d, const char **key, size_t *length, const struct head *head)
{
    struct text text = {.data = (uint8_t *)d->key, .capacity = sizeof d->key, .mode = TEXT_DROPPED};
    if (!(head->info == INDEFINITE ? add_chunks(d, &text, TEXT) : add_string(d, &text, head)))
        return false;
    *key = d->key;
    *length = text.length;
    return true;
}

static inline bool get_key(struct decoder *d, const char **key, size_t *length)
{
    struct head head;
    if (!get_head(d, &head))
        return false;
    if (head.major != TEXT)
        return wrong_type(d, &head);
    if (__builtin_expect(
            head.info == INDEFINITE || head.argument > PT_SCHEMA_NAME_MOST || !has(d, (size_t)head.argument), 0))
        return get_key_in_pieces(d, key, length, &head);
    *key = (const char *)d->at;
    *length = (size_t)head.argument;
    d->at += head.argument;
    return true;
}

static inline bool end_key(struct decoder *d)
{
    (void)d;
    return true;
}

/* ---- Arrays and maps ---- */

static bool items_of(struct decoder *d, struct items *items, const struct head *head)
{
    items->indefinite = head->info == INDEFINITE;
    items->left = head->argument;
    /* Each takes a byte at least, an entry of a map two. */
    if (items->indefinite ||
        (may_come(d, head->argument) && (head->major == ARRAY || may_come(d, 2 * head->argument))))
        return true;
    return fail_head(d, PT_FAULT_TRUNCATED, head);
}

static inline bool open_items(struct decoder *d, struct items *items, uint8_t major)
{
    struct head head;
    if (!get_head(d, &head))
        return false;
    return head.major == major ? items_of(d, items, &head) : wrong_type(d, &head);
}

static inline bool open_map(struct decoder *d, struct items *items)
{
    return open_items(d, items, MAP);
}

static inline bool open_array(struct decoder *d, struct items *items)
{
    return open_items(d, items, ARRAY);
}

static inline bool items_known(const struct items *items)
{
    return !items->indefinite;
}

static inline enum step next_item(struct decoder *d, struct items *items)
{
    if (__builtin_expect(!items->indefinite, 1)) {
        if (items->left == 0)
            return END;
        items->left--;
        return ITEM;
    }
    if (!has(d, 1)) {
        truncated(d);
        return FAILED;
    }
    if (*d->at != (SIMPLE << 5 | INDEFINITE))
        return ITEM;
    d->at++;
    return END;
}

/* ---- What is not wanted ---- */

static bool skip(struct decoder *d);

static bool skip_items(struct decoder *d, const struct head *head)
{
    struct items items;
    enum step step;
    if (d->depth == 0)
        return fail_head(d, PT_FAULT_DEPTH, head);
    d->depth--;
    if (!items_of(d, &items, head))
        return false;
    while ((step = next_item(d, &items)) == ITEM) {
        if ((head->major == MAP && !skip(d)) || !skip(d))
            return false;
    }
    d->depth++;
    return step == END;
}

static bool skip(struct decoder *d)
{
    struct head head;
    struct text nothing = {.mode = TEXT_DROPPED};
    double value;
    if (!get_head(d, &head))
        return false;
    switch (head.major) {
    case BYTES:
    case TEXT:
        return head.info == INDEFINITE ? add_chunks(d, &nothing, head.major) : add_string(d, &nothing, &head);
    case ARRAY:
    case MAP: return skip_items(d, &head);
    case SIMPLE:
        if (head.info == INDEFINITE)
            return fail_head(d, PT_FAULT_SYNTAX, &head);
        return !is_float(&head) || float_of(d, &head, &value);
    default: return true;
    }
}

static bool more_comes(struct decoder *d)
{
    return has(d, 1);
}

#include "decode.h"

pt_status pt_cbor_decode(pt_input *input, const pt_schema *schema, void *value, const pt_decode_options *options,
                         pt_message_error *error)
{
    struct decoder d;
    bool decoded = pti_decode_begin(&d, input, schema, value, options) && decode_message(&d, schema, value);
    return pti_decode_end(&d, decoded, schema, value, error);
}
