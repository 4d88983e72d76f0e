/* table.h: counts of words: a hash table that one thread fills, and that takes in others when all is counted. */
#ifndef WORDCOUNT_TABLE_H
#define WORDCOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word and how often it was seen. It lives as long as the table that holds it. */
struct word {
    uint64_t count;
    size_t length;
    char bytes[]; /* no closing zero */
};

/* All zeroes is an empty table. */
struct table {
    struct slot *slots;
    size_t capacity; /* of slots: zero or a power of two */
    size_t distinct; /* words; as many slots are in use */
    struct block *blocks;
};

/* Whether a byte belongs to a word: ASCII letters, digits, and all bytes from 0x80 up. */
bool table_is_word_byte(unsigned char byte);

/* Count the words of text, in which A to Z are made a to z. False: out of memory. */
bool table_count(struct table *table, char *text, size_t length);

/* Add all of `from` to `into` and leave `from` empty. False: out of memory; both must still be freed, and the
   counts are no good any more. */
bool table_absorb(struct table *into, struct table *from);

/* Put the words in order: the most frequent first and, where they are as frequent, by their bytes. Afterwards the
   table is good for table_nth() and table_free() alone. */
void table_sort(struct table *table);

/* A word of a sorted table; index is below table->distinct. */
const struct word *table_nth(const struct table *table, size_t index);

void table_free(struct table *table);

#endif
