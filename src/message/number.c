/* number.c: floats as decimals and back, exactly, whatever the locale. The C library does it. It is only given digits with an
   exponent to read, and of what it writes only those are taken, so it does not matter what the locale's decimal point is.
   Most numbers have at most 15 digits and a small exponent, for which floating point itself gives the right answer in a
   tenth of the time (Clinger, "How to read floating point numbers accurately", PLDI 1990). */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "message.h"

/* Nothing here calls the mathematical library, so that programs need not link it. */

enum { EXACT_TENS = 22 };

static const double tens[EXACT_TENS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---- Reading ---- */

enum { DIGITS_MOST = 770 }; /* beyond those it only matters whether any is not zero */

struct reading {
    uint64_t whole;   /* the first 19 digits at most */
    int count;        /* of digits, without zeros in front */
    int64_t exponent; /* the number is its digits * 10^exponent */
    char digits[DIGITS_MOST + 1 + 24];
};

static void read_digits(struct reading *r, const char *text, const char *end)
{
    bool fraction = false, negative = false, rest = false;
    int64_t exponent = 0;
    r->whole = 0;
    r->count = 0;
    r->exponent = 0;
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        r->exponent -= fraction;
        if (r->count == 0 && *text == '0')
            continue;
        if (r->count < 19)
            r->whole = 10 * r->whole + (uint64_t)(*text - '0');
        if (r->count < DIGITS_MOST) {
            r->digits[r->count++] = *text;
        } else {
            r->exponent++;
            rest |= *text != '0';
        }
    }
    if (rest) { /* one digit stands for all that were passed over */
        r->digits[r->count++] = '1';
        r->exponent--;
    }
    if (text < end)
        text++;
    if (text < end && (*text == '-' || *text == '+'))
        negative = *text++ == '-';
    for (; text < end; text++)
        exponent = exponent > 1000000000 ? exponent : 10 * exponent + (*text - '0');
    r->exponent += negative ? -exponent : exponent;
}

static bool parse_by_floats(const struct reading *r, double *value, bool single)
{
    if (FLT_EVAL_METHOD != 0 || r->count > 19 || r->whole > (uint64_t)1 << 53 || r->exponent > EXACT_TENS ||
        r->exponent < -EXACT_TENS)
        return false;
    *value = (double)r->whole;
    *value = r->exponent < 0 ? *value / tens[-r->exponent] : *value * tens[r->exponent];
    if (single) { /* rounded twice: wrong only where the first brought it right between two floats */
        uint64_t bits;
        memcpy(&bits, value, sizeof bits);
        return (bits & 0x1fffffff) != 0x10000000 && *value >= 0x1p-126 && *value < 0x1p127;
    }
    return true;
}

/* digits * 10^exponent; behind the digits there is room for the exponent. */
static double parse_by_library(char *digits, size_t count, int exponent, bool single)
{
    snprintf(digits + count, 24, "e%d", exponent);
    return single ? (double)strtof(digits, NULL) : strtod(digits, NULL);
}

double pti_parse_double(const char *text, size_t length, bool single)
{
    struct reading r;
    double value;
    bool negative = length > 0 && *text == '-';
    read_digits(&r, text + negative, text + length);
    if (r.count == 0 || r.count + r.exponent < -330)
        value = 0;
    else if (r.count + r.exponent > 310)
        value = (double)INFINITY;
    else if (!parse_by_floats(&r, &value, single))
        value = parse_by_library(r.digits, (size_t)r.count, (int)r.exponent, single);
    return negative ? -value : value;
}

/* ---- Writing ---- */

/* 0.d1d2d3... * 10^point */
struct decimal {
    char digits[20];
    int count, point;
};

/* With at most 15 digits there is only one decimal of so many digits that reads back as value, if any; so the fewest digits
   behind the point are found by trying. */
static bool format_by_floats(struct decimal *decimal, double value, bool single)
{
    int most = single ? 8 : EXACT_TENS;
    double limit = single ? 1e6 : 1e15;
    if (FLT_EVAL_METHOD != 0 || value < (single ? 1e-4 : 1e-5))
        return false;
    for (int k = 0; k <= most; k++) {
        double scaled = value * tens[k];
        if (!(scaled < limit))
            return false;
        uint64_t whole = (uint64_t)(scaled + 0.5);
        double back = (double)whole / tens[k];
        if (single ? (float)back != (float)value : back != value)
            continue;
        int count = 0;
        for (uint64_t rest = whole; rest > 0; rest /= 10)
            count++;
        decimal->count = decimal->point = count;
        decimal->point -= k;
        for (int i = count; i-- > 0; whole /= 10)
            decimal->digits[i] = (char)('0' + whole % 10);
        return true;
    }
    return false;
}

/* The first so many digits of value, rounded. */
static void format_digits(struct decimal *decimal, int count, double value)
{
    char text[64], *from = text, *to = text;
    snprintf(text, sizeof text, "%.*e", count - 1, value); /* 1.234e-05, whatever the point looks like */
    for (; *from != 'e'; from++) {
        if (*from >= '0' && *from <= '9')
            *to++ = *from;
    }
    decimal->point = (int)strtol(from + 1, NULL, 10) + 1;
    decimal->count = count;
    memcpy(decimal->digits, text, (size_t)count);
}

static bool reads_back(const struct decimal *decimal, double value, bool single)
{
    char text[64];
    memcpy(text, decimal->digits, (size_t)decimal->count);
    return parse_by_library(text, (size_t)decimal->count, decimal->point - decimal->count, single) == value;
}

/* The next decimal of as many digits above. */
static void step_up(struct decimal *decimal)
{
    int i = decimal->count - 1;
    for (; i > 0 && decimal->digits[i] == '9'; i--)
        decimal->digits[i] = '0';
    decimal->digits[i]++; /* never a 9: no power of two is so little below one of ten */
}

static bool is_power_of_two(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & UINT64_C(0xfffffffffffff)) == 0;
}

/* The fewest digits that will do. Up to 15 (of a float: 6) are all the same: those that are zero at the end are left out. Only
   of what is subnormal fewer may do. The nearest decimal of so many digits is the only one to try, but for powers of two:
   what reads back as one reaches twice as far above it as below, so that the next decimal may do where the nearest does not. */
static void format_by_library(struct decimal *decimal, double value, bool single)
{
    int count = single ? FLT_DIG : DBL_DIG, most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    bool lopsided = is_power_of_two(value);
    if (value < (single ? (double)FLT_MIN : DBL_MIN))
        count = 1;
    for (;; count++) {
        format_digits(decimal, count, value);
        if (count == most || reads_back(decimal, value, single))
            return;
        if (lopsided) {
            step_up(decimal);
            if (reads_back(decimal, value, single))
                return;
        }
    }
}

/* As JavaScript does it: 0.000001, 123456789012345680000, 1e-7, 1.5e+21. */
static size_t lay_out(char *text, const struct decimal *decimal)
{
    char *to = text;
    int count = decimal->count, point = decimal->point;
    if (point > 21 || point <= -6) {
        int exponent = point - 1;
        *to++ = decimal->digits[0];
        if (count > 1)
            *to++ = '.';
        for (int i = 1; i < count; i++)
            *to++ = decimal->digits[i];
        *to++ = 'e';
        *to++ = exponent < 0 ? '-' : '+';
        if (exponent < 0)
            exponent = -exponent;
        if (exponent >= 100)
            *to++ = (char)('0' + exponent / 100);
        if (exponent >= 10)
            *to++ = (char)('0' + exponent / 10 % 10);
        *to++ = (char)('0' + exponent % 10);
        return (size_t)(to - text);
    }
    if (point <= 0) {
        *to++ = '0';
        *to++ = '.';
        for (int i = point; i < 0; i++)
            *to++ = '0';
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point && i > 0)
            *to++ = '.';
        *to++ = i < count ? decimal->digits[i] : '0';
    }
    return (size_t)(to - text);
}

size_t pti_format_double(char text[PTI_NUMBER_MOST], double value, bool single)
{
    struct decimal decimal;
    size_t sign = signbit(value) != 0;
    if (sign)
        *text++ = '-';
    value = sign ? -value : value;
    if (value == 0) {
        *text = '0';
        return sign + 1;
    }
    if (!format_by_floats(&decimal, value, single))
        format_by_library(&decimal, value, single);
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    return sign + lay_out(text, &decimal);
}

/* ---- Half floats ---- */

bool pti_as_half(float value, uint16_t *half)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
    if (exponent == 0xff || (exponent >= 113 && exponent <= 142)) { /* infinite, or normal as a half, too */
        *half = (uint16_t)(sign | (exponent == 0xff ? 0x7c00 : (exponent - 112) << 10) | fraction >> 13);
        return (fraction & 0x1fff) == 0;
    }
    if (exponent >= 103 && exponent < 113) { /* subnormal as a half */
        uint32_t shift = 126 - exponent, whole = fraction | 0x800000;
        *half = (uint16_t)(sign | whole >> shift);
        return (whole & ((1u << shift) - 1)) == 0;
    }
    *half = (uint16_t)sign;
    return exponent == 0 && fraction == 0;
}

double pti_half_value(uint16_t half)
{
    uint64_t sign = half >> 15, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    uint64_t bits = sign << 63 | (exponent == 31 ? 2047 : exponent + 1008) << 52 | fraction << 42;
    double value;
    if (exponent == 0) /* zero, or subnormal */
        return (double)fraction * (sign == 0 ? 0x1p-24 : -0x1p-24);
    memcpy(&value, &bits, sizeof value);
    return value;
}
