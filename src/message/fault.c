/* fault.c: what failed, and where. */
#include "message.h"

#include <stdio.h>

const char *pt_fault_text(pt_fault fault)
{
    switch (fault) {
    case PT_FAULT_NONE: return "nothing wrong";
    case PT_FAULT_TRUNCATED: return "the input ends too early";
    case PT_FAULT_SYNTAX: return "not well-formed";
    case PT_FAULT_TYPE: return "wrong type";
    case PT_FAULT_RANGE: return "number out of range";
    case PT_FAULT_LENGTH: return "wrong length";
    case PT_FAULT_UNKNOWN: return "unknown key";
    case PT_FAULT_DUPLICATE: return "duplicate key";
    case PT_FAULT_MISSING: return "missing field";
    case PT_FAULT_NAME: return "unknown name or value of an enum";
    case PT_FAULT_UTF8: return "text is not UTF-8";
    case PT_FAULT_ZERO: return "zero byte in a string";
    case PT_FAULT_BASE64: return "bytes are not base64";
    case PT_FAULT_NOT_FINITE: return "not a finite number";
    case PT_FAULT_ORDER: return "not deterministic";
    case PT_FAULT_TRAILING: return "more after the end";
    case PT_FAULT_END: return "no more messages";
    case PT_FAULT_DEPTH: return "nested too deeply";
    case PT_FAULT_LIMIT: return "more than the limit allows";
    case PT_FAULT_MEMORY: return "out of memory";
    case PT_FAULT_ROOM: return "not enough room for the output";
    case PT_FAULT_STREAM: return "source or sink failed";
    case PT_FAULT_ARGUMENT: return "invalid argument";
    }
    return "unknown fault";
}

void pti_note_failure(struct failure *failure, pt_fault fault, uint64_t offset)
{
    if (failure->fault == PT_FAULT_NONE) {
        failure->fault = fault;
        failure->offset = offset;
        failure->from = PT_MESSAGE_PATH_SIZE - 1;
        failure->path[failure->from] = 0;
    }
}

/* Put text before the path, or "..." where there is no room for more. */
static void prepend(struct failure *failure, const char *text, size_t length)
{
    enum { DOTS = 3 };
    if (failure->from == 0) /* it is full: the dots are there */
        return;
    if (length + DOTS + 1 > failure->from) { /* "$" too must find room */
        failure->from -= DOTS;
        memcpy(failure->path + failure->from, "...", DOTS);
        memmove(failure->path, failure->path + failure->from, PT_MESSAGE_PATH_SIZE - failure->from);
        failure->from = 0;
        return;
    }
    failure->from -= (uint32_t)length;
    memcpy(failure->path + failure->from, text, length);
}

static bool plain(const char *key, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = key[i];
        if (!(c == '_' || (c >= '0' && c <= '9' && i > 0) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return length > 0;
}

void pti_note_key(struct failure *failure, const char *key, size_t length)
{
    char text[PT_MESSAGE_PATH_SIZE];
    size_t n = 0;
    if (length > 64) {
        length = 64;
        while (length > 0 && (key[length] & 0xC0) == 0x80) /* not within a character */
            length--;
    }
    bool is_plain = plain(key, length);
    if (is_plain) {
        text[n++] = '.';
    } else {
        text[n++] = '[';
        text[n++] = '"';
    }
    for (size_t i = 0; i < length; i++)
        text[n++] = (unsigned char)key[i] < 0x20 || key[i] == 0x7f ? '?' : key[i];
    if (!is_plain) {
        text[n++] = '"';
        text[n++] = ']';
    }
    prepend(failure, text, n);
}

void pti_note_element(struct failure *failure, size_t index)
{
    char text[32];
    int n = snprintf(text, sizeof text, "[%llu]", (unsigned long long)index);
    prepend(failure, text, (size_t)n);
}

static pt_status status_of(const struct failure *failure, bool decoding)
{
    switch (failure->fault) {
    case PT_FAULT_NONE: return PT_OK;
    case PT_FAULT_DEPTH:
    case PT_FAULT_LIMIT:
    case PT_FAULT_ROOM: return PT_ERR_OVERFLOW;
    case PT_FAULT_MEMORY: return PT_ERR_NOMEM;
    case PT_FAULT_STREAM: return failure->status;
    case PT_FAULT_ARGUMENT: return PT_ERR_INVALID;
    default: return decoding ? PT_ERR_MALFORMED : PT_ERR_INVALID;
    }
}

pt_status pti_report(struct failure *failure, bool decoding, pt_message_error *error)
{
    if (failure->fault != PT_FAULT_NONE && error != NULL) {
        if (failure->from > 0)
            failure->path[--failure->from] = '$';
        error->fault = failure->fault;
        error->offset = failure->offset;
        memcpy(error->path, failure->path + failure->from, PT_MESSAGE_PATH_SIZE - failure->from);
    }
    return status_of(failure, decoding);
}
