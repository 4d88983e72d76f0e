/* utf8.c: whether bytes are UTF-8 as Unicode defines it: nothing overlong, no surrogates, nothing beyond U+10FFFF. */
#include "message.h"

/* How many bytes the character at text has, of which n are there. 0: none is; -1: it is cut short. */
static int character(const uint8_t *text, size_t n)
{
    uint8_t lead = text[0], low = 0x80, high = 0xBF;
    int length;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    /* What the second byte may be: the others are shorter in another form, surrogates, or too large. */
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n)
            return -1;
        if (text[i] < low || text[i] > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

size_t pti_utf8_valid(const uint8_t *text, size_t length, bool *cut)
{
    size_t i = 0;
    *cut = false;
    while (i < length) {
        uint64_t eight;
        while (length - i >= 8 && (memcpy(&eight, text + i, 8), (eight & UINT64_C(0x8080808080808080)) == 0))
            i += 8;
        if (i == length)
            break;
        int n = character(text + i, length - i);
        if (n <= 0) {
            *cut = n < 0;
            break;
        }
        i += (size_t)n;
    }
    return i;
}
