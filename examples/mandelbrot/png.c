/* png.c: writing a picture as PNG: https://www.w3.org/TR/png-3/

   There is no PNG library for WASI, and the picture is a demonstration's, so its bytes are stored, not compressed: then a PNG
   is the rows, each in a block of its own, with two checksums around them. */
#include "png.h"

#include <string.h>

enum { MOST_WIDTH = 20000 }; /* what is stored at a time has at most 65535 bytes: one row */

/* A chunk is written as it comes; its checksum runs along. */
struct chunk {
    FILE *file;
    uint32_t crc;
};

static void put(struct chunk *chunk, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < count; i++) {
        chunk->crc ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            chunk->crc = chunk->crc >> 1 ^ (0xedb88320 & (0 - (chunk->crc & 1)));
    }
    fwrite(bytes, 1, count, chunk->file);
}

static void put_number(struct chunk *chunk, uint32_t number)
{
    uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    put(chunk, bytes, sizeof bytes);
}

static struct chunk begin_chunk(FILE *file, const char *type, uint32_t length)
{
    struct chunk chunk = {file, 0};
    put_number(&chunk, length);
    chunk.crc = 0xffffffff; /* from the type on */
    put(&chunk, type, 4);
    return chunk;
}

static void end_chunk(struct chunk *chunk)
{
    put_number(chunk, ~chunk->crc);
}

static uint32_t adler32(uint32_t sum, const uint8_t *bytes, size_t count)
{
    uint32_t a = sum & 0xffff, b = sum >> 16;
    for (size_t i = 0; i < count; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void write_header(FILE *file, uint32_t width, uint32_t height)
{
    static const uint8_t rest[] = {8, 2, 0, 0, 0}; /* 8 bits each of red, green, blue; the only ways there are */
    struct chunk chunk = begin_chunk(file, "IHDR", 13);
    put_number(&chunk, width);
    put_number(&chunk, height);
    put(&chunk, rest, sizeof rest);
    end_chunk(&chunk);
}

static void write_rows(FILE *file, const uint8_t *pixels, uint32_t width, uint32_t height)
{
    uint8_t row[1 + 3 * MOST_WIDTH] = {0}; /* the first byte says: as they are */
    uint32_t length = 1 + 3 * width, sum = 1;
    struct chunk chunk = begin_chunk(file, "IDAT", 2 + height * (5 + length) + 4);
    put(&chunk, "\x78\x01", 2);
    for (uint32_t y = 0; y < height; y++) {
        uint8_t block[5] = {y == height - 1, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)~length,
                            (uint8_t)(~length >> 8)};
        for (uint32_t x = 0; x < width; x++)
            memcpy(row + 1 + 3 * x, pixels + 4 * ((size_t)y * width + x), 3);
        put(&chunk, block, sizeof block);
        put(&chunk, row, length);
        sum = adler32(sum, row, length);
    }
    put_number(&chunk, sum);
    end_chunk(&chunk);
}

bool png_write(FILE *file, const uint8_t *pixels, uint32_t width, uint32_t height)
{
    fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
    write_header(file, width, height);
    write_rows(file, pixels, width, height);
    struct chunk end = begin_chunk(file, "IEND", 0);
    end_chunk(&end);
    return fflush(file) == 0 && !ferror(file);
}
