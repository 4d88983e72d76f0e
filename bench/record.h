/* record.h: the struct of 20 fields that messages are measured with, and what is in it. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct record {
    int32_t id;
    int64_t created;
    uint32_t flags;
    uint64_t sequence;
    uint16_t port;
    uint8_t level;
    int16_t offset;
    int8_t zone;
    float ratio;
    double latitude, longitude, altitude;
    bool active, verified;
    char name[32], email[48], city[24], country[4];
    uint32_t kind;
    int64_t parent;
};

/* clang-format off */
#define RECORD_VALUE {-123456, 1732350000123, 0x80ff, 9007199254740993, 8080, 7, -300, -5, 0.75f, 52.520008, 13.404954, 34.5, \
                      true, false, "Ada Lovelace", "ada.lovelace@example.org", "Berlin", "DEU", 3, 77}
/* clang-format on */

enum { RECORD_BYTES = 512 }; /* enough for its message in any format */

#endif
