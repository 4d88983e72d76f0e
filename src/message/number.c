/* number.c: floats as decimals and back, exactly, whatever the locale. Most numbers have at most 15 digits and a small exponent,
   for which floating point itself gives the right answer (Clinger, "How to read floating point numbers accurately", PLDI
   1990); for the others there are large integers: Steele and White's way of printing, in Dragon4's form ("How to print
   floating-point numbers accurately", PLDI 1990), and long division for reading. */
#include <float.h>
#include <math.h>

#include "message.h"

/* Nothing here calls the mathematical library, so that programs need not link it. */

enum { DOUBLE_BITS = 53, DOUBLE_LEAST = -1074, SINGLE_BITS = 24, SINGLE_LEAST = -149 };
enum { EXACT_TENS = 22, EXACT_DIGITS = 15 };

static const double tens[EXACT_TENS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---- Large integers ---- */

/* Enough for 770 digits, or 10^1130, and 64 bits to spare. */
enum { LIMBS = 128 };
struct large {
    uint32_t limb[LIMBS]; /* least first */
    int count;            /* none of them a leading zero */
};

static void set(struct large *a, uint64_t value)
{
    a->count = 0;
    for (; value > 0; value >>= 32)
        a->limb[a->count++] = (uint32_t)value;
}

static void multiply_add(struct large *a, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0)
        a->limb[a->count++] = (uint32_t)carry;
}

static void multiply_by_ten_to(struct large *a, int exponent)
{
    for (; exponent >= 9; exponent -= 9)
        multiply_add(a, 1000000000, 0);
    for (; exponent > 0; exponent--)
        multiply_add(a, 10, 0);
}

static void shift_left(struct large *a, int bits)
{
    int limbs = bits / 32;
    bits %= 32;
    if (a->count == 0)
        return;
    if (bits > 0)
        multiply_add(a, 1u << bits, 0);
    memmove(a->limb + limbs, a->limb, (size_t)a->count * sizeof a->limb[0]);
    memset(a->limb, 0, (size_t)limbs * sizeof a->limb[0]);
    a->count += limbs;
}

static int compare(const struct large *a, const struct large *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

static void copy(struct large *to, const struct large *from)
{
    to->count = from->count;
    memcpy(to->limb, from->limb, (size_t)from->count * sizeof from->limb[0]);
}

/* a + b with c. */
static int compare_sum(const struct large *a, const struct large *b, const struct large *c)
{
    struct large sum;
    uint64_t carry = 0;
    int most = a->count > b->count ? a->count : b->count;
    for (sum.count = 0; sum.count < most; sum.count++) {
        int i = sum.count;
        carry += (uint64_t)(i < a->count ? a->limb[i] : 0) + (i < b->count ? b->limb[i] : 0);
        sum.limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0)
        sum.limb[sum.count++] = (uint32_t)carry;
    return compare(&sum, c);
}

/* a -= times * b, which is at most a. */
static void subtract(struct large *a, const struct large *b, uint32_t times)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->count && (i < b->count || borrow > 0); i++) {
        borrow += (uint64_t)(i < b->count ? b->limb[i] : 0) * times;
        uint32_t low = (uint32_t)borrow;
        borrow = (borrow >> 32) + (a->limb[i] < low);
        a->limb[i] -= low;
    }
    while (a->count > 0 && a->limb[a->count - 1] == 0)
        a->count--;
}

/* a / b, which is small; the rest stays in a. */
static uint32_t divide(struct large *a, const struct large *b)
{
    uint32_t quotient = 0;
    if (a->count < b->count)
        return 0;
    /* Too small rather than too large, and at most a few too small. */
    uint64_t top = a->limb[a->count - 1];
    if (a->count > b->count)
        top = top << 32 | a->limb[a->count - 2];
    quotient = (uint32_t)(top / ((uint64_t)b->limb[b->count - 1] + 1));
    if (quotient > 0)
        subtract(a, b, quotient);
    for (; compare(a, b) >= 0; quotient++)
        subtract(a, b, 1);
    return quotient;
}

static int bit_length(const struct large *a)
{
    return a->count == 0 ? 0 : 32 * a->count - __builtin_clz(a->limb[a->count - 1]);
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

/* value = whole * 2^exponent = r / s; what lies within down and up of it reads back as value. */
struct dragon {
    struct large r, s, up, down;
    bool even; /* then the limits themselves, too */
};

static void start_dragon(struct dragon *g, uint64_t whole, int exponent, bool lower_is_closer)
{
    int extra = lower_is_closer ? 2 : 1;
    g->even = (whole & 1) == 0;
    set(&g->r, whole);
    set(&g->s, 1);
    set(&g->up, 1);
    set(&g->down, 1);
    shift_left(&g->r, extra + (exponent > 0 ? exponent : 0));
    shift_left(&g->s, extra - (exponent < 0 ? exponent : 0));
    shift_left(&g->up, extra - 1 + (exponent > 0 ? exponent : 0));
    shift_left(&g->down, exponent > 0 ? exponent : 0);
}

static bool too_high(const struct dragon *g)
{
    int order = compare_sum(&g->r, &g->up, &g->s);
    return order > 0 || (order == 0 && g->even);
}

static bool too_low(const struct dragon *g)
{
    int order = compare(&g->r, &g->down);
    return order < 0 || (order == 0 && g->even);
}

static void next_place(struct dragon *g)
{
    multiply_add(&g->r, 10, 0);
    multiply_add(&g->up, 10, 0);
    multiply_add(&g->down, 10, 0);
}

static void generate(struct decimal *decimal, struct dragon *g)
{
    for (decimal->count = 0;;) {
        uint32_t digit = divide(&g->r, &g->s);
        bool low = too_low(g), high = too_high(g);
        if (low || high) {
            multiply_add(&g->r, 2, 0);
            int half = compare(&g->r, &g->s);
            digit += high && (!low || half > 0 || (half == 0 && (digit & 1) != 0));
            decimal->digits[decimal->count++] = (char)('0' + digit);
            return;
        }
        decimal->digits[decimal->count++] = (char)('0' + digit);
        next_place(g);
    }
}

static void format_by_dragon(struct decimal *decimal, double value, bool single)
{
    struct dragon g;
    uint64_t bits, whole;
    uint32_t few;
    float narrow = (float)value;
    int exponent, kept = single ? SINGLE_BITS : DOUBLE_BITS, least = single ? SINGLE_LEAST : DOUBLE_LEAST;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&few, &narrow, sizeof few);
    if (single)
        bits = few;
    exponent = (int)(bits >> (kept - 1)); /* the sign is 0 */
    whole = bits & (((uint64_t)1 << (kept - 1)) - 1);
    if (exponent == 0)
        exponent = 1;
    else
        whole |= (uint64_t)1 << (kept - 1);
    exponent += least - 1;
    start_dragon(&g, whole, exponent, whole == (uint64_t)1 << (kept - 1) && exponent > least);
    /* The power of ten above the first bit's value; that may be one too few, which shows. */
    double tens_in_it = (exponent + 63 - __builtin_clzll(whole)) * 0.30102999566398120 - 1e-10;
    int point = (int)tens_in_it + (tens_in_it > 0);
    if (point > 0) {
        multiply_by_ten_to(&g.s, point);
    } else {
        multiply_by_ten_to(&g.r, -point);
        multiply_by_ten_to(&g.up, -point);
        multiply_by_ten_to(&g.down, -point);
    }
    if (too_high(&g))
        point++;
    else
        next_place(&g);
    decimal->point = point;
    generate(decimal, &g);
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
        format_by_dragon(&decimal, value, single);
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    return sign + lay_out(text, &decimal);
}

/* ---- Reading ---- */

enum { DIGITS_MOST = 770 }; /* beyond those it only matters whether any is not zero */

/* A number's digits, without zeros in front: the first of them as a whole number, and where they are. */
struct reading {
    const char *first, *end; /* of the digits, with a point among them perhaps */
    uint64_t whole;          /* the first 19 digits at most */
    int digits;              /* how many there are without zeros in front; at most DIGITS_MOST + 1 are counted */
    int64_t exponent;        /* the number is all digits that are counted * 10^exponent */
};

static void read_digits(struct reading *r, const char *text, const char *end)
{
    bool fraction = false, negative = false;
    int64_t exponent = 0;
    *r = (struct reading){.first = NULL};
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        r->exponent -= fraction;
        if (r->first == NULL && *text == '0')
            continue;
        if (r->first == NULL)
            r->first = text;
        if (r->digits < 19)
            r->whole = 10 * r->whole + (uint64_t)(*text - '0');
        if (r->digits <= DIGITS_MOST)
            r->digits++;
        else
            r->exponent++; /* dropped */
    }
    r->end = text;
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
    if (FLT_EVAL_METHOD != 0 || r->digits > 19 || r->whole > (uint64_t)1 << 53 || r->exponent > EXACT_TENS ||
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

static void load_digits(struct large *a, const struct reading *r, int64_t *exponent)
{
    uint32_t group = 0, factor = 1;
    int taken = 0;
    bool rest = false;
    a->count = 0;
    for (const char *p = r->first; p < r->end; p++) {
        if (*p == '.')
            continue;
        if (taken == DIGITS_MOST) {
            rest |= *p != '0';
            continue;
        }
        taken++;
        group = 10 * group + (uint32_t)(*p - '0');
        factor *= 10;
        if (factor == 1000000000) {
            multiply_add(a, factor, group);
            factor = 1;
            group = 0;
        }
    }
    multiply_add(a, factor, group);
    *exponent = r->exponent;
    if (r->digits > DIGITS_MOST) { /* one was counted that was not taken: it stands for all the rest */
        multiply_add(a, 10, rest);
    }
}

/* The 64 bits of a / b from the first one on, and the power of two of the last; the lowest is set if something is lost. */
static uint64_t quotient(struct large *a, struct large *b, int *power)
{
    int shift = 64 + bit_length(b) - bit_length(a);
    uint64_t bits = 0;
    if (shift > 0)
        shift_left(a, shift);
    else
        shift_left(b, -shift);
    *power = -shift;
    /* a / b is beyond 2^63 and below 2^65: bit by bit, which is seldom needed. */
    struct large scaled;
    copy(&scaled, b);
    shift_left(&scaled, 64);
    bool carry = compare(a, &scaled) >= 0;
    if (carry)
        subtract(a, &scaled, 1);
    for (int i = 0; i < 64; i++) {
        multiply_add(a, 2, 0);
        bits <<= 1;
        if (compare(a, &scaled) >= 0) {
            subtract(a, &scaled, 1);
            bits |= 1;
        }
    }
    if (carry) {
        bits = (uint64_t)1 << 63 | bits >> 1 | (bits & 1);
        ++*power;
    }
    return bits | (a->count > 0);
}

/* 2^exponent, from -1022 to 1023. */
static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bits * 2^power, the first bit set, to the nearest value, to an even one if two are as near. */
static double round_bits(uint64_t bits, int power, bool single)
{
    int kept = single ? SINGLE_BITS : DOUBLE_BITS, least = single ? SINGLE_LEAST : DOUBLE_LEAST;
    int drop = 64 - kept;
    if (power + drop < least)
        drop = least - power;
    if (drop > 64)
        return 0;
    uint64_t whole = drop == 64 ? 0 : bits >> drop;
    uint64_t lost = bits << (64 - drop), half = (uint64_t)1 << 63;
    if (lost > half || (lost == half && (whole & 1) != 0))
        whole++;
    /* Now it is whole * 2^(power + drop), of at most 53 bits, or one more if it is a power of two; so both factors and the
       product are exact. */
    double value = (double)whole;
    for (power += drop; power > 0 && value < 0x1p1023; power--)
        value *= 2;
    if (power > 0)
        return (double)INFINITY;
    if (power < 0)
        value =
            value * power_of_two(power < -1000 ? -1000 : power) * power_of_two(power < -1000 ? power + 1000 : 0);
    return single && value > (double)FLT_MAX ? (double)INFINITY : value;
}

static double parse_by_large(const struct reading *r, bool single)
{
    struct large a, b;
    int64_t exponent;
    int power;
    load_digits(&a, r, &exponent);
    set(&b, 1);
    if (exponent > 0)
        multiply_by_ten_to(&a, (int)exponent);
    else
        multiply_by_ten_to(&b, (int)-exponent);
    uint64_t bits = quotient(&a, &b, &power);
    return round_bits(bits, power, single);
}

double pti_parse_double(const char *text, size_t length, bool single)
{
    struct reading r;
    double value;
    const char *end = text + length;
    bool negative = length > 0 && *text == '-';
    read_digits(&r, text + negative, end);
    if (r.digits == 0)
        value = 0;
    else if (r.digits + r.exponent > 310)
        value = (double)INFINITY;
    else if (r.digits + r.exponent < -330)
        value = 0;
    else if (!parse_by_floats(&r, &value, single))
        value = parse_by_large(&r, single);
    return negative ? -value : value;
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
    int exponent = half >> 10 & 31;
    double fraction = half & 0x3ff, value;
    if (exponent == 31)
        value = fraction == 0 ? (double)INFINITY : (double)NAN;
    else
        value = exponent == 0 ? fraction * 0x1p-24 : (fraction + 1024) * power_of_two(exponent - 25);
    return half & 0x8000 ? -value : value;
}
