/* cbor_encode.c: CBOR (RFC 8949) out of a value: what encode.h wants of the format. */
#include <math.h>

#include "message.h"

/* Major types, and the ends of a head. */
enum { UNSIGNED = 0x00, NEGATIVE = 0x20, BYTES = 0x40, TEXT = 0x60, ARRAY = 0x80, MAP = 0xa0 };
enum { FALSE = 0xf4, TRUE = 0xf5, NULL_VALUE = 0xf6, HALF = 0xf9, SINGLE = 0xfa, DOUBLE = 0xfb };

/* Big-endian, the first byte before it. At e->at is room. */
static inline void put_with(struct encoder *e, uint8_t first, uint64_t value, size_t size)
{
    e->at[0] = first;
    uint64_t swapped = value << (64 - 8 * size);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    swapped = __builtin_bswap64(swapped);
#endif
    memcpy(e->at + 1, &swapped,
           sizeof swapped); /* all 8: there is room for 9, and what is too much is written over */
    e->at += 1 + size;
}

static inline bool put_head(struct encoder *e, uint8_t major, uint64_t argument)
{
    if (!room(e, 9))
        return false;
    if (argument < 24)
        *e->at++ = (uint8_t)(major | argument);
    else if (argument <= UINT8_MAX)
        put_with(e, major | 24, argument, 1);
    else if (argument <= UINT16_MAX)
        put_with(e, major | 25, argument, 2);
    else if (argument <= UINT32_MAX)
        put_with(e, major | 26, argument, 4);
    else
        put_with(e, major | 27, argument, 8);
    return true;
}

static inline bool put_byte(struct encoder *e, uint8_t byte)
{
    if (!room(e, 1))
        return false;
    *e->at++ = byte;
    return true;
}

static inline bool put_null(struct encoder *e)
{
    return put_byte(e, NULL_VALUE);
}

static inline bool put_bool(struct encoder *e, bool value)
{
    return put_byte(e, value ? TRUE : FALSE);
}

static inline bool put_unsigned(struct encoder *e, uint64_t value)
{
    return put_head(e, UNSIGNED, value);
}

static inline bool put_signed(struct encoder *e, int64_t value)
{
    uint64_t sign = (uint64_t)(value >> 63);
    return put_head(e, (uint8_t)(NEGATIVE & sign), (uint64_t)value ^ sign); /* -1 - value, if it is negative */
}

static bool put_shortest_float(struct encoder *e, double value)
{
    uint16_t half;
    uint32_t bits;
    float single = (float)value;
    if (isnan(value)) {
        put_with(e, HALF, 0x7e00, 2);
    } else if ((double)single != value) {
        return false;
    } else if (pti_as_half(single, &half)) {
        put_with(e, HALF, half, 2);
    } else {
        memcpy(&bits, &single, sizeof bits);
        put_with(e, SINGLE, bits, 4);
    }
    return true;
}

static inline bool put_float(struct encoder *e, double value, bool is_single)
{
    float single = (float)value;
    uint32_t bits;
    uint64_t all;
    if (!room(e, 9))
        return false;
    if (e->deterministic && put_shortest_float(e, value))
        return true;
    if (is_single) {
        memcpy(&bits, &single, sizeof bits);
        put_with(e, SINGLE, bits, 4);
    } else {
        memcpy(&all, &value, sizeof all);
        put_with(e, DOUBLE, all, 8);
    }
    return true;
}

static inline bool put_text(struct encoder *e, const uint8_t *text, size_t length)
{
    return put_head(e, TEXT, length) && write_bytes(e, text, length);
}

static bool put_bytes(struct encoder *e, const uint8_t *bytes, size_t length)
{
    return put_head(e, BYTES, length) && write_bytes(e, bytes, length);
}

static inline bool put_key(struct encoder *e, const char *key, size_t length, size_t index)
{
    (void)index;
    return put_text(e, (const uint8_t *)key, length);
}

static inline bool begin_element(struct encoder *e, size_t index)
{
    (void)e;
    (void)index;
    return true;
}

static inline bool open_map(struct encoder *e, size_t count)
{
    return put_head(e, MAP, count);
}

static inline bool open_array(struct encoder *e, size_t count)
{
    return put_head(e, ARRAY, count);
}

static inline bool close_map(struct encoder *e, size_t count)
{
    (void)e;
    (void)count;
    return true;
}

#define close_array close_map

#include "encode.h"

pt_status pt_cbor_encode(pt_output *output, const pt_schema *schema, const void *value,
                         const pt_encode_options *options, pt_message_error *error)
{
    struct encoder e;
    bool encoded = pti_encode_begin(&e, output, schema, value, options) && encode_struct(&e, schema, value);
    return pti_encode_end(&e, encoded, error);
}
