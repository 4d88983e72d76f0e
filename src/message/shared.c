/* shared.c: reference-counted bytes.

   block.holders   how many pt_shared values are of the bytes; 1 at first

     R   n -> n+1   whoever has a value, which is why n is not 0                                relaxed
     D   n -> n-1   whoever gives a value back; from 1: it frees the bytes                      acquire and release
     U   reads 1    whoever has a value, before it writes the bytes                             acquire

   Pairs      each D with the D that finds 1, and with a U: what the others did with the bytes happened before they are freed,
              or written. Between the two the word is only changed by R and D, which are read-modify-writes, so what the
              last of them wrote still carries what each D released.
   U is sure  Only a holder makes more holders, and the only one is who asks. A value is for one thread at a time.
   Lifetime   D is our last access, unless it found 1.
   R is relaxed: handing a value to another thread is what orders what that thread sees. */
#include <stdlib.h>
#include <string.h>

#include <pt_message.h>

#include "atomic.h"
#include "memory.h"

struct pti_shared_block {
    uint32_t holders; /* atomic */
    uint8_t *data;
    size_t length;
    /* NULL: the bytes are behind the block, or nobody's */
    void (*free_bytes)(void *data, size_t length, void *context);
    void *context;
};

/* Bytes behind the block begin where any type may. */
enum { HEAD = (sizeof(struct pti_shared_block) + 15) / 16 * 16 };

static struct pti_shared_block *new_block(size_t room)
{
    struct pti_shared_block *block = room > SIZE_MAX - HEAD ? NULL : pti_allocate_raw(HEAD + room);
    if (block != NULL)
        *block = (struct pti_shared_block){.holders = 1, .data = (uint8_t *)block + HEAD, .length = room};
    return block;
}

static void hand_out(pt_shared *out, struct pti_shared_block *block)
{
    out->data = block->data;
    out->length = block->length;
    out->block = block;
}

pt_status pt_shared_create(pt_shared *out, size_t length, uint8_t **bytes)
{
    if (out == NULL)
        return PT_ERR_INVALID;
    struct pti_shared_block *block = new_block(length);
    if (block == NULL)
        return PT_ERR_NOMEM;
    memset(block->data, 0, length);
    hand_out(out, block);
    if (bytes != NULL)
        *bytes = block->data;
    return PT_OK;
}

pt_status pt_shared_copy(pt_shared *out, const void *data, size_t length)
{
    if (out == NULL || (data == NULL && length > 0))
        return PT_ERR_INVALID;
    struct pti_shared_block *block = new_block(length);
    if (block == NULL)
        return PT_ERR_NOMEM;
    if (length > 0)
        memcpy(block->data, data, length);
    hand_out(out, block);
    return PT_OK;
}

pt_status pt_shared_adopt(pt_shared *out, void *data, size_t length,
                          void (*free_bytes)(void *data, size_t length, void *context), void *context)
{
    if (out == NULL || (data == NULL && length > 0))
        return PT_ERR_INVALID;
    struct pti_shared_block *block = new_block(0);
    if (block == NULL)
        return PT_ERR_NOMEM;
    block->data = data;
    block->length = length;
    block->free_bytes = free_bytes;
    block->context = context;
    hand_out(out, block);
    return PT_OK;
}

pt_shared pt_shared_retain(const pt_shared *shared)
{
    if (shared->block != NULL) {
        uint32_t before = add_relaxed(&shared->block->holders, 1); /* R */
        if (before >
            UINT32_MAX / 2) /* values are lost somewhere; once around, the bytes would be freed too early */
            abort();
    }
    return *shared;
}

pt_status pt_shared_slice(pt_shared *out, const pt_shared *shared, size_t from, size_t length)
{
    if (out == NULL || shared == NULL || from > shared->length || length > shared->length - from)
        return PT_ERR_INVALID;
    pt_shared part = pt_shared_retain(shared);
    if (from > 0)
        part.data += from;
    part.length = length;
    *out = part;
    return PT_OK;
}

static void free_block(struct pti_shared_block *block)
{
    if (block->free_bytes != NULL)
        block->free_bytes(block->data, block->length, block->context);
    pti_free(block);
}

void pt_shared_release(pt_shared *shared)
{
    if (shared == NULL)
        return;
    struct pti_shared_block *block = shared->block;
    *shared = (pt_shared)PT_SHARED_INIT;
    if (block != NULL && sub_acq_rel(&block->holders, 1) == 1) /* D: pairs with each other D */
        free_block(block);
}

bool pt_shared_is_unique(const pt_shared *shared)
{
    return shared->block != NULL && load_acquire(&shared->block->holders) == 1; /* U: pairs with D */
}

pt_status pt_shared_make_unique(pt_shared *shared, uint8_t **bytes)
{
    if (shared == NULL || bytes == NULL)
        return PT_ERR_INVALID;
    if (!pt_shared_is_unique(shared)) {
        pt_shared own;
        pt_status status = pt_shared_copy(&own, shared->data, shared->length);
        if (status != PT_OK)
            return status;
        pt_shared_release(shared);
        *shared = own;
    }
    *bytes = shared->block->data + (shared->data - shared->block->data);
    return PT_OK;
}

/* ---- As values of channels, which need not be aligned there ---- */

void pt_shared_destroy_value(void *value, void *arg)
{
    pt_shared shared;
    (void)arg;
    memcpy(&shared, value, sizeof shared);
    pt_shared_release(&shared);
}

bool pt_shared_copy_value(void *to, const void *from, void *arg)
{
    pt_shared shared;
    (void)arg;
    memcpy(&shared, from, sizeof shared);
    shared = pt_shared_retain(&shared);
    memcpy(to, &shared, sizeof shared);
    return true;
}

static void free_buffer(void *data, size_t length, void *context)
{
    (void)length;
    (void)context;
    pti_free(data);
}

pt_status pt_buffer_share(pt_buffer *buffer, pt_shared *out)
{
    if (buffer == NULL)
        return PT_ERR_INVALID;
    pt_status status = pt_shared_adopt(out, buffer->data, buffer->length, free_buffer, NULL);
    if (status == PT_OK)
        *buffer = (pt_buffer)PT_BUFFER_INIT;
    return status;
}
