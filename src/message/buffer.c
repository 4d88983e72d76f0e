/* buffer.c: bytes that grow at their end, and memory for what messages own. */
#include "message.h"

#include "memory.h"

pt_status pt_buffer_reserve(pt_buffer *buffer, size_t more)
{
    if (buffer == NULL)
        return PT_ERR_INVALID;
    if (more <= buffer->capacity - buffer->length)
        return PT_OK;
    enum { LEAST = 64 };
    const size_t most = SIZE_MAX / 2; /* so that no sum overflows */
    if (more > most - buffer->length)
        return PT_ERR_NOMEM;
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity > most)
        capacity = most;
    if (capacity < LEAST)
        capacity = LEAST;
    if (capacity < buffer->length + more)
        capacity = buffer->length + more;
    uint8_t *data = pti_allocate_raw(capacity);
    if (data == NULL)
        return PT_ERR_NOMEM;
    if (buffer->length > 0)
        memcpy(data, buffer->data, buffer->length);
    pti_free(buffer->data);
    buffer->data = data;
    buffer->capacity = capacity;
    return PT_OK;
}

pt_status pt_buffer_append(pt_buffer *buffer, const void *data, size_t length)
{
    if (buffer == NULL || (data == NULL && length > 0))
        return PT_ERR_INVALID;
    pt_status status = pt_buffer_reserve(buffer, length);
    if (status == PT_OK && length > 0) {
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
    }
    return status;
}

void pt_buffer_free(pt_buffer *buffer)
{
    if (buffer == NULL)
        return;
    pti_free(buffer->data);
    *buffer = (pt_buffer)PT_BUFFER_INIT;
}

void *pt_message_alloc(size_t size)
{
    return pti_allocate(size == 0 ? 1 : size);
}

char *pt_message_strdup(const char *string)
{
    size_t size = string == NULL ? 0 : strlen(string) + 1;
    char *copy = size == 0 ? NULL : pti_allocate_raw(size);
    return copy == NULL ? NULL : memcpy(copy, string, size);
}
