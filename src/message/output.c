/* output.c: where encoded bytes go: the caller's memory, a buffer, a function. */
#include "memory.h"
#include "message.h"

pt_output pt_to_memory(void *memory, size_t size)
{
    pt_output output = {.at = memory, .start = memory};
    output.end = memory == NULL ? NULL : output.at + size;
    return output;
}

pt_output pt_to_buffer(pt_buffer *buffer)
{
    return (pt_output){.buffer = buffer, .status = buffer == NULL ? PT_ERR_INVALID : PT_OK};
}

pt_output pt_to_sink(pt_status (*sink)(void *context, const void *data, size_t length), void *context, void *window,
                     size_t size)
{
    pt_output output = pt_to_memory(window, size);
    output.sink = sink;
    output.context = context;
    if (sink == NULL || window == NULL || size < PT_WINDOW_LEAST)
        output.status = PT_ERR_INVALID;
    return output;
}

uint64_t pt_output_length(const pt_output *output)
{
    return output->passed + (uint64_t)(output->at - output->start);
}

static uint64_t length_so_far(const struct encoder *e)
{
    return e->passed + (uint64_t)(e->at - e->start);
}

/* The present bytes are away, and others can be written over them. */
static void begin_again(struct encoder *e, uint8_t *start, uint8_t *end)
{
    e->passed = length_so_far(e);
    e->at = e->start = start;
    e->end = end;
}

static bool grow(struct encoder *e, size_t n)
{
    pt_buffer *buffer = e->output->buffer;
    size_t before = buffer->length, used = (size_t)(e->at - e->start);
    buffer->length += used; /* so that it is copied */
    pt_status status = pt_buffer_reserve(buffer, n);
    buffer->length = before;
    if (status != PT_OK)
        return encode_fail(e, PT_FAULT_MEMORY);
    e->start = buffer->data + before;
    e->at = e->start + used;
    e->end = buffer->data + buffer->capacity;
    return true;
}

static bool flush(struct encoder *e)
{
    size_t used = (size_t)(e->at - e->start);
    pt_status status = used == 0 ? PT_OK : e->output->sink(e->output->context, e->start, used);
    if (status != PT_OK) {
        encode_fail(e, PT_FAULT_STREAM);
        e->failure.status = status;
        return false;
    }
    begin_again(e, e->start, e->end);
    return true;
}

/* Where the caller's memory nears its end, bytes go through e->nowhere: into the rest of the memory while they fit, and are
   only counted from then on. */
static void spill(struct encoder *e)
{
    size_t n = (size_t)(e->at - e->start);
    if (n > (size_t)(e->rest_end - e->rest))
        e->counting = true;
    if (!e->counting && n > 0) {
        memcpy(e->rest, e->start, n);
        e->rest += n;
    }
}

static void bounce(struct encoder *e)
{
    if (e->bouncing) {
        spill(e);
    } else {
        e->bouncing = true;
        e->rest = e->at;
        e->rest_end = e->end;
    }
    begin_again(e, e->nowhere, e->nowhere + sizeof e->nowhere);
}

bool pti_make_room(struct encoder *e, size_t n)
{
    if (e->output->buffer != NULL)
        return grow(e, n);
    if (e->output->sink != NULL)
        return flush(e);
    bounce(e);
    return true;
}

/* More bytes than there is room for at e->at: then there is none in the caller's memory either, as e->nowhere is larger than what
   was left of it. */
static void count_only(struct encoder *e, size_t n)
{
    bounce(e);
    e->passed += n;
    e->counting = true;
}

bool pti_write_pieces(struct encoder *e, const uint8_t *data, size_t n)
{
    if (e->output->buffer != NULL && !grow(e, n))
        return false;
    if (e->output->buffer == NULL && e->output->sink == NULL) {
        count_only(e, n);
        return true;
    }
    while (n > 0) {
        size_t piece = (size_t)(e->end - e->at);
        if (piece == 0) {
            if (!flush(e))
                return false;
            continue;
        }
        if (piece > n)
            piece = n;
        memcpy(e->at, data, piece);
        e->at += piece;
        data += piece;
        n -= piece;
    }
    return true;
}

bool pti_encode_begin(struct encoder *e, pt_output *output, const pt_schema *schema, const void *value,
                      const pt_encode_options *options)
{
    static const pt_encode_options defaults;
    e->failure.fault = PT_FAULT_NONE;
    e->output = output;
    e->passed = output == NULL ? 0 : output->passed;
    e->at = e->start = e->end = NULL;
    e->bouncing = e->counting = false;
    if (options == NULL)
        options = &defaults;
    if (output == NULL || schema == NULL || value == NULL || output->status != PT_OK ||
        options->depth > PT_DEPTH_MOST)
        return encode_fail(e, PT_FAULT_ARGUMENT);
    e->at = output->at;
    e->end = output->end;
    e->start = output->start;
    e->depth = options->depth == 0 ? DEPTH_DEFAULT : options->depth;
    e->levels = 0;
    e->deterministic = options->deterministic;
    e->not_finite_is_null = options->not_finite_is_null;
    e->indent = options->indent;
    if (output->buffer != NULL) {
        pt_buffer *buffer = output->buffer;
        e->at = e->start = buffer->length == 0 ? buffer->data : buffer->data + buffer->length;
        e->end = buffer->capacity == 0 ? buffer->data : buffer->data + buffer->capacity;
    } else if (output->counting) {
        bounce(e);
        e->counting = true;
    }
    return true;
}

/* The message is complete: the output stands behind it. */
static bool settle(struct encoder *e)
{
    pt_output *output = e->output;
    if (output->buffer != NULL) {
        output->buffer->length += (size_t)(e->at - e->start);
        output->passed = length_so_far(e);
    } else if (output->sink != NULL) {
        if (!flush(e))
            return false;
        output->passed = e->passed;
    } else {
        if (e->bouncing)
            spill(e);
        output->at = e->bouncing ? e->rest : e->at;
        if (e->counting) {
            output->counting = true;
            output->passed = length_so_far(e);
            output->at = output->start = output->end;
            return encode_fail(e, PT_FAULT_ROOM);
        }
    }
    return true;
}

pt_status pti_encode_end(struct encoder *e, bool encoded, pt_message_error *error)
{
    encoded = encoded && settle(e);
    if (!encoded && e->output != NULL && e->output->sink != NULL)
        e->output->passed = e->passed; /* what the sink had already */
    return pti_report(&e->failure, false, error);
}

uint32_t *pti_encode_order(struct encoder *e, size_t count,
                           bool (*below)(const void *context, uint32_t i, uint32_t j), const void *context)
{
    uint32_t *order = count > UINT32_MAX / sizeof *order ? NULL : pti_allocate_raw(count * sizeof *order + 1);
    if (order == NULL) {
        encode_fail(e, PT_FAULT_MEMORY);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    pti_sort(order, count, below, context);
    return order;
}
