/* random.h: random values of everything.h, and whether two of them are the same. */
#ifndef EVERYTHING_RANDOM_H
#define EVERYTHING_RANDOM_H

#include <math.h>
#include <stdio.h>

#include "everything.h"
#include "support.h"

static uint64_t random64(uint64_t *stream)
{
    uint64_t high = test_random(stream), bits = high << 32 | test_random(stream);
    return bits >> test_random(stream) % 64; /* small ones, too */
}

/* Finite; any bits at all, or a short decimal. */
static double random_double(uint64_t *stream)
{
    double value;
    uint64_t bits = (uint64_t)test_random(stream) << 32 | test_random(stream);
    if (test_random(stream) % 2)
        return (double)((int)(test_random(stream) % 2000000) - 1000000) / 1000;
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? value : 0.1;
}

static float random_float(uint64_t *stream)
{
    float value;
    uint32_t bits = test_random(stream);
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? value : 0.1f;
}

/* UTF-8 of all lengths, quotes and control characters, at most `most` bytes; size: with its zero. */
static size_t random_text(uint64_t *stream, char *text, size_t most)
{
    static const char *const parts[] = {
        "a", "bc", "\"", "\\", "/", "\n", "\1", "é", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "plain", "~"};
    size_t length = 0;
    for (uint32_t n = test_random(stream) % 12; n > 0; n--) {
        const char *part = parts[test_random(stream) % (sizeof parts / sizeof parts[0])];
        if (length + strlen(part) > most)
            break;
        memcpy(text + length, part, strlen(part));
        length += strlen(part);
    }
    text[length] = 0;
    return length;
}

static char *random_string(uint64_t *stream)
{
    char text[64];
    random_text(stream, text, sizeof text - 1);
    return pt_message_strdup(text);
}

/* A key of a map: the number makes it the only one. */
static char *random_key(uint64_t *stream, unsigned i)
{
    char text[80];
    size_t length = random_text(stream, text, 40);
    snprintf(text + length, sizeof text - length, "%u", i);
    return pt_message_strdup(text);
}

static pt_bytes random_bytes(uint64_t *stream, bool text)
{
    pt_bytes bytes = {NULL, test_random(stream) % 40};
    char characters[41];
    if (test_random(stream) % 8 == 0)
        return (pt_bytes){NULL, 0};
    if (text)
        bytes.length = random_text(stream, characters, 40);
    bytes.data = pt_message_alloc(bytes.length);
    for (size_t i = 0; i < bytes.length; i++)
        bytes.data[i] = text ? (uint8_t)characters[i] : (uint8_t)test_random(stream);
    if (text && bytes.length > 0 && bytes.data[0] < 0x80)
        bytes.data[0] = 0;
    return bytes;
}

static enum colour random_colour(uint64_t *stream)
{
    return (enum colour)colour_names[test_random(stream) % 3].value;
}

static struct point random_point(uint64_t *stream)
{
    return (struct point){(int32_t)random64(stream), (int32_t)random64(stream)};
}

static struct tree random_tree(uint64_t *stream, int depth)
{
    struct tree tree = {.name = random_string(stream), .child_count = depth == 0 ? 0 : test_random(stream) % 3};
    if (tree.child_count > 0)
        tree.children = pt_message_alloc(tree.child_count * sizeof tree.children[0]);
    for (uint32_t i = 0; i < tree.child_count; i++)
        tree.children[i] = random_tree(stream, depth - 1);
    return tree;
}

static void *random_array(size_t count, size_t size)
{
    return count == 0 ? NULL : pt_message_alloc(count * size);
}

static void random_vectors(uint64_t *stream, struct everything *e)
{
    e->sample_count = test_random(stream) % 20;
    e->samples = random_array(e->sample_count, sizeof e->samples[0]);
    for (size_t i = 0; i < e->sample_count; i++)
        e->samples[i] = random_double(stream);
    e->path_count = (uint16_t)(test_random(stream) % 5);
    e->path = random_array(e->path_count, sizeof e->path[0]);
    for (size_t i = 0; i < e->path_count; i++)
        e->path[i] = random_point(stream);
    e->word_count = test_random(stream) % 5;
    e->words = random_array(e->word_count, sizeof e->words[0]);
    for (size_t i = 0; i < e->word_count; i++)
        e->words[i] = test_random(stream) % 4 == 0 ? NULL : random_string(stream);
    e->row_count = test_random(stream) % 4;
    e->rows = random_array((size_t)e->row_count, sizeof e->rows[0]);
    for (size_t i = 0; i < e->row_count; i++) {
        struct row *row = &e->rows[i];
        row->cell_count = (uint8_t)(test_random(stream) % 30);
        row->cells = random_array(row->cell_count, sizeof row->cells[0]);
        for (size_t j = 0; j < row->cell_count; j++)
            row->cells[j] = (int16_t)random64(stream);
    }
}

static void random_maps(uint64_t *stream, struct everything *e)
{
    e->weight_count = test_random(stream) % 6;
    e->weights = random_array(e->weight_count, sizeof e->weights[0]);
    for (unsigned i = 0; i < e->weight_count; i++)
        e->weights[i] = (struct weight){random_key(stream, i), random_double(stream)};
    e->place_count = test_random(stream) % 3;
    e->places = random_array(e->place_count, sizeof e->places[0]);
    for (unsigned i = 0; i < e->place_count; i++)
        e->places[i] = (struct place){random_key(stream, i), random_point(stream)};
    for (uint32_t n = test_random(stream) % 6; n > 0; n--) {
        struct node *node = pt_message_alloc(sizeof *node);
        *node = (struct node){(int64_t)random64(stream), e->list};
        e->list = node;
    }
}

static void random_everything(uint64_t *stream, struct everything *e)
{
    memset(e, 0, sizeof *e);
    e->i8 = (int8_t)random64(stream);
    e->i16 = (int16_t)random64(stream);
    e->i32 = (int32_t)random64(stream);
    e->i64 = (int64_t)random64(stream);
    e->u8 = (uint8_t)random64(stream);
    e->u16 = (uint16_t)random64(stream);
    e->u32 = (uint32_t)random64(stream);
    e->u64 = random64(stream);
    e->single = random_float(stream);
    e->number = random_double(stream);
    e->flag = test_random(stream) % 2;
    e->string = test_random(stream) % 8 == 0 ? NULL : random_string(stream);
    random_text(stream, e->chars, sizeof e->chars - 1);
    e->utf8 = random_bytes(stream, true);
    e->bytes = random_bytes(stream, false);
    for (size_t i = 0; i < sizeof e->octets; i++)
        e->octets[i] = (uint8_t)test_random(stream);
    e->colour = random_colour(stream);
    e->point = random_point(stream);
    if ((e->has_maybe = test_random(stream) % 2))
        e->maybe = random_double(stream);
    if ((e->has_corner = test_random(stream) % 2))
        e->corner = random_point(stream);
    for (size_t i = 0; i < 3; i++)
        e->triple[i] = (uint16_t)random64(stream);
    e->palette_count = (uint8_t)(test_random(stream) % 5);
    for (size_t i = 0; i < e->palette_count; i++)
        e->palette[i] = random_colour(stream);
    random_vectors(stream, e);
    random_maps(stream, e);
    e->tree = random_tree(stream, 3);
    e->omitted = test_random(stream) % 2;
    e->note = test_random(stream) % 2 ? NULL : random_string(stream);
}

/* ---- Comparison: each function says whether they are the same ---- */

static bool same_string(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_memory(const void *a, const void *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

static bool same_bytes(const pt_bytes *a, const pt_bytes *b)
{
    return (a->data == NULL) == (b->data == NULL) && a->length == b->length &&
           same_memory(a->data, b->data, a->length);
}

static bool same_tree(const struct tree *a, const struct tree *b)
{
    bool same = same_string(a->name, b->name) && a->child_count == b->child_count;
    for (uint32_t i = 0; same && i < a->child_count; i++)
        same = same_tree(&a->children[i], &b->children[i]);
    return same;
}

static bool same_list(const struct node *a, const struct node *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (a->value != b->value)
            return false;
    }
    return a == b;
}

static const char *find_weight(const struct everything *e, const char *key, double value)
{
    for (size_t i = 0; i < e->weight_count; i++) {
        if (strcmp(e->weights[i].key, key) == 0)
            return memcmp(&e->weights[i].value, &value, sizeof value) == 0 ? key : NULL;
    }
    return NULL;
}

/* Maps in whatever order. */
static bool same_maps(const struct everything *a, const struct everything *b)
{
    bool same =
        a->weight_count == b->weight_count && a->place_count == b->place_count && same_list(a->list, b->list);
    for (size_t i = 0; same && i < a->weight_count; i++)
        same = find_weight(b, a->weights[i].key, a->weights[i].value) != NULL;
    for (size_t i = 0; same && i < a->place_count; i++) {
        size_t j = 0;
        while (j < b->place_count && strcmp(a->places[i].key, b->places[j].key) != 0)
            j++;
        same = j < b->place_count && same_memory(&a->places[i].value, &b->places[j].value, sizeof(struct point));
    }
    return same;
}

static bool same_vectors(const struct everything *a, const struct everything *b)
{
    bool same = a->sample_count == b->sample_count && a->path_count == b->path_count &&
                a->word_count == b->word_count && a->row_count == b->row_count &&
                a->palette_count == b->palette_count &&
                same_memory(a->palette, b->palette, a->palette_count * sizeof a->palette[0]) &&
                same_memory(a->samples, b->samples, a->sample_count * sizeof a->samples[0]) &&
                same_memory(a->path, b->path, a->path_count * sizeof a->path[0]);
    for (size_t i = 0; same && i < a->word_count; i++)
        same = same_string(a->words[i], b->words[i]);
    for (size_t i = 0; same && i < a->row_count; i++)
        same = a->rows[i].cell_count == b->rows[i].cell_count &&
               same_memory(a->rows[i].cells, b->rows[i].cells, a->rows[i].cell_count * sizeof(int16_t));
    return same;
}

static bool same_everything(const struct everything *a, const struct everything *b)
{
    return a->i8 == b->i8 && a->i16 == b->i16 && a->i32 == b->i32 && a->i64 == b->i64 && a->u8 == b->u8 &&
           a->u16 == b->u16 && a->u32 == b->u32 && a->u64 == b->u64 &&
           same_memory(&a->single, &b->single, sizeof a->single) &&
           same_memory(&a->number, &b->number, sizeof a->number) && a->flag == b->flag &&
           same_string(a->string, b->string) && strcmp(a->chars, b->chars) == 0 && same_bytes(&a->utf8, &b->utf8) &&
           same_bytes(&a->bytes, &b->bytes) && same_memory(a->octets, b->octets, sizeof a->octets) &&
           a->colour == b->colour && same_memory(&a->point, &b->point, sizeof a->point) &&
           a->has_maybe == b->has_maybe && same_memory(&a->maybe, &b->maybe, sizeof a->maybe) &&
           a->has_corner == b->has_corner && same_memory(&a->corner, &b->corner, sizeof a->corner) &&
           same_memory(a->triple, b->triple, sizeof a->triple) && a->omitted == b->omitted &&
           same_string(a->note, b->note) && same_tree(&a->tree, &b->tree) && same_vectors(a, b) && same_maps(a, b);
}

#endif
