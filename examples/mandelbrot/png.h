/* png.h: writing a picture as PNG. */
#ifndef PNG_H
#define PNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Rows from the top, a pixel as red, green, blue, and one byte more that is left out. False: it cannot be written; see errno. */
bool png_write(FILE *file, const uint8_t *pixels, uint32_t width, uint32_t height);

#endif
