/* table.c: counts of words. Open addressing with linear probing; each slot keeps its word's hash, so that a probe
   seldom has to look at the word itself. Words are laid one behind the other in large blocks: twenty million of
   them, as random bytes have, must fit in a WebAssembly memory. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)4096)
#define BLOCK_SIZE ((size_t)256 * 1024)

struct slot {
    struct word *word; /* NULL: free */
    uint32_t hash;     /* and, as the table is sorted, the key to sort by */
};

struct block { /* of memory for words */
    struct block *next;
    size_t used, size; /* of bytes */
    uint64_t bytes[];  /* uint64_t for the alignment of struct word */
};

/* ---- Bytes --------------------------------------------------------------------------------- */

/* What a byte is in a word; 0: it is in none. */
static unsigned char letter(unsigned char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (unsigned char)(byte - 'A' + 'a');
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80)
        return byte;
    return 0;
}

bool table_is_word_byte(unsigned char byte)
{
    return letter(byte) != 0;
}

/* FNV-1a is weak in its low bits, which choose the slot: stir them (the end of MurmurHash3). */
static uint32_t stir(uint32_t hash)
{
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* ---- Memory for words ---------------------------------------------------------------------- */

static struct block *new_block(size_t size)
{
    struct block *block = size > SIZE_MAX - sizeof *block ? NULL : malloc(sizeof *block + size);
    if (block != NULL)
        *block = (struct block){.size = size};
    return block;
}

static struct word *new_word(struct table *table, const char *bytes, size_t length)
{
    if (length > SIZE_MAX / 2)
        return NULL;
    size_t size = (offsetof(struct word, bytes) + length + 7) & ~(size_t)7;
    struct block *block = table->blocks;
    if (block == NULL || block->size - block->used < size) {
        block = new_block(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        if (block == NULL)
            return NULL;
        block->next = table->blocks;
        table->blocks = block;
    }
    struct word *word = (struct word *)((char *)block->bytes + block->used);
    block->used += size;
    word->count = 0;
    word->length = length;
    memcpy(word->bytes, bytes, length);
    return word;
}

/* ---- Slots --------------------------------------------------------------------------------- */

/* The word's slot, or the free one where it belongs. */
static struct slot *find(const struct table *table, uint32_t hash, const char *bytes, size_t length)
{
    size_t mask = table->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct slot *slot = &table->slots[i];
        if (slot->word == NULL)
            return slot;
        if (slot->hash == hash && slot->word->length == length && memcmp(slot->word->bytes, bytes, length) == 0)
            return slot;
    }
}

/* Room for so many words, with a quarter of the slots left free. */
static bool reserve(struct table *table, size_t distinct)
{
    size_t capacity = table->capacity == 0 ? FIRST_CAPACITY : table->capacity;
    while (capacity / 4 * 3 < distinct) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    if (capacity == table->capacity)
        return true;
    struct slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].word == NULL)
            continue;
        size_t at = table->slots[i].hash & (capacity - 1);
        while (slots[at].word != NULL)
            at = (at + 1) & (capacity - 1);
        slots[at] = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

static bool add(struct table *table, uint32_t hash, const char *bytes, size_t length)
{
    if (!reserve(table, table->distinct + 1))
        return false;
    struct slot *slot = find(table, hash, bytes, length);
    if (slot->word == NULL) {
        struct word *word = new_word(table, bytes, length);
        if (word == NULL)
            return false;
        *slot = (struct slot){word, hash};
        table->distinct++;
    }
    slot->word->count++;
    return true;
}

/* ---- What others call ---------------------------------------------------------------------- */

bool table_count(struct table *table, char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t begin = at;
        uint32_t hash = 2166136261u;
        for (; at < length; at++) {
            unsigned char byte = letter((unsigned char)text[at]);
            if (byte == 0)
                break;
            text[at] = (char)byte;
            hash = (hash ^ byte) * 16777619u;
        }
        if (at > begin && !add(table, stir(hash), text + begin, at - begin))
            return false;
        at++; /* the byte that ended the word */
    }
    return true;
}

/* The words stay where they are: their blocks change hands. */
static void take_blocks(struct table *into, struct table *from)
{
    struct block **end = &from->blocks;
    while (*end != NULL)
        end = &(*end)->next;
    *end = into->blocks;
    into->blocks = from->blocks;
    from->blocks = NULL;
}

bool table_absorb(struct table *into, struct table *from)
{
    take_blocks(into, from);
    /* All the room at once: words that come in the order of their hashes would fill the first slots of a table
       that is too small for all, and make each search in it a long one. */
    if (!reserve(into, into->distinct + from->distinct))
        return false;
    for (size_t i = 0; i < from->capacity; i++) {
        struct word *word = from->slots[i].word;
        if (word == NULL)
            continue;
        struct slot *slot = find(into, from->slots[i].hash, word->bytes, word->length);
        if (slot->word != NULL) {
            slot->word->count += word->count;
        } else {
            *slot = from->slots[i];
            into->distinct++;
        }
    }
    table_free(from);
    return true;
}

/* ---- Sorting -------------------------------------------------------------------------------

   Quicksort by keys of 32 bits, four bytes of the order at a time: the upper and the lower half of the count,
   turned round, then the word's bytes. Slots that are equal in one key are sorted by the next. The key lies in the
   slot, where the hash was, so that words are looked at once a key and not once a comparison. Not qsort():
   wasix-libc's traps on wasm32 with twenty million items. */

static uint32_t key_of(const struct word *word, size_t number)
{
    if (number < 2)
        return (uint32_t)(~word->count >> (number == 0 ? 32 : 0));
    uint32_t key = 0;
    for (size_t i = (number - 2) * 4; i < (number - 1) * 4; i++)
        key = key << 8 | (i < word->length ? (unsigned char)word->bytes[i] : 0u); /* no word has a zero byte */
    return key;
}

struct range { /* of slots that are equal in all keys before this one */
    struct slot *slots;
    size_t count, key;
};

static void load_keys(struct range range)
{
    for (size_t i = 0; i < range.count; i++)
        range.slots[i].hash = key_of(range.slots[i].word, range.key);
}

static uint32_t middle_of(uint32_t a, uint32_t b, uint32_t c)
{
    return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

static void swap(struct slot *a, struct slot *b)
{
    struct slot kept = *a;
    *a = *b;
    *b = kept;
}

/* Part a range in three: below, equal to and above one of its keys. */
static void part(struct range all, struct range parts[3])
{
    struct slot *slots = all.slots;
    size_t below = 0, above = all.count;
    uint32_t pivot = middle_of(slots[0].hash, slots[all.count / 2].hash, slots[all.count - 1].hash);
    for (size_t i = 0; i < above;) {
        if (slots[i].hash < pivot)
            swap(&slots[below++], &slots[i++]);
        else if (slots[i].hash > pivot)
            swap(&slots[--above], &slots[i]);
        else
            i++;
    }
    parts[0] = (struct range){slots, below, all.key};
    parts[1] = (struct range){slots + below, above - below, all.key + 1};
    parts[2] = (struct range){slots + above, all.count - above, all.key};
}

static void sort(struct range range)
{
    while (range.count > 1) {
        struct range parts[3];
        part(range, parts);
        if (parts[1].count > 1)
            load_keys(parts[1]);
        /* The largest part goes round the loop: half as many slots a level keep the stack small. */
        size_t largest = parts[0].count > parts[1].count ? 0 : 1;
        largest = parts[2].count > parts[largest].count ? 2 : largest;
        for (size_t i = 0; i < 3; i++) {
            if (i != largest)
                sort(parts[i]);
        }
        range = parts[largest];
    }
}

void table_sort(struct table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].word != NULL)
            table->slots[count++] = table->slots[i];
    }
    struct range all = {table->slots, count, 0};
    load_keys(all);
    sort(all);
}

const struct word *table_nth(const struct table *table, size_t index)
{
    return table->slots[index].word;
}

void table_free(struct table *table)
{
    while (table->blocks != NULL) {
        struct block *next = table->blocks->next;
        free(table->blocks);
        table->blocks = next;
    }
    free(table->slots);
    *table = (struct table){0};
}
