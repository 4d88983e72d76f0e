/* json_encode.c: JSON (RFC 8259) out of a value: what encode.h wants of the format. */
#include <math.h>

#include "message.h"

static bool put_literal(struct encoder *e, const char *text, size_t length)
{
    return write_bytes(e, text, length);
}

static inline bool put_char(struct encoder *e, char c)
{
    if (!room(e, 1))
        return false;
    *e->at++ = (uint8_t)c;
    return true;
}

static bool put_null(struct encoder *e)
{
    return put_literal(e, "null", 4);
}

static bool put_bool(struct encoder *e, bool value)
{
    return value ? put_literal(e, "true", 4) : put_literal(e, "false", 5);
}

static bool put_digits(struct encoder *e, uint64_t value, bool negative)
{
    char text[21];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (negative)
        text[--at] = '-';
    return write_bytes(e, text + at, sizeof text - at);
}

static bool put_unsigned(struct encoder *e, uint64_t value)
{
    return put_digits(e, value, false);
}

static bool put_signed(struct encoder *e, int64_t value)
{
    return put_digits(e, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static bool put_float(struct encoder *e, double value, bool single)
{
    if (!isfinite(value))
        return e->not_finite_is_null ? put_null(e) : encode_fail(e, PT_FAULT_NOT_FINITE);
    if (!room(e, PTI_NUMBER_MOST))
        return false;
    e->at += pti_format_double((char *)e->at, value, single);
    return true;
}

/* What a character becomes: 0: itself; 'u': \u00xx; else a backslash and this. */
static char escape(uint8_t c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < 0x20 ? 'u' : 0;
    }
}

static bool put_escape(struct encoder *e, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    char kind = escape(c);
    if (!room(e, 6))
        return false;
    *e->at++ = '\\';
    *e->at++ = (uint8_t)kind;
    if (kind == 'u') {
        *e->at++ = '0';
        *e->at++ = '0';
        *e->at++ = (uint8_t)digits[c >> 4];
        *e->at++ = (uint8_t)digits[c & 15];
    }
    return true;
}

static bool put_text(struct encoder *e, const uint8_t *text, size_t length)
{
    if (!put_char(e, '"'))
        return false;
    for (size_t from = 0, to = 0; from < length; from = to) {
        while (to < length && text[to] >= 0x20 && text[to] != '"' && text[to] != '\\')
            to++;
        if (!write_bytes(e, text + from, to - from))
            return false;
        if (to < length && !put_escape(e, text[to++]))
            return false;
    }
    return put_char(e, '"');
}

/* Base64url without padding, as RFC 8949, 6.1 has it. */
static bool put_bytes(struct encoder *e, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (!put_char(e, '"'))
        return false;
    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t bits =
            (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0u);
        if (!room(e, 4))
            return false;
        for (size_t digit = 0; digit <= n; digit++)
            *e->at++ = (uint8_t)digits[bits >> (18 - 6 * digit) & 63];
    }
    return put_char(e, '"');
}

static bool new_line(struct encoder *e)
{
    if (e->indent == 0)
        return true;
    if (!put_char(e, '\n'))
        return false;
    for (uint32_t spaces = e->levels * e->indent; spaces > 0; spaces--) {
        if (!put_char(e, ' '))
            return false;
    }
    return true;
}

static bool begin_element(struct encoder *e, size_t index)
{
    return (index == 0 || put_char(e, ',')) && new_line(e);
}

static bool put_key(struct encoder *e, const char *key, size_t length, size_t index)
{
    return begin_element(e, index) && put_text(e, (const uint8_t *)key, length) && put_char(e, ':') &&
           (e->indent == 0 || put_char(e, ' '));
}

static bool open_map(struct encoder *e, size_t count)
{
    (void)count;
    return put_char(e, '{');
}

static bool open_array(struct encoder *e, size_t count)
{
    (void)count;
    return put_char(e, '[');
}

static bool close_map(struct encoder *e, size_t count)
{
    return (count == 0 || new_line(e)) && put_char(e, '}');
}

static bool close_array(struct encoder *e, size_t count)
{
    return (count == 0 || new_line(e)) && put_char(e, ']');
}

#include "encode.h"

pt_status pt_json_encode(pt_output *output, const pt_schema *schema, const void *value,
                         const pt_encode_options *options, pt_message_error *error)
{
    struct encoder e;
    bool encoded = pti_encode_begin(&e, output, schema, value, options) && encode_struct(&e, schema, value);
    return pti_encode_end(&e, encoded, error);
}
