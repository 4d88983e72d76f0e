/* json_decode.c: JSON (RFC 8259) into a value: what decode.h wants of the format. Wherever a value is wanted, white space before it
   is taken already, so that failures are at its first byte. */
#include <math.h>

#include "message.h"

static bool truncated(struct decoder *d)
{
    return decode_fail(d, PT_FAULT_TRUNCATED, d->end);
}

/* The byte i further on, or -1 at the end. */
static inline int peek(struct decoder *d, size_t i)
{
    return has(d, i + 1) ? d->at[i] : -1;
}

static inline int skip_space(struct decoder *d)
{
    int c;
    while ((c = peek(d, 0)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        d->at++;
    return c;
}

/* Something else stands where a value of a certain type was wanted. */
static bool wrong_type(struct decoder *d)
{
    int c = peek(d, 0);
    if (c < 0)
        return truncated(d);
    bool value =
        c == '"' || c == '{' || c == '[' || c == 't' || c == 'f' || c == 'n' || c == '-' || (c >= '0' && c <= '9');
    return decode_fail(d, value ? PT_FAULT_TYPE : PT_FAULT_SYNTAX, d->at);
}

/* This character, after white space, and white space after it. */
static inline bool take_char(struct decoder *d, char wanted)
{
    int c = skip_space(d);
    if (c < 0)
        return truncated(d);
    if (c != wanted)
        return decode_fail(d, PT_FAULT_SYNTAX, d->at);
    d->at++;
    skip_space(d);
    return true;
}

/* true, false, null: the first letter is known to fit. */
static bool take_literal(struct decoder *d, const char *literal, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int c = peek(d, i);
        if (c < 0)
            return truncated(d);
        if (c != literal[i])
            return decode_fail(d, PT_FAULT_SYNTAX, d->at + i);
    }
    d->at += length;
    return true;
}

static inline bool take_null(struct decoder *d)
{
    return peek(d, 0) == 'n' && take_literal(d, "null", 4);
}

static bool get_bool(struct decoder *d, bool *value)
{
    int c = peek(d, 0);
    if (c != 't' && c != 'f')
        return wrong_type(d);
    *value = c == 't';
    return *value ? take_literal(d, "true", 4) : take_literal(d, "false", 5);
}

/* ---- Numbers ---- */

static inline bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Whether a number has come to the window's end, so that there may be more of it that has no room. */
static inline bool fills_window(const struct decoder *d, size_t i)
{
    return d->input->window != NULL && i >= d->input->size;
}

/* Digits from i on, one at least; i is behind them then. */
static bool scan_digits(struct decoder *d, size_t *i)
{
    int c = peek(d, *i);
    if (c < 0)
        return fills_window(d, *i) ? decode_fail(d, PT_FAULT_LIMIT, d->at) : truncated(d);
    if (!is_digit(c))
        return decode_fail(d, PT_FAULT_SYNTAX, d->at + *i);
    while (is_digit(peek(d, *i)))
        ++*i;
    return true;
}

/* How long the number at d->at is, by JSON's grammar, and whether it has neither fraction nor exponent. It is all in the window
   then; the caller takes it. */
static bool scan_number(struct decoder *d, size_t *length, bool *plain)
{
    size_t i = peek(d, 0) == '-';
    int c = peek(d, i);
    if (i == 0 && !is_digit(c))
        return wrong_type(d);
    if (c == '0' && is_digit(peek(d, i + 1)))
        return decode_fail(d, PT_FAULT_SYNTAX, d->at + i + 1);
    if (!scan_digits(d, &i))
        return false;
    *plain = true;
    if (peek(d, i) == '.') {
        *plain = false;
        i++;
        if (!scan_digits(d, &i))
            return false;
    }
    c = peek(d, i);
    if (c == 'e' || c == 'E') {
        *plain = false;
        c = peek(d, ++i);
        i += c == '+' || c == '-';
        if (!scan_digits(d, &i))
            return false;
    }
    if (fills_window(d, i))
        return decode_fail(d, PT_FAULT_LIMIT, d->at);
    *length = i;
    return true;
}

static inline bool add_digit(uint64_t *value, unsigned digit)
{
    return !__builtin_mul_overflow(*value, (uint64_t)10, value) &&
           !__builtin_add_overflow(*value, (uint64_t)digit, value);
}

/* The magnitude of a number with fraction or exponent, if it is whole nevertheless. Exact: no floats. */
static bool whole_number(const uint8_t *text, const uint8_t *end, uint64_t *magnitude)
{
    int64_t exponent = 0, shift = 0, zeros = 0; /* zeros: that are due if another digit comes */
    bool fraction = false, negative = false;
    *magnitude = 0;
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        shift -= fraction;
        if (*text == '0') {
            zeros += *magnitude != 0;
            continue;
        }
        for (; zeros > 0; zeros--) {
            if (!add_digit(magnitude, 0))
                return false;
        }
        if (!add_digit(magnitude, *text - (unsigned)'0'))
            return false;
    }
    if (text < end)
        text++;
    if (text < end && !is_digit(*text))
        negative = *text++ == '-';
    for (; text < end; text++)
        exponent = exponent > 1000000000 ? exponent : 10 * exponent + (*text - '0');
    shift += (negative ? -exponent : exponent) + zeros;
    if (*magnitude == 0)
        return true;
    for (; shift > 0; shift--) {
        if (!add_digit(magnitude, 0))
            return false;
    }
    return shift == 0;
}

static bool get_integer(struct decoder *d, struct number *number)
{
    size_t length, i;
    bool plain;
    if (!scan_number(d, &length, &plain))
        return false;
    number->negative = *d->at == '-';
    number->magnitude = 0;
    i = number->negative;
    bool fits = true;
    if (plain) {
        for (; fits && i < length; i++)
            fits = add_digit(&number->magnitude, d->at[i] - (unsigned)'0');
    } else {
        fits = whole_number(d->at + i, d->at + length, &number->magnitude);
    }
    if (!fits)
        return decode_fail(d, PT_FAULT_RANGE, d->at);
    if (number->magnitude == 0)
        number->negative = false;
    number->magnitude -= number->negative;
    d->at += length;
    return true;
}

static bool get_float(struct decoder *d, double *value, bool single)
{
    size_t length;
    bool plain;
    if (d->options.not_finite_is_null && peek(d, 0) == 'n') {
        *value = (double)NAN;
        return take_literal(d, "null", 4);
    }
    if (!scan_number(d, &length, &plain))
        return false;
    *value = pti_parse_double((const char *)d->at, length, single);
    if (isinf(*value))
        return decode_fail(d, PT_FAULT_RANGE, d->at);
    d->at += length;
    return true;
}

/* ---- Strings ---- */

static int hex_digit(int c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \uxxxx, from i on: its number, or -1 with the failure noted. */
static int32_t get_unit(struct decoder *d, size_t i)
{
    int32_t unit = 0;
    for (size_t end = i + 4; i < end; i++) {
        int c = peek(d, i), digit = hex_digit(c);
        if (digit < 0) {
            if (c < 0)
                truncated(d);
            else
                decode_fail(d, PT_FAULT_SYNTAX, d->at + i);
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t to_utf8(uint8_t bytes[4], uint32_t c)
{
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (uint8_t)(0xC0 | c >> 6);
        bytes[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xE0 | c >> 12);
        bytes[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        bytes[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    bytes[0] = (uint8_t)(0xF0 | c >> 18);
    bytes[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    bytes[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    bytes[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/* The character of \uxxxx, or of two of them: the halves of a pair of surrogates. */
static bool take_unicode(struct decoder *d, struct text *text)
{
    uint8_t bytes[4];
    int32_t c = get_unit(d, 2), low;
    size_t length = 6;
    if (c < 0)
        return false;
    if (c >= 0xD800 && c <= 0xDFFF) {
        bool pair = c < 0xDC00 && peek(d, 6) == '\\' && peek(d, 7) == 'u';
        if (!pair && c < 0xDC00 && (peek(d, 6) < 0 || (peek(d, 6) == '\\' && peek(d, 7) < 0)))
            return truncated(d);
        if (!pair)
            return decode_fail(d, PT_FAULT_UTF8, d->at);
        if ((low = get_unit(d, 8)) < 0)
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return decode_fail(d, PT_FAULT_UTF8, d->at);
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        length = 12;
    }
    if (!text_add(d, text, bytes, to_utf8(bytes, (uint32_t)c)))
        return false;
    d->at += length;
    return true;
}

static bool take_escape(struct decoder *d, struct text *text)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(d, 1);
    if (c < 0)
        return truncated(d);
    if (c == 'u')
        return take_unicode(d, text);
    const char *letter = c == 0 ? NULL : strchr(letters, c);
    if (letter == NULL)
        return decode_fail(d, PT_FAULT_SYNTAX, d->at + 1);
    if (!text_add(d, text, (const uint8_t *)&meanings[letter - letters], 1))
        return false;
    d->at += 2;
    return true;
}

static inline bool is_plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* The rest of a string, behind its first quote, with the last one. */
static bool get_rest_of_text(struct decoder *d, struct text *text)
{
    for (;;) {
        const uint8_t *p = d->at;
        while (p < d->end && is_plain(*p))
            p++;
        size_t n = (size_t)(p - d->at);
        if (p < d->end && *p == '"' && !pti_text_reserve(d, text, n))
            return false;
        if (n > 0 && !pti_text_take(d, text, n, p == d->end))
            return false;
        if (n > 0 && d->at < p) { /* a character that is cut, at the window's end */
            if (!has(d, (size_t)(d->end - d->at) + 1))
                return truncated(d);
            continue;
        }
        int c = peek(d, 0);
        if (c < 0) {
            return truncated(d);
        } else if (c == '"') {
            d->at++;
            return true;
        } else if (c == '\\') {
            if (!take_escape(d, text))
                return false;
        } else if (c < 0x20) {
            return decode_fail(d, PT_FAULT_SYNTAX, d->at);
        }
    }
}

static bool get_text(struct decoder *d, struct text *text)
{
    if (peek(d, 0) != '"')
        return wrong_type(d);
    d->at++;
    return get_rest_of_text(d, text);
}

static bool get_bytes(struct decoder *d, struct text *text)
{
    uint64_t offset = offset_of(d, d->at);
    return get_text(d, text) && (pti_base64_decode(text) || fail_at(&d->failure, PT_FAULT_BASE64, offset));
}

/* Into memory that has room for the bytes, but not for what they are in JSON. */
static bool get_octets(struct decoder *d, struct text *octets)
{
    uint64_t offset = offset_of(d, d->at);
    struct text text = {.start = offset, .mode = TEXT_OWNED};
    bool got = get_bytes(d, &text);
    if (got && text.length > octets->capacity)
        got = fail_at(&d->failure, PT_FAULT_LENGTH, offset);
    if (got && text.length > 0)
        memcpy(octets->data, text.data, text.length);
    octets->length = text.length;
    pti_give(d, text.data, text.capacity + 1);
    return got;
}

static inline bool get_key(struct decoder *d, const char **key, size_t *length)
{
    struct text text = {.data = (uint8_t *)d->key, .capacity = sizeof d->key, .mode = TEXT_DROPPED};
    int c = peek(d, 0);
    if (c != '"')
        return c < 0 ? truncated(d) : decode_fail(d, PT_FAULT_SYNTAX, d->at);
    const uint8_t *p = ++d->at;
    while (p < d->end && is_plain(*p) && *p < 0x80)
        p++;
    if (p < d->end && *p == '"' && p - d->at <= PT_SCHEMA_NAME_MOST) {
        *key = (const char *)d->at;
        *length = (size_t)(p - d->at);
        d->at = p + 1;
        return true;
    }
    if (!get_rest_of_text(d, &text))
        return false;
    *key = d->key;
    *length = text.length;
    return true;
}

static inline bool end_key(struct decoder *d)
{
    return take_char(d, ':');
}

/* ---- Arrays and maps ---- */

static inline bool open_items(struct decoder *d, struct items *items, char opening, char closing)
{
    if (peek(d, 0) != opening)
        return wrong_type(d);
    d->at++;
    items->left = 0;
    items->first = true;
    items->closing = closing;
    return true;
}

static bool open_map(struct decoder *d, struct items *items)
{
    return open_items(d, items, '{', '}');
}

static bool open_array(struct decoder *d, struct items *items)
{
    return open_items(d, items, '[', ']');
}

static inline bool items_known(const struct items *items)
{
    (void)items;
    return false;
}

static inline enum step next_item(struct decoder *d, struct items *items)
{
    int c = skip_space(d);
    if (c == items->closing) {
        d->at++;
        return END;
    }
    if (items->first) {
        items->first = false;
        if (c < 0)
            truncated(d);
        return c < 0 ? FAILED : ITEM;
    }
    return take_char(d, ',') ? ITEM : FAILED;
}

/* ---- What is not wanted ---- */

static bool skip(struct decoder *d);

static bool skip_items(struct decoder *d, bool map)
{
    struct items items = {.left = 0};
    struct text nothing = {.mode = TEXT_DROPPED};
    enum step step;
    if (d->depth == 0)
        return decode_fail(d, PT_FAULT_DEPTH, d->at);
    d->depth--;
    if (!(map ? open_map(d, &items) : open_array(d, &items)))
        return false;
    while ((step = next_item(d, &items)) == ITEM) {
        if ((map && !(get_text(d, &nothing) && end_key(d))) || !skip(d))
            return false;
    }
    d->depth++;
    return step == END;
}

static bool skip(struct decoder *d)
{
    struct text nothing = {.mode = TEXT_DROPPED};
    size_t length;
    bool value, plain;
    switch (peek(d, 0)) {
    case '{': return skip_items(d, true);
    case '[': return skip_items(d, false);
    case '"': return get_text(d, &nothing);
    case 't':
    case 'f': return get_bool(d, &value);
    case 'n': return take_literal(d, "null", 4);
    default: break;
    }
    if (!scan_number(d, &length, &plain))
        return false;
    d->at += length;
    return true;
}

static bool more_comes(struct decoder *d)
{
    return skip_space(d) >= 0;
}

#include "decode.h"

pt_status pt_json_decode(pt_input *input, const pt_schema *schema, void *value, const pt_decode_options *options,
                         pt_message_error *error)
{
    struct decoder d;
    bool decoded = pti_decode_begin(&d, input, schema, value, options) && decode_message(&d, schema, value);
    return pti_decode_end(&d, decoded, schema, value, error);
}
